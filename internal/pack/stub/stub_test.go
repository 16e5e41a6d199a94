package stub

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// compilers are what the committed blobs were built with.
var compilers = map[string]string{
	"gcc":                   "gcc (Debian 12.2.0-14+deb12u1) 12.2.0",
	"aarch64-linux-gnu-gcc": "aarch64-linux-gnu-gcc (Debian 12.2.0-14) 12.2.0",
}

// TestBlobs rebuilds every part with the same compilers and compares.
func TestBlobs(t *testing.T) {
	for name, want := range compilers {
		out, err := exec.Command(name, "--version").Output()
		if err != nil {
			t.Skipf("%s is not here", name)
		}
		if got, _, _ := strings.Cut(string(out), "\n"); got != want {
			t.Skipf("the blobs come from %s; here is %s", want, got)
		}
	}
	dir := t.TempDir()
	if out, err := exec.Command("sh", "src/build.sh", dir).CombinedOutput(); err != nil {
		t.Fatalf("build.sh: %v\n%s", err, out)
	}
	built, _ := filepath.Glob(filepath.Join(dir, "*.bin"))
	committed, _ := filepath.Glob("blobs/*.bin")
	if len(built) != len(committed) || len(built) == 0 {
		t.Errorf("%d parts built, %d committed", len(built), len(committed))
	}
	for _, name := range built {
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("blobs", filepath.Base(name)))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s differs from what its source gives: run make stubs (%v)", filepath.Base(name), err)
		}
	}
}

func TestPartsOfBothMachines(t *testing.T) {
	for _, machine := range []string{"x86_64", "aarch64"} {
		for _, part := range []string{"first-lzma", "first-xlz", "first-lzma-small", "first-xlz-small", "first-mix", "first-mix-small", "boot-lzma", "boot-xlz", "boot-lzma-small", "boot-xlz-small", "boot-mix", "boot-mix-small", "second", "op-rela", "op-ehframe", "op-gnuhash", map[string]string{"x86_64": "op-x86", "aarch64": "op-aarch64"}[machine]} {
			if b, err := Part(machine, part); err != nil || len(b) < 64 || len(b)%4 != 0 {
				t.Errorf("%s %s: %d bytes, %v", machine, part, len(b), err)
			}
		}
	}
	if _, err := Part("m68k", "second"); err == nil {
		t.Error("a part for a machine that has none")
	}
}
