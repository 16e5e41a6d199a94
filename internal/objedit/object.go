// Package objedit edits relocatable objects, alone or inside archives: functions
// become stubs, sections are taken out, and every other byte stays.
//
// What is hard: an object is a web of tables that name each other by index
// and offset, and four linkers and two unwinders each check another corner of
// it. Chosen: nothing is ever moved or renumbered. An edit only writes into
// what is there: a section gets shorter by its header alone and leaves its old
// bytes as a gap that no header names, a dropped relocation makes its
// table shorter, a symbol keeps its index. So the indices of
// symbols, groups and .llvm_addrsig stay true, an archive's symbol table too,
// and no edit means the same bytes. Only a stub that is longer than its
// function puts new bytes at the end of the object.
//
// Rejected: a model that parses everything and writes everything again (it
// must know every section type that a compiler may invent), and objcopy (it
// cannot shorten a function, and it is not always there).
//
// A format is one file and one line in formats: it reads its tables into the
// sections and symbols of an Object, and writes what changed back into them.
package objedit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/machine"
)

// ErrUnsupported is wrapped by Parse for what is well formed but no object that
// can be edited: another format, a machine that has no stubs.
var ErrUnsupported = errors.New("not an object that can be edited")

const maxNameLength = 1 << 16

// format is a format of objects: where the tables stand in the file, and what
// describes functions to unwinders.
type format interface {
	relocation(section int, entry []byte) relocation
	entrySize() uint64 // of a relocation
	// These write what sections and symbols say into the tables.
	putSection(i int)
	putCount(i int) // of section i's relocations
	putSymbol(j int)
	// stubUnwinding makes true what is said of the function at a place, which is
	// a stub now that never moves the stack pointer, of size bytes with the traps
	// behind it. With shared other code of its section follows.
	stubUnwinding(at place, size uint64, shared bool) error
	dropUnwinding(at place) error   // the function at a place is gone
	handlers() ([]Reference, error) // what functions need when they are unwound
	foldLocations() (int, error)    // see FoldLocations
	forgetUnused() error            // undefined symbols without a reference
	finish()                        // before the bytes are used
}

// formatRow is what is asked before there is an Object.
type formatRow struct {
	is func(data []byte) bool // by the magic, as far as there is one
	// object says whether a file of the format may be an object, as far as its
	// first headLength bytes tell, and for which machine.
	object func(head []byte) (bool, *machine.Machine)
	parse  func(o *Object) (format, error)
	linux  bool // its objects may call Linux
}

const headLength = 64

var formats = []formatRow{
	{isELF, elfObject, parseELF, true},
	{isCOFF, coffObject, parseCOFF, false},
}

func formatOf(data []byte) *formatRow {
	if i := slices.IndexFunc(formats, func(f formatRow) bool { return f.is(data) }); i >= 0 {
		return &formats[i]
	}
	return nil
}

// Object is one relocatable object with the edits made so far.
type Object struct {
	name    string
	machine *machine.Machine
	format  format
	linux   bool
	data    []byte // the input; never written to
	out     []byte // the edited copy; nil while nothing was edited
	view    byteio.View

	sections  []section // by the format's own numbers; nothing has number 0
	symbols   []symbol  // by the format's own numbers
	functions []Function
	dropped   map[int]map[int]bool // section -> its relocations to leave out
}

// section is a section's header in the terms of every format.
type section struct {
	name      string
	header    uint64 // file offset of the header
	offset    uint64 // of the content, as edited
	size      uint64
	align     uint64
	inOffset  uint64 // of the content in the input
	inSize    uint64
	relocs    uint64 // file offset of the relocations
	count     uint64 // of relocations, as edited
	inCount   uint64
	loaded    bool // part of the program
	code      bool
	bits      bool // takes bytes of the file
	data      bool // plain content: code or data, no table of the format's own
	table     bool // a table of the format's own
	root      bool // a linker keeps it whatever refers to it
	unwinding bool // tables that belong to the functions that they describe
}

// symbol is an entry of the symbol table in the terms of every format.
type symbol struct {
	header uint64 // file offset of the entry
	name   string
	kind   symbolKind
	bind   binding
	index  int // section, 0 for undefined, -1 for absolute, common and other reserved ones
	value  uint64
	size   uint64
	odd    uint64 // 1: the function has Thumb instructions; not part of value

	exported bool // ELF: a library shows it to others, where it is no local one
}

type symbolKind byte

const (
	otherSymbol symbolKind = iota
	functionSymbol
	dataSymbol
	sectionSymbol
)

type binding byte

const (
	local binding = iota
	global
	weak
)

// place is where something stands in an object.
type place struct {
	section int
	value   uint64
}

// Function is a function that the object defines.
type Function struct {
	Name    string   // its symbol's name, mangled
	Aliases []string // further symbols at the same place
	Size    uint64   // bytes of code
	Section string   // the section's name

	at    place
	thumb bool // see machine.Machine.Thumb
	alone bool // the section holds nothing else
}

// Offset is where the function begins in its section.
func (f Function) Offset() uint64 { return f.at.value }

// Index is the section's number in the object.
func (f Function) Index() int { return f.at.section }

// Alone says whether the section holds this function only, under one name.
func (f Function) Alone() bool { return f.alone && len(f.Aliases) == 0 }

// Parse reads an object. Errors wrap *byteio.Error with the offset of what
// was wrong (base is added: the offset in the archive, or 0), or
// ErrUnsupported. data is not changed and must stay as it is.
func Parse(name string, data []byte, base uint64) (*Object, error) {
	f := formatOf(data)
	if f == nil {
		return nil, fmt.Errorf("%w: neither ELF nor COFF", ErrUnsupported)
	}
	o := &Object{name: name, linux: f.linux, data: data, view: byteio.View{Data: data, Base: base, Order: binary.LittleEndian}}
	var err error
	if o.format, err = f.parse(o); err != nil {
		return nil, err
	}
	o.findFunctions()
	return o, nil
}

// findFunctions lists the places that can be stubbed.
func (o *Object) findFunctions() {
	at := map[place]int{}
	others := map[int]bool{} // sections with something at another place than one function's start
	for i := range o.symbols {
		s := &o.symbols[i]
		if s.index <= 0 {
			continue
		}
		sec := &o.sections[s.index]
		if !sec.code || !sec.data {
			continue
		}
		if s.kind != functionSymbol {
			if s.value > 0 && (s.bind != local || s.kind == dataSymbol) {
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
		o.functions = append(o.functions, Function{Name: s.name, Size: s.size, Section: sec.name, at: p, thumb: s.odd == 1})
	}
	for i := range o.functions {
		f := &o.functions[i]
		f.alone = f.at.value == 0 && !others[f.at.section]
	}
}

// content is the bytes of section i as they were read.
func (o *Object) content(i int) (byteio.View, error) {
	s := &o.sections[i]
	if !s.bits {
		return byteio.View{Order: o.view.Order, Base: o.view.Base + s.inOffset}, nil
	}
	return o.view.Sub(s.inOffset, s.inSize, "section's bytes")
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
	o.format.finish()
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

// setSize shortens section i.
func (o *Object) setSize(i int, size uint64) {
	o.sections[i].size = size
	o.edit()
	o.format.putSection(i)
}

// dropRelocations takes all relocations of section i away.
func (o *Object) dropRelocations(i int) {
	if o.sections[i].count != 0 {
		o.sections[i].count = 0
		o.edit()
		o.format.putCount(i)
	}
}
