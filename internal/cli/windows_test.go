package cli

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/target"
	"github.com/minsize/minsize/internal/testbin"
)

// TestOnWindows runs minsize as it is for Windows, under Wine.
func TestOnWindows(t *testing.T) {
	dir := t.TempDir()
	if os.Getenv("GOCACHE") == "" { // it stays where it is: it has most of the program
		if cache, err := os.UserCacheDir(); err == nil {
			t.Setenv("GOCACHE", filepath.Join(cache, "go-build"))
		}
	}
	t.Setenv("XDG_CACHE_HOME", dir)
	t.Setenv("WINEPREFIX", "")
	runner, why := target.Parse("x86_64-pc-windows-gnu").Runner()
	if runner == nil {
		t.Skip(why)
	}
	program := filepath.Join(dir, "minsize.exe")
	build := exec.Command("go", "build", "-o", program, "github.com/minsize/minsize/cmd/minsize")
	build.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, data := range map[string][]byte{
		"a.exe": testbin.PE{}.Bytes(), "b.exe": testbin.PE{Payload: []byte("more")}.Bytes(),
		"minsize.toml": []byte("[budget]\nfile = \"1 MiB\"\n"),
		"Cargo.toml":   []byte("[package]\nname = \"a\"\nversion = \"0.1.0\"\nedition = \"2021\"\n"),
		"src/main.rs":  []byte("fn main() {}\n"),
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args   string
		status int
		says   string
	}{
		{"size a.exe", 0, "PE x86_64"},
		{"strip -o c.exe a.exe", 0, "a.exe"},
		{"size c.exe", 0, "PE x86_64"},
		{"diff a.exe c.exe", 0, "file: "},
		{"check --budget minsize.toml a.exe", 0, "1.00 MiB"},
		{"check --max file=100 a.exe", exitBudget, "1 of 1 limits exceeded"},
		{"strip b.exe", exitRefused, "payload"},
		{"size missing.exe", exitFailed, "missing.exe"},
		{"apply --dry-run", exitFailed, "try: "}, // no cargo in a bare prefix
	} {
		cmd := exec.Command(runner[0], append(append(runner[1:len(runner):len(runner)], program), strings.Fields(c.args)...)...)
		cmd.Dir = dir
		said, err := cmd.CombinedOutput()
		status := 0
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			status = exit.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		if status != c.status || !strings.Contains(string(said), c.says) {
			t.Errorf("minsize.exe %s: status %d, want %d and %q:\n%s", c.args, status, c.status, c.says, said)
		}
	}
	if before, after := len(testbin.PE{}.Bytes()), size(t, filepath.Join(dir, "c.exe")); after >= before {
		t.Errorf("strip left %d of %d bytes", after, before)
	}
}

func size(t *testing.T, path string) int {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Size())
}
