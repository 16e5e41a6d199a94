package relink

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/minsize/minsize/internal/target"
)

// TestMain lets the test program be the linker of the builds that it starts.
func TestMain(m *testing.M) {
	if ActsAsLinker() {
		os.Exit(LinkerMain(context.Background(), os.Args, os.Stdin, os.Stdout, os.Stderr))
	}
	var err error
	if fixtureRoot, err = os.MkdirTemp("", "relink-fixtures-*"); err != nil {
		panic(err)
	}
	status := m.Run()
	os.RemoveAll(fixtureRoot)
	os.Exit(status)
}

var fixtureRoot string

// compiler is a rustc of this machine.
type compiler struct {
	name, path, version, llvm, sysroot string
}

// compilers are the rustc programs at hand: the one that PATH gives, the
// distribution's, rustup's nightly, each once. None: the test is skipped.
var compilers = sync.OnceValue(func() []compiler {
	var list []compiler
	paths := []string{"rustc", "/usr/bin/rustc"}
	if nightly, err := exec.Command("rustup", "which", "--toolchain", "nightly", "rustc").Output(); err == nil {
		paths = append(paths, strings.TrimSpace(string(nightly)))
	}
	for _, path := range paths {
		said, err := exec.Command(path, "-vV").Output()
		if err != nil {
			continue
		}
		c := compiler{path: path}
		for line := range strings.Lines(string(said)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			switch key {
			case "release":
				c.version = value
			case "LLVM version":
				c.llvm = value
			}
		}
		root, err := exec.Command(path, "--print", "sysroot").Output()
		if err != nil {
			continue
		}
		c.sysroot = strings.TrimSpace(string(root))
		c.name = "rustc-" + c.version
		if slices.ContainsFunc(list, func(o compiler) bool { return o.sysroot == c.sysroot }) {
			continue
		}
		list = append(list, c)
	}
	return list
})

// profile is a set of codegen options.
type profile struct {
	name string
	args []string
}

// target is what the options name, the host's own unless they name one.
func (p profile) target() target.Triple {
	for _, arg := range p.args {
		if triple, ok := strings.CutPrefix(arg, "--target="); ok {
			return target.Parse(triple)
		}
	}
	return target.Parse("x86_64-unknown-linux-gnu")
}

var (
	unwindLTO = profile{"unwind-lto", []string{"-Clto=fat", "-Ccodegen-units=1", "-Copt-level=z", "-Csave-temps"}}
	abortLTO  = profile{"abort-lto", []string{"-Clto=fat", "-Ccodegen-units=1", "-Copt-level=z", "-Cpanic=abort", "-Csave-temps"}}
	unwindAr  = profile{"unwind-rlibs", []string{"-Copt-level=s", "-Ccodegen-units=4"}}
	debugLTO  = profile{"debug-lto", []string{"-Clto=fat", "-Ccodegen-units=1", "-Copt-level=1", "-Cdebuginfo=2"}}
)

var fixtures sync.Map // key -> func() (*Recording, error)

// record compiles a source of testdata once per compiler and profile, with
// this test program as the linker, and returns the recording.
func record(t testing.TB, c compiler, p profile, source string) *Recording {
	t.Helper()
	key := c.name + "/" + p.name + "/" + source
	make, _ := fixtures.LoadOrStore(key, sync.OnceValues(func() (*Recording, error) {
		dir := filepath.Join(fixtureRoot, key)
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return nil, err
		}
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		bin := strings.TrimSuffix(source, ".rs")
		r := Recorder{Dir: filepath.Join(dir, "rec"), Bin: bin, Flavour: FlavourOf(p.target())}
		program := filepath.Join(dir, bin)
		args := append([]string{"--edition", "2021", filepath.Join("testdata", source), "-o", program, "-Clinker=" + self}, p.args...)
		cmd := exec.Command(c.path, args...)
		cmd.Env = append(append(os.Environ(), r.Env()...), "CARGO_BIN_NAME="+bin)
		if said, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%v: %s", err, said)
		}
		return Find(r.Dir, program)
	}))
	rec, err := make.(func() (*Recording, error))()
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	return rec
}

// recordC records the link of a C program; flags are the link's.
func recordC(t *testing.T, text string, flags ...string) *Recording {
	t.Helper()
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("needs cc")
	}
	dir := t.TempDir()
	source, object, out := filepath.Join(dir, "a.c"), filepath.Join(dir, "a.o"), filepath.Join(dir, "a.out")
	if err := os.WriteFile(source, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.Command(cc, "-O1", "-ffunction-sections", "-fdata-sections", "-fPIE", "-c", source, "-o", object).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, said)
	}
	rec := Recorder{Dir: filepath.Join(dir, "rec"), Bin: "a", Linker: cc}
	for _, kv := range rec.Env() {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
	t.Setenv("CARGO_BIN_NAME", "a")
	var said bytes.Buffer
	if status := LinkerMain(context.Background(), append([]string{"minsize", object, "-o", out}, flags...), nil, &said, &said); status != 0 {
		t.Fatalf("%d %s", status, said.String())
	}
	r, err := Find(rec.Dir, out)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// needCompilers skips without any.
func needCompilers(t testing.TB) []compiler {
	t.Helper()
	if len(compilers()) == 0 {
		t.Skip("needs rustc")
	}
	return compilers()
}

// eachCompiler runs a test for the first compiler, in a sweep for all of them.
func eachCompiler(t *testing.T, test func(t *testing.T, c compiler)) {
	t.Helper()
	list := needCompilers(t)
	if os.Getenv("MINSIZE_SWEEP") == "" {
		list = list[:1]
	}
	for _, c := range list {
		t.Run(c.name, func(t *testing.T) { test(t, c) })
	}
}

// linkTo links a variant into the test's folder and fails the test if it cannot.
func linkTo(t testing.TB, r *Recording, v Variant) (string, *Result) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "program")
	res, err := r.Link(context.Background(), v, out)
	if err != nil {
		var link *LinkError
		if asLink(err, &link) {
			t.Fatalf("%v\n%s", err, link.Message)
		}
		t.Fatal(err)
	}
	return out, res
}

// ran is what a run of a program showed.
type ran struct {
	status         string // "exit 101", "signal aborted"
	stdout, stderr string
}

var (
	threadID = regexp.MustCompile(`'([^']*)' \(\d+\)`)
	address  = regexp.MustCompile(`0x[0-9a-f]+`)
	frame    = regexp.MustCompile(`(?m)^ +\d+: .*\n`)
	frameAt  = regexp.MustCompile(`(?m)^ +at .*\n`)
	noteLine = regexp.MustCompile(`(?m)^(stack backtrace:|note: Some details are omitted.*)\n`)
)

// hung is far beyond what a sample takes on the busiest machine: what runs
// longer was broken by the link, which some tests want to see.
const hung = 3 * time.Minute

// runProgram runs with an environment of LANG and RUST_BACKTRACE alone; what
// differs from run to run (thread numbers, addresses) is made equal.
func runProgram(t testing.TB, program, backtrace string, args ...string) ran {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), hung)
	defer stop()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = []string{"LANG=C", "PATH=/usr/bin:/bin"}
	if backtrace != "" {
		cmd.Env = append(cmd.Env, "RUST_BACKTRACE="+backtrace)
	}
	cmd.Dir = filepath.Dir(program)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("%s %v hung", program, args)
	}
	r := ran{status: "not started"}
	if s := cmd.ProcessState; s != nil {
		r.status = fmt.Sprintf("exit %d", s.ExitCode())
		if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
			r.status = "signal " + w.Signal().String()
		}
	}
	clean := func(b bytes.Buffer) string {
		text := threadID.ReplaceAllString(b.String(), "'$1'")
		return address.ReplaceAllString(text, "0x")
	}
	r.stdout, r.stderr = clean(stdout), clean(stderr)
	return r
}

// withoutFrames leaves the message of a panic alone.
func (r ran) withoutFrames() ran {
	r.stderr = noteLine.ReplaceAllString(frame.ReplaceAllString(frameAt.ReplaceAllString(r.stderr, ""), ""), "")
	return r
}

// behaviours are the arguments of testdata/behaviours.rs, read from its match
// so that a new arm is tested without another list to edit.
var behaviours = sync.OnceValue(func() []string {
	text, err := os.ReadFile(filepath.Join("testdata", "behaviours.rs"))
	if err != nil {
		panic(err)
	}
	var list []string
	for _, m := range regexp.MustCompile(`(?m)^        "([a-z-]+)" =>`).FindAllStringSubmatch(string(text), -1) {
		list = append(list, m[1])
	}
	return list
})

// observe runs every behaviour, those that tell of stacks under every setting
// of RUST_BACKTRACE.
func observe(t testing.TB, program string) map[string]ran {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	seen := map[string]ran{}
	limit := make(chan struct{}, 2)
	for _, b := range behaviours() {
		settings := []string{""}
		if isPanic(b) || strings.Contains(b, "backtrace") {
			settings = []string{"", "1"}
		}
		if b == "panic-main" || b == "panic-thread" {
			settings = []string{"", "1", "full"}
		}
		for _, setting := range settings {
			wg.Add(1)
			limit <- struct{}{}
			go func() {
				defer wg.Done()
				r := runProgram(t, program, setting, b)
				mu.Lock()
				seen[b+" RUST_BACKTRACE="+setting] = r
				mu.Unlock()
				<-limit
			}()
		}
	}
	wg.Wait()
	return seen
}
