package objedit

// COFF objects of Windows, with 16-bit section numbers or bigobj's 32-bit ones.
// Names are those of Microsoft's "PE Format" specification.
//
// What differs from ELF: a symbol has no size, so a function ends where the next
// symbol of its section begins; addends stand in the content; the numbers of a
// section stand twice, in its header and in the auxiliary record of its section
// symbol, where linkers look for those of a COMDAT.

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/machine"
	"github.com/minsize/minsize/internal/objfile"
)

// coff is a COFF object.
type coff struct {
	*Object
	big         bool
	headers     []objfile.PESectionHeader   // by section; the first is nobody's
	definitions []uint64                    // by section: file offset of its auxiliary record, or 0
	byBegin     map[place][]runtimeFunction // entries of .pdata, once read
	byInfo      map[int][]runtimeFunction   // the same by the section of their information
}

// coffMachine is the machine of an object by its first bytes. There is no magic:
// an object begins with its machine's number and has no optional header.
func coffMachine(data []byte) *machine.Machine {
	if len(data) < objfile.COFFHeaderSize {
		return nil
	}
	le := binary.LittleEndian
	number := le.Uint16(data)
	if objfile.IsBigObj(data) {
		number = le.Uint16(data[6:])
	} else if le.Uint16(data[16:]) != 0 {
		return nil
	}
	if m, arch := machine.OfCOFF(number); arch.Bits != 0 {
		return m
	}
	return nil
}

func isCOFF(data []byte) bool { return coffMachine(data) != nil }

func coffObject(head []byte) (bool, *machine.Machine) {
	m := coffMachine(head)
	return m != nil && editsCOFF(m), m
}

// editsCOFF: what describes functions to Windows' unwinder is known of 64 bits
// (coff_unwind.go); of 32 it is registered handlers.
func editsCOFF(m *machine.Machine) bool { return m.Code != nil && m.Arches[0].Bits == 64 }

func parseCOFF(o *Object) (format, error) {
	f := &coff{Object: o, big: objfile.IsBigObj(o.data)}
	var h objfile.PEFileHeader
	var err error
	at := uint64(objfile.COFFHeaderSize)
	if f.big {
		h, err = objfile.ReadBigObjHeader(o.view)
		at = objfile.BigObjHeaderSize
	} else {
		h, err = objfile.ReadPEFileHeader(o.view, 0)
	}
	if err != nil {
		return nil, err
	}
	if o.machine, _ = machine.OfCOFF(h.Machine); !editsCOFF(o.machine) {
		return nil, fmt.Errorf("%w: a COFF object for %s; only x86-64 and AArch64 have stubs", ErrUnsupported, o.machine.Title)
	}
	strings, err := f.stringTable(h)
	if err != nil {
		return nil, err
	}
	if err := f.readSections(at, h, strings); err != nil {
		return nil, err
	}
	return f, f.readSymbols(h, strings)
}

func (o *coff) symbolSize() uint64 {
	if o.big {
		return objfile.COFFBigObjSymbolSize
	}
	return objfile.COFFSymbolSize
}

// stringTable is what follows the symbols; its first four bytes are its size.
func (o *coff) stringTable(h objfile.PEFileHeader) (byteio.View, error) {
	if h.PointerToSymbolTable == 0 {
		return byteio.View{Order: o.view.Order}, nil
	}
	at := uint64(h.PointerToSymbolTable) + uint64(h.NumberOfSymbols)*o.symbolSize()
	size, err := o.view.U32(at, "string table's size")
	if err != nil {
		return byteio.View{}, err
	}
	return o.view.Sub(at, uint64(size), "string table")
}

func (o *coff) readSections(at uint64, h objfile.PEFileHeader, strings byteio.View) error {
	table, err := o.view.Table(at, uint64(h.NumberOfSections), objfile.PESectionHeaderSize, "section headers")
	if err != nil {
		return err
	}
	o.sections = make([]section, 1+h.NumberOfSections)
	o.headers = make([]objfile.PESectionHeader, len(o.sections))
	o.definitions = make([]uint64, len(o.sections))
	for i := 1; i < len(o.sections); i++ {
		position := uint64(i-1) * objfile.PESectionHeaderSize
		h := objfile.ReadPESectionHeader(table[position:])
		s, c := &o.sections[i], h.Characteristics
		o.headers[i] = h
		bits := c&objfile.IMAGE_SCN_CNT_UNINITIALIZED_DATA == 0 && h.PointerToRawData != 0
		*s = section{header: at + position, offset: uint64(h.PointerToRawData), size: uint64(h.SizeOfRawData),
			inOffset: uint64(h.PointerToRawData), inSize: uint64(h.SizeOfRawData), align: max(h.Align(), 1),
			loaded: c&(objfile.IMAGE_SCN_LNK_INFO|objfile.IMAGE_SCN_LNK_REMOVE|objfile.IMAGE_SCN_MEM_DISCARDABLE) == 0,
			code:   c&(objfile.IMAGE_SCN_CNT_CODE|objfile.IMAGE_SCN_MEM_EXECUTE) != 0, bits: bits,
			data: bits && c&objfile.IMAGE_SCN_LNK_INFO == 0}
		if s.name, err = o.nameOf(h.Name, objfile.PESectionNameOffset, strings); err != nil {
			return fmt.Errorf("section %d: %w", i, err)
		}
		s.root, s.unwinding = coffRoot(s.name), inGroup(s.name, ".pdata")
		if _, err := o.content(i); err != nil {
			return fmt.Errorf("section %d (%s): %w", i, s.name, err)
		}
		if err := o.findRelocations(i); err != nil {
			return fmt.Errorf("section %d (%s): %w", i, s.name, err)
		}
	}
	return nil
}

// inGroup says whether a section is of a name, or of its part for one function:
// .pdata, .pdata$main, .pdata.startup.main.
func inGroup(name, group string) bool {
	rest, ok := strings.CutPrefix(name, group)
	return ok && (rest == "" || rest[0] == '$' || rest[0] == '.')
}

// coffRoot tells what GNU ld's script keeps for PE files, and lld by other ways.
func coffRoot(name string) bool {
	return slices.ContainsFunc([]string{".CRT", ".ctors", ".dtors", ".tls", ".rsrc", ".idata"}, func(group string) bool { return inGroup(name, group) })
}

// overflows says whether the number of relocations stands in the first of them.
func (o *coff) overflows(i int) bool {
	h := &o.headers[i]
	return h.NumberOfRelocations == math.MaxUint16 && h.Characteristics&objfile.IMAGE_SCN_LNK_NRELOC_OVFL != 0
}

func (o *coff) findRelocations(i int) error {
	s, h := &o.sections[i], &o.headers[i]
	s.relocs, s.count = uint64(h.PointerToRelocations), uint64(h.NumberOfRelocations)
	if o.overflows(i) {
		n, err := o.view.U32(s.relocs, "number of relocations")
		if err != nil {
			return err
		}
		if n == 0 {
			return byteio.Errorf(o.view.Base+s.relocs, "number of relocations", "0, which does not count itself")
		}
		s.relocs, s.count = s.relocs+objfile.COFFRelocationSize, uint64(n)-1
	}
	s.inCount = s.count
	_, err := o.view.Table(s.relocs, s.count, objfile.COFFRelocationSize, "relocations")
	return err
}

// nameOf is a name of eight bytes, or the one in the string table that offset says.
func (o *coff) nameOf(raw [8]byte, offset func([8]byte) (uint64, bool), table byteio.View) (string, error) {
	if at, long := offset(raw); long {
		return nameAt(table, at)
	}
	name, _, _ := strings.Cut(string(raw[:]), "\x00")
	return name, nil
}

func (o *coff) readSymbols(h objfile.PEFileHeader, strings byteio.View) error {
	size, at := o.symbolSize(), uint64(h.PointerToSymbolTable)
	if at == 0 {
		return nil
	}
	table, err := o.view.Table(at, uint64(h.NumberOfSymbols), size, "symbols")
	if err != nil {
		return err
	}
	o.symbols = make([]symbol, h.NumberOfSymbols) // auxiliary records are nameless symbols of nobody's
	for i := 0; i < len(o.symbols); i++ {
		raw := objfile.ReadCOFFSymbol(table[uint64(i)*size:], o.big)
		s := &o.symbols[i]
		s.header = at + uint64(i)*size
		if s.name, err = o.nameOf(raw.Name, objfile.COFFNameOffset, strings); err != nil {
			return fmt.Errorf("symbol %d: %w", i, err)
		}
		aux := uint64(raw.NumberOfAuxSymbols)
		if uint64(i)+aux >= uint64(len(o.symbols)) {
			return byteio.Errorf(o.view.Base+s.header+size-1, "NumberOfAuxSymbols", "symbol %d has %d, but %d is the last", i, aux, len(o.symbols)-1)
		}
		if int(raw.SectionNumber) >= len(o.sections) {
			return byteio.Errorf(o.view.Base+s.header+12, "SectionNumber", "symbol %d in section %d of %d", i, raw.SectionNumber, len(o.sections)-1)
		}
		s.value, s.index = uint64(raw.Value), max(int(raw.SectionNumber), -1)
		switch raw.StorageClass {
		case objfile.IMAGE_SYM_CLASS_EXTERNAL:
			s.bind, s.kind = global, dataSymbol
			if s.index == 0 && s.value != 0 { // common: the value is the size
				s.index, s.size, s.value = -1, s.value, 0
			}
		case objfile.IMAGE_SYM_CLASS_WEAK_EXTERNAL:
			s.bind = weak
		case objfile.IMAGE_SYM_CLASS_STATIC:
			s.kind = dataSymbol
			if s.value == 0 && aux > 0 && raw.Type == 0 && s.index > 0 {
				s.kind = sectionSymbol
				o.definitions[s.index] = s.header + size
			}
		case objfile.IMAGE_SYM_CLASS_LABEL, objfile.IMAGE_SYM_CLASS_SECTION:
		default: // files, debug information of the 1980s: their values are no places
			s.index = -1
		}
		if raw.Type == objfile.COFFFunctionType && s.kind == dataSymbol {
			s.kind = functionSymbol
		}
		i += int(aux)
	}
	o.sizeFunctions()
	return nil
}

// sizeFunctions lets each function reach to what begins next in its section.
func (o *coff) sizeFunctions() {
	starts := make(map[int][]uint64, len(o.sections))
	for i := range o.symbols {
		if s := &o.symbols[i]; s.index > 0 && (s.kind == functionSymbol || s.kind == dataSymbol) {
			starts[s.index] = append(starts[s.index], s.value)
		}
	}
	for _, list := range starts {
		slices.Sort(list)
	}
	for i := range o.symbols {
		s := &o.symbols[i]
		if s.kind != functionSymbol || s.index <= 0 {
			continue
		}
		end := o.sections[s.index].size
		list := starts[s.index]
		if next, _ := slices.BinarySearch(list, s.value+1); next < len(list) {
			end = min(end, list[next])
		}
		s.size = end - min(s.value, end)
	}
}

func (o *coff) entrySize() uint64 { return objfile.COFFRelocationSize }

func (o *coff) relocation(i int, e []byte) relocation {
	le := binary.LittleEndian
	r := relocation{offset: uint64(le.Uint32(e)) - uint64(o.headers[i].VirtualAddress), kind: uint32(le.Uint16(e[8:])), symbol: int(le.Uint32(e[4:]))}
	s := &o.sections[i]
	size := uint64(o.machine.COFFSizes[r.kind])
	if end, ok := byteio.Add(r.offset, size); ok && end <= s.inSize && s.bits {
		switch field := o.data[s.inOffset+r.offset:]; size {
		case 4:
			r.addend = int64(int32(le.Uint32(field)))
		case 8:
			r.addend = int64(le.Uint64(field))
		}
	}
	return r
}

func (o *coff) putSection(i int) {
	s, h := &o.sections[i], &o.headers[i]
	h.SizeOfRawData, h.PointerToRawData = uint32(s.size), uint32(s.offset)
	if s.size == 0 {
		h.PointerToRawData = 0
	}
	h.NumberOfLinenumbers, h.PointerToLinenumbers = 0, 0 // of the old content
	h.Characteristics &^= 15 << 20
	for n := uint32(1); n < 15; n++ {
		if s.align == 1<<(n-1) {
			h.Characteristics |= n << 20
		}
	}
	h.Put(o.edit()[s.header:])
	if at := o.definitions[i]; at != 0 {
		o.put32(at, h.SizeOfRawData)
		o.out[at+6], o.out[at+7] = 0, 0 // NumberOfLinenumbers
	}
}

func (o *coff) putCount(i int) {
	s, h := &o.sections[i], &o.headers[i]
	if o.overflows(i) {
		o.put32(uint64(h.PointerToRelocations), uint32(s.count+1))
	} else {
		h.NumberOfRelocations = uint16(s.count)
		h.Put(o.edit()[s.header:])
	}
	if at := o.definitions[i]; at != 0 {
		binary.LittleEndian.PutUint16(o.out[at+4:], uint16(min(s.count, math.MaxUint16)))
	}
}

// putSymbol keeps the name: an empty one would be taken for an offset.
func (o *coff) putSymbol(j int) {
	s := &o.symbols[j]
	o.put32(s.header+8, uint32(s.value))
	size := o.symbolSize()
	// The auxiliary record of a function definition: TotalSize.
	if s.kind == functionSymbol && s.bind == global && o.out[s.header+size-1] > 0 && binary.LittleEndian.Uint32(o.out[s.header+size+4:]) != 0 {
		o.put32(s.header+size+4, uint32(s.size))
	}
}

// forgetUnused makes the undefined symbols that nothing refers to any more
// absolute ones of the object's own: a linker would take members out of archives
// for them.
func (o *coff) forgetUnused() error {
	used := map[int]bool{}
	for i := range o.sections {
		if o.sections[i].count == 0 {
			continue
		}
		relocations, err := o.relocations(i)
		if err != nil {
			return err
		}
		for j, r := range relocations {
			used[r.symbol] = used[r.symbol] || !o.dropped[i][j]
		}
	}
	size := o.symbolSize()
	for j := range o.symbols {
		s := &o.symbols[j]
		if used[j] || s.bind != global || s.index != 0 {
			continue
		}
		s.bind, s.index = local, -1
		record := o.edit()[s.header:][:size]
		for at := 12; at < int(size)-4; at++ { // SectionNumber: -1
			record[at] = 0xff
		}
		record[size-2] = objfile.IMAGE_SYM_CLASS_STATIC
	}
	return nil
}

// finish makes the checksums of changed content anew, where there were any: of
// two COMDATs that must be the same, linkers compare these.
func (o *coff) finish() {
	for i, at := range o.definitions {
		if at == 0 {
			continue
		}
		s := &o.sections[i]
		checksum := func(data []byte) uint32 { return ^crc32.Update(math.MaxUint32, crc32.IEEETable, data) } // JamCRC from 0
		if !s.bits || binary.LittleEndian.Uint32(o.data[at+8:]) == 0 {
			continue
		}
		if now := o.out[s.offset:][:s.size]; string(now) != string(o.data[s.inOffset:][:s.inSize]) {
			o.put32(at+8, checksum(now))
		}
	}
}

func (o *coff) foldLocations() (int, error) {
	return 0, fmt.Errorf("%w: the source locations of COFF objects", ErrUnsupported)
}
