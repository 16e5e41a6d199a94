package technique

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/artefact"
	"github.com/minsize/minsize/internal/relink"
	"github.com/minsize/minsize/internal/target"
)

// Facts are what is known about the machine, the toolchain and the project
// when a technique is considered.
type Facts struct {
	Unstable  bool              // -Z flags are accepted: a nightly compiler, or RUSTC_BOOTSTRAP asked for
	StdSource bool              // std can be built from source, with all crates it needs
	Linkers   []string          // that were probed with this toolchain and work: lld, mold, bfd
	Glibc     [2]int            // oldest glibc that the program must run on; zero: not said
	Target    target.Triple     // what is built for
	Artefact  artefact.Kind     // what is built
	Panic     string            // the project's own release profile: unwind or abort
	Musl      bool              // the toolchain has the target's musl twin
	Runs      bool              // the finished program can be run here, so that checks mean something
	Stripped  bool              // the project's own release profile strips symbols
	LTO       string            // the project's own release profile: as cargo spells it
	WasmOpt   bool              // wasm-opt is on the PATH
	Pipelines string            // why codegen replay cannot be had; "" where it can
	Sections  string            // why functions cannot be taken apart where rustc lays them together; "" where they can
	CPU       bool              // the project compiles for more than the machine's least processor
	Evidence  []relink.Evidence // what the recorded link tells of the program
	Insist    []string          // techniques that were asked for by name: no evidence stops them
	Strict    bool              // evidence that a program relies on what a technique loses stops it too
	Immediate Spelling          // of immediate-abort, by this compiler
}

// Spelling is how a compiler is told that a panic is one instruction.
type Spelling string

const (
	PanicStrategy Spelling = "panic-strategy" // -Cpanic=immediate-abort
	StdFeature    Spelling = "std-feature"    // std's feature panic_immediate_abort
)

// Need is the name of a condition in needs.
type Need string

// Conditions.
const (
	NeedUnstable    Need = "unstable"
	NeedStdSource   Need = "std-source"
	NeedLLD         Need = "lld"
	NeedLinker      Need = "elf-linker"
	NeedMachO       Need = "mach-o"
	NeedMSVC        Need = "msvc"
	NeedPanicAbort  Need = "panic-abort"
	NeedUnwinding   Need = "panic-unwind"
	NeedBuildStd    Need = "build-std"
	NeedGlibcRELR   Need = "glibc-2.36"
	NeedDynamicGNU  Need = "dynamic-glibc"
	NeedMusl        Need = "musl-target"
	NeedStripped    Need = "stripped"
	NeedX86ELF      Need = "x86_64-elf"
	NeedOldSpelling Need = "panic-feature"
	NeedNewSpelling Need = "panic-strategy"
	NeedPipelines   Need = "llvm-tools"
	NeedBaselineCPU Need = "baseline-cpu"
	NeedUnixELF     Need = "linux-elf"
	NeedWasm        Need = "wasm"
	NeedReplay      Need = "replay"
	NeedSections    Need = "function-sections"
	NeedMinGW       Need = "mingw"
	NeedNative      Need = "linux-or-mingw"
	NeedProgram     Need = "program"
	NeedLinked      Need = "linked"
	NeedStaticlib   Need = "static-library"
	NeedWasmOpt     Need = "wasm-opt"
)

// needs is the table of conditions: what each is called, and when it is
// missing in a plan.
var needs = map[Need]struct {
	summary string
	missing func(Facts, Plan) string // "" when it is there
	foreign bool                     // a matter of the target or the compiler's age: nothing to install
}{
	NeedUnstable: {"a nightly compiler (or --bootstrap)", func(f Facts, _ Plan) string {
		return unless(f.Unstable, "needs a nightly compiler, or --bootstrap on a stable one")
	}, false},
	NeedStdSource: {"the sources of std", func(f Facts, _ Plan) string {
		return unless(f.StdSource, "needs the sources of std (rustup component add rust-src; Debian: rust-src or rust-web-src)")
	}, false},
	NeedLLD: {"lld", func(f Facts, _ Plan) string {
		return unless(slices.Contains(f.Linkers, string(relink.LLD)), "needs the linker lld, and none was found that works")
	}, false},
	NeedLinker: {"a linker that links the recorded program again", func(f Facts, _ Plan) string {
		return unless(len(f.Linkers) > 0, "needs a linker that works")
	}, false},
	NeedLinked: {"a program or a shared library", func(f Facts, _ Plan) string {
		return unless(f.Artefact.Linked(), "not for static libraries")
	}, true},
	NeedStaticlib: {"a static library", func(f Facts, _ Plan) string {
		return unless(!f.Artefact.Linked(), "only for static libraries")
	}, true},
	NeedProgram: {"a program", func(f Facts, _ Plan) string {
		return unless(f.Artefact.Starts(), "only for programs")
	}, true},
	NeedUnixELF: {"a Linux target", func(f Facts, _ Plan) string {
		return unless(unixELF(f.Target), "only for Linux targets")
	}, true},
	NeedWasm: {"a Wasm target", func(f Facts, _ Plan) string {
		return unless(f.Target.Format == target.Wasm, "only for Wasm targets")
	}, true},
	NeedWasmOpt: {"Binaryen's wasm-opt", func(f Facts, _ Plan) string {
		return unless(f.WasmOpt, "needs wasm-opt on the PATH (Debian: binaryen)")
	}, false},
	NeedReplay: {"a Linux, bare-metal, Windows (GNU) or Wasm target", func(f Facts, _ Plan) string {
		return unless(f.native() || f.Target.Format == target.Wasm, "only for targets whose links are replayed: Linux, bare metal, Windows (GNU) and Wasm")
	}, true},
	NeedSections: {"for Windows: opt and llc of the compiler's LLVM", func(f Facts, p Plan) string {
		if !f.mingw() {
			return ""
		}
		return f.noBitcode(f.Sections, p)
	}, false},
	NeedMinGW: {"a Windows (GNU) target", func(f Facts, _ Plan) string {
		return unless(f.mingw(), "only for Windows targets that GNU's linkers link")
	}, true},
	NeedNative: {"a Linux, bare-metal or Windows (GNU) target", func(f Facts, _ Plan) string {
		return unless(f.native(), "only for Linux, bare-metal and Windows (GNU) targets")
	}, true},
	NeedX86ELF: {"an x86-64 Linux target", func(f Facts, _ Plan) string {
		return unless(unixELF(f.Target) && f.Target.Arch == "x86_64", "only for x86-64 Linux")
	}, true},
	NeedMachO: {"a macOS target", func(f Facts, _ Plan) string {
		return unless(f.Target.OS == "macos" || f.Target.OS == "ios", "only for macOS")
	}, true},
	NeedMSVC: {"a Windows target of the MSVC kind", func(f Facts, _ Plan) string {
		return unless(f.Target.OS == "windows" && f.Target.Env == "msvc", "only for Windows with the MSVC linker")
	}, true},
	NeedPanicAbort: {"a program that aborts on panic", func(f Facts, p Plan) string {
		return unless(f.aborts(p), "needs panic=abort (--level abort)")
	}, false},
	NeedUnwinding: {"a program that unwinds", func(f Facts, p Plan) string {
		return unless(!f.aborts(p) || f.shows(relink.ForeignUnwind) != nil, "for programs that unwind: others have a better one")
	}, false},
	NeedBuildStd: {"std built from source", func(_ Facts, p Plan) string {
		return unless(len(p.Setting.BuildStd) > 0, "needs std built from source (--level nightly)")
	}, false},
	NeedGlibcRELR: {"glibc 2.36 where the program runs", func(f Facts, _ Plan) string {
		if f.Target.Env != "gnu" || f.Glibc == [2]int{} {
			return "" // musl ignores it or knows it; not said: a matter of the risk class
		}
		return unless(f.Glibc[0] > 2 || f.Glibc[0] == 2 && f.Glibc[1] >= 36,
			fmt.Sprintf("needs glibc 2.36, and --glibc asked for %d.%d", f.Glibc[0], f.Glibc[1]))
	}, false},
	NeedDynamicGNU: {"a dynamic glibc program", func(f Facts, p Plan) string {
		return unless(f.Target.OS == "linux" && f.Target.Env == "gnu" && p.Setting.Target == "", "only for programs that load glibc")
	}, true},
	NeedMusl: {"the toolchain's musl target", func(f Facts, _ Plan) string {
		return unless(f.Musl, "needs the musl target of the toolchain (rustup target add)")
	}, false},
	NeedStripped: {"stripped symbols", func(f Facts, p Plan) string {
		return unless(p.Rewrite.StripSymbols || f.Stripped, "needs the symbols stripped")
	}, false},
	NeedOldSpelling: {"a compiler with std's feature panic_immediate_abort (before late September 2025)", func(f Facts, _ Plan) string {
		return unless(f.Immediate == StdFeature, "this compiler does not spell it as a feature of std")
	}, true},
	NeedNewSpelling: {"a compiler with -Cpanic=immediate-abort (since late September 2025)", func(f Facts, _ Plan) string {
		return unless(f.Immediate == PanicStrategy, "this compiler does not know -Cpanic=immediate-abort")
	}, true},
	NeedBaselineCPU: {"code for any processor of the kind (no -Ctarget-cpu)", func(f Facts, _ Plan) string {
		return unless(!f.CPU, "the project is compiled for certain processors (-Ctarget-cpu or -Ctarget-feature)")
	}, false},
	NeedPipelines: {"opt and llc of the compiler's LLVM", func(f Facts, p Plan) string {
		return f.noBitcode(f.Pipelines, p)
	}, false},
}

// noBitcode says why nothing can work on the program's bitcode: why, or that
// there is none.
func (f Facts) noBitcode(why string, p Plan) string {
	if why == "" && !p.FatLTO(f.LTO) {
		return "needs fat LTO"
	}
	return why
}

// mingw says whether a link for Windows by GNU's tools is replayed: a program's.
func (f Facts) mingw() bool {
	flavour := relink.FlavourOf(f.Target)
	return flavour != nil && flavour.Name == target.MinGW && f.Artefact.Starts()
}

// native says whether links of objects with machine code are replayed.
func (f Facts) native() bool { return unixELF(f.Target) || f.mingw() || f.Target.BareMetal() }

func unixELF(t target.Triple) bool { return t.OS == "linux" && t.Format == target.ELF }

func unless(ok bool, why string) string {
	if ok {
		return ""
	}
	return why
}

// aborts says whether a program built by p ends when it panics.
func (f Facts) aborts(p Plan) bool {
	panicking := p.profileKey("panic", f.Panic)
	return panicking == "abort" || panicking == "immediate-abort" ||
		slices.ContainsFunc(p.parts, func(t *Technique) bool { return t.Aborts })
}

// Missing says what t lacks on top of plan p or speaks against it, "" for
// nothing.
func (t *Technique) Missing(f Facts, p Plan) string { return cmp.Or(t.Lacks(f, p), t.Opposed(f)) }

// Lacks says what t lacks on top of plan p, whatever the program is like, ""
// for nothing. The first missing need is named.
func (t *Technique) Lacks(f Facts, p Plan) string {
	for _, n := range t.Needs {
		if why := needs[n].missing(f, p); why != "" {
			return why
		}
	}
	if t.otherFlavour(f) {
		return "not for the linkers of this target"
	}
	return ""
}

// NeedsSummary lists t's conditions in words.
func (t *Technique) NeedsSummary() string {
	var words []string
	for _, n := range t.Needs {
		words = append(words, needs[n].summary)
	}
	return strings.Join(words, ", ")
}
