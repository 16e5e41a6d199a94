package codec

import "math"

// The optimal parser: forward dynamic programming over a window of the
// stream. What is hard: the price of a symbol depends on the path to it (the
// last distances, the state), so the cheapest way to a byte is not always the
// start of the cheapest way on. Chosen: several arrivals are kept at every
// byte, distinct in their two newest distances, each with its exact state and
// reps; prices are those of the live model at the window's start. A window is
// parsed a little further than it is coded, so that its end is no border.
//
// Rejected: the one-arrival parsers of LZMA SDK and xz with their hand-made
// look-ahead (match+literal+rep): with several arrivals that look-ahead comes
// by itself and finds more. A penalty on literals, which are slow to decode, cost
// .4 % in size for 5 % in speed and was left out.

const (
	arrivals   = 6
	windowMax  = 512
	windowMore = 64  // parsed beyond what is coded
	niceLength = 160 // a match this long is taken without looking inside
	priceOne   = 64  // a bit, in price units
	span       = windowMax + windowMore + maxMatch + 1
)

var bitPrice = buildBitPrice()

// buildBitPrice is the price of a 0 under 11-bit probabilities.
func buildBitPrice() (t [1 << lzmaProbBits]uint16) {
	for i := range t {
		t[i] = uint16(math.Round(-math.Log2((float64(i)+.5)/(1<<lzmaProbBits)) * priceOne))
	}
	return t
}

// arrival is one way to a byte.
type arrival struct {
	cost  uint32
	from  uint32 // arrival before, as index into parser.nodes
	sym   symbol
	reps  distances
	state uint8
}

type parser struct {
	e      *encoder
	shift  uint // of probabilities, to 11 bits
	nodes  []arrival
	count  []uint8
	length [2][maxClasses][maxMatch + 1]uint32
	slot   [maxClasses][lenStates][64]uint32
	near   [2][128]uint32
	align  [2][16]uint32

	matches []match  // of positions first.. on
	bounds  []uint32 // where each position's matches begin
	first   int
	base    int // the window's first byte
}

func (e *encoder) parse() {
	ps := &parser{e: e, nodes: make([]arrival, span*arrivals), count: make([]uint8, span), bounds: []uint32{0}}
	if e.p.Method == XLZ {
		ps.shift = 5
	}
	symbols := make([]symbol, 0, span)
	start := len(e.p.Preset)
	ps.forget(start)
	for pos := start; pos < len(e.data); {
		window := min(64+(pos-start)/16, windowMax, len(e.data)-pos)
		ps.updatePrices()
		symbols = ps.window(pos, window, symbols[:0])
		end := pos + window
		for _, s := range symbols {
			if pos >= end {
				break
			}
			e.put(pos, s)
			pos += int(s.length)
		}
		ps.forget(pos)
	}
}

// at gives the matches of pos, from the finder if they are new.
func (ps *parser) at(pos int) []match {
	i := pos - ps.first
	for len(ps.bounds) <= i+1 {
		ps.matches = ps.e.finder.find(ps.first+len(ps.bounds)-1, ps.matches)
		ps.bounds = append(ps.bounds, uint32(len(ps.matches)))
	}
	return ps.matches[ps.bounds[i]:ps.bounds[i+1]]
}

// forget drops the matches of positions before pos.
func (ps *parser) forget(pos int) {
	for len(ps.bounds) <= pos-ps.first { // positions that a long match skipped
		ps.at(ps.first + len(ps.bounds) - 1)
	}
	i := pos - ps.first
	cut := ps.bounds[i]
	ps.matches = append(ps.matches[:0], ps.matches[cut:]...)
	n := copy(ps.bounds, ps.bounds[i:])
	ps.bounds = ps.bounds[:n]
	for j := range ps.bounds {
		ps.bounds[j] -= cut
	}
	ps.first = pos
}

func (ps *parser) price(s uint16, bit uint32) uint32 {
	p := s >> ps.shift
	if bit != 0 {
		p = 1<<lzmaProbBits - 1 - p
	}
	return uint32(bitPrice[p])
}

func (ps *parser) treePrice(t []uint16, n uint, v uint32) uint32 {
	m, sum := uint32(1), uint32(0)
	for n > 0 {
		n--
		b := v >> n & 1
		sum += ps.price(t[m], b)
		m = m<<1 | b
	}
	return sum
}

func (ps *parser) reversePrice(t []uint16, n uint, v uint32) uint32 {
	m, sum := uint32(1), uint32(0)
	for range n {
		b := v & 1
		v >>= 1
		sum += ps.price(t[m], b)
		m = m<<1 | b
	}
	return sum
}

// updatePrices takes the tables from the live model.
func (ps *parser) updatePrices() {
	m := ps.e.m
	lengths, kinds := 1<<ps.e.p.PB, 1
	if ps.e.p.Method == XLZ {
		lengths, kinds = classes+4, classes
	}
	for i, l := range []*lengthModel{&m.length, &m.repLength} {
		var high [256]uint32
		for n := range high {
			high[n] = ps.treePrice(l.high[:], 8, uint32(n))
		}
		for c := range lengths {
			choice := &l.choice[0]
			if kinds > 1 { // XLZ: by length context too
				choice = &l.choice[c]
			}
			long := ps.price(choice[0], 1)
			t := &ps.length[i][c]
			for n := range uint32(8) {
				t[minMatch+n] = ps.price(choice[0], 0) + ps.treePrice(l.low[c][:], 3, n)
				t[minMatch+8+n] = long + ps.price(choice[1], 0) + ps.treePrice(l.mid[c][:], 3, n)
			}
			long += ps.price(choice[1], 1)
			for n := range high {
				t[minMatch+16+n] = long + high[n]
			}
		}
	}
	top := distanceSlot(uint32(len(ps.e.data)))
	for c := range kinds {
		for ls := range lenStates {
			for slot := range top + 1 {
				p := ps.treePrice(m.slot[c][ls][:], 6, slot)
				if slot >= 14 {
					p += (slot>>1 - 1 - 4) * priceOne
				}
				ps.slot[c][ls][slot] = p
			}
		}
	}
	for start := range 2 {
		for dist := uint32(4); dist < 128; dist++ {
			slot := distanceSlot(dist)
			n := uint(slot>>1 - 1)
			base := (2 | slot&1) << n
			ps.near[start][dist] = ps.reversePrice(m.special[start][base-slot:], n, dist-base)
		}
		for v := range uint32(16) {
			ps.align[start][v] = ps.reversePrice(m.align[start][:], 4, v)
		}
	}
}

// window finds the cheapest symbols from pos over at least size bytes.
func (ps *parser) window(pos, size int, out []symbol) []symbol {
	e := ps.e
	stop := min(size+windowMore, len(e.data)-pos)
	ps.base = pos
	clear(ps.count[:min(stop+maxMatch+1, span)])
	ps.nodes[0] = arrival{state: e.state, reps: e.reps}
	ps.count[0] = 1
	end := stop
	for i := 0; i < stop; i++ {
		if ps.count[i] != 0 {
			ps.relax(pos, i)
		}
	}
	for ps.count[end] == 0 { // only inside a long match
		end++
	}
	at := uint32(end * arrivals)
	for at >= arrivals {
		out = append(out, ps.nodes[at].sym)
		at = ps.nodes[at].from
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}

// relax tries every symbol from every arrival at pos+i.
func (ps *parser) relax(base, i int) {
	e, m := ps.e, ps.e.m
	pos := base + i
	data := e.data
	w := e.places[pos]
	limit := min(maxMatch, len(data)-pos)
	found := ps.at(pos)
	lit := &m.literal[w.literal]
	b := uint32(data[pos])
	plain := ps.treePrice(lit[:], 8, b)
	longest := uint32(0)
	if len(found) > 0 {
		longest = found[len(found)-1].length
	}
	lengthPrice, repPrice := &ps.length[0][w.length], &ps.length[1][w.length]
	start := 0
	if w.start {
		start = 1
	}
	for k := range int(ps.count[i]) {
		from := uint32(i*arrivals + k)
		a := &ps.nodes[from]
		e.follow(pos, &a.reps)
		isMatch := m.isMatch[w.match][a.state]

		litCost := a.cost + ps.price(isMatch, 0)
		if a.state < 7 {
			litCost += plain
		} else {
			litCost += ps.matchedPrice(lit, &m.matched[w.matched], b, uint32(data[pos-1-int(a.reps.bytes[0])]))
		}
		ps.insert(i+1, litCost, from, symbol{1, opLiteral})

		matchCost := a.cost + ps.price(isMatch, 1)
		repCost := matchCost + ps.price(m.isRep[w.class][a.state], 1)
		for r := range 4 {
			src := pos - 1 - int(a.reps.bytes[r])
			if src < 0 || data[src] != data[pos] {
				continue
			}
			cost := repCost
			if r == 0 {
				cost += ps.price(m.isRepG[0][a.state], 0)
				ps.insert(i+1, cost+ps.price(m.rep0Long[w.match][a.state], 0), from, symbol{1, 0})
				cost += ps.price(m.rep0Long[w.match][a.state], 1)
			} else {
				cost += ps.price(m.isRepG[0][a.state], 1)
				if r == 1 {
					cost += ps.price(m.isRepG[1][a.state], 0)
				} else {
					cost += ps.price(m.isRepG[1][a.state], 1) + ps.price(m.isRepG[2][a.state], uint32(r-2))
				}
			}
			n := matchLength(data, src, pos, limit)
			if n < minMatch {
				continue
			}
			if n >= niceLength {
				ps.insert(i+n, cost+repPrice[n], from, symbol{uint32(n), uint32(r)})
				longest = max(longest, niceLength)
				continue
			}
			for ; n >= minMatch; n-- {
				ps.insert(i+n, cost+repPrice[n], from, symbol{uint32(n), uint32(r)})
			}
		}
		if k >= 2 {
			continue
		}
		matchCost += ps.price(m.isRep[w.class][a.state], 0)
		n := uint32(minMatch)
		for j, f := range found {
			if f.length >= niceLength && j < len(found)-1 {
				continue
			}
			if f.length >= niceLength {
				n = f.length
			}
			dist := e.coded(pos, f.dist)
			slot := distanceSlot(dist)
			extra := uint32(0)
			if dist >= 128 {
				extra = ps.align[start][dist&15]
			} else if dist >= 4 {
				extra = ps.near[start][dist]
			}
			for ; n <= f.length; n++ {
				cost := matchCost + lengthPrice[n] + ps.slot[w.class][lenState(int(n))][slot] + extra
				ps.insert(i+int(n), cost, from, symbol{n, f.dist + 4})
			}
		}
	}
	if longest >= niceLength {
		// Inside a long match nothing is looked for: drop what other symbols
		// left there, so that the way on leads over the match.
		clear(ps.count[i+1 : i+niceLength])
	}
}

func (ps *parser) matchedPrice(lit *[0x100]uint16, after *[0x200]uint16, b, matched uint32) uint32 {
	m, sum := uint32(1), uint32(0)
	n := 8
	for n > 0 {
		n--
		bit, want := b>>n&1, matched>>n&1
		sum += ps.price(after[want<<8+m], bit)
		m = m<<1 | bit
		if bit != want {
			break
		}
	}
	for n > 0 {
		n--
		bit := b >> n & 1
		sum += ps.price(lit[m], bit)
		m = m<<1 | bit
	}
	return sum
}

// insert keeps the arrival at window byte i if it is among the best there.
func (ps *parser) insert(i int, cost, from uint32, s symbol) {
	n := int(ps.count[i])
	list := ps.nodes[i*arrivals : i*arrivals+arrivals]
	if n == arrivals && cost >= list[n-1].cost {
		return
	}
	a := &ps.nodes[from]
	var r0, r1 uint32
	switch {
	case s.op == opLiteral || s.op == 0:
		r0, r1 = a.reps.bytes[0], a.reps.bytes[1]
	case s.op >= 4:
		r0, r1 = s.op-4, a.reps.bytes[0]
	default:
		r0, r1 = a.reps.bytes[s.op], a.reps.bytes[0]
	}
	at := n // where a worse one makes room
	for j := range n {
		if list[j].reps.bytes[0] == r0 && list[j].reps.bytes[1] == r1 {
			if list[j].cost <= cost {
				return
			}
			at = j
			break
		}
	}
	if at == n {
		if n < arrivals {
			ps.count[i]++
		} else {
			at = n - 1
		}
	}
	for at > 0 && list[at-1].cost > cost {
		list[at] = list[at-1]
		at--
	}
	d := &list[at]
	d.cost, d.from, d.sym = cost, from, s
	d.state, d.reps = ps.e.step(ps.base+int(from)/arrivals, a.state, a.reps, s)
}
