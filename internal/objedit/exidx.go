package objedit

// Arm's unwinding tables: an entry of two words for each function, its address
// and either what to do (inline), 1 (it cannot be unwound), or where in
// .ARM.extab that stands. Source: Exception Handling ABI for the Arm
// Architecture (EHABI32), sections 5 to 7.

import "encoding/binary"

const (
	exidxEntry = 8
	// exidxFinish: the short form of personality 0 whose first instruction is
	// "finish": the stack pointer never moved, the return address is in lr.
	exidxFinish = 0x80b0b0b0
)

// exidx calls visit with each entry of the index tables that a relocation
// leads to a place.
func (o *elf) exidx(visit func(section int, entry uint64, function place, relocations []relocation) error) error {
	for i := range o.sections {
		if o.headers[i].Type != shtX86Unwind || o.machine.Relocations.Prel31 == 0 || o.sections[i].inCount == 0 {
			continue
		}
		relocations, err := o.relocations(i)
		if err != nil {
			return err
		}
		for _, r := range relocations {
			if r.offset%exidxEntry != 0 || r.kind != o.machine.Relocations.Prel31 || r.offset+exidxEntry > o.sections[i].inSize {
				continue // R_ARM_NONE names a personality at the same place
			}
			if at, ok := o.place(r); ok {
				if err := visit(i, r.offset, at, relocations); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// stubExidx makes the function's entry say that nothing was saved.
func (o *elf) stubExidx(at place) error {
	return o.exidx(func(section int, entry uint64, function place, relocations []relocation) error {
		if function != at {
			return nil
		}
		second := o.sections[section].offset + entry + 4
		if binary.LittleEndian.Uint32(o.edit()[second:]) != 1 { // else it cannot be unwound, and stays so
			o.put32(second, exidxFinish)
		}
		for j, r := range relocations {
			if r.offset == entry+4 {
				o.dropRelocation(section, j)
			}
		}
		return nil
	})
}

// exidxHandlers are the references to .ARM.extab and to personalities.
func (o *elf) exidxHandlers() (list []Reference, err error) {
	err = o.exidx(func(section int, entry uint64, function place, relocations []relocation) error {
		for _, r := range relocations {
			if r.offset == entry+4 || r.offset == entry && r.kind != o.machine.Relocations.Prel31 {
				list = append(list, o.reference(function.section, r))
			}
		}
		return nil
	})
	return list, err
}
