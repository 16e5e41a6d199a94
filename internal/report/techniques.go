package report

import (
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/technique"
)

// techniqueJSON is a row of minsize.techniques/1.
type techniqueJSON struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Summary string `json:"summary"`
	Enters  string `json:"enters_at"`
	Risk    string `json:"risk"`
	Loses   string `json:"loses"`
}

// techniquesJSON is the contract minsize.techniques/1.
type techniquesJSON struct {
	Techniques []techniqueJSON `json:"techniques"`
}

// Techniques lists the catalogue: names as --with and --without take
// them.
func Techniques() *Document {
	data := techniquesJSON{}
	t := &Table{Columns: []Column{{Name: "technique"}, {Name: "enters at"}, {Name: "risk"}, {Name: "what is lost", Flex: true, Wrap: true}}}
	for _, x := range slices.Concat(technique.Table(), technique.CutTable(), technique.PipelineTable()) {
		j := techniqueJSON{x.Name, string(x.Kind()), x.Summary, strings.Trim(x.Enters(), "`"), x.Risk.String(), x.Losses(technique.Facts{})}
		data.Techniques = append(data.Techniques, j)
		loses := j.Loses
		if loses == "" {
			loses = "nothing"
		}
		enters := j.Enters
		if x.ByName {
			enters = "--with"
		}
		t.Rows = append(t.Rows, Row{Cells: []Cell{x.Name, enters, j.Risk, loses}})
	}
	return &Document{Title: "minsize techniques", Schema: "minsize.techniques/1", Data: data, Blocks: []Block{{Table: t}}}
}
