package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/pack"
	"github.com/minsize/minsize/internal/report"
	"github.com/minsize/minsize/internal/strip"
)

// packFlags is what was typed behind `minsize pack`.
type packFlags struct {
	list, test bool

	rewriteFlags
	privileged bool
	payload    bool

	fastStart bool
	max       bool
	best      bool
	security  bool
	budget    time.Duration
}

func newPackCommand(e *env) *cobra.Command {
	var f packFlags
	cmd := &cobra.Command{
		Use:   "pack FILE...",
		Short: "make a smaller program that unpacks itself into memory",
		Long: `Packs ELF programs for x86-64 and aarch64 and Windows programs and DLLs for
x86-64, in place or to -o. The packed program unpacks itself at every start and
then runs as before; "minsize unpack" gives the original back, byte for byte,
and that was tried before the original is replaced.

What packing costs: CPU time at every start (the report estimates it), and
memory: two processes of a packed program no longer share its code. Some
antivirus programs, on Windows above all, flag packed files of every kind, whoever
packed them and whatever is in them: try it before you hand such a file out, and
sign it after packing. Nothing in a packed file is encrypted or hidden: see
docs/pack-format.md.

When laying the file out afresh (minsize strip --max) makes it as small, the
program is not packed. Programs that would break or lose something are refused
with exit status 6: payloads in the program's own file (AppImage, PyInstaller,
self-extractors), set-user-ID files, writable code, ELF's shared libraries, signed
programs, .NET, programs that ask for control flow guard or shadow stacks.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.pack(cmd.Context(), &f, args)
		},
	}
	f.register(cmd.Flags())
	return cmd
}

func (f *packFlags) register(flags *pflag.FlagSet) {
	flags.BoolVarP(&f.list, "list", "l", false, "say what packed files hold, and write nothing")
	flags.BoolVarP(&f.test, "test", "t", false, "unpack packed files in memory and check every sum, and write nothing")
	f.rewriteFlags.register(flags, "say how small it would be, and write nothing")
	flags.BoolVar(&f.privileged, "allow-privileged", false, "pack set-user-ID files and files with capabilities too")
	flags.BoolVar(&f.security, "allow-security", false, "pack Windows programs that lose control flow guard or shadow stacks by it too")
	flags.BoolVar(&f.payload, "allow-payload", false, "pack programs with data that is not loaded too; they find none of it in the packed file")
	flags.BoolVar(&f.fastStart, "fast-start", false, "plain LZMA: starts faster, a few percent larger")
	flags.BoolVar(&f.max, "max", false, "a tenth smaller (context mixing), for 1.5 seconds at each start and MB")
	flags.BoolVar(&f.best, "best", false, "search longer for the same form: a third more packing time, up to one percent smaller")
	flags.DurationVar(&f.budget, "startup-budget", 0, "refuse forms that cost more CPU `TIME` at every start, as 50ms")
	f.out.register(flags)
}

func (f *packFlags) resolve(args []string) error {
	switch {
	case len(args) == 0:
		return usageError("minsize pack FILE", "expected a program")
	case f.list && f.test:
		return usageError("one of them", "--list and --test exclude each other")
	case (f.list || f.test) && (f.output != "" || f.keep || f.dryRun || f.fastStart || f.max || f.best):
		return usageError("minsize pack --list FILE", "--list and --test write nothing: they take no other flags")
	case f.max && f.fastStart:
		return usageError("one of them", "--max and --fast-start exclude each other")
	case f.budget < 0:
		return usageError("--startup-budget 50ms", "--startup-budget %v is negative", f.budget)
	}
	return f.rewriteFlags.resolve("pack", args)
}

// pack is the verb: every file through the same steps, one report.
func (e *env) pack(ctx context.Context, f *packFlags, args []string) error {
	if err := f.resolve(args); err != nil {
		return err
	}
	if err := e.programTo(f.output, &f.out); err != nil {
		return err
	}
	result := report.PackResult{Verb: "pack", DryRun: f.dryRun}
	one := e.packFile
	switch {
	case f.list:
		result.Verb, one = "list", e.listPacked
	case f.test:
		result.Verb, one = "test", e.listPacked
	}
	return e.eachPacked(ctx, f, args, result, one)
}

// eachPacked does the files one after another and prints the report.
func (e *env) eachPacked(ctx context.Context, f *packFlags, args []string, result report.PackResult, one func(context.Context, *packFlags, string) (report.PackFile, error)) error {
	smaller := false
	var err error
	result.Files, err = eachFile(ctx, e, args, func(path string) (report.PackFile, error) {
		file, err := one(ctx, f, path)
		smaller = smaller || file.Status == report.Packed
		return file, packError(path, err)
	}, func(file *report.PackFile) *report.FileOutcome { return &file.FileOutcome })
	return e.printRewritten(ctx, &f.rewriteFlags, len(args), result.Document(), smaller, err)
}

// privileges refuses files that get rights from the system when they start,
// unless they were asked for.
func (f *packFlags) privileges(path string, in *byteio.Mapping) error {
	switch {
	case f.privileged:
	case in.Info.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0:
		return byteio.Refuse("--allow-privileged", "the file is set-user-ID or set-group-ID")
	case byteio.HasCapabilities(path):
		return byteio.Refuse("--allow-privileged", "the file has capabilities")
	}
	return nil
}

// packFile does one file: open, pack, compare with plain re-laying, write.
func (e *env) packFile(ctx context.Context, f *packFlags, path string) (report.PackFile, error) {
	file := report.NewPackFile(path)
	in, err := byteio.Open(path)
	if err != nil {
		return file, err
	}
	defer in.Close()
	file.Original = uint64(len(in.Data))
	if err := f.privileges(path, in); err != nil {
		return file, err
	}
	target := path
	if f.output != "" {
		target, file.Output = f.output, f.output
	}
	err = byteio.Guard(func() error {
		out, r, err := pack.Pack(in.Data, pack.Options{FastStart: f.fastStart, Max: f.max, Best: f.best, StartupBudget: f.budget, AllowPayload: f.payload, AllowSecurity: f.security})
		if errors.Is(err, pack.ErrAlreadyPacked) || errors.Is(err, pack.ErrNotSmaller) {
			file.Status, file.Packed = report.Unchanged, file.Original
			file.Notes = append(file.Notes, err.Error())
			return nil
		}
		if err != nil {
			return err
		}
		file.Fill(r)
		if r.Loaded <= len(out) { // below which no rewriting gets
			if plain, _, err := strip.Rewrite(in.Data, strip.Options{Level: strip.Max}); err == nil && len(plain) <= len(out) {
				file.Status, file.Packed, file.Parts = report.Unchanged, file.Original, nil
				file.Notes = append(file.Notes, fmt.Sprintf("packing gives %d bytes, `minsize strip --max` %d, without any cost at start-up: not packed", len(out), len(plain)))
				return nil
			}
		}
		if r.Symbols > 0 {
			file.Notes = append(file.Notes, fmt.Sprintf("%d bytes of symbols and debug information are packed too, though nothing that runs finds them there: `minsize strip %s` first leaves them out", r.Symbols, path))
		}
		file.Status = report.Packed
		if f.dryRun {
			file.Notes = append(file.Notes, "dry run: nothing was written")
			return nil
		}
		w := f.writing(path, in, func(written []byte) error {
			// Pack has unpacked out and compared it with the input.
			var err error
			if !bytes.Equal(written, out) {
				err = errors.New("other bytes came back from the disk")
			}
			return withStatus(exitVerification, "again; and please report it with the file", err)
		})
		written, err := e.outputs().Deliver(ctx, target, byteio.Content{{Data: out}}, w)
		file.Notes = append(file.Notes, written.Notes...)
		return err
	})
	return file, err
}

// listPacked describes a packed file; to know the original's size it is
// unpacked in memory, which is all that --test asks for.
func (e *env) listPacked(ctx context.Context, f *packFlags, path string) (report.PackFile, error) {
	file := report.NewPackFile(path)
	in, err := byteio.Open(path)
	if err != nil {
		return file, err
	}
	defer in.Close()
	err = byteio.Guard(func() error {
		r, err := pack.Inspect(in.Data)
		if err != nil {
			return err
		}
		file.Fill(r)
		file.Original, file.Status = uint64(r.Input), report.Intact
		return nil
	})
	return file, err
}

// packError gives an error the file's name, its status and its hint.
func packError(path string, err error) error {
	switch {
	case errors.Is(err, pack.ErrNotELF):
		return withStatus(exitRefused, "", fmt.Errorf("%s: %w", path, err))
	case errors.Is(err, pack.ErrNotPacked):
		return withStatus(exitRefused, "minsize pack "+path, fmt.Errorf("%s: %w", path, err))
	}
	return rewriteError(path, err)
}
