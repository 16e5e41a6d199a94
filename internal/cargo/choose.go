package cargo

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/arrange"
	"github.com/minsize/minsize/internal/artefact"
)

// A search measures one artefact. Which one follows cargo's rules for `cargo
// run`, where those know it, and where they do not decide, the error holds what
// could be typed: a list of names alone would send the reader to the manual.

// Choice is one program or library that a project can build.
type Choice struct {
	Package *Package
	Target  Target
	Kind    artefact.Kind
}

// Flags choose it, as cargo would be told; cargo build knows no --crate-type.
func (c Choice) Flags() []string {
	switch {
	case c.Target.IsExample():
		return []string{"--example", c.Target.Name}
	case c.Kind.Starts():
		return []string{"--bin", c.Target.Name}
	}
	return []string{"--lib"}
}

// String is how the user types the choice.
func (c Choice) String() string {
	text := "-p " + c.Package.Name + " " + strings.Join(c.Flags(), " ")
	if !c.Kind.Starts() && len(c.Target.Kinds()) != 1 {
		text += " --crate-type " + c.Kind.CrateType()
	}
	return text
}

// Choose sets the options that lead to the choice again.
func (c Choice) Choose(o *Options) {
	o.Package, o.Bin, o.Example, o.Lib, o.CrateType = c.Package.Name, "", "", false, ""
	switch {
	case c.Target.IsExample():
		o.Example = c.Target.Name
	case c.Kind.Starts():
		o.Bin = c.Target.Name
	default:
		o.Lib = true
	}
	if !c.Kind.Starts() {
		o.CrateType = c.Kind.CrateType()
	}
}

// NoProjectError says that there is no Cargo.toml here or above.
type NoProjectError struct{ Dir string }

func (e *NoProjectError) Error() string {
	return fmt.Sprintf("%s: no Cargo.toml here or in a folder above", e.Dir)
}

// NoArtefactError says that what was asked for is nothing to ship.
type NoArtefactError struct {
	Wanted    string   // what the flag names: a program, an example
	Asked     string   // the flag that named it, "" when nothing was named
	Available []Choice // what could be named instead
	Rlib      bool     // there is a library, for rustc alone
}

func (e *NoArtefactError) Error() string {
	if e.Asked != "" {
		return fmt.Sprintf("no %s for %s in this project", cmp.Or(e.Wanted, "program or library"), e.Asked)
	}
	text := "the project builds no program (no [[bin]], no src/main.rs)"
	if e.Rlib {
		return text + ", and its library is for Rust alone (no crate-type)"
	}
	return text
}

// SeveralError says that a choice is needed.
type SeveralError struct{ Choices []Choice }

func (e *SeveralError) Error() string {
	var names []string
	counts := map[bool]int{}
	for _, c := range e.Choices {
		name := c.Target.Name
		if counts[c.Kind.Starts()]++; !c.Kind.Starts() {
			name += " (" + c.Kind.CrateType() + ")"
		}
		names = append(names, name)
	}
	var parts []string
	for _, p := range []struct {
		n         int
		one, many string
	}{{counts[true], "program", "programs"}, {counts[false], "library", "libraries"}} {
		switch {
		case p.n == 1:
			parts = append(parts, "1 "+p.one)
		case p.n > 1:
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.many))
		}
	}
	return fmt.Sprintf("the project builds %s: %s", strings.Join(parts, " and "), strings.Join(names, ", "))
}

// choose finds the one artefact that the flags mean, by cargo's own rules: -p,
// else the package of the current manifest, else the default members; within
// them --bin, --example or --lib, else default-run, else the only one. A package's
// one program is meant before its library, as by cargo run: many programs keep
// a library of their own, for other hosts or for their tests.
func choose(m *Metadata, o Options) (Choice, error) {
	var all []Choice
	rlib := false
	for _, p := range m.Members() {
		for _, t := range p.Targets {
			rlib = rlib || t.IsLib()
			for _, k := range t.Kinds() {
				all = append(all, Choice{p, t, k})
			}
		}
	}
	asked, what := "", ""
	wanted := func(c Choice) bool { return !c.Target.IsExample() }
	switch {
	case o.Bin != "":
		wanted, asked = func(c Choice) bool { return c.Target.IsBin() && c.Target.Name == o.Bin }, "--bin "+o.Bin
		what = "program"
	case o.Example != "":
		wanted, asked = func(c Choice) bool { return c.Target.IsExample() && c.Target.Name == o.Example }, "--example "+o.Example
		what = "example"
	case o.Lib:
		wanted, asked = func(c Choice) bool { return c.Target.IsLib() }, "--lib"
		what = "library"
	}
	if o.CrateType != "" {
		kind, ok := artefact.OfCrateType(o.CrateType)
		if !ok || kind.Starts() {
			return Choice{}, &NoArtefactError{Asked: "--crate-type " + o.CrateType, Available: all}
		}
		if o.Lib { // cargo builds a library as whatever it is told
			all = nil
			for _, p := range m.Members() {
				for _, t := range p.Targets {
					if t.IsLib() {
						all = append(all, Choice{p, t, kind})
					}
				}
			}
		}
		named := wanted
		wanted = func(c Choice) bool { return named(c) && c.Kind == kind }
		asked = strings.TrimSpace(asked + " --crate-type " + o.CrateType)
	}
	packages := m.candidates(o)
	if o.Package != "" && len(packages) == 0 {
		return Choice{}, &NoArtefactError{Asked: "-p " + o.Package, Available: all}
	}
	var found []Choice
	for _, c := range all {
		if slices.Contains(packages, c.Package) && wanted(c) {
			found = append(found, c)
		}
	}
	if len(found) == 0 && asked != "" && !o.Lib {
		// A named program is found in any member, as `cargo run --bin` does in a virtual workspace.
		for _, c := range all {
			if o.Package == "" && wanted(c) {
				found = append(found, c)
			}
		}
	}
	if asked == "" && len(found) > 1 {
		var defaults, programs []Choice
		packages := map[*Package]bool{}
		for _, c := range found {
			packages[c.Package] = true
			if !c.Kind.Starts() {
				continue
			}
			programs = append(programs, c)
			if c.Package.DefaultRun == c.Target.Name {
				defaults = append(defaults, c)
			}
		}
		switch {
		case len(defaults) == 1:
			found = defaults
		case len(packages) == 1 && len(programs) == 1:
			found = programs
		}
	}
	switch len(found) {
	case 0:
		if asked == "" && o.Package != "" {
			asked = "-p " + o.Package
		}
		return Choice{}, &NoArtefactError{Wanted: what, Asked: asked, Available: all, Rlib: rlib}
	case 1:
		return found[0], nil
	}
	arrange.Stable(found, func(a, b Choice) int { return int(a.Kind) - int(b.Kind) }) // programs first
	return Choice{}, &SeveralError{Choices: found}
}

// candidates are the packages that the flags leave.
func (m *Metadata) candidates(o Options) []*Package {
	members := m.Members()
	if o.Package != "" {
		var named []*Package
		for _, p := range members {
			if p.Name == o.Package || p.ID == o.Package || p.Name+"@"+p.Version == o.Package {
				named = append(named, p)
			}
		}
		return named
	}
	if m.Resolve != nil && m.Resolve.Root != "" {
		if root := m.Find(m.Resolve.Root); root != nil {
			return []*Package{root}
		}
	}
	if len(m.DefaultMembers) > 0 {
		var defaults []*Package
		for _, id := range m.DefaultMembers {
			if p := m.Find(id); p != nil {
				defaults = append(defaults, p)
			}
		}
		return defaults
	}
	return members
}
