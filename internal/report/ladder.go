package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/target"
	"github.com/minsize/minsize/internal/technique"
)

// Ladder turns a search into a Document: the ladder from the baseline down,
// what was left out and why, and what the winner gives up.
func Ladder(r *ladder.Result) *Document {
	d := &Document{
		Title:  fmt.Sprintf("%s: %s smaller", r.Program, formatShare(1-ratio(r.FinalSize, r.BaseStrip))),
		Schema: "minsize.shrink/1",
		Data:   r,
		Visual: &Visual{Kind: "ladder", Data: made(ladderFigure(r))},
	}
	if len(r.Relies) > 0 {
		d.Blocks = append(d.Blocks, reliesBlock(r))
	}
	d.Blocks = append(d.Blocks, ladderBlock(r), ladderOutcome(r))
	if b, ok := leftOutBlock(r); ok {
		d.Blocks = append(d.Blocks, b)
	}
	d.Blocks = append(d.Blocks, beyondBlocks(r)...)
	return d
}

// beyondBlocks are what was tried or is advised beside the ladder.
func beyondBlocks(r *ladder.Result) (list []Block) {
	if len(r.Pruned) > 0 {
		list = append(list, prunedBlock(r))
	}
	if len(r.Suggested) > 0 {
		list = append(list, suggestedBlock(r))
	}
	if len(r.Advice) > 0 {
		b := Block{Heading: "Beyond the flags"}
		for _, line := range r.Advice {
			b.Text = append(b.Text, GroupDigits(line))
		}
		list = append(list, b)
	}
	return list
}

// reliesBlock says who in the program relies on what was given up: it comes
// first, for the checks that passed may not show it.
func reliesBlock(r *ladder.Result) Block {
	b := Block{Heading: "Relied upon, and given up"}
	for _, x := range r.Relies {
		b.Text = append(b.Text, fmt.Sprintf("%s: %s gives up %s", x.Says, x.Technique, x.Loses))
	}
	var inputs []string
	for _, x := range r.Relies {
		if !slices.Contains(inputs, x.Check) {
			inputs = append(inputs, x.Check)
		}
	}
	b.Notes = []string{"a --check that " + strings.Join(inputs, "; one that ") + " shows whether it still works; --strict gives up nothing that is relied upon"}
	return b
}

func ladderBlock(r *ladder.Result) Block {
	measured := false
	for _, rung := range r.Rungs {
		measured = measured || rung.Speed > 0
	}
	t := &Table{Columns: []Column{
		{Name: "rung", Key: "Name", Kind: Words},
		{Name: "size", Kind: Bytes},
		{Name: "change", Kind: Delta},
		{Name: "share", Kind: Percent},
		{Name: "seconds", Kind: Seconds},
		{Name: "check", Kind: Words},
	}}
	if measured {
		t.Columns = append(t.Columns, Column{Name: "time", Kind: Percent})
	}
	t.Columns = append(t.Columns, Column{Name: "", Key: "remark", Kind: Words, Flex: true, Wrap: true})
	for i, rung := range r.Rungs {
		size := rung.Bytes()
		cells := []Cell{rung.Name, nonZero(size), nil, nil, seconds(rung), string(rung.Check.Status)}
		if rung.Kind != ladder.Baseline && size > 0 {
			cells[2] = rung.Change
		}
		if size > 0 {
			cells[3] = rung.Share
		}
		if rung.Check.Status == ladder.NotRun && (size == 0 || !rung.Kept && rung.Change >= 0) { // there was nothing to check
			cells[5] = "-"
		}
		if measured {
			if rung.Speed > 0 {
				cells = append(cells, rung.Speed)
			} else {
				cells = append(cells, nil)
			}
		}
		remark := ""
		switch {
		case i == r.Best:
			remark = "the best"
		case !rung.Kept:
			remark = "left out: " + GroupDigits(rung.Why)
		}
		cells = append(cells, remark)
		t.Rows = append(t.Rows, Row{Cells: cells, Strong: i == r.Best, Faint: !rung.Kept})
	}
	notes := []string{"size and change are" + asObjective(r) + " without symbols; share is of the stripped " + r.Start() + " (" + FormatBytes(r.BaseStrip, true) + " bytes)"}
	for _, rung := range r.Rungs {
		for _, n := range rung.Notes {
			notes = append(notes, rung.Name+": "+n)
		}
	}
	return Block{Heading: "The ladder", Part: "rung", Table: t, Notes: notes}
}

// seconds is CPU time for full builds and elapsed time for what is replayed.
func seconds(r ladder.Rung) Cell {
	if r.CPU > 0 {
		return r.CPU
	}
	if r.Wall > 0 {
		return r.Wall
	}
	return nil
}

func nonZero(n int64) Cell {
	if n == 0 {
		return nil
	}
	return n
}

// asObjective says how sizes are meant, where it is not the file itself.
func asObjective(r *ladder.Result) string {
	if r.Objective == "" || r.Objective == "raw" {
		return ""
	}
	return " as " + r.Objective
}

// inFile is asObjective with what the file itself has.
func inFile(r *ladder.Result) string {
	if as := asObjective(r); as != "" {
		return fmt.Sprintf("%s (%s in the file)", as, FormatBytes(r.FinalRaw, true))
	}
	return ""
}

// transferLines say what a file weighs when it is downloaded.
func transferLines(list []ladder.Transfer) []string {
	var parts []string
	for _, t := range list {
		parts = append(parts, fmt.Sprintf("as %s %s -> %s (%s)", t.As, FormatBytes(t.Before, true), FormatBytes(t.After, true), formatShare(ratio(t.After, t.Before))))
	}
	if len(parts) == 0 {
		return nil
	}
	return []string{"downloaded: " + strings.Join(parts, ", ")}
}

func ladderOutcome(r *ladder.Result) Block {
	b := Block{Heading: "The best", Part: "given up"}
	b.Text = append(b.Text, fmt.Sprintf("%s: %s bytes%s, %s of the stripped %s (%s), %s of what %s (%s)",
		r.Program, FormatBytes(r.FinalSize, true), inFile(r), formatShare(ratio(r.FinalSize, r.BaseStrip)), r.Start(), FormatBytes(r.BaseStrip, true),
		formatShare(ratio(r.FinalSize, r.Baseline)), map[bool]string{false: "cargo leaves", true: "it was"}[r.Finished], FormatBytes(r.Baseline, true)))
	b.Text = append(b.Text, transferLines(r.Transfer)...)
	switch {
	case r.BestVerify.Status == ladder.Passed:
		b.Text = append(b.Text, fmt.Sprintf("checked: %s, the same as the %s%s", plural(r.BestVerify.Checks, "command"), r.Start(), note(r.CheckNote)))
	case r.BestVerify.Status == ladder.NotRun:
		b.Text = append(b.Text, "not run: "+r.BestVerify.Why)
	}
	if line := speedLine(r); line != "" {
		b.Text = append(b.Text, line)
	}
	b.Text = append(b.Text, "work: "+workLine(r))
	b.Text = append(b.Text, r.Toolchains...)
	if r.Output != "" {
		b.Text = append(b.Text, "written: "+r.Output)
	}
	if r.Symbols != "" {
		b.Text = append(b.Text, "symbols: "+r.Symbols+" (its names, for size, why, debuggers and crash reports)")
	} else if r.SymbolsNote != "" {
		b.Text = append(b.Text, r.SymbolsNote)
	}
	if r.Recipe != "" {
		b.Text = append(b.Text, "settings: "+r.Recipe)
	}
	t := &Table{Columns: []Column{{Name: "given up", Key: "Name", Kind: Words}, {Name: "risk", Kind: Words}, {Name: "what is lost", Key: "loses", Kind: Words, Flex: true, Wrap: true}}}
	for _, g := range r.GivenUp {
		t.Rows = append(t.Rows, Row{Cells: []Cell{g.Name, g.Risk, g.Loses}})
	}
	if len(t.Rows) > 0 {
		b.Table = t
	}
	return b
}

func leftOutBlock(r *ladder.Result) (Block, bool) {
	t := &Table{Columns: []Column{
		{Name: "not tried", Key: "Name", Kind: Words},
		{Name: "would save", Key: "saves", Kind: Bytes},
		{Name: "risk", Kind: Words},
		{Name: "how, or why not", Key: "remark", Kind: Words},
		{Name: "what it loses", Key: "loses", Kind: Words, Flex: true, Wrap: true},
	}}
	for _, l := range r.Left {
		var saves Cell
		if l.Known {
			saves = l.Saves
		} else if l.Allow && l.Result == "" {
			saves = "not measured"
		}
		why := l.Why
		if l.Result != "" {
			why += "; " + l.Result
		}
		t.Rows = append(t.Rows, Row{Cells: []Cell{l.Name, saves, l.Risk, why, l.Loses}, Faint: !l.Allow})
	}
	b := Block{Heading: "Left out", Part: "left out", Table: t}
	if r.Relinks > 0 {
		b.Notes = []string{"what would be saved is measured by a relink on top of the best; it was not run"}
	}
	return b, len(t.Rows) > 0
}

func suggestedBlock(r *ladder.Result) Block {
	t := &Table{Columns: []Column{
		{Name: "--cut", Key: "Name", Kind: Words, Flex: true},
		{Name: "keeps", Kind: Bytes},
		{Name: "saves", Kind: Bytes},
		{Name: "check", Kind: Words},
	}}
	for _, s := range r.Suggested {
		t.Rows = append(t.Rows, Row{Cells: []Cell{"'" + s.Cut + "'", s.Retained, s.Saves, string(s.Check.Status)}, Faint: s.Check.Status == ladder.Failed})
	}
	by, ending := "the recorded link", "SIGILL; =report instead of =trap says which function it was"
	if strings.HasPrefix(r.Target, "wasm") {
		by, ending = "its code", "a trap"
	} else if target.Parse(r.Target).Format == target.COFF {
		ending = "an illegal instruction (0xC000001D)"
	} else if target.Parse(r.Target).BareMetal() {
		ending = "an illegal instruction, and the machine's handler of faults is called"
	}
	return Block{Heading: "Suggested cuts", Part: "suggested cut", Table: t, Notes: []string{
		"keeps: what only this keeps in the program, by " + by + "; saves: measured by a relink on top of the best",
		"a cut that passes the checks is still reached by what they do not run: the program then ends by " + ending}}
}

func prunedBlock(r *ladder.Result) Block {
	t := &Table{Columns: []Column{
		{Name: "without default features", Key: "Name", Kind: Words},
		{Name: "size", Kind: Bytes},
		{Name: "saves", Kind: Bytes},
		{Name: "check", Kind: Words},
		{Name: "", Key: "remark", Kind: Words, Flex: true, Wrap: true},
	}}
	for _, f := range r.Pruned {
		cells := []Cell{f.Dependency, nonZero(f.Size), nil, string(f.Check.Status), f.Why}
		if f.Size > 0 {
			cells[2] = f.Saves
		}
		t.Rows = append(t.Rows, Row{Cells: cells, Faint: f.Why != ""})
	}
	return Block{Heading: "Features of dependencies", Part: "features", Table: t, Notes: []string{
		"each is the best, built with default-features = false for that dependency in a copy of the project; Cargo.toml is yours to edit"}}
}

// figure is the input of assets/ladder.js.
type figure struct {
	Program  string       `json:"program"`
	Baseline int64        `json:"baseline"`
	Rungs    []figureRung `json:"rungs"`
}

type figureRung struct {
	Name  string         `json:"name"`
	Size  int64          `json:"size"`
	Kept  bool           `json:"kept"`
	Best  bool           `json:"best"`
	Speed float64        `json:"speed"`
	Why   string         `json:"why"`
	Loses []string       `json:"loses"`
	Kind  technique.Kind `json:"kind"`
}

func ladderFigure(r *ladder.Result) figure {
	f := figure{Program: r.Program, Baseline: r.BaseStrip, Rungs: []figureRung{}}
	for i, rung := range r.Rungs {
		f.Rungs = append(f.Rungs, figureRung{rung.Name, rung.Bytes(), rung.Kept, i == r.Best, rung.Speed, rung.Why, rung.Loses, rung.Kind})
	}
	return f
}

func ratio(n, of int64) float64 {
	if of <= 0 {
		return 0
	}
	return float64(n) / float64(of)
}

func formatShare(f float64) string { return fmt.Sprintf("%.1f%%", f*100) }

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

func note(s string) string {
	if s == "" {
		return ""
	}
	return " (" + strings.TrimSuffix(s, ".") + ")"
}
