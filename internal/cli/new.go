package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/minsize/minsize/examples"
	"github.com/minsize/minsize/internal/apply"
	"github.com/minsize/minsize/internal/cargo"
)

// packageName is what cargo takes as a package's name.
var packageName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

func newNewCommand(e *env) *cobra.Command {
	var tierName, name string
	var names, merge []string
	var lines strings.Builder
	for _, t := range examples.Tiers {
		names = append(names, t.Name)
		fmt.Fprintf(&lines, "  %-8s %s\n           hello: %d bytes; gives up %s\n", t.Name, t.Summary, t.Floor, t.Loses)
	}
	cmd := &cobra.Command{
		Use:   "new (--tier TIER | --merge PACKAGES) DIR",
		Short: "write a project of a smaller tier, or one static library of several",
		Long: "Writes a cargo project that builds and says hello, for the tiers that no compiler flag reaches.\n\n" +
			lines.String() +
			"\nAn ordinary program comes from `cargo new`; `minsize shrink` makes it small.\n\n" +
			"With --merge it is a package of the workspace whose static library is those of\n" +
			"other packages together, with one standard library: it exports what they export.\n" +
			"`minsize apply --undo` takes it back.",
		Example: "  minsize new --tier no-std hello\n  minsize new --merge plug-a,plug-b,plug-c plugins && minsize shrink -p plugins",
		Args:    takes(1, 1, "one folder", "minsize new --tier no-std hello"),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := args[0]
			if len(merge) > 0 && tierName != "" {
				return usageError("minsize new --merge PACKAGES DIR", "--merge is for libraries that are there, and --tier for a new program")
			}
			if name == "" {
				name = filepath.Base(filepath.Clean(dir))
			}
			if !packageName.MatchString(name) {
				return usageError("minsize new --name hello ...", "%q is no name for a package", name)
			}
			if len(merge) > 0 {
				return e.newMerged(cmd.Context(), name, dir, merge)
			}
			tier, err := findTier(tierName, names)
			if err != nil {
				return err
			}
			err = tier.Write(dir, name)
			if errors.Is(err, examples.ErrNotEmpty) {
				return withStatus(exitRefused, "another folder", err)
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(e.stdout, "%s: a %s project, %s\n", dir, tier.Name, tier.Summary)
			if !e.global.quiet {
				fmt.Fprintf(e.stderr, "next: cd %s && cargo build --release && minsize strip --max target/release/%s\n", dir, name)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&tierName, "tier", "", "the `TIER`: one of "+strings.Join(names, ", "))
	cmd.Flags().StringSliceVar(&merge, "merge", nil, "`PACKAGES` of the workspace whose static libraries become one")
	cmd.Flags().StringVar(&name, "name", "", "the package's `NAME` (default: the folder's)")
	cmd.RegisterFlagCompletionFunc("tier", cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// newMerged writes the package that is several static libraries in one.
func (e *env) newMerged(ctx context.Context, name, dir string, packages []string) error {
	if len(packages) < 2 {
		return usageError("minsize new --merge plug-a,plug-b DIR", "one library is merged with nothing: %s", packages[0])
	}
	project, err := cargo.LoadWorkspace(ctx, cargo.Options{})
	if err != nil {
		return cargoError(err)
	}
	folder, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	edit, err := apply.Merge(project, name, folder, packages)
	var cannot *apply.MergeError
	if errors.As(err, &cannot) {
		return withStatus(exitRefused, cannot.Try, err)
	}
	if err != nil {
		return err
	}
	undo := apply.OpenUndo(project.Root, project.OutputDir())
	if err := undo.Write(ctx, project.Root, edit.Files); err != nil {
		return applyError(err)
	}
	// cargo has the last word, as after apply.
	if _, err := cargo.LoadWorkspace(ctx, cargo.Options{}); err != nil {
		if _, back := undo.Revert(context.WithoutCancel(ctx)); back != nil {
			return errors.Join(err, back)
		}
		return cargoError(err)
	}
	fmt.Fprintf(e.stdout, "%s: one static library of %s, with one standard library\n", dir, strings.Join(packages, ", "))
	var written []string
	for _, f := range edit.Files {
		written = append(written, project.Short(f.Path))
	}
	e.note("written: " + strings.Join(written, ", ") + "; minsize apply --undo takes it back")
	if !e.global.quiet {
		fmt.Fprintf(e.stderr, "next: minsize shrink -p %s --check 'cc host.c {} -o host && ./host'\n", name)
	}
	return nil
}

func findTier(name string, names []string) (examples.Tier, error) {
	for _, t := range examples.Tiers {
		if t.Name == strings.ReplaceAll(name, "_", "-") {
			return t, nil
		}
	}
	hint := "minsize new --tier " + names[0] + " DIR"
	if name == "" {
		return examples.Tier{}, usageError(hint, "--tier is missing (one of %s)", strings.Join(names, ", "))
	}
	return examples.Tier{}, usageError(hint, "unknown tier %q (one of %s)", name, strings.Join(names, ", "))
}
