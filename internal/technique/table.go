package technique

import (
	"slices"
	"sync"

	"github.com/minsize/minsize/internal/relink"
)

// Table is the catalogue in the order in which the search tries it: build
// settings, then changes to the link, then the finished file. Within a kind
// the milder comes first, and what others need comes before them.
//
// Figures in comments are of docs/benchmarks.md. To add a technique, add an
// entry here and run the tests: they say which field is missing, and
// docs/techniques.md is written anew by `go test ./internal/technique -update`.
func Table() []*Technique { return table() }

// Find returns the technique of that name, or nil.
func Find(name string) *Technique {
	for _, list := range [][]*Technique{table(), cutTable(), pipelineTable(), inliningTable} {
		for _, t := range list {
			if t.Name == name {
				return t
			}
		}
	}
	return nil
}

// profile is shorthand for a setting of profile keys: key, value, key, value.
func profile(pairs ...string) *Setting {
	s := &Setting{}
	for i := 0; i+1 < len(pairs); i += 2 {
		s.Profile = append(s.Profile, KeyValue{pairs[i], pairs[i+1]})
	}
	return s
}

func rustflags(flags ...string) *Setting { return &Setting{Rustflags: flags} }

// byName makes a technique one that only its own name asks for.
func byName(t *Technique) *Technique {
	t.ByName = true
	return t
}

// fromGlibc makes a technique one that enters by itself where the oldest glibc
// that was asked for knows it.
func fromGlibc(major, minor int, t *Technique) *Technique {
	t.Glibc = [2]int{major, minor}
	return t
}

// option is a technique that is a named option of the replayed link: what it
// does and loses is told by relink's own table. Its twin gives the same
// arguments to rustc.
func option(name string, risk Risk, level Level, needs ...Need) *Technique {
	o := relink.OptionByName(name)
	if o == nil {
		panic("technique: relink has no option " + name) // a slip in this file, seen by every test
	}
	t := &Technique{Name: name, Summary: o.Summary, Loses: o.Loses, Against: o.Against, Risk: risk, Level: level, Needs: needs,
		Link: &Link{Options: []string{name}}}
	if len(o.Args) > 0 && !o.Finishes {
		t.Twin = &Setting{}
		for _, a := range o.Args {
			t.Twin.Rustflags = append(t.Twin.Rustflags, "-Clink-arg="+a)
		}
	}
	return t
}

// instead is a technique that cannot hold beside others.
func instead(t *Technique, others ...string) *Technique {
	t.Excludes = append(t.Excludes, others...)
	return t
}

// foreign is a technique of formats whose links are not replayed: its flags
// go to rustc in the corner build.
func foreign(t Technique, args ...string) *Technique {
	t.Set, t.Stage = &Setting{}, StageCorner
	for _, a := range args {
		t.Set.Rustflags = append(t.Set.Rustflags, "-Clink-arg="+a)
	}
	return &t
}

// silentDeath is what is lost where a panic is one instruction.
var silentDeath = []Loss{{What: "panic messages and panic hooks: the process dies by SIGILL in silence",
	Bare:    "the #[panic_handler]: a panic is an illegal instruction at once, and the machine's handler of faults is called",
	Module:  "panic messages and panic hooks: the module traps in silence",
	Windows: "panic messages and panic hooks: the process ends by 0xC000001D in silence", Shown: []relink.Kind{relink.PanicHook, relink.SignalHandler}}}

// table and its like are filled when they are first asked for: nearly all runs
// of the program do not search.
var table = sync.OnceValue(func() []*Technique { return slices.Concat(buildTable(), linkTable(), fileTable()) })

var buildTable = sync.OnceValue(func() []*Technique {
	return []*Technique{
		{
			Name: "opt-level-z", Short: "z", Suspect: 1, Summary: "optimise for size, loops left as they are (opt-level = \"z\")",
			Loses: relink.Losing("speed: 13 to 44 % more instructions where loops matter"),
			Stage: StageCorner, Set: profile("opt-level", `"z"`),
			Excludes: []string{"opt-level-s"},
		},
		{
			Name: "opt-level-s", Short: "s", Suspect: 1, Summary: "optimise for size, loops vectorised (opt-level = \"s\")",
			Stage: StageFlip, Set: profile("opt-level", `"s"`),
			Excludes: []string{"opt-level-z"},
		},
		{
			Name: "lto-thin", Short: "thin LTO", Suspect: 2, Summary: "optimise across crates, in parallel (lto = \"thin\")",
			Level: Asked, ByName: true, Set: profile("lto", `"thin"`),
			Excludes: []string{"lto-fat"},
		},
		{
			Name: "lto-fat", Short: "fat LTO", Suspect: 2, Summary: "optimise the whole program as one (lto = \"fat\")",
			Stage: StageCorner, Set: profile("lto", `"fat"`),
			Excludes: []string{"lto-thin"},
		},
		{
			Name: "codegen-units-1", Short: "1 unit", Suspect: 1, Summary: "compile each crate in one piece (codegen-units = 1)",
			Stage: StageCorner, Set: profile("codegen-units", "1"),
		},
		{
			Name: "release-checks-off", Suspect: 3, Summary: "no overflow checks, debug assertions or incremental pieces left on by the profile",
			Loses: relink.Losing("checks that the project's release profile turned on by itself"),
			Risk:  Behaviour, Level: Asked, ByName: true,
			Set: profile("overflow-checks", "false", "debug-assertions", "false", "incremental", "false"),
		},
		{
			Name: "panic-abort", Short: "abort", Suspect: 4, Summary: "a panic ends the process instead of unwinding (panic = \"abort\")",
			Loses: []Loss{{What: "catch_unwind and destructors after a panic: a panic prints its message and exits by SIGABRT",
				Module:  "catch_unwind and destructors after a panic: a panic prints its message and traps",
				Windows: "catch_unwind and destructors after a panic: a panic prints its message and the process ends by 0xC0000409", Unwinding: true, Shown: []relink.Kind{relink.CatchUnwind, relink.RuntimeCatch, relink.JoinedPanic}}},
			Risk: Behaviour, Level: Abort, Stage: StageCorner, Set: profile("panic", `"abort"`),
		},
		{
			Name: "location-detail-none", Short: "no locations", Suspect: 3, Summary: "no file names and line numbers in panic messages (-Zlocation-detail=none)",
			Loses: relink.Losing("where a panic happened: messages say <redacted>:0:0", relink.LocationShown, relink.PanicHook),
			Risk:  Behaviour, Level: Nightly, Stage: StageNight, Needs: []Need{NeedUnstable},
			Set: rustflags("-Zlocation-detail=none"),
		},
		{
			Name: "fmt-debug-none", Short: "no {:?}", Suspect: 3, Summary: "{:?} prints nothing (-Zfmt-debug=none)",
			Loses: relink.Losing("all output made with {:?}, in messages and elsewhere", relink.DebugShown),
			Risk:  Behaviour, Level: Max, Stage: StageNight, Needs: []Need{NeedUnstable},
			Set: rustflags("-Zfmt-debug=none"),
		},
		{
			Name: "build-std", Suspect: 2, Summary: "std compiled with the same settings as the program (-Zbuild-std)",
			Loses: relink.Losing("std's own backtrace symbolizer, which is not built in"),
			Risk:  Debuggability, Level: Nightly, Stage: StageStd, Needs: []Need{NeedUnstable, NeedStdSource},
			Set: &Setting{BuildStd: []string{"std", "panic_abort"}, NoStdDefaults: true},
		},
		{
			Name: "build-std-unwind", Short: "unwinding std", Suspect: 2, Summary: "std's own panics still unwind when std is built from source",
			Level: Asked, ByName: true, Needs: []Need{NeedUnstable, NeedStdSource, NeedBuildStd},
			Set: &Setting{BuildStd: []string{"panic_unwind"}, StdFeatures: []string{"panic-unwind"}},
		},
		{
			Name: "optimize-for-size", Short: "small std", Suspect: 1, Summary: "std's smaller algorithms for sorting, formatting and searching (feature optimize_for_size)",
			Loses: relink.Losing("speed of those algorithms"),
			Level: Nightly, Stage: StageStd, Needs: []Need{NeedUnstable, NeedStdSource, NeedBuildStd},
			Set: &Setting{StdFeatures: []string{"optimize_for_size"}},
		},
		{
			Name: "immediate-abort", Short: "immediate abort", Aborts: true, Suspect: 4, Summary: "a panic is one trap instruction, without message (-Cpanic=immediate-abort)",
			Loses: silentDeath,
			Risk:  Behaviour, Level: Nightly, Stage: StageStd,
			Needs: []Need{NeedUnstable, NeedStdSource, NeedBuildStd, NeedNewSpelling},
			Set:   rustflags("-Zunstable-options", "-Cpanic=immediate-abort"),
		},
		{
			Name: "immediate-abort-feature", Short: "immediate abort", Aborts: true, Suspect: 4, Summary: "a panic is one trap instruction, without message (std feature panic_immediate_abort)",
			Loses: silentDeath,
			Risk:  Behaviour, Level: Nightly, Stage: StageStd,
			Needs: []Need{NeedUnstable, NeedStdSource, NeedBuildStd, NeedOldSpelling},
			Set:   &Setting{StdFeatures: []string{"panic_immediate_abort"}},
		},
		{
			Name: "no-unwind-tables", Suspect: 2, Summary: "no unwind tables in any crate (-Cforce-unwind-tables=no)",
			Loses: relink.Losing("frames in debuggers, profilers and core dumps"), Against: []relink.Kind{relink.StackWalk},
			Risk: Debuggability, Level: Nightly, Stage: StageStd,
			Needs: []Need{NeedBuildStd, NeedPanicAbort},
			Set:   rustflags("-Cforce-unwind-tables=no"),
		},
		{
			Name: "static-musl", Suspect: 2, Summary: "one static file on musl, which runs on every Linux; kept where it is smaller (--target x86_64-unknown-linux-musl keeps it always)",
			Loses: relink.Losing("glibc: names are looked up without nsswitch plugins, and malloc is slower with threads"),
			Risk:  Deployment, Level: Asked, ByName: true, Needs: []Need{NeedProgram, NeedUnixELF, NeedMusl},
			Set: &Setting{Target: MuslTwin},
		},
		foreign(Technique{
			Name: "dead-strip", Suspect: 1, Summary: "unreachable code and data are dropped (ld64 -dead_strip)",
			Needs: []Need{NeedMachO},
		}, "-Wl,-dead_strip"),
		foreign(Technique{
			Name: "msvc-opt", Suspect: 2, Summary: "unreferenced functions are dropped and identical ones folded (/OPT:REF,ICF)",
			Loses: relink.Losing("that two functions have two addresses; Rust does not promise it either"),
			Risk:  Behaviour, Level: Abort, Needs: []Need{NeedMSVC},
		}, "/OPT:REF,ICF"),
	}
})

// linkTable is in the order of trying, which is not relink's: the linker
// first, what everyone gets, then what the program's panic strategy allows.
var linkTable = sync.OnceValue(func() []*Technique {
	return []*Technique{
		{
			Name: "lld", Summary: "link with lld",
			Needs: []Need{NeedLinked, NeedLLD, NeedNative},
			Link:  &Link{Linker: string(relink.LLD)}, Twin: rustflags("-Clink-arg=-fuse-ld=lld"),
		},
		option("prelink", Size, Safe, NeedStaticlib, NeedUnixELF),
		option("optimize-strings", Size, Safe, NeedLinked, NeedLLD, NeedNative),
		option("no-build-id", Debuggability, Safe, NeedLinked, NeedLinker),
		option("hash-style-gnu", Size, Safe, NeedLinked, NeedLinker),
		option("strip-all", Debuggability, Safe, NeedLinked, NeedLinker),
		option("compress-relocations", Size, Safe, NeedWasm, NeedStripped),
		option("low-data", Behaviour, Abort, NeedWasm),
		option("even-functions", Size, Safe, NeedNative, NeedSections),
		option("plain-start", Size, Safe, NeedProgram, NeedUnixELF, NeedDynamicGNU),
		instead(option("self-relr", Size, Safe, NeedLinked, NeedUnixELF, NeedDynamicGNU), "relr", relink.NoPIE),
		instead(fromGlibc(2, 36, option("relr", Deployment, Asked, NeedLinked, NeedUnixELF, NeedGlibcRELR)), "self-relr"),
		option("icf-all", Behaviour, Abort, NeedLinked, NeedLLD, NeedNative, NeedSections),
		option(relink.UnwindTablesOut, Debuggability, Abort, NeedNative, NeedSections, NeedPanicAbort),
		option("no-eh-frame-hdr", Debuggability, Abort, NeedLinked, NeedUnixELF, NeedPanicAbort),
		option("no-rosegment", Security, Asked, NeedLinked, NeedLLD, NeedUnixELF),
		option("noseparate-code", Security, Asked, NeedLinked, NeedUnixELF, NeedLinker),
		option("norelro", Security, Asked, NeedLinked, NeedUnixELF, NeedLinker),
		option("nognustack", Security, Asked, NeedLinked, NeedLLD, NeedUnixELF),
		instead(option(relink.NoPIE, Security, Asked, NeedProgram, NeedUnixELF, NeedLinker), "self-relr"),
		byName(option("icf-data", Behaviour, Asked, NeedLinked, NeedLLD, NeedNative)), // breaks a promise of the language; checks seldom see it
		option("locations-out", Behaviour, Max, NeedNative),
		option("own-start", Behaviour, Max, NeedProgram, NeedX86ELF, NeedDynamicGNU),
		option("short-start", Behaviour, Max, NeedProgram, NeedMinGW),
	}
})

var fileTable = sync.OnceValue(func() []*Technique {
	return []*Technique{
		{
			Name: "strip-symbols", Summary: "no symbol names and debug information in the file",
			Loses: relink.Losing("function names in backtraces, debuggers and profilers"),
			Risk:  Debuggability, Rewrite: &Rewrite{StripSymbols: true}, Twin: profile("strip", `"symbols"`),
		},
		{
			Name: "section-headers-out", Summary: "no section headers: the kernel and the loader never read them",
			Loses: relink.Losing("what readelf -S, objdump and debuggers know about sections"), Against: []relink.Kind{relink.OwnSections, relink.LinkedAgainst},
			Risk: Debuggability, Needs: []Need{NeedLinked, NeedUnixELF, NeedStripped},
			Rewrite: &Rewrite{SectionHeaders: true},
		},
		{
			Name: "layout", Summary: "padding between the parts of the file taken out",
			Against: []relink.Kind{relink.LinkedAgainst}, // linkers read the headers that go with it
			Needs:   []Need{NeedLinked, NeedUnixELF, NeedStripped},
			Rewrite: &Rewrite{Layout: true},
		},
		{
			Name: "module", Summary: "the module written anew: what nothing reaches out, equal functions joined, numbers as short as they go, no runs of zeros in data",
			Needs:   []Need{NeedWasm, NeedStripped},
			Rewrite: &Rewrite{Layout: true},
		},
		{
			Name: "wasm-opt", Summary: "Binaryen's optimiser for size, and what it leaves written anew (wasm-opt -Oz --converge)",
			Needs:   []Need{NeedWasm, NeedWasmOpt, NeedStripped},
			Rewrite: &Rewrite{Layout: true, Optimizer: WasmOpt},
		},
		{
			Name: "pack", Summary: "compressed; the program unpacks itself when it starts",
			Loses: relink.Losing("start-up time, shared pages between processes; some antivirus programs flag packed files; what the program reads of its own file is the packed one", relink.OwnFile),
			Risk:  Deployment, Level: Asked, ByName: true, Needs: []Need{NeedProgram, NeedUnixELF},
			Rewrite: &Rewrite{Pack: "best"},
		},
	}
})

// RaisePackages is per-package opt-level: these packages are compiled for
// speed in a program that is compiled for size. The search makes it from what
// it measured; `--with` takes it as package-opt:NAME.
func RaisePackages(packages []PackageSetting) *Technique {
	return &Technique{
		Name: "package-opt-level", Summary: "single packages at opt-level 3, the rest for size",
		Set: &Setting{Packages: packages},
	}
}
