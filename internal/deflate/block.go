package deflate

import "math"

// Symbols (RFC 1951, 3.2.5): literals and lengths in one alphabet, distances in
// another.
const (
	endOfBlock = 256
	lengths    = 257 // the first symbol of a length
	literals   = 286
	distances  = 30
)

// part is a symbol with the extra bits behind it.
type part struct {
	symbol uint16
	bits   uint8
	base   uint16
}

func extraOfLength(symbol int) int {
	if symbol < lengths+8 || symbol == lengths+28 {
		return 0
	}
	return (symbol - lengths - 4) / 4
}

func extraOfDistance(symbol int) int {
	return max(0, symbol/2-1)
}

// lengthParts by length; distanceParts by distance less one, below 256 as it is,
// above by its upper bits.
var (
	lengthParts   [maxMatch + 1]part
	distanceParts [512]part
)

func partTables() (l [maxMatch + 1]part, d [512]part) {
	base := minMatch
	for symbol := lengths; symbol < lengths+28; symbol++ {
		extra := extraOfLength(symbol)
		for n := range 1 << extra {
			l[base+n] = part{uint16(symbol), uint8(extra), uint16(base)}
		}
		base += 1 << extra
	}
	l[maxMatch] = part{lengths + 28, 0, maxMatch}
	base = 0
	for symbol := range distances {
		extra := extraOfDistance(symbol)
		for n := base; n < base+1<<extra; n++ {
			p := part{uint16(symbol), uint8(extra), uint16(base)}
			if n < 256 {
				d[n] = p
			} else {
				d[256+n>>7] = p
			}
		}
		base += 1 << extra
	}
	return l, d
}

// distancePart is the symbol of a distance less one.
func distancePart(d uint16) part {
	if d < 256 {
		return distanceParts[d]
	}
	return distanceParts[256+d>>7]
}

// histogram counts the symbols of a stretch.
type histogram struct {
	literals  [literals]uint32
	distances [distances]uint32
}

func (h *histogram) take(m match) {
	h.literals[lengthParts[m.length].symbol]++
	h.distances[distancePart(m.distance).symbol]++
}

// greedy counts what a parser that never looks ahead would take, and says how
// many bytes that are.
func (h *histogram) greedy(data []byte, at int, matches []match) int {
	if n := len(matches); n > 0 && (matches[n-1].length > minMatch || matches[n-1].distance < 4096) {
		h.take(matches[n-1])
		return int(matches[n-1].length)
	}
	h.literals[data[at]]++
	return 1
}

func (h *histogram) add(u *histogram) {
	for i, n := range u.literals {
		h.literals[i] += n
	}
	for i, n := range u.distances {
		h.distances[i] += n
	}
}

// newCodes is about what a block's own codes cost, in bits.
const newCodes = 500

// apart says whether the symbols of u are cheaper in a block of their own.
func (h *histogram) apart(u *histogram) bool {
	both := *h
	both.add(u)
	return both.entropy() > h.entropy()+u.entropy()+newCodes
}

// entropy is what a perfect code of these symbols would take, in bits.
func (h *histogram) entropy() float64 {
	return entropy(h.literals[:]) + entropy(h.distances[:])
}

func entropy(counts []uint32) float64 {
	sum, bits := 0.0, 0.0
	for _, n := range counts {
		if n > 0 {
			sum += float64(n)
			bits -= float64(n) * math.Log2(float64(n))
		}
	}
	if sum > 0 {
		bits += sum * math.Log2(sum)
	}
	return bits
}

// block is a stretch with all matches of each of its places.
type block struct {
	data    []byte
	start   int   // in data
	at      []int // by place: its first match in matches
	matches []match
	symbols histogram // of the greedy parse
}

// of are the matches of a place.
func (b *block) of(i int) []match {
	if i+1 < len(b.at) {
		return b.matches[b.at[i]:b.at[i+1]]
	}
	return b.matches[b.at[i]:]
}

// rest drops what comes before the i-th place.
func (b *block) rest(i int) {
	first := b.at[i]
	b.matches = b.matches[:copy(b.matches, b.matches[first:])]
	b.at = b.at[:copy(b.at, b.at[i:])]
	for j := range b.at {
		b.at[j] -= first
	}
	b.start += i
	b.symbols = histogram{}
}

// rounds is how often a block is parsed: after that little changes.
const rounds = 5

// flush writes the block up to end.
func (b *block) flush(w *writer, end int, last bool) {
	n := end - b.start
	counts := b.symbols
	counts.literals[endOfBlock]++
	var best []match
	least := math.Inf(1)
	for range rounds {
		way := b.parse(n, &counts)
		counts = counted(b.data[b.start:end], way)
		size := counts.bits()
		if size >= least {
			break
		}
		least, best = size, way
	}
	w.block(b.data[b.start:end], best, last)
}

// counted are the symbols of a parsed stretch.
func counted(raw []byte, way []match) (h histogram) {
	at := 0
	for _, m := range way {
		if m.length > 0 {
			h.take(m)
			at += int(m.length)
		} else {
			h.literals[raw[at]]++
			at++
		}
	}
	h.literals[endOfBlock]++
	return h
}

// bits is what the symbols and their extra bits take in a perfect code.
func (h *histogram) bits() float64 {
	bits := h.entropy()
	for symbol := lengths; symbol < literals; symbol++ {
		bits += float64(h.literals[symbol]) * float64(extraOfLength(symbol))
	}
	for symbol, n := range h.distances {
		bits += float64(n) * float64(extraOfDistance(symbol))
	}
	return bits
}

// Costs are in parts of a bit.
const costScale = 64

func costs(counts []uint32) []uint32 {
	sum := uint32(0)
	for _, n := range counts {
		sum += n
	}
	all := math.Log2(float64(sum) + 1)
	out := make([]uint32, len(counts))
	for i, n := range counts {
		// What was not taken so far is dear, but can be tried.
		cost := all + 1
		if n > 0 {
			cost = all - math.Log2(float64(n))
		}
		out[i] = uint32(max(cost, .2) * costScale)
	}
	return out
}

// parse is the cheapest way through the first n places under the costs that
// counts make: a match with length 0 is a literal.
func (b *block) parse(n int, counts *histogram) []match {
	literal, distance := costs(counts.literals[:]), costs(counts.distances[:])
	var length [maxMatch + 1]uint32
	for i := minMatch; i <= maxMatch; i++ {
		length[i] = literal[lengthParts[i].symbol] + costScale*uint32(lengthParts[i].bits)
	}
	for i := range distance {
		distance[i] += costScale * uint32(extraOfDistance(i))
	}
	rest := make([]uint32, n+1) // the cost of all that follows
	take := make([]match, n)
	for i := n - 1; i >= 0; i-- {
		least := literal[b.data[b.start+i]] + rest[i+1]
		var best match
		from := minMatch
		for _, m := range b.of(i) {
			to := min(int(m.length), n-i)
			cost := distance[distancePart(m.distance).symbol]
			for l := from; l <= to; l++ {
				if c := cost + length[l] + rest[i+l]; c < least {
					least, best = c, match{uint16(l), m.distance}
				}
			}
			from = to + 1
		}
		rest[i], take[i] = least, best
	}
	way := take[:0]
	for i := 0; i < n; {
		m := take[i]
		way = append(way, m)
		i += max(1, int(m.length))
	}
	return way
}
