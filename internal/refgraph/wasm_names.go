package refgraph

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/demangle"
)

// Names of a Wasm module's items: the custom section "name" (core
// specification, appendix "Custom sections"), and what Twiggy calls the rest.

// wasmNames makes names of items by label: functions have names in the name
// section, other items are numbered in their section.
type wasmNames struct {
	functions []string // by index, imports first
	data      []string
	cuts      []wasmCut
}

// Labels have what is numbered in their upper bits.
const (
	labelFunction = iota << 28 // a function with a name
	labelCode
	labelData
	labelElement
	labelGlobal
	labelCut
	labelIndex = 1<<28 - 1
)

// wasmLabel numbers an item. Modules have fewer than 2^28 of anything.
func wasmLabel(what int, index uint64) int32 { return int32(what | int(index&labelIndex)) }

// Mangled implements Namer.
func (n *wasmNames) Mangled(label int32) string {
	if label&^labelIndex == labelFunction {
		return n.functions[label]
	}
	return ""
}

// Display implements Namer: as Twiggy, with the hash of legacy Rust names and
// the suffixes of compilers, which tell instances apart.
func (n *wasmNames) Display(label int32) string {
	index := int(label & labelIndex)
	switch label &^ labelIndex {
	case labelCode:
		return "code[" + strconv.Itoa(index) + "]"
	case labelData:
		if index < len(n.data) && n.data[index] != "" {
			return "data segment \"" + n.data[index] + "\""
		}
		return "data[" + strconv.Itoa(index) + "]"
	case labelElement:
		return "elem[" + strconv.Itoa(index) + "]"
	case labelGlobal:
		return "global[" + strconv.Itoa(index) + "]"
	}
	if label&^labelIndex == labelCut {
		c := &n.cuts[index]
		what := "data"
		if c.text {
			what = "text"
		}
		if c.from < 0 {
			return fmt.Sprintf("[%s at %#x]", what, c.address)
		}
		return "[" + what + " of " + n.Display(c.from) + "]"
	}
	name := demangle.Parse(n.functions[index])
	display := name.Display
	if name.Hash != "" {
		display += "::h" + name.Hash
	}
	if name.Rust() && strings.HasPrefix(name.Suffix, ".llvm.") {
		return display
	}
	return display + name.Suffix
}

// customSection: the subsections of "name" are roots, any other custom section
// is one item that nothing refers to.
func (m *wasmModule) customSection(s *wasmSection) (uint64, error) {
	if s.name != "name" {
		m.b.Add(Node{Name: fmt.Sprintf("custom section '%s'", s.name), Size: s.end - s.body, Kind: KindCustom, Label: -1})
		return s.end - s.body, nil
	}
	for at := s.body; at < s.end; {
		id, err := m.v.U8(at, "name subsection id")
		if err != nil {
			return 0, err
		}
		size, body, err := m.v.Uleb128(at+1, "name subsection size")
		if err != nil {
			return 0, err
		}
		if body > s.end || size > s.end-body {
			return 0, byteio.Errorf(at, "name subsection", "%d bytes wanted, %d there", size, s.end-min(body, s.end))
		}
		name := "unknown name"
		if int(id) < len(wasmNameSubsections) {
			name = wasmNameSubsections[id]
		}
		m.root(Node{Name: "\"" + name + "\" subsection", Size: body + size - at, Kind: KindCustom, Label: -1})
		at = body + size
	}
	return s.end - s.body, nil
}

var wasmNameSubsections = [...]string{"module name", "function names", "local names", "label names", "type names",
	"table names", "memory names", "global names", "element names", "data names", "field names", "tag names"}

// readNames takes function and data names out of the name section (core
// specification, appendix "Name section").
func (m *wasmModule) readNames(s *wasmSection) error {
	for at := s.body; at < s.end; {
		id, err := m.v.U8(at, "name subsection id")
		if err != nil {
			return err
		}
		size, body, err := m.v.Uleb128(at+1, "name subsection size")
		if err != nil {
			return err
		}
		if body > s.end || size > s.end-body {
			return byteio.Errorf(at, "name subsection", "%d bytes wanted, %d there", size, s.end-min(body, s.end))
		}
		if id == 1 || id == 9 {
			r := &wasmReader{m: m, at: body, end: body + size}
			count := r.u32("number of names")
			names := make([]string, 0, min(uint64(count), size/2))
			for i := uint32(0); i < count && r.err == nil; i++ {
				index := r.u32("index of the name")
				name := r.name("name")
				if uint64(index) > m.v.Len()/4 {
					continue // a function takes four bytes at least
				}
				for uint64(len(names)) <= uint64(index) {
					names = append(names, "")
				}
				names[index] = name
			}
			if r.err != nil {
				return r.err
			}
			if id == 1 {
				m.names.functions = names
			} else {
				m.names.data = names
			}
		}
		at = body + size
	}
	return nil
}
