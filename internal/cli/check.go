package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/budget"
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
			"(a crate, a kind of bytes, a function). Without FILE the cargo project here is built first.\n\n" +
			"Limits come from --max and from a TOML file:\n\n" +
			"  [budget]\n  file = \"400 KiB\"\n  \"crates:serde\" = 50000\n\n" +
			"With --baseline, what `minsize size --json` saved or an older program, --max-growth limits the growth of the file.",
		Example: "  minsize check --max file=400KiB --max 'kind:unwind tables=20KiB' app\n" +
			"  minsize check --budget size.toml\n" +
			"  minsize check --baseline main.json --max-growth 1% app",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError("minsize check FILE", "expected one file but got %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.runCheck(cmd.Context(), cmd, &f, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.file, "budget", "", "limits from this TOML `FILE`")
	flags.StringArrayVar(&f.limits, "max", nil, "a limit `WHAT=SIZE`: file, memory, or VIEW:NAME as in crates:serde")
	flags.StringVar(&f.baseline, "baseline", "", "an older program, or a saved report of it: `FILE`")
	flags.StringVar(&f.growth, "max-growth", "", "how much larger than the baseline the file may be: a `SIZE` or a percentage")
	f.size.output.register(flags)
	f.size.cargo.register(flags)
	return cmd
}

// readLimits collects the limits from the file and from what was typed.
func (f *checkFlags) readLimits() ([]budget.Limit, error) {
	var limits []budget.Limit
	if f.file != "" {
		data, err := os.ReadFile(f.file)
		if err != nil {
			return nil, err
		}
		if limits, err = budget.Read(data); err != nil {
			return nil, usageError("[budget] with lines such as file = \"400 KiB\"", "%s: %v", f.file, err)
		}
	}
	for _, text := range f.limits {
		l, err := budget.ParseLimit(text)
		if err != nil {
			return nil, usageError("--max file=400KiB", "%v", err)
		}
		limits = append(limits, l)
	}
	if (f.baseline == "") != (f.growth == "") {
		return nil, usageError("--baseline FILE --max-growth 1%", "--baseline and --max-growth go together")
	}
	if len(limits) == 0 && f.baseline == "" {
		return nil, usageError("--max file=400KiB, or --budget FILE", "no limits given")
	}
	return limits, nil
}

func (e *env) runCheck(ctx context.Context, cmd *cobra.Command, f *checkFlags, args []string) error {
	limits, err := f.readLimits()
	if err != nil {
		return err
	}
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
	defer l.close(ctx)
	e.printWarnings(l)
	for _, text := range l.notes { // its report has no room for them
		e.note(text)
	}
	var file, memory uint64
	for _, in := range l.inputs {
		memory += in.Program.Space.MemorySize()
	}
	reports := map[string]*attrib.Report{}
	for _, view := range append(budget.Views(limits), "sections") {
		o := r.rollup
		o.Views = []string{view}
		if reports[view], err = attrib.Rollup(l.inputs, o); err != nil {
			return viewError(err)
		}
		file = reports[view].File
	}
	if l.shipped != nil {
		file = l.shipped.File
	}
	if f.baseline != "" {
		limit, err := e.growthLimit(ctx, f)
		if err != nil {
			return err
		}
		limits = append(limits, limit)
	}
	result := &report.CheckResult{File: l.inputs[0].Name, Limits: budget.Judge(limits, file, memory, reports)}
	for i := range result.Limits {
		if result.Limits[i].What == growthOfFile {
			result.Limits[i].Bytes, result.Limits[i].Over = file, file > result.Limits[i].Max
		}
		if result.Limits[i].Over {
			result.Over++
		}
	}
	if err := e.print(ctx, report.Check(result), &f.size.output); err != nil {
		return err
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

// growthOfFile is the limit that a baseline makes.
const growthOfFile = "file against the baseline"

func (e *env) growthLimit(ctx context.Context, f *checkFlags) (budget.Limit, error) {
	old, err := e.sizeOrSaved(ctx, &sizeFlags{}, &sizeRequest{views: []string{"sections"}, rollup: attrib.RollupOptions{}}, f.baseline)
	if err != nil {
		var wrong *statusError
		if !errors.As(err, &wrong) || wrong.status != exitUsage {
			return budget.Limit{}, err
		}
		// Saved with other views: only its files count here.
		if old, err = readSaved(f.baseline, &sizeRequest{}); err != nil {
			return budget.Limit{}, err
		}
	}
	base := totalFile(old.Files, f.baseline).File
	l := budget.Limit{What: growthOfFile}
	if percent, ok := strings.CutSuffix(f.growth, "%"); ok {
		var n float64
		if _, err := fmt.Sscanf(percent, "%g", &n); err != nil || n < 0 {
			return l, usageError("--max-growth 1%", "%q is no percentage", f.growth)
		}
		l.Max = base + uint64(float64(base)*n/100)
		return l, nil
	}
	n, err := budget.ParseSize(f.growth)
	if err != nil {
		return l, usageError("--max-growth 4KiB or 1%", "%v", err)
	}
	l.Max = base + n
	return l, nil
}
