package pack

import (
	"bytes"
	"encoding/binary"
	"maps"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/pack/codec"
)

// A transform takes out of the image what can be computed from the rest, in
// place: the bytes that it saves become zeros, which cost the coder next to
// nothing, and no address moves. What it must know to put them back is its
// argument, stored before the image; its inverse exists twice, here and as an
// operation of the stub (stub/src/op_*.c).
//
// Where the input is not in the form that linkers give it, apply says so, and
// the image, which it may have spoiled, is loaded again.
type transform struct {
	id     uint8 // in the file; never reused
	name   string
	part   string     // of the stub
	border int        // bytes that it must save a fast coder, see lean.go
	arch   codec.Arch // NoCode: any
	apply  func(p *program, image []byte) (arg []byte, ok bool)
	undo   func(image, arg []byte) error
}

// transforms in the order of packing; the stub undoes them in reverse. The
// last one, the branch filter, belongs to LZMA: XLZ has it in its decoder.
var transforms = []*transform{
	{1, "relative relocations", "op-rela", 190, codec.NoCode, applyRela, undoRela},
	{2, "unwind tables", "op-ehframe", 320, codec.NoCode, applyEHFrame, undoEHFrame},
	{3, "GNU symbol hash", "op-gnuhash", 380, codec.NoCode, applyGNUHash, undoGNUHash},
	{4, "x86-64 addresses", "op-x86", 0, codec.X86_64, nil, nil},
	{5, "aarch64 addresses", "op-aarch64", 0, codec.AArch64, nil, nil},
	{opBaseRelocations, "base relocations", "", 0, codec.NoCode, nil, nil},
	{7, "resources", "", 0, codec.NoCode, nil, nil},
	{8, "unwind tables", "", 0, codec.NoCode, nil, nil},
}

// opBaseRelocations and the one behind it are what Windows programs have: the
// stub does them without a table.
const opBaseRelocations = 6

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

// filterRegions reads what filterArg wrote, and says how long it is.
func filterRegions(arg []byte, size int) ([]codec.Region, uint64, error) {
	f := fields{view: byteio.View{Data: arg}}
	n := f.uint("code regions", uint64(len(arg)))
	var regions []codec.Region
	at := uint64(0)
	for range n {
		start := at + f.uint("code region's gap", uint64(size))
		end := start + f.uint("code region's size", uint64(size))
		if f.err == nil && end > uint64(size) {
			return nil, 0, errDamaged("code region %#x..%#x in an image of %#x bytes", start, end, size)
		}
		regions = append(regions, codec.Region{Start: uint32(start), End: uint32(end)})
		at = end
	}
	return regions, f.at, f.err
}

// transform applies all transforms but those without to the image that it
// loads behind room bytes. They are undone on a copy, as the stub will: what
// does not come back is left out.
func (p *program) transform(room int, without map[string]bool) (buffer []byte, ops []operation) {
	skip := maps.Clone(without)
	if skip == nil {
		skip = map[string]bool{}
	}
	buffer = p.load(room)
	image := buffer[room:]
	for {
		ops = ops[:0]
		failed := ""
		for _, t := range transforms {
			if t.arch != codec.NoCode && t.arch != p.arch || t.apply == nil || skip[t.name] {
				continue
			}
			arg, ok := t.apply(p, image)
			if !ok {
				failed = t.name
				break
			}
			ops = append(ops, operation{t, arg})
		}
		if failed == "" {
			if len(ops) == 0 || p.proves(image, ops) {
				return buffer, ops
			}
			// The last one that does not come back by itself, else the last.
			failed = ops[len(ops)-1].name
			for _, op := range ops {
				p.reload(image)
				if arg, ok := op.apply(p, image); ok && !p.proves(image, []operation{{op.transform, arg}}) {
					failed = op.name
				}
			}
		}
		skip[failed] = true
		p.reload(image)
	}
}

// proves undoes operations on a copy and compares.
func (p *program) proves(image []byte, ops []operation) bool {
	back := bytes.Clone(image)
	for i := len(ops) - 1; i >= 0; i-- {
		if ops[i].undo(back, ops[i].arg) != nil {
			return false
		}
	}
	return p.isLoaded(back)
}

// rangeIn says whether n bytes at off lie within image.
func rangeIn(image []byte, off, n uint64) bool {
	end, ok := byteio.Add(off, n)
	return ok && end <= uint64(len(image))
}
