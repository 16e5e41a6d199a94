// Command guide measures each section of "Minimizing Rust Binary Size" on one
// program, by hand as the guide says it and by minsize, in one run and with one
// compiler. docs/guide.md quotes its table.
//
//	go run ./bench/guide [-write]
//
// -write puts the table into docs/bench/guide.md; otherwise it is printed. Where
// the compiler's own std sources are not there, the rows that need them stay
// empty, and say so.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/minsize/minsize/bench/harness"
	"github.com/minsize/minsize/examples"
)

var write = flag.Bool("write", false, "write docs/bench/guide.md instead of printing the table")

func main() {
	flag.Parse()
	harness.Main(func() error { return harness.InScratch(run) })
}

// step is a section of the guide: what it adds to the sections before it, and
// what of minsize does the same or more.
type step struct {
	section string
	profile string // a key of the profile
	flag    string // of the compiler, unstable
	example string // of examples/, built as it stands
	tier    string // of minsize new
	by      string // what is typed
	shrink  string // flags of minsize shrink whose result stands in this row
}

const (
	debugBuild = "cargo build"
	packing    = "Compress the binary"
)

var steps = []step{
	{section: "Before", by: debugBuild},
	{section: "Build in Release Mode", by: "cargo build --release"},
	{section: "strip Symbols from Binary", profile: "strip=true"},
	{section: "Optimize For Size", profile: `opt-level="z"`},
	{section: "Enable Link Time Optimization", profile: "lto=true"},
	{section: "Reduce Parallel Code Generation Units", profile: "codegen-units=1", shrink: "--level safe"},
	{section: "Abort on Panic", profile: `panic="abort"`, shrink: "--level abort"},
	{section: "Remove Location Details", flag: "-Zlocation-detail=none"},
	{section: "Remove fmt::Debug", flag: "-Zfmt-debug=none", shrink: "--level max --without build-std --bootstrap"},
	{section: "Optimize libstd with build-std", example: "build-std"},
	{section: "Remove panic String Formatting", example: "immediate-abort", shrink: "--level max --bootstrap"},
	{section: "Remove core::fmt with no_main", tier: "no-main"},
	{section: "Removing libstd with no_std", tier: "no-std"},
	{section: packing, by: "upx --best --lzma, of the row \"Abort on Panic\"", shrink: "--level abort --pack"},
}

// hello is what `cargo new` writes.
var hello = map[string]string{
	"Cargo.toml":  "[package]\nname = \"hello\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\n",
	"src/main.rs": "fn main() {\n    println!(\"Hello, world!\");\n}\n",
}

// bench is one run.
type bench struct {
	dir, root string
	minsize   string
	cargo     string
	rustc     string
	sources   bool   // the compiler's std sources are there
	stable    string // the program of the row "Abort on Panic"
}

func run(dir, minsize string) error {
	b := &bench{dir: dir, minsize: minsize}
	var err error
	if b.root, err = harness.Root(); err != nil {
		return err
	}
	if err := b.choose(); err != nil {
		return err
	}
	for name, text := range hello {
		path := filepath.Join(dir, "hello", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			return err
		}
	}
	version, err := exec.Command(b.rustc, "-vV").Output()
	if err != nil {
		return err
	}
	var t strings.Builder
	fmt.Fprintf(&t, "# From cargo new to 40 KB: the figures\n\nWhat `go run ./bench/guide -write` wrote: a new project's `Hello, world!`, each row with all that the rows above it set, and [guide.md](../guide.md) in words.\n"+
		"Bytes of the file; every program was run and said the same.\n\n%s, host %s", firstLine(version), field(version, "host: "))
	if upx := harness.Rival("upx"); upx != "" {
		said, _ := exec.Command(upx, "--version").Output()
		fmt.Fprintf(&t, ", %s", firstLine(said))
	}
	t.WriteString("\n\n| section of the guide | by hand | bytes | minsize | bytes |\n|---|---|--:|---|--:|\n")
	for i := range steps {
		fmt.Fprintln(os.Stderr, steps[i].section)
		row, err := b.row(i)
		if err != nil {
			return fmt.Errorf("%s: %w", steps[i].section, err)
		}
		t.WriteString(row)
		if *write { // row by row: what was measured stays when the run is ended
			if err := b.keep(t.String(), steps[i+1:]); err != nil {
				return err
			}
		}
	}
	if !*write {
		_, err = os.Stdout.WriteString(t.String())
	}
	return err
}

// keep writes the page, and names what it does not have.
func (b *bench) keep(text string, left []step) error {
	for i, s := range left {
		if i == 0 {
			text += "\nThe run was ended before:"
		}
		text += " " + s.section + ";"
	}
	text = strings.TrimSuffix(text, ";")
	if len(left) > 0 {
		text += ".\n"
	}
	return os.WriteFile(filepath.Join(b.root, "docs", "bench", "guide.md"), []byte(text), 0o666)
}

func firstLine(text []byte) string {
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSpace(line)
}

func field(text []byte, name string) string {
	_, rest, _ := strings.Cut(string(text), name)
	return firstLine([]byte(rest))
}

// choose takes the compiler that has std's sources, so that all rows are one
// compiler's; without any, the one on PATH.
func (b *bench) choose() error {
	for _, c := range [][2]string{{"cargo", "rustc"}, {"/usr/bin/cargo", "/usr/bin/rustc"}} {
		sysroot, err := exec.Command(c[1], "--print", "sysroot").Output()
		if err != nil {
			continue
		}
		if b.cargo == "" {
			b.cargo, b.rustc = c[0], c[1]
		}
		if _, err := os.Stat(filepath.Join(strings.TrimSpace(string(sysroot)), "lib/rustlib/src/rust/library/Cargo.lock")); err == nil {
			b.cargo, b.rustc, b.sources = c[0], c[1], true
			return nil
		}
	}
	if b.cargo == "" {
		return errors.New("needs cargo and rustc")
	}
	return nil
}

// row builds and measures one section.
func (b *bench) row(i int) (string, error) {
	s := steps[i]
	typed, program, err := b.byHand(i)
	if err != nil {
		return "", err
	}
	hand, ours, oursBytes := "", "", ""
	if program == "" {
		typed += " (not here)"
	} else if hand, err = measured(program); err != nil {
		return "", err
	}
	switch {
	case s.shrink != "":
		ours = "`minsize shrink " + s.shrink + "`"
		oursBytes, err = b.shrink(s.shrink)
	case s.tier != "":
		ours = "`minsize new --tier " + s.tier + "`, `minsize strip --max`"
		small := program + ".small"
		if err = harness.Command(b.dir, b.minsize, "strip", "--max", "-o", small, program); err == nil {
			oursBytes, err = measured(small)
		}
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s |\n", s.section, typed, hand, ours, oursBytes), err
}

// byHand builds what the guide says up to row i, and says what the row adds.
func (b *bench) byHand(i int) (typed, program string, err error) {
	s := steps[i]
	project := filepath.Join(b.dir, "hello")
	switch {
	case s.section == packing:
		upx := harness.Rival("upx")
		if upx == "" {
			return s.by, "", nil
		}
		program = filepath.Join(b.dir, "upx")
		return s.by, program, harness.Command(b.dir, upx, "--best", "--lzma", "-qqq", "-o", program, b.stable)
	case s.example != "":
		typed = "examples/" + s.example
		if !b.sources {
			return typed, "", nil
		}
		folder := filepath.Join(b.root, "examples", s.example)
		target := filepath.Join(b.dir, "target-"+s.example)
		if err := harness.Command(b.root, "sh", "examples/build-std.sh", s.example, "--quiet", "--target-dir", target); err != nil {
			return "", "", err
		}
		found, _ := filepath.Glob(filepath.Join(target, "*", "release", filepath.Base(folder)))
		if len(found) != 1 {
			return "", "", fmt.Errorf("%d programs in %s", len(found), target)
		}
		return typed, found[0], nil
	case s.tier != "":
		for _, tier := range examples.Tiers {
			if tier.Name != s.tier {
				continue
			}
			folder := filepath.Join(b.dir, tier.Name)
			if err := tier.Write(folder, tier.Name); err != nil {
				return "", "", err
			}
			return "sources of that tier", filepath.Join(folder, "target", "release", tier.Name), b.build(folder, nil, "--release")
		}
		return "", "", fmt.Errorf("no tier %s", s.tier)
	}
	typed = s.by
	if typed == "" {
		typed = "`" + s.profile + s.flag + "`"
	} else {
		typed = "`" + typed + "`"
	}
	var args, flags []string
	for _, before := range steps[:i+1] {
		if before.profile != "" {
			args = append(args, "--config", "profile.release."+before.profile)
		}
		if before.flag != "" {
			flags = append(flags, before.flag)
		}
	}
	folder := "debug"
	if s.by != debugBuild {
		args, folder = append(args, "--release"), "release"
	}
	var env []string
	if len(flags) > 0 {
		env = []string{"RUSTC_BOOTSTRAP=1", "RUSTFLAGS=" + strings.Join(flags, " ")}
	}
	if err := b.build(project, env, args...); err != nil {
		return "", "", err
	}
	program = filepath.Join(project, "target", folder, "hello")
	if strings.HasPrefix(s.profile, "panic") {
		b.stable = filepath.Join(b.dir, "stable")
		data, err := os.ReadFile(program)
		if err == nil {
			err = os.WriteFile(b.stable, data, 0o755)
		}
		return typed, program, err
	}
	return typed, program, nil
}

func (b *bench) build(folder string, env []string, args ...string) error {
	cmd := exec.Command(b.cargo, append([]string{"build", "--quiet", "--offline"}, args...)...)
	cmd.Dir, cmd.Env = folder, append(append(os.Environ(), "RUSTC="+b.rustc), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd.Args, err, out)
	}
	return nil
}

// shrink is the size of what minsize finds for the project as `cargo new` left
// it.
func (b *bench) shrink(flags string) (string, error) {
	args := append([]string{"shrink", "--no-recipe", "--format", "json", "-q", "--offline", "--check", "{}"}, strings.Fields(flags)...)
	cmd := exec.Command(b.minsize, args...)
	cmd.Dir, cmd.Env = filepath.Join(b.dir, "hello"), append(os.Environ(), "CARGO="+b.cargo, "RUSTC="+b.rustc)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%v: %w\n%s", cmd.Args, err, said.String())
	}
	var result struct {
		Final int64 `json:"final_size"`
	}
	if err := json.Unmarshal(out, &result); err != nil {
		return "", err
	}
	return digits(result.Final), nil
}

// measured is the size of a program that says what it should.
func measured(program string) (string, error) {
	out, err := exec.Command(program).Output()
	if err != nil || string(out) != "Hello, world!\n" {
		return "", fmt.Errorf("%s: said %q, %v", program, out, err)
	}
	info, err := os.Stat(program)
	if err != nil {
		return "", err
	}
	return digits(info.Size()), nil
}

// digits groups a number by thousands.
func digits(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
