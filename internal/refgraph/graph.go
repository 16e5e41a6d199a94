// Package refgraph answers what keeps what alive in a program: the graph of
// references between functions, data, imports and tables, from the finished
// file, without a relink.
//
// What is hard here: the answer is only as good as the edges, and nobody notes
// them in a finished file; they have to be found in machine code, pointers,
// tables and relocations (attrib does that for native files, wasm.go for
// Wasm, golang.go for what only Go's own tables tell). And programs have
// millions of edges, so nothing is a pointer: nodes are indices, edges are
// runs of indices in one slice, built once by a Builder and frozen.
//
// The questions are all about reachability from node 0, the root:
//   - retained size of X: what nothing but X keeps, which is the subtree of X
//     in the dominator tree (dominators.go);
//   - what goes if a set of nodes goes: reachability without them (reach.go);
//   - why X is here: the referrers, the shortest chain (why.go, paths.go).
//
// Rejected: a general graph library (boxes per edge, no dominators), and
// answering set questions with one dominator tree (the dominators of a set are
// not the union of those of its members).
package refgraph

import (
	"fmt"
	"slices"

	"github.com/minsize/minsize/internal/attrib"
)

// Root is the node that stands for whoever loads the program: its edges lead
// to the entry point, exports, initialisers and all else that is used from
// outside.
const Root int32 = 0

// RootName is what reports call it, as Twiggy does.
const RootName = "<meta root>"

// Kind is what a node is.
type Kind uint8

const (
	KindRoot Kind = iota
	KindCode
	KindData
	KindVtable
	KindImport
	KindExport
	KindTable  // Wasm tables and element segments
	KindGlobal // Wasm globals, and memories
	KindCustom // sections and headers that only tools read
	KindOther
)

var kindNames = [...]string{"root", "code", "data", "vtable", "import", "export", "table", "global", "custom", "other"}

// String returns the kind in one word.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Node is one thing that is kept or goes as a whole.
type Node struct {
	Size  uint64 // bytes of the file that it owns: body, padding, and its entries in runtime tables
	Name  string // as shown to users; "" asks the graph's Namer
	Label int32  // the Namer's number of it: an atom, a Wasm function; -1
	Kind  Kind
	// Uncertain marks code with bytes that could not be decoded: edges may be missing.
	Uncertain bool
}

// edges is a set of runs: those of node n are to[first[n]:first[n+1]].
type edges struct {
	first []uint32
	to    []int32
}

func (e *edges) of(n int32) []int32 { return e.to[e.first[n]:e.first[n+1]] }

// Namer makes names on demand: most are never shown.
type Namer interface {
	// Display is what users call the thing with this label.
	Display(label int32) string
	// Mangled is its linker symbol, "" without.
	Mangled(label int32) string
}

// Graph is frozen: no method changes it, and all are safe for concurrent use.
type Graph struct {
	nodes []Node
	out   edges
	in    edges
	names Namer

	// Program is what a native graph was made of, nil for Wasm.
	Program *attrib.Program
	// Wasm says that the items and edges are those of a Wasm module.
	Wasm bool
	// Total is the size of the whole file; Unowned what no node owns.
	Total, Unowned uint64
	// Anonymous is the data that no symbol names, of native programs: it is cut
	// where something points, and named after who refers to it.
	Anonymous Rest
	// Notes say what the reader must know to believe the answers.
	Notes   []string
	Details []string // the same, what is so in most programs
}

// Len returns the number of nodes, the root included.
func (g *Graph) Len() int { return len(g.nodes) }

// EdgeCount returns the number of distinct edges, those of the root included.
func (g *Graph) EdgeCount() int { return len(g.out.to) }

// Node returns the node n; its Name may be empty, see Name.
func (g *Graph) Node(n int32) *Node { return &g.nodes[n] }

// Name returns what users call node n.
func (g *Graph) Name(n int32) string {
	if n == Root {
		return RootName
	}
	node := &g.nodes[n]
	if node.Name != "" || g.names == nil || node.Label < 0 {
		return node.Name
	}
	return g.names.Display(node.Label)
}

// Mangled returns the linker symbol of node n, "" without.
func (g *Graph) Mangled(n int32) string {
	if node := &g.nodes[n]; g.names != nil && node.Label >= 0 {
		return g.names.Mangled(node.Label)
	}
	return ""
}

// Successors returns what n refers to, in order of index. Not to be changed.
func (g *Graph) Successors(n int32) []int32 { return g.out.of(n) }

// Predecessors returns what refers to n, in order of index. Not to be changed.
func (g *Graph) Predecessors(n int32) []int32 { return g.in.of(n) }

// Builder collects nodes and edges until Freeze.
type Builder struct {
	nodes []Node
	pairs []uint64 // from<<32 | to
}

// NewBuilder makes a builder that has the root already, with room for the
// given number of further nodes.
func NewBuilder(nodes int) *Builder {
	b := &Builder{nodes: make([]Node, 1, nodes+1)}
	b.nodes[Root] = Node{Kind: KindRoot, Label: -1}
	return b
}

// Add adds a node and returns its index.
func (b *Builder) Add(n Node) int32 {
	b.nodes = append(b.nodes, n)
	return int32(len(b.nodes) - 1)
}

// Edge says that from refers to to. Self edges are dropped, doubles are fine.
func (b *Builder) Edge(from, to int32) {
	if from != to {
		b.pairs = append(b.pairs, uint64(from)<<32|uint64(to))
	}
}

// Grow makes room for n further edges.
func (b *Builder) Grow(n int) { b.pairs = slices.Grow(b.pairs, n) }

// Node returns a node that was added, to be completed.
func (b *Builder) Node(n int32) *Node { return &b.nodes[n] }

// Freeze sorts the edges into runs and forgets the builder's own memory.
// names makes the names of nodes that have none; it may be nil.
func (b *Builder) Freeze(names Namer) *Graph {
	g := &Graph{nodes: b.nodes, names: names}
	g.out = runs(len(g.nodes), b.pairs, 32, 0)
	g.out.dedupe()
	b.pairs = nil
	g.in = g.out.reversed()
	b.nodes = nil
	return g
}

// runs sorts pairs by the half at the shift key into runs of the other half.
func runs(nodes int, pairs []uint64, key, value uint) edges {
	e := edges{first: make([]uint32, nodes+1), to: make([]int32, len(pairs))}
	for _, p := range pairs {
		e.first[uint32(p>>key)+1]++
	}
	for i := 1; i <= nodes; i++ {
		e.first[i] += e.first[i-1]
	}
	next := slices.Clone(e.first[:nodes])
	for _, p := range pairs {
		from := uint32(p >> key)
		e.to[next[from]] = int32(uint32(p >> value))
		next[from]++
	}
	return e
}

// dedupe sorts each run and drops doubles, in place.
func (e *edges) dedupe() {
	kept := uint32(0)
	start := uint32(0)
	for n := 0; n+1 < len(e.first); n++ {
		end := e.first[n+1]
		run := e.to[start:end]
		slices.Sort(run)
		first := kept
		for i, to := range run {
			if i == 0 || to != run[i-1] {
				e.to[kept] = to
				kept++
			}
		}
		start = end
		e.first[n] = first
	}
	e.first[len(e.first)-1] = kept
	e.to = slices.Clip(e.to[:kept])
}

// reversed turns every edge round; runs come out sorted.
func (e *edges) reversed() edges {
	nodes := len(e.first) - 1
	r := edges{first: make([]uint32, nodes+1), to: make([]int32, len(e.to))}
	for _, to := range e.to {
		r.first[to+1]++
	}
	for i := 1; i <= nodes; i++ {
		r.first[i] += r.first[i-1]
	}
	next := slices.Clone(r.first[:nodes])
	for from := range nodes {
		for _, to := range e.of(int32(from)) {
			r.to[next[to]] = int32(from)
			next[to]++
		}
	}
	return r
}
