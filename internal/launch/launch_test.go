package launch

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestMain: a copy of this test is the launcher where it is asked to be, and
// minsize where it goes by that name.
func TestMain(m *testing.M) {
	if os.Getenv("LAUNCH_TEST") == "" {
		os.Exit(m.Run())
	}
	if own, _ := os.Executable(); strings.HasPrefix(filepath.Base(own), "minsize") {
		os.Stdout.WriteString(strings.Join(os.Args, "|"))
		os.Exit(7)
	}
	os.Exit(Main(os.Args, os.Stderr))
}

// TestLaunch: name, arguments and exit status go through, and without minsize
// it is said what is missing.
func TestLaunch(t *testing.T) {
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(own)
	if err != nil {
		t.Fatal(err)
	}
	exe := ""
	if runtime.GOOS == "windows" {
		exe = ".exe"
	}
	dir := t.TempDir()
	launcher, program := filepath.Join(dir, "cargo-minsize"+exe), filepath.Join(dir, "minsize"+exe)
	start := func() (string, int) {
		cmd := exec.Command(launcher, "minsize", "size", "a b")
		cmd.Env = append(os.Environ(), "LAUNCH_TEST=1", "PATH="+t.TempDir())
		out, _ := cmd.CombinedOutput()
		return string(out), cmd.ProcessState.ExitCode()
	}
	if err := os.WriteFile(launcher, data, 0o755); err != nil {
		t.Fatal(err)
	}
	if said, status := start(); status != 1 || !strings.HasPrefix(said, "cargo-minsize: minsize lies neither beside") {
		t.Errorf("without minsize: status %d, said %q", status, said)
	}
	if err := os.WriteFile(program, data, 0o755); err != nil {
		t.Fatal(err)
	}
	if said, status := start(); status != 7 || said != launcher+"|minsize|size|a b" {
		t.Errorf("status %d, said %q", status, said)
	}
}
