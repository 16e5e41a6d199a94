package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/budget"
	"github.com/minsize/minsize/internal/recipe"
	"github.com/minsize/minsize/internal/report"
)

// checkFlags is what was typed after `minsize check`.
type checkFlags struct {
	size     sizeFlags
	file     string
	limits   []string
	baseline string
	growth   string
}

func newCheckCommand(e *env) *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "hold a program to its size budget: exit status 3 when something is over it",
		Long: "Compares a program with limits: on the file, its memory image, or any row of any view of `minsize size`\n" +
			"(a crate, a kind of bytes, a function). Without FILE it is the program of the cargo project here that shrink or\n" +
			"build left in target/minsize, or else cargo's own build; the limits of minsize.toml then count, too.\n\n" +
			"Limits come from --max and from a TOML file:\n\n" +
			"  [budget]\n  file = \"400 KiB\"\n  \"crates:serde\" = 50000\n  \"crates:regex?\" = \"200 KiB\"   # may be absent\n  growth = \"1%\"\n\n" +
			"A limit on a row that is not there is a mistake (exit status 2), unless ? behind its name says that it may be\n" +
			"absent. With --baseline, what `minsize size --json` saved or an older program, --max-growth limits the growth of\n" +
			"the file; growth in minsize.toml is against the size that shrink recorded there, or `baseline = \"FILE\"`.",
		Example: "  minsize check --max file=400KiB --max 'kind:unwind tables=20KiB' app\n" +
			"  minsize check --budget size.toml\n" +
			"  minsize check --baseline main.json --max-growth 1% app",
		Args: takes(0, 1, "one file", "minsize check FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.runCheck(cmd.Context(), cmd, &f, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.file, "budget", "", "limits from the table [budget] of this TOML `FILE` (default: minsize.toml, where no file to check is given)")
	flags.StringArrayVar(&f.limits, "max", nil, "a limit `WHAT=SIZE`: file, memory, or VIEW:NAME as in crates:serde; crates:serde? may be absent")
	flags.StringVar(&f.baseline, "baseline", "", "an older program, or a saved report of it: `FILE`")
	flags.StringVar(&f.growth, "max-growth", "", "how much larger than the baseline the file may be: a `SIZE` or a percentage")
	registerDebugFile(flags, &f.size.debugFile)
	f.size.output.register(flags)
	f.size.cargo.register(flags)
	registerOwn(flags, &f.size.own)
	return cmd
}

// readLimits collects the limits. Without a file to check, a project's
// minsize.toml counts.
func (e *env) readLimits(ctx context.Context, f *checkFlags, inProject bool) (*budget.Wanted, error) {
	w := &budget.Wanted{}
	if (f.baseline == "") != (f.growth == "") {
		return nil, usageError("--baseline FILE --max-growth 1%", "--baseline and --max-growth go together")
	}
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
		w.Take(b, f.file, recordedSize(f.file, data))
	case inProject:
		if err := e.projectLimits(ctx, f, w); err != nil {
			return nil, err
		}
	}
	w.Prefer(typed)
	if f.baseline != "" {
		w.Baseline, w.Growth, w.From = f.baseline, f.growth, ""
	}
	if len(w.Limits) == 0 && w.Growth == "" {
		return nil, usageError("--max file=400KiB, or --budget FILE, or [budget] in a project's minsize.toml", "no limits given")
	}
	if w.Growth != "" && w.Baseline == "" && w.Recorded == 0 {
		return nil, usageError("baseline = \"FILE\" beside it, or --baseline FILE --max-growth "+w.Growth, "%s: growth, and no size that it could be measured from", w.From)
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

// projectLimits are those of the project's minsize.toml, if there are any.
func (e *env) projectLimits(ctx context.Context, f *checkFlags, w *budget.Wanted) error {
	_, path, err := recipe.Locate(ctx, e.cargoOptions(&f.size.cargo))
	if path == "" {
		return nil // the search for the program says it, with its hint
	}
	var none *recipe.MissingError
	if err != nil && !errors.As(err, &none) && !errors.Is(err, recipe.ErrOtherVersion) {
		return withStatus(exitUsage, "correct the file", err)
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	b, err := budget.Read(data)
	if errors.Is(err, budget.ErrNone) {
		return nil
	}
	if err != nil {
		return usageError("[budget] with lines such as file = \"400 KiB\"", "%s: %v", path, err)
	}
	w.Take(b, path, recordedSize(path, data))
	return nil
}

func (e *env) runCheck(ctx context.Context, cmd *cobra.Command, f *checkFlags, args []string) error {
	wanted, err := e.readLimits(ctx, f, len(args) == 0)
	if err != nil {
		return err
	}
	limits := wanted.Limits
	f.size.sort, f.size.domain, f.size.crateBy = "file", "both", "generic"
	r, err := f.size.resolve(cmd)
	if err != nil {
		return err
	}
	r.need = attrib.NeedLayout
	for _, view := range budget.Views(limits) {
		need, _ := attrib.ViewNeed(view, nil)
		r.need = max(r.need, need)
	}
	l, err := e.loadPrograms(ctx, &f.size, &sizeRequest{need: r.need, rollup: r.rollup, views: []string{"sections"}}, args)
	if err != nil {
		return err
	}
	defer l.Close(ctx)
	e.printWarnings(l)
	for _, text := range l.Notes { // its report has no room for them
		e.note(text)
	}
	var file, memory uint64
	for _, in := range l.Inputs {
		memory += in.Program.Space.MemorySize()
	}
	reports := map[string]*attrib.Report{}
	for _, view := range append(budget.Views(limits), "sections") {
		o := r.rollup
		o.Views = []string{view}
		if reports[view], err = attrib.Rollup(l.Inputs, o); err != nil {
			return viewError(err)
		}
		file = reports[view].File
	}
	if l.shipped != nil {
		file = l.shipped.File
	}
	if wanted.Growth != "" {
		limit, err := e.growthLimit(ctx, wanted)
		if err != nil {
			return err
		}
		limits = append(limits, limit)
	}
	result := &report.CheckResult{File: l.Inputs[0].Name, Limits: budget.Judge(limits, file, memory, reports)}
	var missing []string
	for i := range result.Limits {
		v := &result.Limits[i]
		if v.Over {
			result.Over++
		}
		if v.Missing {
			result.Missing++
			missing = append(missing, missingRow(v))
		}
	}
	if err := e.print(ctx, report.Check(result), &f.size.output); err != nil {
		return err
	}
	if result.Missing > 0 {
		first := result.Limits[slices.IndexFunc(result.Limits, func(v budget.Verdict) bool { return v.Missing })]
		return &statusError{status: exitUsage, detail: missing,
			hint: fmt.Sprintf("minsize size -d %s -n 0 %s lists the rows; %s? where it may be absent", first.View, strings.Join(args, " "), first.What),
			err:  fmt.Errorf("%s: %d of %d limits are on rows that are not there", result.File, result.Missing, len(result.Limits))}
	}
	if result.Over == 0 {
		return nil
	}
	if os.Getenv("GITHUB_ACTIONS") != "" {
		for _, v := range result.Limits {
			if v.Over {
				fmt.Fprintf(e.stderr, "::error title=size budget::%s: %s has %d bytes, the limit is %d\n", result.File, v.What, v.Bytes, v.Max)
			}
		}
	}
	return withStatus(exitBudget, "minsize diff OLD NEW says what grew", fmt.Errorf("%s: %d of %d limits exceeded", result.File, result.Over, len(result.Limits)))
}

// missingRow says what a limit is on that is not there, and what may be meant.
func missingRow(v *budget.Verdict) string {
	text := fmt.Sprintf("%s: no row %q in the view %s", v.What, v.Name, v.View)
	if len(v.Nearest) > 0 {
		text += fmt.Sprintf("; the nearest: %s", strings.Join(v.Nearest, ", "))
	}
	return text
}

func (e *env) growthLimit(ctx context.Context, w *budget.Wanted) (budget.Limit, error) {
	base := w.Recorded
	if w.Baseline != "" {
		var err error
		if base, err = e.baselineSize(ctx, w.Baseline); err != nil {
			return budget.Limit{}, err
		}
	}
	l, err := budget.GrowthLimit(base, w.Growth)
	switch {
	case err == nil:
		return l, nil
	case w.From == "":
		return l, usageError("--max-growth 4KiB or 1%", "--max-growth: %v", err)
	}
	return l, usageError(`growth = "4 KiB" or "1%"`, "%s: growth: %v", w.From, err)
}

// baselineSize is the size of an older program, or of a saved report of it.
func (e *env) baselineSize(ctx context.Context, path string) (uint64, error) {
	old, err := e.sizeOrSaved(ctx, &sizeFlags{}, &sizeRequest{views: []string{"sections"}, rollup: attrib.RollupOptions{}}, path)
	if err != nil {
		var wrong *statusError
		if !errors.As(err, &wrong) || wrong.status != exitUsage {
			return 0, err
		}
		// Saved with other views: only its files count here.
		if old, err = readSaved(path, &sizeRequest{}); err != nil {
			return 0, err
		}
	}
	return old.Total(path).File, nil
}
