package report

import (
	"fmt"

	"github.com/minsize/minsize/internal/technique"
)

// Built is the result of minsize build, and its contract minsize.build/1.
type Built struct {
	Program   string         `json:"program"`
	Symbols   string         `json:"symbols,omitempty"` // its symbol file
	Size      int64          `json:"size"`
	SHA256    string         `json:"sha256"`
	Recorded  int64          `json:"recorded_size"`
	Same      bool           `json:"same_bytes"`
	Baseline  int64          `json:"baseline_stripped_size"`
	Toolchain string         `json:"toolchain"`
	CPU       float64        `json:"cpu_seconds"`
	Cached    bool           `json:"from_cache"`
	Settings  technique.Plan `json:"settings"`
	Loses     []string       `json:"loses"`
	Checked   int            `json:"checks_passed"`

	Refused []technique.Refused `json:"refused"` // what the recipe has and this program does not bear
	Drift   []string            `json:"drift"`
	Notes   []string            `json:"notes"`
}

// Document is a build in every format.
func (b *Built) Document() *Document {
	d := &Document{Title: "minsize build", Schema: "minsize.build/1"}
	if b.Loses == nil {
		b.Loses = []string{}
	}
	if b.Drift == nil {
		b.Drift = []string{}
	}
	if b.Refused == nil {
		b.Refused = []technique.Refused{}
	}
	if b.Notes == nil {
		b.Notes = []string{}
	}
	t := &Table{Columns: []Column{{Name: "program"}, {Name: "size", Kind: Bytes}, {Name: "recorded", Kind: Bytes}, {Name: "of release", Key: "share", Kind: Percent}, {Name: "CPU s", Kind: Seconds}}}
	var share Cell
	if b.Baseline > 0 {
		share = float64(b.Size) / float64(b.Baseline)
	}
	t.Rows = append(t.Rows, Row{Strong: true, Cells: []Cell{b.Program, b.Size, b.Recorded, share, b.CPU}})
	block := Block{Table: t}
	switch {
	case b.Same:
		block.Notes = append(block.Notes, "the same bytes that shrink found and checked")
	case b.Checked > 0:
		block.Notes = append(block.Notes, fmt.Sprintf("other bytes than shrink found; %d checks passed", b.Checked))
	default:
		block.Notes = append(block.Notes, "other bytes than shrink found: sources, paths or settings from outside differ; --check runs the recorded checks")
	}
	for _, line := range b.Drift {
		block.Notes = append(block.Notes, "drift: "+line)
	}
	for _, r := range b.Refused {
		block.Notes = append(block.Notes, fmt.Sprintf("left out: %s: %s", r.Technique, r.Why))
	}
	block.Notes = append(block.Notes, b.Notes...)
	d.Blocks = append(d.Blocks, block)
	d.Data = b
	return d
}
