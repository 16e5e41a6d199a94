package executor

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/minsize/minsize/internal/artefact"
	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/relink"
	"github.com/minsize/minsize/internal/strip"
	"github.com/minsize/minsize/internal/target"
	"github.com/minsize/minsize/internal/technique"
)

// Module is a finished Wasm module, whoever made it, as something to search on.
// There is no build and no link: its names say what may be cut, and all else is
// a rewrite. It implements ladder.Builder and ladder.Suggester.
type Module struct {
	Objective *Objective
	Target    target.Triple // WASI's where the module says so
	Kind      artefact.Kind // a program of WASI's, or a library
	Named     bool          // it carries names of functions

	data    []byte
	scratch string // a folder of this run
	program string // the module as it is, there
	cuts    *relink.Module
}

// OpenModule reads a module. What is made of it lies in the folder scratch. The
// error is strip's where the module cannot be rewritten.
func OpenModule(path string, data []byte, scratch string) (*Module, error) {
	if objfile.WasmComponent(data) {
		return nil, byteio.Refuse("minsize strip --max, which rewrites the modules inside", "a Wasm component, not a core module")
	}
	if _, _, err := strip.Rewrite(data, strip.Options{Level: strip.All}); err != nil {
		return nil, err
	}
	f, err := objfile.Parse(path, data)
	if err != nil {
		return nil, err
	}
	if f.Wasm == nil {
		return nil, byteio.Refuse("a core module", "%s, not a Wasm module", f.Format)
	}
	m := &Module{data: data, scratch: scratch, program: filepath.Join(scratch, filepath.Base(path)), cuts: relink.NewModule(data), Kind: artefact.Cdylib, Target: target.Parse("wasm32-unknown-unknown"),
		Named: slices.ContainsFunc(f.Wasm.Names().Functions, func(name string) bool { return name != "" })}
	starts := slices.ContainsFunc(f.Wasm.Exports, func(e objfile.WasmExport) bool { return e.Name == "_start" && e.Kind == objfile.WasmFunc })
	if starts && slices.ContainsFunc(f.Wasm.Imports, func(i objfile.WasmImport) bool { return i.Module == "wasi_snapshot_preview1" }) {
		m.Kind, m.Target = artefact.Program, target.Parse("wasm32-wasip1")
	}
	return m, os.WriteFile(m.program, data, 0o666) // checks may lay another one where it came from
}

// Facts are what the table asks: a panic of a module aborts, and there is
// nothing that could be built.
func (m *Module) Facts() technique.Facts {
	_, err := exec.LookPath(technique.WasmOpt)
	return technique.Facts{Target: m.Target, Artefact: m.Kind, Panic: "abort", Runs: true, Stripped: !m.Named, WasmOpt: err == nil}
}

// Table is the part of a table that a finished module can have: rewrites, and
// cuts that name something in it.
func (m *Module) Table(all []*technique.Technique) (list []*technique.Technique, err error) {
	facts := m.Facts()
	for _, t := range all {
		switch {
		case t.Foreign(facts):
		case t.Rewrite != nil:
			list = append(list, t)
		case t.ByName && t.Link != nil && len(t.Link.Cuts) > 0: // what was typed says by itself that it met nothing
			list = append(list, t)
		case t.Link != nil && len(t.Link.Cuts) > 0:
			cuts, err := findCuts(t.Link.Cuts)
			if err != nil {
				return nil, err
			}
			if met, err := m.cuts.Meets(cuts[0]); err != nil {
				return nil, err
			} else if met {
				list = append(list, t)
			}
		}
	}
	return list, nil
}

// Build implements ladder.Builder: the module as it is.
func (m *Module) Build(_ context.Context, p technique.Plan) (*ladder.Build, error) {
	return &ladder.Build{Key: p.BuildKey(), Program: m.program, Size: int64(len(m.data))}, nil
}

// Finish implements ladder.Builder.
func (m *Module) Finish(ctx context.Context, _ *ladder.Build, p technique.Plan) (*ladder.File, error) {
	began := time.Now()
	dir := filepath.Join(m.scratch, p.Key())
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	file, data := &ladder.File{Path: filepath.Join(dir, filepath.Base(m.program))}, m.data
	if len(p.Link.Cuts) > 0 {
		cuts, err := findCuts(p.Link.Cuts)
		if err != nil {
			return nil, err
		}
		var outcomes []relink.CutOutcome
		if data, outcomes, err = m.cuts.Cut(cuts); err != nil {
			return nil, err
		}
		file.Notes = cutNotes(outcomes)
	}
	if err := (rewriter{m.Objective, nil}).rewrite(ctx, data, p.Rewrite, file); err != nil {
		return nil, err
	}
	file.Wall = time.Since(began)
	return file, nil
}

// Suggest implements ladder.Suggester.
func (m *Module) Suggest(ctx context.Context, _ *ladder.Build, p technique.Plan) ([]ladder.Suggestion, error) {
	cuts, err := findCuts(p.Link.Cuts)
	if err != nil {
		return nil, err
	}
	found, err := m.cuts.Suggest(cuts)
	if err != nil {
		return nil, err
	}
	return suggestions(ctx, found, ""), nil
}
