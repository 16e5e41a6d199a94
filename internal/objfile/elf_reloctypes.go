package objfile

// What the code must know of each machine's relocation types: which one means
// "load base + addend", and how many bytes stand at a place that holds a plain
// number. Types that patch bits of an instruction have the size of the
// instruction's word and are not read as addends in REL files.
//
// Numbers are from the processor supplements (x86-64 psABI 4.4, AAELF64 5.7,
// AAELF32 5.6, RISC-V ELF psABI, Power and z ELF ABI supplements, MIPS psABI,
// LoongArch psABI, SPARC Compliance Definition).

type relocTypeTable struct {
	relative           uint32
	relativeIsSymbolic bool // MIPS: R_MIPS_REL32 without a symbol
	sizes              map[uint32]uint8
	dense              []uint8
}

func (t *relocTypeTable) size(n uint32) uint8 {
	if n < uint32(len(t.dense)) {
		return t.dense[n]
	}
	return t.sizes[n]
}

func sized(groups map[uint8][]uint32) map[uint32]uint8 {
	sizes := map[uint32]uint8{}
	for size, numbers := range groups {
		for _, n := range numbers {
			sizes[n] = size
		}
	}
	return sizes
}

// relocTypes returns the table of a machine; for an unknown one a table that
// knows no size and no relative type.
func relocTypes(machine uint16, wide bool) *relocTypeTable {
	t := relocTypesOf(machine, wide)
	t.dense = make([]uint8, 128)
	for n, size := range t.sizes {
		if n < uint32(len(t.dense)) {
			t.dense[n] = size
		}
	}
	return &t
}

func relocTypesOf(machine uint16, wide bool) relocTypeTable {
	word := uint8(pick(wide, 8, 4))
	switch machine {
	case EM_X86_64: // R_X86_64_RELATIVE is 8; x32's places are 4 bytes
		return relocTypeTable{relative: 8, sizes: sized(map[uint8][]uint32{
			// 64, GLOB_DAT, JUMP_SLOT, DTPMOD64, DTPOFF64, TPOFF64, PC64, GOTOFF64, GOT64.., SIZE64, TLSDESC, IRELATIVE, RELATIVE64
			8:    {1, 16, 17, 18, 24, 25, 27, 28, 29, 30, 31, 33, 38},
			word: {6, 7, 8, 37},
			// PC32, GOT32, PLT32, GOTPCREL, 32, 32S, TLSGD.., SIZE32, GOTPC32_TLSDESC, GOTPCRELX, REX_GOTPCRELX, CODE_*
			4:  {2, 3, 4, 9, 10, 11, 19, 20, 21, 22, 23, 26, 32, 34, 41, 42, 43, 44, 45},
			16: {36}, // TLSDESC
			2:  {12, 13}, 1: {14, 15},
		})}
	case EM_386: // R_386_RELATIVE is 8
		return relocTypeTable{relative: 8, sizes: sized(map[uint8][]uint32{
			4: {1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 14, 15, 16, 17, 18, 19, 32, 33, 34, 35, 36, 37, 38, 39, 42, 43},
			2: {20, 21}, 1: {22, 23},
		})}
	case EM_AARCH64: // R_AARCH64_RELATIVE is 1027; ILP32's R_AARCH64_P32_RELATIVE 183
		relative := uint32(1027)
		if !wide {
			relative = 183
		}
		sizes := sized(map[uint8][]uint32{
			8: {257, 260, 307}, 4: {258, 261, 314, 315}, 2: {259, 262},
			word: {1025, 1026, 1027, 1028, 1029, 1030, 1032}, 16: {1031},
		})
		for n := uint32(263); n <= 313; n++ { // MOVW, LD_PREL, ADR, TSTBR, CONDBR, JUMP26, CALL26, LDST
			if n != 307 {
				sizes[n] = 4
			}
		}
		for n := uint32(512); n <= 573; n++ { // TLS
			sizes[n] = 4
		}
		return relocTypeTable{relative: relative, sizes: sizes}
	case EM_ARM: // R_ARM_RELATIVE is 23
		return relocTypeTable{relative: 23, sizes: sized(map[uint8][]uint32{
			4: {2, 3, 9, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 38, 41, 42, 96, 104, 105, 106, 107, 108, 160},
			2: {5}, 1: {8},
		})}
	case EM_RISCV: // R_RISCV_RELATIVE is 3
		return relocTypeTable{relative: 3, sizes: sized(map[uint8][]uint32{
			// 32, the PC-relative pairs' halves (one instruction each), 32_PCREL, ADD32, SUB32, SET32
			4: {1, 6, 8, 10, 16, 17, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 35, 39, 56, 57}, 8: {2, 7, 9, 11, 18, 19, 36, 40},
			word: {3, 5, 58}, 2: {34, 38, 44, 45, 55}, 1: {33, 37, 52, 53, 54},
		})}
	case EM_PPC64: // R_PPC64_RELATIVE is 22
		sizes := sized(map[uint8][]uint32{
			8: {20, 21, 22, 38, 43, 44, 45, 49, 50, 51, 53, 68, 73, 78, 248},
			4: {1, 2, 7, 8, 9, 10, 11, 12, 13, 26, 27, 28, 30, 52, 107, 116}, 2: {3, 4, 5, 6, 14, 15, 16, 17, 47, 48, 63, 64},
		})
		return relocTypeTable{relative: 22, sizes: sizes}
	case EM_PPC:
		return relocTypeTable{relative: 22, sizes: sized(map[uint8][]uint32{
			4: {1, 2, 7, 8, 9, 10, 11, 12, 13, 18, 20, 21, 22, 23, 24, 26, 27, 28, 68, 73, 78, 248}, 2: {3, 4, 5, 6, 14, 15, 16, 17, 249, 250, 251, 252},
		})}
	case EM_S390: // R_390_RELATIVE is 12
		return relocTypeTable{relative: 12, sizes: sized(map[uint8][]uint32{
			8: {10, 11, 12, 22, 23, 24, 28, 30, 40, 41, 51, 53, 54, 55, 56, 61}, 4: {4, 5, 7, 8, 13, 14, 19, 20, 26, 29, 45}, 2: {3, 15, 16, 17, 18}, 1: {1},
		})}
	case EM_MIPS: // R_MIPS_REL32 (3), with R_MIPS_64 (18) as second type on 64 bits
		if wide {
			return relocTypeTable{relative: 3 | 18<<8, relativeIsSymbolic: true, sizes: map[uint32]uint8{3 | 18<<8: 8, 18: 8, 2: 4, 3: 4, 4: 4, 5: 4, 6: 4, 40: 8, 41: 8, 47: 8}}
		}
		return relocTypeTable{relative: 3, relativeIsSymbolic: true, sizes: map[uint32]uint8{2: 4, 3: 4, 38: 4, 39: 4, 47: 4, 127: 4}}
	case EM_LOONGARCH: // R_LARCH_RELATIVE is 3
		return relocTypeTable{relative: 3, sizes: sized(map[uint8][]uint32{
			8: {2, 7, 9, 11, 12, 54}, 4: {1, 6, 8, 10, 53, 55, 99}, word: {3, 5}, 2: {49}, 1: {47},
		})}
	case EM_SPARCV9, EM_SPARC, EM_SPARC32PLUS: // R_SPARC_RELATIVE is 22
		return relocTypeTable{relative: 22, sizes: sized(map[uint8][]uint32{
			word: {19, 20, 22}, 8: {32, 46, 54}, 4: {3, 6, 7, 8, 9, 21, 23}, 2: {2, 5, 55}, 1: {1, 4},
		})}
	case EM_68K:
		return relocTypeTable{relative: 22, sizes: sized(map[uint8][]uint32{4: {1, 4, 7, 10, 13, 16, 20, 21, 22}, 2: {2, 5}, 1: {3, 6}})}
	case EM_SH:
		return relocTypeTable{relative: 165, sizes: map[uint32]uint8{1: 4, 2: 4, 163: 4, 164: 4, 165: 4}}
	case EM_ALPHA:
		return relocTypeTable{relative: 27, sizes: map[uint32]uint8{1: 4, 2: 8, 25: 8, 26: 8, 27: 8}}
	case EM_PARISC:
		return relocTypeTable{relative: ^uint32(0), sizes: map[uint32]uint8{1: 4, 80: 8, 129: 4}}
	}
	return relocTypeTable{relative: ^uint32(0)}
}
