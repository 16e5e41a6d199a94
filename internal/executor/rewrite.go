package executor

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/pack"
	"github.com/minsize/minsize/internal/strip"
	"github.com/minsize/minsize/internal/technique"
)

// rewrite does the plan's rewrites of the finished file and writes it to
// file.Path, with its sizes.
func (x *Executor) rewrite(ctx context.Context, linked string, r technique.Rewrite, file *ladder.File) error {
	data, err := os.ReadFile(linked)
	if err != nil {
		return err
	}
	return rewriter{x.Objective, rustcFeatures}.rewrite(ctx, data, r, file)
}

// rewriter rewrites what is linked.
type rewriter struct {
	objective *Objective // nil: the file itself
	features  []string   // Wasm features that an optimiser may use, as wasm-opt's flags
}

// rewrite writes data to file.Path as r has it. The stripped size, by which
// variants are ranked, is found also where symbols are kept.
func (w rewriter) rewrite(ctx context.Context, data []byte, r technique.Rewrite, file *ladder.File) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	stripped, _, err := strip.Rewrite(data, strip.Options{Level: strip.All})
	if err != nil {
		return fmt.Errorf("stripping: %w", err)
	}
	level, by := strip.Level(0), ""
	if r.Optimizer != "" {
		if stripped, err = w.optimized(ctx, r.Optimizer, stripped, file.Path); err != nil {
			return err
		}
		data = stripped
	}
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
		stripped = data
	}
	file.Bare = int64(len(stripped))
	if file.Stripped, err = w.objective.size(stripped); err != nil {
		return err
	}
	file.Filled = filled(stripped)
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
	if file.Raw, file.Size = int64(len(data)), file.Stripped; !bytes.Equal(data, stripped) {
		if file.Size, err = w.objective.size(data); err != nil {
			return err
		}
	}
	os.Remove(file.Path)
	return os.WriteFile(file.Path, data, 0o777)
}

// filled is what a Windows program has in its sections, which lie in blocks of
// 512 bytes of its file; 0 for other formats.
func filled(data []byte) (sum int64) {
	f, err := objfile.Parse("", data)
	if err != nil || f.Format != objfile.PE {
		return 0
	}
	for _, s := range f.Sections {
		sum += int64(min(s.MemSize, s.FileSize)) + objfile.PESectionHeaderSize
	}
	return sum
}

// rustcFeatures are what rustc compiles Wasm with unless told otherwise; a
// module does not say so once it is stripped. Without them wasm-opt refuses it.
var rustcFeatures = []string{"--enable-bulk-memory", "--enable-sign-ext", "--enable-nontrapping-float-to-int", "--enable-multivalue",
	"--enable-mutable-globals", "--enable-reference-types", "--enable-simd"}

// optimized is a module as a tool that is not ours makes it smaller; beside is
// where its files may lie.
func (w rewriter) optimized(ctx context.Context, tool string, data []byte, beside string) ([]byte, error) {
	in, out := beside+".in", beside+".out"
	defer os.Remove(in)
	defer os.Remove(out)
	if err := os.WriteFile(in, data, 0o666); err != nil {
		return nil, err
	}
	said, err := exec.CommandContext(ctx, tool, append([]string{"-Oz", "--converge", in, "-o", out}, w.features...)...).CombinedOutput()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		line, _, _ := strings.Cut(strings.TrimSpace(string(said)), "\n")
		return nil, fmt.Errorf("%s: %w: %s", tool, err, line)
	}
	return os.ReadFile(out)
}
