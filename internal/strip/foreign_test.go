package strip

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// foreignPrograms are built here and run under an emulator.
var foreignPrograms = []struct {
	machine string
	run     []string
	env     []string // of go build; nil for the C compiler
	cc      []string
}{
	{"aarch64", []string{"qemu-aarch64-static"}, []string{"GOARCH=arm64"}, nil},
	{"arm", []string{"qemu-arm-static"}, []string{"GOARCH=arm", "GOARM=7"}, nil},
	{"riscv64", []string{"qemu-riscv64-static"}, []string{"GOARCH=riscv64"}, nil},
	{"ppc64le", []string{"qemu-ppc64le-static"}, []string{"GOARCH=ppc64le"}, nil},
	{"s390x", []string{"qemu-s390x-static"}, []string{"GOARCH=s390x"}, nil},
	{"mips", []string{"qemu-mips-static"}, []string{"GOARCH=mips", "GOMIPS=softfloat"}, nil},
	{"aarch64, C static", []string{"qemu-aarch64-static"}, nil, []string{"aarch64-linux-gnu-gcc", "-g", "-static"}},
	{"aarch64, C dynamic", []string{"qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu"}, nil, []string{"aarch64-linux-gnu-gcc", "-g"}},
}

// TestForeignMachines: the same output under qemu-user at every level.
func TestForeignMachines(t *testing.T) {
	for _, p := range foreignPrograms {
		if p.env != nil && testing.Short() {
			continue
		}
		t.Run(p.machine, func(t *testing.T) {
			if _, err := exec.LookPath(p.run[0]); err != nil {
				t.Skipf("%s is not installed", p.run[0])
			}
			var data []byte
			if p.env != nil {
				if os.Getenv("MINSIZE_SWEEP") == "" {
					t.Skip("MINSIZE_SWEEP is not set: Go builds its library for each machine first")
				}
				data = goBuild(t, append([]string{"GOOS=linux"}, p.env...))
			} else {
				data = compile(t, helloC, p.cc...)
			}
			emulate := func(program []byte) string {
				path := filepath.Join(t.TempDir(), "prog")
				if err := os.WriteFile(path, program, 0o755); err != nil {
					t.Fatal(err)
				}
				out, err := exec.Command(p.run[0], append(p.run[1:], path)...).CombinedOutput()
				if err != nil {
					t.Errorf("%v: %s", err, out)
				}
				return string(out)
			}
			want := emulate(data)
			for _, level := range allLevels {
				out, r := mustRewrite(t, data, Options{Level: level})
				if got := emulate(out); got != want {
					t.Errorf("level %v: prints %q, want %q", level, got, want)
				}
				t.Logf("level %v: %d -> %d", level, r.Before, r.After)
			}
			if p.cc != nil {
				out, _ := mustRewrite(t, data, Options{Level: Max, PageSize: 4096})
				if got := emulate(out); got != want {
					t.Errorf("pages of 4096: prints %q, want %q", got, want)
				}
				t.Logf("--page-size 4096: %d", len(out))
			}
		})
	}
}

// TestWine: Windows programs print the same at every level.
func TestWine(t *testing.T) {
	wine := ""
	for _, name := range []string{"wine64", "wine", "/usr/lib/wine/wine64"} {
		if path, err := exec.LookPath(name); err == nil {
			wine = path
			break
		}
	}
	if wine == "" {
		t.Skip("wine is not installed")
	}
	if os.Getenv("MINSIZE_SWEEP") == "" {
		t.Skip("MINSIZE_SWEEP is not set: wine takes long to start")
	}
	prefix := t.TempDir()
	emulate := func(program []byte) string {
		path := filepath.Join(t.TempDir(), "prog.exe")
		if err := os.WriteFile(path, program, 0o755); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(wine, path)
		cmd.Env = append(os.Environ(), "WINEPREFIX="+prefix, "WINEDEBUG=-all")
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%v: %s", err, out)
		}
		return string(out)
	}
	data := compile(t, helloC, "x86_64-w64-mingw32-gcc", "-g")
	emulate(data) // makes the prefix, with words of its own
	want := emulate(data)
	for _, level := range allLevels {
		out, r := mustRewrite(t, data, Options{Level: level})
		if got := emulate(out); got != want || want == "" {
			t.Errorf("level %v: prints %q, want %q", level, got, want)
		}
		t.Logf("level %v: %d -> %d", level, r.Before, r.After)
	}
}
