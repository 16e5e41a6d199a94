package pack

import (
	"encoding/binary"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/pack/codec"
)

// What the kernel does not load: section headers, names, debug links,
// padding. The stub never looks at it, so it lies behind what is mapped, in a
// stream of its own; the image's program headers say where it goes.
//
// The trailer, all numbers unsigned LEB128: offset
// of the operation table in the prefix, number of operations and their ids in
// the order of undoing, then sizes in bytes: of the rest, of the section
// table's two columns (0: the table is part of the rest), of all three coded.

type trailer struct {
	size       uint64
	table      uint64
	operations []uint8
	rest       []byte
	sections   columns // empty: the table is in rest
	end        uint64  // where it ends
}

// gaps lists the ranges of a file of size bytes that no PT_LOAD fills.
func gaps(loads []objfile.Phdr, size uint64) [][2]uint64 {
	covered := [][2]uint64{}
	for _, h := range loads {
		if h.Filesz > 0 {
			covered = append(covered, [2]uint64{h.Off, h.Off + h.Filesz})
		}
	}
	var out [][2]uint64
	for at := uint64(0); at < size; {
		next, end := size, uint64(0)
		for _, c := range covered {
			if c[0] <= at && at < c[1] {
				end = max(end, c[1])
			} else if c[0] > at {
				next = min(next, c[0])
			}
		}
		if end == 0 {
			out = append(out, [2]uint64{at, next})
			end = next
		}
		at = end
	}
	return out
}

// sectionTableOf finds the section headers of an ELF file, if they are a table
// of the usual kind in no PT_LOAD.
func sectionTableOf(ehdr []byte, loads []objfile.Phdr, size uint64) (shoff, shnum, shstrndx uint64, ok bool) {
	le := binary.LittleEndian
	shoff, shnum, shstrndx = le.Uint64(ehdr[40:]), uint64(le.Uint16(ehdr[60:])), uint64(le.Uint16(ehdr[62:]))
	end, fits := byteio.Add(shoff, shnum*sectionSize)
	ok = shoff >= 64 && shnum > 1 && fits && end <= size && le.Uint16(ehdr[58:]) == sectionSize
	for _, h := range loads {
		ok = ok && (h.Filesz == 0 || end <= h.Off || shoff >= h.Off+h.Filesz)
	}
	return shoff, shnum, shstrndx, ok
}

// packRest codes the file's bytes that are in no PT_LOAD.
func (p *program) packRest() []byte {
	loads := p.loads
	c := columns{write: true}
	if shoff, shnum, shstrndx, ok := sectionTableOf(p.data, p.loads, uint64(len(p.data))); ok {
		if c.sectionTable(p.data, shoff, shnum, shstrndx, p.headers) == nil {
			loads = append(loads[:len(loads):len(loads)], objfile.Phdr{Off: shoff, Filesz: shnum * sectionSize})
		} else {
			c = columns{}
		}
	}
	stream := append(c.sizes, c.rest...)
	for _, g := range gaps(loads, uint64(len(p.data))) {
		stream = append(stream, p.data[g[0]:g[1]]...)
	}
	return codeRest(c, stream)
}

// codeRest codes what is in no image: the section table's columns, which stream
// begins with, and bytes.
func codeRest(c columns, stream []byte) []byte {
	out := binary.AppendUvarint(nil, uint64(len(stream)-len(c.sizes)-len(c.rest)))
	out = binary.AppendUvarint(out, uint64(len(c.sizes)))
	out = binary.AppendUvarint(out, uint64(len(c.rest)))
	if len(stream) == 0 {
		return binary.AppendUvarint(out, 0)
	}
	coded, err := codec.Encode(stream, restParams, codec.Thorough)
	if err != nil {
		panic(err) // constant parameters
	}
	coded = coded[1:] // always 0
	out = binary.AppendUvarint(out, uint64(len(coded)))
	return append(out, coded...)
}

// restParams has as preset what most files' rests are made of.
var restParams = codec.Params{Method: codec.LZMA, LC: 1, LP: 0, PB: 0, Preset: restPreset}

var restPreset = []byte("\x00\x01\x02\x04\x08\x10" +
	"GCC: (GNU) 14.2.1 20250207\x00GCC: (Ubuntu 13.3.0-6ubuntu2~24.04) 13.3.0\x00clang version 19.1.7 (https://github.com/llvm/llvm-project.git )\x00" +
	"Linker: LLD 19.1.7\x00mold 2.30.0 (compatible with GNU ld)\x00rustc version 1.95.0 (\x00GCC: (Debian 12.2.0-14+deb12u1) 12.2.0\x00" +
	".debug_aranges\x00.debug_info\x00.debug_abbrev\x00.debug_line\x00.debug_str\x00.debug_line_str\x00.debug_loclists\x00.debug_rnglists\x00.debug_gdb_scripts\x00" +
	"\x00.noptrdata\x00.noptrbss\x00.go.buildinfo\x00.go.fipsinfo\x00.go.module\x00.itablink\x00.typelink\x00.gopclntab\x00.note.go.buildid\x00.symtab\x00.strtab" +
	".relr.dyn\x00.relro_padding\x00.stapsdt.base\x00.probes\x00__libc_freeres_fn\x00__libc_subfreeres\x00__libc_atexit\x00__libc_IO_vtables\x00" +
	"\x00.shstrtab\x00.interp\x00.note.gnu.property\x00.note.gnu.build-id\x00.note.ABI-tag\x00.gnu.hash\x00.dynsym\x00.dynstr\x00.gnu.version\x00.gnu.version_r\x00" +
	".rela.dyn\x00.rela.plt\x00.init\x00.plt.got\x00.plt.sec\x00.text\x00.fini\x00.rodata\x00.eh_frame_hdr\x00.eh_frame\x00.gcc_except_table\x00.tdata\x00.tbss\x00" +
	".init_array\x00.fini_array\x00.data.rel.ro\x00.dynamic\x00.got.plt\x00.data\x00.bss\x00.comment\x00.gnu_debuglink\x00" +
	string(make([]byte, 300)))

func appendTrailer(out []byte, table int, ops []operation, rest []byte) []byte {
	out = binary.AppendUvarint(out, uint64(table))
	out = binary.AppendUvarint(out, uint64(len(ops)))
	for i := len(ops) - 1; i >= 0; i-- {
		out = append(out, ops[i].id)
	}
	return append(out, rest...)
}

// readTrailer reads the one at a place in data, behind which zeros may fill up.
func readTrailer(data []byte, at uint64, h *header) (*trailer, error) {
	f := fields{view: byteio.View{Data: data}, at: at}
	t := &trailer{size: h.original}
	if t.size > maxImage+uint64(len(data))*1024 {
		return nil, errDamaged("an original of %d bytes in a file of %d", t.size, len(data))
	}
	t.table = f.uint("operation table", uint64(len(data))*1024)
	n := f.uint("operations", 16)
	t.operations = f.bytes(n, "operations")
	limit := min(t.size, 1<<16+uint64(len(data))*4096)
	size := f.uint("rest", limit)
	sizes, fields := f.uint("section sizes", limit), f.uint("section fields", limit)
	coded := f.bytes(f.uint("coded rest", uint64(len(data))), "coded rest")
	if f.err != nil {
		return nil, f.err
	}
	t.end = f.at
	if f.at != uint64(len(data)) && h.flags&flagWindows == 0 {
		return nil, byteio.Errorf(f.at, "trailer", "%d bytes behind it that are none of ours", uint64(len(data))-f.at)
	}
	if total := size + sizes + fields; total > 0 {
		rest, err := codec.Decode(append([]byte{0}, coded...), int(total), restParams)
		if err != nil {
			return nil, err
		}
		t.sections = columns{sizes: rest[:sizes], rest: rest[sizes : sizes+fields]}
		t.rest = rest[sizes+fields:]
	}
	return t, nil
}

// rebuild puts image and rest where the image's own headers say.
func rebuild(image, prefix []byte, first uint64, t *trailer) ([]byte, error) {
	v := byteio.View{Data: prefix, Order: binary.LittleEndian}
	at, err := v.U32(t.table, "offset of the ELF header")
	if err != nil {
		return nil, err
	}
	iv := byteio.View{Data: image, Order: binary.LittleEndian}
	ehdr, err := iv.Slice(uint64(at), 64, "ELF header in the image")
	if err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	table, err := iv.Table(uint64(at)+le.Uint64(ehdr[32:]), uint64(le.Uint16(ehdr[56:])), 56, "program headers in the image")
	if err != nil {
		return nil, err
	}
	if len(table) > maxHeaders*56 {
		return nil, errDamaged("%d program headers", len(table)/56)
	}
	out := make([]byte, t.size)
	var headers, loads []objfile.Phdr
	for b := table; len(b) >= 56; b = b[56:] {
		h := objfile.Phdr{Type: le.Uint32(b), Off: le.Uint64(b[8:]), Vaddr: le.Uint64(b[16:]), Filesz: le.Uint64(b[32:]), Memsz: le.Uint64(b[40:])}
		headers = append(headers, h)
		if h.Type != objfile.PT_LOAD || h.Memsz == 0 {
			continue
		}
		loads = append(loads, h)
		if h.Filesz == 0 {
			continue // zeros alone, perhaps behind the image
		}
		if h.Vaddr < first || !rangeIn(image, h.Vaddr-first, h.Filesz) || !rangeIn(out, h.Off, h.Filesz) {
			return nil, errDamaged("segment of %#x bytes at %#x is not in the image", h.Filesz, h.Vaddr)
		}
		copy(out[h.Off:], image[h.Vaddr-first:][:h.Filesz])
	}
	rest := t.rest
	covered := loads
	coded := len(t.sections.rest) > 0
	shoff, shnum, shstrndx, ok := sectionTableOf(ehdr, loads, t.size)
	if coded {
		if !ok {
			return nil, errDamaged("section headers at %#x are outside the file", shoff)
		}
		covered = append(loads[:len(loads):len(loads)], objfile.Phdr{Off: shoff, Filesz: shnum * sectionSize})
	}
	for _, g := range gaps(covered, t.size) {
		if g[1]-g[0] > uint64(len(rest)) {
			return nil, errDamaged("%d bytes at %#x are missing", g[1]-g[0], g[0])
		}
		rest = rest[copy(out[g[0]:g[1]], rest):]
	}
	if len(rest) != 0 {
		return nil, errDamaged("%d bytes too many", len(rest))
	}
	if coded {
		if err := t.sections.sectionTable(out, shoff, shnum, shstrndx, headers); err != nil {
			return nil, err
		}
	}
	return out, nil
}
