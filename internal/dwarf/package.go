package dwarf

// DWARF package files, .dwp (7.3.5): the split units of a program in one file.
// A unit's offsets count from its own contributions to the sections, which an
// index lists by DWO id; another index lists type units by their signatures.
// GCC 4's form of it (version 2, https://gcc.gnu.org/wiki/DebugFissionDWP) has
// other numbers for the columns, and its types in a section of their own.
//
// Rows are taken in order and the hash table is passed over: every unit is
// wanted, and a unit is known by its offset.

import "github.com/minsize/minsize/internal/byteio"

// column is one of the sections that a package is made of.
type column uint8

const (
	columnInfo column = iota
	columnAbbrev
	columnLine
	columnLoclists // version 2: .debug_loc
	columnStrOffsets
	columnRnglists
	columns
)

// columnKinds are the sections' kinds as Kind answers; index is the number of
// a section in both versions' tables (7.3.5.3, table 7.1).
var columnKinds = [columns]struct {
	kind, kind2   string // of version 5, of version 2
	index, index2 uint32
}{
	columnInfo:       {"info", "info", 1, 1},
	columnAbbrev:     {"abbrev", "abbrev", 3, 3},
	columnLine:       {"line", "line", 4, 4},
	columnLoclists:   {"loclists", "loc", 5, 5},
	columnStrOffsets: {"str_offsets", "str_offsets", 6, 6},
	columnRnglists:   {"rnglists", "", 8, 0},
}

// contributions are a unit's parts of a package's sections; nil outside of one.
type contributions []Contribution // by column

func (c contributions) base(of column) uint64 {
	if c == nil {
		return 0
	}
	return c[of].Offset
}

// readIndex adds the rows of .debug_cu_index or .debug_tu_index to d.packaged.
func (d *Data) readIndex(index []byte, name string) error {
	r := d.reader(index, 0, name)
	version := r.u32()
	if d.big && version>>16 == 5 || !d.big && version&0xffff == 5 {
		version = 5 // two bytes, and two of padding
	}
	if version != 2 && version != 5 {
		return byteio.Errorf(0, name+" version", "expected 2 or 5, got %d", version)
	}
	d.indexVersion = version
	width, units, slots := uint64(r.u32()), uint64(r.u32()), uint64(r.u32())
	if r.bad || width > 16 || units > uint64(len(index)) || slots > uint64(len(index)) {
		return byteio.Errorf(4, name, "%d columns, %d units, %d slots in %d bytes", width, units, slots, len(index))
	}
	if 12*slots+4*width+8*width*units > uint64(len(index))-r.at {
		return byteio.Errorf(4, name, "%d columns of %d units do not fit into %d bytes", width, units, len(index))
	}
	r.skip(12 * slots) // signatures and row numbers
	meaning := make([]column, width)
	for i := range meaning {
		meaning[i] = columns
		number := r.u32()
		for c, k := range columnKinds {
			if version == 5 && k.index == number || version == 2 && k.index2 == number {
				meaning[i] = column(c)
			}
		}
	}
	rows := make([]contributions, units)
	for i := range rows {
		rows[i] = make(contributions, columns)
		for c := range rows[i] {
			rows[i][c].Kind = columnKinds[c].kind
			if version == 2 {
				rows[i][c].Kind = columnKinds[c].kind2
			}
		}
		for _, c := range meaning {
			if off := uint64(r.u32()); c < columns {
				rows[i][c].Offset = off
			}
		}
	}
	for i := range rows {
		hasInfo := false
		for _, c := range meaning {
			if size := uint64(r.u32()); c < columns {
				rows[i][c].Size = size
				hasInfo = hasInfo || c == columnInfo
			}
		}
		if hasInfo { // version 2 types have a section of their own
			if d.packaged == nil {
				d.packaged = map[uint64]contributions{}
			}
			d.packaged[rows[i][columnInfo].Offset] = rows[i]
		}
	}
	return nil
}
