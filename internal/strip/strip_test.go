package strip

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

var allLevels = []Level{Debug, All, Sections, Max}

// mustRewrite rewrites in memory and checks what holds for every rewrite:
// never larger, the sum of reasons, idempotent, deterministic, the oracle.
func mustRewrite(t *testing.T, data []byte, o Options) ([]byte, Report) {
	t.Helper()
	before := string(data)
	out, r, err := Rewrite(data, o)
	if err != nil {
		t.Fatalf("level %v: %v", o.level(), err)
	}
	if string(data) != before {
		t.Fatal("the input was written to")
	}
	if len(out) > len(data) && o.DebugLink == nil {
		t.Errorf("level %v: grew from %d to %d bytes", o.level(), len(data), len(out))
	}
	if r.Before != uint64(len(data)) || r.After != uint64(len(out)) {
		t.Errorf("report says %d -> %d, it was %d -> %d", r.Before, r.After, len(data), len(out))
	}
	var sum int64
	for _, n := range r.Removed {
		sum += n
	}
	if sum != r.Saved() {
		t.Errorf("level %v: reasons sum to %d, saved %d: %v", o.level(), sum, r.Saved(), r.Removed)
	}
	again, _, err := Rewrite(data, o)
	if err != nil || string(again) != string(out) {
		t.Errorf("level %v: not deterministic (%v)", o.level(), err)
	}
	o.DebugLink = nil
	twice, r2, err := Rewrite(out, o)
	if err != nil || string(twice) != string(out) || !r2.Same {
		t.Errorf("level %v: not idempotent: %d, then %d bytes (%v, same %v)", o.level(), len(out), len(twice), err, r2.Same)
	}
	return out, r
}

// run writes the program and returns what it prints.
func run(t *testing.T, data []byte, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "prog")
	if err := os.WriteFile(path, data, 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
	return string(out)
}

// compile builds a C program, or skips.
func compile(t *testing.T, source string, command ...string) []byte {
	t.Helper()
	folder := t.TempDir()
	in, out := filepath.Join(folder, "prog.c"), filepath.Join(folder, "prog")
	if err := os.WriteFile(in, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath(command[0]); err != nil {
		t.Skipf("%s is not installed", command[0])
	}
	args := append(command[1:len(command):len(command)], "-o", out, in)
	if slices.Contains(args, "-fuse-ld=lld") {
		args = append(args, "-B"+lldFolder(t))
	}
	cmd := exec.Command(command[0], args...)
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("%v: %v\n%s", command, err, msg)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		data, err = os.ReadFile(out + ".exe") // mingw's compilers add it
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// lldFolder has a link to lld under the name that every compiler asks for:
// Debian's has its version in its name.
func lldFolder(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"ld.lld", "ld.lld-19", "ld.lld-22"} {
		if path, err := exec.LookPath(name); err == nil {
			folder := t.TempDir()
			if err := os.Symlink(path, filepath.Join(folder, "ld.lld")); err != nil {
				t.Fatal(err)
			}
			return folder
		}
	}
	t.Skip("needs ld.lld")
	return ""
}

const helloC = `#include <stdio.h>
static __thread int t = 5; static __thread char z[100]; char big[100000]; const char tab[3000] = {1};
int visible(int x) { return x + tab[x]; }
int main(int argc, char **argv) { z[3] = t; printf("hello %d %d %d\n", z[3], argc, visible(argc) + big[argc]); return 0; }
`

func TestNativePrograms(t *testing.T) {
	for _, flags := range [][]string{
		{"gcc", "-g"}, {"gcc", "-g", "-static"}, {"gcc", "-g", "-static-pie"}, {"gcc", "-g", "-no-pie"},
		{"gcc", "-g", "-Wl,-z,max-page-size=0x200000"}, {"gcc", "-g", "-Wl,-z,noseparate-code"}, {"gcc", "-g", "-Wl,--emit-relocs"},
		{"gcc", "-g", "-fuse-ld=mold"}, {"clang", "-g", "-fuse-ld=lld"}, {"musl-gcc", "-g", "-static"},
	} {
		data := compile(t, helloC, flags...)
		want := run(t, data)
		for _, level := range allLevels {
			out, _ := mustRewrite(t, data, Options{Level: level})
			if got := run(t, out); got != want {
				t.Errorf("%v, level %v: prints %q, want %q", flags, level, got, want)
			}
		}
	}
}

func TestTwoMegabytePages(t *testing.T) {
	data := compile(t, helloC, "gcc", "-Wl,-z,max-page-size=0x200000", "-Wl,-z,separate-code")
	out, _ := mustRewrite(t, data, Options{Level: Max})
	if len(data) < 6<<20 || len(out) > 20_000 {
		t.Errorf("%d -> %d bytes, want over 6 MB -> at most 20,000", len(data), len(out))
	}
	run(t, out)
}
