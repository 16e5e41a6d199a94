package strip

// The raw headers of a PE file with the field names of Microsoft's "PE
// Format" specification, read with every number checked.

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/objfile"
)

const (
	peMagic32, peMagic64 = 0x10b, 0x20b // PE32, PE32+

	dirSecurity, dirDebug, dirBoundImport = 4, 6, 11

	peDebugEntrySize = 28
)

type peSection struct {
	objfile.PESectionHeader
	Name string // long names resolved
}

// span is the number of bytes that the section takes in memory.
func (s peSection) span() uint64 {
	if s.VirtualSize == 0 {
		return uint64(s.SizeOfRawData)
	}
	return uint64(s.VirtualSize)
}

// raw are the bytes in the file; nil for sections without.
func (s peSection) rawRange() (start, end uint64) {
	if s.SizeOfRawData == 0 || s.PointerToRawData == 0 {
		return 0, 0
	}
	return uint64(s.PointerToRawData), uint64(s.PointerToRawData) + uint64(s.SizeOfRawData)
}

type peDirectory struct{ VirtualAddress, Size uint32 } // dirSecurity: a file offset

type peFile struct {
	data []byte
	view byteio.View

	coff     uint64 // offset of the COFF header
	optional uint64 // offset of the optional header
	table    uint64 // offset of the section table
	is64     bool

	Machine                                    uint16
	PointerToSymbolTable, NumberOfSymbols      uint32
	AddressOfEntryPoint                        uint32
	SectionAlignment, FileAlignment            uint32
	SizeOfImage, SizeOfHeaders, CheckSum       uint32
	Subsystem                                  uint16
	directories                                []peDirectory
	directoryTable                             uint64 // its offset
	sections                                   []peSection
	stringTable                                []byte // with its length field; nil without
	symbolsStart, symbolsEnd                   uint64 // in the file: symbols and strings
	sizeOfInitializedData, initializedPosition uint64
}

func isPE(data []byte) bool {
	if len(data) < 0x40 || !bytes.HasPrefix(data, []byte("MZ")) {
		return false
	}
	at := uint64(binary.LittleEndian.Uint32(data[0x3c:]))
	return at+4 <= uint64(len(data)) && string(data[at:at+4]) == "PE\x00\x00"
}

func parsePE(data []byte) (*peFile, error) {
	f := &peFile{data: data, view: byteio.View{Data: data, Order: binary.LittleEndian}}
	v := f.view
	le := binary.LittleEndian
	f.coff = uint64(le.Uint32(data[0x3c:])) + 4
	head, err := objfile.ReadPEFileHeader(v, f.coff)
	if err != nil {
		return nil, err
	}
	f.Machine, f.PointerToSymbolTable, f.NumberOfSymbols = head.Machine, head.PointerToSymbolTable, head.NumberOfSymbols
	f.optional = f.coff + 20
	size := uint64(head.SizeOfOptionalHeader)
	optional, err := v.Slice(f.optional, size, "optional header")
	if err != nil {
		return nil, err
	}
	if len(optional) < 2 {
		return nil, byteio.Errorf(f.optional, "SizeOfOptionalHeader", "%d: this is no image", size)
	}
	directories := 96
	switch magic := le.Uint16(optional); magic {
	case peMagic32:
	case peMagic64:
		f.is64, directories = true, 112
	default:
		return nil, byteio.Errorf(f.optional, "Magic", "%#x or %#x expected, got %#x", peMagic32, peMagic64, magic)
	}
	if len(optional) < directories {
		return nil, byteio.Errorf(f.optional, "SizeOfOptionalHeader", "at least %d expected, got %d", directories, size)
	}
	f.initializedPosition = f.optional + 8
	f.sizeOfInitializedData = uint64(le.Uint32(optional[8:]))
	f.AddressOfEntryPoint = le.Uint32(optional[16:])
	f.SectionAlignment, f.FileAlignment = le.Uint32(optional[32:]), le.Uint32(optional[36:])
	f.SizeOfImage, f.SizeOfHeaders = le.Uint32(optional[56:]), le.Uint32(optional[60:])
	f.CheckSum, f.Subsystem = le.Uint32(optional[64:]), le.Uint16(optional[68:])
	for _, a := range []uint32{f.SectionAlignment, f.FileAlignment} {
		if a == 0 || a&(a-1) != 0 {
			return nil, byteio.Errorf(f.optional+32, "SectionAlignment, FileAlignment", "%d is no power of two", a)
		}
	}
	if f.FileAlignment > 64<<10 {
		return nil, byteio.Errorf(f.optional+36, "FileAlignment", "%d, but 65536 is the most", f.FileAlignment)
	}
	count := uint64(le.Uint32(optional[directories-4:]))
	f.directoryTable = f.optional + uint64(directories)
	if count > 16 || uint64(directories)+count*8 > size {
		return nil, byteio.Errorf(f.directoryTable-4, "NumberOfRvaAndSizes", "%d do not fit the optional header", count)
	}
	for i := range count {
		b := optional[uint64(directories)+i*8:]
		f.directories = append(f.directories, peDirectory{le.Uint32(b), le.Uint32(b[4:])})
	}
	f.table = f.optional + size
	if err := f.readSymbols(); err != nil {
		return nil, err
	}
	return f, f.readSections(uint64(head.NumberOfSections))
}

// readSymbols finds the COFF symbol table and the string table behind it. A
// pointer without symbols can still lead to strings for section names.
func (f *peFile) readSymbols() error {
	if f.PointerToSymbolTable == 0 {
		return nil
	}
	f.symbolsStart = uint64(f.PointerToSymbolTable)
	if _, err := f.view.Table(f.symbolsStart, uint64(f.NumberOfSymbols), objfile.COFFSymbolSize, "COFF symbol table"); err != nil {
		return err
	}
	at := f.symbolsStart + uint64(f.NumberOfSymbols)*objfile.COFFSymbolSize
	f.symbolsEnd = at
	if at+4 > uint64(len(f.data)) {
		return nil // no string table
	}
	size, err := f.view.U32(at, "string table's size")
	if err != nil {
		return err
	}
	if size < 4 {
		return nil
	}
	f.stringTable, err = f.view.Slice(at, uint64(size), "COFF string table")
	f.symbolsEnd = at + uint64(size)
	return err
}

func (f *peFile) readSections(count uint64) error {
	table, err := f.view.Table(f.table, count, objfile.PESectionHeaderSize, "section table")
	if err != nil {
		return err
	}
	if end := f.table + count*objfile.PESectionHeaderSize; uint64(f.SizeOfHeaders) < end || uint64(f.SizeOfHeaders) > uint64(len(f.data)) {
		return byteio.Errorf(f.optional+60, "SizeOfHeaders", "%d, but the headers end at %d and the file at %d", f.SizeOfHeaders, end, len(f.data))
	}
	lastEnd := uint64(f.SizeOfHeaders)
	for i := range count {
		b := table[i*objfile.PESectionHeaderSize:]
		s := peSection{PESectionHeader: objfile.ReadPESectionHeader(b)}
		s.Name = f.longName(s.PESectionHeader.Name)
		position := f.table + i*objfile.PESectionHeaderSize
		start, end := s.rawRange()
		if _, err := f.view.Slice(start, end-start, "section's raw data"); err != nil {
			return err
		}
		if uint64(s.VirtualAddress) < lastEnd {
			return byteio.Errorf(position+12, "VirtualAddress", "section %s starts inside the one before", s.Name)
		}
		lastEnd = uint64(s.VirtualAddress) + s.span()
		if lastEnd > 1<<32 {
			return byteio.Errorf(position+8, "VirtualSize", "section %s wraps around the address space", s.Name)
		}
		f.sections = append(f.sections, s)
	}
	return nil
}

// longName looks a long name up in the string table.
func (f *peFile) longName(raw [8]byte) string {
	name := string(bytes.TrimRight(raw[:], "\x00"))
	at, long := objfile.PESectionNameOffset(raw)
	if !long || at >= uint64(len(f.stringTable)) {
		return name
	}
	rest := f.stringTable[at:]
	n := bytes.IndexByte(rest, 0)
	if n < 0 || n > 255 {
		return name
	}
	return string(rest[:n])
}

func (f *peFile) directory(i int) peDirectory {
	if i >= len(f.directories) {
		return peDirectory{}
	}
	return f.directories[i]
}

// sectionAt is the index of the section that holds rva, -1 for none: the last
// that starts there or before, for bytes of the file that one has beyond its
// own addresses are hidden by the next.
func (f *peFile) sectionAt(rva uint64) int {
	for i, s := range slices.Backward(f.sections) {
		if rva >= uint64(s.VirtualAddress) {
			start, end := s.rawRange()
			if rva < uint64(s.VirtualAddress)+max(s.span(), end-start) {
				return i
			}
			return -1
		}
	}
	return -1
}

// fileOffset turns [rva, rva+n) into an offset, where a section's raw data
// holds all of it.
func (f *peFile) fileOffset(rva, n uint64) (uint64, bool) {
	i := f.sectionAt(rva)
	if i < 0 {
		return 0, false
	}
	s := f.sections[i]
	at := rva - uint64(s.VirtualAddress)
	return uint64(s.PointerToRawData) + at, s.PointerToRawData != 0 && at+n <= uint64(s.SizeOfRawData)
}

// peChecksum is the sum that the image loader of Windows verifies for drivers
// and boot programs (CheckSum of the optional header): one's complement sum of
// 16-bit words without the field itself, plus the length.
func peChecksum(data []byte, field uint64) uint32 {
	var sum uint64
	for i := 0; i < len(data); i += 2 {
		if uint64(i) == field || uint64(i) == field+2 {
			continue
		}
		word := uint64(data[i])
		if i+1 < len(data) {
			word |= uint64(data[i+1]) << 8
		}
		sum += word
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return uint32(sum) + uint32(len(data))
}
