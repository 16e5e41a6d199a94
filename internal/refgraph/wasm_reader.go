package refgraph

import (
	"fmt"
	"strings"
	"unsafe"

	"github.com/minsize/minsize/internal/byteio"
)

// wasmReader walks the entries of one section. The first error sticks; reads
// after it return zero.
type wasmReader struct {
	m       *wasmModule
	at, end uint64
	err     error
}

func (r *wasmReader) u8(what string) byte {
	if r.err == nil && r.at >= r.end {
		r.err = byteio.Errorf(r.at, what, "%s", "the section ends before it")
	}
	if r.err != nil {
		return 0
	}
	r.at++
	return r.m.v.Data[r.at-1]
}

func (r *wasmReader) u64(what string) uint64 {
	if r.err == nil && r.at < r.end && r.m.v.Data[r.at] < 0x80 {
		r.at++
		return uint64(r.m.v.Data[r.at-1])
	}
	if r.err != nil {
		return 0
	}
	value, next, err := r.m.v.Uleb128(r.at, what)
	if err == nil && next > r.end {
		err = byteio.Errorf(r.at, what, "%s", "the section ends within it")
	}
	if err != nil {
		r.err = err
		return 0
	}
	r.at = next
	return value
}

func (r *wasmReader) u32(what string) uint32 {
	at := r.at
	v := r.u64(what)
	if v > 0xffffffff {
		r.err = byteio.Errorf(at, what, "%d does not fit 32 bits", v)
		return 0
	}
	return uint32(v)
}

func (r *wasmReader) s64(what string) int64 {
	if r.err != nil {
		return 0
	}
	value, next, err := r.m.v.Sleb128(r.at, what)
	if err == nil && next > r.end {
		err = byteio.Errorf(r.at, what, "%s", "the section ends within it")
	}
	if err != nil {
		r.err = err
		return 0
	}
	r.at = next
	return value
}

func (r *wasmReader) skip(n uint64, what string) {
	if r.err == nil && n > r.end-r.at {
		r.err = byteio.Errorf(r.at, what, "%d bytes wanted, %d there", n, r.end-r.at)
	}
	if r.err == nil {
		r.at += n
	}
}

// name reads a name; it shares the module's memory.
func (r *wasmReader) name(what string) string {
	n := uint64(r.u32(what))
	start := r.at
	r.skip(n, what)
	if r.err != nil || n == 0 {
		return ""
	}
	return unsafe.String(unsafe.SliceData(r.m.v.Data[start:]), n)
}

// valueType reads a value or reference type and returns its name.
func (r *wasmReader) valueType() string {
	switch t := r.s64("value type"); t {
	case -1:
		return "i32"
	case -2:
		return "i64"
	case -3:
		return "f32"
	case -4:
		return "f64"
	case -5:
		return "v128"
	case -0x10:
		return "funcref"
	case -0x11:
		return "externref"
	case -0x1c, -0x1d:
		r.s64("heap type")
		return "?"
	default:
		return "?"
	}
}

// limits reads the limits of a memory or table (core specification, 5.3.10).
func (r *wasmReader) limits() {
	flags := r.u8("limits flags")
	r.u64("minimum")
	if flags&1 != 0 {
		r.u64("maximum")
	}
	if flags&8 != 0 { // custom page sizes
		r.u32("page size")
	}
}

func (r *wasmReader) tableEntry() {
	if r.err == nil && r.at < r.end && r.m.v.Data[r.at] == 0x40 { // with an initial value
		r.at += 2
		r.valueType()
		r.limits()
		r.expression()
		return
	}
	r.valueType()
	r.limits()
}

// expression reads a constant expression up to and with its end and returns
// where it stands.
func (r *wasmReader) expression() (from, to uint64) {
	from = r.at
	for r.err == nil {
		at := r.at
		switch op := r.u8("constant expression"); op {
		case 0x0b:
			return from, r.at
		case 0x41, 0x42, 0xd0:
			r.s64("constant")
		case 0x43:
			r.skip(4, "constant")
		case 0x44:
			r.skip(8, "constant")
		case 0x23, 0xd2:
			r.u32("index")
		case 0x6a, 0x6b, 0x6c, 0x7c, 0x7d, 0x7e: // extended constants
		case 0xfd:
			if sub := r.u32("opcode"); sub != 12 && r.err == nil {
				r.err = byteio.Errorf(at, "constant expression", "unknown opcode 0xfd %d", sub)
			}
			r.skip(16, "constant")
		case 0xfb:
			switch sub := r.u32("opcode"); sub {
			case 0, 1, 6, 7:
				r.u32("type index")
			case 8:
				r.u32("type index")
				r.u32("number of elements")
			case 26, 27, 28:
			default:
				if r.err == nil {
					r.err = byteio.Errorf(at, "constant expression", "unknown opcode 0xfb %d", sub)
				}
			}
		default:
			if r.err == nil {
				r.err = byteio.Errorf(at, "constant expression", "unknown opcode %#02x", op)
			}
		}
	}
	return from, from
}

// typeEntry reads one recursive group and returns Twiggy's name of it, and how
// many types it defines.
func (r *wasmReader) typeEntry(i uint64) (string, int) {
	count := uint32(1)
	explicit := r.err == nil && r.at < r.end && r.m.v.Data[r.at] == 0x4e
	if explicit {
		r.at++
		count = r.u32("number of types in the group")
	}
	name, types := "", 0
	for j := uint32(0); j < count && r.err == nil; j++ {
		name = r.subType()
		types++
	}
	if explicit || name == "" {
		return fmt.Sprintf("type[%d]", i), types
	}
	return fmt.Sprintf("type[%d]: %s", i, name), types
}

func (r *wasmReader) subType() string {
	form := r.u8("type form")
	if form == 0x50 || form == 0x4f {
		supers := r.u32("number of supertypes")
		for j := uint32(0); j < supers && r.err == nil; j++ {
			r.u32("supertype")
		}
		form = r.u8("type form")
	}
	field := func() {
		if r.err == nil && r.at < r.end && (r.m.v.Data[r.at] == 0x78 || r.m.v.Data[r.at] == 0x77) {
			r.at++ // packed types
		} else {
			r.valueType()
		}
		r.u8("field mutability")
	}
	switch form {
	case 0x60:
		list := func(what string) []string {
			n := r.u32(what)
			var out []string
			for j := uint32(0); j < n && r.err == nil; j++ {
				out = append(out, r.valueType())
			}
			return out
		}
		params, results := list("number of parameters"), list("number of results")
		result := "nil"
		switch len(results) {
		case 0:
		case 1:
			result = results[0]
		default:
			result = "(" + strings.Join(results, ", ") + ")"
		}
		return "(" + strings.Join(params, ", ") + ") -> " + result
	case 0x5f:
		n := r.u32("number of fields")
		for j := uint32(0); j < n && r.err == nil; j++ {
			field()
		}
	case 0x5e:
		field()
	default:
		if r.err == nil {
			r.err = byteio.Errorf(r.at-1, "type form", "expected func, struct or array but got %#02x", form)
		}
	}
	return ""
}

// importEntry reads one import and returns its name and its index space.
func (r *wasmReader) importEntry() (string, *[]int32) {
	name := "import " + r.name("import module") + "::" + r.name("import name")
	switch kind := r.u8("import kind"); kind {
	case 0:
		r.u32("type index")
		return name, &r.m.functions
	case 1:
		r.tableEntry()
		return name, &r.m.tables
	case 2:
		r.limits()
		return name, &r.m.memories
	case 3:
		r.valueType()
		r.u8("global mutability")
		return name, &r.m.globals
	case 4:
		r.u8("tag attribute")
		r.u32("type index")
	default:
		if r.err == nil {
			r.err = byteio.Errorf(r.at-1, "import kind", "expected at most 4 but got %d", kind)
		}
	}
	return name, nil
}
