package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/minsize/minsize/internal/advice"
	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/executor"
	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/recipe"
	"github.com/minsize/minsize/internal/report"
	"github.com/minsize/minsize/internal/speed"
	"github.com/minsize/minsize/internal/target"
	"github.com/minsize/minsize/internal/technique"
	"github.com/minsize/minsize/internal/verify"
)

// shrinkFlags is what was typed behind `minsize shrink`.
type shrinkFlags struct {
	cargo cargoFlags

	level     string
	with      []string
	without   []string
	debug     bool
	deploy    bool
	behaviour bool
	security  bool
	glibc     string
	bootstrap bool

	checks       []string
	checkIgnore  []string
	checkTimeout time.Duration
	checkFiles   bool
	stage        string
	bench        string
	maxSlowdown  string

	cuts        []string
	suggest     bool
	codegen     time.Duration
	tune        string
	inlining    []string // choices of minsize.toml, to begin with
	yes         bool
	pack        bool
	noRecipe    bool
	needSmaller bool
	strict      bool

	objective string
	output    string

	prune bool
	list  bool
	out   reportFlags
}

func newShrinkCommand(e *env) *cobra.Command {
	f := &shrinkFlags{}
	cmd := &cobra.Command{
		Use:   "shrink [flags] [cargo's flags] [FILE.wasm]",
		Short: "find the smallest form of a cargo project's program or library that passes its checks",
		Long: `shrink builds the project's program or library as it is, tries what makes it
smaller, runs your checks on every result, and leaves the smallest one that passes in
target/minsize. None of the project's files is changed; minsize.toml is written
beside the workspace's Cargo.toml, so that "minsize build" can do it again.

What may be lost is decided by --level:
  safe     nothing but size, speed and debuggability (the default)
  abort    a panic ends the program: no catch_unwind, no destructors after it
  nightly  what needs an unstable compiler and std from source: panics are silent
  max      also {:?} prints nothing, panics name no place; on any compiler they are silent
Security (ASLR, RELRO, ...) is given up by --allow-security only, at no level.

With FILE.wasm a finished module is searched on, whoever made it: cuts by the
names that it carries, rewrites, wasm-opt where it is there. The smallest one
that passes is written to FILE.min.wasm beside it, or to -o.`,
		Example: `  minsize shrink
  minsize shrink --level abort --check '{} --selftest' --check '! {} none'
  minsize shrink --glibc 2.36 --bench '{} big.log' --max-slowdown 5%
  minsize shrink -p server --bin serverd --format html --report ladder.html
  minsize shrink pkg/app_bg.wasm --stage pkg/app_bg.wasm --check 'node test.mjs'`,
		Args: takes(0, 1, "no file, or one finished Wasm module,", "minsize shrink --bin NAME, or cd to the project"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.list {
				return e.print(cmd.Context(), report.Techniques(), &f.out)
			}
			if len(args) > 0 {
				return e.shrinkModule(cmd.Context(), cmd, f, args[0])
			}
			if f.output != "" { // an older name of --report, for projects
				if err := cmd.Flags().Set("report", f.output); err != nil {
					return err
				}
			}
			return e.shrink(cmd.Context(), cmd, f)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.level, "level", "safe", "how much may be lost: `LEVEL` is one of "+strings.Join(technique.LevelNames(), ", "))
	flags.StringArrayVar(&f.checks, "check", nil, "`COMMAND` that must do the same on every result, {} is the program or library; repeatable")
	flags.StringArrayVar(&f.checkIgnore, "check-ignore", nil, "`REGEXP` of output that may differ, such as times; repeatable")
	flags.BoolVar(&f.checkFiles, "check-files", false, "run checks in an empty folder and compare what they write there, too; $MINSIZE_CHECK_DIR is this folder")
	flags.DurationVar(&f.checkTimeout, "check-timeout", time.Minute, "the longest `TIME` that a check may run on the release build")
	flags.StringVar(&f.stage, "stage", "", "a library's `PLACE` where its host finds it while checks run, such as app/_native.abi3.so")
	flags.StringVar(&f.bench, "bench", "", "`COMMAND` whose speed is measured, {} is the program or library")
	flags.StringVar(&f.maxSlowdown, "max-slowdown", "", "with --bench: the result may be slower by this `SHARE`, such as 5%")
	flags.StringSliceVar(&f.with, "with", nil, "techniques by `NAME`, beyond the level (see --list-techniques)")
	flags.StringSliceVar(&f.without, "without", nil, "techniques by `NAME` that are left out")
	flags.BoolVar(&f.list, "list-techniques", false, "list all techniques, with where each enters and what it loses")
	flags.BoolVar(&f.debug, "allow-debuggability", true, "debuggers and backtraces may see less")
	flags.BoolVar(&f.deploy, "allow-deployment", false, "the program may need a newer system (RELR: glibc 2.36)")
	flags.BoolVar(&f.behaviour, "allow-behaviour", false, "the program may do something else in some situations, usually after a panic")
	flags.BoolVar(&f.security, "allow-security", false, "mitigations against attacks may be given up (no-pie, norelro, ...)")
	flags.StringVar(&f.objective, "objective", executor.Objectives[0].Name, "the size that is made small: `WHAT` is "+strings.Join(executor.ObjectiveNames(), ", "))
	flags.BoolVar(&f.strict, "strict", false, "give up nothing that the program was seen to rely on (catch_unwind, panic hooks, {:?}, ...)")
	flags.StringVar(&f.glibc, "glibc", "", "the oldest glibc `VERSION` that the result must run on, such as 2.31 or manylinux2014")
	flags.BoolVar(&f.bootstrap, "bootstrap", false, "unstable flags on a stable compiler (RUSTC_BOOTSTRAP=1)")
	flags.StringArrayVar(&f.cuts, "cut", nil, "replace functions by a stub: `PATTERN[=trap|report|return]`; repeatable")
	flags.BoolVar(&f.suggest, "suggest-cuts", false, "list functions and crates by what cutting each would really save; nothing is applied")
	flags.DurationVar(&f.codegen, "codegen-budget", 0, "`TIME` for making the machine code again from the bitcode, such as 5m; 0 for none (default as long as the builds took)")
	flags.StringVar(&f.tune, "tune", "", "how long inlining is tuned: a `BUDGET` of time or of compiles, or both, such as 10m or 200 or 10m,200; 0 for none (default 24, and as long as the builds took)")
	flags.BoolVarP(&f.yes, "yes", "y", false, "cuts with =return and =zero are right, where nothing proves it")
	flags.BoolVar(&f.pack, "pack", false, "compress the result at the end: it unpacks itself when it starts")
	flags.BoolVar(&f.noRecipe, "no-recipe", false, "do not write minsize.toml")
	flags.BoolVar(&f.needSmaller, "require-smaller", false, "exit with status 5 where nothing smaller was found")
	flags.BoolVar(&f.prune, "prune-features", false, "try the best without the default features of each direct dependency; shown apart")
	flags.StringVarP(&f.output, "output", "o", "", "of a finished module: write the result to this `FILE`; of a project the same as --report")
	f.out.register(flags)
	f.cargo.register(flags)
	return cmd
}

// shrinkPlan is the flags resolved, without touching the machine.
type shrinkPlan struct {
	policy    technique.Policy
	checks    []verify.Check
	ignore    []*regexp.Regexp
	maxSlow   float64
	table     []*technique.Technique
	objective *executor.Objective
	tuning    ladder.Tuning
	tuned     bool // inlining is tuned
	prove     bool // a cut of the user's is right only where the function returns nothing
}

// resolve refuses bad combinations, each with a hint.
func (f *shrinkFlags) resolve(changed func(string) bool) (*shrinkPlan, error) {
	p := &shrinkPlan{policy: technique.Policy{With: f.with, Without: f.without, Allow: map[technique.Risk]bool{}}}
	var err error
	if p.policy.Level, err = technique.ParseLevel(f.level); err != nil {
		return nil, usageError("--level "+strings.Join(technique.LevelNames(), ", --level "), "%v", err)
	}
	for _, class := range []struct {
		flag  string
		risk  technique.Risk
		value bool
	}{
		{"allow-debuggability", technique.Debuggability, f.debug},
		{"allow-deployment", technique.Deployment, f.deploy},
		{"allow-behaviour", technique.Behaviour, f.behaviour},
		{"allow-security", technique.Security, f.security},
	} {
		if changed(class.flag) {
			p.policy.Allow[class.risk] = class.value
		}
	}
	if p.objective, err = executor.ParseObjective(f.objective); err != nil {
		return nil, usageError("--objective "+strings.Join(executor.ObjectiveNames(), ", --objective "), "%v", err)
	}
	p.policy.Strict, p.policy.Insist = f.strict, f.insists()
	if f.glibc != "" {
		if p.policy.Glibc, err = target.Glibc(f.glibc); err != nil {
			return nil, usageError("--glibc 2.31, or --glibc manylinux2014", "--glibc: %v", err)
		}
	}
	if f.pack {
		p.policy.With = append(slices.Clone(p.policy.With), "pack")
	}
	p.table = slices.Concat(technique.Table(), technique.CutTable())
	for _, text := range f.cuts {
		t, doubt, err := technique.UserCut(text)
		if err != nil {
			return nil, usageError("--cut 'crate::module::function=trap'", "%v", err)
		}
		if doubt == technique.NeedConfirming && !f.yes {
			return nil, usageError(fmt.Sprintf("--cut '%s' --yes, when it is certain that 0 is a result of the function; or =trap, which fits every function", text),
				"--cut %q: a stub that returns 0 is only right for functions that may return 0", text)
		}
		p.prove = p.prove || doubt == technique.NeedProof && !f.yes
		p.table = append(p.table, t)
		p.policy.With = append(slices.Clone(p.policy.With), t.Name)
	}
	p.table = append(p.table, technique.InliningTable()...)
	p.table = append(p.table, technique.PipelineTable()...) // last: each cut is then made in the bitcode
	for _, t := range technique.PipelineTable() {
		if t.Slow() && f.bench != "" && f.maxSlowdown != "" && !slices.Contains(f.without, t.Name) {
			p.policy.With = append(slices.Clone(p.policy.With), t.Name)
		}
	}
	if f.codegen < 0 {
		return nil, usageError("--codegen-budget 5m", "--codegen-budget %v is below zero", f.codegen)
	}
	if p.tuning, p.tuned, err = parseTuning(f.tune); err != nil {
		return nil, usageError("--tune 10m, --tune 200 for compiles, or --tune 10m,200 for what is used up first", "%v", err)
	}
	if err := p.policy.Check(p.table); err != nil {
		return nil, usageError("minsize shrink --list-techniques, which names all", "%v", err)
	}
	for _, c := range f.checks {
		p.checks = append(p.checks, verify.Check{Command: c, Files: f.checkFiles})
	}
	if f.checkFiles && len(f.checks) == 0 {
		return nil, usageError("--check '{} $MINSIZE_CHECK_DIR/input' --check-files", "--check-files needs --check, a command that writes files")
	}
	if p.ignore, err = ignorePatterns(f.checkIgnore); err != nil {
		return nil, err
	}
	if f.maxSlowdown != "" && f.bench == "" {
		return nil, usageError("--bench '{} INPUT' --max-slowdown "+f.maxSlowdown, "--max-slowdown needs --bench, a command to measure")
	}
	p.maxSlow = 1e9 // --bench alone only measures
	if f.maxSlowdown != "" {
		text := strings.TrimSuffix(f.maxSlowdown, "%")
		if p.maxSlow, err = strconv.ParseFloat(strings.TrimSpace(text), 64); err != nil || p.maxSlow < 0 {
			return nil, usageError("--max-slowdown 5%", "--max-slowdown %q is no percentage", f.maxSlowdown)
		}
		p.maxSlow /= 100
	}
	if f.bench != "" && f.stage == "" && !strings.Contains(f.bench, "{}") {
		return nil, usageError("--bench '{} "+strings.TrimPrefix(f.bench, "./")+"'", "--bench %q does not say where the program goes: {}", f.bench)
	}
	return p, nil
}

// parseTuning reads --tune: a time, a number of compiles, or both.
func parseTuning(text string) (t ladder.Tuning, on bool, err error) {
	if text == "" {
		return ladder.DefaultTuning, true, nil
	}
	for _, word := range strings.Split(text, ",") {
		word = strings.TrimSpace(word)
		n, notCompiles := strconv.Atoi(word)
		d, notTime := time.ParseDuration(word)
		switch {
		case notCompiles == nil && n >= 0:
			t.Compiles = n
		case notTime == nil && d >= 0:
			t.Time = d
		default:
			return t, false, fmt.Errorf("--tune %q: %q is neither a time nor a number of compiles", text, word)
		}
	}
	return t, t.Compiles > 0 || t.Time > 0, nil
}

// insists are the techniques that were typed, and not merely allowed.
func (f *shrinkFlags) insists() []string {
	if f.pack {
		return append(slices.Clone(f.with), "pack")
	}
	return f.with
}

// shrink is the main job: read the project, find the toolchains, search, keep
// the winner, report.
func (e *env) shrink(ctx context.Context, cmd *cobra.Command, f *shrinkFlags) error {
	if _, err := f.resolve(cmd.Flags().Changed); err != nil { // before anything is read or run
		return err
	}
	view := newShrinkView(e)
	defer view.end()
	view.idle()
	project, adopted, err := e.settledProject(ctx, f, cmd.Flags().Changed)
	if err != nil {
		return err
	}
	if project.Triple.BareMetal() && !cmd.Flags().Changed("objective") {
		f.objective = executor.Flash
	}
	plan, err := f.resolve(cmd.Flags().Changed)
	if err != nil {
		return err
	}
	unlock, err := project.Lock("shrink")
	if err != nil {
		return cargoError(err)
	}
	defer unlock()
	if !f.noRecipe {
		if err := byteio.Writable(project.Root); err != nil { // found out now, not when the search is over
			return withStatus(exitFailed, "--no-recipe, where the program alone is wanted", fmt.Errorf("%s cannot be written: %w", filepath.Join(project.Root, recipe.Name), err))
		}
	}
	toolchains, err := cargo.FindToolchains(ctx, project.Options, project.Toolchain)
	if err != nil {
		return cargoError(err)
	}
	x, err := executor.New(ctx, project, toolchains)
	if err != nil {
		return diskError(err)
	}
	defer x.Close()
	x.Bootstrap = f.bootstrap
	x.Codegen = f.codegen > 0 || !cmd.Flags().Changed("codegen-budget")
	x.SaveTemps, x.Objective, x.Inlining = x.Codegen, plan.objective, f.inlining
	x.Proof = executor.NewProof(f.cuts, f.yes)
	if plan.prove {
		if err := x.Proof.Prepare(ctx, x); err != nil {
			text := x.Proof.Cuts()[0]
			return usageError(fmt.Sprintf("--cut '%s' --yes, when it is certain; or =trap, which fits every function; or debug = true in the profile, or `rustup component add llvm-tools`, to have it proved", text),
				"--cut %q: a stub that returns is only right for functions that return nothing, and %v", text, err)
		}
	}

	runner, noRun := executor.Runner(project)
	checking := verify.Options{Checks: plan.checks, Ignore: plan.ignore, Runner: runner, Dir: project.Dir, Timeout: f.checkTimeout}
	if project.Triple.BareMetal() { // it reads no arguments: those would be the emulator's
		checking.Default = func(string) []string { return []string{"{}"} }
	}
	if noRun, err = e.checkLibrary(ctx, x, &checking, f.stage, noRun); err != nil {
		return err
	}
	defer checking.Stage.Restore()
	suite, err := verify.New(checking)
	if err != nil {
		return usageError("--check '{} --version'", "%v", err)
	}
	defer suite.Close()

	x.Progress = view.crate

	search := ladder.Options{
		Base:   ladder.Side{Toolchain: project.Toolchain.ID(), Facts: x.Facts(ctx, project.Toolchain, plan.policy)},
		Policy: plan.policy, Table: plan.table, Limits: ladder.DefaultLimits, Measure: true,
		Builder: x, Verifier: &executor.SuiteVerifier{Suite: suite, NoRun: noRun}, Observer: view,
		MaxSlow: plan.maxSlow, Codegen: f.codegen, Tuning: plan.tuning,
	}
	if plan.tuned {
		search.Tuner, x.Tuning = x, view.tuning
	}
	if f.bench != "" && noRun == "" {
		b := &speed.Bench{Command: f.bench, Dir: project.Dir, Runner: checking.Runner, Scratch: x.Scratch, Stage: checking.Stage}
		if empty, err := project.CompileOne(ctx, x.Scratch, "empty", "fn main() {}", []string{"-Copt-level=3"}); err == nil {
			b.Empty = empty
		}
		search.Bencher = b
		if !project.Foreign() {
			search.Profiler = &speed.Profiler{Bench: b, Builder: x, Project: project}
		}
	}
	if f.suggest {
		search.Suggest = x
	}
	var notes []string
	if noRun != "" {
		notes = append(notes, noRun)
	}
	if x.Codegen {
		if why := x.NoCodegen(ctx, project.Toolchain); why != "" {
			notes = append(notes, why)
		}
	}
	for _, path := range project.IgnoredProfiles() {
		notes = append(notes, report.NoEffect(project.Short(path)))
	}
	if plan.wantsUnstable() {
		var said []string
		search.Night, said = x.NightSide(ctx, toolchains, plan.policy)
		notes = append(notes, said...)
	}
	for _, n := range notes {
		view.Note(n)
	}
	view.start(project, f.level)
	if adopted != "" {
		view.Note(adopted)
	}
	result, err := ladder.Run(ctx, search)
	result.Objective = f.objective
	asked := fmt.Sprintf("%+v %s %q %q %v %v", plan.policy, f.objective, f.cuts, f.checks, f.bootstrap, x.Codegen)
	if err != nil && !result.Final {
		view.end()
		for _, n := range x.KeepVerified(result, asked) {
			e.note(report.GroupDigits(n))
		}
		return shrinkError(err)
	}
	// The search is at its end: what comes now is told beside it, and an
	// interrupt loses nothing of it.
	kept := e.keepWinner(context.WithoutCancel(ctx), x, f, result, asked)
	if err != nil {
		view.end()
		return shrinkError(errors.Join(err, kept))
	}
	if newer := executor.NeedsNewer(result.BestFile, plan.policy.Glibc); newer != "" {
		notes = append(notes, newer)
	}
	result.Program, result.Package, result.Target = project.Target.Name, project.Package.Name, project.Triple.Name
	result.Toolchain, result.Toolchains = project.Toolchain.Title(), notes
	if err := executor.Weigh(result); err != nil {
		return diskError(err)
	}
	result.Checks = suite.Commands()
	result.CheckNote = strings.Join(suite.Notes(), "; ")
	if f.prune {
		// As many as the hard limit of full builds leaves.
		if err := x.PruneFeatures(ctx, result, search.Verifier, view, max(ladder.DefaultLimits.Hard-result.Builds, 0)); err != nil {
			return diskError(err)
		}
	}
	result.Advice = advice.Beyond(project, result.FinalRaw, func() (string, error) {
		file, err := x.Finish(ctx, result.BestBuild, result.BestPlan.Named())
		if err != nil {
			return "", err
		}
		return file.Path, nil
	})
	view.end()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	document := report.Ladder(result)
	if f.out.format.Is(report.Screen) {
		document = report.LadderScreen(result, report.ScreenOptions{All: e.global.verbose > 0, Next: advice.AfterSearch(f.level)})
	}
	if err := e.print(ctx, document, &f.out); err != nil { // what was found is told even if it cannot be kept
		return diskError(errors.Join(kept, err))
	}
	if kept != nil {
		return diskError(cargoError(kept))
	}
	if result.FinalSize >= result.Baseline && f.needSmaller {
		return withStatus(exitNotSmaller, "--level abort, or a look at `minsize size`", errors.New("nothing smaller was found"))
	}
	return nil
}

// wantsUnstable says whether the policy allows anything that needs -Z.
func (p *shrinkPlan) wantsUnstable() bool {
	for _, t := range p.table {
		if ok, _ := p.policy.Allows(t); ok && slices.Contains(t.Needs, technique.NeedUnstable) {
			return true
		}
	}
	return false
}

// shrinkError gives the search's errors their status and hint.
func shrinkError(err error) error {
	var baseline *ladder.BaselineError
	var check *verify.BaselineError
	var command *verify.CommandError
	switch {
	case errors.As(err, &command):
		return withStatus(exitUsage, "a command that runs here; {} stands for the program", err)
	case errors.As(err, &check):
		return &statusError{status: exitVerification, detail: check.Lines(),
			hint: "--check with a command that passes on the release build; --check-ignore REGEXP for what may differ, as times", err: err}
	case errors.As(err, &baseline):
		return cargoError(baseline.Err)
	}
	return diskError(cargoError(err))
}

// keepWinner leaves the winner in target/minsize, and writes the recipe.
func (e *env) keepWinner(ctx context.Context, x *executor.Executor, f *shrinkFlags, r *ladder.Result, asked string) error {
	if err := x.Keep(ctx, r, asked); err != nil || f.noRecipe {
		return err
	}
	c, err := x.Recipe(r)
	if err != nil {
		return err
	}
	f.record(c, r.BestPlan)
	unlock, err := x.Project.LockSettings(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	path, err := c.Write(ctx, x.Project.Root)
	if err != nil {
		return err
	}
	r.Recipe = x.Project.Short(path)
	if x.Project.MinsizeLinks {
		return e.linkAgain(x.Project, "")
	}
	return nil
}

// ignorePatterns reads what --check-ignore was given.
func ignorePatterns(texts []string) ([]*regexp.Regexp, error) {
	var out []*regexp.Regexp
	for _, text := range texts {
		re, err := regexp.Compile(text)
		if err != nil {
			return nil, usageError("--check-ignore 'took [0-9.]+ ms'", "--check-ignore: %v", err)
		}
		out = append(out, re)
	}
	return out, nil
}
