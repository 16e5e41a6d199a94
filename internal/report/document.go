// Package report turns results into what people and programs read.
//
// N analyses times M formats is what makes size tools stop at text. So each
// analysis is turned into one Document, once (a file per result: size.go,
// ladder.go, ...), and each format is one writer of Documents (text.go,
// json.go, markdown.go, html.go, csv.go) with one line in formats.
package report

import (
	"slices"
)

// Document is everything a report says, free of any format.
type Document struct {
	Title  string
	Schema string // "minsize.<verb>/1", the JSON contract
	Data   any    // what JSON prints beside "schema": the raw numbers, bytes as integers
	Blocks []Block
	Visual *Visual      // what the HTML shows beyond the tables; nil for none
	Tree   func() *Tree // what the SVG draws; nil for none. Made where it is drawn, as is a Visual's data
	Trend  *Trend       // what the SVG and the page draw of a history; nil for none

	Findings []Finding // what is wrong, and where; nil for a report that judges nothing
}

// Block is a heading, prose, and at most one table.
type Block struct {
	Heading string
	Text    []string // paragraphs, one line each
	Code    []string // lines that stay as they are, such as a diff's
	Table   *Table
	Notes   []string // what the reader must know to believe the table

	Part string   // what csv and tsv call the table where a report has several; "" is Heading
	Only Audience // who gets it
}

// part is the name of b's table among those of its report.
func (b *Block) part() string {
	if b.Part != "" {
		return b.Part
	}
	return b.Heading
}

// blocksFor are the blocks that the audience gets.
func (d *Document) blocksFor(a Audience) []Block {
	if !slices.ContainsFunc(d.Blocks, func(b Block) bool { return b.Only != Everyone && b.Only != a }) {
		return d.Blocks
	}
	return slices.DeleteFunc(slices.Clone(d.Blocks), func(b Block) bool { return b.Only != Everyone && b.Only != a })
}

// Table is rows of cells under columns.
type Table struct {
	Columns []Column
	Rows    []Row
	Footer  []Cell // totals; may be nil
	Nested  bool   // rows may stand below others (Row.Depth): csv says so in columns
}

// Column says how its cells are set.
type Column struct {
	Name string
	Kind ColumnKind
	Flex bool // takes what width is left and is cut with an ellipsis in text
	Wrap bool // with Flex: goes on in the next line instead, for sentences that must be read

	Spare bool // left out where a terminal is too narrow for it

	Key  string   // its header in csv and tsv; "" is Name
	Only Audience // who gets it
}

// Audience is who gets a column or a row.
type Audience uint8

const (
	Everyone Audience = iota
	People            // text, markdown, HTML
	Programs          // csv and tsv
)

// readFor returns the table with the columns and rows that the audience gets.
func (t *Table) readFor(a Audience) *Table {
	gets := func(only Audience) bool { return only == Everyone || only == a }
	all := true
	for _, c := range t.Columns {
		all = all && gets(c.Only)
	}
	for _, r := range t.Rows {
		all = all && gets(r.Only)
	}
	if all {
		return t
	}
	out := &Table{Nested: t.Nested}
	keep := func(cells []Cell) []Cell {
		if cells == nil {
			return nil
		}
		var kept []Cell
		for i, c := range t.Columns {
			if gets(c.Only) && i < len(cells) {
				kept = append(kept, cells[i])
			}
		}
		return kept
	}
	for _, c := range t.Columns {
		if gets(c.Only) {
			out.Columns = append(out.Columns, c)
		}
	}
	for _, r := range t.Rows {
		if gets(r.Only) {
			r.Cells = keep(r.Cells)
			out.Rows = append(out.Rows, r)
		}
	}
	out.Footer = keep(t.Footer)
	return out
}

// ColumnKind decides alignment and number format.
type ColumnKind uint8

const (
	Words   ColumnKind = iota // left
	Bytes                     // KiB, or exact bytes with Options.ExactBytes
	Delta                     // signed Bytes
	Count                     // integer with thousands separators
	Percent                   // a share, 0..1
	Ratio                     // 0.652, three decimals
	Seconds                   // CPU or wall seconds
)

// Row is one line; Depth indents it under its parent (hierarchies).
type Row struct {
	Depth  int
	Level  int // depth for programs of a row that is set for people as it is
	Cells  []Cell
	Strong bool // the winner, a total
	Faint  bool // left out, not kept
	Only   Audience
}

// Cell is a string, or a number of its column's kind. Nil prints nothing.
type Cell any

// Visual is an interactive figure of the HTML format. Kind names the script
// in assets/<kind>.js; Data gives its input, embedded as JSON.
type Visual struct {
	Kind string
	Data func() any
}

// made is the data of a figure that is small.
func made(data any) func() any { return func() any { return data } }

// Options of a writer.
type Options struct {
	ExactBytes bool // bytes as integers instead of KiB
	Color      bool
	Width      int // columns of the terminal; 0 for no limit
}
