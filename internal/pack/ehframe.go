package pack

import (
	"encoding/binary"
	"sort"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/objfile"
)

// Unwind tables. .eh_frame_hdr is an index of .eh_frame, sorted by address:
// it is dropped and rebuilt. In .eh_frame itself every entry names its common
// entry by a distance that grows and its function by a distance that looks
// random; the first becomes the common entry's place, the second the gap to
// the function before, mostly a few bytes of padding.
//
// Rejected: splitting the entries into columns, which gains little more once
// both fields are small and costs the stub a buffer.
//
// Source: Linux Standard Base Core 5.0, section 10.6; DWARF 5, section 6.4.1.

const ehFrameHeader = "\x01\x1b\x03\x3b" // version 1; pcrel sdata4, udata4, datarel sdata4

// applyEHFrame's argument: image offsets of .eh_frame_hdr and .eh_frame.
func applyEHFrame(p *program, image []byte) ([]byte, bool) {
	le := binary.LittleEndian
	for _, h := range p.headers {
		hdr := h.Vaddr - p.first
		if h.Type != objfile.PT_GNU_EH_FRAME || h.Vaddr < p.first || h.Filesz < 12 || !rangeIn(image, hdr, h.Filesz) || string(image[hdr:hdr+4]) != ehFrameHeader {
			continue
		}
		frame := hdr + 4 + uint64(int64(int32(le.Uint32(image[hdr+4:]))))
		count := uint64(le.Uint32(image[hdr+8:]))
		if frame >= uint64(len(image)) || !rangeIn(image, hdr, 12+count*8) || count < 4 {
			return nil, false
		}
		arg := binary.AppendUvarint(nil, hdr)
		arg = binary.AppendUvarint(arg, frame)
		if !walkEHFrame(image, frame, true, nil) {
			return nil, false
		}
		clear(image[hdr : hdr+12+count*8])
		return arg, true
	}
	return nil, false
}

// walkEHFrame converts every entry from the one at frame to the terminator,
// or back, and reports place and function of each in natural form.
func walkEHFrame(image []byte, frame uint64, forward bool, each func(place, function uint32)) bool {
	le := binary.LittleEndian
	end := uint32(0)
	for at := frame; ; {
		if !rangeIn(image, at, 4) {
			return false
		}
		length := uint64(le.Uint32(image[at:]))
		if length == 0 {
			return true
		}
		if length < 12 || length >= 0xfffffff0 || !rangeIn(image, at, 4+length) {
			return false
		}
		e := image[at : at+4+length]
		id := le.Uint32(e[4:])
		if id != 0 {
			// Natural: distance back from the field to its common entry;
			// converted: one more than the common entry's offset.
			location, place := le.Uint32(e[8:]), uint32(at)+4-uint32(frame)+1
			if forward && place == id {
				return false // would read as a common entry
			}
			le.PutUint32(e[4:], place-id)
			var function uint32
			if forward {
				function = location + uint32(at) + 8
				le.PutUint32(e[8:], function-end)
			} else {
				function = location + end
				le.PutUint32(e[8:], function-uint32(at)-8)
			}
			end = function + le.Uint32(e[12:])
			if each != nil {
				each(uint32(at), function)
			}
		}
		at += 4 + length
	}
}

func undoEHFrame(image, arg []byte) error {
	le := binary.LittleEndian
	f := fields{view: byteio.View{Data: arg}}
	size := uint64(len(image))
	hdr, frame := f.uint(".eh_frame_hdr", size), f.uint(".eh_frame", size)
	var index [][2]uint32 // function, entry, both from hdr
	ok := f.err == nil && walkEHFrame(image, frame, false, func(place, function uint32) {
		index = append(index, [2]uint32{function - uint32(hdr), place - uint32(hdr)})
	})
	if !ok || !rangeIn(image, hdr, 12+uint64(len(index))*8) {
		return errDamaged(".eh_frame does not end within the image")
	}
	sort.SliceStable(index, func(i, j int) bool { return int32(index[i][0]) < int32(index[j][0]) })
	h := image[hdr:]
	copy(h, ehFrameHeader)
	le.PutUint32(h[4:], uint32(frame-hdr-4))
	le.PutUint32(h[8:], uint32(len(index)))
	for i, v := range index {
		le.PutUint32(h[12+i*8:], v[0])
		le.PutUint32(h[16+i*8:], v[1])
	}
	return nil
}
