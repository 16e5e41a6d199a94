package objfile

// What dyld writes: local relocations, dyld info opcodes (loader.h, REBASE_ and
// BIND_OPCODE_*), chained fixups (fixup-chains.h); and an object's relocations
// (mach-o/reloc.h).
//
// All of them are small programs or linked lists, and so each has a budget.

import (
	"github.com/minsize/minsize/internal/byteio"
)

// fixupBudget bounds opcode loops by what memory could hold: a pointer per 4
// bytes of the loaded image.
func (m *MachOFile) fixupBudget() uint64 {
	total := uint64(0)
	for i := range m.file.Segments {
		total += m.file.Segments[i].FileSize
	}
	return total/4 + 16
}

func (m *MachOFile) eachReloc(yield func(*Reloc) bool) error {
	if m.Filetype == MH_OBJECT {
		return m.eachObjectReloc(yield)
	}
	imports := m.importPositions()
	if table, r := m.Piece("rebase opcodes"); table != nil {
		if ok, err := m.rebase(byteio.View{Data: table, Base: r.Offset}, yield); !ok || err != nil {
			return err
		}
	}
	for _, name := range []string{"bind opcodes", "weak bind opcodes", "lazy bind opcodes"} {
		if table, r := m.Piece(name); table != nil {
			if ok, err := m.bind(byteio.View{Data: table, Base: r.Offset}, name == "lazy bind opcodes", imports, yield); !ok || err != nil {
				return err
			}
		}
	}
	if table, r := m.Piece("chained fixups"); table != nil {
		return m.chained(byteio.View{Data: table, Base: r.Offset, Order: m.file.Order}, imports, yield)
	}
	return nil
}

// importPositions finds undefined symbols by name in Symbols.
func (m *MachOFile) importPositions() map[string]int {
	positions := map[string]int{}
	symbols, _ := m.file.Symbols()
	for i := range symbols {
		if symbols[i].Undefined {
			positions[symbols[i].Name] = i
		}
	}
	return positions
}

func positionOf(imports map[string]int, name string) int {
	if i, ok := imports[name]; ok {
		return i
	}
	return -1
}

// place makes a pointer-sized relocation at an offset of a segment.
func (m *MachOFile) place(segment int, off uint64) (Reloc, bool) {
	if segment < 0 || segment >= len(m.Segments) || off >= m.Segments[segment].Vmsize {
		return Reloc{}, false
	}
	return Reloc{Addr: m.Segments[segment].Vmaddr + off, Symbol: -1, Section: -1, Size: uint8(m.d.wordSize())}, true
}

// rebase runs REBASE_OPCODE_*; the addend is the pointer at the place.
func (m *MachOFile) rebase(v byteio.View, yield func(*Reloc) bool) (bool, error) {
	word, budget := m.d.wordSize(), m.fixupBudget()
	segment, off, at := -1, uint64(0), uint64(0)
	var failed error
	number := func() uint64 {
		n, next, err := v.Uleb128(at, "rebase opcodes")
		if err != nil && failed == nil {
			failed = err
		}
		at = next
		return n
	}
	for at < v.Len() && failed == nil {
		entry := at
		op, immediate := v.Data[at]&0xf0, uint64(v.Data[at]&0xf)
		at++
		count, skip := uint64(0), uint64(0)
		switch op {
		case 0x00:
			return true, nil
		case 0x10: // SET_TYPE_IMM
		case 0x20:
			segment, off = int(immediate), number()
		case 0x30:
			off += number()
		case 0x40:
			off += immediate * word
		case 0x50:
			count = immediate
		case 0x60:
			count = number()
		case 0x70:
			count, skip = 1, number()
		case 0x80:
			count = number()
			skip = number()
		default:
			return false, byteio.Errorf(v.Base+entry, "rebase opcodes", "unknown opcode %#x", op)
		}
		for i := uint64(0); i < count && failed == nil; i++ {
			r, ok := m.place(segment, off)
			if !ok || budget == 0 {
				return false, byteio.Errorf(v.Base+entry, "rebase opcodes", "segment %d, offset %#x: not in the image", segment, off)
			}
			budget--
			r.Relative, r.Type, r.Entry = true, 1, v.Base+entry
			if i == 0 {
				r.EntrySize = uint8(min(at-entry, 255))
			}
			if b, ok := m.file.BytesAt(r.Addr, word); ok {
				r.Addend = int64(m.d.word(b))
			}
			if !yield(&r) {
				return false, nil
			}
			off += word + skip
		}
	}
	return failed == nil, failed
}

// bind runs BIND_OPCODE_*; lazy binding ends each symbol with DONE.
func (m *MachOFile) bind(v byteio.View, lazy bool, imports map[string]int, yield func(*Reloc) bool) (bool, error) {
	word, budget := m.d.wordSize(), m.fixupBudget()
	segment, off, at, addend, name := -1, uint64(0), uint64(0), int64(0), ""
	entry := uint64(0)
	var failed error
	number := func() uint64 {
		n, next, err := v.Uleb128(at, "bind opcodes")
		if err != nil && failed == nil {
			failed = err
		}
		at = next
		return n
	}
	for at < v.Len() && failed == nil {
		start := at
		op, immediate := v.Data[at]&0xf0, uint64(v.Data[at]&0xf)
		at++
		count, skip := uint64(0), uint64(0)
		switch op {
		case 0x00:
			if !lazy {
				return true, nil
			}
		case 0x10, 0x30, 0x50: // dylib ordinal, special, type
		case 0x20:
			number()
		case 0x40:
			b := v.Data[at:]
			name = cutNUL(b)
			if len(name) == len(b) {
				return false, byteio.Errorf(v.Base+at, "bind opcodes", "a name without its NUL")
			}
			at += uint64(len(name)) + 1
		case 0x60:
			n, next, err := v.Sleb128(at, "bind addend")
			if err != nil {
				return false, err
			}
			addend, at = n, next
		case 0x70:
			segment, off = int(immediate), number()
		case 0x80:
			off += number()
		case 0x90:
			count = 1
		case 0xa0:
			count, skip = 1, number()
		case 0xb0:
			count, skip = 1, immediate*word
		case 0xc0:
			count = number()
			skip = number()
		default: // threaded binds of early arm64e
			return false, byteio.Errorf(v.Base+start, "bind opcodes", "unknown opcode %#x", op)
		}
		for i := uint64(0); i < count && failed == nil; i++ {
			r, ok := m.place(segment, off)
			if !ok || budget == 0 {
				return false, byteio.Errorf(v.Base+start, "bind opcodes", "segment %d, offset %#x: not in the image", segment, off)
			}
			budget--
			r.Type, r.Addend, r.HasAddend, r.Symbol, r.Entry = 2, addend, true, positionOf(imports, name), v.Base+entry
			if i == 0 {
				r.EntrySize = uint8(min(at-entry, 255))
				entry = at
			}
			if !yield(&r) {
				return false, nil
			}
			off += word + skip
		}
	}
	return failed == nil, failed
}

// chainFormat is one of DYLD_CHAINED_PTR_*: where next, bind and target are.
type chainFormat struct {
	size, stride     uint64
	nextAt, nextBits uint
	bindAt           uint // 64: never
	targetBits       uint
	ordinalBits      uint
	offsets          bool // targets count from the image's base
	authenticated    bool
}

var chainFormats = map[uint16]chainFormat{
	1:  {8, 8, 51, 11, 62, 43, 16, false, true},  // ARM64E
	2:  {8, 4, 51, 12, 63, 36, 24, false, false}, // 64
	3:  {4, 4, 26, 5, 31, 26, 20, false, false},  // 32
	6:  {8, 4, 51, 12, 63, 36, 24, true, false},  // 64_OFFSET
	9:  {8, 8, 51, 11, 62, 43, 16, true, true},   // ARM64E_USERLAND
	12: {8, 8, 51, 11, 62, 43, 24, true, true},   // ARM64E_USERLAND24
}

// chained walks dyld_chained_fixups_header.
func (m *MachOFile) chained(v byteio.View, imports map[string]int, yield func(*Reloc) bool) error {
	header, err := v.Slice(0, 28, "dyld_chained_fixups_header")
	if err != nil {
		return err
	}
	d := m.d
	startsAt, importsAt, symbolsAt := uint64(d.u32(header[4:])), uint64(d.u32(header[8:])), uint64(d.u32(header[12:]))
	names, err := m.chainedImports(v, importsAt, symbolsAt, uint64(d.u32(header[16:])), d.u32(header[20:]))
	if err != nil {
		return err
	}
	positions := make([]int, len(names))
	for i, name := range names {
		positions[i] = positionOf(imports, name)
	}
	segments, err := v.U32(startsAt, "seg_count")
	if err != nil {
		return err
	}
	offsets, err := v.Table(startsAt+4, uint64(segments), 4, "seg_info_offset")
	if err != nil {
		return err
	}
	budget := m.fixupBudget()
	for i := 0; i < int(segments) && i < len(m.Segments); i++ {
		infoAt := uint64(d.u32(offsets[4*i:]))
		if infoAt == 0 {
			continue
		}
		infoAt += startsAt
		info, err := v.Slice(infoAt, 22, "dyld_chained_starts_in_segment")
		if err != nil {
			return err
		}
		page, number, pages := uint64(d.u16(info[4:])), d.u16(info[6:]), uint64(d.u16(info[20:]))
		format, known := chainFormats[number]
		if !known {
			return byteio.Errorf(v.Base+infoAt+6, "pointer_format", "unknown format %d", number)
		}
		starts, err := v.Table(infoAt+22, pages, 2, "page_start")
		if err != nil {
			return err
		}
		for n := uint64(0); n < pages; n++ {
			start := d.u16(starts[2*n:])
			if start == 0xffff {
				continue
			}
			if start&0x8000 != 0 { // several chains in a page: 32-bit kernels only
				return byteio.Errorf(v.Base+infoAt+22+2*n, "page_start", "several chains in one page")
			}
			entry := v.Base + infoAt + 22 + 2*n
			if ok, err := m.chain(format, i, n*page+uint64(start), entry, &budget, positions, yield); !ok || err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *MachOFile) chainedImports(v byteio.View, at, symbolsAt, count uint64, format uint32) ([]string, error) {
	size := map[uint32]uint64{1: 4, 2: 8, 3: 16}[format]
	if size == 0 {
		return nil, byteio.Errorf(v.Base+20, "imports_format", "unknown format %d", format)
	}
	table, err := v.Table(at, count, size, "chained imports")
	if err != nil {
		return nil, err
	}
	text := newStringTable(v.Data[min(symbolsAt, v.Len()):])
	names := make([]string, count)
	for i := range names {
		b := table[uint64(i)*size:]
		off := uint64(m.d.u32(b) >> 9)
		if format == 3 {
			off = m.d.u64(b) >> 32
		}
		names[i], _ = text.at(off)
	}
	return names, nil
}

// chain follows one page's chain of fixups.
func (m *MachOFile) chain(c chainFormat, segment int, off, entry uint64, budget *uint64, imports []int, yield func(*Reloc) bool) (bool, error) {
	first := true
	for {
		r, ok := m.place(segment, off)
		b, there := m.file.BytesAt(r.Addr, c.size)
		if !ok || !there || *budget == 0 {
			return false, byteio.Errorf(entry, "chained fixups", "segment %d, offset %#x: not in the image", segment, off)
		}
		*budget--
		raw := uint64(m.d.u32(b))
		if c.size == 8 {
			raw = m.d.u64(b)
		}
		r.Size, r.Entry = uint8(c.size), entry
		if first {
			r.EntrySize = 2
		}
		first = false
		signed := c.authenticated && raw>>63 != 0
		if raw>>c.bindAt&1 != 0 {
			r.Type, r.HasAddend = 2, true
			if ordinal := raw & (1<<c.ordinalBits - 1); ordinal < uint64(len(imports)) {
				r.Symbol = imports[ordinal]
			}
		} else {
			target := raw & (1<<c.targetBits - 1)
			if signed {
				target = raw & (1<<32 - 1)
			}
			if c.offsets || signed {
				target += m.file.ImageBase
			}
			r.Type, r.Relative, r.HasAddend, r.Addend = 1, true, true, int64(target)
		}
		if !yield(&r) {
			return false, nil
		}
		next := raw >> c.nextAt & (1<<c.nextBits - 1)
		if next == 0 {
			return true, nil
		}
		off += next * c.stride
	}
}

// eachObjectReloc yields relocation_info records of an object's sections.
func (m *MachOFile) eachObjectReloc(yield func(*Reloc) bool) error {
	d := m.d
	for i := range m.Sections {
		s := &m.Sections[i]
		table, err := m.file.wholeView().Table(uint64(s.Reloff), uint64(s.Nreloc), 8, "relocation_info")
		if err != nil {
			return err
		}
		out := &m.file.Sections[i]
		for n := 0; n < len(table); n += 8 {
			address, word := d.u32(table[n:]), d.u32(table[n+4:])
			r := Reloc{Addr: uint64(address), Section: i, Symbol: -1, Entry: uint64(s.Reloff) + uint64(n), EntrySize: 8}
			if address&0x80000000 != 0 && !d.wide { // scattered_relocation_info
				r.Addr, r.Type, r.Size = uint64(address&0xffffff), address>>24&0xf, 1<<(address>>28&3)
				r.Addend, r.HasAddend = int64(word), true
			} else {
				symbolnum, length, extern, typ := word&0xffffff, word>>25&3, word>>27&1, word>>28
				if d.big {
					symbolnum, length, extern, typ = word>>8, word>>5&3, word>>4&1, word&0xf
				}
				r.Type, r.Size = typ, 1<<length
				if extern != 0 {
					r.Symbol = int(symbolnum)
				}
				size := uint64(r.Size)
				if out.FileSize >= size && r.Addr <= out.FileSize-size {
					switch b := m.file.Data[out.Offset+r.Addr:]; size {
					case 8:
						r.Addend = int64(d.u64(b))
					case 4:
						r.Addend = int64(int32(d.u32(b)))
					}
				}
			}
			if !yield(&r) {
				return nil
			}
		}
	}
	return nil
}
