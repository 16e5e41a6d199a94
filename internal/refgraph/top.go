package refgraph

import (
	"cmp"
	"slices"
)

// Item is one node in an answer.
type Item struct {
	Name      string
	Size      uint64 // its own bytes
	Retained  uint64 // what goes when it goes
	Kind      Kind
	Uncertain bool
}

// Item makes the answer's form of node n. t may be nil.
func (g *Graph) Item(n int32, t *Tree) Item {
	node := &g.nodes[n]
	item := Item{Name: g.Name(n), Size: node.Size, Kind: node.Kind, Uncertain: node.Uncertain}
	if t != nil {
		item.Retained = t.Retained[n]
	}
	return item
}

// Rest sums what a list left out.
type Rest struct {
	Count int
	Size  uint64
}

// TopRow is one line of Top.
type TopRow struct {
	Item
	Path []string // with TopOptions.Paths: immediate dominators, nearest first, without the root
}

// TopOptions of Top. Max 0 means all.
type TopOptions struct {
	Max      int
	Retained bool // sort by retained size
	Paths    bool
}

// Top is the answer of `top`.
type Top struct {
	Rows  []TopRow
	Rest  Rest // below Max
	Count int  // all items
	Sum   uint64
}

// Top lists nodes by size, largest first; nodes of one size in index order.
// t may be nil when neither retained sizes nor paths are wanted.
func (g *Graph) Top(t *Tree, o TopOptions) *Top {
	order := make([]int32, 0, g.Len())
	top := &Top{}
	for n := int32(1); n < int32(g.Len()); n++ {
		order = append(order, n)
		top.Sum += g.nodes[n].Size
	}
	top.Count = len(order)
	weight := func(n int32) uint64 {
		if o.Retained {
			return t.Retained[n]
		}
		return g.nodes[n].Size
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(weight(b), weight(a)) })
	shown := order
	if o.Max > 0 && o.Max < len(order) {
		shown = order[:o.Max]
	}
	for _, n := range shown {
		row := TopRow{Item: g.Item(n, t)}
		if o.Paths {
			for up := t.Parent[n]; up != None && up != Root; up = t.Parent[up] {
				row.Path = append(row.Path, g.Name(up))
			}
		}
		top.Rows = append(top.Rows, row)
	}
	for _, n := range order[len(shown):] {
		top.Rest.Count++
		top.Rest.Size += g.nodes[n].Size
	}
	return top
}

// Garbage is the answer of `garbage`: what no root reaches.
type Garbage struct {
	Rows  []Item
	Rest  Rest
	Count int
	Sum   uint64
	Data  Rest // data segments of Wasm, which may be used in ways that cannot be seen
}

// Garbage lists unreachable nodes, largest first. In Wasm modules data
// segments are only summed, unless segments asks for them.
func (g *Graph) Garbage(t *Tree, limit int, segments bool) *Garbage {
	out := &Garbage{}
	var order []int32
	for n := int32(1); n < int32(g.Len()); n++ {
		switch node := &g.nodes[n]; {
		case t.Reachable(n):
		// Memories are of KindGlobal too, but have no label.
		case g.Wasm && !segments && (node.Kind == KindData || node.Kind == KindGlobal && node.Label >= 0):
			out.Data.Count++
			out.Data.Size += node.Size
		default:
			order = append(order, n)
			out.Sum += node.Size
		}
	}
	out.Count = len(order)
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(g.nodes[b].Size, g.nodes[a].Size) })
	for i, n := range order {
		if limit > 0 && i >= limit {
			out.Rest.Count++
			out.Rest.Size += g.nodes[n].Size
			continue
		}
		out.Rows = append(out.Rows, g.Item(n, nil))
	}
	return out
}
