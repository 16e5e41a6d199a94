package strip

// The raw tables of an ELF file, of either class and byte order, with the
// specification's field names, read with every number checked and written
// back. Sizes and offsets are those of the System V ABI, chapters 4 and 5.

import (
	"bytes"
	"encoding/binary"

	"github.com/minsize/minsize/internal/byteio"
)

// Values of e_type, p_type, sh_type and sh_flags that a stripper looks at.
const (
	etRel, etExec, etDyn, etCore = 1, 2, 3, 4

	ptNull, ptLoad, ptDynamic, ptInterp, ptNote = 0, 1, 2, 3, 4
	ptTLS                                       = 7
	ptGNUEhFrame, ptGNURelro                    = 0x6474e550, 0x6474e552
	ptOpenBSDMutable                            = 0x65a3dbe5
	pnXnum                                      = 0xffff // e_phnum: the count is in sh_info of section 0
	pfX, pfW, pfR                               = 1, 2, 4

	shtNull, shtProgbits, shtSymtab, shtStrtab, shtRela = 0, 1, 2, 3, 4
	shtNote, shtNobits, shtRel, shtDynsym               = 7, 8, 9, 11
	shtGroup, shtSymtabShndx                            = 17, 18

	shfWrite, shfAlloc, shfExecinstr = 1, 2, 4
	shfInfoLink, shfLinkOrder        = 0x40, 0x80
	shfTLS, shfCompressed            = 0x400, 0x800
	shfExclude                       = 0x80000000

	shnUndef, shnLoreserve, shnAbs, shnXindex = 0, 0xff00, 0xfff1, 0xffff
)

type elfHeader struct {
	Type, Machine      uint16
	Version            uint32
	Entry              uint64
	Phoff, Shoff       uint64
	Flags              uint32
	Ehsize             uint16
	Phentsize, Phnum   uint16
	Shentsize, Shnum   uint16
	Shstrndx           uint16
	realPhnum          uint64 // where Phnum is PN_XNUM
	realShnum, realStr uint64 // where Shnum is 0 or Shstrndx SHN_XINDEX
}

type elfSegment struct {
	Type, Flags    uint32
	Offset         uint64
	Vaddr, Paddr   uint64
	Filesz, Memsz  uint64
	Align          uint64
	headerPosition uint64 // of this entry in the file
}

func (p elfSegment) end() uint64 { return p.Offset + p.Filesz } // checked by parseELF

// hasBytes says whether the entry stands for bytes of the file. PT_GNU_RELRO
// does not: it is a range of memory, and its p_filesz reaches over bytes of the
// file that nothing loads where lld pads the range to a page.
func (p elfSegment) hasBytes() bool {
	return p.Type != ptNull && p.Type != ptGNURelro && p.Type != ptOpenBSDMutable && p.Filesz > 0
}

type elfSection struct {
	NameOff   uint32
	Type      uint32
	Flags     uint64
	Addr      uint64
	Offset    uint64
	Size      uint64
	Link      uint32
	Info      uint32
	Addralign uint64
	Entsize   uint64

	Name string
}

// fileSize is the number of bytes that the section has in the file.
func (s elfSection) fileSize() uint64 {
	if s.Type == shtNobits || s.Type == shtNull {
		return 0
	}
	return s.Size
}

type elfFile struct {
	data     []byte
	order    binary.ByteOrder
	is64     bool
	head     elfHeader
	segments []elfSegment
	sections []elfSection // nil without a usable table; else [0] is the null section
	// dangling: e_shoff or e_shnum are set but no table is there, as sstrip
	// leaves it.
	dangling bool
	// tableInSegment: the section headers are loaded with a segment.
	tableInSegment bool
}

func isELF(data []byte) bool { return bytes.HasPrefix(data, []byte("\x7fELF")) }

func (f *elfFile) ehsize() uint64 {
	if f.is64 {
		return 64
	}
	return 52
}

func (f *elfFile) phentsize() uint64 {
	if f.is64 {
		return 56
	}
	return 32
}

func (f *elfFile) shentsize() uint64 {
	if f.is64 {
		return 64
	}
	return 40
}

func (f *elfFile) symsize() uint64 {
	if f.is64 {
		return 24
	}
	return 16
}

// parseELF reads the header and both tables. Segments that end past the end
// of the file, tables that do, and counts that do not fit are errors.
func parseELF(data []byte) (*elfFile, error) {
	v := byteio.View{Data: data}
	ident, err := v.Slice(0, 16, "e_ident")
	if err != nil {
		return nil, err
	}
	f := &elfFile{data: data}
	switch ident[4] {
	case 1:
	case 2:
		f.is64 = true
	default:
		return nil, byteio.Errorf(4, "EI_CLASS", "1 (32 bits) or 2 (64 bits) expected, got %d", ident[4])
	}
	switch ident[5] {
	case 1:
		f.order = binary.LittleEndian
	case 2:
		f.order = binary.BigEndian
	default:
		return nil, byteio.Errorf(5, "EI_DATA", "1 (little endian) or 2 (big endian) expected, got %d", ident[5])
	}
	if ident[6] != 1 {
		return nil, byteio.Errorf(6, "EI_VERSION", "1 expected, got %d", ident[6])
	}
	v.Order = f.order
	if _, err := v.Slice(0, f.ehsize(), "ELF header"); err != nil {
		return nil, err
	}
	f.readHeader()
	if err := f.readSections(v); err != nil {
		return nil, err
	}
	if err := f.readSegments(v); err != nil {
		return nil, err
	}
	f.tableInSegment = f.findTableInSegment()
	return f, nil
}

// word reads an Elf32_Word-or-Elf64_Xword at off of b, which is long enough.
func (f *elfFile) word(b []byte, off32, off64 int) uint64 {
	if f.is64 {
		return f.order.Uint64(b[off64:])
	}
	return uint64(f.order.Uint32(b[off32:]))
}

func (f *elfFile) putWord(b []byte, off32, off64 int, value uint64) {
	if f.is64 {
		f.order.PutUint64(b[off64:], value)
	} else {
		f.order.PutUint32(b[off32:], uint32(value))
	}
}

func (f *elfFile) readHeader() {
	b, o := f.data, f.order
	tail := 36 // offset of e_flags
	if f.is64 {
		tail = 48
	}
	f.head = elfHeader{
		Type: o.Uint16(b[16:]), Machine: o.Uint16(b[18:]), Version: o.Uint32(b[20:]),
		Entry: f.word(b, 24, 24), Phoff: f.word(b, 28, 32), Shoff: f.word(b, 32, 40),
		Flags: o.Uint32(b[tail:]), Ehsize: o.Uint16(b[tail+4:]),
		Phentsize: o.Uint16(b[tail+6:]), Phnum: o.Uint16(b[tail+8:]),
		Shentsize: o.Uint16(b[tail+10:]), Shnum: o.Uint16(b[tail+12:]), Shstrndx: o.Uint16(b[tail+14:]),
	}
	f.head.realPhnum = uint64(f.head.Phnum)
	f.head.realShnum = uint64(f.head.Shnum)
	f.head.realStr = uint64(f.head.Shstrndx)
}

// encodeHeader returns the file's header with the fields of h that a rewrite
// may change: e_phoff, e_shoff, e_shnum, e_shstrndx.
func (f *elfFile) encodeHeader(h elfHeader) []byte {
	b := bytes.Clone(f.data[:f.ehsize()])
	f.putWord(b, 28, 32, h.Phoff)
	f.putWord(b, 32, 40, h.Shoff)
	tail := 36
	if f.is64 {
		tail = 48
	}
	f.order.PutUint16(b[tail+12:], h.Shnum)
	f.order.PutUint16(b[tail+14:], h.Shstrndx)
	return b
}

func (f *elfFile) readSegments(v byteio.View) error {
	h := &f.head
	if h.Phnum == 0 {
		return nil
	}
	if h.Phnum == pnXnum {
		if len(f.sections) == 0 {
			return byteio.Errorf(h.Phoff, "e_phnum", "PN_XNUM without a section 0 that has the count")
		}
		h.realPhnum = uint64(f.sections[0].Info)
	}
	size := f.phentsize()
	if uint64(h.Phentsize) != size {
		return byteio.Errorf(42, "e_phentsize", "%d expected, got %d", size, h.Phentsize)
	}
	table, err := v.Table(h.Phoff, h.realPhnum, size, "program headers")
	if err != nil {
		return err
	}
	f.segments = make([]elfSegment, h.realPhnum)
	for i := range f.segments {
		b := table[uint64(i)*size:]
		p := elfSegment{
			Type: f.order.Uint32(b), Offset: f.word(b, 4, 8), Vaddr: f.word(b, 8, 16), Paddr: f.word(b, 12, 24),
			Filesz: f.word(b, 16, 32), Memsz: f.word(b, 20, 40), Align: f.word(b, 28, 48),
			headerPosition: h.Phoff + uint64(i)*size,
		}
		if f.is64 {
			p.Flags = f.order.Uint32(b[4:])
		} else {
			p.Flags = f.order.Uint32(b[24:])
		}
		if p.Type != ptNull && p.Filesz > 0 && !f.companion() {
			if _, err := v.Slice(p.Offset, p.Filesz, "segment's bytes (p_offset, p_filesz)"); err != nil {
				return err
			}
		}
		if p.Type == ptLoad {
			if p.Filesz > p.Memsz {
				return byteio.Errorf(p.headerPosition, "p_filesz", "%d bytes in the file but only %d in memory", p.Filesz, p.Memsz)
			}
			if _, ok := byteio.Add(p.Vaddr, p.Memsz); !ok {
				return byteio.Errorf(p.headerPosition, "p_vaddr", "segment wraps around the address space")
			}
			if p.Align > 1 && p.Align&(p.Align-1) != 0 {
				return byteio.Errorf(p.headerPosition, "p_align", "%d is no power of two", p.Align)
			}
		}
		f.segments[i] = p
	}
	return nil
}

// encodeSegments returns the program header table with the fields of p.
func (f *elfFile) encodeSegments(segments []elfSegment) []byte {
	size := f.phentsize()
	out := make([]byte, uint64(len(segments))*size)
	for i, p := range segments {
		b := out[uint64(i)*size:]
		f.order.PutUint32(b, p.Type)
		f.putWord(b, 4, 8, p.Offset)
		f.putWord(b, 8, 16, p.Vaddr)
		f.putWord(b, 12, 24, p.Paddr)
		f.putWord(b, 16, 32, p.Filesz)
		f.putWord(b, 20, 40, p.Memsz)
		f.putWord(b, 28, 48, p.Align)
		if f.is64 {
			f.order.PutUint32(b[4:], p.Flags)
		} else {
			f.order.PutUint32(b[24:], p.Flags)
		}
	}
	return out
}

func (f *elfFile) readSections(v byteio.View) error {
	h := &f.head
	if h.Shoff == 0 || h.Shoff >= uint64(len(f.data)) && h.Phnum != 0 {
		f.dangling = h.Shoff != 0 || h.Shnum != 0 || h.Shstrndx != 0
		return nil
	}
	size := f.shentsize()
	if uint64(h.Shentsize) != size {
		return byteio.Errorf(46, "e_shentsize", "%d expected, got %d", size, h.Shentsize)
	}
	if h.Shnum == 0 || h.Shstrndx == shnXindex {
		first, err := v.Slice(h.Shoff, size, "section header 0")
		if err != nil {
			return err
		}
		s := f.decodeSection(first)
		if h.Shnum == 0 {
			h.realShnum = s.Size
		}
		if h.Shstrndx == shnXindex {
			h.realStr = uint64(s.Link)
		}
	}
	if h.realShnum == 0 {
		f.dangling = true
		return nil
	}
	table, err := v.Table(h.Shoff, h.realShnum, size, "section headers")
	if err != nil {
		return err
	}
	f.sections = make([]elfSection, h.realShnum)
	for i := range f.sections {
		f.sections[i] = f.decodeSection(table[uint64(i)*size:])
		s := f.sections[i]
		if n := s.fileSize(); n > 0 {
			if _, err := v.Slice(s.Offset, n, "section's bytes (sh_offset, sh_size)"); err != nil {
				return err
			}
		}
		// No loader looks at it: only in objects, which are laid out anew, must it mean something.
		if h.Type == etRel && !powerOfTwo(s.Addralign) {
			return byteio.Errorf(h.Shoff+uint64(i)*size, "sh_addralign", "%d is no power of two", s.Addralign)
		}
	}
	if h.realStr == 0 {
		return nil
	}
	if h.realStr >= h.realShnum {
		return byteio.Errorf(h.Shoff, "e_shstrndx", "section %d of %d", h.realStr, h.realShnum)
	}
	names := f.sections[h.realStr]
	pool := f.section(int(h.realStr))
	budget := 4*len(f.data) + 1<<20 // names may share tails, but not without end
	for i := range f.sections {
		s := &f.sections[i]
		if s.NameOff == 0 {
			continue
		}
		if uint64(s.NameOff) >= uint64(len(pool)) {
			return byteio.Errorf(h.Shoff+uint64(i)*size, "sh_name", "%d, but section names take %d bytes", s.NameOff, len(pool))
		}
		name := pool[s.NameOff:]
		n := bytes.IndexByte(name, 0)
		if n < 0 {
			return byteio.Errorf(names.Offset+uint64(s.NameOff), "section's name", "string without its NUL")
		}
		if budget -= n; budget < 0 {
			return byteio.Errorf(names.Offset, "section names", "more text than the file could hold")
		}
		s.Name = string(name[:n])
	}
	return nil
}

// companion says whether the file is what --only-keep-debug leaves: all that is
// loaded has an address and no bytes, but for notes. One such code section
// alone is none: the .plt of 32-bit PowerPC's old ABI is code that the dynamic
// linker writes.
func (f *elfFile) companion() bool {
	code := false
	for _, s := range f.sections {
		switch {
		case s.Flags&shfAlloc == 0 || s.Size == 0 || s.Type == shtNote:
		case s.Type != shtNobits:
			return false
		case s.Flags&shfExecinstr != 0:
			code = true
		}
	}
	return code
}

func (f *elfFile) decodeSection(b []byte) elfSection {
	return elfSection{
		NameOff: f.order.Uint32(b), Type: f.order.Uint32(b[4:]),
		Flags: f.word(b, 8, 8), Addr: f.word(b, 12, 16), Offset: f.word(b, 16, 24), Size: f.word(b, 20, 32),
		Link: f.order.Uint32(b[f.pick(24, 40):]), Info: f.order.Uint32(b[f.pick(28, 44):]),
		Addralign: f.word(b, 32, 48), Entsize: f.word(b, 36, 56),
	}
}

func (f *elfFile) pick(bits32, bits64 int) int {
	if f.is64 {
		return bits64
	}
	return bits32
}

func (f *elfFile) encodeSection(b []byte, s elfSection) {
	f.order.PutUint32(b, s.NameOff)
	f.order.PutUint32(b[4:], s.Type)
	f.putWord(b, 8, 8, s.Flags)
	f.putWord(b, 12, 16, s.Addr)
	f.putWord(b, 16, 24, s.Offset)
	f.putWord(b, 20, 32, s.Size)
	f.order.PutUint32(b[f.pick(24, 40):], s.Link)
	f.order.PutUint32(b[f.pick(28, 44):], s.Info)
	f.putWord(b, 32, 48, s.Addralign)
	f.putWord(b, 36, 56, s.Entsize)
}

// section returns the bytes of section i; none where it has none in the file,
// whatever its offset says.
func (f *elfFile) section(i int) []byte {
	s := f.sections[i]
	if s.fileSize() == 0 {
		return nil
	}
	return f.data[s.Offset : s.Offset+s.fileSize()]
}

// powerOfTwo says whether an alignment is one; 0 and 1 ask for none.
func powerOfTwo(align uint64) bool { return align&(align-1) == 0 }
