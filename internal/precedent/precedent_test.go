package precedent

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFind: what people are told to type, and what tests type; no command with a
// hole in it, none of another program, none twice.
func TestFind(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"README.md":            "# app\n\napp --not-code\n\n```sh\n$ app --top 3 a.txt   # the largest\n$ app <FILE>\napp --json a.txt | jq .\nother --x\ncargo run --release -- --help\ncargo install app\n```\n\n    app count 'two words'\n",
		"src/main.rs":          "//! Counts words.\n//!\n//! ```text\n//! app --words a.txt\n//! ```\nuse std::fs;\n\n//! ```\n//! app --below\n//! ```\nfn main() {}\n",
		"examples/all.sh":      "#!/bin/sh\nset -e\napp --all examples/a.txt\napp --to $1\n# app --no\n",
		"examples/a/README.md": "    cargo run --example other -- --not-app\n    cargo run --release --bin app -- --of-app\n",
		"tests/cli.rs": `
fn a() { Command::cargo_bin("app").unwrap().arg("--top").arg("3").args(["a.txt"]).assert().success(); }
fn b() { Command::cargo_bin("app").unwrap()
    .args(["say", "it's me", "\u{1F600}"]).assert(); }
fn c() { let mut cmd = Command::cargo_bin("app").unwrap(); cmd.arg("--lost"); }
fn d() { cargo_bin!("app").arg("--version").assert(); }
fn e() { Command::cargo_bin("app")?.arg("-f").arg(&path).assert(); }
fn f() { Command::cargo_bin("tool").unwrap().arg("--version"); }
fn g() { Command::new(env!("CARGO_BIN_EXE_app")).arg("say").arg("it's me").status(); }
fn h() { Command::cargo_bin("app").unwrap().arg("-").write_stdin("x").assert(); }
`,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := []Command{
		{"{} --top 3 a.txt", "README.md:6"},
		{"{} --help", "README.md:10"},
		{"{} count 'two words'", "README.md:14"},
		{"{} --of-app", "examples/a/README.md:2"},
		{"{} --all examples/a.txt", "examples/all.sh:3"},
		{"{} --words a.txt", "src/main.rs:4"},
		{"{} --version", "tests/cli.rs:6"},
		{`{} say 'it'\''s me'`, "tests/cli.rs:9"},
	}
	if diff := cmp.Diff(want, Find(dir, "app")); diff != "" {
		t.Error(diff)
	}
}
