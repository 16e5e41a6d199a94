package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/executor"
	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/recipe"
)

// adopt takes the checks and the bench of an earlier run where none were
// typed, so that edits of minsize.toml count. It says what it took.
func (f *shrinkFlags) adopt(c *recipe.Check) string {
	if len(f.checks) > 0 || f.bench != "" || len(c.Commands) == 0 && c.Bench == "" {
		return ""
	}
	f.checks, f.bench = c.Commands, c.Bench
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

// makeRecipe records the winner of a search.
func makeRecipe(x *executor.Executor, f *shrinkFlags, r *ladder.Result) (*recipe.Recipe, error) {
	plan := r.BestPlan
	t := x.Toolchain(plan.Toolchain)
	c, err := recipe.New(x.Project, t, plan)
	if err != nil {
		return nil, err
	}
	c.Level, c.Strict, c.Toolchain.Bootstrap = f.level, f.strict, f.bootstrap && !t.Unstable()
	for _, name := range f.insists() {
		if plan.Has(name) {
			c.Build.With = append(c.Build.With, name)
		}
	}
	c.Check = recipe.Check{Commands: append(c.Check.Commands, f.checks...), Ignore: f.checkIgnore, Files: f.checkFiles, Bench: f.bench, MaxSlowdown: f.maxSlowdown}
	c.Result = recipe.Result{Size: r.FinalSize, Baseline: r.BaseStrip, Cargo: x.CargoAlone(r), Saves: r.LinkSavings()}
	if c.Result.SHA256, err = byteio.SHA256(r.BestFile); err != nil {
		return nil, err
	}
	if plan.Link.Linker != "" {
		c.Link.Version = x.LinkerID(context.Background(), r.BestBuild, plan)
	}
	return c, nil
}
