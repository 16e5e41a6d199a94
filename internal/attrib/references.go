package attrib

// What points at what: one pass over the machine code, the relocations, and,
// where nothing relocates (fixed addresses), the aligned words of data.
//
// The code is decoded once, function by function, on all processors: chunks
// of functions in the order of their addresses, so that the result does not
// depend on who was faster. In a chunk a reference is one 64-bit word; a
// library of 150 MB has some millions.

import (
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"runtime"
	"slices"
	"sync"
	"unsafe"

	"github.com/minsize/minsize/internal/machinecode"
	"github.com/minsize/minsize/internal/objfile"
)

// RefKind says how one atom refers to another.
type RefKind uint8

const (
	RefBranch  RefKind = iota // a jump out of the function
	RefCall                   // a call
	RefAddress                // takes the address
	RefMemory                 // reads or writes
	RefThrough                // calls or jumps through a pointer
	RefNumber                 // a number that equals an address: fixed addresses only
	RefTable                  // uses as a table of offsets
	RefPointer                // a pointer in data
)

// String returns the kind in one word.
func (k RefKind) String() string {
	if int(k) < len(refKindNames) {
		return refKindNames[k]
	}
	return "unknown"
}

var refKindNames = [...]string{"branch", "call", "address", "memory", "through", "number", "table", "pointer"}

// Ref says that From refers to To, both indices into Atoms. From is -1 for
// pointers in bytes that are no atom's body: arrays of initialisers, unwind
// tables, data that nothing points at.
type Ref struct {
	From, To int32
	Kind     RefKind
}

// packRef: a place and the kind of the reference in one word.
func packRef(place uint64, k RefKind) uint64 { return place<<3 | uint64(k) }

// packTarget: a place in data and the atom that refers to it; sorts by place,
// then atom. Places beyond 2^37 (a hostile .bss) are not carved.
func packTarget(place uint64, from int32) uint64 { return place<<26 | uint64(from) }

const (
	maxPackedPlace = 1 << 37
	fromPointer    = 1<<26 - 1 // in packTarget: from data, to be found out later
)

// pointer is a word of data that holds an address.
type pointer struct {
	where  uint64 // place
	target uint64 // place, noPlace for imports
	symbol int32  // of an undefined symbol: index into Symbols; -1 else
	entry  uint64 // file offset of its relocation entry
	size   uint8  // bytes of that entry
	code   bool   // where is code: a static relocation of a relocatable object
	pc     bool   // of a relocatable object: counts from a place, see objects.go
}

// readRelocs fills c.pointers.
func (c *collector) readRelocs() {
	p, f := c.p, c.p.File
	relocatable := f.Kind == objfile.Relocatable || f.Kind == objfile.KernelModule
	var base *objfile.Symbol
	if symbols, _ := f.Symbols(); len(symbols) > 0 {
		base = &symbols[0]
	}
	for r, err := range f.EachReloc() {
		if err != nil {
			p.warn("relocations left out: %v", err)
			break
		}
		x := pointer{entry: r.Entry, size: r.EntrySize, symbol: -1, target: noPlace}
		var ok bool
		static := r.Section >= 0
		if relocatable && static {
			x.where, ok = p.Space.SectionPlace(f, r.Section, r.Addr)
			x.code = ok && f.Sections[r.Section].Exec
			x.pc = pcBias(f, r) != 0
		} else {
			x.where, ok = p.Space.AddrToPlace(r.Addr)
		}
		if !ok {
			x.where = noPlace
		}
		if s := f.RelocSymbol(r); s != nil {
			if s.Undefined {
				x.symbol = positionOf(base, s)
			} else if place, ok := p.symbolPlace(s); ok {
				bias := int64(0)
				if x.code || !relocatable {
					bias = pcBias(f, r)
				}
				x.target = p.shift(place, r.Addend+bias)
			}
		} else if r.Relative || isIRelative(f, r) {
			if place, ok := p.Space.AddrToPlace(uint64(r.Addend)); ok {
				x.target = place
			}
		}
		// What the linker kept (--emit-relocs) says no more than code and data
		// do, but of unwind tables too, whose pointers keep nothing alive; and
		// debug information refers to everything. Both are charged, not followed.
		if static && (!relocatable || !f.Sections[r.Section].Alloc) {
			c.kept = append(c.kept, x)
			continue
		}
		c.pointers = append(c.pointers, x)
	}
}

// positionOf is the index of s in the slice that begins with base.
func positionOf(base, s *objfile.Symbol) int32 {
	return int32((uintptr(unsafe.Pointer(s)) - uintptr(unsafe.Pointer(base))) / unsafe.Sizeof(*s))
}

// isIRelative: the place gets what the function at Addend returns, so the
// place refers to that function (ELF psABIs; R_*_IRELATIVE).
func isIRelative(f *objfile.File, r *objfile.Reloc) bool {
	irelative := f.CPU.Types(f.Bits == 64).IRelative
	return irelative != 0 && r.Type == irelative && f.Format == objfile.ELF
}

// shift moves a place by a signed distance, staying inside.
func (p *Program) shift(place uint64, by int64) uint64 {
	moved := place + uint64(by)
	if moved >= p.Space.Total {
		return noPlace
	}
	return moved
}

// pcBias: a field that counts from its own end has -4 in its addend.
func pcBias(f *objfile.File, r *objfile.Reloc) int64 {
	if r.Section >= 0 && f.Format == objfile.ELF && slices.Contains(f.CPU.Relocations.FromEnd, r.Type) {
		return 4
	}
	return 0
}

// fixedAddresses says whether words that equal an address may be pointers
// although no relocation says so.
func fixedAddresses(f *objfile.File) bool {
	return f.Kind == objfile.Executable && (f.Format == objfile.ELF || f.Format == objfile.PE)
}

// imageRange is the range of addresses that anything is loaded at.
func (p *Program) imageRange() (low, high uint64) {
	for i, s := range p.Space.byAddr {
		if i == 0 {
			low = s.addr
		}
		high = max(high, s.addr+s.size)
	}
	return low, high
}

// chunk is what one worker found in a run of atoms.
type chunk struct {
	first, last int      // atoms
	flags       Flags    // only of atoms with these
	entries     []uint64 // places in gaps that code leads to
	runs        []uint64
	counts      []uint32
	incoming    []uint64
	tables      []uint64
	decoded     uint64
	unknown     uint64
	skipped     []int32
}

const chunkBytes = 256 << 10

// decode fills c.incoming and, for the graph, c.starts and c.targets.
func (c *collector) decode() {
	p, f := c.p, c.p.File
	if f.CPU.Decoder == nil || f.Kind == objfile.Relocatable || f.Kind == objfile.KernelModule || f.Kind == objfile.DebugFile {
		if f.Kind != objfile.Relocatable && f.Kind != objfile.KernelModule && f.Format != objfile.Wasm && f.Kind != objfile.DebugFile && len(p.Atoms) > 0 {
			p.warn("machine code of %s is not decoded: data without a symbol keeps its section's name", f.Arch)
		}
		c.starts = make([]int32, len(p.Atoms)+1)
		switch {
		case f.Wasm != nil:
			c.joinWasmReferences()
		case f.Kind == objfile.Relocatable || f.Kind == objfile.KernelModule:
			c.readObjectCode()
		}
		return
	}
	only := Flags(0)
	if c.decoded != nil { // then inferred code is what is left
		only = Inferred
	}
	chunks := c.decodeAtoms(only, nil)
	if c.fault != nil {
		return
	}
	c.join(c.decoded, chunks)
	c.decoded, c.renumbered = nil, nil
}

// decodeAtoms decodes the code of all atoms with the flags, on all processors.
// Places in gaps that it leads to are told apart.
func (c *collector) decodeAtoms(only Flags, gaps codeGap) []*chunk {
	p, f := c.p, c.p.File
	if c.o.Bodies && p.Bodies == nil {
		p.Bodies = make([]uint64, len(p.Atoms))
	}
	var chunks []*chunk
	for i := 0; i < len(p.Atoms); {
		ch := &chunk{first: i, flags: only}
		bytes := uint64(0)
		for i < len(p.Atoms) && bytes < chunkBytes {
			if p.Atoms[i].Kind == Code && p.Atoms[i].Flags&only == only {
				bytes += p.Atoms[i].Size()
			}
			i++
		}
		ch.last = i
		if bytes > 0 {
			chunks = append(chunks, ch)
		}
	}
	next := make(chan *chunk, len(chunks))
	for _, ch := range chunks {
		next <- ch
	}
	close(next)
	low, high := uint64(0), uint64(0)
	if fixedAddresses(f) {
		low, high = p.imageRange()
	}
	gp := p.globalPointer()
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			w := decoder{c: c, low: low, high: high, gp: gp, gaps: gaps}
			c.guarded(func() {
				for ch := range next {
					w.run(ch)
				}
			})
		})
	}
	workers.Wait()
	return chunks
}

// globalPointer is where linkers say that RISC-V's gp points (ELF psABI,
// "Global pointer"); 0 where nobody says.
func (p *Program) globalPointer() uint64 {
	for i := range p.Symbols {
		if p.Symbols[i].Name == "__global_pointer$" {
			return p.Symbols[i].Addr
		}
	}
	return 0
}

// bodySeed is one for all workers and passes: equal code has one hash.
var bodySeed = sync.OnceValue(maphash.MakeSeed)

// decoder is one worker's state.
type decoder struct {
	c         *collector
	low, high uint64
	gp        uint64
	gaps      codeGap
	refs      []machinecode.Ref
	found     []uint64
	code      []byte
}

func (w *decoder) run(ch *chunk) {
	c, p := w.c, w.c.p
	f := p.File
	if c.o.References {
		ch.counts = make([]uint32, ch.last-ch.first)
	}
	for i := ch.first; i < ch.last; i++ {
		a := &p.Atoms[i]
		if a.Kind != Code || a.Flags&ch.flags != ch.flags || a.End > p.Space.File || a.Size() > 1<<31 {
			continue
		}
		rq := machinecode.Request{Code: f.Data[a.Start:a.End], Addr: a.Addr, AbsoluteLow: w.low, AbsoluteHigh: w.high, Narrow: f.Bits == 32, GlobalPointer: w.gp}
		refs, stats := f.CPU.Decode(&rq, w.refs[:0])
		w.refs = refs
		ch.decoded += a.Size()
		ch.unknown += uint64(stats.Skipped)
		if stats.Skipped > 0 {
			ch.skipped = append(ch.skipped, int32(i))
		}
		w.found = w.found[:0]
		for _, r := range refs {
			place, ok := p.Space.AddrToPlace(r.Target)
			if !ok {
				continue
			}
			if w.gaps != nil && isEntry(r.Kind) && w.gaps.holds(place) {
				ch.entries = append(ch.entries, place)
			}
			if place >= maxPackedPlace {
				continue
			}
			if r.Kind == machinecode.Table {
				ch.tables = append(ch.tables, place)
			}
			if !c.o.References && (r.Kind == machinecode.Branch || r.Kind == machinecode.Call) {
				continue
			}
			w.found = append(w.found, packRef(place, RefKind(r.Kind)))
		}
		slices.Sort(w.found)
		w.found = slices.Compact(w.found)
		last := uint64(noPlace)
		for _, x := range w.found {
			if place := x >> 3; place != last {
				last = place
				if kind := RefKind(x & 7); kind != RefBranch && kind != RefCall {
					ch.incoming = append(ch.incoming, packTarget(place, int32(i)))
				}
			}
		}
		if c.o.References {
			ch.runs = append(ch.runs, w.found...)
			ch.counts[i-ch.first] = uint32(len(w.found))
		}
		if p.Bodies != nil {
			p.Bodies[i] = w.hash(&rq, refs)
		}
	}
	if c.o.Forget != nil && ch.first < ch.last {
		from, to := p.Atoms[ch.first].Start, min(p.Atoms[ch.last-1].End, p.Space.File)
		if from < to && ch.decoded*2 > to-from {
			c.o.Forget(f.Data[from:to])
		}
	}
}

// isEntry says whether a reference leads to where code begins, one that stays in
// its function aside.
func isEntry(k machinecode.Kind) bool {
	return k == machinecode.Call || k == machinecode.Branch || k == machinecode.Address || k == machinecode.Absolute
}

// hash is equal for two functions that do the same at different addresses:
// what depends on the place of an instruction is left out, and what it refers
// to is put in.
func (w *decoder) hash(rq *machinecode.Request, refs []machinecode.Ref) uint64 {
	w.code = append(w.code[:0], rq.Code...)
	w.c.p.File.CPU.Blank(w.code, rq.Addr, refs)
	var h maphash.Hash
	h.SetSeed(bodySeed())
	var word [8]byte
	for _, r := range refs {
		binary.LittleEndian.PutUint64(word[:], r.Target)
		h.Write(word[:])
	}
	h.Write(w.code)
	return max(h.Sum64(), 1)
}

// join puts the chunks together in the order of atoms: early ones, whose atoms
// have new numbers since, and late ones.
func (c *collector) join(early, late []*chunk) {
	p := c.p
	if c.renumbered != nil {
		for _, ch := range early {
			for k, x := range ch.incoming {
				ch.incoming[k] = packTarget(x>>26, c.renumbered[x&fromPointer])
			}
		}
	}
	number := func(ch *chunk, i int) int32 {
		if ch.flags == 0 && c.renumbered != nil {
			return c.renumbered[i]
		}
		return int32(i)
	}
	chunks := append(early, late...)
	n, t := 0, 0
	c.starts = make([]int32, len(p.Atoms)+1)
	for _, ch := range chunks {
		n, t = n+len(ch.incoming), t+len(ch.tables)
		for i, count := range ch.counts {
			c.starts[number(ch, ch.first+i)+1] += int32(count)
		}
	}
	for i := range p.Atoms {
		c.starts[i+1] += c.starts[i]
	}
	c.incoming = make([]uint64, 0, n+len(c.pointers))
	c.targets = make([]uint64, c.starts[len(p.Atoms)])
	tables := make([]uint64, 0, t)
	for _, ch := range chunks {
		c.incoming = append(c.incoming, ch.incoming...)
		tables = append(tables, ch.tables...)
		p.Decoded += ch.decoded
		p.Unknown += ch.unknown
		for _, i := range ch.skipped {
			p.Atoms[number(ch, int(i))].Flags |= Skipped
		}
		for i, count := range ch.counts {
			copy(c.targets[c.starts[number(ch, ch.first+i)]:], ch.runs[:count])
			ch.runs = ch.runs[count:]
		}
		*ch = chunk{}
	}
	c.addPointers(tables)
}

// addPointers adds what data points at to c.incoming: relocated words, words
// of fixed-address files, and entries of relative tables.
func (c *collector) addPointers(tables []uint64) {
	p, f := c.p, c.p.File
	for _, x := range c.pointers {
		if x.target < maxPackedPlace {
			c.incoming = append(c.incoming, packTarget(x.target, fromPointer))
		}
	}
	sortParallel(c.incoming)
	if len(tables) == 0 {
		return
	}
	slices.Sort(tables)
	tables = slices.Compact(tables)
	var more []uint64
	for _, table := range tables {
		base, ok := p.Space.PlaceToAddr(table)
		if !ok {
			continue
		}
		end, kind := p.limit(table)
		if kind != ReadOnly && kind != Data {
			continue
		}
		if i, _ := slices.BinarySearch(c.incoming, packTarget(table+1, 0)); i < len(c.incoming) {
			end = min(end, c.incoming[i]>>26)
		}
		for at := table; at+4 <= min(end, p.Space.File); at += 4 {
			target, ok := p.Space.AddrToPlace(base + uint64(int64(int32(f.Order.Uint32(f.Data[at:])))))
			if !ok {
				break
			}
			if _, kind := p.limit(target); kind != Code && kind != ReadOnly && kind != Data && kind != String {
				break
			}
			c.pointers = append(c.pointers, pointer{where: at, target: target, symbol: -1})
			if target < maxPackedPlace {
				more = append(more, packTarget(target, fromPointer))
			}
		}
	}
	c.incoming = append(c.incoming, more...)
	sortParallel(c.incoming)
}

// sortParallel sorts halves on two processors and merges them in place of a
// third, smaller copy.
func sortParallel(list []uint64) {
	if len(list) < 1<<14 || slices.IsSorted(list) {
		slices.Sort(list)
		return
	}
	half := len(list) / 2
	var workers sync.WaitGroup
	workers.Go(func() { slices.Sort(list[:half]) })
	slices.Sort(list[half:])
	workers.Wait()
	low := slices.Clone(list[:half])
	i, j, k := 0, half, 0
	for i < len(low) {
		if j < len(list) && list[j] < low[i] {
			list[k] = list[j]
			j++
		} else {
			list[k] = low[i]
			i++
		}
		k++
	}
}

// scanWords looks for addresses in the data of a file that is loaded at fixed
// addresses: nothing else says where its pointers are.
func (c *collector) scanWords() {
	p, f := c.p, c.p.File
	low, high := p.imageRange()
	width := uint64(f.Bits / 8)
	if width == 0 {
		return
	}
	for i := range p.sections.Starts {
		start, end := p.sections.Starts[i], min(p.sections.End(i), p.Space.File)
		switch p.sectionKind(p.sections.Labels[i]) {
		case ReadOnly, Data, Vtable:
		default:
			continue
		}
		if _, loaded := p.Space.PlaceToAddr(start); !loaded {
			continue
		}
		for at := (start + width - 1) &^ (width - 1); at+width <= end; at += width {
			var value uint64
			if width == 8 {
				value = f.Order.Uint64(f.Data[at:])
			} else {
				value = uint64(f.Order.Uint32(f.Data[at:]))
			}
			if value < low || value >= high {
				continue
			}
			if place, ok := p.Space.AddrToPlace(value); ok {
				c.pointers = append(c.pointers, pointer{where: at, target: place, symbol: -1})
			}
		}
	}
}

// resolveRefs turns places into atoms, for the graph.
func (c *collector) resolveRefs() {
	p := c.p
	refs := make([]Ref, 0, len(c.targets)+len(c.pointers))
	add := func(from int32, place uint64, kind RefKind) {
		to := p.AtomAt(place)
		if to < 0 {
			to = p.slotOwner(place)
		}
		if to >= 0 && to != from {
			refs = append(refs, Ref{from, to, kind})
		}
	}
	for i := range p.Atoms {
		if i+1 >= len(c.starts) {
			break
		}
		for _, x := range c.targets[c.starts[i]:c.starts[i+1]] {
			add(int32(i), x>>3, RefKind(x&7))
		}
	}
	for _, x := range c.pointers {
		if x.where == noPlace {
			continue
		}
		from := p.AtomAt(x.where)
		if from < 0 {
			label := p.pieces.At(x.where, 0)
			switch pieceKind(label) {
			case Linkage:
				continue // a slot: who uses it refers to what it holds
			case Exception:
				from = pieceAtom(label) // the types that it catches
			case Unwind:
				if !c.isPersonality(&x, pieceAtom(label)) {
					continue
				}
			}
		}
		kind := RefPointer
		if x.code {
			kind = RefAddress
		}
		switch {
		case x.symbol >= 0:
			if to := c.symbolAtom[x.symbol]; to >= 0 && to != from {
				refs = append(refs, Ref{from, to, kind})
			}
		case x.target != noPlace:
			target := x.target
			if x.pc && !x.code {
				target = c.tableTarget(&x)
			}
			add(from, target, kind)
		}
	}
	for _, place := range c.personalities {
		add(-1, place, RefPointer)
	}
	slices.SortFunc(refs, func(a, b Ref) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Kind, b.Kind))
	})
	refs = slices.CompactFunc(refs, func(a, b Ref) bool { return a.From == b.From && a.To == b.To })
	p.Refs = refs
	c.targets, c.starts = nil, nil
}

// AtomOrSlot is AtomAtAddr, and for a PLT stub or GOT slot whose it is.
func (p *Program) AtomOrSlot(addr uint64) int32 {
	place, ok := p.Space.AddrToPlace(addr)
	if !ok {
		return -1
	}
	if atom := p.AtomAt(place); atom >= 0 {
		return atom
	}
	return p.slotOwner(place)
}

// slotOwner is who owns a PLT stub or GOT slot, -1 for nobody.
func (p *Program) slotOwner(place uint64) int32 {
	label := p.pieces.At(place, 0)
	if pieceKind(label) == Linkage {
		return pieceAtom(label)
	}
	return -1
}
