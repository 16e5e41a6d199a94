package refgraph

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/machinecode"
	"github.com/minsize/minsize/internal/objfile"
)

// The graph of a Wasm module (WebAssembly core specification, chapter 5).
//
// Twiggy has defined for years what the items of a module are and which edges
// count, and its users compare numbers over time: so by default items, sizes,
// names and edges are Twiggy's (its guide, chapters "concepts" and "usage").
// Every byte of the module belongs to one item:
//   - every entry of a section is an item of its own size; a function's entry
//     in the function section belongs to its body;
//   - what is left of a section is its "... section headers", a root;
//   - exports, tables, the subsections of "name" and section headers are roots.
//
// Twiggy leaves out edges that exist (types of indirect calls, addresses of
// data as plain constants, initial values of globals) and looks up constant
// loads in the next data segment rather than in theirs. WasmAll follows the
// specification instead, so that garbage is garbage.

// WasmEdges chooses which references of a Wasm module are edges.
type WasmEdges uint8

const (
	WasmTwiggy WasmEdges = iota // as Twiggy 0.8
	WasmAll                     // all that can be seen
)

// wasmModule is what is known while one module becomes a graph.
type wasmModule struct {
	data  []byte
	w     *objfile.WasmFile
	b     *Builder
	edges WasmEdges

	names wasmNames

	// Index spaces, as nodes; imports first.
	types, functions, tables, memories, globals, elements, datas []int32
	segments                                                     []wasmSegment
	bodies                                                       []wasmBody
	pending                                                      []wasmPending
	words                                                        []wasmWord // with WasmAll
	owned                                                        uint64     // bytes of the section at hand that items have
	notes                                                        []string
}

// wasmSegment is an active data segment with a constant address.
type wasmSegment struct {
	start, size uint64
	node        int32
}

type wasmBody struct {
	node      int32
	typeIndex uint32
	code      []byte
}

// wasmPending is an edge whose end is an index that was not known yet.
type wasmPending struct {
	from  int32
	index uint32
	kind  machinecode.WasmKind
	turn  bool // the edge leads from the index to the node
}

// FromWasm reads a module into a graph. A malformed module is an error with
// its offset; a body with unknown instructions keeps its size, is marked, and
// is counted in the notes.
func FromWasm(data []byte, edges WasmEdges) (*Graph, error) {
	f, err := objfile.Parse("", data)
	if err != nil {
		return nil, err
	}
	m := &wasmModule{data: data, w: f.Wasm, b: NewBuilder(1024), edges: edges}
	if m.w == nil {
		return nil, byteio.Errorf(0, "file", "expected a Wasm module but got %s", f.Format)
	}
	m.names.functions, m.names.data, m.names.imported = m.w.Names().Functions, m.w.Names().Data, m.w.ImportedFunctions
	m.b.Grow(len(data) / 8)
	if err := m.read(); err != nil {
		return nil, err
	}
	if err := m.connect(); err != nil {
		return nil, err
	}
	g := m.b.Freeze(&m.names)
	g.Wasm = true
	g.Total = uint64(len(data))
	g.Notes = m.notes
	return g, nil
}

// read makes the items of every section, in file order.
func (m *wasmModule) read() error {
	m.root(Node{Name: "wasm magic bytes", Size: 8, Kind: KindCustom, Label: -1})
	function := uint64(0) // bytes of the function section, of which each entry belongs to its body
	for i := range m.w.Sections {
		s := &m.w.Sections[i]
		whole := s.Offset + s.Size - s.Header
		if s.Name == "function" && s.ID != 0 && len(m.w.Functions) > 0 {
			function = whole
			continue
		}
		m.owned = 0
		if err := m.section(s); err != nil {
			return err
		}
		name := s.Name + " section headers"
		switch {
		case s.ID == 0:
			name = fmt.Sprintf("custom section '%s' headers", s.Name)
		case s.Name == "code":
			whole += function
		}
		header := m.root(Node{Name: name, Size: whole - m.owned, Kind: KindCustom, Label: -1})
		if s.Name == "start" && s.ID != 0 {
			m.later(header, machinecode.WasmFunction, uint32(m.w.Start))
		}
	}
	return nil
}

func (m *wasmModule) root(n Node) int32 {
	node := m.b.Add(n)
	m.b.Edge(Root, node)
	return node
}

// item adds an item of the section at hand. What has no name has a label.
func (m *wasmModule) item(kind Kind, name string, label int32, size uint32) int32 {
	if name != "" {
		label = -1
	}
	m.owned += uint64(size)
	return m.b.Add(Node{Name: name, Size: uint64(size), Kind: kind, Label: label})
}

func (m *wasmModule) later(from int32, kind machinecode.WasmKind, index uint32) {
	m.pending = append(m.pending, wasmPending{from: from, kind: kind, index: index})
}

// section adds the items of s. Those of start, data count and tags are all header.
func (m *wasmModule) section(s *objfile.WasmSection) error {
	w := m.w
	if s.ID == 0 {
		m.custom(s)
		return nil
	}
	switch s.Name {
	case "type":
		for i, t := range w.Types {
			node := m.item(KindOther, m.typeName(i, t), -1, t.Size)
			for range w.Defines(t) {
				m.types = append(m.types, node)
			}
		}
	case "import":
		spaces := [...]*[]int32{objfile.WasmFunc: &m.functions, objfile.WasmTable: &m.tables, objfile.WasmMemory: &m.memories, objfile.WasmGlobalKind: &m.globals}
		for i := range w.Imports {
			p := &w.Imports[i]
			node := m.item(KindImport, "import "+p.Module+"::"+p.Name, -1, p.Size)
			if int(p.Kind) < len(spaces) {
				*spaces[p.Kind] = append(*spaces[p.Kind], node)
			}
		}
	case "table":
		for i, t := range w.Tables {
			node := m.item(KindTable, fmt.Sprintf("table[%d]", i), -1, t.Size)
			m.b.Edge(Root, node)
			m.tables = append(m.tables, node)
		}
	case "memory":
		for i, t := range w.Memories {
			m.memories = append(m.memories, m.item(KindGlobal, fmt.Sprintf("memory[%d]", i), -1, t.Size))
		}
	case "global":
		for i := range w.Globals {
			node := m.item(KindGlobal, "", wasmLabel(labelGlobal, uint64(i)), w.Globals[i].Size)
			m.globals = append(m.globals, node)
			m.named(node, &w.Globals[i].Init.WasmNamed)
		}
	case "export":
		kinds := [...]machinecode.WasmKind{machinecode.WasmFunction, machinecode.WasmTable, machinecode.WasmMemory, machinecode.WasmGlobal}
		for i := range w.Exports {
			e := &w.Exports[i]
			node := m.item(KindExport, fmt.Sprintf("export \"%s\"", e.Name), -1, e.Size)
			m.b.Edge(Root, node)
			if int(e.Kind) < len(kinds) {
				m.later(node, kinds[e.Kind], e.Index)
			}
		}
	case "element":
		for i := range w.Elements {
			m.element(i, &w.Elements[i])
		}
	case "code":
		return m.code()
	case "data":
		m.dataSection()
	}
	return nil
}

// typeName is Twiggy's name of an entry of the type section.
func (m *wasmModule) typeName(i int, t objfile.WasmType) string {
	name := fmt.Sprintf("type[%d]", i)
	params, results, ok := m.w.Signature(t)
	if !ok {
		return name
	}
	list := func(values []objfile.WasmValue) string {
		var b strings.Builder
		for i, v := range values {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(v.String())
		}
		return b.String()
	}
	result := "nil"
	switch {
	case len(results) == 1:
		result = results[0].String()
	case len(results) > 1:
		result = "(" + list(results) + ")"
	}
	return name + ": (" + list(params) + ") -> " + result
}

func (m *wasmModule) code() error {
	for i := range m.w.Functions {
		f := &m.w.Functions[i]
		label := wasmLabel(labelCode, uint64(i))
		if index := len(m.functions); index < len(m.names.functions) && m.names.functions[index] != "" {
			label = wasmLabel(labelFunction, uint64(index))
		}
		node := m.item(KindCode, "", label, f.Size+uint32(f.Declared))
		m.functions = append(m.functions, node)
		code, err := m.w.Code(f, nil)
		if err != nil {
			return err
		}
		m.bodies = append(m.bodies, wasmBody{node, f.Type, code})
	}
	return nil
}

func (m *wasmModule) element(i int, e *objfile.WasmElement) {
	node := m.item(KindTable, "", wasmLabel(labelElement, uint64(i)), e.Size)
	m.elements = append(m.elements, node)
	if e.Mode == objfile.WasmActive {
		m.named(node, &e.At.WasmNamed)
		m.pending = append(m.pending, wasmPending{from: node, kind: machinecode.WasmTable, index: e.Table, turn: true})
	}
	if e.Expressions {
		m.named(node, &e.WasmNamed)
		return
	}
	for _, f := range e.Funcs {
		m.later(node, machinecode.WasmFunction, f)
	}
}

// named adds what constant expressions refer to, with WasmAll.
func (m *wasmModule) named(node int32, n *objfile.WasmNamed) {
	if m.edges != WasmAll {
		return
	}
	for _, of := range [...]struct {
		kind machinecode.WasmKind
		list []uint32
	}{{machinecode.WasmFunction, n.Funcs}, {machinecode.WasmGlobal, n.Globals}, {machinecode.WasmType, n.Types}} {
		for _, index := range of.list {
			m.later(node, of.kind, index)
		}
	}
}

// connect turns indices into edges, now that all index spaces are known.
func (m *wasmModule) connect() error {
	for _, p := range m.pending {
		to, ok := m.find(p.kind, uint64(p.index))
		if !ok {
			return byteio.Errorf(0, "index", "%s refers to %d, which does not exist", m.b.Node(p.from).Name, p.index)
		}
		if p.turn {
			m.b.Edge(to, p.from)
		} else {
			m.b.Edge(p.from, to)
		}
	}
	m.sortSegments()
	for _, w := range m.words {
		if s := m.segmentOf(w.address); s != nil {
			m.b.Edge(w.from, s.node)
		}
	}
	var refs []machinecode.WasmRef
	undecoded := 0
	for _, body := range m.bodies {
		if int(body.typeIndex) < len(m.types) {
			m.b.Edge(body.node, m.types[body.typeIndex])
		}
		var err error
		refs, err = machinecode.DecodeWasm(body.code, refs[:0])
		if err != nil {
			m.b.Node(body.node).Uncertain = true
			undecoded++
		}
		for _, ref := range refs {
			m.bodyEdge(body.node, ref)
		}
	}
	if undecoded > 0 {
		m.notes = append(m.notes, fmt.Sprintf("%d of %d functions have instructions that are not known here; their edges may be missing", undecoded, len(m.bodies)))
	}
	return nil
}

func (m *wasmModule) find(kind machinecode.WasmKind, index uint64) (int32, bool) {
	var space []int32
	switch kind {
	case machinecode.WasmFunction:
		space = m.functions
	case machinecode.WasmGlobal:
		space = m.globals
	case machinecode.WasmTable:
		space = m.tables
	case machinecode.WasmType:
		space = m.types
	case machinecode.WasmElement:
		space = m.elements
	case machinecode.WasmData:
		space = m.datas
	case machinecode.WasmMemory:
		space = m.memories
	}
	if index >= uint64(len(space)) {
		return 0, false
	}
	return space[index], true
}

func (m *wasmModule) bodyEdge(from int32, ref machinecode.WasmRef) {
	switch ref.Kind {
	case machinecode.WasmFunction, machinecode.WasmGlobal:
		if to, ok := m.find(ref.Kind, ref.Index); ok {
			m.b.Edge(from, to)
		}
	case machinecode.WasmLoad:
		find := m.segmentOf
		if m.edges == WasmTwiggy {
			find = m.nextSegment
		}
		if s := find(ref.Index); s != nil {
			m.b.Edge(from, s.node)
		}
	case machinecode.WasmAddress, machinecode.WasmOffset:
		if s := m.segmentOf(ref.Index); s != nil && m.edges == WasmAll {
			m.b.Edge(from, s.node)
		}
	default:
		if to, ok := m.find(ref.Kind, ref.Index); ok && m.edges == WasmAll {
			m.b.Edge(from, to)
		}
	}
}

// sortSegments puts the segments in order of address; of those with the same
// address the last one stays.
func (m *wasmModule) sortSegments() {
	slices.SortStableFunc(m.segments, func(a, b wasmSegment) int { return cmp.Compare(a.start, b.start) })
	kept := m.segments[:0]
	for _, s := range m.segments {
		if n := len(kept); n > 0 && kept[n-1].start == s.start {
			kept[n-1] = s
		} else {
			kept = append(kept, s)
		}
	}
	m.segments = kept
}

// segmentOf is the segment that holds the address, nil without.
func (m *wasmModule) segmentOf(address uint64) *wasmSegment {
	i := sort.Search(len(m.segments), func(i int) bool { return m.segments[i].start > address })
	if i > 0 && address-m.segments[i-1].start < m.segments[i-1].size {
		return &m.segments[i-1]
	}
	return nil
}

// nextSegment is Twiggy's rule: the first segment that does not start below
// the address.
func (m *wasmModule) nextSegment(address uint64) *wasmSegment {
	i := sort.Search(len(m.segments), func(i int) bool { return m.segments[i].start >= address })
	if i < len(m.segments) && address < m.segments[i].start+m.segments[i].size {
		return &m.segments[i]
	}
	return nil
}
