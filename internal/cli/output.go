package cli

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/report"
)

// formatFlag is --format NAME with its short forms, --json and the like. What
// is typed wrongly is an error of the command line, before any work is done.
type formatFlag struct {
	name  *string
	names []string
	typed bool
}

// registerFormat adds the flags. Only reports with a figure can be drawn as SVG.
func registerFormat(flags *pflag.FlagSet, name *string, shorthand string, figure bool) {
	f := &formatFlag{name: name}
	*name = "text"
	for _, n := range report.Names() {
		if n != "svg" || figure {
			f.names = append(f.names, n)
		}
	}
	flags.VarP(f, "format", shorthand, "of the report: `NAME` is "+strings.Join(f.names[:len(f.names)-1], ", ")+" or "+f.names[len(f.names)-1]+"; --NAME is short for it")
	for _, n := range f.names {
		if n != "text" {
			flags.Var(&shortFormat{f, n}, n, "short for --format "+n)
			short := flags.Lookup(n)
			short.NoOptDefVal, short.Hidden = "true", true
		}
	}
}

func (f *formatFlag) String() string { return *f.name }
func (f *formatFlag) Type() string   { return "string" }

// Set implements pflag.Value.
func (f *formatFlag) Set(name string) error {
	switch {
	case !slices.Contains(f.names, name):
		return usageError("--format "+strings.Join(f.names, "|"), "unknown format %q", name)
	case f.typed && name != *f.name:
		return usageError("one of --"+*f.name+" and --"+name, "two formats asked for: %s and %s", *f.name, name)
	}
	*f.name, f.typed = name, true
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

// outputFlags say how the verbs that write programs print their report.
type outputFlags struct {
	format string
	bytes  bool
	file   string // where --report goes; stdout without one
}

func (o *outputFlags) register(flags *pflag.FlagSet) {
	registerFormat(flags, &o.format, "", false)
	flags.BoolVar(&o.bytes, "bytes", false, "exact bytes instead of KiB")
	flags.StringVar(&o.file, "report", "", "write the report to this `file` instead of stdout")
}

// typed says whether a report was asked for: it is printed even where a verb
// would be silent.
func (o *outputFlags) typed() bool { return o.format != "text" || o.file != "" }

// print writes a report to stdout, or whole or not at all to its file.
func (e *env) print(d *report.Document, o outputFlags) error {
	format := o.format
	options := report.Options{ExactBytes: o.bytes}
	if o.file == "" {
		options.Color = e.colorful(e.stdout)
		options.Width = terminalWidth(e.stdout)
		return report.Write(e.stdout, format, d, options)
	}
	var out bytes.Buffer
	if err := report.Write(&out, format, d, options); err != nil {
		return err
	}
	_, err := byteio.WriteFile(context.Background(), o.file, byteio.Content{{Data: out.Bytes()}}, byteio.WriteOptions{})
	return err
}

// terminalWidth is the number of columns of w, 0 when it is no terminal.
func terminalWidth(w any) int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}
