// Package byteio holds the bounded ways in and out of a file: checked reads of
// untrusted bytes, checked arithmetic, memory-mapped input and transactional
// output.
//
// The lesson of every file parser that was ever fuzzed is that a count or an
// offset is an attacker's number until it was compared with what is there.
// So no parser here indexes a slice by itself: it asks a View, which answers
// with the bytes or with an *Error that names the offset and the field.
package byteio

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// Error says that bytes could not be read as what they should be.
// Offset is in bytes from the start of the file.
type Error struct {
	Offset uint64
	What   string // the standard's name of the field or table
	Detail string // expected X but got Y
}

func (e *Error) Error() string {
	return fmt.Sprintf("offset %#x: %s: %s", e.Offset, e.What, e.Detail)
}

// Errorf makes an *Error.
func Errorf(offset uint64, what, format string, args ...any) error {
	return &Error{Offset: offset, What: what, Detail: fmt.Sprintf(format, args...)}
}

// View is a window on a file's bytes in one byte order.
// Base is the file offset of Data[0], so that errors name file offsets
// even when the view covers one archive member or one fat slice.
type View struct {
	Data  []byte
	Base  uint64
	Order binary.ByteOrder
}

// Len returns the number of bytes in view.
func (v View) Len() uint64 { return uint64(len(v.Data)) }

// Slice returns the n bytes at off, never a copy.
func (v View) Slice(off, n uint64, what string) ([]byte, error) {
	end, ok := Add(off, n)
	if !ok || end > uint64(len(v.Data)) {
		return nil, Errorf(v.Base+off, what, "%d bytes wanted, %d there", n, saturatingSub(uint64(len(v.Data)), off))
	}
	return v.Data[off:end:end], nil
}

// Sub is Slice as a View.
func (v View) Sub(off, n uint64, what string) (View, error) {
	b, err := v.Slice(off, n, what)
	if err != nil {
		return View{}, err
	}
	return View{Data: b, Base: v.Base + off, Order: v.Order}, nil
}

// Table returns count records of size bytes each at off; the product is
// checked before anything is touched.
func (v View) Table(off, count, size uint64, what string) ([]byte, error) {
	n, ok := Mul(count, size)
	if !ok {
		return nil, Errorf(v.Base+off, what, "%d entries of %d bytes overflow", count, size)
	}
	return v.Slice(off, n, what)
}

// U8 reads one byte at off.
func (v View) U8(off uint64, what string) (uint8, error) {
	b, err := v.Slice(off, 1, what)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

// U16 reads two bytes at off in the view's order.
func (v View) U16(off uint64, what string) (uint16, error) {
	b, err := v.Slice(off, 2, what)
	if err != nil {
		return 0, err
	}
	return v.Order.Uint16(b), nil
}

// U32 reads four bytes at off in the view's order.
func (v View) U32(off uint64, what string) (uint32, error) {
	b, err := v.Slice(off, 4, what)
	if err != nil {
		return 0, err
	}
	return v.Order.Uint32(b), nil
}

// U64 reads eight bytes at off in the view's order.
func (v View) U64(off uint64, what string) (uint64, error) {
	b, err := v.Slice(off, 8, what)
	if err != nil {
		return 0, err
	}
	return v.Order.Uint64(b), nil
}

// CString reads the bytes at off up to, not including, the next NUL.
// The string shares the view's memory's content but is a copy.
func (v View) CString(off uint64, what string) (string, error) {
	if off >= uint64(len(v.Data)) {
		return "", Errorf(v.Base+off, what, "string starts %d bytes past the end", off-uint64(len(v.Data)))
	}
	for i := off; i < uint64(len(v.Data)); i++ {
		if v.Data[i] == 0 {
			return string(v.Data[off:i]), nil
		}
	}
	return "", Errorf(v.Base+off, what, "string without its NUL")
}

// Uleb128 reads an unsigned LEB128 number (DWARF 5, section 7.6; Wasm core
// specification, section 5.2.2) and returns it with the offset behind it.
func (v View) Uleb128(off uint64, what string) (value, next uint64, err error) {
	var shift uint
	for i := off; i < uint64(len(v.Data)); i++ {
		b := v.Data[i]
		if shift >= 64 || shift == 63 && b&0x7e != 0 {
			return 0, off, Errorf(v.Base+off, what, "LEB128 number does not fit 64 bits")
		}
		value |= uint64(b&0x7f) << shift
		if b&0x80 == 0 {
			return value, i + 1, nil
		}
		shift += 7
	}
	return 0, off, Errorf(v.Base+off, what, "LEB128 number runs past the end")
}

// Sleb128 reads a signed LEB128 number and returns it with the offset behind it.
func (v View) Sleb128(off uint64, what string) (value int64, next uint64, err error) {
	var shift uint
	for i := off; i < uint64(len(v.Data)); i++ {
		b := v.Data[i]
		if shift >= 70 {
			return 0, off, Errorf(v.Base+off, what, "LEB128 number does not fit 64 bits")
		}
		if shift < 64 {
			value |= int64(b&0x7f) << shift
		}
		shift += 7
		if b&0x80 == 0 {
			if shift < 64 && b&0x40 != 0 {
				value |= -1 << shift
			}
			return value, i + 1, nil
		}
	}
	return 0, off, Errorf(v.Base+off, what, "LEB128 number runs past the end")
}

// Add returns a+b and whether it fits 64 bits.
func Add(a, b uint64) (uint64, bool) {
	s, carry := bits.Add64(a, b, 0)
	return s, carry == 0
}

// Mul returns a*b and whether it fits 64 bits.
func Mul(a, b uint64) (uint64, bool) {
	hi, lo := bits.Mul64(a, b)
	return lo, hi == 0
}

// AlignUp rounds n up to a multiple of align (0 and 1 mean none) and says
// whether it fits 64 bits.
func AlignUp(n, align uint64) (uint64, bool) {
	if align <= 1 {
		return n, true
	}
	r := n % align
	if r == 0 {
		return n, true
	}
	return Add(n, align-r)
}

func saturatingSub(a, b uint64) uint64 {
	if b > a {
		return 0
	}
	return a - b
}
