// Package saving finds what somebody can change in a program's own code so
// that it gets smaller, and says how many bytes each change is worth.
//
// What is hard is not to find something to say: it is to say nothing that does
// not come true. So a finder either knows the edit, and then the edit is made
// in a copy, built, measured and checked (trial.go), or it gives a range that
// the real edit was seen to lie in (the tests plant a waste of each kind, make
// the edit, and hold the promise against the rebuilt program).
//
// Rejected: rules of thumb with a guess of bytes ("regex costs about 1 MB"),
// and advice on what the search of `minsize shrink` decides better by itself:
// profiles, linkers, the standard library's features.
package saving

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/minsize/minsize/internal/arrange"
)

// State says how far a saving can be believed.
type State string

// The states, from the best on.
const (
	Tried   State = "tried"   // built, measured; the checks pass
	Range   State = "range"   // computed from the program; the real edit lies within
	Untried State = "untried" // the builds were used up
	Differs State = "differs" // built and smaller, and a check differs
	Fails   State = "fails"   // does not build
	Nothing State = "nothing" // built, and not smaller
)

// Saving is one change, and what it is worth.
type Saving struct {
	Kind  string   `json:"kind"`
	What  string   `json:"what"` // what costs
	Step  string   `json:"step"` // a line of a manifest, a command, an edit
	File  string   `json:"file"` // "" where no line is to blame
	Line  int      `json:"line"`
	Bytes int64    `json:"bytes"` // measured, or the estimate within Low and High
	Low   int64    `json:"low"`
	High  int64    `json:"high"`
	State State    `json:"state"`
	Why   string   `json:"why"`   // of a trial that did not hold
	Items []string `json:"items"` // the places or names that it is made of

	trial *trial
	bound uint64          // no trial saves more than about this: the order of trials
	then  func() []Saving // what is tried where this did not hold
}

// Place is file and line, as far as they are known.
func (s *Saving) Place() string {
	if s.Line > 0 {
		return fmt.Sprintf("%s:%d", s.File, s.Line)
	}
	return s.File
}

// Holds says whether somebody should do it.
func (s *Saving) Holds() bool { return s.State == Tried || s.State == Range }

// within gives the saving a range around an estimate.
func (s Saving) within(low, estimate, high uint64) Saving {
	s.State, s.Low, s.Bytes, s.High = Range, int64(low), int64(estimate), int64(high)
	return s
}

// Finder looks for one kind of saving.
type Finder struct {
	Kind    string
	Summary string
	Tries   bool // it knows the edit, which needs a project
	find    func(*Subject) []Saving
}

// Finders is the table of what is looked for.
var Finders = []Finder{
	{"default-features", "default features of a dependency that the program does not need", true, defaultFeatures},
	{"feature", "one feature that a manifest asks for, or one of the defaults", true, askedFeatures},
	{"two-versions", "a crate in two versions that one `cargo update` unites", true, twoVersions},
	{"outline", "generic functions with a body that does not depend on the types", true, outlines},
	{"allocator", "an allocator of the program's own", true, allocator},
	{"debug-impl", "`derive(Debug)` on your types", true, debugImpls},
	{"export", "functions of a library that are exported, and what only they keep", true, exports},
	{"include", "files that `include_bytes!` and `include_str!` put into the program", true, includes},
	{"path-prefix", "absolute paths of sources that begin alike", true, pathPrefixes},
	{"panics", "lines of yours that can panic, where nothing else keeps the formatting", false, panics},
	{"part", "a heavy part that one of your lines brings in: floats, regex, chrono, ...", false, parts},
	{"table", "large tables of constants", false, tables},
	{"zeros", "writable data that is mostly zeros, and could cost no bytes", false, zeros},
	{"same-data", "the same constants twice", false, sameData},
}

// Found is what package attrib found in a finished file: at most so many bytes.
func Found(kind, what, step string, bytes uint64, items []string) Saving {
	return Saving{Kind: kind, What: what, Step: step, Items: items}.within(0, bytes, bytes)
}

// worth is from which size on a saving gets a line: a thousandth of the program.
func (s *Subject) worth() uint64 { return max(s.Size/1000, 512) }

// Find asks all finders. What they would have tried is Untried until Try.
func (s *Subject) Find() []Saving {
	var all []Saving
	for _, f := range Finders {
		if f.Tries && s.Project == nil {
			continue
		}
		for _, x := range f.find(s) {
			x.Kind = f.Kind
			if x.trial != nil {
				x.State = Untried
			} else if uint64(x.Bytes) < s.worth() {
				continue
			}
			all = append(all, x)
		}
	}
	Rank(all)
	return all
}

// Rank sorts: what holds by its bytes, what may be nothing behind it, then the
// rest by its state.
func Rank(all []Saving) {
	order := []State{Tried, Range, Untried, Differs, Fails, Nothing}
	arrange.Stable(all, func(a, b Saving) int {
		if a.Holds() && b.Holds() {
			return cmp.Or(cmp.Compare(min(b.Low, 1), min(a.Low, 1)), cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Place(), b.Place()))
		}
		return cmp.Or(cmp.Compare(slices.Index(order, a.State), slices.Index(order, b.State)), cmp.Compare(b.bound, a.bound))
	})
}
