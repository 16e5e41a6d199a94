package report

import (
	"fmt"
	"strings"

	"github.com/minsize/minsize/internal/budget"
)

// CheckResult is what `minsize check` found.
type CheckResult struct {
	File   string           `json:"file"`
	Budget string           `json:"budget,omitempty"` // the file that the limits stand in
	Limits []budget.Verdict `json:"limits"`
	Over   int              `json:"over"` // limits that are exceeded

	Missing int `json:"missing,omitempty"` // limits on rows that are not there
}

// NewCheck counts verdicts; from is the file that the limits stand in.
func NewCheck(file, from string, verdicts []budget.Verdict) *CheckResult {
	c := &CheckResult{File: file, Budget: from, Limits: verdicts}
	for i := range c.Limits {
		if c.Limits[i].Over {
			c.Over++
		}
		if c.Limits[i].Missing {
			c.Missing++
		}
	}
	return c
}

// MissingRow says what a limit is on that is not there, and what may be meant.
func MissingRow(v *budget.Verdict) string {
	text := fmt.Sprintf("no row %q in the view %s", v.Name, v.View)
	if v.View == budget.Region {
		text = fmt.Sprintf("no region %q", v.Name)
	}
	if len(v.Nearest) > 0 {
		text += "; the nearest: " + strings.Join(v.Nearest, ", ")
	}
	return text
}

// Check turns verdicts into a Document.
func Check(r *CheckResult) *Document {
	return &Document{Title: r.File, Schema: "minsize.check/1", Data: r, Blocks: []Block{{Table: checkTable(r)}}, Findings: checkFindings(r)}
}

func checkTable(r *CheckResult) *Table {
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
	return t
}

// checkFindings are the limits that are not kept, for those who show them
// beside the line that sets them.
func checkFindings(r *CheckResult) []Finding {
	list := []Finding{}
	for i := range r.Limits {
		v := &r.Limits[i]
		f := Finding{Rule: "size-budget", Key: v.What, File: r.Budget, Line: v.Line}
		if f.File == "" || f.Line == 0 { // it was typed
			f.File, f.Line = r.File, 0
		}
		switch {
		case v.Over && v.Grown:
			f.Message = fmt.Sprintf("%s: %s has %d bytes, %d more than the baseline's %d; it may have %d", r.File, strings.TrimSuffix(v.What, " against the baseline"), v.Bytes, int64(v.Bytes)-int64(v.Base), v.Base, v.Max)
		case v.Over:
			f.Message = fmt.Sprintf("%s: %s has %d bytes, the limit is %d", r.File, v.What, v.Bytes, v.Max)
		case v.Missing:
			f.Message = fmt.Sprintf("%s: %s: %s", r.File, v.What, MissingRow(v))
		default:
			continue
		}
		list = append(list, f)
	}
	return list
}
