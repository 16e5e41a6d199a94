package recipe

import (
	"path/filepath"
	"slices"
	"testing"
)

// TestOldRecipe: what 0.1.0 wrote is read, and means the same plan.
func TestOldRecipe(t *testing.T) {
	path := filepath.Join("testdata", "minsize-0.1.0.toml")
	c, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if c.Package != "hello" || c.Bin != "hello" || c.Result.Size != 49442 || c.Result.Saves["std-symbolizer"] != 218032 || !slices.Equal(c.Check.Commands, []string{"{}"}) {
		t.Errorf("%+v", c)
	}
	p := c.Plan("id")
	if p.Link.Linker != "lld" || !slices.Equal(p.Link.Cuts, []string{"std-symbolizer", "backtrace-printer"}) || len(p.Link.Options) != 5 ||
		!p.Rewrite.StripSymbols || !p.Rewrite.SectionHeaders || !p.Rewrite.Layout || len(p.Techniques) != 11 {
		t.Errorf("%+v", p)
	}
	if kept, err := keptBudget(path); err != nil || string(kept) == "" {
		t.Errorf("its budget: %q, %v", kept, err)
	}
}
