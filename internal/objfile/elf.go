package objfile

// ELF, the Executable and Linkable Format: System V gABI chapters 4 and 5,
// and the processor supplements.
//
// What is hard here is not the layout, it is which of the two descriptions of
// the file to believe. Program headers are what kernels and dynamic linkers
// use; section headers are for tools, and files exist with none, with dangling
// ones and with ones that contradict the segments. So program headers must be
// right or the file is refused, as a loader would; broken section headers of
// something loadable are noted (ELFFile.SectionsError) and left out. In a
// relocatable object sections are all there is, and there they must be right.

import (
	"encoding/binary"
	"fmt"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/machine"
)

// Ehdr is the ELF header (gABI 4, "ELF Header"), both classes widened to 64 bits.
type Ehdr struct {
	Ident     [16]byte
	Type      uint16
	Machine   uint16
	Version   uint32
	Entry     uint64
	Phoff     uint64
	Shoff     uint64
	Flags     uint32
	Ehsize    uint16
	Phentsize uint16
	Phnum     uint16 // as in the file; PN_XNUM means that Shdrs[0].Info counts
	Shentsize uint16
	Shnum     uint16 // as in the file; 0 with Shoff set means that Shdrs[0].Size counts
	Shstrndx  uint16
}

// Phdr is a program header (gABI 5, "Program Header").
type Phdr struct {
	Type   uint32
	Flags  uint32
	Off    uint64
	Vaddr  uint64
	Paddr  uint64
	Filesz uint64
	Memsz  uint64
	Align  uint64
}

// Shdr is a section header (gABI 4, "Section Header").
type Shdr struct {
	Name      uint32 // offset in the section name string table
	Type      uint32
	Flags     uint64
	Addr      uint64
	Off       uint64
	Size      uint64
	Link      uint32
	Info      uint32
	Addralign uint64
	Entsize   uint64
}

// Program header types that the code asks for (gABI 5, figure 5-2).
const (
	PT_LOAD         = 1
	PT_DYNAMIC      = 2
	PT_INTERP       = 3
	PT_NOTE         = 4
	PT_PHDR         = 6
	PT_TLS          = 7
	PT_GNU_EH_FRAME = 0x6474e550
	PT_GNU_STACK    = 0x6474e551
	PT_GNU_RELRO    = 0x6474e552
	PT_GNU_PROPERTY = 0x6474e553
)

// Segment permission flags.
const (
	PF_X = 1
	PF_W = 2
	PF_R = 4
)

// Section types that the code asks for (gABI 4, figure 4-9).
const (
	SHT_NULL         = 0
	SHT_PROGBITS     = 1
	SHT_SYMTAB       = 2
	SHT_STRTAB       = 3
	SHT_RELA         = 4
	SHT_HASH         = 5
	SHT_DYNAMIC      = 6
	SHT_NOTE         = 7
	SHT_NOBITS       = 8
	SHT_REL          = 9
	SHT_DYNSYM       = 11
	SHT_GROUP        = 17
	SHT_SYMTAB_SHNDX = 18
	SHT_RELR         = 19
	SHT_GNU_verdef   = 0x6ffffffd
	SHT_GNU_verneed  = 0x6ffffffe
	SHT_GNU_versym   = 0x6fffffff
)

// Section flags (gABI 4, figure 4-11).
const (
	SHF_WRITE      = 0x1
	SHF_ALLOC      = 0x2
	SHF_EXECINSTR  = 0x4
	SHF_MERGE      = 0x10
	SHF_STRINGS    = 0x20
	SHF_INFO_LINK  = 0x40
	SHF_GROUP      = 0x200
	SHF_TLS        = 0x400
	SHF_COMPRESSED = 0x800
)

// Object file types (gABI 4, e_type).
const (
	ET_REL  = 1
	ET_EXEC = 2
	ET_DYN  = 3
	ET_CORE = 4
)

const (
	shnXindex = 0xffff
	shnLoRes  = 0xff00
	pnXnum    = 0xffff
)

// loaderPage is the smallest page that a loader rounds to: a last segment may
// claim bytes past the end of the file as long as they share its last page,
// where the kernel supplies zeros.
const loaderPage = 4096

// maxPhdrBytes is Linux's limit for the program header table of what it
// loads (fs/binfmt_elf.c); core dumps have one per mapping.
const maxPhdrBytes = 65536

// ELFFile is what only ELF has. Phdrs and Shdrs are in file order, raw.
type ELFFile struct {
	Ehdr  Ehdr
	Phdrs []Phdr
	Shdrs []Shdr // [0] is the null section; nil without a section header table

	// SectionsError says why a loadable file's section headers were left
	// out; nil when they were read or are not there.
	SectionsError error

	Interp  string // PT_INTERP, without its NUL
	Dynamic []Dyn  // up to DT_NULL, which is not in it

	file *File
	d    decoder
}

// Is64 says whether the file is ELFCLASS64.
func (e *ELFFile) Is64() bool { return e.Ehdr.Ident[4] == 2 }

// Sizes of the records of each class.
func (e *ELFFile) EhdrSize() uint64 { return pick(e.Is64(), 64, 52) }
func (e *ELFFile) PhdrSize() uint64 { return pick(e.Is64(), 56, 32) }
func (e *ELFFile) ShdrSize() uint64 { return pick(e.Is64(), 64, 40) }

func pick(wide bool, a, b uint64) uint64 {
	if wide {
		return a
	}
	return b
}

// decoder reads fixed fields of a record whose length was checked. A branch
// on a bool inlines where a binary.ByteOrder would be a call per field.
type decoder struct{ big, wide bool }

func (d decoder) u16(b []byte) uint16 {
	if d.big {
		return binary.BigEndian.Uint16(b)
	}
	return binary.LittleEndian.Uint16(b)
}

func (d decoder) u32(b []byte) uint32 {
	if d.big {
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}

func (d decoder) u64(b []byte) uint64 {
	if d.big {
		return binary.BigEndian.Uint64(b)
	}
	return binary.LittleEndian.Uint64(b)
}

// word reads an address-sized field: 4 or 8 bytes.
func (d decoder) word(b []byte) uint64 {
	if d.wide {
		return d.u64(b)
	}
	return uint64(d.u32(b))
}

func (d decoder) wordSize() uint64 { return pick(d.wide, 8, 4) }

func matchELF(data []byte) bool { return len(data) >= 4 && string(data[:4]) == "\x7fELF" }

func parseELF(f *File, v byteio.View) error {
	e := &ELFFile{file: f}
	f.Format, f.ELF = ELF, e
	ident, err := v.Slice(0, 16, "e_ident")
	if err != nil {
		return err
	}
	copy(e.Ehdr.Ident[:], ident)
	switch ident[4] {
	case 1:
		f.Bits = 32
	case 2:
		f.Bits = 64
	default:
		return byteio.Errorf(v.Base+4, "EI_CLASS", "expected 1 or 2, got %d", ident[4])
	}
	switch ident[5] {
	case 1:
		f.Order = binary.LittleEndian
	case 2:
		f.Order = binary.BigEndian
	default:
		return byteio.Errorf(v.Base+5, "EI_DATA", "expected 1 or 2, got %d", ident[5])
	}
	v.Order = f.Order
	e.d = decoder{big: ident[5] == 2, wide: ident[4] == 2}
	if err := e.readEhdr(v); err != nil {
		return err
	}
	h := &e.Ehdr
	f.Machine, f.Entry = uint32(h.Machine), h.Entry
	f.CPU = machine.OfELF(h.Machine)
	f.Arch = f.CPU.Arch(f.Bits, e.d.big).Name

	sectionsErr := e.readShdrs(v)
	if err := e.readPhdrs(v); err != nil {
		return err
	}
	if sectionsErr == nil {
		sectionsErr = e.makeSections(v)
	}
	if sectionsErr != nil {
		if len(e.Phdrs) == 0 {
			return sectionsErr
		}
		e.SectionsError, e.Shdrs, f.Sections = sectionsErr, nil, nil
	}
	companion := e.isDebugCompanion()
	if err := e.makeSegments(v, companion); err != nil {
		return err
	}
	e.placeSections()
	if !companion {
		if err := e.readDynamic(v); err != nil && h.Type != ET_CORE {
			return err
		}
	}
	f.Kind = e.kind(companion)
	return nil
}

func (e *ELFFile) readEhdr(v byteio.View) error {
	d := e.d
	b, err := v.Slice(0, e.EhdrSize(), "ELF header")
	if err != nil {
		return err
	}
	h := &e.Ehdr
	h.Type, h.Machine, h.Version = d.u16(b[16:]), d.u16(b[18:]), d.u32(b[20:])
	w := d.wordSize()
	h.Entry, h.Phoff, h.Shoff = d.word(b[24:]), d.word(b[24+w:]), d.word(b[24+2*w:])
	b = b[24+3*w:]
	h.Flags, h.Ehsize = d.u32(b), d.u16(b[4:])
	h.Phentsize, h.Phnum = d.u16(b[6:]), d.u16(b[8:])
	h.Shentsize, h.Shnum, h.Shstrndx = d.u16(b[10:]), d.u16(b[12:]), d.u16(b[14:])
	return nil
}

// readShdrs reads the section header table with its extended numbering.
func (e *ELFFile) readShdrs(v byteio.View) error {
	h := &e.Ehdr
	if h.Shoff == 0 {
		if h.Type == ET_REL && h.Phnum == 0 {
			return byteio.Errorf(v.Base, "e_shoff", "a relocatable object without section headers")
		}
		return nil
	}
	size := e.ShdrSize()
	if uint64(h.Shentsize) != size {
		if h.Shnum == 0 { // sstrip and Go leave e_shoff dangling without a table
			return nil
		}
		return byteio.Errorf(v.Base+e.EhdrSize()-6, "e_shentsize", "expected %d, got %d", size, h.Shentsize)
	}
	count := uint64(h.Shnum)
	if count == 0 {
		first, err := v.Slice(h.Shoff, size, "section header 0")
		if err != nil {
			return err
		}
		if count = e.d.shdr(first).Size; count == 0 {
			return nil
		}
	}
	table, err := v.Table(h.Shoff, count, size, "section header table")
	if err != nil {
		return err
	}
	e.Shdrs = make([]Shdr, count)
	for i := range e.Shdrs {
		e.Shdrs[i] = e.d.shdr(table[uint64(i)*size:])
	}
	return nil
}

// ReadShdr reads a section header of a 64-bit little-endian file.
func ReadShdr(b []byte) Shdr { return decoder{wide: true}.shdr(b) }

// ReadShdr32 reads one of a 32-bit little-endian file.
func ReadShdr32(b []byte) Shdr { return decoder{}.shdr(b) }

// ReadPhdr reads a program header of a 64-bit little-endian file.
func ReadPhdr(b []byte) Phdr { return decoder{wide: true}.phdr(b) }

func (d decoder) shdr(b []byte) Shdr {
	s := Shdr{Name: d.u32(b), Type: d.u32(b[4:])}
	w := d.wordSize()
	b = b[8:]
	s.Flags, s.Addr, s.Off, s.Size = d.word(b), d.word(b[w:]), d.word(b[2*w:]), d.word(b[3*w:])
	b = b[4*w:]
	s.Link, s.Info = d.u32(b), d.u32(b[4:])
	s.Addralign, s.Entsize = d.word(b[8:]), d.word(b[8+w:])
	return s
}

func (d decoder) phdr(b []byte) Phdr {
	if !d.wide {
		return Phdr{Type: d.u32(b), Off: uint64(d.u32(b[4:])), Vaddr: uint64(d.u32(b[8:])), Paddr: uint64(d.u32(b[12:])),
			Filesz: uint64(d.u32(b[16:])), Memsz: uint64(d.u32(b[20:])), Flags: d.u32(b[24:]), Align: uint64(d.u32(b[28:]))}
	}
	return Phdr{Type: d.u32(b), Flags: d.u32(b[4:]), Off: d.u64(b[8:]), Vaddr: d.u64(b[16:]), Paddr: d.u64(b[24:]),
		Filesz: d.u64(b[32:]), Memsz: d.u64(b[40:]), Align: d.u64(b[48:])}
}

// readPhdrs reads the program header table; a table that a kernel would not
// accept is an error.
func (e *ELFFile) readPhdrs(v byteio.View) error {
	h := &e.Ehdr
	count, size := uint64(h.Phnum), e.PhdrSize()
	if count == pnXnum && len(e.Shdrs) > 0 {
		count = uint64(e.Shdrs[0].Info)
	}
	if count == 0 || h.Phoff == 0 {
		return nil
	}
	if uint64(h.Phentsize) != size {
		return byteio.Errorf(v.Base+e.EhdrSize()-10, "e_phentsize", "expected %d, got %d", size, h.Phentsize)
	}
	if count*size > maxPhdrBytes && h.Type != ET_CORE {
		return byteio.Errorf(v.Base+e.EhdrSize()-8, "e_phnum", "%d program headers, more than the %d bytes that a kernel reads", count, maxPhdrBytes)
	}
	table, err := v.Table(h.Phoff, count, size, "program header table")
	if err != nil {
		return err
	}
	e.Phdrs = make([]Phdr, count)
	for i := range e.Phdrs {
		e.Phdrs[i] = e.d.phdr(table[uint64(i)*size:])
	}
	return nil
}

func (e *ELFFile) makeSegments(v byteio.View, companion bool) error {
	f := e.file
	f.Segments = make([]Segment, 0, len(e.Phdrs))
	for i, p := range e.Phdrs {
		s := Segment{
			Type: elfSegmentType(p.Type, e.file.CPU), Index: i,
			Offset: p.Off, FileSize: p.Filesz, Addr: p.Vaddr, LoadAddr: p.Paddr, MemSize: p.Memsz, Align: p.Align,
			Read: p.Flags&PF_R != 0, Write: p.Flags&PF_W != 0, Exec: p.Flags&PF_X != 0,
			Load: p.Type == PT_LOAD,
		}
		s.Name = fmt.Sprintf("%s #%d [%s]", trimPT(s.Type), i, permissions(s))
		if _, ok := byteio.Add(p.Vaddr, p.Memsz); !ok && s.Load {
			return byteio.Errorf(e.phdrOffset(v, i), "p_vaddr", "segment %d: %#x + %#x bytes wraps", i, p.Vaddr, p.Memsz)
		}
		if s.Load && p.Filesz > p.Memsz {
			return byteio.Errorf(e.phdrOffset(v, i), "p_filesz", "segment %d: %d bytes in the file, %d in memory", i, p.Filesz, p.Memsz)
		}
		if end, ok := byteio.Add(p.Off, p.Filesz); !ok || end > v.Len() {
			limit, _ := byteio.AlignUp(v.Len(), loaderPage)
			lenient := companion || !s.Load || p.Filesz == 0 || e.Ehdr.Type == ET_CORE || ok && p.Off <= v.Len() && end <= limit
			if !lenient {
				return byteio.Errorf(e.phdrOffset(v, i), "p_offset", "segment %d: bytes %#x to %#x wanted, the file has %#x", i, p.Off, p.Off+p.Filesz, v.Len())
			}
			s.FileSize = saturating(v.Len(), s.Offset)
			if companion || s.FileSize == 0 {
				s.Offset, s.FileSize = min(s.Offset, v.Len()), 0
			}
		}
		f.Segments = append(f.Segments, s)
		if p.Type == PT_INTERP {
			if b, err := v.Slice(s.Offset, s.FileSize, "PT_INTERP"); err == nil {
				e.Interp = cutNUL(b)
			}
		}
	}
	return nil
}

func (e *ELFFile) phdrOffset(v byteio.View, i int) uint64 {
	return v.Base + e.Ehdr.Phoff + uint64(i)*e.PhdrSize()
}

func saturating(a, b uint64) uint64 {
	if b > a {
		return 0
	}
	return a - b
}

func permissions(s Segment) string {
	p := make([]byte, 0, 3)
	for _, x := range []struct {
		on bool
		c  byte
	}{{s.Read, 'R'}, {s.Write, 'W'}, {s.Exec, 'X'}} {
		if x.on {
			p = append(p, x.c)
		}
	}
	return string(p)
}

// makeSections turns section headers into Sections, index for index.
func (e *ELFFile) makeSections(v byteio.View) error {
	f := e.file
	if len(e.Shdrs) == 0 {
		return nil
	}
	strndx := uint64(e.Ehdr.Shstrndx)
	if strndx == shnXindex {
		strndx = uint64(e.Shdrs[0].Link)
	}
	var names stringTable
	if strndx != 0 {
		if strndx >= uint64(len(e.Shdrs)) {
			return byteio.Errorf(v.Base+e.EhdrSize()-2, "e_shstrndx", "section %d of %d", strndx, len(e.Shdrs))
		}
		s := e.Shdrs[strndx]
		b, err := v.Slice(s.Off, s.Size, "section name string table")
		if err != nil {
			return err
		}
		names = newStringTable(b)
	}
	f.Sections = make([]Section, len(e.Shdrs))
	for i, h := range e.Shdrs {
		name, ok := names.at(uint64(h.Name))
		if !ok && h.Name != 0 {
			return byteio.Errorf(e.shdrOffset(v, i), "sh_name", "section %d: no string at %#x of the section name table", i, h.Name)
		}
		s := Section{
			Name: name, Type: elfSectionType(h.Type, e.file.CPU), Index: i,
			Offset: h.Off, FileSize: h.Size, MemSize: h.Size, Addr: h.Addr, Align: h.Addralign, EntSize: h.Entsize,
			Alloc: h.Flags&SHF_ALLOC != 0, Write: h.Flags&SHF_WRITE != 0,
			Exec: h.Flags&SHF_EXECINSTR != 0, TLS: h.Flags&SHF_TLS != 0, Segment: -1,
		}
		if h.Type == SHT_NOBITS || h.Type == SHT_NULL {
			s.FileSize = 0
		}
		if h.Type == SHT_NULL || !s.Alloc {
			s.MemSize = 0
		}
		if end, ok := byteio.Add(s.Offset, s.FileSize); s.FileSize > 0 && (!ok || end > v.Len()) {
			return byteio.Errorf(e.shdrOffset(v, i), "sh_offset", "section %d (%s): bytes %#x to %#x wanted, the file has %#x", i, name, h.Off, h.Off+h.Size, v.Len())
		}
		s.Compressed = h.Flags&SHF_COMPRESSED != 0 || len(name) > 8 && name[:8] == ".zdebug_"
		f.Sections[i] = s
	}
	return nil
}

func (e *ELFFile) shdrOffset(v byteio.View, i int) uint64 {
	return v.Base + e.Ehdr.Shoff + uint64(i)*e.ShdrSize()
}

// placeSections finds the loaded segment of each allocated section. By
// address, since a NOBITS section has no bytes; .tbss has no room in memory
// of its own and so lies in no loaded segment.
func (e *ELFFile) placeSections() {
	f := e.file
	if e.Ehdr.Type == ET_CORE {
		return
	}
	for i := range f.Sections {
		s := &f.Sections[i]
		if !s.Alloc || s.TLS && s.FileSize == 0 {
			continue
		}
		for j := range f.Segments {
			g := &f.Segments[j]
			if g.Load && s.Addr >= g.Addr && s.Addr-g.Addr <= g.MemSize && s.MemSize <= g.MemSize-(s.Addr-g.Addr) {
				s.Segment = j
				if s.Addr-g.Addr < g.MemSize { // an empty section at a border: prefer the segment that begins there
					break
				}
			}
		}
	}
}

// isDebugCompanion: what `objcopy --only-keep-debug` and `eu-strip -f` write
// keeps every header, but the loaded sections have no bytes.
func (e *ELFFile) isDebugCompanion() bool {
	if e.Ehdr.Type != ET_EXEC && e.Ehdr.Type != ET_DYN {
		return false
	}
	emptied := false
	for i := range e.Shdrs {
		h := &e.Shdrs[i]
		if h.Flags&SHF_ALLOC == 0 || h.Size == 0 || h.Type == SHT_NOTE {
			continue
		}
		if h.Type != SHT_NOBITS {
			return false
		}
		emptied = emptied || h.Flags&SHF_EXECINSTR != 0
	}
	return emptied
}

func (e *ELFFile) kind(companion bool) Kind {
	if companion {
		return DebugFile
	}
	switch e.Ehdr.Type {
	case ET_REL:
		if e.file.SectionByName(".modinfo") != nil && e.file.SectionByName(".gnu.linkonce.this_module") != nil {
			return KernelModule
		}
		return Relocatable
	case ET_EXEC:
		return Executable
	case ET_CORE:
		return Core
	case ET_DYN:
		if flags, ok := e.DynValue(DT_FLAGS_1); ok && flags&DF_1_PIE != 0 {
			return PIE
		}
		if _, library := e.DynValue(DT_SONAME); e.Interp != "" && !library {
			return PIE
		}
		return SharedObject
	}
	return OtherKind
}
