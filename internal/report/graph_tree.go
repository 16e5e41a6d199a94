package report

import (
	"fmt"
	"strings"

	"github.com/minsize/minsize/internal/refgraph"
)

// branchJSON is a branch of the dominator tree or of paths, as Twiggy nests them.
type branchJSON struct {
	itemJSON
	Children []*branchJSON `json:"children,omitempty"`
	Callers  []*branchJSON `json:"callers,omitempty"`
	Omitted  *restJSON     `json:"omitted,omitempty"`
}

// eachBranch visits branches in the order of print, without recursion:
// dominator trees are as deep as call chains.
func eachBranch(roots []*refgraph.Branch, visit func(b, parent *refgraph.Branch, depth int)) {
	type frame struct {
		parent *refgraph.Branch
		todo   []*refgraph.Branch
	}
	stack := []frame{{nil, roots}}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if len(top.todo) == 0 {
			stack = stack[:len(stack)-1]
			continue
		}
		b := top.todo[0]
		top.todo = top.todo[1:]
		visit(b, top.parent, len(stack)-1)
		if len(b.Children) > 0 {
			stack = append(stack, frame{b, b.Children})
		}
	}
}

// maxJSONDepth is how deep the JSON of trees nests before it says "omitted":
// encoders and decoders of JSON have limits of their own (Go's is 10,000).
const maxJSONDepth = 1000

func (c *GraphContext) branchesJSON(roots []*refgraph.Branch, callers bool) []*branchJSON {
	made := map[*refgraph.Branch]*branchJSON{}
	out := []*branchJSON{}
	eachBranch(roots, func(b, parent *refgraph.Branch, depth int) {
		if depth > maxJSONDepth {
			return
		}
		j := &branchJSON{itemJSON: c.itemJSON(&b.Item, !callers)}
		if b.Rest.Count > 0 || depth == maxJSONDepth && len(b.Children) > 0 {
			rest := c.rest(b.Rest)
			if depth == maxJSONDepth {
				rest.Count += len(b.Children)
			}
			j.Omitted = &rest
		}
		made[b] = j
		switch p := made[parent]; {
		case p == nil:
			out = append(out, j)
		case callers:
			p.Callers = append(p.Callers, j)
		default:
			p.Children = append(p.Children, j)
		}
	})
	return out
}

// Dominators turns the answer of `dominators` into a Document. icicle is the
// whole tree for the figure of the HTML format, nil for none.
func (c *GraphContext) Dominators(d *refgraph.DominatorTree, t *refgraph.Tree, icicle *refgraph.DominatorTree) *Document {
	type summaryJSON struct {
		Name    string  `json:"name"`
		Size    uint64  `json:"retained_size"`
		Percent float64 `json:"retained_size_percent"`
		Share   float64 `json:"retained_share"`
	}
	tops, lowest := d.Branches, 0
	if d.Root != nil {
		tops, lowest = []*refgraph.Branch{d.Root}, 1 // people need no row that is the whole
	}
	data := struct {
		programJSON
		Items   []*branchJSON `json:"items"`
		Summary []summaryJSON `json:"summary,omitempty"`
	}{programJSON: c.program(), Items: c.branchesJSON(tops, false)}

	table := &Table{Nested: true, Columns: append(append(append(programColumns("Id", "Name", "ShallowSize", "ShallowSizePercent", "RetainedSize", "RetainedSizePercent", "ImmediateDominator", "ShallowShare", "RetainedShare"),
		sizeColumns("Retained")...), sizeColumns("Shallow")...), Column{Name: "Dominator Tree", Flex: true, Only: People})}
	eachBranch(tops, func(b, _ *refgraph.Branch, depth int) {
		name := itemName(&b.Item)
		if depth > lowest {
			name = "⤷ " + name
		}
		dominator := Cell(nil)
		if p := t.Parent[b.Node]; p != refgraph.None {
			dominator = int64(p)
		} else if b.Node == refgraph.Root {
			dominator = int64(refgraph.Root)
		}
		cells := []Cell{int64(b.Node), b.Name, b.Size, c.percent(b.Size), b.Retained, c.percent(b.Retained), dominator, c.share(b.Size), c.share(b.Retained)}
		cells = append(append(append(cells, c.sizeCells(b.Retained)...), c.sizeCells(b.Size)...), name)
		row := Row{Depth: max(depth-lowest, 0), Level: depth, Cells: cells}
		if depth < lowest {
			row.Only = Programs
		}
		table.Rows = append(table.Rows, row)
	})
	var notes []string
	if d.Cut {
		notes = append(notes, "only a part of the tree is shown: -d and -r set how deep and how many rows, --format html shows it all")
	}
	if d.Unreachable.Count > 0 {
		name := fmt.Sprintf("[%d Unreachable Items]", d.Unreachable.Count)
		n, percent := d.Unreachable.Size, c.percent(d.Unreachable.Size)
		cells := append([]Cell{nil, name, n, percent, n, percent, nil, c.share(n), c.share(n)}, c.sizeCells(n)...)
		table.Rows = append(table.Rows, Row{Faint: true, Cells: append(append(cells, c.sizeCells(n)...), name)})
		data.Summary = []summaryJSON{{name, n, percent, c.share(n)}}
	}
	doc := &Document{
		Title: "Dominator tree of " + c.File, Schema: "minsize.dominators/1", Data: data,
		Blocks: []Block{{Table: table, Notes: c.notes(notes...)}},
	}
	if icicle != nil {
		doc.Visual = &Visual{Kind: "icicle", Data: made(c.icicle(icicle))}
	}
	return doc
}

// icicleData is the dominator tree in rows: parent before child. Strings are
// shared, numbers are short keys, since there are tens of thousands of rows.
type icicleData struct {
	Total uint64   `json:"total"`
	File  string   `json:"file"`
	Names []string `json:"n"`
	Up    []int    `json:"p"` // parent's row, -1 for the tops
	Size  []uint64 `json:"s"`
	Keeps []uint64 `json:"r"`
	Kind  []string `json:"k"`
	Rest  []uint64 `json:"o"` // bytes of children too small to be listed
}

func (c *GraphContext) icicle(d *refgraph.DominatorTree) *icicleData {
	out := &icicleData{Total: c.Graph.Total, File: c.File}
	number := map[*refgraph.Branch]int{}
	eachBranch(d.Branches, func(b, parent *refgraph.Branch, _ int) {
		up := -1
		if parent != nil {
			up = number[parent]
		}
		number[b] = len(out.Names)
		out.Names = append(out.Names, itemName(&b.Item))
		out.Up = append(out.Up, up)
		out.Size = append(out.Size, b.Size)
		out.Keeps = append(out.Keeps, b.Retained)
		out.Kind = append(out.Kind, b.Kind.String())
		out.Rest = append(out.Rest, b.Rest.Size)
	})
	return out
}

// Paths turns the answer of `paths` into a Document.
func (c *GraphContext) Paths(p *refgraph.Paths) *Document {
	data := struct {
		programJSON
		Descending bool          `json:"descending"`
		Items      []*branchJSON `json:"items"`
	}{c.program(), p.Descending, c.branchesJSON(p.Branches, true)}

	arrow := "⬑ "
	if p.Descending {
		arrow = "↳ "
	}
	table := &Table{Nested: true, Columns: append(append(programColumns("Name", "ShallowSize", "ShallowSizePercent", "Path", "ShallowShare"), sizeColumns("Shallow")...), Column{Name: "Retaining Paths", Flex: true, Only: People})}
	eachBranch(p.Branches, func(b, _ *refgraph.Branch, depth int) {
		name := itemName(&b.Item)
		shown := []Cell{nil, nil}
		if depth > 0 {
			name = arrow + name
		} else {
			shown = c.sizeCells(b.Size)
		}
		cells := append([]Cell{b.Name, b.Size, c.percent(b.Size), c.nextNames(b), c.share(b.Size)}, shown...)
		table.Rows = append(table.Rows, Row{Depth: depth, Cells: append(cells, name)})
	})
	var notes []string
	if p.Cut {
		notes = append(notes, "only a part of the paths is shown: -d and -r set how deep and how many per item")
	}
	return &Document{
		Title: "Paths to items of " + c.File, Schema: "minsize.paths/1", Data: data,
		Blocks: []Block{{Table: table, Notes: c.notes(notes...)}},
		Visual: &Visual{Kind: "paths", Data: made(c.icicle(&refgraph.DominatorTree{Branches: p.Branches}))},
	}
}

// nextNames is Twiggy's Path: the neighbours, then the item, "" without any.
// The way that a row stands for is in Level and Parent.
func (c *GraphContext) nextNames(b *refgraph.Branch) string {
	if len(b.Next) == 0 {
		return ""
	}
	next := b.Next
	if !c.Graph.Wasm { // a function of a large program has thousands of callers
		next = next[:len(next)-b.Rest.Count]
	}
	var names []string
	for _, n := range next {
		names = append(names, c.Graph.Name(n))
	}
	return strings.Join(append(names, b.Name), " -> ")
}
