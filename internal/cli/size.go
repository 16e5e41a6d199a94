package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/minsize/minsize/internal/advice"
	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/dwarf"
	"github.com/minsize/minsize/internal/executor"
	"github.com/minsize/minsize/internal/inspect"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/region"
	"github.com/minsize/minsize/internal/report"
)

// sizeFlags is what was typed after `minsize size`, before anything is opened.
type sizeFlags struct {
	views       []string
	n           int
	sort        string
	domain      string
	filter      string
	crateBy     string
	rules       string
	explain     string
	disassemble string
	debugFile   string
	shipped     bool
	compressed  bool
	output      reportFlags
	cargo       cargoFlags
	own         bool // cargo's own build of a project
	regions     regionFlags
}

// sizeRequest is what it means.
type sizeRequest struct {
	views  []string // canonical; empty for the overview
	need   attrib.Need
	rollup attrib.RollupOptions
	rules  []attrib.Rules
	show   report.SizeOptions
	keepN  bool // -n was typed: machine formats are cut too
	figure bool // the overview needs its tree too
	causes bool // and what gate's words are made of

	domainTyped bool
}

func newSizeCommand(e *env) *cobra.Command {
	f := sizeFlags{output: reportFlags{parts: []report.Part{report.Figure}}}
	var lines strings.Builder
	for _, v := range attrib.Views() {
		fmt.Fprintf(&lines, "  %-13s %s\n", v.Name, v.Summary)
	}
	cmd := &cobra.Command{
		Use:   "size [FILE...]",
		Short: "who owns each byte of a program: sections, crates, functions, generics, sources",
		Long: "Says where every byte of an executable, library, object or archive went. Every byte has exactly one owner,\n" +
			"and the rows of each view add up to the file; the program checks that at every run.\n\n" +
			"Without -d it gives an overview: what the bytes are, the largest crates and functions, and what is worth\n" +
			"acting on. Without FILE, in a cargo project, it looks at the program that shrink or build left, or\n" +
			"else at cargo's own build, with symbols kept.\n\n" +
			"Views for -d, one or several nested in any order:\n" + lines.String(),
		Example: "  minsize size target/release/app\n" +
			"  minsize size -d crates,functions -n 10 app\n" +
			"  minsize size -d sections,symbols --filter '^\\.rodata' app\n" +
			"  minsize size --html --report app.html app\n" +
			"  minsize size --explain 0x12340 app\n" +
			"  cargo minsize size --bin app",
		RunE: func(cmd *cobra.Command, args []string) error {
			request, err := f.resolve(cmd)
			if err != nil {
				return err
			}
			return e.runSize(cmd.Context(), &f, request, args)
		},
	}
	f.registerViews(cmd.Flags())
	flags := cmd.Flags()
	flags.StringVar(&f.explain, "explain", "", "why the byte at this `ADDRESS` (or @OFFSET in the file) has its label")
	flags.StringVar(&f.disassemble, "disassemble", "", "the machine code of the `FUNCTION`")
	flags.BoolVar(&f.shipped, "as-shipped", false, "put what strip would remove into one row of its own; a cargo project is shown so")
	flags.BoolVar(&f.compressed, "compressed", false, "say too what each file weighs as gzip -9 and brotli -q 11")
	f.output.register(flags)
	f.cargo.register(flags)
	registerOwn(flags, &f.own)
	return cmd
}

// registerViews adds the flags that size and diff share.
func (f *sizeFlags) registerViews(flags *pflag.FlagSet) {
	flags.StringSliceVarP(&f.views, "views", "d", nil, "`VIEWS` to nest, the first outermost")
	flags.IntVarP(&f.n, "max-items", "n", 20, "`N` rows of each level, 0 for all")
	choose(flags, &f.sort, "sort", "s", "file", "sort by `WHAT`: file, memory, both (the larger) or name", "file", "memory", "both", "name")
	choose(flags, &f.domain, "domain", "", "both", "bytes to count: `WHICH` is file, memory, both, or regions of a bare machine (default where they are known)", "file", "memory", "both", "regions")
	flags.StringVar(&f.filter, "filter", "", "only bytes of which some label matches this `REGEX`")
	choose(flags, &f.crateBy, "crate-by", "", "generic", "which crate owns a function: `WHO` is generic (who defines it), instance (who instantiated it) or origin (who wrote the code, through inlining)", attrib.CrateBys()...)
	flags.StringVar(&f.rules, "rules", "", "custom views from a `FILE` of regex rules, see docs/size.md")
	registerDebugFile(flags, &f.debugFile)
	f.regions.register(flags)
}

// resolve checks what was typed without touching the machine, the rules file aside.
func (f *sizeFlags) resolve(cmd *cobra.Command) (*sizeRequest, error) {
	r := &sizeRequest{keepN: cmd.Flags().Changed("max-items"), domainTyped: cmd.Flags().Changed("domain")}
	if f.n < 0 {
		return nil, usageError("-n 0 for all rows", "%d rows make no sense", f.n)
	}
	r.show = report.SizeOptions{N: f.n, Sort: f.sort, Domain: f.domain}
	if (f.domain == "memory" || f.domain == "regions") && !cmd.Flags().Changed("sort") {
		r.show.Sort = f.domain
	}
	var err error
	if f.rules != "" {
		r.rules, err = attrib.ReadRules(f.rules)
		var wrong *attrib.RulesError
		if errors.As(err, &wrong) {
			return nil, usageError("view NAME BASE, or /REGEX/ LABEL", "%v", err)
		}
		if err != nil {
			return nil, err
		}
	}
	for _, v := range f.views {
		name, err := attrib.CanonicalView(strings.TrimSpace(v), r.rules)
		if err != nil {
			return nil, usageError("minsize size --help lists the views", "%v", err)
		}
		need, _ := attrib.ViewNeed(name, r.rules)
		r.need = max(r.need, need)
		r.views = append(r.views, name)
	}
	if f.filter != "" {
		if r.rollup.Filter, err = regexp.Compile(f.filter); err != nil {
			return nil, usageError("a regular expression of Go's syntax", "--filter: %v", err)
		}
	}
	if r.rollup.Regions, err = f.regions.resolve(); err != nil {
		return nil, err
	}
	if r.rollup.By, err = attrib.ParseCrateBy(f.crateBy); err != nil {
		return nil, usageError("--crate-by generic|instance|origin", "%v", err)
	}
	switch {
	case r.rollup.By == attrib.ByOrigin:
		r.need = attrib.NeedDebug
	case len(r.views) == 0 || f.explain != "":
		r.need = max(r.need, attrib.NeedCrates)
	case f.disassemble != "":
		r.need = max(r.need, attrib.NeedOwners)
	}
	r.rollup.Rules = r.rules
	return r, nil
}

func (e *env) runSize(ctx context.Context, f *sizeFlags, r *sizeRequest, args []string) error {
	r.figure = f.output.format.Is(report.Drawn)
	loaded, err := e.loadPrograms(ctx, f, r, args)
	if err != nil {
		return err
	}
	defer loaded.Close(ctx)
	switch {
	case f.explain != "":
		return e.explainByte(ctx, loaded, f.explain, &f.output)
	case f.disassemble != "":
		return e.disassemble(loaded, f.disassemble)
	}
	machine := f.output.format.Is(report.AllRows)
	if len(r.views) > 0 && !machine && !r.figure && r.show.Sort == "file" && r.rollup.Shipped == attrib.ShippedAsIs {
		r.rollup.Top = r.show.N // nobody sees the others
	}
	var result *report.SizeResult
	err = byteio.Interruptible(ctx, func() (err error) {
		result, err = newSize(loaded, r)
		return err
	})
	if err != nil {
		return err
	}
	if f.compressed {
		if err := weighFiles(loaded, result); err != nil {
			return err
		}
	}
	e.printWarnings(loaded)
	if !r.keepN && (machine || len(r.views) == 0) {
		r.show.N = 0
	}
	r.show.Full = machine
	return e.print(ctx, report.Size(result, r.show), &f.output)
}

// weighFiles adds what each file weighs when it is downloaded.
func weighFiles(l *loadedPrograms, result *report.SizeResult) error {
	for i, in := range l.Inputs {
		if in.Member != "" {
			continue
		}
		data, err := os.ReadFile(in.Name)
		if err != nil {
			return err
		}
		if result.Files[i].Compressed, err = executor.Transfers(nil, data); err != nil {
			return err
		}
	}
	return nil
}

// printWarnings says what was left out of each file.
func (e *env) printWarnings(l *loadedPrograms) {
	for _, in := range l.Inputs {
		for _, w := range in.Program.Warnings {
			e.note(in.Name + ": " + w)
		}
	}
}

// loadedPrograms are the files that a verb looks at.
type loadedPrograms struct {
	inspect.Files
	shipped *report.SizeShipped
	regions []region.Region // that the project says
}

// open maps and attributes one file.
func (l *loadedPrograms) open(ctx context.Context, path string, o inspect.Options) error {
	return byteio.Interruptible(ctx, func() error { return inspectError(path, l.Open(path, o)) })
}

// inspectError gives an error of opening a program its status and its hint.
func inspectError(path string, err error) error {
	var debugFile *inspect.DebugFileError
	var unpack *inspect.UnpackError
	var packed *inspect.PackedError
	switch {
	case errors.Is(err, byteio.ErrNotRegular):
		return usageError("an executable, library, object file or archive", "%v", err)
	case errors.As(err, &unpack):
		return packError(path, unpack.Err)
	case errors.As(err, &debugFile) && debugFile.Database:
		return withStatus(exitFailed, "the .pdb file of this very build", err)
	case errors.As(err, &debugFile):
		return withStatus(exitFailed, "the debug file of this very build", err)
	case errors.Is(err, objfile.ErrFormat):
		return withStatus(exitFailed, "an executable, library, object file, archive or Wasm module", err)
	case errors.Is(err, dwarf.ErrOtherBuild), errors.Is(err, dwarf.ErrNoSkeletons):
		return withStatus(exitFailed, "the .dwp package of this very build, and the program before strip", err)
	case errors.Is(err, inspect.ErrSeveral):
		return withStatus(exitRefused, "take one member out (ar x, lipo -thin) and ask about that", err)
	case errors.Is(err, inspect.ErrNoCode):
		return withStatus(exitRefused, "the program itself", err)
	case errors.As(err, &packed):
		return withStatus(exitRefused, packed.Unpack, err)
	}
	return err
}

func (e *env) loadPrograms(ctx context.Context, f *sizeFlags, r *sizeRequest, args []string) (*loadedPrograms, error) {
	l := &loadedPrograms{}
	o := inspect.Options{DebugFile: f.debugFile}
	o.Options = attrib.Options{
		LayoutOnly: r.need == attrib.NeedLayout,
		Bodies:     len(r.views) == 0,
		Names:      r.need > attrib.NeedLayout,
		Debug:      r.need >= attrib.NeedCrates,
	}
	if len(args) == 0 {
		return e.sizeOfProject(ctx, f, r, o)
	}
	if f.shipped {
		r.rollup.Shipped = attrib.ShippedStripped
	}
	for _, path := range args {
		if err := l.open(ctx, path, o); err != nil {
			l.Close(ctx)
			return nil, err
		}
	}
	return l, nil
}

// newSize rolls up what was loaded.
func newSize(l *loadedPrograms, r *sizeRequest) (*report.SizeResult, error) {
	if err := l.byRegions(r); err != nil {
		return nil, err
	}
	result, err := report.NewSize(l.Inputs, &report.SizeRequest{Views: r.views, Layout: r.need == attrib.NeedLayout, Rollup: r.rollup,
		Figure: r.figure, Causes: r.causes, Shipped: l.shipped, Notes: l.Notes, Advise: advice.Findings})
	return result, viewError(err)
}

// viewError gives errors of views their hints.
func viewError(err error) error {
	if errors.Is(err, attrib.ErrNoDebug) {
		return withStatus(exitFailed, "build with debug = \"line-tables-only\" or more, or --debug-file FILE", err)
	}
	return err
}
