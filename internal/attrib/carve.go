package attrib

// Carving: data without symbols is cut wherever something points.
//
// Compilers give constants, string literals, vtables and panic locations no
// symbol, or one that the linker drops; in a Rust program that is nearly all
// of .rodata and .data.rel.ro. But data that is used is pointed at, and what
// is pointed at begins there. A pointer into the middle of a table cuts it in
// two; both halves have the same owner then. Who refers to it gives the owner,
// and the name is marked as derived (brackets), for it is no symbol's.

import (
	"cmp"
	"math/bits"
	"slices"
	"sort"
	"unicode/utf8"

	"github.com/minsize/minsize/internal/rangemap"
)

// carve adds the carved atoms to p.Atoms. Indices change here, for the last time.
func (c *collector) carve() {
	p := c.p
	var carved []Atom
	b := rangemap.NewBuilder(p.Space.Total)
	b.Layer(c.bodyRanges())
	next := 0 // of c.incoming
	var gaps []rangemap.Range
	for _, g := range b.Gaps() {
		// A gap may span sections.
		for i := p.sections.Find(g.Start); i >= 0 && i < p.sections.Len() && p.sections.Starts[i] < g.End; i++ {
			gaps = append(gaps, rangemap.Range{Start: max(g.Start, p.sections.Starts[i]), End: min(g.End, p.sections.End(i)), Label: p.sections.Labels[i]})
		}
	}
	for _, g := range gaps {
		kind := p.kindAt(g.Start, g.Label)
		if t := c.goTable; t != nil && g.Start < t.place+t.size && g.End > t.place { // inside read-only data (PE): it is charged by its records
			switch {
			case g.Start < t.place:
				g.End = t.place
			case g.End > t.place+t.size:
				g.Start = t.place + t.size
			default:
				continue
			}
		}
		switch kind {
		case ReadOnly, Data, Zero, String, Vtable:
		default:
			continue
		}
		for next < len(c.incoming) && c.incoming[next]>>26 < g.Start {
			next++
		}
		for next < len(c.incoming) && c.incoming[next]>>26 < g.End {
			place := c.incoming[next] >> 26
			from := int32(c.incoming[next] & fromPointer)
			a := Atom{Start: place, Symbol: -1, Text: -1, Referrer: -1, Kind: kind, Section: max(g.Label, -1), Flags: Carved}
			if from != fromPointer {
				a.Referrer = from
			}
			next++
			for next < len(c.incoming) && c.incoming[next]>>26 == place {
				if other := int32(c.incoming[next] & fromPointer); other != a.Referrer {
					a.Flags |= Many
				}
				next++
			}
			a.End = g.End
			if next < len(c.incoming) {
				a.End = min(a.End, c.incoming[next]>>26)
			}
			carved = append(carved, a)
		}
	}
	c.referrersOfPrivate()
	c.incoming = nil
	c.insert(carved)
	c.referrersOfData()
	c.classify()
	c.findLocations()
}

func (c *collector) bodyRanges() []rangemap.Range {
	ranges := make([]rangemap.Range, len(c.p.Atoms))
	for i := range c.p.Atoms {
		ranges[i] = rangemap.Range{Start: c.p.Atoms[i].Start, End: c.p.Atoms[i].End}
	}
	return ranges
}

// referrersOfPrivate finds who refers to data whose symbol says nothing.
func (c *collector) referrersOfPrivate() {
	p := c.p
	next := 0
	for i := range p.Atoms {
		a := &p.Atoms[i]
		if a.Flags&Private == 0 {
			continue
		}
		k, _ := slices.BinarySearch(c.incoming[next:], packTarget(a.Start, 0))
		next += k
		for ; next < len(c.incoming) && c.incoming[next]>>26 < a.End; next++ {
			from := int32(c.incoming[next] & fromPointer)
			switch {
			case from == fromPointer || from == int32(i):
			case a.Referrer < 0:
				a.Referrer = from
			case a.Referrer != from:
				a.Flags |= Many
			}
		}
	}
}

// insert merges carved atoms, sorted by Start, into p.Atoms and renumbers: what
// it gives are the new numbers of the others, nil where they stay.
func (c *collector) insert(carved []Atom) []int32 {
	p := c.p
	if len(carved) == 0 {
		return nil
	}
	merged := make([]Atom, 0, len(p.Atoms)+len(carved))
	number := make([]int32, len(p.Atoms))
	i, j := 0, 0
	for i < len(p.Atoms) || j < len(carved) {
		if j == len(carved) || i < len(p.Atoms) && p.Atoms[i].Start <= carved[j].Start {
			number[i] = int32(len(merged))
			merged = append(merged, p.Atoms[i])
			i++
		} else {
			a := carved[j]
			if addr, ok := p.Space.PlaceToAddr(a.Start); ok {
				a.Addr = addr
			}
			merged = append(merged, a)
			j++
		}
	}
	for k := range merged {
		if r := merged[k].Referrer; r >= 0 {
			merged[k].Referrer = number[r]
		}
	}
	for k := range p.aliases {
		p.aliases[k].atom = number[p.aliases[k].atom]
	}
	starts := make([]int32, len(merged)+1)
	if len(c.starts) > 0 {
		at := int32(0)
		old := 0
		for k := range merged {
			starts[k] = at
			if old < len(number) && number[old] == int32(k) {
				at = c.starts[old+1]
				old++
			}
		}
		starts[len(merged)] = at
	}
	c.starts = starts
	if p.Bodies != nil {
		bodies := make([]uint64, len(merged))
		for old, k := range number {
			bodies[k] = p.Bodies[old]
		}
		p.Bodies = bodies
	}
	p.Atoms = merged
	return number
}

// referrersOfData gives carved atoms that only data points at their referrer.
func (c *collector) referrersOfData() {
	p := c.p
	slices.SortFunc(c.pointers, func(a, b pointer) int {
		return cmp.Or(cmp.Compare(a.where, b.where), cmp.Compare(a.entry, b.entry))
	})
	for _, x := range c.pointers {
		if x.target == noPlace || x.where == noPlace {
			continue
		}
		to := p.AtomAt(x.target)
		if to < 0 || p.Atoms[to].Flags&(Carved|Private) == 0 {
			continue
		}
		from := p.AtomAt(x.where)
		if from < 0 || from == to {
			continue
		}
		if p.Atoms[to].Referrer < 0 {
			p.Atoms[to].Referrer = from
		} else if p.Atoms[to].Referrer != from {
			p.Atoms[to].Flags |= Many
		}
	}
}

// classify tells text and vtables from other constants.
func (c *collector) classify() {
	p := c.p
	for i := range p.Atoms {
		a := &p.Atoms[i]
		if a.Flags&(Carved|Private) == 0 || a.Kind != ReadOnly && p.File.Wasm == nil || a.End > p.Space.File {
			continue
		}
		if c.isVtable(a) {
			a.Kind = Vtable
			p.vtables = append(p.vtables, vtable{atom: int32(i), drop: c.atomOfPointer(a.Start), method: c.atomOfPointer(a.Start + 3*uint64(p.File.Bits/8))})
		} else if IsText(p.File.Data[a.Start:a.End]) {
			a.Kind = String
		}
	}
}

// pointerAt returns the pointer whose word is at place.
func (c *collector) pointerAt(place uint64) *pointer {
	i := sort.Search(len(c.pointers), func(i int) bool { return c.pointers[i].where >= place })
	if i < len(c.pointers) && c.pointers[i].where == place {
		return &c.pointers[i]
	}
	return nil
}

// atomOfPointer is the atom that the word at place points at, -1 for none.
func (c *collector) atomOfPointer(place uint64) int32 {
	if x := c.pointerAt(place); x != nil && x.target != noPlace {
		return c.p.AtomAt(x.target)
	}
	return -1
}

// isVtable: what rustc lays out for a trait object (rustc_middle::ty::vtable):
// drop_in_place or null, size, alignment, then methods, all pointers to code.
func (c *collector) isVtable(a *Atom) bool {
	p := c.p
	width := uint64(p.File.Bits / 8)
	if width == 0 || a.Size() < 4*width || a.Start%width != 0 {
		return false
	}
	read := func(k uint64) uint64 {
		if width == 8 {
			return p.File.Order.Uint64(p.File.Data[a.Start+k*8:])
		}
		return uint64(p.File.Order.Uint32(p.File.Data[a.Start+k*4:]))
	}
	isCode := func(x *pointer) bool {
		if x.target == noPlace {
			return x.symbol >= 0
		}
		_, kind := p.limit(x.target)
		return kind == Code || kind == Linkage
	}
	if x := c.pointerAt(a.Start); x != nil && !isCode(x) || x == nil && read(0) != 0 {
		return false
	}
	if c.pointerAt(a.Start+width) != nil || c.pointerAt(a.Start+2*width) != nil {
		return false
	}
	size, align := read(1), read(2)
	if bits.OnesCount64(align) != 1 || align > 1<<29 || size%align != 0 || size > 1<<40 {
		return false
	}
	x := c.pointerAt(a.Start + 3*width)
	return x != nil && isCode(x)
}

// IsText says whether bytes are text: printable UTF-8, at least one letter's worth, zeros only at its end.
func IsText(b []byte) bool {
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	if len(b) < 2 {
		return false
	}
	for i := 0; i < len(b); {
		switch c := b[i]; {
		case c >= 0x20 && c < 0x7f, c == '\n', c == '\t', c == '\r', c == 0x1b:
			i++
		case c == 0: // C literals behind each other
			i++
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && n == 1 {
				return false
			}
			i += n
		default:
			return false
		}
	}
	return true
}
