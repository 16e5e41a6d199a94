package strip

// Fat Mach-O files: a big-endian table of slices, each a thin file (or an
// archive) of one machine, aligned as its entry says (<mach-o/fat.h>).

import (
	"encoding/binary"
	"fmt"

	"github.com/minsize/minsize/internal/byteio"
)

const (
	fatMagic, fatMagic64 = 0xcafebabe, 0xcafebabf
	maxFatSlices         = 30 // Java classes have the same magic; there the field is the version, 45 and up
)

func isFat(data []byte) bool {
	if len(data) < 8 {
		return false
	}
	magic, n := binary.BigEndian.Uint32(data), binary.BigEndian.Uint32(data[4:])
	return (magic == fatMagic || magic == fatMagic64) && n > 0 && n <= maxFatSlices
}

type fatSlice struct {
	at           uint64 // of its entry
	cputype      uint32
	offset, size uint64
	align        uint32 // log2
}

func parseFat(data []byte) (slices []fatSlice, is64 bool, err error) {
	v := byteio.View{Data: data, Order: binary.BigEndian}
	is64 = binary.BigEndian.Uint32(data) == fatMagic64
	n := uint64(binary.BigEndian.Uint32(data[4:]))
	entry := uint64(20)
	if is64 {
		entry = 32
	}
	table, err := v.Table(8, n, entry, "fat_arch table")
	if err != nil {
		return nil, false, err
	}
	end := 8 + n*entry
	for i := range n {
		b := table[i*entry:]
		s := fatSlice{at: 8 + i*entry, cputype: binary.BigEndian.Uint32(b)}
		if is64 {
			s.offset, s.size, s.align = binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[16:]), binary.BigEndian.Uint32(b[24:])
		} else {
			s.offset, s.size, s.align = uint64(binary.BigEndian.Uint32(b[8:])), uint64(binary.BigEndian.Uint32(b[12:])), binary.BigEndian.Uint32(b[16:])
		}
		if s.align > 20 {
			return nil, false, byteio.Errorf(s.at, "align", "2^%d is no alignment", s.align)
		}
		if _, err := v.Slice(s.offset, s.size, "slice"); err != nil {
			return nil, false, err
		}
		if s.offset < end {
			return nil, false, byteio.Errorf(s.at, "offset", "slice %d overlaps what is before it", i)
		}
		end = s.offset + s.size
		slices = append(slices, s)
	}
	return slices, is64, nil
}

func planFat(data []byte, o Options, r *Report) (byteio.Content, error) {
	list, is64, err := parseFat(data)
	if err != nil {
		return nil, err
	}
	last := list[len(list)-1]
	if rest := data[last.offset+last.size:]; !allZero(rest) && !o.DropPayload {
		return nil, refuse("--drop-payload to lose it", "%d bytes of payload (%s) appended at offset %#x", len(rest), payloadKind(nil, rest), last.offset+last.size)
	} else if !allZero(rest) {
		r.remove(ReasonPayload, int64(len(rest)))
	}
	head := make([]byte, last.at+uint64(20+12*btoi(is64)))
	copy(head, data)
	content := byteio.Content{{Data: head}}
	at := uint64(len(head))
	for _, s := range list {
		f, err := formatOf(data[s.offset : s.offset+s.size])
		if err != nil || f.name != "Mach-O" {
			return nil, refuse("lipo -thin, and strip the slices", "a slice is no Mach-O program")
		}
		part := Report{Before: s.size}
		slice, err := f.plan(data[s.offset:s.offset+s.size], o, &part)
		if err != nil {
			return nil, fmt.Errorf("%s slice: %w", machoMachineName(s.cputype), err)
		}
		for why, n := range part.Removed {
			r.remove(why, n)
		}
		for _, n := range part.Notes {
			r.note("%s slice: %s", machoMachineName(s.cputype), n)
		}
		to := alignUp(at, 1<<s.align)
		content[len(content)-1].Zeros += to - at
		content = append(content, slice...)
		size := slice.Len()
		at = to + size
		b := head[s.at:]
		if is64 {
			binary.BigEndian.PutUint64(b[8:], to)
			binary.BigEndian.PutUint64(b[16:], size)
		} else {
			binary.BigEndian.PutUint32(b[8:], uint32(to))
			binary.BigEndian.PutUint32(b[12:], uint32(size))
		}
	}
	var sum int64
	for _, n := range r.Removed {
		sum += n
	}
	r.remove(ReasonPadding, int64(len(data))-int64(at)-sum)
	return content, nil
}
