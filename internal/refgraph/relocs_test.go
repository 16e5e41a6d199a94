package refgraph

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/attrib"
)

// compiled runs a compiler on one of testdata/relocs; it skips where the compiler is missing.
func compiled(t *testing.T, out string, command ...string) string {
	t.Helper()
	if _, err := exec.LookPath(command[0]); err != nil {
		t.Skip(command[0] + " is not installed")
	}
	out = filepath.Join(t.TempDir(), out)
	if text, err := exec.Command(command[0], append(command[1:], "-o", out)...).CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", command, err, text)
	}
	return out
}

// answers are what all verbs are made of: each item's size, whether anything
// reaches it, what it retains and who dominates it.
func answers(g *Graph) []string {
	t := g.Dominators()
	var out []string
	for n := int32(1); n < int32(g.Len()); n++ {
		line := fmt.Sprintf("%s: %d bytes, ", g.Name(n), g.Node(n).Size)
		if t.Reachable(n) {
			line += fmt.Sprintf("retains %d, below %s", t.Retained[n], g.Name(t.Parent[n]))
		} else {
			line += "garbage"
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}

// structure is answers without sizes and without data that has no symbol: an
// object has relocations that a program has not. Only names of code and named
// data are compared, and start-up code, which the linker adds, is left out.
func structure(g *Graph, names map[string]bool) map[string]string {
	t := g.Dominators()
	out := map[string]string{}
	for n := int32(1); n < int32(g.Len()); n++ {
		if g.Node(n).Kind == KindImport || g.Program.Atoms[g.Node(n).Label].Anonymous() {
			continue
		}
		name := g.Name(n)
		if names != nil && !names[name] || strings.HasPrefix(name, "<alloc::") { // std uses it too
			continue
		}
		switch {
		case !t.Reachable(n):
			out[name] = "garbage"
		case name == "main":
			out[name] = "where it starts"
		default:
			out[name] = "below " + g.Name(t.Parent[n])
		}
	}
	return out
}

func different(t *testing.T, what string, got, want []string) {
	t.Helper()
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("%s, only here: %s", what, line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("%s, missing: %s", what, line)
		}
	}
}

// TestKeptRelocations: a program that was linked with --emit-relocs gives the
// answers of the plain one, and an object has the same garbage and dominators.
func TestKeptRelocations(t *testing.T) {
	c := []string{"-O2", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections"}
	for _, x := range []struct {
		name, source string
		command      []string
		keep, object []string
	}{
		{"gcc", "prog.c", append([]string{"gcc"}, c...), []string{"-Wl,--emit-relocs"}, []string{"-c"}},
		{"gcc, debug information", "prog.c", append([]string{"gcc", "-g"}, c...), []string{"-Wl,--emit-relocs"}, []string{"-c"}},
		{"gcc, fixed address", "prog.c", append([]string{"gcc", "-no-pie", "-fno-pie"}, c...), []string{"-Wl,--emit-relocs"}, []string{"-c"}},
		{"gcc, one section", "prog.c", []string{"gcc", "-O1"}, []string{"-Wl,--emit-relocs"}, []string{"-c"}},
		{"clang, one section", "prog.c", []string{"clang", "-O1"}, []string{"-Wl,--emit-relocs"}, []string{"-c"}},
		{"clang", "prog.c", append([]string{"clang"}, c...), []string{"-Wl,--emit-relocs"}, []string{"-c"}},
		{"g++", "prog.cc", append([]string{"g++"}, c...), []string{"-Wl,--emit-relocs"}, []string{"-c"}},
		{"clang++", "prog.cc", append([]string{"clang++"}, c...), []string{"-Wl,--emit-relocs"}, []string{"-c"}},
		{"aarch64", "prog.c", append([]string{"aarch64-linux-gnu-gcc"}, c...), []string{"-Wl,--emit-relocs"}, []string{"-c"}},
		{"aarch64, one section", "prog.c", []string{"aarch64-linux-gnu-gcc", "-O1"}, []string{"-Wl,--emit-relocs"}, []string{"-c"}},
		{"rustc", "prog.rs", []string{"rustc", "-O", "-Ccodegen-units=1"}, []string{"-Clink-arg=-Wl,--emit-relocs"}, []string{"--emit=obj"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			source := filepath.Join("testdata", "relocs", x.source)
			plain := programGraph(t, compiled(t, "plain", append(x.command, source)...))
			kept := programGraph(t, compiled(t, "kept", append(slices.Concat(x.command, x.keep), source)...))
			checkSums(t, plain)
			checkSums(t, kept)
			different(t, "with --emit-relocs", answers(kept), answers(plain))

			flags := slices.DeleteFunc(slices.Clone(x.command), func(f string) bool { return strings.HasPrefix(f, "-Wl,") })
			object := programGraph(t, compiled(t, "prog.o", append(slices.Concat(flags, x.object), source)...))
			checkSums(t, object)
			linked := structure(plain, nil)
			names := map[string]bool{}
			for name := range linked {
				names[name] = true
			}
			got := structure(object, names)
			if len(got) < 6 && x.source != "prog.rs" {
				t.Fatalf("the object and the program have %d names in common", len(got))
			}
			for name, where := range got {
				if linked[name] != where && !strings.HasPrefix(linked[name], "below [") && !strings.HasPrefix(where, "below [") {
					t.Errorf("object: %s is %s; in the program it is %s", name, where, linked[name])
				}
			}
			for n, node := range structure(object, nil) {
				if node == "garbage" && linked[n] != "" && linked[n] != "garbage" {
					t.Errorf("object: %s is called garbage", n)
				}
			}
		})
	}
}

// TestSameWhenStripped: a program weighs the same before and after strip.
func TestSameWhenStripped(t *testing.T) {
	for _, flags := range [][]string{nil, {"-g"}, {"-Wl,--emit-relocs"}} {
		command := append([]string{"gcc", "-O2", filepath.Join("testdata", "relocs", "prog.c")}, flags...)
		out := compiled(t, "prog", command...)
		whole := programGraph(t, out)
		if text, err := exec.Command("strip", out).CombinedOutput(); err != nil {
			t.Skipf("strip: %v\n%s", err, text)
		}
		if bare := programGraph(t, out); bare.Total != whole.Total {
			t.Errorf("%q: %d bytes before strip, %d after", flags, whole.Total, bare.Total)
		}
	}
}

// TestUnusedInObject: an object without main is used from outside through all
// that it exports; what it does not export and does not use is garbage.
func TestUnusedInObject(t *testing.T) {
	source := filepath.Join(t.TempDir(), "a.c")
	text := `__attribute__((noinline)) static int helper(int x) { return x * 7; }
__attribute__((noinline, used)) static int forgotten(int x) { return x - 1; }
__attribute__((visibility("hidden"))) int inside(int x) { return helper(x) + 2; }
int outside(int x) { return x + 3; }
`
	if err := os.WriteFile(source, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, flags := range [][]string{{"-O1"}, {"-O1", "-g", "-ffunction-sections"}} {
		g := programGraph(t, compiled(t, "a.o", append([]string{"gcc", "-c", source}, flags...)...))
		var garbage []string
		for name, where := range structure(g, nil) {
			if where == "garbage" {
				garbage = append(garbage, name)
			}
		}
		if !slices.Equal(garbage, []string{"forgotten"}) {
			t.Errorf("%q: garbage %q", flags, garbage)
		}
	}
}

// TestSymbolOfUnloadedSection: its address is no place in memory, whatever is
// loaded there.
func TestSymbolOfUnloadedSection(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "a.s")
	text := `.globl _start
_start: call first
	hlt
.type first, @function
first:	ret
.size first, .-first
.section .catalogue,"",@progbits
.type listed, @object
listed: .quad 1, 2, 3
.size listed, 24
`
	if err := os.WriteFile(source, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	g := programGraph(t, compiled(t, "a", "gcc", "-nostdlib", "-static", "-no-pie", "-Wl,-Ttext=0", source))
	p := g.Program
	for i := range p.Atoms {
		if a := &p.Atoms[i]; a.Symbol >= 0 && p.Symbols[a.Symbol].Name == "listed" {
			if section := p.SectionName(a.Start); section != ".catalogue" || a.Flags&attrib.Alias != 0 {
				t.Errorf("listed is in %s: %+v", section, a)
			}
			return
		}
	}
	t.Error("listed is not there")
}
