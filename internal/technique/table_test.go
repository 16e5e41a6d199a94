package technique

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/golden"
	"github.com/minsize/minsize/internal/relink"
	"github.com/minsize/minsize/internal/target"
)

func everything() []*Technique {
	return slices.Concat(Table(), CutTable(), PipelineTable())
}

// TestTableIsComplete tells the author of the next technique what is missing.
func TestTableIsComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, x := range everything() {
		if x.Name == "" {
			t.Errorf("a technique without a name: %q", x.Summary)
			continue
		}
		if seen[x.Name] {
			t.Errorf("%s: there twice", x.Name)
		}
		seen[x.Name] = true
		if strings.ToLower(x.Name) != x.Name || strings.ContainsAny(x.Name, " _") {
			t.Errorf("%s: names are lower case with dashes, as typed in --with", x.Name)
		}
		if x.Summary == "" || strings.HasSuffix(x.Summary, ".") {
			t.Errorf("%s: Summary is a phrase without a full stop, got %q", x.Name, x.Summary)
		}
		for _, l := range x.Loses {
			if l.What == "" || strings.HasSuffix(l.What, ".") || strings.HasPrefix(l.What, "nothing") {
				t.Errorf("%s: Loses lists phrases without a full stop, and nothing is an empty list, got %q", x.Name, l.What)
			}
		}
		if x.Risk > Size && len(x.Loses) == 0 {
			t.Errorf("%s: risk %s, and Loses does not say what is lost", x.Name, x.Risk)
		}
		if (x.Set != nil) != (x.Suspect > 0) {
			t.Errorf("%s: build settings, and they alone, have a place in the order of suspects, got %d", x.Name, x.Suspect)
		}
		kinds := 0
		for _, has := range []bool{x.Set != nil, x.Link != nil, x.Rewrite != nil} {
			if has {
				kinds++
			}
		}
		if kinds != 1 {
			t.Errorf("%s: exactly one of Set, Link and Rewrite, got %d", x.Name, kinds)
		}
		if x.Risk == Security && x.Level != Asked {
			t.Errorf("%s: security is given up at no level, got %s", x.Name, x.Level)
		}
		if x.Risk == Behaviour && x.Level == Safe {
			t.Errorf("%s: a behaviour technique is asked for, it cannot be at level safe", x.Name)
		}
		if x.Stage != StageNone && x.Set == nil {
			t.Errorf("%s: only build settings have a Stage", x.Name)
		}
		if x.Set != nil && x.Twin != nil {
			t.Errorf("%s: a build setting is its own twin", x.Name)
		}
		for _, n := range x.Needs {
			if _, ok := needs[n]; !ok {
				t.Errorf("%s: need %q is not in needs", x.Name, n)
			}
		}
		for _, name := range x.Excludes {
			if other := Find(name); other == nil || !slices.Contains(other.Excludes, x.Name) {
				t.Errorf("%s: excludes %q, which must be there and exclude it too", x.Name, name)
			}
		}
	}
}

// TestEveryLinkOptionIsATechnique: what relink can do, the ladder tries.
func TestEveryLinkOptionIsATechnique(t *testing.T) {
	for _, f := range relink.Flavours {
		for _, o := range f.Options {
			x := Find(o.Name)
			if x == nil || x.Link == nil || !slices.Contains(x.Link.Options, o.Name) {
				t.Errorf("relink's option %s has no entry in linkTable", o.Name)
			}
		}
	}
}

// TestCutNeedsAreKnown: a new condition of relink's cuts needs a line here.
func TestCutNeedsAreKnown(t *testing.T) {
	for _, c := range relink.Catalogue {
		for _, n := range c.Needs {
			if _, ok := cutNeeds[n]; !ok {
				t.Errorf("%s needs %q, which cutNeeds does not have", c.Name, n)
			}
		}
	}
}

// TestEveryNeedIsUsed: a condition that nothing has is dead.
func TestEveryNeedIsUsed(t *testing.T) {
	used := map[Need]bool{}
	for _, x := range everything() {
		for _, n := range x.Needs {
			used[n] = true
		}
	}
	for n, entry := range needs {
		if !used[n] {
			t.Errorf("need %q is used by no technique", n)
		}
		if entry.summary == "" {
			t.Errorf("need %q has no summary", n)
		}
	}
}

// TestNeedsOfAFullMachine: on a machine that has everything, something that
// says "missing" is a mistake, except for what contradicts.
func TestNeedsOfAFullMachine(t *testing.T) {
	f := Facts{Unstable: true, StdSource: true, Linkers: []string{"lld"}, WasmOpt: true, Glibc: [2]int{2, 40}, Target: target.Parse("x86_64-unknown-linux-gnu"), Panic: "abort", Musl: true, Runs: true, Immediate: PanicStrategy}
	plan := NewPlan("x", Find("lto-fat"), Find("build-std"), Find("strip-symbols"), Find("immediate-abort"))
	for _, x := range everything() {
		why := x.Missing(f, plan)
		contradicts := slices.ContainsFunc(x.Needs, func(n Need) bool {
			return n == NeedMachO || n == NeedMSVC || n == NeedMinGW || n == NeedOldSpelling || n == NeedWasm || n == NeedUnwinding || n == NeedStaticlib
		})
		if (why != "") != contradicts {
			t.Errorf("%s: missing %q on a machine that has everything", x.Name, why)
		}
	}
}

// TestStrippedByTheProfile: where the project itself strips, nothing is left for
// strip-symbols to win, and what needs stripped symbols is tried all the same.
func TestStrippedByTheProfile(t *testing.T) {
	for triple, name := range map[string]string{"x86_64-unknown-linux-gnu": "layout", "wasm32-wasip1": "compress-relocations"} {
		f, x := Facts{Target: target.Parse(triple), Linkers: []string{"lld"}}, Find(name)
		if x.Missing(f, NewPlan("x")) == "" {
			t.Errorf("%s: not stripped, and it is tried", name)
		}
		f.Stripped = true
		if why := x.Missing(f, NewPlan("x")); why != "" {
			t.Errorf("%s: the profile strips, and it says %q", name, why)
		}
	}
}

// TestCodegenNeedsFatLTO: whoever asked for fat LTO, the plan or the project's
// own profile, codegen replay has its bitcode; the plan's word is the last.
func TestCodegenNeedsFatLTO(t *testing.T) {
	plan := func(value string) Plan {
		if value == "" {
			return NewPlan("x")
		}
		return NewPlan("x", &Technique{Name: "lto", Set: profile("lto", value)})
	}
	for _, c := range []struct {
		project, plan string
		has           bool
	}{
		{"false", "", false}, {"fat", "", true}, {"true", "", true}, {"thin", "", false}, {"off", "", false},
		{"false", `"fat"`, true}, {"false", "true", true}, {"fat", `"thin"`, false}, {"true", "false", false}, {"thin", `"fat"`, true},
	} {
		f := Facts{Target: target.Parse("x86_64-unknown-linux-gnu"), Panic: "unwind", LTO: c.project}
		p := plan(c.plan)
		if why := Find("codegen-twice").Missing(f, p); (why == "") != c.has {
			t.Errorf("the project has lto = %s, the plan %s: missing %q", c.project, c.plan, why)
		}
		if _, refused := p.With(Find("codegen-twice")).Heed(f); len(refused) == 0 != c.has {
			t.Errorf("the project has lto = %s, the plan %s: built without %v", c.project, c.plan, refused)
		}
	}
	if why := Find("codegen-twice").Missing(Facts{Target: target.Parse("x86_64-unknown-linux-gnu"), LTO: "fat", Pipelines: "no opt"}, plan("")); why != "no opt" {
		t.Errorf("without tools: %q", why)
	}
}

// TestLossesOfATarget: what a program has not it does not lose, and what a
// module's user reads says nothing of signals.
func TestLossesOfATarget(t *testing.T) {
	abort, wasi := Find("panic-abort"), target.Parse("wasm32-wasip1")
	caught := []relink.Evidence{{Kind: relink.CatchUnwind, Crate: "app", Function: "app::f"}}
	for panicking, loses := range map[string]bool{"unwind": true, "": true, "abort": false, "immediate-abort": false} {
		f := Facts{Panic: panicking, Target: wasi, Evidence: caught, Strict: true}
		plan := NewPlan("x", abort, Find("strip-symbols"))
		if got := len(Losses(plan.Techniques, f)); got != 1 && !loses || got != 2 && loses {
			t.Errorf("panic = %q: %d losses", panicking, got)
		}
		if (len(plan.Reliances(f)) > 0) != loses || (abort.Opposed(f) != "") != loses {
			t.Errorf("panic = %q: relied upon %v, opposed %q", panicking, plan.Reliances(f), abort.Opposed(f))
		}
	}
	f := Facts{Panic: "unwind", Target: wasi}
	for _, x := range everything() {
		if words := x.Losses(f); !x.Foreign(f) && (strings.Contains(words, "SIG") || strings.Contains(words, "illegal instruction")) {
			t.Errorf("%s: a module is told %q", x.Name, words)
		}
		for _, l := range x.Loses {
			if l.Module == l.What {
				t.Errorf("%s: the words for modules are the words for all", x.Name)
			}
		}
	}
}

// TestNamedPlan: what is left leaves the names, and all else stays.
func TestNamedPlan(t *testing.T) {
	gone := []string{"strip-symbols", "section-headers-out", "layout", "module", "wasm-opt", "pack", "strip-all"}
	for _, x := range everything() {
		if left := NewPlan("x", x).Named().Has(x.Name); left == slices.Contains(gone, x.Name) {
			t.Errorf("%s is left: %v", x.Name, left)
		}
	}
}

func TestDocsAreCurrent(t *testing.T) {
	golden.Compare(t, filepath.Join("..", "..", "docs", "techniques.md"), []byte(docs()))
}

// TestOldSpellingOfImmediateAbort: before late September 2025 it was a feature
// of std; such a compiler gets that technique and not its twin.
func TestOldSpellingOfImmediateAbort(t *testing.T) {
	f := Facts{Unstable: true, StdSource: true, Target: target.Parse("x86_64-unknown-linux-gnu"), Panic: "abort", Runs: true, Immediate: StdFeature}
	plan := NewPlan("x", Find("panic-abort"), Find("build-std"))
	old, now := Find("immediate-abort-feature"), Find("immediate-abort")
	if why := old.Missing(f, plan); why != "" {
		t.Errorf("the feature: missing %q", why)
	}
	if why := now.Missing(f, plan); why == "" {
		t.Error("-Cpanic=immediate-abort is allowed with a compiler that does not know it")
	}
	f.Immediate = PanicStrategy
	if why := old.Missing(f, plan); why == "" {
		t.Error("the feature is allowed with sources that do not have it")
	}
	got := NewPlan("x", Find("panic-abort"), Find("build-std"), Find("optimize-for-size"), old)
	if !slices.Contains(got.Setting.StdFeatures, "panic_immediate_abort") || !slices.Contains(got.Setting.StdFeatures, "optimize_for_size") {
		t.Errorf("features of std: %q", got.Setting.StdFeatures)
	}
	if slices.ContainsFunc(got.Setting.Rustflags, func(flag string) bool { return flag == "-Cpanic=immediate-abort" }) {
		t.Errorf("rustflags: %q", got.Setting.Rustflags)
	}
}
