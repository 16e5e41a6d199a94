package cli

import (
	"os/exec"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/technique"
)

// Shells ask the program itself what may follow (cobra's __complete). Which
// flags there are cobra knows; what each may be is said here, by the flag's
// name, since a name means the same in every verb. A flag that is not here takes
// files, or what only the user knows.

// flagValues are the words that a flag takes.
var flagValues = map[string]func() []string{
	"level":   technique.LevelNames,
	"with":    techniqueNames,
	"without": techniqueNames,
	"views":   attrib.ViewNames,
	"target":  targetNames,
	"profile": func() []string { return []string{"release", "dev"} },
}

// completeValues tells cobra the values of the flags of cmd and all below it.
func completeValues(cmd *cobra.Command) {
	tell := func(f *pflag.Flag) {
		words := flagValues[f.Name]
		if c, ok := f.Value.(*choice); ok {
			words = func() []string { return c.words }
		}
		if format, ok := f.Value.(*formatFlag); ok {
			words = func() []string { return format.names }
		}
		if words == nil {
			return
		}
		if _, told := cmd.GetFlagCompletionFunc(f.Name); told {
			return
		}
		list := f.Value.Type() == "stringSlice"
		_ = cmd.RegisterFlagCompletionFunc(f.Name, func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
			return completed(words(), typed, list)
		})
	}
	cmd.Flags().VisitAll(tell)
	cmd.PersistentFlags().VisitAll(tell)
	for _, c := range cmd.Commands() {
		completeValues(c)
	}
}

// completed are the words that begin as typed; of a list, its last word is
// completed.
func completed(words []string, typed string, list bool) (out []string, _ cobra.ShellCompDirective) {
	directive, before := cobra.ShellCompDirectiveNoFileComp, ""
	if list {
		directive |= cobra.ShellCompDirectiveNoSpace
		before = typed[:strings.LastIndexByte(typed, ',')+1]
	}
	for _, word := range words {
		if strings.HasPrefix(before+word, typed) {
			out = append(out, before+word)
		}
	}
	return out, directive
}

func techniqueNames() (names []string) {
	for _, t := range slices.Concat(technique.Table(), technique.CutTable(), technique.PipelineTable()) {
		names = append(names, t.Name)
	}
	return names
}

// targetNames are the targets that the compiler here knows.
func targetNames() []string {
	out, err := exec.Command("rustc", "--print", "target-list").Output()
	if err != nil {
		return nil
	}
	return strings.Fields(string(out))
}
