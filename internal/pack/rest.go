package pack

import (
	"encoding/binary"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/pack/codec"
)

// What the kernel does not load: section headers, names, debug links,
// padding. The stub never looks at it, so it lies behind what is mapped, in a
// stream of its own; the image's program headers say where it goes.
//
// The trailer, all numbers unsigned LEB128: size of the original file, offset
// of the operation table in the prefix, number of operations and their ids in
// the order of undoing, size of the rest, its coded size (0: none), the rest.

type trailer struct {
	size       uint64
	table      uint64
	operations []uint8
	rest       []byte
}

// gaps lists the ranges of a file of size bytes that no PT_LOAD fills.
func gaps(loads []programHeader, size uint64) [][2]uint64 {
	covered := [][2]uint64{}
	for _, h := range loads {
		if h.Filesz > 0 {
			covered = append(covered, [2]uint64{h.Offset, h.Offset + h.Filesz})
		}
	}
	var out [][2]uint64
	for at := uint64(0); at < size; {
		next, end := size, uint64(0)
		for _, c := range covered {
			if c[0] <= at && at < c[1] {
				end = max(end, c[1])
			} else if c[0] > at {
				next = min(next, c[0])
			}
		}
		if end == 0 {
			out = append(out, [2]uint64{at, next})
			end = next
		}
		at = end
	}
	return out
}

// packRest codes the file's bytes that are in no PT_LOAD.
func (p *program) packRest() []byte {
	var rest []byte
	for _, g := range gaps(p.loads, uint64(len(p.data))) {
		rest = append(rest, p.data[g[0]:g[1]]...)
	}
	out := binary.AppendUvarint(nil, uint64(len(rest)))
	if len(rest) == 0 {
		return binary.AppendUvarint(out, 0)
	}
	coded, err := codec.Encode(rest, restParams, 0)
	if err != nil {
		panic(err) // constant parameters
	}
	out = binary.AppendUvarint(out, uint64(len(coded)))
	return append(out, coded...)
}

var restParams = codec.Params{Method: codec.LZMA, LC: 0, LP: 3, PB: 3}

func (p *program) appendTrailer(out []byte, table int, ops []operation, rest []byte) []byte {
	out = binary.AppendUvarint(out, uint64(len(p.data)))
	out = binary.AppendUvarint(out, uint64(table))
	out = binary.AppendUvarint(out, uint64(len(ops)))
	for i := len(ops) - 1; i >= 0; i-- {
		out = append(out, ops[i].id)
	}
	return append(out, rest...)
}

func readTrailer(data []byte, at uint64) (*trailer, error) {
	f := fields{view: byteio.View{Data: data}, at: at}
	t := &trailer{size: f.uint("original size", maxImage+uint64(len(data))*1024)}
	t.table = f.uint("operation table", uint64(len(data))*1024)
	n := f.uint("operations", 16)
	t.operations = f.bytes(n, "operations")
	size := f.uint("rest", min(t.size, 1<<16+uint64(len(data))*4096))
	coded := f.bytes(f.uint("coded rest", uint64(len(data))), "coded rest")
	if f.err != nil {
		return nil, f.err
	}
	if f.at != uint64(len(data)) {
		return nil, byteio.Errorf(f.at, "trailer", "%d bytes behind it that are none of ours", uint64(len(data))-f.at)
	}
	if size > 0 {
		rest, err := codec.Decode(coded, int(size), restParams)
		if err != nil {
			return nil, err
		}
		t.rest = rest
	}
	return t, nil
}

// rebuild puts image and rest where the image's own headers say.
func rebuild(image, prefix []byte, first uint64, t *trailer) ([]byte, error) {
	v := byteio.View{Data: prefix, Order: binary.LittleEndian}
	at, err := v.U32(t.table, "offset of the ELF header")
	if err != nil {
		return nil, err
	}
	iv := byteio.View{Data: image, Order: binary.LittleEndian}
	ehdr, err := iv.Slice(uint64(at), 64, "ELF header in the image")
	if err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	table, err := iv.Table(uint64(at)+le.Uint64(ehdr[32:]), uint64(le.Uint16(ehdr[56:])), 56, "program headers in the image")
	if err != nil {
		return nil, err
	}
	out := make([]byte, t.size)
	var loads []programHeader
	for b := table; len(b) >= 56; b = b[56:] {
		h := programHeader{Type: le.Uint32(b), Offset: le.Uint64(b[8:]), Vaddr: le.Uint64(b[16:]), Filesz: le.Uint64(b[32:]), Memsz: le.Uint64(b[40:])}
		if h.Type != ptLoad || h.Memsz == 0 {
			continue
		}
		if h.Vaddr < first || !rangeIn(image, h.Vaddr-first, h.Filesz) || !rangeIn(out, h.Offset, h.Filesz) {
			return nil, errDamaged("segment of %#x bytes at %#x is not in the image", h.Filesz, h.Vaddr)
		}
		copy(out[h.Offset:], image[h.Vaddr-first:][:h.Filesz])
		loads = append(loads, h)
	}
	rest := t.rest
	for _, g := range gaps(loads, t.size) {
		if g[1]-g[0] > uint64(len(rest)) {
			return nil, errDamaged("%d bytes at %#x are missing", g[1]-g[0], g[0])
		}
		rest = rest[copy(out[g[0]:g[1]], rest):]
	}
	if len(rest) != 0 {
		return nil, errDamaged("%d bytes too many", len(rest))
	}
	return out, nil
}

// refuseOverlay finds what lies behind everything that headers describe: the
// payload of a self-extractor or an archive, which its program would look for
// in the packed file in vain.
func (p *program) refuseOverlay() error {
	le := binary.LittleEndian
	end := le.Uint64(p.data[32:]) + uint64(len(p.headers))*56
	for _, h := range p.headers {
		end = max(end, h.Offset+h.Filesz)
	}
	shoff, shnum := le.Uint64(p.data[40:]), uint64(le.Uint16(p.data[60:]))
	size := uint64(len(p.data))
	if shoff != 0 && shoff <= size && shnum*64 <= size-shoff {
		end = max(end, shoff+shnum*64)
		for i := range shnum {
			b := p.data[shoff+i*64:]
			off, n := le.Uint64(b[24:]), le.Uint64(b[32:])
			if le.Uint32(b[4:]) != 8 && off <= size && n <= size-off {
				end = max(end, off+n)
			}
		}
	}
	for end < size && end%16 != 0 && p.data[end] == 0 { // alignment
		end++
	}
	if end < size {
		return refuse("", "%d bytes are appended behind the program (at %#x): it would not find them in the packed file", size-end, end)
	}
	return nil
}
