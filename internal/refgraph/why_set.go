package refgraph

import (
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/attrib"
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
		matcher, err := g.matcher(p)
		if err != nil {
			return nil, err
		}
		m.notes = append(m.notes, g.keepCratesApart(matcher, set, std)...)
	}
	own := true
	named := slices.Clone(set)
	var parser demangle.Parser
	for _, p := range patterns {
		if p.Expression {
			continue
		}
		matcher, err := g.matcher(p)
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
			if c := g.Program.CopyOf(n - 1); c != nil && c.Std || matcher.copies != nil && (c != nil && !matcher.of(g, n) || !matcher.touches(g, n, named)) {
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

// keepCratesApart says which crates of one name a pattern means. Without a
// selector that is all of the program's; the standard library's own copy, which
// no removal takes out, leaves the set.
func (g *Graph) keepCratesApart(m *matcher, set NodeSet, std standardLibrary) (notes []string) {
	crate, _, _ := strings.Cut(m.text, "::")
	if m.re != nil || m.copies != nil {
		return nil
	}
	sizes := map[*attrib.CrateCopy]uint64{}
	vague := Rest{}
	for n := int32(1); n < int32(g.Len()); n++ {
		if c := g.Program.CopyOf(n - 1); c != nil && c.Crate == crate {
			sizes[c] += g.nodes[n].Size
		} else if set[n] && g.nodes[n].Kind == KindCode {
			vague.add(g.nodes[n].Size)
		}
	}
	if len(sizes) < 2 {
		return nil
	}
	g.markStd(crate, sizes, std)
	var own, prebuilt []string
	for c, size := range sizes {
		text := fmt.Sprintf("%s (%d bytes)", c.Label, size)
		if c.Std {
			prebuilt = append(prebuilt, text)
		} else {
			own = append(own, text)
		}
	}
	slices.Sort(own)
	slices.Sort(prebuilt)
	if len(own) > 1 {
		notes = append(notes, fmt.Sprintf("%d crates are called %s: %s; all count here, and each can be named so", len(own), crate, strings.Join(own, ", ")))
		if vague.Count > 0 {
			notes = append(notes, fmt.Sprintf("nothing tells of %d functions (%d bytes) to which of them they belong: debug = 1 or v0 names would", vague.Count, vague.Size))
		}
	}
	if len(own) > 0 && len(prebuilt) > 0 {
		for n := range set {
			if c := g.Program.CopyOf(int32(n) - 1); n > 0 && set[n] && c != nil && c.Std {
				set[n] = false
			}
		}
		notes = append(notes, fmt.Sprintf("the standard library has a crate %s of its own, which is not counted here: %s; yours is %s", crate, strings.Join(prebuilt, ", "), strings.Join(own, ", ")))
	}
	return notes
}

// markStd finds the standard library's copy where only references tell it: std
// refers to it.
func (g *Graph) markStd(crate string, copies map[*attrib.CrateCopy]uint64, std standardLibrary) {
	if !prebuilt[crate] {
		return
	}
	for c := range copies {
		if c.Std {
			return
		}
	}
	var parser demangle.Parser
	for n := int32(1); n < int32(g.Len()); n++ {
		c := g.Program.CopyOf(n - 1)
		if c == nil || c.Crate != crate {
			continue
		}
		for _, from := range g.in.of(n) {
			if from == Root {
				continue
			}
			if raw := g.Mangled(from); raw != "" {
				if caller := parser.Parse(raw); caller.Crate != crate && prebuilt[caller.Crate] && std.has(&caller) {
					g.Program.MarkStd(c)
					return
				}
			}
		}
	}
}

// touches says whether a node has an edge from or to a member of set, and none
// to another crate of the name.
func (m *matcher) touches(g *Graph, n int32, set NodeSet) bool {
	some := false
	for _, list := range [][]int32{g.in.of(n), g.out.of(n)} {
		for _, other := range list {
			if other == Root {
				continue
			}
			some = some || set[other]
			if c := g.Program.CopyOf(other - 1); c != nil && c.Crate == m.copies[0].Crate && !slices.Contains(m.copies, c) {
				return false
			}
		}
	}
	return some
}
