package technique

// What evidence of the recorded link means for a technique.
//
// Two lists of each technique meet what was found. Against is what nobody has
// agreed to: C++ exceptions end, though the level speaks of panics alone. The
// technique stays out, and only its own name lets it in. Shown stands with a
// loss that the level, the class or the name has given up: the technique stays
// in, and the report names who relies on what is lost, first.

import (
	"fmt"
	"slices"

	"github.com/minsize/minsize/internal/relink"
)

// Evidence is something that the recorded link tells of the program.
type Evidence = relink.Evidence

// shows gives the first evidence of a kind, or nil.
func (f Facts) shows(k relink.Kind) *relink.Evidence {
	for i := range f.Evidence {
		if f.Evidence[i].Kind == k {
			return &f.Evidence[i]
		}
	}
	return nil
}

// Opposed says what evidence keeps t out, "" for none.
func (t *Technique) Opposed(f Facts) string {
	switch e, strict := t.opposition(f); {
	case e == nil:
		return ""
	case strict:
		return says(*e) + "; left out by --strict"
	default:
		return fmt.Sprintf("%s; --with %s lets it in, with a --check that %s", says(*e), t.Name, e.Kind.Check())
	}
}

// opposition is the evidence that keeps t out, nil for none, and whether it
// does so because nothing that is relied on may be lost.
func (t *Technique) opposition(f Facts) (e *relink.Evidence, strict bool) {
	if slices.Contains(f.Insist, t.Name) {
		return nil, false
	}
	for _, k := range t.Against {
		if e := f.shows(k); e != nil {
			return e, false
		}
	}
	if f.Strict {
		for _, l := range t.Lost(f) {
			for _, k := range l.Shown {
				if e := f.shows(k); e != nil {
					return e, true
				}
			}
		}
	}
	return nil, false
}

// Heeds says whether any evidence would speak against t, or would name who
// relies on what it loses.
func (t *Technique) Heeds() bool {
	return len(t.Against) > 0 || slices.ContainsFunc(t.Loses, func(l Loss) bool { return len(l.Shown) > 0 })
}

// says is evidence as a sentence.
func says(e relink.Evidence) string {
	text := e.Who() + " " + e.Kind.Does()
	if e.Symbol != "" && e.Crate == "" {
		text += " (" + e.Symbol + ")"
	}
	return text
}

// Reliance is somebody in the program who relies on what a technique loses.
type Reliance struct {
	Technique string          `json:"technique"`
	Evidence  relink.Evidence `json:"evidence"`
	Says      string          `json:"says"`  // the evidence as a sentence
	Loses     string          `json:"loses"` // what the technique loses
	Check     string          `json:"check"` // what a check has to do to show it
}

// Reliances lists who of f's evidence relies on what the plan loses.
func (p Plan) Reliances(f Facts) []Reliance {
	list := []Reliance{}
	told := map[[2]string]bool{}
	add := func(t *Technique, loses string, kinds []relink.Kind) {
		for _, e := range f.Evidence {
			said := says(e)
			if key := [2]string{loses, said}; slices.Contains(kinds, e.Kind) && !told[key] {
				told[key] = true
				list = append(list, Reliance{t.Name, e, said, loses, e.Kind.Check()})
			}
		}
	}
	for _, t := range p.parts {
		add(t, t.Losses(f), t.Against) // only its own name has let it in
		for _, l := range t.Lost(f) {
			add(t, l.In(f.Target), l.Shown)
		}
	}
	return list
}
