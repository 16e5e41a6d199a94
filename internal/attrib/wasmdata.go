package attrib

// Data segments of Wasm modules, cut like native data.
//
// A module has few segments, ".rodata" and ".data", and a linker puts all
// constants of a program into them; no symbol is left. But code and data refer
// to them by address, and memory begins where the segments say. So a constant
// in code, and an aligned word of data, that is an address inside of a segment
// begins something there, as in a native program that is loaded at a fixed
// address. What is hard is the same as there: a number may look like an
// address. Rust's data begins at one megabyte, where few numbers are; C's begins
// at 1024, so there only addresses that a load or store uses, or that are not
// round numbers, count.
//
// The segment itself keeps its header and what stands before the first cut.

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/minsize/minsize/internal/machinecode"
	"github.com/minsize/minsize/internal/objfile"
)

// wasmReference is an address that a function's code has.
type wasmReference struct {
	place    uint64 // in a data segment
	function uint64 // place of the function
}

// wasmMemory are the active data segments whose address is known, sorted; their
// addresses apart, for the search runs over nothing else.
type wasmMemory struct {
	segments []*objfile.WasmData
	starts   []uint64
	end      uint64 // behind the last
}

func wasmMemoryOf(w *objfile.WasmFile) *wasmMemory {
	m := &wasmMemory{}
	for i := range w.Data {
		if d := &w.Data[i]; d.Mode == objfile.WasmActive && d.Memory == 0 && d.At.Plain && d.At.Value >= 0 && d.InitSize > 0 {
			m.segments = append(m.segments, d)
		}
	}
	slices.SortStableFunc(m.segments, func(a, b *objfile.WasmData) int { return cmp.Compare(a.At.Value, b.At.Value) })
	for _, d := range m.segments {
		m.starts = append(m.starts, uint64(d.At.Value))
		m.end = max(m.end, uint64(d.At.Value)+uint64(d.InitSize))
	}
	return m
}

// place is where in the file the byte is that memory has at addr.
func (m *wasmMemory) place(addr uint64) (uint64, bool) {
	if len(m.starts) == 0 || addr < m.starts[0] || addr >= m.end {
		return 0, false
	}
	i, found := slices.BinarySearch(m.starts, addr)
	if !found {
		i--
	}
	d := m.segments[i]
	if addr-m.starts[i] >= uint64(d.InitSize) {
		return 0, false
	}
	return uint64(d.Init) + addr - m.starts[i], true
}

// findWasmReferences decodes the module's code for addresses of data.
func (c *collector) findWasmReferences() {
	p, w := c.p, c.p.File.Wasm
	memory := wasmMemoryOf(w)
	if c.o.NoDecode || len(memory.segments) == 0 {
		return
	}
	var refs []machinecode.WasmRef
	for i := range w.Functions {
		fn := &w.Functions[i]
		code, err := w.Code(fn, nil)
		if err != nil {
			continue
		}
		refs, _ = machinecode.DecodeWasm(code, refs[:0]) // what stands before an unknown instruction counts
		for _, r := range refs {
			if !r.LikelyAddress() {
				continue
			}
			if place, ok := memory.place(r.Index); ok {
				c.wasmRefs = append(c.wasmRefs, wasmReference{place, uint64(fn.Offset)})
			}
		}
	}
	// Aligned words of data.
	for _, d := range memory.segments {
		data := p.File.Data[d.Init : uint64(d.Init)+uint64(d.InitSize)]
		for at := int(-uint64(d.At.Value) & 3); at+4 <= len(data); at += 4 {
			word := machinecode.WasmRef{Index: uint64(binary.LittleEndian.Uint32(data[at:])), Kind: machinecode.WasmAddress}
			if !word.LikelyAddress() {
				continue
			}
			if place, ok := memory.place(word.Index); ok {
				c.pointers = append(c.pointers, pointer{where: uint64(d.Init) + uint64(at), target: place, symbol: -1})
			}
		}
	}
}

// cuts are the places that something refers to, in order.
func (c *collector) cuts() []uint64 {
	list := make([]uint64, 0, len(c.wasmRefs)+len(c.pointers))
	for i := range c.wasmRefs {
		list = append(list, c.wasmRefs[i].place)
	}
	for i := range c.pointers {
		list = append(list, c.pointers[i].target)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// firstCut is the first of the cuts in [start, end), end without one.
func firstCut(cuts []uint64, start, end uint64) uint64 {
	if i, _ := slices.BinarySearch(cuts, start); i < len(cuts) {
		return min(cuts[i], end)
	}
	return end
}

// joinWasmReferences turns what was found into c.incoming, when atoms are known.
func (c *collector) joinWasmReferences() {
	for _, r := range c.wasmRefs {
		if atom := c.p.AtomAt(r.function); atom >= 0 && r.place < maxPackedPlace {
			c.incoming = append(c.incoming, packTarget(r.place, atom))
		}
	}
	c.wasmRefs = nil
	c.addPointers(nil)
	c.incoming = slices.Compact(c.incoming)
}
