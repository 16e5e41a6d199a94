package relink

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/target"
)

func asLink(err error, link **LinkError) bool { return errors.As(err, link) }

// TestCatalogueComplete tells the next author what an entry lacks.
func TestCatalogueComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Catalogue {
		switch {
		case c.Name == "":
			t.Errorf("a cut without a name: %+v", c)
		case seen[c.Name]:
			t.Errorf("%s is in the catalogue twice", c.Name)
		case c.Summary == "" || len(c.Loses) == 0:
			t.Errorf("%s: Summary and Loses say in plain words what is cut and what is lost", c.Name)
		case len(c.Sites) == 0:
			t.Errorf("%s: no sites", c.Name)
		case c.Crate == "":
			t.Errorf("%s: Crate says whose functions are cut", c.Name)
		case !slices.Contains([]Risk{RiskDebuggability, RiskBehaviour, RiskAsked, RiskSpeed}, c.Risk):
			t.Errorf("%s: risk %q", c.Name, c.Risk)
		}
		if _, tested := cutEffects[c.Name]; !tested && c.Crate == "std" {
			t.Errorf("%s: no entry in cutEffects, which shows what it loses and that nothing else changed", c.Name)
		}
		seen[c.Name] = true
		for _, s := range c.Sites {
			if !slices.Contains(Stubs, s.Stub) {
				t.Errorf("%s: stub %q", c.Name, s.Stub)
			}
			if strings.Trim(s.Pattern, "*:") == "" || strings.Count(s.Pattern, "*") > maxStars {
				t.Errorf("%s: pattern %q", c.Name, s.Pattern)
			}
		}
	}
	for name := range cutEffects {
		if !seen[name] {
			t.Errorf("cutEffects has %s, the catalogue has not", name)
		}
	}
}

func TestPipelinesComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range Pipelines {
		if p.Name == "" || p.Summary == "" || p.Passes == "" || seen[p.Name] {
			t.Errorf("pipeline %+v: name, summary and passes, each name once", p)
		}
		if strings.Contains(p.Passes, "lower-invoke") && !slices.Contains(p.Needs, NeedAbort) {
			t.Errorf("%s drops landing pads without needing panic=abort", p.Name)
		}
		if strings.Contains(strings.Join(p.LLC, " "), "outliner") && !p.Slower {
			t.Errorf("%s outlines and is not marked slower", p.Name)
		}
		if slices.Contains(p.Needs, NeedAbort) == slices.Contains(p.Needs, NeedUnwind) {
			t.Errorf("%s is for programs that abort or for those that unwind", p.Name)
		}
		seen[p.Name] = true
	}
}

func TestOptionsComplete(t *testing.T) {
	for _, f := range Flavours {
		seen := map[string]bool{}
		for _, o := range f.Options {
			if o.Name == "" || o.Summary == "" || seen[o.Name] {
				t.Errorf("%s: option %+v: name and summary, each name once", f.Name, o)
			}
			if len(o.Args) == 0 && o.set == nil && !o.Ahead {
				t.Errorf("%s: option %s changes nothing", f.Name, o.Name)
			}
			if first := OptionByName(o.Name); o.Summary != first.Summary || !slices.EqualFunc(o.Loses, first.Loses, func(a, b Loss) bool { return a.What == b.What }) {
				t.Errorf("%s: option %s does or loses another thing than in the first flavour that has it", f.Name, o.Name)
			}
			seen[o.Name] = true
		}
	}
}

// TestFlavoursComplete tells the next author what an entry lacks.
func TestFlavoursComplete(t *testing.T) {
	seen := map[target.Flavour]bool{}
	for _, f := range Flavours {
		switch {
		case f.Name == "" || seen[f.Name]:
			t.Errorf("flavour %q: each name once", f.Name)
		case len(f.Formats) == 0 || len(f.Drivers) == 0 || len(f.Linkers) == 0 || len(f.Options) == 0:
			t.Errorf("%s: formats, drivers, linkers and options", f.Name)
		case !slices.Contains(f.Values, "-o"):
			t.Errorf("%s: -o has a value, which is no input", f.Name)
		case len(f.StripsAll) == 0 || f.NamesOnly == "" || f.Option("strip-all") == nil:
			t.Errorf("%s: the symbol table is left out in one way or another", f.Name)
		case f.collects == nil || f.exports == nil || f.choose == nil || f.edit == nil || f.finish == nil || f.suggest == nil:
			t.Errorf("%s: a question has no answer", f.Name)
		}
		seen[f.Name] = true
	}
}

// effect says how a run with a cut must differ from the run without: "" for
// as it must. Runs that equal are not asked about.
type effect func(behaviour string, before, after ran) string

func different(before, after ran) string {
	if before == after {
		return ""
	}
	return fmt.Sprintf("before: %s\n%s%s\nafter: %s\n%s%s", before.status, before.stdout, before.stderr, after.status, after.stdout, after.stderr)
}

// backtraceText leaves nothing of the frames that a program prints itself.
func backtraceText(s string) string {
	return frame.ReplaceAllString(frameAt.ReplaceAllString(s, ""), "")
}

// fewer says whether after is before with some of its text left out.
func fewer(before, after string) bool {
	for i := range len(before) {
		if after != "" && before[i] == after[0] {
			after = after[1:]
		}
	}
	return after == ""
}

func isPanic(behaviour string) bool {
	for _, word := range []string{"panic", "catch", "through-c", "alloc-failure", "capacity"} {
		if strings.Contains(behaviour, word) {
			return true
		}
	}
	return false
}

// cutEffects is, for each cut of std, the profiles that it is for and the
// difference that it may make; shows names a run that must show it.
var cutEffects = map[string]struct {
	profiles []profile
	effect   effect
	shows    string
}{
	"std-symbolizer": {
		profiles: []profile{unwindLTO, abortLTO, unwindAr},
		effect: func(b string, before, after ran) string {
			if strings.HasSuffix(b, "=") && !strings.HasPrefix(b, "backtrace-text") && !strings.HasPrefix(b, "double-panic") {
				return different(before, after)
			}
			// Debug files tell inlined frames too, so their number may change.
			if frame.MatchString(before.stderr) != frame.MatchString(after.stderr) {
				return "no frames any more:\n" + after.stderr
			}
			before.stdout, after.stdout = backtraceText(before.stdout), backtraceText(after.stdout)
			return different(before.withoutFrames(), after.withoutFrames())
		},
	},
	"backtrace-printer": {
		profiles: []profile{unwindLTO, abortLTO, unwindAr},
		effect: func(b string, before, after ran) string {
			if !isPanic(b) || strings.HasSuffix(b, "=") && !strings.HasPrefix(b, "double-panic") {
				return different(before, after)
			}
			if frame.MatchString(after.stderr) {
				return "still prints frames:\n" + after.stderr
			}
			return different(before.withoutFrames(), after.withoutFrames())
		},
		shows: "panic-main RUST_BACKTRACE=full",
	},
	"stack-overflow-message": {
		profiles: []profile{unwindLTO, abortLTO, unwindAr},
		effect: func(b string, before, after ran) string {
			if !strings.HasPrefix(b, "overflow") {
				return different(before, after)
			}
			if after != (ran{status: "signal segmentation fault"}) {
				return different(ran{status: "signal segmentation fault"}, after)
			}
			return ""
		},
		shows: "overflow-thread RUST_BACKTRACE=",
	},
	"error-backtraces": {
		profiles: []profile{unwindLTO, abortLTO, unwindAr},
		effect: func(b string, before, after ran) string {
			switch {
			case strings.HasPrefix(b, "backtrace-text"):
				before.stdout = "\n"
			case strings.HasPrefix(b, "backtrace"):
				before.stdout = "frames: false\n"
			case isPanic(b) && (!strings.HasSuffix(b, "=") || strings.HasPrefix(b, "double-panic")):
				before, after = before.withoutFrames(), after.withoutFrames()
			}
			return different(before, after)
		},
		shows: "backtrace-text RUST_BACKTRACE=",
	},
	"debug-formats": {
		profiles: []profile{unwindLTO, abortLTO, unwindAr},
		effect: func(b string, before, after ran) string {
			name, backtrace, _ := strings.Cut(b, " ")
			frames := backtrace != "RUST_BACKTRACE=" || name == "double-panic" || name == "backtrace-text" // their addresses and paths
			if !frames && !slices.Contains([]string{"panic-unwrap", "panic-assert", "stderr", "error", "threads", "collections", "child", "floats"}, name) {
				return different(before, after)
			}
			if before.status != after.status || !fewer(before.stdout, after.stdout) || !fewer(before.stderr, after.stderr) {
				return "more than text left out: " + different(before, after)
			}
			return ""
		},
		shows: "collections RUST_BACKTRACE=",
	},
	"unwinder": {
		profiles: []profile{abortLTO},
		effect:   func(b string, before, after ran) string { return different(before, after) },
	},
	"silent-panics": {
		profiles: []profile{abortLTO},
		effect: func(b string, before, after ran) string {
			if strings.HasPrefix(b, "overflow") { // the sentence is the runtime's last word
				before.stderr = ""
				return different(before, after)
			}
			if !isPanic(b) {
				return different(before, after)
			}
			if after.status != "signal illegal instruction" || after.stderr != "" {
				return different(ran{"signal illegal instruction", before.stdout, ""}, after)
			}
			return ""
		},
		shows: "panic-main RUST_BACKTRACE=",
	},
}

// TestCutEffects links each cut alone and compares every behaviour.
func TestCutEffects(t *testing.T) {
	for i, c := range needCompilers(t) {
		for j, p := range []profile{unwindLTO, abortLTO, unwindAr} {
			if os.Getenv("MINSIZE_SWEEP") == "" && (i+j)%2 == 1 {
				continue // each compiler and each profile is still met
			}
			t.Run(c.name+"/"+p.name, func(t *testing.T) {
				t.Parallel()
				r := record(t, c, p, "behaviours.rs")
				base, plain := linkTo(t, r, Variant{Options: []string{"strip-all"}})
				before := observe(t, base)
				for _, cut := range Catalogue {
					want, tested := cutEffects[cut.Name]
					if !tested || !slices.ContainsFunc(want.profiles, func(q profile) bool { return q.name == p.name }) {
						continue
					}
					program, res := linkTo(t, r, Variant{Options: []string{"strip-all"}, Cuts: []Cut{cut.Cut}})
					if len(res.Cuts) != 1 || len(res.Cuts[0].Functions) == 0 {
						t.Errorf("%s: matched nothing in std of %s", cut.Name, c.version)
						continue
					}
					if res.Size >= plain.Size {
						t.Errorf("%s: %d bytes, %d without it", cut.Name, res.Size, plain.Size)
					}
					after := observe(t, program)
					for b := range before {
						if why := want.effect(b, before[b], after[b]); why != "" {
							t.Errorf("%s: %s: %s", cut.Name, b, why)
						}
					}
					if want.shows != "" && before[want.shows] == after[want.shows] {
						t.Errorf("%s: %s does not show what it loses", cut.Name, want.shows)
					}
				}
			})
		}
	}
}

// TestCutsKeepLoadedLibraries: a library that the program loads has a std of
// its own: its panics, messages and frames stay whatever is cut in the program.
func TestCutsKeepLoadedLibraries(t *testing.T) {
	eachCompiler(t, func(t *testing.T, c compiler) {
		library := filepath.Join(t.TempDir(), "library.so")
		if said, err := exec.Command(c.path, "--edition", "2021", "--crate-type", "cdylib", "-g", "-o", library, filepath.Join("testdata", "library.rs")).CombinedOutput(); err != nil {
			t.Skipf("%s makes no library: %v %s", c.name, err, said)
		}
		r := record(t, c, unwindLTO, "behaviours.rs")
		var cuts []Cut
		for _, name := range []string{"std-symbolizer", "backtrace-printer", "stack-overflow-message", "error-backtraces"} {
			cuts = append(cuts, CutByName(name).Cut)
		}
		plain, _ := linkTo(t, r, Variant{Options: []string{"strip-all"}})
		for _, v := range []Variant{{Options: []string{"strip-all"}, Cuts: cuts}, {Options: []string{"strip-all", "plain-start", "even-functions", "locations-out"}, Cuts: cuts}} {
			program, _ := linkTo(t, r, v)
			before, after := runProgram(t, plain, "1", "library", library), runProgram(t, program, "1", "library", library)
			if before.stdout != after.stdout || before.status != after.status || !strings.Contains(after.stdout, "library: caught true frames true\n") {
				t.Errorf("%s", different(before, after))
			}
			// The library's own frames are still printed, with their names.
			if !strings.Contains(after.stderr, "in the library 3") || !strings.Contains(after.stderr, "library::run") {
				t.Errorf("the library's panic: %s", after.stderr)
			}
		}
	})
}

// TestCutsLinkEverywhere: what level safe cuts links with every linker that
// works here, unwinds, and has frames that the tools read without complaint.
func TestCutsLinkEverywhere(t *testing.T) {
	for _, c := range needCompilers(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := record(t, c, unwindLTO, "behaviours.rs")
			linkers, fails := r.Linkers(context.Background())
			if len(linkers) == 0 {
				t.Fatalf("no linker works: %v", fails)
			}
			cuts := []Cut{CutByName("std-symbolizer").Cut, CutByName("backtrace-printer").Cut, CutByName("stack-overflow-message").Cut}
			for _, l := range linkers {
				program, _ := linkTo(t, r, Variant{Linker: l, Cuts: cuts})
				for _, b := range []string{"catch", "catch-resume", "through-c", "panic-thread", "threads", "collections"} {
					if got := runProgram(t, program, "1", b); got.status != "exit 0" {
						t.Errorf("%s: %s: %+v", l.ID(), b, got)
					}
				}
				base, _ := linkTo(t, r, Variant{Linker: l})
				framesAreClean(t, base, program)
			}
		})
	}
}
