package ladder

import (
	"slices"

	"github.com/minsize/minsize/internal/arrange"
	"github.com/minsize/minsize/internal/technique"
)

// A build of several techniques saves builds while nothing breaks. When one of
// them breaks the program, the others must not be lost with it, and which one
// it was can only be told by more builds.
//
// The suspects are given up group by group, those that break most programs
// first (technique.Technique.Suspect), until the rest passes: then what was given up last
// is at fault, and what was given up before it is given back at once. A group
// of several is taken apart in the same way first. The table only decides how soon
// the culprit is found: a technique that is new there, and ranked wrongly,
// still costs nothing but itself.
//
// Rejected: giving up for good whatever is suspected, one list after the
// other. It ends as early, and loses LTO where codegen units were at fault.
// Halving as in delta debugging costs as many builds in the worst case and
// twice as many in the case that is by far the most frequent, panic=abort.

// group is a full build of several techniques on top of a plan.
type group struct {
	on   *candidate
	side Side
	plan technique.Plan // without the techniques of the list
}

// together builds list on top of g, and where the program breaks, as much of
// it as passes. What that takes counts as one build against the limits that
// are kept while nothing breaks.
func (s *search) together(g group, list []*technique.Technique) (*candidate, error) {
	if list = s.fit(g, list); len(list) == 0 || s.result.Builds >= s.Limits.Hard {
		return nil, nil
	}
	builds, broken := s.result.Builds, s.broken
	c, err := s.groupRung(g, list)
	if c != nil || err != nil {
		return c, err
	}
	c, err = s.most(g, list, nil)
	s.broken = broken + s.result.Builds - builds
	if c != nil {
		s.broken--
	}
	return c, err
}

// most finds the largest part of list that passes on top of g, where the whole
// is known to break, then gives back what is held. It gives nil where nothing
// passes, or the builds are used up.
func (s *search) most(g group, list, held []*technique.Technique) (*candidate, error) {
	for rest := list; ; {
		fewer := s.fit(g, s.withoutSuspects(g, rest))
		fault := without(rest, fewer)
		if len(fewer) == 0 { // what g stands on passes
			return s.takeApart(g, nil, fault, held)
		}
		if s.result.Builds >= s.Limits.Hard {
			return nil, nil
		}
		c, err := s.groupRung(g, fewer)
		if err != nil {
			return nil, err
		}
		if c != nil {
			return s.takeApart(g, c, fault, held)
		}
		held, rest = append(slices.Clone(held), fault...), fewer
	}
}

// takeApart finds who of fault breaks the program, all of which together does
// on top of got, and adds to got the others and what is held.
func (s *search) takeApart(g group, got *candidate, fault, held []*technique.Technique) (*candidate, error) {
	g = g.from(got)
	open := s.suspectsAmong(s.fit(g, fault))
	if len(open) > 1 {
		more, err := s.most(g, s.fit(g, fault), held)
		return smallerOf(more, got), err
	}
	if len(open) == 1 {
		s.blame(open[0])
	}
	held = s.fit(g, held)
	if len(held) == 0 || s.result.Builds >= s.Limits.Hard {
		return got, nil
	}
	c, err := s.groupRung(g, held)
	if err != nil {
		return nil, err
	}
	if c != nil {
		return smallerOf(c, got), nil
	}
	return s.takeApart(g, got, held, nil)
}

// blame notes that t breaks the program, with what the last rung that held it
// said.
func (s *search) blame(t *technique.Technique) {
	for _, r := range slices.Backward(s.result.Rungs) {
		if slices.Contains(r.Added, t.Name) && r.Check.Status != Passed {
			s.bad[t.Name] = r.Why
			return
		}
	}
}

// groupRung builds list on top of g.
func (s *search) groupRung(g group, list []*technique.Technique) (*candidate, error) {
	plan := g.plan.With(list...)
	if !slices.Contains(s.Policy.With, unwindingStd) && !s.unwinds(g, plan) {
		plan = plan.Without(unwindingStd)
	}
	return s.fullRung(g.on, g.side, plan, list)
}

// unwinds says whether std from source has to unwind in plan.
func (s *search) unwinds(g group, plan technique.Plan) bool {
	return plan.Has("build-std") && technique.Find("no-unwind-tables").Missing(g.side.Facts, plan) != ""
}

// from is the same group on top of what passed.
func (g group) from(c *candidate) group {
	if c != nil {
		g.on, g.plan = c, c.plan
	}
	return g
}

// withoutSuspects gives up the next of list: all that break programs most
// often, where others break them less often; else the first that no other one
// of the list needs.
func (s *search) withoutSuspects(g group, list []*technique.Technique) []*technique.Technique {
	open := s.suspectsAmong(list)
	worst, mildest := open[0].Suspect, open[0].Suspect
	for _, t := range open {
		worst, mildest = max(worst, t.Suspect), min(mildest, t.Suspect)
	}
	if worst > mildest {
		fewer := slices.DeleteFunc(slices.Clone(list), func(t *technique.Technique) bool { return t.Suspect == worst })
		if len(s.fit(g, fewer)) > 0 {
			return fewer
		}
	}
	arrange.Stable(open, func(a, b *technique.Technique) int { return b.Suspect - a.Suspect })
	for _, t := range open {
		fewer := without(list, []*technique.Technique{t})
		if len(s.suspectsAmong(s.fit(g, fewer))) == len(open)-1 {
			return fewer
		}
	}
	return without(list, open[:1])
}

// suspectsAmong leaves out what only completes another technique.
func (s *search) suspectsAmong(list []*technique.Technique) []*technique.Technique {
	return slices.DeleteFunc(slices.Clone(list), s.completes)
}

// completes says whether t is there for another technique's sake alone.
func (s *search) completes(t *technique.Technique) bool {
	return t.Name == unwindingStd && !slices.Contains(s.Policy.With, t.Name)
}

// unwindingStd completes std built from source, where the program unwinds.
const unwindingStd = "build-std-unwind"

// fit is what of list can be had on top of g: what needs a technique that is
// not there goes with it, and std from source gets what the program's panics
// need of it.
func (s *search) fit(g group, list []*technique.Technique) []*technique.Technique {
	var kept []*technique.Technique
	for _, t := range list {
		if !s.completes(t) && t.Missing(g.side.Facts, g.plan.With(kept...)) == "" {
			kept = append(kept, t)
		}
	}
	plan := g.plan.With(kept...)
	if !plan.Has(unwindingStd) && s.unwinds(g, plan) {
		kept = append(kept, technique.Find(unwindingStd))
	}
	return kept
}

// without is list less those of out.
func without(list, out []*technique.Technique) []*technique.Technique {
	return slices.DeleteFunc(slices.Clone(list), func(t *technique.Technique) bool { return slices.Contains(out, t) })
}

// smallerOf is the smaller of two builds, either of which may be nil.
func smallerOf(a, b *candidate) *candidate {
	if a == nil || b != nil && b.file.Stripped < a.file.Stripped {
		return b
	}
	return a
}
