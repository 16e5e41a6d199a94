package refgraph

import (
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/demangle"
)

// What belongs to a pattern besides what is named by it.
//
// When a type goes, so do the copies of generic code that were made for it: its
// drop glue, its vtables, the BTreeMap of it. Names of the v0 scheme (and drop
// glue in the legacy one) say for which types a copy is. Legacy names do not,
// but structure does: the standard library was written before the program, so a
// function of the library that refers to the program's code can only be a copy
// made for it. That is a proof where nothing is inlined; where a closure of the
// caller was inlined into the copy, it is not, so such copies count in the
// estimate and not in the low end of the range.

// mentions says whether a path stands in text as a name of its own.
func mentions(text, path string) bool {
	for from := 0; path != ""; {
		i := strings.Index(text[from:], path)
		if i < 0 {
			return false
		}
		at := from + i
		if (at == 0 || !continues(text[at-1]) && text[at-1] != ':') && under(text[at:], path) {
			return true
		}
		from = at + 1
	}
	return false
}

func continues(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80
}

// library: the crates that are the standard library itself.
func library(path string) bool {
	crate, _, _ := strings.Cut(path, "::")
	return crate == "core" || crate == "alloc" || crate == "std"
}

// membership is what belongs to patterns, and for which reason.
type membership struct {
	set     NodeSet // named, or a copy for a named type
	likely  NodeSet // set, and what refers to it from the library
	made    Rest    // copies for named types: in set, under another name
	derived Rest    // in likely alone
	notes   []string
}

// members finds what belongs to patterns. copies of generic code are looked at
// for paths outside the standard library: its types do not go.
func (g *Graph) members(patterns []Pattern) (*membership, error) {
	set, err := g.Matching(patterns)
	if err != nil {
		return nil, err
	}
	m := &membership{set: set}
	if g.Program == nil {
		m.likely = set
		return m, nil
	}
	std := newStandardLibrary(g.Program)
	for _, p := range patterns {
		m.notes = append(m.notes, g.keepCratesApart(p, set, std)...)
	}
	own := true
	var parser demangle.Parser
	for _, p := range patterns {
		if p.Expression {
			continue
		}
		matcher, err := p.matcher()
		if err != nil {
			return nil, err
		}
		if own = own && !library(matcher.text); library(matcher.text) || strings.HasPrefix(matcher.text, "0x") {
			continue
		}
		for n := int32(1); n < int32(g.Len()); n++ {
			if set[n] {
				continue
			}
			switch g.nodes[n].Kind {
			case KindVtable:
				if !mentions(g.Name(n), matcher.text) {
					continue
				}
			case KindCode:
				mangled := g.Mangled(n)
				if mangled == "" {
					continue
				}
				name := parser.Parse(mangled)
				if !name.Rust() || !mentions(name.Display, matcher.text) || std.has(&name) {
					continue
				}
			default:
				continue
			}
			set[n] = true
			m.made.add(g.nodes[n].Size)
		}
	}
	m.likely = slices.Clone(set)
	if own {
		g.addCopies(m, std)
	}
	return m, nil
}

// addCopies adds functions of the library, compiled with the program, that
// refer to members, and what of the library refers to those.
func (g *Graph) addCopies(m *membership, std standardLibrary) {
	var parser demangle.Parser
	var queue []int32
	for n, in := range m.likely {
		if in {
			queue = append(queue, int32(n))
		}
	}
	for len(queue) > 0 {
		n := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, from := range g.in.of(n) {
			if from == Root || m.likely[from] || g.nodes[from].Kind != KindCode {
				continue
			}
			mangled := g.Mangled(from)
			if mangled == "" {
				continue
			}
			name := parser.Parse(mangled)
			if !name.Rust() || !library(name.Crate) || std.has(&name) || strings.HasPrefix(name.Module, "std::rt") || strings.HasPrefix(name.Module, "std::sys::backtrace") ||
				name.SelfType != "" && !library(rootOf(name.SelfType)) {
				continue
			}
			m.likely[from] = true
			m.derived.add(g.nodes[from].Size)
			queue = append(queue, from)
		}
	}
}

// rootOf is a type's path without references and brackets before it.
func rootOf(selfType string) string {
	path := strings.TrimLeft(selfType, "&*[(<")
	if !strings.Contains(path, "::") {
		return "core" // a generic parameter, a built-in type
	}
	return path
}

// keepCratesApart takes std's own copy of a crate out of set when the program
// has a crate of that name too. Std's is the one that std refers to; the v0
// scheme gives each crate a number of its own, in base 62.
func (g *Graph) keepCratesApart(p Pattern, set NodeSet, std standardLibrary) []string {
	crate, _, _ := strings.Cut(p.Text, "::")
	if crate, _, _ = strings.Cut(crate, "["); p.Expression || !prebuilt[crate] || library(crate) {
		return nil
	}
	var parser demangle.Parser
	type group struct {
		members []int32
		bytes   uint64
		std     bool
	}
	groups := map[string]*group{}
	for n := int32(1); n < int32(g.Len()); n++ {
		mangled := ""
		if set[n] {
			mangled = g.Mangled(n)
		}
		if mangled == "" {
			continue
		}
		name := parser.Parse(mangled)
		if name.Crate != crate {
			continue
		}
		x := groups[name.CrateHash]
		if x == nil {
			x = &group{}
			groups[strings.Clone(name.CrateHash)] = x
		}
		x.members = append(x.members, n)
		x.bytes += g.nodes[n].Size
		for _, from := range g.in.of(n) {
			if x.std || from == Root {
				break
			}
			if raw := g.Mangled(from); raw != "" {
				caller := parser.Parse(raw)
				x.std = caller.Crate != crate && prebuilt[caller.Crate] && std.has(&caller)
			}
		}
	}
	if len(groups) < 2 {
		return nil
	}
	var others, notes []string
	for hash, x := range groups {
		if !x.std {
			others = append(others, hash)
		}
	}
	if len(others) == 0 {
		return nil
	}
	for hash, x := range groups {
		if x.std {
			for _, n := range x.members {
				set[n] = false
			}
			notes = append(notes, fmt.Sprintf("the standard library has a crate %s of its own (disambiguator %s, %d bytes): it is not counted here", crate, hash, x.bytes))
		}
	}
	slices.Sort(notes)
	return notes
}
