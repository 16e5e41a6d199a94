package codec

// The state machine of x86-64 instructions.
//
// What is hard: the decoder must know what the next byte is (opcode, modrm, a
// byte of a displacement, ...) before it has it, from nothing but the bytes
// before it, and the same knowledge must define the branch filter, or encoder
// and decoder will one day disagree. Chosen: one machine, stepped byte by
// byte, which says the kind of the byte to come; filter, contexts and the
// packed program's stub all follow it, so a wrong guess about an instruction
// costs a few bytes and never a wrong program. Invalid opcodes end the
// instruction; the end of a region resets the machine.
//
// Rejected: a full disassembler (size in the stub, and nothing to gain: 0.4 %
// of wrong lengths cost less than its tables).
//
// Source: Intel 64 and IA-32 Architectures Software Developer's Manual,
// volume 2, chapter 2 (instruction format) and appendix A (opcode maps).

// Kinds of a byte. The numbers are part of the format (docs/pack-format.md).
const (
	kindData    = 0 // outside code
	kindFirst   = 1 // first byte of an instruction
	kindOpcode  = 2 // later prefix and opcode bytes
	kindModRM   = 3
	kindSIB     = 4
	kindDisp8   = 5
	kindDisp32  = 6 // to 9
	kindImm8    = 10
	kindRel8    = 11
	kindImm32   = 12 // to 15
	kindRel32   = 16 // to 19, big-endian once filtered
	kindRIP     = 20 // to 23, likewise
	kindImm16   = 24 // to 25; 26 for the last byte of ENTER
	kindPlace   = 28 // to 31: the match contexts of data, by position modulo 4
	kindCount   = 32
	maxPrefixes = 8 // bytes after which a prefix ends its instruction
)

// Opcode classes: what follows the opcode byte.
const (
	opNone = iota
	opImm8
	opImmZ // imm32, imm16 under 66
	opRel8
	opRel32
	opImm16
	opImmV // B8..BF: imm64 under REX.W
	opMoffs
	opEnter
	opPrefix
	opModRM // from here on a modrm byte follows
	opModRMImm8
	opModRMImmZ
	opGroup3Imm8 // F6: imm8 if modrm.reg is 0 or 1
	opGroup3ImmZ // F7
	opEscape     // 0F, C4, C5, 62
)

// oneByte and twoByte (0F xx) are the opcode maps. The stub has the same ones
// in stub/src/x86_tables.h, which TestStubTables writes.
var oneByte, twoByte [256]uint8

func buildOpcodeTables() (one, two [256]uint8) {
	fill := func(t *[256]uint8, class uint8, ranges ...int) {
		for i := 0; i < len(ranges); i += 2 {
			for op := ranges[i]; op <= ranges[i+1]; op++ {
				t[op] = class
			}
		}
	}
	for row := 0; row < 0x40; row += 8 {
		fill(&one, opModRM, row, row+3)
		one[row+4], one[row+5] = opImm8, opImmZ
	}
	fill(&one, opPrefix, 0x26, 0x26, 0x2e, 0x2e, 0x36, 0x36, 0x3e, 0x3e, 0x40, 0x4f, 0x64, 0x67, 0xf0, 0xf0, 0xf2, 0xf3)
	fill(&one, opEscape, 0x0f, 0x0f, 0x62, 0x62, 0xc4, 0xc5)
	fill(&one, opModRM, 0x63, 0x63, 0x84, 0x8f, 0xd0, 0xd3, 0xd8, 0xdf, 0xfe, 0xff)
	fill(&one, opModRMImm8, 0x6b, 0x6b, 0x80, 0x80, 0x82, 0x83, 0xc0, 0xc1, 0xc6, 0xc6)
	fill(&one, opModRMImmZ, 0x69, 0x69, 0x81, 0x81, 0xc7, 0xc7)
	fill(&one, opImm8, 0x6a, 0x6a, 0xa8, 0xa8, 0xb0, 0xb7, 0xcd, 0xcd, 0xd4, 0xd5, 0xe4, 0xe7)
	fill(&one, opImmZ, 0x68, 0x68, 0xa9, 0xa9)
	fill(&one, opRel8, 0x70, 0x7f, 0xe0, 0xe3, 0xeb, 0xeb)
	fill(&one, opRel32, 0xe8, 0xe9)
	fill(&one, opImm16, 0xc2, 0xc2, 0xca, 0xca)
	fill(&one, opImmV, 0xb8, 0xbf)
	fill(&one, opMoffs, 0xa0, 0xa3)
	fill(&one, opEnter, 0xc8, 0xc8)
	one[0xf6], one[0xf7] = opGroup3Imm8, opGroup3ImmZ

	fill(&two, opModRM, 0x00, 0xff)
	fill(&two, opNone, 0x04, 0x0c, 0x0e, 0x0e, 0x24, 0x27, 0x30, 0x37, 0x39, 0x39, 0x3b, 0x3f, 0x77, 0x77, 0xa0, 0xa2, 0xa6, 0xaa, 0xc8, 0xcf)
	two[0x0d] = opModRM
	fill(&two, opModRMImm8, 0x0f, 0x0f, 0x70, 0x73, 0xa4, 0xa4, 0xac, 0xac, 0xba, 0xba, 0xc2, 0xc2, 0xc4, 0xc6)
	fill(&two, opRel32, 0x80, 0x8f)
	return one, two
}

// Queues of kinds, low byte next.
const (
	queueImm8  = kindImm8
	queueImm16 = 0x0100 + kindImm16*0x0101
	queueDisp  = 0x03020100 + kindDisp32*0x01010101
	queueImm32 = 0x03020100 + kindImm32*0x01010101
	queueRel32 = 0x03020100 + kindRel32*0x01010101
	queueRIP   = 0x03020100 + kindRIP*0x01010101
	queueImm64 = queueImm32 | queueImm32<<32
	queueEnter = queueImm16 | (kindImm16+2)<<16
)

// x86Machine is the state between two bytes of code.
type x86Machine struct {
	kind    uint8  // of the next byte
	hash    uint8  // of the opcode bytes so far
	length  uint8  // bytes of this instruction so far
	field   uint8  // offset of its rel32 or RIP displacement, 0 without one
	opMap   uint8  // 0: one byte, 1: 0F, 2: 0F 38, 3: 0F 3A; EVEX maps 5 and 6 count as 1 and 2
	vex     uint8  // payload bytes of a VEX or EVEX prefix still to come
	vexMap  bool   // the next of them names the map
	size16  bool   // 66 seen
	wide    bool   // REX.W seen
	group3  bool   // the immediate depends on modrm.reg
	mod     uint8  // of modrm, until the SIB byte has come
	pending uint64 // kinds of the immediate, until modrm is known
	queue   uint64 // kinds of the bytes to come
}

func (m *x86Machine) reset() { *m = x86Machine{kind: kindFirst} }

// step takes the byte of kind m.kind.
func (m *x86Machine) step(b byte) {
	if m.kind == kindFirst {
		*m = x86Machine{kind: kindFirst, length: 0}
	}
	m.length++
	switch m.kind {
	case kindFirst, kindOpcode:
		m.hash = m.hash*hashFactor + b
		m.opcode(b)
	case kindModRM:
		if m.group3 && b&0x30 != 0 {
			m.pending = 0
		}
		m.queue = m.pending
		m.mod = b >> 6
		switch {
		case m.mod == 3:
		case b&7 == 4:
			m.kind = kindSIB
			return
		case m.mod == 0 && b&7 == 5:
			m.queue = m.queue<<32 | queueRIP
		default:
			m.displacement()
		}
		m.next()
	case kindSIB:
		if m.mod == 0 && b&7 == 5 {
			m.mod = 2
		}
		m.displacement()
		m.next()
	default:
		m.next()
	}
}

func (m *x86Machine) displacement() {
	switch m.mod {
	case 1:
		m.queue = m.queue<<8 | kindDisp8
	case 2:
		m.queue = m.queue<<32 | queueDisp
	}
}

// next takes a kind from the queue; an empty queue ends the instruction.
func (m *x86Machine) next() {
	m.kind = uint8(m.queue)
	m.queue >>= 8
	switch m.kind {
	case 0:
		m.kind = kindFirst
	case kindRel32, kindRIP:
		m.field = m.length
	}
}

func (m *x86Machine) opcode(b byte) {
	m.kind = kindOpcode
	if m.vex > 0 {
		if m.vexMap {
			m.opMap, m.vexMap = b&3, false
		}
		m.vex--
		return
	}
	var class uint8
	switch m.opMap {
	case 0:
		class = oneByte[b]
	case 1:
		class = twoByte[b]
		if b == 0x38 || b == 0x3a {
			m.opMap = 2 + b>>1&1
			return
		}
	case 3:
		class = opModRMImm8
	default:
		class = opModRM
	}
	var queue uint64
	switch class {
	case opPrefix:
		m.wide = b&0xf8 == 0x48
		m.size16 = m.size16 || b == 0x66
		if m.length > maxPrefixes {
			m.kind = kindFirst
		}
		return
	case opEscape:
		m.opMap = 1
		switch b {
		case 0xc5:
			m.vex = 1
		case 0xc4:
			m.vex, m.vexMap = 2, true
		case 0x62:
			m.vex, m.vexMap = 3, true
		}
		return
	case opImm8, opModRMImm8, opGroup3Imm8:
		queue = queueImm8
	case opImmZ, opModRMImmZ, opGroup3ImmZ, opImmV:
		queue = queueImm32
		if m.size16 {
			queue = queueImm16
		}
		if class == opImmV && m.wide {
			queue = queueImm64
		}
	case opRel8:
		queue = kindRel8
	case opRel32:
		queue = queueRel32
	case opImm16:
		queue = queueImm16
	case opMoffs:
		queue = queueImm64
	case opEnter:
		queue = queueEnter
	}
	if class >= opModRM {
		m.group3 = class >= opGroup3Imm8
		m.pending = queue
		m.kind = kindModRM
		return
	}
	m.queue = queue
	m.next()
}

// hashFactor mixes the opcode bytes into an 8-bit context.
const hashFactor = 5

func (m *x86Machine) state() (kind, hash uint8) { return m.kind, m.hash }
