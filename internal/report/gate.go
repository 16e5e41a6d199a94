package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/attrib"
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
		notes = append(slices.Clone(notes), "Where it comes from: minsize diff OLD NEW, minsize why NAME. Growth that is meant: minsize check --update.")
	}
	d.Blocks = append(d.Blocks, Block{Notes: notes})
	return d
}

// Causes says in words what changed: crates that came and went, crates that are
// there in several versions now, and who grew most.
func Causes(d *DiffResult) (causes []string) {
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
	say("In several versions now", twice)
	say("Crates that went", went)
	if most != nil && most.Change != attrib.Added {
		causes = append(causes, fmt.Sprintf("%s grew most: %s bytes.", most.Name, signedThousands(most.File())))
	}
	return causes
}
