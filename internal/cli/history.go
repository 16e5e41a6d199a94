package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/history"
	"github.com/minsize/minsize/internal/report"
	"github.com/minsize/minsize/internal/stream"
)

// historyFile is where a history is kept unless --file says otherwise.
const historyFile = "minsize-history.jsonl"

// historyFlags is what was typed after `minsize history add` or `show`.
type historyFlags struct {
	size    sizeFlags
	file    string
	program string
	label   string
	commit  string
	keep    int
	view    string
	n       int
}

func newHistoryCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "history",
		Short: "growth over time by cause: record each build, show what grew with which",
		Long: "Keeps a file of JSON lines, " + historyFile + ", with the sizes of each build: the file, its crates, kinds of\n" +
			"bytes and largest functions. `add` appends a build, `show` tells what changed from one to the next.\n\n" +
			"The file is only appended to. It can be committed or kept by CI; lines of two branches merge as they are.",
		Example: "  minsize history add target/release/app --label v1.2\n" +
			"  minsize history show\n" +
			"  minsize history show --svg --report history.svg",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError("minsize history add PROGRAM, minsize history show", "unknown command %q", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newHistoryAddCommand(e), newHistoryShowCommand(e))
	return cmd
}

func newHistoryAddCommand(e *env) *cobra.Command {
	var f historyFlags
	cmd := &cobra.Command{
		Use:   "add [PROGRAM]",
		Short: "append a build to the history",
		Long: "Measures the program and appends one line, with the commit of the git repository here if there is one.\n" +
			"Without PROGRAM the cargo project here is built, and counts as it is shipped.",
		Example: "  minsize history add target/release/app\n  minsize history add --label v1.2 --file sizes.jsonl app\n  cargo minsize history add --bin app",
		Args:    takes(0, 1, "one program", "minsize history add PROGRAM"),
		RunE:    func(cmd *cobra.Command, args []string) error { return e.addHistory(cmd, &f, args) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.file, "file", historyFile, "the history: a `FILE` of JSON lines")
	flags.StringVar(&f.label, "label", "", "what to call this build, such as a version: `NAME`")
	flags.StringVar(&f.program, "as", "", "record it under this `NAME` (default: the file's name)")
	flags.StringVar(&f.commit, "commit", "", "the commit, where git does not know it: `HASH`")
	flags.IntVar(&f.keep, "keep", 500, "drop the oldest records of this program when there are more than `N`; 0 keeps all")
	registerDebugFile(flags, &f.size.debugFile)
	flags.BoolVar(&f.size.shipped, "as-shipped", false, "leave out what strip would remove; a cargo project is counted so")
	f.size.cargo.register(flags)
	registerOwn(flags, &f.size.own)
	return cmd
}

func newHistoryShowCommand(e *env) *cobra.Command {
	var f historyFlags
	cmd := &cobra.Command{
		Use:   "show",
		Short: "what grew from build to build",
		Long: "Shows each build with its size and what changed against the one before it. The changes of a line sum to the\n" +
			"change of the file. \"At least\" marks a row that one of the two records had left out, being small then.",
		Example: "  minsize history show -n 10\n  minsize history show --view functions\n  minsize history show --html --report history.html",
		Args:    takes(0, 0, "", ""),
		RunE:    func(cmd *cobra.Command, _ []string) error { return e.showHistory(cmd.Context(), &f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.file, "file", historyFile, "the history: a `FILE` of JSON lines")
	flags.StringVar(&f.program, "program", "", "of this `NAME` (default: the one that was added last)")
	choose(flags, &f.view, "view", "d", "crates", "by `WHAT` to tell the changes: crates, kind or functions", history.ViewNames()...)
	flags.IntVarP(&f.n, "max-items", "n", 20, "the last `N` builds, 0 for all")
	f.size.output.parts = []report.Part{report.Figure}
	f.size.output.register(flags)
	return cmd
}

func (e *env) addHistory(cmd *cobra.Command, f *historyFlags, args []string) error {
	ctx := cmd.Context()
	if f.keep < 0 {
		return usageError("--keep 0 for all", "%d records make no sense", f.keep)
	}
	if stream.IsStream(f.file) {
		return usageError("--file FILE; minsize history show prints it", "--file %s: a history is read before it is added to, so it has to be a file", f.file)
	}
	if _, _, err := history.Load(f.file); err != nil { // before a build is made for it
		return historyError(err)
	}
	f.size.sort, f.size.domain, f.size.crateBy = "file", "both", "generic"
	r, err := f.size.resolve(cmd)
	if err != nil {
		return err
	}
	r.views, r.need = history.ViewNames(), max(r.need, history.Need())
	l, err := e.loadPrograms(ctx, &f.size, r, args)
	if err != nil {
		return err
	}
	defer l.Close(ctx)
	e.printWarnings(l)
	for _, text := range l.Notes {
		e.note(text)
	}
	p := l.Inputs[0].Program
	record := &history.Record{
		Time: time.Now().UTC().Format(time.RFC3339), Program: f.program, Label: f.label, Commit: f.commit,
		Format: string(p.File.Format), Arch: p.File.Arch,
	}
	if record.Program == "" {
		record.Program = filepath.Base(l.Inputs[0].Name)
	}
	if err := byteio.Interruptible(ctx, func() error { return record.Measure(l.Inputs, r.rollup) }); err != nil {
		return viewError(err)
	}
	if l.shipped != nil {
		record.File = l.shipped.File
	}
	if record.Commit == "" {
		record.Commit, record.Subject, record.Dirty = history.GitCommit(ctx, f.file)
	}
	done, err := history.Append(ctx, f.file, record, f.keep)
	if err != nil {
		return historyError(err)
	}
	if done.Torn {
		e.note(f.file + ": its last line was torn; it stays, and is passed over")
	}
	if done.Dropped > 0 {
		e.note(fmt.Sprintf("%s: %d old records of %s dropped (--keep %d)", f.file, done.Dropped, record.Program, f.keep))
	}
	fmt.Fprintf(e.stdout, "%s: %s, %s: %d bytes; %d records\n", f.file, record.Program, record.Name(), record.File, done.Records)
	return nil
}

func (e *env) showHistory(ctx context.Context, f *historyFlags) error {
	if f.n < 0 {
		return usageError("-n 0 for all builds", "%d builds make no sense", f.n)
	}
	records, problems, err := history.Load(f.file)
	if err != nil {
		return historyError(err)
	}
	for _, p := range problems {
		e.note(f.file + ": " + p.String())
	}
	programs := history.Programs(records)
	if len(programs) == 0 {
		return withStatus(exitFailed, "minsize history add PROGRAM", fmt.Errorf("%s: no records", f.file))
	}
	if f.program == "" {
		f.program = programs[0]
	}
	if !slices.Contains(programs, f.program) {
		return usageError("--program "+programs[0], "%s: no records of %q, only of %s", f.file, f.program, strings.Join(programs, ", "))
	}
	result, err := report.NewHistory(f.file, f.program, f.view, history.Of(records, f.program), f.n)
	if err != nil {
		return err
	}
	if len(programs) > 1 {
		result.Notes = append(result.Notes, "other programs in this history: "+strings.Join(slices.DeleteFunc(programs, func(p string) bool { return p == f.program }), ", "))
	}
	return e.print(ctx, report.History(result), &f.size.output)
}

// historyError gives the reader's and writer's refusals their hints.
func historyError(err error) error {
	if errors.Is(err, history.ErrTooLarge) {
		return withStatus(exitFailed, "--file with the history, a file of JSON lines; --keep N bounds one", err)
	}
	return err
}
