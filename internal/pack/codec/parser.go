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
	arrivals   = 4
	windowMax  = 512
	windowMore = 64  // parsed beyond what is coded
	niceLength = 160 // a match this long is taken without looking inside
	priceOne   = 64  // a bit, in price units
	span       = windowMax + windowMore + maxMatch + 1
	pricesFor  = 400       // bytes that are parsed under one table of prices
	noWay      = 1<<32 - 1 // a cost
)

// Effort is how hard is searched. Any stream can be decoded, whatever it is.
type Effort struct {
	depth    int    // of the match search
	ways     int    // arrivals that are gone on from
	hopeless uint32 // by how much an arrival may be behind to be gone on from
	unlikely uint32 // likewise, for matches with a new distance
}

// Quick takes a quarter less time than Thorough and is half a percent larger.
var (
	Quick    = Effort{depth: 16, ways: 3, hopeless: 3 * priceOne, unlikely: priceOne}
	Thorough = Effort{depth: 48, ways: arrivals, hopeless: 10 * priceOne, unlikely: 3 * priceOne}
	Utmost   = Effort{depth: 300, ways: arrivals, hopeless: 30 * priceOne, unlikely: 15 * priceOne}
)

// bitPrice is the price of a 0 under 11-bit probabilities.
var bitPrice [1 << lzmaProbBits]uint16

func buildBitPrice() (t [1 << lzmaProbBits]uint16) {
	for i := range t {
		t[i] = uint16(math.Round(-math.Log2((float64(i)+.5)/(1<<lzmaProbBits)) * priceOne))
	}
	return t
}

// arrival is one way to a byte.
type arrival struct {
	cost   uint32
	r0, r1 uint32 // the newest distances behind the symbol
	op     uint32 // opLiteral, 0..3: that rep, else 4 + index of the match
	length uint16
	from   uint16 // arrival before, as index into parser.ways
}

// standing is what an arrival left: made when its byte's turn comes, since
// most arrivals are beaten before.
type standing struct {
	reps  distances
	state uint8
}

type parser struct {
	e      *encoder
	shift  uint // of probabilities, to 11 bits
	ways   [span * arrivals]arrival
	stands [span * arrivals]standing
	length [2][maxClasses][maxMatch + 1]uint32
	slot   [maxClasses][lenStates][64]uint32
	near   [2][128]uint32
	align  [2][16]uint32
	base   int // the window's first byte
}

func (e *encoder) parse() {
	ps := &parser{e: e}
	if e.p.Method == XLZ {
		ps.shift = 5
	}
	symbols := make([]symbol, 0, span)
	start := len(e.p.Preset)
	fresh := start
	for pos := start; pos < len(e.data); {
		window := min(64+(pos-start)/16, windowMax, len(e.data)-pos)
		e.feed.forget(pos)
		if pos >= fresh {
			ps.updatePrices()
			fresh = pos + min((pos-start)/64, pricesFor)
		}
		symbols = ps.window(pos, window, symbols[:0])
		end := pos + window
		for _, s := range symbols {
			if pos >= end {
				break
			}
			e.put(pos, s)
			pos += int(s.length)
		}
	}
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

// lowPrice is that of a distance's low bits, see rangeEncoder.lowBits.
func (ps *parser) lowPrice(t []uint16, n uint, v uint32) uint32 {
	if ps.e.p.Method == XLZ {
		return ps.treePrice(t, n, v)
	}
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
			ps.near[start][dist] = ps.lowPrice(m.special[start][base-slot:], n, dist-base)
		}
		for v := range uint32(16) {
			ps.align[start][v] = ps.lowPrice(m.align[start][:], 4, v)
		}
	}
}

// window finds the cheapest symbols from pos over at least size bytes.
func (ps *parser) window(pos, size int, out []symbol) []symbol {
	e := ps.e
	stop := min(size+windowMore, len(e.data)-pos)
	e.feed.reach(pos + stop)
	ps.base = pos
	for i := range ps.ways[:min(stop+maxMatch+1, span)*arrivals] {
		ps.ways[i].cost = noWay
	}
	ps.ways[0] = arrival{r0: e.reps.bytes[0], r1: e.reps.bytes[1]}
	ps.stands[0] = standing{e.reps, e.state}
	for i := 0; i < stop; i++ {
		if ps.ways[i*arrivals].cost != noWay {
			ps.relax(i)
		}
	}
	end := stop
	for ps.ways[end*arrivals].cost == noWay { // only inside a long match
		end++
	}
	for at := end * arrivals; at >= arrivals; {
		w := &ps.ways[at]
		at = int(w.from)
		out = append(out, ps.symbol(w))
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}

// symbol is what led to an arrival.
func (ps *parser) symbol(a *arrival) symbol {
	if a.op == opLiteral || a.op < 4 {
		return symbol{uint32(a.length), a.op, 0}
	}
	m := &ps.e.feed.matches[a.op-4]
	return symbol{uint32(a.length), m.dist + 4, m.coded}
}

// relax tries every symbol from every arrival at window byte i.
func (ps *parser) relax(i int) {
	e, m := ps.e, ps.e.m
	pos := ps.base + i
	data := e.data
	w, found := e.feed.at(pos)
	limit := min(maxMatch, len(data)-pos)
	lit := &m.literal[w.literal]
	b := uint32(data[pos])
	plain := ps.treePrice(lit[:], 8, b)
	longest := uint32(0)
	if len(found) > 0 {
		longest = found[len(found)-1].length
	}
	lengthPrice, repPrice := &ps.length[0][w.length], &ps.length[1][w.length]
	slots := &ps.slot[w.class]
	start := 0
	if w.start {
		start = 1
	}
	expected, matched := uint32(noWay), uint32(0) // the byte behind a match, and the literal's price then
	best := ps.ways[i*arrivals].cost
	most := best + e.effort.hopeless
	for k := range e.effort.ways {
		from := i*arrivals + k
		a := &ps.ways[from]
		if a.cost > most {
			break
		}
		st := &ps.stands[from]
		if i > 0 {
			before := &ps.ways[from]
			*st = ps.stands[before.from]
			s := ps.symbol(a)
			st.state = s.step(&e.feed.spots[ps.base+int(before.from)/arrivals-e.feed.first], st.state, &st.reps)
		}
		e.follow(pos, w, &st.reps)
		state := st.state
		r0, r1 := st.reps.bytes[0], st.reps.bytes[1]
		isMatch := m.isMatch[w.match][state]

		litCost := a.cost + ps.price(isMatch, 0)
		if state < 7 {
			litCost += plain
		} else {
			if other := uint32(data[pos-1-int(r0)]); other != expected {
				expected, matched = other, ps.matchedPrice(lit, &m.matched[w.matched], b, other)
			}
			litCost += matched
		}
		ps.insert(i+1, litCost, r0, r1, opLiteral, 1, from)

		matchCost := a.cost + ps.price(isMatch, 1)
		isRep := m.isRep[w.class][state]
		repCost := matchCost + ps.price(isRep, 1)
		for r := range 4 {
			dist := st.reps.bytes[r]
			src := pos - 1 - int(dist)
			if src < 0 || data[src] != data[pos] {
				continue
			}
			cost := repCost
			other := r0
			if r == 0 {
				other = r1
				cost += ps.price(m.isRepG[0][state], 0)
				long := m.rep0Long[w.match][state]
				ps.insert(i+1, cost+ps.price(long, 0), r0, r1, 0, 1, from)
				cost += ps.price(long, 1)
			} else {
				cost += ps.price(m.isRepG[0][state], 1)
				if r == 1 {
					cost += ps.price(m.isRepG[1][state], 0)
				} else {
					cost += ps.price(m.isRepG[1][state], 1) + ps.price(m.isRepG[2][state], uint32(r-2))
				}
			}
			n := matchLength(data, src, pos, limit)
			if n < minMatch {
				continue
			}
			if n >= niceLength {
				ps.insert(i+n, cost+repPrice[n], dist, other, uint32(r), n, from)
				longest = max(longest, niceLength)
				continue
			}
			shortest := minMatch // of the best arrival; for others the shorter lengths rarely win
			if k >= 1 {
				shortest = max(n-1, minMatch)
			}
			for ; n >= shortest; n-- {
				if c := cost + repPrice[n]; c < ps.ways[(i+n)*arrivals+arrivals-1].cost {
					ps.insert(i+n, c, dist, other, uint32(r), n, from)
				}
			}
		}
		if k >= 2 || a.cost > best+e.effort.unlikely {
			continue
		}
		matchCost += ps.price(isRep, 0)
		n := minMatch
		for j := range found {
			f := &found[j]
			last := int(f.length)
			if last >= niceLength {
				if j < len(found)-1 {
					continue
				}
				n = last
			}
			slot := distanceSlot(f.coded)
			cost := matchCost
			if f.coded >= 128 {
				cost += ps.align[start][f.coded&15]
			} else if f.coded >= 4 {
				cost += ps.near[start][f.coded]
			}
			op := w.matches + uint32(j) + 4
			for ; n <= last; n++ {
				if c := cost + lengthPrice[n] + slots[lenState(n)][slot]; c < ps.ways[(i+n)*arrivals+arrivals-1].cost {
					ps.insert(i+n, c, f.dist, r0, op, n, from)
				}
			}
		}
	}
	if longest >= niceLength {
		// Inside a long match nothing is looked for: drop what other symbols
		// left there, so that the way on leads over the match.
		for j := (i + 1) * arrivals; j < (i+niceLength)*arrivals; j++ {
			ps.ways[j].cost = noWay
		}
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
func (ps *parser) insert(i int, cost, r0, r1, op uint32, length, from int) {
	list := (*[arrivals]arrival)(ps.ways[i*arrivals:])
	if cost >= list[arrivals-1].cost {
		return
	}
	at := arrivals - 1
	for j := range list {
		l := &list[j]
		if l.cost == noWay {
			at = j
			break
		}
		if l.r0 == r0 && l.r1 == r1 {
			if l.cost <= cost {
				return
			}
			at = j
			break
		}
	}
	for at > 0 && list[at-1].cost > cost {
		list[at] = list[at-1]
		at--
	}
	list[at] = arrival{cost, r0, r1, op, uint16(length), uint16(from)}
}
