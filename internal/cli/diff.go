package cli

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/inspect"
	"github.com/minsize/minsize/internal/refgraph"
	"github.com/minsize/minsize/internal/report"
)

func newDiffCommand(e *env) *cobra.Command {
	f := sizeFlags{output: reportFlags{parts: []report.Part{report.Figure}}}
	var by itemDiff
	var all bool
	cmd := &cobra.Command{
		Use:   "diff OLD NEW [ITEM...]",
		Short: "what grew, shrank, came and went between two programs, to the byte",
		Long: "Compares two files by the views of `minsize size`: signed changes that sum exactly to the difference of the\n" +
			"files. Rows are matched by structural name, so a new hash or a compiler's suffix is no change.\n\n" +
			"OLD and NEW are executables, libraries or objects, or what `minsize size --json` saved of them.\n\n" +
			"-d items compares by the items of `minsize top`, each with its name as it is; so are two Wasm modules compared\n" +
			"without -d, as Twiggy does, and any programs where ITEM names what to look at.",
		Example: "  minsize diff app.old app\n" +
			"  minsize diff -d crates,functions app.old app\n" +
			"  minsize size --json --report base.json app\n" +
			"  minsize diff base.json app\n" +
			"  minsize diff --html --report diff.html app.old app\n" +
			"  minsize diff --regex old.wasm new.wasm '^data'",
		Args: takes(2, -1, "two files", "minsize diff OLD NEW"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if all {
				if err := cmd.Flags().Set("number", "0"); err != nil {
					return err
				}
			}
			by.items = args[2:]
			switch {
			case len(f.views) == 1 && f.views[0] == "items":
				by.on, f.views = true, nil
			case len(f.views) > 0 && len(by.items) > 0:
				return usageError("minsize diff OLD NEW ITEM, or --filter REGEX with views", "items are named, and views asked for: %s", strings.Join(f.views, ","))
			case by.regex && len(by.items) == 0:
				return usageError("minsize diff --regex OLD NEW 'EXPRESSION'", "--regex says how ITEM is read, and no item is named")
			default:
				by.on = len(by.items) > 0 || len(f.views) == 0 && f.filter == "" && inspect.IsWasm(args[0]) && inspect.IsWasm(args[1])
			}
			request, err := f.resolve(cmd)
			if err != nil {
				return err
			}
			if by.on {
				return noMatch(e.diffItems(cmd.Context(), &f, request, args[:2], &by), cmd)
			}
			return e.runDiff(cmd.Context(), &f, request, args)
		},
	}
	f.registerViews(cmd.Flags())
	f.output.register(cmd.Flags())
	cmd.Flags().BoolVarP(&all, "all", "a", false, "all rows, whatever -n says")
	cmd.Flags().BoolVar(&by.regex, "regex", false, "items are regular expressions")
	return cmd
}

// itemDiff is a comparison by the reference graph's items.
type itemDiff struct {
	on    bool
	items []string
	regex bool
}

// diffItems compares two programs as Twiggy does.
func (e *env) diffItems(ctx context.Context, f *sizeFlags, r *sizeRequest, paths []string, by *itemDiff) error {
	d := &report.DiffResult{Views: []string{"items"}, Rows: []attrib.DiffRow{}}
	var sizes [2]map[string]uint64
	for i, side := range []*report.SizeFile{&d.Old, &d.New} {
		err := e.withGraph(ctx, paths[i], &graphFlags{edges: "twiggy", output: f.output}, func(c *report.GraphContext) error {
			sizes[i] = c.Graph.ItemSizes()
			*side = report.SizeFile{Name: paths[i], Format: "Wasm", File: c.Graph.Total}
			if p := c.Graph.Program; p != nil {
				side.Format, side.Arch, side.Kind, side.Memory = string(p.File.Format), p.File.Arch, string(p.File.Kind), p.Space.MemorySize()
			}
			d.Notes = slices.Concat(c.Graph.Notes, c.Graph.Details)
			return nil
		})
		if err != nil {
			return err
		}
	}
	limit := r.show.N
	if f.output.format.Is(report.Page) && !r.keepN {
		limit = 0
	}
	items, err := refgraph.DiffItems(sizes[0], sizes[1], int64(d.New.File)-int64(d.Old.File), by.items, by.regex, limit)
	if err != nil {
		return err
	}
	d.SetItems(items)
	for i := range d.Items {
		d.Rows = append(d.Rows, d.Items[i].Row())
	}
	return e.print(ctx, report.Diff(d, r.show), &f.output)
}

func (e *env) runDiff(ctx context.Context, f *sizeFlags, r *sizeRequest, args []string) error {
	r.figure = f.output.format.Is(report.Drawn)
	before, err := e.sizeOrSaved(ctx, f, r, args[0])
	if err != nil {
		return err
	}
	if len(r.views) == 0 && before.saved && len(before.Parts) == 0 { // saved with -d: compare by that
		r.views = before.Views
		for _, name := range r.views {
			need, err := attrib.ViewNeed(name, r.rules)
			if err != nil {
				return usageError("save it without custom views, or give --rules", "%s: %v", args[0], err)
			}
			r.need = max(r.need, need)
		}
	}
	after, err := e.sizeOrSaved(ctx, f, r, args[1])
	if err != nil {
		return err
	}
	if before.CrateBy != after.CrateBy && before.CrateBy != "" && after.CrateBy != "" {
		return usageError("--crate-by "+before.CrateBy, "crates by %s in one file and by %s in the other", before.CrateBy, after.CrateBy)
	}
	if !slices.Equal(before.Views, after.Views) {
		return viewsDiffer(args, before, after)
	}
	d, err := report.NewDiff(&before.SizeResult, &after.SizeResult, [2]string{args[0], args[1]}, len(r.views) == 0)
	if err != nil {
		return err
	}
	if r.show.Domain == "regions" && len(d.Regions) == 0 {
		r.show.Domain, r.show.Sort = "both", "file" // one of them has other memories
		e.note("the two have different memories, or one of them has none: bytes of the file and of memory are compared")
	}
	machine := f.output.format.Is(report.AllRows)
	if len(r.views) == 0 && !r.keepN {
		r.show.N = 7
	}
	if machine && !r.keepN {
		r.show.N = 0
	}
	return e.print(ctx, report.Diff(d, r.show), &f.output)
}

func viewsDiffer(args []string, before, after *sized) error {
	return usageError("-d "+strings.Join(before.Views, ",")+", or save both the same way",
		"%s has the views %s, %s has %s", args[0], strings.Join(before.Views, ","), args[1], strings.Join(after.Views, ","))
}

// sized is one side of a comparison.
type sized struct {
	report.SizeResult
	saved bool
}

// sizeOrSaved measures a file, or reads what was saved of one.
func (e *env) sizeOrSaved(ctx context.Context, f *sizeFlags, r *sizeRequest, path string) (*sized, error) {
	if report.IsSaved(path) {
		return readSaved(path, r)
	}
	l, err := e.loadPrograms(ctx, f, r, []string{path})
	if err != nil {
		return nil, err
	}
	defer l.Close(ctx)
	e.printWarnings(l)
	var result *report.SizeResult
	err = byteio.Interruptible(ctx, func() (err error) {
		result, err = newSize(l, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &sized{SizeResult: *result.Clone()}, nil
}

func readSaved(path string, r *sizeRequest) (*sized, error) {
	saved, err := report.ReadSize(path)
	var other *report.SchemaError
	if errors.As(err, &other) {
		return nil, usageError("minsize size --json --report FILE PROGRAM", "%v", err)
	}
	if err != nil {
		return nil, err
	}
	if len(r.views) > 0 && !slices.Equal(saved.Views, r.views) {
		return nil, usageError("minsize size --json -d "+strings.Join(r.views, ",")+" --report "+path+" PROGRAM",
			"%s was saved with the views %s", path, strings.Join(saved.Views, ","))
	}
	return &sized{SizeResult: *saved, saved: true}, nil
}
