package objfile

// ELF relocations (gABI 4, "Relocation"), in their five encodings: REL, RELA,
// RELR (gABI, "Relative Relocation Table"), LLVM's CREL and Android's packed
// APS2 (both in elf_packed.go).
//
// Dynamic ones are found by DT_ entries, as the loader does, and so in files
// without sections too; static ones by their sections. Where both describe a
// table, DT_ entries win and the section is passed over.

import (
	"encoding/binary"
	"sort"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/relr"
)

// relocTable is one table; section is the index of the section that it
// relocates, -1 for a dynamic one.
type relocTable struct {
	off, size uint64
	section   int
	addends   bool
	encoding  relocEncoding
	answered  *Reloc // the pointer that the code of a concealed table returns to the loader
}

type relocEncoding uint8

const (
	plainRelocs relocEncoding = iota
	relrRelocs
	androidRelocs
	compactRelocs
)

const (
	shtAndroidRel  = 0x60000001
	shtAndroidRela = 0x60000002
	shtAndroidRelr = 0x6fffff00
	shtCrel        = 0x40000014 // SHT_CREL, LLVM's number until the gABI has one

	dtAndroidRel    = 0x6000000f
	dtAndroidRelsz  = 0x60000010
	dtAndroidRela   = 0x60000011
	dtAndroidRelasz = 0x60000012
	dtAndroidRelr   = 0x6fffe000
	dtAndroidRelrsz = 0x6fffe001
)

func (e *ELFFile) symtabList() ([]symtab, error) {
	return e.file.lazy.symtabs.get(e.symtabs)
}

// symbolPosition is the position in Symbols of a relocation's symbol.
func (e *ELFFile) symbolPosition(r *Reloc) int {
	tables, err := e.symtabList()
	if err != nil || r.Symbol < 1 {
		return -1
	}
	for i := range tables {
		t := &tables[i]
		if t.dynamic == (r.Section < 0) {
			if uint64(r.Symbol) >= t.count {
				return -1
			}
			return t.base + r.Symbol - 1
		}
	}
	return -1
}

// relocTables lists the tables: dynamic ones, then static ones in file order.
func (e *ELFFile) relocTables() ([]relocTable, error) {
	var tables []relocTable
	if e.file.Kind == DebugFile {
		return nil, nil
	}
	for _, t := range []struct {
		addr, size int64
		addends    bool
		encoding   relocEncoding
	}{
		{DT_RELA, DT_RELASZ, true, plainRelocs},
		{DT_REL, DT_RELSZ, false, plainRelocs},
		{DT_RELR, DT_RELRSZ, false, relrRelocs},
		{dtAndroidRelr, dtAndroidRelrsz, false, relrRelocs},
		{dtAndroidRela, dtAndroidRelasz, true, androidRelocs},
		{dtAndroidRel, dtAndroidRelsz, false, androidRelocs},
	} {
		if err := e.addDynamicTable(&tables, t.addr, t.size, t.addends, t.encoding); err != nil {
			return tables, err
		}
	}
	if kind, ok := e.DynValue(DT_PLTREL); ok {
		if err := e.addDynamicTable(&tables, DT_JMPREL, DT_PLTRELSZ, kind == DT_RELA, plainRelocs); err != nil {
			return tables, err
		}
	}
	if t, ok := e.concealedTable(); ok && !overlapsAny(tables, t.off, t.size) {
		tables = append(tables, t)
	}
	dynamic, total := len(tables), uint64(0)
	for i := range e.Shdrs {
		h := &e.Shdrs[i]
		t := relocTable{off: h.Off, size: h.Size, section: int(h.Info)}
		switch h.Type {
		case SHT_RELA:
			t.addends = true
		case SHT_REL:
		case SHT_RELR, shtAndroidRelr:
			t.encoding = relrRelocs
		case shtAndroidRel, shtAndroidRela:
			t.encoding, t.addends = androidRelocs, h.Type == shtAndroidRela
		case shtCrel:
			t.encoding = compactRelocs
		default:
			continue
		}
		if h.Flags&SHF_ALLOC != 0 { // the loader's, or a static program's own start-up code's (.rela.plt)
			t.section = -1
		}
		if h.Size == 0 || overlapsAny(tables[:dynamic], t.off, t.size) {
			continue
		}
		if t.section >= len(e.Shdrs) {
			return tables, byteio.Errorf(e.shdrOffset(byteio.View{}, i), "sh_info", "relocation section %d: section %d of %d", i, h.Info, len(e.Shdrs))
		}
		if h.Entsize != 0 && t.encoding == plainRelocs && h.Entsize != e.relocSize(t.addends) {
			return tables, byteio.Errorf(e.shdrOffset(byteio.View{}, i), "sh_entsize", "relocation section %d: expected %d, got %d", i, e.relocSize(t.addends), h.Entsize)
		}
		if total += t.size; t.size > e.file.Size || total > 2*e.file.Size {
			return tables, byteio.Errorf(e.shdrOffset(byteio.View{}, i), "sh_size", "relocation sections of %d bytes in a file of %d", total, e.file.Size)
		}
		tables = append(tables, t)
	}
	return tables, nil
}

// concealedTable is a packed table that no tag names, since the file applies it
// to itself (package relr): the first entry of DT_RELA behind the relative
// ones then calls the code that does.
func (e *ELFFile) concealedTable() (relocTable, bool) {
	stub, err := relr.StubOf(e.file.CPU)
	if err != nil || !e.d.wide || e.file.Order != binary.LittleEndian {
		return relocTable{}, false
	}
	rela, ok := e.DynValue(DT_RELA)
	size, _ := e.DynValue(DT_RELASZ)
	count, _ := e.DynValue(DT_RELACOUNT)
	if !ok || count >= size/24 {
		return relocTable{}, false
	}
	entry := e.file.tailAt(rela + 24*count)
	if len(entry) < 24 || uint32(e.d.u64(entry[8:])) != stub.IRelative {
		return relocTable{}, false
	}
	code := e.d.u64(entry[16:])
	b, ok := stub.Find(e.file.tailAt(code), code)
	if !ok || b.End-b.Table > uint64(len(e.file.tailAt(b.Table))) || b.Table%8 != 0 {
		return relocTable{}, false
	}
	off, ok := e.file.OffsetOf(b.Table)
	t := relocTable{off: off, size: b.End - b.Table, section: -1, encoding: relrRelocs}
	if b.Answers {
		t.answered = &Reloc{Addr: e.d.u64(entry), Addend: int64(b.Answer), HasAddend: true}
	}
	return t, ok
}

func (e *ELFFile) addDynamicTable(tables *[]relocTable, addrTag, sizeTag int64, addends bool, encoding relocEncoding) error {
	addr, ok := e.DynValue(addrTag)
	size, _ := e.DynValue(sizeTag)
	if !ok || size == 0 {
		return nil
	}
	off, ok := e.file.OffsetOf(addr)
	if !ok {
		return byteio.Errorf(e.dynOffset(addrTag), "dynamic section", "tag %#x: address %#x is not in a loaded segment", addrTag, addr)
	}
	if uint64(len(e.file.tailAt(addr))) < size {
		return byteio.Errorf(e.dynOffset(sizeTag), "dynamic section", "tag %#x: %d bytes wanted, %d there", sizeTag, size, len(e.file.tailAt(addr)))
	}
	if !overlapsAny(*tables, off, size) { // sparc and powerpc count DT_JMPREL into DT_RELASZ
		*tables = append(*tables, relocTable{off: off, size: size, section: -1, addends: addends, encoding: encoding})
	}
	return nil
}

func overlapsAny(tables []relocTable, off, size uint64) bool {
	for _, t := range tables {
		if off < t.off+t.size && t.off < off+size {
			return true
		}
	}
	return false
}

func (e *ELFFile) dynOffset(tag int64) uint64 {
	for i := range e.Dynamic {
		if e.Dynamic[i].Tag == tag {
			return e.Dynamic[i].Entry
		}
	}
	return 0
}

func (e *ELFFile) relocSize(addends bool) uint64 {
	if addends {
		return 3 * e.d.wordSize()
	}
	return 2 * e.d.wordSize()
}

func (e *ELFFile) eachReloc(yield func(*Reloc) bool) error {
	tables, err := e.relocTables()
	if err != nil && len(tables) == 0 {
		return err
	}
	places := newPlaces(e)
	types := relocTypes(e.file.CPU, e.d.wide)
	for _, t := range tables {
		raw, err := (byteio.View{Data: e.file.Data}).Slice(t.off, t.size, "relocation table")
		if err != nil {
			return err
		}
		switch t.encoding {
		case plainRelocs:
			if !e.eachPlain(t, raw, types, places, yield) {
				return nil
			}
		case relrRelocs:
			if !e.eachRelr(t, raw, types, places, yield) {
				return nil
			}
		case androidRelocs, compactRelocs:
			each := e.eachAndroid
			if t.encoding == compactRelocs {
				each = e.eachCompact
			}
			ok, err := each(t, raw, types, places, yield)
			if err != nil {
				return err
			}
			if !ok {
				return nil
			}
		}
	}
	return err
}

func (e *ELFFile) eachPlain(t relocTable, raw []byte, types *relocTypeTable, places *places, yield func(*Reloc) bool) bool {
	d, size := e.d, e.relocSize(t.addends)
	split := d.wide && e.file.CPU.SplitInfo
	var r Reloc
	for at := uint64(0); at+size <= uint64(len(raw)); at += size {
		b := raw[at : at+size]
		r = Reloc{Section: t.section, Entry: t.off + at, EntrySize: uint8(size), HasAddend: t.addends}
		if d.wide {
			r.Addr = d.u64(b)
			info := d.u64(b[8:])
			r.Symbol, r.Type = int(info>>32), uint32(info)
			if split { // r_sym, r_ssym, r_type3, r_type2, r_type, in this order of bytes
				r.Symbol = int(d.u32(b[8:]))
				r.Type = uint32(b[15]) | uint32(b[14])<<8 | uint32(b[13])<<16
			}
			if t.addends {
				r.Addend = int64(d.u64(b[16:]))
			}
		} else {
			r.Addr = uint64(d.u32(b))
			info := d.u32(b[4:])
			r.Symbol, r.Type = int(info>>8), info&0xff
			if t.addends {
				r.Addend = int64(int32(d.u32(b[8:])))
			}
		}
		e.finish(&r, types, places)
		if !yield(&r) {
			return false
		}
	}
	return true
}

// finish sets what follows from the type, and the addend that a REL entry
// leaves at the place.
func (e *ELFFile) finish(r *Reloc, types *relocTypeTable, places *places) {
	number := r.Type
	if e.file.CPU.SecondAddend {
		number &= 0xff
	}
	if r.Symbol == 0 {
		r.Symbol = -1
	}
	r.Size = types.size(number)
	r.Relative = r.Section < 0 && types.relative(number)
	if types.RelativeIsSymbolic && r.Relative && r.Symbol < 0 {
		r.Relative = true
	}
	if !r.HasAddend {
		r.Addend = places.read(r)
	}
}

// eachRelr decodes RELR: an even word is an address, an odd one a bitmap of
// the words that follow.
func (e *ELFFile) eachRelr(t relocTable, raw []byte, types *relocTypeTable, places *places, yield func(*Reloc) bool) bool {
	word := e.d.wordSize()
	next := uint64(0)
	var r Reloc
	emit := func(addr, entry uint64, first bool) bool {
		r = Reloc{Addr: addr, Section: -1, Symbol: -1, Type: types.Relative, Size: uint8(word), Relative: true, Entry: t.off + entry}
		if first {
			r.EntrySize = uint8(word)
		}
		r.Addend = places.read(&r)
		return yield(&r)
	}
	for at := uint64(0); at+word <= uint64(len(raw)); at += word {
		entry := e.d.word(raw[at:])
		if entry&1 == 0 {
			if !emit(entry, at, true) {
				return false
			}
			next = entry + word
			continue
		}
		first := true
		for bit := uint64(0); entry>>(bit+1) != 0; bit++ {
			if entry>>(bit+1)&1 != 0 {
				if !emit(next+bit*word, at, first) {
					return false
				}
				first = false
			}
		}
		next += (word*8 - 1) * word
	}
	if a := t.answered; a != nil {
		r = Reloc{Addr: a.Addr, Addend: a.Addend, HasAddend: true, Section: -1, Symbol: -1, Type: types.Relative, Size: uint8(word), Relative: true, Entry: t.off}
		return yield(&r)
	}
	return true
}

// places reads the words that REL and RELR relocations stand on. Tables are
// sorted by address nearly always, so the last segment is tried first.
type places struct {
	e     *ELFFile
	loads []Segment // sorted by address
	last  int
}

func newPlaces(e *ELFFile) *places {
	p := &places{e: e}
	for _, s := range e.file.Segments {
		if s.Load && s.FileSize > 0 {
			p.loads = append(p.loads, s)
		}
	}
	sort.SliceStable(p.loads, func(i, j int) bool { return p.loads[i].Addr < p.loads[j].Addr })
	return p
}

// read returns the plain number at r's place, sign-extended; 0 when the place
// has no bytes in the file or holds an instruction.
func (p *places) read(r *Reloc) int64 {
	size := uint64(r.Size)
	if size == 0 || size > 8 {
		return 0
	}
	var b []byte
	if r.Section >= 0 && p.e.Ehdr.Type == ET_REL {
		if r.Section >= len(p.e.file.Sections) {
			return 0
		}
		s := &p.e.file.Sections[r.Section]
		if r.Addr > s.FileSize || size > s.FileSize-r.Addr {
			return 0
		}
		b = p.e.file.Data[s.Offset+r.Addr:]
	} else {
		s := p.segment(r.Addr)
		if s == nil {
			return 0
		}
		b = p.e.file.Data[s.Offset+(r.Addr-s.Addr) : s.Offset+s.FileSize]
		if uint64(len(b)) < size { // the zeros at a segment's end need not be in the file
			var whole [8]byte
			copy(whole[:], b)
			b = whole[:]
		}
	}
	switch size {
	case 8:
		return int64(p.e.d.u64(b))
	case 4:
		return int64(int32(p.e.d.u32(b)))
	case 2:
		return int64(int16(p.e.d.u16(b)))
	case 1:
		return int64(int8(b[0]))
	}
	return 0
}

func (p *places) segment(addr uint64) *Segment {
	if p.last < len(p.loads) {
		if s := &p.loads[p.last]; addr >= s.Addr && addr-s.Addr < s.FileSize {
			return s
		}
	}
	i := sort.Search(len(p.loads), func(i int) bool { return p.loads[i].Addr > addr }) - 1
	if i < 0 || addr-p.loads[i].Addr >= p.loads[i].FileSize {
		return nil
	}
	p.last = i
	return &p.loads[i]
}
