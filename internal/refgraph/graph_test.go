package refgraph

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// build makes a graph of n nodes of the sizes 1, 2, 4, ... from edges.
func build(n int, pairs [][2]int32) *Graph {
	b := NewBuilder(n)
	for i := range n - 1 {
		b.Add(Node{Size: 1 << min(i, 40), Label: -1, Kind: KindCode})
	}
	for _, p := range pairs {
		b.Edge(p[0], p[1])
	}
	return b.Freeze(nil)
}

func TestDominators(t *testing.T) {
	// The example of Lengauer and Tarjan (1979), figure 1: R A B C D E F G H I J K L.
	const r, a, b, c, d, e, f, g, h, i, j, k, l = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
	pairs := [][2]int32{{r, a}, {r, b}, {r, c}, {a, d}, {b, a}, {b, d}, {b, e}, {c, f}, {c, g}, {d, l}, {e, h}, {f, i}, {g, i}, {g, j}, {h, e}, {h, k}, {i, k}, {j, i}, {k, i}, {k, r}, {l, h}}
	tree := build(13, pairs).Dominators()
	want := []int32{None, r, r, r, r, r, c, c, r, r, g, r, d}
	if !reflect.DeepEqual(tree.Parent, want) {
		t.Errorf("got %v, want %v", tree.Parent, want)
	}
}

// graphs draws arbitrary graphs, some nodes of which are unreachable.
func graphs(t *rapid.T) *Graph {
	n := rapid.IntRange(1, 30).Draw(t, "nodes")
	var pairs [][2]int32
	for range rapid.IntRange(0, 90).Draw(t, "edges") {
		node := rapid.Int32Range(0, int32(n-1))
		pairs = append(pairs, [2]int32{node.Draw(t, "from"), node.Draw(t, "to")})
	}
	return build(n, pairs)
}

// TestDominatorsAgainstDefinition: x dominates y if and only if y is not
// reachable without x; the immediate dominator is the nearest one; retained is
// the sum of what is not reachable without x.
func TestDominatorsAgainstDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := graphs(t)
		tree := g.Dominators()
		now := g.Reach(nil)
		for x := range int32(g.Len()) {
			if now[x] != tree.Reachable(x) {
				t.Fatalf("reachable(%d): %v against %v", x, now[x], tree.Reachable(x))
			}
			if !now[x] {
				if tree.Parent[x] != None || tree.Retained[x] != g.Node(x).Size {
					t.Fatalf("unreachable %d has parent %d, retained %d", x, tree.Parent[x], tree.Retained[x])
				}
				continue
			}
			gone := g.Gone(g.NewSet(x))
			bytes, count := g.Size(gone)
			if bytes != tree.Retained[x] || count != int(tree.Count[x]) {
				t.Fatalf("node %d retains %d in %d nodes, the tree says %d in %d", x, bytes, count, tree.Retained[x], tree.Count[x])
			}
			dominated := g.NewSet()
			var mark func(n int32)
			mark = func(n int32) {
				dominated[n] = true
				for _, child := range tree.Children(n) {
					mark(child)
				}
			}
			mark(x)
			if !reflect.DeepEqual(dominated, gone) {
				t.Fatalf("subtree of %d: %v, want %v", x, dominated, gone)
			}
		}
	})
}

// TestDeep: a chain as long as generated code makes them needs no stack.
func TestDeep(t *testing.T) {
	const n = 1_000_000
	b := NewBuilder(n)
	for i := range int32(n) {
		b.Edge(i, b.Add(Node{Size: 1, Label: -1}))
	}
	tree := b.Freeze(nil).Dominators()
	if tree.Retained[1] != n || tree.Retained[n] != 1 {
		t.Errorf("retained %d, %d", tree.Retained[1], tree.Retained[n])
	}
}

// TestFreeze: runs are sorted, without doubles and self edges, and In mirrors Out.
func TestFreeze(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := graphs(t)
		type pair struct{ from, to int32 }
		forward, backward := map[pair]int{}, map[pair]int{}
		for n := range int32(g.Len()) {
			for _, to := range g.Successors(n) {
				forward[pair{n, to}]++
			}
			for _, from := range g.Predecessors(n) {
				backward[pair{from, n}]++
			}
		}
		if !reflect.DeepEqual(forward, backward) {
			t.Fatalf("%v against %v", forward, backward)
		}
		for p, count := range forward {
			if count != 1 || p.from == p.to {
				t.Fatalf("%v %d times", p, count)
			}
		}
	})
}

func TestChain(t *testing.T) {
	g := build(7, [][2]int32{{0, 1}, {1, 2}, {2, 6}, {0, 3}, {3, 4}, {4, 5}, {5, 6}})
	if got, want := g.Chain(g.NewSet(6), nil, nil), []int32{0, 1, 2, 6}; !reflect.DeepEqual(got, want) {
		t.Errorf("shortest: %v, want %v", got, want)
	}
	avoid := func(n int32) bool { return n == 2 }
	if got, want := g.Chain(g.NewSet(6), nil, avoid), []int32{0, 3, 4, 5, 6}; !reflect.DeepEqual(got, want) {
		t.Errorf("round what is avoided: %v, want %v", got, want)
	}
	only := build(4, [][2]int32{{0, 1}, {1, 2}, {2, 3}})
	if got, want := only.Chain(only.NewSet(3), nil, func(n int32) bool { return n == 1 }), []int32{0, 1, 2, 3}; !reflect.DeepEqual(got, want) {
		t.Errorf("through it when nothing else leads there: %v, want %v", got, want)
	}
	lost := build(3, [][2]int32{{0, 1}})
	if got := lost.Chain(lost.NewSet(2), nil, nil); got != nil {
		t.Errorf("unreachable: %v", got)
	}
}
