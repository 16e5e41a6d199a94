package report

import (
	"testing"

	"github.com/minsize/minsize/internal/apply"
	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/technique"
)

// TestAfterApply: what plain cargo will weigh is told as an estimate, and only
// where the search has measured those very settings.
func TestAfterApply(t *testing.T) {
	const measured = 281272
	for name, row := range map[string]struct {
		edit  apply.Edit
		cargo int64
		want  string
	}{
		"measured":                {apply.Edit{}, measured, "cargo build makes about 281,272 bytes with these settings (an estimate, by the search's own build), minsize build makes 38,065 bytes"},
		"a change to the link":    {apply.Edit{Left: []apply.Left{{Name: "relr"}}}, measured, "cargo build makes about 281,272 bytes with these settings (an estimate, by the search's own build), minsize build makes 38,065 bytes"},
		"a setting is left":       {apply.Edit{Left: []apply.Left{{Name: "lto-fat"}}}, measured, "minsize build makes 38,065 bytes; what cargo build makes with these settings was not measured"},
		"a recipe of before":      {apply.Edit{}, 0, "minsize build makes 38,065 bytes; what cargo build makes with these settings was not measured"},
		"the program bears it no": {apply.Edit{Refused: []technique.Refused{{}}}, measured, "minsize build made 38,065 bytes with what was left out; what it and cargo build make without was not measured"},
	} {
		if got := AfterApply(&row.edit, 38065, row.cargo); got != row.want {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

// TestDiffText: a change is printed as git does, with its colours.
func TestDiffText(t *testing.T) {
	files := []apply.FileEdit{{Path: "/p/Cargo.toml", Before: []byte("a\nb\n"), After: []byte("a\nc\n")}}
	for colorful, want := range map[bool]string{
		false: "--- a/Cargo.toml\n+++ b/Cargo.toml\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n",
		true:  "\x1b[1m--- a/Cargo.toml\x1b[0m\n\x1b[1m+++ b/Cargo.toml\x1b[0m\n\x1b[36m@@ -1,2 +1,2 @@\x1b[0m\n a\n\x1b[31m-b\x1b[0m\n\x1b[32m+c\x1b[0m\n",
	} {
		if got := DiffText("/p", files, colorful); got != want {
			t.Errorf("got %q", got)
		}
	}
}

func TestRungLine(t *testing.T) {
	for want, rung := range map[string]ladder.Rung{
		"release                         488.3 KiB             125.0%   12.5 s  kept, checked":                       {Name: "release", Kind: ladder.Baseline, Size: 500000, Stripped: 400000, Share: 1.25, CPU: 12.5, Kept: true, Check: ladder.Verdict{Status: ladder.Passed}},
		"relr                            273.4 KiB  -19.5 KiB   70.0%   0.30 s  kept, not run":                       {Name: "relr", Kind: technique.OfLink, Size: 9, Stripped: 280000, Change: -20000, Share: .7, Wall: .3, Kept: true},
		"mold                                                           cached  left out: link failed: 12,345 bytes": {Name: "mold", Kind: technique.OfLink, Why: "link failed: 12345 bytes", Cached: true},
	} {
		if got := RungLine(rung); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}
