package wasmedit

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/machinecode"
	"github.com/minsize/minsize/internal/objfile"
)

// Result is what a rewrite saved.
type Result struct {
	Data      []byte
	Functions int // unreachable functions that went
	Merged    int // functions that were equal to another one
	Imports   int // imports that nothing uses
}

// Minimize writes a core module anew in as few bytes as are known here: what no
// export, start function or visible table reaches goes, equal functions are
// one, dead code goes, and numbers are short. Exports, and the order of the
// imports that stay, are as before. The error wraps ErrLeft where the module
// has something that is not understood.
func Minimize(data []byte) (*Result, error) {
	m, err := read(data)
	if err != nil {
		return nil, err
	}
	for i := range m.functions {
		if f := &m.functions[i]; !f.imported {
			if f.code, err = simplify(f.code); err != nil {
				return nil, err
			}
		}
	}
	if err := m.mark(); err != nil {
		return nil, err
	}
	if err := m.merge(); err != nil {
		return nil, err
	}
	if err := m.number(); err != nil {
		return nil, err
	}
	out, err := m.write()
	if err != nil {
		return nil, err
	}
	r := &Result{Data: out}
	for i := range m.functions {
		switch {
		case m.functions[i].imported:
		case !m.live[machinecode.WasmFunction][i]:
			r.Functions++
		case m.replace[i] != uint32(i):
			r.Merged++
		}
	}
	r.Imports = len(m.w.Imports) - m.imported
	return r, nil
}

// write puts the sections in their old order; what is empty now is left out.
func (m *module) write() ([]byte, error) {
	out := bytes.Clone(m.data[:8])
	for i := range m.w.Sections {
		s := &m.w.Sections[i]
		body, err := m.section(s)
		if err != nil {
			return nil, err
		}
		if body == nil {
			continue
		}
		out = append(out, s.ID)
		out = binary.AppendUvarint(out, uint64(len(body)))
		out = append(out, body...)
	}
	if m.lost {
		return nil, left("an index has no place in the new module")
	}
	return out, nil
}

// section is the new contents of a section, nil when it goes.
func (m *module) section(s *objfile.WasmSection) ([]byte, error) {
	var entries [][]byte
	switch s.ID {
	case 0:
		return m.custom(s)
	case 1:
		entries = m.inOrder(machinecode.WasmType, 0, func(i int) []byte { return m.entry(m.w.Types[i].Offset, m.w.Types[i].Size) })
	case 2:
		return m.imports()
	case 3, 10:
		var failed error
		entries = m.inOrder(machinecode.WasmFunction, int(m.w.ImportedFunctions), func(i int) []byte {
			f := &m.functions[int(m.w.ImportedFunctions)+i]
			if s.ID == 3 {
				return binary.AppendUvarint(nil, m.to(machinecode.WasmType, uint64(f.kind)))
			}
			body, err := m.bodyOf(f)
			if err != nil {
				failed = err
			}
			return body
		})
		if failed != nil {
			return nil, failed
		}
	case 4:
		for _, t := range m.w.Tables {
			raw := m.entry(t.Offset, t.Size)
			if raw[0] == 0x40 || raw[0] == 0x63 || raw[0] == 0x64 {
				return nil, left("a table has an initial value")
			}
			entries = append(entries, raw)
		}
	case 6:
		var failed error
		entries = m.inOrder(machinecode.WasmGlobal, int(m.w.ImportedGlobals), func(i int) []byte {
			g := m.w.Globals[i]
			raw := m.entry(g.Offset, g.Size)
			if raw[0] == 0x63 || raw[0] == 0x64 {
				failed = left("its types are those of the GC proposal")
				return nil
			}
			entry, err := m.rewrite(bytes.Clone(raw[:2]), raw[2:], m.operand)
			if err != nil {
				failed = err
			}
			return entry
		})
		if failed != nil {
			return nil, failed
		}
	case 7:
		for _, e := range m.w.Exports {
			raw := m.entry(e.Offset, e.Size)
			n, size := binary.Uvarint(raw)
			entry := bytes.Clone(raw[:size+int(n)+1])
			entries = append(entries, binary.AppendUvarint(entry, m.to(kindSpace[e.Kind], uint64(e.Index))))
		}
	case 8:
		return binary.AppendUvarint(nil, m.to(machinecode.WasmFunction, uint64(m.w.Start))), nil
	case 9:
		for i := range m.w.Elements {
			if !m.live[machinecode.WasmElement][i] {
				continue
			}
			entry, err := m.element(&m.w.Elements[i])
			if err != nil {
				return nil, err
			}
			entries = append(entries, entry)
		}
	case 11:
		var err error
		if entries, err = m.segments(); err != nil {
			return nil, err
		}
	case 12:
		if !m.usesMemory {
			return nil, nil
		}
		count := 0 // with data.drop and its like no segments are joined
		for _, live := range m.live[machinecode.WasmData] {
			if live {
				count++
			}
		}
		return binary.AppendUvarint(nil, uint64(count)), nil
	case 13:
		for i, t := range m.w.Tags {
			if index := int(m.w.ImportedTags) + i; m.live[machinecode.WasmTag][index] {
				raw := m.entry(t.Offset, t.Size)
				entries = append(entries, binary.AppendUvarint([]byte{raw[0]}, m.to(machinecode.WasmType, uint64(m.tags[index]))))
			}
		}
	default: // memories
		return m.entry(uint32(s.Offset), uint32(s.Size)), nil
	}
	return vector(entries), nil
}

// vector is a section of entries, nil without any.
func vector(entries [][]byte) []byte {
	if len(entries) == 0 {
		return nil
	}
	out := binary.AppendUvarint(nil, uint64(len(entries)))
	for _, e := range entries {
		out = append(out, e...)
	}
	return out
}

// operand is the new value of an operand outside of bodies.
func (m *module) operand(o machinecode.WasmOperand) uint64 {
	switch o.Kind {
	case machinecode.WasmAddress, machinecode.WasmNumber, machinecode.WasmOffset:
		return o.Value
	}
	return m.to(o.Kind, o.Value)
}

// inOrder is the entries of a space's defined items in their new order; imported
// is how many imports come before them.
func (m *module) inOrder(s space, imported int, entry func(i int) []byte) [][]byte {
	order := m.order[s]
	var list []int
	for i := imported; i < len(order); i++ {
		if order[i] != none {
			list = append(list, i)
		}
	}
	slices.SortFunc(list, func(a, b int) int { return int(order[a]) - int(order[b]) })
	var out [][]byte
	for _, i := range list {
		out = append(out, entry(i-imported))
	}
	return out
}

func (m *module) imports() ([]byte, error) {
	var entries [][]byte
	counts := map[objfile.WasmKind]int{}
	for _, i := range m.w.Imports {
		n := counts[i.Kind]
		counts[i.Kind]++
		if !m.stays(kindSpace[i.Kind], n) {
			continue
		}
		raw := m.entry(i.Offset, i.Size)
		if i.Kind == objfile.WasmFunc || i.Kind == objfile.WasmTag {
			fixed := m.importHead(i)
			if i.Kind == objfile.WasmTag {
				fixed++ // its attribute
			}
			raw = binary.AppendUvarint(bytes.Clone(raw[:fixed]), m.to(machinecode.WasmType, uint64(i.Type)))
		}
		entries = append(entries, raw)
	}
	m.imported = len(entries)
	return vector(entries), nil
}

// importHead is the length of an import's names and kind.
func (m *module) importHead(i objfile.WasmImport) int {
	raw := m.entry(i.Offset, i.Size)
	at := 0
	for range 2 {
		n, size := binary.Uvarint(raw[at:])
		at += size + int(n)
	}
	return at + 1
}

// element writes a segment again, shape by shape (5.5.12).
func (m *module) element(e *objfile.WasmElement) ([]byte, error) {
	v := byteio.View{Data: m.data[:uint64(e.Offset)+uint64(e.Size)]}
	at := uint64(e.Offset)
	number := func() uint64 {
		n, next, _ := v.Uleb128(at, "element segment") // the reader has read it
		at = next
		return n
	}
	flags := number()
	out := binary.AppendUvarint(nil, flags)
	if flags&1 == 0 {
		if flags&2 != 0 {
			out = binary.AppendUvarint(out, m.to(machinecode.WasmTable, number()))
		}
		var err error
		if out, err = m.constant(out, v.Data, &at); err != nil {
			return nil, err
		}
	}
	if flags&3 != 0 {
		if b := v.Data[at]; b == 0x63 || b == 0x64 {
			return nil, left("its types are those of the GC proposal")
		}
		out = append(out, v.Data[at])
		at++
	}
	count := number()
	out = binary.AppendUvarint(out, count)
	for range count {
		if flags&4 == 0 {
			out = binary.AppendUvarint(out, m.slot(uint32(number())))
			continue
		}
		var err error
		if out, err = m.constant(out, v.Data, &at); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// constant copies the constant expression at *at with new indices.
func (m *module) constant(out, data []byte, at *uint64) ([]byte, error) {
	var buffer [8]machinecode.WasmOperand
	s := machinecode.WasmScanner{Code: data[*at:], Operands: buffer[:0]}
	for s.Next() && s.Op != opEnd {
	}
	if s.Err != nil {
		return nil, left("an instruction is not known: %v", s.Err)
	}
	end := *at + uint64(s.At)
	out, err := m.rewrite(out, data[*at:end], m.operand)
	*at = end
	return out, err
}

// custom keeps a section but for the names of what went or moved.
func (m *module) custom(s *objfile.WasmSection) ([]byte, error) {
	whole := binary.AppendUvarint(nil, uint64(len(s.Name)))
	whole = append(whole, s.Name...)
	if s.Name != "name" {
		return append(whole, m.data[s.Offset:s.Offset+s.Size]...), nil
	}
	names, err := m.names(s)
	if err != nil || len(names) == 0 {
		return nil, err
	}
	return append(whole, names...), nil
}

// names writes the names of the module, of functions and of globals again
// (appendix, "name section"); those of locals and labels do not fit the code
// any more.
func (m *module) names(s *objfile.WasmSection) ([]byte, error) {
	names := m.w.Names()
	if names.Err != nil {
		return nil, left("its names are damaged: %v", names.Err)
	}
	var out []byte
	for _, p := range names.Parts {
		contents := m.data[p.Offset : p.Offset+p.Size]
		switch {
		case p.Offset < s.Offset || p.Offset > s.Offset+s.Size || p.ID != 0 && p.ID != 1 && p.ID != 7:
			continue
		case p.ID == 1:
			contents = m.nameMap(names.Functions, machinecode.WasmFunction)
		case p.ID == 7:
			contents = m.nameMap(names.Globals, machinecode.WasmGlobal)
		}
		out = append(binary.AppendUvarint(append(out, p.ID), uint64(len(contents))), contents...)
	}
	return out, nil
}

func (m *module) nameMap(names []string, s space) []byte {
	at := map[uint64]string{} // by new index
	for i, name := range names {
		if name != "" && m.stays(s, i) {
			at[m.to(s, uint64(i))] = name
		}
	}
	out := binary.AppendUvarint(nil, uint64(len(at)))
	for _, i := range slices.Sorted(maps.Keys(at)) {
		out = binary.AppendUvarint(out, i)
		out = append(binary.AppendUvarint(out, uint64(len(at[i]))), at[i]...)
	}
	return out
}
