package refgraph

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/machinecode"
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

// Wasm section ids (core specification, section 5.5.2).
const (
	wasmCustom = iota
	wasmTypes
	wasmImports
	wasmFunctions
	wasmTables
	wasmMemories
	wasmGlobals
	wasmExports
	wasmStart
	wasmElements
	wasmCode
	wasmData
	wasmDataCount
	wasmTags
)

var wasmSectionNames = [...]string{"custom", "type", "import", "function", "table", "memory", "global", "export",
	"start", "element", "code", "data", "data count", "tag"}

// wasmModule is what is known while one module is read.
type wasmModule struct {
	v     byteio.View
	b     *Builder
	edges WasmEdges

	names wasmNames

	// Index spaces, as nodes; imports first.
	types, functions, tables, memories, globals, elements, datas []int32
	imported                                                     int // functions
	segments                                                     []wasmSegment
	bodies                                                       []wasmBody
	pending                                                      []wasmPending
	words                                                        []wasmWord // with WasmAll
	notes                                                        []string
}

// wasmSegment is an active data segment with a constant address.
type wasmSegment struct {
	start, size uint64
	node        int32
}

type wasmBody struct {
	node       int32
	typeIndex  uint32
	start, end uint64 // of the expression in the file
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
	m := &wasmModule{v: byteio.View{Data: data}, b: NewBuilder(1024), edges: edges}
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

// wasmSection is one section: start is where its id stands, [body, end) its contents.
type wasmSection struct {
	id               byte
	start, body, end uint64
	name             string // of custom sections
}

func (m *wasmModule) sections() ([]wasmSection, error) {
	magic, err := m.v.Slice(0, 8, "wasm magic and version")
	if err != nil {
		return nil, err
	}
	if string(magic[:4]) != "\x00asm" {
		return nil, byteio.Errorf(0, "wasm magic", "expected \\0asm but got %q", magic[:4])
	}
	if magic[4] != 1 || magic[5] != 0 || magic[6] != 0 || magic[7] != 0 {
		return nil, byteio.Errorf(4, "wasm version", "expected a core module (1) but got % x; a component holds modules that have to be taken out first", magic[4:8])
	}
	var out []wasmSection
	for at := uint64(8); at < m.v.Len(); {
		s := wasmSection{start: at}
		if s.id, err = m.v.U8(at, "section id"); err != nil {
			return nil, err
		}
		var size uint64
		if size, s.body, err = m.v.Uleb128(at+1, "section size"); err != nil {
			return nil, err
		}
		if _, err = m.v.Slice(s.body, size, "section contents"); err != nil {
			return nil, err
		}
		s.end = s.body + size
		if int(s.id) >= len(wasmSectionNames) {
			return nil, byteio.Errorf(at, "section id", "expected at most %d but got %d", len(wasmSectionNames)-1, s.id)
		}
		if s.id == wasmCustom {
			r := wasmReader{m: m, at: s.body, end: s.end}
			s.name = r.name("custom section name")
			if r.err != nil {
				return nil, r.err
			}
			s.body = r.at
		}
		out = append(out, s)
		at = s.end
	}
	return out, nil
}

// read makes the items of every section, in file order.
func (m *wasmModule) read() error {
	sections, err := m.sections()
	if err != nil {
		return err
	}
	var function, code *wasmSection
	for i := range sections {
		s := &sections[i]
		switch {
		case s.id == wasmCustom && s.name == "name":
			if err := m.readNames(s); err != nil {
				return err
			}
		case s.id == wasmFunctions:
			function = s
		case s.id == wasmCode:
			code = s
		}
	}
	m.root(Node{Name: "wasm magic bytes", Size: 8, Kind: KindCustom, Label: -1})
	for i := range sections {
		s := &sections[i]
		if s.id == wasmFunctions && code != nil {
			continue // its entries belong to the bodies, its header to the code section's
		}
		whole := s.end - s.start
		if s.id == wasmCode && function != nil {
			whole += function.end - function.start
		}
		added, err := m.readSection(s, function)
		if err != nil {
			return err
		}
		name := wasmSectionNames[s.id] + " section headers"
		if s.id == wasmCustom {
			name = fmt.Sprintf("custom section '%s' headers", s.name)
		}
		header := m.root(Node{Name: name, Size: whole - added, Kind: KindCustom, Label: -1})
		if s.id == wasmStart {
			r := wasmReader{m: m, at: s.body, end: s.end}
			m.later(header, machinecode.WasmFunction, uint64(r.u32("start function")))
			if r.err != nil {
				return r.err
			}
		}
	}
	return nil
}

func (m *wasmModule) root(n Node) int32 {
	node := m.b.Add(n)
	m.b.Edge(Root, node)
	return node
}

func (m *wasmModule) later(from int32, kind machinecode.WasmKind, index uint64) {
	index = min(index, 1<<32-1) // which does not exist
	m.pending = append(m.pending, wasmPending{from: from, kind: kind, index: uint32(index)})
}

// readSection adds the entries of s and returns the bytes that they own.
func (m *wasmModule) readSection(s, function *wasmSection) (uint64, error) {
	r := &wasmReader{m: m, at: s.body, end: s.end}
	var one func(i uint64) Node // reads one entry and describes it
	root := false
	var space *[]int32
	var after func(i uint64, node int32)
	switch s.id {
	case wasmCustom:
		return m.customSection(s)
	case wasmTypes:
		var types int
		one = func(i uint64) (n Node) {
			n.Kind = KindOther
			n.Name, types = r.typeEntry(i)
			return n
		}
		after = func(_ uint64, node int32) {
			for range types {
				m.types = append(m.types, node)
			}
		}
	case wasmImports:
		var into *[]int32
		one = func(uint64) Node {
			var name string
			name, into = r.importEntry()
			return Node{Name: name, Kind: KindImport}
		}
		after = func(_ uint64, node int32) {
			if into != nil {
				*into = append(*into, node)
			}
			m.imported = len(m.functions)
		}
	case wasmTables:
		space, root = &m.tables, true
		one = func(i uint64) Node { r.tableEntry(); return Node{Name: fmt.Sprintf("table[%d]", i), Kind: KindTable} }
	case wasmMemories:
		space = &m.memories
		one = func(i uint64) Node { r.limits(); return Node{Name: fmt.Sprintf("memory[%d]", i), Kind: KindGlobal} }
	case wasmGlobals:
		space = &m.globals
		var from, to uint64
		one = func(i uint64) Node {
			r.valueType()
			r.u8("global mutability")
			from, to = r.expression()
			return Node{Kind: KindGlobal, Label: wasmLabel(labelGlobal, i)}
		}
		after = func(_ uint64, node int32) { m.constantExpression(node, from, to) }
	case wasmExports:
		root = true
		var kind byte
		var index uint32
		one = func(uint64) Node {
			name := r.name("export name")
			kind, index = r.u8("export kind"), r.u32("export index")
			return Node{Name: fmt.Sprintf("export \"%s\"", name), Kind: KindExport}
		}
		after = func(_ uint64, node int32) {
			if kinds := [...]machinecode.WasmKind{machinecode.WasmFunction, machinecode.WasmTable, machinecode.WasmMemory, machinecode.WasmGlobal}; int(kind) < len(kinds) {
				m.later(node, kinds[kind], uint64(index))
			}
		}
	case wasmElements:
		return m.elementSection(r)
	case wasmCode:
		return m.codeSection(r, function)
	case wasmData:
		return m.dataSection(r)
	case wasmFunctions:
		return 0, byteio.Errorf(s.start, "function section", "%s", "there is no code section")
	default:
		return 0, nil // start, data count and tags are all header
	}
	added := uint64(0)
	count := r.u32("number of entries")
	for i := uint64(0); i < uint64(count) && r.err == nil; i++ {
		start := r.at
		n := one(i)
		n.Size = r.at - start
		if n.Name != "" {
			n.Label = -1
		}
		if i+1 == uint64(count) {
			n.Size = s.end - start // as Twiggy: the last entry ends with the section
		}
		node := m.b.Add(n)
		if root {
			m.b.Edge(Root, node)
		}
		if space != nil {
			*space = append(*space, node)
		}
		if after != nil {
			after(i, node)
		}
		added += n.Size
	}
	return added, r.err
}

func (m *wasmModule) codeSection(r *wasmReader, function *wasmSection) (uint64, error) {
	if function == nil {
		return 0, byteio.Errorf(r.at, "code section", "%s", "there is no function section")
	}
	declared := &wasmReader{m: m, at: function.body, end: function.end}
	declaredCount := declared.u32("number of functions")
	count := r.u32("number of bodies")
	if declared.err == nil && count != declaredCount {
		return 0, byteio.Errorf(r.at, "number of bodies", "expected %d as in the function section but got %d", declaredCount, count)
	}
	added := uint64(0)
	for i := uint32(0); i < count && r.err == nil && declared.err == nil; i++ {
		declaredAt := declared.at
		typeIndex := declared.u32("type index")
		size := declared.at - declaredAt
		if i+1 == count {
			size = function.end - declaredAt
		}
		start := r.at
		length := uint64(r.u32("size of the body"))
		body := r.at
		r.skip(length, "body")
		end := r.at
		if i+1 == count {
			end = r.end
		}
		size += end - start

		label := wasmLabel(labelCode, uint64(i))
		if index := m.imported + int(i); index < len(m.names.functions) && m.names.functions[index] != "" {
			label = wasmLabel(labelFunction, uint64(index))
		}
		node := m.b.Add(Node{Size: size, Kind: KindCode, Label: label})
		m.functions = append(m.functions, node)
		added += size

		// Locals: groups of a count and a type.
		l := &wasmReader{m: m, at: body, end: body + length, err: r.err}
		groups := l.u32("number of local groups")
		for g := uint32(0); g < groups && l.err == nil; g++ {
			l.u32("number of locals")
			l.valueType()
		}
		if l.err != nil {
			return 0, l.err
		}
		m.bodies = append(m.bodies, wasmBody{node: node, typeIndex: typeIndex, start: l.at, end: body + length})
	}
	if r.err == nil {
		r.err = declared.err
	}
	return added, r.err
}

func (m *wasmModule) elementSection(r *wasmReader) (uint64, error) {
	count := r.u32("number of element segments")
	added := uint64(0)
	for i := uint32(0); i < count && r.err == nil; i++ {
		start := r.at
		node := m.b.Add(Node{Kind: KindTable, Label: wasmLabel(labelElement, uint64(i))})
		m.elements = append(m.elements, node)
		flags := r.u32("element segment flags")
		if flags > 7 {
			return 0, byteio.Errorf(start, "element segment flags", "expected at most 7 but got %d", flags)
		}
		active := flags&1 == 0
		table := uint32(0)
		if active {
			if flags&2 != 0 {
				table = r.u32("table index")
			}
			from, to := r.expression()
			if m.edges == WasmAll {
				m.constantExpression(node, from, to)
			}
			m.pending = append(m.pending, wasmPending{from: node, kind: machinecode.WasmTable, index: table, turn: true})
		}
		expressions := flags&4 != 0
		if flags&3 != 0 {
			if expressions {
				r.valueType()
			} else {
				r.u8("element kind")
			}
		}
		items := r.u32("number of elements")
		for j := uint32(0); j < items && r.err == nil; j++ {
			if !expressions {
				m.later(node, machinecode.WasmFunction, uint64(r.u32("function index")))
				continue
			}
			from, to := r.expression()
			if m.edges == WasmAll {
				m.constantExpression(node, from, to)
			}
		}
		size := r.at - start
		if i+1 == count {
			size = r.end - start
		}
		m.b.Node(node).Size = size
		added += size
	}
	return added, r.err
}

// constantExpression adds what the bytes [from, to) refer to, with WasmAll.
func (m *wasmModule) constantExpression(node int32, from, to uint64) {
	if m.edges != WasmAll || to > m.v.Len() || from > to {
		return
	}
	refs, _ := machinecode.DecodeWasm(m.v.Data[from:to], nil)
	for _, ref := range refs {
		if ref.Kind != machinecode.WasmAddress && ref.Kind != machinecode.WasmLoad {
			m.later(node, ref.Kind, ref.Index)
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
		refs, err = machinecode.DecodeWasm(m.v.Data[body.start:body.end], refs[:0])
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
