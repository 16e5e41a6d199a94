package objedit

// The exception tables of COFF objects: an entry of .pdata says where a function
// begins and ends and where in .xdata its unwinding information is, by three
// relocations (x64), or two (ARM64, where the end is part of the information).
// Compilers give each function sections of its own, or all functions of an
// object one .pdata and one .xdata.
//
// A stub is a leaf: it moves no stack pointer and saves no register, and the
// system unwinds what has no entry as just that. So an entry that has its
// section for itself is emptied, and its information with it. Among others
// it is made true in place: nothing may be shifted, and a linker sorts the
// table by what the entries say.

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/minsize/minsize/internal/machine"
)

// runtimeFunction is an entry of .pdata.
type runtimeFunction struct {
	section int    // of the entry
	at      uint64 // in the section
	begin   place
	info    place      // of the unwinding information; section 0 without
	end     relocation // of the field with the function's end; x64
	only    bool       // its section holds nothing else
}

// unwindForm is how a machine's entries and information look.
type unwindForm struct {
	entry uint64 // bytes of an entry
	info  uint64 // offset in it of the address of the information
	// leaf is the information of a function of size bytes that does nothing to
	// unwind.
	leaf func(size uint64) []byte
	end  bool // the second word of an entry is where the function ends
	// packed is what an entry has in the place of an address for such a function.
	packed func(size uint64) uint32
}

var unwindForms = map[*machine.Machine]unwindForm{
	// UNWIND_INFO of version 1, no flags, no codes.
	machine.X86_64: {entry: 12, info: 8, end: true, leaf: func(uint64) []byte { return []byte{1, 0, 0, 0} }},
	// .xdata: the function's length in words, E (one epilogue, described by the
	// header), one word of codes, of which the first is "end".
	machine.AArch64: {entry: 8, info: 4, packed: func(size uint64) uint32 { return 1 | uint32(size/4&0x7ff)<<2 }, leaf: func(size uint64) []byte {
		return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, uint32(size/4&0x3ffff)|1<<21|1<<27), 0xe4)
	}},
}

// readEntries reads .pdata, once.
func (o *coff) readEntries() error {
	if o.byBegin != nil {
		return nil
	}
	form := unwindForms[o.machine]
	byBegin, byInfo := map[place][]runtimeFunction{}, map[int][]runtimeFunction{}
	for i := range o.sections {
		s := &o.sections[i]
		if !s.unwinding || !s.data {
			continue
		}
		relocations, err := o.relocations(i)
		if err != nil {
			return err
		}
		entries := map[uint64]*runtimeFunction{}
		for _, r := range relocations {
			start := r.offset - r.offset%form.entry
			f := entries[start]
			if f == nil {
				f = &runtimeFunction{section: i, at: start, only: s.inSize == form.entry}
				entries[start] = f
			}
			to, inside := o.place(r)
			switch field := r.offset % form.entry; {
			case !inside: // a part of the program that another object has
			case field == 0:
				f.begin = to
			case field == form.info:
				f.info = to
			case field == 4:
				f.end = r
			}
		}
		for _, f := range entries {
			if f.begin.section != 0 && f.at+form.entry <= s.inSize {
				byBegin[f.begin] = append(byBegin[f.begin], *f)
				byInfo[f.info.section] = append(byInfo[f.info.section], *f)
			}
		}
	}
	o.byBegin, o.byInfo = byBegin, byInfo
	return nil
}

func (o *coff) stubUnwinding(at place, size uint64, shared bool) error {
	if err := o.readEntries(); err != nil {
		return err
	}
	for _, f := range o.byBegin[at] {
		if f.only && !shared {
			o.forget(f)
			continue
		}
		if err := o.makeLeaf(f, size); err != nil {
			return err
		}
	}
	return nil
}

// dropUnwinding takes entries away, or makes them entries of no bytes.
func (o *coff) dropUnwinding(at place) error {
	if err := o.readEntries(); err != nil {
		return err
	}
	for _, f := range o.byBegin[at] {
		if f.only {
			o.forget(f)
		} else if err := o.makeLeaf(f, 0); err != nil {
			return err
		}
	}
	return nil
}

// forget empties the section of an entry, and that of its information where no
// other entry leads there.
func (o *coff) forget(f runtimeFunction) {
	o.empty(f.section)
	if f.info.section != 0 && len(o.byInfo[f.info.section]) == 1 {
		o.empty(f.info.section)
	}
}

// makeLeaf lets an entry say that a function of size bytes moves no stack pointer.
func (o *coff) makeLeaf(f runtimeFunction, size uint64) error {
	form := unwindForms[o.machine]
	if form.end {
		if f.end.offset == 0 {
			return fmt.Errorf("%w: its entry at %#x of %s has no end", ErrShape, f.at, o.sections[f.section].name)
		}
		// What is added to the symbol of the end field.
		addend := f.begin.value + size - o.symbols[f.end.symbol].value
		o.put32(o.sections[f.section].offset+f.end.offset, uint32(addend))
	}
	if f.info.section == 0 {
		if form.packed != nil {
			o.put32(o.sections[f.section].offset+f.at+form.info, form.packed(size))
		}
		return nil
	}
	info := &o.sections[f.info.section]
	if !info.bits {
		return fmt.Errorf("%w: its unwinding information is in %s, which has no content", ErrShape, info.name)
	}
	end := info.inSize
	for _, g := range o.byInfo[f.info.section] {
		switch {
		case g.section == f.section && g.at == f.at:
		case g.info == f.info:
			return fmt.Errorf("%w: another function is unwound by the same information at %#x of %s", ErrShape, f.info.value, info.name)
		case g.info.value > f.info.value:
			end = min(end, g.info.value)
		}
	}
	leaf := form.leaf(size)
	if f.info.value > end || end-f.info.value < uint64(len(leaf)) {
		return fmt.Errorf("%w: %d bytes of %s at %#x hold no unwinding information", ErrShape, end-min(f.info.value, end), info.name, f.info.value)
	}
	copy(o.edit()[info.offset+f.info.value:], leaf)
	relocations, err := o.relocations(f.info.section)
	if err != nil {
		return err
	}
	for i, r := range relocations {
		if r.offset >= f.info.value && r.offset < end {
			o.dropRelocation(f.info.section, i)
		}
	}
	return nil
}

// handlers are the references to unwinding information, which refers to handlers
// and to what they read.
func (o *coff) handlers() (list []Reference, err error) {
	err = o.readEntries()
	for begin, entries := range o.byBegin {
		for _, f := range entries {
			if f.info.section != 0 {
				list = append(list, Reference{From: begin.section, To: f.info.section, Value: f.info.value, Offset: begin.value})
			}
		}
	}
	slices.SortFunc(list, func(a, b Reference) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Value, b.Value)) })
	return list, err
}
