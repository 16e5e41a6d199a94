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
// What is hard: two links per byte are most of the memory that packing takes.
// Chosen: links of three bytes, counted in a ring of the newest positions, the
// whole stream where the budget allows. A link's age tells whether it is
// stale: in a sound tree it only grows on the way down.
//
// Source: I. Pavlov, LZMA SDK (LzFind), for the tree update in one descent.

// match is a candidate: the nearest earlier position with length equal bytes.
type match struct {
	length uint32
	dist   uint32 // in bytes, less one
	coded  uint32 // as it is written: in instructions where they count
}

type matchFinder struct {
	data  []byte
	depth int
	head2 []uint32 // newest position plus one, by hash
	head3 []uint32
	head4 []uint32
	bits  uint
	ring  int    // positions in the tree
	at    int    // of the next one, in the ring
	links []byte // per position: smaller and larger suffixes, 3 bytes each: place in the ring plus one
}

const (
	linkSize = 3
	ringMax  = 1<<24 - 2
)

// ringFor is how many positions of a stream the tree holds: so many that all
// that packing needs stays within 32 MB and 8 bytes for each byte.
func ringFor(size int) int {
	return min(size, size*9/16+400_000, ringMax)
}

func newMatchFinder(data []byte, depth int) *matchFinder {
	bits := uint(12)
	for bits < 18 && 1<<bits < len(data) {
		bits++
	}
	ring := max(1, ringFor(len(data)))
	return &matchFinder{data: data, depth: depth, bits: bits, ring: ring,
		head2: make([]uint32, 1<<17), head3: make([]uint32, 1<<17), head4: make([]uint32, 2<<bits),
		links: make([]byte, 2*linkSize*ring+1)}
}

func (f *matchFinder) link(at int) int {
	return int(binary.LittleEndian.Uint32(f.links[at:]) & 0xffffff)
}

func (f *matchFinder) setLink(at, to int) {
	b := f.links[at : at+3]
	b[0], b[1], b[2] = byte(to), byte(to>>8), byte(to>>16)
}

// find inserts pos and appends its matches, longer and farther each.
func (f *matchFinder) find(pos int, start, startBefore bool, out []match) []match {
	here := f.at
	f.at++
	if f.at == f.ring {
		f.at = 0
	}
	data := f.data
	limit := min(maxMatch, len(data)-pos)
	left, right := here*2*linkSize, here*2*linkSize+linkSize // where the next smaller, larger suffix hangs
	if limit < 4 {
		f.setLink(left, 0)
		f.setLink(right, 0)
		return out
	}
	class := uint32(0)
	if start {
		class = 1
	}
	// Within a run of one byte every position looks like the next.
	if limit == maxMatch && pos > 0 && data[pos-1] == data[pos] && startBefore == start &&
		matchLength(data, pos-1, pos, limit) == limit {
		f.setLink(left, 0)
		f.setLink(right, 0)
		return append(out, match{maxMatch, 0, 0})
	}
	v := binary.LittleEndian.Uint32(data[pos:])
	h2 := v&0xffff | class<<16
	h3 := v<<8*506832829>>16 | class<<16
	h4 := v*2654435761>>(32-f.bits) | class<<f.bits
	best := 1
	for _, cand := range [2]uint32{f.head2[h2], f.head3[h3]} {
		at := int(cand) - 1
		if at < 0 || data[at] != data[pos] || best == limit {
			continue
		}
		n := matchLength(data, at, pos, limit)
		if n > best {
			best = n
			out = append(out, match{length: uint32(n), dist: uint32(pos-at) - 1})
		}
	}
	f.head2[h2], f.head3[h3] = uint32(pos)+1, uint32(pos)+1
	age := pos + 1 - int(f.head4[h4]) // of the candidate; above pos: none
	f.head4[h4] = uint32(pos) + 1
	lenLeft, lenRight := 0, 0
	for depth := f.depth; ; depth-- {
		if age > pos || age >= f.ring || depth == 0 {
			f.setLink(left, 0)
			f.setLink(right, 0)
			return out
		}
		cur := here - age
		if cur < 0 {
			cur += f.ring
		}
		pair := cur * 2 * linkSize
		n := min(lenLeft, lenRight)
		n += matchLength(data, pos-age+n, pos+n, limit-n)
		if n > best {
			best = n
			out = append(out, match{length: uint32(n), dist: uint32(age) - 1})
		}
		if n == limit {
			f.setLink(left, f.inherit(pair, here, age))
			f.setLink(right, f.inherit(pair+linkSize, here, age))
			return out
		}
		if data[pos-age+n] < data[pos+n] {
			f.setLink(left, cur+1)
			left = pair + linkSize
			cur = f.link(left)
			lenLeft = n
		} else {
			f.setLink(right, cur+1)
			right = pair
			cur = f.link(right)
			lenRight = n
		}
		if cur == 0 {
			age = f.ring
			continue
		}
		older := here + 1 - cur
		if older <= 0 {
			older += f.ring
		}
		if older <= age { // stale
			older = f.ring
		}
		age = older
	}
}

// inherit is the link at, of the position age ago, for the one that replaces it.
func (f *matchFinder) inherit(at, here, age int) int {
	to := f.link(at)
	older := here + 1 - to
	if older <= 0 {
		older += f.ring
	}
	if older <= age {
		return 0
	}
	return to
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
