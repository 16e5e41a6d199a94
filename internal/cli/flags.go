package cli

import (
	"os"

	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// globalFlags are what every verb takes, as typed.
type globalFlags struct {
	verbose int
	quiet   bool
	color   string

	toolchain string // from +toolchain, without the plus
}

func (g *globalFlags) register(flags *pflag.FlagSet) {
	flags.CountVarP(&g.verbose, "verbose", "v", "say more on stderr; twice: everything")
	flags.BoolVarP(&g.quiet, "quiet", "q", false, "no progress and no notes on stderr")
	flags.StringVar(&g.color, "color", "auto", "colours: auto, always or never")
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
	if os.Getenv("NO_COLOR") != "" {
		return false
	}
	if force := os.Getenv("CLICOLOR_FORCE"); force != "" && force != "0" {
		return true
	}
	return isTerminal(w)
}

// isTerminal says whether w is an open terminal.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// live says whether progress may redraw lines: stderr is a terminal and no
// CI service watches.
func (e *env) live() bool {
	return !e.global.quiet && os.Getenv("CI") == "" && isTerminal(e.stderr)
}
