package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"

	"github.com/minsize/minsize/internal/ladder"
)

// TestLadderScreen: the first line is the answer, nothing is wider than the
// terminal, nothing is cut, and a search of ordinary length fits one screen.
func TestLadderScreen(t *testing.T) {
	r := sampleLadder()
	for i := range 20 {
		r.Left = append(r.Left, ladder.LeftOut{Name: fmt.Sprintf("technique-%d", i), Risk: "behaviour", Allow: true, Known: true, Saves: 100,
			Why: "--level max or --allow-behaviour", Loses: "what a sentence of a hundred letters says about the losses of a technique, to its very end"})
		r.Rungs = append(r.Rungs, ladder.Rung{Name: "dropped", Kind: "link", Why: "worth 0 bytes here"})
	}
	r.GivenUp = append(r.GivenUp, ladder.GivenUp{Name: "panic-abort", Risk: "behaviour", Loses: "catch_unwind and destructors after a panic: a panic prints its message and exits by SIGABRT"})
	var b bytes.Buffer
	if err := Write(&b, "text", LadderScreen(r, ScreenOptions{Next: "minsize apply (into Cargo.toml), or minsize build (the same bytes, in CI)"}), Options{Width: 80}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
	if lines[0] != "wordfreq: 400,000 -> 280,000 bytes, 70.0% of the stripped release build" {
		t.Errorf("the first line is %q", lines[0])
	}
	if len(lines) > 40 {
		t.Errorf("%d lines:\n%s", len(lines), b.String())
	}
	for _, line := range lines {
		if runewidth.StringWidth(line) > 80 || strings.Contains(line, "…") {
			t.Errorf("wider than 80 columns, or cut: %q", line)
		}
	}
	for _, wanted := range []string{"written: target/minsize/wordfreq, settings: minsize.toml", "given up (behaviour) by panic-abort:", "next: minsize apply", "to its very end", "-v"} {
		if !strings.Contains(strings.Join(strings.Fields(b.String()), " "), wanted) {
			t.Errorf("%q is missing in\n%s", wanted, b.String())
		}
	}
}

// TestLadderSpeed: a search that weighed speed says how fast its best is, also
// where nothing that was measured is fast enough.
func TestLadderSpeed(t *testing.T) {
	speed := func(r *ladder.Result) string {
		var b bytes.Buffer
		if err := Write(&b, "text", LadderScreen(r, ScreenOptions{}), Options{Width: 80}); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if strings.HasPrefix(line, "speed: ") {
				return strings.TrimSpace(line)
			}
		}
		return ""
	}
	r := sampleLadder()
	if got := speed(r); got != "speed: 120.0% of the release build's time" {
		t.Errorf("the build's speed is that of the link after it: %q", got)
	}
	r.Rungs[1].Kept, r.Rungs[1].Why = false, "120.0 % of the release build's time, the limit is 100.0 %"
	if got := speed(r); !strings.HasPrefix(got, "speed: as the release build;") {
		t.Errorf("nothing is fast enough: %q", got)
	}
	r.Rungs[1].Speed = 0
	if got := speed(r); got != "" {
		t.Errorf("nothing was measured: %q", got)
	}
}
