package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/minsize/minsize/internal/advice"
	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/executor"
	"github.com/minsize/minsize/internal/inspect"
	"github.com/minsize/minsize/internal/outline"
	"github.com/minsize/minsize/internal/report"
	"github.com/minsize/minsize/internal/saving"
	"github.com/minsize/minsize/internal/verify"
)

// adviseFlags are what was typed.
type adviseFlags struct {
	output      reportFlags
	cargo       cargoFlags
	debugFile   string
	try         int
	tryFor      time.Duration
	checks      []string
	checkIgnore []string
	limit       int
}

func newAdviseCommand(e *env) *cobra.Command {
	f := &adviseFlags{}
	cmd := &cobra.Command{
		Use:   "advise [FILE]",
		Short: "what to change in your code, ranked by bytes that were tried",
		Long: `Looks for what somebody can change in a program's own sources and manifests, and
says what each change is worth and what to type. What needs no understanding is
tried in a copy of the project: built, measured, and your checks run on it. For
the rest there is a range that the real edit lies within.

Nothing of the project is changed. What was tried is kept in target/minsize, so
that a second run answers at once and goes on where the builds were used up.

With a FILE it answers from the finished program alone.`,
		Example: "  minsize advise\n  minsize advise --try 40 --check '{} --selftest'\n  minsize advise --try 0\n  minsize advise target/release/app",
		Args:    takes(0, 1, "one program", "minsize advise FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.try < 0 || f.tryFor < 0 || f.limit < 0 {
				return usageError("--try 12 --try-for 10m -n 20", "a limit is below zero")
			}
			var result *report.Advise
			var err error
			if len(args) == 1 {
				result, err = e.adviseFile(cmd.Context(), f, args[0])
			} else {
				result, err = e.adviseProject(cmd.Context(), f)
			}
			if err != nil {
				return err
			}
			result.Brief = f.output.format.Is(report.Screen) && e.global.verbose == 0
			if result.Limit = f.limit; !f.output.format.Is(report.Screen) && !cmd.Flags().Changed("max-items") {
				result.Limit = 0
			}
			return e.print(cmd.Context(), result.Document(), &f.output)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&f.try, "try", 12, "at most `N` builds of changes, the most promising first; 0 for none")
	flags.DurationVar(&f.tryFor, "try-for", 10*time.Minute, "no further build after this `TIME`; 0 for any")
	flags.StringArrayVar(&f.checks, "check", nil, "`COMMAND` that must do the same before and after, {} is the program; repeatable")
	flags.StringArrayVar(&f.checkIgnore, "check-ignore", nil, "what this `REGEXP` matches may differ")
	flags.IntVarP(&f.limit, "max-items", "n", 12, "`N` rows, 0 for all")
	registerDebugFile(flags, &f.debugFile)
	f.output.register(flags)
	f.cargo.register(flags)
	return cmd
}

// adviseFile answers from a finished program.
func (e *env) adviseFile(ctx context.Context, f *adviseFlags, path string) (*report.Advise, error) {
	result := &report.Advise{Program: path, Savings: []saving.Saving{}, Notes: []string{}}
	err := e.withGraph(ctx, path, &graphFlags{edges: "twiggy", bodies: true, debug: true, debugFile: f.debugFile}, func(c *report.GraphContext) error {
		return byteio.Interruptible(ctx, func() error {
			s := saving.NewSubject(c.Graph, nil, "", nil)
			result.Size, result.Savings = s.Size, s.Find()
			if c.Graph.Program != nil {
				for _, x := range advice.Findings(c.Graph.Program) {
					if x.Name == "debug" || x.Name == "symbols" { // no loader maps them
						result.Notes = append(result.Notes, fmt.Sprintf("%s: %d bytes more: %s", x.Title, x.Bytes, x.Advice))
						continue
					}
					result.Savings = append(result.Savings, saving.Found(x.Name, x.Title, x.Advice, x.Bytes, x.Items))
				}
				saving.Rank(result.Savings)
			}
			return nil
		})
	})
	return result, err
}

// adviseProject builds the project, looks at it, and tries what can be tried.
func (e *env) adviseProject(ctx context.Context, f *adviseFlags) (*report.Advise, error) {
	options := e.cargoOptions(&f.cargo)
	project, err := cargo.Load(ctx, options)
	var none *cargo.NoProjectError
	if errors.As(err, &none) && f.cargo.ManifestPath == "" {
		return nil, usageError("minsize advise FILE, or cd to a cargo project", "no file given, and no cargo project here")
	}
	if err != nil {
		return nil, cargoError(err)
	}
	unlock, err := project.Lock("advise")
	if err != nil {
		return nil, cargoError(diskError(err))
	}
	defer unlock()
	sources, notes, err := outline.ReadWorkspace(project)
	if err != nil {
		return nil, err
	}
	o := saving.Options{Build: e.cargoBuild, Proof: outline.ProofOptions{Cargo: options, Checks: f.checks}}
	if o.Proof.Ignore, err = ignorePatterns(f.checkIgnore); err != nil {
		return nil, err
	}
	if o.Inputs, err = executor.InputsDigest(ctx, project); err != nil {
		return nil, cargoError(err)
	}
	bench, err := saving.OpenBench(ctx, project, o)
	if err != nil {
		return nil, proofError(err)
	}
	defer bench.Close()
	view := newShrinkView(e)
	defer view.end()
	program, err := bench.Base(ctx)
	if err != nil {
		return nil, proofError(err)
	}
	result := &report.Advise{Program: project.Target.Name, Project: true, Notes: append([]string{}, notes...), Checks: "your checks"}
	if bench.Default {
		result.Checks = "--version and --help"
	}
	graph := &graphFlags{edges: "twiggy", bodies: true, debug: true, folders: inspect.PackageFolders(project)}
	err = e.withGraph(ctx, program, graph, func(c *report.GraphContext) error {
		s := saving.NewSubject(c.Graph, project, bench.Root(), sources)
		if err := byteio.Interruptible(ctx, func() error {
			result.Size, result.Savings = s.Size, s.Find()
			return nil
		}); err != nil {
			return err
		}
		limits := saving.Limits{Builds: f.try, Time: f.tryFor}
		if n := min(bench.Pending(result.Savings), f.try); n > 0 {
			each := ""
			if bench.Each > 0 {
				each = fmt.Sprintf("; the first took %s, and most compile less", bench.Each.Round(time.Second/10))
			}
			builds := "builds"
			if n == 1 {
				builds = "build"
			}
			view.Note(fmt.Sprintf("%d %s to come, and one of all that hold together, for %v at most (--try, --try-for)%s", n, builds, f.tryFor, each))
		}
		tell := func(what string) {
			view.line("trying: " + what)
			view.idle()
		}
		if result.Savings, err = bench.Try(ctx, result.Savings, limits, tell); err != nil {
			return err
		}
		result.Together, err = bench.Together(ctx, result.Savings, limits, tell)
		return err
	})
	result.Builds, result.Kept = bench.Builds, bench.Kept
	return result, proofError(err)
}

// proofError gives an error of a proof in a scratch copy its status and hint.
func proofError(err error) error {
	var command *verify.CommandError
	var outside *outline.OutsideError
	var baseline *verify.BaselineError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &command):
		return usageError("--check '{} --version'", "%v", err)
	case errors.As(err, &outside):
		return withStatus(exitRefused, "one workspace for both", err)
	case errors.As(err, &baseline):
		return &statusError{status: exitVerification, hint: "a check that passes on the program as it is", detail: baseline.Lines(), err: err}
	}
	return cargoError(diskError(err))
}
