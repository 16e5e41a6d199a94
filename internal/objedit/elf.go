package objedit

// ELF relocatable objects of 64 bits, little-endian. Field names are those of
// the System V ABI, chapters 4 and 5.

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/machine"
	"github.com/minsize/minsize/internal/objfile"
)

const (
	elfHeader64 = 64
	sectionHdr  = 64 // sizeof(Elf64_Shdr)
	symbolEntry = 24 // sizeof(Elf64_Sym)
	relaEntry   = 24 // sizeof(Elf64_Rela)

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
	headers []elfSection
	symtab  int // section index, or 0
	frames  *frameTable
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
	ident, err := o.view.Slice(0, elfHeader64, "ELF header")
	if err != nil {
		return nil, err
	}
	if ident[4] != 2 || ident[5] != 1 {
		return nil, fmt.Errorf("%w: not a 64-bit little-endian ELF file", ErrUnsupported)
	}
	if t := binary.LittleEndian.Uint16(ident[16:]); t != objfile.ET_REL {
		return nil, fmt.Errorf("%w: e_type is %d, not ET_REL", ErrUnsupported, t)
	}
	number := binary.LittleEndian.Uint16(ident[18:])
	if o.machine = machine.OfELF(number); o.machine.Code == nil {
		return nil, fmt.Errorf("%w: e_machine is %d, a machine that has no stubs", ErrUnsupported, number)
	}
	f := &elf{Object: o}
	if err := f.readSections(ident); err != nil {
		return nil, err
	}
	return f, f.readSymbols()
}

func (o *elf) readSections(header []byte) error {
	le := binary.LittleEndian
	shoff := le.Uint64(header[0x28:])
	shentsize := uint64(le.Uint16(header[0x3a:]))
	shnum := uint64(le.Uint16(header[0x3c:]))
	shstrndx := uint64(le.Uint16(header[0x3e:]))
	if shoff == 0 {
		return byteio.Errorf(o.view.Base+0x28, "e_shoff", "no section headers in a relocatable object")
	}
	if shentsize != sectionHdr {
		return byteio.Errorf(o.view.Base+0x3a, "e_shentsize", "expected %d but got %d", sectionHdr, shentsize)
	}
	first, err := o.view.Slice(shoff, sectionHdr, "section header 0")
	if err != nil {
		return err
	}
	if shnum == 0 { // more than SHN_LORESERVE: the number is in sh_size of entry 0
		shnum = le.Uint64(first[0x20:])
	}
	if shstrndx == shnXindex {
		shstrndx = uint64(le.Uint32(first[0x28:]))
	}
	table, err := o.view.Table(shoff, shnum, sectionHdr, "section headers")
	if err != nil {
		return err
	}
	o.sections = make([]section, shnum)
	o.headers = make([]elfSection, shnum)
	for i := range o.sections {
		h := objfile.ReadShdr(table[i*sectionHdr:])
		o.headers[i].Shdr = h
		o.sections[i] = section{
			header: shoff + uint64(i)*sectionHdr, offset: h.Off, size: h.Size, inOffset: h.Off, inSize: h.Size, align: h.Addralign,
			loaded: h.Flags&objfile.SHF_ALLOC != 0, code: h.Flags&objfile.SHF_EXECINSTR != 0, bits: h.Type != objfile.SHT_NOBITS && h.Type != 0,
			data: h.Type == objfile.SHT_PROGBITS, table: h.Type == objfile.SHT_SYMTAB || h.Type == objfile.SHT_RELA,
			root: h.Flags&shfGNURetain != 0 || h.Type >= 14 && h.Type <= 16 || h.Type == objfile.SHT_NOTE, // 14 to 16: array sections
		}
	}
	if shstrndx >= shnum {
		return byteio.Errorf(o.view.Base+0x3e, "e_shstrndx", "section %d of %d", shstrndx, shnum)
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
		case objfile.SHT_RELA:
			if uint64(e.Info) >= shnum {
				return byteio.Errorf(o.view.Base+s.header+0x2c, "sh_info", "relocations of section %d of %d", e.Info, shnum)
			}
			if s.size%relaEntry != 0 || e.Entsize != relaEntry {
				return byteio.Errorf(o.view.Base+s.header+0x20, "sh_size", "%d bytes are no whole number of relocations of %d bytes", s.size, e.Entsize)
			}
			o.headers[e.Info].rela = i
			target := &o.sections[e.Info]
			target.relocs, target.count, target.inCount = s.offset, s.size/relaEntry, s.size/relaEntry
		case objfile.SHT_REL, shtCrel:
			return fmt.Errorf("%w: section %d (%s) has relocations of type %#x, not SHT_RELA", ErrUnsupported, i, s.name, e.Type)
		case objfile.SHT_SYMTAB:
			if o.symtab != 0 {
				return byteio.Errorf(o.view.Base+s.header, "SHT_SYMTAB", "a second symbol table")
			}
			o.symtab = i
		}
	}
	return nil
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
	if header.Entsize != symbolEntry || st.size%symbolEntry != 0 {
		return byteio.Errorf(o.view.Base+st.header+0x38, "sh_entsize", "symbols of %d bytes in %d, expected %d", header.Entsize, st.size, symbolEntry)
	}
	if uint64(header.Link) >= uint64(len(o.sections)) {
		return byteio.Errorf(o.view.Base+st.header+0x28, "sh_link", "names in section %d of %d", header.Link, len(o.sections))
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
	o.symbols = make([]symbol, len(table.Data)/symbolEntry)
	for i := range o.symbols {
		e := table.Data[i*symbolEntry:]
		s := &o.symbols[i]
		*s = symbol{header: st.offset + uint64(i)*symbolEntry, kind: elfKinds[e[4]&0xf], bind: elfBinds[e[4]>>4], value: le.Uint64(e[8:]), size: le.Uint64(e[16:])}
		if s.name, err = nameAt(names, uint64(le.Uint32(e))); err != nil {
			return fmt.Errorf("symbol %d: %w", i, err)
		}
		switch index := le.Uint16(e[6:]); {
		case index == shnXindex:
			if len(extended) < (i+1)*4 {
				return byteio.Errorf(o.view.Base+s.header+6, "st_shndx", "SHN_XINDEX without its entry in SHT_SYMTAB_SHNDX")
			}
			s.index = int(le.Uint32(extended[i*4:]))
		case index >= shnLoreserve:
			s.index = -1
		default:
			s.index = int(index)
		}
		if s.index >= len(o.sections) {
			return byteio.Errorf(o.view.Base+s.header+6, "st_shndx", "symbol %d in section %d of %d", i, s.index, len(o.sections))
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

func (o *elf) entrySize() uint64 { return relaEntry }

func (o *elf) relocation(_ int, e []byte) relocation {
	info := binary.LittleEndian.Uint64(e[8:])
	return relocation{offset: binary.LittleEndian.Uint64(e), kind: uint32(info), symbol: int(info >> 32), addend: int64(binary.LittleEndian.Uint64(e[16:]))}
}

func (o *elf) putSection(i int) {
	s := &o.sections[i]
	o.put64(s.header+0x18, s.offset)
	o.put64(s.header+0x20, s.size)
	o.put64(s.header+0x30, s.align)
}

func (o *elf) putCount(i int) {
	o.put64(o.sections[o.headers[i].rela].header+0x20, o.sections[i].count*relaEntry)
}

func (o *elf) putSymbol(j int) {
	s := &o.symbols[j]
	if s.name == "" {
		o.put32(s.header, 0) // st_name: the empty string
	}
	o.put64(s.header+8, s.value)
	o.put64(s.header+16, s.size)
}

func (o *elf) dropUnwinding(place) error { return nil }

func (o *elf) forgetUnused() error { return nil } // linkers for ELF go by sections

func (o *elf) finish() {}
