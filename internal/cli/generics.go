package cli

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/llvmlines"
	"github.com/minsize/minsize/internal/refgraph"
	"github.com/minsize/minsize/internal/report"
)

// genericsFlags are what was typed.
type genericsFlags struct {
	output    reportFlags
	cargo     cargoFlags
	order     string
	filter    string
	limit     int
	copies    int
	llvmLines bool
	workspace bool
}

func newGenericsCommand(e *env) *cobra.Command {
	f := &genericsFlags{}
	cmd := &cobra.Command{
		Use:   "generics [FILE]",
		Short: "what each generic function costs, in bytes and copies",
		Long: `Lists generic functions, closures and impls with the bytes of all their copies,
the types that they were compiled for, the crates that asked for them, and what
one shared body would give back at most. FILE is any program with symbols;
without one, the cargo project here is built, its names in the scheme that
tells the types (v0).

--llvm-lines counts lines of LLVM IR before optimisation instead, as
cargo-llvm-lines does, of the program's crate or of the whole workspace.`,
		Example: "  minsize generics\n  minsize generics target/release/app --sort copies -n 10\n  minsize generics --llvm-lines --workspace",
		Args:    takes(0, 1, "one file", "minsize generics FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.output.format.Is(report.AllRows) { // all of it, unless a limit was typed
				if !cmd.Flags().Changed("max-items") {
					f.limit = 0
				}
				if !cmd.Flags().Changed("copies") {
					f.copies = math.MaxInt
				}
			}
			return e.generics(cmd.Context(), f, args)
		},
	}
	flags := cmd.Flags()
	f.output.register(flags)
	f.cargo.register(flags)
	choose(flags, &f.order, "sort", "s", "saves", "sort by `KEY`: "+strings.Join(report.GenericOrders(), ", "), report.GenericOrders()...)
	flags.StringVar(&f.filter, "filter", "", "only generics whose name matches this `REGEXP`")
	flags.IntVarP(&f.limit, "max-items", "n", 30, "`N` generics to list, 0 for all")
	flags.IntVar(&f.copies, "copies", 3, "`N` copies to show of each in tables, 0 for none")
	flags.BoolVar(&f.llvmLines, "llvm-lines", false, "lines of LLVM IR instead of bytes")
	flags.BoolVar(&f.workspace, "workspace", false, "with --llvm-lines: every crate of the workspace")
	return cmd
}

func (e *env) generics(ctx context.Context, f *genericsFlags, args []string) error {
	keep, err := regexp.Compile(f.filter)
	if err != nil {
		return usageError("--filter 'core::fmt'", "--filter: %v", err)
	}
	if f.limit < 0 || f.copies < 0 {
		return usageError("-n 30", "a number of rows is below zero")
	}
	if f.llvmLines {
		if len(args) > 0 {
			return usageError("minsize generics --llvm-lines, in the project", "--llvm-lines builds a project; it reads no FILE")
		}
		return e.llvmLines(ctx, f, keep.MatchString)
	}
	if f.workspace {
		return usageError("minsize generics --llvm-lines --workspace", "--workspace goes with --llvm-lines")
	}
	var path, name string
	if len(args) == 1 {
		path, name = args[0], args[0]
	} else {
		project, err := cargo.Load(ctx, e.cargoOptions(&f.cargo))
		if err != nil {
			return cargoError(err)
		}
		name = project.Target.Name
		if path, err = e.buildForGenerics(ctx, project, project.BuildDir()); err != nil {
			return err
		}
	}
	monos, err := e.monosOf(ctx, path)
	if err != nil {
		return err
	}
	if len(monos.Generics) == 0 && len(args) == 1 {
		e.note(path + ": no copies of a generic are named here; is it stripped?")
	}
	d := report.NewGenerics(name, monos, keep.MatchString, f.order, f.limit).Document(f.copies)
	return e.print(ctx, d, &f.output)
}

// buildForGenerics builds the program as the project's profile says, but with
// symbols in the v0 scheme: legacy names do not tell the types.
func (e *env) buildForGenerics(ctx context.Context, p *cargo.Project, dir string) (string, error) {
	request := cargo.Request{
		Profile:   []cargo.KeyValue{{Key: "strip", Value: "none"}},
		Rustflags: []string{"-Csymbol-mangling-version=v0"},
		Target:    p.Triple.Name, TargetDir: dir,
	}
	result, err := e.cargoBuild(ctx, p, request)
	if err != nil {
		return "", cargoError(err)
	}
	return result.Executable, nil
}

// monosOf groups a program's functions by the generic that they are copies of.
func (e *env) monosOf(ctx context.Context, path string) (*refgraph.Monos, error) {
	var monos *refgraph.Monos
	err := e.withGraph(ctx, path, &graphFlags{edges: "twiggy", bodies: true}, func(c *report.GraphContext) error {
		return byteio.Interruptible(ctx, func() (err error) {
			monos, err = c.Graph.Monos(refgraph.MonosOptions{})
			return err
		})
	})
	return monos, err
}

// llvmLines builds with --emit=llvm-ir in a folder of its own and counts.
func (e *env) llvmLines(ctx context.Context, f *genericsFlags, keep func(string) bool) error {
	project, err := cargo.Load(ctx, e.cargoOptions(&f.cargo))
	if err != nil {
		return cargoError(err)
	}
	dir := filepath.Join(project.OutputDir(), "llvm-lines")
	// Fresh crates write no IR again, and another lockfile leaves the old there.
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if _, err := e.cargoBuild(ctx, project, llvmlines.Request(project, dir)); err != nil {
		return cargoError(err)
	}
	count, counted, err := llvmlines.CountFolder(dir, llvmlines.Crates(project, f.workspace))
	if err != nil {
		return err
	}
	result := report.NewLLVMLines(counted, count, keep, f.limit)
	return e.print(ctx, result.Document(), &f.output)
}
