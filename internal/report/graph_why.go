package report

import (
	"fmt"
	"strings"

	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/refgraph"
)

// Reports of `why` and `monos`.

type stepJSON struct {
	Name     string `json:"name"`
	Size     uint64 `json:"shallow_size"`
	Retained uint64 `json:"retained_size"`
	Crate    string `json:"crate,omitempty"`
	Own      bool   `json:"own,omitempty"`
	InSet    bool   `json:"in_set,omitempty"`
}

type referrerJSON struct {
	Name     string `json:"name"`
	Saves    uint64 `json:"saves"`
	Edges    int    `json:"references"`
	Size     uint64 `json:"shallow_size"`
	Retained uint64 `json:"retained_size"`
	Crate    string `json:"crate,omitempty"`
	Own      bool   `json:"own,omitempty"`
}

type adviceJSON struct {
	About  string `json:"about"`
	Advice string `json:"advice"`
}

type cutJSON struct {
	Patterns []string       `json:"patterns"`
	Set      restJSON       `json:"cut"`
	Saves    restJSON       `json:"saves"`
	Rebuild  predictionJSON `json:"prediction"`
	Left     restJSON       `json:"left"`
	Chain    []stepJSON     `json:"chain,omitempty"`
	Frontier []referrerJSON `json:"referrers,omitempty"`
}

// predictionJSON: what a rebuilt program without the patterns is smaller by.
type predictionJSON struct {
	Estimate    uint64    `json:"estimate"`
	Low         uint64    `json:"low"`
	High        uint64    `json:"high"`
	Debug       bool      `json:"inlining_known"`             // debug information told what is inlined
	Inlined     *restJSON `json:"inlined,omitempty"`          // of it, code inside functions that stay
	Made        *restJSON `json:"copies_for_types,omitempty"` // of the set: drop glue, vtables, generic code for its types
	Derived     *restJSON `json:"copies_by_reference,omitempty"`
	Callers     *restJSON `json:"callers,omitempty"` // in the high end
	CallerNames []string  `json:"largest_callers,omitempty"`
}

func (c *GraphContext) prediction(w *refgraph.Why) *predictionJSON {
	p := predictionOf(&w.Prediction)
	for _, x := range []struct {
		rest refgraph.Rest
		to   **restJSON
	}{{w.Prediction.Inlined, &p.Inlined}, {w.Made, &p.Made}, {w.Derived, &p.Derived}, {w.Prediction.Callers, &p.Callers}} {
		if x.rest.Count > 0 {
			rest := c.rest(x.rest)
			*x.to = &rest
		}
	}
	return p
}

func predictionOf(p *refgraph.Prediction) *predictionJSON {
	return &predictionJSON{Estimate: p.Estimate, Low: p.Low, High: p.High, Debug: p.Debug, CallerNames: p.CallerNames}
}

// cutLines say what the module weighs once the cut is made.
func (c *GraphContext) cutLines() []string {
	if len(c.Cut) == 0 {
		return nil
	}
	var parts []string
	for i, t := range c.Cut {
		part := FormatBytes(t.Before-t.After, true) + " bytes"
		if i > 0 {
			part = FormatBytes(t.Before-t.After, true) + " as " + t.As
		}
		parts = append(parts, part)
	}
	return []string{"With traps in its place the stripped module is smaller by " + strings.Join(parts, ", ") + " (measured)."}
}

func rebuildLine(p *refgraph.Prediction) string {
	size := func(n uint64) string { return FormatBytes(int64(n), true) }
	return fmt.Sprintf("A rebuild without it is smaller by about %s bytes, between %s and %s.", size(p.Estimate), size(p.Low), size(p.High))
}

// predictionText says what a rebuild saves and what that includes.
func (c *GraphContext) predictionText(w *refgraph.Why) []string {
	p := &w.Prediction
	size := func(n uint64) string { return FormatBytes(int64(n), true) }
	lines := []string{rebuildLine(p)}
	var with []string
	if w.Made.Count > 0 {
		with = append(with, fmt.Sprintf("drop glue, vtables and generic code for its types (%s)", size(w.Made.Size)))
	}
	if w.Derived.Count > 0 {
		with = append(with, fmt.Sprintf("copies of std's generic code that refer to it (%s)", size(w.Derived.Size)))
	}
	if p.Inlined.Count > 0 {
		with = append(with, fmt.Sprintf("what is inlined into %s (%s)", count(p.Inlined.Count, "function that stays", "functions that stay"), size(p.Inlined.Size)))
	}
	if len(with) > 0 {
		lines = append(lines, "That includes "+strings.Join(with, ", ")+".")
	}
	if p.Debug && p.Callers.Count > 0 {
		lines = append(lines, fmt.Sprintf("The high end holds if its %s for it alone (%s bytes: %s); name one as a second pattern to have it in the estimate.",
			count(p.Callers.Count, "caller is there", "callers are there"), size(p.Callers.Size), some(p.CallerNames, p.Callers.Count)))
	}
	if !p.Debug && p.Callers.Count > 0 {
		lines = append(lines, fmt.Sprintf("What is inlined into its %s is not known without debug information, so the range is wide: `cargo minsize why --cargo-build` in the project builds with it, or build with debug = 1 and strip = false.", count(p.Callers.Count, "caller", "callers")))
	}
	return lines
}

// some names a few of all.
func some(names []string, all int) string {
	text := strings.Join(names, ", ")
	if all > len(names) {
		text += ", ..."
	}
	return text
}

// WhyVerified is what a rebuild said to a prediction.
type WhyVerified struct {
	How       string
	Before    uint64 // bytes of the sections that are loaded
	After     uint64
	Predicted uint64
	Low, High uint64 // of the prediction
}

type verifiedJSON struct {
	How       string  `json:"how"`
	Before    uint64  `json:"before"`
	After     uint64  `json:"after"`
	Predicted uint64  `json:"predicted_saving"`
	Real      int64   `json:"real_saving"`
	OffBy     float64 `json:"off_by_percent"`
	Low       uint64  `json:"predicted_low"`
	High      uint64  `json:"predicted_high"`
	Inside    bool    `json:"inside"` // whether the real saving lies in the range
	OffShare  float64 `json:"off_by"` // a fraction
}

func steps(chain []refgraph.Step) []stepJSON {
	var out []stepJSON
	for _, s := range chain {
		out = append(out, stepJSON{s.Name, s.Size, s.Retained, s.Crate, s.Own, s.InSet})
	}
	return out
}

func referrers(list []refgraph.Referrer) []referrerJSON {
	var out []referrerJSON
	for _, r := range list {
		out = append(out, referrerJSON{r.Name, r.Saves, r.Edges, r.Size, r.Retained, r.Crate, r.Own})
	}
	return out
}

// count prints "1 item" and "2 items".
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(int64(n)) + " " + many
}

func (c *GraphContext) frontierTable(list []refgraph.Referrer) *Table {
	t := &Table{Columns: []Column{
		{Name: "Cutting saves", Key: "Saves", Kind: Bytes}, {Name: "References", Kind: Count}, {Name: "Own bytes", Key: "ShallowSize", Kind: Bytes},
		{Name: c.crateWord()}, {Name: "Refers to it", Key: "Name", Flex: true},
	}}
	for _, r := range list {
		t.Rows = append(t.Rows, Row{Cells: []Cell{r.Saves, r.Edges, r.Size, r.Crate, itemName(&r.Item)}, Strong: r.Own})
	}
	return t
}

func (c *GraphContext) chainTable(chain []refgraph.Step) *Table {
	t := &Table{Nested: true, Columns: []Column{
		{Name: "Retained Bytes", Key: "RetainedSize", Kind: Bytes}, {Name: "Own bytes", Key: "ShallowSize", Kind: Bytes}, {Name: c.crateWord()},
		{Name: "Name", Only: Programs}, {Name: "Chain", Flex: true, Only: People},
	}}
	for i, s := range chain {
		name := itemName(&s.Item)
		if i > 0 {
			name = strings.Repeat("  ", min(i, 12)) + "↳ " + name
		}
		t.Rows = append(t.Rows, Row{Level: i, Cells: []Cell{s.Retained, s.Size, s.Crate, s.Name, name}, Strong: s.Own})
	}
	return t
}

// Why turns the answer of `why` into a Document.
func (c *GraphContext) Why(w *refgraph.Why, patterns, cuts []string, verified *WhyVerified) *Document {
	data := struct {
		programJSON
		Patterns  []string       `json:"patterns"`
		Reachable uint64         `json:"reachable_size"`
		Set       restJSON       `json:"set"`
		Lost      restJSON       `json:"already_unreachable"`
		Retained  restJSON       `json:"retained"`
		Largest   []itemJSON     `json:"largest"`
		Frontier  []referrerJSON `json:"referrers"`
		Referrers int            `json:"referrer_count"`
		Chain     []stepJSON     `json:"chain"`
		Own       []string       `json:"own_crates"`
		Advice    []adviceJSON   `json:"advice,omitempty"`
		Cut       *cutJSON       `json:"cut,omitempty"`
		Verified  *verifiedJSON  `json:"verified,omitempty"`

		Compressed []ladder.Transfer `json:"compressed,omitempty"`
		Prediction *predictionJSON   `json:"prediction"`
	}{
		programJSON: c.program(), Patterns: patterns, Reachable: w.Reachable, Set: c.rest(w.Set), Lost: c.rest(w.Lost), Retained: c.rest(w.Retained),
		Frontier: referrers(w.Frontier), Referrers: w.Referrers, Chain: steps(w.Chain), Own: w.Own,
		Prediction: c.prediction(w), Compressed: c.Cut,
	}
	subject := strings.Join(patterns, ", ")
	bytes := func(n uint64) string { return FormatBytes(int64(n), true) + " bytes" }

	summary := Block{Text: []string{
		fmt.Sprintf("%s: %s of its own in %s.", subject, bytes(w.Set.Size), count(w.Set.Count, "item", "items")),
	}}
	if w.Lost.Count > 0 {
		summary.Text = append(summary.Text, fmt.Sprintf("%s of them (%s) are reached by nothing already: see garbage.", count(w.Lost.Count, "item", "items"), bytes(w.Lost.Size)))
	}
	summary.Notes = append(summary.Notes, w.Notes...)
	summary.Text = append(summary.Text, fmt.Sprintf("Without it %s would go (%s), %.1f%% of the %s of the file.",
		bytes(w.Retained.Size), count(w.Retained.Count, "item", "items"), c.percent(w.Retained.Size), bytes(w.Total)))

	summary.Text = append(append(summary.Text, c.predictionText(w)...), c.cutLines()...)

	largest := &Table{Columns: append(append(programColumns("Name", "ShallowSize", "RetainedSize"), append(sizeColumns("Retained"), sizeColumns("Shallow")...)...), Column{Name: "Item", Flex: true, Only: People})}
	for i := range w.Largest {
		item := &w.Largest[i]
		cells := append([]Cell{item.Name, item.Size, item.Retained}, c.sizeCells(item.Retained)...)
		largest.Rows = append(largest.Rows, Row{Cells: append(append(cells, c.sizeCells(item.Size)...), itemName(item))})
		data.Largest = append(data.Largest, c.itemJSON(item, true))
	}
	set := &Table{Columns: programColumns("Name", "Items", "ShallowSize", "RetainedSize", "RetainedShare"), Rows: []Row{
		{Cells: []Cell{subject, w.Set.Count, w.Set.Size, w.Retained.Size, c.share(w.Retained.Size)}}}}
	blocks := []Block{summary, {Part: "set", Only: Programs, Table: set}, {Heading: "What it is", Part: "member", Table: largest}}

	frontier := Block{Heading: "Who refers to it", Part: "referrer", Table: c.frontierTable(w.Frontier)}
	if more := w.Referrers - len(w.Frontier); more > 0 {
		frontier.Notes = append(frontier.Notes, fmt.Sprintf("%s more: -n sets how many", count(more, "referrer", "referrers")))
	}
	frontier.Notes = append(frontier.Notes, "what cutting saves is for each referrer alone; where several lead to the same code each of them saves little: --cut takes several")
	blocks = append(blocks, frontier)

	if len(w.Chain) > 0 {
		note := "the shortest way from the entry point"
		if len(w.Own) > 0 {
			note += ", through " + strings.Join(w.Own, ", ") + " where possible"
		}
		blocks = append(blocks, Block{Heading: "One way that leads there", Part: "chain", Table: c.chainTable(w.Chain), Notes: []string{note}})
	}
	var asked []Block // what was asked for besides
	if w.Cut != nil {
		r := w.Cut
		data.Cut = &cutJSON{cuts, c.rest(r.Set), c.rest(r.Saves), *predictionOf(&r.Prediction), c.rest(r.Left), steps(r.Chain), referrers(r.Frontier)}
		b := Block{Heading: "If " + strings.Join(cuts, ", ") + " went", Text: []string{
			fmt.Sprintf("%s cut, %s: %s, %.1f%% of the file.", count(r.Set.Count, "item is", "items are"), count(r.Saves.Count, "item goes", "items go"), bytes(r.Saves.Size), c.percent(r.Saves.Size)),
			rebuildLine(&r.Prediction),
		}}
		if r.Left.Count == 0 {
			b.Text = append(b.Text, fmt.Sprintf("Nothing of %s is left.", subject))
			asked = append(asked, b)
		} else {
			b.Text = append(b.Text, fmt.Sprintf("Of %s %s are left (%s), since this still leads there:", subject, bytes(r.Left.Size), count(r.Left.Count, "item", "items")))
			b.Part, b.Table = "chain after the cut", c.chainTable(r.Chain)
			asked = append(asked, b, Block{Heading: "Who refers to what is left", Part: "referrer after the cut", Table: c.frontierTable(r.Frontier)})
		}
	}
	blocks = append(blocks, asked...)
	if len(w.Advice) > 0 {
		b := Block{Heading: "What to do"}
		for _, a := range w.Advice {
			b.Text = append(b.Text, a.Name+": "+a.Saves)
			data.Advice = append(data.Advice, adviceJSON{a.Name, a.Saves})
		}
		blocks = append(blocks, b)
	}
	if verified != nil {
		v := &verifiedJSON{How: verified.How, Before: verified.Before, After: verified.After, Predicted: verified.Predicted,
			Real: int64(verified.Before) - int64(verified.After)}
		if v.Real != 0 {
			v.OffShare = float64(int64(v.Predicted)-v.Real) / float64(v.Real)
			v.OffBy = 100 * v.OffShare
		}
		v.Low, v.High = verified.Low, verified.High
		v.Inside = v.Real >= int64(v.Low) && v.Real <= int64(v.High)
		data.Verified = v
		last := Block{Heading: "Predicted against real", Part: "verified", Table: &Table{
			Columns: []Column{{Name: "Rebuilt", Key: "Name"}, {Name: "Before", Kind: Bytes}, {Name: "After", Kind: Bytes}, {Name: "Real saving", Kind: Bytes}, {Name: "Predicted", Kind: Bytes},
				{Name: "Low", Kind: Bytes}, {Name: "High", Kind: Bytes}, {Name: "Off by", Key: "OffByShare", Kind: Percent}},
			Rows: []Row{{Cells: []Cell{v.How, v.Before, v.After, v.Real, v.Predicted, v.Low, v.High, v.OffShare}}},
		}, Notes: []string{"bytes of loaded sections: what alignment to pages adds in the file is left out"}}
		asked = append(asked, last)
		blocks = append(blocks, last)
	}
	if c.Brief {
		blocks = c.whyScreen(w, subject, asked)
	} else {
		blocks[len(blocks)-1].Notes = append(blocks[len(blocks)-1].Notes, c.notes()...)
	}
	return &Document{Title: "Why " + subject + " is in " + c.File, Schema: "minsize.why/1", Data: data, Blocks: blocks}
}

// Monos turns the answer of `monos` into a Document.
func (c *GraphContext) Monos(m *refgraph.Monos) *Document {
	type copyJSON struct {
		Name    string  `json:"name"`
		Size    uint64  `json:"shallow_size"`
		Percent float64 `json:"shallow_size_percent"`
		Share   float64 `json:"shallow_share"`
		Types   string  `json:"types,omitempty"`
		Crate   string  `json:"instantiated_by,omitempty"`
	}
	type genericJSON struct {
		Generic      string     `json:"generic"`
		Bloat        uint64     `json:"approximate_monomorphization_bloat_bytes"`
		BloatPercent float64    `json:"approximate_monomorphization_bloat_percent"`
		BloatShare   float64    `json:"approximate_monomorphization_bloat_share"`
		Total        uint64     `json:"total_size"`
		TotalPercent float64    `json:"total_size_percent"`
		TotalShare   float64    `json:"total_share"`
		Copies       int        `json:"copies"`
		Folds        uint64     `json:"identical_code_bytes"`
		Monos        []copyJSON `json:"monomorphizations"`
		Omitted      *restJSON  `json:"omitted,omitempty"`
	}
	data := struct {
		programJSON
		Items []genericJSON      `json:"items"`
		Rest  refgraph.MonosRest `json:"remaining"`
		All   refgraph.MonosRest `json:"total"`
	}{c.program(), []genericJSON{}, m.Rest, m.All}

	native := !c.Graph.Wasm
	t := &Table{Columns: programColumns("Generic", "ApproximateMonomorphizationBloatBytes", "ApproximateMonomorphizationBloatPercent", "TotalSize", "TotalSizePercent", "Monomorphizations", "ApproximateMonomorphizationBloatShare", "TotalShare")}
	t.Columns = append(t.Columns,
		Column{Name: "Apprx. Bloat Bytes", Kind: Bytes, Only: People}, Column{Name: "Apprx. Bloat %", Kind: Percent, Only: People},
		Column{Name: "Bytes", Kind: Bytes, Only: People}, Column{Name: "%", Kind: Percent, Only: People})
	if native {
		t.Columns = append(t.Columns, Column{Name: "Copies", Kind: Count}, Column{Name: "Folding saves", Key: "IdenticalCodeBytes", Kind: Bytes})
	}
	t.Columns = append(t.Columns, Column{Name: "Monomorphizations", Flex: true, Only: People})
	row := func(bloat, total Cell, bloatShare, totalShare Cell, copies, folds Cell, name, copyNames string, depth int, only Audience) {
		percent := func(share Cell) Cell {
			if f, ok := share.(float64); ok {
				return 100 * f
			}
			return nil
		}
		cells := []Cell{name, bloat, percent(bloatShare), total, percent(totalShare), copyNames, bloatShare, totalShare, bloat, bloatShare, total, totalShare}
		if native {
			cells = append(cells, copies, folds)
		}
		t.Rows = append(t.Rows, Row{Cells: append(cells, name), Depth: depth, Only: only, Faint: copies == nil && depth == 0})
	}
	for i := range m.Generics {
		g := &m.Generics[i]
		j := genericJSON{Generic: g.Name, Bloat: g.Bloat, BloatPercent: c.percent(g.Bloat), BloatShare: c.share(g.Bloat), Total: g.Total, TotalPercent: c.percent(g.Total), TotalShare: c.share(g.Total), Copies: g.Copies, Folds: g.Folds}
		var names []string
		for _, x := range g.Instances {
			names = append(names, x.Name)
			j.Monos = append(j.Monos, copyJSON{x.Name, x.Size, c.percent(x.Size), c.share(x.Size), x.Types, x.Crate})
		}
		if g.Rest.Count > 0 {
			names = append(names, fmt.Sprintf("... and %d more.", g.Rest.Count))
		}
		row(g.Bloat, g.Total, c.share(g.Bloat), c.share(g.Total), g.Copies, g.Folds, g.Name, strings.Join(names, ", "), 0, Everyone)
		for _, x := range g.Instances {
			name := x.Name
			if x.Types != "" {
				name = x.Types
			}
			if x.Crate != "" {
				name += "  (by " + x.Crate + ")"
			}
			row(nil, x.Size, nil, c.share(x.Size), nil, nil, name, "", 2, People)
		}
		if g.Rest.Count > 0 {
			row(nil, g.Rest.Size, nil, c.share(g.Rest.Size), nil, nil, fmt.Sprintf("... and %d more.", g.Rest.Count), "", 2, People)
			rest := c.rest(g.Rest)
			j.Omitted = &rest
		}
		data.Items = append(data.Items, j)
	}
	sum := func(r refgraph.MonosRest, name string) {
		row(r.Bloat, r.Total, c.share(r.Bloat), c.share(r.Total), nil, r.Folds, name, "", 0, Everyone)
	}
	if m.Rest.Rows > 0 {
		sum(m.Rest, fmt.Sprintf("... and %d more.", m.Rest.Rows))
	}
	sum(m.All, fmt.Sprintf("Σ [%d Total Rows]", m.All.Rows))
	var notes []string
	switch {
	case len(m.Generics) == 0:
		notes = append(notes, "no copies of a generic are named here: the program is stripped, or not written in Rust")
	case native:
		notes = append(notes,
			"bloat is what one shared copy would save at best: all but the largest, or all but an average one; outlining the part that does not depend on the types gets some of it (minsize outline)",
			"folding saves: copies with the same machine code, which the linker merges with --icf=all")
	}
	return &Document{Title: "Generic functions of " + c.File, Schema: "minsize.monos/1", Data: data, Blocks: []Block{{Table: t, Notes: c.notes(notes...)}}}
}
