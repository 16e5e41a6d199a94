//go:build linux

package cli

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestInterview: on a terminal init asks what was not typed, asks again where
// an answer is none, and writes what was said; elsewhere it asks nothing.
func TestInterview(t *testing.T) {
	if _, err := exec.LookPath("cargo"); err != nil {
		t.Skip("needs cargo")
	}
	t.Chdir(t.TempDir())
	for file, text := range map[string]string{
		"Cargo.toml":  "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
		"src/main.rs": "fn main() {}\n",
		"README.md":   "```\n$ app --greet\n$ app --top 3\n```\n",
	} {
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("CI", "")
	const lost, keep, run = "What may be lost?", "What must keep working?", "Where will it run?"
	for _, c := range []struct {
		args, keys string
		asks       []string
		asksNot    []string
		file       []string // lines of minsize.toml
	}{
		{"init", "abort\n2\n{} --selftest\n\nstatic\n", []string{lost, keep, run}, nil,
			[]string{`level = "abort"`, `    "{} --top 3",`, `    "{} --selftest",`, `    # "{} --greet", # README.md:2`, `target = "x86_64-unknown-linux-musl"`, `# glibc = "2.31"`}},
		{"init", "deep\n\n9\nall\nfoo\n\nnowhere\n2.17\n", []string{`unknown level "deep"`, `"9" is no number from 1 to 2`, "where does the program go?", `"nowhere" is no target`}, nil,
			[]string{`level = "safe"`, `    "{} --greet",`, `    "{} --top 3",`, `glibc = "2.17"`}},
		{"init", "\n\n\n\n", []string{lost, keep, run}, nil, []string{`level = "safe"`, `    # "{} --greet", # README.md:2`, `# target = "x86_64-unknown-linux-musl"`}},
		{"init", "\n\n\nx86_64-no-such-machine\n\n", []string{"x86_64-no-such-machine"}, nil, []string{`# target = "x86_64-unknown-linux-musl"`}},
		{"init --level max --accept", "\n", []string{run}, []string{lost, keep}, []string{`level = "max"`, `    "{} --greet", # README.md:2`}},
		{"init --level max --check {} --glibc 2.36", "", nil, []string{lost, keep, run}, []string{`    "{}",`, `glibc = "2.36"`}},
		{"init --yes", "", nil, []string{lost, keep, run}, []string{`level = "safe"`}},
	} {
		os.Remove("minsize.toml")
		keys, terminal, screen := openKeyboard(t)
		if _, err := keys.WriteString(c.keys); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		status := Main(append([]string{"minsize", "--color", "never"}, strings.Fields(c.args)...), terminal, &out, terminal)
		seen := screen()
		if status != exitOK || !strings.Contains(out.String(), "written: minsize.toml") {
			t.Errorf("%s: status %d, %s", c.args, status, out.String())
		}
		checkColumns(t, c.args, strings.ReplaceAll(drawn(seen), "] ", "]\n")) // what was typed ahead is echoed before
		for _, text := range c.asks {
			if !strings.Contains(seen, text) {
				t.Errorf("%s: the screen does not have %q:\n%s", c.args, text, seen)
			}
		}
		for _, text := range c.asksNot {
			if strings.Contains(seen, text) {
				t.Errorf("%s: asked %q:\n%s", c.args, text, seen)
			}
		}
		file, _ := os.ReadFile("minsize.toml")
		for _, line := range c.file {
			if !strings.Contains("\n"+string(file), "\n"+line+"\n") {
				t.Errorf("%s: no line %s in\n%s", c.args, line, file)
			}
		}
	}
}
