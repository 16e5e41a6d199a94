package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/minsize/minsize/examples"
)

// packageName is what cargo takes as a package's name.
var packageName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

func newNewCommand(e *env) *cobra.Command {
	var tierName, name string
	var names []string
	var lines strings.Builder
	for _, t := range examples.Tiers {
		names = append(names, t.Name)
		fmt.Fprintf(&lines, "  %-8s %s\n           hello: %d bytes; gives up %s\n", t.Name, t.Summary, t.Floor, t.Loses)
	}
	cmd := &cobra.Command{
		Use:   "new --tier TIER DIR",
		Short: "write a project of a smaller tier: no_main, no_std, or no library at all",
		Long: "Writes a cargo project that builds and says hello, for the tiers that no compiler flag reaches.\n\n" +
			lines.String() +
			"\nAn ordinary program comes from `cargo new`; `minsize shrink` makes it small.",
		Args: takes(1, 1, "one folder", "minsize new --tier no-std hello"),
		RunE: func(cmd *cobra.Command, args []string) error {
			tier, err := findTier(tierName, names)
			if err != nil {
				return err
			}
			dir := args[0]
			if name == "" {
				name = filepath.Base(filepath.Clean(dir))
			}
			if !packageName.MatchString(name) {
				return usageError("minsize new --name hello ...", "%q is no name for a package", name)
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
	cmd.Flags().StringVar(&name, "name", "", "the package's `NAME` (default: the folder's)")
	cmd.RegisterFlagCompletionFunc("tier", cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp))
	return cmd
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
