package objfile

// Mach-O: mach-o/loader.h, nlist.h, fixup-chains.h of Apple's headers.
//
// A row of load commands, and a segment __LINKEDIT into which other commands
// point: symbols, fixups, exports, function starts, the signature. Chosen: all
// pieces of __LINKEDIT in one list (LinkEdit), since the stripper moves them
// and the size view names them. What dyld writes at load time has three
// encodings (local relocations, dyld info opcodes, chained fixups); all come
// out as Relocs.

import (
	"encoding/binary"
	"fmt"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/machine"
)

// MachOFile is what only Mach-O has.
type MachOFile struct {
	Magic      uint32
	Cputype    uint32
	Cpusubtype uint32
	Filetype   uint32
	Ncmds      uint32
	Sizeofcmds uint32
	Flags      uint32

	Loads    []MachOLoad
	Segments []MachOSegment // segment_command(_64), positions are those of File.Segments
	Sections []MachOSection // positions are those of File.Sections; n_sect is the position plus 1
	Symtab   MachOSymtab
	Dysymtab []uint32 // the 18 words of dysymtab_command behind cmdsize; nil without
	UUID     []byte   // 16 bytes, nil without
	Dylibs   []MachODylib
	LinkEdit []MachORange // pieces of __LINKEDIT in the order of load commands

	file *File
	d    decoder
}

// MachOLoad is one load command: cmd, cmdsize, and where it stands.
type MachOLoad struct {
	Cmd, Cmdsize uint32
	Offset       uint64
}

// MachOSegment is segment_command or segment_command_64.
type MachOSegment struct {
	Segname                           string
	Vmaddr, Vmsize, Fileoff, Filesize uint64
	Maxprot, Initprot, Nsects, Flags  uint32
	Command                           int // index in Loads
	FirstSection                      int // index in Sections
}

// MachOSection is section or section_64.
type MachOSection struct {
	Sectname, Segname     string
	Addr, Size            uint64
	Offset, Align, Reloff uint32
	Nreloc, Flags         uint32
	Reserved1, Reserved2  uint32
}

// MachOSymtab is symtab_command.
type MachOSymtab struct{ Symoff, Nsyms, Stroff, Strsize uint32 }

// MachODylib is a dylib_command of LC_LOAD_DYLIB and its relatives.
type MachODylib struct {
	Cmd  uint32
	Name string
}

// MachORange is a piece of the file that a load command points at.
type MachORange struct {
	Name         string // "symbol table", "chained fixups", ...
	Offset, Size uint64
	Command      int    // index in Loads
	Field        uint64 // file offset of the command's field that holds Offset
}

// Load commands that the code asks for.
const (
	LC_SEGMENT             = 0x1
	LC_SYMTAB              = 0x2
	LC_UNIXTHREAD          = 0x5
	LC_DYSYMTAB            = 0xb
	LC_LOAD_DYLIB          = 0xc
	LC_ID_DYLIB            = 0xd
	LC_LOAD_WEAK_DYLIB     = 0x80000018
	LC_SEGMENT_64          = 0x19
	LC_UUID                = 0x1b
	LC_CODE_SIGNATURE      = 0x1d
	LC_REEXPORT_DYLIB      = 0x8000001f
	LC_DYLD_INFO           = 0x22
	LC_LOAD_UPWARD_DYLIB   = 0x80000023
	LC_DYLD_INFO_ONLY      = 0x80000022
	LC_FUNCTION_STARTS     = 0x26
	LC_MAIN                = 0x80000028
	LC_DYLD_EXPORTS_TRIE   = 0x80000033
	LC_DYLD_CHAINED_FIXUPS = 0x80000034
)

// linkEditCommands are linkedit_data_command users and what they point at.
var linkEditCommands = map[uint32]string{
	LC_CODE_SIGNATURE: "code signature", 0x1e: "segment split info", LC_FUNCTION_STARTS: "function starts",
	0x29: "data in code", 0x2b: "code signing requirements", 0x2e: "linker optimization hints",
	LC_DYLD_EXPORTS_TRIE: "exports trie", LC_DYLD_CHAINED_FIXUPS: "chained fixups", 0x36: "atom info",
}

// dysymtabTables are the tables of dysymtab_command: word index of the offset,
// of the count, entry size, name. Words count from behind cmdsize.
var dysymtabTables = []struct {
	off, count int
	size       uint64
	name       string
}{
	{6, 7, 8, "table of contents"}, {8, 9, 52, "module table"}, {10, 11, 4, "external references"},
	{12, 13, 4, "indirect symbols"}, {14, 15, 8, "external relocations"}, {16, 17, 8, "local relocations"},
}

var dyldInfoTables = [...]string{"rebase opcodes", "bind opcodes", "weak bind opcodes", "lazy bind opcodes", "exports trie"}

// maxMachOSegments: dyld's opcodes count segments in 4 bits; cores have more.
const maxMachOSegments = 256

// File types (mach_header.filetype).
const (
	MH_OBJECT  = 1
	MH_EXECUTE = 2
	MH_CORE    = 4
	MH_DYLIB   = 6
	MH_DSYM    = 10
	MH_PIE     = 0x200000
)

func matchMachO(data []byte) bool {
	if len(data) < 28 {
		return false
	}
	switch binary.LittleEndian.Uint32(data) {
	case 0xfeedface, 0xfeedfacf, 0xcefaedfe, 0xcffaedfe:
		return true
	}
	return false
}

func parseMachO(f *File, v byteio.View) error {
	magic := binary.LittleEndian.Uint32(v.Data)
	big := magic == 0xcefaedfe || magic == 0xcffaedfe
	m := &MachOFile{file: f, d: decoder{big: big, wide: magic == 0xfeedfacf || magic == 0xcffaedfe}}
	v.Order = binary.LittleEndian
	if big {
		v.Order = binary.BigEndian
	}
	f.Format, f.MachO, f.Order, f.Bits = MachO, m, v.Order, int(pick(m.d.wide, 64, 32))
	header, err := v.Slice(0, pick(m.d.wide, 32, 28), "mach_header")
	if err != nil {
		return err
	}
	d := m.d
	m.Magic, m.Cputype, m.Cpusubtype, m.Filetype = d.u32(header), d.u32(header[4:]), d.u32(header[8:]), d.u32(header[12:])
	m.Ncmds, m.Sizeofcmds, m.Flags = d.u32(header[16:]), d.u32(header[20:]), d.u32(header[24:])
	f.Machine = m.Cputype
	f.setMachine(machine.OfMachO(m.Cputype))
	switch m.Filetype {
	case MH_OBJECT:
		f.Kind = Relocatable
	case MH_EXECUTE:
		f.Kind = Executable
		if m.Flags&MH_PIE != 0 {
			f.Kind = PIE
		}
	case MH_CORE:
		f.Kind = Core
	case MH_DYLIB, 8, 9: // MH_BUNDLE, MH_DYLIB_STUB
		f.Kind = SharedObject
	case MH_DSYM:
		f.Kind = DebugFile
	default:
		f.Kind = OtherKind
	}
	commands, err := v.Slice(uint64(len(header)), uint64(m.Sizeofcmds), "load commands")
	if err != nil {
		return err
	}
	at := uint64(0)
	for i := uint32(0); i < m.Ncmds; i++ {
		off := uint64(len(header)) + at
		if at+8 > uint64(len(commands)) {
			return byteio.Errorf(v.Base+off, "load command", "command %d of %d: 8 bytes wanted, %d there", i, m.Ncmds, uint64(len(commands))-at)
		}
		load := MachOLoad{Cmd: d.u32(commands[at:]), Cmdsize: d.u32(commands[at+4:]), Offset: off}
		if load.Cmdsize < 8 || uint64(load.Cmdsize) > uint64(len(commands))-at {
			return byteio.Errorf(v.Base+off+4, "cmdsize", "command %d (%#x): %d bytes, %d are left", i, load.Cmd, load.Cmdsize, uint64(len(commands))-at)
		}
		m.Loads = append(m.Loads, load)
		if err := m.command(v, load, commands[at:at+uint64(load.Cmdsize)]); err != nil {
			return err
		}
		at += uint64(load.Cmdsize)
	}
	return nil
}

// command reads one load command; b is all of it.
func (m *MachOFile) command(v byteio.View, load MachOLoad, b []byte) error {
	d, f := m.d, m.file
	at := v.Base + load.Offset
	need := func(n int) error {
		if len(b) < n {
			return byteio.Errorf(at+4, "cmdsize", "command %#x: expected %d at least, got %d", load.Cmd, n, len(b))
		}
		return nil
	}
	piece := func(name string, field, off, size uint64) error {
		if size == 0 {
			return nil
		}
		if _, err := v.Slice(off, size, name); err != nil {
			if f.Kind == DebugFile { // a dSYM keeps some commands whose data stay in the program
				return nil
			}
			return byteio.Errorf(at+field, name, "bytes %#x to %#x wanted, the file has %#x", off, off+size, v.Len())
		}
		m.LinkEdit = append(m.LinkEdit, MachORange{name, off, size, len(m.Loads) - 1, load.Offset + field})
		return nil
	}
	switch load.Cmd {
	case LC_SEGMENT, LC_SEGMENT_64:
		return m.segment(v, load, b)
	case LC_SYMTAB:
		if err := need(24); err != nil {
			return err
		}
		s := MachOSymtab{d.u32(b[8:]), d.u32(b[12:]), d.u32(b[16:]), d.u32(b[20:])}
		m.Symtab = s
		if err := piece("symbol table", 8, uint64(s.Symoff), uint64(s.Nsyms)*m.nlistSize()); err != nil {
			return err
		}
		return piece("string table", 16, uint64(s.Stroff), uint64(s.Strsize))
	case LC_DYSYMTAB:
		if err := need(80); err != nil {
			return err
		}
		m.Dysymtab = make([]uint32, 18)
		for i := range m.Dysymtab {
			m.Dysymtab[i] = d.u32(b[8+4*i:])
		}
		for _, t := range dysymtabTables {
			size := t.size
			if t.name == "module table" && d.wide {
				size = 56
			}
			if err := piece(t.name, uint64(8+4*t.off), uint64(m.Dysymtab[t.off]), uint64(m.Dysymtab[t.count])*size); err != nil {
				return err
			}
		}
	case LC_DYLD_INFO, LC_DYLD_INFO_ONLY:
		if err := need(48); err != nil {
			return err
		}
		for i, name := range dyldInfoTables {
			if err := piece(name, uint64(8+8*i), uint64(d.u32(b[8+8*i:])), uint64(d.u32(b[12+8*i:]))); err != nil {
				return err
			}
		}
	case LC_UUID:
		if err := need(24); err != nil {
			return err
		}
		m.UUID = b[8:24:24]
	case LC_MAIN:
		if err := need(24); err != nil {
			return err
		}
		if addr, ok := f.AddrOf(d.u64(b[8:])); ok {
			f.Entry = addr
		}
	case LC_UNIXTHREAD:
		f.Entry = m.threadEntry(b)
	case LC_LOAD_DYLIB, LC_ID_DYLIB, LC_LOAD_WEAK_DYLIB, LC_REEXPORT_DYLIB, LC_LOAD_UPWARD_DYLIB:
		if err := need(24); err != nil {
			return err
		}
		name := uint64(d.u32(b[8:]))
		if name >= uint64(len(b)) {
			return byteio.Errorf(at+8, "dylib.name", "offset %d in a command of %d bytes", name, len(b))
		}
		m.Dylibs = append(m.Dylibs, MachODylib{load.Cmd, cutNUL(b[name:])})
	default:
		if name, ok := linkEditCommands[load.Cmd]; ok {
			if err := need(16); err != nil {
				return err
			}
			return piece(name, 8, uint64(d.u32(b[8:])), uint64(d.u32(b[12:])))
		}
	}
	return nil
}

// threadEntry is the program counter of LC_UNIXTHREAD's registers.
func (m *MachOFile) threadEntry(b []byte) uint64 {
	at := m.file.CPU.ThreadPC
	switch {
	case at == 0:
	case m.d.wide && at+8 <= len(b):
		return m.d.u64(b[at:])
	case !m.d.wide && at+4 <= len(b):
		return uint64(m.d.u32(b[at:]))
	}
	return 0
}

func (m *MachOFile) segment(v byteio.View, load MachOLoad, b []byte) error {
	d, f := m.d, m.file
	at := v.Base + load.Offset
	w := d.wordSize()
	fixed, record := pick(d.wide, 72, 56), pick(d.wide, 80, 68)
	if uint64(len(b)) < fixed || d.wide != (load.Cmd == LC_SEGMENT_64) {
		return byteio.Errorf(at, "segment_command", "%d bytes, expected %d at least and the width of the header", len(b), fixed)
	}
	s := MachOSegment{Segname: cutNUL(b[8:24]), Command: len(m.Loads) - 1, FirstSection: len(m.Sections)}
	s.Vmaddr, s.Vmsize, s.Fileoff, s.Filesize = d.word(b[24:]), d.word(b[24+w:]), d.word(b[24+2*w:]), d.word(b[24+3*w:])
	rest := b[24+4*w:]
	s.Maxprot, s.Initprot, s.Nsects, s.Flags = d.u32(rest), d.u32(rest[4:]), d.u32(rest[8:]), d.u32(rest[12:])
	if uint64(s.Nsects)*record > uint64(len(b))-fixed {
		return byteio.Errorf(at+fixed-8, "nsects", "%d sections in a command of %d bytes", s.Nsects, len(b))
	}
	if end, ok := byteio.Add(s.Fileoff, s.Filesize); (!ok || end > v.Len()) && f.Kind != DebugFile {
		return byteio.Errorf(at+24+2*w, "fileoff", "segment %s: bytes %#x to %#x wanted, the file has %#x", s.Segname, s.Fileoff, end, v.Len())
	}
	if _, ok := byteio.Add(s.Vmaddr, s.Vmsize); !ok {
		return byteio.Errorf(at+24, "vmaddr", "segment %s: %#x + %#x bytes wraps", s.Segname, s.Vmaddr, s.Vmsize)
	}
	if len(m.Segments) >= maxMachOSegments && m.Filetype != MH_CORE {
		return byteio.Errorf(at, "segment_command", "more than %d segments", maxMachOSegments)
	}
	m.Segments = append(m.Segments, s)
	g := Segment{Name: s.Segname, Type: "LC_SEGMENT_64", Index: len(f.Segments), Offset: s.Fileoff, FileSize: min(s.Filesize, s.Vmsize), Addr: s.Vmaddr, MemSize: s.Vmsize,
		Read: s.Initprot&1 != 0, Write: s.Initprot&2 != 0, Exec: s.Initprot&4 != 0, Load: f.Kind != Relocatable}
	if !d.wide {
		g.Type = "LC_SEGMENT"
	}
	if f.Kind == DebugFile && g.Offset+g.FileSize > v.Len() || f.Kind == DebugFile && s.Segname != "__DWARF" {
		g.Offset, g.FileSize = 0, 0
	}
	f.Segments = append(f.Segments, g)
	if s.Segname == "__TEXT" {
		f.ImageBase = s.Vmaddr
	}
	for i := uint64(0); i < uint64(s.Nsects); i++ {
		if err := m.section(v, b[fixed+i*record:], at+fixed+i*record, len(f.Segments)-1); err != nil {
			return err
		}
	}
	return nil
}

func (m *MachOFile) section(v byteio.View, b []byte, at uint64, segment int) error {
	d, f := m.d, m.file
	w := d.wordSize()
	s := MachOSection{Sectname: cutNUL(b[:16]), Segname: cutNUL(b[16:32]), Addr: d.word(b[32:]), Size: d.word(b[32+w:])}
	rest := b[32+2*w:]
	s.Offset, s.Align, s.Reloff, s.Nreloc = d.u32(rest), d.u32(rest[4:]), d.u32(rest[8:]), d.u32(rest[12:])
	s.Flags, s.Reserved1, s.Reserved2 = d.u32(rest[16:]), d.u32(rest[20:]), d.u32(rest[24:])
	m.Sections = append(m.Sections, s)
	g := &f.Segments[segment]
	out := Section{Name: s.Segname + "," + s.Sectname, Type: machoSectionType(s.Flags), Index: len(f.Sections), Offset: uint64(s.Offset), FileSize: s.Size,
		Addr: s.Addr, MemSize: s.Size, Alloc: true, Segment: segment, Write: g.Write,
		Exec: s.Flags&0x80000400 != 0, TLS: s.Flags&0xff >= 0x11 && s.Flags&0xff <= 0x15, Align: 1}
	if s.Align < 63 {
		out.Align = 1 << s.Align
	}
	if zerofill := s.Flags & 0xff; zerofill == 1 || zerofill == 0xc || zerofill == 0x12 {
		out.FileSize = 0
	}
	if s.Segname == "__DWARF" { // never loaded by itself: a dSYM, or an object's debug sections
		out.Alloc, out.MemSize, out.Segment = false, 0, -1
		out.Compressed = len(s.Sectname) > 8 && s.Sectname[:8] == "__zdebug"
	} else if f.Kind == DebugFile {
		out.Offset, out.FileSize = 0, 0
	}
	if f.Kind == Relocatable {
		out.Segment = -1
	}
	if out.FileSize > 0 {
		if end, ok := byteio.Add(out.Offset, out.FileSize); !ok || end > v.Len() {
			return byteio.Errorf(at+32, "section", "%s: bytes %#x to %#x wanted, the file has %#x", out.Name, out.Offset, end, v.Len())
		}
	}
	f.Sections = append(f.Sections, out)
	return nil
}

var machoSectionTypes = [...]string{"S_REGULAR", "S_ZEROFILL", "S_CSTRING_LITERALS", "S_4BYTE_LITERALS", "S_8BYTE_LITERALS", "S_LITERAL_POINTERS",
	"S_NON_LAZY_SYMBOL_POINTERS", "S_LAZY_SYMBOL_POINTERS", "S_SYMBOL_STUBS", "S_MOD_INIT_FUNC_POINTERS", "S_MOD_TERM_FUNC_POINTERS", "S_COALESCED",
	"S_GB_ZEROFILL", "S_INTERPOSING", "S_16BYTE_LITERALS", "S_DTRACE_DOF", "S_LAZY_DYLIB_SYMBOL_POINTERS", "S_THREAD_LOCAL_REGULAR", "S_THREAD_LOCAL_ZEROFILL",
	"S_THREAD_LOCAL_VARIABLES", "S_THREAD_LOCAL_VARIABLE_POINTERS", "S_THREAD_LOCAL_INIT_FUNCTION_POINTERS", "S_INIT_FUNC_OFFSETS"}

func machoSectionType(flags uint32) string {
	if t := int(flags & 0xff); t < len(machoSectionTypes) {
		return machoSectionTypes[t]
	}
	return fmt.Sprintf("%#x", flags&0xff)
}

func (m *MachOFile) nlistSize() uint64 { return pick(m.d.wide, 16, 12) }

// Piece returns the bytes of a LinkEdit piece by its name, nil without one.
func (m *MachOFile) Piece(name string) ([]byte, *MachORange) {
	for i := range m.LinkEdit {
		if r := &m.LinkEdit[i]; r.Name == name {
			return m.file.Data[r.Offset : r.Offset+r.Size], r
		}
	}
	return nil, nil
}
