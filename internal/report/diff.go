package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/minsize/minsize/internal/arrange"
	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/refgraph"
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
	Regions []RegionChange   `json:"regions,omitempty"` // of a bare machine, in the order of the rows' regions

	// By item of the reference graph, as Twiggy compares.
	Items     []ItemChange `json:"items,omitempty"`
	Remaining *ItemSum     `json:"remaining,omitempty"` // items that a limit left out
	Total     *ItemSum     `json:"total,omitempty"`
}

// ItemChange is an item whose size changed, with Twiggy's names of fields.
type ItemChange struct {
	Name  string `json:"name"`
	Delta int64  `json:"delta_bytes"`
	Old   uint64 `json:"old_bytes"`
	New   uint64 `json:"new_bytes"`
}

// Row is the item as a row of a view, for figures and readers of rows.
func (x *ItemChange) Row() attrib.DiffRow {
	change := attrib.Grown
	switch {
	case x.Old == 0:
		change = attrib.Added
	case x.New == 0:
		change = attrib.Gone
	case x.Delta < 0:
		change = attrib.Shrunk
	}
	return attrib.DiffRow{Name: x.Name, Change: change, OldFile: x.Old, NewFile: x.New}
}

// ItemSum sums changes of items.
type ItemSum struct {
	Rows  int   `json:"rows"`
	Delta int64 `json:"delta_bytes"`
}

// SetItems puts a comparison by item into the result.
func (r *DiffResult) SetItems(d *refgraph.ItemDiff) {
	r.Items = []ItemChange{}
	for i := range d.Rows {
		x := &d.Rows[i]
		r.Items = append(r.Items, ItemChange{x.Name, x.Delta(), x.Old, x.New})
	}
	r.Total = &ItemSum{d.All.Count, d.All.Bytes}
	if d.Rest.Count > 0 {
		r.Remaining = &ItemSum{d.Rest.Count, d.Rest.Bytes}
	}
}

// itemsTable has Twiggy's columns and rows, and behind them what they come from.
func itemsTable(r *DiffResult) *Table {
	t := &Table{Columns: []Column{{Name: "DeltaBytes", Only: Programs}, {Name: "Item", Only: Programs}, {Name: "Delta Bytes", Kind: Delta, Only: People},
		{Name: "Old", Key: "OldBytes", Kind: Count}, {Name: "New", Key: "NewBytes", Kind: Count}, {Name: "Item", Flex: true, Only: People}}}
	row := func(delta int64, before, after Cell, name string) {
		t.Rows = append(t.Rows, Row{Cells: []Cell{delta, name, signedThousands(delta), before, after, name}, Faint: before == nil})
	}
	for _, x := range r.Items {
		row(x.Delta, x.Old, x.New, x.Name)
	}
	if r.Remaining != nil {
		row(r.Remaining.Delta, nil, nil, fmt.Sprintf("... and %d more.", r.Remaining.Rows))
	}
	row(r.Total.Delta, nil, nil, fmt.Sprintf("Σ [%d Total Rows]", r.Total.Rows))
	return t
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
	if r.Old.Memory == 0 && r.New.Memory == 0 { // a module says nothing of its memory
		d.Blocks[0].Text = d.Blocks[0].Text[:1]
	}
	for _, c := range r.Regions {
		o.regions = append(o.regions, c.New)
		d.Blocks[0].Text = append(d.Blocks[0].Text, c.line())
	}
	if r.Total != nil {
		d.Blocks = append(d.Blocks, Block{Table: itemsTable(r)})
	} else if len(r.Parts) == 0 {
		d.Blocks = append(d.Blocks, Block{Table: diffTable(r.Rows, r.Views, o)})
	}
	for _, part := range r.Parts {
		if r.Total != nil {
			break
		}
		d.Blocks = append(d.Blocks, Block{Heading: "By " + viewTitle([]string{part.View}, o), Part: part.View, Table: diffTable(part.Rows, []string{part.View}, o)})
	}
	d.Blocks = append(d.Blocks, Block{Notes: r.Notes})
	d.draw(r.Views, o.Domain, func() Tree { return diffTree(d.Title, r.Rows, o.Domain) })
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
	byRegion := o.Domain == "regions"
	if o.Domain != "memory" && !byRegion {
		t.Columns = append(t.Columns, Column{Name: "File", Kind: Delta})
	}
	if o.Domain != "file" && !byRegion {
		t.Columns = append(t.Columns, Column{Name: "Memory", Kind: Delta})
	}
	if byRegion {
		for _, u := range o.regions {
			t.Columns = append(t.Columns, Column{Name: u.Name, Kind: Delta})
		}
	}
	if !byRegion {
		t.Columns = append(t.Columns, Column{Name: "Old", Kind: Bytes}, Column{Name: "New", Kind: Bytes})
	}
	t.Columns = append(t.Columns, Column{Name: "Change"}, Column{Name: viewTitle(views, o), Key: "Name", Flex: true})
	line := func(r *attrib.DiffRow, depth int, faint bool) Row {
		var cells []Cell
		if o.Domain != "memory" && !byRegion {
			cells = append(cells, r.File())
		}
		if o.Domain != "file" && !byRegion {
			cells = append(cells, r.Memory())
		}
		if byRegion {
			for i := range o.regions {
				n := int64(0)
				if i < len(r.Regions) {
					n = r.Regions[i]
				}
				cells = append(cells, n)
			}
		}
		switch o.Domain {
		case "regions":
		case "memory":
			cells = append(cells, r.OldMemory, r.NewMemory)
		default:
			cells = append(cells, r.OldFile, r.NewFile)
		}
		return Row{Depth: depth, Cells: append(cells, string(r.Change), r.Name), Faint: faint}
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
	if sum.Regions == nil && r.Regions != nil {
		sum.Regions = make([]int64, len(r.Regions))
	}
	for i := range min(len(sum.Regions), len(r.Regions)) {
		sum.Regions[i] += r.Regions[i]
	}
}

func sortDiff(rows []attrib.DiffRow, o SizeOptions) []attrib.DiffRow {
	switch {
	case o.Sort == "name":
		rows = slices.Clone(rows)
		arrange.Stable(rows, func(a, b attrib.DiffRow) int { return cmp.Compare(a.Name, b.Name) })
	case o.Domain == "regions":
		rows = slices.Clone(rows)
		arrange.Stable(rows, func(a, b attrib.DiffRow) int { return cmp.Compare(regionChange(&b), regionChange(&a)) })
		rows = slices.DeleteFunc(rows, func(r attrib.DiffRow) bool { return regionChange(&r) == 0 })
	case o.Sort == "memory" || o.Domain == "memory":
		rows = slices.Clone(rows)
		arrange.Stable(rows, func(a, b attrib.DiffRow) int { return cmp.Compare(magnitude(b.Memory()), magnitude(a.Memory())) })
	}
	return rows
}

// regionChange is how much of any memory a row gained or lost.
func regionChange(r *attrib.DiffRow) (n int64) {
	for _, part := range r.Regions {
		n += magnitude(part)
	}
	return n
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
	arrange.Stable(t.Children, func(a, b Tree) int { return cmp.Compare(b.Size, a.Size) })
	return t
}
