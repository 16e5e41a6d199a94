package refgraph

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// removals are what people do: the call of a part is taken out and the program
// built again, with cargo's default release profile and with LTO. The programs
// are in testdata/removals, without a crate of any registry.
var removals = []struct {
	feature  string
	patterns []Pattern
}{
	{"parse", []Pattern{{Text: "parse"}}},                           // a dependency: enums, maps, traits that the program implements
	{"squeeze", []Pattern{{Text: "squeeze"}}},                       // a dependency of plain functions
	{"report", []Pattern{{Text: "app::report"}}},                    // a module
	{"tree", []Pattern{{Text: "app::tree"}, {Text: "app::counts"}}}, // a generic type of the program's own, and who uses it
	{"shapes", []Pattern{{Text: "app::shapes"}}},                    // trait objects
	{"c", []Pattern{{Text: "^stats_", Expression: true}}},           // a C library
}

// TestRemovals: the real saving lies in the printed range, with and without
// debug information, and in two of three within 5 % or 64 bytes of the estimate.
func TestRemovals(t *testing.T) {
	if testing.Short() {
		t.Skip("builds fourteen programs")
	}
	for _, tool := range []string{"cargo", "cc", "ar", "strip"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs " + tool)
		}
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "removals"))); err != nil {
		t.Fatal(err)
	}
	build := func(profile, name string, arguments ...string) string {
		cmd := exec.Command("cargo", append([]string{"build", "--offline", "--quiet", "--profile", profile}, arguments...)...)
		cmd.Dir = dir
		upper := strings.ToUpper(profile)
		cmd.Env = append(os.Environ(), "CARGO_PROFILE_"+upper+"_DEBUG=1", "CARGO_PROFILE_"+upper+"_STRIP=none", "CARGO_TARGET_DIR="+filepath.Join(dir, "target"), "RUSTFLAGS=")
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("cargo: %v\n%s", err, text)
		}
		out := filepath.Join(dir, profile+"-"+name)
		copyFile(t, filepath.Join(dir, "target", profile, "app"), out)
		return out
	}
	near, all := 0, 0
	for _, profile := range []string{"release", "lto"} {
		path := build(profile, "whole")
		whole := programGraph(t, path)
		bare := path + "-bare"
		copyFile(t, path, bare)
		if text, err := exec.Command("strip", "--strip-debug", bare).CombinedOutput(); err != nil {
			t.Fatalf("strip: %v\n%s", err, text)
		}
		blind := programGraph(t, bare)
		for _, r := range removals {
			real := int64(whole.Loaded()) - int64(programGraph(t, build(profile, r.feature, "--features", "app/no-"+r.feature)).Loaded())
			all++
			for _, g := range []*Graph{whole, blind} {
				w, err := g.Why(g.Dominators(), WhyOptions{Patterns: r.patterns})
				if g == blind && err != nil {
					continue // app::counts is inlined, and nothing says so
				}
				if err != nil {
					t.Errorf("%s, %s: %v", profile, r.feature, err)
					continue
				}
				p := w.Prediction
				off := int64(p.Estimate) - real
				t.Logf("%-7s %-8s real %6d, predicted %6d (%+.1f %%), %d to %d, debug information %v", profile, r.feature, real, p.Estimate, 100*float64(off)/float64(real), p.Low, p.High, p.Debug)
				if real < int64(p.Low) || real > int64(p.High) {
					t.Errorf("%s, %s: %d bytes went, predicted %d to %d", profile, r.feature, real, p.Low, p.High)
				}
				if p.Debug != (g == whole) {
					t.Errorf("%s, %s: debug information %v", profile, r.feature, p.Debug)
				}
				if g == whole && max(off, -off) <= max(64, real/20) {
					near++
				}
			}
		}
	}
	if near*3 < all*2 {
		t.Errorf("%d of %d predictions are within 5 %% or 64 bytes", near, all)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o777)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
}

func TestMentions(t *testing.T) {
	for _, c := range []struct {
		text, path string
		want       bool
	}{
		{"core::ptr::drop_in_place<serde_json::value::Value>", "serde_json", true},
		{"core::ptr::drop_in_place<serde_json::value::Value>", "serde_json::value", true},
		{"core::ptr::drop_in_place<my_serde_json::Value>", "serde_json", false},
		{"core::ptr::drop_in_place<serde_json_core::Value>", "serde_json", false},
		{"BTreeMap<K, x::app::Tree>", "app::Tree", false}, {"f", "", false},
	} {
		if got := mentions(c.text, c.path); got != c.want {
			t.Errorf("mentions(%q, %q) = %v", c.text, c.path, got)
		}
	}
}
