package attrib

// Bytes of a bare machine's memories: a place may count in two, where it is
// loaded and where it runs, so a set of regions is the label.

import (
	"math/bits"
	"slices"

	"github.com/minsize/minsize/internal/rangemap"
	"github.com/minsize/minsize/internal/region"
)

// regionSets labels each place with the regions that it takes room in, a bit
// for each of list.
func (p *Program) regionSets(list []region.Region) *rangemap.Map {
	type edge struct {
		at  uint64
		bit int
		by  int // +1 where the region begins, -1 where it ends
	}
	var edges []edge
	claim := func(bit int, place, size uint64) {
		if place < p.Space.Total {
			edges = append(edges, edge{place, bit, 1}, edge{min(place+size, p.Space.Total), bit, -1})
		}
	}
	for bit, r := range list {
		for _, s := range p.Space.byAddr {
			from, to := r.Part(s.addr, s.size)
			claim(bit, s.place+(from-s.addr), to-from)
		}
		for _, g := range p.File.Segments {
			if n := min(g.FileSize, g.MemSize); g.Load && g.LoadAddr+n > g.LoadAddr {
				from, to := r.Part(g.LoadAddr, n)
				claim(bit, g.Offset+(from-g.LoadAddr), to-from)
			}
		}
	}
	slices.SortFunc(edges, func(a, b edge) int {
		if a.at < b.at {
			return -1
		}
		return min(int(a.at-b.at), 1)
	})
	b := rangemap.NewBuilder(p.Space.Total)
	var ranges []rangemap.Range
	depth := make([]int, len(list))
	set, last := int32(0), uint64(0)
	for _, e := range edges {
		if set != 0 && e.at > last {
			ranges = append(ranges, rangemap.Range{Start: last, End: e.at, Label: set})
		}
		depth[e.bit] += e.by
		set &^= 1 << e.bit
		if depth[e.bit] > 0 {
			set |= 1 << e.bit
		}
		last = e.at
	}
	b.Layer(ranges)
	return b.Finish(0)
}

// regionSums are the bytes of each node in each region: columns beside file
// and memory, which do not add up to anything but themselves.
type regionSums struct {
	n    int
	sums []uint64
}

func (r *regionSums) add(node int32, set int32, size uint64) {
	if r.n == 0 || set == 0 {
		return
	}
	for len(r.sums) < (int(node)+1)*r.n {
		r.sums = append(r.sums, make([]uint64, r.n)...)
	}
	for rest := uint32(set); rest != 0; rest &= rest - 1 {
		r.sums[int(node)*r.n+bits.TrailingZeros32(rest)] += size
	}
}

// of is nil without regions.
func (r *regionSums) of(node int32) []uint64 {
	if r.n == 0 {
		return nil
	}
	sums := make([]uint64, r.n)
	if from := int(node) * r.n; from < len(r.sums) {
		copy(sums, r.sums[from:])
	}
	return sums
}
