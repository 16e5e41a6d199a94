package objfile

// The raw headers of PE images and COFF objects, under the specification's
// names, for everybody who reads or writes them.

import (
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
)

// Bytes of the raw headers; the last two are longer in bigobj files.
const (
	COFFHeaderSize       = 20
	BigObjHeaderSize     = 56
	PESectionHeaderSize  = 40
	COFFRelocationSize   = 10
	COFFSymbolSize       = 18
	COFFBigObjSymbolSize = 20
)

// PEFileHeader is IMAGE_FILE_HEADER, or what ANON_OBJECT_HEADER_BIGOBJ has of it.
type PEFileHeader struct {
	Machine              uint16
	NumberOfSections     uint32
	TimeDateStamp        uint32
	PointerToSymbolTable uint32
	NumberOfSymbols      uint32
	SizeOfOptionalHeader uint16
	Characteristics      uint16
	Offset               uint64 // in the file
}

// ReadPEFileHeader reads the header at offset at.
func ReadPEFileHeader(v byteio.View, at uint64) (PEFileHeader, error) {
	b, err := v.Slice(at, COFFHeaderSize, "COFF file header")
	if err != nil {
		return PEFileHeader{}, err
	}
	le := binary.LittleEndian
	return PEFileHeader{Machine: le.Uint16(b), NumberOfSections: uint32(le.Uint16(b[2:])), TimeDateStamp: le.Uint32(b[4:]),
		PointerToSymbolTable: le.Uint32(b[8:]), NumberOfSymbols: le.Uint32(b[12:]),
		SizeOfOptionalHeader: le.Uint16(b[16:]), Characteristics: le.Uint16(b[18:]), Offset: at}, nil
}

// IsBigObj says whether data begins as an anonymous object does that is no
// import: ANON_OBJECT_HEADER of version 1 and later.
func IsBigObj(data []byte) bool {
	return len(data) >= 6 && string(data[:4]) == "\x00\x00\xff\xff" && binary.LittleEndian.Uint16(data[4:]) != 0
}

// ReadBigObjHeader reads the header of an object with 32-bit section numbers.
func ReadBigObjHeader(v byteio.View) (PEFileHeader, error) {
	b, err := v.Slice(0, BigObjHeaderSize, "ANON_OBJECT_HEADER_BIGOBJ")
	if err != nil {
		return PEFileHeader{}, err
	}
	if string(b[12:28]) != "\xc7\xa1\xba\xd1\xee\xba\xa9\x4b\xaf\x20\xfa\xf6\x6a\xa4\xdc\xb8" {
		return PEFileHeader{}, byteio.Errorf(v.Base+12, "ClassID", "an anonymous object, but no bigobj")
	}
	le := binary.LittleEndian
	return PEFileHeader{Machine: le.Uint16(b[6:]), TimeDateStamp: le.Uint32(b[8:]), NumberOfSections: le.Uint32(b[44:]),
		PointerToSymbolTable: le.Uint32(b[48:]), NumberOfSymbols: le.Uint32(b[52:])}, nil
}

// PESectionHeader is IMAGE_SECTION_HEADER.
type PESectionHeader struct {
	Name                 [8]byte
	VirtualSize          uint32
	VirtualAddress       uint32
	SizeOfRawData        uint32
	PointerToRawData     uint32
	PointerToRelocations uint32
	PointerToLinenumbers uint32
	NumberOfRelocations  uint16
	NumberOfLinenumbers  uint16
	Characteristics      uint32
}

// ReadPESectionHeader reads the header that b begins with.
func ReadPESectionHeader(b []byte) PESectionHeader {
	le := binary.LittleEndian
	h := PESectionHeader{VirtualSize: le.Uint32(b[8:]), VirtualAddress: le.Uint32(b[12:]), SizeOfRawData: le.Uint32(b[16:]),
		PointerToRawData: le.Uint32(b[20:]), PointerToRelocations: le.Uint32(b[24:]), PointerToLinenumbers: le.Uint32(b[28:]),
		NumberOfRelocations: le.Uint16(b[32:]), NumberOfLinenumbers: le.Uint16(b[34:]), Characteristics: le.Uint32(b[36:])}
	copy(h.Name[:], b)
	return h
}

// Put writes the header over the beginning of b.
func (h *PESectionHeader) Put(b []byte) {
	le := binary.LittleEndian
	copy(b, h.Name[:])
	for i, v := range []uint32{h.VirtualSize, h.VirtualAddress, h.SizeOfRawData, h.PointerToRawData, h.PointerToRelocations, h.PointerToLinenumbers} {
		le.PutUint32(b[8+4*i:], v)
	}
	le.PutUint16(b[32:], h.NumberOfRelocations)
	le.PutUint16(b[34:], h.NumberOfLinenumbers)
	le.PutUint32(b[36:], h.Characteristics)
}

// Align is what an object's section is to lie on; 0 where it does not say.
func (h *PESectionHeader) Align() uint64 {
	if n := h.Characteristics >> 20 & 15; n != 0 {
		return 1 << (n - 1)
	}
	return 0
}

// Section characteristics.
const (
	IMAGE_SCN_CNT_CODE               = 0x20
	IMAGE_SCN_CNT_INITIALIZED_DATA   = 0x40
	IMAGE_SCN_CNT_UNINITIALIZED_DATA = 0x80
	IMAGE_SCN_LNK_INFO               = 0x200
	IMAGE_SCN_LNK_REMOVE             = 0x800
	IMAGE_SCN_LNK_NRELOC_OVFL        = 0x01000000
	IMAGE_SCN_MEM_DISCARDABLE        = 0x02000000
	IMAGE_SCN_MEM_EXECUTE            = 0x20000000
	IMAGE_SCN_MEM_READ               = 0x40000000
	IMAGE_SCN_MEM_WRITE              = 0x80000000
)

// COFFSymbol is IMAGE_SYMBOL, or IMAGE_SYMBOL_EX of a bigobj.
type COFFSymbol struct {
	Name               [8]byte
	Value              uint32
	SectionNumber      int32
	Type               uint16
	StorageClass       uint8
	NumberOfAuxSymbols uint8
}

// Section numbers and storage classes of symbols, and the type of functions.
const (
	IMAGE_SYM_UNDEFINED           = 0
	IMAGE_SYM_DEBUG               = -2
	IMAGE_SYM_CLASS_EXTERNAL      = 2
	IMAGE_SYM_CLASS_STATIC        = 3
	IMAGE_SYM_CLASS_LABEL         = 6
	IMAGE_SYM_CLASS_FILE          = 103
	IMAGE_SYM_CLASS_SECTION       = 104
	IMAGE_SYM_CLASS_WEAK_EXTERNAL = 105
	COFFFunctionType              = 0x20 // IMAGE_SYM_DTYPE_FUNCTION of no type
)

// ReadCOFFSymbol reads the record that b begins with.
func ReadCOFFSymbol(b []byte, big bool) COFFSymbol {
	le := binary.LittleEndian
	s := COFFSymbol{Value: le.Uint32(b[8:]), SectionNumber: int32(int16(le.Uint16(b[12:])))}
	copy(s.Name[:], b)
	rest := b[14:]
	if big {
		s.SectionNumber, rest = int32(le.Uint32(b[12:])), b[16:]
	}
	s.Type, s.StorageClass, s.NumberOfAuxSymbols = le.Uint16(rest), rest[2], rest[3]
	return s
}

// COFFNameOffset says where in the string table, counted from its size field, a
// name stands that is not in its eight bytes themselves.
func COFFNameOffset(name [8]byte) (uint64, bool) {
	return uint64(binary.LittleEndian.Uint32(name[4:])), binary.LittleEndian.Uint32(name[:]) == 0
}

// PESectionNameOffset is COFFNameOffset for sections: "/decimal", or "//base64"
// for offsets of more than seven digits.
func PESectionNameOffset(name [8]byte) (uint64, bool) {
	text, long := strings.CutPrefix(strings.TrimRight(string(name[:]), "\x00"), "/")
	if !long {
		return 0, false
	}
	if digits, ok := strings.CutPrefix(text, "/"); ok && len(digits) == 6 {
		at := uint64(0)
		for _, c := range digits {
			i := strings.IndexRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", c)
			if i < 0 {
				return 0, false
			}
			at = at<<6 | uint64(i)
		}
		return at, true
	}
	at, err := strconv.ParseUint(text, 10, 32)
	return at, err == nil
}
