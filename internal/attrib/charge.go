package attrib

// Charging: what exists only because something else does is that one's cost.
//
// A function that goes away takes along its frame description, its landing
// pads, the relocations inside it, its symbols and their names. So each of
// these entries is charged to the atom that it serves and keeps its own kind.
// What serves everybody (hash tables, headers) stays nobody's.

import (
	"cmp"
	"slices"
	"strings"
	"unsafe"

	"github.com/minsize/minsize/internal/machine"
	"github.com/minsize/minsize/internal/machinecode"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/rangemap"
)

// charge builds p.pieces. From here every byte has its label.
func (c *collector) charge() {
	p := c.p
	b := rangemap.NewBuilder(p.Space.Total)
	bodies := make([]rangemap.Range, 0, len(p.Atoms))
	for i := range p.Atoms {
		a := &p.Atoms[i]
		if a.Start < a.End {
			bodies = append(bodies, rangemap.Range{Start: a.Start, End: a.End, Label: pieceLabel(int32(i), a.Kind)})
		}
	}
	b.Layer(bodies)

	// A layer each, so that no more than one kind of entry is in memory twice;
	// what a step has read last is let go.
	for _, step := range []func(){
		c.chargeFrames,
		func() { c.unwind = nil; c.chargeLinkage() },
		c.chargeRelocs,
		func() {
			if !c.o.References {
				c.pointers = nil
			}
			c.chargeSymbols()
		},
		c.chargeGoTable,
		c.chargeWasmNames,
	} {
		step()
		b.Layer(c.charges)
		c.charges = c.charges[:0]
	}
	c.charges = nil

	b.Layer(c.padding(b))
	if t := c.goTable; t != nil {
		b.Layer([]rangemap.Range{{Start: t.place, End: t.place + t.size, Label: pieceLabel(-1, Runtime)}})
	}
	p.pieces = p.finishPieces(b)
}

// finishPieces gives what is left to nobody, with the kind of its section.
func (p *Program) finishPieces(b *rangemap.Builder) *rangemap.Map {
	var rest []rangemap.Range
	for _, g := range b.Gaps() {
		for i := p.sections.Find(g.Start); i >= 0 && i < p.sections.Len() && p.sections.Starts[i] < g.End; i++ {
			start := max(g.Start, p.sections.Starts[i])
			rest = append(rest, rangemap.Range{Start: start, End: min(g.End, p.sections.End(i)), Label: pieceLabel(-1, p.kindAt(start, p.sections.Labels[i]))})
		}
	}
	b.Layer(rest)
	return b.Finish(pieceLabel(-1, Unmapped))
}

func (c *collector) add(start, end uint64, atom int32, k Kind) {
	if atom >= 0 && start < end {
		c.charges = append(c.charges, rangemap.Range{Start: start, End: end, Label: pieceLabel(atom, k)})
	}
}

// chargeFrames: descriptions, their landing pads, and the search table.
func (c *collector) chargeFrames() {
	p := c.p
	type pad struct {
		place, end uint64
		atom       int32
	}
	var pads []pad
	for i := range c.unwind {
		fr := &c.unwind[i]
		atom := p.AtomAt(fr.start)
		c.add(fr.entry, fr.entryEnd, atom, Unwind)
		if fr.lsda != noPlace && atom >= 0 {
			pads = append(pads, pad{fr.lsda, fr.lsdaEnd, atom})
		}
	}
	slices.SortFunc(pads, func(a, b pad) int { return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(a.atom, b.atom)) })
	c.pads = make(map[uint64]int32, len(pads))
	for i, x := range pads {
		end, kind := p.limit(x.place)
		if x.end > 0 {
			end = min(end, x.end)
		} else if kind != Exception {
			continue
		}
		for k := i + 1; k < len(pads); k++ {
			if pads[k].place > x.place {
				end = min(end, pads[k].place)
				break
			}
		}
		if x.end > 0 {
			kind = Unwind
		}
		c.add(x.place, end, x.atom, kind)
		c.pads[x.place] = x.atom
	}
	c.chargeSearchTable()
}

// chargeSearchTable: .eh_frame_hdr (LSB 5, 10.6.2) in the only encoding that
// linkers write, pairs of four-byte offsets from the table.
func (c *collector) chargeSearchTable() {
	p, f := c.p, c.p.File
	for i := range f.Segments {
		g := &f.Segments[i]
		if g.Type != "PT_GNU_EH_FRAME" || g.FileSize < 12 || g.Offset+g.FileSize > f.Size {
			continue
		}
		data := f.Data[g.Offset : g.Offset+g.FileSize]
		if data[0] != 1 || data[2] != peUdata4 || data[3] != peDatarel|peSdata4 || data[1]&0x0f != peSdata4 {
			continue
		}
		count := uint64(f.Order.Uint32(data[8:]))
		for k := uint64(0); k < count && 12+8*k+8 <= uint64(len(data)); k++ {
			addr := g.Addr + uint64(int64(int32(f.Order.Uint32(data[12+8*k:]))))
			c.add(g.Offset+12+8*k, g.Offset+12+8*k+8, p.AtomAtAddr(addr), Unwind)
		}
	}
}

// chargeRelocs: each entry to the atom whose word it patches; entries for GOT
// slots to what the slot holds.
func (c *collector) chargeRelocs() {
	p := c.p
	for _, list := range [][]pointer{c.pointers, c.kept} {
		for i := range list {
			x := &list[i]
			if x.size == 0 || x.where == noPlace {
				continue
			}
			atom := p.AtomAt(x.where)
			if atom < 0 {
				atom = c.pointee(x)
			}
			c.add(x.entry, x.entry+uint64(x.size), atom, Reloc)
		}
	}
	c.kept = nil
}

// pointee is the atom that a pointer holds.
func (c *collector) pointee(x *pointer) int32 {
	switch {
	case x.symbol >= 0 && int(x.symbol) < len(c.symbolAtom):
		return c.symbolAtom[x.symbol]
	case x.target != noPlace:
		return c.p.AtomAt(x.target)
	}
	return -1
}

// chargeLinkage: GOT slots to what they hold, PLT stubs to what they jump to.
func (c *collector) chargeLinkage() {
	p, f := c.p, c.p.File
	width := uint64(f.Bits / 8)
	slots := map[uint64]int32{} // place of a slot -> atom
	for i := range c.pointers {
		x := &c.pointers[i]
		if x.where == noPlace || x.code {
			continue
		}
		if _, kind := p.limit(x.where); kind != Linkage || p.AtomAt(x.where) >= 0 {
			continue
		}
		if atom := c.pointee(x); atom >= 0 {
			slots[x.where] = atom
			c.add(x.where, x.where+width, atom, Linkage)
		}
	}
	if f.CPU.Decoder == nil || len(slots) == 0 {
		return
	}
	for i := range f.Sections {
		s := &f.Sections[i]
		start := p.Space.sections[i]
		if !s.Exec || kindOfSection(f, s) != Linkage || start == noPlace || s.FileSize < 8 {
			continue
		}
		c.chargeStubs(s, start, slots)
	}
}

// chargeStubs: sections of stubs say nowhere how long a stub is (8 bytes in
// .plt.got and for indirect functions of static programs, else 16), but each
// reads one slot, and stubs are aligned: one ends where the next begins.
func (c *collector) chargeStubs(s *objfile.Section, start uint64, slots map[uint64]int32) {
	p, f := c.p, c.p.File
	align := f.CPU.StubAlign
	type stub struct {
		at   uint64
		atom int32 // -1: the first stub, which calls the loader
	}
	var stubs []stub
	rq := machinecode.Request{Code: f.Data[start : start+s.FileSize], Addr: s.Addr}
	refs, _ := f.CPU.Decode(&rq, nil)
	for _, r := range refs {
		if r.Kind != machinecode.Through && r.Kind != machinecode.Memory {
			continue
		}
		x := stub{uint64(r.Offset) &^ (align - 1), -1}
		if place, ok := p.Space.AddrToPlace(r.Target); ok {
			if atom, ok := slots[place]; ok {
				x.atom = atom
			}
		}
		if n := len(stubs); n > 0 && stubs[n-1].at == x.at {
			stubs[n-1].atom = max(stubs[n-1].atom, x.atom)
		} else {
			stubs = append(stubs, x)
		}
	}
	for i, x := range stubs {
		end := min(x.at+16, s.FileSize)
		if i+1 < len(stubs) {
			end = min(end, stubs[i+1].at)
		}
		c.add(start+x.at, start+end, x.atom, Linkage)
	}
}

// chargeSymbols: entries, names and versions of symbols.
func (c *collector) chargeSymbols() {
	f := c.p.File
	own, _ := f.Symbols()
	terminator := uint64(1)
	if f.Wasm != nil { // names have their length before them
		terminator = 0
	}
	for i := range own {
		if c.symbolAtom[i] < 0 && !own[i].Undefined && len(c.pads) > 0 { // GCC_except_table12
			if place, ok := c.p.symbolPlace(&own[i]); ok {
				if atom, ok := c.pads[place]; ok {
					c.symbolAtom[i] = atom
				}
			}
		}
		atom := c.symbolAtom[i]
		if start, ok := nameOffset(f, own[i].Name); ok {
			c.add(start, start+uint64(len(own[i].Name))+terminator, atom, SymbolTab)
		}
	}
	tables := formatTable[f.Format].symbols
	if tables == nil {
		return
	}
	for _, t := range tables(f) {
		for k := range own {
			if own[k].Dynamic != t.dynamic {
				continue
			}
			if at := t.off + uint64(own[k].Index)*t.size; at+t.size <= t.end {
				c.add(at, at+t.size, c.symbolAtom[k], SymbolTab)
			}
		}
	}
}

// nameOffset is where in the file a name stands: names share the file's memory.
func nameOffset(f *objfile.File, name string) (uint64, bool) {
	if name == "" || len(f.Data) == 0 {
		return 0, false
	}
	at := uintptr(unsafe.Pointer(unsafe.StringData(name)))
	base := uintptr(unsafe.Pointer(&f.Data[0]))
	if at < base || at-base+uintptr(len(name)) >= uintptr(len(f.Data)) {
		return 0, false
	}
	return uint64(at - base), true
}

// padding gives gaps behind an atom that hold nothing but filler to that atom:
// it is there for the alignment that begins where the atom ends.
func (c *collector) padding(b *rangemap.Builder) []rangemap.Range {
	p := c.p
	var out []rangemap.Range
	looked := uint64(0) // up to here bytes were let go
	for _, g := range b.Gaps() {
		if c.o.Forget != nil && g.Start > looked+paddingWindow && g.Start <= p.Space.File {
			c.o.Forget(p.File.Data[looked:g.Start])
			looked = g.Start
		}
		i := p.sections.Find(g.Start)
		if i < 0 || p.sections.Labels[i] < 0 {
			continue
		}
		end := min(g.End, p.sections.End(i))
		kind := p.sectionKind(p.sections.Labels[i])
		if g.Start >= p.Space.File {
			if end-g.Start < 64 && g.Start > 0 {
				if atom := p.AtomAt(g.Start - 1); atom >= 0 {
					out = append(out, rangemap.Range{Start: g.Start, End: end, Label: pieceLabel(atom, Padding)})
				}
			}
			continue
		}
		switch kind {
		case Code, Linkage, ReadOnly, Data, String, Vtable, Unwind, Exception, Runtime:
		default:
			continue
		}
		if !isFiller(p.File.CPU, p.File.Data[g.Start:min(end, p.Space.File)], kind) {
			continue
		}
		atom := int32(-1)
		if g.Start > p.sections.Starts[i] {
			atom = p.AtomAt(g.Start - 1)
		}
		if end-g.Start >= 256 {
			atom = -1 // a hole for a page or a file's alignment, not for an atom
		}
		out = append(out, rangemap.Range{Start: g.Start, End: end, Label: pieceLabel(atom, Padding)})
	}
	return out
}

// paddingWindow is how much of the file stays in memory while gaps are read.
const paddingWindow = 4 << 20

// isFiller: zeros; in code also what assemblers and linkers fill with.
func isFiller(m *machine.Machine, b []byte, k Kind) bool {
	if allZero(b) {
		return true
	}
	if k != Code && k != Linkage {
		return false
	}
	return !slices.ContainsFunc(b, func(c byte) bool { return c != 0 && strings.IndexByte(m.Fill, c) < 0 })
}
