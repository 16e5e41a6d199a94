// Package codec holds the stages of packing that work on bytes: the LZ coders,
// the instruction state machines, and the filters that they define.
//
// Both coders share LZMA's frame: literals, matches and repeated distances
// chosen by adaptive binary contexts under a range coder. LZMA is the plain
// one, decodable by any LZMA decoder. XLZ replaces its contexts, which know
// only the position modulo 4 and the last byte's top bits, by the state of the
// instruction that a byte belongs to, and counts the distance of a match that
// starts at an instruction in instructions; a repeated distance is taken again
// in instructions where one starts, so that it follows its source over fields of
// other sizes. Below 50 to 80 KB the larger
// decoder of XLZ eats the gain, so the packer tries both.
//
// What was rejected, measured: two-rate counters, finer length states, hashed
// isMatch contexts, reduced offsets (ROLZ) by previous instruction.
//
// Source: I. Pavlov, LZMA specification (lzma-specification.txt).
package codec

import "sync"

import "fmt"

// Method is one of the coders.
type Method uint8

const (
	LZMA Method = 1
	XLZ  Method = 2
	Mix  Method = 3 // context mixing
)

func (m Method) String() string {
	switch m {
	case LZMA:
		return "LZMA"
	case XLZ:
		return "XLZ"
	case Mix:
		return "mix"
	}
	return "unknown"
}

// Params are all that a decoder must know beside the bytes.
type Params struct {
	Method Method
	LC     uint8 // LZMA: bits of the last byte that are a literal's context, 0..4
	LP     uint8 // LZMA: bits of the position that are a literal's context, 0..4
	PB     uint8 // LZMA: bits of the position that are a match's context, 0..4
	Small  bool  // XLZ: coarse opcode hash, for streams too short to fill the fine one; repeats in bytes
	Layout Layout
	Preset []byte // LZMA: bytes that both sides know, as if they came before the stream
}

// Check says whether a decoder can work with p on a stream of size bytes.
func (p *Params) Check(size int) error {
	switch p.Method {
	case LZMA:
		if p.LC > 4 || p.LP > 4 || p.LC+p.LP > 4 || p.PB > 4 { // the sum of bytes wraps
			return fmt.Errorf("LZMA parameters lc=%d lp=%d pb=%d are out of range", p.LC, p.LP, p.PB)
		}
	case XLZ, Mix:
	default:
		return fmt.Errorf("unknown coder %d", p.Method)
	}
	return p.Layout.Check(size)
}

const (
	minMatch   = 2
	maxMatch   = 273
	lenStates  = 4
	states     = 12
	maxClasses = 16 // position states of LZMA; seven classes of kind in XLZ

	countUnit = 8 // the stub keeps the place of every eighth instruction
)

// Classes of kinds, for what a kind of its own would dilute.
const (
	classData = iota
	classStart
	classOpcode
	classSmall
	classWide
	classRel
	classRIP
	classes // how many; as length contexts, data has four more by position
)

var kindClass = buildKindClass()

func buildKindClass() (t [kindCount]uint8) {
	for k := range t {
		switch {
		case k == kindData || k > kindImm16+2:
			t[k] = classData
		case k == kindFirst:
			t[k] = classStart
		case k <= kindSIB:
			t[k] = classOpcode
		case k == kindDisp8 || k == kindImm8 || k == kindRel8:
			t[k] = classSmall
		case k >= kindRel32 && k < kindRIP:
			t[k] = classRel
		case k >= kindRIP && k < kindImm16:
			t[k] = classRIP
		default:
			t[k] = classWide
		}
	}
	return t
}

// place is the context of one position.
type place struct {
	literal uint16 // which literal coder
	matched uint16 // which coder of literals after a match
	match   uint8  // of isMatch and rep0long
	length  uint8  // of lengths
	choice  uint8  // of the first bits of lengths
	class   uint8  // of isRep and slots
	start   bool   // distances count instructions here
}

// lengthModel codes lengths of 2 to 273.
type lengthModel struct {
	choice [maxClasses][2]uint16
	low    [maxClasses][8]uint16
	mid    [maxClasses][8]uint16
	high   [256]uint16
}

// model is every probability of a coder.
type model struct {
	isMatch   [kindCount][states]uint16
	rep0Long  [kindCount][states]uint16
	isRep     [maxClasses][states]uint16
	isRepG    [3][states]uint16
	length    lengthModel
	repLength lengthModel
	slot      [maxClasses][lenStates][64]uint16
	special   [2][128]uint16 // by start
	align     [2][16]uint16
	literal   [][0x100]uint16
	matched   [][0x200]uint16 // by the bit expected: after a match, up to the first difference
}

func newModel(p *Params) *model {
	m := &model{}
	initial := uint16(lzmaInit)
	n := 1 << (p.LC + p.LP)
	matched := n
	if p.Method == XLZ {
		initial, n, matched = xlzInit, p.Layout.set().literals, kindPlace
	}
	m.literal = make([][0x100]uint16, n)
	m.matched = make([][0x200]uint16, matched)
	fill := func(s []uint16) {
		for i := range s {
			s[i] = initial
		}
	}
	for i := range m.literal {
		fill(m.literal[i][:])
	}
	for i := range m.matched {
		fill(m.matched[i][:])
	}
	for i := range kindCount {
		fill(m.isMatch[i][:])
		fill(m.rep0Long[i][:])
	}
	for i := range maxClasses {
		fill(m.isRep[i][:])
		for j := range lenStates {
			fill(m.slot[i][j][:])
		}
		for _, l := range []*lengthModel{&m.length, &m.repLength} {
			fill(l.choice[i][:])
			fill(l.low[i][:])
			fill(l.mid[i][:])
			fill(l.high[:])
		}
	}
	for i := range m.isRepG {
		fill(m.isRepG[i][:])
	}
	for i := range 2 {
		fill(m.special[i][:])
		fill(m.align[i][:])
	}
	return m
}

// State transitions of LZMA: 0..6 after a literal, 7..11 after the rest.
func stateLiteral(s uint8) uint8 {
	switch {
	case s < 4:
		return 0
	case s < 10:
		return s - 3
	}
	return s - 6
}

func stateMatch(s uint8) uint8 {
	if s < 7 {
		return 7
	}
	return 10
}

func stateRep(s uint8) uint8 {
	if s < 7 {
		return 8
	}
	return 11
}

func stateShortRep(s uint8) uint8 {
	if s < 7 {
		return 9
	}
	return 11
}

func lenState(length int) int { return min(length-minMatch, lenStates-1) }

// tracker follows a stream and knows the place of the next byte.
type tracker struct {
	p       *Params
	pos     uint32
	last    uint32 // four bytes, the newest lowest
	region  int
	machine machine
	set     *instructionSet
	inCode  bool
	end     uint32 // of the region
	region0 uint32 // count at the start of the region
	shift   uint   // of opcode hashes
	mask    uint8  // of positions in data
	count   uint32 // instructions begun so far; regions begin at multiples of countUnit
}

// tables are built by the first who codes, and so has a tracker, or who filters:
// nearly all runs of the program do not.
var tables = sync.OnceFunc(func() {
	stretchTable, bitPrice = buildStretch(), buildBitPrice()
	oneByte, twoByte = buildOpcodeTables()
})

func newTracker(p *Params) *tracker {
	tables()
	set := p.Layout.set()
	t := &tracker{p: p, set: set, machine: set.machine(), mask: 3}
	if p.Small {
		t.shift, t.mask = 2, 0
	}
	t.enter()
	return t
}

// enter starts or ends code at t.pos.
func (t *tracker) enter() {
	regions := t.p.Layout.Regions
	for t.region < len(regions) && t.pos >= regions[t.region].End {
		t.region++
	}
	in := t.region < len(regions) && t.pos >= regions[t.region].Start
	if t.inCode && t.pos == t.end {
		t.count = (t.count + countUnit) &^ (countUnit - 1)
	}
	if in {
		t.end = regions[t.region].End
	}
	if in && (!t.inCode || t.pos == regions[t.region].Start) {
		t.machine.reset()
		t.region0 = t.count
	}
	t.inCode = in
}

// place of the next byte.
func (t *tracker) place() place {
	if t.p.Method == LZMA {
		pb := uint8(t.pos) & (1<<t.p.PB - 1)
		lit := t.pos&(1<<t.p.LP-1)<<t.p.LC + t.last&255>>(8-t.p.LC)
		return place{literal: uint16(lit), matched: uint16(lit), match: pb, length: pb}
	}
	if !t.inCode {
		return place{literal: uint16(t.last & 255 >> 5), match: kindPlace + uint8(t.pos)&t.mask, length: classes + uint8(t.pos)&t.mask, choice: classes + uint8(t.pos)&t.mask}
	}
	kind, class, literal := t.set.context(t.machine, t.last, t.shift)
	return place{literal: uint16(literal), matched: uint16(kind), match: kind, class: class, length: class, choice: class, start: kind == kindFirst}
}

func x86Context(m machine, last uint32, coarse uint) (kind, class uint8, literal uint32) {
	kind, hash := m.state()
	prev := last & 255
	switch kind {
	case kindFirst, kindRel32 + 3, kindRIP + 3:
		literal = uint32(kind) * 8
	case kindOpcode:
		literal = 256 + uint32(hash>>coarse)
	case kindModRM:
		literal = 512 + uint32(hash>>coarse)
	case kindRel32 + 2:
		literal = 768 + prev
	case kindRIP + 2:
		literal = 1024 + prev
	default:
		literal = uint32(kind)*8 + prev>>5
	}
	return kind, kindClass[kind], literal
}

// take moves over b.
func (t *tracker) take(b byte) {
	if t.inCode && t.p.Method != LZMA {
		if kind, _ := t.machine.state(); kind == kindFirst {
			t.count++
		}
		t.machine.step(b)
	}
	t.last = t.last<<8 | uint32(b)
	t.pos++
	if t.p.Method != LZMA {
		t.enter()
	}
}
