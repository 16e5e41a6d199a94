package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/pflag"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/executor"
	"github.com/minsize/minsize/internal/report"
	"github.com/minsize/minsize/internal/stream"
	"github.com/minsize/minsize/internal/strip"
)

// The verbs that rewrite finished files (strip, pack, unpack) take them one
// after another, each in place or to -o, and tell of all in one report.

// rewriteFlags are what they take alike.
type rewriteFlags struct {
	output        string
	keep          bool
	dryRun        bool
	mustShrink    bool
	preserveDates bool
	breakLinks    bool
	out           reportFlags
}

// register adds the flags; dryRun says what that does, "" where it is none.
func (f *rewriteFlags) register(flags *pflag.FlagSet, dryRun string) {
	flags.StringVarP(&f.output, "output", "o", "", "write the result to this `FILE` instead of in place; - is stdout")
	flags.BoolVarP(&f.keep, "keep", "k", false, "keep the old file as FILE~")
	if dryRun != "" {
		flags.BoolVar(&f.dryRun, "dry-run", false, dryRun)
		flags.BoolVar(&f.mustShrink, "require-smaller", false, "exit with status 5 when no file got smaller")
	}
	flags.BoolVar(&f.preserveDates, "preserve-dates", false, "keep access and modification time")
	flags.BoolVar(&f.breakLinks, "break-links", false, "rewrite a file that has other hard links, which keep the old content")
}

// resolve refuses what -o cannot do.
func (f *rewriteFlags) resolve(verb string, args []string) error {
	switch {
	case f.output != "" && len(args) > 1:
		return usageError("minsize "+verb+" -o OUT FILE", "-o takes one input but got %d", len(args))
	case f.output != "" && f.keep:
		return usageError("leave -k out: -o does not touch the input", "-o and -k exclude each other")
	}
	return nil
}

// writing is how a new file takes the place of the one at path.
func (f *rewriteFlags) writing(path string, in *byteio.Mapping, check func([]byte) error) byteio.WriteOptions {
	w := byteio.WriteOptions{Like: in, PreserveDates: f.preserveDates, BreakLinks: f.breakLinks || executor.CargoKeepsCopy(path, in.Info), Check: check}
	if f.keep {
		w.Backup = path + "~"
	}
	return w
}

// programTo settles that -o names stdout: a person's terminal is no place for
// a program, and the report goes elsewhere.
func (e *env) programTo(output string, o *reportFlags) error {
	if stream.Descriptor(output) == 1 && stream.IsTerminal(e.stdout) {
		return usageError("-o FILE, or a pipe", "stdout is a terminal")
	}
	return o.besides(output)
}

// eachFile does the files one after another. Of several the errors are said as
// they come; the worst gives the exit status.
func eachFile[T any](ctx context.Context, e *env, paths []string, one func(path string) (T, error), outcome func(*T) *report.FileOutcome) ([]T, error) {
	var all []T
	var worst error
	for _, path := range paths {
		file, err := one(path)
		if ctx.Err() != nil {
			return all, ctx.Err()
		}
		if err != nil {
			said := asStatus(err)
			o := outcome(&file)
			o.Status, o.Error, o.Hint = report.Failed, err.Error(), said.hint
			if said.status == exitRefused {
				o.Status = report.Refused
			}
			if len(paths) > 1 {
				e.explain(err)
				err = &statusError{status: said.status, err: errSaid}
			}
			if worst == nil || asStatus(worst).status != exitFailed {
				worst = err
			}
		}
		all = append(all, file)
	}
	return all, worst
}

// errSaid is an error that was printed already.
var errSaid = errors.New("")

// printRewritten tells what became of the files. One that could not be done has
// its error alone.
func (e *env) printRewritten(ctx context.Context, f *rewriteFlags, files int, d *report.Document, smaller bool, worst error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if (files > 1 || worst == nil || f.out.typed()) && (!e.global.quiet || f.out.typed()) {
		if err := e.print(ctx, d, &f.out); err != nil {
			return err
		}
	}
	if worst == nil && f.mustShrink && !smaller {
		return withStatus(exitNotSmaller, "", errors.New("nothing got smaller"))
	}
	return worst
}

// rewriteError gives an error the file's name, its status and its hint.
func rewriteError(path string, err error) error {
	if err == nil {
		return nil
	}
	var status *statusError
	var refusal *byteio.Refusal
	var pathError *fs.PathError
	var malformed *byteio.Error
	named := fmt.Errorf("%s: %w", path, err)
	switch {
	case errors.As(err, &status), errors.As(err, &refusal):
		return named
	case errors.Is(err, byteio.ErrHardLinks):
		return withStatus(exitRefused, "--break-links, and the other names keep the old content; or -o FILE", err)
	case errors.Is(err, byteio.ErrMetadata):
		return withStatus(exitRefused, "run it as the file's owner or root, or -o FILE", err)
	case errors.Is(err, byteio.ErrNotRegular):
		return withStatus(exitRefused, "a regular file, or - for a pipe", err)
	case errors.Is(err, byteio.ErrChanged):
		return withStatus(exitFailed, "again, when nothing writes to it", err)
	case errors.Is(err, byteio.ErrBusy), errors.Is(err, byteio.ErrExists):
		return withStatus(exitFailed, "again, when the other run has ended, or move the file away", err)
	case errors.Is(err, strip.ErrFormat):
		return withStatus(exitRefused, "a program, library, object or archive", named)
	case errors.Is(err, strip.ErrOracle):
		return withStatus(exitVerification, "a lower level; and please report it with the file", named)
	case errors.As(err, &malformed):
		return withStatus(exitFailed, "a fresh copy: the file is damaged or no program", named)
	case errors.As(err, &pathError):
		return err
	}
	return named
}
