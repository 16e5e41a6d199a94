package machine

import (
	"encoding/binary"

	"github.com/minsize/minsize/internal/machinecode"
)

// AArch64: ELF for the Arm 64-bit Architecture (AAELF64); Microsoft's PE
// format, "ARM64".
var AArch64 = &Machine{
	Title: "AArch64",
	ELF:   []uint16{183}, // EM_AARCH64
	Arches: []Arch{
		{Name: "aarch64", Bits: 64, Go: "arm64", Qemu: "aarch64", Prefixes: []string{"aarch64", "arm64"},
			COFF: []uint16{0xaa64, 0xa641}, MachO: []uint32{0x0100000c}}, // 0xa641: ARM64EC
		{Name: "aarch64_be", Bits: 64, Big: true, Prefixes: []string{"aarch64_be"}},
	},
	LargestPage: 64 << 10, LoaderSlots: true, MachOPage: 16 << 10, ThreadPC: 16 + 32*8,
	SegmentTypes: map[uint32]string{0x70000000: "PT_AARCH64_ARCHEXT", 0x70000001: "PT_AARCH64_UNWIND", 0x70000002: "PT_AARCH64_MEMTAG_MTE"},
	SectionTypes: map[uint32]string{0x70000003: "SHT_AARCH64_ATTRIBUTES"},
	Relocations: Relocations{ // R_AARCH64_*
		Relative: 1027, IRelative: 1032, GlobDat: 1025, JumpSlot: 1026, Pointer: 257, Copy: 1024, TLSDesc: 1031,
		Sizes: aarch64Sizes,
		// ABS64, PREL64, PREL32, ADR_PREL_LO21, ADR_PREL_PG_HI21, ADD_ABS_LO12_NC, LDST8_, LDST16_, LDST32_, LDST64_ABS_LO12_NC
		Data: []uint32{257, 260, 261, 274, 275, 277, 278, 284, 285, 286},
	},
	Narrow:    &Relocations{Relative: 183, IRelative: 188, GlobDat: 181, JumpSlot: 182, Sizes: aarch64Sizes}, // ILP32: R_AARCH64_P32_*
	COFFSizes: map[uint32]uint8{14: 8, 1: 4, 2: 4, 8: 4, 17: 4},                                              // IMAGE_REL_ARM64_ADDR64, ADDR32, ADDR32NB, SECREL, REL32
	Decoder:   machinecode.AArch64,
	Blank:     blankAArch64,
	CodeUnit:  4, StubAlign: 16,
	Fill: "\x1f\x20\x03\xd5", // nop; udf is zeros
	Code: &Code{
		Trap:      Words(0xd4200020), // brk #1
		Alignment: 4,
		Stubs: map[Stub][]byte{
			Return:    Words(0xd65f03c0),                         // ret
			Zero:      Words(0xd2800000, 0xd65f03c0),             // mov x0, #0; ret
			ZeroFloat: Words(0x2f00e400, 0xd65f03c0),             // movi d0, #0; ret
			ZeroPair:  Words(0xd2800000, 0xd2800001, 0xd65f03c0), // mov x0, #0; mov x1, #0; ret
			Trap:      Words(0xd4200020),                         // brk #1
		},
		Linux: map[Stub][]byte{
			DefaultSignal: Words(
				0xa9be7fff, // stp xzr, xzr, [sp, #-32]!: struct sigaction {SIG_DFL, 0,
				0xa9017fff, // stp xzr, xzr, [sp, #16]: 0, 0}
				0x910003e1, // mov x1, sp
				0xd2800002, // mov x2, #0
				0xd2800103, // mov x3, #8: bytes of the signal set
				0xd28010c8, // mov x8, #134: rt_sigaction(x0, x1, 0, 8)
				0xd4000001, // svc #0
				0x910083ff, // add sp, sp, #32
				0xd65f03c0, // ret
			),
		},
		Report: func(message []byte) []byte {
			code := Words(
				0xd2800040,             // mov x0, #2
				0x10000000|4*15/4<<5|1, // adr x1, message
				0xd2800002|uint32(len(message)&0xffff)<<5, // mov x2, length
				0xd2800808, // mov x8, #64: write
				0xd4000001, // svc #0
				0xd2801588, // mov x8, #172: getpid
				0xd4000001, // svc #0
				0xaa0003e9, // mov x9, x0
				0xd2801648, // mov x8, #178: gettid
				0xd4000001, // svc #0
				0xaa0003e1, // mov x1, x0
				0xaa0903e0, // mov x0, x9
				0xd28000c2, // mov x2, #6: SIGABRT
				0xd2801068, // mov x8, #131: tgkill
				0xd4000001, // svc #0
				0xd4200020, // brk #1, where SIGABRT is blocked
			)
			return padded(append(code, message...), 4)
		},
		Landings: []Landing{
			{Words(0xd503245f), Words(0xd503245f)}, // bti c
			{Words(0xd503233f), Words(0xd503245f)}, // paciasp lands like bti c, but would sign what a bare ret cannot check
		},
		Start: Fragment{
			Code: Words(
				0xd280001d, // mov x29, #0
				0xd280001e, // mov x30, #0
				0xaa0003e5, // mov x5, x0: the loader's finaliser
				0xf94003e1, // ldr x1, [sp]: argc
				0x910023e2, // add x2, sp, #8: argv
				0x910003e6, // mov x6, sp: the end of the stack
				0x90000000, // adrp x0, main
				0x91000000, // add x0, x0, :lo12:main
				0xd2800003, // mov x3, #0: no init
				0xd2800004, // mov x4, #0: no fini
				0x94000000, // bl __libc_start_main
				0xd4200020, // brk #1: never reached
			),
			// R_AARCH64_ADR_PREL_PG_HI21, R_AARCH64_ADD_ABS_LO12_NC, R_AARCH64_CALL26
			Relocations: []Relocation{{24, 275, "main", 0}, {28, 277, "main", 0}, {40, 283, "__libc_start_main", 0}},
		},
	},
}

var aarch64Sizes = map[uint8][]uint32{
	8: {257, 260, 307}, 2: {259, 262}, 16: {1031}, Word: {1025, 1026, 1027, 1028, 1029, 1030, 1032},
	// ABS32, PREL32; MOVW, LD_PREL, ADR, TSTBR, CONDBR, JUMP26, CALL26, LDST; TLS
	4: append(append([]uint32{258, 261, 314, 315}, span(263, 313, 307)...), span(512, 573)...),
}

func blankAArch64(code []byte, _ uint64, refs []machinecode.Ref) {
	word := func(at int, keep func(uint32) uint32) {
		binary.LittleEndian.PutUint32(code[at:], keep(binary.LittleEndian.Uint32(code[at:])))
	}
	for at := 0; at+4 <= len(code); at += 4 {
		word(at, func(ins uint32) uint32 {
			if ins&0x9f000000 == 0x90000000 { // adrp: its page depends on where it stands
				return ins & 0x9f00001f
			}
			return ins
		})
	}
	for _, r := range refs {
		if r.Kind == machinecode.Call || r.Kind == machinecode.Branch {
			word(int(r.Offset), func(ins uint32) uint32 { return ins & 0xfc000000 })
		}
	}
}
