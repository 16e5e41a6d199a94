// Package objfile reads object files of every format into one File model.
//
// What is hard here: the formats tell the same story (what is loaded where,
// what is only for tools) with different words, and every number in them may
// be a lie. Chosen: one small model that all analyses share (segments,
// sections, symbols, relocations), and beside it the format's own headers
// under the standards' own field names (File.ELF, File.PE, ...) for those who
// rewrite files. Segments are the truth, sections advice: what a loader would
// map is taken from program headers, never from section headers.
//
// Rejected: debug/elf, debug/pe and debug/macho, which hide padding and raw
// headers and declare themselves not hardened.
package objfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/machine"
)

// Format is the container format of a file.
type Format string

const (
	ELF     Format = "ELF"
	PE      Format = "PE"
	MachO   Format = "Mach-O"
	FatMach Format = "Mach-O fat"
	Wasm    Format = "Wasm"
	COFF    Format = "COFF" // a relocatable object of Windows
	Archive Format = "archive"
)

// Kind is what a file is for.
type Kind string

const (
	Executable   Kind = "executable"
	SharedObject Kind = "shared object" // a library without an interpreter and entry of its own
	PIE          Kind = "position-independent executable"
	Relocatable  Kind = "relocatable object"
	Core         Kind = "core dump"
	DebugFile    Kind = "debug companion" // headers and debug sections; the loaded bytes are elsewhere
	KernelModule Kind = "kernel module"
	Module       Kind = "module" // Wasm
	OtherKind    Kind = "other"
)

// File is one parsed object file. It is frozen once Parse has returned, but
// for what is computed on first use (Symbols, Relocs), which is safe for
// concurrent use.
type File struct {
	Name      string // as the user typed it; archive members as "lib.a(member.o)"
	Format    Format
	CPU       *machine.Machine
	Arch      string // the machine in LLVM's target triples; "unknown" where it has no name there
	Machine   uint32 // the format's own number of the machine
	Bits      int    // 32 or 64
	Order     binary.ByteOrder
	Kind      Kind
	Size      uint64 // bytes of the file, appended payload included
	Data      []byte // the whole file; never written to
	Entry     uint64 // virtual address, 0 without one
	ImageBase uint64 // PE ImageBase, Mach-O __TEXT vmaddr; 0 else

	Segments []Segment
	Sections []Section

	// Exactly one of these is set, by Format.
	ELF   *ELFFile
	PE    *PEFile
	MachO *MachOFile
	Fat   *FatFile
	Wasm  *WasmFile
	Ar    *ArchiveFile

	lazy lazyTables
}

// Segment is a range of the file that a loader maps.
// Offset and FileSize are bytes in the file; Addr and MemSize are memory.
type Segment struct {
	Name              string // "LOAD #2 [RX]", "__TEXT"; PE: the section's name
	Type              string // PT_LOAD, PT_TLS, LC_SEGMENT_64, ...
	Index             int    // in the format's own table
	Offset            uint64
	FileSize          uint64
	Addr              uint64
	LoadAddr          uint64 // ELF: p_paddr, where the image of a bare machine has it; 0 in other formats
	MemSize           uint64
	Align             uint64
	Read, Write, Exec bool
	Load              bool // mapped into memory by itself
}

// Section is a named range; advice for tools, but in relocatable objects and
// Wasm it is all there is.
type Section struct {
	Name                    string
	Type                    string // SHT_PROGBITS, ...; Wasm: the section id's name
	Index                   int    // in the format's own table, as symbols refer to it
	Offset                  uint64 // in the file
	FileSize                uint64 // 0 for SHT_NOBITS
	Addr                    uint64 // virtual address; 0 when not loaded
	MemSize                 uint64
	Align                   uint64
	EntSize                 uint64
	Alloc, Write, Exec, TLS bool
	Compressed              bool // SHF_COMPRESSED or .zdebug
	Derived                 bool // no header says it: see ELFFile.DynamicTables
	Segment                 int  // index into File.Segments of the loaded segment that holds it, -1 without
}

// SymbolKind is what a symbol stands for.
type SymbolKind uint8

const (
	SymOther SymbolKind = iota
	SymFunc
	SymData
	SymTLS
	SymSection
	SymFile
	SymIFunc
)

// SymbolBind is how a symbol is seen by linkers.
type SymbolBind uint8

const (
	BindLocal SymbolBind = iota
	BindGlobal
	BindWeak
)

// Symbol is one entry of a symbol table. Name is as in the file (mangled) and
// shares File.Data: whoever keeps it after the mapping is closed clones it.
type Symbol struct {
	Name      string
	Version   string // ELF symbol version, when it has one
	Addr      uint64 // virtual address; in relocatable objects the offset in its section; Wasm: function index
	Size      uint64 // memory bytes; 0 when the format does not tell
	Section   int    // index into the format's own section table, -1 for undefined, absolute and common
	Index     int    // in its own table, as relocations refer to it
	Kind      SymbolKind
	Bind      SymbolBind
	Undefined bool
	Dynamic   bool // from .dynsym, an export table or export trie
	Hidden    bool // STV_HIDDEN or STV_INTERNAL
}

// Reloc is one relocation, static (in an object or kept by --emit-relocs) or
// dynamic (applied by the loader). The fields are ordered by size: large files
// have millions of these.
type Reloc struct {
	Addr      uint64 // virtual address of the place; in relocatable objects the offset in Section
	Addend    int64  // where HasAddend is false, what stands at the place itself (0 when that is no plain number)
	Symbol    int    // index into the table that the relocation section links to, -1 without; see File.RelocSymbol
	Section   int    // the section that is relocated (static), -1 for dynamic ones
	Entry     uint64 // file offset of the table entry itself, for charging its bytes; RELR: of its bitmap word
	Type      uint32 // the machine's own number; RELR entries have the machine's RELATIVE type
	Size      uint8  // bytes at the place; 0 when unknown
	EntrySize uint8  // bytes of the table entry; RELR bitmap words: on the word's first place alone, 0 on the others
	HasAddend bool
	Relative  bool // place gets load base + Addend (R_*_RELATIVE, rebase, base relocation)
}

// ErrFormat is wrapped by Parse for bytes that no opener knows.
var ErrFormat = errors.New("not an ELF, PE, Mach-O, Wasm or archive file")

// opener is one file format. A format is one file in this package and one
// line in openers.
type opener struct {
	name  string
	match func(data []byte) bool // looks at the magic only
	parse func(f *File, v byteio.View) error
}

// Parse reads data as the first format that knows its magic. Errors wrap
// *byteio.Error with the offset of what was wrong; name is used for
// File.Name alone. Data must stay unchanged as long as the File is in use.
func Parse(name string, data []byte) (*File, error) {
	for _, o := range openers {
		if !o.match(data) {
			continue
		}
		f := Opaque(name, data)
		if err := o.parse(f, byteio.View{Data: data}); err != nil {
			return nil, fmt.Errorf("%s: %w", o.name, err)
		}
		return f, nil
	}
	return nil, Unknown(data)
}

// Opaque is a file of which nothing is known but its bytes.
func Opaque(name string, data []byte) *File {
	f := &File{Name: name, Data: data, Size: uint64(len(data)), Kind: OtherKind}
	f.setMachine(machine.Named(""))
	return f
}

func (f *File) setMachine(m *machine.Machine, a *machine.Arch) { f.CPU, f.Arch = m, a.Name }

// Unknown is ErrFormat with the name of the format where its magic is known.
func Unknown(data []byte) error {
	for _, known := range []struct{ magic, name string }{
		{"BC\xc0\xde", "LLVM bitcode: it becomes a program when it is linked"},
		{"\xde\xc0\x17\x0b", "LLVM bitcode in its wrapper: it becomes a program when it is linked"},
		{"\x01\xdf", "XCOFF, of AIX"},
		{"\x01\xf7", "XCOFF, of AIX"},
		{"#!", "a script"},
		{"\x1f\x8b", "gzip"},
		{"PK\x03\x04", "a zip archive"},
	} {
		if strings.HasPrefix(string(data[:min(len(data), 4)]), known.magic) {
			return fmt.Errorf("%w (%s)", ErrFormat, known.name)
		}
	}
	if matchCOFF(data) { // for those who take no objects of Windows; Parse does
		return fmt.Errorf("%w (a COFF object: it becomes a program when it is linked)", ErrFormat)
	}
	return ErrFormat
}
