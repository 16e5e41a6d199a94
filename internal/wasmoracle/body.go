package wasmoracle

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sort"

	"github.com/minsize/minsize/internal/machinecode"
)

// The normal form of a body: its instructions without what control cannot reach
// and without what does nothing, with numbers as numbers.

type operand struct {
	kind  machinecode.WasmKind
	value uint64
}

type instruction struct {
	op       byte
	sub      uint64
	operands []operand
	raw      []byte // immediates that are no numbers: floats, lanes, vectors
}

func (x *instruction) local(op byte, of *instruction) bool {
	return x.op == op && x.operands[0] == of.operands[0]
}

// ends is what each of these opcodes does to the nesting of blocks.
var opens = map[byte]bool{0x02: true, 0x03: true, 0x04: true, 0x06: true, 0x1f: true}
var turns = map[byte]bool{0x05: true, 0x07: true, 0x19: true}             // else, catch, catch_all
var closes = map[byte]bool{0x0b: true, 0x18: true}                        // end, delegate
var jumps = map[byte]bool{0x00: true, 0x08: true, 0x09: true, 0x0a: true, // unreachable, throw, rethrow, throw_ref
	0x0c: true, 0x0e: true, 0x0f: true, 0x12: true, 0x13: true, 0x15: true} // br, br_table, return, tail calls

// localGroup is locals of one type up to an index, parameters not counted.
type localGroup struct {
	end  uint64
	kind byte
}

// normalForm reads a body, its own locals apart.
func normalForm(body []byte) (list []instruction, locals []localGroup, err error) {
	groups, n := binary.Uvarint(body)
	if n <= 0 {
		return nil, nil, fmt.Errorf("a body is cut off")
	}
	at, end := n, uint64(0)
	for range groups {
		count, n := binary.Uvarint(body[at:])
		if n <= 0 || at+n >= len(body) || count > 1<<32 {
			return nil, nil, fmt.Errorf("the locals of a body are damaged")
		}
		end += count
		locals = append(locals, localGroup{end, body[at+n]})
		at += n + 1
	}
	list, err = normal(body[at:])
	return list, locals, err
}

// kindOf is the type of a local, 0 for none.
func kindOf(groups []localGroup, i uint64) byte {
	k := sort.Search(len(groups), func(k int) bool { return i < groups[k].end })
	if k == len(groups) {
		return 0
	}
	return groups[k].kind
}

func normal(code []byte) (list []instruction, err error) {
	s := machinecode.WasmScanner{Code: code}
	skipped := 0 // blocks that were opened within what is not reached, plus one
	for s.Next() {
		switch {
		case skipped > 0 && opens[s.Op]:
			skipped++
			continue
		case skipped > 1 && closes[s.Op]:
			skipped--
			continue
		case skipped == 1 && (closes[s.Op] || turns[s.Op]):
			skipped = 0
		case skipped > 0 || s.Op == 0x01: // nop
			continue
		}
		x := instruction{op: s.Op, sub: s.Sub}
		from := s.Start + 1
		if s.Op >= 0xfb && s.Op <= 0xfe {
			_, n := binary.Uvarint(code[from:])
			from += n
		}
		for _, o := range s.Operands {
			x.raw = append(x.raw, code[from:o.Start]...)
			x.operands = append(x.operands, operand{o.Kind, o.Value})
			from = o.End()
		}
		x.raw = append(x.raw, code[from:s.At]...)
		list = settle(list, x)
		if jumps[s.Op] {
			skipped = 1
		}
	}
	return list, s.Err
}

// settle appends x. A local that is set and read at once is a tee, and what is
// pushed to be dropped, or read to be written back, is nothing.
func settle(list []instruction, x instruction) []instruction {
	const get, set, tee, drop = 0x20, 0x21, 0x22, 0x1a
	if n := len(list); n > 0 {
		last := &list[n-1]
		switch {
		case x.op == get && last.local(set, &x):
			last.op = tee
			return list
		case x.op == drop && last.op == tee:
			x = *last
			x.op = set
			return settle(list[:n-1], x)
		case x.op == drop && last.op == get, x.op == set && last.local(get, &x):
			return list[:n-1]
		}
	}
	return append(list, x)
}

// expressionEnd is the length of the constant expression that code begins with.
func expressionEnd(code []byte) (int, error) {
	s := machinecode.WasmScanner{Code: code}
	for s.Next() {
		if s.Op == 0x0b {
			return s.At, nil
		}
	}
	return 0, fmt.Errorf("an expression without an end")
}

// expressions compares two constant expressions behind their first bytes, which
// are to be equal (types and mutability).
func (c *comparison) expressions(a, b []byte, head int) error {
	if len(a) < head || len(b) < head || !bytes.Equal(a[:head], b[:head]) {
		return fmt.Errorf("another type")
	}
	cut := func(d []byte) ([]instruction, error) {
		if len(d) == head {
			return nil, nil
		}
		end, err := expressionEnd(d[head:])
		if err != nil {
			return nil, err
		}
		return normal(d[head : head+end])
	}
	s, err := cut(a)
	if err != nil {
		return err
	}
	t, err := cut(b)
	if err != nil {
		return err
	}
	return c.instructions(s, t, nil)
}

// function compares two functions.
func (c *comparison) function(old, new uint64) error {
	if old >= uint64(len(c.a.functions)) || new >= uint64(len(c.b.functions)) {
		return fmt.Errorf("function %d does not exist", new)
	}
	f, g := c.a.functions[old], c.b.functions[new]
	fail := func(err error) error {
		if err != nil {
			err = fmt.Errorf("function %d, %d before: %w", new, old, err)
		}
		return err
	}
	if err := c.types(uint64(f.kind), uint64(g.kind)); err != nil {
		return fail(err)
	}
	if (f.body == nil) != (g.body == nil) {
		return fail(fmt.Errorf("it is imported on one side alone"))
	}
	if f.body == nil {
		a, b := &c.a.w.Imports[c.a.imports[0][old]], &c.b.w.Imports[c.b.imports[0][new]]
		if !c.sameImport(a, b) {
			return fail(fmt.Errorf("import %q of %q is %q of %q", a.Name, a.Module, b.Name, b.Module))
		}
		return nil
	}
	s, localsA, err := normalForm(f.body)
	if err != nil {
		return fail(err)
	}
	t, localsB, err := normalForm(g.body)
	if err != nil {
		return fail(err)
	}
	kind, err := c.a.typeOf(uint64(f.kind))
	if err != nil {
		return fail(err)
	}
	params, _ := binary.Uvarint([]byte(kind[1:]))
	return fail(c.instructions(s, t, &locals{params: params, a: localsA, b: localsB, to: map[uint64]uint64{}, from: map[uint64]uint64{}}))
}

// locals is which local stands for which; parameters stand for themselves.
type locals struct {
	params   uint64
	a, b     []localGroup
	to, from map[uint64]uint64
}

func (l *locals) same(old, new uint64) bool {
	if l == nil {
		return old == new
	}
	if old < l.params || new < l.params {
		return old == new
	}
	i, j := old-l.params, new-l.params
	if kind := kindOf(l.a, i); kind == 0 || kind != kindOf(l.b, j) {
		return false
	}
	to, okTo := l.to[i]
	from, okFrom := l.from[j]
	if okTo != okFrom || okTo && (to != j || from != i) {
		return false
	}
	l.to[i], l.from[j] = j, i
	return true
}

// instructions compares two rows; operands that name something become pairs.
func (c *comparison) instructions(s, t []instruction, l *locals) error {
	if len(s) != len(t) {
		return fmt.Errorf("%d instructions, %d before", len(t), len(s))
	}
	for i := range s {
		x, y := &s[i], &t[i]
		if x.op != y.op || x.sub != y.sub || len(x.operands) != len(y.operands) || !bytes.Equal(x.raw, y.raw) {
			return fmt.Errorf("instruction %d is %#x %d, %#x %d before", i, y.op, y.sub, x.op, x.sub)
		}
		for k, o := range x.operands {
			p := y.operands[k]
			if o.kind != p.kind {
				return fmt.Errorf("instruction %d: another form", i)
			}
			var err error
			switch o.kind {
			case machinecode.WasmLocal:
				if !l.same(o.value, p.value) {
					err = fmt.Errorf("local %d is not local %d of before", p.value, o.value)
				}
			case machinecode.WasmType:
				err = c.types(o.value, p.value)
			case machinecode.WasmFunction, machinecode.WasmGlobal, machinecode.WasmTable, machinecode.WasmMemory,
				machinecode.WasmData, machinecode.WasmElement, machinecode.WasmTag:
				err = c.want(o.kind, o.value, p.value)
			default:
				if o.value != p.value {
					err = fmt.Errorf("%d, %d before", p.value, o.value)
				}
			}
			if err != nil {
				return fmt.Errorf("instruction %d: %w", i, err)
			}
		}
		if x.op == 0x11 || x.op == 0x13 {
			kind, err := c.a.typeOf(x.operands[0].value)
			if err != nil {
				return err
			}
			if !c.called[kind] {
				c.called[kind] = true
				c.fresh = append(c.fresh, kind)
			}
		}
	}
	return nil
}
