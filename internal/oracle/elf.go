package oracle

// ELF: what the kernel and the dynamic linker see (System V ABI, chapter 5).
// They go by program headers; section headers are labels.

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"

	"github.com/minsize/minsize/internal/byteio"
)

// segment is a program header.
type segment struct {
	kind, flags                                uint32
	offset, vaddr, paddr, filesz, memsz, align uint64
}

const (
	kindNull, kindLoad, kindDynamic, kindPhdr = 0, 1, 2, 6
	kindRelro, kindMutable                    = 0x6474e552, 0x65a3dbe5 // ranges of memory without bytes of their own
	executable, writable, readable            = 1, 2, 4
	sharedObject, relocatable                 = 3, 1
)

// elf is a file on its way to an image.
type elf struct {
	cursor
	image     *Image
	kind      uint16 // e_type
	machine   uint16
	phentsize uint16
	phoff     uint64
	shoff     uint64
	// sizes of the header, of a program header, of a section header
	header, entry, section uint64
	phnum, shnum, names    uint64
	segments               []segment
	last                   *segment  // that segmentAt found
	loads                  []*Region // by address
}

func readELF(data []byte) (*Image, error) {
	f, err := openELF(data)
	if err != nil {
		return nil, err
	}
	f.regions()
	return f.image, f.labels(false, 0)
}

// sameELF compares what loads, two objects as a linker sees them, and files whose
// relocations apply themselves once these are applied.
func sameELF(old, new []byte) error {
	if a, err := newELF(old); err == nil && a.kind == relocatable {
		b, err := newELF(new)
		if err != nil {
			return fmt.Errorf("the new file: %w", err)
		}
		return sameObjects(a, b)
	}
	a, errA := openLoaded(old)
	b, errB := openLoaded(new)
	if errA == nil && errB == nil && (a.own != nil || b.own != nil) {
		return sameLoaded(a, b)
	}
	return sameRead(old, new)
}

// openELF reads the headers of what a loader takes.
func openELF(data []byte) (*elf, error) {
	f, err := newELF(data)
	if err != nil {
		return nil, err
	}
	if f.kind == relocatable {
		return nil, fmt.Errorf("an object file: %w", ErrUnknown)
	}
	if f.phnum > 0 && uint64(f.phentsize) != f.entry {
		return nil, byteio.Errorf(42, "e_phentsize", "%d expected, got %d", f.entry, f.phentsize)
	}
	return f, f.readSegments()
}

func newELF(data []byte) (*elf, error) {
	f := &elf{cursor: cursor{View: byteio.View{Data: data, Order: binary.LittleEndian}}, image: &Image{}, header: 52, entry: 32, section: 40}
	ident := f.bytes(16, "e_ident")
	if f.err != nil {
		return nil, f.err
	}
	if ident[4] != 1 && ident[4] != 2 || ident[5] != 1 && ident[5] != 2 {
		return nil, byteio.Errorf(4, "EI_CLASS, EI_DATA", "1 or 2 expected, got %d and %d", ident[4], ident[5])
	}
	if f.wide = ident[4] == 2; f.wide {
		f.header, f.entry, f.section = 64, 56, 64
	}
	if ident[5] == 2 {
		f.Order = binary.BigEndian
	}
	i := f.image
	i.fact("e_ident", "%x", ident)
	f.kind, f.machine = f.u16("e_type"), f.u16("e_machine")
	i.fact("e_type", "%d", f.kind)
	i.fact("e_machine", "%d", f.machine)
	i.fact("e_version", "%d", f.u32("e_version"))
	i.fact("the entry point", "%#x", f.word("e_entry"))
	f.phoff, f.shoff = f.word("e_phoff"), f.word("e_shoff")
	i.fact("e_flags", "%#x", f.u32("e_flags"))
	i.fact("e_ehsize", "%d", f.u16("e_ehsize"))
	f.phentsize = f.u16("e_phentsize")
	i.fact("e_phentsize", "%d", f.phentsize)
	f.phnum = uint64(f.u16("e_phnum"))
	shentsize := uint64(f.u16("e_shentsize"))
	f.shnum, f.names = uint64(f.u16("e_shnum")), uint64(f.u16("e_shstrndx"))
	if f.err != nil {
		return nil, f.err
	}
	f.sectionCounts(shentsize)
	return f, nil
}

// sectionCounts finds the numbers that do not fit the header in section 0, and
// sees whether a table is there at all.
func (f *elf) sectionCounts(shentsize uint64) {
	none := f.shoff == 0 && f.shnum == 0 && f.names == 0
	if f.shoff != 0 && shentsize == f.section {
		zero := f.at0(f.shoff)
		zero.bytes(8, "sh_name, sh_type")
		zero.bytes(f.wordSize()*3, "sh_flags, sh_addr, sh_offset")
		size, link, info := zero.word("sh_size"), zero.u32("sh_link"), zero.u32("sh_info")
		if zero.err == nil {
			if f.shnum == 0 {
				f.shnum = size
			}
			if f.names == 0xffff {
				f.names = uint64(link)
			}
			if f.phnum == 0xffff {
				f.phnum = uint64(info)
			}
			if _, err := f.Table(f.shoff, f.shnum, f.section, "section headers"); err == nil && f.shnum > 0 {
				return
			}
		}
	}
	f.shnum, f.shoff = 0, 0
	if !none {
		f.image.fault("the section fields of the ELF header point nowhere")
	}
}

func (f *elf) wordSize() uint64 {
	if f.wide {
		return 8
	}
	return 4
}

// at0 is another cursor on the same file.
func (f *elf) at0(offset uint64) *cursor {
	return &cursor{View: f.View, at: offset, wide: f.wide}
}

func (f *elf) readSegments() error {
	if f.phnum > 0 {
		if _, err := f.Table(f.phoff, f.phnum, f.entry, "program headers"); err != nil {
			return err
		}
	}
	f.segments = make([]segment, 0, f.phnum)
	c := f.at0(f.phoff)
	for n := range f.phnum {
		var p segment
		p.kind = c.u32("p_type")
		if c.wide {
			p.flags = c.u32("p_flags")
		}
		p.offset, p.vaddr, p.paddr = c.word("p_offset"), c.word("p_vaddr"), c.word("p_paddr")
		p.filesz, p.memsz = c.word("p_filesz"), c.word("p_memsz")
		if !c.wide {
			p.flags = c.u32("p_flags")
		}
		p.align = c.word("p_align")
		if c.err != nil {
			return c.err
		}
		if _, fits := byteio.Add(p.vaddr, p.memsz); p.kind == kindLoad && (!fits || p.filesz > p.memsz) {
			return byteio.Errorf(f.phoff+n*f.entry, "p_memsz", "%#x bytes in memory for %#x of the file", p.memsz, p.filesz)
		}
		f.segments = append(f.segments, p)
	}
	return nil
}

// regions tells facts and memory of each program header.
func (f *elf) regions() {
	i := f.image
	i.Facts = slices.Grow(i.Facts, len(f.segments)+3)
	i.fact("the number of program headers", "%d", f.phnum)
	i.Regions = make([]Region, 0, len(f.segments))
	var places []Span
	var of Span // the file's range that they are for: hostile headers are thousands, all alike
	for n, p := range f.segments {
		name := "program header " + strconv.Itoa(n)
		r := Region{Name: name, Addr: p.vaddr, Size: p.memsz}
		if p.kind == kindLoad {
			i.Facts = append(i.Facts, Fact{name, p.fields("place in a page of the file", p.offset%smallestPage)})
			r.Align = p.align
			r.Unfilled = p.flags&writable == 0
			if p.align > 1 && (p.align&(p.align-1) != 0 || (p.vaddr-p.offset)&(p.align-1) != 0) {
				i.fault("program header %d: p_offset is not congruent to p_vaddr modulo p_align", n)
			}
		} else {
			align := p.align
			if p.kind == kindNull {
				align = 0
			}
			i.Facts = append(i.Facts, Fact{name, p.fields("p_align", align)})
		}
		if p.kind == kindNull {
			continue
		}
		if p.filesz > 0 && p.kind != kindRelro && p.kind != kindMutable {
			data, err := f.Slice(p.offset, p.filesz, "segment")
			if err != nil {
				i.fault("program header %d: its bytes are not in the file", n)
			}
			if s := (Span{p.offset, p.offset + uint64(len(data))}); s != of {
				of, places = s, f.placesIn(p.offset, uint64(len(data)))
			}
			r.Data, r.Places = data, places
		}
		i.Regions = append(i.Regions, r)
	}
	// Who finds the headers in memory must find them where they were.
	i.fact("the ELF header in memory", "%s", f.addressOf(0, f.header))
	i.fact("the program headers in memory", "%s", f.addressOf(f.phoff, f.phnum*f.entry))
}

// fields are those that must stay, with one more. There may be 65,534 headers,
// so this is no fmt.Sprintf.
func (p segment) fields(more string, value uint64) string {
	b := make([]byte, 0, 128)
	for _, f := range [...]struct {
		name  string
		value uint64
	}{{"type", uint64(p.kind)}, {"flags", uint64(p.flags)}, {"p_vaddr", p.vaddr}, {"p_paddr", p.paddr}, {"p_memsz", p.memsz}, {more, value}} {
		b = append(append(b, f.name...), " 0x"...)
		b = append(strconv.AppendUint(b, f.value, 16), ' ')
	}
	return string(b[:len(b)-1])
}

// addressOf says where a range of the file is loaded.
func (f *elf) addressOf(offset, n uint64) string {
	for _, p := range f.segments {
		if p.kind == kindLoad && n > 0 && offset >= p.offset && offset-p.offset+n <= p.filesz {
			return fmt.Sprintf("%#x", p.vaddr+offset-p.offset)
		}
	}
	return "not there"
}

// placesIn are the parts of the headers in a range of the file that hold
// offsets, or that facts tell already: e_phoff and e_shoff, e_shentsize to
// e_shstrndx, the program headers, section headers that are loaded.
func (f *elf) placesIn(offset, n uint64) []Span {
	var places []Span
	word := f.wordSize()
	for _, s := range []Span{{24 + word, 24 + 3*word}, {f.header - 6, f.header}, {f.phoff, f.phoff + f.phnum*f.entry}, {f.shoff, f.shoff + f.shnum*f.section}} {
		if s.Start < s.End && s.Start >= offset && s.End <= offset+n {
			places = append(places, Span{s.Start - offset, s.End - offset})
		}
	}
	return places
}

// sortLoads puts the loaded regions in order, for loadedAt.
func (f *elf) sortLoads() {
	for k := range f.image.Regions {
		if r := &f.image.Regions[k]; r.Align > 0 {
			f.loads = append(f.loads, r)
		}
	}
	slices.SortStableFunc(f.loads, func(a, b *Region) int { return cmp.Compare(a.Addr, b.Addr) })
}

// loadedAt is the region that an address lies in, nil for none.
func (f *elf) loadedAt(addr uint64) *Region {
	n, _ := slices.BinarySearchFunc(f.loads, addr, func(r *Region, addr uint64) int {
		if r.Addr <= addr {
			return -1
		}
		return 1
	})
	if n == 0 || addr-f.loads[n-1].Addr >= f.loads[n-1].Size {
		return nil
	}
	return f.loads[n-1]
}

const (
	sectionSymtab, sectionStrtab, sectionRela = 2, 3, 4
	sectionNobits, sectionRel                 = 8, 9
	sectionGroup, sectionIndexes              = 17, 18         // SHT_GROUP, SHT_SYMTAB_SHNDX
	allocated, infoLink, local                = 2, 0x40, 0x400 // SHF_ALLOC, SHF_INFO_LINK, SHF_TLS
)

// linked are the sections whose numbers change with others.
var linked = []uint32{sectionSymtab, sectionStrtab, sectionRela, sectionNobits, sectionRel, sectionGroup, sectionIndexes}

// section is a section header with its name.
type section struct {
	name                      string
	kind                      uint32
	flags, addr, offset, size uint64
	link, info                uint32
	align, entsize            uint64
}

// sections reads the section headers, all of which are there.
func (f *elf) sections() ([]section, error) {
	list := make([]section, f.shnum)
	names := make([]uint32, f.shnum)
	c := f.at0(f.shoff)
	for n := range list {
		s := &list[n]
		names[n], s.kind = c.u32("sh_name"), c.u32("sh_type")
		s.flags, s.addr, s.offset, s.size = c.word("sh_flags"), c.word("sh_addr"), c.word("sh_offset"), c.word("sh_size")
		s.link, s.info = c.u32("sh_link"), c.u32("sh_info")
		s.align, s.entsize = c.word("sh_addralign"), c.word("sh_entsize")
	}
	if f.names > 0 && f.names < f.shnum {
		pool, _ := f.content(&list[f.names])
		for n := range list {
			if at := names[n]; uint64(at) < uint64(len(pool)) {
				text, _, _ := bytes.Cut(pool[at:min(uint64(len(pool)), uint64(at)+255)], []byte{0})
				list[n].name = string(text)
			}
		}
	}
	return list, c.err
}

// content is the bytes of a section.
func (f *elf) content(s *section) ([]byte, error) {
	if s.kind == 0 || s.kind == sectionNobits || s.size == 0 {
		return nil, nil
	}
	return f.Slice(s.offset, s.size, "section's bytes")
}

// labels reads the headers of loaded sections, and what they ask of alignment.
// Of a file that is relocated bytes are not compared; a section has to lie where
// its address is loaded from, the table of relocations may have another size, and
// what nothing loads must not have other bytes, if it is there.
func (f *elf) labels(relocated bool, table uint64) error {
	if f.shnum == 0 {
		return nil
	}
	list, err := f.sections()
	if err != nil {
		return err
	}
	f.sortLoads()
	names := numbered{}
	for n := range list {
		s := &list[n]
		l := Label{What: names.name(fmt.Sprintf("section %s of type %#x at %#x", s.name, s.kind, s.addr)), Value: fmt.Sprintf("%#x bytes, flags %#x, alignment %#x", s.size, s.flags, s.align)}
		headersInside := f.phnum > 0 && f.phoff >= s.offset && f.phoff-s.offset < s.size
		switch {
		case s.kind == 0, relocated && s.addr == table && s.kind == sectionRela:
			continue
		case s.flags&allocated == 0:
			if !relocated || s.size == 0 || slices.Contains(linked, s.kind) || s.name == ".gnu_debuglink" || f.loadedFrom(s.offset) {
				continue
			}
			l.Value, l.Optional = "", true
			l.Data, _ = f.content(s)
		case relocated:
			p := f.segmentAt(s.addr)
			if s.flags&local == 0 && s.kind != sectionNobits && s.size > 0 && p != nil && s.offset != p.offset+(s.addr-p.vaddr) {
				f.image.fault("section %s is not where its address is loaded from", s.name)
			}
		case s.offset > 0 && !headersInside:
			if l.Data, err = f.content(s); err != nil {
				return err
			}
		}
		f.image.Labels = append(f.image.Labels, l)
		if f.kind == sharedObject && s.flags&(allocated|local) == allocated {
			if r := f.loadedAt(s.addr); r != nil {
				r.Need = max(r.Need, s.align)
			}
		}
	}
	return nil
}

// segmentAt is the segment that an address lies in, nil for none.
func (f *elf) segmentAt(addr uint64) *segment {
	if p := f.last; p != nil && addr >= p.vaddr && addr-p.vaddr < p.memsz {
		return p
	}
	for i := range f.segments {
		if p := &f.segments[i]; p.kind == kindLoad && addr >= p.vaddr && addr-p.vaddr < p.memsz {
			f.last = p
			return p
		}
	}
	return nil
}

// loadedFrom says whether a segment holds a byte of the file.
func (f *elf) loadedFrom(offset uint64) bool {
	for i := range f.segments {
		if p := &f.segments[i]; p.kind == kindLoad && offset >= p.offset && offset-p.offset < p.filesz {
			return true
		}
	}
	return false
}
