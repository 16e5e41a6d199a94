package attrib

// Code that no table names: programs built without unwind tables and stripped
// (busybox, kernels, firmware), and the assembly that starts any program.
//
// Such code stands in gaps between known functions. It begins where something
// calls it, takes its address, or points at it, so the gaps are decoded once
// to find these places and cut there. A function that nothing refers to stays
// part of the one before it: its references then seem to be that one's, which
// keeps too much alive rather than too little. Only where the gaps are large
// are the known functions decoded before that, for calls into them.

import (
	"slices"

	"github.com/minsize/minsize/internal/machinecode"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/rangemap"
)

// largeGaps is from how many unnamed bytes of code on it is worth while to
// look for calls from everywhere.
const largeGaps = 16 << 10

// codeGap is unnamed code, in the order of places.
type codeGap []rangemap.Range

// holds says whether a place is in a gap.
func (gaps codeGap) holds(place uint64) bool {
	lo, hi := 0, len(gaps)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if gaps[mid].End <= place {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo < len(gaps) && gaps[lo].Start <= place
}

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
	var starts []uint64
	add := func(place uint64) {
		if gaps.holds(place) {
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
	look := func(start, end uint64) { // a gap may be a whole program
		addr, ok := p.Space.PlaceToAddr(start)
		if !ok || end > p.Space.File || end-start > 1<<31 {
			return
		}
		leads := func(refs []machinecode.Ref) {
			for _, r := range refs {
				if !isEntry(r.Kind) {
					continue
				}
				place, ok := p.Space.AddrToPlace(r.Target)
				if ok && (r.Kind != machinecode.Branch || place < start || place >= end) { // a tail call, when it leaves the gap
					add(place)
				}
			}
		}
		rq := machinecode.Request{Code: f.Data[start:end], Addr: addr, AbsoluteLow: low, AbsoluteHigh: high, Inside: true, Sink: leads, Narrow: f.Bits == 32, GlobalPointer: p.globalPointer()}
		refs, _ := f.CPU.Decode(&rq, nil)
		leads(refs)
	}
	for _, g := range gaps {
		starts = append(starts, g.Start)
		look(g.Start, g.End)
	}
	if total >= largeGaps {
		c.decoded = c.decodeAtoms(0, gaps)
		for _, ch := range c.decoded {
			starts = append(starts, ch.entries...)
			ch.entries = nil
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
	if number := c.insert(found); c.decoded != nil {
		c.renumbered = number
	}
}

// codeGaps lists the runs of code sections that no atom has and that hold more
// than filler, and their bytes.
func (c *collector) codeGaps() (gaps codeGap, total uint64) {
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
