package wasmedit

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/objfile"
)

// startNames are exports that hosts call without being told: WASI's commands
// and reactors.
var startNames = []string{"_start", "_initialize"}

// ExportError says that a module does not export what is to be kept.
type ExportError struct {
	Name     string
	Exported []string
}

func (e *ExportError) Error() string {
	list := strings.Join(e.Exported[:min(len(e.Exported), 8)], ", ")
	if n := len(e.Exported); n > 8 {
		list += fmt.Sprintf(" and %d more", n-8)
	}
	return fmt.Sprintf("it does not export %q: it exports %s", e.Name, list)
}

// Exporting is the module with the exports of names alone, and with those that
// hosts look for without being told: _start, _initialize, memories, tables and
// tags. Nothing else changes. Errors: *ExportError, or what is wrong with the
// module.
func Exporting(data []byte, names []string) ([]byte, error) {
	f, err := objfile.Parse("", data)
	if err != nil {
		return nil, err
	}
	if f.Wasm == nil {
		return nil, left("it is no core module")
	}
	var exported []string
	var kept [][]byte
	for _, x := range f.Wasm.Exports {
		exported = append(exported, x.Name)
		owned := x.Kind == objfile.WasmFunc || x.Kind == objfile.WasmGlobalKind
		if !owned || slices.Contains(names, x.Name) || slices.Contains(startNames, x.Name) {
			kept = append(kept, data[x.Offset:x.Offset+x.Size])
		}
	}
	for _, name := range names {
		if !slices.Contains(exported, name) {
			return nil, &ExportError{name, exported}
		}
	}
	var out []byte
	run := uint64(0)
	for _, s := range f.Wasm.Sections {
		if s.ID != 7 {
			continue
		}
		out = append(out, data[run:s.Header]...)
		if body := vector(kept); len(body) > 0 {
			out = binary.AppendUvarint(append(out, 7), uint64(len(body)))
			out = append(out, body...)
		}
		run = s.Offset + s.Size
	}
	return append(out, data[run:]...), nil
}
