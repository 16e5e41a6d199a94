package attrib

// Views: functions from a piece to a label. A view is one line of the table
// here, and any number of them may be nested in any order, for each labels
// every byte.
//
// Most views look at a piece's owner; those of debug information bring a
// partition of their own, since a function's bytes come from several lines.

import (
	"fmt"
	"regexp"
	"sort"
	"strings"

	"github.com/minsize/minsize/internal/demangle"
	"github.com/minsize/minsize/internal/rangemap"
)

// Need says what a view makes New and Load read.
type Need uint8

const (
	NeedLayout Need = iota // headers alone
	NeedOwners             // symbols, unwind tables, references
	NeedCrates             // debug information where there is some: it knows the crate of C code, and whose its own bytes are
	NeedDebug              // debug information: no answer without
)

// labeller labels the bytes of one program. own is a partition of the view's
// own, nil for none; label gets the labels of pieces, sections and own at a
// place and answers with a number of the view's interner.
type labeller struct {
	own   *rangemap.Map
	label func(piece, section, own int32) int32
}

type view struct {
	name    string
	summary string
	need    Need
	make    func(p *Program, in Input, o *RollupOptions, n *interner) (labeller, error)
}

// views is the table. Names are bloaty's where it has the view.
var views = []view{
	{"sections", "sections of the file", NeedLayout, sectionsView},
	{"segments", "what a loader maps", NeedLayout, segmentsView},
	{"inputs", "the files given", NeedLayout, inputsView},
	{"members", "members of an archive, or of a fat file", NeedLayout, membersView},
	{"kind", "code, constants, text, unwind tables, relocations, symbols, debug ...", NeedOwners, kindView},
	{"symbols", "functions and data by their names, hashes apart", NeedOwners, symbolsView},
	{"rawsymbols", "functions and data by their names as in the file", NeedOwners, rawSymbolsView},
	{"shortsymbols", "functions and data without generic and function arguments", NeedOwners, shortSymbolsView},
	{"functions", "code alone by function, with what each costs in tables", NeedOwners, functionsView},
	{"generics", "generic functions with all their instances", NeedOwners, genericsView},
	{"crates", "crates; see --crate-by", NeedCrates, cratesView},
	{"modules", "module paths, namespaces, Go packages", NeedOwners, modulesView},
	{"packages", "packages with their versions (cargo project), Go modules' packages", NeedCrates, packagesView},
	{"compileunits", "compile units", NeedDebug, compileUnitsView},
	{"sources", "source files", NeedDebug, sourcesView},
	{"lines", "source files and lines", NeedDebug, linesView},
	{"inlines", "the function that the code was written in, through inlining", NeedDebug, inlinesView},
}

// aliasesOfViews are what users of other tools type.
var aliasesOfViews = map[string]string{
	"fullsymbols": "symbols", "cppsymbols": "symbols", "armembers": "members", "inputfiles": "inputs", "crate": "crates", "function": "functions", "section": "sections",
	"segment": "segments", "symbol": "symbols", "kinds": "kind", "module": "modules", "generic": "generics", "package": "packages",
	"compileunit": "compileunits", "units": "compileunits", "files": "sources", "source": "sources", "line": "lines", "inline": "inlines",
	"methods": "functions", "go-packages": "modules", "origin": "inlines",
}

// ViewInfo describes a view, for help and completion.
type ViewInfo struct{ Name, Summary string }

// Views lists the table.
func Views() []ViewInfo {
	var list []ViewInfo
	for _, v := range views {
		list = append(list, ViewInfo{v.name, v.summary})
	}
	return list
}

// CanonicalView is the table's name for what a user typed.
func CanonicalView(name string, rules []Rules) (string, error) {
	v, err := findView(name, rules)
	return v.name, err
}

// ViewNeed is what the named view needs.
func ViewNeed(name string, rules []Rules) (Need, error) {
	v, err := findView(name, rules)
	return v.need, err
}

func findView(name string, rules []Rules) (view, error) {
	if full, ok := aliasesOfViews[name]; ok {
		name = full
	}
	for i := range rules {
		if rules[i].Name == name {
			return rules[i].view()
		}
	}
	for _, v := range views {
		if v.name == name {
			return v, nil
		}
	}
	var names []string
	for _, v := range views {
		names = append(names, v.name)
	}
	for _, r := range rules {
		names = append(names, r.Name)
	}
	return view{}, fmt.Errorf("unknown view %q (one of %s)", name, strings.Join(names, ", "))
}

// unowned is the label of bytes that no atom owns: their section in brackets.
func (p *Program) unowned(section int32) string {
	name := p.sectionLabelName(section)
	if strings.HasPrefix(name, "[") {
		return name
	}
	return "[section " + name + "]"
}

func sectionsView(p *Program, _ Input, _ *RollupOptions, n *interner) (labeller, error) {
	cache := labelCache{}
	return labeller{label: func(_, section, _ int32) int32 {
		return cache.get(section, func() int32 { return n.id(p.sectionLabelName(section)) })
	}}, nil
}

// labelCache remembers the label of a small number, which may be negative.
type labelCache map[int32]int32

func (c labelCache) get(key int32, make func() int32) int32 {
	if id, ok := c[key]; ok {
		return id
	}
	id := make()
	c[key] = id
	return id
}

func segmentsView(p *Program, _ Input, _ *RollupOptions, n *interner) (labeller, error) {
	f := p.File
	b := rangemap.NewBuilder(p.Space.Total)
	var names []int32
	for i := len(f.Segments) - 1; i >= 0; i-- {
		g := &f.Segments[i]
		if !g.Load {
			continue
		}
		label := int32(len(names))
		names = append(names, n.id(g.Name))
		var ranges []rangemap.Range
		for _, s := range p.Space.byAddr {
			low, high := max(s.addr, g.Addr), min(s.addr+s.size, g.Addr+g.MemSize)
			if low < high && f.SegmentAt(low) == i {
				ranges = append(ranges, rangemap.Range{Start: s.place + (low - s.addr), End: s.place + (high - s.addr), Label: label})
			}
		}
		b.Layer(ranges)
	}
	none := n.id("[not loaded]")
	if len(names) == 0 {
		none = n.id("[no segments]")
	}
	return labeller{own: b.Finish(-1), label: func(_, _, own int32) int32 {
		if own < 0 {
			return none
		}
		return names[own]
	}}, nil
}

func inputsView(_ *Program, in Input, _ *RollupOptions, n *interner) (labeller, error) {
	id := n.id(in.Name)
	return labeller{label: func(_, _, _ int32) int32 { return id }}, nil
}

func membersView(_ *Program, in Input, _ *RollupOptions, n *interner) (labeller, error) {
	id := n.id("[no members]")
	if in.Member != "" {
		id = n.id(in.Member)
	}
	return labeller{label: func(_, _, _ int32) int32 { return id }}, nil
}

func kindView(_ *Program, _ Input, _ *RollupOptions, n *interner) (labeller, error) {
	var ids [kinds]int32
	for k := range kinds {
		ids[k] = -1
	}
	return labeller{label: func(piece, _, _ int32) int32 {
		k := pieceKind(piece)
		if ids[k] < 0 {
			ids[k] = n.id(k.String())
		}
		return ids[k]
	}}, nil
}

// byAtom makes a labeller that names owners; unowned bytes have their section.
func byAtom(p *Program, n *interner, name func(atom int32) string) (labeller, error) {
	return byNumber(p, n, func(atom int32) int32 { return n.id(name(atom)) })
}

// numberOf is the number of an atom's name.
func (n *interner) numberOf(p *Program, atom int32) int32 {
	if !p.Atoms[atom].Anonymous() {
		return n.id(p.Name(atom))
	}
	n.scratch = p.appendDerived(n.scratch[:0], atom, p.Name)
	return n.idOf(n.scratch)
}

func byNumber(p *Program, n *interner, number func(atom int32) int32) (labeller, error) {
	ids := make([]int32, len(p.Atoms))
	for i := range ids {
		ids[i] = -1
	}
	nobody := labelCache{}
	return labeller{label: func(piece, section, _ int32) int32 {
		atom := pieceAtom(piece)
		if atom < 0 {
			return nobody.get(section, func() int32 { return n.id(p.unowned(section)) })
		}
		if ids[atom] < 0 {
			ids[atom] = number(atom)
		}
		return ids[atom]
	}}, nil
}

func symbolsView(p *Program, _ Input, _ *RollupOptions, n *interner) (labeller, error) {
	p.names.demangleAll()
	return byNumber(p, n, func(atom int32) int32 {
		if p.Atoms[atom].Flags&Alias == 0 {
			return n.numberOf(p, atom)
		}
		return n.id(p.withAliases(atom, p.Name(atom), demangle.Display))
	})
}

func rawSymbolsView(p *Program, _ Input, _ *RollupOptions, n *interner) (labeller, error) {
	return byAtom(p, n, func(atom int32) string {
		return p.withAliases(atom, p.RawName(atom), func(raw string) string { return raw })
	})
}

func shortSymbolsView(p *Program, _ Input, _ *RollupOptions, n *interner) (labeller, error) {
	p.names.demangleAll()
	return byAtom(p, n, p.ShortName)
}

func functionsView(p *Program, _ Input, _ *RollupOptions, n *interner) (labeller, error) {
	p.names.demangleAll()
	return byNumber(p, n, func(atom int32) int32 {
		a := &p.Atoms[atom]
		if a.Kind == Code || a.Flags&Import != 0 {
			return n.numberOf(p, atom)
		}
		return n.id(p.unowned(p.sections.At(a.Start, -1)))
	})
}

func genericsView(p *Program, _ Input, _ *RollupOptions, n *interner) (labeller, error) {
	p.names.demangleAll()
	return byAtom(p, n, p.GenericName)
}

func modulesView(p *Program, _ Input, _ *RollupOptions, n *interner) (labeller, error) {
	p.names.demangleAll()
	return byAtom(p, n, p.Module)
}

func cratesView(p *Program, _ Input, o *RollupOptions, n *interner) (labeller, error) {
	p.names.demangleAll()
	if o.By == ByOrigin {
		return originView(p, n)
	}
	l, err := byAtom(p, n, func(atom int32) string { return p.Crate(atom, o.By) })
	return p.withDebugOwner(l, n, err, func(unit int32) string { return p.unitCrate(unit) })
}

func packagesView(p *Program, in Input, o *RollupOptions, n *interner) (labeller, error) {
	p.names.demangleAll()
	name := func(crate string) string {
		if in.Metadata == nil {
			return crate
		}
		return in.Metadata.Package(crate)
	}
	l, err := byAtom(p, n, func(atom int32) string { return name(p.Crate(atom, o.By)) })
	return p.withDebugOwner(l, n, err, func(unit int32) string { return name(p.unitCrate(unit)) })
}

// Metadata is what a cargo project says about its packages, as far as views
// need it; the caller fills it.
type Metadata struct {
	Versions map[string][]string // crate name (underscores) -> versions in the build
}

// Package is the crate with its version, all of them where nothing tells which
// of several is meant.
func (m *Metadata) Package(crate string) string {
	if i := strings.IndexAny(crate, "@#"); i > 0 { // one of several: a CrateCopy's label
		return crate[:i] + " " + strings.TrimPrefix(crate[i:], "@")
	}
	versions := m.Versions[crate]
	if len(versions) == 0 {
		return crate
	}
	return crate + " " + strings.Join(versions, ", ")
}

// Rules is a custom view: the first rule whose pattern matches gives the
// label; what no rule matches keeps the name of the view it is based on.
type Rules struct {
	Name  string
	Base  string // a view of the table
	Rules []Rule
}

// Rule renames what matches; Replace may refer to groups as $1.
type Rule struct {
	Pattern *regexp.Regexp
	Replace string
}

func (r *Rules) view() (view, error) {
	base, err := findView(r.Base, nil)
	if err != nil {
		return view{}, fmt.Errorf("view %q: %w", r.Name, err)
	}
	return view{r.Name, "rules on " + base.name, base.need, func(p *Program, in Input, o *RollupOptions, n *interner) (labeller, error) {
		inner := newInterner()
		l, err := base.make(p, in, o, inner)
		if err != nil {
			return l, err
		}
		cache := labelCache{}
		return labeller{own: l.own, label: func(piece, section, own int32) int32 {
			id := l.label(piece, section, own)
			return cache.get(id, func() int32 { return n.id(r.apply(inner.names[id])) })
		}}, nil
	}}, nil
}

func (r *Rules) apply(name string) string {
	for _, rule := range r.Rules {
		if m := rule.Pattern.FindStringSubmatchIndex(name); m != nil {
			return string(rule.Pattern.ExpandString(nil, rule.Replace, name, m))
		}
	}
	return name
}

// ViewNames lists all names that -d takes, sorted.
func ViewNames() []string {
	var names []string
	for _, v := range views {
		names = append(names, v.name)
	}
	for alias := range aliasesOfViews {
		names = append(names, alias)
	}
	sort.Strings(names)
	return names
}
