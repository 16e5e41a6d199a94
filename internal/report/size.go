package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/minsize/minsize/internal/arrange"
	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/region"
)

// SizeFile is one file of a size report.
type SizeFile struct {
	Name   string `json:"name"`
	Format string `json:"format"`
	Arch   string `json:"arch"`
	Kind   string `json:"kind"`
	File   uint64 `json:"file"`
	Memory uint64 `json:"memory"`

	Compressed []ladder.Transfer `json:"compressed,omitempty"`
}

// SizePart is one of the tables of the overview.
type SizePart struct {
	Heading string       `json:"heading"`
	View    string       `json:"view"`
	Rows    []attrib.Row `json:"rows"`
}

// SizeResult is what `minsize size` found out, before any format.
type SizeResult struct {
	Files    []SizeFile          `json:"files"`
	Views    []string            `json:"views"`
	CrateBy  string              `json:"crate_by,omitempty"`
	Rows     []attrib.Row        `json:"rows"`
	Parts    []SizePart          `json:"parts,omitempty"`    // the overview; empty when views were asked for
	Findings []attrib.Finding    `json:"findings,omitempty"` // of the overview
	Shipped  *SizeShipped        `json:"as_shipped,omitempty"`
	LeftOut  uint64              `json:"left_out,omitempty"` // bytes that the filter left out
	Notes    []string            `json:"notes,omitempty"`
	Locked   map[string][]string `json:"locked,omitempty"`  // versions of the project's crates in Cargo.lock, for gate
	Regions  []region.Use        `json:"regions,omitempty"` // of a bare machine, in the order of the rows' regions
	Outside  uint64              `json:"outside,omitempty"` // bytes in none of them

	packages bool // what owns code are packages, and no crates
}

// SizeShipped is what strip takes away from the file that was measured.
type SizeShipped struct {
	File    uint64 `json:"file"`    // bytes as shipped
	Removed uint64 `json:"removed"` // symbols and debug information
}

// SizeOptions is how the rows are shown.
type SizeOptions struct {
	N      int    // rows of each level, 0 for all
	Sort   string // file, memory, both or name
	Domain string // file, memory, both or regions
	Full   bool   // JSON and CSV have all rows unless N was asked for

	packages bool // of the result
	regions  []region.Use
}

// Size turns a result into a Document.
func Size(s *SizeResult, o SizeOptions) *Document {
	o.packages, o.regions = s.packages, s.Regions
	d := &Document{Title: sizeTitle(s), Schema: "minsize.size/1", Data: s}
	head := Block{Text: sizeHead(s)}
	if len(s.Regions) > 0 {
		head.Table = regionsTable(s.Regions)
		head.Notes = regionNotes(s)
		d.Blocks = append(d.Blocks, head)
		head = Block{}
	}
	if len(s.Parts) == 0 {
		head.Table = sizeTable(s.Rows, s.Views, o, false)
		head.Notes = s.Notes
		d.Blocks = append(d.Blocks, head)
	} else {
		if len(s.Regions) == 0 {
			d.Blocks = append(d.Blocks, head)
		}
		for i, part := range s.Parts {
			po := o
			if po.N == 0 && !o.Full {
				po.N = []int{6, 5, 5}[min(i, 2)]
			}
			d.Blocks = append(d.Blocks, Block{Heading: part.Heading, Part: part.View, Table: sizeTable(part.Rows, []string{part.View}, po, i > 0)})
		}
		if len(s.Findings) > 0 {
			d.Blocks = append(d.Blocks, Block{Heading: "Worth acting on", Part: "findings", Table: findingsTable(s.Findings)})
		}
		if len(s.Notes) > 0 {
			d.Blocks = append(d.Blocks, Block{Notes: s.Notes})
		}
	}
	d.draw(s.Views, o.Domain, func() Tree { return sizeTree(sizeTitle(s), s.Rows, o.Domain) })
	return d
}

func sizeTitle(s *SizeResult) string {
	var names []string
	for _, f := range s.Files {
		names = append(names, f.Name)
	}
	if len(names) > 3 {
		names = append(names[:3], fmt.Sprintf("and %d others", len(s.Files)-3))
	}
	return strings.Join(names, ", ")
}

func sizeHead(s *SizeResult) []string {
	var lines []string
	for _, f := range s.Files {
		if len(lines) == 4 && len(s.Files) > 5 {
			lines = append(lines, fmt.Sprintf("and %d more files", len(s.Files)-4))
			break
		}
		lines = append(lines, fmt.Sprintf("%s: %s %s %s, %s bytes in the file, %s in memory",
			f.Name, f.Format, f.Arch, f.Kind, thousands(int64(f.File)), thousands(int64(f.Memory))))
		for i, t := range f.Compressed {
			lines[len(lines)-1] += fmt.Sprintf("%s %s as %s", []string{";", ","}[min(i, 1)], thousands(t.After), t.As)
		}
	}
	if s.Shipped != nil && len(s.Regions) == 0 {
		lines = append(lines, fmt.Sprintf("as shipped (stripped): %s bytes; strip takes %s of symbols and debug information away",
			thousands(int64(s.Shipped.File)), thousands(int64(s.Shipped.Removed))))
	}
	return lines
}

// size of a row in the domain that is shown.
func sizeOf(r *attrib.Row, domain string) uint64 {
	switch domain {
	case "memory":
		return r.Memory
	case "regions":
		n := uint64(0)
		for _, part := range r.Regions {
			n += part
		}
		return n
	}
	return r.File
}

func sizeTable(rows []attrib.Row, views []string, o SizeOptions, short bool) *Table {
	domain := domainColumns(o)
	t := &Table{Nested: true, Columns: domain.columns}
	counted := len(views) > 0 && views[0] == "generics"
	if counted {
		t.Columns = append(t.Columns, Column{Name: "Copies", Kind: Count})
	}
	t.Columns = append(t.Columns, Column{Name: viewTitle(views, o), Key: "Name", Flex: true})
	var total attrib.Row
	for i := range rows {
		addRow(&total, &rows[i])
	}
	// Shares are of what is shipped: what strip removes has none.
	whole := float64(sizeOf(&total, o.Domain))
	for i := range rows {
		if rows[i].Name == attrib.RemovedByStrip {
			whole -= float64(sizeOf(&rows[i], o.Domain))
		}
	}
	line := func(r *attrib.Row, depth int, faint bool) Row {
		var share Cell
		if whole > 0 && r.Name != attrib.RemovedByStrip {
			share = float64(sizeOf(r, o.Domain)) / whole
		}
		if r == &total && uint64(whole) != sizeOf(&total, o.Domain) {
			share = nil
		}
		cells := domain.cells(r, share)
		if counted {
			cells = append(cells, r.Items)
		}
		return Row{Depth: depth, Cells: append(cells, r.Name), Faint: faint}
	}
	var add func(rows []attrib.Row, depth int)
	add = func(rows []attrib.Row, depth int) {
		rows = domain.only(sortRows(rows, o.Sort))
		if depth == 0 {
			rows = removedFirst(rows)
		}
		if short {
			rows = sectionsLast(rows)
		}
		n := len(rows)
		if o.N > 0 && n > o.N {
			n = o.N
		}
		for i := range rows[:n] {
			t.Rows = append(t.Rows, line(&rows[i], depth, false))
			add(rows[i].Children, depth+1)
		}
		if rest := rows[n:]; len(rest) > 0 {
			var r attrib.Row
			others := 0
			for i := range rest {
				others += max(1, rest[i].Others)
				addRow(&r, &rest[i])
				r.Items += rest[i].Items
			}
			r.Name = fmt.Sprintf("[%s others]", thousands(int64(others)))
			t.Rows = append(t.Rows, line(&r, depth, true))
		}
	}
	add(rows, 0)
	total.Name = "total"
	if !short {
		t.Footer = line(&total, 0, false).Cells
	}
	return t
}

// removedFirst puts what strip takes away above the rest, apart.
func removedFirst(rows []attrib.Row) []attrib.Row {
	i := slices.IndexFunc(rows, func(r attrib.Row) bool { return r.Name == attrib.RemovedByStrip })
	if i <= 0 {
		return rows
	}
	return slices.Concat(rows[i:i+1], rows[:i], rows[i+1:])
}

// sectionsLast moves rows that are sections and padding rather than functions
// or crates behind the others: an overview has better use for its lines.
func sectionsLast(rows []attrib.Row) []attrib.Row {
	var named, sections []attrib.Row
	for _, r := range rows {
		if strings.HasPrefix(r.Name, "[section ") || r.Name == "[Padding]" {
			sections = append(sections, r)
		} else {
			named = append(named, r)
		}
	}
	return append(named, sections...)
}

// viewTitle is the heading of the names' column.
func viewTitle(views []string, o SizeOptions) string {
	title := strings.Join(views, " > ")
	if o.packages {
		title = strings.ReplaceAll(title, "crates", "packages")
	}
	return title
}

// sortRows orders one level; the rows come largest file bytes first.
func sortRows(rows []attrib.Row, by string) []attrib.Row {
	var less func(a, b attrib.Row) int
	switch by {
	case "memory":
		less = func(a, b attrib.Row) int { return cmp.Compare(b.Memory, a.Memory) }
	case "both":
		less = func(a, b attrib.Row) int { return cmp.Compare(max(b.File, b.Memory), max(a.File, a.Memory)) }
	case "regions":
		less = func(a, b attrib.Row) int { return cmp.Compare(sizeOf(&b, by), sizeOf(&a, by)) }
	case "name":
		less = func(a, b attrib.Row) int { return cmp.Compare(a.Name, b.Name) }
	default:
		return rows
	}
	rows = slices.Clone(rows)
	arrange.Stable(rows, less)
	return rows
}

func findingsTable(findings []attrib.Finding) *Table {
	t := &Table{Columns: []Column{{Name: "Bytes", Key: "File", Kind: Bytes}, {Name: "Finding", Key: "Name"}, {Name: "What to do", Key: "Advice", Flex: true, Wrap: true}}}
	for _, f := range findings {
		t.Rows = append(t.Rows, Row{Cells: []Cell{f.Bytes, GroupDigits(f.Title), f.Advice}})
	}
	return t
}

// sizeTree turns rows into the figure's tree.
func sizeTree(name string, rows []attrib.Row, domain string) Tree {
	t := Tree{Name: name, Children: make([]Tree, 0, len(rows))}
	for i := range rows {
		c := sizeTree(rows[i].Name, rows[i].Children, domain)
		c.Size = int64(sizeOf(&rows[i], domain))
		t.Size += c.Size
		if c.Size > 0 {
			t.Children = append(t.Children, c)
		}
	}
	return t
}

// packedTree is the figure's input: columns of numbers, names once each. A
// program of 100,000 functions stays a page of a few megabytes.
type packedTree struct {
	Names  []string `json:"names"`
	Name   []int32  `json:"name"`   // of each node, index into names
	Parent []int32  `json:"parent"` // -1 for the root; parents come first
	Size   []int64  `json:"size"`
	Delta  []int64  `json:"delta,omitempty"`
	Views  []string `json:"views"`
	Domain string   `json:"domain"`
}

// draw gives a document the figures of a tree.
func (d *Document) draw(views []string, domain string, make func() Tree) {
	tree := sync.OnceValue(func() *Tree { t := make(); return &t })
	d.Tree = tree
	d.Visual = &Visual{Kind: "treemap", Data: func() any { return packTree(tree(), views, domain) }}
}

func packTree(t *Tree, views []string, domain string) *packedTree {
	p := &packedTree{Views: views, Domain: domain}
	seen := map[string]int32{}
	var walk func(t *Tree, parent int32)
	walk = func(t *Tree, parent int32) {
		id, ok := seen[t.Name]
		if !ok {
			id = int32(len(p.Names))
			seen[t.Name] = id
			p.Names = append(p.Names, t.Name)
		}
		at := int32(len(p.Name))
		p.Name = append(p.Name, id)
		p.Parent = append(p.Parent, parent)
		p.Size = append(p.Size, t.Size)
		if t.Compared {
			p.Delta = append(p.Delta, t.Delta)
		}
		for i := range t.Children {
			walk(&t.Children[i], at)
		}
	}
	walk(t, -1)
	return p
}
