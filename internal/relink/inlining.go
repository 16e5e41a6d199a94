package relink

// Inlining by choice, in the middle of a pipeline: between its two runs the
// module is small, calls that the first one inlined are gone, and a choice is a
// word behind a call (package tune). Debug information does not survive it,
// which keeps the text the same where only lines have moved.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/minsize/minsize/internal/objedit"
	"github.com/minsize/minsize/internal/tune"
)

// midway runs the first half of the pipeline on cut.ll and reads what it made.
func (p *plan) midway(ctx context.Context, pipeline *Pipeline, scratch string) (*tune.Module, string, error) {
	first, second, ok := pipeline.halves()
	if !ok {
		return nil, "", fmt.Errorf("inlining is not tuned by pipeline %s, which runs once: %w", pipeline.Name, ErrNotApplicable)
	}
	mid := filepath.Join(scratch, "mid.ll")
	if err := p.tool(ctx, p.variant.Codegen.Tools, "opt", "--strip-debug", "--passes="+first, "-S", filepath.Join(scratch, "cut.ll"), "-o", mid); err != nil {
		return nil, "", err
	}
	text, err := os.ReadFile(mid)
	if err != nil {
		return nil, "", err
	}
	return tune.Parse(string(text)), second, nil
}

// inlined makes the variant's choices: the passes that are left to run, and
// the module.
func (p *plan) inlined(ctx context.Context, pipeline *Pipeline, scratch string) (passes, file string, err error) {
	choices, err := tune.ParseChoices(p.variant.Codegen.Inlining)
	if err != nil {
		return "", "", fmt.Errorf("inlining: %w", err)
	}
	module, second, err := p.midway(ctx, pipeline, scratch)
	if err != nil {
		return "", "", err
	}
	text, _ := module.Apply(choices)
	file = filepath.Join(scratch, "tuned.ll")
	return second, file, os.WriteFile(file, []byte(text), 0o666)
}

// Midway is a recorded program in the middle of its variant's pipeline; it
// implements tune.Compiler.
type Midway struct {
	Module      *tune.Module
	PerFunction int64 // bytes that a function costs in tables

	plan    *plan
	second  string
	llc     []string
	scratch string
}

// Midway gets as far as the middle of v's pipeline. The caller calls Close.
func (r *Recording) Midway(ctx context.Context, v Variant) (*Midway, error) {
	pipeline := PipelineByName(v.Codegen.Pipeline)
	bitcode := ""
	for _, in := range r.link.Inputs {
		if in.Bitcode != "" && bitcode != "" {
			return nil, fmt.Errorf("the bitcode is in several pieces: %w", ErrNotApplicable)
		}
		bitcode += in.Bitcode
	}
	if pipeline == nil || bitcode == "" {
		return nil, fmt.Errorf("no bitcode was recorded: %w", ErrNotApplicable)
	}
	if err := os.MkdirAll(codegenCacheIn(r.Dir).dir, 0o777); err != nil {
		return nil, err
	}
	scratch, err := os.MkdirTemp(codegenCacheIn(r.Dir).dir, ".compile-*")
	if err != nil {
		return nil, err
	}
	m := &Midway{plan: &plan{recording: r, flavour: r.flavour, variant: v, scratch: scratch, out: filepath.Join(scratch, "out")}, scratch: scratch}
	p := m.plan
	err = errors.Join(p.inputs(), p.linker(), p.options())
	if err == nil {
		_, err = p.edited(ctx, bitcode, pipeline, scratch, &codegenMeta{})
	}
	if err == nil {
		m.Module, m.second, err = p.midway(ctx, pipeline, scratch)
	}
	if err != nil {
		m.Close()
		return nil, err
	}
	m.llc = v.Codegen.Tools.llc(ctx, p.relocationModel(), pipeline.LLC)
	if m.PerFunction = unwindEntry; p.dropUnwind {
		m.PerFunction = 0
	}
	return m, nil
}

// unwindEntry is what the unwind tables have of a small function: its entry,
// and that of the index.
const unwindEntry = 32

// Close removes what was written on the way.
func (m *Midway) Close() { os.RemoveAll(m.scratch) }

// Compile goes the rest of the way with a module and measures each function.
// Calls may run side by side.
func (m *Midway) Compile(ctx context.Context, module string, trial bool) (map[string]int64, error) {
	scratch, err := os.MkdirTemp(m.scratch, "trial-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	at := func(name string) string { return filepath.Join(scratch, name) }
	if err := os.WriteFile(at("in.ll"), []byte(module), 0o666); err != nil {
		return nil, err
	}
	passes := m.second
	if trial { // without merging equal functions: variants of one may be equal
		passes = strings.TrimSuffix(passes, ",mergefunc")
	}
	p, tools := &plan{}, m.plan.variant.Codegen.Tools // of its own: it counts time
	if err := p.tool(ctx, tools, "opt", "--passes="+passes, at("in.ll"), "-o", at("out.bc")); err != nil {
		return nil, err
	}
	if err := p.tool(ctx, tools, "llc", append([]string{at("out.bc"), "-o", at("out.o")}, m.llc...)...); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(at("out.o"))
	if err != nil {
		return nil, err
	}
	object, err := objedit.Parse("out.o", data, 0)
	if err != nil {
		return nil, err
	}
	return object.Costs(), nil
}
