package objfile

// The tables of PE images that data directories point at, and COFF symbols
// and relocations.

import (
	"encoding/binary"
	"fmt"
	"sort"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/machine"
)

func (p *PEFile) peSymbols() ([]Symbol, error) {
	if m := p.Import; m != nil {
		kind := SymFunc
		if m.Type != 0 {
			kind = SymData
		}
		return []Symbol{{Name: m.Symbol, Version: m.DLL, Kind: kind, Bind: BindGlobal, Section: -1, Undefined: true}}, nil
	}
	symbols, err := p.coffSymbols()
	if p.OptionalHeader == nil {
		return symbols, err
	}
	exports, exportErr := p.Exports()
	symbols = append(symbols, exports...)
	imports, importErr := p.Imports()
	symbols = append(symbols, imports...)
	for _, e := range []error{exportErr, importErr} {
		if err == nil {
			err = e
		}
	}
	return symbols, err
}

// coffSymbols reads the COFF symbol table; auxiliary records are passed over,
// so Index counts them but positions do not.
func (p *PEFile) coffSymbols() ([]Symbol, error) {
	off, size := p.SymbolTable()
	if size == 0 {
		return nil, nil
	}
	table, err := p.file.wholeView().Slice(off, size, "COFF symbol table")
	if err != nil {
		return nil, err
	}
	names, d := p.stringTable(), p.d
	record := pick(p.BigObj, COFFBigObjSymbolSize, COFFSymbolSize)
	symbols := make([]Symbol, 0, size/record/2)
	var bad error
	for i := uint64(0); (i+1)*record <= size; i++ {
		b := table[i*record:]
		s := Symbol{Index: int(i), Section: -1, Kind: SymOther}
		raw := ReadCOFFSymbol(b, p.BigObj)
		if at, long := COFFNameOffset(raw.Name); long {
			name, ok := names.at(at)
			if !ok && at != 0 && bad == nil {
				bad = byteio.Errorf(off+i*record, "symbol name", "symbol %d: no string at %#x", i, at)
			}
			s.Name = name
		} else {
			s.Name = cutNUL(b[:8])
		}
		value, number, typ, class, aux := raw.Value, int(raw.SectionNumber), raw.Type, raw.StorageClass, uint64(raw.NumberOfAuxSymbols)
		s.Addr = uint64(value)
		switch {
		case number > 0 && number <= len(p.Headers):
			s.Section = number - 1
			if p.OptionalHeader != nil {
				s.Addr += p.file.Sections[s.Section].Addr
			}
			if p.file.Sections[s.Section].Exec {
				s.Kind = SymFunc
				if typ != COFFFunctionType && class != IMAGE_SYM_CLASS_EXTERNAL {
					s.Kind = SymOther
				}
			} else {
				s.Kind = SymData
			}
		case number == IMAGE_SYM_UNDEFINED && class != IMAGE_SYM_CLASS_FILE:
			s.Undefined = value == 0
			s.Size = uint64(value) // of a common symbol
		case number > len(p.Headers):
			if bad == nil {
				bad = byteio.Errorf(off+i*record+12, "SectionNumber", "symbol %d (%s): section %d of %d", i, s.Name, number, len(p.Headers))
			}
		}
		if typ == COFFFunctionType {
			s.Kind = SymFunc
		}
		auxiliary := b[record:]
		if aux*record > uint64(len(auxiliary)) {
			aux = uint64(len(auxiliary)) / record
		}
		switch class {
		case IMAGE_SYM_CLASS_EXTERNAL:
			s.Bind = BindGlobal
			if typ == COFFFunctionType && aux > 0 && number > 0 {
				s.Size = uint64(d.u32(auxiliary[4:])) // TotalSize
			}
		case IMAGE_SYM_CLASS_WEAK_EXTERNAL:
			s.Bind = BindWeak
		case IMAGE_SYM_CLASS_FILE:
			s.Kind = SymFile
			if aux > 0 {
				s.Name = cutNUL(auxiliary[:aux*record])
			}
		case IMAGE_SYM_CLASS_STATIC, IMAGE_SYM_CLASS_SECTION:
			if value == 0 && aux > 0 && number > 0 && typ != COFFFunctionType {
				s.Kind = SymSection
				s.Size = uint64(d.u32(auxiliary))
			}
		}
		if number == IMAGE_SYM_DEBUG && class != IMAGE_SYM_CLASS_FILE {
			s.Kind = SymOther
		}
		symbols = append(symbols, s)
		i += aux
	}
	return symbols, bad
}

// peBudget bounds lists that end only at a sentinel or by a count of the file's.
const peBudget = 1 << 20

// Exports returns the export table as symbols; Version of a forwarder is
// "-> DLL.NAME". An export by ordinal alone is named "#123".
func (p *PEFile) Exports() ([]Symbol, error) {
	dir, _, err := p.directory(PEDirectoryExport)
	if err != nil || len(dir) == 0 {
		return nil, err
	}
	if len(dir) < 40 {
		return nil, byteio.Errorf(p.OptionalHeader.Offset, PEDirectoryNames[PEDirectoryExport], "40 bytes wanted, %d there", len(dir))
	}
	d := p.d
	ordinalBase, functions, names := d.u32(dir[16:]), uint64(d.u32(dir[20:])), uint64(d.u32(dir[24:]))
	if functions > peBudget || names > peBudget {
		return nil, byteio.Errorf(p.OptionalHeader.Offset, PEDirectoryNames[PEDirectoryExport], "%d functions, %d names", functions, names)
	}
	addresses, ok1 := p.file.BytesAt(p.va(d.u32(dir[28:])), 4*functions)
	nameTable, ok2 := p.file.BytesAt(p.va(d.u32(dir[32:])), 4*names)
	ordinals, ok3 := p.file.BytesAt(p.va(d.u32(dir[36:])), 2*names)
	if functions > 0 && !ok1 || names > 0 && (!ok2 || !ok3) {
		return nil, byteio.Errorf(p.OptionalHeader.Offset, PEDirectoryNames[PEDirectoryExport], "tables of %d functions and %d names are not in a section", functions, names)
	}
	extent, _ := p.Directory(PEDirectoryExport)
	named := make([]string, functions)
	for i := uint64(0); i < names; i++ {
		if n := uint64(d.u16(ordinals[2*i:])); n < functions {
			named[n], _ = p.cstringAt(d.u32(nameTable[4*i:]))
		}
	}
	var symbols []Symbol
	for i := uint64(0); i < functions; i++ {
		rva := d.u32(addresses[4*i:])
		if rva == 0 {
			continue
		}
		s := Symbol{Name: named[i], Addr: p.va(rva), Section: p.sectionAt(p.va(rva)), Index: int(i), Bind: BindGlobal, Dynamic: true, Kind: SymData}
		if s.Name == "" {
			s.Name = fmt.Sprintf("#%d", uint64(ordinalBase)+i)
		}
		if s.Section >= 0 && p.file.Sections[s.Section].Exec {
			s.Kind = SymFunc
		}
		if rva >= extent.VirtualAddress && rva-extent.VirtualAddress < extent.Size {
			target, _ := p.cstringAt(rva)
			s.Version, s.Kind = "-> "+target, SymOther
		}
		symbols = append(symbols, s)
	}
	return symbols, nil
}

func (p *PEFile) sectionAt(addr uint64) int {
	for i := range p.file.Sections {
		if s := &p.file.Sections[i]; addr >= s.Addr && addr-s.Addr < s.MemSize {
			return i
		}
	}
	return -1
}

// Imports returns the import table as undefined symbols: Addr is the slot of
// the import address table, Size the slot's, Version the DLL.
func (p *PEFile) Imports() ([]Symbol, error) {
	dir, ok := p.Directory(PEDirectoryImport)
	if !ok {
		return nil, nil
	}
	d, slot := p.d, pick(p.file.Bits == 64, 8, 4)
	table := p.file.tailAt(p.va(dir.VirtualAddress))
	var symbols []Symbol
	for at := 0; at+20 <= len(table) && len(symbols) < peBudget; at += 20 {
		lookup, nameRVA, iat := d.u32(table[at:]), d.u32(table[at+12:]), d.u32(table[at+16:])
		if nameRVA == 0 && iat == 0 {
			return symbols, nil
		}
		dll, ok := p.cstringAt(nameRVA)
		if !ok {
			return symbols, byteio.Errorf(p.OptionalHeader.Offset, PEDirectoryNames[PEDirectoryImport], "entry %d: no name at RVA %#x", at/20, nameRVA)
		}
		if lookup == 0 {
			lookup = iat
		}
		thunks := p.file.tailAt(p.va(lookup))
		for i := uint64(0); (i+1)*slot <= uint64(len(thunks)) && len(symbols) < peBudget; i++ {
			entry, byOrdinal := uint64(d.u32(thunks[i*slot:])), uint64(1)<<31
			if slot == 8 {
				entry, byOrdinal = d.u64(thunks[i*slot:]), 1<<63
			}
			if entry == 0 {
				break
			}
			s := Symbol{Version: dll, Addr: p.va(iat) + i*slot, Size: slot, Section: -1, Index: len(symbols), Kind: SymData, Bind: BindGlobal, Undefined: true, Dynamic: true}
			if entry&byOrdinal != 0 {
				s.Name = fmt.Sprintf("#%d", entry&0xffff)
			} else if s.Name, ok = p.cstringAt(uint32(entry) + 2); !ok {
				return symbols, byteio.Errorf(p.OptionalHeader.Offset, PEDirectoryNames[PEDirectoryImport], "%s: no name at RVA %#x", dll, entry)
			}
			symbols = append(symbols, s)
		}
	}
	return symbols, nil
}

// eachReloc yields an object's relocations or an image's base relocations.
func (p *PEFile) eachReloc(yield func(*Reloc) bool) error {
	if p.OptionalHeader == nil {
		return p.eachObjectReloc(yield)
	}
	table, off, err := p.directory(PEDirectoryBaseReloc)
	if err != nil {
		return err
	}
	d := p.d
	for at := uint64(0); at+8 <= uint64(len(table)); {
		page, size := d.u32(table[at:]), uint64(d.u32(table[at+4:]))
		if size < 8 || size > uint64(len(table))-at {
			if page == 0 && size == 0 { // padding
				return nil
			}
			return byteio.Errorf(off+at+4, "base relocation block", "SizeOfBlock %d, %d bytes are left", size, uint64(len(table))-at)
		}
		for e := at + 8; e+2 <= at+size; e += 2 {
			entry := d.u16(table[e:])
			r := Reloc{Addr: p.va(page) + uint64(entry&0xfff), Type: uint32(entry >> 12), Symbol: -1, Section: -1, Relative: true, Entry: off + e, EntrySize: 2}
			switch r.Type {
			case 0: // IMAGE_REL_BASED_ABSOLUTE: padding
				continue
			case 3: // IMAGE_REL_BASED_HIGHLOW
				r.Size = 4
				if b, ok := p.file.BytesAt(r.Addr, 4); ok {
					r.Addend = int64(d.u32(b))
				}
			case 10: // IMAGE_REL_BASED_DIR64
				r.Size = 8
				if b, ok := p.file.BytesAt(r.Addr, 8); ok {
					r.Addend = int64(d.u64(b))
				}
			case 1, 2: // HIGH, LOW: half of an address
				r.Size = 2
			}
			if !yield(&r) {
				return nil
			}
		}
		at += size
	}
	return nil
}

func (p *PEFile) eachObjectReloc(yield func(*Reloc) bool) error {
	d := p.d
	for i := range p.Headers {
		h := &p.Headers[i]
		count, off := uint64(h.NumberOfRelocations), uint64(h.PointerToRelocations)
		if count == 0xffff && h.Characteristics&IMAGE_SCN_LNK_NRELOC_OVFL != 0 {
			b, err := p.file.wholeView().Slice(off, 10, "relocation count")
			if err != nil {
				return err
			}
			if count = uint64(d.u32(b)); count == 0 {
				continue
			}
			count, off = count-1, off+10
		}
		if count == 0 {
			continue
		}
		table, err := p.file.wholeView().Table(off, count, 10, "COFF relocations")
		if err != nil {
			return err
		}
		section := &p.file.Sections[i]
		for n := uint64(0); n < count; n++ {
			b := table[10*n:]
			r := Reloc{Addr: uint64(d.u32(b)) - uint64(h.VirtualAddress), Symbol: int(d.u32(b[4:])), Type: uint32(d.u16(b[8:])), Section: i, Entry: off + 10*n, EntrySize: 10}
			r.Size = p.file.CPU.COFFSizes[r.Type]
			if r.Size == 4 && section.FileSize >= 4 && r.Addr <= section.FileSize-4 {
				r.Addend = int64(int32(d.u32(p.file.Data[section.Offset+r.Addr:])))
			} else if r.Size == 8 && section.FileSize >= 8 && r.Addr <= section.FileSize-8 {
				r.Addend = int64(d.u64(p.file.Data[section.Offset+r.Addr:]))
			}
			if !yield(&r) {
				return nil
			}
		}
	}
	return nil
}

// symbolPosition finds a COFF symbol by its raw index.
func (p *PEFile) symbolPosition(r *Reloc, symbols []Symbol) int {
	i := sort.Search(len(symbols), func(i int) bool { return symbols[i].Dynamic || symbols[i].Index >= r.Symbol })
	if i < len(symbols) && symbols[i].Index == r.Symbol && !symbols[i].Dynamic {
		return i
	}
	return -1
}

// RuntimeFunction is one entry of the exception table (.pdata): a function's
// extent, also in stripped images.
type RuntimeFunction struct {
	Begin, End uint64 // addresses; on ARM64 End is from the unwind data
	Unwind     uint64 // address of the unwind information, 0 when it is packed into the entry
	Chained    bool   // a part of another function (UNW_FLAG_CHAININFO)
	Entry      uint64 // file offset of the entry
	EntrySize  uint8
}

// RuntimeFunctions returns the exception table of x86-64 and ARM64 images.
func (p *PEFile) RuntimeFunctions() ([]RuntimeFunction, error) {
	form, known := runtimeFunctions[p.file.CPU]
	if !known {
		return nil, nil
	}
	table, off, err := p.directory(PEDirectoryException)
	if err != nil {
		return nil, err
	}
	var functions []RuntimeFunction
	for at := 0; at+form.size <= len(table); at += form.size {
		f := RuntimeFunction{Entry: off + uint64(at), EntrySize: uint8(form.size)}
		if form.read(p, &f, table[at:]) {
			functions = append(functions, f)
		}
	}
	return functions, nil
}

// runtimeFunctions are the forms of the exception table's entries.
var runtimeFunctions = map[*machine.Machine]struct {
	size int
	read func(p *PEFile, f *RuntimeFunction, entry []byte) bool
}{
	machine.X86_64: {12, func(p *PEFile, f *RuntimeFunction, entry []byte) bool {
		begin, end := p.d.u32(entry), p.d.u32(entry[4:])
		f.Begin, f.End, f.Unwind = p.va(begin), p.va(end), p.va(p.d.u32(entry[8:]))
		if b, ok := p.file.BytesAt(f.Unwind, 1); ok {
			f.Chained = b[0]>>3&4 != 0
		}
		return end >= begin && end != 0
	}},
	machine.AArch64: {8, func(p *PEFile, f *RuntimeFunction, entry []byte) bool {
		begin, data := p.d.u32(entry), p.d.u32(entry[4:])
		f.Begin = p.va(begin)
		if data&3 != 0 { // packed: FunctionLength in words
			f.End = f.Begin + uint64(data>>2&0x7ff)*4
			return begin != 0
		}
		f.Unwind = p.va(data)
		if b, ok := p.file.BytesAt(f.Unwind, 4); ok {
			f.End = f.Begin + uint64(p.d.u32(b)&0x3ffff)*4
		}
		return begin != 0
	}},
}

// PEDebugEntry is IMAGE_DEBUG_DIRECTORY.
type PEDebugEntry struct {
	Type             uint32 // 2 CodeView, 13 POGO, 16 repro
	SizeOfData       uint32
	AddressOfRawData uint32
	PointerToRawData uint32
	Entry            uint64 // file offset of the entry, 28 bytes
}

// DebugDirectory returns the debug directory's entries.
func (p *PEFile) DebugDirectory() ([]PEDebugEntry, error) {
	table, off, err := p.directory(PEDirectoryDebug)
	if err != nil {
		return nil, err
	}
	var entries []PEDebugEntry
	for at := 0; at+28 <= len(table); at += 28 {
		b := table[at:]
		entries = append(entries, PEDebugEntry{Type: p.d.u32(b[12:]), SizeOfData: p.d.u32(b[16:]), AddressOfRawData: p.d.u32(b[20:]), PointerToRawData: p.d.u32(b[24:]), Entry: off + uint64(at)})
	}
	return entries, nil
}

// PDB70 is what a CodeView entry says of the PDB: its GUID, age and path.
type PDB70 struct {
	GUID [16]byte // as in the file
	Age  uint32
	Path string
}

// PDB returns the CodeView "RSDS" record.
func (p *PEFile) PDB() (PDB70, bool) {
	entries, _ := p.DebugDirectory()
	for _, e := range entries {
		b, err := p.file.wholeView().Slice(uint64(e.PointerToRawData), uint64(e.SizeOfData), "CodeView record")
		if e.Type != 2 || err != nil || len(b) < 24 || string(b[:4]) != "RSDS" {
			continue
		}
		record := PDB70{Age: binary.LittleEndian.Uint32(b[20:]), Path: cutNUL(b[24:])}
		copy(record.GUID[:], b[4:20])
		return record, true
	}
	return PDB70{}, false
}

// Overlay is what stands behind everything that headers describe, the
// certificate aside: installers' payloads.
func (p *PEFile) Overlay() (off, size uint64) {
	end := p.headersOffset + 40*uint64(len(p.Headers))
	for i := range p.file.Sections {
		s := &p.file.Sections[i]
		end = max(end, s.Offset+s.FileSize)
	}
	for i := range p.Headers {
		if h := &p.Headers[i]; h.NumberOfRelocations > 0 && p.OptionalHeader == nil {
			end = max(end, uint64(h.PointerToRelocations)+10*uint64(h.NumberOfRelocations))
		}
	}
	for _, table := range []func() (uint64, uint64){p.SymbolTable, p.StringTable} {
		if off, size := table(); size > 0 && off+size <= p.file.Size {
			end = max(end, off+size)
		}
	}
	limit := p.file.Size
	if off, size, ok := p.Certificate(); ok && off >= end {
		if off+size == p.file.Size {
			limit = off
		} else { // the overlay follows the certificate
			return off + size, p.file.Size - off - size
		}
	}
	return end, saturating(limit, end)
}
