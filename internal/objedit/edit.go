package objedit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
)

// relocation is an Elf64_Rela.
type relocation struct {
	offset uint64
	kind   uint32
	symbol int
	addend int64
}

// relocations reads those of section i as the input has them.
func (o *Object) relocations(i int) ([]relocation, error) {
	r := o.relaOf[i]
	if r == 0 {
		return nil, nil
	}
	s := &o.sections[r]
	table, err := o.view.Sub(s.offset, o.inputSize(r), "relocations")
	if err != nil {
		return nil, err
	}
	list := make([]relocation, len(table.Data)/relaEntry)
	for j := range list {
		e := table.Data[j*relaEntry:]
		info := binary.LittleEndian.Uint64(e[8:])
		list[j] = relocation{offset: binary.LittleEndian.Uint64(e), kind: uint32(info), symbol: int(info >> 32), addend: int64(binary.LittleEndian.Uint64(e[16:]))}
		if list[j].symbol >= len(o.symbols) {
			return nil, byteio.Errorf(table.Base+uint64(j)*relaEntry+8, "r_info", "symbol %d of %d", list[j].symbol, len(o.symbols))
		}
	}
	return list, nil
}

// inputSize is sh_size as it was in the input.
func (o *Object) inputSize(i int) uint64 {
	return binary.LittleEndian.Uint64(o.data[o.sections[i].header+0x20:])
}

// place is where in the object a relocation points, if it points into it.
func (o *Object) place(r relocation) (framePlace, bool) {
	s := &o.symbols[r.symbol]
	if s.index <= 0 {
		return framePlace{}, false
	}
	return framePlace{s.index, s.value + uint64(r.addend)}, true
}

// dropRelocation marks the entry of section i's relocations as gone.
func (o *Object) dropRelocation(i, entry int) {
	o.edit()
	if o.dropped == nil {
		o.dropped = map[int]map[int]bool{}
	}
	r := o.relaOf[i]
	if o.dropped[r] == nil {
		o.dropped[r] = map[int]bool{}
	}
	o.dropped[r][entry] = true
}

// compactRelocations closes the gaps of dropped entries. R_*_NONE in their
// place would do for most linkers, but not for those that take the first
// relocation of an FDE for its pc_begin.
func (o *Object) compactRelocations() {
	for r, gone := range o.dropped {
		s := &o.sections[r]
		out := o.out[s.offset : s.offset+o.inputSize(r)]
		kept := uint64(0)
		for i := 0; i*relaEntry < len(out); i++ {
			if gone[i] {
				continue
			}
			copy(out[kept:], out[i*relaEntry:][:relaEntry])
			kept += relaEntry
		}
		if s.size != 0 { // not taken out altogether since
			o.setSize(r, kept)
		}
	}
	o.dropped = nil
}

// ErrShape is wrapped by Stub's error for a function that cannot be replaced
// as it lies in its object.
var ErrShape = errors.New("function cannot be replaced")

// Stub puts code, position-independent machine code without relocations, in
// the place of the function with index i in Functions. Where the function has
// its section for itself the section becomes as short as the code; elsewhere
// the rest of the function is filled with traps.
func (o *Object) Stub(i int, code []byte) error {
	f := &o.functions[i]
	sec := &o.sections[f.section]
	if landing := o.machine.Code.LandingPad(o.data[sec.offset+f.value:][:f.Size]); len(landing) > 0 {
		code = slices.Concat(landing, code)
	}
	relocations, err := o.relocations(f.section)
	if err != nil {
		return err
	}
	end := f.value + f.Size
	if !f.alone {
		if uint64(len(code)) > f.Size {
			return fmt.Errorf("%w: %s: the stub of %d bytes is longer than the function of %d, which shares its section", ErrShape, f.Name, len(code), f.Size)
		}
		for j := range o.symbols {
			s := &o.symbols[j]
			if s.index == f.section && s.kind == sttFunc && s.value > f.value && s.value < end {
				return fmt.Errorf("%w: %s: %s is a second entry into it", ErrShape, f.Name, s.name)
			}
		}
	}
	place := framePlace{f.section, f.value}
	if err := o.stubFrames(place, uint64(len(code)), !f.alone); err != nil {
		return err
	}
	for j, r := range relocations {
		if f.alone || r.offset >= f.value && r.offset < end {
			o.dropRelocation(f.section, j)
		}
	}
	if !f.alone {
		out := o.edit()[sec.offset+f.value : sec.offset+end]
		o.machine.Code.FillTraps(out[copy(out, code):])
		return nil
	}
	if uint64(len(code)) <= f.Size {
		copy(o.edit()[sec.offset:], code)
	} else {
		o.moveToEnd(f.section, code)
	}
	o.setSize(f.section, uint64(len(code)))
	o.shortenSymbols(f.section, uint64(len(code)))
	return nil
}

// moveToEnd gives section i new content at the end of the object.
func (o *Object) moveToEnd(i int, content []byte) {
	o.edit()
	// sh_addralign is the program's business; in the file code need lie on no
	// more than this, whatever a hostile object says.
	for len(o.out)%16 != 0 {
		o.out = append(o.out, 0)
	}
	offset := uint64(len(o.out))
	o.out = append(o.out, content...)
	for len(o.out)%8 != 0 { // archive members and what follows stay aligned
		o.out = append(o.out, 0)
	}
	o.sections[i].offset = offset
	o.put64(o.sections[i].header+0x18, offset)
}

// shortenSymbols makes the symbols of a shortened section lie inside it: the
// function's own get its new size; what stood behind (jump labels, aarch64's
// mapping symbols) becomes a nameless mark at the start.
func (o *Object) shortenSymbols(sec int, size uint64) {
	for j := range o.symbols {
		s := &o.symbols[j]
		if s.index != sec || s.kind == sttSection {
			continue
		}
		if s.value >= size {
			o.put32(s.header, 0) // st_name: the empty string
			o.put64(s.header+8, 0)
			o.put64(s.header+16, 0)
			s.value, s.size = 0, 0
			continue
		}
		if s.size > size-s.value {
			o.put64(s.header+16, size-s.value)
			s.size = size - s.value
		}
	}
}

// TakeOut empties every section whose name match accepts, and its
// relocations, and returns the bytes taken. An empty section stays in the
// table, for indices name it.
func (o *Object) TakeOut(match func(name string) bool) uint64 {
	var taken uint64
	for i := range o.sections {
		s := &o.sections[i]
		if i == 0 || s.size == 0 || s.shType == shtSymtab || s.shType == shtRela || !match(s.name) {
			continue
		}
		taken += s.size
		o.setSize(i, 0)
		if r := o.relaOf[i]; r != 0 {
			o.setSize(r, 0)
		}
		o.shortenSymbols(i, 0)
	}
	return taken
}

// UnwindTables is a match for TakeOut: what unwinding needs and nothing else.
func UnwindTables(name string) bool {
	return name == ".eh_frame" || name == ".gcc_except_table" || strings.HasPrefix(name, ".gcc_except_table.")
}

// DebugSections is a match for TakeOut: what a stripped program never has.
func DebugSections(name string) bool {
	return strings.HasPrefix(name, ".debug_") || strings.HasPrefix(name, ".zdebug_")
}
