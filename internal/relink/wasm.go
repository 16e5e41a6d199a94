package relink

// The flavour of wasm-ld, which links the modules of every Wasm target.
//
// Its objects are not edited. A module as it is linked is an exact graph with
// names for all functions, and what takes a body's place there needs no
// relocations: so a cut is made in the finished module, and what only it kept
// is taken out by the writer of modules, as a linker would.

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/minsize/minsize/internal/target"
	"github.com/minsize/minsize/internal/wasmedit"
	"github.com/minsize/minsize/internal/wasmoracle"
)

var wasm = Flavour{
	Name:    target.WasmLD,
	Formats: []target.Format{target.Wasm},
	Drivers: []string{"rust-lld", "wasm-ld", "wasm-ld-22", "wasm-ld-19"},
	Values:  []string{"-o", "-z", "-m", "-e", "-l", "-L", "-y", "-flavor", "--export", "--export-if-defined", "--entry", "--undefined"},
	Linkers: []program{{LLD, "LLD", []string{"wasm-ld*", "rust-lld"}}},
	Options: []Option{
		spelled("strip-all", "--strip-all"),
		{
			Name: "compress-relocations", Static: true,
			Summary: "writes addresses and indices in as few bytes as they need, where the linker leaves room for the largest",
			// It does not go with debug information. Nor is it for a project's
			// settings, which are those of its debug builds too.
			set: func(p *plan) { p.add = append(p.add, "--compress-relocations", "--strip-debug") },
		},
		{
			Name: "low-data", Static: true,
			Summary: "puts data below the first MiB of memory, where its addresses take three bytes in code, not four",
			Loses:   Losing("64 KiB of the stack's 1 MiB"),
			Args:    []string{"-z", "stack-size=983040"},
			needs: func(p *plan) error {
				if args := p.recording.link.Args; !slices.Contains(args, "stack-size=1048576") || !slices.Contains(args, "--stack-first") {
					return errors.New("the stack is not the compiler's own of 1 MiB, before the data")
				}
				return nil
			},
		},
	},
	StripsAll: []string{"-s", "--strip-all"},
	Model:     "static",
	NamesOnly: "--strip-debug",
	collects:  func(args []string) bool { return !slices.Contains(args, "--no-gc-sections") },
	exports:   func(arg string) bool { return arg == "--export-all" || arg == "--export-dynamic" || arg == "-E" },
	choose: func(p *plan) error {
		return fmt.Errorf("%w: %s links, and passes no linker's arguments on as they are", ErrNotApplicable, p.recording.link.Driver)
	},
	edit: func(p *plan) error {
		if len(p.variant.Cuts) > 0 { // they go by name
			p.remove = append(p.remove, p.flavour.StripsAll...)
			p.add = append(withoutArguments(p.add, p.flavour.StripsAll), p.flavour.NamesOnly)
		}
		return nil
	},
	finish: cutModule,
}

// spelled is an option that GNU's linkers have too, in wasm-ld's words.
func spelled(name string, args ...string) Option {
	o := *gnu.Option(name)
	o.Args, o.Remove = args, nil
	return o
}

// wasmStubs are the stubs as modules can have them: what a function returns,
// its type says, and a machine without signals has no handler to cut.
var wasmStubs = map[Stub]wasmedit.Stub{StubTrap: wasmedit.Trap, StubReturn: wasmedit.Zero, StubZero: wasmedit.Zero, StubZeroFloat: wasmedit.Zero, StubZeroPair: wasmedit.Zero}

// cutModule makes the variant's cuts in what was linked, and takes out what
// only they kept.
func cutModule(p *plan) error {
	if len(p.variant.Cuts) == 0 {
		return nil
	}
	m, err := p.recording.matcher(p.variant.Cuts)
	if err != nil {
		return err
	}
	linked, err := os.ReadFile(p.out)
	if err != nil {
		return err
	}
	var refused error
	names := p.variant.Symbols || !p.stripped()
	cut, err := wasmedit.Cut(linked, names, func(symbol string) wasmedit.Stub {
		at, name, ok := m.match(symbol)
		if !ok {
			return wasmedit.Keep
		}
		if m.count[at] >= maxMatches && CutByName(m.cuts[at.cut].Name) == nil {
			refused = m.tooMany(at)
		}
		kind := m.cuts[at.cut].Sites[at.site].Stub
		stub, known := wasmStubs[kind]
		if !known {
			refused = fmt.Errorf("cut %s: %w: the stub %q has no form in Wasm", m.cuts[at.cut].Name, ErrNotApplicable, kind)
		}
		m.met(at, name, 0)
		return stub
	})
	if err = errors.Join(refused, err); err != nil {
		return fmt.Errorf("%w: %w", ErrNotApplicable, err)
	}
	met := slices.ContainsFunc(m.found, func(names map[string]int) bool { return len(names) > 0 })
	if err := p.tell(m); err != nil {
		return err
	}
	if !met {
		return os.WriteFile(p.out, cut, 0o777)
	}
	r, err := wasmedit.Minimize(cut)
	if err == nil {
		err = wasmoracle.Same(cut, r.Data)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotApplicable, err)
	}
	return os.WriteFile(p.out, r.Data, 0o777)
}

// stripped says whether the link leaves names out, but for the cuts.
func (p *plan) stripped() bool {
	return p.recording.Stripped() || slices.ContainsFunc(p.variant.Add, p.flavour.leavesOut) ||
		slices.ContainsFunc(p.variant.Options, p.flavour.Strips)
}
