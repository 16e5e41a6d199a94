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
		fmt.Fprintf(&b, "## %s\n\n", escapeMarkdown(PrintableProse(d.Title)))
	}
	for _, block := range d.blocksFor(People) {
		if block.Heading != "" {
			fmt.Fprintf(&b, "### %s\n\n", escapeMarkdown(PrintableProse(block.Heading)))
		}
		for _, p := range block.Text {
			fmt.Fprintf(&b, "%s\n\n", escapeMarkdown(PrintableProse(p)))
		}
		if len(block.Code) > 0 {
			fmt.Fprintf(&b, "```\n%s\n```\n\n", strings.Join(block.Code, "\n"))
		}
		if block.Table != nil {
			markdownTable(&b, block.Table.readFor(People), o)
		}
		for _, n := range block.Notes {
			fmt.Fprintf(&b, "> %s\n\n", escapeMarkdown(PrintableProse(n)))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func markdownTable(b *strings.Builder, t *Table, o Options) {
	b.WriteString("|")
	for _, c := range t.Columns {
		fmt.Fprintf(b, " %s |", escapeMarkdown(c.Name))
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
			fmt.Fprintf(b, " %s%s |", strings.Repeat("&nbsp;", indent), escapeMarkdown(s[indent:]))
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
}

// escapeMarkdown sets s so that it is shown as it is: `<T>` is no HTML, `*const`
// and `__libc_start_main` no emphasis, and a bar ends no cell. An underscore
// inside a word means nothing to Markdown, and stays readable.
func escapeMarkdown(s string) string {
	if !strings.ContainsAny(s, "\\`*_|<~\n") {
		return s
	}
	word := func(i int) bool {
		return i >= 0 && i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i]|0x20 >= 'a' && s[i]|0x20 <= 'z' || s[i] >= 0x80)
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '\\', '`', '*', '|', '~':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '<':
			b.WriteString("&lt;")
		case '\n':
			b.WriteByte(' ')
		case '_':
			run := i
			for run < len(s) && s[run] == '_' {
				run++
			}
			inside := word(i-1) && word(run)
			for ; i < run; i++ {
				if !inside {
					b.WriteByte('\\')
				}
				b.WriteByte('_')
			}
			i--
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
