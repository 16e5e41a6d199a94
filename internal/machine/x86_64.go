package machine

import (
	"encoding/binary"

	"github.com/minsize/minsize/internal/machinecode"
)

// X86_64: System V ABI, AMD64 supplement; Microsoft's PE format, "x64".
var X86_64 = &Machine{
	Title: "x86-64",
	ELF:   []uint16{62}, // EM_X86_64, of x32 too
	Arches: []Arch{{Name: "x86_64", Bits: 64, Go: "amd64", Qemu: "x86_64", Prefixes: []string{"x86_64"},
		COFF: []uint16{0x8664}, MachO: []uint32{0x01000007}}},
	LargestPage: 4 << 10, Solaris: true, HurdLoader: "/lib/ld-x86-64.so.1", LoaderSlots: true, ThreadPC: 16 + 16*8,
	SectionTypes: map[uint32]string{0x70000001: "SHT_X86_64_UNWIND"},
	Relocations: Relocations{ // R_X86_64_*
		Relative: 8, IRelative: 37, GlobDat: 6, JumpSlot: 7, Pointer: 1, Copy: 5, TLSDesc: 36,
		Sizes: map[uint8][]uint32{
			// 64, GLOB_DAT, JUMP_SLOT, DTPMOD64, DTPOFF64, TPOFF64, PC64, GOTOFF64, GOT64.., SIZE64, TLSDESC, IRELATIVE, RELATIVE64
			8:    {1, 16, 17, 18, 24, 25, 27, 28, 29, 30, 31, 33, 38},
			Word: {6, 7, 8, 37},
			// PC32, GOT32, PLT32, GOTPCREL, 32, 32S, TLSGD.., SIZE32, GOTPC32_TLSDESC, GOTPCRELX, REX_GOTPCRELX, CODE_*
			4:  {2, 3, 4, 9, 10, 11, 19, 20, 21, 22, 23, 26, 32, 34, 41, 42, 43, 44, 45},
			16: {36}, // TLSDESC
			2:  {12, 13}, 1: {14, 15},
		},
		FromEnd: []uint32{2, 4, 9, 41, 42},  // PC32, PLT32, GOTPCREL and the relaxed ones (psABI 4.4.1)
		Data:    []uint32{1, 2, 10, 11, 24}, // 64, PC32, 32, 32S, PC64
	},
	COFFSizes:  map[uint32]uint8{1: 8, 2: 4, 3: 4, 4: 4, 5: 4, 6: 4, 7: 4, 8: 4, 9: 4, 0xb: 4, 0xa: 2}, // IMAGE_REL_AMD64_*
	UnwindInfo: unwindInfo,
	Decoder:    machinecode.X86_64,
	Blank:      blankX86_64,
	OnlyReads:  onlyReadsX86_64,
	CodeUnit:   1, StubAlign: 8,
	Fill: fillX86,
	Code: &Code{
		Trap: []byte{0xcc}, // int3, to fill with: ud2 has two bytes
		// Any byte would do; an even address keeps what C++ puts into the lowest
		// bit of a pointer to a member function (Itanium C++ ABI, 2.3).
		Alignment: 2,
		Stubs: map[Stub][]byte{
			Return:    {0xc3},                         // ret
			Zero:      {0x31, 0xc0, 0xc3},             // xor eax, eax; ret
			ZeroFloat: {0x0f, 0x57, 0xc0, 0xc3},       // xorps xmm0, xmm0; ret
			ZeroPair:  {0x31, 0xc0, 0x31, 0xd2, 0xc3}, // xor eax, eax; xor edx, edx; ret
			Trap:      {0x0f, 0x0b},                   // ud2
		},
		Linux: map[Stub][]byte{
			DefaultSignal: {
				0x6a, 0x00, 0x6a, 0x00, 0x6a, 0x00, 0x6a, 0x00, // push 0, four times: struct sigaction {SIG_DFL, 0, 0, 0}
				0x48, 0x89, 0xe6, // mov rsi, rsp
				0x31, 0xd2, // xor edx, edx
				0x41, 0xba, 8, 0, 0, 0, // mov r10d, 8: bytes of the signal set
				0xb8, 13, 0, 0, 0, // mov eax, 13: rt_sigaction(edi, rsi, 0, 8)
				0x0f, 0x05, // syscall
				0x48, 0x83, 0xc4, 0x20, // add rsp, 32
				0xc3, // ret: the instruction that faulted runs again
			},
		},
		Report: func(message []byte) []byte {
			code := []byte{
				0xbf, 2, 0, 0, 0, // mov edi, 2
				0x48, 0x8d, 0x35, 0, 0, 0, 0, // lea rsi, [rip + message]
				0xba, 0, 0, 0, 0, // mov edx, length
				0xb8, 1, 0, 0, 0, // mov eax, 1: write
				0x0f, 0x05, // syscall
				0xb8, 39, 0, 0, 0, // mov eax, 39: getpid
				0x0f, 0x05, // syscall
				0x89, 0xc7, // mov edi, eax
				0xb8, 186, 0, 0, 0, // mov eax, 186: gettid
				0x0f, 0x05, // syscall
				0x89, 0xc6, // mov esi, eax
				0xba, 6, 0, 0, 0, // mov edx, SIGABRT
				0xb8, 234, 0, 0, 0, // mov eax, 234: tgkill
				0x0f, 0x05, // syscall
				0x0f, 0x0b, // ud2, where SIGABRT is blocked
			}
			binary.LittleEndian.PutUint32(code[8:], uint32(len(code)-12))
			binary.LittleEndian.PutUint32(code[13:], uint32(len(message)))
			return append(code, message...)
		},
		Landings: []Landing{{[]byte{0xf3, 0x0f, 0x1e, 0xfa}, []byte{0xf3, 0x0f, 0x1e, 0xfa}}}, // endbr64
		Start: Fragment{
			Code: []byte{
				0x31, 0xed, // xor ebp, ebp: the outermost frame (System V ABI x86-64, 3.4.1)
				0x49, 0x89, 0xd1, // mov r9, rdx: the loader's finaliser
				0x5e,             // pop rsi: argc
				0x48, 0x89, 0xe2, // mov rdx, rsp: argv
				0x48, 0x83, 0xe4, 0xf0, // and rsp, -16
				0x50,             // push rax: keeps the alignment
				0x54,             // push rsp: the end of the stack
				0x45, 0x31, 0xc0, // xor r8d, r8d: no fini
				0x31, 0xc9, // xor ecx, ecx: no init
				0x48, 0x8d, 0x3d, 0, 0, 0, 0, // lea rdi, [rip + main]
				0xff, 0x15, 0, 0, 0, 0, // call [rip + __libc_start_main@GOTPCREL]
				0xf4, // hlt: never reached
			},
			Relocations: []Relocation{{23, 2, "main", -4}, {29, 41, "__libc_start_main", -4}}, // R_X86_64_PC32, R_X86_64_GOTPCRELX
		},
	},
}

// fillX86: zeros, nop in all its lengths, int3.
const fillX86 = "\x90\xcc\x66\x67\x2e\x0f\x1f\x84\x80\x44\x40\xf4\x3e\x26\x8d\xb4\x76\x74"

func blankX86_64(code []byte, addr uint64, refs []machinecode.Ref) {
	for _, r := range refs {
		end := int(r.Offset) + int(r.Length)
		for at := int(r.Offset); at+4 <= end; at++ {
			field := code[at : at+4]
			if addr+uint64(end)+uint64(int64(int32(binary.LittleEndian.Uint32(field)))) == r.Target {
				clear(field)
				break
			}
		}
	}
}

// unwindInfo: "x64 exception handling", struct UNWIND_INFO.
func unwindInfo(b []byte) uint64 {
	n := 4 + 2*((uint64(b[2])+1)&^1)
	switch flags := b[0] >> 3; {
	case flags&4 != 0: // UNW_FLAG_CHAININFO: a RUNTIME_FUNCTION
		n += 12
	case flags&3 != 0: // a handler's address
		n += 4
	}
	return n
}

// onlyReadsX86_64 knows loads, tests and comparisons.
func onlyReadsX86_64(code []byte, at uint64) bool {
	if at < 3 || at+4 > uint64(len(code)) {
		return false
	}
	opcode, modrm := code[at-2], code[at-1]
	if modrm&0xc7 != 0x05 { // [rip + displacement], Intel SDM volume 2, table 2-2
		return false
	}
	operation := modrm >> 3 & 7
	switch opcode {
	case 0x8b, 0x8a: // mov register, memory
		return code[at-3] != 0x0f
	case 0xb6, 0xb7, 0xbe, 0xbf: // movzx, movsx
		return code[at-3] == 0x0f
	case 0x84, 0x85, 0x38, 0x39, 0x3a, 0x3b: // test, cmp
		return code[at-3] != 0x0f
	case 0xf6, 0xf7: // test memory, constant
		return operation == 0
	case 0x80, 0x81, 0x83: // cmp memory, constant
		return operation == 7
	}
	return false
}
