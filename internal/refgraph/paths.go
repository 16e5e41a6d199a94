package refgraph

import (
	"cmp"
	"slices"
)

// Branch is a tree of an answer: of the dominator tree, or of paths.
type Branch struct {
	Item
	Node     int32
	Children []*Branch
	Next     []int32 // of paths: the neighbours that are not on the way here, followed or not
	Rest     Rest    // children that a limit left out
}

// TreeOptions limit a tree. 0 means no limit.
type TreeOptions struct {
	Depth   int // levels below the first
	Rows    int // branches in all
	Least   uint64
	Largest bool // Rows are those of the largest retained sizes, not the first ones
}

// DominatorTree is the answer of `dominators`.
type DominatorTree struct {
	Root        *Branch // of the whole tree: what stands above Branches; nil where items were asked for
	Branches    []*Branch
	Rows        int
	Cut         bool // a limit left something out
	Unreachable Rest
}

// DominatorTree lists what the given nodes dominate; without nodes, what the
// root does. Children come largest retained size first.
func (g *Graph) DominatorTree(t *Tree, nodes []int32, o TreeOptions) *DominatorTree {
	out := &DominatorTree{}
	if nodes == nil {
		nodes = t.Children(Root)
		out.Root = &Branch{Item: g.Item(Root, t), Node: Root}
		for n := range g.nodes {
			if n > 0 && !t.Reachable(int32(n)) {
				out.Unreachable.Count++
				out.Unreachable.Size += g.nodes[n].Size
			}
		}
	}
	var chosen map[int32]bool
	if o.Largest && o.Rows > 0 {
		chosen = t.largest(nodes, o)
		o.Rows = 0
	}
	// Depth first, as the rows are printed, without recursion.
	type frame struct {
		parent *Branch
		nodes  []int32
		depth  int
	}
	stack := []frame{{nil, nodes, 0}}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if len(top.nodes) == 0 {
			stack = stack[:len(stack)-1]
			continue
		}
		n := top.nodes[0]
		top.nodes = top.nodes[1:]
		if o.Rows > 0 && out.Rows >= o.Rows || t.Retained[n] < o.Least || chosen != nil && !chosen[n] {
			out.Cut = true
			if parent := cmp.Or(top.parent, out.Root); parent != nil {
				parent.Rest.add(t.Retained[n])
			}
			continue
		}
		out.Rows++
		b := &Branch{Item: g.Item(n, t), Node: n}
		if top.parent == nil {
			out.Branches = append(out.Branches, b)
		} else {
			top.parent.Children = append(top.parent.Children, b)
		}
		children := t.Children(n)
		depth := top.depth + 1
		if o.Depth > 0 && depth >= o.Depth {
			for _, c := range children {
				b.Rest.add(t.Retained[c])
				out.Cut = true
			}
			continue
		}
		stack = append(stack, frame{b, children, depth})
	}
	if out.Root != nil {
		out.Root.Children = out.Branches
	}
	return out
}

// largest chooses o.Rows nodes among tops and below them, by retained size. So
// the rows go to what matters in all branches, where the first rows of a tree
// are all of its first branch. No node outweighs what it stands under, and the
// sort is stable: whoever is chosen, the nodes above it are.
func (t *Tree) largest(tops []int32, o TreeOptions) map[int32]bool {
	type place struct {
		node  int32
		depth int
	}
	var all []int32
	stack := []place{}
	for _, n := range slices.Backward(tops) {
		stack = append(stack, place{n, 1})
	}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		all = append(all, at.node)
		if o.Depth == 0 || at.depth < o.Depth {
			for _, c := range slices.Backward(t.Children(at.node)) {
				stack = append(stack, place{c, at.depth + 1})
			}
		}
	}
	chosen := map[int32]bool{}
	for _, n := range limited(t.LargestFirst(all), o.Rows) {
		chosen[n] = true
	}
	return chosen
}

// PathOptions of Paths.
type PathOptions struct {
	Depth      int // steps from the item, at least 0
	Width      int // referrers of one node that are followed, at least 1
	Rows       int // branches in all, 0 for no limit
	Descending bool
}

// Paths is the answer of `paths`.
type Paths struct {
	Branches   []*Branch
	Rows       int
	Cut        bool // PathOptions.Rows left something out
	Descending bool
}

// Paths lists who refers to the nodes, and to those in turn, never through a
// node that is on the path already; or with Descending what they refer to.
// Without nodes it starts from everything (Descending: from the roots), by size.
func (g *Graph) Paths(t *Tree, nodes []int32, o PathOptions) *Paths {
	out := &Paths{Descending: o.Descending}
	if nodes == nil {
		if o.Descending {
			nodes = slices.Clone(g.Successors(Root))
		} else {
			for n := int32(1); n < int32(g.Len()); n++ {
				nodes = append(nodes, n)
			}
		}
		slices.SortStableFunc(nodes, func(a, b int32) int { return cmp.Compare(g.nodes[b].Size, g.nodes[a].Size) })
	}
	seen := g.NewSet()
	var grow func(n int32, depth int) *Branch
	grow = func(n int32, depth int) *Branch {
		if o.Rows > 0 && out.Rows >= o.Rows {
			out.Cut = true
			return nil
		}
		out.Rows++
		b := &Branch{Item: g.Item(n, t), Node: n}
		seen[n] = true
		for _, next := range g.around(t, n, o.Descending) {
			if !seen[next] && next != Root {
				b.Next = append(b.Next, next)
			}
		}
		if depth == o.Depth {
			seen[n] = false
			return b
		}
		taken := 0
		for _, next := range b.Next {
			if taken == o.Width {
				b.Rest.Count++
				continue
			}
			taken++
			if child := grow(next, depth+1); child != nil {
				b.Children = append(b.Children, child)
			}
		}
		seen[n] = false
		return b
	}
	for _, n := range nodes {
		if b := grow(n, 0); b != nil {
			out.Branches = append(out.Branches, b)
		}
	}
	return out
}

// around lists the neighbours of n in the order that paths follows them: as
// Twiggy in index order for Wasm, else what weighs most first.
func (g *Graph) around(t *Tree, n int32, descending bool) []int32 {
	next := g.Predecessors(n)
	if descending {
		next = g.Successors(n)
	}
	if g.Wasm || t == nil {
		return next
	}
	next = slices.Clone(next)
	slices.SortStableFunc(next, func(a, b int32) int { return cmp.Compare(t.Retained[b], t.Retained[a]) })
	return next
}

// LargestBranches is the part of a dominator tree that matters most to the
// eye: at most limit branches, those of the largest retained sizes.
func (g *Graph) LargestBranches(t *Tree, nodes []int32, limit int) *DominatorTree {
	least := uint64(0)
	if g.Len() > limit {
		sizes := slices.Clone(t.Retained)
		slices.Sort(sizes)
		least = sizes[len(sizes)-limit] + 1
	}
	return g.DominatorTree(t, nodes, TreeOptions{Least: least})
}

// LargestFirst sorts nodes by retained size.
func (t *Tree) LargestFirst(nodes []int32) []int32 {
	nodes = slices.Clone(nodes)
	slices.SortStableFunc(nodes, func(a, b int32) int { return cmp.Compare(t.Retained[b], t.Retained[a]) })
	return nodes
}
