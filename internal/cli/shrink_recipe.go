package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/recipe"
	"github.com/minsize/minsize/internal/technique"
)

// adopt takes the checks and the bench of an earlier run where none were
// typed, so that edits of minsize.toml count. It says what it took.
func (f *shrinkFlags) adopt(c *recipe.Check) string {
	if len(f.checks) > 0 || f.bench != "" || len(c.Commands) == 0 && c.Bench == "" {
		return ""
	}
	f.checks, f.bench = c.Commands, c.Bench
	if f.stage == "" {
		f.stage = c.Stage
	}
	if len(f.checkIgnore) == 0 {
		f.checkIgnore = c.Ignore
	}
	f.checkFiles = (f.checkFiles || c.Files) && len(f.checks) > 0
	if f.maxSlowdown == "" {
		f.maxSlowdown = c.MaxSlowdown
	}
	said := slices.Clone(f.checks)
	if f.bench != "" {
		said = append(said, "bench "+f.bench)
	}
	return fmt.Sprintf("checks of %s: %s", recipe.Name, strings.Join(said, "; "))
}

// record puts what was typed into the recipe of a plan.
func (f *shrinkFlags) record(c *recipe.Recipe, plan technique.Plan) {
	c.Level, c.Strict = f.level, f.strict
	for _, name := range f.insists() {
		if plan.Has(name) {
			c.Build.With = append(c.Build.With, name)
		}
	}
	c.Check = recipe.Check{Commands: append(c.Check.Commands, f.checks...), Ignore: f.checkIgnore, Files: f.checkFiles, Stage: f.stage, Bench: f.bench, MaxSlowdown: f.maxSlowdown}
}
