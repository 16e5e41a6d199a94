package executor

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/recipe"
	"github.com/minsize/minsize/internal/relink"
	"github.com/minsize/minsize/internal/technique"
	"github.com/minsize/minsize/internal/verify"
)

// TestMain makes this test binary serve as the linker that cargo calls.
func TestMain(m *testing.M) {
	if relink.ActsAsLinker() {
		os.Exit(relink.LinkerMain(context.Background(), os.Args, os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// house is a project with something to cut, something to prune and something
// that costs time, and an executor for it.
func house(t *testing.T) *Executor {
	t.Helper()
	for _, tool := range []string{"cargo", "cc"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs " + tool)
		}
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"Cargo.toml": "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\n" +
			"dep = { path = \"dep\" }\n[workspace]\nmembers = [\"dep\"]\n[profile.release]\npanic = \"abort\"\n",
		"src/main.rs": "#[inline(never)] fn big(n: usize) -> String { format!(\"{:?}\", vec![n; n % 7]) }\n" +
			"fn main() { let n = std::env::args().count(); println!(\"{} {}\", dep::word(n), if n > 3 { big(n) } else { String::new() }); }\n",
		"dep/Cargo.toml": "[package]\nname = \"dep\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[features]\ndefault = [\"loud\"]\nloud = []\n",
		"dep/src/lib.rs": "pub fn word(n: usize) -> String { if cfg!(feature = \"loud\") { format!(\"WORD {n:>40.3e}\", n = n as f64) } else { \"word\".into() } }\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	p, err := cargo.Load(context.Background(), cargo.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := p.Lock("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unlock() })
	x, err := New(context.Background(), p, []*cargo.Toolchain{p.Toolchain})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.Close)
	return x
}

func (x *Executor) planned(list ...*technique.Technique) technique.Plan {
	return technique.NewPlan(x.Project.Toolchain.ID(), list...)
}

func typedCut(t *testing.T, text string) *technique.Technique {
	t.Helper()
	cut, _, err := technique.UserCut(text)
	if err != nil {
		t.Fatal(err)
	}
	return cut
}

// passes is a verifier that is content with all, and an observer that keeps
// what it is told.
type passes struct {
	rungs []ladder.Rung
	notes []string
}

func (*passes) Baseline(context.Context, string) (ladder.Verdict, error) {
	return ladder.Verdict{Status: ladder.Passed}, nil
}
func (*passes) Verify(context.Context, string) (ladder.Verdict, error) {
	return ladder.Verdict{Status: ladder.Passed, Checks: 1}, nil
}
func (*passes) Begin(string, bool)   {}
func (v *passes) Done(r ladder.Rung) { v.rungs = append(v.rungs, r) }
func (v *passes) Note(text string)   { v.notes = append(v.notes, text) }
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
func exists(path string) bool { _, err := os.Stat(path); return err == nil }

// TestExecutor is one life of a project: built, replayed, kept, made again. Its
// parts share the builds, which cost seconds.
func TestExecutor(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("links are replayed on Linux")
	}
	x := house(t)
	ctx := context.Background()
	plan := x.planned(technique.Find("strip-symbols"))
	b, err := x.Build(ctx, plan)
	must(t, err)
	if b.Replay == "" || len(b.Linkers) == 0 || b.Size == 0 || b.Cached {
		t.Fatalf("the build: %+v", b)
	}

	t.Run("cached", func(t *testing.T) {
		again, err := x.Build(ctx, plan)
		must(t, err)
		if !again.Cached || again.Program != b.Program || again.Replay != b.Replay {
			t.Errorf("built again: %+v", again)
		}
	})
	t.Run("finish", func(t *testing.T) { testFinish(t, x, b) })
	t.Run("keep", func(t *testing.T) { testKeep(t, x, b, plan) })
	t.Run("suggest", func(t *testing.T) {
		list, err := x.Suggest(ctx, b, plan)
		must(t, err)
		if !slices.ContainsFunc(list, func(s ladder.Suggestion) bool { return s.Kind == "function" && s.Retained > 0 && s.Try != nil }) {
			t.Errorf("no function of a program with format! is worth a cut: %+v", list)
		}
		if slices.ContainsFunc(list, func(s ladder.Suggestion) bool { return strings.HasPrefix(s.Cut, "std::*") }) {
			t.Error("std is suggested")
		}
		if _, err := x.Suggest(ctx, &ladder.Build{NoReplay: "a reason"}, plan); err == nil || !strings.Contains(err.Error(), "a reason") {
			t.Errorf("without a recording: %v", err)
		}
	})
	t.Run("prune", func(t *testing.T) { testPrune(t, x, b, plan) })
	t.Run("heed", func(t *testing.T) {
		var begun []string
		c := &recipe.Recipe{Strict: true}
		_, got, refused, err := x.BuildHeeding(ctx, c, plan, func(name string, full bool) { begun = append(begun, name) })
		must(t, err)
		if !slices.Equal(begun, []string{"release", "build"}) || got.Key() != plan.Key() || len(refused) > 0 {
			t.Errorf("begun %q, refused %v", begun, refused)
		}
	})
	t.Run("no tools", func(t *testing.T) { // of LLVM, where the search had them
		defer func(found map[string]llvmFound) { x.llvm = found }(x.llvm)
		x.llvm = map[string]llvmFound{plan.Toolchain: {err: relink.ErrNoLLVM}}
		c := &recipe.Recipe{}
		must(t, c.SetPlan(plan.With(technique.Find("codegen-no-cleanup-size"))))
		b, got, refused, err := x.BuildHeeding(ctx, c, c.Plan(plan.Toolchain), func(string, bool) {})
		must(t, err)
		if got.Link.Pipeline != "" || len(refused) != 1 || refused[0].Technique != "codegen-no-cleanup-size" || refused[0].Why != relink.ErrNoLLVM.Error() {
			t.Errorf("%+v, refused %v", got, refused)
		}
		if f, err := x.Finish(ctx, b, got); err != nil || f.Size == 0 {
			t.Errorf("%+v, %v", f, err)
		}
		if why := x.NoCodegen(ctx, x.Project.Toolchain); !strings.Contains(why, relink.CodegenGives) || !strings.Contains(why, relink.ErrNoLLVM.Error()) {
			t.Errorf("the report's line: %q", why)
		}
	})
	t.Run("link again", func(t *testing.T) {
		must(t, os.RemoveAll(b.Replay))
		again, err := x.Build(ctx, plan)
		must(t, err)
		if again.Replay == "" || !exists(again.Replay) {
			t.Errorf("the link was not recorded again: %+v", again)
		}
		must(t, os.WriteFile(again.Program, []byte("cut off"), 0o777)) // by a full disk, say
		if again, err = x.Build(ctx, plan); err != nil || again.Size < 1000 || again.Cached {
			t.Errorf("a damaged entry of the cache was taken: %+v, %v", again, err)
		}
	})
}

func testFinish(t *testing.T, x *Executor, b *ladder.Build) {
	ctx := context.Background()
	linker := &technique.Technique{Name: "other-linker", Link: &technique.Link{Linker: "no such linker"}}
	plain, err := x.Finish(ctx, b, x.planned())
	must(t, err)
	last := plain.Size
	for _, names := range [][]string{{"strip-symbols"}, {"strip-symbols", "section-headers-out"}, {"strip-symbols", "section-headers-out", "layout"}} {
		var list []*technique.Technique
		for _, name := range names {
			list = append(list, technique.Find(name))
		}
		file, err := x.Finish(ctx, b, x.planned(list...))
		must(t, err)
		if file.Size >= last || file.Stripped > plain.Stripped {
			t.Errorf("%q: %d bytes, %d before", names, file.Size, last)
		}
		last = file.Size
	}
	packed, err := x.Finish(ctx, b, x.planned(technique.Find("strip-symbols"), technique.Find("pack")))
	must(t, err)
	if packed.Size >= last || len(packed.Notes) == 0 || !strings.Contains(packed.Notes[0].Text, "CPU time") {
		t.Errorf("packed: %+v", packed)
	}
	cut, err := x.Finish(ctx, b, x.planned(typedCut(t, "app::big=trap"), typedCut(t, "not::there=trap"), technique.Find("strip-symbols")))
	must(t, err)
	if cut.Size >= plain.Size || !slices.ContainsFunc(cut.Notes, func(n ladder.Note) bool { return strings.Contains(n.Text, "not::there=trap matches no function") }) ||
		slices.ContainsFunc(cut.Notes, func(n ladder.Note) bool { return strings.Contains(n.Text, "app::big") }) {
		t.Errorf("cut: %+v", cut)
	}
	if out, err := exec.Command(cut.Path).Output(); err != nil || !strings.HasPrefix(string(out), "WORD") {
		t.Errorf("the cut program says %q, %v", out, err)
	}
	for want, p := range map[string]technique.Plan{
		"no no such linker here":    x.planned(linker),
		"refused: app::big returns": x.planned(typedCut(t, "app::big=return")),
	} {
		if want == "refused: app::big returns" {
			x.Proof = NewProof([]string{"app::big=return"}, false)
			want = "refused: "
		}
		if _, err := x.Finish(ctx, b, p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		x.Proof = nil
	}
	if _, err := x.Finish(ctx, &ladder.Build{Program: b.Program, NoReplay: "a reason"}, x.planned(linker)); err == nil || err.Error() != "a reason" {
		t.Errorf("without a recording: %v", err)
	}
	if id := x.LinkerID(ctx, b, x.planned(&technique.Technique{Name: "l", Link: &technique.Link{Linker: b.Linkers[0]}})); id == "" {
		t.Error("a linker that works has no name")
	}
	ended, end := context.WithCancel(ctx)
	end()
	if _, err := x.Finish(ended, b, x.planned()); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

func testKeep(t *testing.T, x *Executor, b *ladder.Build, plan technique.Plan) {
	ctx := context.Background()
	file, err := x.Finish(ctx, b, plan)
	must(t, err)
	r := &ladder.Result{BestBuild: b, BestPlan: plan, BestFile: file.Path, FinalSize: file.Size, FinalRaw: file.Size, Rungs: []ladder.Rung{{Name: "the rung"}}}
	if _, why, err := FindMade(ctx, x.Project); err != nil || !strings.Contains(why, "has made none") {
		t.Errorf("before: %q, %v", why, err)
	}
	must(t, x.Keep(ctx, r, "these flags"))
	out := x.Output(file.Path)
	if r.Output != filepath.Join("target", "minsize", "app") || r.Symbols != r.Output+".symbols" || !exists(out+".symbols") {
		t.Errorf("kept %q with %q (%s)", r.Output, r.Symbols, r.SymbolsNote)
	}
	if path, why, err := FindMade(ctx, x.Project); err != nil || path != out {
		t.Errorf("made: %q, %q, %v", path, why, err)
	}
	if size := x.CargoAlone(r); size != file.Size {
		t.Errorf("cargo alone makes %d bytes of what cargo alone made: %d", size, file.Size)
	}

	// A search that is ended leaves what a whole one found, unless it is better.
	larger := *r
	larger.FinalRaw++
	if notes := x.KeepVerified(&larger, "these flags"); len(notes) != 1 || !strings.Contains(notes[0], "and stays") {
		t.Errorf("a larger one: %q", notes)
	}
	if notes := x.KeepVerified(r, "other flags"); len(notes) != 1 || !strings.Contains(notes[0], "is the smallest that was verified") || !strings.Contains(notes[0], "the rung") {
		t.Errorf("other flags: %q", notes)
	}
	if notes := x.KeepVerified(&ladder.Result{}, "these flags"); notes != nil {
		t.Errorf("nothing verified: %q", notes)
	}
	if notes := x.KeepVerified(&ladder.Result{BestFile: filepath.Join(t.TempDir(), "gone")}, "x"); len(notes) != 1 || !strings.Contains(notes[0], "could not be kept") {
		t.Errorf("a file that has gone: %q", notes)
	}

	// The record tells what it is of.
	main := filepath.Join(x.Project.Dir, "src", "main.rs")
	text, err := os.ReadFile(main)
	must(t, err)
	for want, change := range map[string]func() error{
		"of other sources": func() error { return os.WriteFile(main, append(text, '\n'), 0o666) },
		"was changed":      func() error { return os.WriteFile(out, []byte("else"), 0o777) },
		"cannot be read":   func() error { return os.WriteFile(madePath(x.Project), []byte("{"), 0o666) },
	} {
		record, err := os.ReadFile(madePath(x.Project))
		must(t, err)
		must(t, change())
		if path, why, err := FindMade(ctx, x.Project); err != nil || path != "" || !strings.Contains(why, want) {
			t.Errorf("%s: %q, %q, %v", want, path, why, err)
		}
		must(t, os.WriteFile(main, text, 0o666))
		must(t, os.WriteFile(madePath(x.Project), record, 0o666))
		must(t, x.Keep(ctx, r, "these flags"))
	}
	must(t, os.Remove(out))
	if _, why, err := FindMade(ctx, x.Project); err != nil || !strings.Contains(why, "is not there") {
		t.Errorf("removed: %q, %v", why, err)
	}

	// Where names cannot be had an older symbol file does not stay.
	must(t, os.WriteFile(out, []byte("no program"), 0o777))
	if path, why, err := x.PlaceSymbols(ctx, b, plan, out); err != nil || path != "" || why == "" || exists(out+".symbols") {
		t.Errorf("%q, %q, %v", path, why, err)
	}
	must(t, x.Keep(ctx, r, "these flags"))
	unrecorded := &ladder.Build{Program: b.Program, NoReplay: "a reason"}
	if path, why, err := x.PlaceSymbols(ctx, unrecorded, plan, out); err != nil || path == "" {
		t.Errorf("by the built program's own names: %q, %v", why, err)
	}
}

func testPrune(t *testing.T, x *Executor, b *ladder.Build, plan technique.Plan) {
	ctx := context.Background()
	file, err := x.Finish(ctx, b, plan)
	must(t, err)
	manifest, err := os.ReadFile(x.Project.Manifest)
	must(t, err)
	for most, tried := range []int{0, 1} {
		v := &passes{}
		r := &ladder.Result{BestBuild: b, BestPlan: plan, BestFile: file.Path, FinalSize: file.Size, FinalRaw: file.Size, BaseStrip: file.Stripped}
		must(t, x.PruneFeatures(ctx, r, v, v, most))
		if len(r.Pruned) != tried || len(v.rungs) != tried || r.PruneBuilds != tried {
			t.Fatalf("at most %d: %+v", most, r.Pruned)
		}
		if tried == 0 && (len(v.notes) != 1 || !strings.Contains(v.notes[0], "dep and later dependencies are not tried")) {
			t.Errorf("said %q", v.notes)
		}
		if tried == 1 && (r.Pruned[0].Saves <= 0 || r.Pruned[0].Why != "" || r.Pruned[0].Check.Status != ladder.Passed) {
			t.Errorf("without dep's defaults: %+v", r.Pruned[0])
		}
	}
	if now, _ := os.ReadFile(x.Project.Manifest); string(now) != string(manifest) {
		t.Error("the user's manifest was changed")
	}
}

// TestRequests: what a plan asks of cargo, and what it may not.
func TestRequests(t *testing.T) {
	x := house(t)
	own := x.Project.Toolchain
	set := func(change func(*technique.Setting)) technique.Plan {
		p := x.planned()
		change(&p.Setting)
		return p
	}
	if _, err := x.Build(context.Background(), technique.NewPlan("another compiler")); err == nil || !strings.Contains(err.Error(), `the toolchain "another compiler" is not here`) {
		t.Errorf("another compiler: %v", err)
	}
	for _, bad := range []technique.KeyValue{{Key: "lto", Value: "thin"}, {Key: "opt-level", Value: "[]"}} {
		if _, err := x.request(set(func(s *technique.Setting) { s.Profile = []technique.KeyValue{bad} })); err == nil {
			t.Errorf("%v was taken", bad)
		}
		if _, err := x.request(set(func(s *technique.Setting) {
			s.Packages = []technique.PackageSetting{{Package: "dep", Profile: []technique.KeyValue{bad}}}
		})); err == nil {
			t.Errorf("%v was taken of a package", bad)
		}
	}
	x.SaveTemps = true
	r, err := x.request(set(func(s *technique.Setting) {
		s.Profile = []technique.KeyValue{{Key: "lto", Value: `"fat"`}}
		s.Packages = []technique.PackageSetting{{Package: "dep@0.1.0", Profile: []technique.KeyValue{{Key: "opt-level", Value: "3"}}}}
	}))
	must(t, err)
	if len(r.Rustflags) > 0 || !slices.Contains(r.Profile, cargo.KeyValue{Key: `package."dep@0.1.0".opt-level`, Value: 3}) || r.Bootstrap {
		t.Errorf("%+v", r)
	}
	if _, err := x.llvmTools(context.Background(), own); (err == nil) != slices.Equal(r.RootFlags, []string{"-Csave-temps"}) {
		t.Errorf("bitcode is kept by %q, with tools that read it: %v", r.RootFlags, err)
	}
	for _, value := range []any{"fat", true, "thin", false} { // of the project's own profile
		x.Project.Profile.Settings["lto"] = cargo.Setting{Value: value}
		fat := value == "fat" || value == true
		if _, err := x.llvmTools(context.Background(), own); x.keepsBitcode(x.planned()) != (fat && err == nil) {
			t.Errorf("lto = %v in the project: bitcode is kept: %v (tools: %v)", value, !fat, err)
		}
		if x.keepsBitcode(x.planned(technique.Find("lto-thin"))) {
			t.Errorf("lto = %v in the project, thin in the plan: bitcode is kept", value)
		}
	}
	std := set(func(s *technique.Setting) { s.BuildStd = []string{"std"} })
	if _, err := x.request(std); own.Unstable() != (err == nil) {
		t.Errorf("-Z on %s without --bootstrap: %v", own.Title(), err)
	}
	x.Bootstrap = true
	if r, err := x.request(std); err != nil || r.Bootstrap == own.Unstable() || r.BuildStdFeatures == nil {
		t.Errorf("with --bootstrap: %+v, %v", r, err)
	}
	musl := set(func(s *technique.Setting) { s.Target = "musl" })
	if r, err := x.request(musl); err != nil || r.Target != targetOf(x.Project.Triple, technique.Setting{Target: "musl"}) {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestCutNotes: what a cut has to say of a link, and when it is silent.
func TestCutNotes(t *testing.T) {
	cut := relink.Cut{Name: "c"}
	for _, c := range []struct {
		outcome relink.CutOutcome
		says    string
	}{
		{relink.CutOutcome{Cut: cut, Functions: []string{"f"}}, ""},
		{relink.CutOutcome{Cut: cut}, "matches no function"},
		{relink.CutOutcome{Cut: cut, Gone: true}, ""},
		{relink.CutOutcome{Cut: cut, Unsafe: true}, "is not made"},
		{relink.CutOutcome{Cut: cut, Functions: []string{"f"}, Merged: []string{"g"}}, "leaves g alone"},
	} {
		notes := cutNotes([]relink.CutOutcome{c.outcome})
		if len(notes) > 1 || len(notes) == 0 != (c.says == "") || len(notes) == 1 && (notes[0].About != "c" || !strings.Contains(notes[0].Text, c.says)) {
			t.Errorf("%+v: %+v, want %q", c.outcome, notes, c.says)
		}
	}
	if cutNotes(nil) != nil {
		t.Error("a link that failed has notes")
	}
}

// TestSides: what the table is told of a compiler, and which one builds what
// needs -Z.
func TestSides(t *testing.T) {
	x := house(t)
	own := x.Project.Toolchain
	f := x.Facts(context.Background(), own, technique.Policy{Glibc: [2]int{2, 31}})
	if f.Panic != "abort" || f.Glibc != [2]int{2, 31} || f.Unstable != own.Unstable() || f.Pipelines == "" || f.CPU {
		t.Errorf("%+v", f)
	}
	for theirs, ours := range map[cargo.ImmediateAbort]technique.Spelling{cargo.PanicStrategy: technique.PanicStrategy, cargo.StdFeature: technique.StdFeature} {
		if string(theirs) != string(ours) {
			t.Errorf("cargo says %q, the table %q", theirs, ours)
		}
	}
	// A recipe is built by what it was searched with.
	x.Project.Profile.Settings["strip"], x.Project.Profile.Settings["lto"] = cargo.Setting{Value: "symbols"}, cargo.Setting{Value: true}
	f = x.Facts(context.Background(), own, technique.Policy{})
	if h := x.heeded(context.Background(), own, &recipe.Recipe{}, nil); !h.Stripped || h.Stripped != f.Stripped || h.LTO != "true" || h.LTO != f.LTO || h.Panic != f.Panic {
		t.Errorf("searched with %+v, built with %+v", f, h)
	}
	side, said := x.NightSide(context.Background(), []*cargo.Toolchain{own}, technique.Policy{})
	if (side == nil) == own.Unstable() || side == nil && !strings.Contains(strings.Join(said, " "), "rustup toolchain install nightly") {
		t.Errorf("%v, %q", side, said)
	}
	x.Bootstrap, x.Codegen = true, true
	if side, said = x.NightSide(context.Background(), []*cargo.Toolchain{own}, technique.Policy{}); side == nil || side.Toolchain != own.ID() || own.Unstable() == (len(said) > 0) {
		t.Errorf("with --bootstrap: %v, %q", side, said)
	}
}

// TestRunner: this machine's own programs run as they are; others by what is
// configured or installed, or not at all, and then nothing is verified.
func TestRunner(t *testing.T) {
	x := house(t)
	if runner, why := Runner(x.Project); runner != nil || why != "" {
		t.Errorf("%v, %q", runner, why)
	}
	foreign := *x.Project
	foreign.Options.Target = "riscv64gc-unknown-linux-gnu"
	p, err := cargo.Load(context.Background(), foreign.Options)
	must(t, err)
	t.Setenv("PATH", "")
	runner, why := Runner(p)
	if runner != nil || !strings.Contains(why, "target.riscv64gc-unknown-linux-gnu.runner") {
		t.Errorf("%v, %q", runner, why)
	}
	p.Runner = []string{"qemu"}
	if runner, why := Runner(p); len(runner) != 1 || why != "" {
		t.Errorf("%v, %q", runner, why)
	}
	s := &SuiteVerifier{NoRun: why}
	for _, judge := range []func(context.Context, string) (ladder.Verdict, error){s.Baseline, s.Verify} {
		if v, err := judge(context.Background(), "x"); err != nil || v.Status != ladder.NotRun || v.Why != why {
			t.Errorf("%+v, %v", v, err)
		}
	}
}

// TestSuiteVerifier: verify's verdicts in the ladder's words.
func TestSuiteVerifier(t *testing.T) {
	dir := t.TempDir()
	program := func(name, text string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o777))
		return path
	}
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("needs sh")
	}
	base, other := program("base", "echo a"), program("other", "echo b")
	for _, c := range []struct {
		checks []verify.Check
		same   ladder.Status
		other  ladder.Status
	}{
		{[]verify.Check{{Command: "{}"}}, ladder.Passed, ladder.Failed},
		{nil, ladder.NotRun, ladder.NotRun},
	} {
		suite, err := verify.New(verify.Options{Checks: c.checks, Dir: dir})
		must(t, err)
		s := &SuiteVerifier{Suite: suite}
		v, err := s.Baseline(context.Background(), base)
		must(t, err)
		if v.Checks != len(suite.Commands()) {
			t.Errorf("the baseline: %+v", v)
		}
		if v, err := s.Verify(context.Background(), base); err != nil || v.Status == ladder.Failed {
			t.Errorf("the same program: %+v, %v", v, err)
		}
		if v, err := s.Verify(context.Background(), other); err != nil || len(c.checks) > 0 && (v.Status != c.other || v.Why == "") {
			t.Errorf("another answer: %+v, %v", v, err)
		}
		suite.Close()
	}
}

// TestProofNeedsSomething: before a long search it is said that nothing will
// prove a cut.
func TestProofNeedsSomething(t *testing.T) {
	x := house(t)
	p := NewProof([]string{"app::big=return", "app::*=trap"}, false)
	if !slices.Equal(p.Cuts(), []string{"app::big=return"}) {
		t.Errorf("to be proved: %q", p.Cuts())
	}
	err := p.Prepare(context.Background(), x)
	if _, missing := x.llvmTools(context.Background(), x.Project.Toolchain); missing == nil {
		if err != nil || !x.SaveTemps {
			t.Errorf("with llvm-tools: %v", err)
		}
		return
	}
	if !errors.Is(err, ErrNothingProves) {
		t.Errorf("without: %v", err)
	}
	x.Project.Profile.Settings["debug"] = cargo.Setting{Value: true}
	if err := p.Prepare(context.Background(), x); err != nil {
		t.Errorf("with debug information: %v", err)
	}
}
