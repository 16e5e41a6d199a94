package report

import (
	"fmt"
	"io"
	"strings"
)

// writeMarkdown sets a Document as GitHub-flavoured Markdown.
func writeMarkdown(w io.Writer, d *Document, o Options) error {
	var b strings.Builder
	if d.Title != "" {
		fmt.Fprintf(&b, "## %s\n\n", d.Title)
	}
	for _, block := range d.Blocks {
		if block.Heading != "" {
			fmt.Fprintf(&b, "### %s\n\n", block.Heading)
		}
		for _, p := range block.Text {
			fmt.Fprintf(&b, "%s\n\n", p)
		}
		if block.Table != nil {
			markdownTable(&b, block.Table.readFor(People), o)
		}
		for _, n := range block.Notes {
			fmt.Fprintf(&b, "> %s\n\n", n)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func markdownTable(b *strings.Builder, t *Table, o Options) {
	escape := strings.NewReplacer("|", "\\|", "\n", " ", "<", "&lt;")
	b.WriteString("|")
	for _, c := range t.Columns {
		fmt.Fprintf(b, " %s |", escape.Replace(c.Name))
	}
	b.WriteString("\n|")
	for _, c := range t.Columns {
		if c.alignRight() {
			b.WriteString("--:|")
		} else {
			b.WriteString("---|")
		}
	}
	b.WriteString("\n")
	for _, row := range formatRows(t, o) {
		b.WriteString("|")
		for _, s := range row {
			indent := len(s) - len(strings.TrimLeft(s, " "))
			fmt.Fprintf(b, " %s%s |", strings.Repeat("&nbsp;", indent), escape.Replace(s[indent:]))
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
}
