package refgraph

import (
	"encoding/binary"
	"slices"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/machinecode"
	"github.com/minsize/minsize/internal/objfile"
)

// Data segments. To Twiggy a segment is one item. With WasmAll it is cut at
// every address in it that code or data has, as attrib cuts it for sizes
// (attrib/wasmdata.go has the why): so that what a function's strings cost goes
// with the function. The segment's own item is its header and what stands
// before the first cut; whatever is kept of a segment keeps that.

// wasmCut is a part of a segment that something refers to.
type wasmCut struct {
	address uint64
	from    int32 // label of the first function that refers to it, -1: data does
	text    bool
}

// wasmWord is a word of data that is an address.
type wasmWord struct {
	from    int32 // node
	address uint64
}

// wasmDataEntry is one active segment.
type wasmDataEntry struct {
	*objfile.WasmData
	address      uint64
	knownAddress bool
}

func (e *wasmDataEntry) size() uint64 { return uint64(e.InitSize) }

func (m *wasmModule) dataSection() {
	entries := make([]wasmDataEntry, len(m.w.Data))
	for i := range entries {
		e := &entries[i]
		e.WasmData = &m.w.Data[i]
		if e.Mode == objfile.WasmActive && e.At.Const {
			e.address = uint64(e.At.Value)
			e.knownAddress = m.edges == WasmTwiggy || e.At.Plain && e.address < 1<<48 // more than any memory has
		}
	}
	var cuts []wasmCut
	if m.edges == WasmAll {
		cuts = m.cuts(entries)
	}
	for i := range entries {
		e := &entries[i]
		node := m.item(KindData, "", wasmLabel(labelData, uint64(i)), e.Size)
		m.datas = append(m.datas, node)
		if e.Mode != objfile.WasmActive {
			continue
		}
		if e.knownAddress {
			m.addSegment(e, node, cuts)
		}
		if m.edges == WasmAll {
			m.named(node, &e.At.WasmNamed)
			// An active segment is written into its memory whenever the module starts.
			m.pending = append(m.pending, wasmPending{from: node, kind: machinecode.WasmMemory, index: e.Memory, turn: true})
		}
	}
}

// addSegment makes the parts of a segment and their edges.
func (m *wasmModule) addSegment(e *wasmDataEntry, node int32, cuts []wasmCut) {
	limit := e.address + e.size()
	k, _ := slices.BinarySearchFunc(cuts, e.address, func(c wasmCut, address uint64) int {
		switch {
		case c.address < address:
			return -1
		case c.address > address:
			return 1
		}
		return 0
	})
	first := limit
	if k < len(cuts) {
		first = min(first, cuts[k].address)
	}
	if first > e.address || len(cuts) == 0 {
		m.segments = append(m.segments, wasmSegment{start: e.address, size: first - e.address, node: node})
	}
	m.scanWords(e, node, e.address, first)
	for ; k < len(cuts) && cuts[k].address < limit; k++ {
		c := cuts[k]
		end := limit
		if k+1 < len(cuts) {
			end = min(end, cuts[k+1].address)
		}
		at := uint64(e.Init) + (c.address - e.address)
		c.text = attrib.IsText(m.data[at : at+(end-c.address)])
		part := m.b.Add(Node{Size: end - c.address, Kind: KindData, Label: wasmLabel(labelCut, uint64(len(m.names.cuts)))})
		m.names.cuts = append(m.names.cuts, c)
		m.b.Node(node).Size -= end - c.address
		m.b.Edge(part, node)
		m.segments = append(m.segments, wasmSegment{start: c.address, size: end - c.address, node: part})
		m.scanWords(e, part, c.address, end)
	}
}

// scanWords notes the aligned words of [from, to) of memory that are addresses.
func (m *wasmModule) scanWords(e *wasmDataEntry, node int32, from, to uint64) {
	if m.edges != WasmAll {
		return
	}
	for at := (from + 3) &^ 3; at+4 <= to; at += 4 {
		word := machinecode.WasmRef{Index: uint64(binary.LittleEndian.Uint32(m.data[uint64(e.Init)+(at-e.address):])), Kind: machinecode.WasmAddress}
		if word.LikelyAddress() {
			m.words = append(m.words, wasmWord{node, word.Index})
		}
	}
}

// cuts are the addresses in segments that code or data has, each once, with the
// first function that has it.
func (m *wasmModule) cuts(entries []wasmDataEntry) []wasmCut {
	low, high := ^uint64(0), uint64(0)
	for i := range entries {
		if e := &entries[i]; e.knownAddress && e.size() > 0 {
			low, high = min(low, e.address), max(high, e.address+e.size())
		}
	}
	var cuts []wasmCut
	add := func(ref machinecode.WasmRef, from int32) {
		if ref.Index >= low && ref.Index < high && ref.LikelyAddress() {
			cuts = append(cuts, wasmCut{address: ref.Index, from: from})
		}
	}
	var refs []machinecode.WasmRef
	for _, body := range m.bodies {
		refs, _ = machinecode.DecodeWasm(body.code, refs[:0])
		for _, ref := range refs {
			add(ref, m.b.Node(body.node).Label)
		}
	}
	for i := range entries {
		e := &entries[i]
		if !e.knownAddress {
			continue
		}
		for at := (e.address + 3) &^ 3; at+4 <= e.address+e.size(); at += 4 {
			add(machinecode.WasmRef{Index: uint64(binary.LittleEndian.Uint32(m.data[uint64(e.Init)+(at-e.address):])), Kind: machinecode.WasmAddress}, -1)
		}
	}
	slices.SortStableFunc(cuts, func(a, b wasmCut) int { // functions come before data
		switch {
		case a.address < b.address:
			return -1
		case a.address > b.address:
			return 1
		}
		return 0
	})
	return slices.CompactFunc(cuts, func(a, b wasmCut) bool { return a.address == b.address })
}
