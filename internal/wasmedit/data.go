package wasmedit

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/machinecode"
	"github.com/minsize/minsize/internal/objfile"
)

// Data segments. A memory of the module's own begins with zeros: zeros need no
// bytes, and two segments with few zeros between them are one. An imported
// memory may hold anything, so there every byte stays.

// zeroRun is how many zeros make it worth to begin another segment: its flag,
// address and length take six to nine bytes, and short runs compress well.
const zeroRun = 16

// piece is bytes at an address of the memory.
type piece struct {
	address uint64
	data    []byte
}

func (p piece) end() uint64 { return p.address + uint64(len(p.data)) }

// segments is the entries of the data section.
func (m *module) segments() ([][]byte, error) {
	if pieces, ok := m.initial(); ok {
		var out [][]byte
		for _, p := range join(pieces) {
			entry := appendSigned([]byte{0, 0x41}, int64(int32(p.address)))
			entry = binary.AppendUvarint(append(entry, opEnd), uint64(len(p.data)))
			out = append(out, append(entry, p.data...))
		}
		return out, nil
	}
	var out [][]byte
	for i := range m.w.Data {
		if !m.live[machinecode.WasmData][i] {
			continue
		}
		d := &m.w.Data[i]
		bytesOf := m.entry(d.Init, d.InitSize)
		entry := []byte{1}
		if d.Mode == objfile.WasmActive {
			at := uint64(d.Offset) + 1
			entry[0] = 0
			if m.data[d.Offset] == 2 { // with its memory, of which there is one
				_, at, _ = (byteio.View{Data: m.data}).Uleb128(at, "memory")
			}
			var err error
			if entry, err = m.constant(entry, m.data[:d.Init], &at); err != nil {
				return nil, err
			}
		}
		entry = binary.AppendUvarint(entry, uint64(len(bytesOf)))
		out = append(out, append(entry, bytesOf...))
	}
	return out, nil
}

// initial is what the module writes into its own memory before it starts, by
// address; false where that cannot be told or a host may have been there first.
func (m *module) initial() ([]piece, bool) {
	if m.usesMemory || m.w.ImportedMemories > 0 || len(m.w.Memories) != 1 {
		return nil, false
	}
	limits := m.entry(m.w.Memories[0].Offset, m.w.Memories[0].Size)
	if limits[0]&^3 != 0 { // 64-bit, or another page size
		return nil, false
	}
	pages, _ := binary.Uvarint(limits[1:])
	var list []piece
	for i := range m.w.Data {
		d := &m.w.Data[i]
		if d.Mode != objfile.WasmActive || !d.At.Plain || m.data[d.Offset] != 0 {
			return nil, false
		}
		list = append(list, piece{uint64(uint32(d.At.Value)), m.entry(d.Init, d.InitSize)})
	}
	slices.SortStableFunc(list, func(a, b piece) int { return cmp.Compare(a.address, b.address) })
	for i, p := range list {
		if p.end() > pages<<16 || i > 0 && list[i-1].end() > p.address { // fails at its start, or the order counts
			return nil, false
		}
	}
	return list, true
}

// join cuts pieces at long runs of zeros and puts near ones together.
func join(list []piece) []piece {
	var out []piece
	for _, p := range list {
		for len(p.data) > 0 {
			// Leading zeros go; then all up to the next long run.
			n := len(p.data) - len(bytes.TrimLeft(p.data, "\x00"))
			p.data, p.address = p.data[n:], p.address+uint64(n)
			n = len(p.data)
			if i := bytes.Index(p.data, make([]byte, zeroRun)); i >= 0 {
				n = i
			}
			part := bytes.TrimRight(p.data[:n], "\x00")
			if len(part) > 0 {
				if k := len(out); k > 0 && p.address-out[k-1].end() < zeroRun/2 {
					out[k-1].data = append(append(out[k-1].data, make([]byte, p.address-out[k-1].end())...), part...)
				} else {
					out = append(out, piece{p.address, bytes.Clone(part)})
				}
			}
			p.data, p.address = p.data[n:], p.address+uint64(n)
		}
	}
	return out
}
