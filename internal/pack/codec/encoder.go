package codec

import (
	"math/bits"
)

// Encode packs stream; Decode with the same Params gives it back. effort
// is what is spent on it.
//
// The stream is parsed window by window: parser.go finds the cheapest way
// through a window under the prices of the moment, then the chosen symbols
// are coded and move the prices.
func Encode(stream []byte, p Params, effort Effort) ([]byte, error) {
	if err := p.Check(len(stream)); err != nil {
		return nil, err
	}
	if p.Method == Mix {
		return encodeMix(stream, &p), nil
	}
	if len(p.Preset) > 0 {
		stream = append(p.Preset[:len(p.Preset):len(p.Preset)], stream...)
	}
	e := &encoder{p: &p, effort: effort, data: stream, rc: newRangeEncoder(p.Method == XLZ, len(stream)), m: newModel(&p)}
	if p.Method == XLZ {
		e.index = newInstructions(len(stream), len(p.Layout.Regions))
	}
	e.feed = newFeed(&scout{tracker: newTracker(&p), finder: newMatchFinder(stream, effort.depth), index: e.index, data: stream})
	e.parse()
	return e.rc.finish(), nil
}

type encoder struct {
	p      *Params
	effort Effort
	data   []byte
	index  *instructions
	feed   *feed
	rc     *rangeEncoder
	m      *model
	state  uint8
	reps   distances
}

// distances are the last four: bytes less one, and in instructions, 0 where
// they did not count.
type distances struct {
	bytes, count [4]uint32
}

// turn moves distance i to the front.
func (d *distances) turn(i uint32) {
	b, n := d.bytes[i], d.count[i]
	for ; i > 0; i-- {
		d.bytes[i], d.count[i] = d.bytes[i-1], d.count[i-1]
	}
	d.bytes[0], d.count[0] = b, n
}

// push puts a distance before the others.
func (d *distances) push(bytes, count uint32) {
	d.bytes = [4]uint32{bytes, d.bytes[0], d.bytes[1], d.bytes[2]}
	d.count = [4]uint32{count, d.count[0], d.count[1], d.count[2]}
}

// follow takes the first two anew where an instruction starts at pos, as many
// instructions back as they were, if that is in the same region.
func (e *encoder) follow(pos int, w *spot, d *distances) {
	if !w.start || e.p.Small {
		return
	}
	for i := range 2 {
		if n := d.count[i]; n-1 < w.count-w.region0 {
			d.bytes[i] = uint32(pos) - e.index.place(w.count-n) - 1
		}
	}
}

// symbol is one step of a parse.
type symbol struct {
	length uint32 // bytes
	op     uint32 // opLiteral, 0..3: that rep, else distance in bytes less one + 4
	coded  uint32 // of such a distance: as it is written, in instructions where they count
}

const opLiteral = 1<<32 - 1

// step is what a symbol at w does to the state and the reps.
func (s symbol) step(w *spot, state uint8, d *distances) uint8 {
	switch {
	case s.op == opLiteral:
		return stateLiteral(state)
	case s.op >= 4:
		count := uint32(0)
		if w.start {
			count = s.coded + 1
		}
		d.push(s.op-4, count)
		return stateMatch(state)
	case s.op == 0 && s.length == 1:
		return stateShortRep(state)
	}
	d.turn(s.op)
	return stateRep(state)
}

// put codes the symbol at pos.
func (e *encoder) put(pos int, s symbol) {
	w, _ := e.feed.at(pos)
	e.follow(pos, w, &e.reps)
	m, rc, state := e.m, e.rc, e.state
	if s.op == opLiteral {
		rc.bit(&m.isMatch[w.match][state], 0)
		e.putLiteral(&m.literal[w.literal], &m.matched[w.matched], pos)
		e.state = stateLiteral(state)
		return
	}
	rc.bit(&m.isMatch[w.match][state], 1)
	if s.op >= 4 {
		rc.bit(&m.isRep[w.class][state], 0)
		m.length.encode(rc, &w.place, s.length)
		m.encodeDistance(rc, &w.place, s.length, s.coded)
	} else {
		rc.bit(&m.isRep[w.class][state], 1)
		if s.op == 0 {
			rc.bit(&m.isRepG[0][state], 0)
			long := uint32(1)
			if s.length == 1 {
				long = 0
			}
			rc.bit(&m.rep0Long[w.match][state], long)
		} else {
			rc.bit(&m.isRepG[0][state], 1)
			if s.op == 1 {
				rc.bit(&m.isRepG[1][state], 0)
			} else {
				rc.bit(&m.isRepG[1][state], 1)
				rc.bit(&m.isRepG[2][state], s.op-2)
			}
		}
		if s.length > 1 {
			m.repLength.encode(rc, &w.place, s.length)
		}
	}
	e.state = s.step(w, state, &e.reps)
}

func (e *encoder) putLiteral(lit *[0x100]uint16, after *[0x200]uint16, pos int) {
	b := uint32(e.data[pos])
	m := uint32(1)
	n := 8
	if e.state >= 7 {
		matched := uint32(e.data[pos-1-int(e.reps.bytes[0])])
		for n > 0 {
			n--
			bit := b >> n & 1
			want := matched >> n & 1
			e.rc.bit(&after[want<<8+m], bit)
			m = m<<1 | bit
			if bit != want {
				break
			}
		}
	}
	for n > 0 {
		n--
		bit := b >> n & 1
		e.rc.bit(&lit[m], bit)
		m = m<<1 | bit
	}
}

func (l *lengthModel) encode(rc *rangeEncoder, w *place, length uint32) {
	n := length - minMatch
	choice := &l.choice[w.choice]
	switch {
	case n < 8:
		rc.bit(&choice[0], 0)
		rc.tree(l.low[w.length][:], 3, n)
	case n < 16:
		rc.bit(&choice[0], 1)
		rc.bit(&choice[1], 0)
		rc.tree(l.mid[w.length][:], 3, n-8)
	default:
		rc.bit(&choice[0], 1)
		rc.bit(&choice[1], 1)
		rc.tree(l.high[:], 8, n-16)
	}
}

// distanceSlot is LZMA's: two per power of two.
func distanceSlot(dist uint32) uint32 {
	if dist < 4 {
		return dist
	}
	n := uint32(bits.Len32(dist)) - 1
	return n<<1 | dist>>(n-1)&1
}

func (m *model) encodeDistance(rc *rangeEncoder, w *place, length, dist uint32) {
	slot := distanceSlot(dist)
	rc.tree(m.slot[w.class][lenState(int(length))][:], 6, slot)
	if slot < 4 {
		return
	}
	n := uint(slot>>1 - 1)
	base := (2 | slot&1) << n
	start := 0
	if w.start {
		start = 1
	}
	if slot < 14 {
		rc.lowBits(m.special[start][base-slot:], n, dist-base)
		return
	}
	rc.direct((dist-base)>>4, n-4)
	rc.lowBits(m.align[start][:], 4, dist&15)
}
