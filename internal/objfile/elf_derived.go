package objfile

// Sections of a program that has no section headers: sstrip, `minsize strip
// --sections` and packers take them away, and no loader misses them, for what a
// loader needs is in program headers and in the dynamic section. Most tables
// can be found again from there, with their exact ends: each table says its
// size, or a table that indexes it does (gABI 5, "Dynamic Section"; the GNU
// hash table's chains end the symbols).
//
// They are derived, and marked so: names are those that linkers use for such
// parts, and where the borders are not said (what is code, what is data) the
// segment is all that is known.

import "github.com/minsize/minsize/internal/byteio"

// WithSections gives an ELF program without section headers the
// sections that derive finds. Other files come back as Parse has them.
func WithSections(f *File, derive func(f *File) []Section) (*File, error) {
	if f.ELF == nil || len(f.Sections) > 0 || f.Kind == Core {
		return f, nil
	}
	g, err := Parse(f.Name, f.Data)
	if err != nil {
		return nil, err
	}
	g.Sections = derive(f)
	g.ELF.placeSections()
	return g, nil
}

// DynamicTables are the tables that program headers and the dynamic section
// lead to, as sections: those whose extent is told, in no order, disjoint or
// not as the file has them.
func (e *ELFFile) DynamicTables() []Section {
	f := e.file
	var list []Section
	add := func(name, kind string, addr, size uint64) {
		off, ok := f.OffsetOf(addr)
		if !ok || size == 0 || size > uint64(len(f.tailAt(addr))) {
			return
		}
		list = append(list, Section{Name: name, Type: kind, Index: -1, Offset: off, FileSize: size, Addr: addr, MemSize: size, Alloc: true, Segment: -1, Derived: true})
	}
	for i := range f.Segments {
		switch g := &f.Segments[i]; g.Type {
		case "PT_INTERP":
			add(".interp", "SHT_PROGBITS", g.Addr, g.FileSize)
		case "PT_NOTE":
			add(".note", "SHT_NOTE", g.Addr, g.FileSize)
		case "PT_DYNAMIC":
			add(".dynamic", "SHT_DYNAMIC", g.Addr, g.FileSize)
		case "PT_GNU_EH_FRAME":
			add(".eh_frame_hdr", "SHT_PROGBITS", g.Addr, g.FileSize)
		case "PT_GNU_SFRAME":
			add(".sframe", "SHT_PROGBITS", g.Addr, g.FileSize)
		case "PT_ARM_EXIDX":
			add(".ARM.exidx", "SHT_ARM_EXIDX", g.Addr, g.FileSize)
		case "PT_TLS":
			add(".tdata", "SHT_PROGBITS", g.Addr, g.FileSize)
		}
	}
	value := func(tag int64) uint64 { v, _ := e.DynValue(tag); return v }
	for _, t := range []struct {
		name, kind string
		addr, size int64
	}{
		{".dynstr", "SHT_STRTAB", DT_STRTAB, DT_STRSZ},
		{".rela.dyn", "SHT_RELA", DT_RELA, DT_RELASZ},
		{".rel.dyn", "SHT_REL", DT_REL, DT_RELSZ},
		{".relr.dyn", "SHT_RELR", DT_RELR, DT_RELRSZ},
		{".init_array", "SHT_INIT_ARRAY", DT_INIT_ARRAY, DT_INIT_ARRAYSZ},
		{".fini_array", "SHT_FINI_ARRAY", DT_FINI_ARRAY, DT_FINI_ARRAYSZ},
		{".preinit_array", "SHT_PREINIT_ARRAY", dtPreinitArray, dtPreinitArraysz},
	} {
		if addr, ok := e.DynValue(t.addr); ok {
			add(t.name, t.kind, addr, value(t.size))
		}
	}
	if t, ok := e.concealedTable(); ok {
		if addr, ok := f.AddrOf(t.off); ok {
			add(".relr.dyn", "SHT_RELR", addr, t.size)
		}
	}
	if addr, ok := e.DynValue(DT_JMPREL); ok {
		if value(DT_PLTREL) == DT_REL {
			add(".rel.plt", "SHT_REL", addr, value(DT_PLTRELSZ))
		} else {
			add(".rela.plt", "SHT_RELA", addr, value(DT_PLTRELSZ))
		}
	}
	symbols := uint64(0)
	if t, ok := e.dynamicSymtab(); ok {
		symbols = t.count
		add(".dynsym", "SHT_DYNSYM", value(DT_SYMTAB), symbols*e.symSize())
	}
	if addr, ok := e.DynValue(DT_VERSYM); ok {
		add(".gnu.version", "SHT_GNU_versym", addr, 2*symbols)
	}
	if addr, ok := e.DynValue(DT_HASH); ok {
		if chains, ok := e.hashCount(); ok {
			word := pick(e.d.wide && e.file.CPU.WideHash, 8, 4)
			if b, ok := f.BytesAt(addr, word); ok {
				buckets := uint64(e.d.u32(b))
				if word == 8 {
					buckets = e.d.u64(b)
				}
				if buckets < f.Size {
					add(".hash", "SHT_HASH", addr, word*(2+buckets+chains))
				}
			}
		}
	}
	if addr, ok := e.DynValue(DT_GNU_HASH); ok {
		add(".gnu.hash", "SHT_GNU_HASH", addr, e.gnuHashSize(symbols))
	}
	if addr, ok := e.DynValue(DT_VERNEED); ok {
		add(".gnu.version_r", "SHT_GNU_verneed", addr, e.versionListSize(addr, value(DT_VERNEEDNUM), 16, 2, 8, 12, 16, 12))
	}
	if addr, ok := e.DynValue(DT_VERDEF); ok {
		add(".gnu.version_d", "SHT_GNU_verdef", addr, e.versionListSize(addr, value(DT_VERDEFNUM), 20, 6, 12, 16, 8, 4))
	}
	return list
}

// Dynamic tags of DT_PREINIT_ARRAY (gABI 5, figure 5-10).
const (
	dtPreinitArray   = 32
	dtPreinitArraysz = 33
)

// gnuHashSize is header, Bloom filter, buckets, and a word for each symbol
// that is hashed.
func (e *ELFFile) gnuHashSize(symbols uint64) uint64 {
	addr, _ := e.DynValue(DT_GNU_HASH)
	b, ok := e.file.BytesAt(addr, 16)
	if !ok {
		return 0
	}
	buckets, symoffset, bloom := uint64(e.d.u32(b)), uint64(e.d.u32(b[4:])), uint64(e.d.u32(b[8:]))
	return 16 + bloom*e.d.wordSize() + 4*buckets + 4*saturating(symbols, symoffset)
}

// versionListSize walks a list of version needs or definitions to its end:
// entries of size bytes with the number of further entries, where these are
// and where the next entry is at the given offsets; these of auxSize bytes
// with their next at auxNext.
func (e *ELFFile) versionListSize(addr, count, size, numberAt, auxAt, nextAt, auxSize, auxNext uint64) uint64 {
	v := byteio.View{Data: e.file.tailAt(addr)}
	end, budget := uint64(0), versionBudget
	for at := uint64(0); count > 0 && budget > 0; count-- {
		entry, err := v.Slice(at, size, "version list")
		if err != nil {
			return 0
		}
		end = max(end, at+size)
		aux := at + uint64(e.d.u32(entry[auxAt:]))
		for n := e.d.u16(entry[numberAt:]); n > 0 && budget > 0; n-- {
			budget--
			b, err := v.Slice(aux, auxSize, "version list")
			if err != nil {
				return 0
			}
			end = max(end, aux+auxSize)
			next := uint64(e.d.u32(b[auxNext:]))
			if next == 0 {
				break
			}
			aux += next
		}
		budget--
		next := uint64(e.d.u32(entry[nextAt:]))
		if next == 0 {
			break
		}
		at += next
	}
	return end
}

// SlotRelocation says whether a relocation fills a slot of the global offset
// table: GLOB_DAT and JUMP_SLOT of the machines that have such types.
func (e *ELFFile) SlotRelocation(kind uint32) bool {
	types := e.file.CPU.Types(e.d.wide)
	return kind != 0 && (kind == types.GlobDat || kind == types.JumpSlot)
}
