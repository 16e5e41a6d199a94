package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/refgraph"
	"github.com/minsize/minsize/internal/report"
)

// verifyFlags ask `why` to hold its prediction against a rebuilt program.
type verifyFlags struct {
	with     string
	patch    string
	features []string
}

func (v *verifyFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&v.with, "verify-with", "", "hold the prediction against this rebuilt `PROGRAM`")
	flags.StringVar(&v.patch, "verify-patch", "", "apply this `PATCH` (as git diff writes it) to a copy of the project, build that, and compare")
	flags.StringSliceVar(&v.features, "verify-features", nil, "build the project with these `FEATURES` alone, and compare")
}

// chosen says how to verify, in words; "" when nothing was asked for.
func (v *verifyFlags) chosen(flags *pflag.FlagSet) (string, error) {
	var all []string
	for _, name := range []string{"verify-with", "verify-patch", "verify-features"} {
		if flags.Changed(name) {
			all = append(all, name)
		}
	}
	switch len(all) {
	case 0:
		return "", nil
	case 1:
		return all[0], nil
	}
	return "", usageError("one of --"+strings.Join(all, ", --"), "several ways to verify were asked for")
}

// verify builds what was asked for and compares it with what was predicted for
// the cuts, or without cuts for the patterns.
func (e *env) verify(ctx context.Context, v *verifyFlags, way string, f *graphFlags, c *report.GraphContext, w *refgraph.Why) (*report.WhyVerified, error) {
	p := &w.Prediction
	if w.Cut != nil {
		p = &w.Cut.Prediction
	}
	out := &report.WhyVerified{Before: c.Graph.Loaded(), Predicted: p.Estimate, Low: p.Low, High: p.High}
	path := v.with
	out.How = v.with
	switch way {
	case "verify-features":
		out.How = "features: " + strings.Join(v.features, ", ")
		o := e.cargoOptions(&f.cargo)
		o.Features, o.NoDefaultFeatures, o.AllFeatures = v.features, true, false
		p, err := cargo.Load(ctx, o)
		if err != nil {
			return nil, cargoError(err)
		}
		if path, err = e.buildWithSymbols(ctx, p, true); err != nil {
			return nil, err
		}
	case "verify-patch":
		out.How = v.patch
		built, remove, err := e.buildPatched(ctx, v.patch, f)
		if err != nil {
			return nil, err
		}
		defer remove()
		path = built
	}
	err := e.withGraph(ctx, path, f, func(after *report.GraphContext) error {
		out.After = after.Graph.Loaded()
		return nil
	})
	return out, err
}

// buildPatched builds a patched copy of the workspace; remove deletes the copy.
func (e *env) buildPatched(ctx context.Context, patch string, f *graphFlags) (program string, remove func(), err error) {
	patch, err = filepath.Abs(patch)
	if err != nil {
		return "", nil, err
	}
	if _, err := os.Stat(patch); err != nil {
		return "", nil, err
	}
	o := e.cargoOptions(&f.cargo)
	p, err := cargo.Load(ctx, o)
	if err != nil {
		return "", nil, cargoError(err)
	}
	dir, err := os.MkdirTemp("", "minsize-verify-")
	if err != nil {
		return "", nil, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(dir)
		}
	}()
	if err = cargo.CopySources(ctx, p.Root, dir); err != nil {
		return "", nil, err
	}
	cmd := exec.CommandContext(ctx, "git", "apply", "--whitespace=nowarn", patch)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir))
	if text, failed := cmd.CombinedOutput(); failed != nil {
		err = withStatus(exitFailed, "git diff > change.patch in "+p.Root, fmt.Errorf("%s does not apply: %s", patch, bytes.TrimSpace(text)))
		return "", nil, err
	}
	manifest, err := filepath.Rel(p.Root, p.Package.ManifestPath)
	if err != nil {
		return "", nil, err
	}
	o.ManifestPath = filepath.Join(dir, manifest)
	o.TargetDir = filepath.Join(dir, "target")
	copied, err := cargo.Load(ctx, o)
	if err != nil {
		return "", nil, cargoError(err)
	}
	if program, err = e.buildWithSymbols(ctx, copied, true); err != nil {
		return "", nil, err
	}
	return program, func() { os.RemoveAll(dir) }, nil
}
