package report

import (
	"fmt"
	"io"
	"strings"
)

// writeText sets a Document for a terminal: no frames, numbers flush right.
// Where the width is known nothing is longer: sentences go on in the next line,
// tables are fitted.
func writeText(w io.Writer, d *Document, o Options) error {
	line := func(s, style, hanging string) {
		for _, part := range WrapWords(PrintableProse(s), o.Width, hanging) {
			fmt.Fprintln(w, paint(part, style, o))
		}
	}
	for i, b := range d.blocksFor(People) {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if b.Heading != "" {
			line(b.Heading, bold, "")
		}
		for _, p := range b.Text {
			line(p, "", "  ")
		}
		for _, code := range b.Code {
			fmt.Fprintln(w, PrintableProse(code))
		}
		if b.Table != nil {
			writeTable(w, b.Table.readFor(People), o)
		}
		for _, n := range b.Notes {
			line("note: "+n, faint, "  ")
		}
	}
	return nil
}

// What a terminal is told (ECMA-48, 8.3.117).
const bold, faint, plain = "\x1b[1m", "\x1b[2m", "\x1b[0m"

func paint(s, style string, o Options) string {
	if !o.Color || style == "" || s == "" {
		return s
	}
	return style + s + plain
}

// formatRows sets every cell, the footer as the last row.
func formatRows(t *Table, o Options) [][]string {
	var out [][]string
	name := t.nameColumn()
	add := func(cells []Cell, depth int) {
		row := make([]string, len(t.Columns))
		for i, c := range t.Columns {
			if i < len(cells) {
				row[i] = c.format(cells[i], o)
			}
			if i == name {
				row[i] = strings.Repeat("  ", depth) + row[i]
			}
		}
		out = append(out, row)
	}
	for _, r := range t.Rows {
		add(r.Cells, r.Depth)
	}
	if t.Footer != nil {
		add(t.Footer, 0)
	}
	return out
}
