package ladder

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/minsize/minsize/internal/arrange"
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
	s.Facts.Evidence = slices.Concat(s.Facts.Evidence, b.Evidence)
	return s
}

// Options of a search.
type Options struct {
	Base    Side  // the project's own toolchain
	Night   *Side // one that takes -Z, which may be the same; nil for none
	Policy  technique.Policy
	Table   []*technique.Technique // the catalogue, with the cuts that are known
	Limits  Limits
	Finish  bool          // what Builder has is a finished file: nothing is built
	Measure bool          // try by replay what is not allowed, to say what it would save
	Codegen time.Duration // for making machine code again; 0: as long as the builds took

	Tuning Tuning // of Tuner

	Builder  Builder
	Verifier Verifier
	Observer Observer
	Bencher  Bencher   // nil: speed is not measured
	Suggest  Suggester // nil: no cuts are suggested
	Tuner    Tuner     // nil: inlining is left to the compiler
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
	tried  map[string]bool   // names of techniques that a rung was made for
	bad    map[string]string // build settings that break the program, each by itself, and how it was seen
	broken int               // full builds that were spent on broken rungs
	others []*candidate      // builds that were not the smallest, with the winner's link

	wall    time.Duration // that the full builds took
	codegen time.Duration // what is left for making machine code again
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
// context ended, or the machinery failed. What had passed its checks until
// then is not lost: beside the error, the result's Best is the smallest of it,
// and BestFile is empty where there is none.
func Run(ctx context.Context, o Options) (*Result, error) {
	s := &search{Options: o, ctx: ctx, builds: map[string]*Build{}, tried: map[string]bool{}, bad: map[string]string{},
		result: &Result{Toolchain: o.Base.Toolchain, Level: o.Policy.Level.String()}}

	err := s.run()
	if err != nil && s.result.BestFile == "" {
		s.keepSmallest()
	}
	return s.result, err
}

// run is the search, stage by stage.
func (s *search) run() error {
	start, err := s.baseline()
	if err != nil {
		return err
	}
	// From here every share is against the stripped baseline, and every
	// verdict against what the baseline printed.

	finalists, err := s.fullBuilds(start)
	if err != nil {
		return err
	}
	best, err := s.linkRungs(finalists)
	if err != nil {
		return err
	}
	if best, err = s.tuned(best); err != nil {
		return err
	}
	if s.Bencher != nil {
		if best, err = s.withinSpeed(best); err != nil {
			return err
		}
	}
	// From here the build and its link are fixed.

	if best, err = s.fileRungs(best); err != nil {
		return err
	}
	if err := s.leftOut(best); err != nil {
		return err
	}
	if err := s.finalCheck(best); err != nil {
		return err
	}
	return s.suggest()
}

// keepSmallest makes the smallest rung that was kept the best of a search that
// did not come to its end.
func (s *search) keepSmallest() {
	for i, r := range s.result.Rungs {
		if i == 0 || !r.Kept || r.File == "" || s.result.BestFile != "" && r.Size > s.result.FinalSize {
			continue
		}
		s.result.Best, s.result.BestPlan, s.result.BestBuild = i, r.Plan, s.builds[r.Plan.BuildKey()]
		s.result.BestFile, s.result.BestVerify, s.result.FinalSize, s.result.FinalRaw = r.File, r.Check, r.Size, r.Raw
		if s.result.BestBuild == nil {
			s.result.BestBuild = s.base
		}
	}
}

// baseline builds the project as it is, runs its checks, and strips it.
func (s *search) baseline() (*candidate, error) {
	plan := technique.NewPlan(s.Base.Toolchain)
	first := "release"
	if s.Finish {
		first, s.result.Finished = "as it is", true
	}
	s.Observer.Begin(first, !s.Finish)
	b, err := s.Builder.Build(s.ctx, plan)
	if err != nil {
		return nil, s.fatal(&BaselineError{"build", err})
	}
	if !s.Finish {
		s.count(b)
	}
	s.base = b
	s.learn(b)
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
	s.result.Baseline, s.result.BaseStrip, s.result.BaseRaw = stripped.Size, stripped.Stripped, stripped.Bare
	s.add(Rung{Name: first, Kind: Baseline, Size: stripped.Size, Stripped: stripped.Stripped, Raw: b.Size,
		CPU: b.CPU.Seconds(), Wall: b.Wall.Seconds(), Cached: b.Cached, Check: verdict, Kept: true,
		Share: share(stripped.Size, stripped.Stripped), Plan: plan, File: b.Program})
	c := &candidate{side: s.Base.with(b), plan: plan, build: b, file: &File{Path: b.Program, Raw: b.Size, Size: stripped.Size, Stripped: stripped.Stripped, Filled: stripped.Filled}, rung: 0}
	for _, t := range s.Table {
		if ok, _ := s.Policy.Allows(t); ok && t.Rewrite != nil && t.Rewrite.StripSymbols {
			if next, err := s.step(c, t); err != nil || next != nil {
				return orElse(next, c), err
			}
		}
	}
	return c, nil
}

// learn keeps what the untouched program's link tells: what LTO has inlined
// away, and catch_unwind where a panic aborts, show there alone.
func (s *search) learn(b *Build) {
	for _, side := range []*Side{&s.Base, s.Night} {
		if side != nil {
			side.Facts.Evidence, side.Facts.Insist, side.Facts.Strict = b.Evidence, s.Policy.Insist, s.Policy.Strict
		}
	}
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
	arrange.Stable(found, func(a, b *candidate) int { return int(a.file.Stripped - b.file.Stripped) })
	return found, nil
}

// corner tries all settings of a stage at once on top of plan; where the
// program breaks, as many of them as pass.
func (s *search) corner(on *candidate, side Side, stage technique.Stage, plan technique.Plan) (*candidate, error) {
	var list []*technique.Technique
	plan = plan.On(side.Toolchain)
	for _, asked := range []bool{false, true} { // what was asked for by name comes last: it may replace others
		for _, t := range s.Table {
			byName := t.Stage == technique.StageNone && slices.Contains(s.Policy.With, t.Name)
			if t.Set == nil || asked != byName || !byName && t.Stage != stage {
				continue
			}
			if s.allowed(t) && t.Missing(side.Facts, plan.With(list...)) == "" {
				list = append(list, t)
			}
		}
	}
	for _, t := range list {
		s.tried[t.Name] = true
	}
	g := group{on, side, plan}
	c, err := s.together(g, list)
	if c == nil || err != nil {
		return nil, err
	}
	recipe := slices.DeleteFunc(slices.Clone(list), func(t *technique.Technique) bool { return t.Stage == technique.StageNone })
	if s.result.Rungs[c.rung].Kept || len(recipe) == len(list) || len(recipe) == 0 || s.result.Builds >= s.Limits.Hard {
		return c, nil
	}
	// What was asked for makes it larger, and the recipe shall not pay for that.
	return s.together(g, recipe)
}

// flip tries the settings of StageFlip against c, one build each.
func (s *search) flip(c *candidate, side Side, limit int) (*candidate, error) {
	var best *candidate
	for _, t := range s.Table {
		if t.Set == nil || t.Stage != technique.StageFlip || c.plan.Has(t.Name) || s.bad[t.Name] != "" || s.spent(limit) {
			continue
		}
		if !s.allowed(t) || t.Missing(side.Facts, c.plan) != "" {
			continue
		}
		s.tried[t.Name] = true
		next, err := s.fullRung(c, side, c.plan.With(t), []*technique.Technique{t})
		if err != nil {
			return nil, err
		}
		if next == nil {
			s.blame(t)
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
		if s.allowed(t) && t.Missing(side.Facts, pair) == "" {
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
		if t := technique.Find("opt-level-z"); s.allowed(t) && s.bad[t.Name] == "" && !s.spent(limit) {
			other, err = s.fullRung(c, side, c.plan.With(t), []*technique.Technique{t})
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
// that breaks, as much of it as passes.
func (s *search) nightCorner(from *candidate, side Side, pair technique.Plan) (*candidate, error) {
	list := slices.DeleteFunc(pair.Parts(), func(t *technique.Technique) bool { return from.plan.Has(t.Name) })
	base := from.plan.On(side.Toolchain)
	for _, t := range s.Table {
		if t.Set == nil || t.Stage != technique.StageStd {
			continue
		}
		if s.allowed(t) && t.Missing(side.Facts, base.With(list...)) == "" {
			list = append(list, t)
			s.tried[t.Name] = true
		}
	}
	return s.together(group{from, side, base}, list)
}

// fullRung is one full build as a rung on top of on. It gives nil where the
// program does not build or is broken; one that is larger is given.
func (s *search) fullRung(on *candidate, side Side, plan technique.Plan, added []*technique.Technique) (*candidate, error) {
	name := rungName(added)
	s.Observer.Begin(name, true)
	r := Rung{Name: name, Kind: technique.OfBuild, Plan: plan, Added: names(added)}
	r.Risk, r.Loses = losses(added, side.Facts)
	b, err := s.build(plan)
	if err != nil {
		if s.ctx.Err() != nil {
			return nil, s.ctx.Err()
		}
		r.Why = "does not build: " + firstLine(err)
		r.Check = Verdict{Status: NotRun, Why: "does not build"}
		s.result.Builds++ // it cost one
		s.broken++
		s.add(r)
		return nil, nil
	}
	r.CPU, r.Wall, r.Cached = b.CPU.Seconds(), b.Wall.Seconds(), b.Cached
	file, err := s.Builder.Finish(s.ctx, b, plan)
	if err != nil {
		if s.ctx.Err() != nil {
			return nil, s.ctx.Err()
		}
		r.Why = firstLine(err)
		if !errors.Is(err, ErrInterface) {
			r.Why = "does not link again: " + r.Why
		}
		r.Check = Verdict{Status: NotRun, Why: "not made"}
		s.add(r)
		return nil, nil
	}
	r.Size, r.Stripped, r.File, r.Raw = file.Size, file.Stripped, file.Path, file.Raw
	r.Change, r.Share = file.Stripped-on.file.Stripped, share(file.Stripped, s.result.BaseStrip)
	if r.Check, err = s.verify(file.Path, added); err != nil {
		return nil, err
	}
	if r.Check.Status == Failed {
		r.Why = r.Check.Why
		s.broken++
		s.add(r)
		return nil, nil
	}
	r.Kept = r.Change < 0
	if !r.Kept {
		r.Why = fmt.Sprintf("%s than %s", larger(r.Change), s.result.Rungs[on.rung].Name)
	}
	s.add(r)
	c := &candidate{side: side.with(b), plan: plan, build: b, file: file, rung: len(s.result.Rungs) - 1}
	return c, nil
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

// allowed says whether t may go into a full build: by the policy, and because
// what can change behaviour has to be run.
func (s *search) allowed(t *technique.Technique) bool {
	ok, _ := s.Policy.Allows(t)
	return ok && !s.unproven(t)
}

// unproven says that t can change behaviour, and nothing can be run here.
func (s *search) unproven(t *technique.Technique) bool {
	return t.Risk > technique.Deployment && s.result.Rungs[0].Check.Status == NotRun
}

const cannotRun = "changes behaviour and cannot be run here"

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
	s.wall += b.Wall
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

// losses sums up what a program of f gives up by a rung: the worst class and
// each sentence. What it had not is of no class.
func losses(list []*technique.Technique, f technique.Facts) (string, []string) {
	worst := technique.Size
	var out []string
	for _, t := range list {
		lost := t.Lost(f)
		if len(lost) > 0 || len(t.Loses) == 0 {
			worst = max(worst, t.Risk)
		}
		for _, l := range lost {
			out = append(out, l.In(f.Target))
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
