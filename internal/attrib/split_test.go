package attrib

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/dwarf"
)

var splitSources = map[string]string{
	"a.cc": `#include <vector>
#include <string>
#include <algorithm>
#include <map>
static std::map<std::string, int> m;
int other(std::vector<std::string> &v);
int main(int c, char **a) {
	std::vector<std::string> v(a, a + c);
	std::sort(v.begin(), v.end());
	for (auto &s : v) m[s]++;
	return other(v) + m.size();
}
`,
	"b.cc": `#include <vector>
#include <string>
#include <numeric>
int other(std::vector<std::string> &v) {
	return std::accumulate(v.begin(), v.end(), 0, [](int a, const std::string &s) { return a + (int)s.size(); });
}
`,
}

// TestSplitEqualsWhole: the same program says the same of each byte of its
// code, whether its debug information is in it, in .dwo files or in a package.
func TestSplitEqualsWhole(t *testing.T) {
	for _, compiler := range []string{"g++", "clang++"} {
		if _, err := exec.LookPath(compiler); err != nil {
			t.Logf("%s is not installed", compiler)
			continue
		}
		for _, flags := range []string{"-gdwarf-4", "-gdwarf-5 -gdwarf64", "-gdwarf-4 -fdebug-types-section", "-gdwarf-5 -fdebug-types-section"} {
			t.Run(compiler+" "+flags, func(t *testing.T) {
				dir := t.TempDir()
				run := func(name string, args ...string) bool {
					t.Helper()
					cmd := exec.Command(name, args...)
					cmd.Dir = dir
					if text, err := cmd.CombinedOutput(); err != nil {
						t.Logf("%v: %v\n%s", cmd.Args, err, text)
						return false
					}
					return true
				}
				for name, text := range splitSources {
					if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
						t.Fatal(err)
					}
				}
				make := func(out string, more ...string) string {
					t.Helper()
					for _, in := range []string{"a", "b"} {
						if !run(compiler, append(append(strings.Fields("-O2 "+flags), more...), "-c", "-o", in+".o", in+".cc")...) {
							t.Skipf("%s does not know %s", compiler, flags)
						}
					}
					if !run(compiler, "-o", out, "a.o", "b.o") {
						t.Skipf("%s cannot link %s here", compiler, flags)
					}
					return filepath.Join(dir, out)
				}
				whole, split := make("whole"), make("split", "-gsplit-dwarf")
				want := codeRows(t, whole, nil)
				equal := func(what string, finder *dwarf.SplitFinder) {
					t.Helper()
					defer finder.Close()
					got := codeRows(t, split, finder)
					if finder.Found != 2 || finder.Units != 2 || finder.Missing() != "" || len(finder.Refused) > 0 {
						t.Errorf("%s: found %d of %d units, missing %q, refused %v", what, finder.Found, finder.Units, finder.Missing(), finder.Refused)
					}
					for view, rows := range want {
						for name, size := range rows {
							if got[view][name] != size {
								t.Errorf("%s: %s: %q has %d bytes of code, expected %d", what, view, name, got[view][name], size)
							}
						}
						if len(got[view]) != len(rows) {
							t.Errorf("%s: %s: %d rows, expected %d", what, view, len(got[view]), len(rows))
						}
					}
				}
				equal(".dwo files", &dwarf.SplitFinder{Program: split})
				for _, tool := range []string{"llvm-dwp", "dwp"} {
					if tool == "dwp" && !strings.Contains(flags, "-gdwarf-4") || strings.Contains(flags, "64") {
						continue // binutils' knows no DWARF 5, LLVM 14's does not come back from 64-bit DWARF
					}
					if _, err := exec.LookPath(tool); err != nil || !run(tool, "-o", "split.dwp", "a.dwo", "b.dwo") {
						t.Logf("no package of %s", tool)
						continue
					}
					hidden := map[string]string{"a.dwo": "a.hidden", "b.dwo": "b.hidden"}
					for from, to := range hidden {
						_ = os.Rename(filepath.Join(dir, from), filepath.Join(dir, to))
					}
					equal(tool, &dwarf.SplitFinder{Program: split})
					for to, from := range hidden {
						_ = os.Rename(filepath.Join(dir, from), filepath.Join(dir, to))
					}
					_ = os.Remove(filepath.Join(dir, "split.dwp"))
				}
				// Of another build: not used, and said.
				if !run(compiler, append(strings.Fields("-O1 "+flags), "-gsplit-dwarf", "-c", "-o", "b.o", "a.cc")...) {
					t.Skipf("%s does not know %s", compiler, flags)
				}
				finder := &dwarf.SplitFinder{Program: split}
				defer finder.Close()
				codeRows(t, split, finder)
				if finder.Found != 1 || finder.Missing() == "" || len(finder.Refused) != 1 {
					t.Errorf("a .dwo file of another build: found %d units, missing %q, refused %v", finder.Found, finder.Missing(), finder.Refused)
				}
			})
		}
	}
}

// codeRows are the bytes of .text by each view of debug information.
func codeRows(t *testing.T, path string, finder *dwarf.SplitFinder) map[string]map[string]uint64 {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	inputs, err := Load(path, data, Options{Debug: true, Split: finder})
	if err != nil {
		t.Fatal(err)
	}
	views := map[string]map[string]uint64{}
	for _, view := range []string{"compileunits", "sources", "lines", "inlines"} {
		report, err := Rollup(inputs, RollupOptions{Views: []string{"sections", view}})
		if err != nil {
			t.Fatal(err)
		}
		for _, section := range report.Rows {
			if section.Name != ".text" {
				continue
			}
			views[view] = map[string]uint64{}
			for _, row := range section.Children {
				views[view][row.Name] = row.Memory
			}
		}
	}
	if len(views["inlines"]) < 10 {
		t.Fatalf("%s: %d rows of inlined code", path, len(views["inlines"]))
	}
	return views
}
