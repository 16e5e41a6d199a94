package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/report"
	"github.com/minsize/minsize/internal/stream"
)

// shrinkView shows a search while it runs: on stderr, for stdout is the
// answer's. One line for each rung as it finishes; on a terminal a moving line
// below them for what runs now.
type shrinkView struct {
	e     *env
	live  bool
	quiet bool

	bar *stream.Bar
}

func newShrinkView(e *env) *shrinkView {
	v := &shrinkView{e: e, live: e.live(), quiet: e.global.quiet}
	e.moving = v
	return v
}

// cargoBuild builds what a verb is about, under the eyes of a person: with
// cargo's own lines, or on a terminal its warnings above the moving line.
func (e *env) cargoBuild(ctx context.Context, p *cargo.Project, request cargo.Request) (cargo.Result, error) {
	v := e.moving
	if v == nil {
		v = newShrinkView(e)
		defer v.end()
	}
	if !v.live {
		if !v.quiet && request.Log == nil {
			request.Log = e.stderr
		}
		return cargo.Build(ctx, p, request)
	}
	v.Begin("building "+p.Target.Name, true)
	lines := &stream.Lines{Each: func(line string) {
		if first, _, _ := strings.Cut(strings.TrimSpace(line), " "); !slices.Contains(cargoStates, first) {
			v.line(line)
		}
	}}
	if request.Log == nil {
		request.Log = lines
	}
	request.Progress = v.crate
	result, err := cargo.Build(ctx, p, request)
	lines.Flush()
	v.close()
	v.idle()
	return result, err
}

// cargoStates begin the lines of cargo's that the moving line tells as well.
var cargoStates = []string{"Compiling", "Fresh", "Finished", "Locking", "Updating", "Downloading", "Downloaded"}

func (v *shrinkView) start(p *cargo.Project, level string) {
	v.line(fmt.Sprintf("%s of %s, level %s, %s", p.Target.Name, p.Package.Name, level, p.Toolchain.Title()))
	v.idle()
}

// Begin implements ladder.Observer.
func (v *shrinkView) Begin(name string, full bool) {
	if v.live && !v.quiet {
		v.close()
		v.bar = stream.Start(v.e.screen(), name, full)
	} else if full {
		v.line(fmt.Sprintf("%-30s building ...", name))
	}
}

// crate is cargo's progress.
func (v *shrinkView) crate(p cargo.Progress) {
	if v.bar != nil {
		v.bar.Set(p.Done, p.Total, p.Crate)
	}
}

// Done implements ladder.Observer.
func (v *shrinkView) Done(r ladder.Rung) {
	if v.bar != nil {
		v.bar.Stop()
		v.bar = nil
	}
	size := r.Stripped
	if r.Kind == "baseline" || r.Kind == "file" {
		size = r.Size
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-30s", r.Name)
	if size > 0 {
		fmt.Fprintf(&b, " %10s", report.FormatBytes(size, false))
		if r.Kind == "baseline" {
			b.WriteString("           ")
		} else {
			fmt.Fprintf(&b, " %10s", signed(r.Change))
		}
		fmt.Fprintf(&b, " %6.1f%%", r.Share*100)
	} else {
		b.WriteString(strings.Repeat(" ", 30))
	}
	switch {
	case r.Cached:
		b.WriteString("   cached")
	case r.CPU > 0:
		fmt.Fprintf(&b, " %6.1f s", r.CPU)
	case r.Wall > 0:
		fmt.Fprintf(&b, " %6.2f s", r.Wall)
	default:
		b.WriteString("         ")
	}
	switch {
	case r.Kept && r.Check.Status == ladder.Passed:
		b.WriteString("  kept, checked")
	case r.Kept:
		b.WriteString("  kept, not run")
	default:
		b.WriteString("  left out: " + report.GroupDigits(r.Why))
	}
	if v.live { // the report has the ladder; the moving line says how far it is
		v.idle()
		return
	}
	v.line(b.String())
}

// idle moves until the next rung begins: between rungs there are relinks and
// checks, too.
func (v *shrinkView) idle() {
	if v.live && !v.quiet && v.bar == nil {
		v.bar = stream.Start(v.e.screen(), "working", false)
	}
}

func signed(n int64) string {
	if n > 0 {
		return "+" + report.FormatBytes(n, false)
	}
	return report.FormatBytes(n, false)
}

// Note implements ladder.Observer.
func (v *shrinkView) Note(text string) { v.line("note: " + text) }

func (v *shrinkView) line(text string) {
	if v.quiet {
		return
	}
	if v.bar != nil {
		if width := stream.Width(v.e.stderr); width > 0 {
			text = stream.FitLines(text, width)
		}
		v.bar.Print(text)
		return
	}
	fmt.Fprintln(v.e.stderr, text)
}

// end is close, for good: the next note goes to stderr by itself.
func (v *shrinkView) end() {
	v.close()
	if v.e.moving == v {
		v.e.moving = nil
	}
}

func (v *shrinkView) close() {
	if v.bar != nil {
		v.bar.Stop()
		v.bar = nil
	}
}

// diskError gives a full disk its hint.
func diskError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return withStatus(exitFailed, "free some space, or --target-dir on another disk; target/minsize can be deleted at any time", err)
	}
	return err
}
