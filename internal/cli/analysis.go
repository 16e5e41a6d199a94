package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"

	"github.com/spf13/pflag"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/report"
)

// analysisFlags are how a verb whose answer is a report prints it: -o names the
// report, and each format has a flag of its own. (Verbs that write programs
// have outputFlags, where -o is the program.)
type analysisFlags struct {
	format string
	out    string
	bytes  bool
	wide   bool
	figure bool // the report can be drawn as SVG
}

func (o *analysisFlags) register(flags *pflag.FlagSet) {
	registerFormat(flags, &o.format, "f", o.figure)
	flags.StringVarP(&o.out, "output", "o", "", "write to `FILE` instead of stdout")
	flags.BoolVar(&o.bytes, "bytes", false, "exact bytes instead of KiB and MiB")
	flags.BoolVarP(&o.wide, "wide", "w", false, "do not cut long names to the terminal")
}

// machine says whether programs read the format: they get all rows.
func (o *analysisFlags) machine() bool {
	return o.format == "json" || o.format == "csv" || o.format == "tsv"
}

// printDocument writes d as was asked for, to stdout or to a file.
func (e *env) printDocument(ctx context.Context, d *report.Document, o *analysisFlags) error {
	options := report.Options{ExactBytes: o.bytes}
	if o.out == "" || o.out == "-" {
		options.Color = o.format == "text" && e.colorful(e.stdout)
		if !o.wide {
			options.Width = terminalWidth(e.stdout)
		}
		return report.Write(e.stdout, o.format, d, options)
	}
	var page bytes.Buffer
	if err := report.Write(&page, o.format, d, options); err != nil {
		return err
	}
	written, err := byteio.WriteFile(ctx, o.out, byteio.Content{{Data: page.Bytes()}}, byteio.WriteOptions{})
	if errors.Is(err, byteio.ErrNotRegular) { // /dev/null, a pipe
		f, err := os.OpenFile(o.out, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = page.WriteTo(f)
		return err
	}
	if err == nil {
		for _, note := range written.Notes {
			e.note(note)
		}
	}
	return err
}

// note says something beside the answer.
func (e *env) note(text string) {
	if !e.global.quiet {
		_, _ = io.WriteString(e.stderr, "note: "+text+"\n")
	}
}
