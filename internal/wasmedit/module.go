// Package wasmedit writes Wasm modules anew, smaller: what no export reaches
// is gone, equal functions are one, numbers are as short as they can be.
//
// The lesson: a module is one long chain of index spaces, and whatever is taken
// out renumbers all that stands behind it, in code that nobody may misread by
// one byte. So nothing is edited in place. A module is read into its entries
// (objfile has their places), each index in each of them is found by the one
// decoder (machinecode), and everything is written from new maps of indices;
// an index without a place in the new module is an error, never a guess. What
// is not understood (types of the GC proposal, sections that count functions)
// leaves the module as it was, with the reason.
package wasmedit

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/machinecode"
	"github.com/minsize/minsize/internal/objfile"
)

// ErrLeft says why a module stays as it is; it is no fault of the module.
var ErrLeft = errors.New("the module is left as it is")

func left(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrLeft}, args...)...)
}

// space is an index space (Core Specification 2.5.1).
type space = machinecode.WasmKind

// function is a function, imported or defined.
type function struct {
	kind     uint32 // type index
	imported bool
	locals   []localGroup
	code     []byte // the expression, its last end included; replaced by passes
	exported bool
	inTable  bool // of a table that the host sees: what it is counts
	referred bool // by ref.func
}

// localGroup is one run of locals of a type; the type's bytes as in the file.
type localGroup struct {
	count uint32
	kind  string
}

// module is one module in the reader's index spaces.
type module struct {
	data []byte
	w    *objfile.WasmFile

	types     []uint32 // canonical type of each: the first equal one
	functions []function
	tags      []uint32 // type index of each, imported ones first
	start     int64

	sharedTable bool   // some table is imported or exported
	tableUse    []bool // table -> an instruction other than an indirect call names it
	usesMemory  bool   // memory.init or data.drop: the count of segments is needed

	live     map[space][]bool
	replace  []uint32           // function -> the one that stands for it
	order    map[space][]uint32 // old index -> new one, none for what goes
	filler   uint32             // what stands in table slots that no call takes
	imported int                // imports that are written
	lost     bool               // an index was asked for that has no place in the new module
}

const none = ^uint32(0)

// keptCustom are custom sections that count nothing which is renumbered here.
var keptCustom = []string{"dylink.0", "producers", "target_features", "sourceMappingURL", "external_debug_info", "build_id", "go:buildid", "go.version", "component-type*", "name",
	"__wasm_bindgen_unstable", // for wasm-bindgen's CLI: it goes by names
}

func read(data []byte) (*module, error) {
	f, err := objfile.Parse("", data)
	if err != nil {
		return nil, err
	}
	if f.Wasm == nil {
		return nil, left("it is no core module")
	}
	m := &module{data: data, w: f.Wasm, start: f.Wasm.Start}
	for _, s := range m.w.Sections {
		if s.ID == 0 && !slices.ContainsFunc(keptCustom, func(p string) bool {
			prefix, any := strings.CutSuffix(p, "*")
			return s.Name == p || any && strings.HasPrefix(s.Name, prefix)
		}) {
			return nil, left("section %q may count functions or bytes of code", s.Name)
		}
	}
	if err := m.readTypes(); err != nil {
		return nil, err
	}
	if len(m.w.Memories)+int(m.w.ImportedMemories) > 1 {
		return nil, left("it has several memories")
	}
	for _, i := range m.w.Imports {
		switch i.Kind {
		case objfile.WasmFunc:
			m.functions = append(m.functions, function{kind: i.Type, imported: true})
		case objfile.WasmTag:
			m.tags = append(m.tags, i.Type)
		}
		m.sharedTable = m.sharedTable || i.Kind == objfile.WasmTable
	}
	for _, t := range m.w.Tags {
		kind, _, err := (byteio.View{Data: data}).Uleb128(uint64(t.Offset)+1, "tag type")
		if err != nil {
			return nil, err
		}
		m.tags = append(m.tags, uint32(kind))
	}
	for i := range m.w.Functions {
		if err := m.readBody(&m.w.Functions[i]); err != nil {
			return nil, err
		}
	}
	for _, e := range m.w.Exports {
		if int(e.Kind) > int(objfile.WasmTag) {
			return nil, left("export %q is of kind %d", e.Name, e.Kind)
		}
		switch e.Kind {
		case objfile.WasmFunc:
			if int(e.Index) >= len(m.functions) {
				return nil, byteio.Errorf(uint64(e.Offset), "export", "function %d does not exist", e.Index)
			}
			m.functions[e.Index].exported = true
		case objfile.WasmTable:
			m.sharedTable = true
		}
	}
	for i, kind := range m.tags {
		if int(kind) >= len(m.types) {
			return nil, byteio.Errorf(0, "tag", "type %d of tag %d does not exist", kind, i)
		}
	}
	for i := range m.functions {
		if int(m.functions[i].kind) >= len(m.types) {
			return nil, byteio.Errorf(0, "function", "type %d of function %d does not exist", m.functions[i].kind, i)
		}
	}
	return m, nil
}

func (m *module) readTypes() error {
	seen := map[string]uint32{}
	for i, t := range m.w.Types {
		raw := m.data[t.Offset : t.Offset+t.Size]
		if raw[0] != 0x60 || bytes.ContainsAny(raw[1:], "\x63\x64") {
			return left("its types are those of the GC proposal")
		}
		first, known := seen[string(raw)]
		if !known {
			first = uint32(i)
			seen[string(raw)] = first
		}
		m.types = append(m.types, first)
	}
	return nil
}

// readBody takes a body apart into locals and expression.
func (m *module) readBody(f *objfile.WasmFunction) (err error) {
	out := function{kind: f.Type}
	total, references := uint64(0), false
	out.code, err = m.w.Code(f, func(count uint32, kind []byte) {
		total += uint64(count)
		references = references || len(kind) > 1
		out.locals = append(out.locals, localGroup{count, string(kind)})
	})
	switch {
	case err != nil:
		return err
	case references:
		return left("its types are those of the GC proposal")
	case total > 50_000: // what engines accept
		return byteio.Errorf(uint64(f.Body), "locals", "more than 50,000")
	}
	m.functions = append(m.functions, out)
	return nil
}

// entry is the bytes of an entry of the file.
func (m *module) entry(offset, size uint32) []byte { return m.data[offset : offset+size] }

// each walks the operands of code that count something.
func each(code []byte, visit func(op byte, sub uint64, o machinecode.WasmOperand)) error {
	var buffer [8]machinecode.WasmOperand
	s := machinecode.WasmScanner{Code: code, Operands: buffer[:0]}
	for s.Next() {
		for _, o := range s.Operands {
			visit(s.Op, s.Sub, o)
		}
	}
	if s.Err != nil {
		return left("an instruction is not known: %v", s.Err)
	}
	return nil
}
