package report

import (
	"fmt"
	"sort"
	"strings"

	"github.com/minsize/minsize/internal/llvmlines"
	"github.com/minsize/minsize/internal/refgraph"
)

// Generics is the result of `minsize generics`: what each generic costs in the
// built program.
type Generics struct {
	Program   string        `json:"program"`
	Items     []GenericCost `json:"items"`
	Omitted   int           `json:"omitted"` // generics that a limit or a filter left out
	Total     uint64        `json:"total_bytes"`
	Copies    int           `json:"total_copies"`
	Bound     uint64        `json:"total_shared_body_saves_at_most"`
	Identical uint64        `json:"total_identical_bytes"`
}

// GenericCost is one generic function, closure or impl.
type GenericCost struct {
	Generic   string        `json:"generic"`
	Kind      string        `json:"kind"` // function, closure, method of a type, method of a trait
	Bytes     uint64        `json:"bytes"`
	Copies    int           `json:"copies"`
	Largest   uint64        `json:"largest"`
	Bound     uint64        `json:"shared_body_saves_at_most"` // all copies but the largest
	Identical uint64        `json:"identical_bytes"`           // machine code that an earlier copy has too
	Crates    []string      `json:"instantiated_by"`
	Instances []GenericCopy `json:"instances"`
}

// GenericCopy is one instance.
type GenericCopy struct {
	Name  string `json:"name"`
	Types string `json:"types,omitempty"`
	Crate string `json:"instantiated_by,omitempty"`
	Bytes uint64 `json:"bytes"`
}

// NewGenerics turns the copies in a program into costs. keep filters by the
// generic's name; limit 0 keeps all.
func NewGenerics(program string, m *refgraph.Monos, keep func(string) bool, order string, limit int) *Generics {
	g := &Generics{Program: program, Items: []GenericCost{}}
	for i := range m.Generics {
		x := &m.Generics[i]
		if !keep(x.Name) {
			g.Omitted++
			continue
		}
		c := GenericCost{Generic: x.Name, Kind: genericKind(x.Name), Bytes: x.Total, Copies: x.Copies, Identical: x.Folds, Crates: []string{}, Instances: []GenericCopy{}}
		seen := map[string]bool{}
		for _, instance := range x.Instances {
			c.Largest = max(c.Largest, instance.Size)
			if instance.Crate != "" && !seen[instance.Crate] {
				seen[instance.Crate] = true
				c.Crates = append(c.Crates, instance.Crate)
			}
			c.Instances = append(c.Instances, GenericCopy{instance.Name, instance.Types, instance.Crate, instance.Size})
		}
		sort.Strings(c.Crates)
		c.Bound = c.Bytes - c.Largest
		g.Total, g.Copies, g.Bound, g.Identical = g.Total+c.Bytes, g.Copies+c.Copies, g.Bound+c.Bound, g.Identical+c.Identical
		g.Items = append(g.Items, c)
	}
	value := genericOrders[order]
	sort.SliceStable(g.Items, func(i, j int) bool { return value(&g.Items[i]) > value(&g.Items[j]) })
	if limit > 0 && len(g.Items) > limit {
		g.Omitted += len(g.Items) - limit
		g.Items = g.Items[:limit]
	}
	return g
}

// genericOrders are what --sort takes.
var genericOrders = map[string]func(*GenericCost) uint64{
	"saves":     func(c *GenericCost) uint64 { return c.Bound },
	"bytes":     func(c *GenericCost) uint64 { return c.Bytes },
	"copies":    func(c *GenericCost) uint64 { return uint64(c.Copies) },
	"largest":   func(c *GenericCost) uint64 { return c.Largest },
	"identical": func(c *GenericCost) uint64 { return c.Identical },
}

// GenericOrders are the names of genericOrders, sorted.
func GenericOrders() []string {
	var names []string
	for name := range genericOrders {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// genericKind reads the kind off a name: closures and impls say it.
func genericKind(name string) string {
	switch {
	case strings.Contains(name, "{closure"):
		return "closure"
	case strings.HasPrefix(name, "<") && strings.Contains(name, " as "):
		return "method of a trait"
	case strings.HasPrefix(name, "<"):
		return "method of a type"
	}
	return "function"
}

// Document sets the result; copies is how many instances of each are listed.
func (g *Generics) Document(copies int) *Document {
	t := &Table{Nested: true, Columns: []Column{
		{Name: "bytes", Kind: Bytes}, {Name: "copies", Kind: Count}, {Name: "largest", Kind: Bytes},
		{Name: "saves at most", Kind: Bytes}, {Name: "identical", Kind: Bytes, Spare: true}, {Name: "instantiated by", Spare: true},
		{Name: "generic", Flex: true}, // last: what is piped is not padded to the longest name
	}}
	for _, c := range g.Items {
		t.Rows = append(t.Rows, Row{Cells: []Cell{c.Bytes, c.Copies, c.Largest, c.Bound, c.Identical, shortList(c.Crates), c.Generic}})
		for i, x := range c.Instances {
			if copies == 0 {
				break
			}
			if i == copies {
				t.Rows = append(t.Rows, Row{Depth: 1, Faint: true, Cells: []Cell{nil, nil, nil, nil, nil, nil, fmt.Sprintf("... and %d more", len(c.Instances)-i)}})
				break
			}
			name := x.Types
			if name == "" {
				name = x.Name
			}
			t.Rows = append(t.Rows, Row{Depth: 1, Faint: true, Cells: []Cell{x.Bytes, nil, nil, nil, nil, x.Crate, name}})
		}
	}
	t.Footer = []Cell{g.Total, g.Copies, nil, g.Bound, g.Identical, nil, fmt.Sprintf("all listed and %d more", g.Omitted)}
	if g.Omitted == 0 {
		t.Footer[6] = "all"
	}
	return &Document{
		Title: "Generics of " + g.Program, Schema: "minsize.generics/1", Data: g,
		Blocks: []Block{{Heading: "Generics of " + g.Program, Table: t, Notes: []string{
			"saves at most: all copies but the largest, if one body served all types; what depends on the types stays (minsize outline measures it)",
			"identical: machine code that another copy has too; linkers merge it with --icf=all",
		}}},
	}
}

func shortList(names []string) string {
	if len(names) > 3 {
		return strings.Join(names[:3], ", ") + fmt.Sprintf(" and %d more", len(names)-3)
	}
	return strings.Join(names, ", ")
}

// LLVMLines is the result of `minsize generics --llvm-lines`.
type LLVMLines struct {
	Crates  []string             `json:"crates"`
	Lines   int                  `json:"lines"`
	Copies  int                  `json:"copies"`
	Items   []llvmlines.Function `json:"items"`
	Omitted int                  `json:"omitted"`
}

// NewLLVMLines takes the functions that are to be kept, at most limit of them; 0
// for all.
func NewLLVMLines(crates []string, count *llvmlines.Count, keep func(name string) bool, limit int) *LLVMLines {
	l := &LLVMLines{Crates: crates, Items: []llvmlines.Function{}, Lines: count.Lines, Copies: count.Copies}
	for _, f := range count.Functions() {
		if !keep(f.Name) || limit > 0 && len(l.Items) == limit {
			l.Omitted++
			continue
		}
		l.Items = append(l.Items, f)
	}
	return l
}

// Document sets the result in the columns that users of cargo-llvm-lines know.
func (l *LLVMLines) Document() *Document {
	t := &Table{Columns: []Column{{Name: "Lines", Kind: Count}, {Name: "%", Key: "LinesShare", Kind: Percent}, {Name: "Copies", Kind: Count}, {Name: "%", Key: "CopiesShare", Kind: Percent}, {Name: "Function name", Flex: true}}}
	t.Rows = append(t.Rows, Row{Strong: true, Cells: []Cell{l.Lines, 1.0, l.Copies, 1.0, "(TOTAL)"}})
	for _, f := range l.Items {
		t.Rows = append(t.Rows, Row{Cells: []Cell{f.Lines, portion(int64(f.Lines), int64(l.Lines)), f.Copies, portion(int64(f.Copies), int64(l.Copies)), f.Name}})
	}
	return &Document{
		Title: "Lines of LLVM IR", Schema: "minsize.llvm-lines/1", Data: l,
		Blocks: []Block{{Heading: "Lines of LLVM IR before optimisation: " + shortList(l.Crates), Table: t}},
	}
}
