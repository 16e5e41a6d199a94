package refgraph

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/demangle"
)

// NoMatchError says that an argument names nothing in the program.
type NoMatchError struct {
	Pattern string
	Similar []string // names that hold the pattern, a few
}

func (e *NoMatchError) Error() string {
	text := fmt.Sprintf("nothing in the program is called %q", e.Pattern)
	if len(e.Similar) > 0 {
		text += "; similar: " + strings.Join(e.Similar, ", ")
	}
	return text
}

// atAddress finds the node that holds an address, written 0x1234: all that a
// stripped program has for a name. None without such an address.
func (g *Graph) atAddress(text string) int32 {
	digits, ok := strings.CutPrefix(text, "0x")
	if !ok || g.Program == nil {
		return None
	}
	addr, err := strconv.ParseUint(digits, 16, 64)
	if err != nil {
		return None
	}
	if atom := g.Program.AtomAtAddr(addr); atom >= 0 {
		return atom + 1
	}
	return None
}

// Named finds nodes as Twiggy does: items are whole names (readable or
// mangled) or addresses, or regular expressions anywhere in the readable name. The result is
// in the order of the arguments for names, in index order for expressions.
func (g *Graph) Named(items []string, expressions bool) ([]int32, error) {
	if expressions {
		set, err := compile(items)
		if err != nil {
			return nil, err
		}
		var out []int32
		for n := int32(1); n < int32(g.Len()); n++ {
			name := g.Name(n)
			if slices.ContainsFunc(set, func(re *regexp.Regexp) bool { return re.MatchString(name) }) {
				out = append(out, n)
			}
		}
		if out == nil {
			return nil, &NoMatchError{Pattern: strings.Join(items, " | ")}
		}
		return out, nil
	}
	found := make([][]int32, len(items))
	for n := int32(1); n < int32(g.Len()); n++ {
		name, mangled := g.Name(n), ""
		for i, item := range items {
			if name != item {
				if mangled == "" {
					mangled = g.Mangled(n)
				}
				if mangled != item || mangled == "" {
					continue
				}
			}
			found[i] = append(found[i], n)
		}
	}
	var out []int32
	for i, nodes := range found {
		if n := g.atAddress(items[i]); nodes == nil && n != None {
			nodes = []int32{n}
		}
		if nodes == nil {
			return nil, &NoMatchError{Pattern: items[i], Similar: g.similar(items[i])}
		}
		out = append(out, nodes...)
	}
	return out, nil
}

func compile(items []string) ([]*regexp.Regexp, error) {
	var set []*regexp.Regexp
	for _, item := range items {
		re, err := regexp.Compile(item)
		if err != nil {
			return nil, fmt.Errorf("regular expression %q: %w", item, err)
		}
		set = append(set, re)
	}
	return set, nil
}

// similar lists up to five names that hold the text: crates first, since one
// that people depend on may be a door to others (clap has its code in clap_builder).
func (g *Graph) similar(text string) []string {
	var out []string
	if crate, _, _ := strings.Cut(text, "::"); g.Program != nil {
		crate, _, _ = strings.Cut(strings.ReplaceAll(crate, "-", "_"), "@")
		for _, name := range g.crates().names[1:] {
			if strings.HasPrefix(name, crate) {
				out = append(out, name)
			}
		}
		slices.Sort(out)
		if out = out[:min(len(out), 5)]; len(out) > 0 {
			return out
		}
	}
	for n := int32(1); n < int32(g.Len()) && len(out) < 5; n++ {
		if name := g.Name(n); strings.Contains(name, text) && !slices.Contains(out, name) {
			out = append(out, strings.Clone(name)) // the error outlives the mapped file
		}
	}
	return out
}

// Pattern is what `why` and --cut take: a path, which means that item and
// everything below it (core::fmt is core::fmt::write, the impls in
// core::fmt::num, and every type's methods of core::fmt's traits), an address
// (0x1234: what holds it), or with Expression a regular expression on the readable name.
type Pattern struct {
	Text       string
	Expression bool
}

// matcher tells whether a node's name falls under a pattern.
type matcher struct {
	text   string
	re     *regexp.Regexp
	parser demangle.Parser

	itself bool                // not the methods that other types have of a trait under text
	copies []*attrib.CrateCopy // with parse@1.0.1: those of several crates of one name that are meant
}

func (p Pattern) matcher() (*matcher, error) {
	m := &matcher{text: strings.TrimSuffix(strings.TrimSuffix(p.Text, "*"), "::")}
	if p.Expression {
		set, err := compile([]string{p.Text})
		if err != nil {
			return nil, err
		}
		m.re = set[0]
	} else if crate, rest, _ := strings.Cut(m.text, "::"); strings.Contains(crate, "-") && strings.Trim(crate, dashed) == "" {
		m.text = strings.ReplaceAll(crate, "-", "_") + m.text[len(m.text)-len(rest)-min(2*len(rest), 2):]
	}
	return m, nil
}

// matcher is Pattern.matcher where several crates may have one name, and a
// pattern names one of them: parse@1.0.1::sum, miniz_oxide@std, parse#h4sh.
func (g *Graph) matcher(p Pattern) (*matcher, error) {
	m, err := p.matcher()
	if err != nil || p.Expression || g.Program == nil {
		return m, err
	}
	crate, rest, _ := strings.Cut(m.text, "::")
	i := strings.IndexAny(crate, "@#")
	if i <= 0 || i+1 == len(crate) {
		return m, nil
	}
	name, selector := strings.ReplaceAll(crate[:i], "-", "_"), crate[i:]
	var labels []string
	for _, c := range g.Program.CrateCopies() {
		if c.Crate != name {
			continue
		}
		labels = append(labels, c.Label)
		if c.Is(selector) {
			m.copies = append(m.copies, c)
		}
	}
	if labels == nil { // a crate that there is one of, or a symbol with a version
		if selector[0] != '@' || !slices.Contains(g.crates().names, name) {
			return m, nil
		}
		if version := g.Program.OnlyVersion(name); version != "" && version != selector[1:] {
			return nil, &NoMatchError{Pattern: p.Text, Similar: []string{name + "@" + version}}
		}
	} else if m.copies == nil {
		return nil, &NoMatchError{Pattern: p.Text, Similar: labels}
	}
	m.text = name
	if rest != "" {
		m.text += "::" + rest
	}
	return m, nil
}

// of says whether a node belongs to the copies that are meant.
func (m *matcher) of(g *Graph, n int32) bool {
	return m.copies == nil || slices.Contains(m.copies, g.Program.CopyOf(n-1))
}

// dashed are the characters of a package's name, which cargo spells with dashes
// and rustc with underscores.
const dashed = "abcdefghijklmnopqrstuvwxyz0123456789_-"

// under says whether path is text or lies below it; the character behind may
// not continue the last name.
func under(path, text string) bool {
	rest, ok := strings.CutPrefix(path, text)
	if !ok || text == "" {
		return false
	}
	if rest == "" {
		return true
	}
	c := rest[0]
	return !(c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80)
}

func (m *matcher) matches(g *Graph, n int32) bool {
	mangled := g.Mangled(n)
	if m.re != nil {
		return m.re.MatchString(g.Name(n))
	}
	if mangled == "" {
		return g.Name(n) == m.text
	}
	if mangled == m.text {
		return true
	}
	name := m.parser.Parse(mangled)
	// Mach-O's symbols have an underscore more than the names that are shown.
	return (m.covers(&name) || under(g.Name(n), m.text)) && m.of(g, n)
}

// covers says whether a name falls under the pattern.
func (m *matcher) covers(name *demangle.Name) bool {
	if m.re != nil {
		return m.re.MatchString(name.Display)
	}
	if under(name.Display, m.text) || name.Module != "" && under(name.Module, m.text) {
		return true
	}
	// Inherent methods print as <Type>::method, and those of traits as
	// <Type as Trait>::method: if the trait's module goes, its methods go.
	return name.Kind == demangle.Inherent && under(name.SelfType, m.text) || !m.itself && name.Trait != "" && under(name.Trait, m.text)
}

// Matching finds the nodes that fall under any of the patterns.
func (g *Graph) Matching(patterns []Pattern) (NodeSet, error) {
	set := g.NewSet()
	for _, p := range patterns {
		m, err := g.matcher(p)
		if err != nil {
			return nil, err
		}
		some := false
		if n := g.atAddress(p.Text); n != None && !p.Expression {
			set[n] = true
			continue
		}
		for n := int32(1); n < int32(g.Len()); n++ {
			if m.matches(g, n) {
				set[n], some = true, true
			}
		}
		if !some {
			return nil, &NoMatchError{Pattern: p.Text, Similar: g.similar(p.Text)}
		}
	}
	return set, nil
}
