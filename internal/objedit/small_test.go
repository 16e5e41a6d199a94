package objedit

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// locations is a program with constants of the shape of source locations, and
// some that only look like them.
const locations = `
#include <stdio.h>
#include <string.h>
struct location { const char *path; unsigned long length; unsigned line, column; };
static const struct location a = { "src/a.rs", 8, 3, 5 }, b = { "src/bb.rs", 9, 7, 9 };
static const struct location text = { "src/a.txt", 9, 3, 5 }, zero = { "src/a.rs", 8, 0, 5 }, lies = { "src/a.rs", 800, 1, 5 };
static const struct { struct location l; int more; } larger = { { "src/a.rs", 8, 4, 4 }, 6 };
__attribute__((noinline)) void print(const struct location *l) { printf("%.*s:%u:%u ", (int)l->length, l->path, l->line, l->column); }
const struct location *const all[] = { &a, &b, &text, &zero };
int main(void) {
	print(&a); print(&b); print(&text); print(&zero); print(&larger.l);
	for (int i = 0; i < 4; i++) print(all[i]);
	printf("%d %u %lu\n", b.path[0], b.line, lies.length);
	return strlen(all[1]->path) % 10;
}
`

func compileText(t *testing.T, c toolchain, text string, flags ...string) []byte {
	t.Helper()
	object := c.compile(t) // skips without the compiler
	file := filepath.Join(filepath.Dir(object), "text.c")
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return read(t, c.compileFile(t, file, flags...))
}

// TestExports: what is hidden is none, in every width.
func TestExports(t *testing.T) {
	const text = `int seen(void) { return 1; }
__attribute__((visibility("hidden"))) int hidden(void) { return 2; }
static __attribute__((used)) int own(void) { return 3; }
`
	for _, c := range toolchains {
		t.Run(c.machine, func(t *testing.T) {
			o, err := Parse("text.o", compileText(t, c, text), 0)
			if err != nil {
				t.Fatal(err)
			}
			if got := o.Exports(); !slices.Equal(got, []string{"seen"}) {
				t.Errorf("exports %q", got)
			}
		})
	}
}

// TestFoldLocations: what has the shape is folded, what has not stays.
func TestFoldLocations(t *testing.T) {
	for _, c := range toolchains {
		t.Run(c.machine, func(t *testing.T) {
			for _, pic := range []string{"-fPIE", "-fno-pie"} {
				data := compileText(t, c, locations, "-O1", "-fdata-sections", "-ffunction-sections", pic)
				o, err := Parse("text.o", data, 0)
				if err != nil {
					t.Fatal(err)
				}
				folded, err := o.FoldLocations()
				if o.format.(*elf).word == 4 {
					if folded != 0 || err != nil || o.Edited() {
						t.Fatalf("%s: folded %d: %v", pic, folded, err)
					}
					continue
				}
				if err != nil || folded != 1 {
					t.Fatalf("%s: folded %d: %v", pic, folded, err)
				}
				flag := "-pie"
				if pic == "-fno-pie" {
					flag = "-no-pie"
				}
				program := c.link(t, o.Bytes(), flag)
				out, status := c.execute(program)
				// The compiler knows b.path[0], b.line and the lengths, and reads nothing.
				want := ":0:0 :0:0 src/a.txt:3:5 src/a.rs:0:5 src/a.rs:4:4 :0:0 :0:0 src/a.txt:3:5 src/a.rs:0:5 115 7 800\n"
				if out != want || status != "exit 9" {
					t.Errorf("%s: %q, %s", pic, out, status)
				}
			}
		})
	}
}

// TestFoldLocationsNeedsNothing: an object without any stays as it is.
func TestFoldLocationsNeedsNothing(t *testing.T) {
	o, err := Parse("program.o", read(t, toolchains[0].compile(t, "-ffunction-sections")), 0)
	if err != nil {
		t.Fatal(err)
	}
	if folded, err := o.FoldLocations(); folded != 0 || err != nil || o.Edited() {
		t.Errorf("%d %v", folded, err)
	}
}

// TestAlignFunctions: the program does the same, and of the object only
// sh_addralign changes.
func TestAlignFunctions(t *testing.T) {
	for _, c := range toolchains {
		if c.machine == "riscv64" || c.machine == "arm" {
			continue // leave alignment to the linker, by relocations in the code; have data behind their code
		}
		t.Run(c.machine, func(t *testing.T) {
			data := read(t, c.compile(t, "-O2", "-falign-functions=16", "-ffunction-sections"))
			o, err := Parse("program.o", data, 0)
			if err != nil {
				t.Fatal(err)
			}
			if n := o.AlignFunctions(); n < 5 {
				t.Fatalf("%d functions", n)
			}
			allowed := map[uint64]bool{}
			for _, s := range o.sections {
				for i := range uint64(8) {
					allowed[s.header+o.format.(*elf).shAlign+i%o.format.(*elf).word] = true
				}
			}
			for i, b := range o.Bytes() {
				if b != data[i] && !allowed[uint64(i)] {
					t.Fatalf("byte %#x changed", i)
				}
			}
			program := c.link(t, o.Bytes())
			if out, status := c.execute(program); out != "10 1 3.5 99\nquiet was called\n" || status != "exit 5" {
				t.Errorf("%q, %s", out, status)
			}
			whole, err := Parse("program.o", read(t, c.compile(t, "-O2", "-falign-functions=64", "-ffunction-sections")), 0)
			if err != nil {
				t.Fatal(err)
			}
			if n := whole.AlignFunctions(); n != 0 {
				t.Errorf("%d functions that were put on 64 bytes were moved", n)
			}
		})
	}
}

// TestEditsTogether: cuts, alignment and locations in any order give the same
// object.
func TestEditsTogether(t *testing.T) {
	data := compileText(t, toolchains[0], locations, "-O1", "-fdata-sections", "-ffunction-sections")
	rapid.Check(t, func(t *rapid.T) {
		edit := func(order []int) string {
			o, err := Parse("text.o", data, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, what := range order {
				switch what {
				case 0:
					o.AlignFunctions()
				case 1:
					if _, err := o.FoldLocations(); err != nil {
						t.Fatal(err)
					}
				case 2:
					o.TakeOut(UnwindTables)
				}
			}
			return string(o.Bytes())
		}
		order := rapid.Permutation([]int{0, 1, 2}).Draw(t, "order")
		if edit(order) != edit([]int{0, 1, 2}) {
			t.Fatal("the order of edits matters")
		}
	})
}
