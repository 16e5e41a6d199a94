package objfile

// Names in object files come by the hundred thousand and are half of a symbol
// table's bytes. They are handed out as views of File.Data, not copied: on a
// 150 MB library that is 40 MB less. The price is File.Data's contract: the
// mapping outlives every name, or who keeps one clones it.

import (
	"bytes"
	"unsafe"
)

// view returns b as a string that shares its memory.
func view(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return unsafe.String(&b[0], len(b))
}

// cutNUL is a fixed-size name field: up to its first NUL, or all of it.
func cutNUL(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return view(b)
}

// stringTable is a table of NUL-terminated strings. Names may overlap (linkers
// merge tails), and so a hostile file can ask for one long name a million
// times: what is scanned is bounded by a multiple of the table.
type stringTable struct {
	data  []byte
	spent uint64
}

func newStringTable(data []byte) stringTable { return stringTable{data: data} }

// exhausted says that lookups have scanned far more than the table holds.
func (t *stringTable) exhausted() bool { return t.spent > 16*uint64(len(t.data))+64<<20 }

// at returns the string at off; not ok past the end, without its NUL, or when
// the table is exhausted.
func (t *stringTable) at(off uint64) (string, bool) {
	if off >= uint64(len(t.data)) || t.exhausted() {
		return "", false
	}
	rest := t.data[off:]
	n := bytes.IndexByte(rest, 0)
	if n < 0 {
		t.spent += uint64(len(rest))
		return "", false
	}
	t.spent += uint64(n)
	return view(rest[:n]), true
}
