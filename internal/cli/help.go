package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/minsize/minsize/internal/manual"
)

// statusHelp is the table of `minsize help exit-status`, and the README's.
var statusHelp = []manual.Status{
	{Status: exitOK, Means: "done"},
	{Status: exitFailed, Means: "failed"},
	{Status: exitUsage, Means: "usage"},
	{Status: exitBudget, Means: "a budget exceeded"},
	{Status: exitVerification, Means: "a check did not pass"},
	{Status: exitNotSmaller, Means: "nothing smaller (where asked for)"},
	{Status: exitRefused, Means: "refused, with the reason and the flag that overrides"},
	{Status: exitInterrupted, Means: "interrupted"},
}

// newHelpCommand is `minsize help [VERB...]`. Cobra's own takes any word.
func newHelpCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "help [VERB]",
		Short:   "help about a verb, or about exit-status",
		GroupID: groupOther,
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return commandNames(cmd.Root(), args), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if slices.Equal(args, []string{"exit-status"}) {
				for _, s := range statusHelp {
					fmt.Fprintf(e.stdout, "%4d  %s\n", s.Status, s.Means)
				}
				return nil
			}
			at, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknownVerb(cmd.Root(), args[0])
			}
			at.InitDefaultHelpFlag()
			return at.Help()
		},
	}
}

// commandNames are the commands that may follow args.
func commandNames(root *cobra.Command, args []string) (names []string) {
	if at, _, err := root.Find(args); err == nil {
		for _, c := range at.Commands() {
			names = append(names, c.Name())
		}
	}
	return names
}

// unknownVerb names the verbs that were perhaps meant.
func unknownVerb(root *cobra.Command, typed string) error {
	hint := "minsize help"
	if near := root.SuggestionsFor(typed); len(near) > 0 {
		hint = "minsize " + strings.Join(near, ", minsize ")
	}
	return usageError(hint, "unknown command %q", typed)
}
