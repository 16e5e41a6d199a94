// Package pdb reads what a size analysis asks of Microsoft's program
// databases: modules (object files), which bytes of the image each contributed,
// and symbols with their extents.
//
// The format has no standard; this follows LLVM's documentation ("The PDB File
// Format") and Microsoft's published microsoft-pdb sources, whose field names
// are kept. Types, and the hash tables that speed up lookups by name, are not
// read: everything here is read once, in order.
package pdb

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"unsafe"

	"github.com/minsize/minsize/internal/byteio"
)

// File is one PDB. Names share the data that Open was given.
type File struct {
	GUID          [16]byte // as in the file; equals the image's CodeView record
	Age           uint32   // of the DBI stream
	Modules       []Module
	Contributions []Contribution // by RVA

	msf        *msf
	symRecords int
	sections   []section
}

// Module is one object file that was linked.
type Module struct {
	Name   string // path of the object, or "* Linker *"
	Object string // the library that it is from, or Name again

	stream  int
	symSize uint32
}

// Contribution is a part of the image that one module gave.
type Contribution struct {
	RVA, Size uint32
	Module    int // index in Modules
}

// Symbol is a function, a static variable or a public name.
type Symbol struct {
	Name   string // public names are mangled, the others as in the source
	RVA    uint32
	Size   uint32 // 0 when the record does not tell (data, public names)
	Module int    // index in Modules, -1 for public and global ones
	Kind   SymbolKind
	Local  bool // static in its module
}

// SymbolKind is what a symbol record stands for.
type SymbolKind uint8

const (
	Public SymbolKind = iota
	Function
	Data
)

type section struct{ rva, size uint32 }

// Stream numbers that are fixed.
const (
	streamInfo = 1
	streamDBI  = 3
)

// Open reads the headers, modules and contributions.
func Open(data []byte) (*File, error) {
	m, err := openMSF(data)
	if err != nil {
		return nil, err
	}
	f := &File{msf: m, symRecords: -1}
	info, err := m.stream(streamInfo)
	if err != nil {
		return nil, err
	}
	if len(info) < 28 {
		return nil, byteio.Errorf(0, "PDB info stream", "28 bytes wanted, %d there", len(info))
	}
	copy(f.GUID[:], info[12:28])
	dbi, err := m.stream(streamDBI)
	if err != nil {
		return nil, err
	}
	if len(dbi) == 0 { // a PDB of types alone
		return f, nil
	}
	if len(dbi) < 64 {
		return nil, byteio.Errorf(0, "DBI stream header", "64 bytes wanted, %d there", len(dbi))
	}
	u32 := func(at int) uint64 { return uint64(binary.LittleEndian.Uint32(dbi[at:])) }
	f.Age = uint32(u32(8))
	f.symRecords = int(binary.LittleEndian.Uint16(dbi[20:]))
	v := byteio.View{Data: dbi, Order: binary.LittleEndian}
	at := uint64(64)
	var parts [7][]byte // ModInfo, SectionContribution, SectionMap, SourceInfo, TypeServerMap, EC, OptionalDbgHeader
	for i, size := range []uint64{u32(24), u32(28), u32(32), u32(36), u32(40), u32(52), u32(48)} {
		if parts[i], err = v.Slice(at, size, "DBI substream"); err != nil {
			return nil, err
		}
		at += size
	}
	if err := f.readModules(parts[0]); err != nil {
		return nil, err
	}
	if header := parts[6]; len(header) >= 12 { // the sixth stream has the image's section headers
		if err := f.readSections(int(int16(binary.LittleEndian.Uint16(header[10:])))); err != nil {
			return nil, err
		}
	}
	f.readContributions(parts[1])
	return f, nil
}

func (f *File) readModules(b []byte) error {
	for at := 0; at+64 <= len(b); {
		m := Module{stream: int(binary.LittleEndian.Uint16(b[at+34:])), symSize: binary.LittleEndian.Uint32(b[at+36:])}
		if m.stream == 0xffff {
			m.stream = -1
		}
		names := b[at+64:]
		name, rest, ok1 := bytes.Cut(names, []byte{0})
		object, _, ok2 := bytes.Cut(rest, []byte{0})
		if !ok1 || !ok2 {
			return byteio.Errorf(uint64(at), "DBI ModInfo", "module %d: a name without its NUL", len(f.Modules))
		}
		m.Name, m.Object = view(name), view(object)
		f.Modules = append(f.Modules, m)
		at += (64 + len(name) + len(object) + 2 + 3) &^ 3
	}
	return nil
}

func (f *File) readSections(stream int) error {
	b, err := f.msf.stream(stream)
	if err != nil {
		return err
	}
	for at := 0; at+40 <= len(b); at += 40 {
		f.sections = append(f.sections, section{binary.LittleEndian.Uint32(b[at+12:]), binary.LittleEndian.Uint32(b[at+8:])})
	}
	return nil
}

// rva translates a section number, from 1, and an offset.
func (f *File) rva(number uint16, off uint32) (uint32, bool) {
	if number == 0 || int(number) > len(f.sections) {
		return 0, false
	}
	s := f.sections[number-1]
	return s.rva + off, off <= s.size
}

// Versions of the section contribution substream.
const (
	contributionsV60 = 0xeffe0000 + 19970605
	contributionsV2  = 0xeffe0000 + 20140516
)

func (f *File) readContributions(b []byte) {
	if len(b) < 4 {
		return
	}
	size := 28
	switch binary.LittleEndian.Uint32(b) {
	case contributionsV60:
	case contributionsV2:
		size = 32
	default:
		return
	}
	for b = b[4:]; len(b) >= size; b = b[size:] {
		c := Contribution{Size: binary.LittleEndian.Uint32(b[8:]), Module: int(binary.LittleEndian.Uint16(b[16:]))}
		rva, ok := f.rva(binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint32(b[4:]))
		if !ok || c.Module >= len(f.Modules) {
			continue
		}
		c.RVA = rva
		f.Contributions = append(f.Contributions, c)
	}
	sort.SliceStable(f.Contributions, func(i, j int) bool { return f.Contributions[i].RVA < f.Contributions[j].RVA })
}

// ModuleAt returns the module that contributed the byte at an RVA, -1 without.
func (f *File) ModuleAt(rva uint32) int {
	i := sort.Search(len(f.Contributions), func(i int) bool { return f.Contributions[i].RVA > rva }) - 1
	if i < 0 || rva-f.Contributions[i].RVA >= f.Contributions[i].Size {
		return -1
	}
	return f.Contributions[i].Module
}

// Symbol record kinds (cvinfo.h).
const (
	sThunk32   = 0x1102
	sLData32   = 0x110c
	sGData32   = 0x110d
	sPub32     = 0x110e
	sLProc32   = 0x110f
	sGProc32   = 0x1110
	sLProc32ID = 0x1146
	sGProc32ID = 0x1147
)

// Symbols reads the symbols of all modules, then global and public ones. With
// an error comes what could still be read.
func (f *File) Symbols() ([]Symbol, error) {
	var symbols []Symbol
	var firstErr error
	for i := range f.Modules {
		m := &f.Modules[i]
		b, err := f.msf.stream(m.stream)
		if err == nil && len(b) >= 4 {
			b = b[:min(uint64(len(b)), uint64(m.symSize))]
			if len(b) >= 4 {
				symbols = f.records(symbols, b[4:], i) // behind CV_SIGNATURE
			}
		}
		if err != nil && firstErr == nil {
			firstErr = err
		}
	}
	b, err := f.msf.stream(f.symRecords)
	if err != nil && firstErr == nil {
		firstErr = err
	}
	return f.records(symbols, b, -1), firstErr
}

func (f *File) records(symbols []Symbol, b []byte, module int) []Symbol {
	for len(b) >= 4 {
		size := int(binary.LittleEndian.Uint16(b)) // of what follows the length itself
		if size < 2 || size+2 > len(b) {
			break
		}
		kind, r := binary.LittleEndian.Uint16(b[2:]), b[4:size+2]
		b = b[size+2:]
		s := Symbol{Module: module}
		var off, sizeAt, name int // where the fields are
		switch kind {
		case sPub32:
			off, sizeAt, name, s.Kind = 4, -1, 10, Public
		case sLData32, sGData32:
			off, sizeAt, name, s.Kind = 4, -1, 10, Data
			s.Local = kind == sLData32
		case sGProc32, sLProc32, sGProc32ID, sLProc32ID:
			off, sizeAt, name, s.Kind = 28, 12, 35, Function
			s.Local = kind == sLProc32 || kind == sLProc32ID
		case sThunk32:
			off, sizeAt, name, s.Kind = 12, -2, 21, Function
		default:
			continue
		}
		if len(r) < name {
			continue
		}
		rva, ok := f.rva(binary.LittleEndian.Uint16(r[off+4:]), binary.LittleEndian.Uint32(r[off:]))
		if !ok {
			continue
		}
		s.RVA = rva
		switch {
		case sizeAt >= 0:
			s.Size = binary.LittleEndian.Uint32(r[sizeAt:])
		case sizeAt == -2: // the thunk's length, a half word
			s.Size = uint32(binary.LittleEndian.Uint16(r[18:]))
		}
		if end := bytes.IndexByte(r[name:], 0); end >= 0 {
			s.Name = view(r[name : name+end])
		} else {
			s.Name = view(r[name:])
		}
		symbols = append(symbols, s)
	}
	return symbols
}

func view(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return unsafe.String(&b[0], len(b))
}

// Find looks for an image's PDB: the file that its CodeView record names, by
// its base name beside the image, then the image's own name with .pdb. The
// caller opens it and compares GUIDs. "" without one.
func Find(image, recorded string) string {
	base := recorded[strings.LastIndexAny(recorded, `/\`)+1:]
	dir := filepath.Dir(image)
	stem := strings.TrimSuffix(filepath.Base(image), filepath.Ext(image))
	for _, name := range []string{base, stem + ".pdb", strings.ReplaceAll(stem, "-", "_") + ".pdb"} { // cargo: a-b.exe, a_b.pdb
		if name == "" || name == "." || name == ".." {
			continue
		}
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() {
			return filepath.Join(dir, name)
		}
	}
	return ""
}
