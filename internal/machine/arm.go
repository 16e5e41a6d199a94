package machine

import "encoding/binary"

// ARM: ELF for the Arm Architecture (AAELF32); Arm Architecture Reference
// Manual, ARMv7-A and -R, chapters A6 (Thumb) and A8. Its code is not decoded.
//
// A function has Arm's instructions or Thumb's, which the lowest bit of its
// address tells. Stubs use what every processor of the kind has, so Thumb's are
// those of ARMv6-M. There is none for a float: its register depends on the ABI.
var ARM = &Machine{
	Title: "ARM", ELF: []uint16{40}, // EM_ARM
	Arches: []Arch{
		{Name: "arm", Bits: 32, Go: "arm", Qemu: "arm", GNU: "arm", Prefixes: []string{"arm", "thumb"},
			COFF: []uint16{0x1c0, 0x1c2, 0x1c4}, MachO: []uint32{12, 0x0200000c}}, // arm64_32 counts as ARM with 32-bit pointers
		{Name: "armeb", Bits: 32, Big: true, Prefixes: []string{"armeb", "thumbeb"}},
	},
	LargestPage: 64 << 10, // also run by AArch64 kernels
	ThreadPC:    16 + 15*4, ThumbBit: true,
	SegmentTypes: map[uint32]string{0x70000000: "PT_ARM_ARCHEXT", 0x70000001: "PT_ARM_EXIDX"},
	SectionTypes: map[uint32]string{0x70000001: "SHT_ARM_EXIDX", 0x70000002: "SHT_ARM_PREEMPTMAP", 0x70000003: "SHT_ARM_ATTRIBUTES"},
	Relocations: Relocations{Relative: 23, IRelative: 160, GlobDat: 21, JumpSlot: 22, Sizes: map[uint8][]uint32{ // R_ARM_*
		4: {2, 3, 9, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 38, 41, 42, 96, 104, 105, 106, 107, 108, 160},
		2: {5}, 1: {8},
	},
		Numbers: []uint32{2, 3, 24, 25, 26, 38, 41, 42, 96}, // ABS32, REL32, GOTOFF32, BASE_PREL, GOT_BREL, TARGET1, TARGET2, PREL31, GOT_PREL
		Prel31:  42,
	},
	Code: &Code{
		Trap:      Words(0xe7f000f0), // udf #0
		Alignment: 4,
		Stubs: map[Stub][]byte{
			Return:   Words(0xe12fff1e),                         // bx lr
			Zero:     Words(0xe3a00000, 0xe12fff1e),             // mov r0, #0; bx lr
			ZeroPair: Words(0xe3a00000, 0xe3a01000, 0xe12fff1e), // mov r0, #0; mov r1, #0; bx lr
			Trap:     Words(0xe7f000f0),                         // udf #0
		},
		Linux: map[Stub][]byte{
			DefaultSignal: Words(
				0xe92d4080, // push {r7, lr}
				0xe3a01000, // mov r1, #0
				0xe3a02000, // mov r2, #0
				0xe3a03000, // mov r3, #0
				0xe92d000e, // push {r1, r2, r3}: struct sigaction {SIG_DFL, 0,
				0xe92d000e, // push {r1, r2, r3}: 0, 0}
				0xe1a0100d, // mov r1, sp
				0xe3a03008, // mov r3, #8: bytes of the signal set
				0xe3a070ae, // mov r7, #174: rt_sigaction(r0, r1, 0, 8)
				0xef000000, // svc #0
				0xe28dd018, // add sp, sp, #24
				0xe8bd8080, // pop {r7, pc}
			),
		},
		Report: func(message []byte) []byte {
			code := Words(
				0xe3a00002, // mov r0, #2
				0xe28f1038, // adr r1, message
				0xe59f2030, // ldr r2, length
				0xe3a07004, // mov r7, #4: write
				0xef000000, // svc #0
				0xe3a07014, // mov r7, #20: getpid
				0xef000000, // svc #0
				0xe1a04000, // mov r4, r0
				0xe3a070e0, // mov r7, #224: gettid
				0xef000000, // svc #0
				0xe1a01000, // mov r1, r0
				0xe1a00004, // mov r0, r4
				0xe3a02006, // mov r2, #6: SIGABRT
				0xe3a07f43, // mov r7, #268: tgkill
				0xef000000, // svc #0
				0xe7f000f0, // udf #0, where SIGABRT is blocked
			)
			return padded(append(binary.LittleEndian.AppendUint32(code, uint32(len(message))), message...), 4)
		},
	},
	Thumb: &Code{
		Trap:      halves(0xde00), // udf #0
		Alignment: 2,
		Stubs: map[Stub][]byte{
			Return:   halves(0x4770),                 // bx lr
			Zero:     halves(0x2000, 0x4770),         // movs r0, #0; bx lr
			ZeroPair: halves(0x2000, 0x2100, 0x4770), // movs r0, #0; movs r1, #0; bx lr
			Trap:     halves(0xde00),                 // udf #0
		},
		Linux: map[Stub][]byte{
			DefaultSignal: halves(
				0xb580,                 // push {r7, lr}
				0x2100, 0x2200, 0x2300, // movs r1, r2, r3, #0
				0xb40e, // push {r1, r2, r3}: struct sigaction {SIG_DFL, 0,
				0xb40e, // push {r1, r2, r3}: 0, 0}
				0x4669, // mov r1, sp
				0x2308, // movs r3, #8: bytes of the signal set
				0x27ae, // movs r7, #174: rt_sigaction(r0, r1, 0, 8)
				0xdf00, // svc #0
				0xb006, // add sp, #24
				0xbd80, // pop {r7, pc}
			),
		},
		Report: func(message []byte) []byte {
			n := uint16(len(message))
			code := halves(
				0x2002,                             // movs r0, #2
				0x4679,                             // mov r1, pc: the second instruction behind it
				0x3100,                             // adds r1, message
				0x2200|n>>8, 0x0212, 0x3200|n&0xff, // movs r2, length >> 8; lsls r2, #8; adds r2, length & 255
				0x2704, // movs r7, #4: write
				0xdf00, // svc #0
				0x2714, // movs r7, #20: getpid
				0xdf00, // svc #0
				0x0004, // movs r4, r0
				0x27e0, // movs r7, #224: gettid
				0xdf00, // svc #0
				0x0001, // movs r1, r0
				0x0020, // movs r0, r4
				0x2206, // movs r2, #6: SIGABRT
				0x27ff, // movs r7, #255
				0x370d, // adds r7, #13: 268, tgkill
				0xdf00, // svc #0
				0xde00, // udf #0, where SIGABRT is blocked
			)
			code[4] = byte(len(code) - 6)
			return padded(append(code, message...), 2)
		},
	},
}

// halves lays instructions of two bytes out in memory order.
func halves(instructions ...uint16) []byte {
	out := make([]byte, 0, 2*len(instructions))
	for _, h := range instructions {
		out = binary.LittleEndian.AppendUint16(out, h)
	}
	return out
}

func padded(code []byte, unit int) []byte {
	for len(code)%unit != 0 {
		code = append(code, 0)
	}
	return code
}
