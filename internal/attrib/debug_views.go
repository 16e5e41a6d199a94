package attrib

// Views that debug information gives: compile units, sources, lines, and the
// function that code was written in before it was inlined.
//
// DWARF tells these of code by address, unit by unit, and units are many: so each
// view is a map from addresses to labels that is made on first use, the units in
// parallel. What DWARF does not speak of keeps the owner that the other views know.

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/minsize/minsize/internal/demangle"
	"github.com/minsize/minsize/internal/dwarf"
	"github.com/minsize/minsize/internal/rangemap"
)

// lineMap is the partition of code by file and line. A function that the line
// table leaves out stays unlabelled.
func (p *Program) lineMap() *rangemap.Map {
	d := p.debug
	d.linesOnce.Do(func() {
		d.files = newInterner()
		index := map[fileLine]int32{}
		var mu sync.Mutex
		d.lines = d.inParallel(p.Space.Total, func() func(int) []rangemap.Range {
			labels := map[fileLine]int32{}
			return func(unit int) []rangemap.Range { return p.linesOf(unit, &mu, index, labels) }
		})
	})
	return d.lines
}

// linesOf is the part of lineMap that one unit says. index has all labels, under
// mu; labels those that this worker knows.
func (p *Program) linesOf(unit int, mu *sync.Mutex, index, labels map[fileLine]int32) (out []rangemap.Range) {
	d := p.debug
	if d.data.Units[unit].TypeUnit() { // its table is a compile unit's
		return nil
	}
	t, err := d.data.Lines(&d.data.Units[unit])
	if t == nil || err != nil {
		return nil
	}
	files := map[uint32]int32{}
	for i := 0; i+1 < len(t.Rows); i++ {
		r := &t.Rows[i]
		if r.File == dwarf.EndSequence || t.Rows[i+1].Addr <= r.Addr {
			continue
		}
		file, ok := files[r.File]
		if !ok {
			name := t.File(r.File)
			if name == "" {
				name = "[unknown file]"
			}
			mu.Lock()
			file = d.files.id(name)
			mu.Unlock()
			files[r.File] = file
		}
		key := fileLine{file, int32(r.Line)}
		label, ok := labels[key]
		if !ok {
			mu.Lock()
			if label, ok = index[key]; !ok {
				label = int32(len(d.fileLines))
				index[key] = label
				d.fileLines = append(d.fileLines, key)
			}
			mu.Unlock()
			labels[key] = label
		}
		out = p.appendRange(out, dwarf.Range{Low: r.Addr, High: t.Rows[i+1].Addr}, label)
	}
	return out
}

// originMap is the partition of code by the function that it was written in.
func (p *Program) originMap() *rangemap.Map {
	d := p.debug
	d.originsOnce.Do(func() {
		var mu sync.Mutex
		index := map[origin]int32{}
		intern := func(o origin) int32 {
			mu.Lock()
			defer mu.Unlock()
			id, ok := index[o]
			if !ok {
				o = origin{strings.Clone(o.name), strings.Clone(o.crate)}
				id = int32(len(d.originNames))
				index[o] = id
				d.originNames = append(d.originNames, o)
			}
			return id
		}
		d.origins = d.inParallel(p.Space.Total, func() func(int) []rangemap.Range {
			w := originNamer{byOffset: map[uint64]int32{}, byLink: map[string]linkOrigin{}, files: map[*dwarf.Unit]*dwarf.LineTable{}, intern: intern}
			return func(unit int) []rangemap.Range { return p.originsOf(unit, &w) }
		})
	})
	return d.origins
}

// originsOf is the part of originMap that one unit says.
func (p *Program) originsOf(unit int, w *originNamer) (out []rangemap.Range) {
	data, u := p.debug.data.Full(&p.debug.data.Units[unit])
	code, err := data.Code(u)
	if code == nil || err != nil && len(code.Functions) == 0 {
		return nil
	}
	w.data = data
	clear(w.byOffset)
	// Nested ranges of one function, parents first among equals.
	type span struct {
		low, high uint64
		depth     int32
		label     int32
	}
	depth := make([]int32, len(code.Inlined))
	var spans []span
	for i := range code.Functions {
		f := &code.Functions[i]
		label := w.of(f.Offset, u)
		for _, r := range code.RangesOf(f.First, f.Count) {
			spans = append(spans, span{r.Low, r.High, 0, label})
		}
	}
	for i := range code.Inlined {
		x := &code.Inlined[i]
		depth[i] = 1
		if x.Parent >= 0 {
			depth[i] = depth[x.Parent] + 1
		}
		label := w.of(x.Origin, u)
		for _, r := range code.RangesOf(x.First, x.Count) {
			spans = append(spans, span{r.Low, r.High, depth[i], label})
		}
	}
	slices.SortFunc(spans, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.low, b.low), cmp.Compare(a.depth, b.depth))
	})
	var stack []span
	at := uint64(0)
	emit := func(to uint64, label int32) {
		if to > at {
			out = p.appendRange(out, dwarf.Range{Low: at, High: to}, label)
			at = to
		}
	}
	unwindTo := func(low uint64) {
		for len(stack) > 0 && stack[len(stack)-1].high <= low {
			top := stack[len(stack)-1]
			emit(top.high, top.label)
			stack = stack[:len(stack)-1]
		}
	}
	for _, s := range spans {
		unwindTo(s.low)
		if len(stack) > 0 {
			emit(s.low, stack[len(stack)-1].label)
			s.high = min(s.high, stack[len(stack)-1].high)
		}
		if len(stack) == 0 {
			at = max(at, s.low)
		}
		if s.high > s.low {
			stack = append(stack, s)
		}
	}
	unwindTo(^uint64(0))
	return out
}

// originNamer names entries of .debug_info, each once. Every unit has entries of
// its own for what it inlines; the linker name tells that they are the same.
type originNamer struct {
	data     *dwarf.Data
	byOffset map[uint64]int32 // of one unit
	byLink   map[string]linkOrigin
	files    map[*dwarf.Unit]*dwarf.LineTable
	intern   func(origin) int32
	parser   demangle.Parser
}

// linkOrigin is what a linker name says, and its number where that is all.
type linkOrigin struct {
	origin
	id int32 // -1: the crate is the entry's
}

func (w *originNamer) link(link string) linkOrigin {
	known, ok := w.byLink[link]
	if ok {
		return known
	}
	known.id = -1
	name := w.parser.Parse(link)
	if name.Rust() {
		known.origin = origin{name: name.GenericForm(), crate: name.Crate}
	} else {
		known.name = name.Display
	}
	if known.name != "" && known.crate != "" {
		known.id = w.intern(known.origin)
		known.origin = origin{} // the number is enough
	}
	w.byLink[link] = known
	return known
}

func (w *originNamer) of(off uint64, u *dwarf.Unit) int32 {
	if id, ok := w.byOffset[off]; ok {
		return id
	}
	n := w.data.Names(off)
	o := origin{name: n.Name}
	if n.Link != "" {
		known := w.link(n.Link)
		if known.id >= 0 {
			w.byOffset[off] = known.id
			return known.id
		}
		o = known.origin
	}
	if o.name == "" {
		o.name = "[function without a name]"
	}
	if o.crate == "" && n.Unit != nil {
		files, ok := w.files[n.Unit]
		if !ok {
			files, _ = w.data.Files(n.Unit)
			w.files[n.Unit] = files
		}
		o.crate = crateOfPath(files.File(n.DeclFile))
	}
	if o.crate == "" {
		o.crate = unitCrateOf(u)
	}
	if o.crate == "" {
		o.crate = "[C or assembly]"
	}
	id := w.intern(o)
	w.byOffset[off] = id
	return id
}

// needDWARF is the views' common refusal.
func (p *Program) needDWARF() error {
	if p.debug == nil || p.debug.data == nil {
		return ErrNoDebug
	}
	return nil
}

// byPlace makes a labeller of a partition; where it says nothing the owner's
// first byte answers, then the unit of debug bytes, then the section.
func (p *Program) byPlace(n *interner, m *rangemap.Map, name func(label int32) string) labeller {
	ids := labelCache{}
	get := func(label int32) int32 { return ids.get(label, func() int32 { return n.id(name(label)) }) }
	atoms := make([]int32, len(p.Atoms))
	for i := range atoms {
		atoms[i] = -2
	}
	nobody := labelCache{}
	return labeller{own: m, label: func(piece, section, own int32) int32 {
		if own >= 0 {
			return get(own)
		}
		if atom := pieceAtom(piece); atom >= 0 {
			if atoms[atom] == -2 {
				atoms[atom] = -1
				if owner := p.owner(atom); owner >= 0 {
					if label := m.At(p.Atoms[owner].Start, -1); label >= 0 {
						atoms[atom] = get(label)
					}
				}
			}
			if atoms[atom] >= 0 {
				return atoms[atom]
			}
		}
		return nobody.get(section, func() int32 { return n.id(p.unowned(section)) })
	}}
}

func compileUnitsView(p *Program, _ Input, _ *RollupOptions, n *interner) (labeller, error) {
	d := p.debug
	if d == nil {
		return labeller{}, ErrNoDebug
	}
	b := rangemap.NewBuilder(p.Space.Total)
	for _, m := range []*rangemap.Map{d.code, p.unitBytes()} {
		var ranges []rangemap.Range
		for i := range m.Starts {
			if m.Labels[i] >= 0 {
				ranges = append(ranges, rangemap.Range{Start: m.Starts[i], End: m.End(i), Label: m.Labels[i]})
			}
		}
		b.Layer(ranges)
	}
	return p.byPlace(n, b.Finish(-1), d.unitName), nil
}

func sourcesView(p *Program, _ Input, _ *RollupOptions, n *interner) (labeller, error) {
	if err := p.needDWARF(); err != nil {
		return labeller{}, err
	}
	m := p.lineMap()
	d := p.debug
	return p.byPlace(n, m, func(label int32) string { return d.files.names[d.fileLines[label].file] }), nil
}

func linesView(p *Program, _ Input, _ *RollupOptions, n *interner) (labeller, error) {
	if err := p.needDWARF(); err != nil {
		return labeller{}, err
	}
	m := p.lineMap()
	d := p.debug
	return p.byPlace(n, m, func(label int32) string {
		x := d.fileLines[label]
		return d.files.names[x.file] + ":" + itoa(int(x.line))
	}), nil
}

func inlinesView(p *Program, _ Input, _ *RollupOptions, n *interner) (labeller, error) {
	if err := p.needDWARF(); err != nil {
		return labeller{}, err
	}
	m := p.originMap()
	d := p.debug
	return p.byPlace(n, m, func(label int32) string { return d.originNames[label].name }), nil
}

// originView is crates by who wrote the code; what is no code counts for the
// crate that defines its owner.
func originView(p *Program, n *interner) (labeller, error) {
	if err := p.needDWARF(); err != nil {
		return labeller{}, err
	}
	inner, err := byAtom(p, n, func(atom int32) string { return p.Crate(atom, ByGeneric) })
	if err != nil {
		return labeller{}, err
	}
	m := p.originMap()
	d := p.debug
	b := rangemap.NewBuilder(p.Space.Total)
	units := int32(len(d.originNames)) // labels from here on are units
	for k, source := range []*rangemap.Map{m, p.unitBytes()} {
		var ranges []rangemap.Range
		for i := range source.Starts {
			if label := source.Labels[i]; label >= 0 {
				ranges = append(ranges, rangemap.Range{Start: source.Starts[i], End: source.End(i), Label: label + int32(k)*units})
			}
		}
		b.Layer(ranges)
	}
	ids := labelCache{}
	return labeller{own: b.Finish(-1), label: func(piece, section, own int32) int32 {
		if own < 0 {
			return inner.label(piece, section, own)
		}
		return ids.get(own, func() int32 {
			if own >= units {
				return n.id(p.unitCrate(own - units))
			}
			return n.id(d.originNames[own].crate)
		})
	}}, nil
}
