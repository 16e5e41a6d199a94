package outline

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/golden"
	"github.com/minsize/minsize/internal/rustsyntax"
)

func candidates(t *testing.T, source string) []Function {
	t.Helper()
	file, err := rustsyntax.Parse([]byte(source))
	if err != nil {
		t.Fatal(err)
	}
	return Candidates(file, nil)
}

// compileRust type-checks a library; edition as cargo's.
func compileRust(t *testing.T, source []byte, edition string) {
	t.Helper()
	if _, err := exec.LookPath("rustc"); err != nil {
		t.Skip("needs rustc")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "lib.rs")
	if err := os.WriteFile(file, source, 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("rustc", "--edition", edition, "--crate-type", "lib", "--emit", "metadata", "-D", "unused_mut", "-D", "unused_variables", "-o", filepath.Join(dir, "lib.rmeta"), file)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, text, source)
	}
}

func TestAcceptedShapes(t *testing.T) {
	source, err := os.ReadFile("testdata/accepted.rs")
	if err != nil {
		t.Fatal(err)
	}
	var accepted []*Function
	for _, f := range candidates(t, string(source)) {
		if f.Refusal != "" {
			if f.Fn.Owner == nil || f.Fn.Owner.Kind != rustsyntax.TraitDefinition {
				t.Errorf("%s: refused: %s", f.Name(), f.Refusal)
			}
			continue
		}
		accepted = append(accepted, &f)
	}
	got, err := Rewrite(accepted)
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "testdata/accepted.outlined.rs", got)
	for _, edition := range []string{"2021", "2024"} {
		compileRust(t, source, edition)
		compileRust(t, got, edition)
	}
	// What was outlined is not a candidate again.
	for _, f := range candidates(t, string(got)) {
		if f.Refusal == "" {
			t.Errorf("%s is outlined a second time", f.Name())
		}
	}
}

func TestRefusals(t *testing.T) {
	long := "let a = 1; let b = a + 1; let c = b * a; println!(\"{}\", a + b + c);"
	for _, test := range []struct {
		source string
		want   Refusal
	}{
		{"trait T { fn f(p: impl AsRef<str>) { p.as_ref(); " + long + " } }", InTrait},
		{"trait T { fn f(p: impl AsRef<str>); }", Declaration},
		{"const fn f<P: AsRef<str>>(p: P) { p.as_ref(); " + long + " }", ConstFn},
		{"extern \"C\" fn f<P: AsRef<str>>(p: P) { p.as_ref(); " + long + " }", ForeignABI},
		{"#[inline(always)] fn f(p: impl AsRef<str>) { p.as_ref(); " + long + " }", InlineAlways},
		{"#[track_caller] fn f(p: impl AsRef<str>) { p.as_ref(); " + long + " }", TrackCaller},
		{"#[instrument] fn f(p: impl AsRef<str>) { p.as_ref(); " + long + " }", UnknownAttr},
		{"fn f(p: impl AsRef<str>) { p.as_ref(); drop(p); " + long + " }", NotOnlyConverted},
		{"fn f(p: impl AsRef<str> + Clone) { p.as_ref(); " + long + " }", SeveralBounds},
		{"fn f<P: AsRef<str>>(p: P) { p.as_ref(); size_of::<P>(); " + long + " }", TypeElsewhere},
		{"fn f<P: AsRef<str>>(p: P, q: P) { p.as_ref(); " + long + " }", TypeElsewhere},
		{"fn f<P: AsRef<str>>(p: P) -> Vec<P> { p.as_ref(); " + long + " }", TypeElsewhere},
		{"fn f(p: impl Into<String>) { " + long + " let q = p.into(); g(q) }", NotAtHead},
		{"fn f(p: impl Into<String>) { " + long + " g(p.into()) }", NotAtHead},
		{"fn f(p: impl Into<String>) { if x { g(p.into()); } " + long + " }", NestedReturn},
		{"fn f(p: impl Into<String>) { let g = || p.into(); " + long + " }", NestedReturn},
		{"fn f(p: impl AsRef<str>) { p.as_ref(); println!(\"{p}\"); " + long + " }", MacroHidesUse},
		{"fn f(p: impl AsRef<str>) { { let p = 1; } p.as_ref(); " + long + " }", Shadowed},
		{"fn f((p, q): (impl AsRef<str>, u8)) { " + long + " }", ""}, // no argument of such a type: not listed
		{"fn f(p: impl AsRef<str>, (a, b): (u8, u8)) { p.as_ref(); " + long + " }", PatternArgument},
		{"fn f(p: impl AsRef<str>) { p.as_ref() }", SmallBody},
		{"fn f(p: impl AsRef<str>) -> impl Sized { p.as_ref(); " + long + " }", ReturnsImpl},
		{"fn f(g: Guard, p: impl AsRef<str>) { p.as_ref(); " + long + " }", DropOrder},
		{"impl S { fn f(self, p: impl AsRef<str>) { p.as_ref(); " + long + " } }", DropOrder},
		{"impl<X> T for S<X> { fn f(p: impl AsRef<str>) { p.as_ref(); " + long + " } }", SelfInTraitImpl},
		{"impl T for S { fn f(p: impl AsRef<str>) -> Self::X { p.as_ref(); " + long + " } }", SelfInTraitImpl},
		{"impl T for S { fn f(self: Box<Self>, p: impl Into<String>) { let p = p.into(); " + long + " } }", SelfKind},
		{"fn f(x: &X, y: &Y, p: impl AsRef<str>) -> &str { p.as_ref(); " + long + " }", BorrowsArgument},
		{"fn f(x: &X, p: &impl AsRef<str>) -> &str { p.as_ref(); " + long + " }", ElidedReturn},
		{"fn f(p: impl TryInto<u8>) { let p = p.try_into().map_err(|_| 1); " + long + " }", NotAtHead},
		{"fn f(p: impl IntoIterator<Item = u8>) { for x in p { g(x) } " + long + " }", NotAtHead},
		{"fn f(p: impl Into<String>, q: impl Into<String>) { let q = q.into(); let p = p.into(); " + long + " }", NotAtHead},
	} {
		list := candidates(t, test.source)
		if test.want == "" {
			if len(list) != 0 {
				t.Errorf("%s: listed", test.source)
			}
			continue
		}
		if len(list) != 1 {
			t.Errorf("%s: %d candidates", test.source, len(list))
			continue
		}
		if list[0].Refusal != test.want {
			t.Errorf("%s:\n  %q, want %q", test.source, list[0].Refusal, test.want)
		}
	}
}

// TestSweepPublishedSource outlines whatever it finds in std and in the local
// cargo home, and reads the result again.
func TestSweepPublishedSource(t *testing.T) {
	if os.Getenv("MINSIZE_SWEEP") == "" {
		t.Skip("long: set MINSIZE_SWEEP=1")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	dirs, _ := filepath.Glob("/usr/src/rustc-*/library")
	dirs = append(dirs, filepath.Join(home, ".cargo/registry/src"))
	counts := map[Refusal]int{}
	for _, dir := range dirs {
		filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".rs") || strings.Contains(path, "/tests/") {
				return nil
			}
			source, err := os.ReadFile(path)
			if err != nil {
				return nil
			}
			file, err := rustsyntax.Parse(source)
			if err != nil {
				return nil
			}
			var accepted []*Function
			for _, f := range Candidates(file, nil) {
				counts[f.Refusal]++
				if f.Refusal == "" {
					accepted = append(accepted, &f)
				}
			}
			if len(accepted) == 0 {
				return nil
			}
			out, err := Rewrite(accepted)
			if err == nil {
				_, err = rustsyntax.Parse(out)
			}
			if err != nil {
				t.Errorf("%s: %v", path, err)
			}
			for _, f := range accepted {
				fmt.Fprintf(os.Stderr, "%s:%d: %s\n", path, f.Line, f.Name())
			}
			return nil
		})
	}
	for why, n := range counts {
		t.Logf("%5d %s", n, why)
	}
}
