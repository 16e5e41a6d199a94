package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/minsize/minsize/internal/stream"
)

// globalFlags are what every verb takes, as typed.
type globalFlags struct {
	verbose int
	quiet   bool
	color   string

	toolchain string // from +toolchain, without the plus
}

// oldNames are flags that had another name in one verb than in the others. They
// keep working; help and completion know the new one alone.
var oldNames = map[string]string{
	"number":              "max-items",       // of size, diff, history show
	"limit":               "max-items",       // of image inspect
	"fail-if-not-smaller": "require-smaller", // of shrink
}

// currentName is what pflag asks for each name, typed or registered.
func currentName(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	if now, ok := oldNames[name]; ok {
		name = now
	}
	return pflag.NormalizedName(name)
}

// choice is a flag that takes one of a few words, and refuses others before
// any work is done.
type choice struct {
	word  *string
	words []string
}

// otherWords are words of other tools for a choice. They work; help and
// completion know ours alone.
var otherWords = map[string]string{"vm": "memory"} // bloaty's

func (c *choice) String() string { return *c.word }
func (c *choice) Type() string   { return "string" }

// Set implements pflag.Value.
func (c *choice) Set(word string) error {
	if ours, ok := otherWords[word]; ok {
		word = ours
	}
	if !slices.Contains(c.words, word) {
		return fmt.Errorf("expected %s", strings.Join(c.words, ", "))
	}
	*c.word = word
	return nil
}

// choose adds a flag that takes one of a few words.
func choose(flags *pflag.FlagSet, to *string, name, short, value, usage string, words ...string) {
	*to = value
	flags.VarP(&choice{to, words}, name, short, usage)
}

func (g *globalFlags) register(flags *pflag.FlagSet) {
	flags.CountVarP(&g.verbose, "verbose", "v", "say more on stderr; twice: everything")
	flags.BoolVarP(&g.quiet, "quiet", "q", false, "no progress and no notes on stderr")
	choose(flags, &g.color, "color", "", "auto", "colours: `WHEN` is auto, always or never", "auto", "always", "never")
}

// takes refuses fewer arguments than from and more than to, where to is not
// below zero; what they are is said in words.
func takes(from, to int, what, hint string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		usage := hint
		if usage == "" {
			usage = cmd.CommandPath() + " --help"
		}
		switch {
		case to == 0 && len(args) > 0:
			return usageError(usage, "unexpected argument %q", args[0])
		case len(args) < from || to >= 0 && len(args) > to:
			return usageError(usage, "expected %s but got %d", what, len(args))
		}
		return nil
	}
}

// colorful says whether w may get colours: --color first, then NO_COLOR
// (no-color.org) and CLICOLOR_FORCE, then whether w is a terminal.
func (e *env) colorful(w any) bool {
	switch e.global.color {
	case "always":
		return true
	case "never":
		return false
	}
	if w == nil { // a file
		return false
	}
	if os.Getenv("NO_COLOR") != "" {
		return false
	}
	if force := os.Getenv("CLICOLOR_FORCE"); force != "" && force != "0" {
		return true
	}
	return stream.IsTerminal(w)
}

// live says whether progress may stream.Redraw lines: stderr is a terminal and no
// CI service watches.
func (e *env) live() bool {
	return !e.global.quiet && os.Getenv("CI") == "" && stream.IsTerminal(e.stderr)
}

// registerDebugFile adds the flag of all verbs that need names.
func registerDebugFile(flags *pflag.FlagSet, file *string) {
	flags.StringVar(file, "debug-file", "", "symbols and debug information from this separate `FILE`: a debug file, a symbol file of shrink or build, a .dwp package or .dwo file, a .pdb")
	flags.StringVar(file, "symbols", "", "the same as --debug-file `FILE`")
}
