package strip

// What the sections are that no segment holds, by name and type.
//
// Who reads a section that nothing loads? Debuggers, linkers and people, and
// then GNU strip's rule "drop .debug*, keep the rest" is too timid (.comment,
// .llvmbc, LTO bytecode); or the program itself, which opens its own file and
// looks a section up by name, and then sstrip's rule "drop all" breaks it.
// So the table lists what is known, and the unknown stays until somebody says
// otherwise.

import "strings"

// fate is what happens to a section that no segment holds.
type fate uint8

const (
	fateUnknown fate = iota // stays, and keeps the section headers with it
	fateDebug               // goes at Debug
	fateAll                 // goes at All
	fateTools               // stays at All (tools would miss it); goes at Sections
	fateReader              // some program looks it up by name: stays always
)

type sectionRule struct {
	pattern string // a name, or a prefix that ends with *
	fate    fate
	why     Reason
}

// sectionRules is tried in order, after the section's type (fateOf).
var sectionRules = []sectionRule{
	{".debug_*", fateDebug, ReasonDebug}, // DWARF 5, section 6 and appendix B
	{".zdebug_*", fateDebug, ReasonDebug},
	{".debug", fateDebug, ReasonDebug}, // DWARF 1
	{".line", fateDebug, ReasonDebug},
	{".stab*", fateDebug, ReasonDebug},
	{".gnu.debuglto_*", fateDebug, ReasonDebug},
	{".gdb_index", fateDebug, ReasonDebug},
	{".gnu_debugdata", fateDebug, ReasonDebug},    // LZMA-packed symbols (MiniDebugInfo)
	{".gnu_debugaltlink", fateDebug, ReasonDebug}, // of no use without .debug_info
	{".mdebug*", fateDebug, ReasonDebug},
	{".pdr", fateDebug, ReasonDebug},
	{".ctf", fateDebug, ReasonDebug},
	{".SUNW_ctf", fateDebug, ReasonDebug},
	{".BTF*", fateAll, ReasonDebug}, // types for tracers; libbpf needs them in objects, which keep them

	{".comment", fateAll, ReasonComments},
	{".ident", fateAll, ReasonComments},
	{".GCC.command.line", fateAll, ReasonComments},
	{".gnu.build.attributes*", fateAll, ReasonComments},
	{".annobin*", fateAll, ReasonComments},
	{".note.gnu.gold-version", fateAll, ReasonComments},
	{".gnu.warning.*", fateAll, ReasonComments},
	{".gnu.prelink_undo", fateTools, ReasonSections},
	{".gnu.lto_*", fateAll, ReasonSections},
	{".gnu_object_only", fateAll, ReasonSections},
	{".llvmbc", fateAll, ReasonSections},
	{".llvmcmd", fateAll, ReasonSections},
	{".llvm_*", fateAll, ReasonSections},
	{".llvm.*", fateAll, ReasonSections},
	{".deplibs", fateAll, ReasonSections},

	{".gnu_debuglink", fateTools, ReasonSections},
	{".note.stapsdt", fateTools, ReasonSections}, // probes for SystemTap and perf
	{".note.*", fateTools, ReasonSections},
	{".ARM.attributes", fateTools, ReasonSections},
	{".riscv.attributes", fateTools, ReasonSections},
	{".gnu.attributes", fateTools, ReasonSections},
	{".MIPS.options", fateTools, ReasonSections},

	{".rustc", fateReader, ReasonSections},    // rustc reads crate metadata of dylibs and procedural macros
	{".upd_info", fateReader, ReasonSections}, // AppImage updates and signatures
	{".sha256_sig", fateReader, ReasonSections},
	{".sig_key", fateReader, ReasonSections},
	{".digest_md5", fateReader, ReasonSections},
	{".qtmetadata", fateReader, ReasonSections}, // Qt reads plugins by section
	{".dep-v0", fateReader, ReasonSections},     // cargo-auditable's list of crates: cargo audit bin, trivy, syft
}

func (r sectionRule) match(name string) bool {
	if prefix, ok := strings.CutSuffix(r.pattern, "*"); ok {
		return strings.HasPrefix(name, prefix)
	}
	return name == r.pattern
}

// ruleOf is the rule for section i, which no segment holds and which is not
// SHF_ALLOC: the type first, for names may lie, then the table.
func (f *elfFile) ruleOf(i int) sectionRule {
	s := f.sections[i]
	switch s.Type {
	case shtNull:
		return sectionRule{fate: fateAll, why: ReasonHeaders}
	case shtSymtab, shtSymtabShndx:
		return sectionRule{fate: fateAll, why: ReasonSymbols}
	case shtRel, shtRela:
		return sectionRule{fate: fateAll, why: ReasonRelocs}
	case shtGroup:
		return sectionRule{fate: fateAll, why: ReasonRelocs}
	case shtStrtab:
		if uint64(i) == f.head.realStr {
			return sectionRule{fate: fateTools, why: ReasonHeaders}
		}
		if f.onlySymbolsUse(i) {
			return sectionRule{fate: fateAll, why: ReasonSymbols}
		}
		if strings.HasPrefix(s.Name, ".stab") {
			return sectionRule{fate: fateDebug, why: ReasonDebug}
		}
	}
	for _, r := range sectionRules {
		if r.match(s.Name) {
			return r
		}
	}
	if s.fileSize() == 0 {
		return sectionRule{fate: fateAll, why: ReasonHeaders}
	}
	return sectionRule{fate: fateUnknown, why: ReasonSections}
}

// onlySymbolsUse says whether string table i belongs to .symtab alone.
func (f *elfFile) onlySymbolsUse(i int) bool {
	used := false
	for _, s := range f.sections {
		if s.Link != uint32(i) || s.Type == shtNull {
			continue
		}
		if s.Type != shtSymtab {
			return false
		}
		used = true
	}
	return used || f.sections[i].Name == ".strtab"
}
