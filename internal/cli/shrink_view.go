package cli

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/report"
)

// shrinkView shows a search while it runs: on stderr, for stdout is the
// answer's. One line for each rung as it finishes; on a terminal a moving line
// below them for what runs now.
type shrinkView struct {
	e     *env
	live  bool
	quiet bool

	bar *liveBar
}

func newShrinkView(e *env) *shrinkView {
	return &shrinkView{e: e, live: e.live(), quiet: e.global.quiet}
}

func (v *shrinkView) start(p *cargo.Project, level string) {
	v.line(fmt.Sprintf("%s of %s, level %s, %s", p.Target.Name, p.Package.Name, level, p.Toolchain.Title()))
	v.idle()
}

// Begin implements ladder.Observer.
func (v *shrinkView) Begin(name string, full bool) {
	if v.live && !v.quiet {
		v.close()
		v.bar = startBar(v.e.stderr, name, full)
	} else if full {
		v.line(fmt.Sprintf("%-30s building ...", name))
	}
}

// crate is cargo's progress.
func (v *shrinkView) crate(p cargo.Progress) {
	if v.bar != nil {
		v.bar.set(p.Done, p.Total, p.Crate)
	}
}

// Done implements ladder.Observer.
func (v *shrinkView) Done(r ladder.Rung) {
	if v.bar != nil {
		v.bar.stop()
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
		v.bar = startBar(v.e.stderr, "working", false)
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
		v.bar.print(text)
		return
	}
	fmt.Fprintln(v.e.stderr, text)
}

func (v *shrinkView) close() {
	if v.bar != nil {
		v.bar.stop()
		v.bar = nil
	}
}

// nextCommand says what to do with what was found.
func nextCommand(f *shrinkFlags) string {
	next := "minsize apply (into Cargo.toml), or minsize build (the same bytes, in CI)"
	if f.level == "safe" {
		next = "minsize shrink --level abort, where a panic may end the program; then " + next
	}
	return next
}

// diskError gives a full disk its hint.
func diskError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return withStatus(exitFailed, "free some space, or --target-dir on another disk; target/minsize can be deleted at any time", err)
	}
	return err
}
