package report

import (
	"fmt"

	"github.com/minsize/minsize/internal/ladder"
)

// StripResult is what `minsize strip` did to its files, and the "data" of
// minsize.strip/1.
type StripResult struct {
	Level  string      `json:"level"`
	DryRun bool        `json:"dry_run"`
	Files  []StripFile `json:"files"`
	Before uint64      `json:"bytes_before"` // of the files that were not refused
	After  uint64      `json:"bytes_after"`
}

// FileOutcome is what became of a file that was to be rewritten. Refused and
// failed have Error and maybe Hint instead of sizes.
type FileOutcome struct {
	File   string   `json:"file"`
	Output string   `json:"output,omitempty"` // where it is another file
	Status string   `json:"status"`
	Notes  []string `json:"notes"`
	Error  string   `json:"error,omitempty"`
	Hint   string   `json:"hint,omitempty"`
}

// What a file's Status may be.
const (
	Stripped  = "stripped"
	Rewritten = "rewritten" // a package
	Left      = "left"      // a file of a package, by --leave
	Packed    = "packed"
	Unpacked  = "unpacked"
	Intact    = "intact"    // pack --list, --test
	Unchanged = "unchanged" // it is not worth it; for pack Notes say why
	Refused   = "refused"
	Failed    = "failed"
)

// name is the file, and where it went.
func (f *FileOutcome) name() string {
	if f.Output != "" {
		return f.File + " -> " + f.Output
	}
	return f.File
}

// notes are the file's, for a report on several.
func (f *FileOutcome) notes() (list []string) {
	for _, n := range f.Notes {
		list = append(list, fmt.Sprintf("%s: %s", f.File, n))
	}
	return list
}

// StripFile is one file.
type StripFile struct {
	FileOutcome
	Format  string        `json:"format,omitempty"`
	Machine string        `json:"machine,omitempty"`
	Before  uint64        `json:"bytes_before"`
	After   uint64        `json:"bytes_after"`
	Removed []StripReason `json:"removed"`

	Compressed []ladder.Transfer `json:"compressed,omitempty"`
}

// NewStripFile begins the report on the file at path.
func NewStripFile(path string) StripFile {
	return StripFile{FileOutcome: FileOutcome{File: path, Notes: []string{}}, Removed: []StripReason{}}
}

// StripReason is a number of bytes with why they went; negative where
// something was added. They sum to Before - After.
type StripReason struct {
	Reason string `json:"reason"`
	Bytes  int64  `json:"bytes"`
}

// Document sets the result: a row for each file, the reasons below it.
func (s StripResult) Document() *Document {
	table := &Table{Nested: true, Columns: []Column{
		{Name: "file, why", Flex: true},
		{Name: "before", Kind: Bytes},
		{Name: "after", Kind: Bytes},
		{Name: "saved", Kind: Bytes},
		{Name: "of file", Key: "share", Kind: Percent},
	}}
	block := Block{Table: table}
	for _, f := range s.Files {
		switch f.Status {
		case Refused, Failed:
			table.Rows = append(table.Rows, Row{Cells: []Cell{f.File + ": " + f.Status, nil, nil, nil, nil}, Faint: true})
			continue
		case Unchanged:
			table.Rows = append(table.Rows, Row{Cells: []Cell{f.File + ": nothing to do", f.Before, f.After, 0, 0.0}, Faint: true})
		default:
			table.Rows = append(table.Rows, Row{Cells: []Cell{f.name(), f.Before, f.After, int64(f.Before) - int64(f.After), share(f.Before, f.After)}, Strong: true})
			for _, r := range f.Removed {
				table.Rows = append(table.Rows, Row{Depth: 1, Cells: []Cell{r.Reason, nil, nil, r.Bytes, nil}})
			}
			for _, t := range f.Compressed {
				table.Rows = append(table.Rows, Row{Depth: 1, Cells: []Cell{"as " + t.As, t.Before, t.After, t.Before - t.After, share(uint64(t.Before), uint64(t.After))}})
			}
		}
		block.Notes = append(block.Notes, f.notes()...)
	}
	if len(s.Files) > 1 {
		table.Footer = []Cell{fmt.Sprintf("%d files", len(s.Files)), s.Before, s.After, int64(s.Before) - int64(s.After), share(s.Before, s.After)}
	}
	if s.DryRun {
		block.Notes = append(block.Notes, "dry run: nothing was written")
	}
	return &Document{Title: "minsize strip, level " + s.Level, Schema: "minsize.strip/1", Data: s, Blocks: []Block{block}}
}

func share(before, after uint64) float64 {
	if before == 0 {
		return 0
	}
	return 1 - float64(after)/float64(before)
}
