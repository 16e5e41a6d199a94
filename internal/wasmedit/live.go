package wasmedit

import (
	"slices"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/machinecode"
	"github.com/minsize/minsize/internal/objfile"
)

// What is reached.
//
// Roots are what the host sees: exports, the start function, imported and
// exported tables and memories with the segments that fill them. A table that
// the host does not see is reached by indirect calls alone, and such a call
// takes only functions of its own type: all others in the table end in a trap,
// which is what any function of a type that nobody calls gives, too. So one of
// them stands for all (Core Specification 4.4.8, call_indirect).

// marker is the search's state.
type marker struct {
	*module
	work    []item
	called  map[uint32]bool     // canonical types of live indirect calls, through any table
	waiting map[uint32][]uint32 // canonical type -> functions in tables that nobody calls yet
	err     error
}

type item struct {
	space space
	index uint32
}

// size of an index space.
func (m *module) size(s space) int {
	switch s {
	case machinecode.WasmFunction:
		return len(m.functions)
	case machinecode.WasmGlobal:
		return int(m.w.ImportedGlobals) + len(m.w.Globals)
	case machinecode.WasmTable:
		return int(m.w.ImportedTables) + len(m.w.Tables)
	case machinecode.WasmMemory:
		return int(m.w.ImportedMemories) + len(m.w.Memories)
	case machinecode.WasmType:
		return len(m.w.Types)
	case machinecode.WasmElement:
		return len(m.w.Elements)
	case machinecode.WasmData:
		return len(m.w.Data)
	case machinecode.WasmTag:
		return int(m.w.ImportedTags) + len(m.w.Tags)
	}
	return -1
}

var spaces = []space{machinecode.WasmType, machinecode.WasmFunction, machinecode.WasmGlobal, machinecode.WasmTable,
	machinecode.WasmMemory, machinecode.WasmElement, machinecode.WasmData, machinecode.WasmTag}

// mark fills live.
func (m *module) mark() error {
	k := &marker{module: m, called: map[uint32]bool{}, waiting: map[uint32][]uint32{}}
	m.live = map[space][]bool{}
	for _, s := range spaces {
		m.live[s] = make([]bool, m.size(s))
	}
	m.tableUse = make([]bool, m.size(machinecode.WasmTable))
	m.usesMemory = false
	// Whether a table is used by anything but indirect calls has to be known
	// before the first is taken; dead code may say so too, at no loss.
	for i := range m.functions {
		if err := each(m.functions[i].code, func(op byte, sub uint64, o machinecode.WasmOperand) {
			switch {
			case o.Kind == machinecode.WasmTable && op != 0x11 && op != 0x13 && o.Value < uint64(len(m.tableUse)):
				m.tableUse[o.Value] = true
			case o.Kind == machinecode.WasmFunction && op == 0xd2 && o.Value < uint64(len(m.functions)):
				m.functions[o.Value].referred = true
			case o.Kind == machinecode.WasmData:
				m.usesMemory = true
			}
		}); err != nil {
			return err
		}
	}
	for _, e := range m.w.Exports {
		switch e.Kind {
		case objfile.WasmFunc:
			k.need(machinecode.WasmFunction, uint64(e.Index))
		case objfile.WasmTable:
			k.need(machinecode.WasmTable, uint64(e.Index))
		case objfile.WasmMemory:
			k.need(machinecode.WasmMemory, uint64(e.Index))
		case objfile.WasmGlobalKind:
			k.need(machinecode.WasmGlobal, uint64(e.Index))
		case objfile.WasmTag:
			k.need(machinecode.WasmTag, uint64(e.Index))
		}
	}
	if m.start >= 0 {
		k.need(machinecode.WasmFunction, uint64(m.start))
	}
	// Memories and tables are a few bytes, and instantiation fails with them:
	// they stay, and with them what is written into them.
	for i := range m.live[machinecode.WasmMemory] {
		k.need(machinecode.WasmMemory, uint64(i))
	}
	for i := range m.live[machinecode.WasmTable] {
		k.need(machinecode.WasmTable, uint64(i))
	}
	for i := range m.w.Data {
		if d := &m.w.Data[i]; d.Mode == objfile.WasmActive {
			k.need(machinecode.WasmData, uint64(i))
		}
	}
	for i := range m.w.Elements {
		if e := &m.w.Elements[i]; e.Mode == objfile.WasmActive {
			if err := k.tableElement(uint32(i), e); err != nil {
				return err
			}
		} else if e.Mode == objfile.WasmDeclarative || slices.ContainsFunc(e.Funcs, m.isReferred) {
			k.need(machinecode.WasmElement, uint64(i))
		}
	}
	for len(k.work) > 0 && k.err == nil {
		next := k.work[len(k.work)-1]
		k.work = k.work[:len(k.work)-1]
		k.visit(next)
	}
	if k.err == nil {
		m.fillSlots(k)
	}
	return k.err
}

func (m *module) isReferred(f uint32) bool {
	return int(f) < len(m.functions) && m.functions[f].referred
}

// fillSlots chooses what stands in the slots of functions that no call takes: a
// live function of a type that nobody calls, else one of them, emptied.
func (m *module) fillSlots(k *marker) {
	m.filler = none
	first := none
	for _, list := range k.waiting {
		for _, f := range list {
			if !m.live[machinecode.WasmFunction][f] {
				first = min(first, f)
			}
		}
	}
	if first == none {
		return
	}
	for i := range m.functions {
		if f := &m.functions[i]; m.live[machinecode.WasmFunction][i] && !k.called[m.types[f.kind]] {
			m.filler = uint32(i)
			return
		}
	}
	m.filler = first
	f := &m.functions[first]
	m.live[machinecode.WasmFunction][first] = true
	m.live[machinecode.WasmType][m.types[f.kind]] = true
	if !f.imported {
		f.locals, f.code = nil, []byte{0x00, 0x0b} // unreachable
	}
}

// need marks one index.
func (k *marker) need(s space, index uint64) {
	list := k.live[s]
	if index >= uint64(len(list)) {
		if k.err == nil {
			k.err = byteio.Errorf(0, "index", "%d is beyond the %d of its kind", index, len(list))
		}
		return
	}
	if !list[index] {
		list[index] = true
		k.work = append(k.work, item{s, uint32(index)})
	}
}

// narrow says whether only indirect calls reach into a table.
func (m *module) narrow(table uint32) bool {
	return !m.sharedTable && int(table) < len(m.tableUse) && !m.tableUse[table]
}

// tableElement takes an active element segment.
func (k *marker) tableElement(i uint32, e *objfile.WasmElement) error {
	k.live[machinecode.WasmElement][i] = true
	if !k.narrow(e.Table) || !k.plainElement(e) {
		k.visit(item{machinecode.WasmElement, i})
		for _, f := range e.Funcs {
			if int(f) < len(k.functions) {
				k.functions[f].inTable = true
			}
		}
		return k.err
	}
	for _, f := range e.Funcs {
		if int(f) >= len(k.functions) {
			return byteio.Errorf(uint64(e.Offset), "element segment", "function %d does not exist", f)
		}
		t := k.types[k.functions[f].kind]
		if k.called[t] || k.functions[f].referred { // ref.func asks for a function that some segment names
			k.need(machinecode.WasmFunction, uint64(f))
		} else {
			k.waiting[t] = append(k.waiting[t], f)
		}
	}
	return nil
}

// plainElement says whether a segment is a list of functions from a constant on.
func (m *module) plainElement(e *objfile.WasmElement) bool {
	flags := m.data[e.Offset]
	return e.Mode == objfile.WasmActive && e.At.Plain && flags&4 == 0
}

// visit marks what one entry names.
func (k *marker) visit(i item) {
	switch i.space {
	case machinecode.WasmFunction:
		f := &k.functions[i.index]
		k.need(machinecode.WasmType, uint64(k.types[f.kind]))
		if !f.imported {
			k.expression(f.code)
		}
	case machinecode.WasmGlobal:
		if n := int(i.index) - int(k.w.ImportedGlobals); n >= 0 {
			k.constant(k.w.Globals[n].Init)
		}
	case machinecode.WasmTag:
		k.need(machinecode.WasmType, uint64(k.types[k.tags[i.index]]))
	case machinecode.WasmElement:
		e := &k.w.Elements[i.index]
		k.constant(e.At)
		for _, f := range e.Funcs {
			k.need(machinecode.WasmFunction, uint64(f))
		}
		for _, g := range e.Globals {
			k.need(machinecode.WasmGlobal, uint64(g))
		}
	case machinecode.WasmData:
		k.constant(k.w.Data[i.index].At)
	}
}

func (k *marker) constant(x objfile.WasmExpr) {
	for _, f := range x.Funcs {
		k.need(machinecode.WasmFunction, uint64(f))
	}
	for _, g := range x.Globals {
		k.need(machinecode.WasmGlobal, uint64(g))
	}
}

func (k *marker) expression(code []byte) {
	var buffer [8]machinecode.WasmOperand
	s := machinecode.WasmScanner{Code: code, Operands: buffer[:0]}
	for s.Next() {
		if s.Op == 0x11 || s.Op == 0x13 {
			k.indirect(s.Operands[0].Value)
		}
		for _, o := range s.Operands {
			switch o.Kind {
			case machinecode.WasmType:
				if o.Value < uint64(len(k.types)) {
					o.Value = uint64(k.types[o.Value])
				}
				k.need(o.Kind, o.Value)
			case machinecode.WasmFunction, machinecode.WasmGlobal, machinecode.WasmTable, machinecode.WasmElement,
				machinecode.WasmData, machinecode.WasmMemory, machinecode.WasmTag:
				k.need(o.Kind, o.Value)
			}
		}
	}
}

// indirect is a live call of a type through a table: what waited for it is live.
func (k *marker) indirect(kind uint64) {
	if kind >= uint64(len(k.types)) {
		return // need says so
	}
	t := k.types[kind]
	k.called[t] = true
	for _, f := range k.waiting[t] {
		k.need(machinecode.WasmFunction, uint64(f))
	}
	delete(k.waiting, t)
}
