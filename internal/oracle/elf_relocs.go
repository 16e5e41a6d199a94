package oracle

// An ELF program or library as it lies in memory once the dynamic linker has
// added the base, so that two ways to write the same relocations down (REL,
// RELA, RELR, a word in place) can be told to be the same.

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/minsize/minsize/internal/byteio"
)

// relativeTypes is R_*_RELATIVE by e_machine.
var relativeTypes = map[uint16]uint32{3: 8, 62: 8, 183: 1027, 40: 23, 243: 3, 22: 12, 21: 22, 20: 22, 258: 3}

// Tags of the dynamic section that tell where relocations are and how many;
// they may change with the form that the relocations have.
const (
	tagNull, tagPltRelSize, tagStrtab, tagSymtab       = 0, 2, 5, 6
	tagRela, tagRelaSize, tagRel, tagRelSize           = 7, 8, 17, 18
	tagJmpRel, tagPltRel, tagRelrSize, tagRelr         = 23, 20, 35, 36
	tagRelaEntry, tagRelEntry, tagRelrEntry            = 9, 19, 37
	tagStrSize, tagRelaCount, tagRelCount              = 10, 0x6ffffff9, 0x6ffffffa
	tagNeeded, tagSoname, tagRpath, tagRunpath   int64 = 1, 14, 15, 29
)

var tableTags = []uint64{tagPltRelSize, tagRela, tagRelaSize, tagRel, tagRelSize, tagJmpRel, tagPltRel, tagRelrSize, tagRelr,
	tagRelaEntry, tagRelEntry, tagRelrEntry, tagRelaCount, tagRelCount}

// loaded is an ELF file with its relocations.
type loaded struct {
	*elf
	dynamic map[uint64]uint64 // the last value of each tag
	words   map[uint64]uint64 // what relative relocations make, by link-time address
	others  map[uint64]string // what the rest ask for
	done    []Span            // memory of tables and of relocated words
}

// Loaded is Read for an ELF program or library that was loaded at a base: each
// word that the base was added to is a fact, each relocation that asks for a
// symbol too, and the dynamic section's entries but for those that say how
// relocations are written down. The bytes of all these are no longer compared.
func Loaded(data []byte, base uint64) (*Image, error) {
	f, err := openELF(data)
	if err != nil {
		return nil, err
	}
	if err := f.readSegments(); err != nil {
		return nil, err
	}
	f.regions()
	f.image.Format = "ELF"
	l := &loaded{elf: f, dynamic: map[uint64]uint64{}, words: map[uint64]uint64{}, others: map[uint64]string{}}
	if err := l.readDynamic(); err != nil {
		return nil, err
	}
	if err := l.relocate(base); err != nil {
		return nil, err
	}
	i := f.image
	for _, at := range slices.Sorted(maps.Keys(l.words)) {
		i.fact(fmt.Sprintf("the word at %#x", at), "%#x", l.words[at])
	}
	for _, at := range slices.Sorted(maps.Keys(l.others)) {
		i.fact(fmt.Sprintf("the relocation at %#x", at), "%s", l.others[at])
	}
	for k := range i.Regions {
		r := &i.Regions[k]
		for _, s := range l.done {
			if s.End > r.Addr && s.Start < r.Addr+uint64(len(r.Data)) {
				r.Places = append(r.Places, Span{max(s.Start, r.Addr) - r.Addr, min(s.End-r.Addr, uint64(len(r.Data)))})
			}
		}
	}
	return i, nil
}

// memory is the part of the file that is loaded at an address.
func (l *loaded) memory(addr, n uint64, what string) ([]byte, error) {
	for _, p := range l.segments {
		if p.kind == kindLoad && addr >= p.vaddr && addr-p.vaddr < p.filesz && n <= p.filesz-(addr-p.vaddr) {
			return l.Slice(p.offset+(addr-p.vaddr), n, what)
		}
	}
	return nil, byteio.Errorf(0, what, "%#x bytes at address %#x are not in the file", n, addr)
}

func (l *loaded) readDynamic() error {
	count := numbered{}
	for _, p := range l.segments {
		if p.kind != kindDynamic {
			continue
		}
		c := l.at0(p.offset)
		end := p.offset + p.filesz
		var entries [][2]uint64
		for c.at < end {
			tag, value := c.word("d_tag"), c.word("d_val")
			if c.err != nil {
				return c.err
			}
			if tag == tagNull {
				break
			}
			l.dynamic[tag] = value
			entries = append(entries, [2]uint64{tag, value})
		}
		for _, e := range entries {
			if !slices.Contains(tableTags, e[0]) {
				l.image.fact(count.name(fmt.Sprintf("dynamic entry %#x", e[0])), "%s", l.dynamicValue(e[0], e[1]))
			}
		}
		l.done = append(l.done, Span{p.vaddr, p.vaddr + p.memsz})
	}
	return nil
}

// dynamicValue reads what is an offset into the strings.
func (l *loaded) dynamicValue(tag, value uint64) string {
	switch int64(tag) {
	case tagNeeded, tagSoname, tagRpath, tagRunpath:
		return l.text(value)
	}
	return fmt.Sprintf("%#x", value)
}

func (l *loaded) text(at uint64) string {
	pool, err := l.memory(l.dynamic[tagStrtab], l.dynamic[tagStrSize], "DT_STRTAB")
	if err != nil || at >= uint64(len(pool)) {
		return fmt.Sprintf("string %#x", at)
	}
	text, _, _ := bytes.Cut(pool[at:], []byte{0})
	return string(text)
}

func (l *loaded) relocate(base uint64) error {
	for _, t := range []struct {
		table, size uint64
		addends     bool
	}{
		{tagRela, tagRelaSize, true}, {tagRel, tagRelSize, false}, {tagJmpRel, tagPltRelSize, l.dynamic[tagPltRel] == tagRela},
	} {
		if n := l.dynamic[t.size]; n > 0 {
			if err := l.applyTable(base, l.dynamic[t.table], n, t.addends); err != nil {
				return err
			}
		}
	}
	if n := l.dynamic[tagRelrSize]; n > 0 {
		return l.applyPacked(base, l.dynamic[tagRelr], n)
	}
	return nil
}

func (l *loaded) over(addr, n uint64, what string) (*cursor, error) {
	data, err := l.memory(addr, n, what)
	l.done = append(l.done, Span{addr, addr + n})
	return &cursor{View: byteio.View{Data: data, Order: l.Order}, wide: l.wide}, err
}

func (l *loaded) applyTable(base, addr, n uint64, addends bool) error {
	c, err := l.over(addr, n, "relocations")
	if err != nil {
		return err
	}
	size := 2 * l.wordSize()
	if addends {
		size += l.wordSize()
	}
	for c.at+size <= n {
		at, info := c.word("r_offset"), c.word("r_info")
		kind, symbol := uint32(info), info>>32
		if !l.wide {
			kind, symbol = uint32(info&0xff), info>>8
		}
		addend := uint64(0)
		if addends {
			addend = c.word("r_addend")
		} else if addend, err = l.inPlace(at); err != nil {
			return err
		}
		if c.err != nil {
			return c.err
		}
		if kind == 0 {
			continue
		}
		l.done = append(l.done, Span{at, at + l.wordSize()})
		if kind == relativeTypes[l.machine] && symbol == 0 {
			l.words[at] = l.truncate(base + addend)
			continue
		}
		l.others[at] += fmt.Sprintf("type %d, symbol %s, addend %#x; ", kind, l.symbol(symbol), addend)
	}
	return nil
}

// applyPacked reads DT_RELR: an even entry is the address of a word, an odd one
// a bitmap of the words behind it.
func (l *loaded) applyPacked(base, addr, n uint64) error {
	c, err := l.over(addr, n, "DT_RELR")
	if err != nil {
		return err
	}
	word := l.wordSize()
	bitsPerEntry := 8*word - 1
	next := uint64(0)
	add := func(at uint64) error {
		value, err := l.inPlace(at)
		if err != nil {
			return err
		}
		if before, twice := l.words[at]; twice {
			value = before // what one relocation made, the next adds to
		}
		l.words[at] = l.truncate(base + value)
		l.done = append(l.done, Span{at, at + word})
		return nil
	}
	for c.at < n {
		entry := c.word("RELR entry")
		if c.err != nil {
			return c.err
		}
		if entry&1 == 0 {
			if err := add(entry); err != nil {
				return err
			}
			next = entry + word
			continue
		}
		for k := range bitsPerEntry {
			if entry>>(k+1)&1 != 0 {
				if err := add(next + k*word); err != nil {
					return err
				}
			}
		}
		next += bitsPerEntry * word
	}
	return nil
}

func (l *loaded) truncate(v uint64) uint64 {
	if !l.wide {
		return uint64(uint32(v))
	}
	return v
}

// inPlace is the word that the file has at an address.
func (l *loaded) inPlace(addr uint64) (uint64, error) {
	b, err := l.memory(addr, l.wordSize(), "relocated word")
	if err != nil {
		return 0, err
	}
	c := cursor{View: byteio.View{Data: b, Order: l.Order}, wide: l.wide}
	return c.word("relocated word"), c.err
}

// symbol names an entry of the dynamic symbol table.
func (l *loaded) symbol(n uint64) string {
	if n == 0 {
		return "none"
	}
	size := uint64(16)
	if l.wide {
		size = 24
	}
	b, err := l.memory(l.dynamic[tagSymtab]+n*size, size, "DT_SYMTAB")
	if err != nil {
		return fmt.Sprintf("%d", n)
	}
	return l.text(uint64(l.Order.Uint32(b)))
}
