package relink

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// crateCommands are what testdata/crates is run with, and which cut may show
// in which; a command that a cut does not list must give the same.
var crateCommands = []struct {
	args string
	env  string
	cuts []string
}{
	{args: "a.c abcadc"},
	{args: `\w+ élan`},
	{args: `(?i)straSSe STRASSE --ignore-case`},
	{args: `\p{Greek} αβγ`, cuts: []string{"regex-properties"}},
	{args: "( x", cuts: []string{}},
	{args: "( x", env: "RUST_BACKTRACE=1", cuts: []string{"error-backtraces", "std-symbolizer"}},
	{args: "--help", cuts: []string{"clap-help", "clap-usage", "terminal-styles"}},
	{args: "--version"},
	{args: "a", cuts: []string{"clap-usage", "terminal-styles"}},
	{args: "a b --ignore-cases", cuts: []string{"clap-usage", "clap-suggestions", "terminal-styles"}},
	{args: "あ|é c3a9e38182 --decode utf-8"},
	{args: "あ 82a0 --decode shift_jis", cuts: []string{"text-decoders"}},
	{args: "é e900 --decode utf-16le", cuts: []string{"text-decoders"}},
	{args: "(?-u)holmes|watson|moriarty|lestrade the_adventures_of_holmes_and_watson_and_lestrade_and_so_on_and_on_for_long_watson"},
	{args: "foo|bar|quux|b[ai]z " + strings.Repeat("xyzfobaquub", 40) + "quuxbazbarfoo"},
	{args: "(?s)x.*needle " + strings.Repeat("hay", 60) + "xneedle"},
	{args: `a ["anna","eva"] --json`},
	{args: `a ["anna",1.5] --json`, cuts: []string{"json-error-values"}},
	{args: `a ["anna", --json`},
	{args: "a 2024-02-29 --date", cuts: []string{"chrono-formats"}},
	{args: "a 2023-02-29 --date", cuts: []string{"jiff-errors"}},
	{args: "a banana --cpu", cuts: []string{"simd-dispatch"}},
	{args: "a banana", env: "RUST_LOG=warn", cuts: []string{"log-timestamps", "terminal-styles"}},
}

var timestamp = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:]+Z`)

// TestCrateCuts builds a program on published crates, so it is part of `make
// sweep`: each cut outside std must show where it says, and nowhere else.
func TestCrateCuts(t *testing.T) {
	if os.Getenv("MINSIZE_SWEEP") == "" {
		t.Skip("needs MINSIZE_SWEEP=1: it builds crates from the registry")
	}
	if _, err := exec.LookPath("cargo"); err != nil {
		t.Skip("needs cargo")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "crates"))); err != nil {
		t.Fatal(err)
	}
	rec := Recorder{Dir: filepath.Join(dir, "rec"), Bin: "crates"}
	cmd := exec.Command("cargo", append([]string{"build", "--release", "--message-format=json"}, rec.CargoArgs("x86_64-unknown-linux-gnu", self)...)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), rec.Env()...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("cargo cannot build it here: %s", said.String())
	}
	var executable string
	for line := range bytes.Lines(out) {
		var m struct{ Executable string }
		if json.Unmarshal(line, &m) == nil && m.Executable != "" {
			executable = m.Executable
		}
	}
	r, err := Find(rec.Dir, executable)
	if err != nil {
		t.Fatal(err)
	}
	run := func(program, args, env string) ran {
		cmd := exec.CommandContext(context.Background(), program, strings.Fields(args)...)
		cmd.Env = []string{"LANG=C", env}
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		cmd.Run()
		return ran{cmd.ProcessState.String(), stdout.String(), timestamp.ReplaceAllString(address.ReplaceAllString(stderr.String(), "0x"), "TIME")}
	}
	plain, base := linkTo(t, r, Variant{Options: []string{"strip-all"}})
	for _, c := range Catalogue {
		if c.Crate == "std" && c.Name != "error-backtraces" && c.Name != "std-symbolizer" {
			continue
		}
		program, res := linkTo(t, r, Variant{Options: []string{"strip-all"}, Cuts: []Cut{c.Cut}})
		if len(res.Cuts[0].Functions) == 0 || res.Size >= base.Size {
			t.Errorf("%s: %d bytes of %d, matched %v", c.Name, res.Size, base.Size, res.Cuts[0].Functions)
			continue
		}
		t.Logf("%s: %d bytes less of %d", c.Name, base.Size-res.Size, base.Size)
		for _, k := range crateCommands {
			before, after := run(plain, k.args, k.env), run(program, k.args, k.env)
			shows := slices.Contains(k.cuts, c.Name)
			if !shows && before != after || shows && before == after && c.Name != "std-symbolizer" {
				t.Errorf("%s: %s %s: expected a difference: %v; %s", c.Name, k.env, k.args, shows, different(before, after))
			}
		}
	}
}
