package attrib

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/minsize/minsize/internal/strip"
)

// programs are built with the tool that is named; a tool that is not there
// skips its program.
var programs = []struct {
	name, tool string
	source     string
	args       []string // before the source
}{
	{"rust", "rustc", mapProgram, []string{"-O", "--edition=2021"}},
	{"gcc", "gcc", cProgram, []string{"-O2", "-x", "c"}},
	{"gcc static", "gcc", cProgram, []string{"-O2", "-static", "-x", "c"}},
	{"gcc not PIE", "gcc", cProgram, []string{"-O2", "-no-pie", "-x", "c"}},
	{"clang", "clang", cProgram, []string{"-O2", "-x", "c"}},
	{"g++", "g++", cppProgram, []string{"-O2", "-x", "c++"}},
	{"aarch64", "aarch64-linux-gnu-gcc", cProgram, []string{"-O2", "-x", "c"}},
	{"object", "gcc", cProgram, []string{"-O2", "-c", "-x", "c"}},
	{"shared", "gcc", cProgram, []string{"-O2", "-shared", "-fPIC", "-x", "c"}},
}

const cProgram = `
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static const char *names[] = {"zero", "one", "two", "three"};
static int numbers[64];
int table[] = {3, 1, 4, 1, 5, 9, 2, 6};
struct op { const char *name; int (*run)(int, int); };
static int add(int a, int b) { return a + b; }
static int mul(int a, int b) { return a * b; }
static const struct op ops[] = {{"add", add}, {"mul", mul}};
__attribute__((noinline)) static int choose(int n) {
  switch (n & 7) { case 0: return 12; case 1: return 7; case 2: return 99; case 3: return n * 3; case 4: return n + 5; case 5: return puts("five"); case 6: return n << 3; }
  return -1;
}
int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
int main(int argc, char **argv) {
  qsort(table, 8, sizeof *table, compare);
  for (int i = 0; i < 2; i++) printf("%s %d %d\n", ops[i].name, ops[i].run(argc, 3), choose(argc + i));
  memset(numbers, argc, sizeof numbers);
  printf("%s %d\n", names[argc & 3], numbers[argc]);
  return 0;
}
`

const cppProgram = `
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>
struct Shape { virtual ~Shape() {} virtual double area() const = 0; };
struct Circle : Shape { double r; Circle(double r) : r(r) {} double area() const override { return r * r * 3.14; } };
struct Square : Shape { double s; Square(double s) : s(s) {} double area() const override { if (s < 0) throw std::string("negative"); return s * s; } };
int main(int argc, char **) {
  std::vector<std::unique_ptr<Shape>> list;
  list.push_back(std::make_unique<Circle>(argc));
  list.push_back(std::make_unique<Square>(argc - 1));
  std::map<std::string, double> sums;
  try { for (auto &s : list) sums["all"] += s->area(); } catch (const std::string &e) { std::cerr << e; }
  std::cout << sums["all"] << "\n";
}
`

// buildProgram builds one of programs and returns its bytes.
func buildProgram(t *testing.T, i int) []byte {
	t.Helper()
	x := programs[i]
	tool, err := exec.LookPath(x.tool)
	if err != nil {
		t.Skipf("%s is not there", x.tool)
	}
	dir := t.TempDir()
	source, out := filepath.Join(dir, "source"), filepath.Join(dir, "out")
	if err := os.WriteFile(source, []byte(x.source), 0o644); err != nil {
		t.Fatal(err)
	}
	args := append([]string{}, x.args...)
	args = append(args, source, "-o", out)
	if text, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
		t.Skipf("%s cannot build this: %v\n%s", x.tool, err, text)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func attribute(t *testing.T, data []byte) *Program {
	t.Helper()
	inputs, err := Load("program", data, Options{References: true, Bodies: true})
	if err != nil {
		t.Fatal(err)
	}
	return inputs[0].Program
}

// TestViewsOfBuiltPrograms: every view, and nests of them, sum on what each
// compiler makes; Rollup refuses to answer otherwise.
func TestViewsOfBuiltPrograms(t *testing.T) {
	for i, x := range programs {
		t.Run(x.name, func(t *testing.T) {
			p := attribute(t, buildProgram(t, i))
			for _, v := range views {
				if v.need == NeedDebug {
					continue
				}
				for _, nest := range [][]string{{v.name}, {v.name, "kind", "symbols"}, {"segments", v.name}} {
					r, err := Rollup([]Input{{Name: "program", Program: p}}, RollupOptions{Views: nest})
					if err != nil {
						t.Fatalf("%v: %v", nest, err)
					}
					if len(r.Rows) == 0 {
						t.Errorf("%v has no rows", nest)
					}
				}
			}
			main := false
			for a := range p.Atoms {
				main = main || p.Atoms[a].Kind == Code && p.RawName(int32(a)) == "main" && p.Atoms[a].Size() > 0
			}
			if !main && x.name != "rust" {
				t.Error("main is not among the functions")
			}
		})
	}
}

// TestStrippedFunctionsEqualSymbols: without its symbol table a program's
// functions are found all the same, with the same extents.
func TestStrippedFunctionsEqualSymbols(t *testing.T) {
	for i, x := range programs {
		if x.name == "object" {
			continue
		}
		t.Run(x.name, func(t *testing.T) {
			data := buildProgram(t, i)
			whole := attribute(t, data)
			small, _, err := strip.Rewrite(data, strip.Options{Level: strip.All})
			if err != nil {
				t.Fatal(err)
			}
			bare := attribute(t, small)
			extents := map[uint64]uint64{}
			for a := range bare.Atoms {
				if bare.Atoms[a].Kind == Code {
					extents[bare.Atoms[a].Addr] = bare.Atoms[a].Size()
				}
			}
			total, same := uint64(0), uint64(0)
			for a := range whole.Atoms {
				f := &whole.Atoms[a]
				if f.Kind != Code || f.Symbol < 0 || whole.Symbols[f.Symbol].Size == 0 || f.Section < 0 || whole.File.Sections[f.Section].Name != ".text" {
					continue
				}
				total += f.Size()
				if extents[f.Addr] == f.Size() {
					same += f.Size()
				}
			}
			share := float64(same) / float64(total)
			t.Logf("%.2f %% of %d bytes of functions found with their extents", 100*share, total)
			if share < 0.98 && total-same > 32 { // start files have a stub without an unwind entry
				t.Errorf("%.2f %% of the functions' bytes found with their extents, want 98 %%", 100*share)
			}
		})
	}
}

// TestEveryByteHasAnOwner: the share of what is loaded that has an owner, with
// symbols and without.
func TestEveryByteHasAnOwner(t *testing.T) {
	for i, x := range programs {
		if x.tool != "rustc" {
			continue
		}
		t.Run(x.name, func(t *testing.T) {
			data := buildProgram(t, i)
			owned, loaded := ownedBytes(attribute(t, data), nil)
			atLeast(t, "loaded bytes", owned, loaded, 0.995)
			bare, _, err := strip.Rewrite(data, strip.Options{Level: strip.All})
			if err != nil {
				t.Fatal(err)
			}
			p := attribute(t, bare)
			owned, loaded = ownedBytes(p, func(k Kind, section string) bool { return section == ".text" })
			atLeast(t, "stripped .text", owned, loaded, 0.98)
			owned, loaded = ownedBytes(p, func(k Kind, section string) bool {
				return section == ".rodata" || section == ".data.rel.ro" || section == ".data"
			})
			atLeast(t, "stripped data", owned, loaded, 0.99)
		})
	}
}

func atLeast(t *testing.T, what string, owned, all uint64, want float64) {
	t.Helper()
	share := float64(owned) / float64(all)
	t.Logf("%.2f %% of %d %s have an owner", 100*share, all, what)
	if share < want {
		t.Errorf("%.2f %% of the %s have an owner, want %.1f %%", 100*share, what, 100*want)
	}
}

// ownedBytes counts loaded bytes of the sections that want names (nil: all
// that is no header or note).
func ownedBytes(p *Program, want func(k Kind, section string) bool) (owned, loaded uint64) {
	p.Pieces(func(x Piece) {
		section := ""
		if x.Section >= 0 {
			section = p.File.Sections[x.Section].Name
		}
		if want == nil && (x.Kind == Header || x.Kind == Note) || want != nil && !want(x.Kind, section) {
			return
		}
		n := p.Space.MemoryBytes(x.Start, x.End)
		loaded += n
		if x.Atom >= 0 {
			owned += n
		}
	})
	return owned, loaded
}
