package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/refgraph"
)

// Reports of the reference graph: top, dominators, paths, garbage. Names of
// fields in JSON and of columns in CSV are Twiggy's, so that scripts made for
// it go on working; sizes are exact bytes, as Twiggy's. What is called percent
// is Twiggy's and goes to 100; what is called share is a fraction, here as in
// every report. Columns of our own stand behind Twiggy's.

// GraphContext is what all reports of one graph share.
type GraphContext struct {
	File  string
	Graph *refgraph.Graph
	// Table: the report is csv or tsv, which may have a row for each of a
	// million items: what only people or JSON get is not made.
	Table bool
	// Cut is what the module weighs without names, and with traps for what was
	// asked about, raw and compressed; nil where nobody asked.
	Cut []ladder.Transfer
	// Brief: the answer has to fit a screen of 24 lines.
	Brief bool
}

func (c *GraphContext) share(n uint64) float64 {
	if c.Graph.Total == 0 {
		return 0
	}
	return float64(n) / float64(c.Graph.Total)
}

// percent is what Twiggy calls a percentage: 0 to 100.
func (c *GraphContext) percent(n uint64) float64 { return 100 * c.share(n) }

func (c *GraphContext) notes(more ...string) []string {
	return slices.Concat(more, c.Graph.Notes, c.Graph.Details)
}

// name marks items whose code could not be decoded throughout.
func itemName(i *refgraph.Item) string {
	if i.Uncertain {
		return i.Name + " [partly decoded]"
	}
	return i.Name
}

// crateWord is what the language calls what a function comes from.
func (c *GraphContext) crateWord() string {
	if p := c.Graph.Program; p != nil && p.Language() == attrib.Go {
		return "Package"
	}
	return "Crate"
}

// sizeColumns are a size in bytes and its share, for people.
func sizeColumns(word string) []Column {
	return []Column{{Name: word + " Bytes", Kind: Bytes, Only: People}, {Name: word + " %", Kind: Percent, Only: People}}
}

func (c *GraphContext) sizeCells(n uint64) []Cell { return []Cell{n, c.share(n)} }

// programColumns are columns of csv and tsv alone, with Twiggy's headers.
func programColumns(keys ...string) []Column {
	var out []Column
	for _, key := range keys {
		out = append(out, Column{Name: key, Only: Programs})
	}
	return out
}

// audience of a row: sums are for people.
func audience(summary bool) Audience {
	if summary {
		return People
	}
	return Everyone
}

type itemJSON struct {
	Name            string   `json:"name"`
	ShallowSize     uint64   `json:"shallow_size"`
	ShallowPercent  float64  `json:"shallow_size_percent"`
	ShallowShare    float64  `json:"shallow_share"`
	RetainedSize    *uint64  `json:"retained_size,omitempty"`
	RetainedPercent *float64 `json:"retained_size_percent,omitempty"`
	RetainedShare   *float64 `json:"retained_share,omitempty"`
	Kind            string   `json:"kind"`
	PartlyDecoded   bool     `json:"partly_decoded,omitempty"`
}

func (c *GraphContext) itemJSON(i *refgraph.Item, retained bool) itemJSON {
	out := itemJSON{Name: i.Name, ShallowSize: i.Size, ShallowPercent: c.percent(i.Size), ShallowShare: c.share(i.Size), Kind: i.Kind.String(), PartlyDecoded: i.Uncertain}
	if retained {
		r, p, s := i.Retained, c.percent(i.Retained), c.share(i.Retained)
		out.RetainedSize, out.RetainedPercent, out.RetainedShare = &r, &p, &s
	}
	return out
}

// restJSON sums rows that are not listed, or all of them.
type restJSON struct {
	Count   int     `json:"count"`
	Size    uint64  `json:"size"`
	Percent float64 `json:"size_percent"`
	Share   float64 `json:"size_share"`
}

func (c *GraphContext) rest(r refgraph.Rest) restJSON {
	return restJSON{r.Count, r.Size, c.percent(r.Size), c.share(r.Size)}
}

// programJSON is in the JSON of every report.
type programJSON struct {
	File  string   `json:"file"`
	Total uint64   `json:"total_size"`
	Nodes int      `json:"nodes"`
	Edges int      `json:"edges"`
	Notes []string `json:"notes,omitempty"`

	Anonymous *restJSON `json:"anonymous_data,omitempty"` // native programs: data that no symbol names
}

func (c *GraphContext) program() programJSON {
	p := programJSON{File: c.File, Total: c.Graph.Total, Nodes: c.Graph.Len() - 1, Edges: c.Graph.EdgeCount(), Notes: c.notes()}
	if !c.Graph.Wasm {
		anonymous := c.rest(c.Graph.Anonymous)
		p.Anonymous = &anonymous
	}
	return p
}

// Top turns the answer of `top` into a Document.
func (c *GraphContext) Top(top *refgraph.Top, retained, paths bool) *Document {
	data := struct {
		programJSON
		Items []struct {
			itemJSON
			Path []string `json:"retaining_path,omitempty"`
		} `json:"items"`
		Remaining restJSON `json:"remaining"`
		Sum       restJSON `json:"total"`
	}{programJSON: c.program(), Remaining: c.rest(top.Rest), Sum: c.rest(refgraph.Rest{Count: top.Count, Size: top.Sum})}

	t := &Table{Columns: programColumns("Name", "ShallowSize", "ShallowSizePercent", "RetainedSize", "RetainedSizePercent", "ShallowShare", "RetainedShare")}
	if retained && !c.Table {
		t.Columns = append(t.Columns, sizeColumns("Retained")...)
	}
	if !c.Table {
		t.Columns = append(t.Columns, sizeColumns("Shallow")...)
		t.Columns = append(t.Columns, Column{Name: "Item", Flex: true, Only: People})
	}
	if paths {
		t.Columns = append(t.Columns, Column{Name: "Retained by", Key: "RetainingPath"})
	}
	row := func(i *refgraph.Item, name string, path []string, summary bool) {
		if c.Table && summary {
			return
		}
		cells := []Cell{i.Name, i.Size, c.percent(i.Size), nil, nil, c.share(i.Size), nil}
		if retained && !summary { // retained sizes overlap: their sum says nothing
			cells[3], cells[4], cells[6] = i.Retained, c.percent(i.Retained), c.share(i.Retained)
		}
		if retained && !c.Table {
			if summary {
				cells = append(cells, "...", "...")
			} else {
				cells = append(cells, c.sizeCells(i.Retained)...)
			}
		}
		if !c.Table {
			cells = append(cells, c.sizeCells(i.Size)...)
			cells = append(cells, name)
		}
		if paths {
			cells = append(cells, strings.Join(path, " ← "))
		}
		t.Rows = append(t.Rows, Row{Cells: cells, Faint: summary, Only: audience(summary)})
	}
	for i := range top.Rows {
		r := &top.Rows[i]
		row(&r.Item, itemName(&r.Item), r.Path, false)
		if c.Table {
			continue
		}
		data.Items = append(data.Items, struct {
			itemJSON
			Path []string `json:"retaining_path,omitempty"`
		}{c.itemJSON(&r.Item, retained), r.Path})
	}
	if top.Rest.Count > 0 {
		row(&refgraph.Item{Size: top.Rest.Size}, fmt.Sprintf("... and %d more.", top.Rest.Count), nil, true)
	}
	row(&refgraph.Item{Size: top.Sum}, fmt.Sprintf("Σ [%d Total Rows]", top.Count), nil, true)
	return &Document{
		Title: "Largest items of " + c.File, Schema: "minsize.top/1", Data: data,
		Blocks: []Block{{Table: t, Notes: c.notes()}},
	}
}

// Garbage turns the answer of `garbage` into a Document.
func (c *GraphContext) Garbage(g *refgraph.Garbage) *Document {
	type garbageJSON struct {
		Name    string  `json:"name"`
		Bytes   uint64  `json:"bytes"`
		Percent float64 `json:"size_percent"`
		Share   float64 `json:"size_share"`
		Kind    string  `json:"kind"`
	}
	data := struct {
		programJSON
		Items     []garbageJSON `json:"items"`
		Remaining restJSON      `json:"remaining"`
		Sum       restJSON      `json:"total"`
		Data      *restJSON     `json:"potential_false_positive_data_segments,omitempty"`
	}{programJSON: c.program(), Items: []garbageJSON{}, Remaining: c.rest(g.Rest), Sum: c.rest(refgraph.Rest{Count: g.Count, Size: g.Sum})}

	t := &Table{Columns: append(programColumns("Name", "Bytes", "SizePercent", "SizeShare"),
		Column{Name: "Bytes", Kind: Bytes, Only: People}, Column{Name: "Size %", Kind: Percent, Only: People}, Column{Name: "Garbage Item", Flex: true, Only: People})}
	row := func(size uint64, name string, summary bool) {
		t.Rows = append(t.Rows, Row{Cells: []Cell{name, size, c.percent(size), c.share(size), size, c.share(size), name}, Faint: summary, Only: audience(summary)})
	}
	for i := range g.Rows {
		r := &g.Rows[i]
		row(r.Size, itemName(r), false)
		data.Items = append(data.Items, garbageJSON{r.Name, r.Size, c.percent(r.Size), c.share(r.Size), r.Kind.String()})
	}
	if g.Rest.Count > 0 {
		row(g.Rest.Size, fmt.Sprintf("... and %d more", g.Rest.Count), true)
	}
	row(g.Sum, fmt.Sprintf("Σ [%d Total Rows]", g.Count), true)
	if g.Data.Count > 0 {
		row(g.Data.Size, fmt.Sprintf("%d potential false-positive data segments", g.Data.Count), true)
		rest := c.rest(g.Data)
		data.Data = &rest
	}
	return &Document{
		Title: "What nothing reaches in " + c.File, Schema: "minsize.garbage/1", Data: data,
		Blocks: []Block{{Table: t, Notes: c.notes()}},
	}
}
