package relink

import (
	"bytes"
	"context"
	"debug/pe"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/target"
)

const windowsProgram = `#include <stdio.h>
#include <windows.h>
static const char never[] = "this is never said";
static int uncalled(void) { MessageBeep(7); puts(never); return 3; }
static int (*unused)(void) __attribute__((used)) = uncalled;
static int twice(int n) { return n < 2 ? n : twice(n - 1) + twice(n - 2); }
int main(void) { printf("%d\n", twice(10)); return 7; }
`

// windowsLink is the link of a C program whose object has a section for each
// function, and what runs it.
func windowsLink(t *testing.T, args ...string) (*Recording, []string) {
	t.Helper()
	gcc, err := exec.LookPath("x86_64-w64-mingw32-gcc")
	if err != nil {
		t.Skip("needs x86_64-w64-mingw32-gcc")
	}
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", dir)
	t.Setenv("WINEPREFIX", "")
	runner, why := target.Parse("x86_64-pc-windows-gnu").Runner()
	if runner == nil {
		t.Skip(why)
	}
	source, object := filepath.Join(dir, "main.c"), filepath.Join(dir, "main.o")
	if err := os.WriteFile(source, []byte(windowsProgram), 0o666); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(gcc, "-Os", "-D__USE_MINGW_ANSI_STDIO=0", "-ffunction-sections", "-fdata-sections", "-c", source, "-o", object).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r, err := Here(FlavourOf(target.Parse("x86_64-pc-windows-gnu")), "", append([]string{"-m64", "-Wl,--dynamicbase", "-Wl,--high-entropy-va", "-Wl,--nxcompat", object,
		"-luser32", "-o", filepath.Join(dir, "made.exe"), "-Wl,--gc-sections", "-Wl,--strip-all"}, args...))
	if err != nil {
		t.Fatal(err)
	}
	r.Dir = dir
	return r, runner
}

// TestWindowsLinks: every linker gives a program that runs, without what nothing
// reaches, the same bytes each time.
func TestWindowsLinks(t *testing.T) {
	r, runner := windowsLink(t)
	ctx := context.Background()
	works, fails := r.Linkers(ctx)
	if i := slices.IndexFunc(works, func(l Linker) bool { return l.Kind == BFD }); i < 0 {
		t.Fatalf("GNU ld is not among %v; %v", works, fails)
	}
	if out, err := exec.Command(r.link.Driver, r.link.Args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if whole, err := os.ReadFile(r.Output()); err != nil || !bytes.Contains(whole, []byte("never said")) || !bytes.Contains(whole, []byte("MessageBeep")) {
		t.Fatalf("the plain link leaves out by itself what nothing reaches, or not: %v", err)
	}
	for _, linker := range append([]Linker{{}}, works...) {
		t.Run(string(linker.Kind), func(t *testing.T) {
			link := func(options ...string) string {
				t.Helper()
				out := filepath.Join(t.TempDir(), "out.exe")
				if _, err := r.Link(ctx, Variant{Linker: linker, Options: options}, out); err != nil {
					t.Fatal(err)
				}
				said, err := exec.Command(runner[0], append(runner[1:], out)...).Output()
				var exit *exec.ExitError
				if !errors.As(err, &exit) || exit.ExitCode() != 7 || strings.TrimSpace(string(said)) != "55" {
					t.Fatalf("%v: %q, %v", options, said, err)
				}
				return out
			}
			read := func(path string) []byte {
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				return data
			}
			swept := read(link())
			if bytes.Contains(swept, []byte("never said")) || bytes.Contains(swept, []byte("MessageBeep")) {
				t.Error("what nothing reaches is in the program")
			}
			if !bytes.Equal(swept, read(link())) {
				t.Error("the same link gives other bytes")
			}
			short := link("short-start")
			if n := len(read(short)); n >= len(swept) {
				t.Errorf("%d bytes swept, %d with a short start", len(swept), n)
			}
			f, err := pe.Open(short)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if got := f.OptionalHeader.(*pe.OptionalHeader64).DllCharacteristics & 0x160; got != 0x160 {
				t.Errorf("DllCharacteristics %#x", got)
			}
			for _, s := range f.Sections {
				if s.Characteristics&0xa0000000 == 0xa0000000 {
					t.Errorf("%s is written and executed", s.Name)
				}
				if data, _ := s.Data(); s.Characteristics&0x80000000 != 0 && bytes.Contains(data, []byte("%d\n")) {
					t.Errorf("a constant is in %s, which is written to", s.Name)
				}
			}
			tables := link(UnwindTablesOut)
			if len(read(tables)) > len(swept) {
				t.Errorf("%d bytes without tables, %d with them", len(read(tables)), len(swept))
			}
		})
	}
}

func TestWindowsStartThatIsNeeded(t *testing.T) {
	for _, arg := range []string{"-shared", "-Wl,--entry=other", "-lstdc++"} {
		r, _ := windowsLink(t, arg)
		_, err := r.Link(context.Background(), Variant{Options: []string{"short-start"}}, filepath.Join(t.TempDir(), "out.exe"))
		if !errors.Is(err, ErrNotApplicable) {
			t.Errorf("with %s: %v", arg, err)
		}
	}
	r, _ := windowsLink(t)
	cut, err := ParseCut("uncalled")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Link(context.Background(), Variant{Cuts: []Cut{cut}}, filepath.Join(t.TempDir(), "out.exe")); !errors.Is(err, ErrNotApplicable) {
		t.Errorf("a cut in an object that was not divided: %v", err)
	}
}

func TestFlavourOfWindows(t *testing.T) {
	for name, want := range map[string]*Flavour{"x86_64-pc-windows-gnu": &mingw, "i686-pc-windows-gnu": nil, "aarch64-pc-windows-gnullvm": nil, "x86_64-pc-windows-gnullvm": nil,
		"x86_64-pc-windows-msvc": nil, "x86_64-unknown-linux-gnu": &gnu} {
		if got := FlavourOf(target.Parse(name)); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
