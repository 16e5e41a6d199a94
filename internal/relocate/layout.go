package relocate

// The new file's layout: which ranges of the old one stay, and where they go.

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/relr"
)

// span is a range of the old file behind the table that moves as one.
type span struct {
	from, to uint64
	align    uint64 // what its old and its new offset are congruent by
	header   int    // the program header that loads it, -1 for none
	grown    []byte // what is new at its end
	fresh    bool   // the old file has no byte of it; these come last
}

func (s *span) size() uint64 { return s.to - s.from + uint64(len(s.grown)) }

// cut divides the old file into spans. Zeros between segments, less than a page,
// are no span: they are padding.
func (p *packer) cut() error {
	for i, h := range p.e.Phdrs {
		if h.Type == objfile.PT_GNU_RELRO || h.Filesz == 0 {
			continue
		}
		if h.Type == objfile.PT_LOAD && i != p.home {
			p.spans = append(p.spans, span{from: h.Off, to: h.Off + h.Filesz, align: p.page, header: i})
		}
		if i != p.home && h.Off < p.end && h.Off+h.Filesz > p.at {
			return refuse("program header %d covers a part of its relocations", i)
		}
	}
	if home := p.e.Phdrs[p.home]; home.Off+home.Filesz > p.end {
		p.spans = append(p.spans, span{from: p.end, to: home.Off + home.Filesz, align: p.page, header: p.home})
	}
	if err := p.sectionsAgree(); err != nil {
		return err
	}
	slices.SortStableFunc(p.spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var loose []span
	cursor := p.end
	for _, s := range append(slices.Clone(p.spans), span{from: uint64(len(p.data))}) {
		switch {
		case s.from < cursor:
			return refuse("two of its segments share bytes of the file")
		case s.from > cursor && !p.padding(cursor, s.from):
			loose = append(loose, span{from: cursor, to: s.from, align: p.looseAlign(cursor, s.from), header: -1})
		}
		cursor = s.to
	}
	p.spans = append(p.spans, loose...)
	slices.SortStableFunc(p.spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	for i, h := range p.e.Phdrs {
		if h.Type == objfile.PT_LOAD && h.Filesz == 0 {
			p.spans = append(p.spans, span{from: h.Off, to: h.Off, align: p.page, header: i, fresh: true})
		}
	}
	p.grow()
	p.spans = slices.DeleteFunc(p.spans, func(s span) bool { return s.fresh && len(s.grown) == 0 })
	return nil
}

// sectionsAgree refuses files whose section headers could not be carried along.
func (p *packer) sectionsAgree() error {
	e := p.e
	if len(e.Shdrs) == 0 {
		if e.Ehdr.Shoff != 0 || e.Ehdr.Shnum != 0 || e.Ehdr.Shstrndx != 0 {
			return refuse("its section headers are not where the header says")
		}
		return nil
	}
	for i, s := range e.Shdrs {
		if n := bytesOf(s); n > 0 && s.Off < p.end && s.Off+n > p.at && (s.Off != p.at || n != p.end-p.at) {
			return refuse("section %d covers a part of its relocations", i)
		}
	}
	for _, s := range p.spans {
		if e.Ehdr.Shoff < s.to && e.Ehdr.Shoff+uint64(len(e.Shdrs))*shdrSize > s.from {
			return refuse("its section headers are loaded")
		}
	}
	if e.Ehdr.Shoff < p.end {
		return refuse("its section headers are before its relocations")
	}
	return nil
}

// bytesOf is how many bytes a section has in the file.
func bytesOf(s objfile.Shdr) uint64 {
	if s.Type == objfile.SHT_NOBITS || s.Type == objfile.SHT_NULL {
		return 0
	}
	return s.Size
}

// padding says whether a range of the file is zeros that nobody owns.
func (p *packer) padding(from, to uint64) bool {
	if to-from >= p.page || len(bytes.TrimLeft(p.data[from:to], "\x00")) > 0 {
		return false
	}
	for _, s := range p.e.Shdrs {
		if n := bytesOf(s); n > 0 && s.Off < to && s.Off+n > from {
			return false
		}
	}
	return true
}

// looseAlign is the strictest alignment of what is not loaded in a range.
func (p *packer) looseAlign(from, to uint64) uint64 {
	align := uint64(8)
	for _, s := range p.e.Shdrs {
		if s.Off >= from && s.Off < to && s.Addralign <= p.page && s.Addralign&(s.Addralign-1) == 0 {
			align = max(align, s.Addralign)
		}
	}
	return align
}

// grow makes room for addends whose places have no bytes in the file, since
// the zeros that end a segment were cut.
func (p *packer) grow() {
	for _, x := range p.packed {
		if !x.zero {
			continue
		}
		if i, at := p.place(x.address); i >= 0 {
			s := &p.spans[i]
			var word [8]byte
			le.PutUint64(word[:], x.addend)
			need := at + uint64(len(bytes.TrimRight(word[:], "\x00")))
			if have := s.size(); need > have {
				s.grown = append(s.grown, make([]byte, need-have)...)
			}
		}
	}
}

// place is the index of the span that is loaded at an address, and where in it
// that is.
func (p *packer) place(address uint64) (index int, at uint64) {
	for i := range p.spans {
		s := &p.spans[i]
		if s.header < 0 {
			continue
		}
		h := p.e.Phdrs[s.header]
		start := h.Vaddr + (s.from - h.Off)
		if address >= start && address-h.Vaddr < h.Memsz {
			return i, address - start
		}
	}
	return -1, 0
}

// layout is one way to lay the new file out.
type layout struct {
	*packer
	spans     []span
	to        []uint64 // new offsets of spans
	rela      []byte
	relacount uint64
	phoff     uint64 // of the program headers
	table     []byte // packed
	record    []byte
	mine      uint64 // where what replaces the table ends in the file
	code      uint64 // address of the code
	codeAt    uint64 // file offset of the code in a segment of its own, or in the first one
	bound     []byte // the code
	headers   []objfile.Phdr
	size      uint64
}

// codePlace is where the code goes.
type codePlace uint8

const (
	codeBehind codePlace = iota // behind the executable segment
	codeApart                   // in a segment of its own, in the hole
	codeInside                  // in the first segment, which is executable
)

// smallest tries the places for the code, and renders the layout that makes
// the smallest file.
func (p *packer) smallest() (byteio.Content, error) {
	places := []codePlace{codeBehind, codeApart}
	if p.e.Phdrs[p.home].Flags&objfile.PF_X != 0 {
		places = []codePlace{codeInside}
	}
	var best *layout
	for _, place := range places {
		l, err := p.arrange(place)
		if err != nil {
			return nil, err
		}
		if l != nil && (best == nil || l.size < best.size) {
			best = l
		}
	}
	if best == nil {
		return nil, ErrNoGain
	}
	return best.render(), nil
}

// arrange lays the file out; nil where there is no room for the code.
func (p *packer) arrange(place codePlace) (*layout, error) {
	l := &layout{packer: p, spans: slices.Clone(p.spans), table: encode(p.packed)}
	for i := range l.spans {
		l.spans[i].grown = bytes.Clone(l.spans[i].grown)
	}
	for {
		room := len(l.record)
		if fits, err := l.lay(place); !fits || err != nil {
			return nil, err
		}
		l.record = l.makeRecord()
		if len(l.record) <= room {
			l.record = append(l.record, make([]byte, room-len(l.record))...)
			return l, nil
		}
	}
}

func (l *layout) lay(place codePlace) (fits bool, err error) {
	p := l.packer
	home := p.e.Phdrs[p.home]
	base := home.Vaddr - home.Off // of the first segment: address and offset go together
	homeEnd := home.Off + home.Filesz
	rest := homeEnd > p.end
	headers := len(p.e.Phdrs)
	if rest {
		headers++
	}
	if place == codeApart {
		headers++
	}
	l.rela, l.relacount = p.relocations(0)
	l.phoff = p.at + uint64(len(l.rela))
	table := l.phoff + uint64(headers)*phdrSize
	l.mine = table + uint64(len(l.table)) + uint64(len(l.record))
	bind := relr.Bound{Table: base + table, End: base + table + uint64(len(l.table)), Answers: true, Answer: p.first.addend}
	unbound, err := p.stub.Bind(base+l.mine, bind)
	if err != nil {
		return false, reach(err)
	}
	codeSize := uint64(len(unbound))
	first := l.mine // where the first segment ends
	end := l.mine   // where the file goes on
	behind := -1
	switch place {
	case codeInside:
		l.codeAt = alignUp(l.mine, 8)
		l.code = base + l.codeAt
		first, end = l.codeAt+codeSize, l.codeAt+codeSize
	case codeApart:
		l.codeAt = alignUp(l.mine, 8)
		l.code = base + l.codeAt + p.page
		end = l.codeAt + codeSize
	case codeBehind:
		if behind = p.executable(codeSize); behind < 0 {
			return false, nil
		}
		h := p.e.Phdrs[l.spans[behind].header]
		l.code = alignUp(h.Vaddr+h.Filesz, 8)
		grown := make([]byte, l.code-(h.Vaddr+h.Filesz)+codeSize)
		l.spans[behind].grown = grown
	}
	if l.bound, err = p.stub.Bind(l.code, bind); err != nil {
		return false, reach(err)
	}
	l.rela, _ = p.relocations(l.code)
	if behind >= 0 {
		grown := l.spans[behind].grown
		copy(grown[uint64(len(grown))-codeSize:], l.bound)
	}
	// No page of the first segment, of the code and of the rest may be the same.
	pageEnd := base + alignUp(first, p.page)
	if place == codeApart {
		pageEnd = alignUp(l.code+codeSize, p.page)
	}
	limit := base + p.end&^(p.page-1)
	if !rest {
		limit = ^uint64(0)
		if next := p.nextLoad(p.home); next >= 0 {
			limit = p.e.Phdrs[next].Vaddr &^ (p.page - 1)
		}
	}
	if pageEnd > limit {
		return false, nil
	}
	l.to = make([]uint64, len(l.spans))
	for i, s := range l.spans {
		l.to[i] = end + (s.from-end)&(s.align-1)
		end = l.to[i] + s.size()
	}
	l.size = end
	l.headers = l.programHeaders(place, first, codeSize, uint64(headers))
	return true, nil
}

// executable is the span of the segment that has room for the code in the
// memory behind it, -1 for none.
func (p *packer) executable(size uint64) int {
	for i, s := range p.spans {
		if s.header < 0 || p.e.Phdrs[s.header].Flags != objfile.PF_R|objfile.PF_X {
			continue
		}
		h := p.e.Phdrs[s.header]
		end := alignUp(h.Vaddr+h.Memsz, 8) + size
		next := p.nextLoad(s.header)
		if h.Filesz == h.Memsz && (next < 0 || alignUp(end, p.page) <= p.e.Phdrs[next].Vaddr&^(p.page-1)) {
			return i
		}
	}
	return -1
}

func (p *packer) nextLoad(header int) int {
	for i := header + 1; i < len(p.e.Phdrs); i++ {
		if p.e.Phdrs[i].Type == objfile.PT_LOAD {
			return i
		}
	}
	return -1
}

func alignUp(n, to uint64) uint64 { return (n + to - 1) &^ (to - 1) }

// newOffset is where a byte of the old file is in the new one, or what stood
// behind the last byte before it.
func (l *layout) newOffset(old uint64) uint64 {
	to := min(old, l.at)
	for i, s := range l.spans {
		if s.from <= old && !s.fresh {
			to = l.to[i] + min(old-s.from, s.to-s.from)
		}
	}
	return to
}

// programHeaders are the new ones.
func (l *layout) programHeaders(place codePlace, first, codeSize, count uint64) []objfile.Phdr {
	p := l.packer
	moved := make(map[int]objfile.Phdr, len(l.spans)) // by old index: the segment where it is now
	for i, s := range l.spans {
		if s.header < 0 {
			continue
		}
		h := p.e.Phdrs[s.header]
		skipped := s.from - h.Off
		h.Vaddr, h.Paddr, h.Off = h.Vaddr+skipped, h.Paddr+skipped, l.to[i]
		h.Filesz, h.Memsz = s.size(), max(h.Memsz-skipped, s.size())
		moved[s.header] = l.aligned(h)
	}
	var out []objfile.Phdr
	for i, h := range p.e.Phdrs {
		switch {
		case i == p.home:
			rest, split := moved[i]
			h.Filesz, h.Memsz = first, first
			out = append(out, h)
			if place == codeApart {
				skipped := l.code - h.Vaddr
				out = append(out, l.aligned(objfile.Phdr{Type: objfile.PT_LOAD, Flags: objfile.PF_R | objfile.PF_X, Off: l.codeAt,
					Vaddr: l.code, Paddr: h.Paddr + skipped, Filesz: codeSize, Memsz: codeSize, Align: h.Align}))
			}
			if split {
				out = append(out, rest)
			}
			continue
		case h.Type == objfile.PT_LOAD && moved[i].Filesz > 0:
			h = moved[i]
		case h.Type == objfile.PT_LOAD:
			// Nothing but zeros: a congruent offset whose page exists.
			h.Off = l.size&^(p.page-1) | h.Off&(p.page-1)
			if h.Off > l.size {
				h.Off -= p.page
			}
			h = l.aligned(h)
		case h.Type == objfile.PT_PHDR:
			h.Off, h.Filesz, h.Memsz = l.phoff, count*phdrSize, count*phdrSize
			h.Vaddr = p.address + (l.phoff - p.at)
			h.Paddr = h.Vaddr
		default:
			h.Off = l.newOffset(h.Off)
		}
		out = append(out, h)
	}
	return out
}

// aligned lowers p_align to the page where the new offset asks for it.
func (l *layout) aligned(h objfile.Phdr) objfile.Phdr {
	if h.Align > 1 && (h.Off-h.Vaddr)&(h.Align-1) != 0 {
		h.Align = min(h.Align, l.page)
	}
	return h
}
