package dwarf

// DWARF package files, .dwp (7.3.5): the split units of a program in one file.
// A unit's offsets count from its own contributions to the sections, which an
// index by DWO id lists; GCC 4's form of it (version 2) has other numbers for
// the columns.

import "github.com/minsize/minsize/internal/byteio"

// contributions are a unit's bases in a package, by section.
type contributions struct {
	abbrev, line, strOffsets, rnglists, loclists uint64
}

// readIndex reads .debug_cu_index: bases by the unit's offset in .debug_info.
func (d *Data) readIndex(index []byte) (map[uint64]contributions, error) {
	r := d.reader(index, 0, ".debug_cu_index")
	version := r.u32()
	if version != 2 && version&0xffff != 5 {
		return nil, byteio.Errorf(0, ".debug_cu_index version", "expected 2 or 5, got %d", version)
	}
	columns, units, slots := uint64(r.u32()), uint64(r.u32()), uint64(r.u32())
	if r.bad || columns > 16 || units > uint64(len(index)) || slots > uint64(len(index)) {
		return nil, byteio.Errorf(4, ".debug_cu_index", "%d columns, %d units, %d slots in %d bytes", columns, units, slots, len(index))
	}
	r.skip(12 * slots) // signatures and row numbers: rows are taken in order
	kinds := make([]uint32, columns)
	for i := range kinds {
		kinds[i] = r.u32()
	}
	bases := make(map[uint64]contributions, units)
	for range units {
		var c contributions
		info := ^uint64(0)
		for _, kind := range kinds {
			off := uint64(r.u32())
			switch {
			case kind == 1:
				info = off
			case kind == 3:
				c.abbrev = off
			case kind == 4:
				c.line = off
			case kind == 5:
				c.loclists = off
			case kind == 6:
				c.strOffsets = off
			case kind == 8 && version != 2:
				c.rnglists = off
			}
		}
		bases[info] = c
	}
	if r.bad {
		return nil, byteio.Errorf(0, ".debug_cu_index", "%d rows of %d columns run past the end", units, columns)
	}
	return bases, nil
}
