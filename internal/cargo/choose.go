package cargo

import (
	"fmt"
	"slices"
	"strings"
)

// A search measures one program. Which one follows cargo's rules for `cargo run`,
// and where those do not decide, the error holds what could be typed: a list of
// names alone would send the reader to the manual.

// Choice is one program that a project can build.
type Choice struct {
	Package *Package
	Target  Target
}

// String is how the user types the choice.
func (c Choice) String() string {
	kind := "--bin"
	if c.Target.IsExample() {
		kind = "--example"
	}
	return fmt.Sprintf("-p %s %s %s", c.Package.Name, kind, c.Target.Name)
}

// NoProjectError says that there is no Cargo.toml here or above.
type NoProjectError struct{ Dir string }

func (e *NoProjectError) Error() string {
	return fmt.Sprintf("%s: no Cargo.toml here or in a folder above", e.Dir)
}

// NoBinaryError says that what was asked for builds no program.
type NoBinaryError struct {
	Asked     string   // the flag that named it, "" when nothing was named
	Available []Choice // what could be named instead
}

func (e *NoBinaryError) Error() string {
	if e.Asked != "" {
		return fmt.Sprintf("no program for %s in this project", e.Asked)
	}
	return "the project builds no program (no [[bin]], no src/main.rs)"
}

// SeveralBinariesError says that a choice is needed.
type SeveralBinariesError struct{ Choices []Choice }

func (e *SeveralBinariesError) Error() string {
	var names []string
	for _, c := range e.Choices {
		names = append(names, c.Target.Name)
	}
	return fmt.Sprintf("the project builds %d programs: %s", len(names), strings.Join(names, ", "))
}

// choose finds the one program that the flags mean, by cargo's own rules: -p,
// else the package of the current manifest, else the default members; within
// them --bin or --example, else default-run, else the only binary.
func choose(m *Metadata, o Options) (Choice, error) {
	var all []Choice
	for _, p := range m.Members() {
		for _, t := range p.Targets {
			if t.IsBin() || t.IsExample() {
				all = append(all, Choice{p, t})
			}
		}
	}
	packages := m.candidates(o)
	if o.Package != "" && len(packages) == 0 {
		return Choice{}, &NoBinaryError{Asked: "-p " + o.Package, Available: all}
	}
	inScope := func(c Choice) bool { return slices.Contains(packages, c.Package) }

	wanted, asked := Target.IsBin, ""
	switch {
	case o.Bin != "":
		wanted, asked = func(t Target) bool { return t.IsBin() && t.Name == o.Bin }, "--bin "+o.Bin
	case o.Example != "":
		wanted, asked = func(t Target) bool { return t.IsExample() && t.Name == o.Example }, "--example "+o.Example
	}
	var found []Choice
	for _, c := range all {
		if inScope(c) && wanted(c.Target) {
			found = append(found, c)
		}
	}
	if len(found) == 0 && asked != "" {
		// A named program is found in any member, as `cargo run --bin` does in a virtual workspace.
		for _, c := range all {
			if o.Package == "" && wanted(c.Target) {
				found = append(found, c)
			}
		}
	}
	if asked == "" && len(found) > 1 {
		var defaults []Choice
		for _, c := range found {
			if c.Package.DefaultRun == c.Target.Name {
				defaults = append(defaults, c)
			}
		}
		if len(defaults) == 1 {
			found = defaults
		}
	}
	switch len(found) {
	case 0:
		if asked == "" && o.Package != "" {
			asked = "-p " + o.Package
		}
		return Choice{}, &NoBinaryError{Asked: asked, Available: all}
	case 1:
		return found[0], nil
	}
	return Choice{}, &SeveralBinariesError{Choices: found}
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
