package objfile

// Who may look a loaded section up by its name?
//
// No loader does: what it needs, program headers and dynamic tags say. But a
// program may open its own file and search the section headers for a name
// (Bun keeps the script of a compiled program in .bun), and tools do the same
// from outside (gresource, cuobjdump, Python's debuggers). Such a section is
// loaded, so its bytes always stay; its name goes with the section headers,
// and nothing in the file says that somebody will miss it.
//
// What tells is the name. Compilers and linkers give sections few names, which
// are listed here; a name that is none of them was given by a person, for a
// reason. Names that are C identifiers are the exception: linkers define
// __start_NAME and __stop_NAME for these, so that a program finds them in
// memory (linker sets: linkme, libc, systemd, protobuf). They count only where
// the name stands as text in what is loaded, as somebody who searches for it
// needs it. Code, sections without bytes in the file, and sections of types of
// their own (notes, which program headers show; arrays of functions) never do.
//
// Measured on the programs and libraries of a Debian system with Rust, Go,
// LLVM, GTK, node and Python: docs/strip.md has the figures.

import (
	"bytes"
	"strings"
)

// usualSections are names, or prefixes that end with *, of loaded sections
// that nobody looks up in a file to run a program.
var usualSections = []string{
	// System V ABI, and what GNU, LLVM, mold and Solaris linkers lay out.
	".text*", ".rodata*", ".data", ".data.*", ".data1", ".bss*", ".tdata*", ".tbss*", ".init", ".fini",
	".init_array*", ".fini_array*", ".preinit_array*", ".ctors*", ".dtors*", ".jcr", ".tm_clone_table",
	".interp", ".dynamic", ".dynsym", ".dynstr", ".dynbss", ".dynrelro*", ".hash", ".gnu.hash", ".gnu.version*", ".gnu.conflict", ".gnu.liblist",
	".gnu.linkonce.*", ".gnu.warning.*", ".rel.*", ".rela", ".rela.*", ".relr.dyn", ".crel.*", ".relro_padding", ".copyrel*", ".plt*", ".iplt", ".got*", ".igot*",
	".eh_frame*", ".gcc_except_table*", ".sframe", ".exception_ranges*", ".SUNW_*", ".note.*", ".note", ".comment", ".debug_*", ".stapsdt.base", ".probes",
	".lrodata*", ".ldata*", ".lbss*", ".ltext*", ".bolt.org.*", ".data.rel.ro*", ".noinstr.text", ".symtab_shndx", ".dynsym_local",
	// Machines: ARM, MIPS, PowerPC, RISC-V, IA-64, PA-RISC, Alpha, SPARC, x86.
	".ARM.*", ".MIPS.*", ".reginfo", ".rld_map", ".lit4", ".lit8", ".opd", ".toc*", ".tocbss", ".glink", ".branch_lt", ".PPC.*", ".sdata*", ".sbss*", ".srodata*",
	".IA_64.*", ".PARISC.*", ".stub", ".pdr", ".mdebug*", ".riscv.*",
	// Languages: Go, D, Free Pascal, Haskell, .NET, GraalVM.
	".go.*", ".gopclntab", ".gosymtab", ".typelink", ".itablink", ".noptrdata", ".noptrbss", ".go_export",
	".deh*", ".minfo", ".dynimport", ".fpc*", "fpc.*", ".ghc*", ".dotnet_eh_table*", ".svm_heap",
}

// sectionReaders are loaded sections that tools look up by name in a file.
var sectionReaders = []struct{ pattern, reader string }{
	{".dep-v0", "what audits dependencies (cargo audit bin)"},
	{".gresource.*", "GLib's tool gresource"},
	{".PyRuntime", "debuggers of Python (sys.remote_exec, py-spy)"},
	{".qtmetadata", "Qt, for plugins"},
	{".nv_fatbin", "CUDA's cuobjdump"},
	{".nvFatBinSegment", "CUDA's cuobjdump"},
	{".hip_fatbin", "ROCm's roc-obj"},
	{"__llvm_covmap", "llvm-cov"},
	{"__llvm_covfun", "llvm-cov"},
	{"__llvm_prf_names", "llvm-profdata"},
	{"__llvm_prf_data", "llvm-profdata"},
	{"xray_instr_map", "llvm-xray"},
	{"xray_fn_idx", "llvm-xray"},
	{".upd_info", "AppImage's updater"},
	{".sha256_sig", "AppImage's updater"},
	{".sig_key", "AppImage's updater"},
	{".digest_md5", "AppImage's updater"},
}

// NamedSection is a loaded section that somebody may look up by name.
type NamedSection struct {
	Name   string
	Size   uint64 // bytes
	Reader string // the tool that does; "" for the program itself, perhaps
}

// NameLookups answers for one file which sections may be looked up.
type NameLookups struct {
	Loaded [][]byte // what the file's segments map, in any cut

	searched int
}

// maxSearched bounds the searches of a file that is made to cost many; the
// sections beyond it count as looked up.
const maxSearched = 64

// LookedUp says whether the section with this name, sh_type, sh_flags and
// sh_size is loaded and may be looked up by its name in the file.
func (l *NameLookups) LookedUp(name string, typ uint32, flags, size uint64) (NamedSection, bool) {
	s := NamedSection{Name: name, Size: size}
	if flags&SHF_ALLOC == 0 || size == 0 || typ == SHT_NOBITS || typ == SHT_NULL {
		return s, false
	}
	for _, r := range sectionReaders {
		if matchSection(r.pattern, name) {
			s.Reader = r.reader
			return s, true
		}
	}
	if typ != SHT_PROGBITS || flags&SHF_EXECINSTR != 0 || name == "" {
		return s, false
	}
	for _, pattern := range usualSections {
		if matchSection(pattern, name) {
			return s, false
		}
	}
	if !isIdentifier(name) {
		return s, true
	}
	l.searched++
	return s, l.searched > maxSearched || mentioned(name, l.Loaded)
}

func matchSection(pattern, name string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(name, prefix)
	}
	return name == pattern
}

func isIdentifier(name string) bool {
	for i, c := range []byte(name) {
		letter := c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

// mentioned says whether name stands in one of the texts as a word of its own.
func mentioned(name string, texts [][]byte) bool {
	wordByte := func(c byte) bool { return isIdentifier(string(c)) || c >= '0' && c <= '9' }
	for _, text := range texts {
		for at := 0; ; {
			n := bytes.Index(text[at:], []byte(name))
			if n < 0 {
				break
			}
			at += n
			end := at + len(name)
			if (at == 0 || !wordByte(text[at-1])) && (end == len(text) || !wordByte(text[end])) {
				return true
			}
			at++
		}
	}
	return false
}
