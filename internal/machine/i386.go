package machine

import "encoding/binary"

// I386: System V ABI, Intel386 supplement; Intel SDM volume 2. Its code is not
// decoded: addresses are made of a base that a function computes for itself.
//
// There is no stub for a float: C returns it on the stack of the x87, Rust in a
// register of SSE where there is one. And a function that returns a structure
// takes the hidden pointer to it off the stack (ret 4), which no stub does.
var I386 = &Machine{
	Title: "i386", ELF: []uint16{3}, // EM_386
	Arches: []Arch{{Name: "i386", Bits: 32, Go: "386", Qemu: "i386", Prefixes: []string{"i386", "i486", "i586", "i686"},
		COFF: []uint16{0x14c}, MachO: []uint32{7}}},
	LargestPage: 4 << 10, Solaris: true, HurdLoader: "/lib/ld.so", LoaderSlots: true, ThreadPC: 16 + 10*4,
	Relocations: Relocations{Relative: 8, IRelative: 42, GlobDat: 6, JumpSlot: 7, Sizes: map[uint8][]uint32{ // R_386_*
		4: {1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 14, 15, 16, 17, 18, 19, 32, 33, 34, 35, 36, 37, 38, 39, 42, 43},
		2: {20, 21}, 1: {22, 23},
	},
		Numbers: []uint32{1, 2, 3, 4, 9, 10, 43}, // 32, PC32, GOT32, PLT32, GOTOFF, GOTPC, GOT32X
	},
	COFFSizes:     map[uint32]uint8{6: 4, 7: 4, 0xb: 4, 0x14: 4, 0xa: 2}, // IMAGE_REL_I386_*
	Fill:          fillX86,
	PopsArguments: popsArguments,
	Code: &Code{
		Trap:      []byte{0xcc}, // int3
		Alignment: 2,
		Stubs: map[Stub][]byte{
			Return:   {0xc3},                         // ret
			Zero:     {0x31, 0xc0, 0xc3},             // xor eax, eax; ret
			ZeroPair: {0x31, 0xc0, 0x31, 0xd2, 0xc3}, // xor eax, eax; xor edx, edx; ret
			Trap:     {0x0f, 0x0b},                   // ud2
		},
		Linux: map[Stub][]byte{
			DefaultSignal: {
				0x53, 0x56, // push ebx; push esi
				0x6a, 0, 0x6a, 0, 0x6a, 0, 0x6a, 0, 0x6a, 0, // push 0, five times: struct sigaction {SIG_DFL, 0, 0, 0}
				0x8b, 0x5c, 0x24, 0x20, // mov ebx, [esp + 32]: the signal
				0x89, 0xe1, // mov ecx, esp
				0x31, 0xd2, // xor edx, edx
				0xbe, 8, 0, 0, 0, // mov esi, 8: bytes of the signal set
				0xb8, 174, 0, 0, 0, // mov eax, 174: rt_sigaction(ebx, ecx, 0, 8)
				0xcd, 0x80, // int 0x80
				0x83, 0xc4, 20, // add esp, 20
				0x5e, 0x5b, 0xc3, // pop esi; pop ebx; ret
			},
		},
		Report: func(message []byte) []byte {
			code := []byte{
				0xbb, 2, 0, 0, 0, // mov ebx, 2
				0xe8, 0, 0, 0, 0, // call the next instruction
				0x59,          // pop ecx: its address
				0x83, 0xc1, 0, // add ecx, message
				0xba, 0, 0, 0, 0, // mov edx, length
				0xb8, 4, 0, 0, 0, // mov eax, 4: write
				0xcd, 0x80, // int 0x80
				0xb8, 20, 0, 0, 0, // mov eax, 20: getpid
				0xcd, 0x80, // int 0x80
				0x89, 0xc3, // mov ebx, eax
				0xb8, 224, 0, 0, 0, // mov eax, 224: gettid
				0xcd, 0x80, // int 0x80
				0x89, 0xc1, // mov ecx, eax
				0xba, 6, 0, 0, 0, // mov edx, SIGABRT
				0xb8, 14, 1, 0, 0, // mov eax, 270: tgkill
				0xcd, 0x80, // int 0x80
				0x0f, 0x0b, // ud2, where SIGABRT is blocked
			}
			code[13] = byte(len(code) - 10)
			binary.LittleEndian.PutUint32(code[15:], uint32(len(message)))
			return append(code, message...)
		},
		Landings: []Landing{{[]byte{0xf3, 0x0f, 0x1e, 0xfb}, []byte{0xf3, 0x0f, 0x1e, 0xfb}}}, // endbr32
	},
}

// popsArguments looks for the bytes of `ret n`, whatever they are part of: a
// function that has them by chance stays as it is.
func popsArguments(code []byte) bool {
	for i := 0; i+3 <= len(code); i++ {
		if code[i] == 0xc2 && code[i+2] == 0 && code[i+1]&3 == 0 {
			return true
		}
	}
	return false
}
