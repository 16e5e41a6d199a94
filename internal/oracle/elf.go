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
	kindNull, kindLoad, kindDynamic = 0, 1, 2
	kindRelro, kindMutable          = 0x6474e552, 0x65a3dbe5 // ranges of memory without bytes of their own
	writable                        = 2
	sharedObject, relocatable       = 3, 1
)

// elf is a file on its way to an image.
type elf struct {
	cursor
	image   *Image
	kind    uint16 // e_type
	machine uint16
	phoff   uint64
	shoff   uint64
	// sizes of the header, of a program header, of a section header
	header, entry, section uint64
	phnum, shnum, names    uint64
	segments               []segment
	loads                  []*Region // by address
}

func readELF(data []byte) (*Image, error) {
	f, err := openELF(data)
	if err != nil {
		return nil, err
	}
	if err := f.readSegments(); err != nil {
		return nil, err
	}
	f.regions()
	return f.image, f.labels()
}

func openELF(data []byte) (*elf, error) {
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
	phentsize := f.u16("e_phentsize")
	i.fact("e_phentsize", "%d", phentsize)
	f.phnum = uint64(f.u16("e_phnum"))
	shentsize := uint64(f.u16("e_shentsize"))
	f.shnum, f.names = uint64(f.u16("e_shnum")), uint64(f.u16("e_shstrndx"))
	if f.err != nil {
		return nil, f.err
	}
	if f.kind == relocatable {
		return nil, fmt.Errorf("an object file: %w", ErrUnknown)
	}
	f.sectionCounts(shentsize)
	if f.phnum > 0 && uint64(phentsize) != f.entry {
		return nil, byteio.Errorf(42, "e_phentsize", "%d expected, got %d", f.entry, phentsize)
	}
	i.fact("the number of program headers", "%d", f.phnum)
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
	i.Facts = slices.Grow(i.Facts, len(f.segments)+2)
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
	sectionNobits    = 8
	allocated, local = 2, 0x400 // SHF_ALLOC, SHF_TLS
)

// labels reads the headers of loaded sections, and what they ask of alignment.
func (f *elf) labels() error {
	if f.shnum == 0 {
		return nil
	}
	header := func(n uint64) (name, kind uint32, flags, addr, offset, size, align uint64, err error) {
		c := f.at0(f.shoff + n*f.section)
		name, kind = c.u32("sh_name"), c.u32("sh_type")
		flags, addr, offset, size = c.word("sh_flags"), c.word("sh_addr"), c.word("sh_offset"), c.word("sh_size")
		c.bytes(8, "sh_link, sh_info")
		align = c.word("sh_addralign")
		return name, kind, flags, addr, offset, size, align, c.err
	}
	var pool []byte
	if f.names > 0 && f.names < f.shnum {
		if _, kind, _, _, offset, size, _, err := header(f.names); err == nil && kind != sectionNobits {
			pool, _ = f.Slice(offset, size, "section names")
		}
	}
	f.sortLoads()
	names := numbered{}
	for n := range f.shnum {
		at, kind, flags, addr, offset, size, align, err := header(n)
		if err != nil {
			return err
		}
		if flags&allocated == 0 || kind == 0 {
			continue
		}
		name := ""
		if uint64(at) < uint64(len(pool)) {
			text, _, _ := bytes.Cut(pool[at:min(uint64(len(pool)), uint64(at)+255)], []byte{0})
			name = string(text)
		}
		l := Label{What: names.name(fmt.Sprintf("section %s of type %#x at %#x", name, kind, addr)), Value: fmt.Sprintf("%#x bytes, flags %#x, alignment %#x", size, flags, align)}
		headersInside := f.phnum > 0 && f.phoff >= offset && f.phoff-offset < size
		if kind != sectionNobits && size > 0 && offset > 0 && !headersInside {
			if l.Data, err = f.Slice(offset, size, "section's bytes"); err != nil {
				return err
			}
		}
		f.image.Labels = append(f.image.Labels, l)
		if f.kind == sharedObject && flags&local == 0 {
			if r := f.loadedAt(addr); r != nil {
				r.Need = max(r.Need, align)
			}
		}
	}
	return nil
}
