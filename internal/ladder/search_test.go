package ladder

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/artefact"
	"github.com/minsize/minsize/internal/target"
	"github.com/minsize/minsize/internal/technique"
)

func TestStableSearch(t *testing.T) {
	w := newWorld(t)
	r := w.run(w.options(technique.Abort))
	if r.Builds != 3 {
		t.Errorf("%d builds, want 3", r.Builds)
	}
	want := []string{"strip-symbols", "opt-level-z", "lto-fat", "codegen-units-1", "panic-abort", "lld", "optimize-strings", "icf-all", "unwind-tables-out", "no-eh-frame-hdr", "section-headers-out"}
	if !slices.Equal(r.BestPlan.Techniques, want) {
		t.Errorf("won with %v\nwant %v", r.BestPlan.Techniques, want)
	}
	if s := rung(r, "opt-level-s"); s == nil || s.Kept || s.Change != 1000 {
		t.Errorf("s was not shown as 1000 bytes larger: %+v", s)
	}
	if x := rung(r, "hash-style-gnu"); x == nil || x.Kept || x.Why != "worth 0 bytes here" {
		t.Errorf("a rung worth nothing was not dropped: %+v", x)
	}
	var left []string
	for _, l := range r.Left {
		if l.Known && l.Saves > 0 {
			left = append(left, fmt.Sprintf("%s %d", l.Name, l.Saves))
		}
	}
	if !slices.Equal(left, []string{"relr 5000", "no-pie 300"}) {
		t.Errorf("would save: %v", left)
	}
}

// TestAskedForAndLarger: what was asked for by name does not take the recipe
// with it when it makes the program larger.
func TestAskedForAndLarger(t *testing.T) {
	for saves, want := range map[int64]bool{-80000: false, -1000: true} {
		w := newWorld(t)
		w.saves["static-musl"] = saves
		o := w.options(technique.Safe)
		o.Base.Facts.Musl = true
		o.Policy.With = []string{"static-musl"}
		r := w.run(o)
		if r.BestPlan.Has("static-musl") != want || !r.BestPlan.Has("lto-fat") || !r.BestPlan.Has("opt-level-z") {
			t.Errorf("static-musl saves %d: won with %v", saves, r.BestPlan.Techniques)
		}
	}
}

func TestSafeKeepsBehaviour(t *testing.T) {
	w := newWorld(t)
	r := w.run(w.options(technique.Safe))
	for _, part := range r.BestPlan.Parts() {
		if part.Risk > technique.Debuggability {
			t.Errorf("level safe took %s of class %s", part.Name, part.Risk)
		}
	}
}

func TestNightlySearch(t *testing.T) {
	w := newWorld(t)
	r := w.run(w.options(technique.Max))
	if r.Builds > 6 {
		t.Errorf("%d builds, want at most 6", r.Builds)
	}
	for _, name := range []string{"build-std", "immediate-abort", "location-detail-none", "fmt-debug-none", "optimize-for-size"} {
		if !r.BestPlan.Has(name) {
			t.Errorf("%s is missing in %v", name, r.BestPlan.Techniques)
		}
	}
}

// TestGivenUpTellsAll: every technique above class "size" that a winner holds
// stands in given_up with each of its losses.
func TestGivenUpTellsAll(t *testing.T) {
	for _, x := range slices.Concat(technique.Table(), technique.CutTable(), technique.PipelineTable()) {
		list := givenUp(technique.NewPlan("stable", x), technique.Facts{})
		if len(list) == 0 {
			if x.Risk > technique.Size {
				t.Errorf("%s: class %s, and nothing in given_up", x.Name, x.Risk)
			}
			continue
		}
		for _, l := range x.Loses {
			if !strings.Contains(list[0].Loses, l.What) {
				t.Errorf("%s: given_up says %q, without %q", x.Name, list[0].Loses, l.What)
			}
		}
	}
	w := newWorld(t)
	o := w.options(technique.Max)
	o.Table = slices.Concat(o.Table, technique.CutTable())
	o.Policy.Allow = map[technique.Risk]bool{technique.Security: true, technique.Deployment: true}
	for _, x := range o.Table {
		if w.saves[x.Name] == 0 {
			w.saves[x.Name] = 10
		}
	}
	r := w.run(o)
	told := 0
	for _, x := range r.BestPlan.Parts() {
		if x.Risk == technique.Size {
			continue
		}
		told++
		if !slices.Contains(r.GivenUp, GivenUp{x.Name, x.Risk.String(), x.Losses(o.Base.Facts)}) {
			t.Errorf("%s is in the winner and not in given_up", x.Name)
		}
	}
	if told < 15 {
		t.Errorf("the winner holds %d techniques above class size only: %v", told, r.BestPlan.Techniques)
	}
}

// machines are targets on which every technique can be had on at least one.
var machines = []technique.Facts{
	{Linkers: []string{"lld"}, Target: target.Parse("x86_64-unknown-linux-gnu"), Panic: "unwind", Runs: true, Musl: true, Immediate: technique.PanicStrategy},
	{Linkers: []string{"lld"}, Target: target.Parse("x86_64-unknown-linux-gnu"), Panic: "unwind", Runs: true, Immediate: technique.StdFeature},
	{Target: target.Parse("aarch64-apple-darwin"), Panic: "unwind", Runs: true, Immediate: technique.PanicStrategy},
	{Target: target.Parse("x86_64-pc-windows-msvc"), Panic: "unwind", Runs: true, Immediate: technique.PanicStrategy},
	{Target: target.Parse("x86_64-pc-windows-gnu"), Panic: "unwind", Runs: true, Immediate: technique.PanicStrategy},
	{Linkers: []string{"lld"}, Target: target.Parse("wasm32-wasip1"), Panic: "abort", Runs: true, Immediate: technique.PanicStrategy, WasmOpt: true},
	{Linkers: []string{"lld"}, Target: target.Parse("x86_64-unknown-linux-gnu"), Artefact: artefact.Staticlib, Panic: "unwind", Runs: true, Immediate: technique.PanicStrategy},
}

// whole is the whole catalogue on one of machines, at a level, with one
// technique asked for by name where it enters in no other way. Each technique
// saves something.
func (w *world) whole(level technique.Level, on technique.Facts, name string) Options {
	o := w.options(level)
	o.Base.Facts = on
	if o.Night != nil {
		night := on
		night.Unstable, night.StdSource = true, true
		o.Night = &Side{"nightly", night}
	}
	o.Table = withPipelines(name)
	for i, t := range o.Table {
		if w.saves[t.Name] == 0 {
			w.saves[t.Name] = int64(50 + i)
		}
	}
	if t := technique.Find(name); t.ByName || t.Level == technique.Asked {
		o.Policy.With = []string{name}
	}
	return o
}

// withPipelines is the whole catalogue with the pipelines up to the named one:
// what a farther one leaves behind is not tried.
func withPipelines(last string) []*technique.Technique {
	pipelines := technique.PipelineTable()
	if i := slices.IndexFunc(pipelines, func(t *technique.Technique) bool { return t.Name == last }); i >= 0 {
		pipelines = pipelines[:i+1]
	}
	return slices.Concat(technique.Table(), technique.CutTable(), pipelines)
}

// TestBreakingRungs: whatever breaks costs itself and nothing else, for each
// technique of each stage, on each kind of machine. The final size is that of
// a search that was told to leave it out. Full builds: such a search has them,
// the build that broke, and those that tell which of n settings it was. Nobody
// can do that with fewer than log2(n); one more is allowed.
func TestBreakingRungs(t *testing.T) {
	tested := map[string]bool{}
	for _, level := range []technique.Level{technique.Safe, technique.Abort, technique.Max} {
		for _, on := range machines {
			for _, x := range slices.Concat(technique.Table(), technique.CutTable(), technique.PipelineTable()) {
				healthy := newWorld(t)
				var stage []string // the first build that holds it
				for _, r := range healthy.run(healthy.whole(level, on, x.Name)).Rungs {
					if slices.Contains(r.Added, x.Name) && stage == nil {
						stage = r.Added
					}
				}
				if stage == nil {
					continue // not at this level, or not for this machine
				}
				tested[x.Name] = true
				for _, how := range []string{"fails", "does not build"} {
					t.Run(fmt.Sprintf("%s/%s-%s-%s-%v/%s %s", level, on.Target.OS, on.Target.Env, on.Immediate, on.Artefact, x.Name, how), func(t *testing.T) {
						perfect := newWorld(t)
						o := perfect.whole(level, on, x.Name)
						o.Policy.With, o.Policy.Without = nil, []string{x.Name}
						want := perfect.run(o)

						w := newWorld(t)
						if how == "fails" {
							w.broken[x.Name] = "exit status: 101, the baseline's is 0"
						} else {
							w.nobld[x.Name] = true
						}
						got := w.run(w.whole(level, on, x.Name))
						if got.BestPlan.Has(x.Name) {
							t.Errorf("won with %v", got.BestPlan.Techniques)
						}
						if got.FinalSize != want.FinalSize {
							t.Errorf("%d bytes, and %d without it\ngot  %v\nwant %v", got.FinalSize, want.FinalSize, got.BestPlan.Techniques, want.BestPlan.Techniques)
						}
						budget := want.Builds
						if x.Set != nil {
							budget += 1 + bits.Len(uint(len(stage)-1)) + 1
						}
						if got.Builds > budget {
							t.Errorf("%d full builds, %d without it and %d to find it among %v", got.Builds, want.Builds, budget-want.Builds, stage)
						}
						if !slices.ContainsFunc(got.Rungs, func(r Rung) bool { return !r.Kept && slices.Contains(r.Added, x.Name) && r.Why != "" }) {
							t.Error("no dropped rung tells of it")
						}
						if x.Set != nil && x.Stage != technique.StageFlip && !slices.ContainsFunc(got.Left, func(l LeftOut) bool { return l.Name == x.Name && strings.HasPrefix(l.Why, "breaks") }) {
							t.Errorf("what is left out does not name it: %+v", got.Left)
						}
					})
				}
			}
		}
	}
	for _, x := range slices.Concat(technique.Table(), technique.CutTable(), technique.PipelineTable()) {
		if x.Name != unwindingStd && !tested[x.Name] {
			t.Errorf("%s was tried on no machine", x.Name)
		}
	}
}

// TestBreakingPairs: two build settings that break at once are both found
// while there are builds left, and always where both are what a panic does.
func TestBreakingPairs(t *testing.T) {
	var list []*technique.Technique
	for _, x := range technique.Table() {
		if x.Set != nil && x.Missing(fullFacts(), technique.NewPlan("x", technique.Find("build-std"), technique.Find("panic-abort"))) == "" && !x.ByName {
			list = append(list, x)
		}
	}
	exact := 0
	for i, a := range list {
		for _, b := range list[i+1:] {
			perfect := newWorld(t)
			o := perfect.options(technique.Max)
			o.Policy.Without = []string{a.Name, b.Name}
			want := perfect.run(o)
			w := newWorld(t)
			w.broken[a.Name], w.broken[b.Name] = "exit status: 101", "exit status: 101"
			got := w.run(w.options(technique.Max))
			if got.FinalSize == want.FinalSize {
				exact++
			} else if got.Builds < DefaultLimits.Hard || a.Suspect == 4 && b.Suspect == 4 {
				t.Errorf("%s and %s: %d bytes, %d without them, and only %d builds", a.Name, b.Name, got.FinalSize, want.FinalSize, got.Builds)
			}
		}
	}
	if all := len(list) * (len(list) - 1) / 2; exact < all/2 {
		t.Errorf("%d of %d pairs end as if they had been left out", exact, all)
	}
}

func fullFacts() technique.Facts {
	f := machines[0]
	f.Unstable, f.StdSource = true, true
	return f
}

func TestFinalCheckStepsDown(t *testing.T) {
	w := newWorld(t)
	w.flaky = "section-headers-out"
	r := w.run(w.options(technique.Abort))
	if r.BestPlan.Has("section-headers-out") {
		t.Error("a program that fails its final check won")
	}
	if x := rung(r, "section-headers-out"); x.Kept || !strings.HasPrefix(x.Why, "passed once") {
		t.Errorf("the rung was not dropped: %+v", x)
	}
}

func TestCannotRunHere(t *testing.T) {
	w := newWorld(t)
	w.noRun = true
	r := w.run(w.options(technique.Max))
	for _, part := range r.BestPlan.Parts() {
		if part.Risk > technique.Deployment {
			t.Errorf("%s of class %s was kept though nothing could be run", part.Name, part.Risk)
		}
	}
	if r.BestVerify.Status != NotRun {
		t.Errorf("final check says %s", r.BestVerify.Status)
	}
}

func TestSpeedLimit(t *testing.T) {
	t.Run("z is fast enough", func(t *testing.T) {
		w := newWorld(t)
		o := w.options(technique.Abort)
		o.Bencher, o.Profiler, o.MaxSlow = w, w, .05
		if r := w.run(o); !r.BestPlan.Has("opt-level-z") {
			t.Error("z was left though it is fast enough")
		}
	})
	t.Run("s before packages", func(t *testing.T) {
		w := newWorld(t)
		w.slow["opt-level-z"] = .3
		o := w.options(technique.Abort)
		o.Bencher, o.Profiler, o.MaxSlow = w, w, .05
		r := w.run(o)
		if !r.BestPlan.Has("opt-level-s") || r.BestPlan.Has("package-opt-level") || !r.BestPlan.Has("icf-all") {
			t.Errorf("won with %v", r.BestPlan.Techniques)
		}
		if r.Builds != 3 {
			t.Errorf("%d builds, want 3: s was built already", r.Builds)
		}
	})
	t.Run("packages", func(t *testing.T) {
		w := newWorld(t)
		w.slow["opt-level-z"], w.slow["opt-level-s"], w.slow["package-opt-level"] = .3, .2, -.18
		w.hot = []HotPackage{{"regex", .6}, {"memchr", .2}, {"cold", .001}}
		o := w.options(technique.Abort)
		o.Bencher, o.Profiler, o.MaxSlow = w, w, .05
		r := w.run(o)
		if !r.BestPlan.Has("package-opt-level") || len(r.BestPlan.Setting.Packages) != 2 {
			t.Errorf("won with %v %v", r.BestPlan.Techniques, r.BestPlan.Setting.Packages)
		}
	})
	t.Run("a slower pipeline gives way to the one before", func(t *testing.T) {
		w := newWorld(t)
		w.saves["codegen-no-cleanup-twice"], w.saves["codegen-no-cleanup-size"] = 500, 600
		w.slow["codegen-no-cleanup-size"] = .3
		o := w.options(technique.Abort)
		o.Table = append(slices.Clone(o.Table), technique.PipelineTable()...)
		if r := w.run(o); !r.BestPlan.Has("codegen-no-cleanup-size") {
			t.Errorf("without a limit, won with %v", r.BestPlan.Techniques)
		}
		w = newWorld(t)
		w.saves["codegen-no-cleanup-twice"], w.saves["codegen-no-cleanup-size"] = 500, 600
		w.slow["codegen-no-cleanup-size"] = .3
		o.Builder, o.Verifier, o.Observer, o.Bencher, o.Profiler, o.MaxSlow = w, w, w, w, w, .05
		if r := w.run(o); !r.BestPlan.Has("codegen-no-cleanup-twice") || r.Builds != 3 {
			t.Errorf("%d builds, won with %v", r.Builds, r.BestPlan.Techniques)
		}
	})
	t.Run("nothing is fast enough", func(t *testing.T) {
		w := newWorld(t)
		w.slow["lto-fat"] = 1
		o := w.options(technique.Abort)
		o.Bencher, o.Profiler, o.MaxSlow = w, w, .05
		if r := w.run(o); r.BestPlan.Has("lto-fat") || !r.BestPlan.Has("strip-symbols") {
			t.Errorf("won with %v", r.BestPlan.Techniques)
		}
	})
}

func TestInterrupted(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = func(p technique.Plan) {
		if p.Has("lto-fat") {
			cancel()
		}
	}
	r, err := Run(ctx, w.options(technique.Abort))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	if !slices.Equal(r.BestPlan.Techniques, []string{"strip-symbols"}) || w.plans[r.BestFile].Key() != r.BestPlan.Key() {
		t.Errorf("kept %v in %q, want what had passed before the interrupt", r.BestPlan.Techniques, r.BestFile)
	}
}

// TestInterruptedAnywhere: wherever a search ends, the smallest program that
// had passed its checks until then is the one that it leaves.
func TestInterruptedAnywhere(t *testing.T) {
	whole := newWorld(t)
	whole.run(whole.options(technique.Max))
	for after := 1; after <= whole.verified; after++ {
		w := newWorld(t)
		ctx, cancel := context.WithCancel(context.Background())
		var kept int64
		w.atVerify = func() {
			if w.verified == after {
				cancel()
			}
		}
		r, err := Run(ctx, w.options(technique.Max))
		if err == nil {
			continue // it was the last one
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("after %d checks: %v", after, err)
		}
		for i, x := range r.Rungs {
			if i > 0 && x.Kept && (kept == 0 || x.Size < kept) {
				kept = x.Size
			}
		}
		if (kept == 0) != (r.BestFile == "") || r.FinalSize != kept {
			t.Errorf("after %d checks: %q of %d bytes, the smallest that passed has %d", after, r.BestFile, r.FinalSize, kept)
		}
	}
}

type suggestions []Suggestion

func (s suggestions) Suggest(ctx context.Context, b *Build, p technique.Plan) ([]Suggestion, error) {
	return s, nil
}

// TestSuggestedCutsAreTriedAndNeverKept: each is measured and checked on top
// of the winner; what saves nothing is not listed, what fails comes last.
func TestSuggestedCutsAreTriedAndNeverKept(t *testing.T) {
	w := newWorld(t)
	var list suggestions
	for text, saves := range map[string]int64{"a::small=trap": 100, "a::large=trap": 900, "a::fails=trap": 5000, "a::nothing=trap": 0} {
		cut, _, err := technique.UserCut(text)
		if err != nil {
			t.Fatal(err)
		}
		w.saves[cut.Name] = saves
		list = append(list, Suggestion{Cut: text, Kind: "function", Try: cut})
	}
	w.broken["cut:a::fails=trap"] = "died by SIGILL"
	o := w.options(technique.Abort)
	o.Suggest = list
	r := w.run(o)
	var got []string
	for _, s := range r.Suggested {
		got = append(got, fmt.Sprintf("%s %d %s", s.Cut, s.Saves, s.Check.Status))
	}
	want := []string{"a::large=trap 900 passed", "a::small=trap 100 passed", "a::fails=trap 5000 failed"}
	if !slices.Equal(got, want) {
		t.Errorf("suggested %q, want %q", got, want)
	}
	for _, name := range r.BestPlan.Techniques {
		if strings.HasPrefix(name, "cut:") {
			t.Errorf("%s was kept unasked", name)
		}
	}
}

// TestLeftOutWithPack: what would be saved is told without compression, and
// the packed winner stays the winner.
func TestLeftOutWithPack(t *testing.T) {
	w := newWorld(t)
	w.saves["pack"] = 20000
	o := w.options(technique.Abort)
	o.Policy.With = []string{"pack"}
	r := w.run(o)
	if !r.BestPlan.Has("pack") || r.BestPlan.Techniques[len(r.BestPlan.Techniques)-1] != "pack" {
		t.Errorf("won with %v, want pack last", r.BestPlan.Techniques)
	}
	for _, l := range r.Left {
		if l.Name == "relr" && (!l.Known || l.Saves != 5000) {
			t.Errorf("relr: %+v, want 5000 bytes", l)
		}
	}
}

// TestBlocks: where a format rounds sizes up, what fills less of a block is kept,
// what fills more is not.
func TestBlocks(t *testing.T) {
	for finer, want := range map[int64]bool{40: true, 0: false, -40: false} {
		w := newWorld(t)
		w.finer = map[string]int64{"hash-style-gnu": finer}
		r := w.run(w.options(technique.Safe))
		if got := r.BestPlan.Has("hash-style-gnu"); got != want {
			t.Errorf("%d bytes fewer: kept %t", finer, got)
		}
	}
}
