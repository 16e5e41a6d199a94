package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/arrange"
	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/budget"
)

// GateResult is what `minsize gate` found.
type GateResult struct {
	Check  *CheckResult `json:"check"`
	Bytes  uint64       `json:"bytes"`            // of the file
	Base   uint64       `json:"base,omitempty"`   // of the baseline's file, 0 for none
	Causes []string     `json:"causes,omitempty"` // of the change, in words
	Diff   *DiffResult  `json:"diff,omitempty"`
}

// Delta is how much the file grew.
func (g *GateResult) Delta() int64 { return int64(g.Bytes) - int64(g.Base) }

// Gate turns it into a Document: the verdict first, then what grew and why.
func Gate(g *GateResult, notes []string) *Document {
	d := &Document{Title: g.Check.File, Schema: "minsize.gate/1", Data: g, Findings: checkFindings(g.Check)}
	size := thousands(int64(g.Bytes)) + " bytes"
	switch {
	case g.Base == 0:
		size += ", and nothing to compare with yet"
	case g.Delta() == 0:
		size += ", as before"
	default:
		size += fmt.Sprintf(", %s (%+.2f %%)", signedThousands(g.Delta()), 100*float64(g.Delta())/float64(g.Base))
	}
	verdict := "within its budget"
	switch over := g.Check.Over; {
	case len(g.Check.Limits) == 0:
		verdict = "no limit applies"
	case g.Check.Missing > 0:
		verdict = fmt.Sprintf("%d of %d limits are on rows that are not there", g.Check.Missing, len(g.Check.Limits))
	case over > 0:
		verdict = fmt.Sprintf("%d of %d limits exceeded", over, len(g.Check.Limits))
	}
	d.Blocks = append(d.Blocks, Block{Text: append([]string{size + "; " + verdict + "."}, g.Causes...)})
	if len(g.Check.Limits) > 0 {
		d.Blocks = append(d.Blocks, Block{Heading: "Budget", Table: checkTable(g.Check)})
	}
	if g.Diff != nil && g.Delta() != 0 {
		changes := Diff(g.Diff, SizeOptions{N: 7, Sort: "file", Domain: "file"})
		for _, b := range changes.Blocks[1:] { // its first says the sizes
			if b.Table != nil {
				d.Blocks = append(d.Blocks, b)
			}
		}
	}
	if g.Check.Over > 0 {
		notes = append(slices.Clone(notes), "Where it comes from: minsize diff OLD NEW, minsize why NAME. "+meant(g.Check))
	}
	d.Blocks = append(d.Blocks, Block{Notes: notes})
	return d
}

// meant says what to do where the growth is wanted.
func meant(c *CheckResult) string {
	var ways []string
	say := func(is func(*budget.Verdict) bool, way string) {
		if slices.ContainsFunc(c.Limits, func(v budget.Verdict) bool { return v.Over && is(&v) }) {
			ways = append(ways, way)
		}
	}
	say(func(v *budget.Verdict) bool { return v.Line > 0 }, "`minsize check --update` raises the limits of the file")
	say(func(v *budget.Verdict) bool { return v.Line == 0 && !v.Grown }, "raise the limit where it is typed")
	say(func(v *budget.Verdict) bool { return v.Line == 0 && v.Grown }, "what is merged all the same is what later runs compare with")
	return "Growth that is meant: " + strings.Join(ways, "; ") + "."
}

// Causes says in words what changed between two overviews: crates that came and
// went, that have another version or are there in several now, and which crate
// and which generic function grew most.
func Causes(d *DiffResult, before, after *SizeResult) (causes []string) {
	at := slices.IndexFunc(d.Parts, func(p DiffPart) bool { return p.View == "crates" })
	if at < 0 {
		return nil
	}
	var came, went, twice []string
	versions := map[string][]string{}
	var most *attrib.DiffRow
	for i := range d.Parts[at].Rows {
		r := &d.Parts[at].Rows[i]
		name, version, several := strings.Cut(r.Name, "@")
		switch {
		case strings.HasPrefix(r.Name, "["): // no crate's
			continue
		case r.Change == attrib.Added && several:
			if versions[name] == nil {
				twice = append(twice, name)
			}
			versions[name] = append(versions[name], version)
		case r.Change == attrib.Added:
			came = append(came, fmt.Sprintf("%s (%s bytes)", r.Name, signedThousands(r.File())))
		case r.Change == attrib.Gone && !several:
			went = append(went, r.Name)
		}
		if r.File() > 0 && (most == nil || r.File() > most.File()) {
			most = r
		}
	}
	// A crate that is there twice now has another name, and did not go.
	went = slices.DeleteFunc(went, func(name string) bool { return versions[name] != nil })
	for i, name := range twice {
		twice[i] = name + " " + strings.Join(versions[name], " and ")
	}
	say := func(what string, names []string) {
		if n := len(names); n > 5 {
			names = append(names[:4:4], fmt.Sprintf("%d more", n-4))
		}
		if len(names) > 0 {
			causes = append(causes, what+": "+strings.Join(names, ", ")+".")
		}
	}
	say("New crates", came)
	say("Other versions", otherVersions(before.Locked, after.Locked, func(crate string) bool { return versions[crate] != nil }, after.part("crates"), d.Parts[at].Rows))
	say("In several versions now", twice)
	say("Crates that went", went)
	if most != nil && most.Change != attrib.Added {
		causes = append(causes, fmt.Sprintf("%s grew most: %s bytes.", most.Name, signedThousands(most.File())))
	}
	return append(causes, grownGeneric(d, before, after)...)
}

// otherVersions are the crates of the program that Cargo.lock has in another
// version now, who changed most first; not those that are said already.
func otherVersions(before, after map[string][]string, said func(string) bool, rows []attrib.Row, changes []attrib.DiffRow) (texts []string) {
	type change struct {
		text  string
		bytes int64
	}
	var all []change
	for name, now := range after {
		was, crate := before[name], strings.ReplaceAll(name, "-", "_")
		isIt := func(label string) bool { label, _, _ = strings.Cut(label, "@"); return label == crate }
		if len(was) == 0 || said(crate) || slices.Equal(was, now) || !slices.ContainsFunc(rows, func(r attrib.Row) bool { return isIt(r.Name) }) {
			continue
		}
		c := change{text: fmt.Sprintf("%s %s, was %s", name, strings.Join(now, " and "), strings.Join(was, " and "))}
		for i := range changes {
			if isIt(changes[i].Name) {
				c.bytes += changes[i].File()
			}
		}
		c.text += fmt.Sprintf(" (%s bytes)", signedThousands(c.bytes))
		all = append(all, c)
	}
	arrange.Sort(all, func(a, b change) int {
		return cmp.Or(cmp.Compare(max(b.bytes, -b.bytes), max(a.bytes, -a.bytes)), cmp.Compare(a.text, b.text))
	})
	for _, c := range all {
		texts = append(texts, c.text)
	}
	return texts
}

// grownGeneric says which generic function grew most, and by how many copies.
func grownGeneric(d *DiffResult, before, after *SizeResult) []string {
	at := slices.IndexFunc(d.Parts, func(p DiffPart) bool { return p.View == "generics" })
	if at < 0 {
		return nil
	}
	copies := func(s *SizeResult) map[string]uint64 {
		n := map[string]uint64{}
		for _, r := range s.part("generics") {
			n[r.Name] = r.Items
		}
		return n
	}
	now, then := copies(after), copies(before)
	var most *attrib.DiffRow
	for i := range d.Parts[at].Rows {
		r := &d.Parts[at].Rows[i]
		isGeneric := now[r.Name] > 1 || strings.Contains(r.Name, "<_>") // older names do not say
		if isGeneric && !strings.HasPrefix(r.Name, "[") && r.File() > 0 && (most == nil || r.File() > most.File()) {
			most = r
		}
	}
	if most == nil {
		return nil
	}
	return []string{fmt.Sprintf("Of generic functions %s grew most: %s bytes; %s in the program, %d before.",
		most.Name, signedThousands(most.File()), count(int(now[most.Name]), "copy", "copies"), then[most.Name])}
}

// part has the rows of one view of an overview.
func (s *SizeResult) part(view string) []attrib.Row {
	for _, p := range s.Parts {
		if p.View == view {
			return p.Rows
		}
	}
	return nil
}
