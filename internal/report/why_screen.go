package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/refgraph"
)

// screenRows is how many rows a list of `why` has where the whole answer has to
// fit a screen of 24 lines and 80 columns.
const screenRows = 3

// whyScreen is the answer of `why` that fits one screen: the numbers first, then
// the largest of everything, one way in one sentence, and the nearest advice.
// What was asked for besides (a cut, a comparison) takes the place of the lists.
func (c *GraphContext) whyScreen(w *refgraph.Why, subject string, asked []Block) []Block {
	size := func(n uint64) string { return FormatBytes(int64(n), true) }
	top := Block{Text: []string{
		fmt.Sprintf("%s: %s bytes of its own in %s.", subject, size(w.Set.Size), count(w.Set.Count, "item", "items")),
		rebuildLine(&w.Prediction),
		fmt.Sprintf("Without it %s bytes would go, %.1f%% of the file's %s.", size(w.Retained.Size), c.percent(w.Retained.Size), size(w.Total)),
	}, Notes: append(append([]string(nil), w.Notes...), c.Graph.Notes...)}
	if p := &w.Prediction; p.Callers.Count > 0 && p.High > 2*p.Estimate {
		if p.Debug {
			top.Text = append(top.Text, fmt.Sprintf("The high end: its callers go too (%s).", some([]string{cutMiddle(p.CallerNames[0], wayWidth)}, p.Callers.Count)))
		} else {
			top.Text = append(top.Text, "The range is wide: without debug information nothing tells what is inlined (debug = 1).")
		}
	}
	top.Text = append(top.Text, c.cutLines()...)
	blocks := []Block{top}
	rows := screenRows
	if extra := len(top.Notes) + len(top.Text) - 4; extra > 0 {
		rows = max(1, rows-extra)
	}
	if len(asked) > 0 {
		blocks = append(blocks, asked...)
	} else {
		members := &Table{Columns: []Column{{Name: "Retained", Kind: Bytes}, {Name: "Own", Kind: Bytes}, {Name: "What it is", Flex: true}}}
		for i := range w.Largest[:min(rows, len(w.Largest))] {
			item := &w.Largest[i]
			members.Rows = append(members.Rows, Row{Cells: []Cell{item.Retained, item.Size, itemName(item)}})
		}
		frontier := &Table{Columns: []Column{{Name: "Cutting saves", Kind: Bytes}, {Name: "Who refers to it", Flex: true}}}
		for i := range w.Frontier[:min(rows, len(w.Frontier))] {
			r := &w.Frontier[i]
			frontier.Rows = append(frontier.Rows, Row{Cells: []Cell{r.Saves, itemName(&r.Item)}, Strong: r.Own})
		}
		for _, t := range []*Table{members, frontier} {
			if len(t.Rows) > 0 {
				blocks = append(blocks, Block{Table: t})
			}
		}
	}
	end := Block{}
	if len(w.Chain) > 0 && len(asked) == 0 {
		end.Text = append(end.Text, "One way there: "+c.wayText(w.Chain))
	}
	if len(w.Advice) > 0 {
		a := w.Advice[0]
		end.Text = append(end.Text, "What to do about "+a.Name+": "+a.Saves)
	}
	more := "-v shows more of each list, and what the numbers include"
	if n := len(w.Advice) - 1; n > 0 {
		more += fmt.Sprintf(", %s", count(n, "more piece of advice", "more pieces of advice"))
	}
	end.Notes = []string{more}
	return append(blocks, end)
}

// wayWidth is what a name may take of the way: some of them fill two lines.
const wayWidth, waySteps = 30, 4

// wayText is the way as a sentence: its ends, where a long one is cut.
func (c *GraphContext) wayText(chain []refgraph.Step) string {
	var names []string
	start := max(slices.IndexFunc(chain, func(s refgraph.Step) bool { return s.Own }), 0) // what comes before explains nothing
	for i := start; i < len(chain); i++ {
		if !slices.Contains([]string{"<meta root>", "_start", "main"}, chain[i].Name) || chain[i].InSet {
			names = append(names, strings.ReplaceAll(cutMiddle(itemName(&chain[i].Item), wayWidth), " ", "\u00a0"))
		}
	}
	if n := len(names); n > waySteps {
		names = append(append(names[:waySteps-2:waySteps-2], fmt.Sprintf("(%d more)", n-waySteps)), names[n-2:]...)
	}
	return strings.Join(names, " → ")
}
