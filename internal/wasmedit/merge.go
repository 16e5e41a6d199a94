package wasmedit

import (
	"encoding/binary"
	"slices"

	"github.com/minsize/minsize/internal/machinecode"
	"github.com/minsize/minsize/internal/objfile"
)

// Equal functions are one, and what is named most has the shortest numbers.

// merge finds functions that are equal but for whom of their equals they call.
// A host can tell exported functions apart, and those in tables that it sees:
// they stay.
func (m *module) merge() error {
	m.replace = make([]uint32, len(m.functions))
	for i := range m.replace {
		m.replace[i] = uint32(i)
	}
	for range 16 { // each round may make callers of the merged ones equal
		seen := map[string]uint32{}
		changed := false
		for i := range m.functions {
			f := &m.functions[i]
			if f.imported || !m.live[machinecode.WasmFunction][i] || m.replace[i] != uint32(i) {
				continue
			}
			key, err := m.key(f)
			if err != nil {
				return err
			}
			first, known := seen[key]
			switch {
			case !known:
				seen[key] = uint32(i)
			case !f.exported && !f.inTable && !f.referred:
				m.replace[i], changed = first, true
			}
		}
		if !changed {
			break
		}
	}
	for i := range m.replace { // one step to the last
		to := m.replace[i]
		for m.replace[to] != to {
			to = m.replace[to]
		}
		m.replace[i] = to
	}
	return nil
}

// key is equal for functions that do the same.
func (m *module) key(f *function) (string, error) {
	out := binary.AppendUvarint(make([]byte, 0, len(f.code)+16), uint64(m.types[f.kind]))
	for _, g := range f.locals {
		out = binary.AppendUvarint(out, uint64(g.count))
		out = append(out, g.kind...)
	}
	out = append(out, 0)
	out, err := m.rewrite(out, f.code, func(o machinecode.WasmOperand) uint64 {
		switch o.Kind {
		case machinecode.WasmFunction:
			to := m.replace[o.Value]
			for m.replace[to] != to {
				to = m.replace[to]
			}
			return uint64(to)
		case machinecode.WasmType:
			return uint64(m.types[o.Value])
		}
		return o.Value
	})
	return string(out), err
}

// rewrite appends code with every operand as index says, in as few bytes as it
// takes.
func (m *module) rewrite(out, code []byte, index func(machinecode.WasmOperand) uint64) (_ []byte, err error) {
	var buffer [8]machinecode.WasmOperand
	s := machinecode.WasmScanner{Code: code, Operands: buffer[:0]}
	for s.Next() {
		at := s.Start
		for _, o := range s.Operands {
			out = append(out, code[at:o.Start]...)
			v := index(o)
			if v == uint64(none) && o.Kind != machinecode.WasmAddress && o.Kind != machinecode.WasmOffset && o.Kind != machinecode.WasmNumber {
				return nil, left("operand %d at %d of a body has no place in the new module", o.Value, o.Start)
			}
			if o.Signed {
				out = appendSigned(out, int64(v))
			} else {
				out = binary.AppendUvarint(out, v)
			}
			at = o.End()
		}
		out = append(out, code[at:s.At]...)
	}
	if s.Err != nil {
		return nil, left("an instruction is not known: %v", s.Err)
	}
	return out, nil
}

// appendSigned writes a signed LEB128 number (5.2.2).
func appendSigned(out []byte, v int64) []byte {
	for {
		b := byte(v & 0x7f)
		v >>= 7
		if v == 0 && b&0x40 == 0 || v == -1 && b&0x40 != 0 {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}

// number gives all that stays its new index. Imports come first, as they were;
// of the rest those that are named most come within the numbers of one byte,
// each group in its old order, which is good for compression and for whoever
// compares two modules.
func (m *module) number() error {
	uses := map[space][]int{}
	for _, s := range spaces {
		uses[s] = make([]int, m.size(s))
	}
	for i := range m.functions {
		if f := &m.functions[i]; m.written(i) && !f.imported {
			if err := each(f.code, func(_ byte, _ uint64, o machinecode.WasmOperand) {
				switch o.Kind {
				case machinecode.WasmFunction:
					uses[o.Kind][m.replace[o.Value]]++
				case machinecode.WasmType:
					uses[o.Kind][m.types[o.Value]]++
				case machinecode.WasmGlobal:
					uses[o.Kind][o.Value]++
				}
			}); err != nil {
				return err
			}
		}
		if m.written(i) {
			uses[machinecode.WasmType][m.types[m.functions[i].kind]]++
		}
	}
	m.order = map[space][]uint32{}
	for _, s := range spaces {
		imported := map[space]int{machinecode.WasmFunction: int(m.w.ImportedFunctions), machinecode.WasmGlobal: int(m.w.ImportedGlobals),
			machinecode.WasmTable: int(m.w.ImportedTables), machinecode.WasmMemory: int(m.w.ImportedMemories), machinecode.WasmTag: int(m.w.ImportedTags)}[s]
		var first, rest []uint32
		for i := range m.size(s) {
			switch {
			case !m.stays(s, i):
			case i < imported:
				first = append(first, uint32(i))
			default:
				rest = append(rest, uint32(i))
			}
		}
		if s == machinecode.WasmFunction || s == machinecode.WasmType || s == machinecode.WasmGlobal {
			rest = shortFirst(rest, uses[s], 128-len(first))
		}
		order := make([]uint32, m.size(s))
		for i := range order {
			order[i] = none
		}
		for n, i := range append(first, rest...) {
			order[i] = uint32(n)
		}
		m.order[s] = order
	}
	return nil
}

// written says whether a function has an entry in the new module.
func (m *module) written(i int) bool {
	return m.live[machinecode.WasmFunction][i] && m.replace[i] == uint32(i)
}

func (m *module) stays(s space, i int) bool {
	switch s {
	case machinecode.WasmFunction:
		return m.written(i)
	case machinecode.WasmType:
		return m.types[i] == uint32(i) && m.live[s][i]
	}
	return m.live[s][i]
}

// shortFirst moves the n that are used most to the front.
func shortFirst(list []uint32, uses []int, n int) []uint32 {
	if n <= 0 || len(list) <= n {
		return list
	}
	ranked := slices.Clone(list)
	slices.SortStableFunc(ranked, func(a, b uint32) int { return uses[b] - uses[a] })
	top := map[uint32]bool{}
	for _, i := range ranked[:n] {
		top[i] = true
	}
	out := make([]uint32, 0, len(list))
	for _, wanted := range []bool{true, false} {
		for _, i := range list {
			if top[i] == wanted {
				out = append(out, i)
			}
		}
	}
	return out
}

// to is the new index of an old one.
func (m *module) to(s space, i uint64) uint64 {
	switch s {
	case machinecode.WasmFunction:
		if i < uint64(len(m.replace)) {
			i = uint64(m.replace[i])
		}
	case machinecode.WasmType:
		if i < uint64(len(m.types)) {
			i = uint64(m.types[i])
		}
	}
	if i >= uint64(len(m.order[s])) || m.order[s][i] == none {
		m.lost = true
		return uint64(none)
	}
	return uint64(m.order[s][i])
}

// slot is the new index of a function in a segment: the filler's for one that
// no call takes.
func (m *module) slot(f uint32) uint64 {
	if !m.live[machinecode.WasmFunction][f] {
		f = m.filler
	}
	return m.to(machinecode.WasmFunction, uint64(f))
}

var kindSpace = map[objfile.WasmKind]space{objfile.WasmFunc: machinecode.WasmFunction, objfile.WasmTable: machinecode.WasmTable,
	objfile.WasmMemory: machinecode.WasmMemory, objfile.WasmGlobalKind: machinecode.WasmGlobal, objfile.WasmTag: machinecode.WasmTag}
