package deflate

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
)

// writer collects bits, the lowest first.
type writer struct {
	out  []byte
	bits uint64
	n    uint
}

func (w *writer) put(v uint64, n uint) {
	w.bits |= v << w.n
	if w.n += n; w.n >= 32 {
		w.out = binary.LittleEndian.AppendUint32(w.out, uint32(w.bits))
		w.bits >>= 32
		w.n -= 32
	}
}

// done gives the bytes, the last one filled up.
func (w *writer) done() []byte {
	for ; w.n > 0; w.n -= min(8, w.n) {
		w.out = append(w.out, byte(w.bits))
		w.bits >>= 8
	}
	return w.out
}

// stored writes data as it is, in blocks of at most 65,535 bytes.
func (w *writer) stored(data []byte, last bool) {
	for first := true; first || len(data) > 0; first = false {
		now := data[:min(len(data), 65535)]
		data = data[len(now):]
		final := uint64(0)
		if last && len(data) == 0 {
			final = 1
		}
		w.put(final, 3)
		w.out, w.bits, w.n = w.done(), 0, 0
		w.out = binary.LittleEndian.AppendUint16(w.out, uint16(len(now)))
		w.out = binary.LittleEndian.AppendUint16(w.out, ^uint16(len(now)))
		w.out = append(w.out, now...)
	}
}

// code is a prefix code: the length of each symbol, and its bits as they are
// written.
type code struct {
	lengths []uint8
	words   []uint16
}

// newCode makes the best code with no word longer than limit. At least two
// symbols have a word, for decoders that want a complete code.
func newCode(counts []uint32, limit uint8) code {
	c := code{make([]uint8, len(counts)), make([]uint16, len(counts))}
	weights := slices.Clone(counts)
	used := 0
	for _, n := range weights {
		if n > 0 {
			used++
		}
	}
	for i := 0; used < 2; i++ {
		if weights[i] == 0 {
			weights[i] = 1
			used++
		}
	}
	for !c.build(weights, limit) { // too long a word: flatter weights
		for i, n := range weights {
			if n > 0 {
				weights[i] = n/2 + 1
			}
		}
	}
	c.assign()
	return c
}

// assign gives each symbol its word: in order of length, and of symbol (RFC
// 1951, 3.2.2).
func (c *code) assign() {
	word := uint16(0)
	for length := uint8(1); length < 16; length++ {
		for i, l := range c.lengths {
			if l == length {
				c.words[i] = bits.Reverse16(word) >> (16 - l)
				word++
			}
		}
		word <<= 1
	}
}

// size is what a stretch takes in these codes, in bits.
func (h *histogram) size(l, d code) (n uint64) {
	for i, count := range h.literals {
		n += uint64(count) * (uint64(l.lengths[i]) + uint64(extraOfLength(i)))
	}
	for i, count := range h.distances {
		n += uint64(count) * (uint64(d.lengths[i]) + uint64(extraOfDistance(i)))
	}
	return n
}

// build is Huffman's construction with two queues: leaves in order of weight,
// and inner nodes, which are made in that order.
func (c *code) build(weights []uint32, limit uint8) bool {
	type node struct {
		weight uint64
		up     int
	}
	var symbols []int
	for i, n := range weights {
		if n > 0 {
			symbols = append(symbols, i)
		}
	}
	slices.SortStableFunc(symbols, func(a, b int) int { return cmp.Compare(weights[a], weights[b]) })
	leaves := len(symbols)
	nodes := make([]node, 0, 2*leaves)
	for _, s := range symbols {
		nodes = append(nodes, node{weight: uint64(weights[s])})
	}
	leaf, inner := 0, leaves
	least := func() int {
		if leaf < leaves && (inner == len(nodes) || nodes[leaf].weight <= nodes[inner].weight) {
			leaf++
			return leaf - 1
		}
		inner++
		return inner - 1
	}
	for len(nodes) < 2*leaves-1 {
		a, b := least(), least()
		nodes[a].up, nodes[b].up = len(nodes), len(nodes)
		nodes = append(nodes, node{weight: nodes[a].weight + nodes[b].weight})
	}
	depth := make([]uint8, len(nodes))
	for i := len(nodes) - 2; i >= 0; i-- {
		if depth[i] = depth[nodes[i].up] + 1; depth[i] > limit && i < leaves {
			return false
		}
		if i < leaves {
			c.lengths[symbols[i]] = depth[i]
		}
	}
	return true
}

// fixed are the codes that need no header (RFC 1951, 3.2.6).
var fixed [2]code

func fixedCodes() [2]code {
	l, d := code{make([]uint8, 288), make([]uint16, 288)}, code{make([]uint8, 32), make([]uint16, 32)}
	for i := range l.lengths {
		switch {
		case i >= 144 && i < 256:
			l.lengths[i] = 9
		case i >= 256 && i < 280:
			l.lengths[i] = 7
		default:
			l.lengths[i] = 8
		}
	}
	for i := range d.lengths {
		d.lengths[i] = 5
	}
	l.assign()
	d.assign()
	return [2]code{l, d}
}

// block writes a parsed stretch in its own codes, in the fixed ones, or as it
// is, whichever is shortest.
func (w *writer) block(raw []byte, way []match, last bool) {
	h := counted(raw, way)
	l, d := newCode(h.literals[:], 15), newCode(h.distances[:], 15)
	head := newHeader(l, d)
	own, known := head.size()+h.size(l, d), h.size(fixed[0], fixed[1])
	if as := uint64(8 * (len(raw) + 5*(len(raw)/65535+1))); as < min(own, known) {
		w.stored(raw, last)
		return
	}
	final := uint64(0)
	if last {
		final = 1
	}
	if known <= own {
		l, d = fixed[0], fixed[1]
		w.put(final|1<<1, 3)
	} else {
		w.put(final|2<<1, 3)
		head.write(w)
	}
	at := 0
	for _, m := range way {
		if m.length == 0 {
			w.put(uint64(l.words[raw[at]]), uint(l.lengths[raw[at]]))
			at++
			continue
		}
		p := lengthParts[m.length]
		w.put(uint64(l.words[p.symbol])|uint64(m.length-p.base)<<l.lengths[p.symbol], uint(l.lengths[p.symbol]+p.bits))
		p = distancePart(m.distance)
		w.put(uint64(d.words[p.symbol])|uint64(m.distance-p.base)<<d.lengths[p.symbol], uint(d.lengths[p.symbol]+p.bits))
		at += int(m.length)
	}
	w.put(uint64(l.words[endOfBlock]), uint(l.lengths[endOfBlock]))
}
