// Package rangemap holds the core idea of size attribution alone: a partition
// of [0, Total) in which every byte has exactly one label.
//
// What is hard: the sources that name bytes (symbols, unwind tables,
// relocations, sections) overlap, contradict each other, and leave holes; and
// whoever adds sizes up byte range by byte range counts some bytes twice and
// forgets others. Chosen: layers, strong to weak. A layer is a batch of
// ranges of one source; it may claim only what stronger layers left, so a
// byte's label never changes once it is given, and the order of the sources
// is the whole policy. Gaps get one last label. What comes out is two sorted
// arrays, which are small, fast to walk together with others, and which
// cannot express an overlap.
//
// Rejected: a balanced tree of ranges with labels as strings (bloaty's
// RangeMap): it takes six times the memory and most of the time on a file
// with a million ranges.
package rangemap

import (
	"fmt"
	"slices"
	"sort"
)

// Range is [Start, End) with its label; labels mean what the caller says.
type Range struct {
	Start, End uint64
	Label      int32
}

// Map is a partition of [0, Total): range i is [Starts[i], Starts[i+1]) (the
// last one ends at Total) and has Labels[i]. Neighbours have different labels.
// The zero Map is the partition of nothing.
type Map struct {
	Starts []uint64
	Labels []int32
	Total  uint64
}

// Builder collects layers, the strongest first.
type Builder struct {
	total uint64
	done  []Range // sorted, disjoint, never empty ranges
}

// NewBuilder starts a partition of [0, total).
func NewBuilder(total uint64) *Builder { return &Builder{total: total} }

// Layer claims for ranges what no earlier layer has. The slice is sorted in
// place and may be reused by the caller afterwards. Inside one layer the range
// that starts first keeps its bytes; of those that start together the one that
// came first. Empty ranges, and what lies beyond total, claim nothing.
func (b *Builder) Layer(ranges []Range) {
	if len(ranges) == 0 {
		return
	}
	if !slices.IsSortedFunc(ranges, byStart) {
		slices.SortStableFunc(ranges, byStart)
	}
	if len(b.done) == 0 {
		b.done = flatten(make([]Range, 0, len(ranges)), ranges, b.total)
		return
	}
	merged := make([]Range, 0, len(b.done)+len(ranges))
	next := 0       // of ranges
	at := uint64(0) // everything below is decided
	for i := 0; i <= len(b.done); i++ {
		gapEnd := b.total
		if i < len(b.done) {
			gapEnd = b.done[i].Start
		}
		for next < len(ranges) && ranges[next].Start < gapEnd {
			r := ranges[next]
			start, end := max(r.Start, at), min(r.End, gapEnd)
			if start < end {
				merged = append(merged, Range{start, end, r.Label})
				at = end
			}
			if r.End > gapEnd {
				break // its tail may reach into the gap behind
			}
			next++
		}
		if i < len(b.done) {
			merged = append(merged, b.done[i])
			at = b.done[i].End
			for next < len(ranges) && ranges[next].End <= at {
				next++
			}
		}
	}
	b.done = merged
}

func byStart(a, b Range) int {
	switch {
	case a.Start < b.Start:
		return -1
	case a.Start > b.Start:
		return 1
	}
	return 0
}

// flatten appends sorted ranges to out with the overlaps cut off.
func flatten(out, ranges []Range, total uint64) []Range {
	at := uint64(0)
	for _, r := range ranges {
		start, end := max(r.Start, at), min(r.End, total)
		if start < end {
			out = append(out, Range{start, end, r.Label})
			at = end
		}
	}
	return out
}

// Gaps returns what no layer claimed so far, in order.
func (b *Builder) Gaps() []Range {
	n := 1
	for i := 1; i < len(b.done); i++ {
		if b.done[i].Start > b.done[i-1].End {
			n++
		}
	}
	gaps := make([]Range, 0, n+1)
	at := uint64(0)
	for _, r := range b.done {
		if r.Start > at {
			gaps = append(gaps, Range{Start: at, End: r.Start})
		}
		at = r.End
	}
	if at < b.total {
		gaps = append(gaps, Range{Start: at, End: b.total})
	}
	return gaps
}

// Finish gives the gaps the label rest and returns the partition. The Builder
// is used up.
func (b *Builder) Finish(rest int32) *Map {
	m := &Map{Total: b.total}
	m.Starts = make([]uint64, 0, len(b.done)+1)
	m.Labels = make([]int32, 0, len(b.done)+1)
	put := func(start uint64, label int32) {
		if n := len(m.Labels); n > 0 && m.Labels[n-1] == label {
			return
		}
		m.Starts = append(m.Starts, start)
		m.Labels = append(m.Labels, label)
	}
	at := uint64(0)
	for _, r := range b.done {
		if r.Start > at {
			put(at, rest)
		}
		put(r.Start, r.Label)
		at = r.End
	}
	if at < b.total {
		put(at, rest)
	}
	b.done = nil
	return m
}

// Len is the number of ranges.
func (m *Map) Len() int { return len(m.Starts) }

// End is where range i ends.
func (m *Map) End(i int) uint64 {
	if i+1 < len(m.Starts) {
		return m.Starts[i+1]
	}
	return m.Total
}

// Find returns the index of the range that holds place, -1 beyond Total.
func (m *Map) Find(place uint64) int {
	if place >= m.Total {
		return -1
	}
	return sort.Search(len(m.Starts), func(i int) bool { return m.Starts[i] > place }) - 1
}

// At returns the label of place, or none beyond Total.
func (m *Map) At(place uint64, none int32) int32 {
	if i := m.Find(place); i >= 0 {
		return m.Labels[i]
	}
	return none
}

// Check says what is wrong with m as a partition; nil for nothing.
func (m *Map) Check() error {
	if len(m.Starts) != len(m.Labels) {
		return fmt.Errorf("%d starts but %d labels", len(m.Starts), len(m.Labels))
	}
	if m.Total == 0 {
		if len(m.Starts) != 0 {
			return fmt.Errorf("%d ranges in nothing", len(m.Starts))
		}
		return nil
	}
	if len(m.Starts) == 0 || m.Starts[0] != 0 {
		return fmt.Errorf("the first range does not start at 0")
	}
	for i := range m.Starts {
		if m.Starts[i] >= m.End(i) {
			return fmt.Errorf("range %d is [%#x, %#x)", i, m.Starts[i], m.End(i))
		}
	}
	return nil
}

// Walk visits the common refinement of maps, which must have one Total: every
// longest range on which no map changes its label, in order, with the labels
// in the order of maps. The labels' slice is reused between visits.
func Walk(maps []*Map, visit func(start, end uint64, labels []int32)) error {
	if len(maps) == 0 {
		return nil
	}
	total := maps[0].Total
	for _, m := range maps {
		if m.Total != total {
			return fmt.Errorf("partitions of %d and %d bytes", total, m.Total)
		}
	}
	index := make([]int, len(maps))
	labels := make([]int32, len(maps))
	for at := uint64(0); at < total; {
		end := total
		for i, m := range maps {
			labels[i] = m.Labels[index[i]]
			end = min(end, m.End(index[i]))
		}
		visit(at, end, labels)
		for i, m := range maps {
			if m.End(index[i]) == end {
				index[i]++
			}
		}
		at = end
	}
	return nil
}
