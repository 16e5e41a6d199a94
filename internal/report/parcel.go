package report

import "fmt"

// ParcelResult is what `minsize wheel` or `minsize npm` did to its packages, and
// the "data" of minsize.package/1.
type ParcelResult struct {
	Verb     string   `json:"verb"` // "wheel" or "npm"
	Level    string   `json:"level"`
	DryRun   bool     `json:"dry_run"`
	Packages []Parcel `json:"packages"`
}

// Parcel is one package.
type Parcel struct {
	FileOutcome
	Before         uint64      `json:"bytes_before"` // of the package
	After          uint64      `json:"bytes_after"`
	UnpackedBefore uint64      `json:"native_bytes_before"` // of its native files
	UnpackedAfter  uint64      `json:"native_bytes_after"`
	SHA256         string      `json:"sha256,omitempty"`    // of the package, as pip's --hash takes it
	Integrity      string      `json:"integrity,omitempty"` // the same as npm's lock files write it
	Files          []StripFile `json:"files"`               // the native ones
	Checked        int         `json:"checks_passed"`
}

// NewParcel begins the report on the package at path.
func NewParcel(path string) Parcel {
	return Parcel{FileOutcome: FileOutcome{File: path, Notes: []string{}}, Files: []StripFile{}}
}

// Seal takes what came out.
func (p *Parcel) Seal(out []byte, sha256, integrity string) {
	p.After, p.SHA256, p.Integrity = uint64(len(out)), sha256, integrity
	p.Status = Unchanged
	for _, f := range p.Files {
		p.UnpackedBefore += f.Before
		p.UnpackedAfter += f.After
		if f.Status == Stripped {
			p.Status = Rewritten
		}
	}
}

// Document sets the result: a row for each package, its native files below it.
func (s ParcelResult) Document() *Document {
	table := &Table{Nested: true, Columns: []Column{
		{Name: "package, file", Flex: true},
		{Name: "before", Kind: Bytes},
		{Name: "after", Kind: Bytes},
		{Name: "saved", Kind: Bytes},
		{Name: "of it", Key: "share", Kind: Percent},
	}}
	block := Block{Table: table}
	row := func(depth int, name string, before, after uint64) Row {
		return Row{Depth: depth, Cells: []Cell{name, before, after, int64(before) - int64(after), share(before, after)}}
	}
	for _, p := range s.Packages {
		if p.Status == Refused || p.Status == Failed {
			table.Rows = append(table.Rows, Row{Cells: []Cell{p.File + ": " + p.Status, nil, nil, nil, nil}, Faint: true})
			continue
		}
		name := p.name()
		if p.Status == Unchanged {
			name += ": nothing to do"
		}
		top := row(0, name, p.Before, p.After)
		top.Strong = p.Status == Rewritten
		table.Rows = append(table.Rows, top)
		var said []string
		files := map[string]int{}
		for _, f := range p.Files {
			table.Rows = append(table.Rows, row(1, f.File, f.Before, f.After))
			for _, n := range f.Notes {
				if files[n]++; files[n] == 1 {
					said = append(said, n)
				}
			}
		}
		for _, n := range said {
			if files[n] > 1 {
				n = fmt.Sprintf("%s (%d files)", n, files[n])
			}
			block.Notes = append(block.Notes, n)
		}
		block.Notes = append(block.Notes, p.Notes...)
		if p.Checked > 0 {
			block.Notes = append(block.Notes, fmt.Sprintf("%d of %d checks passed before and after", p.Checked, p.Checked))
		}
		if hash := p.hash(s.Verb); hash != "" && p.Status == Rewritten {
			block.Notes = append(block.Notes, hash)
		}
	}
	if s.DryRun {
		block.Notes = append(block.Notes, "dry run: nothing was written")
	}
	return &Document{Title: fmt.Sprintf("minsize %s, level %s", s.Verb, s.Level), Schema: "minsize.package/1", Data: s, Blocks: []Block{block}}
}

// hash is what requirement files and lock files hold of the package.
func (p *Parcel) hash(verb string) string {
	if verb == "npm" {
		return "integrity " + p.Integrity
	}
	return "--hash=sha256:" + p.SHA256
}
