// Command cuts measures what cuts and codegen replay are worth on a stable
// toolchain, and whether the programs still do the same.
//
//	go run ./bench/cuts [-cargo /usr/bin/cargo] [-check 'ARGS']... [DIR...]
//
// Without DIR it makes a hello, world. Each row is a relink of one of two
// recorded builds; every program is run, and compared with the release build.
// It is the linker of the builds that it starts.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/minsize/minsize/bench/harness"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/relink"
)

// row is one line of the table: cumulative within its build.
type row struct {
	title    string
	unwind   bool // of the build that keeps unwinding
	options  []string
	cuts     []string
	pipeline string
}

var (
	bare     = []string{"strip-all", "no-build-id", "hash-style-gnu", "optimize-strings"}
	plain    = with(bare, "even-functions", "plain-start")
	packed   = with(plain, "relr")
	tableout = with(packed, "icf-all", "unwind-tables-out", "no-eh-frame-hdr")
	ownStart = with(tableout, "own-start")
	messages = []string{"std-symbolizer", "backtrace-printer", "unwinder"}
	quiet    = with(messages, "stack-overflow-message")
	silent   = with(quiet, "silent-panics")
)

func with(list []string, more ...string) []string { return slices.Concat(list, more) }

var rows = []row{
	{title: "unwinding kept: lld", unwind: true, options: bare},
	{title: "+ functions at even addresses, start files without hooks", unwind: true, options: plain},
	{title: "+ cut: std-symbolizer", unwind: true, options: plain, cuts: []string{"std-symbolizer"}},
	{title: "+ cut: backtrace-printer (level safe)", unwind: true, options: plain, cuts: messages[:2]},
	{title: "+ RELR", unwind: true, options: packed, cuts: messages[:2]},
	{title: "panic=abort: lld, RELR, icf=all, unwind tables out", options: tableout},
	{title: "+ cut: std-symbolizer", options: tableout, cuts: []string{"std-symbolizer"}},
	{title: "+ cuts: backtrace-printer, unwinder (messages kept)", options: tableout, cuts: messages},
	{title: "+ own `_start`", options: ownStart, cuts: messages},
	{title: "+ locations out (`:0:0`)", options: with(ownStart, "locations-out"), cuts: messages},
	{title: "without locations out: by codegen replay (no-cleanup-twice)", options: ownStart, cuts: messages, pipeline: "no-cleanup-twice"},
	{title: "without own `_start`; + cut: stack-overflow-message", options: tableout, cuts: quiet},
	{title: "+ cut: silent-panics", options: tableout, cuts: silent},
	{title: "+ locations out", options: with(tableout, "locations-out"), cuts: silent},
	{title: "without locations out: by codegen replay (lto)", options: tableout, cuts: silent, pipeline: "lto"},
	{title: "codegen replay: no-cleanup-twice", options: tableout, cuts: silent, pipeline: "no-cleanup-twice"},
	{title: "codegen replay: no-cleanup-size (costs speed)", options: tableout, cuts: silent, pipeline: "no-cleanup-size"},
	{title: "+ own `_start`", options: ownStart, cuts: silent, pipeline: "no-cleanup-size"},
}

type checks []string

func (c *checks) String() string     { return strings.Join(*c, "; ") }
func (c *checks) Set(s string) error { *c = append(*c, s); return nil }

func main() {
	if relink.ActsAsLinker() {
		os.Exit(relink.LinkerMain(context.Background(), os.Args, os.Stdin, os.Stdout, os.Stderr))
	}
	cargo := flag.String("cargo", "cargo", "the cargo that builds; its rustc comes with it")
	var args checks
	flag.Var(&args, "check", "arguments of a run to compare, repeatable (default: none at all)")
	flag.Parse()
	if len(args) == 0 {
		args = checks{""}
	}
	harness.Main(func() error { return run(*cargo, args, flag.Args()) })
}

func run(cargo string, args checks, dirs []string) error {
	work, err := os.MkdirTemp("", "bench-cuts-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if len(dirs) == 0 {
		hello := filepath.Join(work, "hello")
		if err := writeHello(hello); err != nil {
			return err
		}
		dirs = []string{hello}
	}
	for _, dir := range dirs {
		b := &bench{dir: dir, cargo: cargo, checks: args, work: filepath.Join(work, "build", filepath.Base(dir))}
		if err := b.run(); err != nil {
			return err
		}
	}
	return nil
}

func writeHello(dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "src"), 0o777); err != nil {
		return err
	}
	manifest := "[package]\nname = \"hello\"\nversion = \"0.1.0\"\nedition = \"2021\"\n"
	if err := os.WriteFile(filepath.Join(dir, "Cargo.toml"), []byte(manifest), 0o666); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "src", "main.rs"), []byte("fn main() {\n    println!(\"Hello, world!\");\n}\n"), 0o666)
}

// bench is one project.
type bench struct {
	dir, work, cargo string
	checks           []string
	baseline         []string
}

func (b *bench) run() error {
	ctx := context.Background()
	if err := os.MkdirAll(b.work, 0o777); err != nil {
		return err
	}
	version, llvm, triple, err := b.toolchain()
	if err != nil {
		return err
	}
	release, _, _, err := b.build(triple, nil)
	if err != nil {
		return err
	}
	base := filepath.Join(b.work, "release")
	if err := harness.Command("", "strip", "-s", "-R", ".comment", "-o", base, release); err != nil {
		return err
	}
	b.baseline = b.observe(base)
	began := time.Now()
	_, abort, buildCPU, err := b.build(triple, []string{"OPT_LEVEL=z", "LTO=fat", "CODEGEN_UNITS=1", "PANIC=abort"})
	if err != nil {
		return err
	}
	took := time.Since(began)
	_, unwind, _, err := b.build(triple, []string{"OPT_LEVEL=z", "LTO=fat", "CODEGEN_UNITS=1"})
	if err != nil {
		return err
	}
	linkers, fails := abort.Linkers(ctx)
	if len(linkers) == 0 || linkers[0].Kind != relink.LLD {
		return fmt.Errorf("no lld links it: %v", fails)
	}
	tools, noTools := relink.FindLLVM(ctx, llvm)
	fmt.Printf("\n%s: rustc %s, %s", filepath.Base(b.dir), version, linkers[0].ID())
	if noTools == nil {
		fmt.Printf(", codegen by LLVM %s", tools.Version)
	}
	fmt.Printf("; %s/%s. The recorded build with panic=abort took %.1f s, %.1f CPU s.\n\n", runtime.GOOS, runtime.GOARCH, took.Seconds(), buildCPU.Seconds())
	fmt.Println("| | strip | sstrip | of release | wall s | CPU s | runs the same |")
	fmt.Println("|---|--:|--:|--:|--:|--:|---|")
	size, end, err := sizes(base)
	if err != nil {
		return err
	}
	fmt.Printf("| cargo build --release, stripped | %d | %d | 1.000 | | | |\n", size, end)
	guide := filepath.Join(b.work, "guide")
	if _, err := abort.Link(ctx, relink.Variant{Options: []string{"strip-all"}}, guide); err != nil {
		return err
	}
	b.print("the guide's stable recipe (z, fat, 1, abort)", guide, size, nil)
	for i, r := range rows {
		v := relink.Variant{Linker: linkers[0], Options: r.options}
		for _, name := range r.cuts {
			v.Cuts = append(v.Cuts, relink.CutByName(name).Cut)
		}
		if r.pipeline != "" {
			if noTools != nil {
				fmt.Printf("| %s | | | | | | %v |\n", r.title, noTools)
				continue
			}
			v.Codegen = &relink.Codegen{Pipeline: r.pipeline, Tools: tools}
		}
		recording := abort
		if r.unwind {
			recording = unwind
		}
		out := filepath.Join(b.work, fmt.Sprint("row", i))
		res, err := recording.Link(ctx, v, out)
		if err != nil {
			fmt.Printf("| %s | | | | | | %v |\n", r.title, err)
			continue
		}
		b.print(r.title, out, size, res)
	}
	return nil
}

func (b *bench) print(title, program string, base int64, res *relink.Result) {
	size, end, err := sizes(program)
	if err != nil {
		fmt.Printf("| %s | | | | | | %v |\n", title, err)
		return
	}
	wall, cpu := "", ""
	if res != nil {
		wall, cpu = fmt.Sprintf("%.2f", res.Wall.Seconds()), fmt.Sprintf("%.2f", res.CPU.Seconds())
	}
	same := 0
	for i, now := range b.observe(program) {
		if now == b.baseline[i] {
			same++
		}
	}
	fmt.Printf("| %s | %d | %d | %.3f | %s | %s | %d of %d |\n", title, size, end, float64(size)/float64(base), wall, cpu, same, len(b.checks))
}

// sizes are the file's bytes, and those up to the end of the last segment:
// what is left when the section headers go too.
func sizes(path string) (file, segments int64, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, 0, err
	}
	f, err := objfile.Parse(path, data)
	if err != nil {
		return 0, 0, err
	}
	for _, s := range f.Segments {
		segments = max(segments, int64(s.Offset+s.FileSize))
	}
	return int64(len(data)), segments, nil
}

// observe runs every check and keeps status and output.
func (b *bench) observe(program string) []string {
	var seen []string
	for _, c := range b.checks {
		ctx, stop := context.WithTimeout(context.Background(), time.Minute)
		cmd := exec.CommandContext(ctx, program, strings.Fields(c)...)
		cmd.Dir = b.dir
		cmd.Env = []string{"PATH=/usr/bin:/bin", "LANG=C"}
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err := cmd.Run()
		stop()
		text := fmt.Sprintf("%v\n%s\n%s", err, stdout.String(), stderr.String())
		seen = append(seen, strings.ReplaceAll(text, filepath.Base(program), "PROGRAM"))
	}
	return seen
}

// toolchain asks cargo's rustc who it is.
func (b *bench) toolchain() (version, llvm, triple string, err error) {
	cmd := exec.Command(strings.TrimSuffix(b.cargo, "cargo")+"rustc", "-vV")
	cmd.Dir = b.dir
	said, err := cmd.Output()
	if err != nil {
		return "", "", "", err
	}
	for line := range strings.Lines(string(said)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "release":
			version = value
		case "LLVM version":
			llvm = value
		case "host":
			triple = value
		}
	}
	return version, llvm, triple, nil
}

func (b *bench) command(args ...string) *exec.Cmd {
	cmd := exec.Command(b.cargo, args...)
	cmd.Dir, cmd.Stderr, cmd.Env = b.dir, os.Stderr, os.Environ()
	if dir := filepath.Dir(b.cargo); dir != "." { // its rustc too
		cmd.Env = append(cmd.Env, "RUSTC="+filepath.Join(dir, "rustc"))
	}
	cmd.Env = append(cmd.Env, "CARGO_TARGET_DIR="+filepath.Join(b.work, "target"))
	return cmd
}

// build runs cargo with a profile and returns the program, the recorded link
// and the CPU time.
func (b *bench) build(triple string, profile []string) (string, *relink.Recording, time.Duration, error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, 0, err
	}
	metadata, err := b.command("metadata", "--no-deps", "--format-version=1").Output()
	if err != nil {
		return "", nil, 0, err
	}
	var project struct {
		Packages []struct {
			Targets []struct {
				Name string
				Kind []string
			}
		}
	}
	if err := json.Unmarshal(metadata, &project); err != nil {
		return "", nil, 0, err
	}
	var bin string
	for _, p := range project.Packages {
		for _, t := range p.Targets {
			if bin == "" && len(t.Kind) == 1 && t.Kind[0] == "bin" {
				bin = t.Name
			}
		}
	}
	recorder := relink.Recorder{Dir: filepath.Join(b.work, "recordings"), Bin: bin}
	args := append([]string{"rustc", "--release", "--bin", bin, "--message-format=json", "-q"}, recorder.CargoArgs(triple, self)...)
	args = append(args, "--")
	if profile != nil {
		args = append(args, "-Csave-temps")
	}
	cmd := b.command(args...)
	cmd.Env = append(cmd.Env, recorder.Env()...)
	for _, kv := range profile {
		cmd.Env = append(cmd.Env, "CARGO_PROFILE_RELEASE_"+kv)
	}
	said, err := cmd.Output()
	if err != nil {
		return "", nil, 0, fmt.Errorf("cargo: %w", err)
	}
	var program string
	for line := range bytes.Lines(said) {
		var message struct{ Executable string }
		if json.Unmarshal(line, &message) == nil && message.Executable != "" {
			program = message.Executable
		}
	}
	recording, err := relink.Find(recorder.Dir, program)
	return program, recording, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), err
}
