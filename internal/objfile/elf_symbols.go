package objfile

// ELF symbol tables (gABI 4, "Symbol Table") and GNU symbol versions.
//
// .symtab is a section and nothing else finds it. The dynamic symbol table is
// found by sections or, without them, by DT_SYMTAB; nothing there says how many
// entries it has, but its hash table must know: DT_HASH says it (nchain),
// DT_GNU_HASH is walked to the end of its last chain.

import (
	"github.com/minsize/minsize/internal/byteio"
)

// symtab says where one symbol table lies. base is the position in the
// File's Symbols of the table's entry 1 (entry 0 is the null symbol).
type symtab struct {
	off, count uint64
	strings    stringTable
	shndx      []byte // SHT_SYMTAB_SHNDX
	dynamic    bool
	base       int
}

func (e *ELFFile) symSize() uint64 { return pick(e.d.wide, 24, 16) }

// symtabs finds the symbol tables: .symtab first, then the dynamic one.
func (e *ELFFile) symtabs() ([]symtab, error) {
	v := byteio.View{Data: e.file.Data}
	var static, dynamic []symtab
	for i, h := range e.Shdrs {
		if h.Type != SHT_SYMTAB && h.Type != SHT_DYNSYM {
			continue
		}
		if e.file.Kind == DebugFile && h.Type == SHT_DYNSYM {
			continue
		}
		if h.Type == SHT_SYMTAB && len(static) > 0 || h.Type == SHT_DYNSYM && len(dynamic) > 0 {
			continue // the gABI allows one of each
		}
		t := symtab{off: h.Off, count: h.Size / e.symSize(), dynamic: h.Type == SHT_DYNSYM}
		if uint64(h.Link) >= uint64(len(e.Shdrs)) {
			return nil, byteio.Errorf(e.shdrOffset(v, i), "sh_link", "symbol table %d: section %d of %d", i, h.Link, len(e.Shdrs))
		}
		strings := e.Shdrs[h.Link]
		if strings.Type != SHT_NOBITS {
			b, err := v.Slice(strings.Off, strings.Size, "symbol string table")
			if err != nil {
				return nil, err
			}
			t.strings = newStringTable(b)
		}
		for _, x := range e.Shdrs {
			if x.Type == SHT_SYMTAB_SHNDX && int(x.Link) == i {
				b, err := v.Slice(x.Off, x.Size, "SHT_SYMTAB_SHNDX")
				if err != nil {
					return nil, err
				}
				t.shndx = b
			}
		}
		if t.dynamic {
			dynamic = append(dynamic, t)
		} else {
			static = append(static, t)
		}
	}
	if len(dynamic) == 0 {
		if t, ok := e.dynamicSymtab(); ok {
			dynamic = append(dynamic, t)
		}
	}
	tables := append(static, dynamic...)
	base := 0
	for i := range tables {
		tables[i].base = base
		base += int(saturating(tables[i].count, 1))
	}
	return tables, nil
}

// dynamicSymtab finds the dynamic symbol table without sections.
func (e *ELFFile) dynamicSymtab() (symtab, bool) {
	addr, ok := e.DynValue(DT_SYMTAB)
	if !ok {
		return symtab{}, false
	}
	off, ok := e.file.OffsetOf(addr)
	if !ok {
		return symtab{}, false
	}
	limit := uint64(len(e.file.tailAt(addr))) / e.symSize()
	count, ok := e.hashCount()
	if !ok {
		count, ok = e.gnuHashCount()
	}
	if !ok { // most linkers put the strings right behind the symbols
		strings, _ := e.DynValue(DT_STRTAB)
		count = saturating(strings, addr) / e.symSize()
	}
	return symtab{off: off, count: min(count, limit), strings: e.dynStrings(), dynamic: true}, true
}

// hashCount is nchain of DT_HASH; its words are 8 bytes on s390x and alpha.
func (e *ELFFile) hashCount() (uint64, bool) {
	addr, ok := e.DynValue(DT_HASH)
	if !ok {
		return 0, false
	}
	word := pick(e.d.wide && e.file.CPU.WideHash, 8, 4)
	b, ok := e.file.BytesAt(addr+word, word)
	if !ok {
		return 0, false
	}
	if word == 8 {
		return e.d.u64(b), true
	}
	return uint64(e.d.u32(b)), true
}

// gnuHashCount walks DT_GNU_HASH: the largest bucket's chain ends the table.
func (e *ELFFile) gnuHashCount() (uint64, bool) {
	addr, ok := e.DynValue(DT_GNU_HASH)
	if !ok {
		return 0, false
	}
	table := e.file.tailAt(addr)
	if len(table) < 16 {
		return 0, false
	}
	buckets, symoffset, bloom := uint64(e.d.u32(table)), uint64(e.d.u32(table[4:])), uint64(e.d.u32(table[8:]))
	start := 16 + bloom*e.d.wordSize()
	if start+buckets*4 > uint64(len(table)) {
		return 0, false
	}
	last := uint64(0)
	for i := range buckets {
		last = max(last, uint64(e.d.u32(table[start+4*i:])))
	}
	if last < symoffset { // nothing is exported: the table ends where hashing begins
		return symoffset, true
	}
	for at := start + buckets*4 + (last-symoffset)*4; at+4 <= uint64(len(table)); at += 4 {
		last++
		if e.d.u32(table[at:])&1 != 0 {
			return last, true
		}
	}
	return 0, false
}

// elfSymbols reads all tables.
func (e *ELFFile) elfSymbols() ([]Symbol, error) {
	tables, err := e.symtabList()
	if err != nil {
		return nil, err
	}
	total := uint64(0)
	for _, t := range tables {
		if _, err := (byteio.View{Data: e.file.Data}).Table(t.off, t.count, e.symSize(), "symbol table"); err != nil {
			return nil, err
		}
		total += saturating(t.count, 1)
	}
	symbols := make([]Symbol, 0, total)
	var firstErr error
	for _, t := range tables {
		var err error
		if symbols, err = e.readSymtab(symbols, t); err != nil && firstErr == nil {
			firstErr = err
		}
	}
	return symbols, firstErr
}

func (e *ELFFile) readSymtab(symbols []Symbol, t symtab) ([]Symbol, error) {
	d, size := e.d, e.symSize()
	table := e.file.Data[t.off : t.off+t.count*size]
	var versions versionTable
	if t.dynamic {
		versions = e.versions(t)
	}
	thumb := e.file.CPU.ThumbBit
	var bad error
	for i := uint64(1); i < t.count; i++ {
		b := table[i*size : i*size+size]
		s := Symbol{Index: int(i), Dynamic: t.dynamic, Section: -1}
		var info, other uint8
		var shndx uint32
		name := d.u32(b)
		if d.wide {
			info, other, shndx = b[4], b[5], uint32(d.u16(b[6:]))
			s.Addr, s.Size = d.u64(b[8:]), d.u64(b[16:])
		} else {
			s.Addr, s.Size = uint64(d.u32(b[4:])), uint64(d.u32(b[8:]))
			info, other, shndx = b[12], b[13], uint32(d.u16(b[14:]))
		}
		if name != 0 {
			var ok bool
			if s.Name, ok = t.strings.at(uint64(name)); !ok && bad == nil {
				bad = byteio.Errorf(t.off+i*size, "st_name", "symbol %d: no string at %#x of %#x", i, name, len(t.strings.data))
			}
		}
		switch info >> 4 {
		case 1, 10: // STB_GLOBAL, STB_GNU_UNIQUE
			s.Bind = BindGlobal
		case 2:
			s.Bind = BindWeak
		}
		switch info & 15 {
		case 1, 5: // STT_OBJECT, STT_COMMON
			s.Kind = SymData
		case 2, 13: // STT_FUNC, STT_ARM_TFUNC (STT_SPARC_REGISTER has no address to mistake)
			s.Kind = SymFunc
			if thumb {
				s.Addr &^= 1
			}
		case 3:
			s.Kind = SymSection
		case 4:
			s.Kind = SymFile
		case 6:
			s.Kind = SymTLS
		case 10:
			s.Kind = SymIFunc
		}
		visibility := other & 3
		s.Hidden = visibility == 1 || visibility == 2
		switch {
		case shndx == 0:
			s.Undefined = true
		case shndx == shnXindex:
			if 4*i+4 <= uint64(len(t.shndx)) {
				s.Section = int(d.u32(t.shndx[4*i:]))
			}
		case shndx < shnLoRes:
			s.Section = int(shndx)
		}
		if s.Section >= len(e.Shdrs) && len(e.Shdrs) > 0 {
			// Strippers that drop sections leave such symbols behind
			// (rustup's librustc_driver has some): the address holds.
			s.Section = -1
		}
		s.Version = versions.of(i, s.Undefined)
		symbols = append(symbols, s)
	}
	return symbols, bad
}
