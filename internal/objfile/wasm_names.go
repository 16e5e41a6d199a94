package objfile

// The name section (Core Specification, appendix 7.4, and the extended names
// proposal). It is advice: what is malformed ends it, and the module stands.

// WasmNames is what the name section says. Each list of names is as long as its
// index space, or nil without any.
type WasmNames struct {
	Functions, Globals, Data []string
	// Entries are the bytes that each function's entry takes: [offset, size) of
	// the file, size 0 without one. For charging.
	Entries []WasmItem
	// Parts are the subsections as they stand, of every kind.
	Parts []WasmSection
	Err   error // where it is malformed
}

var wasmNameParts = [...]string{"module name", "function names", "local names", "label names", "type names",
	"table names", "memory names", "global names", "element names", "data names", "field names", "tag names"}

// Names reads the name section on first use.
func (w *WasmFile) Names() *WasmNames {
	names, _ := w.names.get(func() (*WasmNames, error) { return w.readNames(), nil })
	return names
}

func (w *WasmFile) readNames() *WasmNames {
	n := &WasmNames{}
	for _, s := range w.Sections {
		if s.ID != 0 || s.Name != "name" {
			continue
		}
		r := wasmReader{v: w.file.wholeView(), at: s.Offset, end: s.Offset + s.Size}
		for r.at < r.end && n.Err == nil {
			p := WasmSection{Header: r.at, Name: "unknown name"}
			p.ID = r.byte("name subsection")
			if int(p.ID) < len(wasmNameParts) {
				p.Name = wasmNameParts[p.ID]
			}
			p.Size = uint64(r.u32("name subsection size"))
			p.Offset = r.at
			r.skip(p.Size, "name subsection")
			if n.Err = r.err; n.Err == nil {
				n.Parts = append(n.Parts, p)
				n.Err = w.readNamePart(n, p)
			}
		}
	}
	return n
}

// readNamePart reads the names of one kind of things.
func (w *WasmFile) readNamePart(n *WasmNames, p WasmSection) error {
	var into *[]string
	space := 0
	switch p.ID {
	case 1:
		into, space = &n.Functions, w.FunctionCount()
	case 7:
		into, space = &n.Globals, int(w.ImportedGlobals)+len(w.Globals)
	case 9:
		into, space = &n.Data, len(w.Data)
	default:
		return nil
	}
	if *into != nil { // a second list of them
		return nil
	}
	names := make([]string, space)
	var entries []WasmItem
	if p.ID == 1 {
		entries = make([]WasmItem, space)
	}
	r := wasmReader{v: w.file.wholeView(), at: p.Offset, end: p.Offset + p.Size}
	r.vector("name", func(int) {
		from := r.at
		index := r.u32("index")
		name := r.name("name")
		if r.err != nil || uint64(index) >= uint64(space) { // a name of nothing
			return
		}
		names[index] = name
		if entries != nil {
			entries[index] = WasmItem{uint32(from), uint32(r.at - from)}
		}
	})
	*into = names
	if entries != nil {
		n.Entries = entries
	}
	return r.err
}

// nth is a name of a list that may not be there.
func nth(names []string, i uint32) string {
	if uint64(i) < uint64(len(names)) {
		return names[i]
	}
	return ""
}

// importPositions are the positions in Imports of one kind, in index order.
func (w *WasmFile) importPositions(kind WasmKind) []int {
	var at []int
	for i := range w.Imports {
		if w.Imports[i].Kind == kind {
			at = append(at, i)
		}
	}
	return at
}

// wasmSymbols: functions, then globals. Addr is the index in its index space.
func (w *WasmFile) wasmSymbols() ([]Symbol, error) {
	names := w.Names()
	exported := map[uint64]string{}
	for i := range w.Exports {
		e := &w.Exports[i]
		key := uint64(e.Kind)<<32 | uint64(e.Index)
		if _, seen := exported[key]; !seen {
			exported[key] = e.Name
		}
	}
	code, globals := w.sectionIndex(10), w.sectionIndex(6)
	symbols := make([]Symbol, 0, w.FunctionCount()+len(w.Globals))
	add := func(kind WasmKind, index uint32, named string, s Symbol) {
		s.Index, s.Addr = len(symbols), uint64(index)
		if export, ok := exported[uint64(kind)<<32|uint64(index)]; ok {
			s.Bind, s.Dynamic = BindGlobal, true
			if s.Name == "" {
				s.Name = export
			}
		}
		if named != "" {
			s.Name = named
		}
		symbols = append(symbols, s)
	}
	for i, at := range w.importPositions(WasmFunc) {
		add(WasmFunc, uint32(i), nth(names.Functions, uint32(i)), Symbol{Name: w.Imports[at].Name, Version: w.Imports[at].Module, Kind: SymFunc, Section: -1, Undefined: true, Bind: BindGlobal})
	}
	for i := range w.Functions {
		index := w.ImportedFunctions + uint32(i)
		add(WasmFunc, index, nth(names.Functions, index), Symbol{Kind: SymFunc, Size: uint64(w.Functions[i].Size), Section: code})
	}
	for i, at := range w.importPositions(WasmGlobalKind) {
		add(WasmGlobalKind, uint32(i), nth(names.Globals, uint32(i)), Symbol{Name: w.Imports[at].Name, Version: w.Imports[at].Module, Kind: SymData, Section: -1, Undefined: true, Bind: BindGlobal})
	}
	for i := range w.Globals {
		index := w.ImportedGlobals + uint32(i)
		add(WasmGlobalKind, index, nth(names.Globals, index), Symbol{Kind: SymData, Size: uint64(w.Globals[i].Size), Section: globals})
	}
	return symbols, nil
}

func (w *WasmFile) sectionIndex(id byte) int {
	for i := range w.Sections {
		if w.Sections[i].ID == id {
			return i
		}
	}
	return -1
}
