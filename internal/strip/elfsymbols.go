package strip

// Filtered symbol tables: --keep-symbol, and symbols of sections that are gone.

import (
	"bytes"

	"github.com/minsize/minsize/internal/byteio"
)

// canFilterSymbols says whether .symtab may be written anew: nothing that
// stays refers to its entries by number.
func (p *elfPlan) canFilterSymbols() bool {
	tables := 0
	for i, s := range p.sections {
		switch {
		case s.Type == shtSymtab:
			tables++
		case s.Type == shtSymtabShndx:
			return false
		case (s.Type == shtRel || s.Type == shtRela || s.Type == shtGroup) && p.keep[i] && s.Flags&shfAlloc == 0:
			return false
		}
	}
	return tables == 1
}

// elfSymbol is one Elf32_Sym or Elf64_Sym.
type elfSymbol struct {
	nameOff     uint32
	info, other uint8
	shndx       uint16
	value, size uint64
}

func (f *elfFile) decodeSymbol(b []byte) elfSymbol {
	if f.is64 {
		return elfSymbol{f.order.Uint32(b), b[4], b[5], f.order.Uint16(b[6:]), f.order.Uint64(b[8:]), f.order.Uint64(b[16:])}
	}
	return elfSymbol{f.order.Uint32(b), b[12], b[13], f.order.Uint16(b[14:]), uint64(f.order.Uint32(b[4:])), uint64(f.order.Uint32(b[8:]))}
}

func (f *elfFile) encodeSymbol(b []byte, s elfSymbol) {
	f.order.PutUint32(b, s.nameOff)
	if f.is64 {
		b[4], b[5] = s.info, s.other
		f.order.PutUint16(b[6:], s.shndx)
		f.order.PutUint64(b[8:], s.value)
		f.order.PutUint64(b[16:], s.size)
		return
	}
	f.order.PutUint32(b[4:], uint32(s.value))
	f.order.PutUint32(b[8:], uint32(s.size))
	b[12], b[13] = s.info, s.other
	f.order.PutUint16(b[14:], s.shndx)
}

// placeSymbols writes the symbol table that stays, without the symbols of
// sections that are gone and, above Debug, with only those of --keep-symbol.
func (p *elfPlan) placeSymbols(table *[]elfSection, index map[uint32]uint32, add func([]byte, uint64, Reason) uint64) error {
	for i := range p.sections {
		if !p.symbolsAnew(i) {
			continue
		}
		s := p.sections[i]
		link := uint64(s.Link)
		if link == 0 || link >= uint64(len(p.sections)) {
			return byteio.Errorf(p.head.Shoff, "sh_link", "%d is no section with the symbols' names", link)
		}
		symbols, locals, names, err := p.filterSymbols(i, index)
		if err != nil {
			return err
		}
		align := uint64(p.pick(4, 8))
		entry := &(*table)[index[uint32(i)]]
		entry.Offset, entry.Size = add(symbols, align, ReasonSymbols), uint64(len(symbols))
		entry.Entsize, entry.Info, entry.Addralign = p.symsize(), locals, align
		entry.Link = uint32(len(*table))
		*table = append(*table, elfSection{Name: ".strtab", Type: shtStrtab, Offset: add(names, 1, ReasonSymbols), Size: uint64(len(names)), Addralign: 1})
	}
	return nil
}

func (p *elfPlan) filterSymbols(section int, index map[uint32]uint32) (table []byte, locals uint32, names []byte, err error) {
	size := p.symsize()
	in, pool := p.section(section), p.section(int(p.sections[section].Link))
	type kept struct {
		elfSymbol
		name string
	}
	var symbols []kept
	found := map[string]bool{}
	strings := newStringPool()
	strings.add("")
	for at := size; at+size <= uint64(len(in)); at += size { // entry 0 is the null symbol
		sym := p.decodeSymbol(in[at:])
		if uint64(sym.nameOff) > uint64(len(pool)) {
			return nil, 0, nil, byteio.Errorf(p.sections[section].Offset+at, "st_name", "%d, but the names take %d bytes", sym.nameOff, len(pool))
		}
		raw := pool[sym.nameOff:]
		n := bytes.IndexByte(raw, 0)
		if n < 0 {
			n = len(raw)
		}
		if p.level >= All {
			name := string(raw[:n])
			if !matches(p.o.KeepSymbols, name) {
				continue
			}
			found[name] = true
		}
		if sym.shndx != shnUndef && sym.shndx < shnLoreserve {
			to, ok := index[uint32(sym.shndx)]
			if !ok {
				continue
			}
			sym.shndx = uint16(to)
		}
		symbols = append(symbols, kept{sym, string(raw[:n])})
		strings.add(string(raw[:n]))
	}
	if p.level >= All {
		for _, pattern := range p.o.KeepSymbols {
			if !anyMatch(pattern, found) {
				p.r.note("no symbol matches --keep-symbol %s", pattern)
			}
		}
	}
	names = strings.bytes()
	table = make([]byte, uint64(len(symbols)+1)*size)
	at := size
	locals = 1
	for _, local := range []bool{true, false} {
		for _, s := range symbols {
			if (s.info>>4 == 0) != local { // STB_LOCAL come first (System V ABI, sh_info of SHT_SYMTAB)
				continue
			}
			s.nameOff = strings.offset(s.name)
			p.encodeSymbol(table[at:], s.elfSymbol)
			at += size
			if local {
				locals++
			}
		}
	}
	return table, locals, names, nil
}

func anyMatch(pattern string, names map[string]bool) bool {
	for name := range names {
		if matches([]string{pattern}, name) {
			return true
		}
	}
	return false
}
