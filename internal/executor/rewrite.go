package executor

import (
	"context"
	"fmt"
	"os"

	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/pack"
	"github.com/minsize/minsize/internal/strip"
	"github.com/minsize/minsize/internal/technique"
)

// rewrite does the plan's rewrites of the finished file and writes it to
// file.Path, with its sizes. The stripped size, by which variants are ranked,
// is found also where symbols are kept.
func (x *Executor) rewrite(ctx context.Context, linked string, r technique.Rewrite, file *ladder.File) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	data, err := os.ReadFile(linked)
	if err != nil {
		return err
	}
	stripped, _, err := strip.Rewrite(data, strip.Options{Level: strip.All})
	if err != nil {
		return fmt.Errorf("stripping: %w", err)
	}
	file.Stripped = int64(len(stripped))
	level, by := strip.Level(0), ""
	switch {
	case r.Layout:
		level, by = strip.Max, "layout"
	case r.SectionHeaders:
		level, by = strip.Sections, "section-headers-out"
	case r.StripSymbols:
		data = stripped
	}
	if level != 0 {
		var report strip.Report
		if data, report, err = strip.Rewrite(data, strip.Options{Level: level}); err != nil {
			return fmt.Errorf("rewriting: %w", err)
		}
		for _, note := range report.Notes {
			file.Notes = append(file.Notes, ladder.Note{About: by, Text: note})
		}
		file.Stripped = int64(len(data))
	}
	if r.Pack != "" {
		packed, packing, err := pack.Pack(data, pack.Options{})
		if err != nil {
			return fmt.Errorf("packing: %w", err)
		}
		file.Notes = append(file.Notes, ladder.Note{About: r.Pack, Text: fmt.Sprintf("pack: about %d ms of CPU time more at each start", packing.Startup.Milliseconds())})
		for _, note := range packing.Notes {
			file.Notes = append(file.Notes, ladder.Note{About: r.Pack, Text: "pack: " + note})
		}
		data = packed
	}
	file.Size = int64(len(data))
	os.Remove(file.Path)
	return os.WriteFile(file.Path, data, 0o777)
}
