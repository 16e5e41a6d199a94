package inspect

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/refgraph"
)

// What has no graph.
var (
	ErrSeveral = errors.New("several programs, which have no common graph")
	ErrNoCode  = errors.New("holds no code")
)

// PackedError says that another packer has the program.
type PackedError struct {
	Path   string
	Unpack string // the command that takes it out
}

func (e *PackedError) Error() string { return e.Path + ": packed; the code is compressed" }

// smallProgram is up to which size time matters more than memory.
const smallProgram = 32 << 20

// Graph opens a program of any format and makes its reference graph, which
// lives as long as l.
func (l *Files) Graph(path string, edges refgraph.WasmEdges, o Options) (*refgraph.Graph, error) {
	m, data, err := l.mapped(path)
	if err != nil {
		return nil, err
	}
	// A short run ends before garbage is worth collecting often; large programs
	// are looked at once, and neither their pages nor garbage stay.
	percent := 400
	if len(m.Data) >= smallProgram {
		percent, o.Forget = 15, m.Forget
	}
	before := debug.SetGCPercent(percent)
	l.restore = func() { debug.SetGCPercent(before) }
	if len(m.Data) > hugeInput {
		softLimit(0, len(m.Data))
	}
	if isWasm(data) {
		g, err := refgraph.FromWasm(data, edges)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return g, nil
	}
	f, err := objfile.Parse(path, data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	switch {
	case f.Format == objfile.Archive || f.Format == objfile.FatMach:
		return nil, fmt.Errorf("%s: %s with %w", path, f.Format, ErrSeveral)
	case f.Kind == objfile.DebugFile || f.Kind == objfile.Core:
		return nil, fmt.Errorf("%s: a %s %w", path, f.Kind, ErrNoCode)
	case refgraph.Packed(data) != "":
		return nil, &PackedError{path, refgraph.Packed(data)}
	}
	if err := l.findNames(path, data, m.Data, &o); err != nil {
		return nil, err
	}
	o.References = true
	p, err := attrib.New(f, o.Options)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if o.Forget != nil {
		o.Forget(data)
	}
	g := refgraph.FromProgram(p)
	g.Notes = append(g.Notes, l.Notes...)
	for _, s := range l.splits { // of which vtables have their names
		if missing := s.Missing(); missing != "" {
			g.Notes = append(g.Notes, "vtables are named by their methods alone: "+missing)
		}
	}
	return g, nil
}

func isWasm(data []byte) bool { return len(data) >= 4 && string(data[:4]) == "\x00asm" }

// IsWasm says whether the file at path begins as a Wasm module.
func IsWasm(path string) bool { return string(byteio.Head(path, 4)) == "\x00asm" }
