package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/ladder"
)

// What a search has to say is 95 lines, and whoever ran it wants five of them:
// how small, where, what it cost, what next. The screen has those first, then
// the rungs that were kept and what else could be had; it fits a terminal of 80
// by 40. Everything is in the other formats, and in the text with all.

// ScreenOptions of a search's answer as text.
type ScreenOptions struct {
	All  bool   // every rung, and all that was left out
	Next string // what to do with the result
}

// mostOffers is how many of the savings that were not allowed are shown.
const mostOffers = 4

// LadderScreen is a search as text for a terminal; data and figure are those
// of Ladder.
func LadderScreen(r *ladder.Result, o ScreenOptions) *Document {
	d := Ladder(r)
	d.Blocks = []Block{answerBlock(r, o)}
	if o.All {
		whole := ladderBlock(r)
		whole.Notes = append([]string{workLine(r)}, whole.Notes...)
		d.Blocks = append(d.Blocks, whole)
		if b, ok := leftOutBlock(r); ok {
			d.Blocks = append(d.Blocks, b)
		}
	} else {
		d.Blocks = append(d.Blocks, keptBlock(r))
		if b, ok := offersBlock(r); ok {
			d.Blocks = append(d.Blocks, b)
		}
	}
	d.Blocks = append(d.Blocks, beyondBlocks(r)...)
	return d
}

// answerBlock is what was asked for.
func answerBlock(r *ladder.Result, o ScreenOptions) Block {
	b := Block{Heading: fmt.Sprintf("%s: %s -> %s bytes%s, %s of the stripped %s", r.Program,
		FormatBytes(r.BaseStrip, true), FormatBytes(r.FinalSize, true), inFile(r), formatShare(ratio(r.FinalSize, r.BaseStrip)), r.Start())}
	var lines []string
	if len(r.Relies) > 0 { // before all else: the checks that passed may not show it
		relied := reliesBlock(r)
		for _, line := range append(relied.Text, relied.Notes...) {
			lines = append(lines, "relied upon, and given up: "+line)
		}
		lines[len(lines)-1] = relied.Notes[0]
	}
	var places []string
	for _, place := range []struct{ what, path string }{{"written", r.Output}, {"settings", r.Recipe}, {"symbols", r.Symbols}} {
		if place.path != "" {
			places = append(places, place.what+": "+place.path)
		}
	}
	if len(places) > 0 {
		lines = append(lines, strings.Join(places, ", "))
	}
	if r.SymbolsNote != "" {
		lines = append(lines, r.SymbolsNote)
	}
	lines = append(lines, transferLines(r.Transfer)...)
	switch {
	case r.BestVerify.Status == ladder.Passed:
		lines = append(lines, fmt.Sprintf("checked: %s, the same as the %s%s", plural(r.BestVerify.Checks, "command"), r.Start(), note(r.CheckNote)))
	case r.BestVerify.Status == ladder.NotRun:
		lines = append(lines, "not run: "+r.BestVerify.Why)
	}
	if line := speedLine(r); line != "" {
		lines = append(lines, line)
	}
	lines = append(lines, givenUpLines(r)...)
	if o.Next != "" {
		lines = append(lines, "next: "+o.Next)
	}
	lines = append(lines, r.Toolchains...)
	b.Text = lines
	return b
}

// speedLine is how fast the best is. What rewrites the file changes no speed,
// so that of the last rung kept before it counts. Where nothing that was
// measured is fast enough, the best has the release build's own code.
func speedLine(r *ladder.Result) string {
	slow := false
	for _, rung := range slices.Backward(r.Rungs[:r.Best+1]) {
		if rung.Kept && rung.Speed > 0 {
			return fmt.Sprintf("speed: %s of the release build's time", formatShare(rung.Speed))
		}
		slow = slow || rung.Speed > 0
	}
	if !slow {
		return ""
	}
	return "speed: as the release build; all that is smaller was slower than the limit allows"
}

// givenUpLines name what only debuggers miss together, and tell the rest one by
// one, for that can be seen by users.
func givenUpLines(r *ladder.Result) (lines []string) {
	var mild []string
	for _, g := range r.GivenUp {
		if g.Mild() {
			mild = append(mild, g.Name)
			continue
		}
		lines = append(lines, fmt.Sprintf("given up (%s) by %s: %s", g.Risk, g.Name, g.Loses))
	}
	if len(mild) > 0 {
		lines = append(lines, "given up, without a change of behaviour: "+strings.Join(mild, ", "))
	}
	return lines
}

// keptBlock is the ladder without what was dropped.
func keptBlock(r *ladder.Result) Block {
	t := &Table{Columns: []Column{{Name: "rung", Flex: true, Wrap: true}, {Name: "size", Kind: Bytes}, {Name: "change", Kind: Delta}, {Name: "share", Kind: Percent}, {Name: "seconds", Kind: Seconds}}}
	measured := slices.ContainsFunc(r.Rungs, func(x ladder.Rung) bool { return x.Speed > 0 })
	if measured {
		t.Columns = append(t.Columns, Column{Name: "time", Kind: Percent})
	}
	dropped := 0
	var notes []string
	for i, rung := range r.Rungs {
		if !rung.Kept && i != r.Best {
			dropped++
			continue
		}
		cells := []Cell{rung.Name, nonZero(rung.Bytes()), nil, rung.Share, seconds(rung)}
		if rung.Kind != ladder.Baseline {
			cells[2] = rung.Change
		}
		if measured && rung.Speed > 0 {
			cells = append(cells, rung.Speed)
		}
		t.Rows = append(t.Rows, Row{Cells: cells, Strong: i == r.Best})
		for _, n := range rung.Notes {
			notes = append(notes, rung.Name+": "+n)
		}
	}
	notes = append([]string{workLine(r) + fmt.Sprintf("; %s not kept (-v lists them)", plural(dropped, "rung"))}, notes...)
	return Block{Heading: "The ladder", Table: t, Notes: notes}
}

// workLine says what the search cost.
func workLine(r *ladder.Result) string {
	if r.Finished {
		return plural(r.Relinks, "cut") + fmt.Sprintf(" tried at %.2f s each", r.Relink)
	}
	work := plural(r.Builds, "full build")
	if r.Cached > 0 {
		work += fmt.Sprintf(" (%d from the cache)", r.Cached)
	}
	work += fmt.Sprintf(", %.1f CPU seconds", r.CPU)
	if r.Relinks > 0 {
		work += fmt.Sprintf("; %s at %.2f s each", plural(r.Relinks, "relink"), r.Relink)
	}
	if r.Codegens > 0 {
		work += fmt.Sprintf("; %s at %.1f s each", plural(r.Codegens, "codegen variant"), r.Codegen)
	}
	return work
}

// offersBlock is what could be had beyond, the largest savings first.
func offersBlock(r *ladder.Result) (Block, bool) {
	t := &Table{Columns: []Column{{Name: "left out"}, {Name: "would save", Kind: Bytes}, {Name: "how, and what it loses", Flex: true, Wrap: true}}}
	more, offers := 0, 0
	for _, l := range r.Left {
		switch {
		case l.Spoken:
		case l.Allow && offers < mostOffers:
			offers++
		default:
			more++
			continue
		}
		var saves Cell
		if l.Known {
			saves = l.Saves
		}
		how := l.Why
		if l.Result != "" {
			how += "; " + l.Result
		}
		if l.Allow && l.Loses != "" {
			how += ": " + l.Loses
		}
		t.Rows = append(t.Rows, Row{Cells: []Cell{l.Name, saves, how}, Faint: !l.Allow})
	}
	b := Block{Heading: "Left out", Table: t}
	if more > 0 {
		b.Notes = append(b.Notes, fmt.Sprintf("%d more with -v", more))
	}
	return b, len(t.Rows) > 0
}
