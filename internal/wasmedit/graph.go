package wasmedit

import (
	"slices"

	"github.com/minsize/minsize/internal/machinecode"
	"github.com/minsize/minsize/internal/objfile"
)

// Node is a function of a module, or, without a name and a size, a type: what
// an indirect call of that type may reach.
type Node struct {
	Name string
	Size uint64 // bytes of its entries in the module
	To   []int32
}

// Graph is what refers to what among a module's functions, as mark takes it.
// Data does not count: which of it a function uses, its code does not say.
type Graph struct {
	Nodes []Node // functions by their index, then types
	Roots []int32
}

// GraphOf reads a module's graph.
func GraphOf(data []byte) (*Graph, error) {
	m, err := read(data)
	if err != nil {
		return nil, err
	}
	if err := m.mark(); err != nil {
		return nil, err
	}
	functions := len(m.functions)
	g := &Graph{Nodes: make([]Node, functions+len(m.types))}
	for i := range m.functions {
		n, f := &g.Nodes[i], &m.functions[i]
		if i < len(m.w.Names().Functions) {
			n.Name = m.w.Names().Functions[i]
		}
		if f.imported {
			continue
		}
		entry := &m.w.Functions[i-int(m.w.ImportedFunctions)]
		n.Size = uint64(entry.Size) + uint64(entry.Declared)
		if err := each(f.code, func(op byte, _ uint64, o machinecode.WasmOperand) {
			switch {
			case o.Kind == machinecode.WasmFunction && o.Value < uint64(functions):
				n.To = append(n.To, int32(o.Value))
			case o.Kind == machinecode.WasmType && (op == 0x11 || op == 0x13) && o.Value < uint64(len(m.types)):
				n.To = append(n.To, int32(functions+int(m.types[o.Value])))
			}
		}); err != nil {
			return nil, err
		}
		slices.Sort(n.To)
		n.To = slices.Compact(n.To)
	}
	root := func(f uint32) {
		if int(f) < functions {
			g.Roots = append(g.Roots, int32(f))
		}
	}
	for _, e := range m.w.Exports {
		if e.Kind == objfile.WasmFunc {
			root(e.Index)
		}
	}
	if m.start >= 0 {
		root(uint32(m.start))
	}
	for _, global := range m.w.Globals {
		for _, f := range global.Init.Funcs {
			root(f)
		}
	}
	for i := range m.w.Elements {
		e := &m.w.Elements[i]
		for _, f := range e.Funcs {
			if int(f) >= functions {
				continue
			}
			if e.Mode == objfile.WasmActive && m.narrow(e.Table) {
				t := &g.Nodes[functions+int(m.types[m.functions[f].kind])]
				t.To = append(t.To, int32(f))
			} else {
				root(f)
			}
		}
	}
	return g, nil
}
