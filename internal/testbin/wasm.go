package testbin

import (
	"fmt"
	"slices"
	"strings"
)

// WasmSection is a section of a module; Name is for custom ones (ID 0).
type WasmSection struct {
	ID   byte
	Name string
	Data []byte
}

// Wasm makes a module with one exported function `answer` that returns 42,
// and the sections of extra, each in its place.
func Wasm(extra ...WasmSection) []byte {
	out := []byte("\x00asm\x01\x00\x00\x00")
	sections := []WasmSection{
		{ID: 1, Data: []byte{1, 0x60, 0, 1, 0x7f}},
		{ID: 3, Data: []byte{1, 0}},
		{ID: 7, Data: append(append([]byte{1, 6}, "answer"...), 0, 0)},
		{ID: 10, Data: []byte{1, 4, 0, 0x41, 42, 0x0b}},
	}
	sections = append(sections, extra...)
	slices.SortStableFunc(sections, func(a, b WasmSection) int {
		const order = "\x01\x02\x03\x04\x05\x0d\x06\x07\x08\x09\x0c\x0a\x0b\x00" // Core Specification 5.5.16
		return strings.IndexByte(order, a.ID) - strings.IndexByte(order, b.ID)
	})
	for _, s := range sections {
		data := s.Data
		if s.ID == 0 {
			data = append(append(uleb(len(s.Name)), s.Name...), s.Data...)
		}
		out = append(out, s.ID)
		out = append(append(out, uleb(len(data))...), data...)
	}
	return out
}

func uleb(n int) (out []byte) {
	for n >= 0x80 {
		out = append(out, byte(n)|0x80)
		n >>= 7
	}
	return append(out, byte(n))
}

// Member is a file in an archive.
type Member struct {
	Name string // at most 15 bytes
	Data []byte
}

// Archive makes a System V archive without an index.
func Archive(members ...Member) []byte {
	out := []byte("!<arch>\n")
	for _, m := range members {
		out = fmt.Appendf(out, "%-16s%-12d%-6d%-6d%-8o%-10d`\n", m.Name+"/", 0, 0, 0, 0o644, len(m.Data))
		out = append(out, m.Data...)
		if len(m.Data)%2 != 0 {
			out = append(out, '\n')
		}
	}
	return out
}
