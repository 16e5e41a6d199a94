package codec

import "encoding/binary"

// Two binary range coders.
//
// The first is LZMA's, so that plain streams can be read by any LZMA decoder:
// 11-bit probabilities, 32-bit range, a byte at a time. The second is XLZ's:
// 12-bit probabilities with a hit counter in the low four bits of the same
// word (young contexts adapt fast; as a probability the word is taken whole,
// which costs nothing and saves the decoder a step), 64-bit range refilled 32 bits at a time,
// which halves the branches of the packed program's decoder.
//
// Source: G. N. N. Martin, Range encoding (1979); I. Pavlov, LZMA SDK
// (lzma-specification.txt).

const (
	lzmaProbBits = 11
	lzmaShift    = 5
	lzmaInit     = 1 << (lzmaProbBits - 1)
	xlzInit      = 0x8000
)

// xlzRates is by how much a probability of XLZ moves at its n-th use.
var xlzRates = [16]uint8{1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 5}

// adapt0 and adapt1 are the probability after a 0 or a 1: it moves towards an
// end of its range and never reaches 0 or 1.
func adapt0(s uint16) uint16 { return adapt(s, 0xffff) }
func adapt1(s uint16) uint16 { return adapt(s, 0x01ff) }

func adapt(s uint16, target int32) uint16 {
	s = uint16(int32(s) + (target-int32(s))>>xlzRates[s&15]&^15)
	if s&15 != 15 {
		s++
	}
	return s
}

// rangeEncoder writes either coder's bytes.
type rangeEncoder struct {
	xlz  bool
	out  []byte
	low  uint64
	rng  uint64
	hold int64 // LZMA: bytes held back for a carry
	held byte
}

// newRangeEncoder is for a stream of size bytes, of which a third is expected.
func newRangeEncoder(xlz bool, size int) *rangeEncoder {
	out := make([]byte, 0, size/3+64)
	if xlz {
		return &rangeEncoder{xlz: true, out: out, rng: 1<<64 - 1}
	}
	return &rangeEncoder{out: out, rng: 1<<32 - 1, hold: 1}
}

func (e *rangeEncoder) bit(p *uint16, bit uint32) {
	if e.xlz {
		bound := e.rng >> 16 * uint64(*p)
		if bit == 0 {
			e.rng = bound
			*p = adapt0(*p)
		} else {
			e.add(bound)
			e.rng -= bound
			*p = adapt1(*p)
		}
		e.refill()
		return
	}
	bound := e.rng >> lzmaProbBits * uint64(*p)
	if bit == 0 {
		e.rng = bound
		*p += (1<<lzmaProbBits - *p) >> lzmaShift
	} else {
		e.low += bound
		e.rng -= bound
		*p -= *p >> lzmaShift
	}
	for e.rng < 1<<24 {
		e.rng <<= 8
		e.shiftLow()
	}
}

// direct writes the low n bits of v, highest first, each of probability 1/2.
func (e *rangeEncoder) direct(v uint32, n uint) {
	if n == 0 {
		return
	}
	if e.xlz {
		e.rng >>= n
		e.add(e.rng * uint64(v&(1<<n-1)))
		e.refill()
		return
	}
	for n > 0 {
		n--
		e.rng >>= 1
		e.low += e.rng * uint64(v>>n&1)
		for e.rng < 1<<24 {
			e.rng <<= 8
			e.shiftLow()
		}
	}
}

// add is XLZ's low += v; a carry runs back through what is written.
func (e *rangeEncoder) add(v uint64) {
	e.low += v
	if e.low < v {
		for i := len(e.out) - 1; ; i-- {
			e.out[i]++
			if e.out[i] != 0 {
				return
			}
		}
	}
}

func (e *rangeEncoder) refill() {
	if e.rng < 1<<32 {
		e.out = binary.BigEndian.AppendUint32(e.out, uint32(e.low>>32))
		e.low <<= 32
		e.rng <<= 32
	}
}

func (e *rangeEncoder) shiftLow() {
	if e.low < 0xff000000 || e.low >= 1<<32 {
		carry := byte(e.low >> 32)
		for ; e.hold > 0; e.hold-- {
			e.out = append(e.out, e.held+carry)
			e.held = 0xff
		}
		e.held = byte(e.low >> 24)
	}
	e.hold++
	e.low = e.low & 0x00ffffff << 8
}

// finish returns all bytes. LZMA's first byte, always 0, stays.
func (e *rangeEncoder) finish() []byte {
	if !e.xlz {
		for range 5 {
			e.shiftLow()
		}
		return e.out
	}
	// Write as few bytes as name a value within [low, low+rng) whatever
	// follows them: the stub reads on into the trailer.
	for keep := uint(1); keep <= 8; keep++ {
		mask := uint64(1)<<(64-8*keep) - 1
		v := e.low + mask
		carry := v < e.low
		v &^= mask
		if v-e.low < e.rng && mask < e.rng-(v-e.low) || keep == 8 { // v-low is right also when v wrapped
			if carry {
				for i := len(e.out) - 1; ; i-- {
					e.out[i]++
					if e.out[i] != 0 {
						break
					}
				}
			}
			var b [8]byte
			binary.BigEndian.PutUint64(b[:], v)
			e.out = append(e.out, b[:keep]...)
			break
		}
	}
	return e.out
}

// rangeDecoder reads either coder's bytes; past the end of in it reads zeros
// and counts them in past.
type rangeDecoder struct {
	xlz  bool
	in   []byte
	pos  int
	code uint64
	rng  uint64
}

func newRangeDecoder(xlz bool, in []byte) *rangeDecoder {
	d := &rangeDecoder{xlz: xlz, in: in}
	if xlz {
		d.rng = 1<<64 - 1
		for range 8 {
			d.code = d.code<<8 | uint64(d.next())
		}
		return d
	}
	d.rng = 1<<32 - 1
	for range 5 {
		d.code = d.code<<8 | uint64(d.next())
	}
	d.code &= 1<<32 - 1
	return d
}

func (d *rangeDecoder) next() byte {
	d.pos++
	if d.pos <= len(d.in) {
		return d.in[d.pos-1]
	}
	return 0
}

// overrun says that far more was read than was there: the stream is cut.
func (d *rangeDecoder) overrun() bool { return d.pos > len(d.in)+16 }

func (d *rangeDecoder) bit(p *uint16) uint32 {
	if d.xlz {
		bound := d.rng >> 16 * uint64(*p)
		if d.code < bound {
			d.rng = bound
			*p = adapt0(*p)
			d.refill()
			return 0
		}
		d.code -= bound
		d.rng -= bound
		*p = adapt1(*p)
		d.refill()
		return 1
	}
	bound := d.rng >> lzmaProbBits * uint64(*p)
	if d.code < bound {
		d.rng = bound
		*p += (1<<lzmaProbBits - *p) >> lzmaShift
		d.refill()
		return 0
	}
	d.code -= bound
	d.rng -= bound
	*p -= *p >> lzmaShift
	d.refill()
	return 1
}

func (d *rangeDecoder) refill() {
	if d.xlz {
		if d.rng < 1<<32 {
			for range 4 {
				d.code = d.code<<8 | uint64(d.next())
			}
			d.rng <<= 32
		}
		return
	}
	for d.rng < 1<<24 {
		d.rng <<= 8
		d.code = d.code<<8 | uint64(d.next())
	}
}

func (d *rangeDecoder) direct(n uint) uint32 {
	if n == 0 {
		return 0
	}
	if d.xlz {
		d.rng >>= n
		v := d.code / d.rng
		if v >= 1<<n { // only in damaged streams
			v = 1<<n - 1
		}
		d.code -= v * d.rng
		d.refill()
		return uint32(v)
	}
	var v uint32
	for range n {
		d.rng >>= 1
		v <<= 1
		if d.code >= d.rng {
			d.code -= d.rng
			v |= 1
		}
		d.refill()
	}
	return v
}

// tree decodes n bits, highest first, with the tree of probabilities p.
func (d *rangeDecoder) tree(p []uint16, n uint) uint32 {
	m := uint32(1)
	for range n {
		m = m<<1 | d.bit(&p[m])
	}
	return m - 1<<n
}

// lowBits decodes n low bits of a distance; p[1] is the root.
func (d *rangeDecoder) lowBits(p []uint16, n uint) uint32 {
	if d.xlz {
		return d.tree(p, n)
	}
	m, v := uint32(1), uint32(0)
	for i := range n {
		b := d.bit(&p[m])
		m = m<<1 | b
		v |= b << i
	}
	return v
}

func (e *rangeEncoder) tree(p []uint16, n uint, v uint32) {
	m := uint32(1)
	for n > 0 {
		n--
		b := v >> n & 1
		e.bit(&p[m], b)
		m = m<<1 | b
	}
}

// lowBits encodes the n low bits of a distance: LZMA's lowest first, XLZ's highest
// first, which its unpacker decodes at once.
func (e *rangeEncoder) lowBits(p []uint16, n uint, v uint32) {
	if e.xlz {
		e.tree(p, n, v)
		return
	}
	m := uint32(1)
	for range n {
		b := v & 1
		v >>= 1
		e.bit(&p[m], b)
		m = m<<1 | b
	}
}
