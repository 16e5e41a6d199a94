package relink

// What differs from one family of linkers to the next, as a value: how a
// command line is read, which options there are and what they cost, how
// garbage is collected, which programs there are and how one is chosen. The
// recorder, the replay and the search for evidence ask the flavour; none of
// them knows a linker by name.

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"

	"github.com/minsize/minsize/internal/target"
)

// Flavour is a family of linkers that read one command line.
type Flavour struct {
	Name    target.Flavour
	Formats []target.Format // of the programs whose links are replayed
	Drivers []string        // what rustc calls where nothing else is configured: the first that is on the PATH
	Values  []string        // options whose value is the next argument, and is no input
	Options []Option        // what a replay can be told, in the order in which arguments are added
	Linkers []program       // which there are, the best first

	StripsAll []string // arguments that leave the symbol table out
	Model     string   // llc's relocation model, where the link does not ask for fixed addresses
	NamesOnly string   // the argument that leaves debug information out and keeps names
	Divides   bool     // rustc's objects are to be divided, see Recording.Divide

	serves   func(target.Triple) bool // nil: every target of its formats
	collects func(args []string) bool // what nothing refers to is left out
	exports  func(arg string) bool    // all that the program defines is kept
	choose   func(*plan) error        // makes the recorded compiler driver call the wanted linker
	edit     func(*plan) error        // changes the inputs, before the link
	finish   func(*plan) error        // changes what was linked, before anybody sees it
	suggest  func(context.Context, *Recording, []Cut) (*Suggestions, error)
}

// Flavours is the table: to add one, write its file and list it here.
var Flavours = []*Flavour{&gnu, &mingw, &bare, &wasm}

// FlavourOf is the flavour by which links for a target are recorded and
// replayed, nil where they are not.
func FlavourOf(t target.Triple) *Flavour {
	if f := flavourNamed(t.Flavour()); f != nil && slices.Contains(f.Formats, t.Format) && (f.serves == nil || f.serves(t)) {
		return f
	}
	return nil
}

func flavourNamed(name target.Flavour) *Flavour {
	for _, f := range Flavours {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// Option returns the flavour's entry, or nil.
func (f *Flavour) Option(name string) *Option {
	if f == nil {
		return nil
	}
	for i := range f.Options {
		if f.Options[i].Name == name {
			return &f.Options[i]
		}
	}
	return nil
}

// Strips says whether an option leaves the symbol table out.
func (f *Flavour) Strips(option string) bool {
	o := f.Option(option)
	return o != nil && slices.ContainsFunc(o.Args, f.leavesOut)
}

// leavesOut says whether a linker's argument leaves the symbol table out.
func (f *Flavour) leavesOut(arg string) bool { return slices.Contains(f.StripsAll, arg) }

// OptionByName returns the entry of the first flavour that has one, or nil:
// what an option does and loses is the same in all of them.
func OptionByName(name string) *Option {
	for _, f := range Flavours {
		if o := f.Option(name); o != nil {
			return o
		}
	}
	return nil
}

// Driver is what rustc would have called.
func (f *Flavour) Driver() string {
	for _, name := range f.Drivers {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return f.Drivers[0]
}

// program is a linker as it is found: by its file's name, believed by what it
// says of itself.
type program struct {
	Kind  LinkerKind
	Says  string   // in the first line of --version
	Files []string // patterns
}

// Options that others ask for by name.
const (
	NoPIE           = "no-pie"
	UnwindTablesOut = "unwind-tables-out"
)

// Option is a named change to a link.
type Option struct {
	Name    string
	Summary string // what it does, one plain sentence
	Loses   []Loss // none: nothing that a user can see
	Against []Kind // evidence where it is wrong: it stays out unless somebody insists
	Linkers []LinkerKind
	Args    []string // driver arguments added
	Remove  []string // recorded arguments taken away, see Variant.Remove
	Static  bool     // makes sense in programs without a dynamic loader too
	Ahead   bool     // for static libraries, of which it asks for a link that no compiler makes (prelink.go)
	// Finishes: what the linker wrote is changed afterwards, so that the same
	// arguments in other hands would give another program.
	Finishes bool

	needs func(*plan) error // further conditions
	set   func(*plan)       // what is not said with arguments
}

// available says why the option cannot be had in this link, or nil.
func (o *Option) available(p *plan) error {
	if len(o.Linkers) > 0 && p.kind != unknown && !slices.Contains(o.Linkers, p.kind) {
		return fmt.Errorf("%s does not know it (known to %v)", p.kind, o.Linkers)
	}
	if !o.Static && slices.ContainsFunc(p.recording.link.Args, func(a string) bool { return a == "-static" || a == "-static-pie" }) {
		return errors.New("the program is linked statically")
	}
	if o.Ahead && !p.recording.ahead() {
		return errors.New("for static libraries")
	}
	if o.needs != nil {
		return o.needs(p)
	}
	return nil
}

func (o *Option) apply(p *plan) {
	p.remove = append(p.remove, o.Remove...)
	p.add = append(p.add, o.Args...)
	if o.set != nil {
		o.set(p)
	}
}
