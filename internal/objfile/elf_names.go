package objfile

import (
	"fmt"
	"strings"

	"github.com/minsize/minsize/internal/machine"
)

var elfSegmentNames = map[uint32]string{
	0: "PT_NULL", PT_LOAD: "PT_LOAD", PT_DYNAMIC: "PT_DYNAMIC", PT_INTERP: "PT_INTERP", PT_NOTE: "PT_NOTE",
	5: "PT_SHLIB", PT_PHDR: "PT_PHDR", PT_TLS: "PT_TLS",
	PT_GNU_EH_FRAME: "PT_GNU_EH_FRAME", PT_GNU_STACK: "PT_GNU_STACK", PT_GNU_RELRO: "PT_GNU_RELRO",
	PT_GNU_PROPERTY: "PT_GNU_PROPERTY", 0x6474e554: "PT_GNU_SFRAME",
	0x65a3dbe5: "PT_OPENBSD_MUTABLE", 0x65a3dbe6: "PT_OPENBSD_RANDOMIZE", 0x65a3dbe7: "PT_OPENBSD_WXNEEDED",
	0x65a41be6: "PT_OPENBSD_BOOTDATA", 0x6ffffffa: "PT_SUNWBSS", 0x6ffffffb: "PT_SUNWSTACK",
}

func elfSegmentType(t uint32, m *machine.Machine) string {
	if name, ok := elfSegmentNames[t]; ok {
		return name
	}
	if name, ok := m.SegmentTypes[t]; ok {
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

func elfSectionType(t uint32, m *machine.Machine) string {
	if name, ok := elfSectionNames[t]; ok {
		return name
	}
	if name, ok := m.SectionTypes[t]; ok {
		return name
	}
	return fmt.Sprintf("SHT_%#x", t)
}
