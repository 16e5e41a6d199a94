package objedit

// Static libraries: one object that shows others what it exports and nothing
// else, in an archive of its own.

import (
	"encoding/binary"
	"fmt"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/objfile"
)

// Exports lists the symbols that the object defines for everybody: global, and
// not hidden.
func (o *Object) Exports() []string {
	var names []string
	for i := range o.symbols {
		s := &o.symbols[i]
		if s.exported && s.bind != local && s.index > 0 && s.name != "" {
			names = append(names, s.name)
		}
	}
	return names
}

// Localise makes every symbol that the object defines local, but those to
// keep. data is a 64-bit little-endian object file; what it gives is a copy.
func Localise(data []byte, keep func(name string) bool) ([]byte, error) {
	out := append([]byte(nil), data...)
	v := byteio.View{Data: out, Order: binary.LittleEndian}
	le := binary.LittleEndian
	if len(out) < 64 || out[4] != 2 || out[5] != 1 {
		return nil, fmt.Errorf("a 64-bit little-endian object was expected")
	}
	shoff, count := le.Uint64(out[40:]), uint64(le.Uint16(out[60:]))
	if count == 0 { // more than fit the header: section 0 says it
		zero, err := v.Slice(shoff, 64, "section 0")
		if err != nil {
			return nil, err
		}
		count = le.Uint64(zero[32:])
	}
	headers, err := v.Table(shoff, count, 64, "section headers")
	if err != nil {
		return nil, err
	}
	section := func(i uint64) []byte { return headers[64*i : 64*i+64] }
	body := func(h []byte) ([]byte, error) { return v.Slice(le.Uint64(h[24:]), le.Uint64(h[32:]), "section") }
	for i := range count {
		h := section(i)
		if le.Uint32(h[4:]) != objfile.SHT_SYMTAB {
			continue
		}
		table, err := body(h)
		if err != nil {
			return nil, err
		}
		if link := uint64(le.Uint32(h[40:])); link >= count {
			return nil, fmt.Errorf("the symbols' names are in section %d of %d", link, count)
		}
		names, err := body(section(uint64(le.Uint32(h[40:]))))
		if err != nil {
			return nil, err
		}
		moved, locals, err := localFirst(table, byteio.View{Data: names, Order: le}, keep)
		if err != nil {
			return nil, err
		}
		le.PutUint32(h[44:], locals)
		if err := renumber(moved, i, count, section, body); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// localFirst sorts a symbol table in place, for local symbols stand first, and
// says where each has gone.
func localFirst(table []byte, names byteio.View, keep func(name string) bool) (moved []uint32, locals uint32, err error) {
	symbolEntry := int(elf64.symbol)
	n := len(table) / symbolEntry
	le := binary.LittleEndian
	first := make([]bool, n)
	for i := range n {
		s := table[i*symbolEntry:]
		name, err := nameAt(names, uint64(le.Uint32(s)))
		if err != nil {
			return nil, 0, err
		}
		if s[4]>>4 != 0 && le.Uint16(s[6:]) != 0 && !keep(name) {
			s[4] = s[4] & 15 // STB_LOCAL
			s[5] = 0
		}
		if first[i] = s[4]>>4 == 0; first[i] {
			locals++
		}
	}
	moved = make([]uint32, n)
	sorted := make([]byte, 0, len(table))
	for _, now := range []bool{true, false} {
		for i := range n {
			if first[i] == now {
				moved[i] = uint32(len(sorted) / symbolEntry)
				sorted = append(sorted, table[i*symbolEntry:(i+1)*symbolEntry]...)
			}
		}
	}
	copy(table, sorted)
	return moved, locals, nil
}

// renumber follows the symbols of a table to where they have gone.
func renumber(moved []uint32, symtab, count uint64, section func(uint64) []byte, body func([]byte) ([]byte, error)) error {
	le := binary.LittleEndian
	at := func(n uint32) (uint32, error) {
		if uint64(n) >= uint64(len(moved)) {
			return 0, fmt.Errorf("symbol %d of %d", n, len(moved))
		}
		return moved[n], nil
	}
	for i := range count {
		h := section(i)
		if uint64(le.Uint32(h[40:])) != symtab {
			continue
		}
		switch kind := le.Uint32(h[4:]); kind {
		case objfile.SHT_GROUP: // its name is a symbol
			n, err := at(le.Uint32(h[44:]))
			if err != nil {
				return err
			}
			le.PutUint32(h[44:], n)
		case objfile.SHT_RELA, objfile.SHT_REL:
			size := 24
			if kind == objfile.SHT_REL {
				size = 16
			}
			table, err := body(h)
			if err != nil {
				return err
			}
			for ; len(table) >= size; table = table[size:] {
				n, err := at(le.Uint32(table[12:]))
				if err != nil {
					return err
				}
				le.PutUint32(table[12:], n)
			}
		case objfile.SHT_SYMTAB_SHNDX:
			return fmt.Errorf("more than 65,279 sections")
		}
	}
	return nil
}

// Archive is an archive of one object, with the symbols that a linker finds it
// by. The same object gives the same bytes.
func Archive(name string, object []byte, symbols []string) []byte {
	index := binary.BigEndian.AppendUint32(nil, uint32(len(symbols)))
	var names []byte
	for _, s := range symbols {
		names = append(append(names, s...), 0)
	}
	long := ""
	if len(name) > 15 {
		long = name + "/\n"
	}
	even := func(n int) int { return n + n&1 }
	at := len(archiveMagic) + memberHeader + even(4+4*len(symbols)+len(names))
	if long != "" {
		at += memberHeader + even(len(long))
	}
	for range symbols {
		index = binary.BigEndian.AppendUint32(index, uint32(at))
	}
	out := []byte(archiveMagic)
	member := func(name string, content []byte) {
		out = fmt.Appendf(out, "%-16s%-12d%-6d%-6d%-8o%-10d`\n", name, 0, 0, 0, 0o644, len(content))
		if out = append(out, content...); len(content)&1 != 0 {
			out = append(out, '\n')
		}
	}
	member("/", append(index, names...))
	if long != "" {
		member("//", []byte(long))
		member("/0", object)
	} else {
		member(name+"/", object)
	}
	return out
}
