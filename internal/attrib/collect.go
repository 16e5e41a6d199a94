package attrib

// Bodies: what symbols and runtime tables say about where functions and data
// begin and end.
//
// The traps: one body has several symbols (all are kept, one is the best);
// symbols nest (the outer one keeps its bytes) and overlap; assembly gives no
// sizes (they end where the next begins); linkers define markers (_end,
// __bss_start) that own nothing; compilers leave labels that are no objects
// ($d, .L12). A symbol's size is a claim: it is cut to its section.

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/dwarf"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/rangemap"
)

// strength of a source of bodies; lower is stronger.
type strength uint8

const (
	sized   strength = iota // a symbol with a size
	table                   // an unwind or runtime table
	unsized                 // a symbol without a size: up to whatever comes next
)

// body is a claim on places.
type body struct {
	start, end uint64
	symbol     int32 // -1 without
	text       int32 // index into Texts, -1 without
	strength   strength
	flags      Flags
}

// collector does New's work; what it holds is not needed afterwards.
type collector struct {
	p     *Program
	fault error // of a goroutine
	o     Options

	bodies   []body
	starts   []int32  // of refs: index of atom i's first; one more at the end
	targets  []uint64 // packed references in the order of atoms, see packRef
	incoming []uint64 // packed targets for carving, see packTarget

	decoded    []*chunk // atoms that inferCode had decoded, in the numbers of then
	renumbered []int32  // their numbers now; nil where they are the same

	pointers []pointer
	kept     []pointer // relocations that are charged, but tell nothing
	unwind   []frame

	personalities []uint64 // places of personality routines, or of pointers to them
	charges       []rangemap.Range
	imports       map[string]int32
	goTable       *goTable
	pads          map[uint64]int32 // place of an exception table -> atom
	symbolAtom    []int32          // of each symbol its atom, -1

	wasmRefs []wasmReference // from code to data segments

	debugData     *dwarf.Data // of openDebug
	debugSeparate bool
	debugOpened   bool
}

// run is the list of passes; comments say what is fixed from there on.
func (c *collector) run() error {
	p := c.p
	// The three tables know nothing of each other.
	var readers sync.WaitGroup
	readers.Go(func() { c.guarded(c.readFrames) })
	readers.Go(func() { c.guarded(c.readRelocs) })
	c.readSymbols()
	readers.Wait()
	if c.fault != nil {
		return c.fault
	}
	if functions := formatTable[p.File.Format].functions; functions != nil {
		functions(c)
	}
	c.addCaught()
	c.addFrames()
	c.addGoFunctions()
	c.makeAtoms()
	// From here atoms of code and of named data are fixed.
	if err := c.tooMany(); err != nil {
		return err
	}
	c.forget()
	if !c.o.NoDecode {
		if fixedAddresses(p.File) {
			c.scanWords()
		}
		c.inferCode()
		c.decode()
		if c.fault != nil {
			return c.fault
		}
		c.carve()
		c.forget()
		if err := c.nameVtables(); err != nil {
			return err
		}
	}
	c.addImports()
	if err := c.tooMany(); err != nil {
		return err
	}
	// From here all atoms are fixed.
	p.names.init(p)
	if c.o.Names { // for views, which come when the charging is done
		readers.Go(p.names.demangleAll)
	}
	c.mapSymbols()
	c.charge()
	readers.Wait()
	if c.o.Debug {
		if err := c.readDebug(); err != nil {
			return err
		}
	}
	if c.o.References {
		c.resolveRefs()
	}
	return nil
}

// guarded runs f on a goroutine of its own, where the caller's byteio.Guard
// does not reach: a mapped file that is truncated meanwhile is an error, not
// the end of the program.
func (c *collector) guarded(f func()) {
	if err := byteio.Guard(func() error { f(); return nil }); err != nil {
		c.p.warning.Lock()
		c.fault = err
		c.p.warning.Unlock()
	}
}

// forget lets the file's pages go between passes that read other parts of it.
func (c *collector) forget() {
	if c.o.Forget != nil {
		c.o.Forget(c.p.File.Data)
	}
}

func (c *collector) tooMany() error {
	if len(c.p.Atoms) > maxAtoms {
		return errTooMany(len(c.p.Atoms))
	}
	return nil
}

// readSymbols turns symbols into bodies.
func (c *collector) readSymbols() {
	p, f := c.p, c.p.File
	symbols, err := f.Symbols()
	if err != nil {
		p.warn("symbol table left out: %v", err)
	}
	if c.o.Companion != nil {
		more, err := c.o.Companion.Symbols()
		if err != nil {
			p.warn("symbol table of the debug file left out: %v", err)
		}
		symbols = mergeSymbols(symbols, more)
	}
	if c.o.Database != nil {
		more, err := databaseSymbols(f, c.o.Database)
		if err != nil {
			p.warn("symbols of the program database left out: %v", err)
		}
		symbols = mergeSymbols(symbols, more)
	}
	p.Symbols = symbols
	c.bodies = make([]body, 0, len(symbols))
	for i := range symbols {
		s := &symbols[i]
		if s.Undefined || s.Name == "" || s.Kind == objfile.SymSection || s.Kind == objfile.SymFile || isLabel(s.Name) {
			continue
		}
		place, ok := p.symbolPlace(s)
		if !ok {
			continue
		}
		b := body{start: place, symbol: int32(i), text: -1, strength: sized}
		limit, kind := p.limit(place)
		if !holdsBodies(kind) {
			continue
		}
		if markers[p.plainName(s.Name)] {
			c.bodies = append(c.bodies, body{start: place, end: place, symbol: int32(i), text: -1, strength: unsized})
			continue
		}
		if s.Size == 0 {
			if !claimsUnsized(s, kind) {
				continue
			}
			b.strength, b.end = unsized, limit
			if p.plainName(s.Name) == "__dso_handle" {
				b.end = min(limit, place+uint64(f.Bits/8)) // crtbegin.o's one pointer (Itanium C++ ABI, 3.3.5.3); what lies behind has no symbol
			}
		} else {
			b.end = place + min(s.Size, limit-place)
		}
		if s.Dynamic || s.Bind != objfile.BindLocal && f.Kind == objfile.Relocatable {
			b.flags |= Exported
		}
		if isPrivate(s.Name) {
			b.flags |= Private
		}
		if b.end > b.start {
			c.bodies = append(c.bodies, b)
		}
	}
}

// mergeSymbols adds those of a debug companion; where it has any, its table
// holds those of the file too.
func mergeSymbols(own, more []objfile.Symbol) []objfile.Symbol {
	merged := slices.Clone(own)
	for _, s := range more {
		if !s.Dynamic {
			merged = append(merged, s)
		}
	}
	return merged
}

// symbolPlace is where a symbol's body starts.
func (p *Program) symbolPlace(s *objfile.Symbol) (uint64, bool) {
	f := p.File
	if f.Wasm != nil { // symbols are numbered, not addressed
		k := s.Addr - uint64(f.Wasm.ImportedFunctions)
		if s.Kind != objfile.SymFunc || k >= uint64(len(f.Wasm.Functions)) {
			return 0, false
		}
		return uint64(f.Wasm.Functions[k].Offset), true
	}
	if f.Kind == objfile.Relocatable || f.Kind == objfile.KernelModule || len(p.Space.byAddr) == 0 {
		return p.Space.SectionPlace(f, s.Section, s.Addr)
	}
	if f.ELF != nil && s.Section >= 0 && s.Section < len(f.Sections) && !f.Sections[s.Section].Alloc && !f.Sections[s.Section].Derived {
		// Not loaded, so its address (0, most often) is nowhere in memory.
		return p.Space.SectionPlace(f, s.Section, s.Addr-f.Sections[s.Section].Addr)
	}
	addr := s.Addr
	if s.Kind == objfile.SymTLS && f.Format == objfile.ELF {
		if s.Section >= 0 && s.Section < len(f.Sections) && f.Sections[s.Section].FileSize == 0 && !f.Sections[s.Section].Derived {
			return 0, false // .tbss: memory of each thread, not of the image
		}
		addr += p.Space.tls
	}
	return p.Space.AddrToPlace(addr)
}

// limit is where the section (or segment) of place ends, and its kind.
func (p *Program) limit(place uint64) (uint64, Kind) {
	i := p.sections.Find(place)
	if i < 0 {
		return place, Unmapped
	}
	return p.sections.End(i), p.kindAt(place, p.sections.Labels[i])
}

// isLabel: names that are no objects: ARM and RISC-V mapping symbols, local
// labels of assemblers, Mach-O's debugger entries.
func isLabel(name string) bool {
	return name[0] == '$' && (len(name) == 2 || len(name) > 2 && name[2] == '.') ||
		strings.HasPrefix(name, ".L") || strings.HasPrefix(name, "__mh_") || isGoCarrier(name)
}

// isGoCarrier: Go's linker gives all types, strings, function values and
// pointer masks one symbol each, "type:*"; what is in them is known only by
// what points at it.
func isGoCarrier(name string) bool {
	name = strings.TrimPrefix(name, "_") // Mach-O
	return name == "go:funcdesc" || strings.HasSuffix(name, "*") &&
		(strings.HasPrefix(name, "type:") || strings.HasPrefix(name, "typerel") || strings.HasPrefix(name, "go:") || strings.HasPrefix(name, "runtime.gcbits"))
}

// holdsBodies: in the other kinds of section a symbol marks an entry of a
// table, which is charged to whom it serves (GCC_except_table12).
func holdsBodies(k Kind) bool {
	switch k {
	case Unwind, Exception, Reloc, SymbolTab, Debug, Header, Padding, Signature:
		return false
	}
	return true
}

// isPrivate: names that LLVM and rustc give constants that the source does not
// name: anon.<hash>.7, alloc_<hash>, .Lanon..., str.3, vtable.4.
func isPrivate(name string) bool {
	for _, prefix := range []string{"anon.", "alloc_", "__unnamed_", "str.", "vtable.", "const.", "byte_str."} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			word, _, _ := strings.Cut(rest, ".")
			return word != "" && (strings.Trim(word, "0123456789") == "" && prefix != "alloc_" || len(word) == 32 && strings.Trim(word, "0123456789abcdef") == "")
		}
	}
	return false
}

// markers are symbols that linkers define at borders; they own nothing, but
// what has no size ends there.
var markers = map[string]bool{
	"_end": true, "end": true, "_edata": true, "edata": true, "_etext": true, "etext": true, "__bss_start": true, "__bss_start__": true,
	"__bss_end__": true, "_bss_end__": true, "__end__": true, "__data_start": true, "data_start": true,
	"_GLOBAL_OFFSET_TABLE_": true, "_DYNAMIC": true, "__GNU_EH_FRAME_HDR": true, "__FRAME_END__": true, "__FRAME_BEGIN__": true, "__EH_FRAME_BEGIN__": true,
	"__init_array_start": true, "__init_array_end": true, "__fini_array_start": true, "__fini_array_end": true,
	"__preinit_array_start": true, "__preinit_array_end": true, "__rela_iplt_start": true, "__rela_iplt_end": true,
	"__ehdr_start": true, "__executable_start": true, "_PROCEDURE_LINKAGE_TABLE_": true, "__TMC_END__": true,
	"__TMC_LIST__": true, "_TLS_MODULE_BASE_": true, "completed.0": false,
	"runtime.text": true, "runtime.etext": true, "runtime.rodata": true, "runtime.erodata": true, "runtime.data": true, "runtime.edata": true,
	"runtime.bss": true, "runtime.ebss": true, "runtime.noptrdata": true, "runtime.enoptrdata": true, "runtime.noptrbss": true,
	"runtime.enoptrbss": true, "runtime.end": true, "runtime.types": true, "runtime.pclntab": true, "runtime.epclntab": true, "runtime.esymtab": true, "runtime.symtab": true, "runtime.etypes": true, "runtime.covctrs": true, "runtime.ecovctrs": true,
}

// claimsUnsized says whether a symbol without a size may claim what follows.
func claimsUnsized(s *objfile.Symbol, kind Kind) bool {
	if strings.HasPrefix(s.Name, "__start_") || strings.HasPrefix(s.Name, "__stop_") {
		return false
	}
	switch kind {
	case Code:
		return true
	case ReadOnly, Data, Zero, String, Runtime:
		return true
	}
	return false
}

// makeAtoms decides between the bodies, in one sweep over their starts.
func (c *collector) makeAtoms() {
	p := c.p
	symbols := p.Symbols
	slices.SortStableFunc(c.bodies, func(a, b body) int {
		if d := cmp.Compare(a.start, b.start); d != 0 {
			return d
		}
		if d := cmp.Compare(a.strength, b.strength); d != 0 {
			return d
		}
		if a.symbol < 0 || b.symbol < 0 {
			return cmp.Compare(b.symbol, a.symbol)
		}
		return betterSymbol(&symbols[a.symbol], &symbols[b.symbol])
	})
	atoms := make([]Atom, 0, len(c.bodies))
	var prev strength
	for i := range c.bodies {
		b := &c.bodies[i]
		start, end := b.start, b.end
		if start == end { // a border
			if n := len(atoms); n > 0 && prev == unsized && atoms[n-1].End > start && atoms[n-1].Start < start {
				atoms[n-1].End = start
			}
			continue
		}
		if n := len(atoms); n > 0 {
			last := &atoms[n-1]
			switch {
			case start == last.Start:
				c.merge(last, int32(n-1), b)
				continue
			case start < last.End && (prev == unsized || b.strength < prev):
				last.End = start
			case start < last.End:
				start = last.End
				if start >= end || b.strength != sized || end-start < 16 {
					continue // inside another body: a second entry, or a wrong size
				}
			}
		}
		a := Atom{Start: start, End: end, Symbol: b.symbol, Text: b.text, Referrer: -1, Flags: b.flags}
		if b.symbol < 0 {
			a.Flags |= FromTable
		}
		p.placeAtom(&a)
		atoms = append(atoms, a)
		prev = b.strength
	}
	p.Atoms = atoms
	c.bodies = nil
	slices.SortFunc(p.aliases, func(a, b alias) int {
		return cmp.Or(cmp.Compare(a.atom, b.atom), cmp.Compare(a.symbol, b.symbol))
	})
}

// merge adds b's name to the atom that starts at the same place. A symbol
// without a size next to a table that knows the end takes that end.
func (c *collector) merge(a *Atom, index int32, b *body) {
	a.Flags |= b.flags & Exported
	switch {
	case b.symbol < 0:
	case a.Symbol < 0:
		a.Symbol = b.symbol
		a.Flags &^= FromTable
	case c.p.Symbols[a.Symbol].Name != c.p.Symbols[b.symbol].Name:
		c.p.aliases = append(c.p.aliases, alias{index, b.symbol})
		a.Flags |= Alias
	}
	if a.Text < 0 {
		a.Text = b.text
	}
}

// betterSymbol orders the symbols of one body: global before weak before
// local, static table before dynamic, sized, then by name so that the answer
// never depends on the table's order.
func betterSymbol(a, b *objfile.Symbol) int {
	rank := func(s *objfile.Symbol) int {
		r := 0
		switch s.Bind {
		case objfile.BindWeak:
			r = 4
		case objfile.BindLocal:
			r = 8
		}
		if s.Dynamic {
			r++
		}
		if s.Kind == objfile.SymOther {
			r += 2
		}
		return r
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(len(a.Name), len(b.Name)), cmp.Compare(a.Name, b.Name))
}

// placeAtom fills what follows from an atom's place: address, section, kind.
func (p *Program) placeAtom(a *Atom) {
	label := p.sections.At(a.Start, ^int32(0))
	a.Section = max(label, -1)
	a.Kind = p.kindAt(a.Start, label)
	if addr, ok := p.Space.PlaceToAddr(a.Start); ok {
		a.Addr = addr
	} else if label >= 0 && p.Space.sections[label] != noPlace {
		a.Addr = a.Start - p.Space.sections[label]
	}
	if a.Kind == ReadOnly && a.Symbol >= 0 && isVtableName(p.Symbols[a.Symbol].Name) {
		a.Kind = Vtable
	}
}

// isVtableName: Itanium C++ ABI 5.1.4 (_ZTV, _ZTC, _ZTT), Microsoft (??_7), Rust's own.
func isVtableName(name string) bool {
	return strings.HasPrefix(name, "_ZTV") || strings.HasPrefix(name, "_ZTT") || strings.HasPrefix(name, "_ZTC") ||
		strings.HasPrefix(name, "__ZTV") || strings.HasPrefix(name, "??_7") || strings.HasPrefix(name, "vtable.")
}

// addImports makes an atom without a body for each undefined name.
func (c *collector) addImports() {
	p := c.p
	c.imports = map[string]int32{}
	// Of a linked ELF file the loader sees the dynamic table alone: what only
	// the static one has undefined is weak and was never found.
	linked := p.File.Format == objfile.ELF && (p.File.Kind == objfile.Executable || p.File.Kind == objfile.PIE || p.File.Kind == objfile.SharedObject)
	for i := range p.Symbols {
		s := &p.Symbols[i]
		if !s.Undefined || s.Name == "" || linked && !s.Dynamic {
			continue
		}
		name := importName(s.Name)
		if atom, done := c.imports[name]; done {
			if s.Dynamic && !p.Symbols[p.Atoms[atom].Symbol].Dynamic {
				p.Atoms[atom].Symbol = int32(i) // that name is left in a stripped file as well
			}
			continue
		}
		c.imports[name] = int32(len(p.Atoms))
		p.Atoms = append(p.Atoms, Atom{
			Start: p.Space.Total, End: p.Space.Total, Symbol: int32(i), Text: -1, Section: -1, Referrer: -1, Kind: Linkage, Flags: Import,
		})
	}
}

// importName is an undefined symbol's name as the dynamic table has it; the
// static one has the version behind it (puts@GLIBC_2.2.5).
func importName(name string) string {
	if at := strings.IndexByte(name, '@'); at > 0 {
		return name[:at]
	}
	return name
}

// mapSymbols finds the atom of every symbol.
func (c *collector) mapSymbols() {
	p := c.p
	c.symbolAtom = make([]int32, len(p.Symbols))
	for i := range p.Symbols {
		s := &p.Symbols[i]
		c.symbolAtom[i] = -1
		switch {
		case s.Name == "":
		case s.Undefined:
			if atom, ok := c.imports[importName(s.Name)]; ok {
				c.symbolAtom[i] = atom
			}
		case s.Kind == objfile.SymSection || s.Kind == objfile.SymFile:
		default:
			if place, ok := p.symbolPlace(s); ok {
				c.symbolAtom[i] = p.AtomAt(place)
			}
		}
	}
}

type errTooMany int

func (e errTooMany) Error() string { return "more functions and data than can be counted" }
