package objfile

// The Wasm binary format below sections: numbers, types, constant expressions.

import (
	"unicode/utf8"

	"github.com/minsize/minsize/internal/byteio"
)

// wasmReader reads forward; the first error sticks and all later reads answer
// zero, so that only loops have to look at it.
type wasmReader struct {
	v       byteio.View
	at, end uint64
	err     error
}

func (r *wasmReader) fail(what, format string, args ...any) {
	if r.err == nil {
		r.err = byteio.Errorf(r.v.Base+r.at, what, format, args...)
	}
}

func (r *wasmReader) peek() byte {
	if r.err != nil || r.at >= r.end {
		return 0
	}
	return r.v.Data[r.at]
}

func (r *wasmReader) byte(what string) byte {
	if r.err != nil {
		return 0
	}
	if r.at >= r.end {
		r.fail(what, "1 byte wanted, 0 there")
		return 0
	}
	r.at++
	return r.v.Data[r.at-1]
}

// leb reads LEB128 of at most bits bits (5.2.2); the value is not sign-extended.
func (r *wasmReader) leb(bits uint, what string) (value uint64, shift uint, last byte) {
	if r.err != nil {
		return 0, 0, 0
	}
	if r.at < r.end && r.v.Data[r.at] < 0x80 { // nearly always
		r.at++
		return uint64(r.v.Data[r.at-1]), 7, r.v.Data[r.at-1]
	}
	for at := r.at; at < r.end && shift < bits; at++ {
		b := r.v.Data[at]
		value |= uint64(b&0x7f) << shift
		shift += 7
		if b&0x80 == 0 {
			r.at = at + 1
			return value, shift, b
		}
	}
	r.fail(what, "a LEB128 number that does not end within %d bits", bits)
	return 0, 0, 0
}

func (r *wasmReader) u32(what string) uint32 {
	value, _, _ := r.leb(32, what)
	if value > 1<<32-1 {
		r.fail(what, "%d does not fit 32 bits", value)
		return 0
	}
	return uint32(value)
}

func (r *wasmReader) signed(bits uint, what string) int64 {
	value, shift, last := r.leb(bits, what)
	if shift < 64 && last&0x40 != 0 {
		value |= ^uint64(0) << shift
	}
	return int64(value)
}

func (r *wasmReader) name(what string) string {
	size := uint64(r.u32(what))
	if r.err == nil && size > r.end-r.at {
		r.fail(what, "%d bytes wanted, %d there", size, r.end-r.at)
	}
	if r.err != nil {
		return ""
	}
	b := r.v.Data[r.at : r.at+size]
	if !utf8.Valid(b) {
		r.fail(what, "not UTF-8")
		return ""
	}
	r.at += size
	return view(b)
}

// vector reads a count and calls entry for each, until the first error. Every
// entry takes a byte at least, so the count is bounded by what is left.
// peekCount is the count that a vector begins with; what is damaged is told by
// who reads it.
func (r *wasmReader) peekCount() uint64 {
	n, _, err := r.v.Uleb128(r.at, "count")
	if err != nil {
		return 0
	}
	return n
}

func (r *wasmReader) vector(what string, entry func(i int)) {
	count := uint64(r.u32(what + " count"))
	if r.err == nil && count > r.end-r.at {
		r.fail(what+" count", "%d entries in %d bytes", count, r.end-r.at)
	}
	for i := 0; r.err == nil && uint64(i) < count; i++ {
		entry(i)
	}
}

// WasmValue is the first byte of a value type (5.3.5).
type WasmValue byte

func (v WasmValue) String() string {
	switch v {
	case 0x7f:
		return "i32"
	case 0x7e:
		return "i64"
	case 0x7d:
		return "f32"
	case 0x7c:
		return "f64"
	case 0x7b:
		return "v128"
	case 0x70:
		return "funcref"
	case 0x6f:
		return "externref"
	}
	return "?"
}

// valType reads a value type; reference types with a heap type have an
// immediate.
func (r *wasmReader) valType() WasmValue {
	t := r.byte("value type")
	switch {
	case t == 0x63 || t == 0x64: // ref null ht, ref ht
		r.signed(33, "heap type")
	case r.err == nil && (t < 0x5e || t > 0x7f):
		r.at--
		r.fail("value type", "unknown type %#x", t)
	}
	return WasmValue(t)
}

func (r *wasmReader) tableType() {
	r.valType()
	r.limits()
}

// limits reads limits of tables and memories with the flags of the threads,
// 64-bit memory and page size proposals.
func (r *wasmReader) limits() {
	flags := r.byte("limits")
	if flags > 15 {
		r.at--
		r.fail("limits", "unknown flags %#x", flags)
		return
	}
	r.leb(64, "minimum")
	if flags&1 != 0 {
		r.leb(64, "maximum")
	}
	if flags&8 != 0 {
		r.u32("page size")
	}
}

// recType reads an entry of the type section (5.3.11 and 5.3.12).
func (r *wasmReader) recType() {
	if r.peek() == 0x4e {
		r.at++
		r.vector("recursive type", func(int) { r.subType() })
		return
	}
	r.subType()
}

func (r *wasmReader) supertypes() {
	if b := r.peek(); b == 0x50 || b == 0x4f {
		r.at++
		r.vector("supertype", func(int) { r.u32("type index") })
	}
}

func (r *wasmReader) subType() {
	r.supertypes()
	switch b := r.byte("composite type"); b {
	case 0x60:
		r.vector("parameter", func(int) { r.valType() })
		r.vector("result", func(int) { r.valType() })
	case 0x5f:
		r.vector("field", func(int) { r.fieldType() })
	case 0x5e:
		r.fieldType()
	default:
		r.at--
		r.fail("composite type", "unknown form %#x", b)
	}
}

func (r *wasmReader) fieldType() {
	if b := r.peek(); b == 0x77 || b == 0x78 { // packed i16, i8
		r.at++
	} else {
		r.valType()
	}
	r.byte("mutability")
}

// expr reads a constant expression (3.4.16) to its end.
func (r *wasmReader) expr() WasmExpr {
	var x WasmExpr
	count := 0
	for r.err == nil {
		op := r.byte("constant expression")
		count++
		switch op {
		case 0x0b:
			x.Plain = x.Const && count == 2
			return x
		case 0x41, 0x42: // i32.const, i64.const
			value := r.signed(32<<(op-0x41), "constant")
			if count == 1 {
				x.Value, x.Const = value, true
			}
		case 0x43:
			r.skip(4, "f32.const")
		case 0x44:
			r.skip(8, "f64.const")
		case 0x23:
			x.Globals = append(x.Globals, r.u32("global index"))
		case 0xd0:
			r.signed(33, "heap type")
		case 0xd2:
			x.Funcs = append(x.Funcs, r.u32("function index"))
		case 0x6a, 0x6b, 0x6c, 0x7c, 0x7d, 0x7e: // add, sub, mul
		case 0xfd:
			if sub := r.u32("vector instruction"); sub != 12 {
				r.fail("constant expression", "vector instruction %d", sub)
			}
			r.skip(16, "v128.const")
		case 0xfb:
			switch sub := r.u32("GC instruction"); sub {
			case 0, 1, 6, 7: // struct.new, struct.new_default, array.new, array.new_default
				x.Types = append(x.Types, r.u32("type index"))
			case 8: // array.new_fixed
				x.Types = append(x.Types, r.u32("type index"))
				r.u32("count")
			case 26, 27, 28: // any.convert_extern, extern.convert_any, ref.i31
			default:
				r.fail("constant expression", "GC instruction %d", sub)
			}
		default:
			r.at--
			r.fail("constant expression", "instruction %#x is not constant", op)
		}
	}
	return x
}

func (r *wasmReader) skip(n uint64, what string) {
	if r.err == nil && n > r.end-r.at {
		r.fail(what, "%d bytes wanted, %d there", n, r.end-r.at)
		return
	}
	r.at += n
}
