package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/region"
)

// overviewParts are the tables of the answer without -d. Whose code it is means
// crates in Rust and packages in Go, and nothing that a program in C could tell.
func overviewParts(inputs []attrib.Input, by string) []SizePart {
	whose := SizePart{Heading: "Largest sections", View: "sections"}
	for _, in := range inputs {
		switch in.Program.Language() {
		case attrib.Rust:
			verb := map[string]string{"generic": "defines", "instance": "instantiated", "origin": "wrote"}[by]
			whose = SizePart{Heading: "Largest crates, by who " + verb + " the code", View: "crates"}
		case attrib.Go:
			if whose.View == "sections" {
				whose = SizePart{Heading: "Largest packages", View: "crates"}
			}
		}
	}
	return []SizePart{{Heading: "What the bytes are", View: "kind"}, whose, {Heading: "Largest functions", View: "functions"}}
}

// treeViews are nested for the figures of an overview.
var treeViews = []string{"crates", "modules", "symbols"}

// SizeRequest is what is asked of the programs.
type SizeRequest struct {
	Views   []string // canonical; empty for the overview
	Layout  bool     // no more than the layout was read
	Rollup  attrib.RollupOptions
	Figure  bool // the overview needs its tree, too
	Causes  bool // the overview has what Causes reads, too
	Shipped *SizeShipped
	Notes   []string
	// Advise lists what can be done about a program.
	Advise func(*attrib.Program) []attrib.Finding
}

// NewSize rolls programs up by views, or into the overview.
func NewSize(inputs []attrib.Input, r *SizeRequest) (*SizeResult, error) {
	s := &SizeResult{Views: r.Views, Shipped: r.Shipped, Notes: r.Notes}
	for _, in := range inputs {
		p := in.Program
		name := in.Name
		if in.Member != "" {
			name += "(" + in.Member + ")"
		}
		s.Files = append(s.Files, SizeFile{
			Name: name, Format: string(p.File.Format), Arch: p.File.Arch, Kind: string(p.File.Kind),
			File: p.File.Size, Memory: p.Space.MemorySize(),
		})
	}
	s.packages = len(inputs) > 0
	for _, in := range inputs {
		s.packages = s.packages && !r.Layout && in.Program.Language() == attrib.Go
	}
	if len(r.Rollup.Regions) > 0 && len(inputs) > 0 {
		s.Regions, s.Outside = region.Measure(inputs[0].Program.File, r.Rollup.Regions)
	}
	overview := len(r.Views) == 0
	if overview {
		s.Views = treeViews
	}
	var parts []SizePart
	if overview {
		parts = overviewParts(inputs, r.Rollup.By.String())
		if r.Causes && strings.HasPrefix(parts[1].Heading, "Largest crates") {
			parts = append(parts, SizePart{Heading: "Largest generic functions", View: "generics"})
		}
	}
	if overview || slices.Contains(r.Views, "crates") || slices.Contains(r.Views, "packages") {
		s.CrateBy = r.Rollup.By.String()
		if !s.packages && (!overview || strings.HasPrefix(parts[1].Heading, "Largest crates")) {
			s.Notes = append(s.Notes, r.Rollup.By.Sentence())
		}
	}
	if overview {
		for _, part := range parts {
			o := r.Rollup
			o.Views = []string{part.View}
			got, err := attrib.Rollup(inputs, o)
			if err != nil {
				return nil, err
			}
			part.Rows = got.Rows
			s.Parts = append(s.Parts, part)
		}
		for _, in := range inputs {
			for _, finding := range r.Advise(in.Program) {
				if len(s.Regions) > 0 && (finding.Name == "debug" || finding.Name == "symbols") {
					continue // no programmer writes them to a machine
				}
				if r.Rollup.Shipped == attrib.ShippedAsIs || finding.Name != "debug" && (finding.Name != "symbols" || r.Rollup.Shipped == attrib.ShippedWithSymbols) {
					s.Findings = append(s.Findings, finding) // the others are not shipped
				}
			}
		}
	}
	if overview && !r.Figure {
		return s, nil
	}
	o := r.Rollup
	o.Views = s.Views
	got, err := attrib.Rollup(inputs, o)
	if err != nil {
		return nil, err
	}
	s.Rows, s.LeftOut = got.Rows, got.LeftOut
	if r.Rollup.Filter != nil {
		s.Notes = append(s.Notes, fmt.Sprintf("the filter left %d bytes of the file out", got.LeftOut))
	}
	return s, nil
}
