package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/minsize/minsize/internal/report"
)

// Help is read from the top and left after a screen, so a verb's own flags
// stand first and alone; cargo's, which every user of cargo knows, and those of
// every verb come below. The flags carry their group as an annotation.

// flagGroup is the annotation's key; its value is one of flagGroups' keys.
const flagGroup = "minsize_group"

// flagGroups are the groups below a verb's own flags, in the order of help.
var flagGroups = []struct{ key, title string }{
	{"cargo", "Cargo's flags"},
	{"global", "Flags of every verb"},
}

// inGroup puts the flags that register adds into a group.
func inGroup(flags *pflag.FlagSet, group string, register func()) {
	known := map[string]bool{}
	flags.VisitAll(func(f *pflag.Flag) { known[f.Name] = true })
	register()
	flags.VisitAll(func(f *pflag.Flag) {
		if !known[f.Name] {
			if f.Annotations == nil {
				f.Annotations = map[string][]string{}
			}
			f.Annotations[flagGroup] = []string{group}
		}
	})
}

// helpWidth is what every line of help fits in: what a terminal has, and what
// the pager of a pipe will show.
const helpWidth = 80

// printHelp is what --help prints.
func printHelp(cmd *cobra.Command, _ []string) {
	w := cmd.OutOrStdout()
	text := cmd.Long
	if text == "" {
		text = cmd.Short
	}
	fmt.Fprintf(w, "%s\n\n", report.Fold(strings.TrimSpace(text), helpWidth))
	cmd.SetOut(w)
	_ = usage(cmd) // who writes to stdout asks it at the end
}

// usage is what --help prints below a verb's description.
func usage(cmd *cobra.Command) error {
	w := cmd.OutOrStderr()
	fmt.Fprint(w, "Usage:\n")
	if cmd.Runnable() && cmd.HasParent() {
		fmt.Fprintf(w, "  %s\n", cmd.UseLine())
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(w, "  %s COMMAND\n", cmd.CommandPath())
	}
	if cmd.HasExample() {
		fmt.Fprintf(w, "\nExamples:\n%s\n", cmd.Example)
	}
	usageCommands(cmd)
	for _, g := range groupedFlags(cmd) {
		fmt.Fprintf(w, "\n%s:\n%s", g.title, g.flags.FlagUsagesWrapped(helpWidth))
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(w, "\n\"%s COMMAND --help\" says more.\n", cmd.CommandPath())
		if !cmd.HasParent() {
			fmt.Fprint(w, "\"minsize help exit-status\" says what each exit status means.\n")
		}
	}
	return nil
}

// titledFlags are flags under their heading.
type titledFlags struct {
	title string
	flags *pflag.FlagSet
}

// groupedFlags are the flags that cmd takes: its own, then those of flagGroups.
func groupedFlags(cmd *cobra.Command) (groups []titledFlags) {
	own, grouped := pflag.NewFlagSet("", pflag.ContinueOnError), map[string]*pflag.FlagSet{}
	own.SortFlags = cmd.Flags().SortFlags
	cmd.LocalFlags().VisitAll(func(*pflag.Flag) {}) // settles which flags are inherited
	add := func(f *pflag.Flag) {
		to := own
		if group := f.Annotations[flagGroup]; len(group) == 1 {
			if grouped[group[0]] == nil {
				grouped[group[0]] = pflag.NewFlagSet("", pflag.ContinueOnError)
				grouped[group[0]].SortFlags = false
			}
			to = grouped[group[0]]
		}
		to.AddFlag(f)
	}
	set := *cmd.Flags()
	set.SortFlags = false
	set.VisitAll(add)
	cmd.InheritedFlags().VisitAll(func(f *pflag.Flag) {
		if set.Lookup(f.Name) == nil {
			add(f)
		}
	})
	if own.HasAvailableFlags() {
		groups = append(groups, titledFlags{"Flags", own})
	}
	for _, g := range flagGroups {
		if set := grouped[g.key]; set != nil {
			groups = append(groups, titledFlags{g.title, set})
		}
	}
	return groups
}

// usageCommands lists the verbs in their groups.
func usageCommands(cmd *cobra.Command) {
	w := cmd.OutOrStderr()
	list := func(title, group string) {
		var lines []string
		for _, c := range cmd.Commands() {
			if c.GroupID == group && c.IsAvailableCommand() {
				lines = append(lines, report.Hang(fmt.Sprintf("  %-12s", c.Name()), c.Short, helpWidth)+"\n")
			}
		}
		if len(lines) > 0 {
			fmt.Fprintf(w, "\n%s\n%s", title, strings.Join(lines, ""))
		}
	}
	for _, g := range cmd.Groups() {
		list(g.Title, g.ID)
	}
	if cmd.HasParent() {
		list("Commands:", "")
	}
}

// statusHelp is the table of `minsize help exit-status`, and the README's.
var statusHelp = []struct {
	status int
	means  string
}{
	{exitOK, "done"},
	{exitFailed, "failed"},
	{exitUsage, "usage"},
	{exitBudget, "a budget exceeded"},
	{exitVerification, "a check did not pass"},
	{exitNotSmaller, "nothing smaller (where asked for)"},
	{exitRefused, "refused, with the reason and the flag that overrides"},
	{exitInterrupted, "interrupted"},
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
					fmt.Fprintf(e.stdout, "%4d  %s\n", s.status, s.means)
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
