package objfile

import "github.com/minsize/minsize/internal/machine"

// relocTypeTable is what the code must know of a file's relocation types:
// which one means "load base + addend", and how many bytes stand at a place
// that holds a plain number. Types that patch bits of an instruction have the
// size of the instruction's word and are not read as addends in REL files.
type relocTypeTable struct {
	*machine.Relocations
	sizes map[uint32]uint8
	dense []uint8
}

func (t *relocTypeTable) size(n uint32) uint8 {
	if n < uint32(len(t.dense)) {
		return t.dense[n]
	}
	return t.sizes[n]
}

func (t *relocTypeTable) relative(n uint32) bool { return n == t.Relative && n != 0 }

// relocTypes is the table of a machine; that of an unknown one knows no size
// and no relative type.
func relocTypes(m *machine.Machine, wide bool) *relocTypeTable {
	types := m.Types(wide)
	t := &relocTypeTable{Relocations: types, sizes: types.ByType(wide), dense: make([]uint8, 128)}
	for n, size := range t.sizes {
		if n < uint32(len(t.dense)) {
			t.dense[n] = size
		}
	}
	return t
}
