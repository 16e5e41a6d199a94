package attrib

// Code that no table names: programs built without unwind tables and stripped
// (busybox, kernels, firmware), and the assembly that starts any program.
//
// Such code stands in gaps between known functions. It begins where something
// calls it, takes its address, or points at it, so the gaps are decoded once
// to find these places and cut there. A function that nothing refers to stays
// part of the one before it: its references then seem to be that one's, which
// keeps too much alive rather than too little. Only where the gaps are large
// are the known functions decoded for calls into them as well, which costs
// their decoding twice.

import (
	"slices"

	"github.com/minsize/minsize/internal/machinecode"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/rangemap"
)

// largeGaps is from how many unnamed bytes of code on it is worth while to
// look for calls from everywhere.
const largeGaps = 16 << 10

// inferCode adds atoms for unnamed code. Indices change here.
func (c *collector) inferCode() {
	p, f := c.p, c.p.File
	if f.CPU.Decoder == nil || f.Kind == objfile.Relocatable || f.Kind == objfile.KernelModule || f.Kind == objfile.DebugFile {
		return
	}
	gaps, total := c.codeGaps()
	if len(gaps) == 0 {
		return
	}
	inGap := func(place uint64) bool {
		i, found := slices.BinarySearchFunc(gaps, place, func(g rangemap.Range, place uint64) int {
			switch {
			case g.End <= place:
				return -1
			case g.Start > place:
				return 1
			}
			return 0
		})
		return found && i >= 0
	}
	var starts []uint64
	add := func(place uint64) {
		if inGap(place) {
			starts = append(starts, place)
		}
	}
	if place, ok := p.Space.AddrToPlace(f.Entry); ok {
		add(place)
	}
	for _, x := range c.pointers {
		if x.target != noPlace {
			add(x.target)
		}
	}
	low, high := uint64(0), uint64(0)
	if fixedAddresses(f) {
		low, high = p.imageRange()
	}
	var refs []machinecode.Ref
	look := func(start, end uint64) {
		addr, ok := p.Space.PlaceToAddr(start)
		if !ok || end > p.Space.File || end-start > 1<<31 {
			return
		}
		rq := machinecode.Request{Code: f.Data[start:end], Addr: addr, AbsoluteLow: low, AbsoluteHigh: high, Inside: true}
		refs, _ = f.CPU.Decode(&rq, refs[:0])
		for _, r := range refs {
			switch r.Kind {
			case machinecode.Call, machinecode.Address, machinecode.Absolute:
				if place, ok := p.Space.AddrToPlace(r.Target); ok {
					add(place)
				}
			case machinecode.Branch: // a tail call, when it leaves the gap
				if place, ok := p.Space.AddrToPlace(r.Target); ok && (place < start || place >= end) {
					add(place)
				}
			}
		}
	}
	for _, g := range gaps {
		starts = append(starts, g.Start)
		look(g.Start, g.End)
	}
	if total >= largeGaps {
		for i := range p.Atoms {
			if a := &p.Atoms[i]; a.Kind == Code {
				look(a.Start, a.End)
			}
		}
	}
	slices.Sort(starts)
	starts = slices.Compact(starts)
	var found []Atom
	g := 0
	for i, start := range starts {
		for gaps[g].End <= start {
			g++
		}
		end := gaps[g].End
		if i+1 < len(starts) {
			end = min(end, starts[i+1])
		}
		if isFiller(f.CPU, f.Data[start:end], Code) {
			continue
		}
		a := Atom{Start: start, End: end, Symbol: -1, Text: -1, Referrer: -1, Flags: Inferred}
		p.placeAtom(&a)
		found = append(found, a)
	}
	c.insert(found)
}

// codeGaps lists the runs of code sections that no atom has and that hold more
// than filler, and their bytes.
func (c *collector) codeGaps() (gaps []rangemap.Range, total uint64) {
	p := c.p
	b := rangemap.NewBuilder(p.Space.Total)
	b.Layer(c.bodyRanges())
	for _, g := range b.Gaps() {
		for i := p.sections.Find(g.Start); i >= 0 && i < p.sections.Len() && p.sections.Starts[i] < g.End; i++ {
			start, end := max(g.Start, p.sections.Starts[i]), min(g.End, p.sections.End(i), p.Space.File)
			if start >= end || p.sectionKind(p.sections.Labels[i]) != Code || isFiller(p.File.CPU, p.File.Data[start:end], Code) {
				continue
			}
			if _, loaded := p.Space.PlaceToAddr(start); !loaded {
				continue
			}
			gaps = append(gaps, rangemap.Range{Start: start, End: end})
			total += end - start
		}
	}
	return gaps, total
}
