package cli

import (
	"bytes"
	"context"
	"os"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/report"
)

// outputFlags say how a result is printed; every verb with a report has them.
type outputFlags struct {
	format string
	json   bool
	bytes  bool
	file   string // where --report goes; stdout without one
}

func (o *outputFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.format, "format", "text", "of the report: csv, html, json, markdown, text or tsv")
	flags.BoolVar(&o.json, "json", false, "--format json")
	flags.BoolVar(&o.bytes, "bytes", false, "exact bytes instead of KiB")
	flags.StringVar(&o.file, "report", "", "write the report to this `file` instead of stdout")
}

// print writes a report to stdout, or whole or not at all to its file.
func (e *env) print(d *report.Document, o outputFlags) error {
	format := o.format
	if o.json {
		format = "json"
	}
	options := report.Options{ExactBytes: o.bytes}
	if o.file == "" {
		options.Color = e.colorful(e.stdout)
		options.Width = terminalWidth(e.stdout)
		return formatError(report.Write(e.stdout, format, d, options))
	}
	var out bytes.Buffer
	if err := report.Write(&out, format, d, options); err != nil {
		return formatError(err)
	}
	_, err := byteio.WriteFile(context.Background(), o.file, byteio.Content{{Data: out.Bytes()}}, byteio.WriteOptions{})
	return err
}

// formatError makes an unknown format an error of usage.
func formatError(err error) error {
	if report.IsUnknownFormat(err) {
		return usageError("--format text", "%v", err)
	}
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
