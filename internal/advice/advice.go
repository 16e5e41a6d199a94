// Package advice says what to do next: about what was found in a file, about
// what a project brings along, and after a search.
//
// What is found and how many bytes it is worth are measured elsewhere; here a
// name becomes a step that somebody can take. That the two are apart is the
// point: advice that stands where something is measured is written five times
// and grows old five times.
package advice

import "github.com/minsize/minsize/internal/attrib"

// step is what to do about a finding. In other languages than Rust it can be
// another one; "" leaves the finding out, for nothing can be done about it.
type step struct {
	finding, rust string
	others        map[attrib.Language]string
}

// table has a step for every finding that package attrib makes.
var table = []step{
	{"debug", "minsize strip, or strip = true in the profile", map[attrib.Language]string{attrib.Go: "minsize strip, or go build -ldflags=-w", attrib.Other: "minsize strip"}},
	{"symbols", "minsize strip, or strip = true in the profile", map[attrib.Language]string{attrib.Go: "minsize strip, or go build -ldflags=-s", attrib.Other: "minsize strip"}},
	{"unwind", "panic = \"abort\" and no unwind tables: minsize shrink tries both", map[attrib.Language]string{attrib.Go: "", attrib.Other: "C: -fno-asynchronous-unwind-tables -fno-unwind-tables, where no exception passes through"}},
	{"relocations", "-Wl,-z,pack-relative-relocs (glibc 2.36), or -C relocation-model=static where that may be", map[attrib.Language]string{attrib.Go: "go build -buildmode=exe, where address randomisation may go", attrib.Other: "-Wl,-z,pack-relative-relocs (glibc 2.36), or -no-pie, where address randomisation may go"}},
	{"identical", "-Wl,--icf=all with lld or mold (functions may then share an address): minsize shrink --level abort", map[attrib.Language]string{attrib.Go: "", attrib.Other: "-Wl,--icf=all with lld or mold (functions may then share an address)"}},
	{"generics", "an upper bound; minsize generics says which are worth outlining", nil},
	{"panic-locations", "-Z location-detail=none on a nightly compiler: minsize shrink --level nightly", nil},
	{"paths", "--remap-path-prefix in the rustflags, or -Z trim-paths on a nightly compiler", map[attrib.Language]string{attrib.Go: "go build -trimpath", attrib.Other: "-ffile-prefix-map=OLD=NEW"}},
	{"duplicate-strings", "one codegen unit and fat LTO merge them", map[attrib.Language]string{attrib.Go: "", attrib.Other: "-fmerge-constants, or link-time optimisation"}},
	{"duplicate-crates", "cargo tree --duplicates says who wants which", nil},
}

// in is the step for programs of a language.
func (s *step) in(l attrib.Language) string {
	if other, has := s.others[l]; has {
		return other
	}
	return s.rust
}

// Findings are those of a program about which something can be done, each with
// its step, the largest first.
func Findings(p *attrib.Program) []attrib.Finding {
	var list []attrib.Finding
	language := p.Language()
	for _, f := range p.Findings() {
		for i := range table {
			if table[i].finding == f.Name {
				f.Advice = table[i].in(language)
			}
		}
		if f.Advice != "" {
			list = append(list, f)
		}
	}
	return list
}

// AfterSearch is what to do with what a search at that level found.
func AfterSearch(level string) string {
	next := "minsize apply (into Cargo.toml), or minsize build (the same bytes, in CI)"
	if level == "safe" {
		next = "minsize shrink --level abort, where a panic may end the program; then " + next
	}
	return next
}
