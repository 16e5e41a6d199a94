package codec

import (
	"errors"
	"fmt"
)

// ErrDamaged is wrapped by Decode for bytes that no encoder wrote.
var ErrDamaged = errors.New("damaged stream")

// noStart marks counts that regions skip.
const noStart = 1<<32 - 1

// Decode gives back the size bytes that Encode was given. Memory is the
// output and 2 MB, whatever the input says; size is the caller's to bound.
func Decode(in []byte, size int, p Params) ([]byte, error) {
	if err := p.Check(size); err != nil {
		return nil, err
	}
	if p.Method == Mix {
		return decodeMix(in, size, &p)
	}
	d := newRangeDecoder(p.Method == XLZ, in)
	m := newModel(&p)
	t := newTracker(&p)
	size += len(p.Preset)
	out := make([]byte, 0, size)
	for _, b := range p.Preset {
		out = append(out, b)
		t.take(b)
	}
	var starts []uint32 // where instructions began, by their count; noStart between regions
	var state uint8
	var reps distances

	follow := func(t *tracker) {
		for i := range 2 {
			if n := reps.count[i]; n-1 < t.count-t.region0 {
				reps.bytes[i] = uint32(len(out)) - starts[t.count-n] - 1
			}
		}
	}
	put := func(b byte, w place) {
		if w.start {
			for uint32(len(starts)) < t.count {
				starts = append(starts, noStart)
			}
			starts = append(starts, uint32(len(out)))
		}
		t.take(b)
		out = append(out, b)
	}
	for len(out) < size {
		if d.overrun() {
			return nil, fmt.Errorf("%w: %d of %d bytes decoded where it ends", ErrDamaged, len(out), size)
		}
		w := t.place()
		if w.start && !p.Small {
			follow(t)
		}
		if d.bit(&m.isMatch[w.match][state]) == 0 {
			lit, after := &m.literal[w.literal], &m.matched[w.matched]
			s := uint32(1)
			if state >= 7 {
				matched := uint32(out[len(out)-1-int(reps.bytes[0])])
				for s < 0x100 {
					matched <<= 1
					bit := d.bit(&after[matched&0x100+s])
					s = s<<1 | bit
					if matched>>8&1 != bit {
						break
					}
				}
			}
			for s < 0x100 {
				s = s<<1 | d.bit(&lit[s])
			}
			put(byte(s), w)
			state = stateLiteral(state)
			continue
		}
		length := 1
		if d.bit(&m.isRep[w.class][state]) == 0 {
			length = m.length.decode(d, w)
			dist := m.decodeDistance(d, w, length)
			count := uint32(0)
			if w.start {
				count = dist + 1
				if count > t.count || t.count-count >= uint32(len(starts)) || starts[t.count-count] == noStart {
					return nil, fmt.Errorf("%w: byte %d: match reaches %d instructions back, where none starts", ErrDamaged, len(out), uint64(dist)+1)
				}
				dist = uint32(len(out)) - starts[t.count-count] - 1
			}
			reps.push(dist, count)
			state = stateMatch(state)
		} else if d.bit(&m.isRepG[0][state]) == 0 {
			if d.bit(&m.rep0Long[w.match][state]) == 0 {
				state = stateShortRep(state)
			} else {
				length = m.repLength.decode(d, w)
				state = stateRep(state)
			}
		} else {
			which := uint32(1)
			if d.bit(&m.isRepG[1][state]) != 0 {
				which = 2 + d.bit(&m.isRepG[2][state])
			}
			reps.turn(which)
			length = m.repLength.decode(d, w)
			state = stateRep(state)
		}
		if uint64(reps.bytes[0]) >= uint64(len(out)) || length > size-len(out) {
			return nil, fmt.Errorf("%w: byte %d: match of %d bytes at distance %d", ErrDamaged, len(out), length, uint64(reps.bytes[0])+1)
		}
		for range length {
			w = t.place()
			put(out[len(out)-1-int(reps.bytes[0])], w)
		}
	}
	return out[len(p.Preset):], nil
}

func (l *lengthModel) decode(d *rangeDecoder, w place) int {
	choice := &l.choice[w.choice]
	if d.bit(&choice[0]) == 0 {
		return minMatch + int(d.tree(l.low[w.length][:], 3))
	}
	if d.bit(&choice[1]) == 0 {
		return minMatch + 8 + int(d.tree(l.mid[w.length][:], 3))
	}
	return minMatch + 16 + int(d.tree(l.high[:], 8))
}

// decodeDistance gives the distance less one, in instructions where w.start.
func (m *model) decodeDistance(d *rangeDecoder, w place, length int) uint32 {
	slot := d.tree(m.slot[w.class][lenState(length)][:], 6)
	if slot < 4 {
		return slot
	}
	bits := uint(slot>>1 - 1)
	dist := (2 | slot&1) << bits
	start := 0
	if w.start {
		start = 1
	}
	if slot < 14 {
		return dist + d.lowBits(m.special[start][dist-slot:], bits)
	}
	dist += d.direct(bits-4) << 4
	return dist + d.lowBits(m.align[start][:], 4)
}
