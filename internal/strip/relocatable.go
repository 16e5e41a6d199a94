package strip

// Relocatable ELF objects, kernel modules too.
//
// Hard here: everything refers to everything by number. Relocations name
// symbols, symbols name sections, groups list sections, and linkers drop what
// they cannot follow without a word. So only debug info goes, whatever the
// level, and symbols keep their numbers: one whose section is gone becomes an
// empty local absolute one, so no relocation of any machine's own layout has
// to be touched. A symbol that a relocation of a kept section uses is never
// changed; where one lies in debug info, the object is left alone.

import (
	"bytes"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
)

// debugInObject says which sections of an object go: debug info, relocations
// for it, and groups of nothing else. What GCC's bytecode (.gnu.lto_*) needs
// stays with it: the debug info that link-time code generation writes refers
// to symbols of .gnu.debuglto_*, by names that stand in the bytecode alone.
func (f *elfFile) debugInObject() []bool {
	drop := make([]bool, len(f.sections))
	bytecode := slices.ContainsFunc(f.sections, func(s elfSection) bool { return strings.HasPrefix(s.Name, ".gnu.lto_") })
	for i, s := range f.sections {
		drop[i] = i > 0 && s.Type != shtNull && s.Flags&shfAlloc == 0 && f.ruleOf(i).fate == fateDebug &&
			!(bytecode && strings.HasPrefix(s.Name, ".gnu.debuglto_"))
	}
	for i, s := range f.sections {
		if (s.Type == shtRel || s.Type == shtRela) && int(s.Info) < len(drop) && s.Flags&shfAlloc == 0 {
			drop[i] = drop[s.Info]
		}
	}
	for i, s := range f.sections {
		if s.Type != shtGroup {
			continue
		}
		members := f.groupMembers(i)
		drop[i] = len(members) > 0 && !slices.ContainsFunc(members, func(m uint32) bool { return int(m) >= len(drop) || !drop[m] })
	}
	return drop
}

// splitDebugInfo says whether the object is what -gsplit-dwarf leaves beside
// the real one, or a package of such: DWARF 5, section 7.3. Clang can put
// the same sections into the object itself, which has code then.
func (f *elfFile) splitDebugInfo() bool {
	found := false
	for _, s := range f.sections {
		if s.Flags&shfAlloc != 0 && s.Size > 0 {
			return false
		}
		found = found || strings.HasPrefix(s.Name, ".debug_") && (strings.HasSuffix(s.Name, ".dwo") || strings.HasSuffix(s.Name, "u_index"))
	}
	return found
}

// groupMembers are the sections of group i, behind its flag word.
func (f *elfFile) groupMembers(i int) []uint32 {
	raw := f.section(i)
	var out []uint32
	for at := 4; at+4 <= len(raw); at += 4 {
		out = append(out, f.order.Uint32(raw[at:]))
	}
	return out
}

// symbolTable is the index of the one symbol table, 0 without; more are an error.
func (f *elfFile) symbolTable() (int, error) {
	found := 0
	for i, s := range f.sections {
		if s.Type == shtSymtab {
			if found != 0 {
				return 0, byteio.Errorf(f.head.Shoff, "section headers", "two symbol tables")
			}
			found = i
		}
	}
	if found != 0 && f.sections[found].Size%f.symsize() != 0 {
		return 0, byteio.Errorf(f.sections[found].Offset, "symbol table", "%d bytes are no whole number of symbols", f.sections[found].Size)
	}
	return found, nil
}

// usedSymbols marks the symbols that relocations of kept sections use.
func (f *elfFile) usedSymbols(drop []bool, count int) []bool {
	used := make([]bool, count)
	for i, s := range f.sections {
		if s.Type != shtRel && s.Type != shtRela || drop[i] {
			continue
		}
		raw := f.section(i)
		size := f.pick(8, 16)
		if s.Type == shtRela {
			size = f.pick(12, 24)
		}
		for at := 0; at+size <= len(raw); at += size {
			// ELF32_R_SYM is the upper 24 bits, ELF64_R_SYM the upper 32; 64-bit
			// little-endian MIPS keeps the symbol in the first four bytes.
			var n uint64
			switch {
			case !f.is64:
				n = uint64(f.order.Uint32(raw[at+4:]) >> 8)
			case f.machine().SplitInfo:
				n = uint64(f.order.Uint32(raw[at+8:]))
			default:
				n = f.order.Uint64(raw[at+8:]) >> 32
			}
			if n < uint64(count) {
				used[n] = true
			}
		}
	}
	return used
}

func (f *elfFile) planRelocatable(o Options, r *Report) (byteio.Content, error) {
	if len(f.sections) == 0 {
		return nil, refuse("", "a relocatable object without section headers")
	}
	if len(f.segments) > 0 {
		return nil, refuse("", "a relocatable object with program headers")
	}
	if o.DebugLink != nil || len(o.KeepSymbols) > 0 {
		return nil, refuse("strip it without them", "--only-keep-debug and --keep-symbol are for linked programs")
	}
	if f.head.Shnum == 0 || f.head.Shstrndx == shnXindex {
		return nil, refuse("", "more sections than the ELF header can count")
	}
	if err := f.objectPayload(o, r); err != nil {
		return nil, err
	}
	drop := f.debugInObject()
	if f.splitDebugInfo() {
		return nil, refuse("strip the program that it belongs to", "split debug info (.dwo, .dwp): its debug info is all it has")
	}
	if !slices.Contains(drop, true) {
		end := f.objectEnd() // what is appended was asked to go
		r.remove(ReasonPayload, int64(len(f.data))-int64(end))
		return byteio.Content{{Data: f.data[:end]}}, nil
	}
	if o.level() > Debug {
		r.note("relocatable object: debug info alone goes")
	}
	table, err := f.symbolTable()
	if err != nil {
		return nil, err
	}
	index := map[uint32]uint32{}
	var order []int
	for i := range f.sections {
		if !drop[i] {
			index[uint32(i)] = uint32(len(order))
			order = append(order, i)
		}
	}

	// Contents, in the old order; numbers of sections in them mended.
	out := []byteio.Piece{{}}
	at := f.ehsize()
	add := func(b []byte, align uint64) uint64 {
		to := placeAt(at, 0, max(align, 1))
		out[len(out)-1].Zeros += to - at
		out = append(out, byteio.Piece{Data: b})
		at = to + uint64(len(b))
		return to
	}
	sections := make([]elfSection, len(order))
	names := newStringPool()
	for n, i := range order {
		s := f.sections[i]
		data := f.section(i)
		switch {
		case s.Type == shtSymtab:
			if data, err = f.symbolsWithout(table, drop, index); err != nil {
				return nil, err
			}
		case s.Type == shtSymtabShndx:
			data = bytes.Clone(data)
			for at := 0; at+4 <= len(data); at += 4 {
				f.order.PutUint32(data[at:], index[f.order.Uint32(data[at:])])
			}
		case s.Type == shtGroup && len(data) >= 4:
			group := bytes.Clone(data[:4])
			for _, m := range f.groupMembers(i) {
				if to, ok := index[m]; ok {
					group = append(group, 0, 0, 0, 0)
					f.order.PutUint32(group[len(group)-4:], to)
				}
			}
			data = group
		case uint64(i) == f.head.realStr:
			data = nil
		}
		if s.Type != shtNobits && s.Type != shtNull {
			s.Size = uint64(len(data))
		}
		if n > 0 {
			s.Link = remap(index, s.Link)
			if s.Type == shtRel || s.Type == shtRela || s.Flags&shfInfoLink != 0 {
				s.Info = remap(index, s.Info)
			}
			if uint64(i) != f.head.realStr {
				s.Offset = add(data, s.Addralign)
			}
		}
		sections[n] = s
		names.add(s.Name)
	}
	head := f.head
	if own, ok := index[uint32(f.head.realStr)]; ok && own != 0 {
		pool := names.bytes()
		if f.stringsShared() {
			pool = f.section(int(f.head.realStr)) // symbols' names are in it too
			for i := range sections {
				names.strings[sections[i].Name] = sections[i].NameOff
			}
		}
		sections[own].Offset, sections[own].Size = add(pool, 1), uint64(len(pool))
		head.Shstrndx = uint16(own)
	}
	encoded := make([]byte, uint64(len(sections))*f.shentsize())
	for i, s := range sections {
		s.NameOff = names.offset(s.Name)
		f.encodeSection(encoded[uint64(i)*f.shentsize():], s)
	}
	head.Shnum = uint16(len(sections))
	head.Shoff = add(encoded, uint64(f.pick(4, 8)))
	out[0].Data = f.encodeHeader(head)
	f.accountObject(r, drop, byteio.Content(out))
	return out, nil
}

// stringsShared says whether section names and symbol names share a table.
func (f *elfFile) stringsShared() bool {
	return slices.ContainsFunc(f.sections, func(s elfSection) bool {
		return s.Type == shtSymtab && uint64(s.Link) == f.head.realStr
	})
}

// objectEnd is where the last thing ends that a header tells of.
func (f *elfFile) objectEnd() uint64 {
	end := f.head.Shoff + f.head.realShnum*f.shentsize()
	for _, s := range f.sections {
		if n := s.fileSize(); n > 0 {
			end = max(end, s.Offset+n)
		}
	}
	return end
}

// objectPayload refuses what is appended to an object: on kernel modules that
// is their signature.
func (f *elfFile) objectPayload(o Options, r *Report) error {
	end := f.objectEnd()
	rest := f.data[end:]
	if allZero(rest) || o.DropPayload {
		return nil
	}
	return refuse("--drop-payload to lose it, and sign the result", "%d bytes of payload (%s) appended at offset %#x", len(rest), payloadKind(f.data, rest), end)
}

// symbolsWithout is the symbol table with the numbers of the sections that
// stay; symbols of the others become empty.
func (f *elfFile) symbolsWithout(table int, drop []bool, index map[uint32]uint32) ([]byte, error) {
	raw := bytes.Clone(f.section(table))
	size := f.symsize()
	used := f.usedSymbols(drop, len(raw)/int(size))
	for n, at := 0, uint64(0); at < uint64(len(raw)); n, at = n+1, at+size {
		s := f.decodeSymbol(raw[at:])
		if s.shndx == shnUndef || s.shndx >= shnLoreserve {
			continue // SHN_XINDEX: the number is in SHT_SYMTAB_SHNDX
		}
		to, ok := index[uint32(s.shndx)]
		switch {
		case ok:
			s.shndx = uint16(to)
		case used[n]:
			return nil, refuse("", "symbol %d lies in debug info and code refers to it", n)
		case s.info>>4 == 0:
			s = elfSymbol{shndx: shnAbs}
		default:
			const weak = 2 << 4
			s = elfSymbol{nameOff: s.nameOff, info: weak, other: s.other} // undefined, and nobody asks for it
		}
		f.encodeSymbol(raw[at:], s)
	}
	return raw, nil
}

func (f *elfFile) accountObject(r *Report, drop []bool, out byteio.Content) {
	var sum int64
	for i, s := range f.sections {
		if drop[i] {
			r.remove(ReasonDebug, int64(s.fileSize()))
			r.remove(ReasonHeaders, int64(f.shentsize()))
			sum += int64(s.fileSize()) + int64(f.shentsize())
		}
	}
	payload := int64(len(f.data)) - int64(f.objectEnd())
	r.remove(ReasonPayload, payload)
	r.remove(ReasonPadding, int64(len(f.data))-int64(out.Len())-sum-payload)
}
