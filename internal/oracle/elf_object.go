package oracle

// Relocatable ELF objects and archives of them, as a linker sees them: section by
// section the same header and bytes, symbol by symbol the same name, value and
// section. Debug information may go, all of it, and with it what is for nothing
// else; symbols keep their numbers, which relocations have.

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// debugNames are sections of debug information, or what their names begin with:
// DWARF's (5, appendix B) and its forerunners', indexes for debuggers, GCC's early
// debug information.
var debugNames = []string{".debug_*", ".zdebug_*", ".debug", ".line", ".stab*", ".mdebug*", ".pdr", ".ctf", ".SUNW_ctf",
	".gdb_index", ".gnu_debugdata", ".gnu_debugaltlink", ".gnu.debuglto_*"}

func isDebug(name string) bool {
	return slices.ContainsFunc(debugNames, func(d string) bool {
		prefix, any := strings.CutSuffix(d, "*")
		return name == d || any && strings.HasPrefix(name, prefix)
	})
}

// object is a file taken apart.
type object struct {
	*elf
	list    []section
	symbols int // the section of the symbol table, 0 without
	strings []byte
}

func openObject(f *elf) (*object, error) {
	list, err := f.sections()
	if err != nil {
		return nil, err
	}
	o := &object{elf: f, list: list}
	for n := range list {
		if s := &list[n]; s.kind == sectionSymtab {
			o.symbols = n
			if int(s.link) < len(list) && list[s.link].kind == sectionStrtab {
				o.strings, _ = f.content(&list[s.link])
			}
		}
	}
	return o, nil
}

// words are the 32-bit numbers of a section.
func (o *object) words(s *section) (out []uint32, err error) {
	data, err := o.content(s)
	for ; len(data) >= 4; data = data[4:] {
		out = append(out, o.Order.Uint32(data))
	}
	return out, err
}

// mayGo says which sections are debug information or for it alone.
func (o *object) mayGo() ([]bool, error) {
	out := make([]bool, len(o.list))
	has := func(prefix string) bool {
		return slices.ContainsFunc(o.list, func(s section) bool { return strings.HasPrefix(s.name, prefix) })
	}
	for n, s := range o.list {
		plain := s.flags&allocated == 0 && s.kind != 0 && (!slices.Contains(linked, s.kind) || s.kind == sectionStrtab && strings.HasPrefix(s.name, ".stab"))
		out[n] = plain && isDebug(s.name) && !(strings.HasPrefix(s.name, ".gnu.debuglto_") && has(".gnu.lto_")) // which refer to it
	}
	for n, s := range o.list {
		if (s.kind == sectionRel || s.kind == sectionRela) && s.flags&allocated == 0 && int(s.info) < len(out) {
			out[n] = out[s.info]
		}
	}
	for n := range o.list {
		if o.list[n].kind != sectionGroup {
			continue
		}
		members, err := o.words(&o.list[n])
		if err != nil {
			return nil, err
		}
		out[n] = len(members) > 1
		for _, m := range members[min(1, len(members)):] {
			out[n] = out[n] && int(m) < len(out) && out[m]
		}
	}
	return out, nil
}

// sameObjects compares two objects.
func sameObjects(old, new *elf) error {
	for i, fact := range old.image.Facts {
		if new.image.Facts[i] != fact {
			return fmt.Errorf("%s is %s, was %s", fact.What, new.image.Facts[i].Value, fact.Value)
		}
	}
	a, err := openObject(old)
	if err != nil {
		return fmt.Errorf("the old file: %w", err)
	}
	b, err := openObject(new)
	if err != nil {
		return fmt.Errorf("the new file: %w", err)
	}
	gone, err := a.mayGo()
	if err != nil {
		return fmt.Errorf("the old file: %w", err)
	}
	if len(a.list) == len(b.list) {
		clear(gone)
	}
	c := objects{a: a, b: b, to: map[uint32]uint32{}}
	for n := range a.list {
		if !gone[n] {
			c.to[uint32(n)] = uint32(len(c.kept))
			c.kept = append(c.kept, n)
		}
	}
	if len(c.kept) != len(b.list) {
		return fmt.Errorf("%d sections, expected %d", len(b.list), len(c.kept))
	}
	for n := 1; n < len(c.kept); n++ {
		if err := c.section(n); err != nil {
			return fmt.Errorf("section %s: %w", a.list[c.kept[n]].name, err)
		}
	}
	return nil
}

// objects is the comparison of two of them.
type objects struct {
	a, b *object
	kept []int             // the old section of each new one
	to   map[uint32]uint32 // old section -> new one
}

// renumbered is a section's new number; reserved ones stay, those of what is gone
// are 0.
func (c *objects) renumbered(n uint32) uint32 {
	if n >= 0xff00 {
		return n
	}
	return c.to[n]
}

func (c *objects) section(n int) error {
	s, t := c.a.list[c.kept[n]], c.b.list[n]
	want := s
	want.offset, want.link = t.offset, c.renumbered(s.link)
	if s.kind == sectionRel || s.kind == sectionRela || s.flags&infoLink != 0 {
		want.info = c.renumbered(s.info)
	}
	names := uint64(c.kept[n]) == c.a.elf.names // of the sections, which are compared
	if names || s.kind == sectionGroup {
		want.size = t.size
	}
	if want != t {
		return fmt.Errorf("its header is %+v, expected %+v", t, want)
	}
	if t.kind != sectionNobits && t.align > 1 && t.offset%t.align != 0 {
		return fmt.Errorf("it is not aligned")
	}
	was, err := c.a.content(&s)
	if err != nil {
		return err
	}
	is, err := c.b.content(&t)
	switch {
	case err != nil || names:
		return err
	case s.kind == sectionSymtab:
		return c.symbols(was, is)
	case s.kind == sectionIndexes || s.kind == sectionGroup:
		return c.numbers(&s, &t)
	case !bytes.Equal(was, is):
		return fmt.Errorf("it has other bytes")
	}
	return nil
}

// numbers compares sections that list others.
func (c *objects) numbers(s, t *section) error {
	was, err := c.a.words(s)
	if err != nil {
		return err
	}
	is, err := c.b.words(t)
	if err != nil {
		return err
	}
	want := was[:0]
	for i, n := range was {
		to, there := c.to[n]
		switch {
		case s.kind == sectionGroup && i == 0: // its flags
			want = append(want, n)
		case there:
			want = append(want, to)
		case s.kind == sectionIndexes:
			want = append(want, 0)
		}
	}
	if !slices.Equal(want, is) {
		return fmt.Errorf("it lists other sections")
	}
	return nil
}

// symbols compares the symbol tables. What is defined in a section that is gone
// is nobody's, unless a relocation that stays has it.
func (c *objects) symbols(was, is []byte) error {
	size := 16
	if c.a.wide {
		size = 24
	}
	used, err := c.used()
	if err != nil {
		return err
	}
	for k := 0; (k+1)*size <= len(was); k++ {
		s, t := c.a.symbol(was[k*size:]), c.b.symbol(is[k*size:])
		if s.section != 0 && s.section < 0xff00 {
			to, there := c.to[s.section]
			if !there && used[uint64(k)] {
				return fmt.Errorf("symbol %d is used and lost its section", k)
			}
			if !there {
				continue
			}
			s.section = to
		}
		if s != t {
			return fmt.Errorf("symbol %d is %+v, was %+v", k, t, s)
		}
	}
	return nil
}

// symbol is an entry of the symbol table (System V ABI, chapter 4).
type symbol struct {
	name        string
	nameOffset  uint32 // where there are no names
	info, other uint8
	section     uint32
	value, size uint64
}

func (o *object) symbol(b []byte) symbol {
	s := symbol{}
	name := o.Order.Uint32(b)
	if o.wide {
		s.info, s.other, s.section = b[4], b[5], uint32(o.Order.Uint16(b[6:]))
		s.value, s.size = o.Order.Uint64(b[8:]), o.Order.Uint64(b[16:])
	} else {
		s.value, s.size = uint64(o.Order.Uint32(b[4:])), uint64(o.Order.Uint32(b[8:]))
		s.info, s.other, s.section = b[12], b[13], uint32(o.Order.Uint16(b[14:]))
	}
	if uint64(name) >= uint64(len(o.strings)) {
		s.nameOffset = name
	} else {
		text, _, _ := bytes.Cut(o.strings[name:], []byte{0})
		s.name = string(text)
	}
	return s
}

// used are the symbols that relocations of sections that stay have.
func (c *objects) used() (map[uint64]bool, error) {
	used := map[uint64]bool{}
	for _, n := range c.kept {
		s := &c.a.list[n]
		size := 2 * c.a.wordSize()
		if s.kind == sectionRela {
			size += c.a.wordSize()
		} else if s.kind != sectionRel {
			continue
		}
		data, err := c.a.content(s)
		if err != nil {
			return nil, err
		}
		for ; uint64(len(data)) >= size; data = data[size:] {
			switch {
			case !c.a.wide:
				used[uint64(c.a.Order.Uint32(data[4:])>>8)] = true
			case c.a.machine == 8: // MIPS has the symbol in the first four bytes
				used[uint64(c.a.Order.Uint32(data[8:]))] = true
			default:
				used[c.a.Order.Uint64(data[8:])>>32] = true
			}
		}
	}
	return used, nil
}
