package objedit

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
)

// relocation is one in the terms of every format.
type relocation struct {
	offset uint64
	kind   uint32 // the machine's number of the type
	symbol int
	addend int64
}

// relocations reads those of section i as the input has them.
func (o *Object) relocations(i int) ([]relocation, error) {
	s, size := &o.sections[i], o.format.entrySize()
	if s.inCount == 0 {
		return nil, nil
	}
	table, err := o.view.Table(s.relocs, s.inCount, size, "relocations")
	if err != nil {
		return nil, err
	}
	list := make([]relocation, s.inCount)
	for j := range list {
		list[j] = o.format.relocation(i, table[uint64(j)*size:])
		if list[j].symbol >= len(o.symbols) {
			return nil, byteio.Errorf(o.view.Base+s.relocs+uint64(j)*size, "relocation", "symbol %d of %d", list[j].symbol, len(o.symbols))
		}
	}
	return list, nil
}

// place is where in the object a relocation points, if it points into it.
func (o *Object) place(r relocation) (place, bool) {
	s := &o.symbols[r.symbol]
	if s.index <= 0 {
		return place{}, false
	}
	return place{s.index, s.value + uint64(r.addend)}, true
}

// dropRelocation marks the entry of section i's relocations as gone.
func (o *Object) dropRelocation(i, entry int) {
	o.edit()
	if o.dropped == nil {
		o.dropped = map[int]map[int]bool{}
	}
	if o.dropped[i] == nil {
		o.dropped[i] = map[int]bool{}
	}
	o.dropped[i][entry] = true
}

// compactRelocations closes the gaps of dropped entries. R_*_NONE in their
// place would do for most linkers, but not for those that take the first
// relocation of an FDE for its pc_begin.
func (o *Object) compactRelocations() {
	size := o.format.entrySize()
	for i, gone := range o.dropped {
		s := &o.sections[i]
		out := o.out[s.relocs:][:s.inCount*size]
		kept := uint64(0)
		for j := range s.inCount {
			if !gone[int(j)] {
				copy(out[kept*size:], out[j*size:][:size])
				kept++
			}
		}
		if s.count != 0 { // not taken out altogether since
			s.count = kept
			o.format.putCount(i)
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
	sec := &o.sections[f.at.section]
	if landing := o.code(f).LandingPad(o.data[sec.inOffset+f.at.value:][:f.Size]); len(landing) > 0 {
		code = slices.Concat(landing, code)
	}
	if pops := o.machine.PopsArguments; pops != nil && pops(o.data[sec.inOffset+f.at.value:][:f.Size]) {
		return fmt.Errorf("%w: %s: it takes its caller's arguments off the stack, which no stub does", ErrShape, f.Name)
	}
	relocations, err := o.relocations(f.at.section)
	if err != nil {
		return err
	}
	end := f.at.value + f.Size
	if !f.alone {
		if uint64(len(code)) > f.Size {
			return fmt.Errorf("%w: %s: the stub of %d bytes is longer than the function of %d, which shares its section", ErrShape, f.Name, len(code), f.Size)
		}
		for j := range o.symbols {
			s := &o.symbols[j]
			if s.index == f.at.section && s.kind == functionSymbol && s.value > f.at.value && s.value < end {
				return fmt.Errorf("%w: %s: %s is a second entry into it", ErrShape, f.Name, s.name)
			}
		}
	}
	size := uint64(len(code))
	if !f.alone {
		size = f.Size
	}
	if err := o.format.stubUnwinding(f.at, size, !f.alone); err != nil {
		return err
	}
	for j, r := range relocations {
		if f.alone || r.offset >= f.at.value && r.offset < end {
			o.dropRelocation(f.at.section, j)
		}
	}
	if !f.alone {
		out := o.edit()[sec.offset+f.at.value : sec.offset+end]
		o.code(f).FillTraps(out[copy(out, code):])
		return nil
	}
	if uint64(len(code)) <= f.Size {
		copy(o.edit()[sec.offset:], code)
	} else {
		o.moveToEnd(f.at.section, code)
	}
	o.setSize(f.at.section, size)
	o.shortenSymbols(f.at.section, size)
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
}

// shortenSymbols makes the symbols of a shortened section lie inside it: the
// function's own get its new size; what stood behind (jump labels, aarch64's
// mapping symbols) becomes a nameless mark at the start.
func (o *Object) shortenSymbols(sec int, size uint64) {
	for j := range o.symbols {
		s := &o.symbols[j]
		if s.index != sec || s.kind == sectionSymbol {
			continue
		}
		if s.value >= size {
			s.name, s.value, s.size = "", 0, 0
		} else if s.size > size-s.value {
			s.size = size - s.value
		} else {
			continue
		}
		o.edit()
		o.format.putSymbol(j)
	}
}

// TakeOut empties every section whose name match accepts, and its relocations,
// and returns the bytes taken; what is said of functions in it for unwinding goes
// with them. An empty section stays in the table, for indices name it.
func (o *Object) TakeOut(match func(name string) bool) (taken uint64, err error) {
	return o.takeOut(func(i int) bool { return match(o.sections[i].name) })
}

// TakeOutSections does the same with sections by their numbers.
// What only they needed of other objects is not asked for any more.
func (o *Object) TakeOutSections(numbers map[int]bool) error {
	if _, err := o.takeOut(func(i int) bool { return numbers[i] }); err != nil {
		return err
	}
	return o.format.forgetUnused()
}

func (o *Object) takeOut(match func(section int) bool) (taken uint64, err error) {
	for i := range o.sections {
		s := &o.sections[i]
		if i == 0 || s.size == 0 || s.table || !match(i) {
			continue
		}
		taken += s.size
		for j := range o.functions {
			if f := &o.functions[j]; f.at.section == i {
				if err := o.format.dropUnwinding(f.at); err != nil {
					return taken, err
				}
			}
		}
		o.empty(i)
	}
	return taken, nil
}

func (o *Object) empty(i int) {
	o.setSize(i, 0)
	o.dropRelocations(i)
	o.shortenSymbols(i, 0)
}

// UnwindTables is a match for TakeOut: what unwinding needs and nothing else.
func UnwindTables(name string) bool {
	return name == ".eh_frame" || strings.HasPrefix(name, ".ARM.exidx") || strings.HasPrefix(name, ".ARM.extab") || name == ".gcc_except_table" || strings.HasPrefix(name, ".gcc_except_table.") || inGroup(name, ".pdata") || inGroup(name, ".xdata")
}
