package region

import (
	"cmp"
	"slices"

	"github.com/minsize/minsize/internal/arrange"
	"github.com/minsize/minsize/internal/objfile"
)

// Use is what a program takes of a region. Sizes are bytes.
type Use struct {
	Region
	Used  uint64 `json:"used"`            // where something lies, code, data, or their initial values
	Image uint64 `json:"image,omitempty"` // from the first loaded byte to the last: what a programmer writes
	Stack uint64 `json:"stack,omitempty"` // between the stack's top, where a symbol marks it, and what lies below
}

// Free is what is left of the region, the stack's room included; 0 where its
// length is not known.
func (u *Use) Free() uint64 { return u.Length - min(u.Used, u.Length) }

// Share is the used part of the region; 0 where its length is not known.
func (u *Use) Share() float64 {
	if u.Length == 0 {
		return 0
	}
	return float64(u.Used) / float64(u.Length)
}

// stackTops are the symbols at the first address above the stack, in the
// linker scripts of cortex-m-rt and riscv-rt, CMSIS, newlib and vendors' tools.
var stackTops = []string{"_stack_start", "__stack_start", "_estack", "__StackTop", "__stack_top", "_stack_top", "__stack", "_stack"}

// span is addresses [from, to).
type span struct{ from, to uint64 }

// Measure is the use of each region, and how many bytes of the program lie in
// none of them.
func Measure(f *objfile.File, list []Region) (uses []Use, outside uint64) {
	return measure(f.Segments, stackTop(f), list)
}

func measure(segments []objfile.Segment, top uint64, list []Region) (uses []Use, outside uint64) {
	var taken, loaded []span
	for _, g := range segments {
		if !g.Load || g.MemSize == 0 {
			continue
		}
		taken = append(taken, span{g.Addr, g.Addr + g.MemSize})
		if n := min(g.FileSize, g.MemSize); n > 0 && g.LoadAddr+n >= g.LoadAddr {
			loaded = append(loaded, span{g.LoadAddr, g.LoadAddr + n})
		}
	}
	taken = union(append(taken, loaded...))
	loaded = union(loaded)
	for _, s := range taken {
		outside += s.to - s.from
	}
	for _, r := range list {
		u := Use{Region: r}
		below := r.Origin
		for _, s := range taken {
			from, to := r.Part(s.from, s.to-s.from)
			u.Used += to - from
			if from < to && to <= top {
				below = max(below, to)
			}
		}
		outside -= u.Used
		if r.Length > 0 && top > below && top-r.Origin <= r.Length {
			u.Stack = top - below
		}
		first, last := ^uint64(0), uint64(0)
		for _, s := range loaded {
			if from, to := r.Part(s.from, s.to-s.from); from < to {
				first, last = min(first, from), max(last, to)
			}
		}
		if last > first {
			u.Image = last - first
		}
		uses = append(uses, u)
	}
	return uses, outside
}

// union is the same addresses, each once, in order.
func union(spans []span) []span {
	arrange.Sort(spans, func(a, b span) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	var out []span
	for _, s := range spans {
		if n := len(out); n > 0 && s.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, s.to)
		} else {
			out = append(out, s)
		}
	}
	return out
}

func stackTop(f *objfile.File) uint64 {
	symbols, err := f.Symbols()
	if err != nil {
		return 0
	}
	best, top := len(stackTops), uint64(0)
	for i := range symbols {
		if k := slices.Index(stackTops, symbols[i].Name); k >= 0 && k < best && !symbols[i].Undefined {
			best, top = k, symbols[i].Addr
		}
	}
	return top
}

// Images are the sizes of files that tools write from a loaded image of n
// bytes: the bytes alone; Intel HEX with 16 bytes to a line of 13 signs more,
// the lines of upper halves and the end left aside; UF2 with 256 bytes in each
// block of 512.
func Images(n uint64) (binary, hex, uf2 uint64) {
	return n, (n+15)/16*13 + 2*n, (n + 255) / 256 * 512
}
