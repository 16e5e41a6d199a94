package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/recipe"
	"github.com/minsize/minsize/internal/relink"
	"github.com/minsize/minsize/internal/report"
	"github.com/minsize/minsize/internal/speed"
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
	bench        string
	maxSlowdown  string

	cuts        []string
	suggest     bool
	codegen     time.Duration
	yes         bool
	pack        bool
	noRecipe    bool
	needSmaller bool
	strict      bool

	prune bool
	list  bool
	out   reportFlags
}

func newShrinkCommand(e *env) *cobra.Command {
	f := &shrinkFlags{}
	cmd := &cobra.Command{
		Use:   "shrink [flags] [cargo's flags]",
		Short: "find the smallest verified program of a cargo project",
		Long: `shrink builds the project's program as it is, tries what makes it smaller, runs
your checks on every result, and leaves the smallest one that passes in
target/minsize. None of the project's files is changed; minsize.toml is written
beside the workspace's Cargo.toml, so that "minsize build" can do it again.

What may be lost is decided by --level:
  safe     nothing but size, speed and debuggability (the default)
  abort    a panic ends the program: no catch_unwind, no destructors after it
  nightly  what needs an unstable compiler and std from source: panics are silent
  max      also {:?} prints nothing, panics name no place; on any compiler they are silent
Security (ASLR, RELRO, ...) is given up by --allow-security only, at no level.`,
		Example: `  minsize shrink
  minsize shrink --level abort --check '{} --selftest' --check '! {} none'
  minsize shrink --glibc 2.36 --bench '{} big.log' --max-slowdown 5%
  minsize shrink -p server --bin serverd --format html --report ladder.html`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError("minsize shrink --bin NAME, or cd to the project", "unexpected argument %q", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.list {
				return e.print(cmd.Context(), techniquesDocument(), &f.out)
			}
			return e.shrink(cmd.Context(), cmd, f)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.level, "level", "safe", "how much may be lost: "+strings.Join(technique.LevelNames(), ", "))
	flags.StringArrayVar(&f.checks, "check", nil, "`command` that must do the same on every result, {} is the program; repeatable")
	flags.StringArrayVar(&f.checkIgnore, "check-ignore", nil, "`regexp` of output that may differ, such as times; repeatable")
	flags.BoolVar(&f.checkFiles, "check-files", false, "run checks in an empty folder and compare what they write there, too; $MINSIZE_CHECK_DIR is this folder")
	flags.DurationVar(&f.checkTimeout, "check-timeout", time.Minute, "how long one check may run on the release build")
	flags.StringVar(&f.bench, "bench", "", "`command` whose speed is measured, {} is the program")
	flags.StringVar(&f.maxSlowdown, "max-slowdown", "", "with --bench: how much slower the result may be, such as 5%")
	flags.StringSliceVar(&f.with, "with", nil, "techniques by `name`, beyond the level (see --list-techniques)")
	flags.StringSliceVar(&f.without, "without", nil, "techniques by `name` that are left out")
	flags.BoolVar(&f.list, "list-techniques", false, "list all techniques, with where each enters and what it loses")
	flags.BoolVar(&f.debug, "allow-debuggability", true, "debuggers and backtraces may see less")
	flags.BoolVar(&f.deploy, "allow-deployment", false, "the program may need a newer system (RELR: glibc 2.36)")
	flags.BoolVar(&f.behaviour, "allow-behaviour", false, "the program may do something else in some situations, usually after a panic")
	flags.BoolVar(&f.security, "allow-security", false, "mitigations against attacks may be given up (no-pie, norelro, ...)")
	flags.BoolVar(&f.strict, "strict", false, "give up nothing that the program was seen to rely on (catch_unwind, panic hooks, {:?}, ...)")
	flags.StringVar(&f.glibc, "glibc", "", "the oldest glibc that the program must run on, such as 2.31")
	flags.BoolVar(&f.bootstrap, "bootstrap", false, "unstable flags on a stable compiler (RUSTC_BOOTSTRAP=1)")
	flags.StringArrayVar(&f.cuts, "cut", nil, "replace functions by a stub: `PATTERN[=trap|report|return]`; repeatable")
	flags.BoolVar(&f.suggest, "suggest-cuts", false, "list functions and crates by what cutting each would really save; nothing is applied")
	flags.DurationVar(&f.codegen, "codegen-budget", 0, "time for compiling the bitcode anew under other pipelines, such as 5m")
	flags.BoolVarP(&f.yes, "yes", "y", false, "cuts with =return and =zero are right, where nothing proves it")
	flags.BoolVar(&f.pack, "pack", false, "compress the result at the end: it unpacks itself when it starts")
	flags.BoolVar(&f.noRecipe, "no-recipe", false, "do not write minsize.toml")
	flags.BoolVar(&f.needSmaller, "require-smaller", false, "exit with status 5 where nothing smaller was found")
	flags.BoolVar(&f.prune, "prune-features", false, "try the best without the default features of each direct dependency; shown apart")
	f.out.register(flags)
	f.cargo.register(flags)
	return cmd
}

// shrinkPlan is the flags resolved, without touching the machine.
type shrinkPlan struct {
	policy  technique.Policy
	checks  []verify.Check
	ignore  []*regexp.Regexp
	maxSlow float64
	table   []*technique.Technique
	prove   bool // a cut of the user's is right only where the function returns nothing
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
	p.policy.Strict, p.policy.Insist = f.strict, f.insists()
	if f.glibc != "" {
		if _, err := fmt.Sscanf(f.glibc, "%d.%d", &p.policy.Glibc[0], &p.policy.Glibc[1]); err != nil {
			return nil, usageError("--glibc 2.31", "--glibc %q is no version", f.glibc)
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
	p.table = append(p.table, technique.PipelineTable()...) // last: each cut is then made in the bitcode
	for _, t := range technique.PipelineTable() {
		if t.Slow() && f.bench != "" && f.maxSlowdown != "" && !slices.Contains(f.without, t.Name) {
			p.policy.With = append(slices.Clone(p.policy.With), t.Name)
		}
	}
	if f.codegen < 0 {
		return nil, usageError("--codegen-budget 5m", "--codegen-budget %v is below zero", f.codegen)
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
	if f.bench != "" && !strings.Contains(f.bench, "{}") {
		return nil, usageError("--bench '{} "+strings.TrimPrefix(f.bench, "./")+"'", "--bench %q does not say where the program goes: {}", f.bench)
	}
	return p, nil
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
	options := e.cargoOptions(&f.cargo)
	project, err := cargo.Load(ctx, options)
	if err != nil {
		return cargoError(err)
	}
	adopted := ""
	old, path, err := recipe.Find(project.Root, recipe.Program{Package: project.Package.Name, Name: project.Target.Name})
	var missing *recipe.MissingError
	switch {
	case err == nil && old.IsFor(project):
		adopted = f.adopt(&old.Check)
		if old.Strict && !cmd.Flags().Changed("strict") {
			f.strict = true
			adopted = strings.TrimPrefix(adopted+"; strict = true of "+recipe.Name+" (--strict=false ends it)", "; ")
		}
	case err == nil, errors.As(err, &missing), errors.Is(err, recipe.ErrOtherVersion):
	default: // its checks may be edited: a slip there is not to be lost
		return withStatus(exitFailed, "correct it, or remove it: shrink writes it anew", fmt.Errorf("%s, which shrink would replace: %w", shortPath(project.Dir, path), errors.Unwrap(err)))
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
		if err := writable(project.Root); err != nil { // found out now, not when the search is over
			return withStatus(exitFailed, "--no-recipe, where the program alone is wanted", fmt.Errorf("%s cannot be written: %w", filepath.Join(project.Root, recipe.Name), err))
		}
	}
	toolchains, err := cargo.FindToolchains(ctx, options, project.Toolchain)
	if err != nil {
		return cargoError(err)
	}
	x, err := newExecutor(ctx, project, toolchains)
	if err != nil {
		return diskError(err)
	}
	defer x.close()
	x.bootstrap, x.saveTemps, x.codegenBudget = f.bootstrap, f.codegen > 0, f.codegen
	x.proof = newReturnProof(f.cuts, f.yes)
	if plan.prove {
		if err := x.proof.prepare(ctx, x, project); err != nil {
			return err
		}
	}

	runner, noRun := runnerOf(project)
	suite, err := verify.New(verify.Options{Checks: plan.checks, Ignore: plan.ignore, Runner: runner,
		Dir: project.Dir, Timeout: f.checkTimeout})
	if err != nil {
		return usageError("--check '{} --version'", "%v", err)
	}
	defer suite.Close()

	x.progress = view.crate

	search := ladder.Options{
		Base:   ladder.Side{Toolchain: project.Toolchain.ID(), Facts: facts(ctx, project, project.Toolchain, plan, f)},
		Policy: plan.policy, Table: plan.table, Limits: ladder.DefaultLimits, Measure: true,
		Builder: x, Verifier: &suiteVerifier{suite: suite, noRun: noRun}, Observer: view,
		MaxSlow: plan.maxSlow,
	}
	if f.bench != "" && noRun == "" {
		b := &speed.Bench{Command: f.bench, Dir: project.Dir, Runner: runner, Scratch: x.scratch}
		if empty, err := project.CompileOne(ctx, x.scratch, "empty", "fn main() {}", []string{"-Copt-level=3"}); err == nil {
			b.Empty = empty
		}
		search.Bencher = b
		if !project.Foreign() {
			search.Profiler = &speed.Profiler{Bench: b, Builder: x, Project: project}
		}
	}
	if f.suggest {
		search.Suggest = &suggester{x}
	}
	var notes []string
	if noRun != "" {
		notes = append(notes, noRun)
	}
	for _, path := range project.IgnoredProfiles() {
		notes = append(notes, noEffect(shortPath(project.Dir, path)))
	}
	if plan.wantsUnstable() {
		var said []string
		search.Night, said = nightSide(ctx, project, toolchains, plan, f)
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
	won := wonRecord(x, plan, f)
	if err != nil && !result.Final {
		view.end()
		e.keepVerified(x, result, won)
		return shrinkError(err)
	}
	// The search is at its end: what comes now is told beside it, and an
	// interrupt loses nothing of it.
	kept := e.keepWinner(context.WithoutCancel(ctx), x, f, result, won)
	if err != nil {
		view.end()
		return shrinkError(errors.Join(err, kept))
	}
	result.Program, result.Package, result.Target = project.Target.Name, project.Package.Name, project.Triple.Name
	result.Toolchain, result.Toolchains = project.Toolchain.Title(), notes
	result.Checks = suite.Commands()
	result.CheckNote = strings.Join(suite.Notes(), "; ")
	if f.prune {
		p := &pruner{x: x, suite: search.Verifier, view: view}
		if err := p.run(ctx, result, maxPrunes(result)); err != nil {
			return diskError(err)
		}
	}
	result.Advice = advice(ctx, x, result)
	view.end()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	document := report.Ladder(result)
	if f.out.format == "text" {
		document = report.LadderScreen(result, report.ScreenOptions{All: e.global.verbose > 0, Next: nextCommand(f)})
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

// writable says whether files can be made in dir.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".minsize-*")
	if err != nil {
		var path *os.PathError
		if errors.As(err, &path) {
			return path.Err
		}
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
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

// facts are what the table asks about a toolchain and this project. Which
// linkers work is found out on the program itself, after its first build.
func facts(ctx context.Context, p *cargo.Project, t *cargo.Toolchain, plan *shrinkPlan, f *shrinkFlags) technique.Facts {
	facts := technique.Facts{
		Unstable: t.Unstable() || f.bootstrap, StdSource: t.BuildsStd(f.bootstrap),
		Glibc: plan.policy.Glibc, Target: p.Triple, Panic: "unwind", Runs: true,
		Immediate: string(t.ImmediateAbort),
		CPU: slices.ContainsFunc(p.Rustflags.Flags, func(flag string) bool {
			return strings.Contains(flag, "target-cpu") || strings.Contains(flag, "target-feature")
		}),
	}
	if twin, can := p.Triple.Musl(); can {
		facts.Musl = t.HasTarget(twin.Name)
	}
	if _, err := relink.FindLLVM(ctx, t.LLVM, t.HostTools()); err != nil {
		facts.Pipelines = "needs opt and llc of the compiler's LLVM: " + err.Error()
	} else if f.codegen == 0 {
		facts.Pipelines = "--codegen-budget 5m"
	}
	if s, ok := p.Profile.Settings["panic"]; ok {
		facts.Panic = s.String()
	}
	return facts
}

// nightSide picks the compiler for what needs -Z: the project's own where it
// can, then a nightly with std's sources, then with --bootstrap any with
// sources, then a nightly without.
func nightSide(ctx context.Context, p *cargo.Project, all []*cargo.Toolchain, plan *shrinkPlan, f *shrinkFlags) (*ladder.Side, []string) {
	type choice func(t *cargo.Toolchain) bool
	own := func(t *cargo.Toolchain) bool { return t == p.Toolchain }
	for _, fits := range []choice{
		func(t *cargo.Toolchain) bool { return own(t) && t.BuildsStd(f.bootstrap) },
		func(t *cargo.Toolchain) bool { return t.Unstable() && t.BuildsStd(false) },
		func(t *cargo.Toolchain) bool { return t.BuildsStd(f.bootstrap) },
		func(t *cargo.Toolchain) bool { return t.Unstable() || own(t) && f.bootstrap },
	} {
		for _, t := range all {
			if !fits(t) || !t.HasTarget(p.Triple.Name) && !t.BuildsStd(f.bootstrap) {
				continue
			}
			side := &ladder.Side{Toolchain: t.ID(), Facts: facts(ctx, p, t, plan, f)}
			var notes []string
			if !own(t) {
				notes = append(notes, fmt.Sprintf("unstable rungs are built with %s, the baseline with %s", t.Title(), p.Toolchain.Title()))
			}
			if !t.Unstable() {
				notes = append(notes, "RUSTC_BOOTSTRAP=1 was allowed by --bootstrap: build scripts that probe the compiler may choose other code")
			}
			return side, notes
		}
	}
	hint := "no nightly compiler here, so the unstable rungs are left out: rustup toolchain install nightly --component rust-src"
	for _, t := range all {
		if t.BuildsStd(true) {
			hint += fmt.Sprintf("; or --bootstrap, for %s has the sources of std", t.Title())
			break
		}
	}
	return nil, []string{hint}
}

// runnerOf is what runs the program here: nothing for this machine's own,
// cargo's configured runner, or an emulator that is installed. why says that
// nothing does.
func runnerOf(p *cargo.Project) (runner []string, why string) {
	if len(p.Runner) > 0 || !p.Foreign() {
		return p.Runner, ""
	}
	if p.Triple.Native() {
		return nil, "" // another C library of this machine
	}
	runner, why = p.Triple.Runner()
	if runner == nil {
		why = fmt.Sprintf("not run: %s, and no target.%s.runner is configured; no rung that can change behaviour is kept", why, p.Triple.Name)
	}
	return runner, why
}

// suiteVerifier is verify's suite as the ladder wants it.
type suiteVerifier struct {
	suite *verify.Suite
	noRun string // why nothing can be run here; "" where it can
}

func (s *suiteVerifier) Baseline(ctx context.Context, program string) (ladder.Verdict, error) {
	if s.noRun != "" {
		return ladder.Verdict{Status: ladder.NotRun, Why: s.noRun}, nil
	}
	if err := s.suite.Baseline(ctx, program); err != nil {
		return ladder.Verdict{}, err
	}
	return ladder.Verdict{Status: s.passed(), Checks: len(s.suite.Commands())}, nil
}

// passed is what a run without a difference says: nothing where nothing ran.
func (s *suiteVerifier) passed() ladder.Status {
	if len(s.suite.Commands()) == 0 {
		return ladder.NotRun
	}
	return ladder.Passed
}

func (s *suiteVerifier) Verify(ctx context.Context, program string) (ladder.Verdict, error) {
	if s.noRun != "" {
		return ladder.Verdict{Status: ladder.NotRun, Why: s.noRun}, nil
	}
	v, err := s.suite.Verify(ctx, program)
	if err != nil {
		return ladder.Verdict{}, err
	}
	if !v.Same {
		return ladder.Verdict{Status: ladder.Failed, Checks: v.Checks, Why: v.Why}, nil
	}
	verdict := ladder.Verdict{Status: s.passed(), Checks: v.Checks}
	if verdict.Status == ladder.NotRun {
		verdict.Why = strings.Join(s.suite.Notes(), "; ")
	}
	return verdict, nil
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

// wonRecord is where a whole search of these sources under these flags notes
// the digest of the program that it left in target/minsize.
func wonRecord(x *executor, plan *shrinkPlan, f *shrinkFlags) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%+v %q %q %v %v", plan.policy, f.cuts, f.checks, f.bootstrap, f.codegen > 0))
	return filepath.Join(x.cache.Dir, x.cache.Inputs, "won-"+hex.EncodeToString(sum[:8]))
}

// keepVerified leaves in target/minsize the smallest program that had passed
// its checks when the search was ended. The recipe stays as it is: it is that
// of whole searches. Where a whole search of the same sources and flags has
// left a smaller program there, that one stays.
func (e *env) keepVerified(x *executor, r *ladder.Result, won string) {
	if r.BestFile == "" {
		return
	}
	out := filepath.Join(x.project.OutputDir(), filepath.Base(r.BestFile))
	short := shortPath(x.project.Dir, out)
	if sum, err := os.ReadFile(won); err == nil {
		now, _ := byteio.SHA256(out)
		if info, err := os.Stat(out); err == nil && now == string(sum) && info.Size() <= r.FinalSize {
			e.note(short + " is what a whole search of the same sources found, and stays")
			return
		}
	}
	if err := placeWinner(r.BestFile, out); err != nil {
		e.note(fmt.Sprintf("what was verified could not be kept: %v", err))
		return
	}
	ctx := context.Background() // the search's own has ended
	err := x.recordMade(ctx, out)
	if _, _, names := x.placeSymbols(ctx, r.BestBuild, r.BestPlan, out); err == nil {
		err = names
	}
	if err != nil {
		e.note(fmt.Sprintf("beside %s: %v", short, err))
	}
	e.note(fmt.Sprintf("%s is the smallest that was verified: %s bytes, with %s; %s is not written by a search that was ended",
		short, report.FormatBytes(r.FinalSize, true), r.Rungs[r.Best].Name, recipe.Name))
}

// placeWinner puts a program into target/minsize, whole or not at all.
func placeWinner(from, out string) error {
	temp := out + ".part"
	os.Remove(temp) // of a run that was killed
	err := byteio.CopyFile(from, temp, 0o777)
	if err == nil {
		err = os.Rename(temp, out)
	}
	if err != nil {
		os.Remove(temp)
	}
	return err
}

// keepWinner writes the winner to target/minsize, and the recipe.
func (e *env) keepWinner(ctx context.Context, x *executor, f *shrinkFlags, r *ladder.Result, won string) error {
	out := filepath.Join(x.project.OutputDir(), filepath.Base(r.BestFile))
	if err := placeWinner(r.BestFile, out); err != nil {
		return err
	}
	if sum, err := byteio.SHA256(out); err == nil {
		os.WriteFile(won, []byte(sum), 0o666) // without it an interrupt keeps less
	}
	r.Output = shortPath(x.project.Dir, out)
	if err := x.recordMade(ctx, out); err != nil {
		return err
	}
	symbols, why, err := x.placeSymbols(ctx, r.BestBuild, r.BestPlan, out)
	if err != nil {
		return err
	}
	if r.SymbolsNote = why; symbols != "" {
		r.Symbols = shortPath(x.project.Dir, symbols)
	}
	if f.noRecipe {
		return nil
	}
	c, err := makeRecipe(x, f, r)
	if err != nil {
		return err
	}
	path, err := c.Write(ctx, x.project.Root)
	if err != nil {
		return err
	}
	r.Recipe = shortPath(x.project.Dir, path)
	return nil
}

// shortPath is path as seen from dir, where that is shorter.
func shortPath(dir, path string) string {
	if rel, err := filepath.Rel(dir, path); err == nil && !strings.HasPrefix(rel, "..") {
		return rel
	}
	return path
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
