package pack

import (
	"encoding/binary"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/pack/codec"
)

// A transform takes out of the image what can be computed from the rest, in
// place: the bytes that it saves become zeros, which cost the coder next to
// nothing, and no address moves. What it must know to put them back is its
// argument, stored before the image; its inverse exists twice, here and as an
// operation of the stub (stub/src/op_*.c).
//
// Every apply proves itself: it runs undo and compares, and where the input
// is not in the form that linkers give it, the bytes stay as they are.
type transform struct {
	id    uint8 // in the file; never reused
	name  string
	part  string     // of the stub
	arch  codec.Arch // NoCode: any
	apply func(p *program, image []byte) (arg []byte, ok bool)
	undo  func(image, arg []byte) error
}

// transforms in the order of packing; the stub undoes them in reverse. The
// last one, the branch filter, belongs to LZMA: XLZ has it in its decoder.
var transforms = []*transform{
	{1, "relative relocations", "op-rela", codec.NoCode, applyRela, undoRela},
	{2, "unwind tables", "op-ehframe", codec.NoCode, applyEHFrame, undoEHFrame},
	{3, "GNU symbol hash", "op-gnuhash", codec.NoCode, applyGNUHash, undoGNUHash},
	{4, "x86-64 addresses", "op-x86", codec.X86_64, nil, nil},
	{5, "aarch64 addresses", "op-aarch64", codec.AArch64, nil, nil},
}

// filterArg describes regions to the filter's inverse: count, then per region
// the gap to the end of the last one and the size.
func filterArg(regions []codec.Region) []byte {
	arg := binary.AppendUvarint(nil, uint64(len(regions)))
	at := uint32(0)
	for _, r := range regions {
		arg = binary.AppendUvarint(arg, uint64(r.Start-at))
		arg = binary.AppendUvarint(arg, uint64(r.End-r.Start))
		at = r.End
	}
	return arg
}

func filterRegions(arg []byte, size int) ([]codec.Region, error) {
	f := fields{view: byteio.View{Data: arg}}
	n := f.uint("code regions", uint64(len(arg)))
	var regions []codec.Region
	at := uint64(0)
	for range n {
		start := at + f.uint("code region's gap", uint64(size))
		end := start + f.uint("code region's size", uint64(size))
		if f.err == nil && end > uint64(size) {
			return nil, errDamaged("code region %#x..%#x in an image of %#x bytes", start, end, size)
		}
		regions = append(regions, codec.Region{Start: uint32(start), End: uint32(end)})
		at = end
	}
	return regions, f.err
}

// dynamic is the part of PT_DYNAMIC that the transforms use.
func (p *program) dynamic() map[uint64]uint64 {
	for _, h := range p.headers {
		if h.Type != ptDynamic || h.Vaddr < p.first || h.Vaddr-p.first > uint64(len(p.image)) {
			continue
		}
		d := map[uint64]uint64{}
		b := p.image[h.Vaddr-p.first:]
		if h.Filesz < uint64(len(b)) {
			b = b[:h.Filesz]
		}
		for ; len(b) >= 16; b = b[16:] {
			tag := binary.LittleEndian.Uint64(b)
			if tag == 0 {
				break
			}
			d[tag] = binary.LittleEndian.Uint64(b[8:])
		}
		return d
	}
	return nil
}

// rangeIn says whether n bytes at off lie within image.
func rangeIn(image []byte, off, n uint64) bool {
	end, ok := byteio.Add(off, n)
	return ok && end <= uint64(len(image))
}
