package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/minsize/minsize/internal/budget"
	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/precedent"
	"github.com/minsize/minsize/internal/recipe"
	"github.com/minsize/minsize/internal/target"
	"github.com/minsize/minsize/internal/technique"
	"github.com/minsize/minsize/internal/toml"
)

// initFlags is what was typed after `minsize init`.
type initFlags struct {
	cargo  cargoFlags
	level  string
	checks []string
	budget string
	accept bool
	glibc  string
	yes    bool
}

func newInitCommand(e *env) *cobra.Command {
	var f initFlags
	cmd := &cobra.Command{
		Use:   "init",
		Short: "write a minsize.toml to begin with: what may be lost, what must keep working",
		Long: "Writes minsize.toml beside the workspace's Cargo.toml, before the first search: the level, where the program has\n" +
			"to run, checks and a budget, each with a comment. shrink reads it, and adds what it finds.\n\n" +
			"On a terminal init asks what may be lost, what must keep working, and where it will run, each unless its flag\n" +
			"was typed; elsewhere, in CI and with --yes it asks nothing.\n\n" +
			"Commands that the project shows itself, in its README and in tests that run the program, are put there as\n" +
			"proposals behind a #: take it away from those that show what has to keep working. None is run before that;\n" +
			"--accept takes them all. [package.metadata.minsize] in Cargo.toml may hold the same instead of the file.",
		Example: "  minsize init\n" +
			"  minsize init --level abort --check '{} --selftest' --glibc 2.31",
		Args: takes(0, 0, "", ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.runInit(cmd.Context(), &f, cmd.Flags().Changed)
		},
	}
	flags := cmd.Flags()
	f.level = "safe"
	flags.Var(&choice{&f.level, technique.LevelNames()}, "level", "how much may be lost: `LEVEL` is "+strings.Join(technique.LevelNames(), ", "))
	flags.StringArrayVar(&f.checks, "check", nil, "a `COMMAND` that must do the same on every result, {} is the program; repeatable")
	flags.StringVar(&f.budget, "budget", "", "the most that the file may weigh: a `SIZE`")
	flags.BoolVar(&f.accept, "accept", false, "take the commands that were found, without a look")
	flags.StringVar(&f.glibc, "glibc", "", "the oldest glibc `VERSION` that the result must run on, such as 2.31 or manylinux2014")
	flags.BoolVarP(&f.yes, "yes", "y", false, "ask nothing")
	f.cargo.register(flags)
	return cmd
}

func (e *env) runInit(ctx context.Context, f *initFlags, typed func(string) bool) error {
	if f.budget != "" {
		if _, err := budget.ParseSize(f.budget); err != nil {
			return usageError("--budget '400 KiB'", "--budget: %v", err)
		}
	}
	if f.glibc != "" {
		if _, err := target.Glibc(f.glibc); err != nil {
			return usageError("--glibc 2.31, or --glibc manylinux2014", "--glibc: %v", err)
		}
	}
	project, err := cargo.Load(ctx, e.cargoOptions(&f.cargo))
	if err != nil {
		return cargoError(err)
	}
	path := filepath.Join(project.Root, recipe.Name)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return withStatus(exitRefused, "edit it; or remove it first", fmt.Errorf("%s is there already", project.Short(path)))
	}
	found := precedent.Find(filepath.Dir(project.Package.ManifestPath), project.Target.Name)
	if e.asks() && !f.yes {
		if found, err = e.interview(ctx, f, project, found, typed); err != nil {
			return err
		}
	}
	text, err := wishesText(f, found)
	if err != nil {
		return err
	}
	if _, err := byteio.WriteFile(ctx, path, byteio.Content{{Data: []byte(text)}}, byteio.WriteOptions{}); err != nil {
		return cargoError(err)
	}
	fmt.Fprintf(e.stdout, "written: %s\n", project.Short(path))
	switch {
	case len(found) > 0 && !f.accept:
		what := "1 command of the project is proposed there as a check"
		if len(found) > 1 {
			what = fmt.Sprintf("%d commands of the project are proposed there as checks", len(found))
		}
		fmt.Fprintf(e.stdout, "%s:\ntake the # away where it shows what has to keep working\n", what)
	case len(found)+len(f.checks) == 0:
		fmt.Fprintln(e.stdout, "no command was found that could be a check:\nwrite one that shows what has to keep working")
	}
	fmt.Fprintln(e.stdout, "next: minsize shrink")
	return nil
}

// wishesText is the file, every line of which somebody may want to change.
func wishesText(f *initFlags, found []precedent.Command) (string, error) {
	var b strings.Builder
	b.WriteString("# Written by `minsize init`, before the first search. `minsize shrink` adds what it finds.\n\n# What may be lost:\n")
	for level, words := range levelWords {
		fmt.Fprintf(&b, "#   %-8s %s\n", technique.Level(level), words)
	}
	fmt.Fprintf(&b, "level = %q\n\n# Where it has to run: the oldest glibc, or a target, where that is not this system.\n", f.level)
	for _, place := range []struct{ key, value, example string }{{"glibc", f.glibc, "2.31"}, {"target", f.cargo.Target, "x86_64-unknown-linux-musl"}} {
		if place.value == "" {
			fmt.Fprintf(&b, "# %s = %q\n", place.key, place.example)
		} else {
			fmt.Fprintf(&b, "%s = %q\n", place.key, place.value)
		}
	}
	b.WriteByte('\n')
	b.WriteString("# What must keep working: each command is run with the release build and with every result, and exit status and\n" +
		"# output have to be the same. {} is the program; the commands run in the package's folder.\n[check]\ncommands = [\n")
	line := func(command, before, behind string) error {
		literal, err := toml.Format(command)
		if err == nil {
			fmt.Fprintf(&b, "    %s%s,%s\n", before, literal, behind)
		}
		return err
	}
	for _, command := range f.checks {
		if err := line(command, "", ""); err != nil {
			return "", err
		}
	}
	for _, c := range found {
		before := "# "
		if f.accept {
			before = ""
		}
		if err := line(c.Line, before, " # "+c.From); err != nil {
			return "", err
		}
	}
	b.WriteString("]\n\n# What it may weigh: `minsize check` and `minsize gate` hold it to this.\n[budget]\n")
	if f.budget == "" {
		b.WriteString("# file = \"400 KiB\"\n# growth = \"1%\"\n")
	} else {
		fmt.Fprintf(&b, "file = %q\n", f.budget)
	}
	return b.String(), nil
}

// hereFirst says what to do in this folder, for whoever typed no verb. It is
// false where no cargo project is.
func (e *env) hereFirst(ctx context.Context) bool {
	c, path, err := recipe.Locate(ctx, e.cargoOptions(&cargoFlags{}))
	if path == "" {
		return false
	}
	var missing *recipe.MissingError
	step := func(command, what string) { fmt.Fprintf(e.stdout, "  minsize %-9s %s\n", command, what) }
	switch {
	case err == nil:
		fmt.Fprintf(e.stdout, "%s: %s, %d bytes\n\n", path, c.Of().Name, c.Result.Size)
		step("build", "the same program again")
		step("check", "hold it to its [budget]")
		step("size", "who owns each byte of it")
		step("apply", "write into Cargo.toml what cargo can express")
		step("shrink", "search again, with the same checks")
	case errors.As(err, &missing):
		if missing.Wishes != nil {
			fmt.Fprintf(e.stdout, "%s: not searched yet\n\n", path)
		} else {
			fmt.Fprintf(e.stdout, "%s: a cargo project\n\n", filepath.Dir(path))
		}
		step("shrink", "find the smallest program that passes your checks, as in")
		fmt.Fprintln(e.stdout, "                      minsize shrink --check '{} --some-input'")
		if missing.Wishes == nil {
			step("init", "say what may be lost, what must keep working, where it will run")
		}
		step("size", "who owns each byte of what cargo builds")
		step("doctor", "what is installed, and what is missing")
	default:
		fmt.Fprintf(e.stdout, "%v\n\n", err)
		step("shrink", "writes it anew")
	}
	fmt.Fprintf(e.stdout, "\n\"minsize help\" lists all verbs.\n")
	return true
}
