package relink

// The flavour of wasm-ld, which links the modules of every Wasm target.
//
// Its objects are not edited. A module as it is linked is an exact graph with
// names for all functions, and what takes a body's place there needs no
// relocations: so a cut is made in the finished module, and what only it kept
// is taken out by the writer of modules, as a linker would.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/minsize/minsize/internal/target"
	"github.com/minsize/minsize/internal/wasmedit"
	"github.com/minsize/minsize/internal/wasmoracle"
)

var wasm = Flavour{
	Name:    target.WasmLD,
	Formats: []target.Format{target.Wasm},
	Drivers: target.WasmLinkers,
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
	finish:  cutModule,
	suggest: suggestInModule,
}

// spelled is an option that GNU's linkers for ELF have too, in another's words.
func spelled(name string, args ...string) Option {
	o := gnuOptions[slices.IndexFunc(gnuOptions, func(o Option) bool { return o.Name == name })]
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
	cut, err := m.inModule(linked, p.variant.Symbols || !p.stripped())
	if err != nil {
		return err
	}
	if err := p.tell(m); err != nil {
		return err
	}
	return os.WriteFile(p.out, cut, 0o777)
}

// inModule makes the cuts in a module, and takes out what only they kept.
func (m *matcher) inModule(module []byte, names bool) ([]byte, error) {
	var refused error
	cut, err := wasmedit.Cut(module, names, func(_ int, symbol string) wasmedit.Stub {
		at, name, ok := m.match(symbol)
		if symbol == "" || !ok {
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
		return nil, fmt.Errorf("%w: %w", ErrNotApplicable, err)
	}
	if len(m.count) == 0 {
		return cut, nil
	}
	r, err := wasmedit.Minimize(cut)
	if err == nil {
		err = wasmoracle.Same(cut, r.Data)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotApplicable, err)
	}
	return r.Data, nil
}

// Module is a finished module to make cuts in, by the names that it carries.
type Module struct {
	data []byte
	edit editCache
}

// NewModule is a module as it lies in memory.
func NewModule(data []byte) *Module { return &Module{data: data} }

// matcher is a matcher of cuts. A gate is about the objects of a link, so a cut
// that has one is not made.
func (m *Module) matcher(cuts []Cut) *matcher {
	shut := map[int]bool{}
	for i, c := range cuts {
		if c.Gate != nil {
			shut[i] = true
		}
	}
	return openMatcher(cuts, shut, &m.edit)
}

// Cut makes the cuts, and takes out what only they kept. The names stay.
func (m *Module) Cut(cuts []Cut) ([]byte, []CutOutcome, error) {
	match := m.matcher(cuts)
	out, err := match.inModule(m.data, true)
	return out, match.outcomes(), err
}

// Meets says whether a cut names any function of the module.
func (m *Module) Meets(c Cut) (bool, error) {
	match, met := m.matcher([]Cut{c}), false
	_, err := wasmedit.Cut(m.data, true, func(_ int, symbol string) wasmedit.Stub {
		_, _, ok := match.match(symbol)
		met = met || ok && symbol != ""
		return wasmedit.Keep
	})
	return met, err
}

// Suggest lists what keeps most alive in the module, as the cuts leave it. Only
// code counts.
func (m *Module) Suggest(cuts []Cut) (*Suggestions, error) {
	data := m.data
	if len(cuts) > 0 {
		var err error
		if data, _, err = m.Cut(cuts); err != nil {
			return nil, err
		}
	}
	module, err := wasmedit.GraphOf(data)
	if err != nil {
		return nil, err
	}
	g := &graph{nodes: make([]node, 1+len(module.Nodes)), out: make([][]int32, 1+len(module.Nodes))}
	shift := func(list []int32) (out []int32) {
		for _, n := range list {
			out = append(out, n+1)
		}
		return out
	}
	g.out[0] = shift(module.Roots)
	for i, n := range module.Nodes {
		// What the host calls is what the module is for.
		g.nodes[1+i] = node{name: n.Name, size: n.Size, code: n.Name != "" && n.Size > 0 && !slices.Contains(module.Roots, int32(i))}
		g.out[1+i] = shift(n.To)
	}
	return g.suggest(&m.edit), nil
}

// suggestInModule is Suggest by what is linked.
func suggestInModule(ctx context.Context, r *Recording, cuts []Cut) (*Suggestions, error) {
	dir, err := os.MkdirTemp("", "minsize-suggest-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "module.wasm")
	if _, err := r.Link(ctx, Variant{Cuts: cuts, Symbols: true}, out); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	return NewModule(data).Suggest(nil)
}

// stripped says whether the link leaves names out, but for the cuts.
func (p *plan) stripped() bool {
	return p.recording.Stripped() || slices.ContainsFunc(p.variant.Add, p.flavour.leavesOut) ||
		slices.ContainsFunc(p.variant.Options, p.flavour.Strips)
}
