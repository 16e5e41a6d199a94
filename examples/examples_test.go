package examples

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/strip"
)

// These are the sizes that docs/benchmarks.md promises of each tier: bytes of
// the program without section headers.

// copyExample gives each test its own copy: cargo writes beside the sources.
func copyExample(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.CopyFS(dir, os.DirFS(name)); err != nil {
		t.Fatal(err)
	}
	os.RemoveAll(filepath.Join(dir, "target"))
	return dir
}

// toolchain is one cargo with its rustc.
type toolchain struct{ name, cargo, rustc string }

// toolchains are those on the PATH and in /usr/bin, each once.
func toolchains(t *testing.T) []toolchain {
	t.Helper()
	var out []toolchain
	seen := map[string]bool{}
	for _, c := range []toolchain{{"on the PATH", "cargo", "rustc"}, {"the distribution's", "/usr/bin/cargo", "/usr/bin/rustc"}} {
		sysroot, err := exec.Command(c.rustc, "--print", "sysroot").Output()
		if err != nil || seen[string(sysroot)] {
			continue
		}
		seen[string(sysroot)] = true
		out = append(out, c)
	}
	if len(out) == 0 {
		t.Skip("needs cargo")
	}
	return out
}

// maxStrip is the program without what strip --max takes.
func maxStrip(t *testing.T, program string) int {
	t.Helper()
	data, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := strip.Rewrite(data, strip.Options{Level: strip.Max})
	if err != nil {
		t.Fatal(err)
	}
	stripped := program + ".stripped"
	if err := os.WriteFile(stripped, out, 0o755); err != nil {
		t.Fatal(err)
	}
	hello(t, stripped)
	return len(out)
}

func hello(t *testing.T, program string) {
	t.Helper()
	out, err := exec.Command(program).Output()
	if err != nil || string(out) != "Hello, world!\n" {
		t.Fatalf("%s: %q, %v", program, out, err)
	}
}

func TestTiersBuildRunAndKeepTheirSize(t *testing.T) {
	if _, err := exec.LookPath("ld.bfd"); err != nil {
		t.Skip("needs ld.bfd")
	}
	for _, tc := range toolchains(t) {
		for _, tier := range Tiers {
			t.Run(tier.Name+" "+tc.name, func(t *testing.T) {
				dir := copyExample(t, tier.Name)
				cmd := exec.Command(tc.cargo, "build", "--quiet", "--release", "--offline")
				cmd.Dir = dir
				cmd.Env = append(os.Environ(), "RUSTC="+tc.rustc)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				program := filepath.Join(dir, "target", "release", tier.Name)
				hello(t, program)
				if tier.Name == "raw" { // the linker wrote no ELF file that could be rewritten
					info, err := os.Stat(program)
					if err != nil || info.Size() > tier.Floor {
						t.Errorf("%d bytes, promised %d (%v)", info.Size(), tier.Floor, err)
					}
					return
				}
				if n := maxStrip(t, program); int64(n) > tier.Floor {
					t.Errorf("%d bytes, promised %d", n, tier.Floor)
				}
			})
		}
	}
}

// TestBuildStdTiers holds the tiers that need std's sources: 51,472 bytes with
// Debian's rustc 1.96, and 14,608 for immediate-abort (the guide's recipe).
func TestBuildStdTiers(t *testing.T) {
	for name, limit := range map[string]int{"build-std": 52_000, "immediate-abort": 15_000} {
		t.Run(name, func(t *testing.T) {
			dir := copyExample(t, name)
			script, err := os.ReadFile("build-std.sh")
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(filepath.Dir(dir), "build-std.sh"), script, 0o755); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("sh", filepath.Join(filepath.Dir(dir), "build-std.sh"), name, "--quiet")
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if errors.As(err, &exit) && bytes.Contains(out, []byte("no std sources")) {
				t.Skip("needs std sources: rust-web-src or the rust-src component")
			}
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			programs, err := filepath.Glob(filepath.Join(dir, "target", "*", "release", name))
			if err != nil || len(programs) != 1 {
				t.Fatalf("programs: %v, %v", programs, err)
			}
			hello(t, programs[0])
			info, err := os.Stat(programs[0])
			if err != nil || info.Size() > int64(limit) {
				t.Errorf("%d bytes, promised %d (%v)", info.Size(), limit, err)
			}
		})
	}
}

// TestWordfreq holds what the demonstration shows: a malformed file is caught,
// named, and the others count.
func TestWordfreq(t *testing.T) {
	tc := toolchains(t)[0]
	dir := copyExample(t, "wordfreq")
	cmd := exec.Command(tc.cargo, "build", "--quiet", "--offline")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var stderr strings.Builder
	run := exec.Command(filepath.Join(dir, "target", "debug", "wordfreq"), "-n", "1", "samples")
	run.Dir, run.Stderr = dir, &stderr
	out, err := run.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("status: %v", err)
	}
	if !strings.Contains(string(out), "61 words, 37 different, 7 lines, 2 files") || !strings.Contains(stderr.String(), "broken.freq: malformed: index out of bounds") {
		t.Errorf("stdout %q\nstderr %q", out, stderr.String())
	}
}
