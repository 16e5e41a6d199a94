package deflate

import (
	"encoding/binary"
	"math/bits"
)

// A match repeats length bytes from distance bytes before.
type match struct{ length, distance uint16 }

// The search ends at a match of `good` bytes, or after `deep` places.
const (
	good = 160
	deep = 192
)

const hashBits = 16

// finder finds the matches of one place after another: chains of the places
// whose four bytes have one hash, and the last place of each three.
type finder struct {
	data  []byte
	at    int
	heads []int32 // by hash of four bytes: the last place, plus one
	three []int32 // by hash of three
	chain []int32 // by place in the window: the place before with that hash, plus one
}

func newFinder(data []byte) *finder {
	return &finder{data: data, heads: make([]int32, 1<<hashBits), three: make([]int32, 1<<hashBits), chain: make([]int32, window)}
}

func hash(v uint32) uint32 { return v * 0x9e3779b1 >> (32 - hashBits) }

// skip takes a place into the chains.
func (f *finder) skip() { f.insert() }

// insert takes the place into the chains, and gives the last places that were
// there, plus one.
func (f *finder) insert() (four, three int32) {
	at := f.at
	f.at++
	if at+4 > len(f.data) {
		return 0, 0
	}
	v := binary.LittleEndian.Uint32(f.data[at:])
	h, t := hash(v), hash(v<<8)
	four, three = f.heads[h], f.three[t]
	f.heads[h], f.three[t] = int32(at+1), int32(at+1)
	f.chain[at&(window-1)] = four
	return four, three
}

// find appends the matches of the place, longer and farther from one to the
// next, and goes on.
func (f *finder) find(to []match) []match {
	at := f.at
	four, three := f.insert()
	most := min(maxMatch, len(f.data)-at)
	if most < 4 {
		return to
	}
	best := minMatch - 1
	if p := int(three) - 1; p >= 0 && at-p <= window {
		if n := f.common(p, at, most); n > best {
			best = n
			to = append(to, match{uint16(n), uint16(at - p - 1)})
		}
	}
	for tries := deep; four > 0 && tries > 0 && best < min(good, most); tries-- {
		p := int(four) - 1
		if at-p > window {
			break
		}
		if f.data[p+best] == f.data[at+best] {
			if n := f.common(p, at, most); n > best {
				best = n
				to = append(to, match{uint16(n), uint16(at - p - 1)})
			}
		}
		next := f.chain[p&(window-1)]
		if next >= four {
			break
		}
		four = next
	}
	return to
}

// common is how many bytes at both places are the same, up to most.
func (f *finder) common(p, at, most int) int {
	n := 0
	for n+8 <= most {
		x := binary.LittleEndian.Uint64(f.data[p+n:]) ^ binary.LittleEndian.Uint64(f.data[at+n:])
		if x != 0 {
			return n + bits.TrailingZeros64(x)/8
		}
		n += 8
	}
	for n < most && f.data[p+n] == f.data[at+n] {
		n++
	}
	return n
}
