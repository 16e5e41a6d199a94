package codec

import (
	"math/bits"
	"slices"
)

// Distances count instructions where one starts, so the encoder must go from
// a position to its count and back, for all that lies behind. A table of
// counts would take four bytes for each byte of the stream; here it is a bit,
// with the count at every 64th position, and the places of the instructions.

// instructions are those of the stream so far.
type instructions struct {
	words   []uint64 // a bit for each position: an instruction begins there
	counts  []uint32 // before the word's first position; mixed where a region begins in the word
	starts  [][]uint32
	regions []regionStart
}

// regionStart is where a region begins, and the count of instructions there.
type regionStart struct{ start, count uint32 }

const (
	mixed      = 1 << 31
	startsBits = 14 // of the places kept in one piece
)

func newInstructions(size, regions int) *instructions {
	n := (size + 63) / 64
	return &instructions{words: make([]uint64, n), counts: make([]uint32, n), starts: make([][]uint32, (size+2*countUnit*regions)>>startsBits+1)}
}

// add takes the position that follows the one before.
func (x *instructions) add(pos int, count uint32, start bool) {
	word := pos >> 6
	if pos&63 == 0 {
		x.counts[word] = count
	}
	if !start {
		return
	}
	x.words[word] |= 1 << (pos & 63)
	piece := &x.starts[count>>startsBits]
	if *piece == nil {
		*piece = make([]uint32, 1<<startsBits)
	}
	(*piece)[count&(1<<startsBits-1)] = uint32(pos)
}

// enter begins a region at pos, before it is added.
func (x *instructions) enter(pos int, count uint32) {
	x.regions = append(x.regions, regionStart{uint32(pos), count})
	if pos&63 != 0 {
		x.counts[pos>>6] |= mixed
	}
}

// place is where the instruction with this count begins.
func (x *instructions) place(count uint32) uint32 {
	return x.starts[count>>startsBits][count&(1<<startsBits-1)]
}

// count is how many instructions begin before pos, where one begins.
func (x *instructions) count(pos int) uint32 {
	word := pos >> 6
	below := x.words[word] & (1<<(pos&63) - 1)
	n := x.counts[word]
	if n < mixed {
		return n + uint32(bits.OnesCount64(below))
	}
	i, found := slices.BinarySearchFunc(x.regions, uint32(pos), func(r regionStart, p uint32) int { return int(r.start) - int(p) })
	if !found {
		i--
	}
	if i >= 0 && int(x.regions[i].start)>>6 == word {
		return x.regions[i].count + uint32(bits.OnesCount64(below&^(1<<(x.regions[i].start&63)-1)))
	}
	return n&^mixed + uint32(bits.OnesCount64(below))
}
