package cli

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/minsize/minsize/internal/manual"
)

func newManCommand(e *env) *cobra.Command {
	var folder string
	facts := &manual.Facts{Version: Version, Released: Released, Statuses: statusHelp}
	cmd := &cobra.Command{
		Use:   "man [VERB]",
		Short: "print the manual page of minsize or of a verb",
		Long: "Prints a manual page, made from what --help says, for man(1) to show. With --into\n" +
			"every page is written into a folder, as minsize.1, minsize-size.1 and so on: what\n" +
			"packages install.",
		Example: "  minsize man shrink | man -l -\n  minsize man --into /usr/local/share/man/man1",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return commandNames(cmd.Root(), args), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			if folder != "" {
				if len(args) > 0 {
					return usageError("minsize man --into "+folder, "--into takes no verb but got %q", args[0])
				}
				return facts.Write(cmd.Context(), root, folder)
			}
			at, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return unknownVerb(root, args[0])
			}
			_, err = io.WriteString(e.stdout, facts.Page(at))
			return err
		},
	}
	cmd.Flags().StringVar(&folder, "into", "", "write every page into this `FOLDER`, which is made where it is missing")
	return cmd
}
