package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/executor"
	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/recipe"
	"github.com/minsize/minsize/internal/report"
	"github.com/minsize/minsize/internal/stream"
	"github.com/minsize/minsize/internal/technique"
	"github.com/minsize/minsize/internal/verify"
)

// buildFlags is what was typed behind `minsize build`.
type buildFlags struct {
	cargo      cargoFlags
	output     reportFlags
	file       string
	allowDrift bool
	check      bool
}

func newBuildCommand(e *env) *cobra.Command {
	f := &buildFlags{}
	cmd := &cobra.Command{
		Use:   "build [flags] [cargo's flags]",
		Short: "build with the settings that shrink found (minsize.toml), for CI and releases",
		Long: `build makes the program that "minsize shrink" found again: one cargo build with
the recorded settings, one replayed link, the recorded rewrites of the file.
The same sources give the same bytes. It fails where the compiler, the linker,
the target or Cargo.lock is not what minsize.toml says, for then the size and
the checks that were found say nothing about this program. Where the sources
changed so that a recorded setting would break the program (C++ that throws, in
a program without unwind tables), that setting is left out, and the report says
so; "minsize shrink --with NAME" keeps it whatever the program does.

The program lies in target/minsize, or where -o says.`,
		Example: `  minsize build
  minsize build --check -o dist/server
  minsize build --format json`,
		Args: takes(0, 0, "", "minsize build"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.build(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&f.file, "output", "o", "", "write the program to this `FILE` (default target/minsize/NAME); - is stdout")
	flags.BoolVar(&f.check, "check", false, "build the plain release program, too, and run the recorded checks against it")
	flags.BoolVar(&f.allowDrift, "allow-drift", false, "build although compiler, linker, target or Cargo.lock differ")
	f.output.register(flags)
	f.cargo.register(flags)
	return cmd
}

// build reads the recipe, refuses drift, builds, and reports.
func (e *env) build(ctx context.Context, f *buildFlags) error {
	if err := e.programTo(f.file, &f.output); err != nil {
		return err
	}
	view := newShrinkView(e)
	defer view.end()
	view.idle()
	options := e.cargoOptions(&f.cargo)
	// Cargo.lock must be what it was, so cargo may not mend it by itself.
	options.Locked = options.Locked || !f.allowDrift
	project, c, err := e.loadRecipe(ctx, options)
	var stale *cargo.BuildError
	if errors.As(err, &stale) && stale.Failure == cargo.FailedLockfile {
		return refuseDrift([]string{"Cargo.lock: does not fit the manifests any more, cargo would change it"}, false, c)
	}
	if err != nil {
		return err
	}
	unlock, err := project.Lock("build")
	if err != nil {
		return cargoError(diskError(err))
	}
	defer unlock()
	toolchains, err := cargo.FindToolchains(ctx, options, project.Toolchain)
	if err != nil {
		return cargoError(err)
	}
	toolchain := c.Compiler(toolchains)
	drift, err := c.Drift(project, toolchain)
	if err != nil {
		return err
	}
	if err := refuseDrift(drift, f.allowDrift, c); err != nil {
		return err
	}
	x, err := executor.New(ctx, project, toolchains)
	if err != nil {
		return diskError(err)
	}
	defer x.Close()
	x.Bootstrap = c.Toolchain.Bootstrap

	x.Progress = view.crate
	if e.global.verbose > 0 {
		x.Log = e.stderr
	}
	plan := c.Plan(toolchain.ID())
	x.SaveTemps = plan.Link.Pipeline != ""
	b, plan, refused, err := x.BuildHeeding(ctx, c, plan, view.Begin)
	view.close()
	view.idle()
	if err != nil {
		return diskError(cargoError(err))
	}
	if c.Link.Version != "" {
		if now := x.LinkerID(ctx, b, plan); now != c.Link.Version {
			drift = append(drift, recipe.Differs("linker", c.Link.Version, now))
			if err := refuseDrift(drift, f.allowDrift, c); err != nil {
				return err
			}
		}
	}
	if now := x.CodegenID(ctx, plan); now != "" && c.Link.Codegen != "" && now != c.Link.Codegen {
		drift = append(drift, recipe.Differs("LLVM of opt and llc", c.Link.Codegen, now))
		if err := refuseDrift(drift, f.allowDrift, c); err != nil {
			return err
		}
	}
	finished, err := x.Finish(ctx, b, plan)
	if err != nil {
		return diskError(err)
	}
	sum, err := byteio.SHA256(finished.Path)
	if err != nil {
		return err
	}
	result := &report.Built{Size: finished.Size, SHA256: sum, Recorded: c.Result.Size, Same: sum == c.Result.SHA256, Baseline: c.Result.Baseline,
		Toolchain: toolchain.Title(), CPU: b.CPU.Seconds(), Cached: b.Cached, Settings: plan, Loses: technique.Losses(plan.Techniques, x.OwnFacts(ctx, toolchain)),
		Drift: drift, Refused: refused}
	if c.Objective == executor.Flash { // the release build's ELF file and this one's say nothing of each other
		result.Baseline = 0
		result.Notes = append(result.Notes, "sizes are of the ELF file; minsize size says what is loaded")
	}
	for _, n := range finished.Notes {
		result.Notes = append(result.Notes, n.Text)
	}
	if f.check {
		if result.Checked, err = e.checkBuilt(ctx, x, c, finished); err != nil {
			return err
		}
	}
	out := f.file
	if out == "" {
		out = filepath.Join(project.OutputDir(), filepath.Base(finished.Path))
	}
	if err := e.placeProgram(ctx, finished.Path, out); err != nil {
		return diskError(err)
	}
	result.Program = project.Short(out)
	if f.file == "" {
		if err := x.RecordMade(ctx, out); err != nil {
			return diskError(err)
		}
	}
	symbols, why, err := x.PlaceSymbols(ctx, b, plan, out)
	if err != nil {
		return diskError(err)
	}
	if symbols != "" {
		result.Symbols = project.Short(symbols)
	} else {
		result.Notes = append(result.Notes, why)
	}
	view.end()
	return e.print(ctx, result.Document(), &f.output)
}

// refuseDrift stops a build that would not be the one that was found.
func refuseDrift(drift []string, allowed bool, c *recipe.Recipe) error {
	if len(drift) == 0 || allowed {
		return nil
	}
	return &statusError{status: exitRefused, detail: drift,
		hint: "minsize shrink, which finds and checks the settings anew; the toolchain was " + c.Toolchain.Name + "; or --allow-drift",
		err:  fmt.Errorf("%s was found under other conditions", recipe.Name)}
}

// checkBuilt runs the recorded checks on the plain release build and on the
// finished program.
func (e *env) checkBuilt(ctx context.Context, x *executor.Executor, c *recipe.Recipe, finished *ladder.File) (int, error) {
	runner, why := executor.Runner(x.Project)
	o := verify.Options{Runner: runner, Dir: x.Project.Dir}
	for _, command := range c.Check.Commands {
		o.Checks = append(o.Checks, verify.Check{Command: command, Files: c.Check.Files})
	}
	for _, text := range c.Check.Ignore {
		re, err := regexp.Compile(text)
		if err != nil {
			return 0, withStatus(exitFailed, "correct it in "+recipe.Name, fmt.Errorf("check.ignore: %w", err))
		}
		o.Ignore = append(o.Ignore, re)
	}
	why, err := e.checkLibrary(ctx, x, &o, c.Check.Stage, why)
	if err != nil {
		return 0, err
	}
	if why != "" {
		return 0, withStatus(exitVerification, "a runner, or leave --check out", errors.New("the checks were "+why))
	}
	defer o.Stage.Restore()
	suite, err := verify.New(o)
	if err != nil {
		return 0, shrinkError(err)
	}
	defer suite.Close()
	e.moving.Begin("the plain build, for checks", true)
	plain, err := x.Build(ctx, technique.NewPlan(x.Project.Toolchain.ID()))
	e.moving.close()
	e.moving.idle()
	if err != nil {
		return 0, diskError(cargoError(err))
	}
	if err := suite.Baseline(ctx, plain.Program); err != nil {
		return 0, shrinkError(err)
	}
	verdict, err := suite.Verify(ctx, finished.Path)
	if err != nil {
		return 0, err
	}
	if !verdict.Same {
		return 0, withStatus(exitVerification, "minsize shrink, which finds settings that pass", errors.New(verdict.Why))
	}
	for _, n := range suite.Notes() {
		e.note(n)
	}
	return verdict.Checks, nil
}

// placeProgram puts a finished program where the user wants it, whole or not
// at all.
func (e *env) placeProgram(ctx context.Context, from, to string) error {
	m, err := byteio.Open(from)
	if err != nil {
		return err
	}
	defer m.Close()
	if stream.Descriptor(to) < 0 {
		if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
			return err
		}
	}
	_, err = e.outputs().Deliver(ctx, to, byteio.Content{{Data: m.Data}}, byteio.WriteOptions{Perm: 0o755})
	return err
}
