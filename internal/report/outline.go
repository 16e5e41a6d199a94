package report

import (
	"fmt"

	"github.com/minsize/minsize/internal/outline"
)

// Outline is the result of `minsize outline`.
type Outline struct {
	Program   string            `json:"program"`
	Proved    bool              `json:"proved"`
	Before    int64             `json:"before"` // bytes that would be shipped; 0 without a proof
	After     int64             `json:"after"`
	Functions []OutlineFunction `json:"functions"`
	Refused   []OutlineFunction `json:"refused"`
	Notes     []string          `json:"notes"`
	Patch     string            `json:"patch"`
}

// OutlineFunction is one generic function of the source.
type OutlineFunction struct {
	Function  string `json:"function"`
	File      string `json:"file"`
	Line      int    `json:"line"`
	Instances int    `json:"instances"`
	Predicted int64  `json:"predicted"`
	Saved     int64  `json:"saved"`
	Tried     bool   `json:"tried"`
	Kept      bool   `json:"kept"`
	Why       string `json:"why,omitempty"`
}

// NewOutlineFunction turns a proposal into its row.
func NewOutlineFunction(p *outline.Proposal) OutlineFunction {
	return OutlineFunction{
		Function: p.ID(), File: p.Source.Name, Line: p.Function.Line, Instances: p.Instances,
		Predicted: p.Predicted, Saved: p.Saved, Tried: p.Tried, Kept: p.Kept, Why: p.Why,
	}
}

// Document sets the result; refused says whether refused functions are listed.
func (o *Outline) Document(refused bool) *Document {
	d := &Document{Title: "Outlining " + o.Program, Schema: "minsize.outline/1", Data: o}
	t := &Table{Columns: []Column{{Name: "function"}, {Name: "instances", Kind: Count}, {Name: "predicted", Kind: Bytes}, {Name: "saved", Kind: Bytes}, {Name: "verdict", Flex: true, Wrap: true}, {Name: "where"}}}
	for _, f := range o.Functions {
		verdict := f.Why
		if f.Kept {
			verdict = "kept"
		}
		row := Row{Strong: f.Kept, Faint: !f.Kept, Cells: []Cell{f.Function, f.Instances, f.Predicted, nil, verdict, fmt.Sprintf("%s:%d", f.File, f.Line)}}
		if f.Tried {
			row.Cells[3] = f.Saved
		}
		t.Rows = append(t.Rows, row)
	}
	block := Block{Heading: "Functions that can be outlined", Part: "can be outlined", Notes: o.Notes}
	if len(t.Rows) > 0 {
		block.Table = t
	} else {
		block.Text = []string{"none"}
	}
	d.Blocks = append(d.Blocks, block)
	if refused && len(o.Refused) > 0 {
		t := &Table{Columns: []Column{{Name: "function"}, {Name: "instances", Kind: Count}, {Name: "why it stays", Key: "verdict", Flex: true, Wrap: true}, {Name: "where"}}}
		for _, f := range o.Refused {
			t.Rows = append(t.Rows, Row{Cells: []Cell{f.Function, f.Instances, f.Why, fmt.Sprintf("%s:%d", f.File, f.Line)}})
		}
		d.Blocks = append(d.Blocks, Block{Heading: "Functions that stay as they are", Part: "stays", Table: t})
	}
	if o.Proved && o.Before > 0 {
		d.Blocks = append(d.Blocks, Block{Text: []string{fmt.Sprintf("%s: %s bytes before, %s after: %s saved, proved by a rebuild", o.Program,
			thousands(o.Before), thousands(o.After), thousands(o.Before-o.After))}})
	}
	return d
}
