package relink

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/target"
)

var wasiLTO = profile{"wasi-lto", []string{"--target=wasm32-wasip1", "-Clto=fat", "-Ccodegen-units=1", "-Copt-level=z", "-Cstrip=symbols", "-Csave-temps"}}

// wasiModule is the recorded link of testdata/module.rs, by the first compiler that
// has the standard library for it.
func wasiModule(t *testing.T) *Recording {
	t.Helper()
	for _, c := range compilers() {
		said, err := exec.Command(c.path, "--print", "target-libdir", "--target=wasm32-wasip1").Output()
		if err != nil {
			continue
		}
		if found, _ := filepath.Glob(filepath.Join(strings.TrimSpace(string(said)), "libstd-*.rlib")); len(found) > 0 {
			return record(t, c, wasiLTO, "module.rs")
		}
	}
	t.Skip("no compiler here has the standard library for wasm32-wasip1")
	return nil
}

// wasi runs a program of WASI: how it ends, and what it says.
func wasi(t *testing.T, program string, args ...string) string {
	t.Helper()
	runner, why := target.Parse("wasm32-wasip1").Runner()
	if runner == nil {
		t.Skip(why)
	}
	cmd := exec.Command(runner[0], append(append(runner[1:], program), args...)...)
	said, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(said) + cmd.ProcessState.String()
}

var wasiRuns = []string{"double", "notice", "panic", "other"}

// TestModuleLink: the recorded link again gives the same bytes, and with any
// linker and option a program that does the same.
func TestModuleLink(t *testing.T) {
	r := wasiModule(t)
	plain, base := linkTo(t, r, Variant{})
	if again, err := Find(filepath.Dir(r.Dir), plain); err != nil || again.Dir != r.Dir {
		t.Errorf("the same link gives another module: %v", err)
	}
	want := map[string]string{}
	for _, word := range wasiRuns {
		want[word] = wasi(t, plain, word)
	}
	if !strings.Contains(want["double"], "42") || !strings.Contains(want["panic"], "index out of bounds") || !strings.HasSuffix(want["panic"], "exit status 134") {
		t.Fatalf("the program: %q", want)
	}
	works, fails := r.Linkers(context.Background())
	if len(works) == 0 {
		t.Fatalf("no linker: %v", fails)
	}
	for _, l := range works {
		var all []string
		for _, o := range r.flavour.Options {
			linkTo(t, r, Variant{Linker: l, Options: []string{o.Name}})
			all = append(all, o.Name)
		}
		program, res := linkTo(t, r, Variant{Linker: l, Options: all})
		for _, word := range []string{"double", "panic"} {
			if got := wasi(t, program, word); got != want[word] {
				t.Errorf("%s: %q, want %q", l.ID(), got, want[word])
			}
		}
		if res.Size >= base.Size*97/100 {
			t.Errorf("%s: %d bytes, %d without options", l.ID(), res.Size, base.Size)
		}
	}
	if _, err := r.Link(context.Background(), Variant{Options: []string{"relr"}}, filepath.Join(t.TempDir(), "p")); err == nil || !strings.Contains(err.Error(), "wasm linkers") {
		t.Errorf("an option of another flavour: %v", err)
	}
}

// TestModuleCuts: cuts are made in the linked module, by name, and what only
// they kept goes.
func TestModuleCuts(t *testing.T) {
	r := wasiModule(t)
	plain, base := linkTo(t, r, Variant{})
	was := map[string]string{}
	for _, word := range wasiRuns {
		was[word] = wasi(t, plain, word)
	}
	for _, c := range []struct {
		text, word string
		want       string // in what it says; it ends as before where that is empty
		most       int64  // per cent of the size before
	}{
		{"silent-panics", "panic", "wasm trap: unreachable", 80},
		{"module::doubled=trap", "double", "wasm trap: unreachable", 100},
		{"module::doubled=zero", "double", "0\nexit status 0", 100},
		{"module::noticed=return", "notice", "exit status 0", 100},
	} {
		cut, err := ParseCut(c.text)
		if named := CutByName(c.text); named != nil {
			cut, err = named.Cut, nil
		}
		if err != nil {
			t.Fatal(err)
		}
		program, res := linkTo(t, r, Variant{Cuts: []Cut{cut}})
		if len(res.Cuts) != 1 || len(res.Cuts[0].Functions) == 0 {
			t.Errorf("%s: it met nothing: %+v", c.text, res.Cuts)
		}
		if res.Size >= base.Size*c.most/100 {
			t.Errorf("%s: %d bytes, %d without", c.text, res.Size, base.Size)
		}
		for _, word := range wasiRuns {
			got, before := wasi(t, program, word), was[word]
			if word != c.word && got != before {
				t.Errorf("%s: %s answers %q, before %q", c.text, word, got, before)
			}
			if word == c.word && (!strings.Contains(got, c.want) || got == before || strings.Contains(got, "noticed")) {
				t.Errorf("%s: %s answers %q, want %q", c.text, word, got, c.want)
			}
		}
		if data, _ := os.ReadFile(program); strings.Contains(string(data), "noticed17h") {
			t.Errorf("%s: the names are left", c.text)
		}
		named, _ := linkTo(t, r, Variant{Cuts: []Cut{cut}, Symbols: true})
		if data, _ := os.ReadFile(named); !strings.Contains(string(data), "module4main") {
			t.Errorf("%s: with symbols, and it has no names", c.text)
		}
	}
	for text, want := range map[string]error{"module::doubled=report": ErrNotApplicable, "*=trap": ErrCut} {
		cut, err := ParseCut(text)
		if err == nil {
			_, err = r.Link(context.Background(), Variant{Cuts: []Cut{cut}}, filepath.Join(t.TempDir(), "p"))
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	nothing, err := ParseCut("nobody::here")
	if err != nil {
		t.Fatal(err)
	}
	if _, res := linkTo(t, r, Variant{Cuts: []Cut{nothing}}); res.Size != base.Size {
		t.Errorf("a cut that meets nothing: %d bytes, %d without", res.Size, base.Size)
	}
	found, err := r.Suggest(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]uint64{}
	for _, f := range found.Functions {
		kept[f.Name] = f.Retained
	}
	// What writes keeps its own code and more; the entry is no function to cut.
	if kept["module::main"] == 0 || kept["core::fmt::write"] < 1000 || kept["_start"] > 0 || found.Reachable >= uint64(base.Size) {
		t.Errorf("suggested of %d bytes: %v", found.Reachable, kept)
	}
	tools, err := FindLLVM(context.Background(), compilers()[0].llvm, filepath.Join(compilers()[0].sysroot, "lib/rustlib/x86_64-unknown-linux-gnu/bin"))
	if err != nil {
		t.Skip(err)
	}
	// What is cut in the bitcode is no longer there in the module.
	noticed, _ := ParseCut("module::noticed=return")
	_, res := linkTo(t, r, Variant{Cuts: []Cut{noticed, nothing}, Codegen: &Codegen{Pipeline: "no-cleanup-twice", Tools: tools}})
	if len(res.Cuts[0].Functions) == 0 || len(res.Cuts[1].Functions) > 0 || res.Cuts[1].Gone {
		t.Errorf("with the machine code made again: %+v", res.Cuts)
	}
}
