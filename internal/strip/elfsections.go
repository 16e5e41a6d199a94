package strip

// The section headers that stay, and the tables that are written anew with
// them: section names, filtered symbols, the link to the debug companion.

import (
	"github.com/minsize/minsize/internal/byteio"
)

// sectionTables lays the tables out from *cursor on, sets head's section
// fields, and charges what it adds.
func (p *elfPlan) sectionTables(cursor *uint64, head *elfHeader) ([]patch, error) {
	index, order := p.newIndexes()
	var fresh []patch
	add := func(data []byte, align uint64, why Reason) uint64 {
		at := placeAt(*cursor, 0, align)
		if len(data) > 0 {
			fresh = append(fresh, patch{at, data})
			*cursor = at + uint64(len(data))
			p.r.remove(why, -int64(len(data)))
		}
		return at
	}

	table := make([]elfSection, 0, len(order)+4)
	for _, i := range order {
		if i < 0 {
			table = append(table, elfSection{})
			continue
		}
		s := p.sections[i]
		if i > 0 && s.Type != shtNull {
			if s.fileSize() > 0 || s.Flags&shfAlloc != 0 {
				s.Offset = p.blocks.offset(s.Offset)
			}
			s.Link = remap(index, s.Link)
			if s.Type == shtRel || s.Type == shtRela || s.Flags&shfInfoLink != 0 {
				s.Info = remap(index, s.Info)
			}
		} else if i == 0 {
			s.Link, s.Size = 0, 0 // the extended e_shstrndx and e_shnum; sh_info stays, the extended e_phnum
		}
		table = append(table, s)
	}

	if err := p.placeSymbols(&table, index, add); err != nil {
		return nil, err
	}
	if link := p.o.DebugLink; link != nil {
		data := p.debugLink(*link)
		table = append(table, elfSection{Name: ".gnu_debuglink", Type: shtProgbits, Offset: add(data, 4, ReasonSections), Size: uint64(len(data)), Addralign: 4})
	}

	names := newStringPool()
	for i := range table {
		names.add(table[i].Name)
	}
	table = append(table, elfSection{Name: ".shstrtab", Type: shtStrtab, Addralign: 1})
	last := &table[len(table)-1]
	names.add(last.Name)
	pool := names.bytes()
	last.Offset, last.Size = add(pool, 1, ReasonHeaders), uint64(len(pool))

	if len(table) >= shnLoreserve {
		return nil, byteio.Errorf(p.head.Shoff, "section headers", "%d sections stay, more than this program writes", len(table))
	}
	size := p.shentsize()
	encoded := make([]byte, uint64(len(table))*size)
	for i, s := range table {
		s.NameOff = names.offset(s.Name)
		p.encodeSection(encoded[uint64(i)*size:], s)
	}
	align := uint64(4)
	if p.is64 {
		align = 8
	}
	if p.tableInSegment && len(encoded) <= int(p.head.realShnum*size) {
		p.inPlace, head.Shoff = encoded, p.blocks.offset(p.head.Shoff)
	} else {
		head.Shoff = add(encoded, align, ReasonHeaders)
	}
	head.Shnum, head.Shstrndx = uint16(len(table)), uint16(len(table)-1)
	return fresh, nil
}

// newIndexes maps old section numbers to new ones (0 for what is gone) and
// lists the old number of each new one, -1 for an empty place. Loaded tables
// such as .dynsym hold section numbers in bytes that may not change, so a
// section that goes before a loaded one leaves an empty place.
func (p *elfPlan) newIndexes() (index map[uint32]uint32, order []int) {
	lastLoaded := 0
	for i, s := range p.sections {
		switch {
		case s.Type == shtSymtab && p.keep[i] && !p.symbolsAnew(i):
			lastLoaded = len(p.sections) // its symbols are not touched, so every number stays
		case s.Flags&shfAlloc != 0:
			lastLoaded = max(lastLoaded, i)
		}
	}
	index = map[uint32]uint32{}
	for i := range p.sections {
		switch {
		case p.keep[i] && p.sections[i].Type != shtNull || i == 0:
			index[uint32(i)] = uint32(len(order))
			order = append(order, i)
		case i < lastLoaded:
			order = append(order, -1)
		}
	}
	return index, order
}

func remap(index map[uint32]uint32, old uint32) uint32 {
	if old >= shnLoreserve {
		return old
	}
	return index[old]
}

// debugLink is the content of .gnu_debuglink: the name with its NUL, padded
// to four bytes, then the CRC in the file's byte order.
func (f *elfFile) debugLink(l DebugLink) []byte {
	b := append([]byte(l.Name), 0)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	b = append(b, 0, 0, 0, 0)
	f.order.PutUint32(b[len(b)-4:], l.CRC)
	return b
}
