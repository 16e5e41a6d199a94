package report

import (
	"fmt"
	"strings"

	"github.com/minsize/minsize/internal/saving"
)

// Advise is the result of `minsize advise`.
type Advise struct {
	Program  string          `json:"program"`
	Size     uint64          `json:"size"` // bytes that a loader maps
	Project  bool            `json:"project"`
	Savings  []saving.Saving `json:"savings"`
	Together saving.Together `json:"together"`
	Builds   int             `json:"builds"` // made in this run
	Kept     int             `json:"kept"`   // answered by earlier runs
	Checks   string          `json:"checks"` // which ones a trial had to pass
	Notes    []string        `json:"notes"`
	Limit    int             `json:"-"` // rows for people, 0 for all
	Brief    bool            `json:"-"` // for people only what holds
}

// states are the words of a table for how far a row is to be believed.
var states = map[saving.State]string{
	saving.Tried: "tried", saving.Range: "range", saving.Untried: "not tried", saving.Differs: "check differs", saving.Fails: "does not build", saving.Nothing: "saves nothing",
}

// Document sets the result: what holds, ranked, and what was tried in vain.
func (a *Advise) Document() *Document {
	d := &Document{Title: "What to change in " + a.Program, Schema: "minsize.advise/1", Data: a}
	holds, rest := a.table(true), a.table(false)
	best := Block{Part: "change", Notes: a.Notes}
	best.Text = append(best.Text, fmt.Sprintf("%s: %s bytes that a loader maps", a.Program, thousands(int64(a.Size))))
	if len(holds.Rows) > 0 {
		best.Table = holds
		text := "Rows may count the same bytes: do the first, and ask again."
		if a.Checks != "" {
			text = fmt.Sprintf("tried: built and measured, and %s passed. ±N%% and N-N KiB: computed; the edit saves between these. %s", a.Checks, text)
		}
		best.Notes = append([]string{text}, best.Notes...)
		switch t := &a.Together; {
		case t.Changes == 0 || a.Size == 0:
		case t.State == saving.Tried:
			best.Text = append(best.Text, fmt.Sprintf("%d of the tried changes together, built and checked: %s bytes, %.1f%%", t.Changes, thousands(t.Bytes), 100*float64(t.Bytes)/float64(a.Size)))
		default:
			best.Text = append(best.Text, fmt.Sprintf("%d of the tried changes together: %s (%s)", t.Changes, states[t.State], t.Why))
		}
	} else {
		best.Text = append(best.Text, "nothing was found that is worth a thousandth of it")
	}
	d.Blocks = append(d.Blocks, best)
	if len(rest.Rows) > 0 && !a.Brief {
		d.Blocks = append(d.Blocks, Block{Heading: "Not worth it, or not tried", Part: "no gain", Table: rest})
	} else if len(rest.Rows) > 0 {
		count := map[saving.State]int{}
		for _, s := range a.Savings {
			count[s.State]++
		}
		var said []string
		for _, state := range []saving.State{saving.Untried, saving.Differs, saving.Fails, saving.Nothing} {
			if n := count[state]; n > 0 {
				said = append(said, fmt.Sprintf("%d: %s", n, states[state]))
			}
		}
		d.Blocks[0].Notes = append(d.Blocks[0].Notes, "beside these "+strings.Join(said, ", ")+" (-v lists them)")
	}
	return d
}

// spread is a range as a table has room for it.
func spread(s *saving.Saving) string {
	far := max(s.High-s.Bytes, s.Bytes-s.Low)
	if s.Bytes > 0 && far*100/s.Bytes <= 20 {
		return fmt.Sprintf("±%d%%", far*100/s.Bytes)
	}
	return fmt.Sprintf("%d-%d KiB", s.Low/1024, (s.High+1023)/1024)
}

// table has the rows that hold, or the others.
func (a *Advise) table(holds bool) *Table {
	t := &Table{Columns: []Column{{Name: "saves", Kind: Bytes}, {Name: "share", Kind: Percent}, {Name: "how"},
		{Name: "at least", Key: "low", Kind: Bytes, Only: Programs}, {Name: "at most", Key: "high", Kind: Bytes, Only: Programs}, {Name: "kind", Only: Programs},
		{Name: "what to change", Key: "what", Flex: true, Wrap: true}, {Name: "where", Only: Programs}, {Name: "step", Only: Programs}, {Name: "why", Only: Programs}}}
	left := 0
	for i := range a.Savings {
		s := &a.Savings[i]
		if s.Holds() != holds {
			continue
		}
		share := 0.
		if a.Size > 0 {
			share = max(-1, min(1, float64(s.Bytes)/float64(a.Size)))
		}
		how := states[s.State]
		if s.State == saving.Range {
			how = spread(s)
		}
		people := s.What
		if s.Place() != "" {
			people = s.Place() + ": " + people
		}
		people += "\u2003\u2192 " + s.Step
		if s.Why != "" {
			people += " (" + s.Why + ")"
		}
		row := Row{Strong: s.State == saving.Tried, Faint: !holds, Cells: []Cell{s.Bytes, share, how, s.Low, s.High, s.Kind, people, s.Place(), s.Step, s.Why}}
		if s.State == saving.Untried || s.State == saving.Fails {
			row.Cells[0], row.Cells[1], row.Cells[3], row.Cells[4] = nil, nil, nil, nil
		}
		machine := row
		machine.Cells = append([]Cell{}, row.Cells...)
		machine.Cells[2], machine.Cells[6] = string(s.State), s.What
		machine.Only = Programs
		t.Rows = append(t.Rows, machine)
		if row.Only = People; a.Limit > 0 && len(t.Rows) > 2*a.Limit {
			left++
			continue
		}
		t.Rows = append(t.Rows, row)
	}
	if left > 0 {
		t.Rows = append(t.Rows, Row{Only: People, Faint: true, Cells: []Cell{nil, nil, nil, nil, nil, nil, fmt.Sprintf("[%d more: -n 0]", left)}})
	}
	return t
}
