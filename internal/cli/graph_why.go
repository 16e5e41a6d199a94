package cli

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/minsize/minsize/internal/executor"
	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/refgraph"
	"github.com/minsize/minsize/internal/report"
	"github.com/minsize/minsize/internal/strip"
)

func newWhyCommand(e *env) *cobra.Command {
	f := graphFlags{debug: true}
	var cuts, own []string
	var regex, compressed bool
	var v verifyFlags
	cmd := &cobra.Command{
		Use:   "why [FILE] PATTERN...",
		Short: "why something is in a program, and what getting rid of it would save",
		Long: "PATTERN is a path: core::fmt means that module and all below it, app::parse that function and its closures.\n" +
			"The answer: what it costs alone and with all that is there only for it, who refers to it and what cutting each of\n" +
			"these would save, one way that leads there, and what to do where that is known. --cut says what would be left if\n" +
			"other parts went. --verify-with, --verify-patch and --verify-features hold the prediction against a rebuilt program.",
		Example: "  minsize why app core::fmt\n  minsize why app core::fmt --cut std::panicking --cut app::report\n  cargo minsize why regex\n" +
			"  cargo minsize why app::search --verify-features words,json",
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&cuts, "cut", nil, "what if everything under this `PATTERN` went; may be given several times")
	flags.StringSliceVar(&own, "own", nil, "your own `CRATES`, for the chain (default: those with a main function)")
	flags.BoolVar(&regex, "regex", false, "patterns are regular expressions on the readable names")
	flags.BoolVar(&compressed, "compressed", false, "of a Wasm module: cut it, and say what the rest weighs, as gzip -9 and brotli -q 11 too")
	v.register(flags)
	cmd.PreRun = func(*cobra.Command, []string) {
		way, err := v.chosen(flags)
		f.builds = way != "" && err == nil
	}
	flags.IntP("max-items", "n", 0, "`N` rows of each list, 0 for all (default one screen in text, 5 in pages, all in json and csv; -v shows 5 in text)")
	return e.graphCommand(cmd, &f, func(ctx context.Context, c *report.GraphContext, items []string) (*report.Document, error) {
		if len(items) == 0 {
			return nil, usageError("minsize why FILE core::fmt", "no pattern given")
		}
		way, err := v.chosen(flags)
		if err != nil {
			return nil, err
		}
		o := refgraph.WhyOptions{Own: own, Max: f.limit(flags, "max-items", 5)}
		c.Brief = f.output.format.Is(report.Screen) && !flags.Changed("max-items") && e.global.verbose == 0
		for _, text := range items {
			o.Patterns = append(o.Patterns, refgraph.Pattern{Text: text, Expression: regex})
		}
		for _, text := range cuts {
			o.Cuts = append(o.Cuts, refgraph.Pattern{Text: text, Expression: regex})
		}
		w, err := c.Graph.Why(c.Graph.Dominators(), o)
		if err != nil {
			return nil, err
		}
		if compressed {
			if err := weighCut(c, w); err != nil {
				return nil, err
			}
		}
		var verified *report.WhyVerified
		if way != "" {
			if verified, err = e.verify(ctx, &v, way, &f, c, w); err != nil {
				return nil, err
			}
		}
		return c.Why(w, items, cuts, verified), nil
	})
}

// weighCut makes the cut that was asked about, and weighs the module with it and
// without.
func weighCut(c *report.GraphContext, w *refgraph.Why) error {
	if !c.Graph.Wasm {
		return usageError("minsize shrink --objective brotli --cut PATTERN, for programs", "--compressed is for Wasm modules, in which a cut can be made at once")
	}
	data, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	whole, cut, err := strip.Without(data, c.Graph.WasmFunctions(w))
	if err != nil {
		return rewriteError(c.File, err)
	}
	if c.Cut, err = executor.Transfers(whole, cut); err == nil {
		c.Cut = append([]ladder.Transfer{{As: "raw", Before: int64(len(whole)), After: int64(len(cut))}}, c.Cut...)
	}
	return err
}

func newMonosCommand(e *env) *cobra.Command {
	f := graphFlags{bodies: true}
	var o refgraph.MonosOptions
	var all, allGenerics, allMonos bool
	cmd := &cobra.Command{
		Use:   "monos [FILE] [GENERIC...]",
		Short: "generic functions with their copies, the types of each, and what sharing would save",
		Long: "Groups functions by the generic that they are copies of. Rust's v0 names tell the concrete types and who\n" +
			"instantiated each copy; legacy names tell the generic alone.",
		Example: "  minsize monos -m 5 -n 3 app\n  minsize monos -g app\n  minsize monos app 'core::ptr::drop_in_place::<_>'",
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.OnlyGeneric, "only-generics", "g", false, "show the generic functions without their copies")
	flags.IntVarP(&o.MaxGenerics, "max-generics", "m", 10, "`N` generic functions to list, 0 for all")
	flags.IntVarP(&o.MaxCopies, "max-monos", "n", 10, "`N` copies to list of each, 0 for all")
	flags.BoolVarP(&all, "all", "a", false, "all generics and all copies, whatever -m and -n say")
	flags.BoolVar(&allGenerics, "all-generics", false, "all generics, whatever -m says")
	flags.BoolVar(&allMonos, "all-monos", false, "all copies of each, whatever -n says")
	flags.BoolVar(&o.Expression, "regex", false, "generics are regular expressions")
	return e.graphCommand(cmd, &f, func(_ context.Context, c *report.GraphContext, items []string) (*report.Document, error) {
		o.Names = items
		if all || allGenerics {
			o.MaxGenerics = 0
		}
		if all || allMonos {
			o.MaxCopies = 0
		}
		m, err := c.Graph.Monos(o)
		if err != nil {
			return nil, err
		}
		return c.Monos(m), nil
	})
}
