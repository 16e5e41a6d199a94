package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/budget"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/recipe"
	"github.com/minsize/minsize/internal/region"
	"github.com/minsize/minsize/internal/report"
)

// readLimits collects the limits. Without a file to check, a project's
// minsize.toml counts.
func (e *env) readLimits(ctx context.Context, f *checkFlags, inProject bool) (*budget.Wanted, error) {
	w := &budget.Wanted{}
	var typed []budget.Limit
	for _, text := range f.limits {
		l, err := budget.ParseLimit(text)
		if err != nil {
			return nil, usageError("--max file=400KiB", "%v", err)
		}
		typed = append(typed, l)
	}
	switch {
	case f.file != "":
		data, err := os.ReadFile(f.file)
		if err != nil {
			return nil, err
		}
		b, err := budget.Read(data)
		if err != nil {
			return nil, usageError("[budget] with lines such as file = \"400 KiB\"", "%s: %v", f.file, err)
		}
		w.Take(b.For(f.size.cargo.Target), f.file, data, recordedSize(f.file, data))
	case inProject:
		if err := e.projectLimits(ctx, f, w); err != nil {
			return nil, err
		}
	}
	w.Prefer(typed)
	if f.growth != "" {
		g, err := budget.TypedGrowth(f.growth)
		if err != nil {
			return nil, usageError("--max-growth 4KiB or 1%", "--max-growth: %v", err)
		}
		w.Growth = append(slices.DeleteFunc(w.Growth, func(g budget.Growth) bool { return g.What == "file" }), g)
	}
	if f.baseline != "" {
		w.Baseline = f.baseline
	}
	if len(w.Limits) == 0 && len(w.Growth) == 0 && !f.compare {
		return nil, usageError("--max file=400KiB, or --budget FILE, or [budget] in a project's minsize.toml", "no limits given")
	}
	return w, nil
}

// recordedSize is what shrink recorded, where the file is one of its own.
func recordedSize(path string, data []byte) uint64 {
	c, err := recipe.Parse(path, data)
	if err != nil {
		return 0
	}
	return uint64(max(c.Result.Size, 0))
}

// projectLimits are those of the project's minsize.toml, else of its manifest, if
// there are any.
func (e *env) projectLimits(ctx context.Context, f *checkFlags, w *budget.Wanted) error {
	c, path, err := recipe.Locate(ctx, e.cargoOptions(&f.size.cargo))
	if path == "" {
		return nil // the search for the program says it, with its hint
	}
	var none *recipe.MissingError
	if err != nil && !errors.As(err, &none) && !errors.Is(err, recipe.ErrOtherVersion) {
		return withStatus(exitUsage, "correct the file", err)
	}
	recorded := uint64(0)
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil {
		recorded = recordedSize(path, data)
	}
	b, err := budget.Read(data)
	if errors.Is(err, budget.ErrNone) { // perhaps the manifest has one
		if path, err = cargo.FindManifest(e.cargoOptions(&f.size.cargo)); err != nil {
			return err
		}
		if data, err = os.ReadFile(path); err != nil {
			return err
		}
		b, err = budget.ReadBelow(data, recipe.ManifestTable...)
	}
	if errors.Is(err, budget.ErrNone) {
		return nil
	}
	if err != nil {
		return usageError("[budget] with lines such as file = \"400 KiB\"", "%s: %v", path, err)
	}
	triple := f.size.cargo.Target
	if triple == "" && c != nil {
		triple = c.Cargo.Target
	}
	w.Take(b.For(triple), path, data, recorded)
	return nil
}

// growthLimits are the limits that the baseline makes of what may grow.
func (e *env) growthLimits(ctx context.Context, w *budget.Wanted, j *judged, regions []region.Region) (limits []budget.Limit, err error) {
	sizes := &budget.Sizes{File: w.Recorded}
	if w.Baseline != "" {
		if sizes, j.base, err = e.baselineSizes(ctx, w, regions); err != nil {
			return nil, err
		}
	}
	j.baseFile = sizes.File
	for i := range w.Growth {
		g := &w.Growth[i]
		base, _ := sizes.Of(g.Limit) // a row that is new has grown from nothing
		_, has := sizes.Rows[g.View]
		has = has || g.View == budget.Region && sizes.Region(g.Name) >= 0
		switch {
		case w.Baseline == "" && (w.Recorded == 0 || g.What != "file"):
			where := "--max-growth"
			if len(g.Path) > 0 {
				where = w.From + ": growth"
			}
			return nil, usageError("baseline = \"FILE\" beside growth, or --baseline FILE", "%s of %s, and no size that it could be measured from", where, g.What)
		case g.View != "" && !has:
			return nil, usageError("the older program itself, or minsize size --json --report "+w.Baseline+" PROGRAM", "%s: has no rows of the view %s, in which %s is", w.Baseline, g.View, g.What)
		case g.What == "memory" && base == 0:
			return nil, usageError("minsize size --json --report "+w.Baseline+" PROGRAM", "%s: does not say how much memory", w.Baseline)
		}
		l, err := budget.GrowthLimit(g, base)
		if err != nil {
			return nil, err
		}
		limits = append(limits, l)
	}
	return limits, nil
}

// baselineSizes measures an older program, or reads what was saved of it.
func (e *env) baselineSizes(ctx context.Context, w *budget.Wanted, regions []region.Region) (*budget.Sizes, *report.SizeResult, error) {
	request := &sizeRequest{need: attrib.NeedCrates, causes: true, rollup: attrib.RollupOptions{Regions: regions}}
	old, err := e.sizeOrSaved(ctx, &sizeFlags{}, request, w.Baseline)
	if err != nil {
		return nil, nil, err
	}
	total := old.Total(w.Baseline)
	sizes := &budget.Sizes{File: total.File, Memory: total.Memory, Rows: map[string][]attrib.Row{}}
	if old.Shipped != nil {
		sizes.File = old.Shipped.File
	}
	sizes.Regions = old.Regions
	for _, part := range old.Parts {
		sizes.Rows[part.View] = part.Rows
	}
	if len(old.Views) == 1 {
		sizes.Rows[old.Views[0]] = old.Rows
	}
	return sizes, &old.SizeResult, nil
}
