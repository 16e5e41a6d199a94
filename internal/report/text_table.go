package report

// A table on a terminal. What is hard: names of Rust's generics and paths are
// longer than any screen, sentences must be read to their end, and a line that
// wraps by itself destroys every column.
//
// Chosen, in this order, until the row fits: long names give way down to a width
// at which they still tell something; the headers of numbers go into several
// lines; columns that can be spared go; a column of sentences that gets too
// narrow to be read leaves the table and follows each row on lines of its own;
// names give way down to what can be told apart. Names and paths are cut in the middle, because both ends tell
// more: the crate or the root, and the function or the file. Numbers are never
// cut.

import (
	"fmt"
	"io"
	"strings"

	"github.com/mattn/go-runewidth"
)

// Widths that columns keep while there is another way.
const (
	gap          = 2  // between columns
	goodName     = 36 // of the column of names
	goodSentence = 44 // of a column whose cells go on in the next line
	fairName     = 16
	leastName    = 6
	asideIndent  = "      "
)

// writeTable prints t, in o.Width columns where that is not 0.
func writeTable(w io.Writer, t *Table, o Options) {
	cells := formatRows(t, o)
	fit := fitTable(t, cells, o.Width)
	for _, line := range fit.lines(fit.header, t) {
		fmt.Fprintln(w, line)
	}
	for i, row := range cells {
		style := ""
		if i < len(t.Rows) && t.Rows[i].Strong {
			style = bold
		} else if i < len(t.Rows) && t.Rows[i].Faint {
			style = faint
		}
		var set [][]string
		for c, s := range row {
			set = append(set, fit.cell(t.Columns[c], c, s))
		}
		for _, line := range fit.lines(set, t) {
			fmt.Fprintln(w, paint(line, style, o))
		}
		for c, s := range row {
			if fit.aside[c] && s != "" {
				for _, line := range WrapWords(s, o.Width-len(asideIndent), "") {
					fmt.Fprintln(w, asideIndent+paint(line, style, o))
				}
			}
		}
	}
}

// fitted is how wide the columns of a table are.
type fitted struct {
	width  []int
	header [][]string // lines of each column's name
	gone   []bool     // columns that are not beside the others
	aside  []bool     // those of them that follow each row
}

func fitTable(t *Table, cells [][]string, width int) *fitted {
	n := len(t.Columns)
	f := &fitted{width: make([]int, n), header: make([][]string, n), gone: make([]bool, n), aside: make([]bool, n)}
	content := make([]int, n) // of the cells alone
	for i, c := range t.Columns {
		for _, row := range cells {
			content[i] = max(content[i], columns(row[i]))
		}
		f.header[i] = []string{c.Name}
		f.width[i] = max(content[i], columns(c.Name))
	}
	if width <= 0 || n == 0 {
		return f
	}
	excess := func() int {
		total := -gap
		for i, w := range f.width {
			if !f.gone[i] {
				total += w + gap
			}
		}
		return total - width
	}
	// narrow takes from the widest of the columns, down to what each keeps.
	narrow := func(keeps func(c Column) int) {
		for excess() > 0 {
			widest := -1
			for i, c := range t.Columns {
				if k := keeps(c); k >= 0 && !f.gone[i] && f.width[i] > k && (widest < 0 || f.width[i] > f.width[widest]) {
					widest = i
				}
			}
			if widest < 0 {
				return
			}
			f.width[widest]--
		}
	}
	good := func(c Column) int {
		switch {
		case c.Kind != Words:
			return -1
		case c.Wrap:
			return goodSentence
		}
		return goodName
	}
	narrow(good)
	for i := range t.Columns { // headers in several lines
		if excess() > 0 {
			f.header[i] = strings.Fields(t.Columns[i].Name)
			least := content[i]
			for _, word := range f.header[i] {
				least = max(least, columns(word))
			}
			f.width[i] = min(f.width[i], least)
		}
	}
	for i := n - 1; i >= 0; i-- {
		if c := t.Columns[i]; c.Spare && excess() > 0 {
			f.gone[i] = true
		} else if c.Wrap && excess() > 0 {
			f.gone[i], f.aside[i] = true, true
		} else {
			continue
		}
		for i := range t.Columns { // the others have its room
			f.width[i] = content[i]
			for _, line := range f.header[i] {
				f.width[i] = max(f.width[i], columns(line))
			}
		}
		narrow(good)
	}
	for _, least := range []int{fairName, leastName} {
		narrow(func(c Column) int {
			if c.Kind != Words {
				return -1
			}
			return least
		})
	}
	for i := range t.Columns { // what the lines hold now, as few as can be
		f.header[i] = WrapWords(strings.Join(f.header[i], " "), f.width[i], "")
		if f.gone[i] {
			f.header[i] = nil
		}
	}
	tallest := 0
	for _, lines := range f.header {
		tallest = max(tallest, len(lines))
	}
	for i, lines := range f.header { // they stand on their column
		f.header[i] = append(make([]string, tallest-len(lines)), lines...)
	}
	return f
}

// cell sets one cell in lines of its column's width.
func (f *fitted) cell(c Column, i int, s string) []string {
	switch {
	case f.gone[i]:
		return nil
	case c.Wrap:
		return WrapWords(s, f.width[i], "")
	}
	return []string{cutMiddle(s, f.width[i])}
}

// lines puts the cells of one row beside each other.
func (f *fitted) lines(cells [][]string, t *Table) []string {
	height := 0
	for _, c := range cells {
		height = max(height, len(c))
	}
	var out []string
	for n := range height {
		var b strings.Builder
		for i, c := range cells {
			if f.gone[i] {
				continue
			}
			s := ""
			if n < len(c) {
				s = c[n]
			}
			fill := strings.Repeat(" ", max(0, f.width[i]-columns(s)))
			if t.Columns[i].alignRight() {
				s = fill + s
			} else {
				s += fill
			}
			b.WriteString(s + strings.Repeat(" ", gap))
		}
		out = append(out, strings.TrimRight(b.String(), " "))
	}
	return out
}

// columns is how many columns s takes on a terminal. Nearly all of what is
// printed is ASCII, which is not taken apart into graphemes.
func columns(s string) int {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return runewidth.StringWidth(s)
		}
	}
	return len(s)
}

// cutMiddle takes the middle out of s so that it is n columns wide. The
// indentation of trees stays, and the end gets more than the beginning.
func cutMiddle(s string, n int) string {
	if columns(s) <= n {
		return s
	}
	if n < 2 {
		return runewidth.Truncate(s, n, "")
	}
	indent := columns(s) - columns(strings.TrimLeft(s, " │├└─⤷⬑↳"))
	indent = min(indent, n/2)
	left := n - columns("…") - indent
	head := runewidth.Truncate(s, indent+left*2/5, "")
	runes := []rune(s)
	tail := len(runes)
	for used := columns(head) + columns("…"); tail > 0; tail-- {
		if used += runewidth.RuneWidth(runes[tail-1]); used > n {
			break
		}
	}
	return head + "…" + string(runes[tail:])
}
