// Package objedit edits ELF relocatable objects, alone or inside archives:
// functions become stubs, sections are taken out, and every other byte stays.
//
// What is hard: an object is a web of tables that name each other by index
// and offset, and four linkers and two unwinders each check another corner of
// it. Chosen: nothing is ever moved or renumbered. An edit only writes into
// what is there: a section gets shorter by its sh_size alone and leaves its
// old bytes as a gap that no header names, a dropped relocation makes its
// table shorter, a symbol keeps its index. So the indices of
// symbols, groups and .llvm_addrsig stay true, an archive's symbol table too,
// and no edit means the same bytes. Only a stub that is longer than its
// function puts new bytes at the end of the object.
//
// Rejected: a model that parses everything and writes everything again (it
// must know every section type that a compiler may invent), and objcopy (it
// cannot shorten a function, and it is not always there).
//
// Field names are those of the System V ABI, chapters 4 and 5.
package objedit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/machine"
)

// ErrUnsupported is wrapped by Parse for what is well formed but not an ELF
// relocatable object of a machine in the table of machines.
var ErrUnsupported = errors.New("not an object that can be edited")

// Values of the ABI that are used here.
const (
	etRel       = 1
	elfHeader64 = 64
	sectionHdr  = 64 // sizeof(Elf64_Shdr)
	symbolEntry = 24 // sizeof(Elf64_Sym)
	relaEntry   = 24 // sizeof(Elf64_Rela)

	shtProgbits    = 1
	shtSymtab      = 2
	shtRela        = 4
	shtNobits      = 8
	shtRel         = 9
	shtGroup       = 17
	shtSymtabShndx = 18
	shtCrel        = 0x40000014
	shtX86Unwind   = 0x70000001

	shfWrite      = 0x1
	shfAlloc      = 0x2
	shfExecinstr  = 0x4
	shfGNURetain  = 0x200000
	shnLoreserve  = 0xff00
	shnXindex     = 0xffff
	sttNotype     = 0
	sttObject     = 1
	sttFunc       = 2
	sttSection    = 3
	sttGNUIfunc   = 10
	grpComdat     = 1
	stbLocal      = 0
	stbWeak       = 2
	shnUndef      = 0
	maxNameLength = 1 << 16
)

// Object is one relocatable object with the edits made so far.
type Object struct {
	name    string
	machine *machine.Machine
	data    []byte // the input; never written to
	out     []byte // the edited copy; nil while nothing was edited
	view    byteio.View

	sections []section
	relaOf   []int // by section: the section of its relocations, or 0
	symtab   int   // section index, or 0
	symbols  []symbol

	functions []Function
	frames    *frameTable
	dropped   map[int]map[int]bool // relocation section -> entry indices to leave out
}

// section is an Elf64_Shdr with its name looked up.
type section struct {
	header    uint64 // file offset of the header
	name      string
	shType    uint32
	flags     uint64
	offset    uint64
	size      uint64
	link      uint32
	info      uint32
	align     uint64
	entsize   uint64
	nameIndex uint32
}

// symbol is an Elf64_Sym with its name looked up.
type symbol struct {
	header uint64 // file offset of the entry
	name   string
	kind   byte // STT_
	bind   byte // STB_
	index  int  // section, 0 for undefined, -1 for absolute, common and other reserved ones
	value  uint64
	size   uint64
}

// Function is a function that the object defines.
type Function struct {
	Name    string   // its symbol's name, mangled
	Aliases []string // further symbols at the same place
	Size    uint64   // bytes of code
	Section string   // the section's name

	section int
	value   uint64 // offset in the section
	alone   bool   // the section holds nothing else
}

// Index is the section's number in the object.
func (f Function) Index() int { return f.section }

// Alone says whether the section holds this function only, under one name.
func (f Function) Alone() bool { return f.alone && len(f.Aliases) == 0 }

// Parse reads an object. Errors wrap *byteio.Error with the offset of what
// was wrong (base is added: the offset in the archive, or 0), or
// ErrUnsupported. data is not changed and must stay as it is.
func Parse(name string, data []byte, base uint64) (*Object, error) {
	o := &Object{name: name, data: data, view: byteio.View{Data: data, Base: base, Order: binary.LittleEndian}}
	if !IsELF(data) {
		return nil, fmt.Errorf("%w: not an ELF file", ErrUnsupported)
	}
	ident, err := o.view.Slice(0, elfHeader64, "ELF header")
	if err != nil {
		return nil, err
	}
	if ident[4] != 2 || ident[5] != 1 {
		return nil, fmt.Errorf("%w: not a 64-bit little-endian ELF file", ErrUnsupported)
	}
	if t := binary.LittleEndian.Uint16(ident[16:]); t != etRel {
		return nil, fmt.Errorf("%w: e_type is %d, not ET_REL", ErrUnsupported, t)
	}
	number := binary.LittleEndian.Uint16(ident[18:])
	if o.machine = machine.OfELF(number); o.machine.Code == nil {
		return nil, fmt.Errorf("%w: e_machine is %d; only x86-64 (62) and aarch64 (183) have stubs", ErrUnsupported, number)
	}
	if err := o.readSections(ident); err != nil {
		return nil, err
	}
	if err := o.readSymbols(); err != nil {
		return nil, err
	}
	o.findFunctions()
	return o, nil
}

// IsELF looks at the magic only.
func IsELF(data []byte) bool { return len(data) >= 4 && string(data[:4]) == "\x7fELF" }

func (o *Object) readSections(header []byte) error {
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
	o.relaOf = make([]int, shnum)
	for i := range o.sections {
		h := table[i*sectionHdr:]
		o.sections[i] = section{
			header: shoff + uint64(i)*sectionHdr, nameIndex: le.Uint32(h), shType: le.Uint32(h[4:]), flags: le.Uint64(h[8:]),
			offset: le.Uint64(h[0x18:]), size: le.Uint64(h[0x20:]), link: le.Uint32(h[0x28:]), info: le.Uint32(h[0x2c:]),
			align: le.Uint64(h[0x30:]), entsize: le.Uint64(h[0x38:]),
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
		s := &o.sections[i]
		if s.name, err = nameAt(names, uint64(s.nameIndex)); err != nil {
			return fmt.Errorf("section %d: %w", i, err)
		}
		if i > 0 && s.shType != shtNobits && s.shType != 0 {
			if _, err := o.content(i); err != nil {
				return fmt.Errorf("section %d (%s): %w", i, s.name, err)
			}
		}
		switch s.shType {
		case shtRela:
			if uint64(s.info) >= shnum {
				return byteio.Errorf(o.view.Base+s.header+0x2c, "sh_info", "relocations of section %d of %d", s.info, shnum)
			}
			if s.size%relaEntry != 0 || s.entsize != relaEntry {
				return byteio.Errorf(o.view.Base+s.header+0x20, "sh_size", "%d bytes are no whole number of relocations of %d bytes", s.size, s.entsize)
			}
			o.relaOf[s.info] = i
		case shtRel, shtCrel:
			return fmt.Errorf("%w: section %d (%s) has relocations of type %#x, not SHT_RELA", ErrUnsupported, i, s.name, s.shType)
		case shtSymtab:
			if o.symtab != 0 {
				return byteio.Errorf(o.view.Base+s.header, "SHT_SYMTAB", "a second symbol table")
			}
			o.symtab = i
		}
	}
	return nil
}

// content is the bytes of section i as they were read.
func (o *Object) content(i int) (byteio.View, error) {
	s := &o.sections[i]
	if s.shType == shtNobits || s.shType == 0 {
		return byteio.View{Order: o.view.Order, Base: o.view.Base + s.offset}, nil
	}
	return o.view.Sub(s.offset, s.size, "section's bytes")
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

func (o *Object) readSymbols() error {
	if o.symtab == 0 {
		return nil
	}
	le := binary.LittleEndian
	st := &o.sections[o.symtab]
	if st.entsize != symbolEntry || st.size%symbolEntry != 0 {
		return byteio.Errorf(o.view.Base+st.header+0x38, "sh_entsize", "symbols of %d bytes in %d, expected %d", st.entsize, st.size, symbolEntry)
	}
	if uint64(st.link) >= uint64(len(o.sections)) {
		return byteio.Errorf(o.view.Base+st.header+0x28, "sh_link", "names in section %d of %d", st.link, len(o.sections))
	}
	table, err := o.content(o.symtab)
	if err != nil {
		return err
	}
	names, err := o.content(int(st.link))
	if err != nil {
		return err
	}
	var extended []byte
	for i := range o.sections {
		if o.sections[i].shType == shtSymtabShndx && int(o.sections[i].link) == o.symtab {
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
		*s = symbol{header: st.offset + uint64(i)*symbolEntry, kind: e[4] & 0xf, bind: e[4] >> 4, value: le.Uint64(e[8:]), size: le.Uint64(e[16:])}
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

// findFunctions lists the places that can be stubbed.
func (o *Object) findFunctions() {
	type place struct {
		section int
		value   uint64
	}
	at := map[place]int{}
	others := map[int]bool{} // sections with something at another place than one function's start
	for i := range o.symbols {
		s := &o.symbols[i]
		if s.index <= 0 {
			continue
		}
		sec := &o.sections[s.index]
		if sec.flags&shfExecinstr == 0 || sec.shType != shtProgbits {
			continue
		}
		if s.kind != sttFunc {
			if s.value > 0 && (s.bind != stbLocal || s.kind == sttObject) {
				others[s.index] = true
			}
			continue
		}
		if s.value > 0 {
			others[s.index] = true
		}
		if end, ok := byteio.Add(s.value, s.size); !ok || end > sec.size {
			others[s.index] = true // a liar: not to be touched, and its section not to be shortened
			continue
		}
		p := place{s.index, s.value}
		if j, known := at[p]; known {
			f := &o.functions[j]
			f.Aliases = append(f.Aliases, s.name)
			f.Size = max(f.Size, s.size)
			continue
		}
		if s.size == 0 {
			continue
		}
		at[p] = len(o.functions)
		o.functions = append(o.functions, Function{Name: s.name, Size: s.size, Section: sec.name, section: s.index, value: s.value})
	}
	for i := range o.functions {
		f := &o.functions[i]
		f.alone = f.value == 0 && !others[f.section]
	}
}

// Name is the object's name: its file's, or "archive(member)".
func (o *Object) Name() string { return o.name }

// Data is the object as it was read: not to be written to.
func (o *Object) Data() []byte { return o.data }

// Functions lists the defined functions in symbol order. The index in this
// list is what Stub takes.
func (o *Object) Functions() []Function { return o.functions }

// Bytes is the object with all edits; without any, the very bytes of Parse.
func (o *Object) Bytes() []byte {
	if o.out == nil {
		return o.data
	}
	o.compactRelocations()
	return o.out
}

// Edited says whether anything was changed.
func (o *Object) Edited() bool { return o.out != nil }

// edit returns the writable copy.
func (o *Object) edit() []byte {
	if o.out == nil {
		o.out = slices.Clone(o.data)
	}
	return o.out
}

func (o *Object) put32(offset uint64, value uint32) {
	binary.LittleEndian.PutUint32(o.edit()[offset:], value)
}

func (o *Object) put64(offset uint64, value uint64) {
	binary.LittleEndian.PutUint64(o.edit()[offset:], value)
}

// setSize changes sh_size.
func (o *Object) setSize(i int, size uint64) {
	o.sections[i].size = size
	o.put64(o.sections[i].header+0x20, size)
}
