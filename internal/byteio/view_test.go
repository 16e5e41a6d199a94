package byteio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// read is what one way of reading answered.
type read struct {
	value any
	err   error
}

// readings are all fixed-size ways into a view, with what the standard library
// reads there.
var readings = []struct {
	name string
	size uint64
	view func(v View, off uint64) read
	std  func(o binary.ByteOrder, b []byte) any
}{
	{"U8", 1, func(v View, off uint64) read { x, err := v.U8(off, "field"); return read{x, err} }, func(_ binary.ByteOrder, b []byte) any { return b[0] }},
	{"U16", 2, func(v View, off uint64) read { x, err := v.U16(off, "field"); return read{x, err} }, func(o binary.ByteOrder, b []byte) any { return o.Uint16(b) }},
	{"U32", 4, func(v View, off uint64) read { x, err := v.U32(off, "field"); return read{x, err} }, func(o binary.ByteOrder, b []byte) any { return o.Uint32(b) }},
	{"U64", 8, func(v View, off uint64) read { x, err := v.U64(off, "field"); return read{x, err} }, func(o binary.ByteOrder, b []byte) any { return o.Uint64(b) }},
}

// TestViewProperties: what is there reads as the standard library reads it,
// whatever is not there is an error that names its place in the file.
func TestViewProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "data")
		base := rapid.Uint64Range(0, 1<<40).Draw(t, "base")
		off := rapid.OneOf(rapid.Uint64Range(0, 48), rapid.Uint64Range(math.MaxUint64-8, math.MaxUint64)).Draw(t, "off")
		for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			v := View{Data: data, Base: base, Order: order}
			for _, r := range readings {
				got := r.view(v, off)
				there := off <= v.Len() && r.size <= v.Len()-off
				if !there {
					mustName(t, got.err, base+off, "field")
					continue
				}
				if got.err != nil || got.value != r.std(order, data[off:off+r.size]) {
					t.Fatalf("%s at %d of % x: %v, %v", r.name, off, data, got.value, got.err)
				}
			}
		}
		n := rapid.OneOf(rapid.Uint64Range(0, 48), rapid.Just(uint64(math.MaxUint64))).Draw(t, "n")
		v := View{Data: data, Base: base, Order: binary.LittleEndian}
		part, err := v.Sub(off, n, "part")
		if off <= v.Len() && n <= v.Len()-off {
			if err != nil || !bytes.Equal(part.Data, data[off:off+n]) || part.Base != base+off {
				t.Fatalf("Sub(%d, %d): % x at %d, %v", off, n, part.Data, part.Base, err)
			}
			if cap(part.Data) != len(part.Data) {
				t.Fatal("an append to a part would write into the file")
			}
		} else {
			mustName(t, err, base+off, "part")
		}
	})
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func mustName(t fataler, err error, offset uint64, what string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Offset != offset || e.What != what || !strings.Contains(err.Error(), what) {
		t.Fatalf("error %v, want one at %#x about %s", err, offset, what)
	}
}

func TestTable(t *testing.T) {
	v := View{Data: make([]byte, 24), Base: 100}
	if b, err := v.Table(8, 2, 8, "entries"); err != nil || len(b) != 16 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	_, err := v.Table(8, 3, 8, "entries")
	mustName(t, err, 108, "entries")
	_, err = v.Table(8, math.MaxUint64/4, 8, "entries") // the product wraps to less than is there
	mustName(t, err, 108, "entries")
}

func TestCString(t *testing.T) {
	v := View{Data: []byte("one\x00\x00tail"), Base: 16}
	for off, want := range map[uint64]string{0: "one", 2: "e", 3: "", 4: ""} {
		if got, err := v.CString(off, "name"); got != want || err != nil {
			t.Errorf("at %d: %q, %v, want %q", off, got, err, want)
		}
	}
	for _, off := range []uint64{5, 9, 1 << 60} {
		_, err := v.CString(off, "name")
		mustName(t, err, 16+off, "name")
	}
}

// TestLEB128 holds both readers against numbers written by the definition.
func TestLEB128(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := rapid.Uint64().Draw(t, "u")
		padding := rapid.IntRange(0, 2).Draw(t, "padding")
		b := binary.AppendUvarint(nil, u)
		for range padding { // as linkers pad what they fill in later
			if len(b) == 10 {
				break
			}
			b[len(b)-1] |= 0x80
			b = append(b, 0)
		}
		v := View{Data: append(b, 0xff), Base: 7}
		if got, next, err := v.Uleb128(0, "count"); got != u || next != uint64(len(b)) || err != nil {
			t.Fatalf("% x: %d up to %d, %v, want %d", b, got, next, err, u)
		}
		s := rapid.Int64().Draw(t, "s")
		b = appendSigned(nil, s)
		v = View{Data: append(b, 0xff)}
		if got, next, err := v.Sleb128(0, "count"); got != s || next != uint64(len(b)) || err != nil {
			t.Fatalf("% x: %d up to %d, %v, want %d", b, got, next, err, s)
		}
	})
	for _, bad := range []string{"", "\x80", "\xff\xff\xff", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"} {
		v := View{Data: []byte(bad), Base: 3}
		_, _, err := v.Uleb128(0, "count")
		mustName(t, err, 3, "count")
	}
	for _, bad := range []string{"", "\x80", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"} {
		v := View{Data: []byte(bad), Base: 3}
		_, _, err := v.Sleb128(0, "count")
		mustName(t, err, 3, "count")
	}
}

// appendSigned writes a signed LEB128 number (DWARF 5, figure 7.8).
func appendSigned(b []byte, v int64) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

func TestArithmetic(t *testing.T) {
	for _, c := range []struct {
		n, align, want uint64
		ok             bool
	}{
		{0, 0, 0, true}, {5, 1, 5, true}, {5, 4, 8, true}, {8, 4, 8, true}, {7, 3, 9, true},
		{math.MaxUint64, 1, math.MaxUint64, true}, {math.MaxUint64, 16, 0, false},
	} {
		if got, ok := AlignUp(c.n, c.align); ok != c.ok || ok && got != c.want {
			t.Errorf("AlignUp(%d, %d) = %d, %v", c.n, c.align, got, ok)
		}
	}
	if _, ok := Add(math.MaxUint64, 1); ok {
		t.Error("a sum that wraps is said to fit")
	}
	if _, ok := Mul(1<<32, 1<<32); ok {
		t.Error("a product that wraps is said to fit")
	}
}

// TestContent: the bytes in memory are those that the writer streams.
func TestContent(t *testing.T) {
	c := newContent()
	if !bytes.Equal(c.Bytes(), newBytes) || c.Len() != uint64(len(newBytes)) {
		t.Errorf("%q of %d bytes", c.Bytes(), c.Len())
	}
	one := []byte("one piece")
	if got := (Content{{Data: one}}).Bytes(); &got[0] != &one[0] {
		t.Error("a single piece was copied")
	}
	if got := (Content{}).Bytes(); len(got) != 0 {
		t.Errorf("nothing is %q", got)
	}
}
