package executor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/ladder"
)

// PruneFeatures tries the winner of a search again without the default features
// of one direct dependency at a time, at most that many, and reports each.
//
// cargo has no flag for that, and the user's files are not touched: the
// workspace is copied below target/minsize, and the copy's manifest is edited.
// Registry crates are shared with the other builds, so what is built anew is
// the dependency, what needs it, and the program.
func (x *Executor) PruneFeatures(ctx context.Context, r *ladder.Result, v ladder.Verifier, view ladder.Observer, most int) error {
	project := x.Project
	root := filepath.Join(x.Scratch, "prune", "source")
	if err := x.copyWorkspace(ctx, root); err != nil {
		return err
	}
	manifest := filepath.Join(root, relTo(project.Root, project.Package.ManifestPath))
	original, err := os.ReadFile(manifest)
	if err != nil {
		return err
	}
	for _, dep := range project.Metadata.DefaultFeatured(project.Package) {
		if most--; most < 0 {
			view.Note(fmt.Sprintf("default features of %s and later dependencies are not tried: the builds are used up", dep.Name))
			return nil
		}
		view.Begin("without "+dep.Name+"'s defaults", true)
		f := ladder.FeaturePrune{Dependency: dep.Name, Features: dep.Features}
		edited, _, err := dep.WithFeatures(original, nil)
		if err == nil {
			err = os.WriteFile(manifest, edited, 0o666)
		}
		if err == nil {
			err = x.tryPruned(ctx, r, v, root, manifest, &f)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			f.Why = firstLineOf(err)
		}
		view.Done(f.Rung(r.BaseStrip))
		r.Pruned = append(r.Pruned, f)
	}
	return nil
}

// tryPruned builds, finishes and verifies the edited copy.
func (x *Executor) tryPruned(ctx context.Context, r *ladder.Result, v ladder.Verifier, root, manifest string, f *ladder.FeaturePrune) error {
	o := x.Project.Options
	o.Dir, o.ManifestPath, o.TargetDir = root, manifest, ""
	o.Locked, o.Frozen = false, false // the copy's lockfile may lose packages
	x.Project.Choose(&o)
	o.Package, o.Toolchain = "", ""
	project, err := cargo.Load(ctx, o)
	if err != nil {
		return err
	}
	inputs, err := InputsDigest(ctx, project)
	if err != nil {
		return err
	}
	y := *x
	y.Project, y.cache.Inputs, y.buildDir = project, inputs, x.Project.BuildDir()
	b, err := y.Build(ctx, r.BestPlan)
	if err != nil {
		return err
	}
	file, err := y.Finish(ctx, b, r.BestPlan)
	if err != nil {
		return err
	}
	f.CPU, f.Cached = b.CPU.Seconds(), b.Cached
	f.Size, f.Saves = file.Size, r.FinalSize-file.Size
	r.PruneBuilds++
	r.CPU += f.CPU
	if f.Saves <= 0 {
		f.Why = "worth 0 bytes here"
		return nil
	}
	if f.Check, err = v.Verify(ctx, file.Path); err == nil {
		f.Why = f.Check.Why
	}
	return err
}

// copyWorkspace copies the workspace without target dirs and version control.
func (x *Executor) copyWorkspace(ctx context.Context, to string) error {
	project := x.Project
	for _, pkg := range project.Metadata.Built(project.Package) {
		if pkg.Source == "" && strings.HasPrefix(relTo(project.Root, pkg.ManifestPath), "..") {
			return fmt.Errorf("--prune-features: %s lies outside the workspace, which is copied", pkg.Name)
		}
	}
	return cargo.CopySources(ctx, project.Root, to, project.Metadata.TargetDirectory, project.OutputDir())
}

func relTo(root, path string) string {
	rel, err := filepath.Rel(root, path)
	if err != nil {
		return path
	}
	return rel
}

func firstLineOf(err error) string {
	line, _, _ := strings.Cut(strings.TrimSpace(err.Error()), "\n")
	return line
}
