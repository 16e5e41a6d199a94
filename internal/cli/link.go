package cli

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/minsize/minsize/internal/executor"
)

func newLinkCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "link LINKER-ARGUMENTS...",
		Short: "be the linker that cargo calls, for the program or library of minsize.toml",
		Long: `link is what minsize does under the name minsize-link, which "minsize apply
--link" writes into .cargo/config.toml as the linker. Called by cargo for the
program or library of a minsize.toml, in the profile that this is for and with
the compiler that it was found with, it makes the recorded link: options, cuts,
rewrites of the file. Everything else, debug builds, tests, build scripts and
proc macros among it, goes to the linker behind it as it came.

Whatever goes wrong, the plain link follows, with one warning, which cargo shows
where the lint linker_messages is on. MINSIZE=strict fails instead; MINSIZE=off
links plainly. The linker behind it is the one that was configured before, in
MINSIZE_LINKER_<TARGET>, else what rustc would have called.`,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// What stands before the verb was typed for minsize, and cobra hands it over with the rest.
			args := e.typed[slices.Index(e.typed, cmd.Name())+1:]
			if len(args) == 1 && (args[0] == "--help" || args[0] == "-h") {
				return cmd.Help()
			}
			if len(args) == 0 {
				return usageError("minsize apply --link, after which cargo calls it", "expected a linker's arguments")
			}
			status := executor.LinkMain(cmd.Context(), args, e.stderr)
			if status == 0 {
				return nil
			}
			return withStatus(status, "", errSaid)
		},
	}
}
