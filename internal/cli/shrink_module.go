package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/minsize/minsize/internal/artefact"
	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/executor"
	"github.com/minsize/minsize/internal/inspect"
	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/report"
	"github.com/minsize/minsize/internal/verify"
)

// moduleFlags are the flags of shrink that mean something where there is
// nothing to build.
var moduleFlags = []string{"level", "with", "without", "allow-debuggability", "allow-behaviour", "objective", "cut", "suggest-cuts", "yes",
	"check", "check-ignore", "check-timeout", "check-files", "stage", "require-smaller", "output",
	"format", "report", "quiet", "verbose", "color", "no-recipe"}

// shrinkModule is the main job on a finished module: no project, no builds, the
// same search.
func (e *env) shrinkModule(ctx context.Context, cmd *cobra.Command, f *shrinkFlags, path string) error {
	plan, err := f.resolve(cmd.Flags().Changed)
	if err != nil {
		return err
	}
	var strange string
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		if !slices.Contains(moduleFlags, flag.Name) && !slices.Contains(report.Names(), flag.Name) {
			strange = flag.Name
		}
	})
	switch {
	case strange != "":
		return usageError("minsize shrink --"+strange+" in a cargo project, or FILE.wasm without it", "--%s is for projects, and a finished module is not built again", strange)
	case plan.prove && !f.yes:
		return usageError("--yes, when it is certain; or =trap, which fits every function", "--cut with =return is only right for functions that return nothing, and a finished module does not say which")
	}
	in, err := byteio.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return usageError("minsize shrink --bin "+filepath.Base(path)+" for a program of the project here; FILE.wasm is a finished module", "unexpected argument %q, which is no file", path)
	}
	if err != nil {
		return rewriteError(path, err)
	}
	defer in.Close()
	if !inspect.IsWasm(path) {
		return usageError("minsize strip FILE for other finished files; cd to the project for what cargo builds", "%s is no Wasm module", path)
	}
	out := f.output
	if out == "" {
		out = strings.TrimSuffix(path, ".wasm") + ".min.wasm"
	}
	if err := e.programTo(out, &f.out); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "minsize-module-")
	if err != nil {
		return diskError(err)
	}
	defer os.RemoveAll(scratch)
	m, err := executor.OpenModule(path, in.Data, scratch)
	if err != nil {
		return rewriteError(path, err)
	}
	m.Objective = plan.objective
	checking, noRun, err := f.moduleChecks(m, plan)
	if err != nil {
		return err
	}
	defer checking.Stage.Restore()
	suite, err := verify.New(checking)
	if err != nil {
		return usageError("--check 'node test.mjs {}'", "%v", err)
	}
	defer suite.Close()
	table, err := m.Table(plan.table)
	if err != nil {
		return rewriteError(path, err)
	}

	view := newShrinkView(e)
	defer view.end()
	view.idle()
	var notes []string
	if noRun != "" {
		notes = append(notes, noRun)
	}
	if !m.Named {
		notes = append(notes, "no cuts: they go by names, and the module carries none")
	}
	for _, n := range notes {
		view.Note(n)
	}
	search := ladder.Options{Base: ladder.Side{Facts: m.Facts()}, Policy: plan.policy, Table: table, Limits: ladder.DefaultLimits, Finish: true, Measure: true,
		Builder: m, Verifier: &executor.SuiteVerifier{Suite: suite, NoRun: noRun}, Observer: view}
	if f.suggest {
		search.Suggest = m
	}
	result, err := ladder.Run(ctx, search)
	if err != nil {
		view.end()
		return shrinkError(err)
	}
	result.Program, result.Target, result.Objective = filepath.Base(path), m.Target.Name, f.objective
	result.Toolchains, result.Checks, result.CheckNote = notes, suite.Commands(), strings.Join(suite.Notes(), "; ")
	if err := executor.Weigh(result); err != nil {
		return diskError(err)
	}
	view.end()
	if err := checking.Stage.Restore(); err != nil { // the result may take the same place
		return diskError(err)
	}
	smaller := result.FinalRaw < int64(len(in.Data))
	if smaller || f.output != "" {
		data, err := os.ReadFile(result.BestFile)
		if err != nil {
			return diskError(err)
		}
		if _, err := e.outputs().Deliver(ctx, out, byteio.Content{{Data: data}}, byteio.WriteOptions{Like: in}); err != nil {
			return rewriteError(out, err)
		}
		result.Output = out
	}
	document := report.Ladder(result)
	if f.out.format.Is(report.Screen) {
		document = report.LadderScreen(result, report.ScreenOptions{All: e.global.verbose > 0})
	}
	if err := e.print(ctx, document, &f.out); err != nil {
		return diskError(err)
	}
	if !smaller && f.needSmaller {
		return withStatus(exitNotSmaller, "--level max, or a look at `minsize top`", errors.New("nothing smaller was found"))
	}
	return nil
}

// moduleChecks are the checks of a module: a program of WASI's is run, a library
// is what its host makes of it. noRun is why nothing can be run.
func (f *shrinkFlags) moduleChecks(m *executor.Module, plan *shrinkPlan) (o verify.Options, noRun string, err error) {
	o = verify.Options{Checks: plan.checks, Ignore: plan.ignore, Timeout: f.checkTimeout, Dir: "."}
	switch {
	case m.Kind.Starts() && f.stage == "":
		var why string
		if o.Runner, why = m.Target.Runner(); o.Runner == nil {
			noRun = "not run: " + why + "; no rung that can change behaviour is kept"
		}
	case len(plan.checks) == 0:
		noRun = "not run: no --check says what the module's host does with it; no rung that can change behaviour is kept"
	}
	if f.stage == "" {
		return o, noRun, nil
	}
	place, err := filepath.Abs(f.stage)
	if err == nil {
		o.Stage, err = artefact.NewStage(place)
	}
	if err != nil {
		err = usageError("--stage PLACE, in a folder that is there", "--stage: %v", err)
	}
	return o, noRun, err
}
