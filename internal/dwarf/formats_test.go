package dwarf

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestGo: Go's DWARF 5 in three containers, compressed and not.
func TestGo(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":  "module sample\n\ngo 1.26\n",
		"main.go": "package main\n\nimport \"os\"\n\n//go:noinline\nfunc greet(b []byte) { os.Stdout.Write(b) }\n\nfunc main() { greet([]byte(\"hello\\n\")) }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, target := range []string{"linux/amd64", "windows/amd64", "darwin/arm64"} {
		goos, goarch := filepath.Dir(target), filepath.Base(target)
		out := filepath.Join(dir, goos)
		cmd := exec.Command("go", "build", "-trimpath", "-o", out, ".")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Skipf("%v\n%s", err, text)
		}
		_, d := open(t, out)
		found := false
		for i := range d.Units {
			u := &d.Units[i]
			c, err := d.Code(u)
			if err != nil {
				t.Fatalf("%s: %v", target, err)
			}
			for _, fn := range c.Functions {
				if d.Names(fn.Offset).Name != "main.greet" {
					continue
				}
				found = true
				lines, err := d.Lines(u)
				if err != nil {
					t.Fatalf("%s: %v", target, err)
				}
				at := c.RangesOf(fn.First, fn.Count)[0]
				hit := false
				for _, row := range lines.Rows {
					if row.Addr >= at.Low && row.Addr < at.High && filepath.Base(lines.File(row.File)) == "main.go" && row.Line == 6 {
						hit = true
					}
				}
				if !hit {
					t.Errorf("%s: no row says that main.greet is in line 6 of main.go", target)
				}
			}
		}
		if !found {
			t.Errorf("%s: no function main.greet in %d units", target, len(d.Units))
		}
		if goos == "linux" {
			compare(t, out)
		}
	}
}

// TestContainers: the same C in PE and Wasm.
func TestContainers(t *testing.T) {
	for name, words := range map[string][]string{
		"mingw":  {"x86_64-w64-mingw32-gcc", "-O2", "-g", "-gdwarf-4"},
		"wasm":   {"clang", "-target", "wasm32", "-O1", "-g", "-c"},
		"mach-o": {"clang", "-target", "x86_64-apple-macos12", "-O1", "-g", "-c"},
	} {
		t.Run(name, func(t *testing.T) {
			source := "int shared = 3;\n__attribute__((noinline)) int twice(int x) { return x * shared * 2; }\nint main(void) { return twice(shared); }\n"
			path := build(t, source, words[0], words[1:]...)
			if _, err := os.Stat(path); err != nil {
				path += ".exe"
			}
			if name == "wasm" {
				path = linkWasm(t, path)
			}
			_, d := open(t, path)
			for i := range d.Units {
				c, err := d.Code(&d.Units[i])
				if err != nil {
					t.Error(err)
				}
				for _, fn := range c.Functions {
					if d.Names(fn.Offset).Name == "twice" {
						lines, err := d.Lines(&d.Units[i])
						if err != nil || len(lines.Rows) < 2 {
							t.Errorf("lines %+v, %v", lines, err)
						}
						return
					}
				}
			}
			t.Errorf("no function twice in %d units", len(d.Units))
		})
	}
}

// linkWasm links an object by wasm-ld itself: clang's driver would run wasm-opt
// behind it wherever Binaryen is installed, which drops debug information.
func linkWasm(t *testing.T, object string) string {
	t.Helper()
	for _, linker := range []string{"wasm-ld", "wasm-ld-22", "wasm-ld-19", "wasm-ld-14"} { // distributions install it with its version
		path, err := exec.LookPath(linker)
		if err != nil {
			continue
		}
		module := object + ".wasm"
		if text, err := exec.Command(path, "--no-entry", "--export-all", "-o", module, object).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", linker, err, text)
		}
		return module
	}
	t.Skip("needs wasm-ld")
	return ""
}
