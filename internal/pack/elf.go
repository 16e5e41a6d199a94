package pack

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/machine"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/pack/codec"
)

// The view of an ELF program that packing needs: what the kernel maps, as one
// run of memory, and all else that is in the file. Section headers are advice
// (they say where code lies within a segment), never trusted for what is
// loaded.
//
// Source: System V Application Binary Interface, chapter 5 (program loading).

const dtDebug = 21

// source is what packing knows of a program of any format.
type source struct {
	data []byte
	*port
	size    int            // of the image: memory from its first to the last byte that comes from the file
	regions []codec.Region // of code in it
	symbols uint64         // bytes of symbols and debug information that are not loaded
	notes   []string
	best    bool // Options.Best
}

func (s *source) common() *source { return s }

// program is an ELF program taken apart.
type program struct {
	source
	fixed   bool // ET_EXEC
	entry   uint64
	headers []objfile.Phdr
	loads   []objfile.Phdr
	first   uint64 // address of the image's first byte, aligned to pages of every size
	span    uint64 // memory bytes from there to the end of the last segment
	align   uint64
	ehdr    uint64 // offset of the ELF header in the image
	stack   objfile.Phdr
	landing bool // it asks for landing pads
	dynamic map[uint64]uint64
}

// port is what packing knows of a machine; its stubs are in pack/stub.
type port struct {
	machine *machine.Machine
	arch    codec.Arch // the filter's, and the header's number
	borders [2]int     // see methods
	bti     bool       // programs may ask for landing pads by a property
	moves   bool       // the stub can move the image where there is no room below it
}

var ports = []*port{
	{machine: machine.X86_64, arch: codec.X86_64, borders: [2]int{4800, 7000}},
	{machine: machine.AArch64, arch: codec.AArch64, borders: [2]int{3500, 14000}, bti: true, moves: true},
}

func portOf(is func(*port) bool) *port {
	if i := slices.IndexFunc(ports, is); i >= 0 {
		return ports[i]
	}
	return nil
}

// name is the machine in LLVM's triples, which the stub's parts are named by.
func (p *port) name() string { return p.machine.Arches[0].Name }

func refuse(hint, format string, args ...any) error { return byteio.Refuse(hint, format, args...) }

// maxImage bounds what is built in memory for one program.
const maxImage = 1 << 28

// maxHeaders is how many program headers Linux takes: 64 KiB of them
// (load_elf_phdrs in fs/binfmt_elf.c). Work is quadratic in them here.
const maxHeaders = 65536 / 56

func readProgram(data []byte) (*program, error) {
	v := byteio.View{Data: data, Order: binary.LittleEndian}
	ident, err := v.Slice(0, 64, "ELF header")
	if err != nil {
		return nil, err
	}
	if string(ident[:4]) != "\x7fELF" {
		return nil, refuse("", "not an ELF or Windows program: pack knows ELF for x86-64 and aarch64, and Windows programs for x86-64")
	}
	if ident[4] != 2 || ident[5] != 1 {
		return nil, refuse("", "a 32-bit or big-endian ELF file: pack knows x86-64 and aarch64")
	}
	if system := objfile.ELFSystem(data); system != "" && system != objfile.SystemLinux {
		return nil, refuse("", "a program for %s: the unpacker is for Linux programs", system)
	}
	le := binary.LittleEndian
	p := &program{source: source{data: data}, entry: le.Uint64(ident[24:])}
	number := le.Uint16(ident[18:])
	if p.port = portOf(func(p *port) bool { return p.machine == machine.OfELF(number) }); p.port == nil {
		return nil, refuse("", "machine %d: pack knows x86-64 (62) and aarch64 (183)", number)
	}
	p.align = p.machine.LargestPage
	switch typ := le.Uint16(ident[16:]); typ {
	case objfile.ET_EXEC:
		p.fixed = true
	case objfile.ET_DYN:
	default:
		return nil, refuse("", "ELF type %d: only programs can be packed", typ)
	}
	phoff, shoff := le.Uint64(ident[32:]), le.Uint64(ident[40:])
	phnum, shnum := le.Uint16(ident[56:]), le.Uint16(ident[60:])
	if phnum == 0 || le.Uint16(ident[54:]) != 56 {
		return nil, byteio.Errorf(54, "e_phentsize, e_phnum", "program headers of 56 bytes expected, got %d of %d", phnum, le.Uint16(ident[54:]))
	}
	if phnum > maxHeaders {
		return nil, refuse("", "%d program headers: the kernel runs programs with %d at most", phnum, maxHeaders)
	}
	table, err := v.Table(phoff, uint64(phnum), 56, "program headers")
	if err != nil {
		return nil, err
	}
	interp := false
	for i := range int(phnum) {
		b := table[i*56:]
		h := objfile.ReadPhdr(b)
		p.headers = append(p.headers, h)
		where := phoff + uint64(i)*56
		switch h.Type {
		case objfile.PT_INTERP:
			interp = true
		case objfile.PT_GNU_STACK:
			p.stack = h
		case objfile.PT_GNU_PROPERTY:
			if p.port.bti {
				note, err := v.Slice(h.Off, h.Filesz, "PT_GNU_PROPERTY")
				if err != nil {
					return nil, err
				}
				p.landing = hasBTI(note)
			}
		case objfile.PT_LOAD:
			if h.Memsz == 0 {
				continue
			}
			if h.Memsz < h.Filesz {
				return nil, byteio.Errorf(where+32, "p_memsz", "at least p_filesz %#x expected, got %#x", h.Filesz, h.Memsz)
			}
			if _, err := v.Slice(h.Off, h.Filesz, "PT_LOAD"); err != nil {
				return nil, err
			}
			if end, ok := byteio.Add(h.Vaddr, h.Memsz); !ok || end >= 1<<47 {
				return nil, byteio.Errorf(where+16, "p_vaddr", "%#x bytes at %#x are outside a process", h.Memsz, h.Vaddr)
			}
			if (h.Vaddr-h.Off)%0x1000 != 0 {
				return nil, byteio.Errorf(where+16, "p_vaddr", "%#x is not congruent to p_offset %#x", h.Vaddr, h.Off)
			}
			if h.Flags&objfile.PF_W != 0 && h.Flags&objfile.PF_X != 0 {
				return nil, refuse("", "segment %d is writable and executable at once, which a packed program never has", i)
			}
			p.loads = append(p.loads, h)
		}
	}
	if len(p.loads) == 0 {
		return nil, byteio.Errorf(phoff, "program headers", "no PT_LOAD with memory")
	}
	if !interp && !p.fixed && p.entry == 0 {
		return nil, refuse("", "a shared library: only programs can be packed")
	}
	if p.stack.Type == 0 || p.stack.Flags&objfile.PF_X != 0 {
		return nil, refuse("", "the program asks for an executable stack, which is writable too")
	}
	if err := p.layOut(ident, phoff, uint64(phnum)*56); err != nil {
		return nil, err
	}
	if !p.fixed && p.isLibrary(interp) {
		return nil, refuse("", "a shared library: only programs can be packed")
	}
	p.findCode(v, shoff, shnum)
	return p, nil
}

// isLibrary tells the C library and the dynamic linker, which have an entry
// point and can be run, from position-independent programs, which linkers mark
// with DF_1_PIE (since 2015) or give a DT_DEBUG for debuggers. Packed, the
// former could no longer be loaded by anything.
func (p *program) isLibrary(interp bool) bool {
	d := p.dynamic
	if d == nil || d[objfile.DT_FLAGS_1]&objfile.DF_1_PIE != 0 {
		return false
	}
	_, program := d[dtDebug]
	_, named := d[objfile.DT_SONAME]
	return !program && (named || !interp)
}

// layOut builds the image and checks what the stub relies on.
func (p *program) layOut(ident []byte, phoff, phsize uint64) error {
	fileEnd := uint64(0)
	p.first = p.loads[0].Vaddr &^ (p.align - 1)
	last := uint64(0)
	for i, h := range p.loads {
		if h.Vaddr&^0xfff < last {
			return refuse("", "PT_LOAD %d at %#x shares a page with the one before", i, h.Vaddr)
		}
		last = (h.Vaddr + h.Memsz + 0xfff) &^ 0xfff
		if h.Filesz > 0 {
			fileEnd = h.Vaddr + h.Filesz
		}
		if h.Align > p.align && h.Align <= 0x200000 && h.Align&(h.Align-1) == 0 {
			p.align = h.Align
		}
	}
	if !p.fixed {
		p.first = p.loads[0].Vaddr &^ (p.align - 1)
	}
	p.span = last - p.first
	if fileEnd <= p.first || fileEnd-p.first > min(maxImage, 1<<24+8*uint64(len(p.data))) || p.span >= 1<<32-1<<24 {
		return refuse("", "the program spans %d bytes of memory, %d of them filled from the file: more than pack handles", p.span, fileEnd-p.first)
	}
	p.size = int(fileEnd - p.first)
	found := false
	for _, h := range p.loads {
		if h.Filesz == 0 {
			continue // zeros alone, perhaps behind all that the file fills
		}
		if h.Off == 0 && h.Filesz >= 64 && phoff >= 64 && phoff+phsize <= h.Filesz {
			p.ehdr, found = h.Vaddr-p.first, true
		}
	}
	if !found {
		return refuse("", "the program headers are in no loaded segment")
	}
	p.dynamic = p.readDynamic()
	return nil
}

// load returns the image behind room bytes.
func (p *program) load(room int) []byte {
	b := make([]byte, room+p.size)
	p.reload(b[room:])
	return b
}

// reload makes the image what the kernel maps.
func (p *program) reload(image []byte) {
	clear(image)
	for _, h := range p.loads {
		if h.Filesz > 0 {
			copy(image[h.Vaddr-p.first:], p.data[h.Off:h.Off+h.Filesz])
		}
	}
}

// isLoaded compares with what the kernel maps.
func (p *program) isLoaded(image []byte) bool {
	at := uint64(0)
	for _, h := range p.loads {
		if h.Filesz == 0 {
			continue
		}
		start := h.Vaddr - p.first
		if !allZero(image[at:start]) || !bytes.Equal(image[start:start+h.Filesz], p.data[h.Off:h.Off+h.Filesz]) {
			return false
		}
		at = start + h.Filesz
	}
	return at == uint64(len(image))
}

func allZero(b []byte) bool {
	for len(b) >= 8 {
		if binary.LittleEndian.Uint64(b) != 0 {
			return false
		}
		b = b[8:]
	}
	for _, v := range b {
		if v != 0 {
			return false
		}
	}
	return true
}

// readDynamic is the part of PT_DYNAMIC that the transforms use.
func (p *program) readDynamic() map[uint64]uint64 {
	for _, h := range p.headers {
		if h.Type != objfile.PT_DYNAMIC {
			continue
		}
		for _, l := range p.loads {
			if h.Vaddr < l.Vaddr || h.Vaddr-l.Vaddr >= l.Filesz {
				continue
			}
			d := map[uint64]uint64{}
			start := h.Vaddr - l.Vaddr
			b := p.data[l.Off+start : l.Off+start+min(h.Filesz, l.Filesz-start)]
			for ; len(b) >= 16; b = b[16:] {
				tag := binary.LittleEndian.Uint64(b)
				if tag == 0 {
					break
				}
				d[tag] = binary.LittleEndian.Uint64(b[8:])
			}
			return d
		}
	}
	return nil
}

// hasBTI reads GNU_PROPERTY_AARCH64_FEATURE_1_AND (ELF for the Arm 64-bit
// Architecture, section 6.2.2).
func hasBTI(note []byte) bool {
	le := binary.LittleEndian
	if len(note) < 16 {
		return false
	}
	for b := note[16:]; len(b) >= 12; {
		size := le.Uint32(b[4:])
		if le.Uint32(b) == 0xc0000000 && size == 4 {
			return le.Uint32(b[8:])&1 != 0
		}
		step := 8 + (uint64(size)+7)&^7
		if step > uint64(len(b)) {
			return false
		}
		b = b[step:]
	}
	return false
}

// findCode takes the executable sections as regions, or the executable
// segments where there are no sections. Wrong advice costs bytes only.
func (p *program) findCode(v byteio.View, shoff uint64, shnum uint16) {
	var ranges [][2]uint64
	if table, err := v.Table(shoff, uint64(shnum), 64, "section headers"); err == nil {
		for i := range int(shnum) {
			b := table[i*64:]
			s := objfile.ReadShdr(b)
			if s.Flags&objfile.SHF_ALLOC != 0 && s.Flags&objfile.SHF_EXECINSTR != 0 && s.Type != 8 && s.Size < maxImage {
				ranges = append(ranges, [2]uint64{s.Addr, s.Addr + s.Size})
			}
		}
	}
	if len(ranges) == 0 {
		for _, h := range p.loads {
			if h.Flags&objfile.PF_X != 0 {
				start := h.Vaddr
				if h.Off == 0 {
					start += 64 + uint64(len(p.headers))*56
				}
				ranges = append(ranges, [2]uint64{start, h.Vaddr + h.Filesz})
			}
		}
	}
	for _, r := range ranges {
		unit := p.machine.CodeUnit
		r[0] = (r[0] + unit - 1) &^ (unit - 1)
		r[1] &^= unit - 1
		end := p.first + uint64(p.size)
		if r[0] < p.first || r[1] > end || r[0] >= r[1] {
			continue
		}
		start, stop := uint32(r[0]-p.first), uint32(r[1]-p.first)
		if n := len(p.regions); n > 0 {
			before := &p.regions[n-1]
			if start < before.End {
				continue
			}
			if start-before.End <= 64 { // .plt, .plt.got, .text: one region
				before.End = stop
				continue
			}
		}
		if stop-start >= 64 {
			p.regions = append(p.regions, codec.Region{Start: start, End: stop})
		}
	}
}
