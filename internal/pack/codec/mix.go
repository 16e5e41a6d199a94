package codec

import "fmt"

// The third coder mixes contexts: no repeats, no literals, but a guess of
// every bit by fifteen models whose weights are learnt as they go. It is 10 %
// smaller than XLZ and 30 times slower to start: for programs that start
// seldom, by choice alone (`pack --max`).
//
// What is hard: encoder, this decoder and the stub in C must agree on every
// bit, so all arithmetic is on integers, and the stub has room for one simple
// loop. Chosen: one table of buckets for all contexts (a bucket holds the 15
// decisions of half a byte and a check of its context), contexts from the
// instruction machine, four sets of weights whose guesses are averaged, two final
// corrections. All buckets of half a byte are asked for at once.
//
// Rejected: two layers of mixers, indirect (history) states and run models:
// each gains 1 to 2 % and costs the stub a table or a third of its speed. A second
// input for each context, linear or by its count: .4 %.
//
// Source: M. Mahoney, Adaptive Weighing of Context Models for Lossless Data
// Compression (2005), for logistic mixing and the shape of squash.

const (
	mixContexts = 14 // contexts in buckets; one more input from the repeat model
	mixInputs   = 16
	mixRate     = 7
	mixSets     = 4
	mixBuckets  = 1 << 20 // at most, 32 bytes each
	bucketSize  = 16      // probabilities; the first is the check
)

// squashTable is 4096/(1+e^-x) at x = -8, -7.5, ... 8.
var squashTable = [33]int32{1, 2, 3, 6, 10, 16, 27, 45, 73, 120, 194, 310, 488, 747, 1101, 1546, 2047,
	2549, 2994, 3348, 3607, 3785, 3901, 3975, 4022, 4050, 4068, 4079, 4085, 4089, 4092, 4093, 4094}

// squash turns a logit (256 a unit, -2047..2047) into a probability of 4096.
func squash(x int32) int32 {
	if x > 2047 {
		return 4095
	}
	if x < -2047 {
		return 1
	}
	w := x & 127
	i := x>>7 + 16
	return (squashTable[i]*(128-w) + squashTable[i+1]*w + 64) >> 7
}

// stretchTable is the inverse of squash.
var stretchTable [4096]int16

func buildStretch() (t [4096]int16) {
	at := int32(0)
	for x := int32(-2047); x <= 2047; x++ {
		v := squash(x)
		for ; at <= v; at++ {
			t[at] = int16(x)
		}
	}
	for ; at < 4096; at++ {
		t[at] = 2047
	}
	return t
}

// mixer predicts bits and learns from them.
type mixer struct {
	t       *tracker
	buckets []uint16
	mask    uint32
	slots   [mixContexts][]uint16 // of this half byte
	hashes  [mixContexts]uint32
	inputs  [mixInputs]int32
	weights [mixSets][1024][mixInputs]int16 // 8192 is 1
	sets    [mixSets]int
	dots    [mixSets]int32
	final   [2][]uint16 // corrections, 33 steps each
	finalAt [2]int

	out      []byte
	partial  uint32 // bits of this byte so far, with a leading 1
	place    place
	kind     uint8
	full     uint32 // hash of the instruction so far
	shape    uint32 // hash of its opcode and modrm
	before   [3]uint32
	whole    uint32 // the last instruction
	last     [kindCount]uint8
	repeats  []uint32
	match    uint32 // where the repeat goes on, 0 for none
	length   uint32
	expected uint32 // the byte there, with a leading 1
	strength [64]uint16
	p        int32
}

func newMixer(p *Params, size int) *mixer {
	m := &mixer{t: newTracker(p), partial: 1}
	n := uint32(1 << 14)
	for n < mixBuckets && int(n) < size*4 {
		n <<= 1
	}
	m.mask = n - 1
	m.buckets = make([]uint16, n*bucketSize)
	m.repeats = make([]uint32, 1<<16)
	for i := range m.strength {
		m.strength[i] = 0x8000
	}
	for s := range m.weights {
		for i := range m.weights[s] {
			for j := range m.weights[s][i] {
				m.weights[s][i][j] = 1 << 11
			}
		}
	}
	for i, n := range []int{kindCount * 256, 1 << 12} {
		m.final[i] = make([]uint16, n*33)
		for j := range m.final[i] {
			m.final[i][j] = uint16(squash(int32(j%33-16)*128) * 16)
		}
	}
	m.newByte()
	return m
}

func mixHash(a, b uint32) uint32 {
	h := a*0x9e3779b1 ^ b*0x85ebca6b
	return h ^ h>>15
}

// newByte sets the contexts of the byte to come.
func (m *mixer) newByte() {
	m.place = m.t.place()
	k := uint32(m.place.match)
	if k >= kindPlace {
		k = 0
	}
	m.kind = uint8(k)
	var c [9]uint32 // c[1] is the last byte
	for i := 1; i <= 8 && i <= len(m.out); i++ {
		c[i] = uint32(m.out[len(m.out)-i])
	}
	w := c[1] | c[2]<<8 | c[3]<<16 | c[4]<<24
	pos := uint32(len(m.out))
	// The repeat model: where the last bytes occurred before.
	if m.length > 0 && m.match < pos {
		m.expected = uint32(m.out[m.match]) | 0x100
	} else {
		m.length = 0
	}
	if len(m.out) >= 5 {
		h := mixHash(w, c[5]) >> 16
		if m.length == 0 {
			m.match = m.repeats[h]
			if m.match > 0 {
				for m.length < 32 && m.length < m.match && m.out[m.match-1-m.length] == m.out[pos-1-m.length] {
					m.length++
				}
				m.expected = uint32(m.out[m.match]) | 0x100
			}
		}
		m.repeats[h] = pos
	}
	repeat := uint32(0) // the byte that it expects, and how surely
	if m.length > 0 {
		repeat = m.expected&255 | min(m.length, 15)<<8
	}
	repeat |= c[1] << 12
	var x [mixContexts]uint32
	x[0] = k
	x[1] = repeat
	x[2] = w & 0xffff
	x[3] = w & 0xffffff
	x[4] = w
	x[5] = mixHash(w, c[5]|c[6]<<8)
	if k == 0 {
		x[6] = pos&3 | c[4]<<8
		x[7] = pos&7 | c[8]<<8
		x[8] = c[1] | c[4]<<8
		x[9] = c[4] | c[8]<<8
		x[1] = c[1]
		x[10] = repeat
		x[11] = c[2] | c[3]<<8
		x[12] = c[4] | c[3]<<8 | pos&3<<16
		x[13] = mixHash(w, c[5]|c[6]<<8|c[7]<<16|c[8]<<24)
	} else {
		x[6] = m.full
		x[7] = mixHash(m.full, m.before[0])
		x[8] = mixHash(x[7], m.before[1])
		x[9] = mixHash(x[8], m.before[2])
		x[10] = mixHash(m.full, m.whole)
		x[11] = m.shape | uint32(m.last[k])<<24
		x[12] = m.shape
		x[13] = mixHash(m.before[0], c[1])
	}
	for i := range x {
		m.hashes[i] = mixHash(x[i]+uint32(i)*0x1000193, k+1)
	}
	m.sets[2], m.sets[3] = int(c[1]), int(c[2])
	m.sets[0] = int(k) * 8
	m.findSlots(0)
}

// findSlots finds the buckets of the half byte that begins.
func (m *mixer) findSlots(half uint32) {
	for i := range m.slots {
		h := m.hashes[i]
		if half != 0 {
			h = mixHash(h, half)
		}
		check := uint16(h) | 1
		at := h >> 10 & m.mask
		best := at
		for try := range uint32(2) {
			b := m.buckets[(at^try)*bucketSize:]
			if b[0] == check {
				best = at ^ try
				break
			}
			// The younger one goes: its first decision was made less often.
			if try == 1 && b[1]&15 < m.buckets[at*bucketSize+1]&15 {
				best = at ^ 1
			}
		}
		b := m.buckets[best*bucketSize:][:bucketSize]
		if b[0] != check {
			b[0] = check
			for j := 1; j < bucketSize; j++ {
				b[j] = 0x8000
			}
		}
		m.slots[i] = b
	}
}

// predict returns the probability of a 1, of 4096.
func (m *mixer) predict() int32 {
	bits := uint32(7)
	for p := m.partial; p > 1; p >>= 1 {
		bits--
	}
	node := m.partial
	if m.partial >= 16 {
		node = m.partial&(1<<(3-bits)-1) | 1<<(3-bits)
	}
	for i := range m.slots {
		s := m.slots[i][node]
		m.inputs[i] = int32(stretchTable[s>>4])
		if s&15 == 0 {
			m.inputs[i] = 0
		}
	}
	m.inputs[mixContexts] = 0
	strength := uint32(0)
	if m.length > 0 && m.expected>>(bits+1) == m.partial {
		strength = min(m.length, 31)
		if m.length >= 16 {
			strength = min(16+(m.length-16)/4, 31)
		}
		st := int32(stretchTable[m.strength[strength*2]>>4])
		if m.expected>>bits&1 == 0 {
			st = -st
		}
		m.inputs[mixContexts] = st
	}
	m.inputs[mixContexts+1] = 256
	m.sets[0] = int(m.kind)*8 + int(bits)
	m.sets[1] = int(strength)*32 + int(m.kind)
	var sum int32
	for s := range mixSets {
		w := &m.weights[s][m.sets[s]]
		var dot int32
		for i, x := range m.inputs {
			dot += x * int32(w[i])
		}
		m.dots[s] = max(-2047, min(2047, dot>>13))
		sum += m.dots[s]
	}
	st := sum >> 2
	p := squash(st)
	// Corrections by what came of such guesses before.
	m.finalAt[0] = (int(m.kind)*256 + int(m.partial)) * 33
	m.finalAt[1] = int(mixHash(uint32(lastByte(m.out))|uint32(m.kind)<<8, m.partial)>>20) * 33
	q := p * 2
	lo := (st + 2048) >> 7
	w := (st + 2048) & 127
	for i := range 2 {
		at := m.finalAt[i] + int(lo)
		v := (int32(m.final[i][at])*(128-w) + int32(m.final[i][at+1])*w) >> 11
		q += v
		m.finalAt[i] = at + int(w>>6)
	}
	m.p = max(1, min(4095, q>>2))
	return m.p
}

func lastByte(b []byte) byte {
	if len(b) == 0 {
		return 0
	}
	return b[len(b)-1]
}

// update learns the bit.
func (m *mixer) update(bit uint32) {
	node := m.partial
	bits := uint32(7)
	for p := m.partial; p > 1; p >>= 1 {
		bits--
	}
	if m.partial >= 16 {
		node = m.partial&(1<<(3-bits)-1) | 1<<(3-bits)
	}
	for s := range mixSets {
		w := &m.weights[s][m.sets[s]]
		err := (int32(bit)<<12 - squash(m.dots[s])) * mixRate
		for i, x := range m.inputs {
			w[i] = int16(max(-32768, min(32767, int32(w[i])+(x*err+0x8000)>>16)))
		}
	}
	for i := range 2 {
		v := &m.final[i][m.finalAt[i]]
		if bit != 0 {
			*v += (0xffff - *v) >> 5
		} else {
			*v -= *v >> 5
		}
	}
	for i := range m.slots {
		p := &m.slots[i][node]
		if bit != 0 {
			*p = mixAdapt(*p, 0xffff)
		} else {
			*p = mixAdapt(*p, 0x000f)
		}
	}
	if m.length > 0 && m.expected>>(bits+1) == m.partial {
		strength := min(m.length, 31)
		if m.length >= 16 {
			strength = min(16+(m.length-16)/4, 31)
		}
		v := &m.strength[strength*2]
		if m.expected>>bits&1 == bit {
			*v += (0xffff - *v) >> 6
		} else {
			*v -= *v >> 6
			m.length = 0
		}
	}
	m.partial = m.partial<<1 | bit
	switch {
	case m.partial >= 256:
		m.endByte(byte(m.partial))
	case m.partial >= 16 && m.partial < 32:
		m.findSlots(m.partial)
	}
}

// mixAdapt moves a probability (12 bits over a 4-bit count) by 1/(n+1.5).
func mixAdapt(s uint16, target int32) uint16 {
	n := s & 15
	d := (target - int32(s|15)) * mixRates[n] >> 16
	s = uint16(max(16, min(0xfff0, int32(s&^15)+d&^15))) | n
	if n < mixLimit {
		s++
	}
	return s
}

const mixLimit = 15

var mixRates = buildMixRates()

func buildMixRates() (t [16]int32) {
	for i := range t {
		t[i] = 65536 * 2 / (int32(i)*2 + 3)
	}
	t[15] = 65536 / 20
	return t
}

func (m *mixer) endByte(b byte) {
	k := m.kind
	if k == kindFirst {
		m.full, m.shape = 0, 0
	}
	m.last[k] = b
	if k != 0 {
		m.full = mixHash(m.full, uint32(b)+1)
		if k < m.t.set.shape {
			m.shape = mixHash(m.shape, uint32(b)+1) & 0xffffff
		}
	}
	m.t.take(b)
	if k != 0 {
		if next, _ := m.t.machine.state(); next == kindFirst {
			m.before[2], m.before[1], m.before[0] = m.before[1], m.before[0], m.shape
			m.whole = m.full
			m.full, m.shape = 0, 0
		}
	}
	m.out = append(m.out, b)
	if m.length > 0 {
		m.match++
		m.length = min(m.length+1, 200)
	}
	m.partial = 1
	m.newByte()
}

// encodeMix and decodeMix are binary arithmetic coding by the mixer.
func encodeMix(stream []byte, p *Params) []byte {
	m := newMixer(p, len(stream))
	var out []byte
	x1, x2 := uint32(0), uint32(0xffffffff)
	for _, b := range stream {
		for i := 7; i >= 0; i-- {
			bit := uint32(b) >> i & 1
			mid := x1 + (x2-x1)>>12*uint32(m.predict())
			if bit != 0 {
				x2 = mid
			} else {
				x1 = mid + 1
			}
			m.update(bit)
			for (x1^x2)>>24 == 0 {
				out = append(out, byte(x2>>24))
				x1 <<= 8
				x2 = x2<<8 | 255
			}
		}
	}
	return append(out, byte(x1>>24)+1, 0, 0, 0) // whatever follows
}

func decodeMix(in []byte, size int, p *Params) ([]byte, error) {
	m := newMixer(p, size)
	x1, x2, x := uint32(0), uint32(0xffffffff), uint32(0)
	at := 0
	next := func() uint32 {
		at++
		if at <= len(in) {
			return uint32(in[at-1])
		}
		return 0
	}
	for range 4 {
		x = x<<8 | next()
	}
	for len(m.out) < size {
		if at > len(in)+16 {
			return nil, fmt.Errorf("%w: %d of %d bytes decoded where it ends", ErrDamaged, len(m.out), size)
		}
		for range 8 {
			mid := x1 + (x2-x1)>>12*uint32(m.predict())
			bit := uint32(0)
			if x <= mid {
				bit = 1
				x2 = mid
			} else {
				x1 = mid + 1
			}
			m.update(bit)
			for (x1^x2)>>24 == 0 {
				x1 <<= 8
				x2 = x2<<8 | 255
				x = x<<8 | next()
			}
		}
	}
	return m.out, nil
}
