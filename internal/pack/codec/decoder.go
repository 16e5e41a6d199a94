package codec

import (
	"errors"
	"fmt"
)

// ErrDamaged is wrapped by Decode for bytes that no encoder wrote.
var ErrDamaged = errors.New("damaged stream")

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
	var starts []uint32 // where instruction t.count-1, t.count-2, ... began
	var state uint8
	var reps [4]uint32 // distances in bytes, less one

	put := func(b byte, w place) {
		if w.start {
			starts = append(starts, uint32(len(out)))
		}
		t.take(b)
		out = append(out, b)
		if t.ended {
			starts = append(starts, uint32(len(out)))
		}
	}
	for len(out) < size {
		if d.overrun() {
			return nil, fmt.Errorf("%w: %d of %d bytes decoded where it ends", ErrDamaged, len(out), size)
		}
		w := t.place()
		if d.bit(&m.isMatch[w.match][state]) == 0 {
			lit := &m.literal[w.literal]
			s := uint32(1)
			if state >= 7 {
				matched := uint32(out[len(out)-1-int(reps[0])])
				for s < 0x100 {
					matched <<= 1
					bit := d.bit(&lit[0x100+matched&0x100+s])
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
			if w.start {
				if dist >= uint32(len(starts)) {
					return nil, fmt.Errorf("%w: byte %d: match reaches %d instructions back, %d are there", ErrDamaged, len(out), uint64(dist)+1, len(starts))
				}
				dist = uint32(len(out)) - starts[len(starts)-1-int(dist)] - 1
			}
			reps = [4]uint32{dist, reps[0], reps[1], reps[2]}
			state = stateMatch(state)
		} else if d.bit(&m.isRepG[0][state]) == 0 {
			if d.bit(&m.rep0Long[w.match][state]) == 0 {
				state = stateShortRep(state)
			} else {
				length = m.repLength.decode(d, w)
				state = stateRep(state)
			}
		} else {
			if d.bit(&m.isRepG[1][state]) == 0 {
				reps[0], reps[1] = reps[1], reps[0]
			} else if d.bit(&m.isRepG[2][state]) == 0 {
				reps[0], reps[1], reps[2] = reps[2], reps[0], reps[1]
			} else {
				reps = [4]uint32{reps[3], reps[0], reps[1], reps[2]}
			}
			length = m.repLength.decode(d, w)
			state = stateRep(state)
		}
		if uint64(reps[0]) >= uint64(len(out)) || length > size-len(out) {
			return nil, fmt.Errorf("%w: byte %d: match of %d bytes at distance %d", ErrDamaged, len(out), length, uint64(reps[0])+1)
		}
		for range length {
			w = t.place()
			put(out[len(out)-1-int(reps[0])], w)
		}
	}
	return out[len(p.Preset):], nil
}

func (l *lengthModel) decode(d *rangeDecoder, w place) int {
	choice := &l.choice[w.class]
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
		return dist + d.reverse(m.special[start][dist-slot:], bits)
	}
	dist += d.direct(bits-4) << 4
	return dist + d.reverse(m.align[start][:], 4)
}
