package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/forge"
	"github.com/minsize/minsize/internal/report"
)

// gateFlags is what was typed after `minsize gate`.
type gateFlags struct {
	check     checkFlags
	save      string
	name      string
	noComment bool
}

func newGateCommand(e *env) *cobra.Command {
	var f gateFlags
	cmd := &cobra.Command{
		Use:   "gate [FILE]",
		Short: "check a program in CI: the verdict, and what grew against the base branch",
		Long: "Does what `minsize check` does, with the same limits and the same exit status, and tells the people who review\n" +
			"the change: what grew against the baseline, crate by crate and function by function, and why.\n\n" +
			"Under GitHub Actions the limits that are exceeded become annotations, the report goes to the run's summary, and\n" +
			"a pull request gets one comment, which later runs update: when something changed, or a limit is exceeded. It\n" +
			"takes a GITHUB_TOKEN that may write it; without one, as for a pull request from a fork, the rest is done.\n\n" +
			"A baseline that is not there yet is no mistake: the first run has none. --save writes what the next run's\n" +
			"--baseline reads.",
		Example: "  minsize gate --baseline base.json target/release/app\n" +
			"  minsize gate --save base.json\n" +
			"  minsize gate --max file=400KiB --markdown app",
		Args: takes(0, 1, "one file", "minsize gate FILE"),
		RunE: func(cmd *cobra.Command, args []string) error { return e.runGate(cmd.Context(), cmd, &f, args) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.save, "save", "", "write what the next run compares with to this `FILE`")
	flags.StringVar(&f.name, "comment-name", "", "tells the comments of several programs apart: `NAME` (default: the program's)")
	flags.BoolVar(&f.noComment, "no-comment", false, "write no comment on the pull request")
	f.check.register(flags)
	return cmd
}

func (e *env) runGate(ctx context.Context, cmd *cobra.Command, f *gateFlags, args []string) error {
	run, err := forge.Current(os.Getenv)
	if err != nil {
		return err
	}
	f.check.compare = true
	var notes []string
	if f.check.baseline != "" {
		if _, err := os.Stat(f.check.baseline); errors.Is(err, fs.ErrNotExist) {
			notes = append(notes, "There is no record of the base branch yet: growth is measured from the next run on.")
			f.check.baseline, f.check.first = "", true
		}
	} else {
		f.check.first = true
	}
	j, err := e.judge(ctx, cmd, &f.check, args)
	if err != nil {
		return err
	}
	j.size.Locked = cargo.LockedVersions(e.cargoOptions(&f.check.size.cargo))
	g := &report.GateResult{Check: j.result, Bytes: j.file, Base: j.baseFile}
	if j.base != nil {
		if g.Diff, err = report.NewDiff(j.base, j.size, [2]string{j.wanted.Baseline, j.result.File}, true); err != nil {
			return err
		}
		g.Causes = report.Causes(g.Diff, j.base, j.size)
	}
	d := report.Gate(g, notes)
	if f.save != "" {
		if err := saveSize(ctx, f.save, j.size); err != nil {
			return err
		}
	}
	if err := e.print(ctx, d, &f.check.size.output); err != nil {
		return err
	}
	if run != nil {
		if err := e.tellReviewers(ctx, run, f, g, d); err != nil {
			return err
		}
	}
	return j.verdict(args)
}

// saveSize writes what ReadSize reads.
func saveSize(ctx context.Context, path string, s *report.SizeResult) error {
	var b bytes.Buffer
	if err := report.Write(&b, "json", report.Size(s, report.SizeOptions{Full: true}), report.Options{}); err != nil {
		return err
	}
	_, err := byteio.WriteFile(ctx, path, byteio.Content{{Data: b.Bytes()}}, byteio.WriteOptions{})
	return err
}

// tellReviewers leaves the report where GitHub shows it. That a comment may not
// be written is no reason to fail.
func (e *env) tellReviewers(ctx context.Context, run *forge.Run, f *gateFlags, g *report.GateResult, d *report.Document) error {
	if f.check.size.output.format.Name != "github" {
		if err := report.Write(e.stderr, "github", d, report.Options{}); err != nil {
			return err
		}
	}
	var page bytes.Buffer
	if err := report.Write(&page, "markdown", d, report.Options{}); err != nil {
		return err
	}
	if run.Summary != "" {
		if err := forge.Append(run.Summary, page.String()); err != nil {
			return err
		}
	}
	if run.Output != "" {
		outputs := fmt.Sprintf("bytes=%d\ndelta=%d\nover=%d\n", g.Bytes, g.Delta(), g.Check.Over)
		if !strings.ContainsAny(g.Check.File, "\r\n") { // a line of its own
			outputs += "file=" + g.Check.File + "\n"
		}
		if err := forge.Append(run.Output, outputs); err != nil {
			return err
		}
	}
	switch {
	case run.PullRequest == 0 || f.noComment:
		return nil
	case run.Token == "":
		e.note("no comment: GITHUB_TOKEN is not set for this step")
		return nil
	}
	name := f.name
	if name == "" {
		name = g.Check.File
	}
	quiet := g.Check.Over == 0 && g.Check.Missing == 0 && (g.Base == 0 || g.Delta() == 0)
	done, err := run.Comment(ctx, "minsize gate "+name, page.String(), quiet)
	switch {
	case errors.Is(err, forge.ErrMayNot) && run.Fork:
		e.note("no comment: the pull request comes from a fork, whose runs may not write any; the report is in the run's summary")
	case errors.Is(err, forge.ErrMayNot):
		e.note(fmt.Sprintf("no comment: %v; the job needs `permissions: pull-requests: write`", err))
	case err != nil:
		e.note(fmt.Sprintf("no comment: %v", err))
	case done != "":
		e.note(fmt.Sprintf("comment on pull request %d %s", run.PullRequest, done))
	}
	return nil
}
