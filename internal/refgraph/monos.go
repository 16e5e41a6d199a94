package refgraph

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/demangle"
)

// Monomorphizations: copies of generic functions, from the binary alone.
//
// Rust's v0 names say which generic a function is a copy of, with which types,
// and who instantiated it. Legacy names say the path alone, so copies differ in
// their hash only; C++ names have their template arguments, and
// are grouped by what is left without them, without parameters and return type. Wasm modules are
// grouped as Twiggy groups them, by the text before the hash or the first "<".

// Instance is one copy of a generic function.
type Instance struct {
	Name  string
	Size  uint64
	Types string // concrete generic arguments, "" where the name does not tell
	Crate string // whose compilation made it, "" where the name does not tell
}

// Generic is one generic function with its copies.
type Generic struct {
	Name      string
	Instances []Instance // largest first
	Copies    int
	Total     uint64
	// Bloat is Twiggy's estimate of what one shared copy would save: the lesser
	// of all but the largest copy, and all but one copy of average size.
	Bloat uint64
	// Folds is what folding identical copies into one would give back: for
	// each set of equal machine code, all but one.
	Folds uint64
	Rest  Rest // copies that a limit left out
}

// MonosOptions of Monos. Zero limits mean all.
type MonosOptions struct {
	Names       []string // only these generics
	Expression  bool     // Names are regular expressions
	OnlyGeneric bool     // leave the copies out
	MaxGenerics int
	MaxCopies   int
}

// Monos is the answer of `monos`.
type Monos struct {
	Generics []Generic
	Rest     MonosRest // generics that a limit left out
	All      MonosRest
}

// MonosRest sums generics. Rows counts generics and listed copies, as Twiggy does.
type MonosRest struct {
	Rows  int    `json:"rows"`
	Total uint64 `json:"total_size"`
	Bloat uint64 `json:"approximate_monomorphization_bloat_bytes"`
	Folds uint64 `json:"identical_code_bytes"`
}

func (r *MonosRest) add(g *Generic) {
	r.Rows += 1 + len(g.Instances)
	if g.Rest.Count > 0 {
		r.Rows++
	}
	r.Total += g.Total
	r.Bloat += g.Bloat
	r.Folds += g.Folds
}

// Monos groups functions by the generic that they are copies of.
func (g *Graph) Monos(o MonosOptions) (*Monos, error) {
	keep := func(string) bool { return true }
	if len(o.Names) > 0 && o.Expression {
		set, err := compile(o.Names)
		if err != nil {
			return nil, err
		}
		keep = func(name string) bool {
			for _, re := range set {
				if re.MatchString(name) {
					return true
				}
			}
			return false
		}
	} else if len(o.Names) > 0 {
		keep = func(name string) bool { return slices.Contains(o.Names, name) }
	}

	groups := map[string]*monosGroup{}
	var parser demangle.Parser
	for n := int32(1); n < int32(g.Len()); n++ {
		node := &g.nodes[n]
		mangled := g.Mangled(n)
		if node.Kind != KindCode || mangled == "" || g.Program != nil && g.Program.Atoms[node.Label].Start == g.Program.Atoms[node.Label].End {
			continue
		}
		name := parser.Parse(mangled)
		key, display := g.genericOf(&name)
		if key == "" {
			continue
		}
		group := groups[key]
		if group == nil {
			if !keep(display) {
				continue
			}
			group = &monosGroup{name: strings.Clone(display)}
			groups[strings.Clone(key)] = group
		}
		instance := Instance{Name: strings.Clone(g.Name(n)), Size: node.Size, Types: strings.Clone(name.Args), Crate: strings.Clone(name.Instantiating)}
		if g.Wasm && slices.Contains(group.instances, instance) {
			continue // Twiggy keeps a set of (name, size)
		}
		group.instances = append(group.instances, instance)
		group.nodes = append(group.nodes, n)
	}
	out := &Monos{}
	for _, group := range groups {
		if len(group.instances) == 1 && !g.Wasm {
			continue // a copy alone cannot be shared; Twiggy lists those too
		}
		out.Generics = append(out.Generics, group.sum(g, o))
	}
	if len(o.Names) > 0 && len(out.Generics) == 0 {
		return nil, &NoMatchError{Pattern: strings.Join(o.Names, " | ")}
	}
	slices.SortFunc(out.Generics, func(a, b Generic) int {
		return cmp.Or(cmp.Compare(b.Bloat, a.Bloat), cmp.Compare(b.Total, a.Total), compareInstances(a.Instances, b.Instances), cmp.Compare(a.Name, b.Name))
	})
	for i := range out.Generics {
		out.All.add(&out.Generics[i])
		if o.MaxGenerics > 0 && i >= o.MaxGenerics {
			out.Rest.add(&out.Generics[i])
		}
	}
	out.Generics = limited(out.Generics, o.MaxGenerics)
	return out, nil
}

func compareInstances(a, b []Instance) int {
	return slices.CompareFunc(a, b, func(x, y Instance) int {
		return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Size, y.Size))
	})
}

// genericOf returns what identifies the generic and what it is called; ""
// when the function is a copy of none.
func (g *Graph) genericOf(n *demangle.Name) (key, display string) {
	if g.Wasm && n.Scheme != demangle.RustV0 {
		display = twiggyGeneric(n)
		return display, display
	}
	switch {
	case n.Scheme == demangle.RustV0 && n.Args != "":
		display = n.GenericForm()
		return fmt.Sprintf("%s\x00%s\x00%d", display, n.Module, n.Impl), display
	case n.Scheme == demangle.RustLegacy:
		return n.Display, n.Display // copies differ in their hash
	case n.Scheme.CXX():
		if name, instance := n.Template(); instance {
			return name, name
		}
	}
	return "", ""
}

// twiggyGeneric is Twiggy's rule: what stands before a "::h" hash, else before
// the first "<" if a ">" follows.
func twiggyGeneric(n *demangle.Name) string {
	text := n.Display
	if n.Hash != "" {
		return text
	}
	if i := strings.LastIndex(text, "::"); i >= 0 && strings.HasPrefix(text[i:], "::h") {
		return text[:i]
	}
	return untilArguments(text)
}

// untilArguments is what stands before the first "<" of template arguments, ""
// without any.
func untilArguments(text string) string {
	open := strings.IndexByte(text, '<')
	if open <= 0 || strings.LastIndexByte(text, '>') < open {
		return ""
	}
	return text[:open]
}

// monosGroup collects the copies of one generic.
type monosGroup struct {
	name      string
	instances []Instance
	nodes     []int32
}

func (m *monosGroup) sum(g *Graph, o MonosOptions) Generic {
	out := Generic{Name: m.name, Copies: len(m.instances)}
	largest := uint64(0)
	for _, x := range m.instances {
		out.Total += x.Size
		largest = max(largest, x.Size)
	}
	count := uint64(len(m.instances))
	out.Bloat = min(out.Total/count*(count-1), out.Total-largest)
	out.Folds = g.folds(m.nodes)
	slices.SortFunc(m.instances, func(a, b Instance) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), cmp.Compare(a.Name, b.Name))
	})
	if o.OnlyGeneric {
		return out
	}
	out.Instances = limited(m.instances, o.MaxCopies)
	for _, x := range m.instances[len(out.Instances):] {
		out.Rest.add(x.Size)
	}
	return out
}

// folds sums the copies whose machine code is that of an earlier one. Only
// native programs know: attrib has hashed their code.
func (g *Graph) folds(nodes []int32) uint64 {
	if g.Program == nil || g.Program.Bodies == nil {
		return 0
	}
	seen := map[uint64]bool{}
	total := uint64(0)
	for _, n := range nodes {
		hash := g.Program.Bodies[g.nodes[n].Label]
		if hash != 0 && seen[hash] {
			total += g.nodes[n].Size
		}
		seen[hash] = true
	}
	return total
}
