// Package artefact is what a build makes of a cargo target: a program, or a
// library that something else loads or links.
//
// What can be lost, and what must hold, follows from that: a program starts by
// itself and ends by itself, so a panic is its own affair; a library is held
// to an interface that others were built against, is loaded where its host
// wants it, and may unwind into code that somebody else wrote. So the kinds
// are values of one table, and every question of the sort "is this a library"
// is asked here.
package artefact

import (
	"strings"

	"github.com/minsize/minsize/internal/target"
)

// Kind is one kind of artefact, a row of the table. The zero value is Program.
type Kind uint8

// The kinds, in the order in which they are offered.
const (
	Program Kind = iota
	Cdylib
	Dylib
	Staticlib
)

var kinds = [...]struct {
	name  string // as people say it
	crate string // rustc's --crate-type
	ends  func(target.Triple) string

	linked bool // a linker makes it, so that its link can be recorded
	loads  bool // a loader maps it for somebody else; what it exports are its roots
}{
	Program:   {name: "program", crate: "bin", ends: func(target.Triple) string { return "" }, linked: true},
	Cdylib:    {name: "library", crate: "cdylib", ends: sharedEnd, linked: true, loads: true},
	Dylib:     {name: "Rust library", crate: "dylib", ends: sharedEnd, linked: true, loads: true},
	Staticlib: {name: "static library", crate: "staticlib", ends: staticEnd},
}

// String is how people call it: "program", "library".
func (k Kind) String() string { return kinds[k].name }

// CrateType is how rustc and cargo's manifests call it.
func (k Kind) CrateType() string { return kinds[k].crate }

// Linked says whether a linker makes it, and not rustc alone.
func (k Kind) Linked() bool { return kinds[k].linked }

// Starts says whether it is a program: it has a main, and is run by its path.
func (k Kind) Starts() bool { return k == Program }

// Loads says whether a loader maps it into a program of somebody else's.
func (k Kind) Loads() bool { return kinds[k].loads }

// OfCrateType is the kind that rustc makes for a crate type; ok is false for
// what only rustc reads, as an rlib.
func OfCrateType(name string) (k Kind, ok bool) {
	for k := range kinds {
		if kinds[k].crate == name {
			return Kind(k), true
		}
	}
	return 0, false
}

// File picks the artefact out of the files that cargo names for it, which
// are import libraries and debug files too; "" where it is not among them.
func (k Kind) File(t target.Triple, files []string) string {
	end := kinds[k].ends(t)
	for _, f := range files {
		if strings.HasSuffix(f, end) {
			return f
		}
	}
	return ""
}

func sharedEnd(t target.Triple) string {
	switch t.Format {
	case target.COFF:
		return ".dll"
	case target.MachO:
		return ".dylib"
	case target.Wasm:
		return ".wasm"
	}
	return ".so"
}

func staticEnd(t target.Triple) string {
	if t.Env == "msvc" {
		return ".lib"
	}
	return ".a"
}
