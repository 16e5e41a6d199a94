package ladder

// A limit on speed (--bench, --max-slowdown). Size and speed pull apart in a few
// places only, so the search stays what it is, and the limit chooses among what it
// found: the winner, the builds beside it, and the rungs below. Where all are too
// slow, the packages that the bench spends its time in are compiled for speed,
// which costs a build for each, and little size.

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/minsize/minsize/internal/arrange"
	"github.com/minsize/minsize/internal/technique"
)

// hotShare is the share of the bench's time from which on a package is worth
// being compiled for speed again.
const hotShare = 0.03

// hotPackages is how many are raised at most.
const hotPackages = 8

// withinSpeed measures the finalists, the winner and the builds that got its
// link, interleaved with the baseline, so that a busy machine slows all alike.
// The smallest within the limit wins. Where none is: s, where only z was
// built; then single packages at level 3, on the smallest first; then the last
// rung below that is fast enough.
func (s *search) withinSpeed(best *candidate) (*candidate, error) {
	finalists := append([]*candidate{best}, s.others...)
	if t := technique.Find("opt-level-s"); len(s.others) == 0 && best.plan.Has("opt-level-z") && s.allowed(t) && !s.spent(s.Limits.Hard) {
		c, err := s.fullRung(best, best.side, best.plan.With(t), []*technique.Technique{t})
		if err != nil {
			return nil, err
		}
		if c != nil {
			finalists = append(finalists, c)
		}
	}
	for c := best; c.build == best.build && costsSpeed(c.plan); { // the same build without what made its link slower
		if c = s.below(c); c.build == best.build && !costsSpeed(c.plan) {
			finalists = append(finalists, c)
		}
	}
	arrange.Stable(finalists, func(a, b *candidate) int { return cmp.Compare(a.file.Stripped, b.file.Stripped) })
	fast, err := s.measure(finalists...)
	if err != nil {
		return nil, err
	}
	for i, ok := range fast {
		if ok && i == 0 {
			return finalists[0], nil
		}
		if ok {
			return s.keep(finalists[i], "the smallest within the speed limit"), nil
		}
	}
	for _, from := range finalists {
		c, err := s.raise(from)
		if err != nil || c != nil {
			return c, err
		}
	}
	return s.fastest()
}

func costsSpeed(p technique.Plan) bool {
	return slices.ContainsFunc(p.Parts(), (*technique.Technique).CostsSpeed)
}

// measure sets the rungs' speed and says which are within the limit.
func (s *search) measure(list ...*candidate) ([]bool, error) {
	var programs []string
	for _, c := range list {
		programs = append(programs, c.file.Path)
	}
	ratios, err := s.Bencher.Compare(s.ctx, s.base.Program, programs)
	if err != nil {
		return nil, s.fatal(err)
	}
	fast := make([]bool, len(list))
	for i, c := range list {
		r := &s.result.Rungs[c.rung]
		r.Speed = ratios[i]
		s.Observer.Note(fmt.Sprintf("%s: %s of the release build's time", r.Name, percent(r.Speed)))
		if fast[i] = r.Speed <= 1+s.MaxSlow; !fast[i] {
			r.Kept = false
			r.Why = fmt.Sprintf("%s of the release build's time, the limit is %s", percent(r.Speed), percent(1+s.MaxSlow))
		}
	}
	return fast, nil
}

// keep marks a rung that was larger but is the smallest within the limit.
func (s *search) keep(c *candidate, why string) *candidate {
	r := &s.result.Rungs[c.rung]
	r.Kept, r.Why = true, ""
	r.Notes = append(r.Notes, why)
	return c
}

// raise compiles the packages that the bench spends its time in at level 3.
func (s *search) raise(from *candidate) (*candidate, error) {
	if s.Profiler == nil || s.result.Builds >= s.Limits.Hard {
		return nil, nil
	}
	hot, err := s.Profiler.Hot(s.ctx, from.build, from.plan)
	if err != nil {
		if s.ctx.Err() != nil {
			return nil, s.ctx.Err()
		}
		s.Observer.Note("no package is raised to level 3: " + firstLine(err))
		return nil, nil
	}
	var packages []technique.PackageSetting
	text := ""
	for _, h := range hot {
		if h.Share < hotShare || len(packages) == hotPackages {
			break
		}
		packages = append(packages, technique.PackageSetting{Package: h.Package,
			Profile: []technique.KeyValue{{Key: "opt-level", Value: "3"}}})
		text += fmt.Sprintf(" %s %.0f %%", h.Package, h.Share*100)
	}
	if len(packages) == 0 {
		return nil, nil
	}
	s.Observer.Note("where the time goes:" + text)
	t := technique.RaisePackages(packages)
	c, err := s.fullRung(from, from.side, from.plan.With(t), []*technique.Technique{t})
	if err != nil || c == nil {
		return nil, err
	}
	fast, err := s.measure(c)
	if err != nil || !fast[0] {
		return nil, err
	}
	return s.keep(c, "within the speed limit"), nil
}

// fastest steps down the kept rungs until one is fast enough; the stripped
// baseline always is.
func (s *search) fastest() (*candidate, error) {
	last := ""
	for i := len(s.result.Rungs) - 1; i > 0; i-- {
		r := s.result.Rungs[i]
		if r.File == "" || r.Check.Status == Failed || r.Plan.BuildKey() == last || r.Speed > 0 {
			continue
		}
		build := s.builds[r.Plan.BuildKey()]
		if build == nil {
			build = s.base
		}
		c := &candidate{side: s.sideOf(r.Plan).with(build), plan: r.Plan, build: build, rung: i,
			file: r.file()}
		if build == s.base {
			return c, nil
		}
		last = r.Plan.BuildKey()
		fast, err := s.measure(c)
		if err != nil || fast[0] {
			return c, err
		}
	}
	return s.below(&candidate{rung: 0}), nil
}

func (s *search) sideOf(p technique.Plan) Side {
	if s.Night != nil && p.Toolchain == s.Night.Toolchain && p.Toolchain != s.Base.Toolchain {
		return *s.Night
	}
	return s.Base
}

func percent(ratio float64) string { return fmt.Sprintf("%.1f %%", ratio*100) }
