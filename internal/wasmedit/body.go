package wasmedit

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/machinecode"
)

// Bodies: code that control never reaches goes, and locals that nobody names.

// instruction is one as it stands in a body's code.
type instruction struct {
	op       byte
	from, to int
	local    uint64 // of local.get, local.set, local.tee
}

// Opcodes (5.4).
const (
	opUnreachable = 0x00
	opNop         = 0x01
	opBlock       = 0x02
	opLoop        = 0x03
	opIf          = 0x04
	opElse        = 0x05
	opTry         = 0x06
	opCatch       = 0x07
	opThrow       = 0x08
	opRethrow     = 0x09
	opThrowRef    = 0x0a
	opEnd         = 0x0b
	opBr          = 0x0c
	opBrTable     = 0x0e
	opReturn      = 0x0f
	opReturnCall  = 0x12
	opReturnCallI = 0x13
	opReturnCallR = 0x15
	opDelegate    = 0x18
	opCatchAll    = 0x19
	opDrop        = 0x1a
	opTryTable    = 0x1f
	opLocalGet    = 0x20
	opLocalSet    = 0x21
	opLocalTee    = 0x22
)

// neverReturns says whether control never passes an instruction.
func neverReturns(op byte) bool {
	switch op {
	case opUnreachable, opThrow, opRethrow, opThrowRef, opBr, opBrTable, opReturn, opReturnCall, opReturnCallI, opReturnCallR:
		return true
	}
	return false
}

// simplify drops what control never reaches: what follows a jump up to the end
// of its block, which validates with any stack there. And nop, a value that is
// pushed to be dropped, and a local that is set to be read at once.
func simplify(code []byte) ([]byte, error) {
	var kept []instruction
	depth, dead := 0, -1 // dead: the depth in which nothing is reached, -1 for none
	var buffer [8]machinecode.WasmOperand
	s := machinecode.WasmScanner{Code: code, Operands: buffer[:0]}
	for s.Next() {
		in := instruction{op: s.Op, from: s.Start, to: s.At}
		if s.Op >= opLocalGet && s.Op <= opLocalTee {
			in.local = s.Operands[0].Value
		}
		switch s.Op {
		case opBlock, opLoop, opIf, opTry, opTryTable:
			depth++
		case opEnd, opDelegate:
			if dead == depth {
				dead = -1
			}
			depth--
		case opElse, opCatch, opCatchAll:
			if dead == depth {
				dead = -1
			}
		}
		if dead >= 0 || s.Op == opNop {
			continue
		}
		kept = push(kept, in)
		if neverReturns(s.Op) {
			dead = depth
		}
	}
	if s.Err != nil {
		return nil, left("an instruction is not known: %v", s.Err)
	}
	out := make([]byte, 0, len(code))
	for _, in := range kept {
		if in.op == opLocalTee && code[in.from] == opLocalSet || in.op == opLocalSet && code[in.from] == opLocalTee { // made above
			out = append(append(out, in.op), code[in.from+1:in.to]...)
			continue
		}
		out = append(out, code[in.from:in.to]...)
	}
	return out, nil
}

// push appends an instruction, or joins it with the one before.
func push(kept []instruction, in instruction) []instruction {
	if len(kept) == 0 {
		return append(kept, in)
	}
	last := &kept[len(kept)-1]
	switch {
	case in.op == opLocalGet && last.op == opLocalSet && in.local == last.local:
		last.op = opLocalTee
	case in.op == opDrop && last.op == opLocalTee: // which may be of what was read just before
		in = *last
		in.op = opLocalSet
		return push(kept[:len(kept)-1], in)
	case in.op == opDrop && last.op == opLocalGet, in.op == opLocalSet && last.op == opLocalGet && in.local == last.local:
		return kept[:len(kept)-1]
	default:
		return append(kept, in)
	}
	return kept
}

// bodyOf is a function's entry of the code section, length in front.
func (m *module) bodyOf(f *function) ([]byte, error) {
	params, err := m.parameters(f.kind)
	if err != nil {
		return nil, err
	}
	groups, locals, err := sortLocals(f, params)
	if err != nil {
		return nil, err
	}
	body := binary.AppendUvarint(nil, uint64(len(groups)))
	for _, g := range groups {
		body = binary.AppendUvarint(body, uint64(g.count))
		body = append(body, g.kind...)
	}
	body, err = m.rewrite(body, f.code, func(o machinecode.WasmOperand) uint64 {
		switch o.Kind {
		case machinecode.WasmLocal:
			if o.Value < uint64(params) {
				return o.Value
			}
			return locals[o.Value]
		case machinecode.WasmLabel, machinecode.WasmNumber, machinecode.WasmAddress, machinecode.WasmOffset:
			return o.Value
		}
		return m.to(o.Kind, o.Value)
	})
	if err != nil {
		return nil, err
	}
	return append(binary.AppendUvarint(nil, uint64(len(body))), body...), nil
}

// parameters is how many locals a type's parameters are.
func (m *module) parameters(kind uint32) (int, error) {
	t := m.w.Types[kind]
	n, _, err := (byteio.View{Data: m.data}).Uleb128(uint64(t.Offset)+1, "parameters")
	return int(n), err
}

// localKinds finds a local's type; a body of a few bytes can declare thousands.
type localKinds struct {
	params uint64
	groups []localGroup
	ends   []uint64 // behind each group
}

func kindsOf(f *function, params int) localKinds {
	k := localKinds{params: uint64(params), groups: f.locals}
	end := k.params
	for _, g := range f.locals {
		end += uint64(g.count)
		k.ends = append(k.ends, end)
	}
	return k
}

// of is the type of a declared local; false for parameters and beyond.
func (k *localKinds) of(local uint64) (string, bool) {
	i := sort.Search(len(k.ends), func(i int) bool { return local < k.ends[i] })
	if local < k.params || i == len(k.ends) {
		return "", false
	}
	return k.groups[i].kind, true
}

// sortLocals leaves out the locals that no instruction names and puts those of
// a type together, unless the old order takes fewer bytes. Parameters stand for
// themselves; to has the others that are named.
func sortLocals(f *function, params int) (groups []localGroup, to map[uint64]uint64, err error) {
	kinds := kindsOf(f, params)
	uses := map[uint64]int{}
	if err := each(f.code, func(_ byte, _ uint64, o machinecode.WasmOperand) {
		if o.Kind == machinecode.WasmLocal && o.Value >= uint64(params) {
			uses[o.Value]++
		}
	}); err != nil {
		return nil, nil, err
	}
	used := slices.Sorted(maps.Keys(uses))
	perKind := map[string]int{}
	for _, i := range used {
		kind, ok := kinds.of(i)
		if !ok {
			return nil, nil, left("local %d of a body does not exist", i)
		}
		perKind[kind] += uses[i]
	}
	sorted := slices.Clone(used)
	slices.SortStableFunc(sorted, func(a, b uint64) int {
		s, _ := kinds.of(a)
		t, _ := kinds.of(b)
		if s != t {
			return cmp.Or(perKind[t]-perKind[s], strings.Compare(s, t))
		}
		if params+len(used) > 128 { // then the number's length counts
			return uses[b] - uses[a]
		}
		return 0
	})
	place := func(list []uint64) (groups []localGroup, to map[uint64]uint64, cost int) {
		to = map[uint64]uint64{}
		for n, i := range list {
			to[i] = uint64(params + n)
			if params+n >= 128 {
				cost += uses[i]
			}
			kind, _ := kinds.of(i)
			if k := len(groups); k > 0 && groups[k-1].kind == kind {
				groups[k-1].count++
			} else {
				groups = append(groups, localGroup{1, kind})
			}
		}
		for _, g := range groups {
			cost += len(binary.AppendUvarint(nil, uint64(g.count))) + len(g.kind)
		}
		return groups, to, cost
	}
	groups, to, cost := place(used)
	if g, t, c := place(sorted); c < cost {
		groups, to = g, t
	}
	return groups, to, nil
}
