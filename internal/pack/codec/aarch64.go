package codec

import "encoding/binary"

// The state machine of aarch64 instructions: words of four bytes, kept
// big-endian in the filtered stream so that the opcode comes before its
// operands and can be their context.
//
// Source: Arm Architecture Reference Manual for A-profile, section C4
// (A64 instruction set encoding).

// The machine itself only counts the bytes of a word: kindFirst is the top
// byte. What the other three are, the top byte tells, by its class:
// 2 + class + 8*(0, 1 or 2) is their kind.
const (
	classOther = iota
	classBranch
	classPage
	classAdd  // immediate
	classLoad // and store, at an offset
	classPair
	classConditional
	classRegisters
)

// aarch64Class is that of a word by its top byte.
func aarch64Class(top uint32) uint32 {
	switch {
	case top&0x7c == 0x14:
		return classBranch
	case top&0x9f == 0x90:
		return classPage
	case top&0x1f == 0x11:
		return classAdd
	case top&0x3b == 0x39:
		return classLoad
	case top&0x3e == 0x28:
		return classPair
	case top&0x7c == 0x34 || top == 0x54:
		return classConditional
	case top&0x1e == 0x0a:
		return classRegisters
	}
	return classOther
}

type aarch64Machine struct {
	at uint8 // 1 to 4: which byte of the word is next
}

func (m *aarch64Machine) reset() { m.at = 1 }

func (m *aarch64Machine) state() (kind, hash uint8) { return m.at, 0 }

func (m *aarch64Machine) step(byte) { m.at = m.at&3 + 1 }

// aarch64Context goes by the last four bytes of the stream, of which one to
// four are of the word before: its top byte says what may follow, its register
// what a condition may be about. Top bytes are taken as seven bits in which hardly
// any two of the frequent ones meet.
func aarch64Context(m machine, last uint32, _ uint) (kind, class uint8, literal uint32) {
	at, _ := m.state()
	if at == kindFirst {
		return at, at, 64 + aarch64Dense(last>>24)
	}
	top := last >> (8 * (at - 2)) & 255
	dense, word := aarch64Dense(top), aarch64Class(top)
	switch {
	case at == 2:
		literal = 192 + dense
	case at == 3:
		literal = 320 + dense*4 + last>>6&3
	case word == classBranch:
		literal = 832 + last&255
	case top == 0x54:
		literal = 48
	case word == classConditional:
		literal = 16 + last>>24&31
	default:
		literal = 1088 + dense*4 + last&3
	}
	return 2 + uint8(word) + 8*(at-2), at, literal
}

func aarch64Dense(top uint32) uint32 { return top * 5 >> 1 & 127 }

// filterAArch64 turns the words of code to big-endian, branches (B, BL) and
// pages (ADRP) to absolute values. base is the place of code[0] in the
// stream, a multiple of 4. decode turns it back.
func filterAArch64(code []byte, base uint32, decode bool) {
	for i := 0; i+4 <= len(code); i += 4 {
		pc := base + uint32(i)
		if decode {
			w := binary.BigEndian.Uint32(code[i:])
			switch {
			case w&0x7c000000 == 0x14000000:
				w = w&0xfc000000 | (w-pc>>2)&0x03ffffff
			case w&0x9f000000 == 0x90000000:
				imm := w>>29&3<<19 | w>>5&0x7ffff
				imm -= pc >> 12
				w = 0x90000000 | imm&3<<29 | imm>>2&0x7ffff<<5 | w&31
			}
			binary.LittleEndian.PutUint32(code[i:], w)
			continue
		}
		w := binary.LittleEndian.Uint32(code[i:])
		switch {
		case w&0x7c000000 == 0x14000000:
			w = w&0xfc000000 | (w+pc>>2)&0x03ffffff
		case w&0x9f000000 == 0x90000000:
			imm := w>>29&3 | w>>5&0x7ffff<<2
			imm += pc >> 12
			w = 0x90000000 | imm>>19&3<<29 | imm&0x7ffff<<5 | w&31
		}
		binary.BigEndian.PutUint32(code[i:], w)
	}
}
