package cli

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Version is the release, with its day; the commit is added where the build
// knows it.
const (
	Version  = "0.2.0"
	Released = "2026-11-28"
)

// commit is set by the linker: `make build` passes what git describes, with
// -dirty behind it where the sources differ.
var commit string

func newVersionCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "print the version",
		Args:  takes(0, 0, "", ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			return printVersion(e)
		},
	}
}

func printVersion(e *env) error {
	_, err := fmt.Fprintf(e.stdout, "minsize %s%s\n", Version, revision())
	return err
}

// revision is " (commit)": the linker's, the one that the Go command stamped,
// or the module's version, which names it in what `go install` builds.
func revision() string {
	if commit != "" {
		return " (" + commit + ")"
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return " (" + s.Value[:12] + ")"
		}
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return " (" + v + ")"
	}
	return ""
}
