// Package wasmoracle says whether a Wasm module that was written anew does what
// the old one did. It shares no code with the writer (package wasmedit), but for
// the readers of modules and of instructions, which readers_test.go holds to what
// another program says.
//
// The lesson: sections cannot be compared, for a rewritten module has other
// numbers everywhere. What can be compared is what a host sees: it starts with
// the exports, and two things are the same when all that they name is the same,
// which is to be shown for each pair that comes up, once (a bisimulation). So
// the question of two modules becomes many small ones: are these two bodies the
// same instructions, with operands that are pairs themselves. A pair that is
// taken for granted while its own comparison runs is what makes recursion end,
// and it is sound: a difference anywhere is found from some pair.
//
// Two bodies are compared in a normal form of this package's own (body.go):
// what control cannot reach, and what does nothing, is neither.
package wasmoracle

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/minsize/minsize/internal/machinecode"
	"github.com/minsize/minsize/internal/objfile"
)

// module is one side.
type module struct {
	data      []byte
	w         *objfile.WasmFile
	functions []function
	imports   map[objfile.WasmKind][]int // kind -> positions in w.Imports
	visible   bool                       // a table is imported or exported
	named     bool                       // a table instruction other than an indirect call stands somewhere
}

// function is a defined one's type, or an import's.
type function struct {
	kind uint32
	body []byte // locals and code; nil of an import
}

func read(data []byte) (*module, error) {
	f, err := objfile.Parse("", data)
	if err != nil {
		return nil, err
	}
	if f.Wasm == nil {
		return nil, fmt.Errorf("no core module")
	}
	m := &module{data: data, w: f.Wasm, imports: map[objfile.WasmKind][]int{}}
	for i, p := range m.w.Imports {
		m.imports[p.Kind] = append(m.imports[p.Kind], i)
		if p.Kind == objfile.WasmFunc {
			m.functions = append(m.functions, function{kind: p.Type})
		}
		m.visible = m.visible || p.Kind == objfile.WasmTable
	}
	for _, d := range m.w.Functions {
		m.functions = append(m.functions, function{d.Type, data[d.Body : uint64(d.Offset)+uint64(d.Size)]})
	}
	for _, e := range m.w.Exports {
		m.visible = m.visible || e.Kind == objfile.WasmTable
	}
	return m, nil
}

// typeOf is a type's encoding, which of the types that are read here says all.
func (m *module) typeOf(index uint64) (string, error) {
	if index >= uint64(len(m.w.Types)) {
		return "", fmt.Errorf("type %d does not exist", index)
	}
	t := m.w.Types[index]
	return string(m.data[t.Offset : t.Offset+t.Size]), nil
}

// pair is an item of the old module and the one that stands for it.
type pair struct {
	kind     machinecode.WasmKind
	old, new uint64
}

type comparison struct {
	a, b   *module
	seen   map[pair]bool
	work   []pair
	one    map[pair]uint64 // of what has a state or an order: each has one partner; keyed by side
	called map[string]bool // types of indirect calls in what was compared
	fresh  []string        // of these, whose slots were not looked at yet

	waiting map[string][]pair // type of the old function -> slots that only a call of this type takes
}

// Same compares two modules; the error names the first difference.
func Same(old, new []byte) error {
	a, err := read(old)
	if err != nil {
		return fmt.Errorf("the old file: %w", err)
	}
	b, err := read(new)
	if err != nil {
		return fmt.Errorf("the new file: %w", err)
	}
	c := &comparison{a: a, b: b, seen: map[pair]bool{}, one: map[pair]uint64{}, called: map[string]bool{}, waiting: map[string][]pair{}}
	for _, step := range []func() error{c.importsInOrder, c.exports, c.memories, c.tables, c.drain, c.elements} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// spaceOf is what an export's kind counts.
func spaceOf(k objfile.WasmKind) machinecode.WasmKind {
	return [...]machinecode.WasmKind{machinecode.WasmFunction, machinecode.WasmTable, machinecode.WasmMemory, machinecode.WasmGlobal, machinecode.WasmTag}[k]
}

// importsInOrder: the new imports are among the old ones, in their order.
func (c *comparison) importsInOrder() error {
	at := 0
	for i := range c.b.w.Imports {
		want := &c.b.w.Imports[i]
		for at < len(c.a.w.Imports) && !c.sameImport(&c.a.w.Imports[at], want) {
			at++
		}
		if at == len(c.a.w.Imports) {
			return fmt.Errorf("import %q of %q is new or out of order", want.Name, want.Module)
		}
		at++
	}
	return nil
}

func (c *comparison) sameImport(a, b *objfile.WasmImport) bool {
	if a.Module != b.Module || a.Name != b.Name || a.Kind != b.Kind {
		return false
	}
	if a.Kind == objfile.WasmFunc || a.Kind == objfile.WasmTag {
		s, errA := c.a.typeOf(uint64(a.Type))
		t, errB := c.b.typeOf(uint64(b.Type))
		return errA == nil && errB == nil && s == t
	}
	return bytes.Equal(c.a.data[a.Offset:a.Offset+a.Size], c.b.data[b.Offset:b.Offset+b.Size])
}

// exports: the same names in the same order, each a pair.
func (c *comparison) exports() error {
	if len(c.a.w.Exports) != len(c.b.w.Exports) {
		return fmt.Errorf("%d exports, %d before", len(c.b.w.Exports), len(c.a.w.Exports))
	}
	for i, e := range c.a.w.Exports {
		f := c.b.w.Exports[i]
		if e.Name != f.Name || e.Kind != f.Kind || int(e.Kind) > 4 {
			return fmt.Errorf("export %q is %q", e.Name, f.Name)
		}
		if err := c.want(spaceOf(e.Kind), uint64(e.Index), uint64(f.Index)); err != nil {
			return fmt.Errorf("export %q: %w", e.Name, err)
		}
	}
	if (c.a.w.Start < 0) != (c.b.w.Start < 0) {
		return fmt.Errorf("one has a start function, the other has none")
	}
	if c.a.w.Start >= 0 {
		return c.want(machinecode.WasmFunction, uint64(c.a.w.Start), uint64(c.b.w.Start))
	}
	return nil
}

// want asks for a pair. What has a state of its own (globals, tables, memories,
// tags, segments) has one partner on each side.
func (c *comparison) want(kind machinecode.WasmKind, old, new uint64) error {
	p := pair{kind, old, new}
	if c.seen[p] {
		return nil
	}
	c.seen[p] = true
	if kind != machinecode.WasmFunction {
		for _, side := range []struct{ key, partner uint64 }{{old << 1, new}, {new<<1 | 1, old}} {
			k := pair{kind: kind, old: side.key}
			if had, ok := c.one[k]; ok && had != side.partner {
				return fmt.Errorf("item %d of kind %d stands for two", new, kind)
			}
			c.one[k] = side.partner
		}
	}
	c.work = append(c.work, p)
	return nil
}

// drain compares the pairs that were asked for.
func (c *comparison) drain() error {
	for len(c.work) > 0 {
		p := c.work[len(c.work)-1]
		c.work = c.work[:len(c.work)-1]
		if err := c.compare(p); err != nil {
			return err
		}
	}
	return nil
}

func (c *comparison) compare(p pair) error {
	switch p.kind {
	case machinecode.WasmFunction:
		return c.function(p.old, p.new)
	case machinecode.WasmGlobal:
		return c.item(p, objfile.WasmGlobalKind, c.a.w.ImportedGlobals, c.b.w.ImportedGlobals, func(i, j uint64) error {
			if i >= uint64(len(c.a.w.Globals)) || j >= uint64(len(c.b.w.Globals)) {
				return fmt.Errorf("global %d does not exist", p.new)
			}
			g, h := c.a.w.Globals[i], c.b.w.Globals[j]
			return c.expressions(c.a.data[g.Offset:g.Offset+g.Size], c.b.data[h.Offset:h.Offset+h.Size], 2)
		})
	case machinecode.WasmTag:
		return c.item(p, objfile.WasmTag, c.a.w.ImportedTags, c.b.w.ImportedTags, func(i, j uint64) error {
			if i >= uint64(len(c.a.w.Tags)) || j >= uint64(len(c.b.w.Tags)) {
				return fmt.Errorf("tag %d does not exist", p.new)
			}
			s, t := c.a.w.Tags[i], c.b.w.Tags[j]
			v, _ := binary.Uvarint(c.a.data[s.Offset+1:])
			w, _ := binary.Uvarint(c.b.data[t.Offset+1:])
			return c.types(v, w)
		})
	case machinecode.WasmTable:
		return c.item(p, objfile.WasmTable, c.a.w.ImportedTables, c.b.w.ImportedTables, func(i, j uint64) error {
			return sameItem("table", c.a, c.b, c.a.w.Tables, c.b.w.Tables, i, j)
		})
	case machinecode.WasmMemory:
		return c.item(p, objfile.WasmMemory, c.a.w.ImportedMemories, c.b.w.ImportedMemories, func(i, j uint64) error {
			return sameItem("memory", c.a, c.b, c.a.w.Memories, c.b.w.Memories, i, j)
		})
	case machinecode.WasmData:
		if p.old >= uint64(len(c.a.w.Data)) || p.new >= uint64(len(c.b.w.Data)) {
			return fmt.Errorf("data segment %d does not exist", p.new)
		}
		return c.data(&c.a.w.Data[p.old], &c.b.w.Data[p.new])
	case machinecode.WasmElement:
		if p.old >= uint64(len(c.a.w.Elements)) || p.new >= uint64(len(c.b.w.Elements)) {
			return fmt.Errorf("element segment %d does not exist", p.new)
		}
		return c.element(&c.a.w.Elements[p.old], &c.b.w.Elements[p.new], false)
	}
	return fmt.Errorf("a pair of kind %d", p.kind)
}

// item compares imported items by their import, defined ones by defined.
func (c *comparison) item(p pair, kind objfile.WasmKind, importedA, importedB uint32, defined func(i, j uint64) error) error {
	inA, inB := p.old < uint64(importedA), p.new < uint64(importedB)
	if inA != inB {
		return fmt.Errorf("%s %d is imported on one side alone", kind, p.new)
	}
	if inA {
		if a, b := &c.a.w.Imports[c.a.imports[kind][p.old]], &c.b.w.Imports[c.b.imports[kind][p.new]]; !c.sameImport(a, b) {
			return fmt.Errorf("%s: import %q of %q is %q of %q", kind, a.Name, a.Module, b.Name, b.Module)
		}
		return nil
	}
	if err := defined(p.old-uint64(importedA), p.new-uint64(importedB)); err != nil {
		return fmt.Errorf("%s %d, %d before: %w", kind, p.new, p.old, err)
	}
	return nil
}

func sameItem(what string, a, b *module, s, t []objfile.WasmItem, i, j uint64) error {
	if i >= uint64(len(s)) || j >= uint64(len(t)) {
		return fmt.Errorf("%s %d does not exist", what, j)
	}
	if !bytes.Equal(a.data[s[i].Offset:s[i].Offset+s[i].Size], b.data[t[j].Offset:t[j].Offset+t[j].Size]) {
		return fmt.Errorf("another type of %s", what)
	}
	return nil
}

func (c *comparison) types(old, new uint64) error {
	s, err := c.a.typeOf(old)
	if err != nil {
		return err
	}
	t, err := c.b.typeOf(new)
	if err == nil && s != t {
		err = fmt.Errorf("type %d is not type %d of before", new, old)
	}
	return err
}

// memories: the same ones, with the same bytes before the module starts.
func (c *comparison) memories() error {
	count := func(m *module) int { return len(m.w.Memories) + int(m.w.ImportedMemories) }
	if count(c.a) != count(c.b) {
		return fmt.Errorf("%d memories, %d before", count(c.b), count(c.a))
	}
	for i := range count(c.a) {
		if err := c.want(machinecode.WasmMemory, uint64(i), uint64(i)); err != nil {
			return err
		}
	}
	if imageA, ok := c.a.image(); ok {
		imageB, ok := c.b.image()
		if !ok {
			return fmt.Errorf("the new data segments have no fixed places")
		}
		return sameImage(imageA, imageB)
	}
	// The active ones in their order: what they are written over is not known.
	active := func(m *module) (list []uint64) {
		for i := range m.w.Data {
			if m.w.Data[i].Mode == objfile.WasmActive {
				list = append(list, uint64(i))
			}
		}
		return list
	}
	s, t := active(c.a), active(c.b)
	if len(s) != len(t) {
		return fmt.Errorf("%d active data segments, %d before", len(t), len(s))
	}
	for i := range s {
		if err := c.want(machinecode.WasmData, s[i], t[i]); err != nil {
			return err
		}
	}
	return nil
}

// written is bytes at an address.
type written struct {
	at   uint64
	data []byte
}

// image is the bytes of the module's own memory at its start but for zeros; ok
// is false where segments meet, have no constant place, or stand for something
// else too.
func (m *module) image() (list []written, ok bool) {
	if m.w.ImportedMemories > 0 || len(m.w.Memories) != 1 {
		return nil, false
	}
	limits := m.data[m.w.Memories[0].Offset:]
	pages, _ := binary.Uvarint(limits[1:])
	for i := range m.w.Data {
		d := &m.w.Data[i]
		if d.Mode != objfile.WasmActive || d.Memory != 0 || !d.At.Plain || limits[0] > 3 {
			return nil, false
		}
		list = append(list, written{uint64(uint32(d.At.Value)), m.data[d.Init : d.Init+d.InitSize]})
	}
	slices.SortStableFunc(list, func(x, y written) int { return cmp.Compare(x.at, y.at) })
	for i, x := range list {
		if end := x.at + uint64(len(x.data)); end > pages<<16 || i+1 < len(list) && end > list[i+1].at {
			return nil, false
		}
	}
	return list, true
}

// sameImage walks two images byte by byte; what neither writes is zero.
func sameImage(a, b []written) error {
	next := func(list []written, i, k *int) (at uint64, value byte, ok bool) {
		for *i < len(list) {
			for *k < len(list[*i].data) {
				if v := list[*i].data[*k]; v != 0 {
					at, value = list[*i].at+uint64(*k), v
					*k++
					return at, value, true
				}
				*k++
			}
			*i, *k = *i+1, 0
		}
		return 0, 0, false
	}
	var i, k, j, l int
	for {
		at, value, more := next(a, &i, &k)
		bt, walue, bmore := next(b, &j, &l)
		if more != bmore || at != bt || value != walue {
			return fmt.Errorf("the memory differs at its start: %#x at %#x, %#x at %#x before", walue, bt, value, at)
		}
		if !more {
			return nil
		}
	}
}

// data compares two segments; active ones with their places.
func (c *comparison) data(s, t *objfile.WasmData) error {
	if s.Mode != t.Mode || s.Memory != t.Memory || !bytes.Equal(c.a.data[s.Init:s.Init+s.InitSize], c.b.data[t.Init:t.Init+t.InitSize]) {
		return fmt.Errorf("data segment at offset %#x differs", t.Offset)
	}
	if s.Mode != objfile.WasmActive {
		return nil
	}
	return c.place(s.Offset, s.Init, t.Offset, t.Init)
}

// place compares the offset expressions in segments' heads.
func (c *comparison) place(from, to, from2, to2 uint32) error {
	a, b := c.a.data[from:to], c.b.data[from2:to2]
	skip := func(d []byte) int { // flags, and the memory's or table's index with them
		if d[0]&2 != 0 {
			_, n := binary.Uvarint(d[1:])
			return 1 + n
		}
		return 1
	}
	return c.expressions(a[skip(a):], b[skip(b):], 0)
}

// tables: the same ones.
func (c *comparison) tables() error {
	count := func(m *module) int { return len(m.w.Tables) + int(m.w.ImportedTables) }
	if count(c.a) != count(c.b) {
		return fmt.Errorf("%d tables, %d before", count(c.b), count(c.a))
	}
	for i := range count(c.a) {
		if err := c.want(machinecode.WasmTable, uint64(i), uint64(i)); err != nil {
			return err
		}
	}
	// Before any slot is looked at it has to be known whether calls alone do.
	for _, m := range []*module{c.a, c.b} {
		for _, f := range m.functions {
			if f.body == nil {
				continue
			}
			list, _, err := normalForm(f.body)
			if err != nil {
				return err
			}
			for i := range list {
				x := &list[i]
				m.named = m.named || x.op != 0x11 && x.op != 0x13 && slices.ContainsFunc(x.operands, func(o operand) bool { return o.kind == machinecode.WasmTable })
			}
		}
	}
	return nil
}

// elements compares what is in the tables, as far as anybody can call it: calls
// may bring up new bodies, and these new calls, until nothing waits for one.
func (c *comparison) elements() error {
	active := func(m *module) (list []*objfile.WasmElement) {
		for i := range m.w.Elements {
			if m.w.Elements[i].Mode == objfile.WasmActive {
				list = append(list, &m.w.Elements[i])
			}
		}
		return list
	}
	s, t := active(c.a), active(c.b)
	if len(s) != len(t) {
		return fmt.Errorf("%d active element segments, %d before", len(t), len(s))
	}
	callsAlone := !c.a.visible && !c.b.visible && !c.a.named && !c.b.named
	for i := range s {
		if err := c.element(s[i], t[i], callsAlone); err != nil {
			return err
		}
	}
	if err := c.drain(); err != nil {
		return err
	}
	for len(c.fresh) > 0 {
		kind := c.fresh[len(c.fresh)-1]
		c.fresh = c.fresh[:len(c.fresh)-1]
		for _, p := range c.waiting[kind] {
			if err := c.want(p.kind, p.old, p.new); err != nil {
				return err
			}
		}
		delete(c.waiting, kind)
		if err := c.drain(); err != nil {
			return err
		}
	}
	for _, slots := range c.waiting { // a trap before, whatever stood there
		for _, p := range slots {
			kind, err := c.b.typeOf(uint64(c.b.functions[p.new].kind))
			if err != nil {
				return err
			}
			if c.called[kind] {
				return fmt.Errorf("function %d stands in a slot that can be called, and could not before", p.new)
			}
		}
	}
	return nil
}

// element compares two segments slot by slot. Where a table is only called
// through, a slot of a type that no call has is a trap whoever stands in it.
func (c *comparison) element(s, t *objfile.WasmElement, callsAlone bool) error {
	a, b := c.a.data[s.Offset:s.Offset+s.Size], c.b.data[t.Offset:t.Offset+t.Size]
	if s.Mode != t.Mode || s.Table != t.Table || a[0] != b[0] {
		return fmt.Errorf("element segment at offset %#x differs", t.Offset)
	}
	if s.Mode == objfile.WasmDeclarative {
		return nil // says what may be named, and puts nothing anywhere
	}
	if a[0]&4 != 0 { // expressions
		return c.expressionSlots(s, t)
	}
	if s.Mode == objfile.WasmActive {
		if err := c.place(s.Offset, s.Offset+s.Size, t.Offset, t.Offset+t.Size); err != nil {
			return err
		}
	}
	if len(s.Funcs) != len(t.Funcs) {
		return fmt.Errorf("element segment at offset %#x: %d functions, %d before", t.Offset, len(t.Funcs), len(s.Funcs))
	}
	for i, f := range s.Funcs {
		g := t.Funcs[i]
		if uint64(f) >= uint64(len(c.a.functions)) || uint64(g) >= uint64(len(c.b.functions)) {
			return fmt.Errorf("element segment at offset %#x names a function that does not exist", t.Offset)
		}
		if callsAlone {
			kind, err := c.a.typeOf(uint64(c.a.functions[f].kind))
			if err != nil {
				return err
			}
			c.waiting[kind] = append(c.waiting[kind], pair{machinecode.WasmFunction, uint64(f), uint64(g)})
			continue
		}
		if err := c.want(machinecode.WasmFunction, uint64(f), uint64(g)); err != nil {
			return err
		}
	}
	return nil
}

// expressionSlots compares segments of expressions, and their places with them.
func (c *comparison) expressionSlots(s, t *objfile.WasmElement) error {
	if len(s.Funcs) != len(t.Funcs) || len(s.Globals) != len(t.Globals) {
		return fmt.Errorf("element segment at offset %#x differs", t.Offset)
	}
	skip := func(d []byte, active bool) ([]byte, []byte, error) {
		at := 1
		if d[0]&3 == 2 {
			_, n := binary.Uvarint(d[at:])
			at += n
		}
		head := d[:0]
		if active {
			end, err := expressionEnd(d[at:])
			if err != nil {
				return nil, nil, err
			}
			head, at = d[at:at+end], at+end
		}
		if d[0]&3 != 0 {
			at++ // the type of the references
		}
		_, n := binary.Uvarint(d[at:])
		return head, d[at+n:], nil
	}
	headA, a, err := skip(c.a.data[s.Offset:s.Offset+s.Size], s.Mode == objfile.WasmActive)
	if err != nil {
		return err
	}
	headB, b, err := skip(c.b.data[t.Offset:t.Offset+t.Size], t.Mode == objfile.WasmActive)
	if err != nil {
		return err
	}
	if err := c.expressions(headA, headB, 0); err != nil {
		return err
	}
	for len(a) > 0 && len(b) > 0 {
		n, err := expressionEnd(a)
		if err != nil {
			return err
		}
		k, err := expressionEnd(b)
		if err != nil {
			return err
		}
		if err := c.expressions(a[:n], b[:k], 0); err != nil {
			return err
		}
		a, b = a[n:], b[k:]
	}
	if len(a) != len(b) {
		return fmt.Errorf("element segment at offset %#x differs", t.Offset)
	}
	return nil
}
