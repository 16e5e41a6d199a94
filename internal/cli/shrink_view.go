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
	"github.com/minsize/minsize/internal/tune"
)

// shrinkView shows a search while it runs: on stderr, for stdout is the
// answer's. One line for each rung as it finishes; on a terminal a moving line
// below them for what runs now.
type shrinkView struct {
	e     *env
	live  bool
	quiet bool

	bar *stream.Bar

	quarters int // of the tuning that were told, where nothing moves
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
		v.bar = stream.Start(stream.Screen(v.e.stderr), name, full)
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

// tuning shows how far the tuning of inlining is: behind the moving line, or
// as a line for each quarter.
func (v *shrinkView) tuning(p tune.Progress) {
	saved := report.FormatBytes(p.Before-p.Now, false)
	if v.bar != nil {
		v.bar.Say(fmt.Sprintf("%.0f %%, -%s", p.Done*100, saved))
		return
	}
	if quarter := int(p.Done * 4); quarter > v.quarters {
		v.quarters = quarter
		v.line(fmt.Sprintf("%-30s %3.0f %%: %d compiles, %d calls, -%s of code", "tuned-inlining", p.Done*100, p.Compiles, p.Calls, saved))
	}
}

// Done implements ladder.Observer.
func (v *shrinkView) Done(r ladder.Rung) {
	if v.bar != nil {
		v.bar.Stop()
		v.bar = nil
	}
	if v.live { // the report has the ladder; the moving line says how far it is
		v.idle()
		return
	}
	v.line(report.RungLine(r))
}

// idle moves until the next rung begins: between rungs there are relinks and
// checks, too.
func (v *shrinkView) idle() {
	if v.live && !v.quiet && v.bar == nil {
		v.bar = stream.Start(stream.Screen(v.e.stderr), "working", false)
	}
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
