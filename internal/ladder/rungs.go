package ladder

// The rungs that need no build: link options, cuts and sections are replays of
// the recorded link of a build that is there, rewrites work on its file.
//
// The search is greedy here: a rung that makes the program smaller and passes the
// checks is kept, and the next one stands on it. Two builds that are nearly equal
// get the same rungs, for what the link takes out of one it may not take out of
// the other. What nobody allowed is tried last, alone on top of the winner, to say
// what it would save; what was kept is checked once more as a whole.

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/arrange"
	"github.com/minsize/minsize/internal/technique"
)

// near is how much larger a build may be than the smallest and still be worth
// a relink with the winner's link plan: z and s flip within one per cent, and
// link rungs move them against each other by a little more.
const near = 1.04

// step puts techniques of the link or the file on top of c. It gives the new
// candidate where the rung was kept, nil where it was dropped. Both are a rung
// in the result.
func (s *search) step(c *candidate, list ...*technique.Technique) (*candidate, error) {
	last := list[len(list)-1]
	s.tried[last.Name] = true
	s.Observer.Begin(last.Name, false)
	plan := c.plan.With(list...)
	r := Rung{Name: last.Name, Kind: last.Kind(), Plan: plan, Added: names(list)}
	r.Risk, r.Loses = losses(list, c.side.Facts)
	finish := s.finish
	if last.Recompiles() {
		finish = s.recompiled
	}
	file, err := finish(c.build, plan)
	if err != nil {
		if s.ctx.Err() != nil {
			return nil, s.ctx.Err()
		}
		r.Why, r.Check = firstLine(err), Verdict{Status: NotRun}
		s.add(r)
		return nil, nil
	}
	if last.Link != nil {
		s.linked(plan, file)
	}
	r.Size, r.Stripped, r.File, r.Raw, r.Wall = file.Size, file.Stripped, file.Path, file.Raw, file.Wall.Seconds()
	for _, n := range file.Notes { // what others of the plan had to say was said at their rung
		if n.of(last) {
			r.Notes = append(r.Notes, n.Text)
		}
	}
	r.Change, r.Share = file.Stripped-c.file.Stripped, share(file.Stripped, s.result.BaseStrip)
	if last.Rewrite != nil {
		r.Change, r.Share = file.Size-c.file.Size, share(file.Size, s.result.BaseStrip)
	}
	// Several that save less than a block each may save one together.
	finer := r.Change == 0 && last.Rewrite == nil && file.Filled > 0 && file.Filled < c.file.Filled
	if r.Change >= 0 && !finer {
		r.Why = "worth 0 bytes here"
		if r.Change > 0 {
			r.Why = fmt.Sprintf("%d bytes larger", r.Change)
		}
		r.Check = Verdict{Status: NotRun, Why: "not smaller"}
		s.add(r)
		return nil, nil
	}
	if r.Check, err = s.verify(file.Path, list); err != nil {
		return nil, err
	}
	switch {
	case r.Check.Status == Failed:
		r.Why = r.Check.Why
	case r.Check.Status == NotRun && riskier(list, technique.Deployment):
		r.Why = cannotRun
	default:
		r.Kept = true
	}
	s.add(r)
	if !r.Kept {
		return nil, nil
	}
	return &candidate{side: c.side, plan: plan, build: c.build, file: file, rung: len(s.result.Rungs) - 1}, nil
}

// linked counts a link, and keeps the mean time of its kind.
func (s *search) linked(plan technique.Plan, file *File) {
	n, mean := &s.result.Relinks, &s.result.Relink
	if plan.Link.Pipeline != "" {
		n, mean = &s.result.Codegens, &s.result.Codegen
	}
	*n++
	*mean += (file.Wall.Seconds() - *mean) / float64(*n)
}

// linkRungs climbs the link techniques on the smallest build, then gives the
// builds that were close to it the same link.
func (s *search) linkRungs(finalists []*candidate) (*candidate, error) {
	best := finalists[0]
	start := best
	lld := technique.Find("lld")
	pairs, _ := s.Policy.Allows(lld)
	for _, t := range s.Table {
		if t.Link == nil || t.Recompiles() || t.Tunes() {
			continue
		}
		if ok, _ := s.Policy.Allows(t); !ok {
			continue
		}
		list := []*technique.Technique{t}
		if t.Name != lld.Name && pairs && slices.Contains(t.Needs, technique.NeedLLD) && !best.plan.Has(lld.Name) &&
			lld.Missing(best.side.Facts, best.plan) == "" {
			list = append([]*technique.Technique{lld}, t) // lld alone did not pay, with this it may
		}
		if t.Missing(best.side.Facts, best.plan.With(list[:len(list)-1]...)) != "" {
			continue
		}
		next, err := s.step(best, list...)
		if err != nil {
			return nil, err
		}
		if next == nil && t == lld { // where it broke the program, it does so in company
			last := s.result.Rungs[len(s.result.Rungs)-1]
			pairs = pairs && last.File != "" && last.Check.Status != Failed
		}
		best = orElse(next, best)
	}
	best, err := s.codegenRungs(best) // last: each cut is then made in the bitcode
	if err != nil || best == start {
		return best, err
	}
	for _, other := range finalists[1:] {
		if float64(other.file.Stripped) > near*float64(start.file.Stripped) && (s.Bencher == nil || other.build == s.base) {
			continue
		}
		next, err := s.sameLink(other, best)
		if err != nil {
			return nil, err
		}
		switch {
		case next == nil:
		case next.file.Stripped < best.file.Stripped:
			s.others, best = append(s.others, best), next
		default:
			s.others = append(s.others, next)
		}
	}
	return best, nil
}

// sameLink gives other the link of best.
func (s *search) sameLink(other, best *candidate) (*candidate, error) {
	plan := other.plan
	var list []*technique.Technique
	for _, t := range best.plan.Parts() {
		if t.Link != nil && !plan.Has(t.Name) && t.Missing(other.side.Facts, plan) == "" {
			plan = plan.With(t)
			list = append(list, t)
		}
	}
	if len(list) == 0 {
		return nil, nil
	}
	name := s.result.Rungs[other.rung].Name + " with the same link"
	s.Observer.Begin(name, false)
	r := Rung{Name: name, Kind: technique.OfLink, Plan: plan, Added: names(list)}
	r.Risk, r.Loses = losses(list, other.side.Facts)
	finish := s.finish
	if plan.Link.Pipeline != "" {
		finish = s.recompiled
	}
	file, err := finish(other.build, plan)
	if err != nil {
		if s.ctx.Err() != nil {
			return nil, s.ctx.Err()
		}
		r.Why = firstLine(err)
		s.add(r)
		return nil, nil
	}
	s.linked(plan, file)
	r.Size, r.Stripped, r.File, r.Raw, r.Wall = file.Size, file.Stripped, file.Path, file.Raw, file.Wall.Seconds()
	r.Change, r.Share = file.Stripped-best.file.Stripped, share(file.Stripped, s.result.BaseStrip)
	if r.Check, err = s.verify(file.Path, list); err != nil {
		return nil, err
	}
	switch {
	case r.Check.Status == Failed:
		r.Why = r.Check.Why
	case r.Change >= 0:
		r.Why = fmt.Sprintf("%s than %s with it", larger(r.Change), s.result.Rungs[best.rung].Name)
	default:
		r.Kept = true
	}
	s.add(r)
	if r.Check.Status == Failed {
		return nil, nil
	}
	return &candidate{side: other.side, plan: plan, build: other.build, file: file, rung: len(s.result.Rungs) - 1}, nil
}

// fileRungs rewrites the finished file.
func (s *search) fileRungs(best *candidate) (*candidate, error) {
	for _, t := range s.Table {
		if t.Rewrite == nil || best.plan.Has(t.Name) {
			continue
		}
		if ok, _ := s.Policy.Allows(t); !ok || t.Missing(best.side.Facts, best.plan) != "" {
			continue
		}
		next, err := s.step(best, t)
		if err != nil {
			return nil, err
		}
		best = orElse(next, best)
	}
	return best, nil
}

// leftOut lists what was not tried and why. What a relink or a rewrite can
// tell is measured on top of the winner; it is not run and never kept.
func (s *search) leftOut(best *candidate) error {
	file, err := s.measurable(best, false)
	if err != nil {
		return err
	}
	link, err := s.measurable(best, true)
	if err != nil {
		return err
	}
	pipelines := 0 // those that were tried, or are told of
	for _, t := range s.Table {
		if t.Recompiles() && s.tried[t.Name] {
			pipelines++
		}
	}
	for _, t := range s.Table {
		if why, broke := s.bad[t.Name]; broke && !best.plan.Has(t.Name) {
			s.result.Left = append(s.result.Left, LeftOut{Name: t.Name, Kind: t.Kind(), Risk: t.Risk.String(), Loses: t.Losses(best.side.Facts), Why: "breaks the program: " + why, Spoken: true})
			continue
		}
		if s.tried[t.Name] || best.plan.Has(t.Name) || t.Foreign(s.factsFor(t, best)) {
			continue // "pack" was tried where it is in the winner
		}
		l := LeftOut{Name: t.Name, Kind: t.Kind(), Risk: t.Risk.String(), Loses: t.Losses(best.side.Facts)}
		allowed, how := s.Policy.Allows(t)
		missing := t.Missing(s.factsFor(t, best), best.plan)
		switch {
		case t.Stage == technique.StageNone && t.Set != nil && t.Risk == technique.Size:
			continue // an alternative to a better one, or a part of another
		case t.Recompiles() && missing == "" && allowed:
			continue // a milder one than what was tried
		case t.Tunes() && (s.Tuner != nil || best.plan.Link.Pipeline == ""):
			continue // nothing was gained, or there is nothing to tune
		case t.Tunes() && allowed:
			l.Why, l.Allow = "--tune 10m", true
		case missing != "" && t.Recompiles():
			if pipelines++; pipelines > 1 {
				continue // one line stands for all of them
			}
			l.Why = missing
		case missing != "":
			l.Why, l.Spoken = missing, allowed && t.Lacks(s.factsFor(t, best), best.plan) == ""
		case !allowed:
			l.Why, l.Allow = how, true
			if s.Measure && t.Set == nil && !t.Slow() { // a relink, or a rewrite: free

				on := file
				if t.Link != nil {
					on = link
				}
				if err := s.wouldSave(on, t, &l); err != nil {
					return err
				}
			}
		case t.Set != nil && s.unproven(t):
			l.Why = cannotRun
		case t.Set != nil:
			l.Why = "the budget of full builds was spent"
			if t.Stage == technique.StageNone {
				continue // the search uses it where it fits
			}
		}
		if l.Known && l.Saves <= 0 {
			continue // nothing to tell
		}
		s.result.Left = append(s.result.Left, l)
	}
	arrange.Stable(s.result.Left, func(a, b LeftOut) int { return cmp.Compare(b.Saves, a.Saves) })
	return nil
}

// factsFor are the facts by which a technique is judged: of the unstable side
// where it needs that and there is one.
func (s *search) factsFor(t *technique.Technique, best *candidate) technique.Facts {
	if s.Night != nil && slices.Contains(t.Needs, technique.NeedUnstable) {
		return s.Night.Facts
	}
	return best.side.Facts
}

func (s *search) wouldSave(best *candidate, t *technique.Technique, l *LeftOut) error {
	file, err := s.Builder.Finish(s.ctx, best.build, best.plan.With(t))
	if err != nil {
		l.Result = firstLine(err)
		return s.ctx.Err()
	}
	if t.Link != nil {
		s.linked(best.plan.With(t), file)
	}
	l.Known, l.Saves = true, best.file.Size-file.Size
	return nil
}

// finalCheck verifies the last combination whole, and steps down the ladder
// where it does not pass after all.
func (s *search) finalCheck(best *candidate) error {
	for {
		v, err := s.verify(best.file.Path, nil)
		if err != nil {
			return err
		}
		r := &s.result.Rungs[best.rung]
		if v.Status != Failed || best.rung == 0 {
			s.result.Best, s.result.BestPlan, s.result.BestBuild = best.rung, best.plan, best.build
			s.result.BestFile, s.result.BestVerify, s.result.FinalSize, s.result.FinalRaw = best.file.Path, v, best.file.Size, best.file.Raw
			s.result.Final = true
			s.result.GivenUp = givenUp(best.plan, best.side.Facts)
			facts := best.side.Facts
			facts.Evidence = slices.Concat(s.base.Evidence, best.build.Evidence)
			s.result.Relies = best.plan.Reliances(facts)
			return nil
		}
		r.Kept, r.Why = false, "passed once, and then not: "+v.Why
		s.Observer.Note(fmt.Sprintf("%s: %s", r.Name, r.Why))
		best = s.below(best)
	}
}

// givenUp is what a plan costs a program of f, technique by technique.
func givenUp(p technique.Plan, f technique.Facts) []GivenUp {
	var list []GivenUp
	for _, t := range p.Parts() {
		if len(t.Lost(f)) > 0 {
			list = append(list, GivenUp{t.Name, t.Risk.String(), t.Losses(f)})
		}
	}
	return list
}

// below is the kept rung under c that has the largest part of its plan.
func (s *search) below(c *candidate) *candidate {
	for i := c.rung - 1; i > 0; i-- {
		r := s.result.Rungs[i]
		if r.Kept && r.File != "" {
			return &candidate{side: c.side, plan: r.Plan, build: s.builds[r.Plan.BuildKey()], rung: i,
				file: r.file()}
		}
	}
	return &candidate{side: s.Base, plan: s.result.Rungs[0].Plan, build: s.base, rung: 0,
		file: s.result.Rungs[0].file()}
}

// suggest tries the suggested cuts on top of the winner, one at a time, with
// the checks run on each. Nothing of it is kept.
func (s *search) suggest() error {
	if s.Suggest == nil {
		return nil
	}
	best, err := s.measurable(&candidate{plan: s.result.BestPlan, build: s.result.BestBuild, file: &File{Path: s.result.BestFile, Size: s.result.FinalSize}}, true)
	if err != nil {
		return err
	}
	list, err := s.Suggest.Suggest(s.ctx, best.build, best.plan)
	if err != nil {
		if s.ctx.Err() != nil {
			return s.ctx.Err()
		}
		s.Observer.Note("no cuts are suggested: " + firstLine(err))
		return nil
	}
	for _, g := range list {
		file, err := s.finish(best.build, best.plan.With(g.Try))
		switch {
		case s.ctx.Err() != nil:
			return s.ctx.Err()
		case err != nil:
			continue // it fits nothing that can be stubbed
		default:
			s.linked(best.plan.With(g.Try), file)
			if g.Saves = best.file.Size - file.Size; g.Saves <= 0 {
				continue
			}
			if g.Check, err = s.verify(file.Path, nil); err != nil {
				return err
			}
			g.Why = g.Check.Why
		}
		s.result.Suggested = append(s.result.Suggested, g)
	}
	arrange.Stable(s.result.Suggested, func(a, b Suggestion) int {
		if (a.Check.Status == Failed) != (b.Check.Status == Failed) { // what passes comes first
			return strings.Compare(string(b.Check.Status), string(a.Check.Status))
		}
		return cmp.Compare(b.Saves, a.Saves)
	})
	return nil
}
