package wasmedit

// Cuts: functions of a finished module whose bodies become stubs.
//
// A trap fits every signature, and so does zero, for a Wasm function says what
// it returns. What a call of a trap was given is not needed any more: the
// instructions that compute it, as far as nothing else sees them, go with the
// call, and a function that begins with a trap is one itself.

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/minsize/minsize/internal/machinecode"
)

// Stub is what takes a function's place.
type Stub uint8

const (
	Keep Stub = iota // nothing: the function stays
	Trap             // unreachable
	Zero             // returns at once, zeros where it returns something
)

// Cut writes a module with stubs for the functions that stub says, by their
// index and their name, "" without one. Unless names
// are wanted it goes without what a linker's --strip-all leaves out, names and
// the tools' notes; all other sections are as before. What only
// the functions kept is for Minimize. The error wraps ErrLeft where the module
// has something that is not understood.
func Cut(data []byte, names bool, stub func(index int, name string) Stub) ([]byte, error) {
	m, err := read(data)
	if err != nil {
		return nil, err
	}
	named := m.w.Names().Functions
	traps, changed := make([]bool, len(m.functions)), false
	for i := range m.functions {
		f := &m.functions[i]
		if f.imported {
			continue
		}
		name := ""
		if i < len(named) {
			name = named[i]
		}
		kind := stub(i, name)
		changed = changed || kind != Keep
		switch kind {
		case Trap:
			f.locals, f.code, traps[i] = nil, []byte{opUnreachable, opEnd}, true
		case Zero:
			f.locals = nil
			if f.code, err = m.zeros(f.kind); err != nil {
				return nil, err
			}
		}
	}
	for again := changed; again; {
		again = false
		for i := range m.functions {
			f := &m.functions[i]
			if f.imported || traps[i] {
				continue
			}
			if f.code, err = withoutTrapCalls(f.code, traps); err != nil {
				return nil, err
			}
			if f.code[0] == opUnreachable {
				f.locals, f.code, traps[i], again = nil, []byte{opUnreachable, opEnd}, true, true
			}
		}
	}
	return m.withBodies(names, changed), nil
}

// zeros is a body that returns zero for each of a type's results.
func (m *module) zeros(kind uint32) ([]byte, error) {
	_, results, _ := m.w.Signature(m.w.Types[kind])
	var body []byte
	for _, result := range results {
		switch result {
		case 0x7f: // i32
			body = append(body, 0x41, 0)
		case 0x7e: // i64
			body = append(body, 0x42, 0)
		case 0x7d: // f32
			body = append(append(body, 0x43), make([]byte, 4)...)
		case 0x7c: // f64
			body = append(append(body, 0x44), make([]byte, 8)...)
		case 0x7b: // v128
			body = append(append(body, 0xfd, 0x0c), make([]byte, 16)...)
		case 0x70, 0x6f: // funcref, externref
			body = append(body, 0xd0, byte(result))
		default:
			return nil, left("a function that is cut returns a value of type %#x", byte(result))
		}
	}
	return append(body, opEnd), nil
}

// withoutTrapCalls puts a trap in the place of each call of one.
func withoutTrapCalls(code []byte, traps []bool) ([]byte, error) {
	out := make([]byte, 0, len(code))
	quiet := 0 // where in out the run of instructions begins that only what follows sees
	var buffer [8]machinecode.WasmOperand
	s := machinecode.WasmScanner{Code: code, Operands: buffer[:0]}
	for s.Next() {
		if (s.Op == opCall || s.Op == opReturnCall) && s.Operands[0].Value < uint64(len(traps)) && traps[s.Operands[0].Value] {
			out = append(out[:quiet], opUnreachable)
			quiet = len(out)
			continue
		}
		out = append(out, code[s.Start:s.At]...)
		if !isQuiet(s.Op, s.Sub) {
			quiet = len(out)
		}
	}
	if s.Err != nil {
		return nil, left("an instruction is not known: %v", s.Err)
	}
	return out, nil
}

const opCall = 0x10

// isQuiet says whether an instruction changes nothing but locals and the stack.
// Where it traps, so does what takes its place.
func isQuiet(op byte, sub uint64) bool {
	switch {
	case op == opNop, op == opDrop, op == 0x1b, op == 0x1c: // select
	case op >= opLocalGet && op <= 0x23: // locals, global.get
	case op >= 0x28 && op <= 0x35, op == 0x3f: // loads, memory.size
	case op >= 0x41 && op <= 0xc4: // constants, numbers
	case op >= 0xd0 && op <= 0xd2: // references
	case op == 0xfc && sub <= 7: // conversions
	default:
		return false
	}
	return true
}

// withBodies is the module with its functions' bodies as they are now, where
// any has changed.
func (m *module) withBodies(names, changed bool) []byte {
	out := bytes.Clone(m.data[:8])
	for i := range m.w.Sections {
		s := &m.w.Sections[i]
		switch {
		case s.ID == 0 && !names && slices.Contains([]string{"name", "producers", "target_features"}, s.Name):
			continue
		case s.ID != 10 || !changed:
			out = append(out, m.data[s.Header:s.Offset+s.Size]...)
			continue
		}
		body := binary.AppendUvarint(nil, uint64(len(m.w.Functions)))
		for i := range m.functions {
			f := &m.functions[i]
			if f.imported {
				continue
			}
			one := binary.AppendUvarint(nil, uint64(len(f.locals)))
			for _, g := range f.locals {
				one = append(binary.AppendUvarint(one, uint64(g.count)), g.kind...)
			}
			one = append(one, f.code...)
			body = append(binary.AppendUvarint(body, uint64(len(one))), one...)
		}
		out = append(binary.AppendUvarint(append(out, s.ID), uint64(len(body))), body...)
	}
	return out
}
