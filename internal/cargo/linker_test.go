package cargo

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func own(t *testing.T) *Toolchain {
	t.Helper()
	needCargo(t)
	tc, err := ownToolchain(context.Background(), t.TempDir(), Options{Env: quiet()}, &Config{env: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	return tc
}

// TestFindLinkers: some linker works, for cargo builds with one; what does not
// work says why; the second time the answer comes from the cache and is the same.
func TestFindLinkers(t *testing.T) {
	ctx := context.Background()
	probe := LinkerProbe{Toolchain: own(t), CacheDir: t.TempDir()}
	found, err := FindLinkers(ctx, probe)
	if err != nil {
		t.Fatal(err)
	}
	working := 0
	for _, l := range found {
		t.Logf("%-20s works=%v relr=%v icf=%v %s %s", l.Name, l.Works, l.RELR, l.ICF, l.Path, l.Why)
		if l.Works {
			working++
		} else if l.Why == "" || strings.Contains(l.Why, "\n") {
			t.Errorf("%s does not work for the reason %q", l.Path, l.Why)
		}
		if l.Kind == "bfd" && l.ICF {
			t.Errorf("%s folds identical code, which bfd cannot", l.Name)
		}
	}
	if working == 0 {
		t.Error("no linker works, and cargo builds with one")
	}
	kept, _ := filepath.Glob(filepath.Join(probe.CacheDir, "linkers", "*.json"))
	if len(kept) != working {
		t.Errorf("%d answers kept of %d that work", len(kept), working)
	}
	again, err := FindLinkers(ctx, probe)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(found, again); diff != "" {
		t.Errorf("the cache answers otherwise: %s", diff)
	}
}

// TestLyingLinkers: a name and a version are no proof.
func TestLyingLinkers(t *testing.T) {
	for _, tool := range []string{"sh", "ld.bfd", "cc"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs " + tool)
		}
	}
	bin := write(t, map[string]string{
		"ld.lld-98": "#!/bin/sh\n[ \"$1\" = --version ] && echo 'LLD 98.0.0 (compatible with GNU linkers)'\nexit 0\n",             // writes nothing
		"ld.lld-99": "#!/bin/sh\n[ \"$1\" = --version ] && echo 'LLD 99.0.0 (compatible with GNU linkers)'\nexec ld.bfd \"$@\"\n", // is another one
		"mold":      "#!/bin/sh\nexit 127\n",
	})
	for _, name := range []string{"ld.lld-98", "ld.lld-99", "mold"} {
		if err := os.Chmod(filepath.Join(bin, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	found, err := FindLinkers(context.Background(), LinkerProbe{Toolchain: own(t), CacheDir: t.TempDir(), Env: quiet("PATH=" + bin + ":" + os.Getenv("PATH"))})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"ld.lld-98": "wrote no file", "ld.lld-99": "another linker made the file", "mold": ""}
	for _, l := range found {
		part, fake := want[filepath.Base(l.Path)]
		if !fake || filepath.Dir(l.Path) != bin {
			continue
		}
		delete(want, filepath.Base(l.Path))
		if l.Works || l.RELR || l.ICF || !strings.Contains(l.Why, part) {
			t.Errorf("%s: works=%v: %q, expected ...%s...", l.Path, l.Works, l.Why, part)
		}
	}
	if len(want) > 0 {
		t.Errorf("not looked at: %v", want)
	}
}

func TestStripLinkerChoice(t *testing.T) {
	got := StripLinkerChoice([]string{"-m64", "-fuse-ld=lld", "-B/x/bin/gcc-ld", "-B/y", "--ld-path=/z", "a.o"})
	if want := []string{"-m64", "-B/y", "a.o"}; !slices.Equal(got, want) {
		t.Errorf("got %q, expected %q", got, want)
	}
}

func TestSplitDebugCommand(t *testing.T) {
	got, err := splitDebugCommand(`LC_ALL="C" PATH="/a b:/c" VSLANG="1033" "cc" "-m64" "a \"b\".o" "tab\t"`)
	if want := []string{"cc", "-m64", `a "b".o`, "tab\t"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
	got, err = splitDebugCommand(`env -u IPHONEOS_DEPLOYMENT_TARGET LC_ALL="C" "cc" "a.o"`)
	if want := []string{"cc", "a.o"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
}

func FuzzSplitDebugCommand(f *testing.F) {
	f.Add(`PATH="x" "cc" "-o"`)
	f.Fuzz(func(t *testing.T, line string) { splitDebugCommand(line) })
}
