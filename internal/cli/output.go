package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/minsize/minsize/internal/report"
	"github.com/minsize/minsize/internal/stream"
)

// formatFlag is --format NAME with its short forms, --json and the like. What
// is typed wrongly is an error of the command line, before any work is done.
type formatFlag struct {
	format **report.Format
	names  []string
	typed  bool
}

// registerFormat adds the flags, for the formats of a report with these parts.
func registerFormat(flags *pflag.FlagSet, format **report.Format, parts ...report.Part) *formatFlag {
	f := &formatFlag{format: format, names: report.Names(parts...)}
	*format = report.FormatNamed("text")
	flags.VarP(f, "format", "f", "of the report: `NAME` is "+strings.Join(f.names[:len(f.names)-1], ", ")+" or "+f.names[len(f.names)-1]+"; --NAME is short for it")
	for _, n := range f.names {
		if n != "text" {
			flags.Var(&shortFormat{f, n}, n, "short for --format "+n)
			short := flags.Lookup(n)
			short.NoOptDefVal, short.Hidden = "true", true
		}
	}
	return f
}

func (f *formatFlag) String() string { return (*f.format).Name }
func (f *formatFlag) Type() string   { return "string" }

// Set implements pflag.Value.
func (f *formatFlag) Set(name string) error {
	switch {
	case !slices.Contains(f.names, name):
		return usageError("--format "+strings.Join(f.names, "|"), "unknown format %q", name)
	case f.typed && name != f.String():
		return usageError("one of --"+f.String()+" and --"+name, "two formats asked for: %s and %s", f, name)
	}
	*f.format, f.typed = report.FormatNamed(name), true
	return nil
}

// shortFormat is --json and the like.
type shortFormat struct {
	format *formatFlag
	name   string
}

func (s *shortFormat) String() string   { return "false" }
func (s *shortFormat) Type() string     { return "bool" }
func (s *shortFormat) IsBoolFlag() bool { return true }

// Set implements pflag.Value.
func (s *shortFormat) Set(text string) error {
	on, err := strconv.ParseBool(text)
	if err != nil || !on {
		return err
	}
	return s.format.Set(s.name)
}

// reportFlags say how a verb prints its report, the same for all verbs. -o is
// not among them: it names the program that a verb writes.
type reportFlags struct {
	format *report.Format
	file   string // where --report goes; "" for stdout
	bytes  bool
	wide   bool
	parts  []report.Part // what the report has beside its tables
	aside  bool          // a program has stdout: the report goes to stderr
}

// register adds the flags, behind those of the verb. In a verb that writes no
// program -o is an older name of --report, which stays.
func (o *reportFlags) register(flags *pflag.FlagSet) {
	file := &reportFile{&o.file, registerFormat(flags, &o.format, o.parts...)}
	flags.Var(file, "report", "write the report to this `FILE` instead of stdout; without --format, .json, .html and so on say its format")
	flags.BoolVar(&o.bytes, "bytes", false, "exact bytes instead of KiB and MiB")
	wide := "w"
	if flags.ShorthandLookup(wide) != nil { // image's, and docker's, for the working folder
		wide = ""
	}
	flags.BoolVarP(&o.wide, "wide", wide, false, "do not cut long names to the terminal")
	if flags.Lookup("output") == nil {
		flags.VarP(file, "output", "o", "the same as --report `FILE`")
		flags.Lookup("output").Hidden = true
	}
}

// reportFile is --report: a folder that is not there is said before any work.
type reportFile struct {
	name   *string
	format *formatFlag
}

func (f *reportFile) String() string { return *f.name }
func (f *reportFile) Type() string   { return "string" }

// Set implements pflag.Value.
func (f *reportFile) Set(name string) error {
	folder := filepath.Dir(name)
	if info, err := os.Stat(folder); stream.Descriptor(name) < 0 && (err != nil || !info.IsDir()) {
		return usageError("--report FILE in a folder that is there", "--report %s: no folder %s", name, folder)
	}
	*f.name = name
	if format := report.NameFor(name, f.format.names); format != "" && !f.format.typed {
		*f.format.format = report.FormatNamed(format)
	}
	return nil
}

// typed says whether a report was asked for: it is printed even where a verb
// would be silent.
func (o *reportFlags) typed() bool { return !o.format.Is(report.Screen) || o.file != "" }

// besides settles who gets stdout when -o says where a program goes.
func (o *reportFlags) besides(program string) error {
	if stream.Descriptor(program) != 1 {
		return nil
	}
	if stream.Descriptor(o.file) == 1 {
		return usageError("-o FILE, or --report FILE", "the program and its report cannot both go to stdout")
	}
	o.aside = true
	return nil
}

// print writes a report where its flags say, in their format.
func (e *env) print(ctx context.Context, d *report.Document, o *reportFlags) error {
	name := o.file
	if name == "" {
		name = "-"
		if o.aside {
			name = "/dev/stderr"
		}
	}
	notes, err := e.outputs().Fill(ctx, name, func(w io.Writer, screen any) error {
		options := report.Options{ExactBytes: o.bytes}
		if o.format.Is(report.Screen) {
			options.Color = e.colorful(screen)
		}
		if !o.wide {
			options.Width = stream.Width(screen)
		}
		return o.format.Write(w, d, options)
	})
	for _, note := range notes {
		e.note(note)
	}
	return err
}

// outputs are what -o and --report may name.
func (e *env) outputs() stream.Outputs { return stream.Outputs{Stdout: e.stdout, Stderr: e.stderr} }

// settled is err, or else the failure that a verb did not look at.
func settled(a *stream.Answer, err error) error {
	switch {
	case err == nil && a.Err != nil:
		err = a.Err
	case !errors.Is(err, a.Err):
		return err
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return withStatus(asStatus(err).status, "free some space where the answer goes", err)
	}
	return err
}

// note says something beside the answer.
func (e *env) note(text string) {
	switch {
	case e.global.quiet:
	case e.moving != nil:
		e.moving.Note(text)
	default:
		_, _ = io.WriteString(e.stderr, "note: "+text+"\n")
	}
}
