package oracle

// An ELF program or library as it lies in memory once the dynamic linker has
// relocated it, so that two ways to write the same relocations down (REL, RELA,
// RELR, code of the file's own) can be told to be the same.
//
// What a relocation makes of a word is told instead of the word: a number, and
// how often the base is added to it. So nothing is copied, and what holds for
// these holds at every base. Segments are told by their addresses, for who packs
// relocations may cut one in two, or put one more behind the others.

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"

	"github.com/minsize/minsize/internal/byteio"
)

// relativeTypes is R_*_RELATIVE by e_machine.
var relativeTypes = map[uint16]uint32{3: 8, 62: 8, 183: 1027, 40: 23, 243: 3, 22: 12, 21: 22, 20: 22, 258: 3}

// Tags of the dynamic section that tell where relocations are and how many;
// they may change with the form that the relocations have.
const (
	tagNull, tagPltRelSize                     = 0, 2
	tagRela, tagRelaSize, tagRel, tagRelSize   = 7, 8, 17, 18
	tagJmpRel, tagPltRel, tagRelrSize, tagRelr = 23, 20, 35, 36
	tagRelaEntry, tagRelEntry, tagRelrEntry    = 9, 19, 37
	tagRelaCount, tagRelCount                  = 0x6ffffff9, 0x6ffffffa
)

var tableTags = []uint64{tagPltRelSize, tagRela, tagRelaSize, tagRel, tagRelSize, tagJmpRel, tagPltRel, tagRelrSize, tagRelr,
	tagRelaEntry, tagRelEntry, tagRelrEntry, tagRelaCount, tagRelCount}

// word is what relative relocations make of a word.
type word struct {
	at, value uint64
	bases     uint32 // how often the base is added
	adds      bool   // to what is there, while the list is made
}

// relocation is one that needs more than the base.
type relocation struct{ at, info, addend uint64 }

// loaded is an ELF file on its way to memory.
type loaded struct {
	*elf
	dynamic map[uint64]uint64 // the last value of each tag
	own     *bound            // the file's own code that relocates
	slot    uint64            // the word that its answer goes to
	words   []word
	others  []relocation
	done    []Span // memory of tables and of relocated words
}

// Loaded is Read for an ELF program or library that was loaded and relocated:
// what relocations make is told as such, and no longer compared as bytes.
func Loaded(data []byte) (*Image, error) {
	l, err := openLoaded(data)
	if err != nil {
		return nil, err
	}
	return l.applied(nil, nil)
}

func openLoaded(data []byte) (*loaded, error) {
	f, err := openELF(data)
	if err != nil {
		return nil, err
	}
	l := &loaded{elf: f, dynamic: map[uint64]uint64{}}
	f.image.Format = "ELF"
	if err := l.readDynamic(); err != nil {
		return nil, err
	}
	l.findOwn()
	return l, nil
}

// sameLoaded compares two files of which at least one relocates itself. It keeps
// the smaller table in the old one's place: what follows it in that segment up
// to where memory goes on is nobody's any more, or is not mapped at all.
func sameLoaded(old, new *loaded) error {
	hole := old.hole()
	if other := new.hole(); other.Start != hole.Start {
		return fmt.Errorf("the relocations are at %#x, were at %#x", other.Start, hole.Start)
	} else if other.End < hole.End {
		hole = other
	}
	gone := []Span{hole}
	var headers []Span // program headers where a file without such code has them
	for _, l := range []*loaded{old, new} {
		if l.own == nil && len(l.segments) > 0 {
			headers = append(headers, l.headersAt())
		}
	}
	start := old.start()
	if len(headers) == 0 { // both have it, and the place of fewer headers is nobody's
		added := uint64(1)
		if p := old.segmentAt(old.own.code.Start); p.vaddr == old.own.code.Start && p.filesz == old.own.code.End-old.own.code.Start {
			added = 2
		}
		headers = append(headers, Span{start + old.header, start + old.header + (old.phnum-min(added, old.phnum))*old.entry})
	}
	headers = append(headers, Span{start + old.header - 8, start + old.header - 6}) // e_phnum
	a, err := old.applied(gone, headers)
	if err != nil {
		return fmt.Errorf("the old file: %w", err)
	}
	b, err := new.applied(gone, headers)
	if err != nil {
		return fmt.Errorf("the new file: %w", err)
	}
	return Compare(a, b)
}

// start is the address that the file's first byte is loaded at.
func (l *loaded) start() uint64 {
	for _, p := range l.segments {
		if p.kind == kindLoad && p.offset == 0 {
			return p.vaddr
		}
	}
	return 0
}

// headersAt is where the program headers are in memory.
func (l *loaded) headersAt() Span {
	for _, p := range l.segments {
		if p.kind == kindLoad && l.phoff >= p.offset && l.phoff-p.offset < p.filesz {
			at := p.vaddr + l.phoff - p.offset
			return Span{at, at + l.phnum*l.entry}
		}
	}
	return Span{}
}

// table is DT_RELA's.
func (l *loaded) table() Span {
	return Span{l.dynamic[tagRela], l.dynamic[tagRela] + l.dynamic[tagRelaSize]}
}

// hole is the table of relocations; where code of the file's own has taken most
// of it over, up to where memory goes on.
func (l *loaded) hole() Span {
	hole := l.table()
	home := l.segmentAt(hole.Start)
	if l.own == nil || home == nil {
		return hole
	}
	hole.End = home.vaddr + home.memsz
	for i := range l.segments {
		p := &l.segments[i]
		if p.kind == kindLoad && p.vaddr > home.vaddr && p.vaddr != l.own.code.Start {
			hole.End = p.vaddr
			break
		}
	}
	return hole
}

// memory is the part of the file that is loaded at an address.
func (l *loaded) memory(addr, n uint64, what string) ([]byte, error) {
	if p := l.segmentAt(addr); p != nil && addr-p.vaddr <= p.filesz && n <= p.filesz-(addr-p.vaddr) {
		return l.Slice(p.offset+(addr-p.vaddr), n, what)
	}
	return nil, byteio.Errorf(0, what, "%#x bytes at address %#x are not in the file", n, addr)
}

func (l *loaded) readDynamic() error {
	count := numbered{}
	for _, p := range l.segments {
		if p.kind != kindDynamic {
			continue
		}
		c := l.at0(p.offset)
		for end := p.offset + p.filesz; c.at < end; {
			tag := c.word("d_tag")
			if c.err == nil && tag == tagNull {
				break
			}
			value := c.word("d_val")
			if c.err != nil {
				return c.err
			}
			l.dynamic[tag] = value
			if !slices.Contains(tableTags, tag) {
				l.image.fact(count.name(fmt.Sprintf("dynamic entry %#x", tag)), "%#x", value)
			}
		}
		l.done = append(l.done, Span{p.vaddr, p.vaddr + (c.at - p.offset)})
	}
	for tag, size := range map[uint64]uint64{tagRelaEntry: 3 * l.wordSize(), tagRelEntry: 2 * l.wordSize(), tagRelrEntry: l.wordSize()} {
		if have, there := l.dynamic[tag]; there && have != size {
			return byteio.Errorf(0, "dynamic section", "entry %#x is %d, expected %d", tag, have, size)
		}
	}
	return nil
}

// findOwn looks for the code that the first relocation behind the counted ones
// calls.
func (l *loaded) findOwn() {
	for i := range selfCodes {
		s := &selfCodes[i]
		first := 24 * l.dynamic[tagRelaCount]
		if s.machine != l.machine || l.kind != sharedObject || !l.wide || first/24 != l.dynamic[tagRelaCount] || first >= l.dynamic[tagRelaSize] {
			continue
		}
		entry, err := l.memory(l.dynamic[tagRela]+first, 24, "relocation")
		if err != nil || l.Order.Uint64(entry[8:]) != uint64(s.iRelative) {
			continue
		}
		code := l.Order.Uint64(entry[16:])
		p := l.segmentAt(code)
		if p == nil || p.flags != readable|executable || code-p.vaddr >= p.filesz {
			continue
		}
		if b, err := l.Slice(p.offset+(code-p.vaddr), p.filesz-(code-p.vaddr), "code"); err == nil {
			if own, found := s.find(b, code); found {
				l.own, l.slot = &own, l.Order.Uint64(entry)
			}
		}
	}
}

// applied maps and relocates. Memory in gone is left out, as is the file's own
// code; memory in same is mapped but not compared.
func (l *loaded) applied(gone, same []Span) (*Image, error) {
	if l.own != nil {
		gone = append(slices.Clip(gone), l.own.code)
	}
	slices.SortFunc(gone, func(a, b Span) int { return cmp.Compare(a.Start, b.Start) })
	if err := l.mapped(gone); err != nil {
		return nil, err
	}
	if err := l.labels(true, l.dynamic[tagRela]); err != nil {
		return nil, err
	}
	if err := l.relocate(); err != nil {
		return nil, err
	}
	i := l.image
	i.words, i.relocations = l.words, l.others
	done := append(l.done, same...)
	last := Span{}
	for _, w := range l.words { // in order, most of them one behind the other
		if w.at > last.End {
			done = append(done, last)
			last.Start = w.at
		}
		last.End = w.at + l.wordSize()
	}
	done = merged(append(done, last))
	for k := range i.Regions {
		r := &i.Regions[k]
		from, _ := slices.BinarySearchFunc(done, r.Addr, func(s Span, at uint64) int { return cmp.Compare(s.End, at) })
		for _, s := range done[from:] {
			if s.Start >= r.Addr+r.Size {
				break
			}
			r.Places = append(r.Places, Span{max(s.Start, r.Addr) - r.Addr, s.End - r.Addr})
		}
	}
	return i, nil
}

// merged sorts spans and joins those that touch.
func merged(list []Span) []Span {
	slices.SortFunc(list, func(a, b Span) int { return cmp.Compare(a.Start, b.Start) })
	out := list[:0]
	for _, s := range list {
		if n := len(out); n > 0 && s.Start <= out[n-1].End {
			out[n-1].End = max(out[n-1].End, s.End)
		} else {
			out = append(out, s)
		}
	}
	return out
}

// mapped tells the segments by their addresses, but for what is gone.
func (l *loaded) mapped(gone []Span) error {
	i := l.image
	count := numbered{}
	page, before := uint64(1<<63), (*segment)(nil)
	for n := range l.segments {
		if p := &l.segments[n]; p.kind == kindLoad {
			page = min(page, max(p.align, 1))
		}
	}
	for n := range l.segments {
		p := &l.segments[n]
		switch p.kind {
		case kindNull:
		case kindPhdr:
			at := l.headersAt()
			i.fact(count.name("the program header of the program headers"), "flags %d", p.flags)
			if p.vaddr != at.Start || p.offset != l.phoff || p.filesz != at.End-at.Start || p.memsz != p.filesz {
				i.fault("PT_PHDR does not tell where the program headers are")
			}
		case kindLoad:
			data, err := l.Slice(p.offset, p.filesz, "segment")
			if err != nil {
				return err
			}
			if p.flags&writable == 0 && p.filesz != p.memsz {
				i.fault("the read-only segment at %#x has %#x bytes in the file and %#x in memory", p.vaddr, p.filesz, p.memsz)
			}
			if p.align < smallestPage || (p.vaddr-p.offset)%p.align != 0 {
				i.fault("the segment at %#x has p_offset %#x and p_align %#x", p.vaddr, p.offset, p.align)
			}
			if before != nil && p.vaddr/page <= (before.vaddr+before.memsz-1)/page {
				i.fault("two segments share a page, or are not in the order of their addresses")
			}
			if before == nil && (p.offset != 0 || l.phoff%8 != 0 || l.phoff+l.phnum*l.entry > p.filesz) {
				i.fault("the program headers are not in the first segment")
			}
			before = p
			l.pieces(p, data, gone)
		default:
			name := count.name(fmt.Sprintf("the program header of type %#x", p.kind))
			i.fact(name, "%s", p.fields("p_align", p.align))
			if p.filesz == 0 || p.kind == kindRelro || p.kind == kindMutable {
				continue
			}
			data, err := l.Slice(p.offset, p.filesz, "segment")
			if err != nil || p.filesz > p.memsz {
				i.fault("the bytes of %s are not in the file, or more than in memory", name)
			}
			if home := l.segmentAt(p.vaddr); home != nil && p.offset != home.offset+(p.vaddr-home.vaddr) {
				i.fault("%s: p_offset is not where p_vaddr is loaded from", name)
			}
			i.Regions = append(i.Regions, Region{Name: name, Addr: p.vaddr, Size: p.memsz, Data: data, Places: l.placesIn(p.offset, uint64(len(data)))})
		}
	}
	return nil
}

// pieces is a segment as one region for each part that is not gone.
func (l *loaded) pieces(p *segment, data []byte, gone []Span) {
	from, end := p.vaddr, p.vaddr+p.memsz
	add := func(to, slack uint64) {
		if to <= from {
			return
		}
		part := func(at uint64) uint64 { return min(at-p.vaddr, p.filesz) }
		r := Region{Name: fmt.Sprintf("memory at %#x", from), Addr: from, Size: to - from, Access: fmt.Sprintf("flags %d", p.flags),
			Data: data[part(from):part(to)], Align: p.align, Unfilled: p.flags&writable == 0, exact: true, slack: slack}
		r.Places = l.placesIn(p.offset+(from-p.vaddr), uint64(len(r.Data)))
		l.image.Regions = append(l.image.Regions, r)
	}
	for _, g := range gone {
		if g.End > from && g.Start < end {
			slack := uint64(0)
			if l.own != nil && g == l.own.code {
				slack = 7 // zeros before it
			}
			add(min(g.Start, end), slack)
			from = g.End
		}
	}
	if from < end {
		add(end, 0)
	}
}

// relocate makes the lists of words and of relocations that need symbols.
func (l *loaded) relocate() error {
	for _, t := range []struct {
		table, size uint64
		addends     bool
	}{
		{tagRela, tagRelaSize, true}, {tagRel, tagRelSize, false}, {tagJmpRel, tagPltRelSize, l.dynamic[tagPltRel] == tagRela},
	} {
		if n := l.dynamic[t.size]; n > 0 {
			if err := l.applyTable(t.table, n, t.addends); err != nil {
				return err
			}
		}
	}
	if n := l.dynamic[tagRelrSize]; n > 0 {
		if err := l.applyPacked(l.dynamic[tagRelr], n); err != nil {
			return err
		}
	}
	return l.settle()
}

func (l *loaded) over(addr, n uint64, what string) (*cursor, error) {
	data, err := l.memory(addr, n, what)
	l.done = append(l.done, Span{addr, addr + n})
	return &cursor{View: byteio.View{Data: data, Order: l.Order}, wide: l.wide}, err
}

func (l *loaded) applyTable(table, n uint64, addends bool) error {
	c, err := l.over(l.dynamic[table], n, "relocations")
	if err != nil {
		return err
	}
	size := 2 * l.wordSize()
	if addends {
		size += l.wordSize()
	}
	if n%size != 0 {
		return byteio.Errorf(0, "relocations", "%d bytes are no whole number of them", n)
	}
	counted := uint64(0)
	if table == tagRela {
		counted = l.dynamic[tagRelaCount]
	}
	if counted > n/size {
		return byteio.Errorf(0, "DT_RELACOUNT", "%d of %d relocations", counted, n/size)
	}
	l.words = slices.Grow(l.words, int(counted))
	for k := uint64(0); c.at < n; k++ {
		at, info := c.word("r_offset"), c.word("r_info")
		kind, symbol := uint32(info), info>>32
		if !l.wide {
			kind, symbol = uint32(info&0xff), info>>8
		}
		addend := uint64(0)
		if addends {
			addend = c.word("r_addend")
		} else if addend, err = l.inPlace(at); err != nil {
			return err
		}
		if c.err != nil {
			return c.err
		}
		relative := kind == relativeTypes[l.machine] && symbol == 0
		switch {
		case k < counted && !relative:
			return byteio.Errorf(0, "DT_RELACOUNT", "relocation %d is counted as relative and is none", k)
		case relative:
			l.words = append(l.words, word{at: at, value: addend, bases: 1})
		case l.own != nil && table == tagRela && k == counted:
			if err := l.applyPacked(l.own.table.Start, l.own.table.End-l.own.table.Start); err != nil {
				return err
			}
			l.words = append(l.words, word{at: l.slot, value: l.own.answer, bases: 1})
		case kind != 0:
			l.others = append(l.others, relocation{at, info, addend})
		}
	}
	return nil
}

// applyPacked reads a table like DT_RELR's: an even entry is the address of a
// word, an odd one a bitmap of the words behind it.
func (l *loaded) applyPacked(addr, n uint64) error {
	c, err := l.over(addr, n, "packed relocations")
	if err != nil {
		return err
	}
	size := l.wordSize()
	if addr%size != 0 || n%size != 0 {
		return byteio.Errorf(0, "packed relocations", "%d bytes at %#x", n, addr)
	}
	named := 0
	for b := c.Data; len(b) > 0; b = b[4:] {
		named += bits.OnesCount32(binary.LittleEndian.Uint32(b)) // at most: addresses have bits too
	}
	l.words = slices.Grow(l.words, named)
	next := uint64(0)
	add := func(at uint64) error {
		value, err := l.inPlace(at)
		l.words = append(l.words, word{at: at, value: value, bases: 1, adds: true})
		return err
	}
	for c.at < n {
		entry := c.word("packed entry")
		if c.err != nil {
			return c.err
		}
		if entry&1 == 0 {
			if err := add(entry); err != nil {
				return err
			}
			next = entry + size
			continue
		}
		for at, bits := next, entry>>1; bits != 0; at, bits = at+size, bits>>1 {
			if bits&1 != 0 {
				if err := add(at); err != nil {
					return err
				}
			}
		}
		next += (8*size - 1) * size
	}
	return nil
}

// settle sorts the words and makes one of those with the same address.
func (l *loaded) settle() error {
	byAddress := func(a, b word) int { return cmp.Compare(a.at, b.at) }
	if !slices.IsSortedFunc(l.words, byAddress) {
		slices.SortStableFunc(l.words, byAddress)
	}
	out := l.words[:0]
	for _, w := range l.words {
		if p := l.segmentAt(w.at); p == nil || p.flags&writable == 0 || p.memsz-(w.at-p.vaddr) < l.wordSize() {
			return byteio.Errorf(0, "relocations", "one of %#x, which is in no writable segment", w.at)
		}
		if n := len(out); n > 0 && out[n-1].at == w.at {
			if w.adds { // what one relocation made, the next adds to
				w.value, w.bases = out[n-1].value, out[n-1].bases+1
			}
			out = out[:n-1]
		}
		w.adds = false
		if !l.wide {
			w.value = uint64(uint32(w.value))
		}
		out = append(out, w)
	}
	l.words = out
	return nil
}

// inPlace is the word that the file has at an address; what it does not give is
// zero.
func (l *loaded) inPlace(addr uint64) (uint64, error) {
	var padded [8]byte
	p := l.segmentAt(addr)
	size := l.wordSize()
	if p == nil || p.memsz-(addr-p.vaddr) < size {
		return 0, byteio.Errorf(0, "relocated word", "address %#x is not loaded", addr)
	}
	if from := addr - p.vaddr; from < p.filesz {
		b, err := l.Slice(p.offset+from, min(size, p.filesz-from), "relocated word")
		if err != nil {
			return 0, err
		}
		copy(padded[:], b)
	}
	if l.wide {
		return l.Order.Uint64(padded[:]), nil
	}
	return uint64(l.Order.Uint32(padded[:])), nil
}

// sameRelocations compares what relocations make.
func sameRelocations(old, new *Image) error {
	for i := range max(len(old.words), len(new.words)) {
		switch {
		case i == len(new.words) || i < len(old.words) && old.words[i].at < new.words[i].at:
			return fmt.Errorf("the word at %#x is gone: no relocation makes it", old.words[i].at)
		case i == len(old.words) || old.words[i].at > new.words[i].at:
			return fmt.Errorf("the word at %#x is new: no relocation made it", new.words[i].at)
		case old.words[i] != new.words[i]:
			return fmt.Errorf("the word at %#x is the base + %#x, was + %#x", new.words[i].at, new.words[i].value, old.words[i].value)
		}
	}
	for i, r := range new.relocations {
		if i == len(old.relocations) || old.relocations[i] != r {
			return fmt.Errorf("the relocation at %#x is of type and symbol %#x, addend %#x, and was not", r.at, r.info, r.addend)
		}
	}
	if len(old.relocations) > len(new.relocations) {
		return fmt.Errorf("the relocation at %#x is gone", old.relocations[len(new.relocations)].at)
	}
	return nil
}
