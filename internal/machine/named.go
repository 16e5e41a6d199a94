package machine

// named are the machines whose files are read, and whose code is not.
// Relocations: Power and z ELF ABI supplements,
// MIPS psABI, LoongArch psABI, SPARC Compliance Definition.
var named = []*Machine{
	{
		Title: "PowerPC64", ELF: []uint16{21}, // EM_PPC64
		Arches: []Arch{
			{Name: "powerpc64le", Bits: 64, Go: "ppc64le", Qemu: "ppc64le"},
			{Name: "powerpc64", Bits: 64, Big: true, Go: "ppc64", Qemu: "ppc64", MachO: []uint32{0x01000012}},
		},
		LargestPage: 64 << 10,
		Relocations: Relocations{Relative: 22, IRelative: 248, GlobDat: 20, JumpSlot: 21, Sizes: map[uint8][]uint32{ // R_PPC64_*
			8: {20, 21, 22, 38, 43, 44, 45, 49, 50, 51, 53, 68, 73, 78, 248},
			4: {1, 2, 7, 8, 9, 10, 11, 12, 13, 26, 27, 28, 30, 52, 107, 116}, 2: {3, 4, 5, 6, 14, 15, 16, 17, 47, 48, 63, 64},
		}},
	},
	{
		Title: "PowerPC", ELF: []uint16{20}, // EM_PPC
		Arches: []Arch{
			{Name: "powerpc", Bits: 32, Big: true, Qemu: "ppc", COFF: []uint16{0x1f0}, MachO: []uint32{18}},
			{Name: "powerpcle", Bits: 32},
		},
		LargestPage: 64 << 10,
		Relocations: Relocations{Relative: 22, IRelative: 248, GlobDat: 20, JumpSlot: 21, Sizes: map[uint8][]uint32{ // R_PPC_*
			4: {1, 2, 7, 8, 9, 10, 11, 12, 13, 18, 20, 21, 22, 23, 24, 26, 27, 28, 68, 73, 78, 248}, 2: {3, 4, 5, 6, 14, 15, 16, 17, 249, 250, 251, 252},
		}},
	},
	{
		Title: "s390x", ELF: []uint16{22}, // EM_S390
		Arches:      []Arch{{Name: "s390x", Bits: 64, Big: true, Go: "s390x", Qemu: "s390x"}},
		LargestPage: 4 << 10, WideHash: true,
		SegmentTypes: map[uint32]string{0x70000000: "PT_S390_PGSTE"},
		Relocations: Relocations{Relative: 12, IRelative: 61, GlobDat: 10, JumpSlot: 11, Sizes: map[uint8][]uint32{ // R_390_*
			8: {10, 11, 12, 22, 23, 24, 28, 30, 40, 41, 51, 53, 54, 55, 56, 61}, 4: {4, 5, 7, 8, 13, 14, 19, 20, 26, 29, 45}, 2: {3, 15, 16, 17, 18}, 1: {1},
		}},
	},
	{
		Title: "MIPS", ELF: []uint16{8}, // EM_MIPS
		Arches: []Arch{
			{Name: "mipsel", Bits: 32, Go: "mipsle", Qemu: "mipsel", COFF: []uint16{0x166}},
			{Name: "mips64el", Bits: 64, Go: "mips64le", Qemu: "mips64el"},
			{Name: "mips", Bits: 32, Big: true, Go: "mips", Qemu: "mips"},
			{Name: "mips64", Bits: 64, Big: true, Go: "mips64", Qemu: "mips64"},
		},
		LargestPage: 64 << 10, SplitInfo: true,
		SegmentTypes: map[uint32]string{0x70000000: "PT_MIPS_REGINFO", 0x70000001: "PT_MIPS_RTPROC", 0x70000002: "PT_MIPS_OPTIONS", 0x70000003: "PT_MIPS_ABIFLAGS"},
		SectionTypes: map[uint32]string{0x70000006: "SHT_MIPS_REGINFO", 0x7000000d: "SHT_MIPS_OPTIONS", 0x7000001e: "SHT_MIPS_DWARF", 0x7000002a: "SHT_MIPS_ABIFLAGS"},
		// R_MIPS_REL32, with R_MIPS_64 as second type on 64 bits
		Relocations: Relocations{Relative: 3 | 18<<8, RelativeIsSymbolic: true, Sizes: map[uint8][]uint32{8: {3 | 18<<8, 18, 40, 41, 47}, 4: {2, 3, 4, 5, 6}}},
		Narrow:      &Relocations{Relative: 3, RelativeIsSymbolic: true, Sizes: map[uint8][]uint32{4: {2, 3, 38, 39, 47, 127}}},
	},
	{
		Title: "LoongArch", ELF: []uint16{258}, // EM_LOONGARCH
		Arches:      []Arch{{Name: "loongarch64", Bits: 64, Go: "loong64", Qemu: "loongarch64", COFF: []uint16{0x6264}}},
		LargestPage: 16 << 10,
		Relocations: Relocations{Relative: 3, Sizes: map[uint8][]uint32{ // R_LARCH_*
			8: {2, 7, 9, 11, 12, 54}, 4: {1, 6, 8, 10, 53, 55, 99}, Word: {3, 5}, 2: {49}, 1: {47},
		}},
	},
	{
		Title: "SPARC64", ELF: []uint16{43}, // EM_SPARCV9
		Arches:       []Arch{{Name: "sparc64", Bits: 64, Big: true, Qemu: "sparc64", Prefixes: []string{"sparcv9"}}},
		SecondAddend: true, Solaris: true, Relocations: sparc, // of R_SPARC_OLO10
	},
	{Title: "SPARC", ELF: []uint16{2}, Arches: []Arch{{Name: "sparc", Bits: 32, Big: true}}, Solaris: true, Relocations: sparc},
	{Title: "SPARC32+", ELF: []uint16{18}, Solaris: true, Relocations: sparc},
	{Title: "m68k", ELF: []uint16{4}, Arches: []Arch{{Name: "m68k", Bits: 32, Big: true}}, Relocations: Relocations{Relative: 22, Sizes: map[uint8][]uint32{4: {1, 4, 7, 10, 13, 16, 20, 21, 22}, 2: {2, 5}, 1: {3, 6}}}},
	{Title: "SuperH", ELF: []uint16{42}, Relocations: Relocations{Relative: 165, Sizes: map[uint8][]uint32{4: {1, 2, 163, 164, 165}}}},
	{Title: "Alpha", ELF: []uint16{0x9026}, WideHash: true, Relocations: Relocations{Relative: 27, Sizes: map[uint8][]uint32{4: {1}, 8: {2, 25, 26, 27}}}},
	{Title: "PA-RISC", ELF: []uint16{15}, Relocations: Relocations{Sizes: map[uint8][]uint32{4: {1, 129}, 8: {80}}}},
	{Title: "IA-64", ELF: []uint16{50}},
	{Title: "AVR", ELF: []uint16{83}, Arches: []Arch{{Name: "avr", Bits: 32}}},
	{Title: "Xtensa", ELF: []uint16{94}, Arches: []Arch{{Name: "xtensa", Bits: 32}}},
	{Title: "BPF", ELF: []uint16{247}, Arches: []Arch{{Name: "bpfel", Bits: 64}, {Name: "bpfeb", Bits: 64, Big: true}}},
	{Title: "EFI byte code", Arches: []Arch{{Name: "ebc", Bits: 64, COFF: []uint16{0xebc}}}},
	{Title: "wasm", Arches: []Arch{{Name: "wasm32", Bits: 32, Prefixes: []string{"wasm32"}}, {Name: "wasm64", Bits: 64}}},
}

var sparc = Relocations{Relative: 22, Sizes: map[uint8][]uint32{ // R_SPARC_*
	Word: {19, 20, 22}, 8: {32, 46, 54}, 4: {3, 6, 7, 8, 9, 21, 23}, 2: {2, 5, 55}, 1: {1, 4},
}}
