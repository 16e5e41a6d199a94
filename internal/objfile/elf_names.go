package objfile

import (
	"fmt"
	"strings"
)

// Machines that the code names (e_machine; the gABI's registry).
const (
	EM_SPARC       = 2
	EM_386         = 3
	EM_68K         = 4
	EM_MIPS        = 8
	EM_PARISC      = 15
	EM_SPARC32PLUS = 18
	EM_PPC         = 20
	EM_PPC64       = 21
	EM_S390        = 22
	EM_ARM         = 40
	EM_SH          = 42
	EM_SPARCV9     = 43
	EM_X86_64      = 62
	EM_AARCH64     = 183
	EM_RISCV       = 243
	EM_LOONGARCH   = 258
	EM_ALPHA       = 0x9026
)

// elfArch names a machine; the same number stands for several triples.
func elfArch(machine uint16, bits int, big bool) Arch {
	type variant struct{ little32, little64, big32, big64 Arch }
	names, ok := map[uint16]variant{
		EM_386:         {I386, I386, OtherArch, OtherArch},
		EM_X86_64:      {X86_64, X86_64, OtherArch, OtherArch}, // 32 bits: x32
		EM_ARM:         {ARM, OtherArch, ARM, OtherArch},
		EM_AARCH64:     {AArch64, AArch64, AArch64, AArch64},
		EM_RISCV:       {RISCV32, RISCV64, OtherArch, OtherArch},
		EM_PPC:         {PPC, OtherArch, PPC, OtherArch},
		EM_PPC64:       {OtherArch, PPC64LE, OtherArch, PPC64},
		EM_S390:        {OtherArch, OtherArch, OtherArch, S390X},
		EM_MIPS:        {MIPSLE, MIPS64LE, MIPS, MIPS64},
		EM_LOONGARCH:   {OtherArch, LoongArch, OtherArch, OtherArch},
		EM_SPARCV9:     {OtherArch, OtherArch, OtherArch, SPARC64},
		EM_SPARC32PLUS: {OtherArch, OtherArch, OtherArch, OtherArch},
	}[machine]
	if !ok {
		return OtherArch
	}
	arch := names.little32
	switch {
	case big && bits == 64:
		arch = names.big64
	case big:
		arch = names.big32
	case bits == 64:
		arch = names.little64
	}
	return arch
}

var elfSegmentNames = map[uint32]string{
	0: "PT_NULL", PT_LOAD: "PT_LOAD", PT_DYNAMIC: "PT_DYNAMIC", PT_INTERP: "PT_INTERP", PT_NOTE: "PT_NOTE",
	5: "PT_SHLIB", PT_PHDR: "PT_PHDR", PT_TLS: "PT_TLS",
	PT_GNU_EH_FRAME: "PT_GNU_EH_FRAME", PT_GNU_STACK: "PT_GNU_STACK", PT_GNU_RELRO: "PT_GNU_RELRO",
	PT_GNU_PROPERTY: "PT_GNU_PROPERTY", 0x6474e554: "PT_GNU_SFRAME",
	0x65a3dbe5: "PT_OPENBSD_MUTABLE", 0x65a3dbe6: "PT_OPENBSD_RANDOMIZE", 0x65a3dbe7: "PT_OPENBSD_WXNEEDED",
	0x65a41be6: "PT_OPENBSD_BOOTDATA", 0x6ffffffa: "PT_SUNWBSS", 0x6ffffffb: "PT_SUNWSTACK",
}

var elfMachineSegmentNames = map[uint16]map[uint32]string{
	EM_ARM:     {0x70000000: "PT_ARM_ARCHEXT", 0x70000001: "PT_ARM_EXIDX"},
	EM_AARCH64: {0x70000000: "PT_AARCH64_ARCHEXT", 0x70000001: "PT_AARCH64_UNWIND", 0x70000002: "PT_AARCH64_MEMTAG_MTE"},
	EM_MIPS:    {0x70000000: "PT_MIPS_REGINFO", 0x70000001: "PT_MIPS_RTPROC", 0x70000002: "PT_MIPS_OPTIONS", 0x70000003: "PT_MIPS_ABIFLAGS"},
	EM_RISCV:   {0x70000003: "PT_RISCV_ATTRIBUTES"},
	EM_S390:    {0x70000000: "PT_S390_PGSTE"},
}

func elfSegmentType(t uint32, machine uint16) string {
	if name, ok := elfSegmentNames[t]; ok {
		return name
	}
	if name, ok := elfMachineSegmentNames[machine][t]; ok {
		return name
	}
	return fmt.Sprintf("PT_%#x", t)
}

func trimPT(s string) string { return strings.TrimPrefix(s, "PT_") }

var elfSectionNames = map[uint32]string{
	SHT_NULL: "SHT_NULL", SHT_PROGBITS: "SHT_PROGBITS", SHT_SYMTAB: "SHT_SYMTAB", SHT_STRTAB: "SHT_STRTAB",
	SHT_RELA: "SHT_RELA", SHT_HASH: "SHT_HASH", SHT_DYNAMIC: "SHT_DYNAMIC", SHT_NOTE: "SHT_NOTE",
	SHT_NOBITS: "SHT_NOBITS", SHT_REL: "SHT_REL", 10: "SHT_SHLIB", SHT_DYNSYM: "SHT_DYNSYM",
	14: "SHT_INIT_ARRAY", 15: "SHT_FINI_ARRAY", 16: "SHT_PREINIT_ARRAY", SHT_GROUP: "SHT_GROUP",
	SHT_SYMTAB_SHNDX: "SHT_SYMTAB_SHNDX", SHT_RELR: "SHT_RELR", 0x40000014: "SHT_CREL",
	0x60000001: "SHT_ANDROID_REL", 0x60000002: "SHT_ANDROID_RELA", 0x6fffff00: "SHT_ANDROID_RELR",
	0x6fff4c00: "SHT_LLVM_ODRTAB", 0x6fff4c01: "SHT_LLVM_LINKER_OPTIONS", 0x6fff4c03: "SHT_LLVM_ADDRSIG",
	0x6fff4c04: "SHT_LLVM_DEPENDENT_LIBRARIES", 0x6fff4c05: "SHT_LLVM_SYMPART", 0x6fff4c09: "SHT_LLVM_CALL_GRAPH_PROFILE",
	0x6fff4c0a: "SHT_LLVM_BB_ADDR_MAP", 0x6fff4c0b: "SHT_LLVM_OFFLOADING", 0x6fff4c0c: "SHT_LLVM_LTO",
	0x6ffffff5: "SHT_GNU_ATTRIBUTES", 0x6ffffff6: "SHT_GNU_HASH", 0x6ffffff7: "SHT_GNU_LIBLIST",
	SHT_GNU_verdef: "SHT_GNU_verdef", SHT_GNU_verneed: "SHT_GNU_verneed", SHT_GNU_versym: "SHT_GNU_versym",
}

var elfMachineSectionNames = map[uint16]map[uint32]string{
	EM_X86_64:  {0x70000001: "SHT_X86_64_UNWIND"},
	EM_ARM:     {0x70000001: "SHT_ARM_EXIDX", 0x70000002: "SHT_ARM_PREEMPTMAP", 0x70000003: "SHT_ARM_ATTRIBUTES"},
	EM_AARCH64: {0x70000003: "SHT_AARCH64_ATTRIBUTES"},
	EM_RISCV:   {0x70000003: "SHT_RISCV_ATTRIBUTES"},
	EM_MIPS:    {0x70000006: "SHT_MIPS_REGINFO", 0x7000000d: "SHT_MIPS_OPTIONS", 0x7000001e: "SHT_MIPS_DWARF", 0x7000002a: "SHT_MIPS_ABIFLAGS"},
}

func elfSectionType(t uint32, machine uint16) string {
	if name, ok := elfSectionNames[t]; ok {
		return name
	}
	if name, ok := elfMachineSectionNames[machine][t]; ok {
		return name
	}
	return fmt.Sprintf("SHT_%#x", t)
}
