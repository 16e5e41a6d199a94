package cli

import (
	"context"
	"errors"
	"path/filepath"
	"runtime/debug"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/executor"
	"github.com/minsize/minsize/internal/report"
	"github.com/minsize/minsize/internal/stream"
	"github.com/minsize/minsize/internal/strip"
)

// stripFlags is what was typed behind `minsize strip`.
type stripFlags struct {
	levelFlags
	rewriteFlags
	onlyKeepDebug string
	compressed    bool
	cargo         cargoFlags
}

func newStripCommand(e *env) *cobra.Command {
	var f stripFlags
	cmd := &cobra.Command{
		Use:   "strip [FILE...]",
		Short: "drop from programs and objects what running does not need",
		Long: `Drops symbols, debug info, comments and what else nothing loads, from ELF, PE,
Mach-O and Wasm files, objects and archives of any machine, in place or to -o.

Levels, each with those before it:
  --debug      debug info only
  (default)    symbols, debug info, comments, relocations kept for the linker
  --sections   ELF section headers too
  --max        padding between segments and trailing zeros too; of a Wasm
               module what no export reaches, and longer numbers; relative
               relocations of ELF programs and libraries for glibc: packed,
               and applied by the file itself

--relocations alone packs relocations and drops nothing; --undo-relocations
gives the file as it was before that, to the byte.

Without FILE the cargo project of the current folder is built and its program
stripped; with "-" the file comes from stdin and goes to stdout.

Every new file is read again and compared with the old one as a loader sees
them before it takes the old one's place by a rename. What would be lost
(appended payloads, signatures) makes the file refused, with exit status 6.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.strip(cmd.Context(), &f, args)
		},
	}
	f.register(cmd.Flags())
	return cmd
}

func (f *stripFlags) register(flags *pflag.FlagSet) {
	f.levelFlags.register(flags)
	f.rewriteFlags.register(flags, "say what would go, and write nothing")
	flags.StringVar(&f.onlyKeepDebug, "only-keep-debug", "", "write symbols and debug info to this `FILE`, and link to it")
	flags.BoolVar(&f.compressed, "compressed", false, "say too what each file weighs as gzip -9 and brotli -q 11")
	f.out.register(flags)
	f.cargo.register(flags)
}

// resolve checks the combination, so that the rest may trust it.
func (f *stripFlags) resolve(args []string) error {
	if err := f.levelFlags.resolve(strip.All); err != nil {
		return err
	}
	switch {
	case f.options.Level == strip.Nothing && f.onlyKeepDebug != "":
		return errDropsNothing()
	case f.onlyKeepDebug != "" && len(args) != 1:
		return usageError("minsize strip --only-keep-debug FILE.debug FILE", "--only-keep-debug takes one input but got %d", len(args))
	case f.onlyKeepDebug != "" && stream.IsStream(f.onlyKeepDebug):
		return usageError("--only-keep-debug FILE", "--only-keep-debug %s: the program refers to it by its name, so it has to be a file", f.onlyKeepDebug)
	}
	return f.rewriteFlags.resolve("strip", args)
}

// strip is the verb: every file through the same steps, one report.
func (e *env) strip(ctx context.Context, f *stripFlags, args []string) error {
	if err := f.resolve(args); err != nil {
		return err
	}
	fromCargo := len(args) == 0
	if fromCargo {
		built, err := e.buildForStrip(ctx, f)
		var nowhere *cargo.NoProjectError
		if errors.As(err, &nowhere) {
			return usageError("minsize strip FILE", "no file was named, and there is no cargo project here")
		}
		if err != nil {
			return err
		}
		args = built
	}
	result := report.StripResult{Level: f.options.Level.String(), DryRun: f.dryRun}
	pipe := len(args) == 1 && args[0] == "-"
	if pipe && f.output == "" && !f.dryRun {
		f.output = "-"
	}
	if err := e.programTo(f.output, &f.out); err != nil {
		return err
	}
	if pipe {
		return e.stripPipe(ctx, f, result)
	}
	smaller := false
	var err error
	result.Files, err = eachFile(ctx, e, args, func(path string) (report.StripFile, error) {
		file, err := e.stripFile(ctx, f, path, fromCargo)
		if err == nil {
			result.Before += file.Before
			result.After += file.After
			smaller = smaller || file.After < file.Before
		}
		return file, err
	}, func(file *report.StripFile) *report.FileOutcome { return &file.FileOutcome })
	return e.printRewritten(ctx, &f.rewriteFlags, len(args), result.Document(), smaller, err)
}

// largeFile is from which size on memory is worth reading pages twice, and
// collecting garbage often.
const largeFile = 64 << 20

// stripFile does one file: open, plan, write behind the oracle.
func (e *env) stripFile(ctx context.Context, f *stripFlags, path string, fromCargo bool) (report.StripFile, error) {
	file := report.NewStripFile(path)
	if path == "-" {
		return file, usageError("minsize strip - <IN >OUT", "- stands alone")
	}
	in, err := byteio.Open(path)
	if err != nil {
		return file, rewriteError(path, err)
	}
	defer in.Close()
	file.Before = uint64(len(in.Data))
	target := path
	if f.output != "" {
		target, file.Output = f.output, f.output
	}
	err = byteio.Guard(func() error {
		var companion []byte
		o := f.options
		if len(in.Data) >= largeFile {
			o.Forget = in.Forget
			defer debug.SetGCPercent(debug.SetGCPercent(20))
		}
		if f.onlyKeepDebug != "" {
			if companion, err = strip.Companion(in.Data); err != nil {
				return err
			}
			o.DebugLink = strip.LinkTo(filepath.Base(f.onlyKeepDebug), companion)
		}
		content, r, err := strip.Plan(in.Data, o)
		if err != nil {
			return err
		}
		file.Fill(r)
		if f.compressed {
			if file.Compressed, err = executor.Transfers(in.Data, content.Bytes()); err != nil {
				return err
			}
		}
		if f.dryRun {
			if r.Same {
				return nil
			}
			return strip.Verify(in.Data, content.Bytes(), o)
		}
		if companion != nil {
			if _, err := byteio.WriteFile(ctx, f.onlyKeepDebug, byteio.Content{{Data: companion}}, byteio.WriteOptions{Perm: 0o644}); err != nil {
				return err
			}
		}
		if r.Same && f.output == "" {
			return nil
		}
		w := f.writing(path, in, func(written []byte) error { return strip.Verify(in.Data, written, o) })
		w.BreakLinks = w.BreakLinks || fromCargo
		if w.BreakLinks && !f.breakLinks && byteio.LinkCount(in.Info) > 1 {
			file.Notes = append(file.Notes, "cargo's own copy in deps keeps the old content")
		}
		written, err := e.outputs().Deliver(ctx, target, content, w)
		file.Notes = append(file.Notes, written.Notes...)
		return err
	})
	return file, rewriteError(path, err)
}

// stripPipe is stdin to stdout, or to -o; the report goes to stderr only when
// asked for.
func (e *env) stripPipe(ctx context.Context, f *stripFlags, result report.StripResult) error {
	if f.keep || f.onlyKeepDebug != "" {
		return usageError("minsize strip FILE", "-k and --only-keep-debug need a file, not stdin")
	}
	data, err := byteio.ReadAll(ctx, e.stdin)
	if err != nil {
		return err
	}
	out, r, err := strip.Rewrite(data, f.options)
	if err != nil {
		return rewriteError("stdin", err)
	}
	file := report.NewStripFile("-")
	file.Fill(r)
	if f.compressed {
		if file.Compressed, err = executor.Transfers(data, out); err != nil {
			return err
		}
	}
	result.Files = []report.StripFile{file}
	result.Before, result.After = r.Before, r.After
	if !f.dryRun {
		if _, err := e.outputs().Deliver(ctx, f.output, byteio.Content{{Data: out}}, byteio.WriteOptions{Perm: 0o755}); err != nil {
			return rewriteError(f.output, err)
		}
	}
	if e.global.quiet && !f.out.typed() {
		return nil
	}
	return e.print(ctx, result.Document(), &f.out)
}

// buildForStrip has cargo build the project's programs, as the user would,
// and returns where cargo says that they are.
func (e *env) buildForStrip(ctx context.Context, f *stripFlags) ([]string, error) {
	if f.cargo.Profile == "" {
		f.cargo.Profile = "release"
	}
	projects, err := cargo.LoadEach(ctx, e.cargoOptions(&f.cargo))
	if len(projects) > 1 && (f.output != "" || f.onlyKeepDebug != "") { // for one program
		_, err = cargo.Load(ctx, e.cargoOptions(&f.cargo))
	}
	if err != nil {
		return nil, cargoError(err)
	}
	var built []string
	for _, project := range projects {
		request := cargo.Request{TargetDir: filepath.Dir(project.OutputDir())} // where cargo itself would build
		result, err := e.cargoBuild(ctx, project, request)
		if err != nil {
			return nil, cargoError(err)
		}
		built = append(built, result.Executable)
	}
	return built, nil
}
