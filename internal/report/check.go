package report

import "github.com/minsize/minsize/internal/budget"

// CheckResult is what `minsize check` found.
type CheckResult struct {
	File   string           `json:"file"`
	Limits []budget.Verdict `json:"limits"`
	Over   int              `json:"over"` // limits that are exceeded

	Missing int `json:"missing,omitempty"` // limits on rows that are not there
}

// Check turns verdicts into a Document.
func Check(r *CheckResult) *Document {
	t := &Table{Columns: []Column{{Name: "Limit on", Flex: true}, {Name: "Bytes", Kind: Bytes}, {Name: "Limit", Kind: Bytes}, {Name: "Left", Kind: Delta}, {Name: "Verdict"}}}
	for _, v := range r.Limits {
		verdict := "ok"
		cells := []Cell{v.What, v.Bytes, v.Max, int64(v.Max) - int64(v.Bytes), verdict}
		switch {
		case v.Over:
			cells[4] = "over"
		case v.Missing:
			cells[1], cells[3], cells[4] = nil, nil, "no such row"
		}
		t.Rows = append(t.Rows, Row{Cells: cells, Strong: v.Over || v.Missing})
	}
	return &Document{Title: r.File, Schema: "minsize.check/1", Data: r, Blocks: []Block{{Table: t}}}
}
