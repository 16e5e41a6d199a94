package objedit

// ELF relocatable objects, little-endian. Field names are those of the System V
// ABI, chapters 4 and 5.
//
// Machines of 32 bits keep addends in the place that is relocated (SHT_REL),
// all but RISC-V. Of those that are no plain number, in an instruction, none is
// read: they say where in its target a branch goes, and the target is known by
// its symbol.

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/machine"
	"github.com/minsize/minsize/internal/objfile"
)

// elfLayout is where fields stand in the structures of one width.
type elfLayout struct {
	word                               uint64 // bytes of an address
	header, shoff, shentsize           uint64 // of Elf_Ehdr
	section, shOffset, shSize, shAlign uint64 // of Elf_Shdr
	shInfo, shEntsize                  uint64
	symbol, stInfo, stShndx            uint64 // of Elf_Sym
	stValue, stSize                    uint64
	rel, rela                          uint64 // sizeof
	number                             func([]byte) uint64
}

var (
	elf32 = elfLayout{word: 4, header: 52, shoff: 0x20, shentsize: 0x2e, section: 40, shOffset: 0x10, shSize: 0x14, shAlign: 0x20, shInfo: 0x1c, shEntsize: 0x24,
		symbol: 16, stInfo: 12, stShndx: 14, stValue: 4, stSize: 8, rel: 8, rela: 12,
		number: func(b []byte) uint64 { return uint64(binary.LittleEndian.Uint32(b)) }}
	elf64 = elfLayout{word: 8, header: 64, shoff: 0x28, shentsize: 0x3a, section: 64, shOffset: 0x18, shSize: 0x20, shAlign: 0x30, shInfo: 0x2c, shEntsize: 0x38,
		symbol: 24, stInfo: 4, stShndx: 6, stValue: 8, stSize: 16, rel: 16, rela: 24, number: binary.LittleEndian.Uint64}
)

const (
	shtCrel      = 0x40000014
	shtX86Unwind = 0x70000001
	shfGNURetain = 0x200000
	shnLoreserve = 0xff00
	shnXindex    = 0xffff
	sttObject    = 1
	sttFunc      = 2
	stbWeak      = 2
)

// elf is an ELF object.
type elf struct {
	*Object
	elfLayout
	implicit bool // addends stand in the places (SHT_REL)
	headers  []elfSection
	symtab   int // section index, or 0
	frames   *frameTable
}

// elfSection is a section header as it was in the input.
type elfSection struct {
	objfile.Shdr
	rela int // the section of its relocations, or 0
}

func isELF(data []byte) bool { return len(data) >= 4 && string(data[:4]) == "\x7fELF" }

// elfObject passes by the shared libraries among a link's inputs.
func elfObject(head []byte) (bool, *machine.Machine) {
	if len(head) < headLength {
		return len(head) < 18, nil
	}
	return head[16] == objfile.ET_REL && head[17] == 0 || head[5] == 2, machine.OfELF(binary.LittleEndian.Uint16(head[18:]))
}

func parseELF(o *Object) (format, error) {
	ident, err := o.view.Slice(0, min(elf64.header, max(o.view.Len(), elf32.header)), "ELF header")
	if err != nil {
		return nil, err
	}
	f := &elf{Object: o, elfLayout: elf64}
	switch {
	case ident[5] != 1 || ident[4] != 1 && ident[4] != 2:
		return nil, fmt.Errorf("%w: not a little-endian ELF file", ErrUnsupported)
	case ident[4] == 1:
		f.elfLayout = elf32
	}
	if t := binary.LittleEndian.Uint16(ident[16:]); t != objfile.ET_REL {
		return nil, fmt.Errorf("%w: e_type is %d, not ET_REL", ErrUnsupported, t)
	}
	number := binary.LittleEndian.Uint16(ident[18:])
	if o.machine = machine.OfELF(number); o.machine.Code == nil {
		return nil, fmt.Errorf("%w: e_machine is %d, a machine that has no stubs", ErrUnsupported, number)
	}
	if err := f.readSections(ident); err != nil {
		return nil, err
	}
	return f, f.readSymbols()
}

func (o *elf) readSections(header []byte) error {
	le := binary.LittleEndian
	if uint64(len(header)) < o.header {
		return byteio.Errorf(o.view.Base, "ELF header", "%d bytes, expected %d", len(header), o.header)
	}
	shoff := o.number(header[o.shoff:])
	shentsize := uint64(le.Uint16(header[o.shentsize:]))
	shnum := uint64(le.Uint16(header[o.shentsize+2:]))
	shstrndx := uint64(le.Uint16(header[o.shentsize+4:]))
	if shoff == 0 {
		return byteio.Errorf(o.view.Base+o.shoff, "e_shoff", "no section headers in a relocatable object")
	}
	if shentsize != o.section {
		return byteio.Errorf(o.view.Base+o.shentsize, "e_shentsize", "expected %d but got %d", o.section, shentsize)
	}
	first, err := o.view.Slice(shoff, o.section, "section header 0")
	if err != nil {
		return err
	}
	if shnum == 0 { // more than SHN_LORESERVE: the number is in sh_size of entry 0
		shnum = o.number(first[o.shSize:])
	}
	if shstrndx == shnXindex {
		shstrndx = uint64(le.Uint32(first[o.shInfo-4:]))
	}
	table, err := o.view.Table(shoff, shnum, o.section, "section headers")
	if err != nil {
		return err
	}
	o.sections = make([]section, shnum)
	o.headers = make([]elfSection, shnum)
	for i := range o.sections {
		h := o.readHeader(table[uint64(i)*o.section:])
		o.headers[i].Shdr = h
		o.sections[i] = section{
			header: shoff + uint64(i)*o.section, offset: h.Off, size: h.Size, inOffset: h.Off, inSize: h.Size, align: h.Addralign,
			loaded: h.Flags&objfile.SHF_ALLOC != 0, code: h.Flags&objfile.SHF_EXECINSTR != 0, bits: h.Type != objfile.SHT_NOBITS && h.Type != 0,
			data: h.Type == objfile.SHT_PROGBITS, table: h.Type == objfile.SHT_SYMTAB || h.Type == objfile.SHT_RELA || h.Type == objfile.SHT_REL,
			root: h.Flags&shfGNURetain != 0 || h.Type >= 14 && h.Type <= 16 || h.Type == objfile.SHT_NOTE, // 14 to 16: array sections
		}
	}
	if shstrndx >= shnum {
		return byteio.Errorf(o.view.Base+o.shentsize+4, "e_shstrndx", "section %d of %d", shstrndx, shnum)
	}
	names, err := o.content(int(shstrndx))
	if err != nil {
		return err
	}
	for i := range o.sections {
		s, e := &o.sections[i], &o.headers[i]
		if s.name, err = nameAt(names, uint64(e.Name)); err != nil {
			return fmt.Errorf("section %d: %w", i, err)
		}
		if i > 0 && s.bits {
			if _, err := o.content(i); err != nil {
				return fmt.Errorf("section %d (%s): %w", i, s.name, err)
			}
		}
		s.root = s.root || elfRoot(s.name)
		s.unwinding = s.name == ".eh_frame" || e.Type == shtX86Unwind
		switch e.Type {
		case objfile.SHT_RELA, objfile.SHT_REL:
			entry := o.rela
			if e.Type == objfile.SHT_REL {
				if o.word == 8 {
					return fmt.Errorf("%w: section %d (%s) has relocations of type %#x, not SHT_RELA", ErrUnsupported, i, s.name, e.Type)
				}
				o.implicit, entry = true, o.rel
			}
			if uint64(e.Info) >= shnum {
				return byteio.Errorf(o.view.Base+s.header+o.shInfo, "sh_info", "relocations of section %d of %d", e.Info, shnum)
			}
			if s.size%entry != 0 || e.Entsize != entry {
				return byteio.Errorf(o.view.Base+s.header+o.shSize, "sh_size", "%d bytes are no whole number of relocations of %d bytes", s.size, e.Entsize)
			}
			o.headers[e.Info].rela = i
			target := &o.sections[e.Info]
			target.relocs, target.count, target.inCount = s.offset, s.size/entry, s.size/entry
		case shtCrel:
			return fmt.Errorf("%w: section %d (%s) has relocations of type %#x, not SHT_RELA", ErrUnsupported, i, s.name, e.Type)
		case objfile.SHT_SYMTAB:
			if o.symtab != 0 {
				return byteio.Errorf(o.view.Base+s.header, "SHT_SYMTAB", "a second symbol table")
			}
			o.symtab = i
		}
	}
	for i := range o.headers {
		if o.implicit && o.headers[i].Type == objfile.SHT_RELA {
			return byteio.Errorf(o.view.Base+o.sections[i].header+4, "sh_type", "relocations with addends and without in one object")
		}
	}
	return nil
}

func (o *elf) readHeader(b []byte) objfile.Shdr {
	if o.word == 4 {
		return objfile.ReadShdr32(b)
	}
	return objfile.ReadShdr(b)
}

// nameAt reads a name of a string table, bounded: demanglers are not to be
// fed with megabytes.
func nameAt(table byteio.View, at uint64) (string, error) {
	if at == 0 && len(table.Data) == 0 {
		return "", nil
	}
	name, err := table.CString(at, "name")
	if err != nil {
		return "", err
	}
	if len(name) > maxNameLength {
		return "", byteio.Errorf(table.Base+at, "name", "%d bytes long, more than %d", len(name), maxNameLength)
	}
	return name, nil
}

func (o *elf) readSymbols() error {
	if o.symtab == 0 {
		return nil
	}
	le := binary.LittleEndian
	st, header := &o.sections[o.symtab], &o.headers[o.symtab]
	if header.Entsize != o.symbol || st.size%o.symbol != 0 {
		return byteio.Errorf(o.view.Base+st.header+o.shEntsize, "sh_entsize", "symbols of %d bytes in %d, expected %d", header.Entsize, st.size, o.symbol)
	}
	if uint64(header.Link) >= uint64(len(o.sections)) {
		return byteio.Errorf(o.view.Base+st.header+o.shInfo-4, "sh_link", "names in section %d of %d", header.Link, len(o.sections))
	}
	table, err := o.content(o.symtab)
	if err != nil {
		return err
	}
	names, err := o.content(int(header.Link))
	if err != nil {
		return err
	}
	var extended []byte
	for i := range o.sections {
		if o.headers[i].Type == objfile.SHT_SYMTAB_SHNDX && int(o.headers[i].Link) == o.symtab {
			v, err := o.content(i)
			if err != nil {
				return err
			}
			extended = v.Data
		}
	}
	o.symbols = make([]symbol, uint64(len(table.Data))/o.symbol)
	for i := range o.symbols {
		e := table.Data[uint64(i)*o.symbol:]
		s := &o.symbols[i]
		info := e[o.stInfo]
		*s = symbol{header: st.offset + uint64(i)*o.symbol, kind: elfKinds[info&0xf], bind: elfBinds[info>>4], value: o.number(e[o.stValue:]), size: o.number(e[o.stSize:]),
			exported: e[o.stInfo+1]&3 == 0} // st_other: STV_DEFAULT
		if o.machine.ThumbBit && s.kind == functionSymbol {
			s.odd = s.value & 1
			s.value -= s.odd
		}
		if s.name, err = nameAt(names, uint64(le.Uint32(e))); err != nil {
			return fmt.Errorf("symbol %d: %w", i, err)
		}
		switch index := le.Uint16(e[o.stShndx:]); {
		case index == shnXindex:
			if len(extended) < (i+1)*4 {
				return byteio.Errorf(o.view.Base+s.header+o.stShndx, "st_shndx", "SHN_XINDEX without its entry in SHT_SYMTAB_SHNDX")
			}
			s.index = int(le.Uint32(extended[i*4:]))
		case index >= shnLoreserve:
			s.index = -1
		default:
			s.index = int(index)
		}
		if s.index >= len(o.sections) {
			return byteio.Errorf(o.view.Base+s.header+o.stShndx, "st_shndx", "symbol %d in section %d of %d", i, s.index, len(o.sections))
		}
	}
	return nil
}

// elfKinds and elfBinds are by STT_ and STB_; what is not local is seen by others.
var (
	elfKinds = [16]symbolKind{1: dataSymbol, 2: functionSymbol, 3: sectionSymbol}
	elfBinds = [16]binding{0: local, 1: global, 2: weak, 3: global, 4: global, 5: global, 6: global, 7: global, 8: global, 9: global, 10: global, 11: global, 12: global, 13: global, 14: global, 15: global}
)

// elfRoot tells the sections that --gc-sections always keeps by name (GNU:
// .init, .fini, .ctors, .dtors, .jcr), beside those of array sections (gABI),
// notes and SHF_GNU_RETAIN.
func elfRoot(name string) bool {
	for _, root := range []string{".init", ".fini", ".ctors", ".dtors", ".jcr"} {
		if name == root || strings.HasPrefix(name, root+".") {
			return true
		}
	}
	return false
}

func (o *elf) entrySize() uint64 {
	if o.implicit {
		return o.rel
	}
	return o.rela
}

func (o *elf) relocation(section int, e []byte) relocation {
	r := relocation{offset: o.number(e)}
	info := o.number(e[o.word:])
	if o.word == 8 {
		r.kind, r.symbol = uint32(info), int(info>>32)
	} else {
		r.kind, r.symbol = uint32(info&0xff), int(info>>8)
	}
	switch {
	case o.implicit:
		r.addend = o.addend(section, r)
	case o.word == 8:
		r.addend = int64(o.number(e[16:]))
	default:
		r.addend = int64(int32(o.number(e[8:])))
	}
	return r
}

// addend is the number that stands in the place that is relocated.
func (o *elf) addend(section int, r relocation) int64 {
	s := &o.sections[section]
	if !s.bits || r.offset+4 > s.inSize || r.offset+4 < r.offset || !slices.Contains(o.machine.Relocations.Numbers, r.kind) {
		return 0
	}
	v := binary.LittleEndian.Uint32(o.data[s.inOffset+r.offset:])
	if r.kind == o.machine.Relocations.Prel31 {
		return int64(int32(v<<1) >> 1)
	}
	return int64(int32(v))
}

func (o *elf) put(offset, value uint64) {
	if o.word == 8 {
		o.put64(offset, value)
	} else {
		o.put32(offset, uint32(value))
	}
}

func (o *elf) putSection(i int) {
	s := &o.sections[i]
	o.put(s.header+o.shOffset, s.offset)
	o.put(s.header+o.shSize, s.size)
	o.put(s.header+o.shAlign, s.align)
}

func (o *elf) putCount(i int) {
	o.put(o.sections[o.headers[i].rela].header+o.shSize, o.sections[i].count*o.entrySize())
}

func (o *elf) putSymbol(j int) {
	s := &o.symbols[j]
	if s.name == "" {
		o.put32(s.header, 0) // st_name: the empty string
	}
	o.put(s.header+o.stValue, s.value|s.odd)
	o.put(s.header+o.stSize, s.size)
}

func (o *elf) dropUnwinding(place) error { return nil }

func (o *elf) forgetUnused() error { return nil } // linkers for ELF go by sections

func (o *elf) finish() {}
