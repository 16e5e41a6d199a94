package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/budget"
	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/region"
	"github.com/minsize/minsize/internal/report"
)

// checkFlags is what was typed after `minsize check`.
type checkFlags struct {
	size     sizeFlags
	file     string
	limits   []string
	baseline string
	growth   string
	update   bool

	compare bool // with the baseline, row by row: gate's
	first   bool // gate's run without a baseline: growth waits for the next
}

func newCheckCommand(e *env) *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "hold a program to its size budget: exit status 3 when something is over it",
		Long: "Compares a program with limits: on the file, its memory image, or any row of any view of `minsize size`\n" +
			"(a crate, a kind of bytes, a function), or a memory of a bare machine (region:flash=90%). Without FILE it is the\n" +
			"program of the cargo project here that shrink or build left in target/minsize, or else cargo's own build; the limits\n" +
			"of minsize.toml then count, too.\n\n" +
			"Limits come from --max and from a TOML file:\n\n" +
			"  [budget]\n  file = \"400 KiB\"\n  \"crates:serde\" = 50000\n  \"crates:regex?\" = \"200 KiB\"   # may be absent\n  growth = \"1%\"\n\n" +
			"A limit on a row that is not there is a mistake (exit status 2), unless ? behind its name says that it may be\n" +
			"absent. growth may be a table of rows, and [budget.target.TRIPLE] has what is else for one target.\n\n" +
			"The baseline is an older program or what `minsize size --json` saved of it: --baseline, or `baseline = \"FILE\"` in\n" +
			"the table; without one, growth of the file is against the size that shrink recorded in minsize.toml.\n\n" +
			"--update raises the limits of the file to what the program has now, for growth that is meant.",
		Example: "  minsize check --max file=400KiB --max 'kind:unwind tables=20KiB' app\n" +
			"  minsize check --budget size.toml\n" +
			"  minsize check --baseline main.json --max-growth 1% app\n" +
			"  minsize check --format sarif --report size.sarif\n" +
			"  minsize check --update",
		Args: takes(0, 1, "one file", "minsize check FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.runCheck(cmd.Context(), cmd, &f, args)
		},
	}
	f.register(cmd.Flags())
	cmd.Flags().BoolVar(&f.update, "update", false, "raise the file's limits that are exceeded to what the program has")
	return cmd
}

// register adds the flags that check and gate share.
func (f *checkFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.file, "budget", "", "limits from the table [budget] of this TOML `FILE` (default: minsize.toml, where no file to check is given)")
	flags.StringArrayVar(&f.limits, "max", nil, "a limit `WHAT=SIZE`: file, memory, or VIEW:NAME as in crates:serde; crates:serde? may be absent")
	flags.StringVar(&f.baseline, "baseline", "", "an older program, or a saved report of it: `FILE`")
	flags.StringVar(&f.growth, "max-growth", "", "how much larger than the baseline the file may be: a `SIZE` or a percentage")
	registerDebugFile(flags, &f.size.debugFile)
	f.size.output.parts = []report.Part{report.Findings}
	f.size.output.register(flags)
	f.size.cargo.register(flags)
	registerOwn(flags, &f.size.own)
	f.size.regions.register(flags)
}

// runCheck judges, reports, and gives the verdict's exit status.
func (e *env) runCheck(ctx context.Context, cmd *cobra.Command, f *checkFlags, args []string) error {
	j, err := e.judge(ctx, cmd, f, args)
	if err != nil {
		return err
	}
	if f.update {
		if err := e.updateBudget(ctx, j); err != nil {
			return err
		}
	}
	if err := e.print(ctx, report.Check(j.result), &f.size.output); err != nil {
		return err
	}
	if github := report.FormatNamed("github"); f.size.output.format != github && os.Getenv("GITHUB_ACTIONS") != "" {
		if err := github.Write(e.stderr, report.Check(j.result), report.Options{}); err != nil {
			return err
		}
	}
	return j.verdict(args)
}

// judged is a program with what it was held to.
type judged struct {
	result *report.CheckResult
	wanted *budget.Wanted
	size   *report.SizeResult // the overview, where a baseline was given: what to compare by
	base   *report.SizeResult // nil for none

	file, baseFile uint64 // bytes of the file and of the baseline's, 0 for none
}

// judge measures the program and holds it to all limits.
func (e *env) judge(ctx context.Context, cmd *cobra.Command, f *checkFlags, args []string) (*judged, error) {
	wanted, err := e.readLimits(ctx, f, len(args) == 0)
	if err != nil {
		return nil, err
	}
	f.size.sort, f.size.domain, f.size.crateBy = "file", "both", "generic"
	r, err := f.size.resolve(cmd)
	if err != nil {
		return nil, err
	}
	views := wanted.Views()
	r.need = attrib.NeedLayout
	for _, view := range views {
		need, _ := attrib.ViewNeed(view, nil)
		r.need = max(r.need, need)
	}
	request := &sizeRequest{need: r.need, rollup: r.rollup, views: []string{"sections"}}
	if f.compare {
		request = &sizeRequest{need: attrib.NeedCrates, causes: true, rollup: r.rollup}
	}
	l, err := e.loadPrograms(ctx, &f.size, request, args)
	if err != nil {
		return nil, err
	}
	defer l.Close(ctx)
	e.printWarnings(l)
	for _, text := range l.Notes { // its report has no room for them
		e.note(text)
	}
	j := &judged{wanted: wanted}
	err = byteio.Interruptible(ctx, func() error {
		sizes, err := sizesOf(l, views, r.rollup)
		if err == nil && f.compare {
			j.size, err = newSize(l, request)
		}
		if err != nil {
			return err
		}
		limits := wanted.Limits
		if f.first && wanted.Baseline == "" {
			wanted.Growth = slices.DeleteFunc(wanted.Growth, func(g budget.Growth) bool { return wanted.Recorded == 0 || g.What != "file" })
		}
		if len(wanted.Growth) > 0 || f.compare && wanted.Baseline != "" {
			grown, err := e.growthLimits(ctx, wanted, j, l.regionsOf(&r.rollup))
			if err != nil {
				return err
			}
			limits = append(slices.Clone(limits), grown...)
		}
		if j.size != nil {
			j.size.Clone().Findings = nil // their words share the mapping
		}
		j.file = sizes.File
		for _, l := range limits {
			if i := sizes.Region(l.Name); l.Percent > 0 && i >= 0 && sizes.Regions[i].Length == 0 {
				return usageError("--memory-script FILE or --region NAME=ORIGIN:LENGTH", "%s=%g%%: nobody says how long %s is", l.What, l.Percent, l.Name)
			}
		}
		verdicts := budget.Judge(limits, sizes)
		wanted.Place(verdicts)
		j.result = report.NewCheck(strings.Clone(l.Inputs[0].Name), wanted.From, verdicts)
		return nil
	})
	return j, err
}

// sizesOf measures what was loaded, by each of the views.
func sizesOf(l *loadedPrograms, views []string, by attrib.RollupOptions) (*budget.Sizes, error) {
	sizes := &budget.Sizes{Rows: map[string][]attrib.Row{}}
	if regions := l.regionsOf(&by); len(regions) > 0 {
		sizes.Regions, _ = region.Measure(l.Inputs[0].Program.File, regions)
	}
	for _, in := range l.Inputs {
		sizes.Memory += in.Program.Space.MemorySize()
	}
	for _, view := range append(views, "sections") {
		by.Views = []string{view}
		got, err := attrib.Rollup(l.Inputs, by)
		if err != nil {
			return nil, viewError(err)
		}
		sizes.File, sizes.Rows[view] = got.File, got.Rows
	}
	if l.shipped != nil {
		sizes.File = l.shipped.File
	}
	return sizes, nil
}

// verdict is the error that the exit status comes from.
func (j *judged) verdict(args []string) error {
	c := j.result
	if c.Missing > 0 {
		var missing []string
		first := ""
		for i := range c.Limits {
			if v := &c.Limits[i]; v.Missing {
				missing = append(missing, v.What+": "+report.MissingRow(v))
				switch {
				case first != "":
				case v.View == budget.Region:
					first = "--memory-script FILE or --region NAME=ORIGIN:LENGTH says which memories there are"
				default:
					first = fmt.Sprintf("minsize size -d %s -n 0 %s lists the rows; %s? where it may be absent", v.View, strings.Join(args, " "), v.What)
				}
			}
		}
		return &statusError{status: exitUsage, detail: missing, hint: first,
			err: fmt.Errorf("%s: %d of %d limits are on rows that are not there", c.File, c.Missing, len(c.Limits))}
	}
	if c.Over == 0 {
		return nil
	}
	return withStatus(exitBudget, "minsize diff OLD NEW says what grew", fmt.Errorf("%s: %d of %d limits exceeded", c.File, c.Over, len(c.Limits)))
}

// updateBudget raises the limits of the file that are exceeded.
func (e *env) updateBudget(ctx context.Context, j *judged) error {
	if j.wanted.From == "" {
		return usageError("minsize check --update --budget FILE", "--update raises the limits of a file, and none has any")
	}
	text, raised, err := j.wanted.Raise(j.result.Limits)
	if err != nil {
		return fmt.Errorf("%s: %w", j.wanted.From, err)
	}
	for _, v := range raised {
		e.note(fmt.Sprintf("%s:%d: %s raised from %d to %d bytes", j.wanted.From, v.Line, v.What, v.Max, v.Bytes))
	}
	if len(raised) == 0 {
		e.note(j.wanted.From + ": no limit of it is exceeded, nothing to raise")
		return nil
	}
	j.result = report.NewCheck(j.result.File, j.wanted.From, j.result.Limits)
	_, err = byteio.WriteFile(ctx, j.wanted.From, byteio.Content{{Data: text}}, byteio.WriteOptions{})
	return err
}
