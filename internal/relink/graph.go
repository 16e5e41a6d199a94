package relink

// What each function really keeps alive.
//
// With one section per function and constant, and one relocation per
// reference, the recorded objects are the exact graph that --gc-sections
// walks. A node's retained bytes are those that nothing else keeps: the sum
// over its subtree in the dominator tree. That is what a cut would save,
// before it is tried.
//
// Dominators: Cooper, Harvey, Kennedy, "A Simple, Fast Dominance Algorithm"
// (2001): iterates to a fixed point over the reverse postorder. Rejected:
// Lengauer-Tarjan, which wins on graphs a hundred times larger only.

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/objedit"
)

// Retained is what one function, or one crate's functions together, keep.
type Retained struct {
	Name      string // normal name; a crate's name for crates
	Functions int    // how many functions of that name there are
	Own       uint64 // bytes of their own sections
	Retained  uint64 // bytes of sections that would go with them
}

// Suggestions are what could be cut, largest first.
type Suggestions struct {
	Reachable uint64     // bytes of all sections that the program keeps
	Functions []Retained // instances of one generic function count together
	Crates    []Retained // what goes if no function of the crate were there
}

// node is one section of one object.
type node struct {
	name   string // mangled, of the first symbol in it; or the section's
	size   uint64
	code   bool
	object int // -1: defined by no recorded object

	section int    // in the object
	unusual string // the section's name, where neither compilers nor C libraries make it
}

// graph is the reference graph of a whole link. Node 0 is the root.
type graph struct {
	nodes []node
	out   [][]int32
}

// Suggest builds the graph of the recorded link as the variant's cuts would
// leave it (nil: as it was recorded) and lists what retains most.
func (r *Recording) Suggest(ctx context.Context, cuts []Cut) (*Suggestions, error) {
	return r.flavour.suggest(ctx, r, cuts)
}

// suggestInObjects is Suggest by the objects' sections and relocations.
func suggestInObjects(_ context.Context, r *Recording, cuts []Cut) (*Suggestions, error) {
	g, err := r.graph(cuts)
	if err != nil {
		return nil, err
	}
	return g.suggest(&r.edit), nil
}

// graph reads all recorded objects. As a linker would, it takes a member of
// an archive only when one of its symbols is needed.
func (r *Recording) graph(cuts []Cut) (*graph, error) {
	m, err := r.matcher(cuts)
	if err != nil {
		return nil, err
	}
	var objects []*objedit.Object
	var fromArchive []bool
	for _, in := range r.link.Inputs {
		file, err := objedit.OpenFile(filepath.Base(in.Path), r.file(in.Stored))
		if err != nil {
			return nil, err
		}
		if file == nil {
			continue
		}
		defer file.Close()
		for _, o := range file.Objects() {
			if len(cuts) > 0 {
				if err := m.stub(o); err != nil {
					return nil, err
				}
				if o.Edited() {
					if o, err = objedit.Parse(o.Name(), o.Bytes(), 0); err != nil {
						return nil, err
					}
				}
			}
			objects = append(objects, o)
			fromArchive = append(fromArchive, file.IsArchive())
		}
	}
	return buildGraph(objects, fromArchive, r.entries())
}

// place is a section of an object.
type place struct{ object, section int }

// part is a function of a section that holds several.
type part struct {
	begin uint64
	node  int32
}

// sectionNodes are the nodes of sections: one, or one for each function where
// all references between the functions of a section are known.
type sectionNodes struct {
	whole map[place]int32
	parts map[place][]part
}

// at is the node at an offset of a section.
func (s *sectionNodes) at(p place, offset uint64) (int32, bool) {
	parts := s.parts[p]
	i, exact := slices.BinarySearchFunc(parts, offset, func(p part, offset uint64) int { return cmp.Compare(p.begin, offset) })
	switch {
	case exact:
		return parts[i].node, true
	case i > 0:
		return parts[i-1].node, true
	}
	n, ok := s.whole[p]
	return n, ok
}

// divide gives the functions of sections that hold several a node each.
func (s *sectionNodes) divide(g *graph, object int, functions []objedit.Function) {
	count := map[int]int{}
	for _, f := range functions {
		count[f.Index()]++
	}
	for _, f := range functions {
		p := place{object, f.Index()}
		whole, loaded := s.whole[p]
		if count[f.Index()] < 2 || !loaded {
			continue
		}
		s.parts[p] = append(s.parts[p], part{f.Offset(), int32(len(g.nodes))})
		g.nodes = append(g.nodes, node{name: f.Name, size: f.Size, code: true, object: object, section: f.Index()})
		g.out = append(g.out, nil)
		g.nodes[whole].size = 0
	}
	for _, list := range s.parts {
		slices.SortFunc(list, func(a, b part) int { return cmp.Compare(a.begin, b.begin) })
	}
}

func buildGraph(objects []*objedit.Object, fromArchive []bool, entries []string) (*graph, error) {
	type definition struct {
		place
		value uint64
	}
	defined := map[string]definition{}
	weak := map[string]bool{}
	take := make([]bool, len(objects))
	var pending []string
	include := func(i int) {
		take[i] = true
		pending = append(pending, objects[i].Undefined()...)
	}
	providers := map[string]int{}
	for i, o := range objects {
		if !fromArchive[i] {
			include(i)
			continue
		}
		for _, d := range o.Definitions() {
			if _, known := providers[d.Name]; !known {
				providers[d.Name] = i
			}
		}
	}
	pending = append(pending, entries...)
	for len(pending) > 0 {
		name := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if i, ok := providers[name]; ok && !take[i] {
			include(i)
		}
	}
	g := &graph{nodes: []node{{name: "[roots]", object: -1}}, out: [][]int32{nil}}
	number := sectionNodes{map[place]int32{}, map[place][]part{}}
	imported := map[string]int32{}    // of shared libraries, or the linker's own
	startStop := map[string][]int32{} // sections that __start_NAME keeps
	for i, o := range objects {
		if !take[i] {
			continue
		}
		names := o.SectionSymbols()
		for _, s := range o.LoadedSections() {
			n := int32(len(g.nodes))
			number.whole[place{i, s.Index}] = n
			nd := node{name: names[s.Index], code: s.Code, object: i, section: s.Index}
			if unusualSection(s.Name) {
				nd.unusual = s.Name
			}
			if nd.name == "" {
				nd.name = s.Name
			}
			if s.Bits {
				nd.size = s.Size
			}
			g.nodes, g.out = append(g.nodes, nd), append(g.out, nil)
			if s.Root {
				g.out[0] = append(g.out[0], n)
			}
			if !strings.HasPrefix(s.Name, ".") {
				startStop[s.Name] = append(startStop[s.Name], n)
			}
		}
		for _, d := range o.Definitions() {
			if _, known := defined[d.Name]; !known || weak[d.Name] && !d.Weak {
				defined[d.Name], weak[d.Name] = definition{place{i, d.Section}, d.Value}, d.Weak
			}
		}
		if o.Relocated() {
			number.divide(g, i, o.Functions())
		}
	}
	for _, entry := range entries {
		if d, ok := defined[entry]; ok {
			if n, ok := number.at(d.place, d.value); ok {
				g.out[0] = append(g.out[0], n)
			}
		}
	}
	for i, o := range objects {
		if !take[i] {
			continue
		}
		refs, err := o.References()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.Name(), err)
		}
		for _, ref := range refs {
			from, ok := number.at(place{i, ref.From}, ref.Offset)
			if !ok {
				continue
			}
			to := definition{place{i, ref.To}, ref.Value}
			if ref.Symbol != "" {
				if section, ok := strings.CutPrefix(ref.Symbol, "__start_"); ok {
					g.out[from] = append(g.out[from], startStop[section]...)
				}
				if to, ok = defined[ref.Symbol]; !ok {
					n, known := imported[ref.Symbol]
					if !known {
						n = int32(len(g.nodes))
						imported[ref.Symbol] = n
						g.nodes, g.out = append(g.nodes, node{name: ref.Symbol, object: -1}), append(g.out, nil)
					}
					g.out[from] = append(g.out[from], n)
					continue
				}
			}
			if n, ok := number.at(to.place, to.value); ok && n != from {
				g.out[from] = append(g.out[from], n)
			}
		}
	}
	for i := range g.out {
		slices.Sort(g.out[i])
		g.out[i] = slices.Compact(g.out[i])
	}
	return g, nil
}

// postorder numbers the nodes reachable from the root, the root last.
func (g *graph) postorder() []int32 {
	seen := make([]bool, len(g.nodes))
	var order []int32
	type frame struct {
		node int32
		next int
	}
	stack := []frame{{0, 0}}
	seen[0] = true
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if top.next < len(g.out[top.node]) {
			n := g.out[top.node][top.next]
			top.next++
			if !seen[n] {
				seen[n] = true
				stack = append(stack, frame{n, 0})
			}
			continue
		}
		order = append(order, top.node)
		stack = stack[:len(stack)-1]
	}
	return order
}

// retained computes, for each node, the bytes of its dominator subtree, and
// the immediate dominators (-1 for what is not reachable).
func (g *graph) retained(order []int32) (retained []uint64, idom []int32) {
	position := make([]int32, len(g.nodes)) // in postorder
	for i := range position {
		position[i] = -1
	}
	for i, n := range order {
		position[n] = int32(i)
	}
	predecessors := make([][]int32, len(g.nodes))
	for _, n := range order {
		for _, to := range g.out[n] {
			predecessors[to] = append(predecessors[to], n)
		}
	}
	idom = make([]int32, len(g.nodes))
	for i := range idom {
		idom[i] = -1
	}
	idom[0] = 0
	for changed := true; changed; {
		changed = false
		for i := len(order) - 2; i >= 0; i-- { // reverse postorder, the root aside
			n := order[i]
			best := int32(-1)
			for _, p := range predecessors[n] {
				if idom[p] < 0 {
					continue
				}
				if best < 0 {
					best = p
					continue
				}
				a, b := best, p
				for a != b {
					for position[a] < position[b] {
						a = idom[a]
					}
					for position[b] < position[a] {
						b = idom[b]
					}
				}
				best = a
			}
			if best != idom[n] {
				idom[n], changed = best, true
			}
		}
	}
	retained = make([]uint64, len(g.nodes))
	for _, n := range order { // children come before their dominators
		retained[n] += g.nodes[n].size
		if n != 0 {
			retained[idom[n]] += retained[n]
		}
	}
	return retained, idom
}

// without sums what is not reachable any more when the nodes are gone.
func (g *graph) without(gone map[int32]bool, all uint64) uint64 {
	seen := make([]bool, len(g.nodes))
	stack := []int32{0}
	seen[0] = true
	var left uint64
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		left += g.nodes[n].size
		for _, to := range g.out[n] {
			if !seen[to] && !gone[to] {
				seen[to] = true
				stack = append(stack, to)
			}
		}
	}
	return all - left
}

// suggestedGroups bounds how many names and crates get an exact count.
const suggestedGroups = 400

func (g *graph) suggest(names *editCache) *Suggestions {
	order := g.postorder()
	retained, idom := g.retained(order)
	s := &Suggestions{Reachable: retained[0]}
	type group struct {
		Retained
		nodes map[int32]bool
	}
	functions, crates := map[string]*group{}, map[string]*group{}
	add := func(to map[string]*group, name string, n int32) {
		e := to[name]
		if e == nil {
			e = &group{Retained: Retained{Name: name}, nodes: map[int32]bool{}}
			to[name] = e
		}
		e.Functions++
		e.Own += g.nodes[n].size
		e.nodes[n] = true
		if !e.nodes[idom[n]] { // an upper bound, made exact below for the largest
			e.Retained.Retained += retained[n]
		}
	}
	for _, n := range order {
		if n == 0 || !g.nodes[n].code || g.nodes[n].name == "main" || strings.HasPrefix(g.nodes[n].name, ".") {
			continue
		}
		nm := names.of(g.nodes[n].name)
		add(functions, nm.normal, n)
		if nm.crate != "" {
			add(crates, nm.crate, n)
		}
	}
	finish := func(groups map[string]*group) []Retained {
		var list []*group
		for _, e := range groups {
			list = append(list, e)
		}
		largest := func(a, b *group) int {
			if a.Retained.Retained != b.Retained.Retained {
				return -compareUint(a.Retained.Retained, b.Retained.Retained)
			}
			return strings.Compare(a.Name, b.Name)
		}
		slices.SortFunc(list, largest)
		if len(list) > suggestedGroups {
			list = list[:suggestedGroups]
		}
		for _, e := range list {
			if e.Functions > 1 {
				e.Retained.Retained = g.without(e.nodes, s.Reachable)
			}
		}
		slices.SortFunc(list, largest)
		var out []Retained
		for _, e := range list {
			out = append(out, e.Retained)
		}
		return out
	}
	s.Functions, s.Crates = finish(functions), finish(crates)
	return s
}

func compareUint(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
