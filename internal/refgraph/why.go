package refgraph

import (
	"cmp"
	"errors"
	"slices"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/demangle"
)

// WhyOptions of Why.
type WhyOptions struct {
	Patterns []Pattern // what is asked about
	Cuts     []Pattern // what is imagined gone
	Own      []string  // the user's crates; none: those that have a main function
	Max      int       // rows of each list, 0 for all
}

// Why is the answer of `why`: what a set of nodes costs, and who keeps it.
type Why struct {
	Total     uint64 // bytes of the shipped file
	Reachable uint64 // bytes that the root reaches

	Set      Rest // the nodes under the patterns, and their own bytes
	Lost     Rest // of them, those that no root reaches already
	Retained Rest // all that goes if they go, themselves included
	Made     Rest // of Set, copies of generic code and vtables for its types
	Derived  Rest // outside Set, copies of the standard library's generic code that refer to it
	Largest  []Item

	Prediction Prediction // what a rebuilt program without it is smaller by
	Notes      []string
	Frontier   []Referrer // nodes outside the set that refer into it, by what cutting saves
	Referrers  int        // all of the frontier
	Chain      []Step     // one shortest way from the root, through the user's own crates where possible
	Own        []string   // the crates that Chain prefers

	Cut *CutResult // with cuts

	Advice []Advice // what to do, where it is known

	nodes NodeSet
	chain []int32
}

// Referrer is a node of the frontier.
type Referrer struct {
	Item
	Crate string
	Edges int    // members of the set that it refers to
	Saves uint64 // what goes if it stops referring to the set and nothing else changes
	Own   bool
}

// Step is one node of a chain.
type Step struct {
	Item
	Crate string
	Own   bool
	InSet bool
}

// CutResult says what imagined cuts do.
type CutResult struct {
	Set      Rest   // the nodes that are cut
	Saves    Rest   // all that goes with them
	Left     Rest   // what the root still reaches of the patterns' set
	Chain    []Step // why it is still reached; nil when it is not
	Frontier []Referrer

	Prediction Prediction // what a program that is built without them is smaller by
}

// Why answers for a program. The tree must be g's.
func (g *Graph) Why(t *Tree, o WhyOptions) (*Why, error) {
	belongs, err := g.members(o.Patterns)
	var none *NoMatchError
	onlyInlined := errors.As(err, &none) && g.Program != nil
	if err != nil && !onlyInlined {
		return nil, err
	}
	if onlyInlined { // all of it may be inlined, which debug information tells
		belongs = &membership{set: g.NewSet(), likely: g.NewSet()}
	}
	set := belongs.set
	w := &Why{Made: belongs.made, Derived: belongs.derived, Notes: belongs.notes, Total: g.Total, nodes: set, Own: o.Own}
	crates := g.crates()
	if len(w.Own) == 0 {
		w.Own = crates.mains()
	}
	now := g.Reach(nil)
	w.Reachable, _ = g.Size(now)

	alive := g.NewSet()
	var members []int32
	for n, in := range set {
		if !in {
			continue
		}
		w.Set.add(g.nodes[n].Size)
		if now[n] {
			alive[n] = true
			members = append(members, int32(n))
		} else {
			w.Lost.add(g.nodes[n].Size)
		}
	}
	gone := g.Gone(alive)
	w.Retained.Size, w.Retained.Count = g.Size(gone)
	w.Prediction = g.predict(belongs, o.Patterns, now)
	if onlyInlined && w.Prediction.Inlined.Count == 0 {
		return nil, err
	}

	slices.SortStableFunc(members, func(a, b int32) int {
		return cmp.Or(cmp.Compare(t.Retained[b], t.Retained[a]), cmp.Compare(a, b))
	})
	for _, n := range limited(members, o.Max) {
		w.Largest = append(w.Largest, g.Item(n, t))
	}
	w.Frontier, w.Referrers = g.frontier(alive, now, t, crates, w.Own, o.Max)
	w.Chain, w.chain = g.chainTo(alive, nil, t, crates, w.Own)
	w.Advice = g.AdviceFor(w)

	if len(o.Cuts) > 0 {
		if w.Cut, err = g.cut(o, alive, now, t, crates, w.Own); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (r *Rest) add(size uint64) {
	r.Count++
	r.Size += size
}

func limited[T any](s []T, limit int) []T {
	if limit > 0 && len(s) > limit {
		return s[:limit]
	}
	return s
}

// frontier lists reachable nodes outside set that refer into it. What cutting
// each of them saves comes from one dominator tree of a graph in which every
// referrer r has a node of its own between itself and the set: what that node
// retains is what goes when r stops referring to the set.
func (g *Graph) frontier(set, reachable NodeSet, t *Tree, crates *crateTable, own []string, limit int) ([]Referrer, int) {
	b := NewBuilder(g.Len() + 64)
	for n := range g.nodes[1:] {
		b.Add(Node{Size: g.nodes[n+1].Size, Label: -1})
	}
	b.Grow(g.EdgeCount())
	type entry struct{ from, middle int32 }
	var entries []entry
	edges := map[int32]int{}
	for n := range int32(g.Len()) {
		if !reachable[n] {
			continue
		}
		middle := None
		for _, to := range g.out.of(n) {
			if set[n] || !set[to] {
				b.Edge(n, to)
				continue
			}
			if middle == None {
				middle = b.Add(Node{Label: -1})
				b.Edge(n, middle)
				entries = append(entries, entry{n, middle})
			}
			b.Edge(middle, to)
			edges[n]++
		}
	}
	split := b.Freeze(nil).Dominators()
	slices.SortStableFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(split.Retained[b.middle], split.Retained[a.middle]),
			cmp.Compare(t.Retained[b.from], t.Retained[a.from]), cmp.Compare(a.from, b.from))
	})
	var out []Referrer
	for _, e := range limited(entries, limit) {
		r := Referrer{Item: g.Item(e.from, t), Crate: crates.of(e.from), Edges: edges[e.from], Saves: split.Retained[e.middle]}
		r.Own = slices.Contains(own, r.Crate)
		out = append(out, r)
	}
	return out, len(entries)
}

// chainTo describes a shortest chain to target that does not touch without.
func (g *Graph) chainTo(target, without NodeSet, t *Tree, crates *crateTable, own []string) ([]Step, []int32) {
	nodes := g.goChain(target, without, crates, own)
	if nodes == nil {
		nodes = g.Chain(target, without, func(n int32) bool {
			return g.nodes[n].Kind == KindCode && !slices.Contains(own, crates.of(n))
		})
	}
	var steps []Step
	for _, n := range nodes {
		s := Step{Item: g.Item(n, t), Crate: crates.of(n), InSet: target[n]}
		s.Own = slices.Contains(own, s.Crate)
		steps = append(steps, s)
	}
	return steps, nodes
}

func (g *Graph) cut(o WhyOptions, alive, now NodeSet, t *Tree, crates *crateTable, own []string) (*CutResult, error) {
	cuts, err := g.Matching(o.Cuts)
	if err != nil {
		return nil, err
	}
	belongs, err := g.members(o.Cuts)
	if err != nil {
		return nil, err
	}
	r := &CutResult{Prediction: g.predict(belongs, o.Cuts, now)}
	for n, in := range cuts {
		if in && now[n] {
			r.Set.add(g.nodes[n].Size)
		}
	}
	then := g.Reach(cuts)
	left := g.NewSet()
	for n := range now {
		if now[n] && !then[n] {
			r.Saves.add(g.nodes[n].Size)
		}
		if alive[n] && then[n] {
			left[n] = true
			r.Left.add(g.nodes[n].Size)
		}
	}
	if r.Left.Count > 0 {
		r.Chain, _ = g.chainTo(left, cuts, t, crates, own)
		r.Frontier, _ = g.frontier(left, then, t, crates, own, o.Max)
	}
	return r, nil
}

// goChain is the way through main.main of a Go program, nil where none leads
// there: the runtime refers to types of everything, which explains nothing.
func (g *Graph) goChain(target, without NodeSet, crates *crateTable, own []string) []int32 {
	if crates.goMain == None || without != nil && without[crates.goMain] {
		return nil
	}
	head := g.Chain(g.NewSet(crates.goMain), without, nil)
	for _, n := range head {
		if target[n] {
			return nil // main.main itself is below it
		}
	}
	tail := g.chainFrom(crates.goMain, target, without, func(n int32) bool { return !slices.Contains(own, crates.of(n)) })
	if head == nil || tail == nil {
		return nil
	}
	return append(head, tail[1:]...)
}

// crateTable knows the crate of each node, in numbers; in Go its package.
type crateTable struct {
	names  []string
	byNode []int32
	main   map[string]bool
	goMain int32 // main.main of a Go program, else None
}

func (c *crateTable) of(n int32) string { return c.names[c.byNode[n]] }

// mains are the crates that have a function main.
func (c *crateTable) mains() []string {
	var out []string
	for name := range c.main {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// crates takes the crate out of every symbol; data without a symbol has that
// of the only crate that refers to it.
func (g *Graph) crates() *crateTable {
	c := &crateTable{names: []string{""}, byNode: make([]int32, g.Len()), main: map[string]bool{}, goMain: None}
	isGo := g.Program != nil && g.Program.Language() == attrib.Go
	number := map[string]int32{"": 0}
	var parser demangle.Parser
	for n := int32(1); n < int32(g.Len()); n++ {
		mangled := g.Mangled(n)
		if mangled == "" {
			continue
		}
		name := parser.Parse(mangled)
		if isGo {
			plain := g.Name(n)
			name.Crate = demangle.GoPackage(plain)
			if plain == "main.main" {
				c.goMain, c.main["main"] = n, true
			}
		}
		if name.Crate == "" {
			continue
		}
		label := name.Crate
		if g.Program != nil {
			if x := g.Program.CopyOf(n - 1); x != nil {
				label = x.Label
			}
		}
		id, known := number[label]
		if !known {
			id = int32(len(c.names))
			crate := string([]byte(label))
			number[crate] = id
			c.names = append(c.names, crate)
		}
		c.byNode[n] = id
		if name.Display == name.Crate+"::main" {
			c.main[c.names[id]] = true
		}
	}
	for n := int32(1); n < int32(g.Len()); n++ {
		if c.byNode[n] != 0 || g.nodes[n].Kind == KindCode {
			continue
		}
		id := int32(-1)
		for _, from := range g.in.of(n) {
			switch c.byNode[from] {
			case 0, id:
			default:
				if id >= 0 {
					id = -2
				} else if id == -1 {
					id = c.byNode[from]
				}
			}
		}
		if id > 0 {
			c.byNode[n] = id
		}
	}
	return c
}
