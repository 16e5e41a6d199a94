package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/executor"
	"github.com/minsize/minsize/internal/recipe"
	"github.com/minsize/minsize/internal/technique"
)

// settledProject reads the project, and takes what its minsize.toml or its
// manifest says where nothing else was typed. It says what it took.
func (e *env) settledProject(ctx context.Context, f *shrinkFlags, typed func(string) bool) (project *cargo.Project, adopted string, err error) {
	project, err = cargo.Load(ctx, e.cargoOptions(&f.cargo))
	if err != nil {
		return nil, "", cargoError(err)
	}
	old, path, err := recipe.Find(project.Root, recipe.Of(project))
	var missing *recipe.MissingError
	var wishes *recipe.Wishes
	switch {
	case err == nil && old.IsFor(project):
		wishes, f.inlining = old.Wishes(path), old.Link.Inlining
	case errors.As(err, &missing):
		if wishes = missing.Wishes; wishes == nil {
			if wishes, err = recipe.WishesOf(project.Package.ManifestPath); err != nil {
				return nil, "", withStatus(exitFailed, "correct it: level, strict, glibc, target, [check] and [budget] as in minsize.toml", err)
			}
		}
	case err == nil, errors.Is(err, recipe.ErrOtherVersion):
	default: // its checks may be edited: a slip there is not to be lost
		return nil, "", withStatus(exitFailed, "correct it, or remove it: shrink writes it anew", fmt.Errorf("%s, which shrink would replace: %w", project.Short(path), errors.Unwrap(err)))
	}
	if wishes == nil {
		return project, "", nil
	}
	adopted = f.wish(wishes, project.Short(wishes.From), typed)
	if f.cargo.Target != project.Options.Target {
		if project, err = cargo.Load(ctx, e.cargoOptions(&f.cargo)); err != nil {
			return nil, "", cargoError(err)
		}
	}
	return project, adopted, nil // whatever Find said of a file that has wishes alone
}

// wish takes what a file says, where nothing else was typed. It says what it
// took, and what ends that.
func (f *shrinkFlags) wish(w *recipe.Wishes, name string, typed func(string) bool) string {
	var said []string
	if checks := f.adopt(&w.Check, name); checks != "" {
		said = append(said, checks)
	}
	for _, s := range []struct {
		flag, value string
		into        *string
	}{{"level", w.Level, &f.level}, {"glibc", w.Glibc, &f.glibc}, {"target", w.Target, &f.cargo.Target}, {"objective", w.Objective, &f.objective}} {
		if s.value != "" && s.value != *s.into && !typed(s.flag) {
			*s.into = s.value
			said = append(said, fmt.Sprintf("%s = %s of %s (--%s goes before)", s.flag, s.value, name, s.flag))
		}
	}
	if w.Strict && !typed("strict") {
		f.strict = true
		said = append(said, "strict = true of "+name+" (--strict=false ends it)")
	}
	return strings.Join(said, "; ")
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
	c.Level, c.Strict, c.Glibc, c.Target = f.level, f.strict, f.glibc, f.cargo.Target
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
