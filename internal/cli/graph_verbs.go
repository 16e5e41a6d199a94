package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/minsize/minsize/internal/refgraph"
	"github.com/minsize/minsize/internal/report"
)

// Twiggy's commands, with its names and flags, for native programs as well.

func newTopCommand(e *env) *cobra.Command {
	var f graphFlags
	var o refgraph.TopOptions
	cmd := &cobra.Command{
		Use:   "top [FILE]",
		Short: "the largest items of a program, or those that keep most alive",
		Long: "Lists functions and data by size; with --retained by what would go if they went: themselves and everything\n" +
			"that is there for nothing else.",
		Example: "  minsize top -n 20 app\n  minsize top --retained --retaining-paths -n 20 app\n  minsize top -f csv module.wasm",
		Args:    takes(0, 1, "one file", ""),
	}
	flags := cmd.Flags()
	flags.IntP("max-items", "n", 0, "`N` rows, 0 for all (default 25, all in json and csv)")
	flags.BoolVar(&o.Retained, "retained", false, "sort by retained size, and show it")
	flags.BoolVarP(&o.Paths, "retaining-paths", "r", false, "show what keeps each item: its dominators, nearest first")
	return e.graphCommand(cmd, &f, func(_ context.Context, c *report.GraphContext, _ []string) (*report.Document, error) {
		o.Max = f.limit(flags, "max-items", 25)
		var t *refgraph.Tree
		if o.Retained || o.Paths {
			t = c.Graph.Dominators()
		}
		return c.Top(c.Graph.Top(t, o), o.Retained, o.Paths), nil
	})
}

// icicleRows is how much of a dominator tree the figure of the HTML format
// holds: enough for every rectangle that a screen can show at any zoom of a
// large program, little enough for a file of a few megabytes.
const icicleRows = 30_000

func newDominatorsCommand(e *env) *cobra.Command {
	var f graphFlags
	var regex bool
	cmd := &cobra.Command{
		Use:   "dominators [FILE] [ITEM...]",
		Short: "what keeps what alive: the dominator tree, with retained sizes",
		Long: "An item dominates another when every way from the program's entry points to that leads through it: if it went,\n" +
			"all below it in the tree would go. Without ITEM it shows the whole tree. --format html draws it.",
		Example: "  minsize dominators -d 3 app\n  minsize dominators app core::fmt::write\n  minsize dominators --html --report app.html app",
	}
	flags := cmd.Flags()
	flags.IntP("max-depth", "d", 0, "`N` levels of the tree, 0 for all")
	flags.IntP("max-rows", "r", 0, "`N` rows, 0 for all (default 25, all in json and csv)")
	flags.BoolVar(&regex, "regex", false, "items are regular expressions")
	return e.graphCommand(cmd, &f, func(_ context.Context, c *report.GraphContext, items []string) (*report.Document, error) {
		t := c.Graph.Dominators()
		var nodes []int32
		if len(items) > 0 {
			var err error
			if nodes, err = c.Graph.Named(items, regex); err != nil {
				return nil, err
			}
			if regex {
				nodes = t.LargestFirst(nodes)
			}
		}
		o := refgraph.TreeOptions{Depth: f.limit(flags, "max-depth", 0), Rows: f.limit(flags, "max-rows", 25)}
		o.Largest = !c.Graph.Wasm || !flags.Changed("max-rows") // else the first rows of the tree, as Twiggy
		d := c.Graph.DominatorTree(t, nodes, o)
		var icicle *refgraph.DominatorTree
		if f.output.format.Is(report.Page) {
			icicle = c.Graph.LargestBranches(t, nodes, icicleRows)
		}
		return c.Dominators(d, t, icicle), nil
	})
}

// pathRows bounds what programs and pages get of paths: ten referrers of each of ten
// levels can be ten thousand million rows.
const pathRows = 1000

func newPathsCommand(e *env) *cobra.Command {
	var f graphFlags
	var o refgraph.PathOptions
	var regex bool
	cmd := &cobra.Command{
		Use:     "paths [FILE] [ITEM...]",
		Short:   "who refers to an item, and who refers to those",
		Long:    "Shows the ways that lead to an item, from the item upwards; with --descending the ways that lead on from it.",
		Example: "  minsize paths app core::fmt::write\n  minsize paths --descending -d 3 app 'app::main'\n  minsize paths --html --report paths.html app core::fmt::write",
	}
	flags := cmd.Flags()
	flags.IntVarP(&o.Depth, "max-depth", "d", 10, "`N` steps from the item")
	flags.IntVarP(&o.Width, "max-paths", "r", 10, "`N` referrers of each item that are followed")
	flags.IntVar(&o.Rows, "max-rows", 0, fmt.Sprintf("`N` rows in all, 0 for no limit (default 25, %d in json and csv)", pathRows))
	flags.BoolVar(&o.Descending, "descending", false, "follow references from the item instead of those to it")
	flags.BoolVar(&regex, "regex", false, "items are regular expressions")
	return e.graphCommand(cmd, &f, func(_ context.Context, c *report.GraphContext, items []string) (*report.Document, error) {
		if o.Depth < 0 || o.Width < 1 {
			return nil, usageError("-d 10 -r 10", "a depth below 0 or no paths make no sense")
		}
		if !flags.Changed("max-rows") {
			o.Rows = 25
			if f.output.format.Is(report.AllRows | report.Page) {
				o.Rows = pathRows
			}
		}
		var nodes []int32
		if len(items) > 0 {
			var err error
			if nodes, err = c.Graph.Named(items, regex); err != nil {
				return nil, err
			}
		}
		return c.Paths(c.Graph.Paths(c.Graph.Dominators(), nodes, o)), nil
	})
}

func newGarbageCommand(e *env) *cobra.Command {
	var f graphFlags
	var all, segments bool
	cmd := &cobra.Command{
		Use:   "garbage [FILE]",
		Short: "what no entry point, export or initialiser reaches",
		Long: "Lists items that nothing leads to. A linker that collects garbage (--gc-sections) leaves nearly none; where it was\n" +
			"not asked to, this is what it would take out.",
		Example: "  minsize garbage app\n  minsize garbage --all --show-data-segments module.wasm",
		Args:    takes(0, 1, "one file", ""),
	}
	flags := cmd.Flags()
	flags.IntP("max-items", "n", 0, "`N` rows, 0 for all (default 10, all in json and csv)")
	flags.BoolVarP(&all, "all", "a", false, "all items, whatever -n says")
	flags.BoolVar(&segments, "show-data-segments", false, "list data segments of a Wasm module too, not only their sum")
	return e.graphCommand(cmd, &f, func(_ context.Context, c *report.GraphContext, _ []string) (*report.Document, error) {
		limit := f.limit(flags, "max-items", 10)
		if all {
			limit = 0
		}
		return c.Garbage(c.Graph.Garbage(c.Graph.Dominators(), limit, segments)), nil
	})
}
