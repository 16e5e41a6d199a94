package relink

// The flavour of GNU's linkers and of all that take the same command line:
// bfd, gold, lld, mold, nearly always by way of a compiler driver.

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/target"
)

var gnu = Flavour{
	Name:    target.GNU,
	Formats: []target.Format{target.ELF},
	Drivers: []string{"cc"},
	Values:  []string{"-o", "-z", "-m", "-u", "-e", "-l", "-L", "-soname", "-h", "-target", "-arch", "-flavor"},
	Options: gnuOptions,
	Linkers: []program{
		{LLD, "LLD", []string{"ld.lld*", "rust-lld"}},
		{Mold, "mold", []string{"mold", "ld.mold"}},
		{Gold, "GNU gold", []string{"ld.gold"}},
		{BFD, "GNU ld", []string{"ld.bfd"}},
	},
	StripsAll: []string{"-s", "--strip-all", "-Wl,-s", "-Wl,--strip-all"},
	Model:     "pic",
	NamesOnly: "-Wl,--strip-debug",
	collects: func(args []string) bool {
		return slices.Contains(args, "-Wl,--gc-sections") || slices.Contains(args, "--gc-sections")
	},
	exports: func(arg string) bool {
		return arg == "-rdynamic" || arg == "-Wl,--export-dynamic" || arg == "-Wl,-E" || arg == "-Wl,-export-dynamic" || strings.HasPrefix(arg, "-Wl,--export-dynamic-symbol")
	},
	choose:  chooseByDriver,
	edit:    (*plan).cuts,
	finish:  finishELF,
	suggest: suggestInObjects,
}

var gnuOptions = []Option{
	{
		Name: "prelink", Static: true, Ahead: true,
		Summary: "makes one object of what a static library's exported functions reach, all else in it local",
	},
	{
		Name: UnwindTablesOut, Static: true,
		Summary: "takes .eh_frame and .gcc_except_table out of the objects",
		Loses:   Losing("unwinding through Rust's functions: backtraces end there, and debuggers cannot walk the stack without a separate debug file"),
		Against: []Kind{StackWalk},
		set:     func(p *plan) { p.dropUnwind = true },
	},
	{
		Name: "no-eh-frame-hdr", Static: true,
		Summary: "leaves out the table by which unwinders find frames",
		Loses:   Losing("unwinding through the program's own functions"),
		Against: []Kind{ForeignUnwind, StackWalk, LoadsLibraries},
		Args:    []string{"-Wl,--no-eh-frame-hdr"},
		Remove:  []string{"-Wl,--eh-frame-hdr"},
	},
	{
		Name:    "relr",
		Summary: "packs relative relocations (DT_RELR): a few bits each instead of 24 bytes",
		Loses:   Losing("systems before glibc 2.36, musl 1.2.4 or Android 9 cannot load the program"),
		Linkers: []LinkerKind{LLD, BFD, Mold},
		Args:    []string{"-Wl,-z,pack-relative-relocs"},
		set: func(p *plan) {
			if p.kind == Mold { // mold 1 knows the older spelling alone
				p.add[len(p.add)-1] = "-Wl,--pack-dyn-relocs=relr"
			}
		},
	},
	{
		Name:    "self-relr",
		Summary: "packs relative relocations, and lets the program apply them itself while any glibc loads it",
		Linkers: []LinkerKind{LLD, Mold},
		Args:    []string{"-Wl,--pack-dyn-relocs=relr"},
		Remove:  []string{"-Wl,-z,pack-relative-relocs"}, Finishes: true,
		needs: relocatorAvailable,
		set:   func(p *plan) { p.selfRelocates = true },
	},
	{
		Name: "icf-all", Static: true,
		Summary: "keeps one of several identical functions",
		Loses:   Losing("addresses of different functions may compare equal"),
		Linkers: []LinkerKind{LLD, Mold, Gold},
		Args:    []string{"-Wl,--icf=all"},
	},
	{
		Name: "icf-data", Static: true,
		Summary: "keeps one of several identical constants and vtables, where icf-all does so with functions",
		Loses:   Losing("addresses of different statics may compare equal, which Rust promises they do not"),
		Against: []Kind{SectionLists},
		Linkers: []LinkerKind{LLD},
		Args:    []string{"-Wl,--ignore-data-address-equality"},
	},
	{
		Name: "no-build-id", Static: true,
		Summary: "leaves out the note that ties a program to its separate debug file",
		Loses:   Losing("debuggers and symbol servers cannot match the program by its build id"),
		Args:    []string{"-Wl,--build-id=none"},
	},
	{
		Name:    "hash-style-gnu",
		Summary: "writes the GNU symbol hash table alone, not the old one too",
		Args:    []string{"-Wl,--hash-style=gnu"},
	},
	{
		Name: "optimize-strings", Static: true,
		Summary: "merges strings that end alike (the linker's -O2)",
		Args:    []string{"-Wl,-O2"},
	},
	{
		Name: "strip-all", Static: true,
		Summary: "writes no symbol table and no debug sections",
		Loses:   Losing("names in backtraces and debuggers, as `strip` does"),
		Args:    []string{"-Wl,--strip-all"},
		Remove:  []string{"-Wl,--strip-debug"},
	},
	{
		Name: "noseparate-code", Static: true,
		Summary: "lets code share pages with read-only data",
		Loses:   Losing("read-only data becomes executable (hardening)"),
		Linkers: []LinkerKind{BFD, LLD},
		Args:    []string{"-Wl,-z,noseparate-code"},
	},
	{
		Name: "no-rosegment", Static: true,
		Summary: "puts read-only data and code into one segment",
		Loses:   Losing("read-only data becomes executable (hardening)"),
		Linkers: []LinkerKind{LLD},
		Args:    []string{"-Wl,--no-rosegment"},
	},
	{
		Name: "norelro", Static: true,
		Summary: "leaves relocated data writable, which saves a segment and its padding",
		Loses:   Losing("function tables can be overwritten by an attacker (hardening)"),
		Args:    []string{"-Wl,-z,norelro"},
		Remove:  []string{"-Wl,-z,relro"},
	},
	{
		Name: "nognustack", Static: true,
		Summary: "leaves out the PT_GNU_STACK header",
		Loses:   Losing("some kernels then map the stack executable (hardening)"),
		Linkers: []LinkerKind{LLD},
		Args:    []string{"-Wl,-z,nognustack"},
		Remove:  []string{"-Wl,-z,noexecstack"},
	},
	{
		Name: NoPIE, Static: true,
		Summary: "links to a fixed address: no relocations of pointers",
		Loses:   Losing("address space layout randomisation of the program (hardening)"),
		Args:    []string{"-no-pie"},
		Remove:  []string{"-pie", "-static-pie"},
		needs: func(p *plan) error {
			if !slices.Contains(p.recording.link.Args, "-pie") && !slices.Contains(p.recording.link.Args, "-static-pie") {
				return errors.New("the program is not position-independent as it is")
			}
			return nil
		},
		set: func(p *plan) {
			if slices.Contains(p.recording.link.Args, "-static-pie") {
				p.add = append(p.add, "-static")
			}
		},
	},
	{
		Name: "even-functions", Static: true,
		Summary: "lets functions begin at any even address, not at multiples of 16 bytes (aarch64: of 4)",
		Loses:   Losing("a little speed where short functions of std are called in a row"),
		set:     func(p *plan) { p.align = true },
	},
	{
		Name: "locations-out", Static: true,
		Summary: "lets all panics name one empty source location",
		Loses:   Losing("where a panic happened: messages say :0:0, and so does std::panic::Location", LocationShown, PanicHook),
		set:     func(p *plan) { p.foldLocations = true },
	},
	{
		Name:    "plain-start",
		Summary: "leaves out the C runtime's hooks that no Rust program uses (crtbegin, crti: transactional memory, gprof, .init and .fini) and keeps its _start",
		needs:   plainStartAvailable,
		set: func(p *plan) {
			p.plainStart = true
			p.add = append(p.add, "-nostartfiles")
		},
	},
	{
		Name:    "own-start",
		Summary: "replaces the C runtime's start files by a `_start` of a few bytes that calls __libc_start_main",
		Loses:   Losing("systems before glibc 2.34; profilers' and sanitizers' start hooks (gprof, __gmon_start__)"),
		needs:   startAvailable,
		set: func(p *plan) {
			p.ownStart, p.plainStart = true, false
			p.add = append(p.add, "-nostartfiles")
		},
	},
}

// chooseByDriver makes a compiler driver call the wanted linker. It looks for
// ld.<kind> in its -B folders first: a folder of our own makes it find exactly
// that one, whatever it is called.
func chooseByDriver(p *plan) error {
	folder := filepath.Join(p.scratch, "linker")
	if err := os.Mkdir(folder, 0o777); err != nil {
		return err
	}
	if err := os.Symlink(p.variant.Linker.Path, filepath.Join(folder, "ld."+string(p.kind))); err != nil {
		return err
	}
	p.remove = append(p.remove, "-fuse-ld=*")
	for _, arg := range p.recording.link.Args {
		if strings.HasPrefix(arg, "-B") && filepath.Base(arg) == "gcc-ld" { // rustup's own linker
			p.remove = append(p.remove, arg)
		}
	}
	p.before = append(p.before, "-B"+folder, "-fuse-ld="+string(p.kind))
	return nil
}

// finishELF is what a linked program needs before anybody sees it.
func finishELF(p *plan) error {
	if p.recording.ahead() {
		return p.archive()
	}
	if p.ownStart || p.plainStart {
		if err := checkStart(p.out); err != nil {
			return err
		}
	}
	if p.selfRelocates {
		return concealRelocations(p.out)
	}
	return nil
}
