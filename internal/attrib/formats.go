package attrib

// What is particular to a format: the parts that it has beside its sections,
// where its symbol entries stand, what its loader's function tables say. A
// format is one line of formatTable; everything else in this package is the
// same for all.

import (
	"strings"

	"github.com/minsize/minsize/internal/objfile"
)

// formatParts is what the rest of the package asks of a format; nil functions
// have nothing to say.
type formatParts struct {
	headers   func(f *objfile.File) []extra
	symbols   func(f *objfile.File) []entryTable
	functions func(c *collector) // adds bodies and frames
}

var formatTable = map[objfile.Format]formatParts{
	objfile.ELF:     {headers: elfHeaders, symbols: elfSymbolTables},
	objfile.PE:      {headers: peHeaders, symbols: peSymbolTables, functions: peFunctions},
	objfile.COFF:    {headers: peHeaders, symbols: peSymbolTables},
	objfile.MachO:   {headers: machoHeaders, symbols: machoSymbolTables, functions: machoFunctions},
	objfile.FatMach: {headers: fatHeaders},
	objfile.Wasm:    {headers: wasmHeaders, functions: wasmFunctions},
	objfile.Archive: {headers: archiveHeaders},
}

// entryTable is a table of symbols: entry i has size bytes at off + i*size.
type entryTable struct {
	off, end, size uint64
	dynamic        bool
}

func elfHeaders(f *objfile.File) []extra {
	e := f.ELF
	list := []extra{{start: 0, end: e.EhdrSize(), name: "[ELF header]", kind: Header}}
	if n := uint64(len(e.Phdrs)) * e.PhdrSize(); n > 0 {
		list = append(list, extra{start: e.Ehdr.Phoff, end: e.Ehdr.Phoff + n, name: "[ELF program headers]", kind: Header})
	}
	if n := uint64(len(e.Shdrs)) * e.ShdrSize(); n > 0 {
		list = append(list, extra{start: e.Ehdr.Shoff, end: e.Ehdr.Shoff + n, name: "[ELF section headers]", kind: Header})
	}
	return list
}

func elfSymbolTables(f *objfile.File) []entryTable {
	size := uint64(16)
	if f.ELF.Is64() {
		size = 24
	}
	var list []entryTable
	for i := range f.ELF.Shdrs {
		h := &f.ELF.Shdrs[i]
		t := entryTable{off: h.Off, end: h.Off + h.Size, size: size}
		switch h.Type {
		case objfile.SHT_SYMTAB:
		case objfile.SHT_DYNSYM:
			t.dynamic = true
		case objfile.SHT_GNU_versym:
			t.dynamic, t.size = true, 2
		default:
			continue
		}
		list = append(list, t)
	}
	return list
}

func peHeaders(f *objfile.File) []extra {
	var list []extra
	first := f.Size
	for i := range f.Sections {
		if s := &f.Sections[i]; s.FileSize > 0 {
			first = min(first, s.Offset)
		}
	}
	lfanew := uint64(f.PE.Lfanew)
	if lfanew > 0 {
		list = append(list, extra{start: 0, end: lfanew, name: "[DOS header and stub]", kind: Header})
	}
	headers := lfanew + 20 + uint64(f.PE.FileHeader.SizeOfOptionalHeader) + 40*uint64(len(f.PE.Headers))
	if lfanew > 0 {
		headers += 4
	}
	list = append(list, extra{start: lfanew, end: min(headers, first), name: "[" + string(f.Format) + " headers]", kind: Header})
	if off, size := f.PE.SymbolTable(); size > 0 {
		list = append(list, extra{start: off, end: off + size, name: "[COFF symbol table]", kind: SymbolTab, unshipped: true})
	}
	if off, size := f.PE.StringTable(); size > 0 {
		list = append(list, extra{start: off, end: off + size, name: "[COFF string table]", kind: SymbolTab, unshipped: true})
	}
	if f.PE.OptionalHeader == nil { // an object's relocations, ten bytes each
		for i := range f.PE.Headers {
			h := &f.PE.Headers[i]
			if start := uint64(h.PointerToRelocations); start > 0 && h.NumberOfRelocations > 0 {
				list = append(list, extra{start: start, end: start + 10*uint64(h.NumberOfRelocations), name: "[COFF relocations]", kind: Reloc})
			}
		}
	}
	if off, size, ok := f.PE.Certificate(); ok {
		list = append(list, extra{start: off, end: off + size, name: "[certificates]", kind: Signature})
	}
	return list
}

func peSymbolTables(f *objfile.File) []entryTable {
	off, size := f.PE.SymbolTable()
	entry := uint64(18)
	if f.PE.BigObj {
		entry = 20
	}
	return []entryTable{{off: off, end: off + size, size: entry}}
}

// peFunctions: .pdata is PE's frame table; the unwind information that an
// entry points at is charged like a landing pad.
func peFunctions(c *collector) {
	p := c.p
	functions, err := p.File.PE.RuntimeFunctions()
	if err != nil {
		p.warn("function table left out: %v", err)
	}
	for _, fn := range functions {
		start, ok := p.Space.AddrToPlace(fn.Begin)
		if !ok || fn.End <= fn.Begin {
			continue
		}
		limit, kind := p.limit(start)
		if kind != Code {
			continue
		}
		fr := frame{entry: fn.Entry, entryEnd: fn.Entry + uint64(fn.EntrySize), start: start, end: start + min(fn.End-fn.Begin, limit-start), lsda: noPlace, part: fn.Chained}
		if place, ok := p.Space.AddrToPlace(fn.Unwind); ok && fn.Unwind != 0 {
			fr.lsda, fr.lsdaEnd = place, place+peUnwindSize(p, place)
		}
		c.unwind = append(c.unwind, fr)
	}
	c.addResources()
}

// addResources: each resource is a datum with a name.
func (c *collector) addResources() {
	p := c.p
	resources, err := p.File.PE.Resources()
	if err != nil {
		p.warn("resources left out: %v", err)
	}
	for _, r := range resources {
		start, ok := p.Space.AddrToPlace(r.Addr)
		limit, kind := p.limit(start)
		if !ok || r.Size == 0 || !holdsBodies(kind) || kind == Code {
			continue
		}
		text := "resource " + r.Type
		for _, part := range []string{r.Name, r.Language} {
			if part != "" {
				text += " " + part
			}
		}
		c.bodies = append(c.bodies, body{start: start, end: start + min(uint64(r.Size), limit-start), symbol: -1, text: int32(len(p.Texts)), strength: sized})
		p.Texts = append(p.Texts, text)
	}
}

// peUnwindSize is the bytes of unwinding information, as far as it says itself.
func peUnwindSize(p *Program, place uint64) uint64 {
	f := p.File
	if place+4 > p.Space.File {
		return 0
	}
	if f.CPU.UnwindInfo == nil {
		return 4
	}
	return f.CPU.UnwindInfo(f.Data[place:])
}

// machoKinds tells what the pieces of __LINKEDIT are.
var machoKinds = map[string]Kind{
	"symbol table": SymbolTab, "string table": SymbolTab, "indirect symbol table": SymbolTab, "exports trie": SymbolTab, "export": SymbolTab, "exports": SymbolTab,
	"chained fixups": Reloc, "rebase": Reloc, "bind": Reloc, "weak bind": Reloc, "lazy bind": Reloc,
	"local relocations": Reloc, "external relocations": Reloc, "rebase info": Reloc, "bind info": Reloc, "weak bind info": Reloc, "lazy bind info": Reloc,
	"code signature": Signature, "function starts": SymbolTab, "data in code": Runtime, "segment split info": Note, "code signing requirements": Signature,
	"linker optimization hints": Note, "atom info": Note, "export info": SymbolTab,
}

func machoHeaders(f *objfile.File) []extra {
	m := f.MachO
	size := uint64(28)
	if f.Bits == 64 {
		size = 32
	}
	list := []extra{
		{start: 0, end: size, name: "[Mach-O header]", kind: Header},
		{start: size, end: size + uint64(m.Sizeofcmds), name: "[Mach-O load commands]", kind: Header},
	}
	for i := range m.Sections { // an object's relocations, eight bytes each
		if s := &m.Sections[i]; s.Nreloc > 0 {
			list = append(list, extra{start: uint64(s.Reloff), end: uint64(s.Reloff) + 8*uint64(s.Nreloc), name: "[Mach-O relocations]", kind: Reloc})
		}
	}
	for _, piece := range m.LinkEdit {
		kind, known := machoKinds[piece.Name]
		if !known {
			kind = SymbolTab
		}
		list = append(list, extra{start: piece.Offset, end: piece.Offset + piece.Size, name: "[" + piece.Name + "]", kind: kind,
			unshipped: piece.Name == "symbol table" || piece.Name == "string table"})
	}
	return list
}

func machoSymbolTables(f *objfile.File) []entryTable {
	s := f.MachO.Symtab
	size := uint64(12)
	if f.Bits == 64 {
		size = 16
	}
	return []entryTable{{off: uint64(s.Symoff), end: uint64(s.Symoff) + uint64(s.Nsyms)*size, size: size}}
}

// machoFunctions: LC_FUNCTION_STARTS says where functions begin; each ends
// where the next one does.
func machoFunctions(c *collector) {
	p := c.p
	for _, addr := range p.File.MachO.FunctionStarts() {
		if place, ok := p.Space.AddrToPlace(addr); ok {
			if limit, kind := p.limit(place); kind == Code {
				c.bodies = append(c.bodies, body{start: place, end: limit, symbol: -1, text: -1, strength: unsized})
			}
		}
	}
}

func fatHeaders(f *objfile.File) []extra {
	end := uint64(8)
	size := uint64(20)
	if f.Fat.Wide {
		size = 32
	}
	end += size * uint64(len(f.Fat.Arches))
	list := []extra{{start: 0, end: end, name: "[fat header]", kind: Header}}
	for _, a := range f.Fat.Arches {
		list = append(list, extra{start: a.Offset, end: a.Offset + a.Size, name: "[slice]", hole: true})
	}
	return list
}

func archiveHeaders(f *objfile.File) []extra {
	list := []extra{{start: 0, end: 8, name: "[archive magic]", kind: Header}}
	for i := range f.Ar.Members {
		m := &f.Ar.Members[i]
		switch {
		case m.Special != "":
			list = append(list, extra{start: m.Offset, end: m.Offset + m.Size, name: "[archive " + m.Special + "]", kind: SymbolTab})
		case !f.Ar.Thin:
			list = append(list, extra{start: m.Offset, end: m.Offset + m.Size, name: "[member]", hole: true})
		}
		list = append(list, extra{start: m.Header, end: min(m.Offset, m.Header+m.Stored), name: "[archive member headers]", kind: Header})
	}
	return list
}

func wasmHeaders(f *objfile.File) []extra {
	list := []extra{{start: 0, end: 8, name: "[Wasm header]", kind: Header}}
	for _, s := range f.Wasm.Sections {
		list = append(list, extra{start: s.Header, end: s.Offset, name: "[Wasm section headers]", kind: Header})
	}
	return list
}

// wasmFunctions: the code section is a list of bodies, the data section a list
// of segments; names come from the name section, exports and imports.
func wasmFunctions(c *collector) {
	p, w := c.p, c.p.File.Wasm
	functions := 0
	for i := range p.Symbols {
		if p.Symbols[i].Kind == objfile.SymFunc {
			functions++
		}
	}
	for i := range w.Functions {
		fn := &w.Functions[i]
		b := body{start: uint64(fn.Offset), end: uint64(fn.Offset) + uint64(fn.Size), symbol: -1, text: -1, strength: sized}
		if k := int(w.ImportedFunctions) + i; k < functions && p.Symbols[k].Name != "" {
			b.symbol = int32(k)
		}
		c.bodies = append(c.bodies, b)
	}
	c.findWasmReferences()
	cuts := c.cuts()
	names := w.Names()
	for i := range w.Data {
		d := &w.Data[i]
		text := "data segment " + itoa(i)
		if i < len(names.Data) && names.Data[i] != "" {
			text = names.Data[i]
		}
		end := firstCut(cuts, uint64(d.Init), uint64(d.Offset)+uint64(d.Size)) // the rest is carved
		c.bodies = append(c.bodies, body{start: uint64(d.Offset), end: end, symbol: -1, text: int32(len(p.Texts)), strength: sized})
		p.Texts = append(p.Texts, text)
	}
}

// chargeWasmNames gives each function its entry of the name section.
func (c *collector) chargeWasmNames() {
	p := c.p
	if p.File.Wasm == nil {
		return
	}
	w := p.File.Wasm
	for index, at := range w.Names().Entries {
		if k := index - int(w.ImportedFunctions); k >= 0 && at.Size > 0 {
			c.add(uint64(at.Offset), uint64(at.Offset)+uint64(at.Size), p.AtomAt(uint64(w.Functions[k].Offset)), SymbolTab)
		}
	}
}

// shortSectionName is a Mach-O section's name without its segment.
func shortSectionName(name string) string {
	if _, section, ok := strings.Cut(name, ","); ok {
		return section
	}
	return name
}
