package report

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
)

//go:embed assets
var assets embed.FS

// page is the shell of every HTML report: one file, no network, dark and
// light by the reader's preference. A Visual brings its script from assets.
var page = template.Must(template.ParseFS(assets, "assets/page.html"))

type pageData struct {
	*Document
	Style  template.CSS
	Script template.JS
	JSON   template.JS
	Figure template.HTML // drawn already
	Tables []pageTable
}

type pageTable struct {
	Block
	Cells [][]string
	Class []string // of each column's cells
}

// writeHTML sets a Document as one self-contained page.
func writeHTML(w io.Writer, d *Document, o Options) error {
	style, err := assets.ReadFile("assets/page.css")
	if err != nil {
		return err
	}
	p := pageData{Document: d, Style: template.CSS(style)}
	for _, b := range d.blocksFor(People) {
		t := pageTable{Block: b}
		if b.Table != nil {
			b.Table = b.Table.readFor(People)
			t.Block = b
			t.Cells = formatRows(b.Table, o)
			for _, c := range b.Table.Columns {
				switch {
				case c.alignRight():
					t.Class = append(t.Class, "n")
				case c.Flex:
					t.Class = append(t.Class, "flex")
				default:
					t.Class = append(t.Class, "word")
				}
			}
		}
		p.Tables = append(p.Tables, t)
	}
	if d.Trend != nil && len(d.Trend.Points) > 0 {
		p.Figure = template.HTML(d.Trend.svg(o)) // names in it are escaped
	}
	if d.Visual != nil {
		script, err := readScripts(d.Visual.Kind)
		if err != nil {
			return fmt.Errorf("figure %q: %w", d.Visual.Kind, err)
		}
		data, err := json.Marshal(d.Visual.Data) // escapes <, > and & itself
		if err != nil {
			return err
		}
		p.Script, p.JSON = template.JS(script), template.JS(data)
	}
	return page.Execute(w, p)
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
