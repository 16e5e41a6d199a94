package ladder

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/technique"
)

// Limits of full builds.
type Limits struct {
	Stable  int // without an unstable toolchain
	Nightly int // with one
	Hard    int // when rungs break and are tried without what broke them
}

// DefaultLimits are those of the product: see the head of ladder.go.
var DefaultLimits = Limits{Stable: 3, Nightly: 6, Hard: 9}

// Side is a toolchain as the search sees it.
type Side struct {
	Toolchain string
	Facts     technique.Facts
}

// with adds what only a build can tell: which linkers link this program.
func (s Side) with(b *Build) Side {
	s.Facts.Linkers = b.Linkers
	return s
}

// Options of a search.
type Options struct {
	Base    Side  // the project's own toolchain
	Night   *Side // one that takes -Z, which may be the same; nil for none
	Policy  technique.Policy
	Table   []*technique.Technique // the catalogue, with the cuts that are known
	Limits  Limits
	Measure bool // try by replay what is not allowed, to say what it would save

	Builder  Builder
	Verifier Verifier
	Observer Observer
	Bencher  Bencher   // nil: speed is not measured
	Suggest  Suggester // nil: no cuts are suggested
	Profiler Profiler  // nil: no package is raised by itself
	MaxSlow  float64   // 0.05: at most 5 % slower; with Bencher
}

// search is the state of one run.
type search struct {
	Options
	ctx    context.Context
	result *Result
	builds map[string]*Build // by Plan.BuildKey
	base   *Build
	tried  map[string]bool // names of techniques that a rung was made for
	broken int             // full builds that were spent on broken rungs
	others []*candidate    // builds that were not the smallest, with the winner's link
}

// candidate is a full build that passed, with the plan that made it.
type candidate struct {
	side  Side
	plan  technique.Plan
	build *Build
	file  *File
	rung  int
}

// Run searches. The result is complete also where nothing was won: then Best
// is the baseline. An error ends the search: the baseline is broken, the
// context ended, or the machinery failed.
func Run(ctx context.Context, o Options) (*Result, error) {
	s := &search{Options: o, ctx: ctx, builds: map[string]*Build{}, tried: map[string]bool{},
		result: &Result{Toolchain: o.Base.Toolchain, Level: o.Policy.Level.String()}}

	start, err := s.baseline()
	if err != nil {
		return nil, err
	}
	// From here every share is against the stripped baseline, and every
	// verdict against what the baseline printed.

	finalists, err := s.fullBuilds(start)
	if err != nil {
		return nil, err
	}
	best, err := s.linkRungs(finalists)
	if err != nil {
		return nil, err
	}
	if o.Bencher != nil {
		if best, err = s.withinSpeed(best); err != nil {
			return nil, err
		}
	}
	// From here the build and its link are fixed.

	if best, err = s.fileRungs(best); err != nil {
		return nil, err
	}
	if err := s.leftOut(best); err != nil {
		return nil, err
	}
	if err := s.finalCheck(best); err != nil {
		return nil, err
	}
	return s.result, s.suggest()
}

// baseline builds the project as it is, runs its checks, and strips it.
func (s *search) baseline() (*candidate, error) {
	plan := technique.NewPlan(s.Base.Toolchain)
	s.Observer.Begin("release", true)
	b, err := s.Builder.Build(s.ctx, plan)
	if err != nil {
		return nil, s.fatal(&BaselineError{"build", err})
	}
	s.count(b)
	s.base = b
	verdict, err := s.Verifier.Baseline(s.ctx, b.Program)
	if err != nil {
		return nil, s.fatal(&BaselineError{"check", err})
	}
	if s.Bencher != nil { // a bench that cannot be used is told before the builds
		if _, err := s.Bencher.Compare(s.ctx, b.Program, nil); err != nil {
			return nil, s.fatal(&BaselineError{"bench", err})
		}
	}
	stripped, err := s.Builder.Finish(s.ctx, b, plan)
	if err != nil {
		return nil, s.fatal(&BaselineError{"build", fmt.Errorf("replaying the link of the baseline: %w", err)})
	}
	s.result.Baseline, s.result.BaseStrip = b.Size, stripped.Stripped
	s.add(Rung{Name: "release", Kind: "baseline", Size: b.Size, Stripped: stripped.Stripped,
		CPU: b.CPU.Seconds(), Wall: b.Wall.Seconds(), Cached: b.Cached, Check: verdict, Kept: true,
		Share: share(b.Size, stripped.Stripped), Plan: plan, File: b.Program})
	c := &candidate{side: s.Base.with(b), plan: plan, build: b, file: &File{Path: b.Program, Size: b.Size, Stripped: stripped.Stripped}, rung: 0}
	for _, t := range s.Table {
		if t.Rewrite != nil && t.Rewrite.StripSymbols {
			if next, err := s.step(c, t); err != nil || next != nil {
				return orElse(next, c), err
			}
		}
	}
	return c, nil
}

// fullBuilds spends the builds: the corner, s against z, then the unstable
// toolchain. It returns the builds worth relinking, the smallest first; the
// baseline is the last of them.
func (s *search) fullBuilds(start *candidate) ([]*candidate, error) {
	found := []*candidate{start}
	limit := s.Limits.Stable
	if s.Night != nil {
		limit = s.Limits.Nightly
	}

	corner, err := s.corner(start, s.Base, technique.StageCorner, start.plan)
	if err != nil {
		return nil, err
	}
	from := start
	if corner != nil {
		found, from = append(found, corner), corner
	}
	flipped, err := s.flip(from, s.Base, limit)
	if err != nil {
		return nil, err
	}
	if flipped != nil {
		found = append(found, flipped)
	}
	if s.Night != nil {
		more, err := s.night(smallest(found), limit)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	slices.SortStableFunc(found, func(a, b *candidate) int { return int(a.file.Stripped - b.file.Stripped) })
	return found, nil
}

// corner tries all settings of a stage at once on top of plan. Where the
// program breaks it is tried again without what may have broken it, riskiest
// first.
func (s *search) corner(on *candidate, side Side, stage technique.Stage, plan technique.Plan) (*candidate, error) {
	var list []*technique.Technique
	plan = plan.On(side.Toolchain)
	for _, asked := range []bool{false, true} { // what was asked for by name comes last: it may replace others
		for _, t := range s.Table {
			byName := t.Stage == technique.StageNone && slices.Contains(s.Policy.With, t.Name)
			if t.Set == nil || asked != byName || !byName && t.Stage != stage {
				continue
			}
			if ok, _ := s.Policy.Allows(t); ok && t.Missing(side.Facts, plan.With(list...)) == "" {
				list = append(list, t)
			}
		}
	}
	for len(list) > 0 {
		for _, t := range list {
			s.tried[t.Name] = true
		}
		c, failed, err := s.fullRung(on, side, plan.With(list...), list)
		if err != nil {
			return nil, err
		}
		if c != nil {
			recipe := slices.DeleteFunc(slices.Clone(list), func(t *technique.Technique) bool { return t.Stage == technique.StageNone })
			if s.result.Rungs[c.rung].Kept || len(recipe) == len(list) || len(recipe) == 0 || s.result.Builds >= s.Limits.Hard {
				return c, nil
			}
			list = recipe // what was asked for makes it larger, and the recipe shall not pay for that
			continue
		}
		fewer := s.dropSuspects(list, side, plan)
		if !failed || len(fewer) == 0 || s.result.Builds >= s.Limits.Hard {
			return nil, nil
		}
		list = fewer
	}
	return nil, nil
}

// suspects are the settings that break programs, in the order in which they
// are given up when one did: what a panic does first, then what the compiler
// does with the whole program.
var suspects = [][]string{
	{"fmt-debug-none"},
	{"immediate-abort", "immediate-abort-feature"},
	{"location-detail-none"},
	{"panic-abort", "no-unwind-tables"},
	{"build-std", "optimize-for-size"},
	{"lto-fat"},
	{"opt-level-z"},
}

// dropSuspects takes the next group of suspects out of list, and what needed
// them.
func (s *search) dropSuspects(list []*technique.Technique, side Side, plan technique.Plan) []*technique.Technique {
	for _, group := range suspects {
		rest := slices.DeleteFunc(slices.Clone(list), func(t *technique.Technique) bool {
			return slices.Contains(group, t.Name)
		})
		if len(rest) == len(list) {
			continue
		}
		var kept []*technique.Technique
		for _, t := range rest {
			if t.Missing(side.Facts, plan.With(kept...)) == "" {
				kept = append(kept, t)
			}
		}
		return kept
	}
	return nil
}

// flip tries the settings of StageFlip against c, one build each.
func (s *search) flip(c *candidate, side Side, limit int) (*candidate, error) {
	var best *candidate
	for _, t := range s.Table {
		if t.Set == nil || t.Stage != technique.StageFlip || c.plan.Has(t.Name) || s.spent(limit) {
			continue
		}
		if ok, _ := s.Policy.Allows(t); !ok || t.Missing(side.Facts, c.plan) != "" {
			continue
		}
		s.tried[t.Name] = true
		next, _, err := s.fullRung(c, side, c.plan.With(t), []*technique.Technique{t})
		if err != nil {
			return nil, err
		}
		if next != nil && (best == nil || next.file.Stripped < best.file.Stripped) {
			best = next
		}
	}
	return best, nil
}

// night goes on with the toolchain that takes -Z: all unstable settings and
// std from source at once, then s there. Where std's sources are missing, the
// settings for the prebuilt std alone.
func (s *search) night(from *candidate, limit int) ([]*candidate, error) {
	side := *s.Night
	pair := from.plan.On(side.Toolchain)
	for _, t := range s.Table {
		if t.Set == nil || t.Stage != technique.StageNight {
			continue
		}
		if ok, _ := s.Policy.Allows(t); ok && t.Missing(side.Facts, pair) == "" {
			pair = pair.With(t)
			s.tried[t.Name] = true
		}
	}
	var found []*candidate
	c, err := s.nightCorner(from, side, pair)
	if err != nil {
		return nil, err
	}
	if c == nil {
		return nil, nil
	}
	found = append(found, c)
	var other *candidate
	if c.plan.Has("opt-level-s") {
		if t := technique.Find("opt-level-z"); t != nil && !s.spent(limit) {
			other, _, err = s.fullRung(c, side, c.plan.With(t), []*technique.Technique{t})
		}
	} else {
		other, err = s.flip(c, side, limit)
	}
	if other != nil {
		found = append(found, other)
	}
	return found, err
}

// nightCorner builds the pair of settings and std from source together; where
// that breaks, with fewer.
func (s *search) nightCorner(from *candidate, side Side, pair technique.Plan) (*candidate, error) {
	list := slices.DeleteFunc(pair.Parts(), func(t *technique.Technique) bool { return from.plan.Has(t.Name) })
	base := from.plan.On(side.Toolchain)
	for _, t := range s.Table {
		if t.Set == nil || t.Stage != technique.StageStd {
			continue
		}
		if ok, _ := s.Policy.Allows(t); ok && t.Missing(side.Facts, base.With(list...)) == "" {
			list = append(list, t)
			s.tried[t.Name] = true
		}
	}
	// The program may not unwind; where it does, std must be able to.
	if t := technique.Find("build-std-unwind"); t != nil && base.With(list...).Has("build-std") &&
		technique.Find("no-unwind-tables").Missing(side.Facts, base.With(list...)) != "" {
		list = append(list, t)
	}
	for len(list) > 0 {
		c, failed, err := s.fullRung(from, side, base.With(list...), list)
		if err != nil || c != nil {
			return c, err
		}
		if !failed || s.result.Builds >= s.Limits.Hard {
			return nil, nil
		}
		list = s.dropSuspects(list, side, base)
	}
	return nil, nil
}

// fullRung is one full build as a rung on top of on. It gives nil where the
// rung was dropped; failed says that the program was broken, not just larger.
func (s *search) fullRung(on *candidate, side Side, plan technique.Plan, added []*technique.Technique) (c *candidate, failed bool, err error) {
	name := rungName(added)
	s.Observer.Begin(name, true)
	r := Rung{Name: name, Kind: "build", Plan: plan, Added: names(added)}
	r.Risk, r.Loses = losses(added)
	b, err := s.build(plan)
	if err != nil {
		if s.ctx.Err() != nil {
			return nil, false, s.ctx.Err()
		}
		r.Why = "does not build: " + firstLine(err)
		r.Check = Verdict{Status: NotRun, Why: "does not build"}
		s.result.Builds++ // it cost one
		s.broken++
		s.add(r)
		return nil, true, nil
	}
	r.CPU, r.Wall, r.Cached = b.CPU.Seconds(), b.Wall.Seconds(), b.Cached
	file, err := s.Builder.Finish(s.ctx, b, plan)
	if err != nil {
		if s.ctx.Err() != nil {
			return nil, false, s.ctx.Err()
		}
		r.Why = "does not link again: " + firstLine(err)
		r.Check = Verdict{Status: NotRun, Why: "does not link"}
		s.add(r)
		return nil, true, nil
	}
	r.Size, r.Stripped, r.File = file.Size, file.Stripped, file.Path
	r.Change, r.Share = file.Stripped-on.file.Stripped, share(file.Stripped, s.result.BaseStrip)
	if r.Check, err = s.verify(file.Path, added); err != nil {
		return nil, false, err
	}
	if r.Check.Status == Failed {
		r.Why = r.Check.Why
		s.broken++
		s.add(r)
		return nil, true, nil
	}
	if r.Check.Status == NotRun && riskier(added, technique.Deployment) {
		r.Why = "changes behaviour and cannot be run here"
		s.add(r)
		return nil, true, nil
	}
	r.Kept = r.Change < 0
	if !r.Kept {
		r.Why = fmt.Sprintf("%s than %s", larger(r.Change), s.result.Rungs[on.rung].Name)
	}
	s.add(r)
	c = &candidate{side: side.with(b), plan: plan, build: b, file: file, rung: len(s.result.Rungs) - 1}
	return c, false, nil
}

// build does or finds a full build, once per key in a run.
func (s *search) build(plan technique.Plan) (*Build, error) {
	key := plan.BuildKey()
	if b := s.builds[key]; b != nil {
		return b, nil
	}
	b, err := s.Builder.Build(s.ctx, plan)
	if err != nil {
		return nil, err
	}
	s.builds[key] = b
	s.count(b)
	return b, nil
}

// spent says whether the budget of builds is used up. Broken rungs do not
// count against limit, but against the hard one.
func (s *search) spent(limit int) bool {
	return s.result.Builds-s.broken >= limit || s.result.Builds >= s.Limits.Hard
}

func (s *search) count(b *Build) {
	s.result.Builds++
	if b.Cached {
		s.result.Cached++
	}
	s.result.CPU += b.CPU.Seconds()
}

func (s *search) verify(path string, added []*technique.Technique) (Verdict, error) {
	v, err := s.Verifier.Verify(s.ctx, path)
	if err != nil {
		return v, s.fatal(err)
	}
	return v, nil
}

// add appends a rung and tells the observer.
func (s *search) add(r Rung) {
	s.result.Rungs = append(s.result.Rungs, r)
	s.Observer.Done(r)
}

// fatal prefers the context's end to what it caused.
func (s *search) fatal(err error) error {
	if s.ctx.Err() != nil {
		return s.ctx.Err()
	}
	return err
}

func smallest(list []*candidate) *candidate {
	best := list[0]
	for _, c := range list[1:] {
		if c.file.Stripped < best.file.Stripped {
			best = c
		}
	}
	return best
}

func orElse(a, b *candidate) *candidate {
	if a != nil {
		return a
	}
	return b
}

func names(list []*technique.Technique) []string {
	var out []string
	for _, t := range list {
		out = append(out, t.Name)
	}
	return out
}

func rungName(list []*technique.Technique) string {
	if len(list) == 1 {
		return list[0].Name
	}
	var titles []string
	for _, t := range list {
		titles = append(titles, t.Title())
	}
	return strings.Join(titles, " + ")
}

// losses sums up what a rung gives up: the worst class and each sentence.
func losses(list []*technique.Technique) (string, []string) {
	worst := technique.Size
	var out []string
	for _, t := range list {
		worst = max(worst, t.Risk)
		for _, l := range t.Loses {
			out = append(out, l.What)
		}
	}
	return worst.String(), out
}

// riskier says whether a technique of list is above a class.
func riskier(list []*technique.Technique, class technique.Risk) bool {
	return slices.ContainsFunc(list, func(t *technique.Technique) bool { return t.Risk > class })
}

func share(n, of int64) float64 {
	if of <= 0 {
		return 0
	}
	return float64(n) / float64(of)
}

func larger(change int64) string {
	if change == 0 {
		return "no smaller"
	}
	return fmt.Sprintf("%d bytes larger", change)
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(strings.TrimSpace(err.Error()), "\n")
	return line
}
