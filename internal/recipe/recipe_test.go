package recipe

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/technique"
)

// TestRecipeRoundTrip: whatever wins is read back from minsize.toml as it was.
func TestRecipeRoundTrip(t *testing.T) {
	all := slices.Concat(technique.Table(), technique.CutTable(), technique.PipelineTable())
	dir := t.TempDir()
	rapid.Check(t, func(r *rapid.T) {
		list := rapid.SliceOfDistinct(rapid.SampledFrom(all), func(x *technique.Technique) string { return x.Name }).Draw(r, "techniques")
		if name := rapid.StringMatching(`[a-z][a-z0-9_-]{0,12}(@1\.[0-9])?`).Draw(r, "package"); rapid.Bool().Draw(r, "raise") {
			list = append(list, technique.RaisePackages([]technique.PackageSetting{{Package: name, Profile: []technique.KeyValue{{Key: "opt-level", Value: "3"}}}}))
		}
		if text := rapid.StringMatching(`[a-z]+::[a-z"'\\<>{}é ]+=trap`).Draw(r, "cut"); rapid.Bool().Draw(r, "cuts") {
			cut, _, err := technique.UserCut(text)
			if err != nil {
				r.Skip(err)
			}
			list = append(list, cut)
		}
		want := technique.NewPlan("the compiler", list...)
		c := &Recipe{Schema: Schema, Package: "p", Bin: "b", Level: "max"}
		if err := c.SetPlan(want); err != nil {
			r.Fatal(err)
		}
		if _, err := c.Write(context.Background(), dir); err != nil {
			r.Fatal(err)
		}
		back, err := Read(filepath.Join(dir, Name))
		if err != nil {
			text, _ := os.ReadFile(filepath.Join(dir, Name))
			r.Fatalf("%v\n%s", err, text)
		}
		got := back.Plan("the compiler")
		byKey := cmpopts.SortSlices(func(a, b technique.KeyValue) bool { return a.Key < b.Key })
		for _, part := range [][2]any{{want.Setting, got.Setting}, {want.Link, got.Link}, {want.Rewrite, got.Rewrite}, {want.Techniques, got.Techniques}} {
			if diff := cmp.Diff(part[0], part[1], byKey, cmpopts.EquateEmpty()); diff != "" {
				r.Fatalf("(-written +read):\n%s", diff)
			}
		}
	})
}

func TestRecipeErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"schema = 'minsize.recipe/9'\n", "made by another version"},
		{"schema = \n", "line 1"},
		{"schema = 'minsize.recipe/1'\npackage = 'a'\nspelt-wrong = 1\n", `unknown key "spelt-wrong"`},
		{"", "made by another version"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, Name)
		if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := Read(filepath.Join(dir, Name))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: got %v, want the file's name and %q", c.text, err, c.want)
		}
	}
	if _, err := Read(filepath.Join(t.TempDir(), Name)); err == nil {
		t.Error("a recipe that is not there was read")
	}
}

// TestRecipeOfSeveralPrograms: each further program of a workspace gets a file
// of its own, and each is found again by what is known of it.
func TestRecipeOfSeveralPrograms(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a[b]*") // a folder whose name looks like a pattern
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	bin := func(pkg, name string) Program { return Program{Package: pkg, Kind: "bin", Name: name} }
	lib := func(crate string) Program { return Program{Package: "p", Kind: "lib", Name: "two", Crate: crate} }
	all := []Program{bin("p", "one"), bin("p", "two"), bin("q", "one"), bin("q", "two"), lib("cdylib"), lib("staticlib")}
	files := map[Program]string{all[0]: "minsize.toml", all[1]: "minsize-two.toml", all[2]: "minsize-one.toml", all[3]: "minsize-q-two.toml",
		all[4]: "minsize-two-cdylib.toml", all[5]: "minsize-two-staticlib.toml"}
	for range 2 { // the second time nothing moves
		for _, of := range all {
			c := &Recipe{Schema: Schema, Package: of.Package, Bin: of.Name, Crate: of.Crate}
			if of.Kind == "lib" {
				c.Bin, c.Lib = "", of.Name
			}
			if err := c.SetPlan(technique.NewPlan("x", technique.Find("lto-fat"))); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Write(context.Background(), dir); err != nil {
				t.Fatal(err)
			}
		}
	}
	for of, file := range files {
		c, path, err := Find(dir, of)
		if err != nil || !of.Fits(c) || path != filepath.Join(dir, file) {
			t.Errorf("%s: got %+v of %s, %v", of, c, path, err)
		}
	}
	for of, file := range map[Program]string{{}: "minsize.toml", {Package: "q"}: "minsize-one.toml", {Name: "two"}: "minsize-q-two.toml", {Package: "no such"}: "minsize.toml"} {
		if _, path, err := Find(dir, of); err != nil || path != filepath.Join(dir, file) {
			t.Errorf("%v: got %s, %v", of, path, err)
		}
	}
}

// TestFits: a library goes by its crate's name as well, a program does not; and
// of a package's recipes that of an example is the last to be meant.
func TestFits(t *testing.T) {
	example, lib := &Recipe{Schema: Schema, Package: "p", Example: "a-one", Crate: "cdylib"}, &Recipe{Schema: Schema, Package: "p", Lib: "z", Crate: "cdylib"}
	for of, want := range map[Program]bool{
		{Package: "p", Kind: "example", Name: "a_one", Crate: "cdylib"}: true, {Kind: "example", Name: "a_one"}: false,
		{Name: "a_one", Crate: "dylib"}: false, {Name: "a_on", Crate: "cdylib"}: false, {Kind: "example", Name: "a-one"}: true,
	} {
		if of.Fits(example) != want {
			t.Errorf("%+v: %v", of, !want)
		}
	}
	dir := t.TempDir()
	for _, c := range []*Recipe{{Schema: Schema, Package: "q", Bin: "q"}, example, lib} {
		if _, err := c.Write(context.Background(), dir); err != nil {
			t.Fatal(err)
		}
	}
	if c, path, err := Find(dir, Program{Package: "p"}); err != nil || c.Lib != "z" {
		t.Errorf("%s, %v", path, err)
	}
}

// project makes a cargo project with a lockfile and reads it; nothing is built.
func project(t *testing.T, o cargo.Options) *cargo.Project {
	t.Helper()
	if _, err := exec.LookPath("cargo"); err != nil {
		t.Skip("needs cargo")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"Cargo.toml": "[package]\nname = \"two\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[features]\nloud = []\n[lib]\npath = \"lib.rs\"\n" +
			"[[bin]]\nname = \"one\"\npath = \"one.rs\"\n[[bin]]\nname = \"other\"\npath = \"one.rs\"\n[[example]]\nname = \"show\"\npath = \"one.rs\"\n[profile.dist]\ninherits = \"release\"\n",
		"Cargo.lock": "version = 3\n\n[[package]]\nname = \"two\"\nversion = \"0.1.0\"\n",
		"one.rs":     "fn main() {}\n",
		"lib.rs":     "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	o.Dir = dir
	p, err := cargo.Load(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// written is the recipe of p's program, in p's workspace.
func written(t *testing.T, p *cargo.Project) *Recipe {
	t.Helper()
	c, err := New(p, p.Toolchain, technique.NewPlan(p.Toolchain.ID(), technique.Find("lto-fat")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(context.Background(), p.Root); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestLoad: a project is read as it was searched, what is typed goes before,
// and a recipe of another program is not taken for this one's.
func TestLoad(t *testing.T) {
	p := project(t, cargo.Options{Bin: "one", Features: []string{"loud"}, Profile: "dist"})
	written(t, p)
	ctx := context.Background()
	again, c, err := Load(ctx, cargo.Options{Dir: p.Root, Locked: true})
	if err != nil {
		t.Fatal(err)
	}
	if again.Target.Name != "one" || !slices.Equal(again.Options.Features, []string{"loud"}) || again.Profile.Name != "dist" {
		t.Errorf("read as %s, features %v, profile %s", again.Choice, again.Options.Features, again.Profile.Name)
	}
	if lines, err := c.Drift(again, again.Toolchain); err != nil || len(lines) > 0 {
		t.Errorf("drift of what was just written: %q, %v", lines, err)
	}
	if o := c.Options(cargo.Options{Bin: "other", NoDefaultFeatures: true, Profile: "release"}); o.Bin != "other" || len(o.Features) > 0 || o.Profile != "release" {
		t.Errorf("what was typed is lost: %+v", o)
	}
	var other *OtherProgramError
	if _, _, err := Load(ctx, cargo.Options{Dir: p.Root, Bin: "other"}); !errors.As(err, &other) || !strings.Contains(err.Error(), "is for two one, not for") {
		t.Errorf("another program's recipe: %v", err)
	}
	var missing *MissingError
	if _, _, err := Load(ctx, cargo.Options{Dir: project(t, cargo.Options{Bin: "one"}).Root}); !errors.As(err, &missing) {
		t.Errorf("no recipe: %v", err)
	}
	if err := os.WriteFile(filepath.Join(p.Root, "Cargo.toml"), []byte("[package\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, c, err := Load(ctx, cargo.Options{Dir: p.Root, Package: "two"}); err == nil {
		t.Errorf("a manifest that cargo refuses gave %v", c)
	}
}

// TestLoadOfAnExample: examples are programs, too.
func TestLoadOfAnExample(t *testing.T) {
	p := project(t, cargo.Options{Example: "show"})
	if c := written(t, p); c.Example != "show" || c.Bin != "" || !c.IsFor(p) {
		t.Errorf("got bin %q, example %q", c.Bin, c.Example)
	}
	if again, _, err := Load(context.Background(), cargo.Options{Dir: p.Root}); err != nil || !again.Target.IsExample() {
		t.Errorf("%v", err)
	}
}

// TestDrift: every condition that is another one is named, with both values.
func TestDrift(t *testing.T) {
	p := project(t, cargo.Options{Bin: "one"})
	c := written(t, p)
	c.Cargo.Lockfile, c.Toolchain.ID, c.Cargo.Target = "", strings.Repeat("ab", 32), "no-such-target"
	lines, err := c.Drift(p, p.Toolchain)
	if err != nil || len(lines) != 3 {
		t.Fatalf("got %q, %v", lines, err)
	}
	for i, want := range []string{"Cargo.lock (SHA-256): none then, ", "compiler: abababababab then, ", "target: no-such-target then, " + p.Triple.Name + " now"} {
		if !strings.HasPrefix(lines[i], want) {
			t.Errorf("got %q, want %q", lines[i], want)
		}
	}
}

// TestBudgetIsKept: shrink writes the rest anew, and [budget] stays as its
// owner wrote it, with comments; also where it was there before any recipe.
func TestBudgetIsKept(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, Name)
	table := "[budget]\n# agreed in May\nfile = \"400 KiB\"   # at most\n"
	for _, before := range []string{table, "budget = { file = \"400 KiB\" }\n"} {
		if err := os.WriteFile(path, []byte(before), 0o666); err != nil {
			t.Fatal(err)
		}
		var missing *MissingError
		if _, err := Read(path); !errors.As(err, &missing) || !strings.Contains(err.Error(), "a budget, and no settings yet") {
			t.Errorf("a budget alone: %v", err)
		}
		for range 2 {
			c := &Recipe{Schema: Schema, Package: "p", Bin: "b", Result: Result{Size: 7}}
			if _, err := c.Write(context.Background(), dir); err != nil {
				t.Fatal(err)
			}
			back, err := Read(path)
			if err != nil || back.Budget["file"] != "400 KiB" || back.Result.Size != 7 {
				t.Fatalf("%+v, %v", back, err)
			}
		}
		if text, _ := os.ReadFile(path); before == table && !strings.Contains(string(text), table) {
			t.Errorf("the table was changed:\n%s", text)
		}
	}
}

// TestReadErrors: what cannot be read is no recipe that is missing.
func TestReadErrors(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, Name), 0o777); err != nil {
		t.Fatal(err)
	}
	var file *FileError
	if _, path, err := Find(dir, Program{}); !errors.As(err, &file) || strings.Count(err.Error(), path) != 1 {
		t.Errorf("a folder in the recipe's place: %v", err)
	}
}
