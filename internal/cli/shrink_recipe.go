package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/executor"
	"github.com/minsize/minsize/internal/recipe"
	"github.com/minsize/minsize/internal/technique"
)

// wish takes what a file says before the first search, where nothing else was
// typed. It says what it took.
func (f *shrinkFlags) wish(w *recipe.Wishes, name string, changed func(string) bool) (said string) {
	said = f.adopt(&w.Check, name)
	if w.Level != "" && !changed("level") {
		f.level = w.Level
		said += "; level = " + w.Level + " of " + name
	}
	if w.Strict && !changed("strict") {
		f.strict = true
		said += "; strict = true of " + name
	}
	return strings.TrimPrefix(said, "; ")
}

// adopt takes the checks and the bench of a file where none were typed, so that
// edits of minsize.toml count. It says what it took.
func (f *shrinkFlags) adopt(c *recipe.Check, from string) string {
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
	return fmt.Sprintf("checks of %s: %s", from, strings.Join(said, "; "))
}

// record puts what was typed into the recipe of a plan.
func (f *shrinkFlags) record(c *recipe.Recipe, plan technique.Plan) {
	c.Level, c.Strict = f.level, f.strict
	if f.objective != executor.Objectives[0].Name {
		c.Objective = f.objective
	}
	for _, name := range f.insists() {
		if plan.Has(name) {
			c.Build.With = append(c.Build.With, name)
		}
	}
	c.Check = recipe.Check{Commands: append(c.Check.Commands, f.checks...), Ignore: f.checkIgnore, Files: f.checkFiles, Stage: f.stage, Bench: f.bench, MaxSlowdown: f.maxSlowdown}
}
