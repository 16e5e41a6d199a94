package report

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/golden"
	"github.com/minsize/minsize/internal/ladder"
)

func sampleLadder() *ladder.Result {
	passed := ladder.Verdict{Status: ladder.Passed, Checks: 2}
	return &ladder.Result{
		Program: "wordfreq", Package: "wordfreq", Target: "x86_64-unknown-linux-gnu", Level: "abort", Toolchain: "stable 1.95.0",
		Toolchains: []string{"unstable rungs are built with distribution 1.96.0"},
		Rungs: []ladder.Rung{
			{Name: "release", Kind: "baseline", Risk: "size", Size: 500000, Stripped: 400000, Share: 1.25, CPU: 12.5, Check: passed, Kept: true},
			{Name: "z + fat LTO", Kind: "build", Added: []string{"opt-level-z", "lto-fat"}, Size: 300000, Stripped: 300000, Change: -100000, Share: .75, CPU: 20, Check: passed, Kept: true, Speed: 1.2, Loses: []string{"speed"}},
			{Name: "panic-abort", Kind: "build", Size: 290000, Stripped: 290000, Change: -10000, Share: .725, CPU: 20,
				Check: ladder.Verdict{Status: ladder.Failed, Checks: 1}, Why: `check "{} x": died by SIGABRT <b>`},
			{Name: "relr", Kind: "link", Size: 280000, Stripped: 280000, Change: -20000, Share: .7, Wall: .3, Check: passed, Kept: true, Notes: []string{"a note"}},
			{Name: "hash-style-gnu", Kind: "link", Size: 280000, Stripped: 280000, Share: .7, Wall: .3, Check: ladder.Verdict{Status: ladder.NotRun, Why: "not smaller"}, Why: "worth 0 bytes here"},
			{Name: "mold", Kind: "link", Why: "link failed: mold: fatal", Check: ladder.Verdict{Status: ladder.NotRun}},
		},
		GivenUp: []ladder.GivenUp{{Name: "relr", Risk: "deployment", Loses: "systems before glibc 2.36"}},
		Left: []ladder.LeftOut{
			{Name: "no-pie", Kind: "link", Risk: "security", Loses: "address space layout randomisation", Why: "--with no-pie", Allow: true, Saves: 3000, Known: true},
			{Name: "build-std", Kind: "build", Risk: "debuggability", Loses: "the symbolizer", Why: "needs a nightly compiler"},
		},
		Best: 3, Builds: 3, Cached: 1, Relinks: 2, CPU: 52.5, Relink: .3, Checks: []string{"{} --version", "{} --help"},
		CheckNote: "only --version and --help were checked", Output: "target/minsize/wordfreq", Recipe: "minsize.toml",
		Baseline: 500000, BaseStrip: 400000, FinalSize: 280000, BestVerify: passed, Advice: []string{"one more thing"},
	}
}

func TestLadderFormats(t *testing.T) {
	formatsAre(t, "ladder", Ladder(sampleLadder()), "text", "markdown", "json", "csv")
}

// formatsAre holds a document in several formats to a folder of testdata.
func formatsAre(t *testing.T, name string, d *Document, formats ...string) {
	folder := golden.Open(t, filepath.Join("testdata", name))
	for _, format := range formats {
		var b bytes.Buffer
		if err := Write(&b, format, d, Options{}); err != nil {
			t.Fatal(err)
		}
		folder.Compare(t, format, b.Bytes())
	}
}

// TestLadderPage: the page is one file, asks no network, and holds the data
// escaped.
func TestLadderPage(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, "html", Ladder(sampleLadder()), Options{}); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, forbidden := range []string{"http://", "https://", "src=", "@import", "SIGABRT <b>"} {
		if strings.Contains(strings.ReplaceAll(page, "http://www.w3.org/2000/svg", ""), forbidden) {
			t.Errorf("the page contains %q", forbidden)
		}
	}
	for _, wanted := range []string{"waterfall", "z + fat LTO", "280000", "<table>"} {
		if !strings.Contains(page, wanted) {
			t.Errorf("the page does not contain %q", wanted)
		}
	}
}
