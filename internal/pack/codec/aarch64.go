package codec

import "encoding/binary"

// The state machine of aarch64 instructions: words of four bytes, kept
// big-endian in the filtered stream so that the opcode comes before its
// operands and can be their context.
//
// Source: Arm Architecture Reference Manual for A-profile, section C4
// (A64 instruction set encoding).

// Kinds of aarch64 bytes; kindFirst is the word's top byte.
const (
	kindWord1 = 2 // under the context of the top byte
	kindWord2 = 3 // under the hash of the two bytes above
	kindWord3 = 4 // likewise
)

type aarch64Machine struct {
	kind, hash uint8
}

func (m *aarch64Machine) reset() { *m = aarch64Machine{kind: kindFirst} }

func (m *aarch64Machine) state() (kind, hash uint8) { return m.kind, m.hash }

func (m *aarch64Machine) step(b byte) {
	switch m.kind {
	case kindFirst:
		m.kind, m.hash = kindWord1, b
	case kindWord1:
		m.kind, m.hash = kindWord2, m.hash*hashFactor+b>>5
	case kindWord2:
		m.kind = kindWord3
	default:
		m.kind = kindFirst
	}
}

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
