package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/report"
)

func newDoctorCommand(e *env) *cobra.Command {
	var c cargoFlags
	var out reportFlags
	cmd := &cobra.Command{
		Use:   "doctor [flags] [cargo's flags]",
		Short: "what is here to make programs small with, what is missing, how to get it",
		Long: `doctor looks at the project in this folder, at every Rust toolchain, and at the
linkers, each of which has to link a program that runs. For each piece that is
missing it says what it would unlock and the command that installs it. Nothing
is changed. The exit status is 1 where "minsize shrink" cannot work at all.`,
		Example: `  minsize doctor
  minsize doctor --target aarch64-unknown-linux-gnu
  minsize doctor --format json`,
		Args: takes(0, 0, "", "minsize doctor --manifest-path PATH/Cargo.toml"),
		RunE: func(cmd *cobra.Command, args []string) error {
			survey, err := cargo.Examine(cmd.Context(), e.cargoOptions(&c))
			if err != nil {
				return cargoError(err)
			}
			if err := e.print(cmd.Context(), report.Doctor(survey), &out); err != nil {
				return err
			}
			if !survey.Ready() {
				return withStatus(exitFailed, "the commands above; then minsize doctor again", errors.New("something that every build needs is missing"))
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	out.register(flags)
	c.register(flags)
	return cmd
}
