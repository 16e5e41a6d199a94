package objfile

// PE images and COFF objects: Microsoft's PE Format specification, which
// describes both; an image is a DOS stub, a signature and then a COFF file.
//
// What is hard here: addresses come in three kinds (file offset, RVA, address
// with the image base) and the certificate table's "RVA" is a file offset. In
// the File model everything is an address with the image base; the raw
// headers keep the specification's numbers. Tables found by data directories
// are read through the sections as a loader maps them, each with a budget,
// since counts and lists in them end only where the file says so.

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/machine"
)

// PEFile is what only PE images and COFF objects have. Field names are the
// specification's.
type PEFile struct {
	Lfanew         uint32 // e_lfanew: where "PE\0\0" stands; 0 in objects
	FileHeader     PEFileHeader
	OptionalHeader *PEOptionalHeader // nil in objects
	Headers        []PESectionHeader // in file order; positions are those of File.Sections
	BigObj         bool              // ANON_OBJECT_HEADER_BIGOBJ: 32-bit section numbers
	Import         *COFFImport       // set for a member of an import library, which has nothing else

	headersOffset uint64 // of the section headers
	file          *File
	d             decoder
}

// PEOptionalHeader is IMAGE_OPTIONAL_HEADER32 or 64.
type PEOptionalHeader struct {
	Magic                   uint16 // 0x10b PE32, 0x20b PE32+
	SizeOfCode              uint32
	SizeOfInitializedData   uint32
	SizeOfUninitializedData uint32
	AddressOfEntryPoint     uint32
	BaseOfCode              uint32
	ImageBase               uint64
	SectionAlignment        uint32
	FileAlignment           uint32
	SizeOfImage             uint32
	SizeOfHeaders           uint32
	CheckSum                uint32
	Subsystem               uint16
	DllCharacteristics      uint16
	SizeOfStackReserve      uint64
	NumberOfRvaAndSizes     uint32
	DataDirectory           []PEDataDirectory
	Offset                  uint64 // in the file
}

// PEDataDirectory is IMAGE_DATA_DIRECTORY.
type PEDataDirectory struct{ VirtualAddress, Size uint32 }

// Indices of data directories.
const (
	PEDirectoryExport = iota
	PEDirectoryImport
	PEDirectoryResource
	PEDirectoryException
	PEDirectorySecurity
	PEDirectoryBaseReloc
	PEDirectoryDebug
	PEDirectoryArchitecture
	PEDirectoryGlobalPtr
	PEDirectoryTLS
	PEDirectoryLoadConfig
	PEDirectoryBoundImport
	PEDirectoryIAT
	PEDirectoryDelayImport
	PEDirectoryCOMDescriptor
)

// PEDirectoryNames are the specification's words for the data directories.
var PEDirectoryNames = [...]string{"Export Table", "Import Table", "Resource Table", "Exception Table", "Certificate Table",
	"Base Relocation Table", "Debug", "Architecture", "Global Ptr", "TLS Table", "Load Config Table", "Bound Import", "IAT",
	"Delay Import Descriptor", "CLR Runtime Header", "Reserved"}

// COFFImport is the short import format of import libraries.
type COFFImport struct {
	Symbol, DLL string
	Hint        uint16
	Type        uint16 // 0 code, 1 data, 2 constant
}

const (
	// Windows loads images of up to 96 sections.
	maxPESections = 512

	imageFileDLL   = 0x2000
	dllDynamicBase = 0x0040
)

func matchPE(data []byte) bool {
	if len(data) < 64 || string(data[:2]) != "MZ" {
		return false
	}
	at := uint64(binary.LittleEndian.Uint32(data[60:]))
	return at+4 <= uint64(len(data)) && string(data[at:at+4]) == "PE\x00\x00"
}

func matchCOFF(data []byte) bool {
	if len(data) < 20 {
		return false
	}
	number := binary.LittleEndian.Uint16(data)
	if number == 0 && binary.LittleEndian.Uint16(data[2:]) == 0xffff { // bigobj, import, or LLVM bitcode's anonymous header
		return true
	}
	_, arch := machine.OfCOFF(number)
	return arch.Bits != 0 && binary.LittleEndian.Uint16(data[16:]) == 0 // an object has no optional header
}

func parsePE(f *File, v byteio.View) error {
	v.Order = binary.LittleEndian
	p := &PEFile{file: f, Lfanew: binary.LittleEndian.Uint32(v.Data[60:])}
	f.Format, f.PE, f.Order, f.Bits = PE, p, binary.LittleEndian, 32
	at := uint64(p.Lfanew) + 4
	if err := p.readFileHeader(v, at); err != nil {
		return err
	}
	at += 20
	if err := p.readOptionalHeader(v, at); err != nil {
		return err
	}
	if err := p.readSections(v, at+uint64(p.FileHeader.SizeOfOptionalHeader)); err != nil {
		return err
	}
	o := p.OptionalHeader
	f.ImageBase = o.ImageBase
	if o.AddressOfEntryPoint != 0 {
		f.Entry = o.ImageBase + uint64(o.AddressOfEntryPoint)
	}
	f.Kind = Executable
	switch {
	case p.FileHeader.Characteristics&imageFileDLL != 0:
		f.Kind = SharedObject
	case o.DllCharacteristics&dllDynamicBase != 0:
		f.Kind = PIE
	}
	return nil
}

func parseCOFF(f *File, v byteio.View) error {
	v.Order = binary.LittleEndian
	p := &PEFile{file: f}
	f.Format, f.PE, f.Order, f.Bits, f.Kind = COFF, p, binary.LittleEndian, 32, Relocatable
	if binary.LittleEndian.Uint16(v.Data) != 0 {
		if err := p.readFileHeader(v, 0); err != nil {
			return err
		}
		return p.readSections(v, 20)
	}
	p.setMachine(binary.LittleEndian.Uint16(v.Data[6:]))
	if !IsBigObj(v.Data) { // IMPORT_OBJECT_HEADER
		size := uint64(binary.LittleEndian.Uint32(v.Data[12:]))
		b, err := v.Slice(20, size, "import object")
		if err != nil {
			return err
		}
		symbol, rest, ok := bytes.Cut(b, []byte{0})
		if !ok {
			return byteio.Errorf(v.Base+20, "import object", "a symbol name without its NUL")
		}
		p.Import = &COFFImport{Symbol: view(symbol), DLL: cutNUL(rest), Hint: binary.LittleEndian.Uint16(v.Data[16:]), Type: binary.LittleEndian.Uint16(v.Data[18:]) & 3}
		return nil
	}
	h, err := ReadBigObjHeader(v)
	if err != nil {
		return err
	}
	p.FileHeader, p.BigObj = h, true
	return p.readSections(v, 56)
}

func (p *PEFile) setMachine(number uint16) {
	f := p.file
	f.Machine = uint32(number)
	m, arch := machine.OfCOFF(number)
	f.setMachine(m, arch)
	if arch.Bits != 0 {
		f.Bits = arch.Bits
	}
}

func (p *PEFile) readFileHeader(v byteio.View, at uint64) (err error) {
	p.FileHeader, err = ReadPEFileHeader(v, at)
	p.setMachine(p.FileHeader.Machine)
	return err
}

func (p *PEFile) readOptionalHeader(v byteio.View, at uint64) error {
	size := uint64(p.FileHeader.SizeOfOptionalHeader)
	b, err := v.Slice(at, size, "optional header")
	if err != nil {
		return err
	}
	if size < 2 {
		return byteio.Errorf(v.Base+at, "SizeOfOptionalHeader", "an image without an optional header")
	}
	d := p.d
	o := &PEOptionalHeader{Magic: d.u16(b), Offset: at}
	wide := o.Magic == 0x20b
	if !wide && o.Magic != 0x10b {
		return byteio.Errorf(v.Base+at, "optional header magic", "expected 0x10b or 0x20b, got %#x", o.Magic)
	}
	fixed := pick(wide, 112, 96)
	if size < fixed {
		return byteio.Errorf(v.Base+at, "SizeOfOptionalHeader", "expected %d at least, got %d", fixed, size)
	}
	p.file.Bits = int(pick(wide, 64, 32))
	o.SizeOfCode, o.SizeOfInitializedData, o.SizeOfUninitializedData = d.u32(b[4:]), d.u32(b[8:]), d.u32(b[12:])
	o.AddressOfEntryPoint, o.BaseOfCode = d.u32(b[16:]), d.u32(b[20:])
	o.ImageBase = uint64(d.u32(b[28:]))
	if wide {
		o.ImageBase = d.u64(b[24:])
	}
	o.SectionAlignment, o.FileAlignment = d.u32(b[32:]), d.u32(b[36:])
	o.SizeOfImage, o.SizeOfHeaders, o.CheckSum = d.u32(b[56:]), d.u32(b[60:]), d.u32(b[64:])
	o.Subsystem, o.DllCharacteristics = d.u16(b[68:]), d.u16(b[70:])
	o.SizeOfStackReserve = uint64(d.u32(b[72:]))
	if wide {
		o.SizeOfStackReserve = d.u64(b[72:])
	}
	o.NumberOfRvaAndSizes = d.u32(b[fixed-4:])
	if o.ImageBase > 1<<63 {
		return byteio.Errorf(v.Base+at+24, "ImageBase", "%#x leaves no room for the image", o.ImageBase)
	}
	for i := uint64(0); i < uint64(min(o.NumberOfRvaAndSizes, 16)) && fixed+8*i+8 <= size; i++ {
		o.DataDirectory = append(o.DataDirectory, PEDataDirectory{d.u32(b[fixed+8*i:]), d.u32(b[fixed+8*i+4:])})
	}
	p.OptionalHeader = o
	return nil
}

func (p *PEFile) readSections(v byteio.View, at uint64) error {
	f := p.file
	table, err := v.Table(at, uint64(p.FileHeader.NumberOfSections), 40, "section headers")
	if err != nil {
		return err
	}
	if p.OptionalHeader != nil && p.FileHeader.NumberOfSections > maxPESections {
		return byteio.Errorf(v.Base+p.FileHeader.Offset+2, "NumberOfSections", "%d, expected %d at most", p.FileHeader.NumberOfSections, maxPESections)
	}
	p.headersOffset = at
	names := p.stringTable()
	image := p.OptionalHeader != nil
	if image {
		headers := uint64(p.OptionalHeader.SizeOfHeaders)
		f.Segments = append(f.Segments, Segment{Name: "headers", Type: "headers", Index: -1, FileSize: min(headers, v.Len()),
			Addr: p.OptionalHeader.ImageBase, MemSize: headers, Align: uint64(p.OptionalHeader.SectionAlignment), Read: true, Load: true})
	}
	for i := 0; i < int(p.FileHeader.NumberOfSections); i++ {
		b := table[40*i:]
		h := ReadPESectionHeader(b)
		p.Headers = append(p.Headers, h)
		c := h.Characteristics
		s := Section{Name: p.sectionName(h.Name, &names), Type: peSectionType(c), Index: i, Offset: uint64(h.PointerToRawData), FileSize: uint64(h.SizeOfRawData),
			MemSize: uint64(h.VirtualSize), Write: c&IMAGE_SCN_MEM_WRITE != 0, Exec: c&IMAGE_SCN_MEM_EXECUTE != 0,
			Alloc: c&IMAGE_SCN_MEM_READ != 0 && (image || c&IMAGE_SCN_MEM_DISCARDABLE == 0), Segment: -1}
		if h.PointerToRawData == 0 || !image && c&IMAGE_SCN_CNT_UNINITIALIZED_DATA != 0 {
			s.Offset, s.FileSize = 0, 0
		}
		s.Compressed = strings.HasPrefix(s.Name, ".zdebug_")
		if s.MemSize == 0 { // objects, and old linkers
			s.MemSize = uint64(h.SizeOfRawData)
		}
		if !image {
			s.Align = h.Align()
		}
		if end := s.Offset + s.FileSize; end > v.Len() {
			return byteio.Errorf(v.Base+at+uint64(40*i)+20, "PointerToRawData", "section %d (%s): bytes %#x to %#x wanted, the file has %#x", i, s.Name, s.Offset, end, v.Len())
		}
		if image {
			s.Addr = p.OptionalHeader.ImageBase + uint64(h.VirtualAddress)
			s.Align = uint64(p.OptionalHeader.SectionAlignment)
			mapped, _ := byteio.AlignUp(s.MemSize, uint64(max(p.OptionalHeader.SectionAlignment, 1)))
			s.Segment = len(f.Segments)
			f.Segments = append(f.Segments, Segment{Name: s.Name, Type: "section", Index: i, Offset: s.Offset, FileSize: min(s.FileSize, mapped),
				Addr: s.Addr, MemSize: max(s.MemSize, min(s.FileSize, mapped)), Align: s.Align,
				Read: c&IMAGE_SCN_MEM_READ != 0, Write: s.Write, Exec: s.Exec, Load: true})
		}
		f.Sections = append(f.Sections, s)
	}
	return nil
}

// sectionName looks a long name up in the string table.
func (p *PEFile) sectionName(name [8]byte, names *stringTable) string {
	if off, long := PESectionNameOffset(name); long {
		if long, ok := names.at(off); ok {
			return long
		}
	}
	return cutNUL(bytes.Clone(name[:]))
}

func peSectionType(c uint32) string {
	switch {
	case c&IMAGE_SCN_CNT_CODE != 0:
		return "code"
	case c&IMAGE_SCN_CNT_INITIALIZED_DATA != 0:
		return "initialized data"
	case c&IMAGE_SCN_CNT_UNINITIALIZED_DATA != 0:
		return "uninitialized data"
	}
	return fmt.Sprintf("%#x", c)
}

// Directory returns a data directory, not ok when it is absent or empty.
func (p *PEFile) Directory(i int) (PEDataDirectory, bool) {
	if p.OptionalHeader == nil || i >= len(p.OptionalHeader.DataDirectory) {
		return PEDataDirectory{}, false
	}
	d := p.OptionalHeader.DataDirectory[i]
	return d, d.VirtualAddress != 0 && d.Size != 0
}

// directory returns a directory's bytes as the loader sees them, with the
// file offset of the first.
func (p *PEFile) directory(i int) (data []byte, off uint64, err error) {
	d, ok := p.Directory(i)
	if !ok {
		return nil, 0, nil
	}
	data, ok = p.file.BytesAt(p.va(d.VirtualAddress), uint64(d.Size))
	if !ok {
		return nil, 0, byteio.Errorf(p.OptionalHeader.Offset, PEDirectoryNames[i], "RVA %#x, %d bytes: not in a section", d.VirtualAddress, d.Size)
	}
	off, _ = p.file.OffsetOf(p.va(d.VirtualAddress))
	return data, off, nil
}

func (p *PEFile) va(rva uint32) uint64 { return p.file.ImageBase + uint64(rva) }

// cstringAt is the NUL-terminated string at an RVA, bounded.
func (p *PEFile) cstringAt(rva uint32) (string, bool) {
	tail := p.file.tailAt(p.va(rva))
	tail = tail[:min(len(tail), 4096)]
	n := bytes.IndexByte(tail, 0)
	if n < 0 {
		return "", false
	}
	return view(tail[:n]), true
}

// SymbolTable is the file range of the COFF symbol table, StringTable that of
// the string table behind it, its length field included; both may be empty.
func (p *PEFile) SymbolTable() (off, size uint64) {
	h := &p.FileHeader
	if h.PointerToSymbolTable == 0 || h.NumberOfSymbols == 0 {
		return 0, 0
	}
	return uint64(h.PointerToSymbolTable), uint64(h.NumberOfSymbols) * pick(p.BigObj, 20, 18)
}

// StringTable is described at SymbolTable.
func (p *PEFile) StringTable() (off, size uint64) {
	if p.FileHeader.PointerToSymbolTable == 0 {
		return 0, 0
	}
	off = uint64(p.FileHeader.PointerToSymbolTable) + uint64(p.FileHeader.NumberOfSymbols)*pick(p.BigObj, 20, 18)
	b, err := p.file.wholeView().Slice(off, 4, "string table")
	if err != nil {
		return 0, 0
	}
	size = uint64(binary.LittleEndian.Uint32(b))
	if size < 4 || size > p.file.Size-off {
		return 0, 0
	}
	return off, size
}

func (p *PEFile) stringTable() stringTable {
	off, size := p.StringTable()
	return newStringTable(p.file.Data[off : off+size])
}

// Certificate is the file range of the attribute certificate table
// (Authenticode); its directory entry holds a file offset, not an RVA.
func (p *PEFile) Certificate() (off, size uint64, ok bool) {
	d, ok := p.Directory(PEDirectorySecurity)
	if !ok || uint64(d.VirtualAddress)+uint64(d.Size) > p.file.Size {
		return 0, 0, false
	}
	return uint64(d.VirtualAddress), uint64(d.Size), true
}
