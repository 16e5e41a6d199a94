package machine

import (
	"encoding/binary"

	"github.com/minsize/minsize/internal/machinecode"
)

// RISCV: RISC-V ELF psABI; the unprivileged ISA manual, chapters 2 ("RV32I")
// and 24 ("Instruction Set Listings").
//
// Stubs use instructions of four bytes that every RISC-V has, 32 bits wide
// ones too: a chip may lack the compressed ones. There is none for a float: one
// of 32 bits in a register of 64 is marked by its upper half (NaN boxing), so
// that no one zero serves both widths. _start would have to set the global
// pointer, and stays the C library's.
var RISCV = &Machine{
	Title: "RISC-V", ELF: []uint16{243}, // EM_RISCV
	Arches: []Arch{
		{Name: "riscv32", Bits: 32, Qemu: "riscv32", GNU: "riscv32", Prefixes: []string{"riscv32"}, COFF: []uint16{0x5032}},
		{Name: "riscv64", Bits: 64, Go: "riscv64", Qemu: "riscv64", GNU: "riscv64", Prefixes: []string{"riscv64"}, COFF: []uint16{0x5064}},
	},
	LargestPage:  4 << 10,
	SegmentTypes: map[uint32]string{0x70000003: "PT_RISCV_ATTRIBUTES"},
	SectionTypes: map[uint32]string{0x70000003: "SHT_RISCV_ATTRIBUTES"},
	Relocations: Relocations{ // R_RISCV_*
		Relative: 3, IRelative: 58, JumpSlot: 5, Pointer: 2, Copy: 4,
		Sizes: map[uint8][]uint32{
			// 32, the PC-relative pairs' halves (one instruction each), 32_PCREL, ADD32, SUB32, SET32
			4: {1, 6, 8, 10, 16, 17, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 35, 39, 56, 57}, 8: {2, 7, 9, 11, 18, 19, 36, 40},
			Word: {3, 5, 58}, 2: {34, 38, 44, 45, 55}, 1: {33, 37, 52, 53, 54},
		},
		Data: []uint32{2, 23, 26, 27, 28}, // 64, PCREL_HI20 (its lower half refers to the upper one's place), HI20, LO12_I, LO12_S
	},
	Decoder:  machinecode.RISCV,
	Blank:    blankRISCV,
	CodeUnit: 2, StubAlign: 16,
	Fill: "\x13\x01", // nop, c.nop
	Code: &Code{
		Trap:      Words(0xc0001073), // unimp
		Alignment: 2,                 // or 4, where the compiler knows no compressed instructions
		Stubs: map[Stub][]byte{
			Return:   Words(0x00008067),                         // ret
			Zero:     Words(0x00000513, 0x00008067),             // li a0, 0; ret
			ZeroPair: Words(0x00000513, 0x00000593, 0x00008067), // li a0, 0; li a1, 0; ret
			Trap:     Words(0xc0001073),                         // unimp
		},
		Linux: map[Stub][]byte{
			DefaultSignal: Words(
				0xfe010113,                                     // addi sp, sp, -32: struct sigaction {SIG_DFL, 0, 0}
				0x00012023, 0x00012223, 0x00012423, 0x00012623, // sw zero, 0(sp) ...
				0x00012823, 0x00012a23, 0x00012c23, 0x00012e23, // ... sw zero, 28(sp)
				0x00010593, // mv a1, sp
				0x00000613, // li a2, 0
				0x00800693, // li a3, 8: bytes of the signal set
				0x08600893, // li a7, 134: rt_sigaction(a0, a1, 0, 8)
				0x00000073, // ecall
				0x02010113, // addi sp, sp, 32
				0x00008067, // ret
			),
		},
		Report: func(message []byte) []byte {
			code := Words(
				0x00200513,                          // li a0, 2
				0x00000597,                          // auipc a1, 0
				0x04058593,                          // addi a1, a1, message
				0x00000613|uint32(len(message))<<20, // li a2, length
				0x04000893,                          // li a7, 64: write
				0x00000073,                          // ecall
				0x0ac00893,                          // li a7, 172: getpid
				0x00000073,                          // ecall
				0x00050293,                          // mv t0, a0
				0x0b200893,                          // li a7, 178: gettid
				0x00000073,                          // ecall
				0x00050593,                          // mv a1, a0
				0x00028513,                          // mv a0, t0
				0x00600613,                          // li a2, 6: SIGABRT
				0x08300893,                          // li a7, 131: tgkill
				0x00000073,                          // ecall
				0xc0001073,                          // unimp, where SIGABRT is blocked
			)
			return padded(append(code, message...), 4)
		},
	},
}

// blankRISCV clears the immediates of auipc, and of what its references end in.
func blankRISCV(code []byte, _ uint64, refs []machinecode.Ref) {
	for at := 0; at+2 <= len(code); {
		half := binary.LittleEndian.Uint16(code[at:])
		if half&3 != 3 || at+4 > len(code) {
			at += 2
			continue
		}
		if half&0x7f == 0x17 {
			clear(code[at+2 : at+4])
			code[at+1] &= 0x0f
		}
		at += 4
	}
	for _, r := range refs {
		if r.Kind == machinecode.Absolute || r.Kind == machinecode.Table {
			continue
		}
		field := code[r.Offset:]
		if r.Length == 2 { // c.j, c.jal, c.beqz, c.bnez: all but the register and what it is
			keep := uint16(0xe003)
			if half := binary.LittleEndian.Uint16(field); half>>14 == 3 {
				keep |= 0x0380
			}
			binary.LittleEndian.PutUint16(field, binary.LittleEndian.Uint16(field)&keep)
			continue
		}
		w := binary.LittleEndian.Uint32(field)
		switch w & 0x7f {
		case 0x6f: // jal
			w &= 0xfff
		case 0x63, 0x23, 0x27: // branches, stores
			w &^= 0xfe000f80
		default:
			w &= 0xfffff
		}
		binary.LittleEndian.PutUint32(field, w)
	}
}
