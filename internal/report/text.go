package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// writeText sets a Document for a terminal: no frames, numbers flush right,
// the widest flexible column cut to the width that is left.
func writeText(w io.Writer, d *Document, o Options) error {
	for i, b := range d.blocksFor(People) {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if b.Heading != "" {
			fmt.Fprintln(w, paint(PrintableProse(b.Heading), text.Bold, o))
		}
		for _, p := range b.Text {
			fmt.Fprintln(w, PrintableProse(p))
		}
		for _, line := range b.Code {
			fmt.Fprintln(w, PrintableProse(line))
		}
		if b.Table != nil {
			fmt.Fprintln(w, renderTable(b.Table.readFor(People), o))
		}
		for _, n := range b.Notes {
			fmt.Fprintln(w, paint("note: "+PrintableProse(n), text.Faint, o))
		}
	}
	return nil
}

func paint(s string, c text.Color, o Options) string {
	if !o.Color {
		return s
	}
	return c.EscapeSeq() + s + text.Reset.EscapeSeq()
}

func renderTable(t *Table, o Options) string {
	tw := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header, style.Format.Footer = text.FormatDefault, text.FormatDefault
	tw.SetStyle(style)
	tw.SuppressTrailingSpaces()

	cells := formatRows(t, o)
	var configs []table.ColumnConfig
	for i, c := range t.Columns {
		cfg := table.ColumnConfig{Number: i + 1}
		if c.alignRight() {
			cfg.Align, cfg.AlignHeader, cfg.AlignFooter = text.AlignRight, text.AlignRight, text.AlignRight
		}
		if c.Flex && o.Width > 0 {
			cfg.WidthMax = flexWidth(t, cells, i, o.Width)
			cfg.WidthMaxEnforcer = func(s string, n int) string { return text.Trim(s, n) }
			if cfg.WidthMax > 1 {
				cfg.WidthMaxEnforcer = ellipsis
				if c.Wrap {
					cfg.WidthMaxEnforcer = text.WrapSoft
				}
			}
		}
		configs = append(configs, cfg)
	}
	tw.SetColumnConfigs(configs)

	header := table.Row{}
	for _, c := range t.Columns {
		header = append(header, c.Name)
	}
	tw.AppendHeader(header)
	for i, row := range cells {
		out := table.Row{}
		for _, s := range row {
			if o.Color && i < len(t.Rows) && t.Rows[i].Strong {
				s = paint(s, text.Bold, o)
			} else if o.Color && i < len(t.Rows) && t.Rows[i].Faint {
				s = paint(s, text.Faint, o)
			}
			out = append(out, s)
		}
		tw.AppendRow(out)
	}
	return tw.Render()
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

// flexWidth is what the other columns leave of width, never below 16.
func flexWidth(t *Table, cells [][]string, flex, width int) int {
	left := width
	for i, c := range t.Columns {
		if i == flex {
			continue
		}
		widest := text.StringWidthWithoutEscSequences(c.Name)
		for _, row := range cells {
			widest = max(widest, text.StringWidthWithoutEscSequences(row[i]))
		}
		left -= widest + 2
	}
	return max(left-2, 16)
}

func ellipsis(s string, n int) string {
	if text.StringWidthWithoutEscSequences(s) <= n {
		return s
	}
	return text.Trim(s, n-1) + "…"
}
