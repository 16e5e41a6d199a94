package relink

// Cuts: functions replaced by stubs while the link is replayed.
//
// An LTO object has one section per function. When a function's code becomes
// a stub and its relocations go, --gc-sections takes away all that only it
// kept. A cut is found by the function's demangled name with hashes and
// generic arguments taken out (names.go), so that one pattern serves both
// manglings and every build.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Stub is what takes a function's place.
type Stub string

const (
	StubReturn        Stub = "return"         // returns at once: functions that return nothing
	StubZero          Stub = "zero"           // returns 0: Ok(()), None, false, a null pointer, by the function's type
	StubTrap          Stub = "trap"           // an illegal instruction: fits every signature
	StubReport        Stub = "report"         // writes "minsize: cut function NAME was reached" to stderr, then SIGABRT
	StubDefaultSignal Stub = "default-signal" // a signal handler that gives the signal its default action and returns
)

// Stubs lists every stub; each must have code for every machine and for LLVM.
var Stubs = []Stub{StubReturn, StubZero, StubTrap, StubReport, StubDefaultSignal}

// Site is a set of functions by name, and their stub.
type Site struct {
	Pattern string // a normal name, in which * stands for any text
	Stub    Stub
}

// Cut is a named list of sites: a catalogue entry's, or the user's own.
type Cut struct {
	Name  string // the catalogue's name; the typed text for the user's own
	Sites []Site
}

func (c Cut) String() string {
	var b strings.Builder
	b.WriteString(c.Name)
	for _, s := range c.Sites {
		fmt.Fprintf(&b, " %s=%s", s.Pattern, s.Stub)
	}
	return b.String()
}

// CutOutcome is what a cut met in one link.
type CutOutcome struct {
	Cut       Cut
	Functions []string // normal names of the functions replaced, sorted; empty: nothing matched
	Bytes     uint64   // the replaced functions' own code, before; what only they kept is seen in the program's size
}

// ErrCut is wrapped by errors in a cut that was typed.
var ErrCut = errors.New("cut")

// ParseCut reads what a user types: PATTERN[=trap|report|return|zero]. Without a
// stub it is a trap, which fits every signature.
func ParseCut(text string) (Cut, error) {
	pattern, stub := text, string(StubTrap)
	if i := strings.LastIndexByte(text, '='); i >= 0 {
		pattern, stub = text[:i], text[i+1:]
	}
	switch Stub(stub) {
	case StubTrap, StubReport, StubReturn, StubZero:
	default:
		return Cut{}, fmt.Errorf("%w %q: stub %q is not one of trap, report, return, zero", ErrCut, text, stub)
	}
	if strings.Trim(pattern, "*:") == "" {
		return Cut{}, fmt.Errorf("%w %q: the pattern names nothing", ErrCut, text)
	}
	if strings.Count(pattern, "*") > maxStars {
		return Cut{}, fmt.Errorf("%w %q: more than %d *", ErrCut, text, maxStars)
	}
	return Cut{Name: text, Sites: []Site{{Pattern: pattern, Stub: Stub(stub)}}}, nil
}

// NeedsConfirmation says whether a typed cut is only right for functions that
// return what the stub returns, which nothing here can know.
func (c Cut) NeedsConfirmation() bool {
	return slices.ContainsFunc(c.Sites, func(s Site) bool { return s.Stub == StubReturn || s.Stub == StubZero })
}

const maxStars = 16

// matchPattern says whether name is pattern, * standing for any text.
func matchPattern(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	if !strings.HasPrefix(name, parts[0]) {
		return false
	}
	name = name[len(parts[0]):]
	last := parts[len(parts)-1]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(name, part)
		if i < 0 {
			return false
		}
		name = name[i+len(part):]
	}
	return strings.HasSuffix(name, last)
}

type editCache struct{}

func (p *plan) cuts() error {
	if len(p.variant.Cuts) > 0 || p.dropUnwind || p.ownStart {
		return fmt.Errorf("cuts: %w: the object editor is not here yet", ErrNotApplicable)
	}
	return nil
}
func (p *plan) codegen(context.Context) error { return nil }
func startAvailable(p *plan) error            { return nil }

// Codegen makes the machine code again from the recorded bitcode.
type Codegen struct {
	Pipeline string // a name in Pipelines
}

func (c *Codegen) Key() string { return c.Pipeline }
