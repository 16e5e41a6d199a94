// Package manual sets what the command table says of itself: the help that
// --help prints, and the pages that man(1) shows. Both are made from the same
// commands and flags, so neither can lag behind the program or the other.
package manual

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/minsize/minsize/internal/report"
)

// Help is read from the top and left after a screen, so a verb's own flags
// stand first and alone; cargo's, which every user of cargo knows, and those of
// every verb come below. The flags carry their group as an annotation.

// Groups of flags.
const (
	Cargo  = "cargo"
	Global = "global"
)

// flagGroup is the annotation's key; its value is one of flagGroups' keys.
const flagGroup = "minsize_group"

// flagGroups are the groups below a verb's own flags, in the order of help.
var flagGroups = []struct{ key, title string }{
	{Cargo, "Cargo's flags"},
	{Global, "Flags of every verb"},
}

// InGroup puts the flags that register adds into a group.
func InGroup(flags *pflag.FlagSet, group string, register func()) {
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

// Help is what --help prints.
func Help(cmd *cobra.Command, _ []string) {
	w := cmd.OutOrStdout()
	text := cmd.Long
	if text == "" {
		text = cmd.Short
	}
	fmt.Fprintf(w, "%s\n\n", report.Fold(strings.TrimSpace(text), helpWidth))
	cmd.SetOut(w)
	_ = Usage(cmd) // who writes to stdout asks it at the end
}

// Usage is what --help prints below a verb's description.
func Usage(cmd *cobra.Command) error {
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
