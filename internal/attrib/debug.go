package attrib

// Debug information: which compile unit, file, line and inlined function a
// byte of code comes from, and which unit a byte of the debug sections serves.
//
// Each answer is a partition of the places of its own, made when a view asks
// for it: units are read on all processors, and a unit's result is a run of
// ranges. Compressed debug sections stay their section's, since no byte of
// them belongs to one unit.

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/minsize/minsize/internal/dwarf"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/pdb"
	"github.com/minsize/minsize/internal/rangemap"
)

// ErrNoDebug is the answer of views that need debug information where there is none.
var ErrNoDebug = errors.New("no debug information in the file")

// debugInfo is what DWARF, or a program database, says about addresses.
type debugInfo struct {
	data      *dwarf.Data // nil with a program database
	names     []string    // of units
	crates    []string    // of units, "" where nothing says one
	code      *rangemap.Map
	separate  bool // in another file: no bytes of it are here
	atomUnits []int32

	bytesOnce sync.Once
	bytes     *rangemap.Map // place of debug sections -> unit

	linesOnce sync.Once
	lines     *rangemap.Map // place -> fileLine
	files     *interner
	fileLines []fileLine

	originsOnce sync.Once
	origins     *rangemap.Map // place -> origin
	originNames []origin
}

type fileLine struct{ file, line int32 }

type origin struct{ name, crate string }

// readDebug opens the debug information of the file, or of its companion.
func (c *collector) readDebug() error {
	p := c.p
	f := p.File
	d, separate, err := c.openDebug()
	if err != nil {
		return err
	}
	if d == nil {
		if c.o.Database != nil {
			p.debug = p.databaseUnits(c.o.Database)
		}
		return nil
	}
	info := &debugInfo{data: d, separate: separate}
	b := rangemap.NewBuilder(p.Space.Total)
	var ranges []rangemap.Range
	for i := range d.Units {
		u := &d.Units[i]
		name := u.Name
		if u.TypeUnit() {
			name = "[type units]"
		} else if name == "" && u.DWOName != "" {
			name = "[unit in " + path.Base(u.DWOName) + "]"
		} else if name == "" {
			name = "[unit without a name]"
		} else if u.CompDir != "" && !path.IsAbs(name) && u.Language != dwarf.DW_LANG_Rust && u.Language != dwarf.DW_LANG_Go {
			name = path.Join(u.CompDir, name)
		}
		info.names = append(info.names, name)
		info.crates = append(info.crates, unitCrateOf(u))
		if f.Kind == objfile.Relocatable || f.Kind == objfile.KernelModule {
			continue
		}
		for _, r := range u.Ranges {
			ranges = p.appendRange(ranges, r, int32(i))
		}
	}
	b.Layer(ranges)
	info.code = b.Finish(-1)
	p.debug = info
	p.unitsOfAtoms()
	return nil
}

// attachSplit finds what skeleton units keep in other files. The error is
// about a file that the user named.
func (c *collector) attachSplit(d *dwarf.Data) error {
	s := c.o.Split
	if s == nil {
		return nil
	}
	if d == nil {
		d = &dwarf.Data{}
	}
	if err := s.Attach(d); err != nil {
		return fmt.Errorf("%s: %w", s.Asked.Name, err)
	}
	return nil
}

// appendRange translates a range of addresses; empty and foreign ones are left out.
func (p *Program) appendRange(ranges []rangemap.Range, r dwarf.Range, label int32) []rangemap.Range {
	start, ok := p.Space.AddrToPlace(r.Low)
	if !ok || r.High <= r.Low {
		return ranges
	}
	limit, _ := p.limit(start)
	return append(ranges, rangemap.Range{Start: start, End: start + min(r.High-r.Low, limit-start), Label: label})
}

// unitsOfAtoms finds each atom's unit; data takes that of who refers to it.
func (p *Program) unitsOfAtoms() {
	info := p.debug
	info.atomUnits = make([]int32, len(p.Atoms))
	at := 0
	for i := range p.Atoms {
		a := &p.Atoms[i]
		info.atomUnits[i] = -1
		if a.Start == a.End {
			continue
		}
		for at+1 < info.code.Len() && info.code.Starts[at+1] <= a.Start {
			at++
		}
		if info.code.Len() > 0 {
			info.atomUnits[i] = info.code.Labels[at]
		}
	}
	for i := range p.Atoms {
		if info.atomUnits[i] < 0 {
			if owner := p.owner(int32(i)); owner >= 0 {
				info.atomUnits[i] = info.atomUnits[owner]
			}
		}
	}
}

// unitCrateOf is the crate of a compile unit: rustc names units
// "src/lib.rs/@/regex_syntax.8a1f-cgu.3"; C sources of a crate lie in its folder.
func unitCrateOf(u *dwarf.Unit) string {
	if _, rest, ok := strings.Cut(u.Name, "/@/"); ok {
		crate, _, _ := strings.Cut(rest, ".")
		return crate
	}
	if u.Language == dwarf.DW_LANG_Go {
		return u.Name
	}
	if crate := crateOfPath(u.Name); crate != "" {
		return crate
	}
	return crateOfPath(u.CompDir)
}

// crateOfPath reads the crate off a path of its sources: cargo's registry and
// checkouts, vendored sources, and the standard library's own.
func crateOfPath(name string) string {
	name = strings.ReplaceAll(name, `\`, "/")
	for _, root := range []string{"/registry/src/", "/git/checkouts/"} {
		if _, rest, ok := strings.Cut(name, root); ok {
			parts := strings.SplitN(rest, "/", 3)
			folder := parts[0]
			if root == "/registry/src/" {
				if len(parts) < 2 {
					return ""
				}
				folder = parts[1]
			}
			if i := strings.LastIndexByte(folder, '-'); i > 0 {
				folder = folder[:i]
			}
			return strings.ReplaceAll(folder, "-", "_")
		}
	}
	if _, rest, ok := strings.Cut(name, "/library/"); ok && (strings.Contains(name, "/rustc/") || strings.Contains(name, "/rust/")) {
		crate, _, _ := strings.Cut(rest, "/")
		if crate == "backtrace" || crate == "stdarch" || crate == "portable-simd" {
			return map[string]string{"backtrace": "std", "stdarch": "core", "portable-simd": "core"}[crate]
		}
		return strings.ReplaceAll(crate, "-", "_")
	}
	if _, rest, ok := strings.Cut(name, "/vendor/"); ok {
		folder, _, _ := strings.Cut(rest, "/")
		if i := strings.LastIndexByte(folder, '-'); i > 0 && i+1 < len(folder) && folder[i+1] >= '0' && folder[i+1] <= '9' {
			folder = folder[:i]
		}
		return strings.ReplaceAll(folder, "-", "_")
	}
	return ""
}

// crateOf is the crate of the unit that holds an atom, "" for none.
func (d *debugInfo) crateOf(_ *Program, atom int32) string {
	if u := d.atomUnits[atom]; u >= 0 {
		return d.crates[u]
	}
	return ""
}

// unitName is what a unit is called in reports.
func (d *debugInfo) unitName(unit int32) string { return d.names[unit] }

// inParallel walks units on all processors. worker makes what each of them has
// for itself: it gets a unit and answers with ranges, which are put together in
// the order of units.
func (d *debugInfo) inParallel(total uint64, worker func() func(unit int) []rangemap.Range) *rangemap.Map {
	n := len(d.data.Units)
	parts := make([][]rangemap.Range, n)
	next := make(chan int, n)
	for i := range n {
		next <- i
	}
	close(next)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			work := worker()
			for i := range next {
				parts[i] = work(i)
			}
		})
	}
	workers.Wait()
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	all := make([]rangemap.Range, 0, size)
	for i, p := range parts {
		all = append(all, p...)
		parts[i] = nil
	}
	b := rangemap.NewBuilder(total)
	b.Layer(all)
	return b.Finish(-1)
}

// unitBytes is the partition of the debug sections by unit.
func (p *Program) unitBytes() *rangemap.Map {
	d := p.debug
	d.bytesOnce.Do(func() {
		b := rangemap.NewBuilder(p.Space.Total)
		if d.data != nil && !d.separate {
			sections := p.debugSections()
			var ranges []rangemap.Range
			add := func(kind string, off, size uint64, unit int32) {
				if s, ok := sections[kind]; ok && off < s.End-s.Start {
					ranges = append(ranges, rangemap.Range{Start: s.Start + off, End: s.Start + min(off+size, s.End-s.Start), Label: unit})
				}
			}
			for i := range d.data.Units {
				for _, c := range d.data.Contributions(&d.data.Units[i]) {
					add(c.Kind, c.Offset, c.Size, int32(i))
				}
			}
			index := map[*dwarf.Unit]int32{}
			for i := range d.data.Units {
				index[&d.data.Units[i]] = int32(i)
			}
			d.data.Aranges(func(u *dwarf.Unit, off, size uint64) {
				if u != nil {
					add("aranges", off, size, index[u])
				}
			})
			b.Layer(ranges)
			b.Layer(p.referredDebug(sections))
		}
		d.bytes = b.Finish(-1)
	})
	return d.bytes
}

// debugSections are the uncompressed debug sections by DWARF's kind.
func (p *Program) debugSections() map[string]rangemap.Range {
	sections := map[string]rangemap.Range{}
	seen := map[string]int{}
	for i := range p.File.Sections {
		s := &p.File.Sections[i]
		kind, split, ok := dwarf.Kind(s.Name)
		if start := p.Space.sections[i]; ok && split == p.debug.data.Split() && !s.Compressed && !strings.Contains(s.Name, "zdebug") && start < p.Space.File {
			sections[kind] = rangemap.Range{Start: start, End: min(start+s.FileSize, p.Space.File)}
			seen[kind]++
		}
	}
	for kind, n := range seen {
		if n > 1 { // an object's type units: offsets count in no one of them
			delete(sections, kind)
		}
	}
	return sections
}

// referredDebug: strings and lists have no unit of their own; the first unit
// that refers to one has it.
func (p *Program) referredDebug(sections map[string]rangemap.Range) []rangemap.Range {
	d := p.debug
	kinds := []string{dwarf.ToStr, dwarf.ToLineStr, dwarf.ToRanges, dwarf.ToLoc}
	type target struct {
		place uint64
		unit  int32
	}
	n := len(d.data.Units)
	parts := make([][]target, n)
	next := make(chan int, n)
	for i := range n {
		next <- i
	}
	close(next)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range next {
				var list []target
				d.data.References(&d.data.Units[i], func(kind string, off uint64) {
					if s, ok := sections[kind]; ok && slices.Contains(kinds, kind) && off < s.End-s.Start {
						list = append(list, target{s.Start + off, int32(i)})
					}
				})
				slices.SortFunc(list, func(a, b target) int { return cmp.Compare(a.place, b.place) })
				parts[i] = slices.Compact(list)
			}
		})
	}
	workers.Wait()
	var all []target
	for _, list := range parts {
		all = append(all, list...)
	}
	slices.SortFunc(all, func(a, b target) int {
		return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(a.unit, b.unit))
	})
	all = slices.CompactFunc(all, func(a, b target) bool { return a.place == b.place })
	data := p.File.Data
	str, lineStr := sections[dwarf.ToStr], sections[dwarf.ToLineStr]
	ranges := make([]rangemap.Range, 0, len(all))
	for i, t := range all {
		limit, _ := p.limit(t.place)
		end := limit
		if i+1 < len(all) {
			end = min(end, all[i+1].place)
		}
		if t.place >= str.Start && t.place < str.End || t.place >= lineStr.Start && t.place < lineStr.End {
			if nul := bytes.IndexByte(data[t.place:min(limit, p.Space.File)], 0); nul >= 0 {
				end = t.place + uint64(nul) + 1
			}
		}
		ranges = append(ranges, rangemap.Range{Start: t.place, End: end, Label: t.unit})
	}
	return ranges
}

// withDebugOwner makes a view of atoms one that knows whose debug bytes are.
func (p *Program) withDebugOwner(l labeller, n *interner, err error, name func(unit int32) string) (labeller, error) {
	if err != nil || p.debug == nil || p.debug.data == nil || p.debug.separate {
		return l, err
	}
	ids := labelCache{}
	inner := l.label
	return labeller{own: p.unitBytes(), label: func(piece, section, own int32) int32 {
		if own < 0 || pieceKind(piece) != Debug {
			return inner(piece, section, own)
		}
		return ids.get(own, func() int32 { return n.id(name(own)) })
	}}, nil
}

// unitCrate is a unit's crate, or what to say instead.
func (p *Program) unitCrate(unit int32) string {
	if crate := p.debug.crates[unit]; crate != "" {
		return p.unitLabel(unit, crate)
	}
	return "[C or assembly]"
}

// databaseUnits reads the modules of a program database (PDB).
func (p *Program) databaseUnits(db *pdb.File) *debugInfo {
	info := &debugInfo{separate: true}
	for _, m := range db.Modules {
		info.names = append(info.names, m.Name)
		crate := ""
		if base := m.Name[strings.LastIndexAny(m.Name, `/\`)+1:]; strings.HasSuffix(base, ".rcgu.o") {
			crate, _, _ = strings.Cut(base, "-")
			crate, _, _ = strings.Cut(crate, ".")
		}
		info.crates = append(info.crates, crate)
	}
	var ranges []rangemap.Range
	for _, c := range db.Contributions {
		if int(c.Module) >= len(db.Modules) {
			continue
		}
		low := p.File.ImageBase + uint64(c.RVA)
		ranges = p.appendRange(ranges, dwarf.Range{Low: low, High: low + uint64(c.Size)}, int32(c.Module))
	}
	b := rangemap.NewBuilder(p.Space.Total)
	b.Layer(ranges)
	info.code = b.Finish(-1)
	p.debug = info
	p.unitsOfAtoms()
	return info
}

// databaseSymbols are the symbols of a program database, as Symbols.
func databaseSymbols(f *objfile.File, db *pdb.File) ([]objfile.Symbol, error) {
	list, err := db.Symbols()
	out := make([]objfile.Symbol, 0, len(list))
	for _, s := range list {
		x := objfile.Symbol{Name: s.Name, Addr: f.ImageBase + uint64(s.RVA), Size: uint64(s.Size), Kind: objfile.SymData, Bind: objfile.BindGlobal, Section: -1}
		if s.Kind == pdb.Function {
			x.Kind = objfile.SymFunc
		}
		if s.Local {
			x.Bind = objfile.BindLocal
		}
		out = append(out, x)
	}
	return out, err
}

// debugAt is the compile unit and the line of a place.
func (p *Program) debugAt(place uint64) (unit, line string) {
	d := p.debug
	if d == nil {
		return "", ""
	}
	if u := d.code.At(place, -1); u >= 0 {
		unit = d.names[u]
	}
	if d.data == nil {
		return unit, ""
	}
	if x := p.lineMap().At(place, -1); x >= 0 {
		fl := d.fileLines[x]
		line = d.files.names[fl.file] + ":" + itoa(int(fl.line))
	}
	return unit, line
}
