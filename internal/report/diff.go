package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/minsize/minsize/internal/attrib"
)

// DiffPart is one table of a comparison.
type DiffPart struct {
	View string           `json:"view"`
	Rows []attrib.DiffRow `json:"rows"`
}

// DiffResult is what `minsize diff` found out.
type DiffResult struct {
	Old     SizeFile         `json:"old"`
	New     SizeFile         `json:"new"`
	Views   []string         `json:"views"`
	CrateBy string           `json:"crate_by,omitempty"`
	Rows    []attrib.DiffRow `json:"rows"`
	Parts   []DiffPart       `json:"parts,omitempty"` // without -d
	Notes   []string         `json:"notes,omitempty"`
}

// Diff turns a comparison into a Document.
func Diff(r *DiffResult, o SizeOptions) *Document {
	d := &Document{Title: r.Old.Name + " → " + r.New.Name, Schema: "minsize.diff/1", Data: r}
	delta := int64(r.New.File) - int64(r.Old.File)
	share := ""
	if r.Old.File > 0 {
		share = fmt.Sprintf(" (%+.2f %%)", 100*float64(delta)/float64(r.Old.File))
	}
	d.Blocks = append(d.Blocks, Block{Text: []string{
		fmt.Sprintf("file: %s → %s bytes, %s%s", thousands(int64(r.Old.File)), thousands(int64(r.New.File)), signedThousands(delta), share),
		fmt.Sprintf("memory: %s → %s bytes, %s", thousands(int64(r.Old.Memory)), thousands(int64(r.New.Memory)), signedThousands(int64(r.New.Memory)-int64(r.Old.Memory))),
	}})
	if len(r.Parts) == 0 {
		d.Blocks = append(d.Blocks, Block{Table: diffTable(r.Rows, r.Views, o)})
	}
	for _, part := range r.Parts {
		d.Blocks = append(d.Blocks, Block{Heading: "By " + part.View, Part: part.View, Table: diffTable(part.Rows, []string{part.View}, o)})
	}
	d.Blocks = append(d.Blocks, Block{Notes: r.Notes})
	tree := diffTree(d.Title, r.Rows, o.Domain)
	d.Tree = &tree
	d.Visual = &Visual{Kind: "treemap", Data: packTree(&tree, r.Views, o.Domain)}
	return d
}

func signedThousands(n int64) string {
	if n > 0 {
		return "+" + thousands(n)
	}
	return thousands(n)
}

func diffTable(rows []attrib.DiffRow, views []string, o SizeOptions) *Table {
	t := &Table{Nested: true}
	if o.Domain != "memory" {
		t.Columns = append(t.Columns, Column{Name: "File", Kind: Delta})
	}
	if o.Domain != "file" {
		t.Columns = append(t.Columns, Column{Name: "Memory", Kind: Delta})
	}
	t.Columns = append(t.Columns, Column{Name: "Old", Kind: Bytes}, Column{Name: "New", Kind: Bytes}, Column{Name: "Change"}, Column{Name: viewTitle(views), Key: "Name", Flex: true})
	line := func(r *attrib.DiffRow, depth int, faint bool) Row {
		var cells []Cell
		if o.Domain != "memory" {
			cells = append(cells, r.File())
		}
		if o.Domain != "file" {
			cells = append(cells, r.Memory())
		}
		was, is := r.OldFile, r.NewFile
		if o.Domain == "memory" {
			was, is = r.OldMemory, r.NewMemory
		}
		return Row{Depth: depth, Cells: append(cells, was, is, string(r.Change), r.Name), Faint: faint}
	}
	var total attrib.DiffRow
	for i := range rows {
		addDiff(&total, &rows[i])
	}
	var add func(rows []attrib.DiffRow, depth int)
	add = func(rows []attrib.DiffRow, depth int) {
		rows = sortDiff(rows, o)
		n := len(rows)
		if o.N > 0 && n > o.N {
			n = o.N
		}
		for i := range rows[:n] {
			t.Rows = append(t.Rows, line(&rows[i], depth, false))
			add(rows[i].Children, depth+1)
		}
		if rest := rows[n:]; len(rest) > 0 {
			r := attrib.DiffRow{Name: fmt.Sprintf("[%s others]", thousands(int64(len(rest))))}
			for i := range rest {
				addDiff(&r, &rest[i])
			}
			t.Rows = append(t.Rows, line(&r, depth, true))
		}
	}
	add(rows, 0)
	total.Name = "total of what changed"
	t.Footer = line(&total, 0, false).Cells
	return t
}

func addDiff(sum, r *attrib.DiffRow) {
	sum.OldFile += r.OldFile
	sum.NewFile += r.NewFile
	sum.OldMemory += r.OldMemory
	sum.NewMemory += r.NewMemory
}

func sortDiff(rows []attrib.DiffRow, o SizeOptions) []attrib.DiffRow {
	switch {
	case o.Sort == "name":
		rows = slices.Clone(rows)
		slices.SortStableFunc(rows, func(a, b attrib.DiffRow) int { return cmp.Compare(a.Name, b.Name) })
	case o.Sort == "memory" || o.Domain == "memory":
		rows = slices.Clone(rows)
		slices.SortStableFunc(rows, func(a, b attrib.DiffRow) int { return cmp.Compare(magnitude(b.Memory()), magnitude(a.Memory())) })
	}
	return rows
}

func magnitude(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}

// diffTree: the area of a change is its size, whatever its sign, so that what
// grew and what shrank both are seen.
func diffTree(name string, rows []attrib.DiffRow, domain string) Tree {
	t := Tree{Name: name, Compared: true}
	for i := range rows {
		r := &rows[i]
		delta := r.File()
		if domain == "memory" {
			delta = r.Memory()
		}
		c := diffTree(r.Name, r.Children, domain)
		c.Delta = delta
		if len(r.Children) == 0 {
			c.Size = magnitude(delta)
		}
		if c.Size > 0 {
			t.Children = append(t.Children, c)
		}
		t.Size += c.Size
		t.Delta += delta
	}
	slices.SortStableFunc(t.Children, func(a, b Tree) int { return cmp.Compare(b.Size, a.Size) })
	return t
}
