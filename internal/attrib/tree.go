package attrib

// Adding up: from labels to the rows of every report.
//
// The one place where bytes become sums, and so the one place that checks
// them: each view's rows must add up to the file and to the memory image, and
// each row's children to the row. If not, there is no report: a size tool
// that is wrong by a byte is wrong.

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/rangemap"
	"github.com/minsize/minsize/internal/region"
)

// Row is one line of a report. Children add up to it in both domains; empty
// at the last view. Sizes are bytes.
type Row struct {
	Name     string   `json:"name"`
	File     uint64   `json:"file"`
	Memory   uint64   `json:"memory"`
	Items    uint64   `json:"items"`             // bodies of functions and data in it
	Regions  []uint64 `json:"regions,omitempty"` // in each of RollupOptions.Regions
	Children []Row    `json:"children,omitempty"`

	// Others is how many rows this one stands for, 0 for itself: see Top.
	Others int `json:"-"`
}

// Report is what Rollup answers.
type Report struct {
	Views         []string
	Rows          []Row // largest first
	File, Memory  uint64
	LeftOut       uint64 // bytes of the file that the filter left out
	LeftOutMemory uint64
}

// Input is one file to report on, by the name that the user gave it.
type Input struct {
	Name     string
	Member   string // of an archive or a fat file; empty else
	Program  *Program
	Metadata *Metadata // of the cargo project; nil without
}

// RollupOptions of Rollup.
type RollupOptions struct {
	Views  []string
	Rules  []Rules        // custom views
	Filter *regexp.Regexp // keep bytes of which some label matches
	By     CrateBy

	Shipped Shipped // what strip removes has a row of its own

	Regions []region.Region // of a bare machine; rows say what they take of each

	// Top is how many rows of each level are wanted; the others are one row at
	// the level's end. 0 for all.
	Top int
}

// RemovedByStrip is the row of what strip takes away, with Shipped.
const RemovedByStrip = "[removed by strip]"

// Shipped is how a program will be stripped before it is shipped.
type Shipped uint8

const (
	ShippedAsIs        Shipped = iota
	ShippedWithSymbols         // debug information goes
	ShippedStripped            // and so does the symbol table that no loader reads
)

// removed says whether strip takes the bytes of a section away.
func (s Shipped) removed(p *Program, section int32) bool {
	if section < 0 {
		return s == ShippedStripped && p.extras[^section].unshipped
	}
	if p.File.Sections[section].Alloc && p.File.PE == nil {
		return false
	}
	switch p.sectionKind(section) {
	case Debug:
		return true
	case SymbolTab:
		return s == ShippedStripped && p.File.Sections[section].Name != ".shstrtab"
	}
	return false
}

// node of the tree under construction.
type node struct {
	parent, label int32
	depth         int32
	file, memory  uint64
	items         uint64
}

// Rollup adds the bytes of all inputs up by views, the first outermost.
func Rollup(inputs []Input, o RollupOptions) (*Report, error) {
	views := make([]view, len(o.Views))
	names := make([]*interner, len(o.Views))
	for i, name := range o.Views {
		v, err := findView(name, o.Rules)
		if err != nil {
			return nil, err
		}
		views[i], names[i] = v, newInterner()
	}
	t := &tree{names: names, children: map[uint64]int32{}, filter: o.Filter, regions: regionSums{n: len(o.Regions)}}
	if o.Filter != nil {
		t.matches = make([][]int8, len(views))
	}
	report := &Report{Views: o.Views}
	for _, in := range inputs {
		if err := t.add(in, views, &o); err != nil {
			return nil, fmt.Errorf("%s: %w", in.Name, err)
		}
		report.File += in.Program.File.Size - in.Program.holes()
		report.Memory += in.Program.Space.MemorySize()
	}
	report.Rows = t.rows(o.Top)
	report.LeftOut, report.LeftOutMemory = t.leftOut, t.leftOutMemory
	return report, report.check()
}

// holes is the bytes of the file that other inputs count: archive members.
func (p *Program) holes() uint64 {
	n := uint64(0)
	for i := range p.sections.Starts {
		if label := p.sections.Labels[i]; label < 0 && p.extras[^label].hole {
			n += p.Space.FileBytes(p.sections.Starts[i], p.sections.End(i))
		}
	}
	return n
}

type tree struct {
	nodes                  []node
	names                  []*interner
	children               map[uint64]int32 // parent+1 and label -> node
	first                  []int32          // label -> node of the first level
	filter                 *regexp.Regexp
	matches                [][]int8 // of each view and label: 0 unknown, 1 yes, 2 no
	leftOut, leftOutMemory uint64
	regions                regionSums
}

// add walks one input. The walk covers every place once, so the sums can only
// be wrong if the partitions are; check looks at that.
func (t *tree) add(in Input, views []view, o *RollupOptions) error {
	p := in.Program
	for _, m := range []*rangemap.Map{p.pieces, p.sections, p.Space.loaded} {
		if err := m.Check(); err != nil {
			return internalError("partition", err)
		}
	}
	maps := []*rangemap.Map{p.pieces, p.sections, p.Space.loaded}
	labellers := make([]labeller, len(views))
	own := make([]int, len(views))
	for i, v := range views {
		l, err := v.make(p, in, o, t.names[i])
		if err != nil {
			return err
		}
		labellers[i] = l
		own[i] = -1
		if l.own != nil {
			if err := l.own.Check(); err != nil {
				return internalError("view "+v.name, err)
			}
			own[i] = len(maps)
			maps = append(maps, l.own)
		}
	}
	regions := -1
	if len(o.Regions) > 0 {
		regions = len(maps)
		maps = append(maps, p.regionSets(o.Regions))
	}
	labels := make([]int32, len(views))
	gone := labelCache{}
	return rangemap.Walk(maps, func(start, end uint64, at []int32) {
		file := p.Space.FileBytes(start, end)
		memory := uint64(0)
		if at[2] == 1 {
			memory = end - start
		}
		set := int32(0)
		if regions >= 0 {
			set = at[regions]
		}
		if file == 0 && memory == 0 || at[1] < 0 && p.extras[^at[1]].hole {
			return
		}
		for i := range labellers {
			mine := int32(-1)
			if own[i] >= 0 {
				mine = at[own[i]]
			}
			labels[i] = labellers[i].label(at[0], at[1], mine)
		}
		if o.Shipped != ShippedAsIs && gone.get(at[1], func() int32 {
			if o.Shipped.removed(p, at[1]) {
				return 1
			}
			return 0
		}) == 1 {
			for i := range labels {
				labels[i] = t.names[i].id(RemovedByStrip)
			}
		}
		if t.filter != nil && !t.keep(labels) {
			t.leftOut += file
			t.leftOutMemory += memory
			return
		}
		items := uint64(0)
		if atom := pieceAtom(at[0]); atom >= 0 && p.Atoms[atom].Start == start && p.Atoms[atom].End > start {
			items = 1
		}
		t.count(labels, sizes{file, memory, items, end - start, set})
	})
}

// sizes is what a run of places counts for.
type sizes struct {
	file, memory, items uint64
	places              uint64
	set                 int32 // the regions that each place counts in
}

func (t *tree) count(labels []int32, s sizes) {
	parent := int32(-1)
	for depth, label := range labels {
		n := t.child(parent, label, int32(depth))
		t.nodes[n].file += s.file
		t.nodes[n].memory += s.memory
		t.nodes[n].items += s.items
		t.regions.add(n, s.set, s.places)
		parent = n
	}
}

func (t *tree) child(parent, label, depth int32) int32 {
	if parent < 0 {
		for int(label) >= len(t.first) {
			t.first = append(t.first, -1)
		}
		if t.first[label] < 0 {
			t.first[label] = int32(len(t.nodes))
			t.nodes = append(t.nodes, node{parent: -1, label: label})
		}
		return t.first[label]
	}
	key := uint64(parent)<<32 | uint64(uint32(label))
	if n, ok := t.children[key]; ok {
		return n
	}
	n := int32(len(t.nodes))
	t.children[key] = n
	t.nodes = append(t.nodes, node{parent: parent, label: label, depth: depth})
	return n
}

func (t *tree) keep(labels []int32) bool {
	for i, label := range labels {
		for int(label) >= len(t.matches[i]) {
			t.matches[i] = append(t.matches[i], 0)
		}
		m := &t.matches[i][label]
		if *m == 0 {
			*m = 2
			if t.filter.MatchString(t.names[i].names[label]) {
				*m = 1
			}
		}
		if *m == 1 {
			return true
		}
	}
	return false
}

// rows turns nodes into Rows, largest first: the first top of each level, and
// one row for the others. Numbers are sorted, not rows, for a level may have a
// million of which a terminal shows twenty.
func (t *tree) rows(top int) []Row {
	ends := make([]int32, len(t.nodes)+2) // of each parent's children in kids; while that is filled, their beginnings
	for i := range t.nodes {
		ends[t.nodes[i].parent+2]++
	}
	for i := 1; i < len(ends); i++ {
		ends[i] += ends[i-1]
	}
	kids := make([]int32, len(t.nodes))
	for i := range t.nodes {
		parent := t.nodes[i].parent + 1
		kids[ends[parent]] = int32(i)
		ends[parent]++
	}
	name := func(x *node) string { return t.names[x.depth].names[x.label] }
	order := func(a, b int32) int {
		x, y := &t.nodes[a], &t.nodes[b]
		switch {
		case x.file != y.file:
			return cmp.Compare(y.file, x.file)
		case x.memory != y.memory:
			return cmp.Compare(y.memory, x.memory)
		}
		return strings.Compare(name(x), name(y))
	}
	var build func(parent int32) []Row
	build = func(parent int32) []Row {
		from := int32(0)
		if parent >= 0 {
			from = ends[parent]
		}
		list := kids[from:ends[parent+1]]
		if len(list) == 0 {
			return nil
		}
		first := len(list)
		if top > 0 && top < len(list) {
			first = top
			largestFirst(list, top, order)
		} else {
			slices.SortFunc(list, order)
		}
		rows := make([]Row, first, first+1)
		for i, n := range list[:first] {
			x := &t.nodes[n]
			rows[i] = Row{Name: name(x), File: x.file, Memory: x.memory, Items: x.items, Regions: t.regions.of(n), Children: build(n)}
		}
		if first < len(list) {
			others := Row{Others: len(list) - first}
			for _, n := range list[first:] {
				x := &t.nodes[n]
				others.File, others.Memory, others.Items = others.File+x.file, others.Memory+x.memory, others.Items+x.items
				for i, places := range t.regions.of(n) {
					if i == len(others.Regions) {
						others.Regions = append(others.Regions, 0)
					}
					others.Regions[i] += places
				}
			}
			rows = append(rows, others)
		}
		return rows
	}
	return build(-1)
}

// largestFirst puts the first n in order to the front of list.
func largestFirst(list []int32, n int, order func(a, b int32) int) {
	if n > len(list)/16 {
		slices.SortFunc(list, order)
		return
	}
	slices.SortFunc(list[:n], order)
	for i := n; i < len(list); i++ {
		if order(list[i], list[n-1]) >= 0 {
			continue
		}
		x := list[i]
		at, _ := slices.BinarySearchFunc(list[:n], x, order)
		list[i] = list[n-1]
		copy(list[at+1:n], list[at:n-1])
		list[at] = x
	}
}

// check is the promise: exact sums, always.
func (r *Report) check() error {
	file, memory, err := sum(r.Rows)
	if err != nil {
		return internalError("tree", err)
	}
	if file+r.LeftOut != r.File || memory+r.LeftOutMemory != r.Memory {
		return internalError("sums", fmt.Errorf("rows have %d bytes of the file's %d and %d of memory's %d",
			file+r.LeftOut, r.File, memory+r.LeftOutMemory, r.Memory))
	}
	return nil
}

func sum(rows []Row) (file, memory uint64, err error) {
	for i := range rows {
		r := &rows[i]
		if len(r.Children) > 0 {
			f, m, err := sum(r.Children)
			if err != nil {
				return 0, 0, err
			}
			if f != r.File || m != r.Memory {
				return 0, 0, fmt.Errorf("children of %q have %d and %d bytes, it has %d and %d", r.Name, f, m, r.File, r.Memory)
			}
		}
		file += r.File
		memory += r.Memory
	}
	return file, memory, nil
}

func internalError(what string, err error) error {
	return fmt.Errorf("internal error: %s: %w: please report this with the file", what, err)
}
