package report

import (
	"bufio"
	"embed"
	"encoding/json"
	"fmt"
	"html"
	"io"
)

//go:embed assets
var assets embed.FS

// writeHTML sets a Document as one self-contained page: one file, no network,
// dark and light by the reader's preference. A Visual brings its script from
// assets. It is written by hand, for html/template calls methods by their names:
// a program that holds it keeps every exported method of every type, which was
// 2.2 of minsize's 19.4 MB.
func writeHTML(w io.Writer, d *Document, o Options) error {
	style, err := assets.ReadFile("assets/page.css")
	if err != nil {
		return err
	}
	frame, err := assets.ReadFile("assets/frame.js")
	if err != nil {
		return err
	}
	var script, data []byte
	if d.Visual != nil {
		if script, err = readScripts(d.Visual.Kind); err != nil {
			return fmt.Errorf("figure %q: %w", d.Visual.Kind, err)
		}
		if data, err = json.Marshal(d.Visual.Data()); err != nil { // escapes <, > and & itself
			return err
		}
	}
	p := page{bufio.NewWriter(w)}
	p.WriteString("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n" +
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
	p.element("title", "", d.Title)
	fmt.Fprintf(p, "\n<style>%s</style>\n<main>\n", style)
	p.element("h1", "", d.Title)
	p.WriteString("\n")
	if d.Trend != nil && len(d.Trend.Points) > 0 {
		p.WriteString(d.Trend.svg(o)) // names in it are escaped
	}
	if script != nil {
		p.WriteString("<div id=\"figure\"></div>\n")
	}
	for _, b := range d.blocksFor(People) {
		p.block(&b, o)
	}
	p.WriteString("</main>\n")
	if script != nil {
		fmt.Fprintf(p, "<script>const DATA = %s;</script>\n<script>%s</script>\n", data, script)
	}
	fmt.Fprintf(p, "<script>%s</script>\n", frame)
	p.WriteString("</html>\n")
	return p.Flush() // the first error of any write
}

type page struct{ *bufio.Writer }

// element writes one element around text that may hold anything.
func (p page) element(name, class, text string) {
	if class != "" {
		class = ` class="` + class + `"`
	}
	fmt.Fprintf(p, "<%s%s>%s</%s>", name, class, html.EscapeString(text), name)
}

func (p page) block(b *Block, o Options) {
	p.WriteString("<section>\n")
	if b.Heading != "" {
		p.element("h2", "", b.Heading)
		p.WriteString("\n")
	}
	for _, text := range b.Text {
		p.element("p", "", text)
	}
	if len(b.Code) > 0 {
		p.WriteString("<pre>")
		for _, line := range b.Code {
			fmt.Fprintf(p, "%s\n", html.EscapeString(line))
		}
		p.WriteString("</pre>\n")
	}
	if b.Table != nil {
		p.table(b.Table.readFor(People), o)
	}
	for _, note := range b.Notes {
		p.element("p", "note", note)
	}
	p.WriteString("</section>\n")
}

// table writes a table; what assets/frame.js sorts and sums by stands beside
// what people read.
func (p page) table(t *Table, o Options) {
	class := make([]string, len(t.Columns)) // of each column's cells
	p.WriteString("<div class=\"table\"><table>\n<thead><tr>")
	for i, c := range t.Columns {
		switch {
		case c.alignRight():
			class[i] = "n"
		case c.Flex:
			class[i] = "flex"
		default:
			class[i] = "word"
		}
		mark := ""
		if c.Kind == Bytes || c.Kind == Delta {
			mark = " data-bytes"
		}
		fmt.Fprintf(p, "<th class=\"%s\"%s>%s</th>", class[i], mark, html.EscapeString(c.Name))
	}
	p.WriteString("</tr></thead>\n<tbody>")
	end := "</tbody>"
	for r, row := range formatRows(t, o) {
		if r == len(t.Rows) { // totals are not sorted away
			p.WriteString(end + "\n<tfoot>")
			end = "</tfoot>"
		}
		p.WriteString("<tr")
		if r < len(t.Rows) && t.Rows[r].Depth > 0 {
			fmt.Fprintf(p, " data-depth=\"%d\"", t.Rows[r].Depth)
		}
		p.WriteString(">")
		for i, cell := range row {
			value := ""
			if r < len(t.Rows) && i < len(t.Rows[r].Cells) && t.Columns[i].alignRight() && t.Rows[r].Cells[i] != nil {
				value = fmt.Sprintf(" data-v=\"%s\"", html.EscapeString(raw(t.Rows[r].Cells[i])))
			}
			fmt.Fprintf(p, "<td class=\"%s\"%s>%s</td>", class[i], value, html.EscapeString(cell))
		}
		p.WriteString("</tr>\n")
	}
	p.WriteString(end + "\n</table></div>\n")
}

// readScripts is the script of a kind of figure, behind what it shares.
func readScripts(kind string) ([]byte, error) {
	script, err := assets.ReadFile("assets/" + kind + ".js")
	if err != nil || kind != "icicle" && kind != "paths" {
		return script, err
	}
	names, err := assets.ReadFile("assets/names.js")
	return append(names, script...), err
}
