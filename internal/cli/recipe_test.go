package cli

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

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
		c := &recipe{Schema: recipeSchema, Package: "p", Bin: "b", Level: "max"}
		if err := c.setPlan(want); err != nil {
			r.Fatal(err)
		}
		if _, err := c.write(context.Background(), dir); err != nil {
			r.Fatal(err)
		}
		back, err := readRecipe(filepath.Join(dir, recipeName))
		if err != nil {
			text, _ := os.ReadFile(filepath.Join(dir, recipeName))
			r.Fatalf("%v\n%s", err, text)
		}
		got := back.plan("the compiler")
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
		path := filepath.Join(dir, recipeName)
		if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := readRecipe(filepath.Join(dir, recipeName))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: got %v, want the file's name and %q", c.text, err, c.want)
		}
	}
	if _, err := readRecipe(filepath.Join(t.TempDir(), recipeName)); err == nil {
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
	files := map[recipeOf]string{{"p", "one"}: "minsize.toml", {"p", "two"}: "minsize-two.toml", {"q", "one"}: "minsize-one.toml", {"q", "two"}: "minsize-q-two.toml"}
	for range 2 { // the second time nothing moves
		for _, of := range []recipeOf{{"p", "one"}, {"p", "two"}, {"q", "one"}, {"q", "two"}} {
			c := &recipe{Schema: recipeSchema, Package: of.pkg, Bin: of.program}
			if err := c.setPlan(technique.NewPlan("x", technique.Find("lto-fat"))); err != nil {
				t.Fatal(err)
			}
			if _, err := c.write(context.Background(), dir); err != nil {
				t.Fatal(err)
			}
		}
	}
	for of, file := range files {
		c, path, err := findRecipe(dir, of)
		if err != nil || !of.fits(c) || path != filepath.Join(dir, file) {
			t.Errorf("%s: got %+v of %s, %v", of, c, path, err)
		}
	}
	for of, file := range map[recipeOf]string{{}: "minsize.toml", {pkg: "q"}: "minsize-one.toml", {program: "two"}: "minsize-q-two.toml", {pkg: "no such"}: "minsize.toml"} {
		if _, path, err := findRecipe(dir, of); err != nil || path != filepath.Join(dir, file) {
			t.Errorf("%v: got %s, %v", of, path, err)
		}
	}
}
