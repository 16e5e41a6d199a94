package cli

import (
	"context"
	"errors"
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
		copied, remove, err := cargo.LoadPatched(ctx, e.cargoOptions(&f.cargo), v.patch)
		var patch *cargo.PatchError
		if errors.As(err, &patch) {
			return nil, withStatus(exitFailed, "git diff > change.patch in "+patch.Root, err)
		}
		if err != nil {
			return nil, cargoError(err)
		}
		defer remove()
		built, err := e.buildWithSymbols(ctx, copied, true)
		if err != nil {
			return nil, err
		}
		path = built
	}
	err := e.withGraph(ctx, path, f, func(after *report.GraphContext) error {
		out.After = after.Graph.Loaded()
		return nil
	})
	return out, err
}
