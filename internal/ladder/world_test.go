package ladder

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/minsize/minsize/internal/target"
	"github.com/minsize/minsize/internal/technique"
)

// world is a fake machine: a program's size is the sum of what its techniques
// save, some plans break, and what is slow is told by name.
type world struct {
	t      *testing.T
	saves  map[string]int64  // bytes by technique
	finer  map[string]int64  // bytes by technique within blocks that stay
	broken map[string]string // technique to why the program fails its checks
	nobld  map[string]bool   // techniques that do not build or link
	slow   map[string]float64
	hot    []HotPackage
	cancel func(plan technique.Plan) // called before each build

	endless  bool                      // machine code is never done
	plans    map[string]technique.Plan // by file
	builds   int
	noRun    bool
	verified int
	atVerify func()
	flaky    string // a technique that passes once
	flaked   map[string]int
	notes    []string
	started  []string
}

const baseSize = 100000

func newWorld(t *testing.T) *world {
	return &world{t: t, plans: map[string]technique.Plan{}, flaked: map[string]int{},
		broken: map[string]string{}, nobld: map[string]bool{}, slow: map[string]float64{},
		saves: map[string]int64{"strip-symbols": 30000, "opt-level-z": 9000, "opt-level-s": 8000, "lto-fat": 15000,
			"codegen-units-1": 2000, "panic-abort": 3000, "optimize-strings": 100, "relr": 5000, "icf-all": 1000,
			"unwind-tables-out": 4000, "no-eh-frame-hdr": 500, "no-pie": 300, "build-std": 6000, "immediate-abort": 4000,
			"optimize-for-size": 500, "location-detail-none": 1000, "fmt-debug-none": 800, "section-headers-out": 900,
			"package-opt-level": -700},
	}
}

func (w *world) Build(ctx context.Context, p technique.Plan) (*Build, error) {
	if w.cancel != nil {
		w.cancel(p)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	w.builds++
	for name := range w.nobld {
		if p.Has(name) && technique.Find(name).Set != nil {
			return nil, errors.New("error: could not compile\nmore")
		}
	}
	b := &Build{Key: p.BuildKey(), Program: "program-" + p.BuildKey(), CPU: time.Second, Wall: time.Second, Linkers: []string{"lld"}}
	b.Size = w.size(p)
	w.plans[b.Program] = p
	return b, nil
}

func (w *world) size(p technique.Plan) int64 {
	size := int64(baseSize)
	for _, name := range p.Techniques {
		size -= w.saves[name]
	}
	return size
}

func (w *world) Finish(ctx context.Context, b *Build, p technique.Plan) (*File, error) {
	if b == nil || b.Key != p.BuildKey() {
		w.t.Fatalf("Finish with another build than the plan's: %v", p.Techniques)
	}
	for name := range w.nobld {
		if p.Has(name) {
			return nil, fmt.Errorf("link failed: no %s", name)
		}
	}
	if w.endless && p.Link.Pipeline != "" {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	f := &File{Path: "file-" + p.Key(), Raw: 2 * w.size(p), Size: w.size(p), Stripped: w.size(p), Wall: time.Millisecond}
	if !p.Has("strip-symbols") {
		f.Stripped -= w.saves["strip-symbols"]
	}
	if w.finer != nil {
		f.Filled = f.Stripped
		for _, name := range p.Techniques {
			f.Filled -= w.finer[name]
		}
	}
	w.plans[f.Path] = p
	return f, nil
}

func (w *world) Baseline(ctx context.Context, program string) (Verdict, error) {
	return w.Verify(ctx, program)
}

func (w *world) Verify(ctx context.Context, program string) (Verdict, error) {
	p := w.plans[program]
	if w.verified++; w.atVerify != nil {
		w.atVerify()
	}
	if ctx.Err() != nil {
		return Verdict{}, ctx.Err()
	}
	if w.noRun {
		return Verdict{Status: NotRun, Why: "for another machine"}, nil
	}
	if w.flaky != "" && p.Has(w.flaky) {
		if w.flaked[program]++; w.flaked[program] > 1 {
			return Verdict{Status: Failed, Checks: 1, Why: "stdout differs"}, nil
		}
	}
	for name, why := range w.broken {
		if p.Has(name) {
			return Verdict{Status: Failed, Checks: 1, Why: why}, nil
		}
	}
	return Verdict{Status: Passed, Checks: 1}, nil
}

func (w *world) Compare(ctx context.Context, baseline string, programs []string) ([]float64, error) {
	var out []float64
	for _, program := range programs {
		ratio := 1.0
		for name, cost := range w.slow {
			if w.plans[program].Has(name) {
				ratio += cost
			}
		}
		out = append(out, ratio)
	}
	return out, nil
}

func (w *world) Hot(ctx context.Context, b *Build, p technique.Plan) ([]HotPackage, error) {
	return w.hot, nil
}

func (w *world) Begin(name string, full bool) { w.started = append(w.started, name) }
func (w *world) Done(r Rung)                  {}
func (w *world) Note(text string)             { w.notes = append(w.notes, text) }

func (w *world) options(level technique.Level) Options {
	facts := technique.Facts{Linkers: []string{"lld"}, Target: target.Parse("x86_64-unknown-linux-gnu"), Panic: "unwind", Runs: true, Immediate: technique.PanicStrategy}
	o := Options{Base: Side{"stable", facts}, Table: technique.Table(), Limits: DefaultLimits, Measure: true,
		Policy: technique.Policy{Level: level}, Builder: w, Verifier: w, Observer: w}
	if level >= technique.Nightly {
		facts.Unstable, facts.StdSource = true, true
		o.Night = &Side{"nightly", facts}
	}
	return o
}

func (w *world) run(o Options) *Result {
	w.t.Helper()
	r, err := Run(context.Background(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.consistent(r)
	return r
}

// consistent holds for every search: the winner is kept, verified, no larger
// than anything that was kept, and the builds are counted.
func (w *world) consistent(r *Result) {
	w.t.Helper()
	if r.Builds != w.builds {
		w.t.Errorf("%d builds reported, %d done", r.Builds, w.builds)
	}
	if r.Builds > DefaultLimits.Hard {
		w.t.Errorf("%d full builds, the hard limit is %d", r.Builds, DefaultLimits.Hard)
	}
	best := r.Rungs[r.Best]
	if !best.Kept || best.Check.Status == Failed {
		w.t.Errorf("the winner %s is not kept or failed: %+v", best.Name, best)
	}
	if p := w.plans[r.BestFile]; p.Key() != r.BestPlan.Key() {
		w.t.Errorf("the winner's file is of another plan: %v, want %v", p.Techniques, r.BestPlan.Techniques)
	}
	for name := range w.broken {
		if r.BestPlan.Has(name) {
			w.t.Errorf("the winner holds %s, which breaks the program", name)
		}
	}
	if slices.Equal(w.started, nil) || len(w.started) != len(r.Rungs) {
		w.t.Errorf("%d rungs begun, %d done", len(w.started), len(r.Rungs))
	}
	for _, rung := range r.Rungs {
		if !rung.Kept && rung.Why == "" {
			w.t.Errorf("%s was dropped without a reason", rung.Name)
		}
	}
}

func rung(r *Result, name string) *Rung {
	for i := range r.Rungs {
		if r.Rungs[i].Name == name {
			return &r.Rungs[i]
		}
	}
	return nil
}
