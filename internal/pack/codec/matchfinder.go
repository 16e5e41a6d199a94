package codec

import (
	"encoding/binary"
	"math/bits"
)

// The match finder: one binary search tree of suffixes per hash of four bytes
// (bt4), newest position at the root, so that a walk meets candidates from
// near to far and each longer match found is the nearest of its length.
//
// Positions at which XLZ counts distances in instructions can only match
// others of their kind; they get trees of their own by one more bit in the
// hash, and no candidate is ever thrown away.
//
// Source: I. Pavlov, LZMA SDK (LzFind), for the tree update in one descent.

// match is a candidate: the nearest earlier position with length equal bytes.
type match struct {
	length uint32
	dist   uint32 // in bytes, less one
}

type matchFinder struct {
	data   []byte
	places []place
	depth  int
	head2  []int32
	head3  []int32
	head4  []int32
	bits   uint
	son    []int32 // two per position: smaller and larger suffixes
}

func newMatchFinder(data []byte, places []place, depth int) *matchFinder {
	bits := uint(16)
	for bits < 22 && 1<<bits < len(data) {
		bits++
	}
	f := &matchFinder{data: data, places: places, depth: depth, bits: bits,
		head2: make([]int32, 1<<17), head3: make([]int32, 1<<17), head4: make([]int32, 2<<bits),
		son: make([]int32, 2*len(data))}
	for _, h := range [][]int32{f.head2, f.head3, f.head4} {
		for i := range h {
			h[i] = -1
		}
	}
	return f
}

// find inserts pos and appends its matches, longer and farther each.
func (f *matchFinder) find(pos int, out []match) []match {
	limit := min(maxMatch, len(f.data)-pos)
	if limit < 4 {
		return out
	}
	data := f.data
	class := uint32(0)
	if f.places[pos].start {
		class = 1
	}
	// Within a run of one byte every position looks like the next.
	if limit == maxMatch && pos > 0 && data[pos-1] == data[pos] && f.places[pos-1].start == f.places[pos].start &&
		matchLength(data, pos-1, pos, limit) == limit {
		f.son[2*pos], f.son[2*pos+1] = -1, -1
		return append(out, match{maxMatch, 0})
	}
	v := binary.LittleEndian.Uint32(data[pos:])
	h2 := v&0xffff | class<<16
	h3 := v<<8*506832829>>16 | class<<16
	h4 := v*2654435761>>(32-f.bits) | class<<f.bits
	best := 1
	for _, cand := range [2]int32{f.head2[h2], f.head3[h3]} {
		if cand < 0 || data[cand] != data[pos] || best == limit {
			continue
		}
		n := matchLength(data, int(cand), pos, limit)
		if n > best {
			best = n
			out = append(out, match{uint32(n), uint32(pos-int(cand)) - 1})
		}
	}
	f.head2[h2], f.head3[h3] = int32(pos), int32(pos)
	cur := f.head4[h4]
	f.head4[h4] = int32(pos)
	son := f.son
	left, right := 2*pos, 2*pos+1 // where the next smaller, larger suffix hangs
	lenLeft, lenRight := 0, 0
	for depth := f.depth; ; depth-- {
		if cur < 0 || depth == 0 {
			son[left], son[right] = -1, -1
			return out
		}
		pair := 2 * int(cur)
		n := min(lenLeft, lenRight)
		n += matchLength(data, int(cur)+n, pos+n, limit-n)
		if n > best {
			best = n
			out = append(out, match{uint32(n), uint32(pos-int(cur)) - 1})
		}
		if n == limit {
			son[left], son[right] = son[pair], son[pair+1]
			return out
		}
		if data[int(cur)+n] < data[pos+n] {
			son[left] = cur
			left = pair + 1
			cur = son[left]
			lenLeft = n
		} else {
			son[right] = cur
			right = pair
			cur = son[right]
			lenRight = n
		}
	}
}

// matchLength counts equal bytes at a and b, a < b, at most limit; limit does
// not lead past the end of data.
func matchLength(data []byte, a, b, limit int) int {
	n := 0
	x, y := data[a:], data[b:b+limit]
	for ; n+8 <= limit; n += 8 {
		if d := binary.LittleEndian.Uint64(x[n:]) ^ binary.LittleEndian.Uint64(y[n:]); d != 0 {
			return n + bits.TrailingZeros64(d)>>3
		}
	}
	for n < limit && x[n] == y[n] {
		n++
	}
	return n
}
