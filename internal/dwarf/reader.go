package dwarf

import (
	"bytes"
	"encoding/binary"
	"unsafe"
)

// reader reads forward in one section; past its end it answers zero and bad
// sticks, so that only loops have to look at it.
type reader struct {
	data []byte
	at   uint64
	end  uint64
	big  bool
	bad  bool
}

func (d *Data) reader(data []byte, at uint64, _ string) reader {
	return reader{data: data, at: at, end: uint64(len(data)), big: d.big}
}

// take returns the next n bytes, nil when there are not so many.
func (r *reader) take(n uint64) []byte {
	if r.at > r.end || n > r.end-r.at {
		r.bad = true
		r.at = r.end
		return nil
	}
	b := r.data[r.at : r.at+n]
	r.at += n
	return b
}

func (r *reader) skip(n uint64) {
	if r.at > r.end || n > r.end-r.at {
		r.bad = true
		r.at = r.end
		return
	}
	r.at += n
}

func (r *reader) u8() uint8 {
	if r.at >= r.end {
		r.bad = true
		return 0
	}
	r.at++
	return r.data[r.at-1]
}

func (r *reader) u16() uint16 {
	b := r.take(2)
	switch {
	case b == nil:
		return 0
	case r.big:
		return binary.BigEndian.Uint16(b)
	}
	return binary.LittleEndian.Uint16(b)
}

func (r *reader) u24() uint32 {
	b := r.take(3)
	switch {
	case b == nil:
		return 0
	case r.big:
		return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2])
	}
	return uint32(b[2])<<16 | uint32(b[1])<<8 | uint32(b[0])
}

func (r *reader) u32() uint32 {
	b := r.take(4)
	switch {
	case b == nil:
		return 0
	case r.big:
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}

func (r *reader) u64() uint64 {
	b := r.take(8)
	switch {
	case b == nil:
		return 0
	case r.big:
		return binary.BigEndian.Uint64(b)
	}
	return binary.LittleEndian.Uint64(b)
}

// offset reads a number of 2, 4 or 8 bytes.
func (r *reader) offset(size uint8) uint64 {
	switch size {
	case 8:
		return r.u64()
	case 4:
		return uint64(r.u32())
	case 2:
		return uint64(r.u16())
	}
	return uint64(r.u8())
}

func (r *reader) uleb() uint64 {
	if r.at < r.end { // most have one byte
		if b := r.data[r.at]; b < 0x80 {
			r.at++
			return uint64(b)
		}
	}
	var n uint64
	for shift := uint(0); shift < 70; shift += 7 {
		b := r.u8()
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
	r.bad = true
	return 0
}

func (r *reader) sleb() int64 {
	var n int64
	for shift := uint(0); shift < 70; shift += 7 {
		b := r.u8()
		n |= int64(b&0x7f) << shift
		if b < 0x80 {
			if b&0x40 != 0 && shift+7 < 64 {
				n |= -1 << (shift + 7)
			}
			return n
		}
	}
	r.bad = true
	return 0
}

// cstring reads up to the next NUL, as a view.
func (r *reader) cstring() string {
	if r.at >= r.end {
		r.bad = true
		return ""
	}
	b := r.data[r.at:r.end]
	n := bytes.IndexByte(b, 0)
	if n < 0 {
		r.bad = true
		r.at = r.end
		return ""
	}
	r.at += uint64(n) + 1
	return view(b[:n])
}

// view is b as a string that shares its memory: the mapping outlives it.
func view(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return unsafe.String(&b[0], len(b))
}

// stringAt is the NUL-terminated string at off of a string section.
func stringAt(section []byte, off uint64) string {
	if off >= uint64(len(section)) {
		return ""
	}
	b := section[off:]
	n := bytes.IndexByte(b, 0)
	if n < 0 {
		return ""
	}
	return view(b[:n])
}
