package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/byteio"
)

// SchemaError says that a saved report is of another kind.
type SchemaError struct{ Path, Schema, Want string }

func (e *SchemaError) Error() string {
	return fmt.Sprintf("%s: expected the schema %s but got %q", e.Path, e.Want, e.Schema)
}

// IsSaved says whether the file at path begins as a report in JSON does.
func IsSaved(path string) bool {
	head := byteio.Head(path, 512)
	return bytes.HasPrefix(bytes.TrimSpace(head), []byte("{")) && bytes.Contains(head, []byte(`"schema"`))
}

// ReadSize reads what `minsize size --json` saved.
func ReadSize(path string) (*SizeResult, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var saved struct {
		Schema string `json:"schema"`
		SizeResult
	}
	if err := json.Unmarshal(data, &saved); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if saved.Schema != "minsize.size/1" {
		return nil, &SchemaError{path, saved.Schema, "minsize.size/1"}
	}
	return &saved.SizeResult, nil
}

// Total is one line for all files of one side.
func (s *SizeResult) Total(name string) SizeFile {
	if len(s.Files) == 1 {
		return s.Files[0]
	}
	total := SizeFile{Name: name}
	for _, f := range s.Files {
		total.Format, total.Arch, total.Kind = f.Format, f.Arch, f.Kind
		total.File += f.File
		total.Memory += f.Memory
	}
	return total
}

// Clone copies the names, which share the memory of a mapping, so that this can
// be closed.
func (s *SizeResult) Clone() *SizeResult {
	var walk func(rows []attrib.Row)
	walk = func(rows []attrib.Row) {
		for i := range rows {
			rows[i].Name = strings.Clone(rows[i].Name)
			walk(rows[i].Children)
		}
	}
	walk(s.Rows)
	for i := range s.Parts {
		walk(s.Parts[i].Rows)
	}
	return s
}

// NewDiff compares two results with the same views; names are what the two were
// called. Of overviews the parts are compared, too.
func NewDiff(before, after *SizeResult, names [2]string, overview bool) (d *DiffResult, err error) {
	d = &DiffResult{CrateBy: after.CrateBy, Notes: after.Notes, Views: after.Views, Old: before.Total(names[0]), New: after.Total(names[1]), Regions: regionChanges(before.Regions, after.Regions)}
	for _, part := range after.Parts {
		i := slices.IndexFunc(before.Parts, func(p SizePart) bool { return p.View == part.View })
		if i < 0 || !overview {
			continue // a program of Rust and one of C, say
		}
		rows, err := attrib.Diff(before.Parts[i].Rows, part.Rows)
		if err != nil {
			return nil, err
		}
		d.Parts = append(d.Parts, DiffPart{View: part.View, Rows: rows})
	}
	d.Rows, err = attrib.Diff(before.Rows, after.Rows)
	return d, err
}
