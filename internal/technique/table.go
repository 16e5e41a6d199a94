package technique

// Table is the catalogue in the order in which the search tries it: build
// settings, then changes to the link, then the finished file. Within a kind
// the milder comes first, and what others need comes before them.
//
// Figures in comments are of docs/benchmarks.md. To add a technique, add an
// entry here and run the tests: they say which field is missing, and
// docs/techniques.md is written anew by `go test ./internal/technique -update`.
func Table() []*Technique { return table }

// Find returns the technique of that name, or nil.
func Find(name string) *Technique {
	for _, t := range table {
		if t.Name == name {
			return t
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

// linkArgs is the twin of linker arguments: rustc passes them on.
func linkArgs(args ...string) *Setting {
	s := &Setting{}
	for _, a := range args {
		s.Rustflags = append(s.Rustflags, "-Clink-arg="+a)
	}
	return s
}

// link is a technique that adds arguments to the link; its twin gives the
// same arguments to rustc.
func link(t Technique, args ...string) *Technique {
	t.Link = &Link{Add: args}
	t.Twin = linkArgs(args...)
	return &t
}

var table = append(append(append([]*Technique{}, buildTable...), linkTable...), fileTable...)

var buildTable = []*Technique{
	{
		Name: "opt-level-z", Summary: "optimise for size, loops left as they are (opt-level = \"z\")",
		Loses: "speed: 13 to 44 % more instructions where loops matter",
		Stage: StageCorner, Set: profile("opt-level", `"z"`),
		Excludes: []string{"opt-level-s"},
	},
	{
		Name: "opt-level-s", Summary: "optimise for size, loops vectorised (opt-level = \"s\")",
		Loses: "nothing; runs about as fast as level 3",
		Stage: StageFlip, Set: profile("opt-level", `"s"`),
		Excludes: []string{"opt-level-z"},
	},
	{
		Name: "lto-thin", Summary: "optimise across crates, in parallel (lto = \"thin\")",
		Loses: "nothing but build time",
		Level: Asked, Set: profile("lto", `"thin"`),
		Excludes: []string{"lto-fat"},
	},
	{
		Name: "lto-fat", Summary: "optimise the whole program as one (lto = \"fat\")",
		Loses: "nothing but build time",
		Stage: StageCorner, Set: profile("lto", `"fat"`),
		Excludes: []string{"lto-thin"},
	},
	{
		Name: "codegen-units-1", Summary: "compile each crate in one piece (codegen-units = 1)",
		Loses: "nothing but build time",
		Stage: StageCorner, Set: profile("codegen-units", "1"),
	},
	{
		Name: "release-checks-off", Summary: "no overflow checks, debug assertions or incremental pieces left on by the profile",
		Loses: "checks that the project's release profile turned on by itself",
		Risk:  Behaviour, Level: Asked,
		Set: profile("overflow-checks", "false", "debug-assertions", "false", "incremental", "false"),
	},
	{
		Name: "panic-abort", Summary: "a panic ends the process instead of unwinding (panic = \"abort\")",
		Loses: "catch_unwind and destructors after a panic: a panic prints its message and exits by SIGABRT",
		Risk:  Behaviour, Level: Abort, Stage: StageCorner, Set: profile("panic", `"abort"`),
	},
	{
		Name: "location-detail-none", Summary: "no file names and line numbers in panic messages (-Zlocation-detail=none)",
		Loses: "where a panic happened: messages say <redacted>:0:0",
		Risk:  Behaviour, Level: Nightly, Stage: StageNight, Needs: []Need{NeedUnstable},
		Set: rustflags("-Zlocation-detail=none"),
	},
	{
		Name: "fmt-debug-none", Summary: "{:?} prints nothing (-Zfmt-debug=none)",
		Loses: "all output made with {:?}, in messages and elsewhere",
		Risk:  Behaviour, Level: Max, Stage: StageNight, Needs: []Need{NeedUnstable},
		Set: rustflags("-Zfmt-debug=none"),
	},
	{
		Name: "build-std", Summary: "std compiled with the same settings as the program (-Zbuild-std)",
		Loses: "std's own backtrace symbolizer, which is not built in",
		Risk:  Debuggability, Level: Nightly, Stage: StageStd, Needs: []Need{NeedUnstable, NeedStdSource},
		Set: &Setting{BuildStd: []string{"std", "panic_abort"}, NoStdDefaults: true},
	},
	{
		Name: "build-std-unwind", Summary: "std's own panics still unwind when std is built from source",
		Loses: "nothing",
		Level: Asked, Needs: []Need{NeedUnstable, NeedStdSource, NeedBuildStd},
		Set: &Setting{BuildStd: []string{"panic_unwind"}, StdFeatures: []string{"panic-unwind"}},
	},
	{
		Name: "optimize-for-size", Summary: "std's smaller algorithms for sorting, formatting and searching (feature optimize_for_size)",
		Loses: "speed of those algorithms",
		Level: Nightly, Stage: StageStd, Needs: []Need{NeedUnstable, NeedStdSource, NeedBuildStd},
		Set: &Setting{StdFeatures: []string{"optimize_for_size"}},
	},
	{
		Name: "immediate-abort", Summary: "a panic is one trap instruction, without message (-Cpanic=immediate-abort)",
		Loses: "panic messages and panic hooks: the process dies by SIGILL in silence",
		Risk:  Behaviour, Level: Nightly, Stage: StageStd,
		Needs: []Need{NeedUnstable, NeedStdSource, NeedBuildStd, NeedNewSpelling},
		Set:   rustflags("-Zunstable-options", "-Cpanic=immediate-abort"),
	},
	{
		Name: "immediate-abort-feature", Summary: "a panic is one trap instruction, without message (std feature panic_immediate_abort)",
		Loses: "panic messages and panic hooks: the process dies by SIGILL in silence",
		Risk:  Behaviour, Level: Nightly, Stage: StageStd,
		Needs: []Need{NeedUnstable, NeedStdSource, NeedBuildStd, NeedOldSpelling},
		Set:   &Setting{StdFeatures: []string{"panic_immediate_abort"}},
	},
	{
		Name: "no-unwind-tables", Summary: "no unwind tables in any crate (-Cforce-unwind-tables=no)",
		Loses: "frames in debuggers, profilers and core dumps",
		Risk:  Debuggability, Level: Nightly, Stage: StageStd,
		Needs: []Need{NeedBuildStd, NeedPanicAbort},
		Set:   rustflags("-Cforce-unwind-tables=no"),
	},
	{
		Name: "static-musl", Summary: "one static file on musl, which runs on every Linux",
		Loses: "glibc: names are looked up without nsswitch plugins, and malloc is slower with threads",
		Risk:  Deployment, Level: Asked, Needs: []Need{NeedUnixELF, NeedMusl},
		Set: &Setting{Target: "musl"}, // the twin of the host's triple, see ResolveTarget
	},
}

var linkTable = []*Technique{
	{
		Name: "lld", Summary: "link with lld",
		Loses: "nothing",
		Needs: []Need{NeedLLD, NeedUnixELF},
		Link:  &Link{Linker: "lld"}, Twin: linkArgs("-fuse-ld=lld"),
	},
	link(Technique{
		Name: "linker-o2", Summary: "merge equal tails of strings (lld -O2)",
		Loses: "nothing",
		Needs: []Need{NeedLLD, NeedUnixELF},
	}, "-Wl,-O2"),
	link(Technique{
		Name: "build-id-none", Summary: "no build id",
		Loses: "the link from a core dump to its separate debug file",
		Risk:  Debuggability, Needs: []Need{NeedGNULinker},
	}, "-Wl,--build-id=none"),
	link(Technique{
		Name: "hash-style-gnu", Summary: "one symbol hash table instead of two",
		Loses: "nothing: every glibc since 2006 and musl since 2011 read it",
		Needs: []Need{NeedGNULinker},
	}, "-Wl,--hash-style=gnu"),
	link(Technique{
		Name: "discard-local", Summary: "no local symbols and no compiler marks kept by the linker",
		Loses: "names of local functions in backtraces",
		Risk:  Debuggability, Needs: []Need{NeedGNULinker},
	}, "-Wl,--strip-all"),
	link(Technique{
		Name: "start-stop-gc", Summary: "sections kept alive only by __start_ and __stop_ symbols are collected (-z start-stop-gc)",
		Loses: "nothing where the checks pass; plugins registered by linker sections may vanish",
		Risk:  Behaviour, Level: Max, Needs: []Need{NeedLLD, NeedUnixELF},
	}, "-Wl,-z,start-stop-gc"),
	link(Technique{
		Name: "relr", Summary: "relative relocations as bitmaps (-z pack-relative-relocs)",
		Loses: "machines whose glibc is older than 2.36: the program does not start there",
		Risk:  Deployment, Level: Asked, Needs: []Need{NeedUnixELF, NeedGlibcRELR},
	}, "-Wl,-z,pack-relative-relocs"),
	link(Technique{
		Name: "icf-all", Summary: "identical functions are folded into one (lld --icf=all)",
		Loses: "that two functions have two addresses; Rust does not promise it either",
		Risk:  Behaviour, Level: Abort, Needs: []Need{NeedLLD, NeedUnixELF},
	}, "-Wl,--icf=all"),
	{
		Name: "unwind-tables-out", Summary: "unwind tables taken out of the objects before they are linked",
		Loses: "frames in debuggers, profilers and core dumps",
		Risk:  Debuggability, Level: Abort, Needs: []Need{NeedUnixELF, NeedPanicAbort},
		Link: &Link{DropUnwind: true},
	},
	link(Technique{
		Name: "no-eh-frame-hdr", Summary: "no index of unwind tables (--no-eh-frame-hdr)",
		Loses: "unwinding through the program, which panic=abort does not do",
		Risk:  Debuggability, Level: Abort, Needs: []Need{NeedUnixELF, NeedPanicAbort},
	}, "-Wl,--no-eh-frame-hdr"),
	link(Technique{
		Name: "no-rosegment", Summary: "constants share the code's segment (lld --no-rosegment)",
		Loses: "constants are mapped executable",
		Risk:  Security, Level: Asked, Needs: []Need{NeedLLD, NeedUnixELF},
	}, "-Wl,--no-rosegment"),
	link(Technique{
		Name: "no-separate-code", Summary: "code shares pages with headers and constants (-z noseparate-code)",
		Loses: "headers and constants are mapped executable",
		Risk:  Security, Level: Asked, Needs: []Need{NeedUnixELF, NeedGNULinker},
	}, "-Wl,-z,noseparate-code"),
	{
		Name: "no-relro", Summary: "relocated data stays writable (-z norelro)",
		Loses: "read-only tables of addresses: an overwritten one can be jumped through",
		Risk:  Security, Level: Asked, Needs: []Need{NeedUnixELF, NeedGNULinker},
		Link: &Link{Add: []string{"-Wl,-z,norelro"}, Remove: []string{"-Wl,-z,relro", "-Wl,-z,relro,-z,now"}},
		Twin: linkArgs("-Wl,-z,norelro"),
	},
	link(Technique{
		Name: "no-gnu-stack", Summary: "no mark that the stack is not executable (-z nognustack)",
		Loses: "the promise of a stack that cannot be executed",
		Risk:  Security, Level: Asked, Needs: []Need{NeedLLD, NeedUnixELF},
	}, "-Wl,-z,nognustack"),
	{
		Name: "no-pie", Summary: "the program is linked to a fixed address (-no-pie)",
		Loses: "address space layout randomisation of the program itself",
		Risk:  Security, Level: Asked, Needs: []Need{NeedUnixELF, NeedGNULinker},
		Link: &Link{Add: []string{"-no-pie"}, Remove: []string{"-pie", "-static-pie"}},
		Twin: rustflags("-Crelocation-model=static"),
	},
	{
		Name: "own-start", Summary: "a start-up of 30 bytes instead of the C library's crt files",
		Loses: "constructors and destructors of C libraries linked into the program, and gprof",
		Risk:  Behaviour, Level: Max, Needs: []Need{NeedX86ELF, NeedDynamicGNU},
		Link: &Link{OwnStart: true},
	},
	link(Technique{
		Name: "dead-strip", Summary: "unreachable code and data are dropped (-dead_strip)",
		Loses: "nothing",
		Needs: []Need{NeedMachO},
	}, "-Wl,-dead_strip"),
	link(Technique{
		Name: "macho-icf-all", Summary: "identical functions are folded (ld64.lld --icf=all)",
		Loses: "that two functions have two addresses; Rust does not promise it either",
		Risk:  Behaviour, Level: Abort, Needs: []Need{NeedMachO, NeedLLD},
	}, "-Wl,--icf=all"),
	link(Technique{
		Name: "pe-icf", Summary: "identical functions are folded and unreferenced ones dropped (/OPT:REF,ICF)",
		Loses: "that two functions have two addresses; Rust does not promise it either",
		Risk:  Behaviour, Level: Abort, Needs: []Need{NeedPE},
	}, "/OPT:REF,ICF"),
}

var fileTable = []*Technique{
	{
		Name: "strip-symbols", Summary: "no symbol names and debug information in the file",
		Loses: "function names in backtraces, debuggers and profilers",
		Risk:  Debuggability, Rewrite: &Rewrite{StripSymbols: true}, Twin: profile("strip", `"symbols"`),
	},
	{
		Name: "section-headers-out", Summary: "no section headers: the kernel and the loader never read them",
		Loses: "what readelf -S, objdump and debuggers know about sections",
		Risk:  Debuggability, Needs: []Need{NeedUnixELF, NeedStripped},
		Rewrite: &Rewrite{SectionHeaders: true},
	},
	{
		Name: "layout", Summary: "padding between the parts of the file taken out",
		Loses:   "nothing",
		Needs:   []Need{NeedUnixELF, NeedStripped},
		Rewrite: &Rewrite{Layout: true},
	},
	{
		Name: "pack", Summary: "compressed; the program unpacks itself when it starts",
		Loses: "start-up time, shared pages between processes; some antivirus programs flag packed files",
		Risk:  Deployment, Level: Asked, Needs: []Need{NeedUnixELF},
		Rewrite: &Rewrite{Pack: "best"},
	},
}

// RaisePackages is per-package opt-level: these packages are compiled for
// speed in a program that is compiled for size. The search makes it from what
// it measured; `--with` takes it as package-opt:NAME.
func RaisePackages(packages []PackageSetting) *Technique {
	return &Technique{
		Name: "package-opt-level", Summary: "single packages at opt-level 3, the rest for size",
		Loses: "nothing: it gives speed back for bytes",
		Set:   &Setting{Packages: packages},
	}
}
