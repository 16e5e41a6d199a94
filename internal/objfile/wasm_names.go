package objfile

// The name section (Core Specification, appendix 7.4, and the extended names
// proposal). It is advice: what is malformed ends it, and the module stands.

// WasmNames is what the name section says, by index.
type WasmNames struct {
	Module    string
	Functions map[uint32]string
	Globals   map[uint32]string
	Data      map[uint32]string
	Tables    map[uint32]string
	Memories  map[uint32]string
	Elements  map[uint32]string
	Types     map[uint32]string
	Tags      map[uint32]string
	// Entries are the bytes that each function's entry takes, by function
	// index: [offset, size) of the file. For charging.
	Entries map[uint32]WasmItem
	Locals  WasmItem // the subsection of local names, 0 without
}

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
		for r.err == nil && r.at < r.end {
			id := r.byte("name subsection")
			size := uint64(r.u32("name subsection size"))
			if r.err != nil || size > r.end-r.at {
				break
			}
			sub := wasmReader{v: r.v, at: r.at, end: r.at + size}
			r.at = sub.end
			limit := uint64(1) << 32
			into := map[uint32]string{}
			switch id {
			case 0:
				n.Module = sub.name("module name")
				continue
			case 1:
				n.Functions, limit = into, uint64(w.FunctionCount())
				n.Entries = map[uint32]WasmItem{}
			case 2:
				n.Locals = WasmItem{uint32(sub.at), uint32(size)}
				continue
			case 4:
				n.Types, limit = into, uint64(len(w.Types))*16
			case 5:
				n.Tables, limit = into, uint64(w.ImportedTables)+uint64(len(w.Tables))
			case 6:
				n.Memories, limit = into, uint64(w.ImportedMemories)+uint64(len(w.Memories))
			case 7:
				n.Globals, limit = into, uint64(w.ImportedGlobals)+uint64(len(w.Globals))
			case 8:
				n.Elements, limit = into, uint64(len(w.Elements))
			case 9:
				n.Data, limit = into, uint64(len(w.Data))
			case 11:
				n.Tags, limit = into, uint64(w.ImportedTags)+uint64(len(w.Tags))
			default: // labels, fields
				continue
			}
			sub.vector("name", func(int) {
				from := sub.at
				index := sub.u32("index")
				name := sub.name("name")
				if sub.err != nil || uint64(index) >= limit { // a name of nothing; and what bounds the map
					return
				}
				into[index] = name
				if id == 1 {
					n.Entries[index] = WasmItem{uint32(from), uint32(sub.at - from)}
				}
			})
		}
		break
	}
	return n
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
		add(WasmFunc, uint32(i), names.Functions[uint32(i)], Symbol{Name: w.Imports[at].Name, Version: w.Imports[at].Module, Kind: SymFunc, Section: -1, Undefined: true, Bind: BindGlobal})
	}
	for i := range w.Functions {
		index := w.ImportedFunctions + uint32(i)
		add(WasmFunc, index, names.Functions[index], Symbol{Kind: SymFunc, Size: uint64(w.Functions[i].Size), Section: code})
	}
	for i, at := range w.importPositions(WasmGlobalKind) {
		add(WasmGlobalKind, uint32(i), names.Globals[uint32(i)], Symbol{Name: w.Imports[at].Name, Version: w.Imports[at].Module, Kind: SymData, Section: -1, Undefined: true, Bind: BindGlobal})
	}
	for i := range w.Globals {
		index := w.ImportedGlobals + uint32(i)
		add(WasmGlobalKind, index, names.Globals[index], Symbol{Kind: SymData, Size: uint64(w.Globals[i].Size), Section: globals})
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
