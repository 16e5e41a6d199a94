// Package relink makes a program's final link a thing that can be repeated.
//
// The hard part of making a Rust program small is that every experiment costs
// a build of half a minute to several minutes, though most of what can be
// tried is decided in the last half second: which linker, which flags, which
// sections, and, with an LTO object in hand, even which functions. So minsize
// is the linker that cargo calls once (record.go). It keeps the arguments and
// the inputs of the program's final link, and from then on each variant is a
// relink without cargo and without rustc (replay.go): a fifth of a second.
//
// What a Variant can change: the linker (linkers.go), named options of it, which
// the linker's flavour has (flavour.go, options.go), functions replaced by stubs (cuts.go, catalogue.go, by way of
// package objedit), the objects' unwind tables, the C runtime's start code
// (start.go), and the machine code itself, made again from the merged bitcode
// (codegen.go).
//
// Rejected: patching flags into RUSTFLAGS and building again (34-100 CPU
// seconds a variant on a mid-size program, against 0.3), and asking cargo for
// `--emit obj` (not the objects that LTO links).
package relink

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Variant says how a replayed link differs from the recorded one. The zero
// Variant is the recorded link itself.
type Variant struct {
	Linker  Linker   // zero: the recorded one
	Options []string // names in Options, applied in that table's order
	Remove  []string // recorded driver arguments to leave out; a trailing * matches the rest
	Add     []string // further driver arguments, put last

	Symbols bool // keep the names of functions and data, whatever the recorded link and Options say

	Cuts    []Cut    // functions replaced by stubs, in the objects or, with Codegen, in the bitcode
	Codegen *Codegen // nil: the recorded machine code
}

// Result is a link that succeeded.
type Result struct {
	Path    string        // the program
	Size    int64         // its bytes, as the linker left it
	Wall    time.Duration // editing the objects included
	CPU     time.Duration // user and system, of the linker and its children and of our own editing
	Command []string      // what was run; Command[0] is the driver
	Message string        // what the linker said though it succeeded: warnings
	Cuts    []CutOutcome  // one for each of Variant.Cuts, in that order

	TablesLeft bool // unwind-tables-out left tables of other code than Rust's in place
}

// LinkError is a replayed link that failed: a rung that must be dropped, not a
// reason to stop.
type LinkError struct {
	Command []string
	Status  int    // exit status; -1 when it died by a signal or could not start
	Message string // all that the linker said, stdout and stderr
	Err     error
}

// Error is one line: the linker's first line that names an error.
func (e *LinkError) Error() string {
	first := ""
	for line := range strings.Lines(e.Message) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if first == "" {
			first = line
		}
		if strings.HasPrefix(line, "collect2:") { // says only that ld failed
			continue
		}
		if strings.Contains(line, "error:") || strings.Contains(line, "fatal:") || strings.Contains(line, "undefined ") {
			first = line
			break
		}
	}
	if first == "" {
		return fmt.Sprintf("link failed: %v", e.Err)
	}
	return fmt.Sprintf("link failed: %s", first)
}

func (e *LinkError) Unwrap() error { return e.Err }

// Key is a text that is equal for equal variants: for caches and reports.
func (v Variant) Key() string {
	var b strings.Builder
	fmt.Fprintf(&b, "linker=%s;options=%s;remove=%s;add=%s;cuts=", v.Linker.ID(), strings.Join(slices.Sorted(slices.Values(v.Options)), ","),
		strings.Join(v.Remove, "\x1f"), strings.Join(v.Add, "\x1f"))
	for _, c := range v.Cuts {
		fmt.Fprintf(&b, "%s,", c)
	}
	if v.Codegen != nil {
		fmt.Fprintf(&b, ";codegen=%s", v.Codegen.Key())
	}
	return b.String()
}
