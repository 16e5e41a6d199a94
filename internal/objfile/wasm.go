package objfile

// WebAssembly core modules (Core Specification 5.5, "Modules").
//
// A module is a row of sections, each an id and a length, and everything in
// them is a LEB128 number behind another: nothing can be found without reading
// what stands in front of it. Function bodies are passed over by their
// lengths; the graph decodes them. Records are small and counts are believed
// only as far as bytes are there, since one byte can claim four billion.

import (
	"encoding/binary"
	"iter"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/machine"
)

// WasmFile is what only Wasm has. Index spaces (functions, globals, tables,
// memories) begin with the imports, as the specification numbers them.
type WasmFile struct {
	Sections  []WasmSection
	Types     []WasmType
	Imports   []WasmImport
	Functions []WasmFunction // defined ones; function index = ImportedFunctions + position
	Tables    []WasmItem     // defined ones
	Memories  []WasmItem
	Globals   []WasmGlobal
	Tags      []WasmItem
	Exports   []WasmExport
	Elements  []WasmElement
	Data      []WasmData
	Start     int64 // function index, -1 without

	ImportedFunctions, ImportedTables, ImportedMemories, ImportedGlobals, ImportedTags uint32

	file  *File
	names once[*WasmNames]
}

// WasmSection is one section; Offset and Size are its payload's, behind id
// and length, and of a custom section behind its name too.
type WasmSection struct {
	ID     byte
	Name   string // the id's name; of a custom section its own
	Header uint64 // file offset of the id
	Offset uint64
	Size   uint64
}

// WasmType is an entry of the type section, by where it stands: [Offset,
// Offset+Size) is its encoding.
type WasmType struct{ Offset, Size uint32 }

// WasmFunction is a defined function. Offset is where its entry in the code
// section begins, which is the body's length; the code follows at Body.
type WasmFunction struct {
	Type         uint32
	Offset, Body uint32
	Size         uint32 // of the entry, its length included
	Declared     uint8  // bytes of its entry in the function section
}

// WasmItem is an entry by where it stands.
type WasmItem struct{ Offset, Size uint32 }

// WasmGlobal is a defined global; Refs are what its initial value refers to.
type WasmGlobal struct {
	Offset, Size uint32
	Init         WasmExpr
}

// WasmKind is an external kind (5.5.5).
type WasmKind byte

const (
	WasmFunc WasmKind = iota
	WasmTable
	WasmMemory
	WasmGlobalKind
	WasmTag
)

var wasmKinds = [...]string{"function", "table", "memory", "global", "tag"}

func (k WasmKind) String() string {
	if int(k) < len(wasmKinds) {
		return wasmKinds[k]
	}
	return "unknown"
}

// WasmImport is one import.
type WasmImport struct {
	Module, Name string
	Kind         WasmKind
	Type         uint32 // of a function or tag: type index
	Offset, Size uint32
}

// WasmExport is one export.
type WasmExport struct {
	Name         string
	Kind         WasmKind
	Index        uint32
	Offset, Size uint32
}

// WasmExpr is a constant expression, as far as it is needed: the value of an
// i32.const or i64.const that it begins with, and what it names.
type WasmExpr struct {
	Value int64
	Const bool // it begins with a constant
	Plain bool // and is nothing else
	WasmNamed
}

// WasmNamed is what constant expressions name.
type WasmNamed struct{ Funcs, Globals, Types []uint32 }

// WasmElement is an element segment. What it puts in a table is Funcs, unless
// its elements are expressions: then it is what they name.
type WasmElement struct {
	Offset, Size uint32
	Mode         WasmMode
	Expressions  bool
	Table        uint32
	At           WasmExpr // active: the first slot
	WasmNamed
}

// WasmData is a data segment. Bytes are at [Init, Init+InitSize) of the file.
type WasmData struct {
	Offset, Size   uint32 // of the whole entry
	Mode           WasmMode
	Memory         uint32
	At             WasmExpr // active: the address
	Init, InitSize uint32
}

// WasmMode is how a segment gets to its place.
type WasmMode byte

const (
	WasmActive WasmMode = iota
	WasmPassive
	WasmDeclarative
)

var wasmSectionNames = [...]string{"custom", "type", "import", "function", "table", "memory", "global", "export", "start", "element", "code", "data", "data count", "tag"}

func matchWasm(data []byte) bool { return len(data) >= 8 && string(data[:4]) == "\x00asm" }

// wasmOrder is where a section stands among the others (5.5.16): a module has
// each of them once at most, custom ones anywhere.
var wasmOrder = [len(wasmSectionNames)]int{1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 13: 6, 6: 7, 7: 8, 8: 9, 9: 10, 12: 11, 10: 12, 11: 13}

func parseWasm(f *File, v byteio.View) error {
	v.Order = binary.LittleEndian
	w := &WasmFile{Start: -1, file: f}
	f.Format, f.Wasm, f.Bits, f.Order, f.Kind = Wasm, w, 32, binary.LittleEndian, Module
	f.setMachine(machine.Named("wasm32"))
	if v.Len() >= 1<<32 {
		return byteio.Errorf(v.Base, "module", "%d bytes, more than 4 GiB", v.Len())
	}
	last := 0
	for s, err := range wasmSections(v) {
		if err != nil {
			return err
		}
		if s.ID != 0 {
			if wasmOrder[s.ID] <= last {
				return byteio.Errorf(v.Base+s.Header, "section id", "a %s section, out of order or for the second time", s.Name)
			}
			last = wasmOrder[s.ID]
		}
		r := wasmReader{v: v, at: s.Offset, end: s.Offset + s.Size}
		w.section(&r, s.ID)
		if r.err == nil && s.ID != 0 && r.at != r.end {
			r.fail(s.Name+" section", "%d bytes are left over", r.end-r.at)
		}
		if r.err != nil {
			return r.err
		}
		w.Sections = append(w.Sections, s)
		f.Sections = append(f.Sections, Section{Name: s.Name, Type: wasmSectionNames[s.ID], Index: len(f.Sections), Offset: s.Offset, FileSize: s.Size, Segment: -1, Exec: s.ID == 10})
	}
	for i := range w.Functions {
		if w.Functions[i].Size == 0 {
			return byteio.Errorf(v.Base+v.Len(), "code section", "%d functions are declared, %d have code", len(w.Functions), i)
		}
	}
	return nil
}

// WasmComponent says whether data is a component, which holds core modules.
func WasmComponent(data []byte) bool {
	return matchWasm(data) && binary.LittleEndian.Uint32(data[4:])>>16 == 1
}

// WasmSections goes through a module section by section, in the order of the
// file, without looking into them. An error ends it.
func WasmSections(data []byte) iter.Seq2[WasmSection, error] {
	return wasmSections(byteio.View{Data: data, Order: binary.LittleEndian})
}

func wasmSections(v byteio.View) iter.Seq2[WasmSection, error] {
	return func(yield func(WasmSection, error) bool) {
		version, err := v.U32(4, "version")
		switch {
		case err != nil:
		case WasmComponent(v.Data):
			err = byteio.Errorf(v.Base+4, "version", "a component, not a core module: extract its core modules first (wasm-tools component unbundle)")
		case version != 1:
			err = byteio.Errorf(v.Base+4, "version", "expected 1, got %d", version)
		}
		for at := uint64(8); err == nil && at < v.Len(); {
			r := wasmReader{v: v, at: at, end: v.Len()}
			s := WasmSection{ID: r.byte("section id"), Header: at, Size: uint64(r.u32("section size"))}
			switch {
			case r.err != nil:
			case int(s.ID) >= len(wasmSectionNames):
				r.at = at
				r.fail("section id", "expected 0 to %d, got %d", len(wasmSectionNames)-1, s.ID)
			case s.Size > r.end-r.at:
				r.at = at + 1
				r.fail("section size", "%d bytes wanted, %d there", s.Size, v.Len()-at)
			default:
				at = r.at + s.Size
				s.Name, r.end = wasmSectionNames[s.ID], at
				if s.ID == 0 {
					s.Name = r.name("custom section name")
				}
				s.Offset, s.Size = r.at, r.end-r.at
			}
			if err = r.err; err == nil && !yield(s, nil) {
				return
			}
		}
		if err != nil {
			yield(WasmSection{}, err)
		}
	}
}

// section reads one section's payload.
func (w *WasmFile) section(r *wasmReader, id byte) {
	switch id {
	case 1:
		r.vector("type", func(int) {
			from := r.at
			r.recType()
			w.Types = append(w.Types, WasmType{uint32(from), uint32(r.at - from)})
		})
	case 2:
		r.vector("import", func(int) { w.importEntry(r) })
	case 3:
		r.vector("function", func(int) {
			from := r.at
			f := WasmFunction{Type: r.u32("type index")}
			f.Declared = uint8(r.at - from)
			w.Functions = append(w.Functions, f)
		})
	case 4:
		r.vector("table", func(int) {
			from := r.at
			if r.peek() == 0x40 { // with an initial value
				r.skip(2, "table")
				r.tableType()
				r.expr()
			} else {
				r.tableType()
			}
			w.Tables = append(w.Tables, WasmItem{uint32(from), uint32(r.at - from)})
		})
	case 5:
		r.vector("memory", func(int) {
			from := r.at
			r.limits()
			w.Memories = append(w.Memories, WasmItem{uint32(from), uint32(r.at - from)})
		})
	case 6:
		r.vector("global", func(int) {
			from := r.at
			r.valType()
			r.byte("mutability")
			init := r.expr()
			w.Globals = append(w.Globals, WasmGlobal{uint32(from), uint32(r.at - from), init})
		})
	case 7:
		r.vector("export", func(int) {
			from := r.at
			e := WasmExport{Name: r.name("export name"), Kind: WasmKind(r.byte("export kind")), Index: r.u32("export index"), Offset: uint32(from)}
			e.Size = uint32(r.at - from)
			w.Exports = append(w.Exports, e)
		})
	case 8:
		w.Start = int64(r.u32("start function"))
	case 9:
		r.vector("element segment", func(int) { w.element(r) })
	case 10:
		r.vector("function body", func(i int) { w.body(r, i) })
	case 11:
		room := min(r.peekCount(), (r.end-r.at)/usualSegment) // Go's linker makes tens of thousands
		w.Data = make([]WasmData, 0, room)
		r.vector("data segment", func(int) { w.data(r) })
	case 12:
		r.u32("data count")
	case 13:
		r.vector("tag", func(int) {
			from := r.at
			r.byte("tag attribute")
			r.u32("tag type")
			w.Tags = append(w.Tags, WasmItem{uint32(from), uint32(r.at - from)})
		})
	}
}

func (w *WasmFile) importEntry(r *wasmReader) {
	from := r.at
	m := WasmImport{Module: r.name("import module"), Name: r.name("import name"), Kind: WasmKind(r.byte("import kind")), Offset: uint32(from)}
	switch m.Kind {
	case WasmFunc:
		m.Type = r.u32("type index")
		w.ImportedFunctions++
	case WasmTable:
		r.tableType()
		w.ImportedTables++
	case WasmMemory:
		r.limits()
		w.ImportedMemories++
	case WasmGlobalKind:
		r.valType()
		r.byte("mutability")
		w.ImportedGlobals++
	case WasmTag:
		r.byte("tag attribute")
		m.Type = r.u32("tag type")
		w.ImportedTags++
	default:
		r.fail("import kind", "expected 0 to 4, got %d", m.Kind)
	}
	m.Size = uint32(r.at - from)
	w.Imports = append(w.Imports, m)
}

func (w *WasmFile) body(r *wasmReader, i int) {
	from := r.at
	size := uint64(r.u32("body size"))
	if i >= len(w.Functions) {
		r.fail("code section", "body %d, but %d functions are declared", i, len(w.Functions))
	}
	if r.err == nil && size > r.end-r.at {
		r.fail("body size", "%d bytes wanted, %d there", size, r.end-r.at)
	}
	if r.err != nil {
		return
	}
	f := &w.Functions[i]
	f.Offset, f.Body = uint32(from), uint32(r.at)
	r.at += size
	f.Size = uint32(r.at - from)
}

// element reads an element segment (5.5.12): three flag bits, eight shapes.
func (w *WasmFile) element(r *wasmReader) {
	e := WasmElement{Offset: uint32(r.at)}
	flags := r.u32("element segment flags")
	if flags > 7 {
		r.fail("element segment flags", "expected 0 to 7, got %d", flags)
		return
	}
	e.Expressions = flags&4 != 0
	switch {
	case flags&1 == 0:
		if flags&2 != 0 {
			e.Table = r.u32("table index")
		}
		e.At = r.expr()
	case flags&2 == 0:
		e.Mode = WasmPassive
	default:
		e.Mode = WasmDeclarative
	}
	if flags&3 != 0 { // an element kind, or a reference type with expressions
		if e.Expressions {
			r.valType()
		} else {
			r.byte("element kind")
		}
	}
	r.vector("element", func(int) {
		if !e.Expressions {
			e.Funcs = append(e.Funcs, r.u32("function index"))
			return
		}
		x := r.expr()
		e.Funcs = append(e.Funcs, x.Funcs...)
		e.Globals = append(e.Globals, x.Globals...)
		e.Types = append(e.Types, x.Types...)
	})
	e.Size = uint32(r.at) - e.Offset
	w.Elements = append(w.Elements, e)
}

// usualSegment is how many bytes of the file room for one is made for ahead.
const usualSegment = 64

func (w *WasmFile) data(r *wasmReader) {
	d := WasmData{Offset: uint32(r.at)}
	switch flags := r.u32("data segment flags"); flags {
	case 0:
		d.At = r.expr()
	case 1:
		d.Mode = WasmPassive
	case 2:
		d.Memory = r.u32("memory index")
		d.At = r.expr()
	default:
		r.fail("data segment flags", "expected 0 to 2, got %d", flags)
	}
	size := uint64(r.u32("data size"))
	if r.err == nil && size > r.end-r.at {
		r.fail("data size", "%d bytes wanted, %d there", size, r.end-r.at)
	}
	if r.err != nil {
		return
	}
	d.Init, d.InitSize = uint32(r.at), uint32(size)
	r.at += size
	d.Size = uint32(r.at) - d.Offset
	w.Data = append(w.Data, d)
}

// FunctionCount is the size of the function index space.
func (w *WasmFile) FunctionCount() int { return int(w.ImportedFunctions) + len(w.Functions) }

// Code is a function's expression, behind its locals (5.4.8): groups of a count
// and a type, each of which local is told of where it is not nil.
func (w *WasmFile) Code(f *WasmFunction, local func(count uint32, kind []byte)) ([]byte, error) {
	r := wasmReader{v: w.file.wholeView(), at: uint64(f.Body), end: uint64(f.Offset) + uint64(f.Size)}
	r.vector("local", func(int) {
		count, from := r.u32("number of locals"), r.at
		r.valType()
		if local != nil && r.err == nil {
			local(count, r.v.Data[from:r.at])
		}
	})
	return r.v.Data[r.at:r.end], r.err
}

// Defines is how many types an entry of the type section defines: a recursive
// group any number, else one.
func (w *WasmFile) Defines(t WasmType) uint32 {
	r := wasmReader{v: w.file.wholeView(), at: uint64(t.Offset), end: uint64(t.Offset) + uint64(t.Size)}
	if r.byte("type") != 0x4e {
		return 1
	}
	return r.u32("recursive type count")
}

// Signature is the parameters and results of a type; ok is false for what is
// no function, and for groups of types.
func (w *WasmFile) Signature(t WasmType) (params, results []WasmValue, ok bool) {
	r := wasmReader{v: w.file.wholeView(), at: uint64(t.Offset), end: uint64(t.Offset) + uint64(t.Size)}
	r.supertypes()
	if r.byte("composite type") != 0x60 {
		return nil, nil, false
	}
	r.vector("parameter", func(int) { params = append(params, r.valType()) })
	r.vector("result", func(int) { results = append(results, r.valType()) })
	return params, results, r.err == nil
}
