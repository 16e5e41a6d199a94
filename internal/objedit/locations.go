package objedit

// The source locations that panics name (core::panic::Location): one constant
// of 24 bytes for each call that may panic, and the path of its file. A
// stable compiler always makes them; here all references go to one of them,
// which is emptied, and a linker's --gc-sections takes the others and the
// paths away.
//
// Nothing marks such a constant, so it is known by its shape: a section of its
// own that holds a pointer to a text, the text's length, a line and a column,
// none of them 0, and the text is the path of a .rs file.

import (
	"bytes"
	"encoding/binary"
	"slices"
)

const (
	locationSize    = 24
	maxLocationPath = 4096
)

// FoldLocations makes all references to source locations lead to one whose
// path is empty and whose line and column are 0. It returns how many
// locations were folded into it.
func (o *Object) FoldLocations() (int, error) { return o.format.foldLocations() }

func (o *elf) foldLocations() (int, error) {
	if o.word != 8 {
		return 0, nil // locations of 16 bytes, whose pointers have their addends in the data
	}
	kept := -1
	fold := map[int]bool{}
	for i := range o.sections {
		text, ok, err := o.location(i)
		if err != nil {
			return 0, err
		}
		if !ok {
			continue
		}
		fold[i] = true
		if kept < 0 || text && !fold[-1] {
			// One whose path ends in a zero byte serves best: newer versions of
			// std read that byte, too.
			kept, fold[-1] = i, text
		}
	}
	delete(fold, -1)
	if kept < 0 {
		return 0, nil
	}
	symbol := slices.IndexFunc(o.symbols, func(s symbol) bool { return s.index == kept && s.bind == local })
	if symbol < 0 {
		return 0, nil
	}
	for i := range o.sections {
		if !o.sections[i].loaded || o.sections[i].inCount == 0 {
			continue
		}
		relocations, err := o.relocations(i)
		if err != nil {
			return 0, err
		}
		for j, r := range relocations {
			from := o.symbols[r.symbol]
			if from.index == kept || from.index <= 0 || !fold[from.index] || from.bind != local || !slices.Contains(o.machine.Relocations.Data, r.kind) {
				continue
			}
			entry := o.sections[i].relocs + uint64(j)*o.rela
			o.put64(entry+8, uint64(symbol)<<32|uint64(r.kind))
			o.put64(entry+16, uint64(r.addend)+from.value-o.symbols[symbol].value)
		}
	}
	s := &o.sections[kept]
	relocations, err := o.relocations(kept)
	if err != nil {
		return 0, err
	}
	length := binary.LittleEndian.Uint64(o.data[s.offset+8:])
	o.put64(o.sections[kept].relocs+16, uint64(relocations[0].addend)+length) // where the path ends
	o.put64(s.offset+8, 0)
	o.put64(s.offset+16, 0)
	return len(fold) - 1, nil
}

// location says whether section i is a source location, and whether a zero
// byte follows its path.
func (o *elf) location(i int) (terminated, ok bool, err error) {
	s := &o.sections[i]
	if !s.data || !s.loaded || s.code || s.size != locationSize || s.inCount != 1 {
		return false, false, nil
	}
	relocations, err := o.relocations(i)
	if err != nil {
		return false, false, err
	}
	if len(relocations) != 1 || relocations[0].offset != 0 || relocations[0].kind != o.machine.Relocations.Pointer {
		return false, false, nil
	}
	content, err := o.content(i)
	if err != nil {
		return false, false, err
	}
	length := binary.LittleEndian.Uint64(content.Data[8:])
	line, column := binary.LittleEndian.Uint32(content.Data[16:]), binary.LittleEndian.Uint32(content.Data[20:])
	place, inside := o.place(relocations[0])
	if !inside || line == 0 || column == 0 || length < 4 || length > maxLocationPath {
		return false, false, nil
	}
	texts, err := o.content(place.section)
	if err != nil {
		return false, false, err
	}
	text, err := texts.Slice(place.value, length, "path")
	if err != nil || !bytes.HasSuffix(text, []byte(".rs")) || bytes.IndexByte(text, 0) >= 0 {
		return false, false, nil
	}
	after, err := texts.U8(place.value+length, "end of path")
	return err == nil && after == 0, true, nil
}
