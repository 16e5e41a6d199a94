package report

import (
	"encoding/csv"
	"io"
	"strconv"
)

// A spreadsheet reads one table: one header, every row as wide as that. A
// report that has several (an overview, `why`, `doctor`) becomes one by a first
// column that says which part a row belongs to; columns are shared by name, and
// a cell that a part does not have is empty. Rows that stand below others say
// so by Level and Parent, at the end, so that columns known by number stay.
// Numbers are raw: bytes as integers, shares as fractions of 1.

// writeCSV prints the tables of d as one.
func writeCSV(w io.Writer, d *Document, _ Options) error { return writeSeparated(w, d, ',') }

// writeTSV is writeCSV with tabs.
func writeTSV(w io.Writer, d *Document, _ Options) error { return writeSeparated(w, d, '\t') }

// The columns that the writer adds.
const (
	partColumn   = "Part"
	levelColumn  = "Level"
	parentColumn = "Parent"
)

func writeSeparated(w io.Writer, d *Document, comma rune) error {
	var tables []*Table
	var parts []string
	columns, place := []string(nil), map[string]int{}
	column := func(key string) {
		if _, known := place[key]; !known {
			place[key] = len(columns)
			columns = append(columns, key)
		}
	}
	nested, several := false, false
	for _, b := range d.blocksFor(Programs) {
		if b.Table != nil {
			tables = append(tables, b.Table.readFor(Programs))
			parts = append(parts, b.part())
			several = several || b.Part != ""
		}
	}
	if several = several || len(tables) > 1; several {
		column(partColumn)
	}
	for _, t := range tables {
		for _, c := range t.Columns {
			column(c.key())
		}
		nested = nested || t.Nested
	}
	if nested {
		column(levelColumn)
		column(parentColumn)
	}

	cw := csv.NewWriter(w)
	cw.Comma = comma
	if len(columns) > 0 {
		if err := cw.Write(columns); err != nil {
			return err
		}
	}
	record := make([]string, len(columns))
	for i, t := range tables {
		where := make([]int, len(t.Columns))
		for k, c := range t.Columns {
			where[k] = place[c.key()]
		}
		name := t.nameColumn()
		var above []string // names of the rows that the current one stands below
		for _, r := range t.Rows {
			clear(record)
			if several {
				record[0] = parts[i]
			}
			for k, cell := range r.Cells {
				record[where[k]] = raw(cell)
			}
			if t.Nested {
				depth := min(max(r.Depth, r.Level), len(above))
				above = append(above[:depth], record[where[name]])
				record[place[levelColumn]] = strconv.Itoa(depth)
				if depth > 0 {
					record[place[parentColumn]] = above[depth-1]
				}
			}
			if err := cw.Write(record); err != nil {
				return err
			}
		}
	}
	cw.Flush()
	return cw.Error()
}

// key is the column's header for programs.
func (c Column) key() string {
	if c.Key != "" {
		return c.Key
	}
	return c.Name
}

// nameColumn is the column that says what a row is about, and is indented: the
// one called Name, else the flexible one, else the first of words.
func (t *Table) nameColumn() int {
	words, flex := -1, -1
	for i, c := range t.Columns {
		switch {
		case c.key() == "Name":
			return i
		case c.Flex && flex < 0:
			flex = i
		case c.Kind == Words && words < 0:
			words = i
		}
	}
	if flex >= 0 {
		return flex
	}
	return max(words, 0)
}
