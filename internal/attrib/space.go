package attrib

// Two domains, one coordinate.
//
// A byte of a program may exist in the file, in memory, or in both, and a
// report wants both sums exact. Two range maps side by side (bloaty's way)
// must translate every range twice and can disagree. Chosen: one line of
// *places*. Places below the file's size are file offsets; memory that no
// file byte backs (.bss) gets places behind it. A partition of the places is
// a partition of the file and of the memory image at once.

import (
	"math"
	"sort"

	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/rangemap"
)

// Space translates between virtual addresses, sections and places.
type Space struct {
	File  uint64 // places below it are file offsets
	Total uint64 // all places

	byAddr   []span   // disjoint, sorted by addr
	byPlace  []span   // the same, sorted by place
	sections []uint64 // place of each section's first byte; noPlace for none
	loaded   *rangemap.Map
	tls      uint64 // address of the TLS segment, which TLS symbols count from
}

// span is memory [addr, addr+size) at places [place, place+size).
type span struct{ addr, place, size uint64 }

const noPlace = math.MaxUint64

// maxPlaces bounds the zero-filled memory that a file may claim: a header of
// a few bytes may claim 2^63 of them, and sums must not overflow.
const maxPlaces = 1 << 60

// newSpace lays the places out. From here they are fixed.
func newSpace(f *objfile.File) *Space {
	s := &Space{File: f.Size, Total: f.Size}
	s.mapSegments(f)
	s.placeSections(f)
	sort.Slice(s.byAddr, func(i, j int) bool { return s.byAddr[i].addr < s.byAddr[j].addr })
	s.byPlace = append([]span(nil), s.byAddr...)
	sort.Slice(s.byPlace, func(i, j int) bool { return s.byPlace[i].place < s.byPlace[j].place })
	s.mapLoaded(f)
	for _, g := range f.Segments {
		if g.Type == "PT_TLS" {
			s.tls = g.Addr
		}
	}
	return s
}

// mapSegments gives every loaded byte of memory its place. Where segments
// overlap in memory the last one wins, as it does when a loader maps them in
// order; where two map the same file bytes, the first has them and the other
// one's memory gets places of its own.
func (s *Space) mapSegments(f *objfile.File) {
	memory := rangemap.NewBuilder(math.MaxUint64)
	for i := len(f.Segments) - 1; i >= 0; i-- {
		g := &f.Segments[i]
		reserved := g.FileSize == 0 && !g.Read && !g.Write && !g.Exec // __PAGEZERO: addresses, no memory
		if g.Load && g.MemSize > 0 && !reserved {
			memory.Layer([]rangemap.Range{{Start: g.Addr, End: g.Addr + min(g.MemSize, math.MaxUint64-g.Addr), Label: int32(i)}})
		}
	}
	m := memory.Finish(-1)
	type part struct{ addr, offset, size uint64 }
	var parts []part
	for i := range m.Starts {
		if m.Labels[i] < 0 {
			continue
		}
		g := &f.Segments[m.Labels[i]]
		start, end := m.Starts[i], m.End(i)
		backed := min(end, g.Addr+min(g.FileSize, g.MemSize))
		if g.Offset <= s.File {
			backed = min(backed, g.Addr+min(s.File-g.Offset, g.MemSize))
		} else {
			backed = start
		}
		if start < backed {
			parts = append(parts, part{start, g.Offset + (start - g.Addr), backed - start})
			start = backed
		}
		if start < end {
			s.addMemory(start, end-start)
		}
	}
	ranges := make([]rangemap.Range, len(parts))
	for i, p := range parts {
		ranges[i] = rangemap.Range{Start: p.offset, End: p.offset + p.size, Label: int32(i)}
	}
	file := rangemap.NewBuilder(s.File)
	file.Layer(ranges)
	owned := file.Finish(-1)
	done := make([]uint64, len(parts)) // of each part, up to this size all is placed
	for i := range owned.Starts {
		k := owned.Labels[i]
		if k < 0 {
			continue
		}
		p := parts[k]
		rel := owned.Starts[i] - p.offset
		if rel > done[k] {
			s.addMemory(p.addr+done[k], rel-done[k])
		}
		n := owned.End(i) - owned.Starts[i]
		s.byAddr = append(s.byAddr, span{p.addr + rel, owned.Starts[i], n})
		done[k] = rel + n
	}
	for k, p := range parts {
		if done[k] < p.size {
			s.addMemory(p.addr+done[k], p.size-done[k])
		}
	}
}

func (s *Space) addMemory(addr, size uint64) {
	size = min(size, maxPlaces-min(s.Total, maxPlaces))
	if size == 0 {
		return
	}
	s.byAddr = append(s.byAddr, span{addr, s.Total, size})
	s.Total += size
}

// placeSections finds where each section is; those of relocatable objects
// without bytes get places of their own.
func (s *Space) placeSections(f *objfile.File) {
	s.sections = make([]uint64, len(f.Sections))
	sort.Slice(s.byAddr, func(i, j int) bool { return s.byAddr[i].addr < s.byAddr[j].addr })
	linked := len(s.byAddr) > 0
	for i := range f.Sections {
		c := &f.Sections[i]
		s.sections[i] = noPlace
		switch {
		case c.FileSize > 0 && c.Offset < s.File:
			s.sections[i] = c.Offset
		case c.MemSize == 0:
		case linked && c.Segment >= 0:
			if place, ok := s.AddrToPlace(c.Addr); ok {
				s.sections[i] = place
			}
		case !linked && c.Alloc:
			size := min(c.MemSize, maxPlaces-min(s.Total, maxPlaces))
			s.sections[i] = s.Total
			s.Total += size
		}
	}
}

// mapLoaded notes which places are in memory.
func (s *Space) mapLoaded(f *objfile.File) {
	b := rangemap.NewBuilder(s.Total)
	var ranges []rangemap.Range
	for _, p := range s.byPlace {
		ranges = append(ranges, rangemap.Range{Start: p.place, End: p.place + p.size, Label: 1})
	}
	if len(s.byPlace) == 0 {
		for i := range f.Sections {
			c := &f.Sections[i]
			loaded := c.Alloc || f.Wasm != nil && (c.Type == "code" || c.Type == "data")
			if loaded && s.sections[i] != noPlace {
				ranges = append(ranges, rangemap.Range{Start: s.sections[i], End: s.sections[i] + max(c.MemSize, c.FileSize), Label: 1})
			}
		}
	}
	b.Layer(ranges)
	s.loaded = b.Finish(0)
}

// AddrToPlace translates a virtual address; not ok where nothing is loaded.
func (s *Space) AddrToPlace(addr uint64) (uint64, bool) {
	lo, hi := 0, len(s.byAddr)
	for lo < hi {
		mid := (lo + hi) / 2
		if s.byAddr[mid].addr > addr {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	if lo == 0 {
		return 0, false
	}
	p := &s.byAddr[lo-1]
	if addr-p.addr >= p.size {
		return 0, false
	}
	return p.place + (addr - p.addr), true
}

// PlaceToAddr is the reverse; not ok for bytes that are not loaded.
func (s *Space) PlaceToAddr(place uint64) (uint64, bool) {
	i := sort.Search(len(s.byPlace), func(i int) bool { return s.byPlace[i].place > place })
	if i == 0 {
		return 0, false
	}
	p := &s.byPlace[i-1]
	if place-p.place >= p.size {
		return 0, false
	}
	return p.addr + (place - p.place), true
}

// SectionPlace is the place of a byte of a section; not ok past its end and
// for sections that are nowhere.
func (s *Space) SectionPlace(f *objfile.File, section int, offset uint64) (uint64, bool) {
	if section < 0 || section >= len(s.sections) || s.sections[section] == noPlace {
		return 0, false
	}
	c := &f.Sections[section]
	if offset >= max(c.FileSize, c.MemSize) {
		return 0, false
	}
	return s.sections[section] + offset, true
}

// MemorySize is the number of bytes of the memory image.
func (s *Space) MemorySize() uint64 {
	n := uint64(0)
	for i := range s.loaded.Starts {
		if s.loaded.Labels[i] == 1 {
			n += s.loaded.End(i) - s.loaded.Starts[i]
		}
	}
	return n
}

// FileBytes is how many bytes of the file lie in places [start, end).
func (s *Space) FileBytes(start, end uint64) uint64 {
	if start >= s.File {
		return 0
	}
	return min(end, s.File) - start
}

// MemoryBytes is how many bytes of the memory image lie in places [start, end).
func (s *Space) MemoryBytes(start, end uint64) uint64 {
	n := uint64(0)
	for i := s.loaded.Find(start); i >= 0 && i < s.loaded.Len() && s.loaded.Starts[i] < end; i++ {
		if s.loaded.Labels[i] == 1 {
			n += min(end, s.loaded.End(i)) - max(start, s.loaded.Starts[i])
		}
	}
	return n
}
