package refgraph

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/minsize/minsize/internal/demangle"
	"github.com/minsize/minsize/internal/objfile"
)

// Names of a Wasm module's items: the custom section "name" (core
// specification, appendix "Custom sections"), and what Twiggy calls the rest.

// wasmNames makes names of items by label: functions have names in the name
// section, other items are numbered in their section.
type wasmNames struct {
	functions []string // by index, imports first
	data      []string
	imported  uint32 // functions
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

// custom: the subsections of "name" are roots, any other custom section is one
// item that nothing refers to.
func (m *wasmModule) custom(s *objfile.WasmSection) {
	if s.Name != "name" {
		m.item(KindCustom, fmt.Sprintf("custom section '%s'", s.Name), -1, uint32(s.Size))
		return
	}
	for _, p := range m.w.Names().Parts {
		if p.Header >= s.Offset && p.Header < s.Offset+s.Size {
			m.b.Edge(Root, m.item(KindCustom, "\""+p.Name+"\" subsection", -1, uint32(p.Offset+p.Size-p.Header)))
		}
	}
}

// WasmFunctions are the functions of a module among what was asked about, by
// their index.
func (g *Graph) WasmFunctions(w *Why) (list []uint32) {
	names, ok := g.names.(*wasmNames)
	for n, in := range w.nodes {
		if node := g.Node(int32(n)); in && ok && node.Kind == KindCode {
			switch index := uint32(node.Label & labelIndex); node.Label &^ labelIndex {
			case labelFunction:
				list = append(list, index)
			case labelCode:
				list = append(list, names.imported+index)
			}
		}
	}
	return list
}
