package report

import "fmt"

// PackResult is what `minsize pack`, `pack --list`, `pack --test` and
// `minsize unpack` did, and the "data" of minsize.pack/1.
type PackResult struct {
	Verb   string     `json:"verb"` // "pack", "list", "test" or "unpack"
	DryRun bool       `json:"dry_run"`
	Files  []PackFile `json:"files"`
}

// PackFile is one file.
type PackFile struct {
	FileOutcome
	Machine        string          `json:"machine,omitempty"`
	Method         string          `json:"method,omitempty"`
	Original       uint64          `json:"bytes_original"`
	Packed         uint64          `json:"bytes_packed"`
	Parts          []PackPart      `json:"parts"` // of the packed file; their sum is bytes_packed
	Transforms     []string        `json:"transforms"`
	Candidates     []PackCandidate `json:"candidates"`
	StartupSeconds float64         `json:"startup_seconds"` // estimated CPU time that every start costs
}

// NewPackFile begins the report on the file at path.
func NewPackFile(path string) PackFile {
	return PackFile{FileOutcome: FileOutcome{File: path, Notes: []string{}}, Parts: []PackPart{}, Transforms: []string{}, Candidates: []PackCandidate{}}
}

// PackPart is what some bytes of a packed file are for.
type PackPart struct {
	Name  string `json:"name"`
	Bytes uint64 `json:"bytes"`
}

// PackCandidate is a form that was tried; Why is empty for the one taken.
type PackCandidate struct {
	Method string `json:"method"`
	Bytes  uint64 `json:"bytes"`
	Why    string `json:"why,omitempty"`
}

// Document sets the result: a row for each file, its parts below it.
func (p PackResult) Document() *Document {
	table := &Table{Nested: true, Columns: []Column{
		{Name: "file", Flex: true},
		{Name: "original", Kind: Bytes},
		{Name: "packed", Kind: Bytes},
		{Name: "ratio", Kind: Ratio},
		{Name: "method"},
		{Name: "start-up"},
	}}
	block := Block{Table: table}
	estimated := false
	for _, f := range p.Files {
		name := f.name()
		block.Notes = append(block.Notes, f.notes()...)
		if f.Packed == 0 || f.Original == 0 {
			table.Rows = append(table.Rows, Row{Cells: []Cell{name + ": " + f.Status, nil, nil, nil, nil, nil}, Faint: true})
			continue
		}
		if p.Verb == "test" || f.Status == Unchanged {
			name += ": " + f.Status
		}
		startup := ""
		if f.StartupSeconds > 0 {
			estimated = true
			startup = fmt.Sprintf("+%.1f ms", f.StartupSeconds*1e3)
		}
		table.Rows = append(table.Rows, Row{Strong: true, Cells: []Cell{name, f.Original, f.Packed, float64(f.Packed) / float64(f.Original), f.Method, startup}})
		for _, part := range f.Parts {
			table.Rows = append(table.Rows, Row{Depth: 1, Cells: []Cell{part.Name, nil, part.Bytes, nil, nil, nil}})
		}
		for _, c := range f.Candidates {
			if c.Why != "" {
				table.Rows = append(table.Rows, Row{Depth: 1, Faint: true, Cells: []Cell{"tried: " + c.Why, nil, c.Bytes, nil, c.Method, nil}})
			}
		}
	}
	if estimated {
		block.Notes = append(block.Notes, "start-up is the estimated CPU time that unpacking adds to every start")
	}
	title := "minsize " + p.Verb
	if p.Verb == "list" || p.Verb == "test" {
		title = "minsize pack --" + p.Verb
	}
	if p.DryRun {
		title += " (dry run: nothing was written)"
	}
	return &Document{Title: title, Schema: "minsize.pack/1", Data: p, Blocks: []Block{block}}
}
