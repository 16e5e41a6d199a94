package refgraph

import "testing"

// TestLargestRows: a limit on rows goes to what retains most in all branches,
// never to a row whose parent is not shown.
func TestLargestRows(t *testing.T) {
	b := NewBuilder(64)
	add := func(parent int32, size uint64) int32 {
		n := b.Add(Node{Size: size, Label: -1, Kind: KindCode})
		b.Edge(parent, n)
		return n
	}
	first := add(Root, 500)
	for range 40 {
		add(first, 10) // a broad branch of crumbs
	}
	second := add(Root, 300)
	third := add(second, 200)
	fourth := add(third, 150)
	g := b.Freeze(nil)
	d := g.DominatorTree(g.Dominators(), nil, TreeOptions{Rows: 5, Largest: true})
	shown := map[int32]bool{}
	var walk func(list []*Branch)
	walk = func(list []*Branch) {
		for _, x := range list {
			shown[x.Node] = true
			walk(x.Children)
		}
	}
	walk(d.Branches)
	if len(shown) != 5 || !shown[first] || !shown[second] || !shown[third] || !shown[fourth] {
		t.Errorf("shown: %v", shown)
	}
	if !d.Cut || d.Branches[0].Rest.Count != 39 || d.Branches[0].Rest.Size != 390 {
		t.Errorf("cut %v, left out of the first branch: %+v", d.Cut, d.Branches[0].Rest)
	}
}
