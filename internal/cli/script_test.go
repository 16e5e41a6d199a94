package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/minsize/minsize/internal/golden"
)

// TestMain makes this test binary serve as the real programs, so that scripts
// run what users run.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"minsize":       func() { os.Exit(Main(os.Args, os.Stdin, os.Stdout, os.Stderr)) },
		"cargo-minsize": func() { os.Exit(Main(os.Args, os.Stdin, os.Stdout, os.Stderr)) },
		"minsize-link":  func() { os.Exit(Main(os.Args, os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// TestScript runs testdata/script: each file is one story, told in commands.
//
// Beyond testscript's own words:
//
//	need TOOL...          skip, naming the first tool that is not there
//	target TRIPLE         skip where no rustc has a standard library for it; the one that has comes first from there on
//	smaller NEW OLD       NEW has fewer bytes than OLD
//	atmost FILE N         FILE has no more than N bytes
//	status N CMD...       CMD exits with status N, neither more nor less
//	examples DIR NAME...  copies projects of the repository's examples folder to DIR
//	[root] CMD...         only where the tests run as root
//	[codegen] CMD...      only where LLVM's tools of rustc's version are
func TestScript(t *testing.T) { runScripts(t, "script") }

// TestSweepScript runs testdata/sweep: stories that take minutes, such as std
// built from source.
func TestSweepScript(t *testing.T) {
	if os.Getenv("MINSIZE_SWEEP") == "" {
		t.Skip("MINSIZE_SWEEP=1 runs the scripts that take minutes")
	}
	runScripts(t, "sweep")
}

func runScripts(t *testing.T, folder string) {
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join("testdata", folder),
		UpdateScripts: golden.Update(),
		Setup:         setupScript,
		Condition: func(condition string) (bool, error) {
			switch condition {
			case "root":
				return os.Getuid() == 0, nil
			case "codegen":
				return replaysCodegen()
			}
			return false, fmt.Errorf("unknown condition %q", condition)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"need":     scriptNeed,
			"target":   scriptTarget,
			"smaller":  scriptSmaller,
			"atmost":   scriptAtMost,
			"status":   scriptStatus,
			"examples": scriptExamples,
		},
	})
}

// replaysCodegen asks doctor for LLVM's tools.
func replaysCodegen() (bool, error) {
	var survey bytes.Buffer
	if status := Main([]string{"minsize", "doctor", "--format", "json"}, nil, &survey, io.Discard); status == exitUsage {
		return false, fmt.Errorf("doctor: exit status %d", status)
	}
	var d struct {
		Toolchains []struct {
			Own bool   `json:"own"`
			Opt string `json:"opt"`
		} `json:"toolchains"`
	}
	err := json.Unmarshal(survey.Bytes(), &d)
	for _, t := range d.Toolchains {
		if t.Own && t.Opt != "" {
			return true, err
		}
	}
	return false, err
}

// setupScript gives scripts the machine's Rust and Go set-up; everything else
// of the user's home stays out of reach.
func setupScript(env *testscript.Env) error {
	home, err := os.UserHomeDir()
	if err != nil {
		return err
	}
	for name, fallback := range map[string]string{
		"CARGO_HOME":  filepath.Join(home, ".cargo"),
		"RUSTUP_HOME": filepath.Join(home, ".rustup"),
		"GOCACHE":     filepath.Join(home, ".cache", "go-build"),
		"GOMODCACHE":  filepath.Join(home, "go", "pkg", "mod"),
	} {
		value := os.Getenv(name)
		if value == "" {
			value = fallback
		}
		env.Setenv(name, value)
	}
	env.Setenv("NO_COLOR", "1")
	env.Setenv("GOFLAGS", "-buildvcs=false")
	env.Setenv("HOME", env.WorkDir)
	env.Values[scriptT{}] = env.T()
	return nil
}

// scriptNeed skips the script, naming the first tool that is not there.
func scriptNeed(ts *testscript.TestScript, neg bool, args []string) {
	for _, tool := range args {
		if !slices.ContainsFunc(strings.Split(tool, "|"), func(name string) bool { _, err := exec.LookPath(name); return err == nil }) {
			ts.Value(scriptT{}).(testscript.T).Skip("needs " + tool)
		}
		if tool == "unshare" && exec.Command("unshare", "-rm", "true").Run() != nil {
			ts.Value(scriptT{}).(testscript.T).Skip("needs unshare -rm, which is forbidden here")
		}
	}
}

// scriptTarget skips the script where the compiler builds nothing for a target.
func scriptTarget(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: target TRIPLE")
	}
	ours, err := filepath.Abs(filepath.Join("..", "..", "bin", "std", "bin")) // scripts/bootstrap builds it
	ts.Check(err)
	path := os.Getenv("PATH")
	for _, bin := range append(filepath.SplitList(path), ours) {
		out, err := exec.Command(filepath.Join(bin, "rustc"), "--print", "target-libdir", "--target", args[0]).Output()
		if err != nil {
			continue
		}
		if std, _ := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "libcore-*.rlib")); len(std) > 0 {
			ts.Setenv("PATH", bin+string(filepath.ListSeparator)+ts.Getenv("PATH"))
			return
		}
	}
	ts.Value(scriptT{}).(testscript.T).Skip("needs rustc's standard library for " + args[0] + ": scripts/bootstrap test builds it from rust-web-src")
}

// scriptT is the key of the running subtest among a script's values.
type scriptT struct{}

func fileSize(ts *testscript.TestScript, name string) int64 {
	info, err := os.Stat(ts.MkAbs(name))
	ts.Check(err)
	return info.Size()
}

func scriptSmaller(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: smaller NEW OLD")
	}
	a, b := fileSize(ts, args[0]), fileSize(ts, args[1])
	if (a < b) == neg {
		ts.Fatalf("%s has %d bytes, %s has %d", args[0], a, args[1], b)
	}
}

func scriptAtMost(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: atmost FILE BYTES")
	}
	limit, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	if n := fileSize(ts, args[0]); (n <= limit) == neg {
		ts.Fatalf("%s has %d bytes, the limit is %d", args[0], n, limit)
	}
}

// scriptStatus wants an exact exit status; what was printed stays in ts's log
// and in stdout and stderr for the next stdout and stderr commands.
func scriptStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		exit, ok := err.(*exec.ExitError)
		if !ok {
			ts.Fatalf("%s: %v", strings.Join(args[1:], " "), err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

func scriptExamples(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: examples DIR NAME...")
	}
	for _, name := range args[1:] {
		source, err := filepath.Abs(filepath.Join("..", "..", "examples", name))
		ts.Check(err)
		target := filepath.Join(ts.MkAbs(args[0]), name)
		err = filepath.WalkDir(source, func(path string, d os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, _ := filepath.Rel(source, path)
			if d.IsDir() {
				if d.Name() == "target" {
					return filepath.SkipDir
				}
				return os.MkdirAll(filepath.Join(target, rel), 0o777)
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(target, rel), data, 0o666)
		})
		ts.Check(err)
	}
}
