package refgraph

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/objfile"
)

// TestCratesOfOneName: two crates are called parse, of different folders and
// versions. Each can be asked about, and what goes with it is what a rebuild
// without its call loses.
func TestCratesOfOneName(t *testing.T) {
	if testing.Short() {
		t.Skip("builds five programs")
	}
	for _, tool := range []string{"cargo", "strip"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs " + tool)
		}
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "twins"))); err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	main := filepath.Join(dir, "app", "src", "main.rs")
	source, err := os.ReadFile(main)
	if err != nil {
		t.Fatal(err)
	}
	build := func(name, flags, without string) string {
		var kept []string
		for line := range strings.SplitSeq(string(source), "\n") {
			if without == "" || !strings.Contains(line, "// part: "+without) {
				kept = append(kept, line)
			}
		}
		if err := os.WriteFile(main, []byte(strings.Join(kept, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("cargo", "build", "--offline", "--quiet", "--release")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "CARGO_PROFILE_RELEASE_DEBUG=1", "CARGO_PROFILE_RELEASE_STRIP=none", "CARGO_TARGET_DIR="+filepath.Join(dir, "target"), "RUSTFLAGS="+flags)
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("cargo: %v\n%s", err, text)
		}
		out := filepath.Join(dir, name)
		copyFile(t, filepath.Join(dir, "target", "release", "app"), out)
		return out
	}
	open := func(path string, folders map[string]string) *Graph {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := objfile.Parse(path, data)
		if err != nil {
			t.Fatal(err)
		}
		p, err := attrib.New(f, attrib.Options{References: true, Debug: true, Folders: folders})
		if err != nil {
			t.Fatal(err)
		}
		return FromProgram(p)
	}
	folders := map[string]string{dir + "/app": "0.1.0", dir + "/old": "1.0.1", dir + "/new": "2.0.2", dir + "/runs": "9.0.1"}
	path := build("whole", "", "")
	whole := open(path, folders)
	var labels []string
	for _, c := range whole.Program.CrateCopies() {
		labels = append(labels, c.Label)
	}
	if !slices.Contains(labels, "parse@1.0.1") || !slices.Contains(labels, "parse@2.0.2") {
		t.Errorf("crates of one name: %q", labels)
	}
	sum := func(g *Graph, pattern string) (uint64, *Why) {
		w, err := g.Why(g.Dominators(), WhyOptions{Patterns: []Pattern{{Text: pattern}}})
		if err != nil {
			t.Fatalf("%s: %v", pattern, err)
		}
		return w.Set.Size, w
	}
	both, w := sum(whole, "parse")
	if !slices.ContainsFunc(w.Notes, func(n string) bool { return strings.Contains(n, "2 crates are called parse: parse@1.0.1 (") }) {
		t.Errorf("notes on parse: %q", w.Notes)
	}
	parts := uint64(0)
	for part, pattern := range map[string]string{"old": "parse@1.0.1", "new": "parse@2.0.2"} {
		size, w := sum(whole, pattern)
		parts += size
		rest := open(build("no-"+part, "", part), folders)
		real := whole.Loaded() - rest.Loaded()
		left := map[string]string{"old": "parse@2.0.2", "new": "parse@1.0.1"}[part]
		if all, _ := sum(rest, "parse"); all == 0 {
			t.Errorf("%s is not there", left)
		} else if only, _ := sum(rest, left); only != all {
			t.Errorf("the only parse has %d bytes, %s %d", all, left, only)
		}
		if _, err := rest.Why(rest.Dominators(), WhyOptions{Patterns: []Pattern{{Text: pattern}}}); err == nil || !strings.Contains(err.Error(), left) {
			t.Errorf("%s, of which there is %s alone: %v", pattern, left, err)
		}
		p := w.Prediction
		t.Logf("%s: real %d, predicted %d, %d to %d", pattern, real, p.Estimate, p.Low, p.High)
		if real < p.Low || real > p.High {
			t.Errorf("%s: %d bytes went, predicted %d to %d", pattern, real, p.Low, p.High)
		}
	}
	if parts != both {
		t.Errorf("the two have %d bytes, both together %d", parts, both)
	}
	if size, _ := sum(whole, "parse@2.0.2::columns"); size == 0 {
		t.Error("nothing below parse@2.0.2")
	}
	if _, err := whole.Why(whole.Dominators(), WhyOptions{Patterns: []Pattern{{Text: "parse@3"}}}); err == nil || !strings.Contains(err.Error(), "parse@1.0.1, parse@2.0.2") {
		t.Errorf("a version that is not there: %v", err)
	}

	// The standard library's copy of a crate is as large as where it is the only
	// one of its name, and belongs to nobody's crate unless it is asked for.
	if !slices.Contains(labels, "miniz_oxide@std") || !slices.Contains(labels, "miniz_oxide@9.0.1") {
		t.Errorf("a crate that std has as well: %q", labels)
	}
	one := open(build("no-runs", "", "runs"), folders)
	alone, _ := sum(one, "miniz_oxide")
	if same, _ := sum(one, "miniz_oxide@std"); same != alone {
		t.Errorf("the only miniz_oxide has %d bytes, %d with its version", alone, same)
	}
	std, _ := sum(whole, "miniz_oxide@std")
	if diff := int64(std) - int64(alone); alone == 0 || diff < -16 || diff > 16 {
		t.Errorf("std's miniz_oxide has %d bytes beside another one, %d without", std, alone)
	}
	own, w := sum(whole, "miniz_oxide")
	if exact, _ := sum(whole, "miniz_oxide@9.0.1"); own != exact || own >= std {
		t.Errorf("miniz_oxide has %d bytes, miniz_oxide@9.0.1 %d, std's %d", own, exact, std)
	}
	if !slices.ContainsFunc(w.Notes, func(n string) bool { return strings.Contains(n, "miniz_oxide@std (") }) {
		t.Errorf("notes on miniz_oxide: %q", w.Notes)
	}

	// Without debug information the numbers of v0 names tell them apart, each by its hash.
	v0 := build("v0", "-Csymbol-mangling-version=v0", "")
	if text, err := exec.Command("strip", "--strip-debug", v0).CombinedOutput(); err != nil {
		t.Fatalf("strip: %v\n%s", err, text)
	}
	bare := open(v0, nil)
	both, _ = sum(bare, "parse")
	parts = 0
	for _, c := range bare.Program.CrateCopies() {
		if c.Crate == "parse" {
			if !strings.HasPrefix(c.Label, "parse#") {
				t.Errorf("a crate of v0 names is called %q", c.Label)
			}
			size, w := sum(bare, c.Label)
			parts += size - w.Made.Size
		}
	}
	if _, w := sum(bare, "parse"); parts != both-w.Made.Size {
		t.Errorf("v0: the two have %d bytes, both together %d", parts, both-w.Made.Size)
	}
}
