package pack

import (
	"encoding/binary"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/pack/codec"
)

// The way back, for `minsize unpack` and for analyses of packed files. It
// never runs the stub: it reads header, payload and trailer by the same
// tables as the packer, and trusts none of them.

// Unpack returns the original file, byte for byte. Memory is bounded by the
// larger of the sizes that the header and the trailer give, which must not be
// over 256 MiB or out of proportion to the file.
func Unpack(data []byte) ([]byte, error) {
	h, err := readHeader(data)
	if err != nil {
		return nil, err
	}
	return unpack(data, h, true)
}

// unpack is Unpack behind the header; sums says whether the stream's sum is
// compared, which only fuzzing leaves out.
func unpack(data []byte, h *header, sums bool) ([]byte, error) {
	at := headerOf(data)
	b := data[at:]
	params := codec.Params{Method: codec.Method(h.method), Layout: codec.Layout{Arch: codec.Arch(h.machine), Base: h.prefix}}
	lead := b[h.payload:h.packed]
	if uint64(h.stream) > maxImage || uint64(h.stream) > 1<<24+uint64(len(data))*4096 {
		return nil, errDamaged("a stream of %d bytes in a file of %d", h.stream, len(data))
	}
	switch params.Method {
	case codec.LZMA:
		if len(lead) < 3 {
			return nil, errDamaged("no coder parameters")
		}
		params.LC, params.LP, params.PB = lead[0], lead[1], lead[2]
		lead = append([]byte{0}, lead[3:]...)
	case codec.XLZ, codec.Mix:
		if len(lead) < 2 {
			return nil, errDamaged("no coder parameters")
		}
		params.Small = lead[0] != 0
		lead = lead[2:]
		for {
			if len(lead) < 4 {
				return nil, errDamaged("the list of code regions does not end")
			}
			start := binary.LittleEndian.Uint32(lead)
			if start == 0xffffffff {
				lead = lead[4:]
				break
			}
			if len(lead) < 8 {
				return nil, errDamaged("the list of code regions does not end")
			}
			params.Layout.Regions = append(params.Layout.Regions, codec.Region{Start: start, End: binary.LittleEndian.Uint32(lead[4:])})
			lead = lead[8:]
		}
	}
	stream, err := codec.Decode(lead, int(h.stream), params)
	if err != nil {
		return nil, err
	}
	if len(stream) < 8 {
		return nil, errDamaged("a stream of %d bytes", len(stream))
	}
	if sum := checksum(stream); sums && sum != h.streamCheck {
		return nil, errDamaged("the unpacked stream's checksum is %#x, not %#x", sum, h.streamCheck)
	}
	if h.flags&flagWindows != 0 {
		return unpackWindows(stream, data, at, h, params)
	}
	prefix, image := stream[:h.prefix], stream[h.prefix:]
	if params.Method == codec.XLZ {
		params.Layout.Unfilter(stream)
	}
	trailer, err := readTrailer(data, uint64(at)+uint64(h.packed), h)
	if err != nil {
		return nil, err
	}
	if err := undoOperations(prefix, image, trailer, params.Layout.Arch); err != nil {
		return nil, err
	}
	return rebuild(image, prefix, h.address, trailer)
}

// Inspect reports on a packed file as Pack did when it made it; it unpacks the
// file in memory, so that every sum is checked.
func Inspect(data []byte) (*Report, error) {
	h, err := readHeader(data)
	if err != nil {
		return nil, err
	}
	out, err := Unpack(data)
	if err != nil {
		return nil, err
	}
	at := headerOf(data)
	end := uint64(at) + uint64(h.packed)
	t, err := readTrailer(data, end, h)
	if err != nil {
		return nil, err
	}
	method := codec.Method(h.method)
	stub := int(h.payload) - headerSize
	if h.flags&flagWindows != 0 {
		stub -= windowsSize
	}
	r := &Report{Machine: h.port().name(), Method: method.String(), Input: len(out), Output: len(data),
		Headers: len(data) - int(t.end) + at + int(h.payload) - stub, Stub: stub, Payload: int(h.packed - h.payload), Rest: int(t.end - end),
		Startup: estimateStartup(method, int(h.stream))}
	for _, id := range t.operations {
		for _, known := range transforms {
			if known.id == id {
				r.Transforms = append(r.Transforms, known.name)
			}
		}
	}
	return r, nil
}

// undoOperations runs the table in the prefix, in its order.
func undoOperations(prefix, image []byte, t *trailer, arch codec.Arch) error {
	v := byteio.View{Data: prefix, Order: binary.LittleEndian}
	for i, id := range t.operations {
		arg, err := v.U32(t.table+4+uint64(i)*8+4, "operation's argument")
		if err != nil {
			return err
		}
		if uint64(arg) > v.Len() {
			return errDamaged("argument of operation %d at %#x", i, arg)
		}
		var found *transform
		for _, known := range transforms {
			if known.id == id {
				found = known
			}
		}
		switch {
		case found == nil:
			return errDamaged("unknown operation %d", id)
		case found.undo != nil:
			err = found.undo(image, prefix[arg:])
		case found.arch == codec.NoCode:
			return errDamaged("operation %d is not for ELF programs", id)
		default:
			layout := codec.Layout{Arch: found.arch}
			layout.Regions, _, err = filterRegions(prefix[arg:], len(image))
			if err == nil {
				err = layout.Check(len(image))
			}
			if err == nil {
				layout.Unfilter(image)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}
