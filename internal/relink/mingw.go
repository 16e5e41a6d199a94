package relink

// The flavour of Windows programs that GNU's tools link: GNU ld and lld's MinGW
// driver, by way of gcc. The command line is GNU's, the options are not.
//
// Two things differ. rustc puts all functions of a codegen unit into one section
// for these targets, so the object is first divided (divide.go). And GNU ld
// keeps every function that has an entry in .pdata, which is nearly every one,
// whatever --gc-sections says: so what nothing reaches is taken out of the object
// here, and no linker has to see it.

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/target"
)

var mingw = Flavour{
	Name:    target.MinGW,
	Formats: []target.Format{target.COFF},
	Drivers: []string{"x86_64-w64-mingw32-gcc"},
	Values:  gnu.Values,
	Linkers: []program{
		{LLD, "LLD", []string{"ld.lld*"}},
		{BFD, "GNU ld", []string{"x86_64-w64-mingw32-ld", "x86_64-w64-mingw32-ld.bfd"}},
	},
	Options: []Option{
		spelled("strip-all", "-Wl,--strip-all"),
		spelled("icf-all", "-Wl,--icf=all"),
		spelled("even-functions"),
		spelled(UnwindTablesOut),
		{
			Name:    "short-start",
			Summary: "replaces the C runtime's start by one that calls main and exits with what it returns",
			Loses:   Losing("what C and C++ in the program expect of a start: rounding modes, exceptions as signals, a C main's arguments"),
			needs:   shortStartAvailable,
			set: func(p *plan) {
				p.shortStart = true
				// Data of other libraries would need a relocator that the C runtime's
				// start calls; with the last word alone GNU ld makes constants writable.
				p.add = append(p.add, "-nostartfiles", "-Wl,--disable-auto-import,--disable-runtime-pseudo-reloc")
			},
		},
	},
	StripsAll: gnu.StripsAll,
	Model:     gnu.Model,
	NamesOnly: gnu.NamesOnly,
	Divides:   true,

	serves:   func(t target.Triple) bool { return t.CrossCompiler() == "x86_64-w64-mingw32-gcc" }, // other machines have no stubs in COFF
	collects: gnu.collects,
	exports: func(arg string) bool {
		return slices.Contains(strings.Split(arg, ","), "--export-all-symbols")
	},
	choose: func(p *plan) error { p.through = p.variant.Linker.Path; return nil },
	edit: func(p *plan) error {
		p.add = append(p.add, "-Wl,--no-insert-timestamp") // the same link, the same bytes
		if len(p.variant.Cuts) > 0 && p.variant.Codegen == nil && !p.recording.divided() {
			return fmt.Errorf("%w: the program's functions are in one section; taking them apart needs its bitcode, and opt and llc", ErrNotApplicable)
		}
		if err := p.cuts(); err != nil {
			return err
		}
		return p.sweep()
	},
	finish:  func(*plan) error { return nil },
	suggest: gnu.suggest,
}

// shortStartAvailable says why the program needs the C runtime's start.
func shortStartAvailable(p *plan) error {
	if !isDriver(p.recording.link.Driver) {
		return errors.New("the program is linked without a compiler driver")
	}
	for _, a := range p.recording.link.Args {
		switch {
		case a == "-shared":
			return errors.New("a library has no start")
		case a == "-nostartfiles" || a == "-nostdlib":
			return errors.New("the program is linked without the C runtime's start as it is")
		case a == "-mwindows" || strings.Contains(a, "--subsystem") || strings.Contains(a, "--entry") || strings.HasPrefix(a, "-Wl,-e,"):
			return fmt.Errorf("the link names its start itself (%s)", a)
		case strings.HasPrefix(a, "-lstdc++") || strings.HasPrefix(a, "-lc++") || a == "-pg" || a == "-municode":
			return fmt.Errorf("the link has %s, which needs the C runtime's start", a)
		}
	}
	return nil
}

// linkersOwn is what a compiler driver would start, with the wanted linker in
// the place of its own: Debian's gcc for MinGW calls the one that it was built
// with, whatever -B and -fuse-ld say.
func (p *plan) linkersOwn(ctx context.Context, command []string) ([]string, error) {
	said, _, err := p.recording.run(ctx, slices.Insert(slices.Clone(command), 1, "-###"), p.environment)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(said) {
		words := splitResponseFile(line)
		if len(words) == 0 || !strings.HasPrefix(line, " ") {
			continue
		}
		if base := strings.TrimSuffix(filepath.Base(words[0]), ".exe"); base == "collect2" || !isDriver(base) {
			return append([]string{p.through}, words[1:]...), nil
		}
	}
	return nil, &LinkError{Command: command, Message: said, Err: errors.New("the compiler driver does not say which linker it calls (-###)")}
}
