package strip

// What sameRelocated compares, once both files are in memory.

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/minsize/minsize/internal/relr"
)

// sameRelocated compares two files of which at least one relocates itself.
func sameRelocated(a, b *elfFile) error {
	c := relocatedPair{}
	for _, x := range []struct {
		f     *elfFile
		m     **memory
		which string
	}{{a, &c.a, "old"}, {b, &c.b, "new"}} {
		m, err := loadELF(x.f)
		if err != nil {
			return fmt.Errorf("the %s file: %w", x.which, err)
		}
		*x.m = m
	}
	for _, step := range []func() error{c.placed, c.sameHeaders, c.sameDynamic, c.sameMemory, c.sameSections} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// relocatedPair is the old file and the new one.
type relocatedPair struct {
	a, b  *memory
	skips []addresses // what may differ
}

type addresses struct{ from, to uint64 }

// placed checks that a loader maps the new file: segments in order, none on a
// page of another where none was, offsets congruent, headers in the first one.
func (c *relocatedPair) placed() error {
	page := uint64(1 << 63)
	for _, l := range c.b.loads {
		page = min(page, l.Align)
		if l.Align < 4096 || (l.Vaddr-l.Offset)%l.Align != 0 {
			return fmt.Errorf("the segment at %#x has p_offset %#x and p_align %#x", l.Vaddr, l.Offset, l.Align)
		}
		if was := c.a.at(l.Vaddr); l.Flags&pfW == 0 && l.Memsz != l.Filesz && (was == nil || was.Memsz == was.Filesz) {
			return fmt.Errorf("the read-only segment at %#x has %d bytes in the file and %d in memory", l.Vaddr, l.Filesz, l.Memsz)
		}
	}
	if _, in := c.b.ownCode(); in != nil && in.Flags != pfR|pfX {
		return fmt.Errorf("the code that relocates lies in a segment with flags %d", in.Flags)
	}
	if c.a.apart(page) && !c.b.apart(page) {
		return fmt.Errorf("two segments share a page, or are not in the order of their addresses")
	}
	for _, s := range c.a.f.sections {
		if s.Flags&shfAlloc == 0 || s.Flags&shfTLS != 0 {
			continue
		}
		was, is := c.a.at(s.Addr), c.b.at(s.Addr)
		if was != nil && is != nil && is.Align < was.Align && s.Addralign > is.Align {
			return fmt.Errorf("p_align fell below the alignment of section %s", s.Name)
		}
	}
	head := c.b.f.head
	first := c.b.loads[0]
	if size := head.realPhnum * c.b.f.phentsize(); first.Offset != 0 || head.Phoff+size > first.Filesz || head.Phoff%8 != 0 {
		return fmt.Errorf("the program headers are not in the first segment")
	}
	return nil
}

func (m *memory) apart(page uint64) bool {
	for i := 1; i < len(m.loads); i++ {
		before, after := m.loads[i-1], m.loads[i]
		if after.Vaddr/page <= (before.Vaddr+before.Memsz-1)/page {
			return false
		}
	}
	return true
}

// sameHeaders compares the ELF header, and program headers but for PT_LOAD.
func (c *relocatedPair) sameHeaders() error {
	a, b := c.a.f, c.b.f
	if !bytes.Equal(a.data[:32], b.data[:32]) || !bytes.Equal(a.data[48:56], b.data[48:56]) {
		return fmt.Errorf("the ELF headers differ in more than the places of tables")
	}
	if b.dangling {
		return fmt.Errorf("the section fields of the ELF header point nowhere")
	}
	others := func(f *elfFile) (out []elfSegment) {
		for _, s := range f.segments {
			if s.Type != ptLoad {
				out = append(out, s)
			}
		}
		return out
	}
	was, is := others(a), others(b)
	if len(was) != len(is) {
		return fmt.Errorf("%d program headers that load nothing, were %d", len(is), len(was))
	}
	for i, p := range was {
		q := is[i]
		if q.Type == ptPhdr {
			size := b.head.realPhnum * b.phentsize()
			if p.Type != ptPhdr || q.Offset != b.head.Phoff || q.Vaddr != c.b.loads[0].Vaddr+q.Offset || q.Filesz != size || q.Memsz != size {
				return fmt.Errorf("PT_PHDR does not tell where the program headers are")
			}
			continue
		}
		if p.Type != q.Type || p.Flags != q.Flags || p.Vaddr != q.Vaddr || p.Memsz != q.Memsz || p.Align != q.Align ||
			q.Filesz > p.Filesz && !c.a.packed() {
			return fmt.Errorf("program header of type %#x differs in more than its offset", p.Type)
		}
		if q.hasBytes() && c.a.offsetFits(p) && !c.b.offsetFits(q) {
			return fmt.Errorf("program header of type %#x: p_offset %#x is not where p_vaddr is loaded from", q.Type, q.Offset)
		}
	}
	return nil
}

func (m *memory) packed() bool { _, found := m.stub(); return found }

func (m *memory) offsetFits(p elfSegment) bool {
	l := m.at(p.Vaddr)
	return l != nil && p.Offset == l.Offset+(p.Vaddr-l.Vaddr)
}

// sameDynamic compares the dynamic sections but for the size of DT_RELA.
func (c *relocatedPair) sameDynamic() error {
	if len(c.a.dynamic) != len(c.b.dynamic) {
		return fmt.Errorf("%d dynamic entries, were %d", len(c.b.dynamic), len(c.a.dynamic))
	}
	for i, d := range c.a.dynamic {
		e := c.b.dynamic[i]
		if d.tag != e.tag || d.value != e.value && d.tag != dtRelasz && d.tag != dtRelacount {
			return fmt.Errorf("dynamic entry %d is %#x, %#x, was %#x, %#x", i, e.tag, e.value, d.tag, d.value)
		}
	}
	return nil
}

// bases are where the files are loaded for comparison: pages of any size fit,
// and no bit is the same in both.
var bases = []uint64{0x555555550000, 0x2aaaaaaa0000}

// sameMemory loads, relocates and compares at each base.
func (c *relocatedPair) sameMemory() error {
	c.findSkips()
	for _, base := range bases {
		a, err := loadELF(c.a.f)
		if err != nil {
			return err
		}
		b, err := loadELF(c.b.f)
		if err != nil {
			return err
		}
		was, err := a.relocate(base)
		if err != nil {
			return fmt.Errorf("the old file: %w", err)
		}
		is, err := b.relocate(base)
		if err != nil {
			return fmt.Errorf("the new file: %w", err)
		}
		if !bytes.Equal(was, is) {
			return fmt.Errorf("the relocations that need symbols differ")
		}
		if err := c.compare(a, b); err != nil {
			return fmt.Errorf("loaded at %#x: %w", base, err)
		}
	}
	return nil
}

// findSkips lists what may differ: the table of relocations with what took its
// place, the fields of the ELF header, the old program headers, two values of
// the dynamic section.
func (c *relocatedPair) findSkips() {
	skip := func(from, size uint64) { c.skips = append(c.skips, addresses{from, from + size}) }
	start := c.a.loads[0].Vaddr
	skip(start+32, 16) // e_phoff, e_shoff
	skip(start+56, 8)  // e_phnum, e_shentsize, e_shnum, e_shstrndx
	var hole uint64    // its end
	for _, m := range []*memory{c.a, c.b} {
		if !m.packed() {
			hole = m.relaAt + uint64(len(m.rela))
			skip(start+m.f.head.Phoff, m.f.head.realPhnum*m.f.phentsize())
		}
	}
	if hole == 0 { // both are packed
		hole = min(c.a.holeEnd(), c.b.holeEnd())
		skip(start+c.a.f.ehsize(), (c.a.f.head.realPhnum-c.a.added())*c.a.f.phentsize())
	}
	c.skips = append(c.skips, addresses{c.a.relaAt, hole})
	for _, s := range c.a.f.segments {
		if s.Type != ptDynamic {
			continue
		}
		for i, d := range c.a.dynamic {
			if d.tag == dtRelasz || d.tag == dtRelacount {
				skip(s.Vaddr+16*uint64(i)+8, 8)
			}
		}
	}
}

// ownCode is where the code lies, and the segment that holds it.
func (m *memory) ownCode() (at addresses, in *loadedSegment) {
	if !m.packed() {
		return at, nil
	}
	s, err := relr.StubOf(m.f.machine())
	if err != nil {
		return at, nil
	}
	code := m.f.order.Uint64(m.rela[24*m.relacount+16:])
	bound, _ := m.stub()
	bytes, err := s.Bind(code, bound)
	if err != nil {
		return at, nil
	}
	return addresses{code, code + uint64(len(bytes))}, m.at(code)
}

// added is how many program headers a packed file has more than before.
func (m *memory) added() uint64 {
	if at, in := m.ownCode(); in != nil && in.Filesz == at.to-at.from {
		return 2
	}
	return 1
}

// holeEnd is where memory goes on behind the table of a packed file.
func (m *memory) holeEnd() uint64 {
	home := m.at(m.relaAt)
	_, code := m.ownCode()
	for i := range m.loads {
		if l := &m.loads[i]; l.Vaddr > home.Vaddr && (l != code || m.added() == 1) {
			return l.Vaddr
		}
	}
	return home.Vaddr + home.Memsz
}

// compare compares two relocated images between any two addresses at which
// something begins or ends.
func (c *relocatedPair) compare(a, b *memory) error {
	var edges []uint64
	for _, m := range []*memory{a, b} {
		for _, l := range m.loads {
			edges = append(edges, l.Vaddr, l.Vaddr+uint64(len(l.bytes)), l.Vaddr+l.Memsz)
		}
	}
	for _, s := range c.skips {
		edges = append(edges, s.from, s.to)
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	for i := 0; i+1 < len(edges); i++ {
		part := addresses{edges[i], edges[i+1]}
		if slices.ContainsFunc(c.skips, func(s addresses) bool { return s.from <= part.from && part.to <= s.to }) {
			continue
		}
		was, is := a.at(part.from), b.at(part.from)
		switch {
		case was == nil && is == nil:
		case was == nil:
			if err := b.onlyCode(part); err != nil {
				return err
			}
		case is == nil:
			if err := a.onlyCode(part); err != nil {
				return err
			}
		default:
			if err := samePart(was, is, part); err != nil {
				return err
			}
		}
	}
	return nil
}

// onlyCode checks that memory which one file has and the other has not is the
// code that relocates, behind less than a word of zeros.
func (m *memory) onlyCode(part addresses) error {
	at, in := m.ownCode()
	if in == nil || part.from+8 <= at.from || part.to > at.to || part.to <= at.from {
		return fmt.Errorf("memory from %#x to %#x is mapped by one of the files alone", part.from, part.to)
	}
	if padding := in.bytes[part.from-in.Vaddr : at.from-in.Vaddr]; !allZero(padding) {
		return fmt.Errorf("bytes before the code at %#x are not zero", at.from)
	}
	return nil
}

func samePart(was, is *loadedSegment, part addresses) error {
	if was.Flags != is.Flags {
		return fmt.Errorf("memory at %#x has the flags %d, had %d", part.from, is.Flags, was.Flags)
	}
	old, oldHas := was.part(part)
	new, newHas := is.part(part)
	switch {
	case oldHas && newHas:
		if i := firstDifference(old, new); i >= 0 {
			return fmt.Errorf("the byte at %#x is %#02x, was %#02x", part.from+uint64(i), new[i], old[i])
		}
	case oldHas && !allZero(old), newHas && !allZero(new):
		return fmt.Errorf("memory from %#x to %#x has bytes in one of the files alone", part.from, part.to)
	case oldHas != newHas && is.Flags&pfW == 0:
		return fmt.Errorf("a read-only segment has zeros at %#x that not every kernel fills", part.from)
	}
	return nil
}

// part is the bytes of a part of memory, none where they are zeros behind the
// segment's bytes.
func (l *loadedSegment) part(p addresses) ([]byte, bool) {
	from, to := p.from-l.Vaddr, p.to-l.Vaddr
	if to > uint64(len(l.bytes)) {
		return nil, false
	}
	return l.bytes[from:to], true
}

func firstDifference(a, b []byte) int {
	if bytes.Equal(a, b) {
		return -1
	}
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return -1
}

// loadsFrom says whether a segment holds a byte of the file.
func (m *memory) loadsFrom(offset uint64) bool {
	return slices.ContainsFunc(m.loads, func(l loadedSegment) bool { return l.Filesz > 0 && offset >= l.Offset && offset < l.end() })
}

// sameSections checks that the section headers that are left tell the truth.
func (c *relocatedPair) sameSections() error {
	a, b := c.a.f, c.b.f
	if b.sections == nil {
		return nil
	}
	used := make([]bool, len(b.sections))
	for j, s := range a.sections {
		if s.Type == shtNull {
			continue
		}
		i := slices.IndexFunc(b.sections, func(t elfSection) bool {
			return t.Name == s.Name && t.Addr == s.Addr && t.Type == s.Type && t.Flags == s.Flags
		})
		switch {
		case i >= 0 && used[i]: // two that are alike: the first was looked at
			continue
		case i < 0 && s.Flags&shfAlloc != 0:
			return fmt.Errorf("section %s is loaded and lost its header", s.Name)
		case i < 0:
			continue
		}
		used[i] = true
		t := b.sections[i]
		if s.Flags&shfAlloc == 0 {
			if s.Size == t.Size && !c.a.loadsFrom(s.Offset) && s.Type != shtSymtab && s.Type != shtStrtab && !bytes.Equal(a.section(j), b.section(i)) {
				return fmt.Errorf("section %s has other bytes", s.Name)
			}
			continue
		}
		if s.Addr == c.a.relaAt && s.Type == shtRela {
			continue // it says what DT_RELASZ says, or what it said
		}
		if s.Size != t.Size || s.Addralign != t.Addralign {
			return fmt.Errorf("the header of section %s differs in more than its offset", s.Name)
		}
		if t.fileSize() > 0 && c.a.offsetFits(elfSegment{Vaddr: s.Addr, Offset: s.Offset}) && !c.b.offsetFits(elfSegment{Vaddr: t.Addr, Offset: t.Offset}) {
			return fmt.Errorf("section %s is not where its address is loaded from", s.Name)
		}
	}
	return nil
}
