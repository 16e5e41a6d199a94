package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/pack"
	"github.com/minsize/minsize/internal/report"
)

func newUnpackCommand(e *env) *cobra.Command {
	var f packFlags
	cmd := &cobra.Command{
		Use:   "unpack FILE...",
		Short: "give packed programs back as they were, byte for byte",
		Long: `Unpacks programs that minsize packed, in place or to -o. The packed file is
never run: its sums are checked, and a damaged file gives an error and stays.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError("minsize unpack FILE", "expected a packed program")
			}
			if err := f.rewriteFlags.resolve("unpack", args); err != nil {
				return err
			}
			if err := e.programTo(f.output, &f.out); err != nil {
				return err
			}
			return e.eachPacked(cmd.Context(), &f, args, report.PackResult{Verb: "unpack"}, e.unpackFile)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.output, "output", "o", "", "write the program to this `FILE` instead of in place; - is stdout")
	flags.BoolVarP(&f.keep, "keep", "k", false, "keep the packed file as FILE~")
	flags.BoolVar(&f.privileged, "allow-privileged", false, "unpack set-user-ID files and files with capabilities too")
	flags.BoolVar(&f.preserveDates, "preserve-dates", false, "keep access and modification time")
	flags.BoolVar(&f.breakLinks, "break-links", false, "replace a file that has other hard links, which keep the old content")
	f.out.register(flags)
	return cmd
}

func (e *env) unpackFile(ctx context.Context, f *packFlags, path string) (report.PackFile, error) {
	file := report.NewPackFile(path)
	in, err := byteio.Open(path)
	if err != nil {
		return file, err
	}
	defer in.Close()
	if err := f.privileges(path, in); err != nil {
		return file, err
	}
	target := path
	if f.output != "" {
		target, file.Output = f.output, f.output
	}
	err = byteio.Guard(func() error {
		file.Packed = uint64(len(in.Data))
		out, err := pack.Unpack(in.Data)
		if err != nil {
			return err
		}
		file.Original, file.Status = uint64(len(out)), report.Unpacked
		written, err := e.outputs().Deliver(ctx, target, byteio.Content{{Data: out}}, f.writing(path, in, nil))
		file.Notes = append(file.Notes, written.Notes...)
		return err
	})
	return file, err
}
