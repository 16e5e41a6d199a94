package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
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

	output        string
	keep          bool
	dryRun        bool
	mustShrink    bool
	privileged    bool
	payload       bool
	preserveDates bool
	breakLinks    bool

	fastStart bool
	max       bool
	best      bool
	budget    time.Duration
	out       reportFlags
}

func newPackCommand(e *env) *cobra.Command {
	var f packFlags
	cmd := &cobra.Command{
		Use:   "pack FILE...",
		Short: "make a smaller program that unpacks itself into memory",
		Long: `Packs ELF programs for x86-64 and aarch64, in place or to -o. The packed
program unpacks itself at every start and then runs as before; "minsize unpack"
gives the original back, byte for byte, and that was tried before the original
is replaced.

What packing costs: CPU time at every start (the report estimates it), and
memory: two processes of a packed program no longer share its code. Some
antivirus programs flag packed files of every kind. Nothing in a packed file is
encrypted or hidden: see docs/pack-format.md.

When laying the file out afresh (minsize strip --max) makes it as small, the
program is not packed. Programs that would break or lose something are refused
with exit status 6: payloads in the program's own file (AppImage, PyInstaller,
self-extractors), set-user-ID files, writable code, shared libraries.`,
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
	flags.StringVarP(&f.output, "output", "o", "", "write the program to this `FILE` instead of in place; - is stdout")
	flags.BoolVarP(&f.keep, "keep", "k", false, "keep the old file as FILE~")
	flags.BoolVar(&f.dryRun, "dry-run", false, "say how small it would be, and write nothing")
	flags.BoolVar(&f.mustShrink, "require-smaller", false, "exit with status 5 when no file got smaller")
	flags.BoolVar(&f.privileged, "allow-privileged", false, "pack set-user-ID files and files with capabilities too")
	flags.BoolVar(&f.payload, "allow-payload", false, "pack programs with data that is not loaded too; they find none of it in the packed file")
	flags.BoolVar(&f.preserveDates, "preserve-dates", false, "keep access and modification time")
	flags.BoolVar(&f.breakLinks, "break-links", false, "replace a file that has other hard links, which keep the old content")
	flags.BoolVar(&f.fastStart, "fast-start", false, "plain LZMA: starts faster, a few percent larger")
	flags.BoolVar(&f.max, "max", false, "context mixing: a tenth smaller, and 1.5 seconds of start-up for each MB")
	flags.BoolVar(&f.best, "best", false, "search longer for the same form: a third more packing time, up to one percent smaller")
	flags.DurationVar(&f.budget, "startup-budget", 0, "refuse forms that cost more CPU `time` at every start, as 50ms")
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
	case f.output != "" && len(args) > 1:
		return usageError("minsize pack -o OUT FILE", "-o takes one input but got %d", len(args))
	case f.output != "" && f.keep:
		return usageError("leave -k out: -o does not touch the input", "-o and -k exclude each other")
	case f.max && f.fastStart:
		return usageError("one of them", "--max and --fast-start exclude each other")
	case f.budget < 0:
		return usageError("--startup-budget 50ms", "--startup-budget %v is negative", f.budget)
	}
	return nil
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
	var worst error
	smaller := false
	for _, path := range args {
		file, err := one(ctx, f, path)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			err = packError(path, err)
			file.Status, file.Error = "failed", err.Error()
			var status *statusError
			if errors.As(err, &status) {
				file.Hint = status.hint
				if status.status == exitRefused {
					file.Status = "refused"
				}
			}
			if len(args) > 1 {
				e.explain(err)
				err = &statusError{status: statusOf(err), err: errSaid}
			}
			if worst == nil || statusOf(worst) != exitFailed {
				worst = err
			}
		}
		smaller = smaller || file.Status == "packed"
		result.Files = append(result.Files, file)
	}
	if (len(args) > 1 || worst == nil || f.out.typed()) && (!e.global.quiet || f.out.typed()) {
		if err := e.print(ctx, result.Document(), &f.out); err != nil {
			return err
		}
	}
	if worst == nil && f.mustShrink && !smaller {
		return withStatus(exitNotSmaller, "", errors.New("nothing got smaller"))
	}
	return worst
}

func newPackFile(path string) report.PackFile {
	return report.PackFile{File: path, Parts: []report.PackPart{}, Transforms: []string{}, Candidates: []report.PackCandidate{}, Notes: []string{}}
}

// packFile does one file: open, pack, compare with plain re-laying, write.
func (e *env) packFile(ctx context.Context, f *packFlags, path string) (report.PackFile, error) {
	file := newPackFile(path)
	in, err := byteio.Open(path)
	if err != nil {
		return file, err
	}
	defer in.Close()
	file.Original = uint64(len(in.Data))
	if !f.privileged {
		if in.Info.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0 {
			return file, withStatus(exitRefused, "--allow-privileged", errors.New("the file is set-user-ID or set-group-ID"))
		}
		if byteio.HasCapabilities(path) {
			return file, withStatus(exitRefused, "--allow-privileged", errors.New("the file has capabilities"))
		}
	}
	target := path
	if f.output != "" {
		target, file.Output = f.output, f.output
	}
	err = byteio.Guard(func() error {
		out, r, err := pack.Pack(in.Data, pack.Options{FastStart: f.fastStart, Max: f.max, Best: f.best, StartupBudget: f.budget, AllowPayload: f.payload})
		if errors.Is(err, pack.ErrAlreadyPacked) || errors.Is(err, pack.ErrNotSmaller) {
			file.Status, file.Packed = "unchanged", file.Original
			file.Notes = append(file.Notes, err.Error())
			return nil
		}
		if err != nil {
			return err
		}
		file.Fill(r)
		if r.Loaded <= len(out) { // below which no rewriting gets
			if plain, _, err := strip.Rewrite(in.Data, strip.Options{Level: strip.Max}); err == nil && len(plain) <= len(out) {
				file.Status, file.Packed, file.Parts = "unchanged", file.Original, nil
				file.Notes = append(file.Notes, fmt.Sprintf("packing gives %d bytes, `minsize strip --max` %d, without any cost at start-up: not packed", len(out), len(plain)))
				return nil
			}
		}
		if r.Symbols > 0 {
			file.Notes = append(file.Notes, fmt.Sprintf("%d bytes of symbols and debug information are packed too, though nothing that runs finds them there: `minsize strip %s` first leaves them out", r.Symbols, path))
		}
		file.Status = "packed"
		if f.dryRun {
			file.Notes = append(file.Notes, "dry run: nothing was written")
			return nil
		}
		links := f.breakLinks || builtByCargo(path, in.Info)
		w := byteio.WriteOptions{Like: in, PreserveDates: f.preserveDates, BreakLinks: links, Check: func(written []byte) error {
			// Pack has unpacked out and compared it with the input.
			var err error
			if !bytes.Equal(written, out) {
				err = errors.New("other bytes came back from the disk")
			}
			return withStatus(exitVerification, "again; and please report it with the file", err)
		}}
		if f.keep {
			w.Backup = path + "~"
		}
		written, err := e.deliver(ctx, target, byteio.Content{{Data: out}}, w)
		file.Notes = append(file.Notes, written.Notes...)
		return err
	})
	return file, err
}

// listPacked describes a packed file; to know the original's size it is
// unpacked in memory, which is all that --test asks for.
func (e *env) listPacked(ctx context.Context, f *packFlags, path string) (report.PackFile, error) {
	file := newPackFile(path)
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
		file.Original, file.Status = uint64(r.Input), "intact"
		return nil
	})
	return file, err
}

// packError gives an error the file's name, its status and its hint.
func packError(path string, err error) error {
	if err == nil {
		return nil
	}
	var refusal *pack.Refusal
	var status *statusError
	var pathError *fs.PathError
	named := fmt.Errorf("%s: %w", path, err)
	switch {
	case errors.As(err, &status):
		return withStatus(status.status, status.hint, named)
	case errors.As(err, &refusal):
		return withStatus(exitRefused, refusal.Hint, named)
	case errors.Is(err, pack.ErrNotELF):
		return withStatus(exitRefused, "", named)
	case errors.Is(err, pack.ErrNotPacked):
		return withStatus(exitRefused, "minsize pack "+path, named)
	case errors.As(err, &pathError):
		return err
	case errors.Is(err, os.ErrNotExist):
		return err
	}
	return stripError(path, err)
}
