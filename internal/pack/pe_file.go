package pack

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/pack/codec"
	"github.com/minsize/minsize/internal/pack/stub"
)

// The packed Windows program, documented in docs/pack-format.md: headers; a
// section of no bytes in the file, where the original's image will be; one that
// can be executed, with pack header, stub, payload and trailer; one that can be
// read, with what the loader and the shell need.

const (
	peHeaders    = 0x200 // bytes of the packed file
	peFileAlign  = 0x200
	windowsSize  = 32 // struct windows of stub/src/windows.c
	peStateSize  = 16
	peStubThread = 16 // in the stub: the callback of thread-local storage

	flagWindows = 8
)

// kernelImports are struct kernel of stub/src/windows.c.
var kernelImports = []string{"GetProcAddress", "LoadLibraryA", "VirtualAlloc", "VirtualFree", "VirtualProtect", "ExitProcess"}

// headerOf is where the pack header of a packed file lies, 0 in others.
func headerOf(data []byte) int {
	for at, mark := range map[int]string{headerOffset: "\x7fELF", peHeaders: "MZ"} {
		if len(data) > at+headerSize && string(data[:len(mark)]) == mark && string(data[at:at+4]) == magic {
			return at
		}
	}
	return 0
}

// readSection is the packed file's readable section: every address in it is
// relative to the file's base, or relocated by the table that it ends with.
type readSection struct {
	rva    uint32
	base   uint64
	data   []byte
	relocs []uint32
}

func (s *readSection) align(n int) {
	for len(s.data)%n != 0 {
		s.data = append(s.data, 0)
	}
}

func (s *readSection) here() uint32 { return s.rva + uint32(len(s.data)) }

func (s *readSection) address(rva uint32) {
	s.relocs = append(s.relocs, s.here())
	s.data = binary.LittleEndian.AppendUint64(s.data, s.base+uint64(rva))
}

// imports writes the import table. The stub's own functions come first: the
// addresses of kernelImports lie at the section's first byte.
func (s *readSection) imports(list []peImport) (table objfile.PEDataDirectory, slots objfile.PEDataDirectory) {
	le := binary.LittleEndian
	type library struct {
		name      string
		functions []peImport
		slots     uint32
	}
	libraries := []library{{name: "KERNEL32.dll"}}
	for _, f := range kernelImports {
		libraries[0].functions = append(libraries[0].functions, peImport{function: f})
	}
	for _, in := range list {
		if !bytes.EqualFold([]byte(in.library), []byte("kernel32.dll")) {
			libraries = append(libraries, library{name: in.library, functions: []peImport{in}})
		}
	}
	var fix []int // of slots: where a name's place is to be written
	for i := range libraries {
		libraries[i].slots = s.here()
		for range len(libraries[i].functions) + 1 {
			fix = append(fix, len(s.data))
			s.data = append(s.data, make([]byte, 8)...)
		}
	}
	slots = objfile.PEDataDirectory{VirtualAddress: s.rva, Size: uint32(len(s.data))}
	table = objfile.PEDataDirectory{VirtualAddress: s.here(), Size: 20 * uint32(len(libraries)+1)}
	at := len(s.data)
	s.data = append(s.data, make([]byte, table.Size)...)
	for i, l := range libraries {
		for k, f := range l.functions {
			v := uint64(1)<<63 | uint64(f.number)
			if f.function != "" {
				s.align(2)
				v = uint64(s.here())
				s.data = append(append(append(s.data, 0, 0), f.function...), 0)
			}
			le.PutUint64(s.data[fix[k]:], v)
		}
		fix = fix[len(l.functions)+1:]
		d := s.data[at+20*i:]
		le.PutUint32(d[12:], s.here())
		le.PutUint32(d[16:], l.slots)
		s.data = append(append(s.data, l.name...), 0)
	}
	return table, slots
}

// arguments are what the stub is told behind the image.
func (p *windowsProgram) arguments(m codec.Method, copies [][3]uint32) []byte {
	headers := p.data[:p.headers]
	out := binary.AppendUvarint(nil, uint64(len(headers)))
	out = append(out, headers...)
	if m == codec.LZMA {
		out = append(out, filterArg(p.regions)...)
	}
	out = binary.AppendUvarint(out, uint64(len(copies)))
	for _, c := range copies {
		for _, v := range c {
			out = binary.AppendUvarint(out, uint64(v))
		}
	}
	out = binary.AppendUvarint(out, uint64(len(p.relocs)))
	at := uint32(0)
	for _, r := range p.relocs {
		out = binary.AppendUvarint(out, uint64(r-at))
		at = r
	}
	return append(out, p.functionArg()...)
}

// functionTable is the exception table where it lies in image, if packing
// takes it out: whole entries, none of which an address or a resource overlaps.
func (m *peImage) functionTable(image []byte) []byte {
	d := m.directories[objfile.PEDirectoryException]
	if d.VirtualAddress < m.first || d.Size%peFunctionSize != 0 || !rangeIn(image, uint64(d.VirtualAddress-m.first), uint64(d.Size)) {
		return nil
	}
	return image[d.VirtualAddress-m.first:][:d.Size]
}

// peFunctionSize is RUNTIME_FUNCTION's: where a function begins and ends, and
// where its unwind information is.
const peFunctionSize = 12

// functionArg is the exception table by columns: gaps before functions, sizes,
// distances between their unwind information.
func (p *windowsProgram) functionArg() []byte {
	le := binary.LittleEndian
	var columns [3][]byte
	end, info := uint32(0), uint32(0)
	for b := p.functions; len(b) > 0; b = b[peFunctionSize:] {
		from, to, unwind := le.Uint32(b), le.Uint32(b[4:]), le.Uint32(b[8:])
		columns[0] = binary.AppendUvarint(columns[0], uint64(from-end))
		columns[1] = binary.AppendUvarint(columns[1], uint64(to-from))
		step := int32(unwind - info)
		columns[2] = binary.AppendUvarint(columns[2], uint64(uint32(step<<1)^uint32(step>>31)))
		end, info = to, unwind
	}
	out := binary.AppendUvarint(nil, uint64(len(p.functions)/peFunctionSize))
	out = binary.AppendUvarint(out, uint64(len(columns[0])))
	out = binary.AppendUvarint(out, uint64(len(columns[1])))
	return slices.Concat(out, columns[0], columns[1], columns[2])
}

// readFunctions undoes functionArg, into table.
func (f *fields) readFunctions(table []byte) {
	le := binary.LittleEndian
	n := f.uint("functions", uint64(len(table)/peFunctionSize))
	gaps, sizes := f.uint("gaps", f.view.Len()), f.uint("sizes", f.view.Len())
	a := fields{view: byteio.View{Data: f.bytes(gaps, "gaps")}}
	b := fields{view: byteio.View{Data: f.bytes(sizes, "sizes")}}
	end, info := uint32(0), uint32(0)
	for ; n > 0 && f.err == nil && a.err == nil && b.err == nil; n-- {
		end += uint32(a.uint("gap", 1<<32-1))
		le.PutUint32(table, end)
		end += uint32(b.uint("size", 1<<32-1))
		le.PutUint32(table[4:], end)
		v := uint32(f.uint("unwind information", 1<<32-1))
		info += v>>1 ^ -(v & 1)
		le.PutUint32(table[8:], info)
		table = table[peFunctionSize:]
	}
	f.err = cmp.Or(f.err, a.err, b.err)
}

// packLeanest packs by one method.
func (p *windowsProgram) packLeanest(m codec.Method, rest []byte) ([]byte, *Report, error) {
	part := map[codec.Method]string{codec.LZMA: "windows-lzma", codec.XLZ: "windows-xlz"}[m]
	if part == "" {
		return nil, nil, refuse("", "--max is not for Windows programs yet")
	}
	le := binary.LittleEndian
	report := &Report{Machine: p.name(), Method: m.String(), Input: len(p.data)}
	if p.size < smallBelow {
		part += "-small"
	}
	code, err := stub.Part(p.name(), part)
	if err != nil {
		return nil, nil, err
	}
	image := p.load(0)
	report.Loaded = p.size - bytes.Count(image, []byte{0})

	// The readable section begins behind the one with the payload, whose
	// size is not known yet, but the stream tells the stub where each resource lies:
	// all that is before the payload's end is laid out as if nothing were packed.
	type layout struct {
		empty, run, read uint32
	}
	up := func(n uint32) uint32 { return (n + p.align - 1) &^ (p.align - 1) }
	lay := layout{empty: up(peHeaders)}
	// Copies change a byte or two of the stream's size with their addresses.
	bound := uint32(p.size) + p.headers + uint32(len(p.functions))*5/4 + uint32(len(p.relocs))*5 + uint32(len(p.regions))*10 + uint32(len(p.resources))*15 + 64
	state := up(max(p.end, p.first+bound)) + 0
	lay.read = up(state + peStateSize)
	read := readSection{rva: lay.read, base: p.base}
	var directories [16]objfile.PEDataDirectory
	directories[objfile.PEDirectoryImport], directories[objfile.PEDirectoryIAT] = read.imports(p.imports)
	directories[objfile.PEDirectoryException] = p.directories[objfile.PEDirectoryException]
	if p.exports != nil {
		read.align(4)
		d := p.directories[objfile.PEDirectoryExport]
		directories[objfile.PEDirectoryExport] = objfile.PEDataDirectory{VirtualAddress: read.here(), Size: d.Size}
		exports, err := p.movedExports(read.here() - d.VirtualAddress)
		if err != nil {
			return nil, nil, err
		}
		read.data = append(read.data, exports...)
	}
	callbacks := -1
	if p.tls != nil {
		read.align(16)
		template := read.here()
		start := le.Uint64(p.tls)
		for _, r := range p.relocs {
			if a := p.base + uint64(r); a >= start && a < start+uint64(len(p.template)) {
				read.relocs = append(read.relocs, template+uint32(a-start))
			}
		}
		read.data = append(read.data, p.template...)
		read.align(8)
		if le.Uint64(p.tls[24:]) != 0 {
			callbacks = len(read.data)
			read.data = append(read.data, make([]byte, 16)...)
		}
		directories[objfile.PEDirectoryTLS] = objfile.PEDataDirectory{VirtualAddress: read.here(), Size: peTLSSize}
		read.address(template)
		read.address(template + uint32(len(p.template)))
		read.address(state)
		if callbacks >= 0 {
			read.address(read.rva + uint32(callbacks))
		} else {
			read.data = le.AppendUint64(read.data, 0)
		}
		read.data = append(read.data, p.tls[32:40]...)
	}
	var copies [][3]uint32
	if len(p.resources) > 0 {
		read.align(8)
		tree, places := resourceTree(p.resources, read.here())
		directories[objfile.PEDirectoryResource] = objfile.PEDataDirectory{VirtualAddress: read.here(), Size: uint32(len(tree))}
		for i, r := range p.resources {
			copies = append(copies, [3]uint32{places[i], r.at, r.size})
		}
		read.data = append(read.data, tree...)
		report.Transforms = append(report.Transforms, "resources")
	}
	if len(p.relocs) > 0 && p.canonical {
		report.Transforms = append(report.Transforms, "base relocations")
	}
	if len(p.functions) > 0 {
		report.Transforms = append(report.Transforms, "unwind tables")
	}
	// Behind it the executable section, whose callback the readable one names.
	if callbacks >= 0 {
		read.relocs = append(read.relocs, read.rva+uint32(callbacks))
	}
	slices.Sort(read.relocs)
	table := relocationTable(read.relocs, 1<<20)
	table = table[:len(bytes.TrimRight(table, "\x00"))]
	for len(table)%4 != 0 {
		table = append(table, 0)
	}
	if len(table) == 0 && p.dll&peDynamicBase != 0 {
		table = le.AppendUint32(le.AppendUint32(nil, lay.read), 12) // a page without any
		table = le.AppendUint32(table, 0)
	}
	if len(table) > 0 {
		read.align(4)
		directories[objfile.PEDirectoryBaseReloc] = objfile.PEDataDirectory{VirtualAddress: read.here(), Size: uint32(len(table))}
		read.data = append(read.data, table...)
	}
	lay.run = up(lay.read + uint32(len(read.data)))
	if callbacks >= 0 {
		le.PutUint64(read.data[callbacks:], p.base+uint64(lay.run+headerSize+windowsSize+peStubThread))
	}

	stream := append(image, p.arguments(m, copies)...)
	params := codec.Params{Method: m, LC: 3, PB: 2, Layout: codec.Layout{Arch: p.arch, Regions: p.regions}}
	if len(stream) >= smallBelow {
		params.LC = 4
	}
	params.Small = m == codec.XLZ && p.size < smallBelow
	params.Layout.Filter(stream)
	payload, err := codec.Encode(stream, params, p.effort(len(stream)))
	if err != nil {
		return nil, nil, err
	}
	lead, payload := leadOf(params, payload)
	h := header{method: uint8(m), machine: uint8(p.arch), flags: flagWindows, address: p.base, stream: uint32(len(stream)),
		original: uint64(len(p.data)), streamCheck: checksum(stream), payload: uint32(headerSize + windowsSize + len(code))}
	h.packed = h.payload + uint32(len(lead)+len(payload))
	run := h.append(nil)
	for _, v := range [windowsSize / 4]uint32{lay.run, p.first, lay.read, state, uint32(p.size)} {
		run = le.AppendUint32(run, v)
	}
	run = append(append(append(run, code...), lead...), payload...)
	putChecksum(run, &h)
	var ops []operation
	for _, t := range transforms {
		if t.apply == nil && slices.Contains(report.Transforms, t.name) {
			ops = append(ops, operation{t, nil})
		}
	}
	before := len(run)
	run = appendTrailer(run, 0, ops, rest)
	report.Stub, report.Payload, report.Rest = len(code), before-headerSize-windowsSize-len(code), len(run)-before
	run = append(run, make([]byte, 16)...) // the decoder reads on
	for len(run)%peFileAlign != 0 {
		run = append(run, 0)
	}
	virtual := len(read.data)
	for len(read.data)%peFileAlign != 0 {
		read.data = append(read.data, 0)
	}

	out := make([]byte, peHeaders, peHeaders+len(run)+len(read.data))
	copy(out, "MZ")
	le.PutUint32(out[60:], 64)
	copy(out[64:], p.data[p.lfanew:p.lfanew+24])
	le.PutUint16(out[64+6:], 3)
	le.PutUint64(out[64+12:], 0) // symbols
	le.PutUint16(out[64+20:], 240)
	o := out[64+24:]
	copy(o, p.optional[:112])
	for at, v := range map[int]uint32{4: uint32(len(run)), 8: uint32(len(read.data)), 12: lay.read - lay.empty, 16: lay.run + headerSize + windowsSize, 20: lay.run,
		36: peFileAlign, 56: up(lay.run + uint32(len(run))), 60: peHeaders, 64: 0, 108: 16} {
		le.PutUint32(o[at:], v)
	}
	le.PutUint16(o[70:], p.dll&^peGuardCF)
	for i, d := range directories {
		le.PutUint32(o[112+8*i:], d.VirtualAddress)
		le.PutUint32(o[116+8*i:], d.Size)
	}
	for i, s := range []objfile.PESectionHeader{
		{VirtualSize: lay.read - lay.empty, VirtualAddress: lay.empty, Characteristics: 0xc0000080},
		{VirtualSize: uint32(virtual), VirtualAddress: lay.read, SizeOfRawData: uint32(len(read.data)), PointerToRawData: uint32(peHeaders + len(run)), Characteristics: 0x40000040},
		{VirtualSize: uint32(len(run)), VirtualAddress: lay.run, SizeOfRawData: uint32(len(run)), PointerToRawData: peHeaders, Characteristics: 0x60000020},
	} {
		b := o[240+peSectionSize*i:]
		copy(b, []string{"MSZP0", ".rsrc", "MSZP1"}[i])
		le.PutUint32(b[8:], s.VirtualSize)
		le.PutUint32(b[12:], s.VirtualAddress)
		le.PutUint32(b[16:], s.SizeOfRawData)
		le.PutUint32(b[20:], s.PointerToRawData)
		le.PutUint32(b[36:], s.Characteristics)
	}
	out = append(append(out, run...), read.data...)
	report.Headers = len(out) - report.Stub - report.Payload - report.Rest
	report.Output = len(out)
	report.Startup = estimateStartup(m, len(stream))
	return out, report, nil
}

// packRest codes the file's bytes that are neither headers nor mapped, nor
// made anew from what the stub is told.
func (p *windowsProgram) packRest() []byte {
	data := p.data
	if p.canonical && len(p.relocs) > 0 {
		data = bytes.Clone(data)
		d := p.directories[objfile.PEDirectoryBaseReloc]
		b, _ := p.at(data, d.VirtualAddress, d.Size)
		clear(b)
	}
	var stream []byte
	for _, g := range p.fileGaps(uint64(len(data))) {
		stream = append(stream, data[g[0]:g[1]]...)
	}
	return codeRest(columns{}, stream)
}

// unpackWindows is unpack behind the stream's sum.
func unpackWindows(stream []byte, data []byte, at int, h *header, params codec.Params) ([]byte, error) {
	w := byteio.View{Data: data[at:], Order: binary.LittleEndian}
	size, err := w.U32(headerSize+16, "place of the arguments")
	if err != nil {
		return nil, err
	}
	if uint64(size) > uint64(len(stream)) {
		return nil, errDamaged("arguments at %#x of %#x", size, len(stream))
	}
	if params.Method == codec.XLZ {
		params.Layout.Unfilter(stream)
	}
	image := stream[:size]
	f := fields{view: byteio.View{Data: stream[size:]}}
	headers := f.bytes(f.uint("headers", uint64(len(stream))), "headers")
	if params.Method == codec.LZMA && f.err == nil {
		layout := codec.Layout{Arch: params.Layout.Arch}
		var n uint64
		if layout.Regions, n, err = filterRegions(stream[uint64(size)+f.at:], len(image)); err != nil {
			return nil, err
		}
		f.at += n
		if err := layout.Check(len(image)); err != nil {
			return nil, err
		}
		layout.Unfilter(image)
	}
	if f.err != nil {
		return nil, f.err
	}
	outer, err := readPE(data[:peHeaders], uint64(len(data)))
	if err != nil {
		return nil, err
	}
	t, err := readTrailer(data, uint64(at)+uint64(h.packed), h)
	if err != nil {
		return nil, err
	}
	original, err := readPE(headers, t.size)
	if err != nil {
		return nil, err
	}
	for n := f.uint("copies", peResourceLimit); n > 0; n-- {
		from, to, size := f.uint("copy's source", 1<<31), f.uint("copy's target", 1<<31), f.uint("copy's size", uint64(len(data)))
		b, ok := outer.at(data, uint32(from), uint32(size))
		if f.err == nil && (!ok || to < uint64(original.first) || !rangeIn(image, to-uint64(original.first), size)) {
			return nil, errDamaged("a resource of %d bytes at %#x is not in the file, or not for the image", size, from)
		}
		if f.err != nil {
			return nil, f.err
		}
		copy(image[to-uint64(original.first):], b)
	}
	var relocs []uint32
	last := uint64(0)
	for n := f.uint("relocations", uint64(len(image))); n > 0 && f.err == nil; n-- {
		if last += f.uint("relocation", 1<<31); last >= 1<<31 {
			return nil, errDamaged("a relocation at %#x", last)
		}
		relocs = append(relocs, uint32(last))
	}
	f.readFunctions(original.functionTable(image))
	if f.err != nil {
		return nil, f.err
	}
	if uint64(len(headers)) != uint64(original.headers) {
		return nil, errDamaged("headers of %d bytes that say %d", len(headers), original.headers)
	}
	out := make([]byte, t.size)
	copy(out, headers)
	for _, l := range original.loads {
		if l.at < original.first || !rangeIn(image, uint64(l.at-original.first), uint64(l.size)) || !rangeIn(out, uint64(l.off), uint64(l.size)) {
			return nil, errDamaged("a section of %#x bytes at %#x is not in the image", l.size, l.at)
		}
		copy(out[l.off:], image[l.at-original.first:][:l.size])
	}
	rest := t.rest
	for _, g := range original.fileGaps(t.size) {
		if g[1]-g[0] > uint64(len(rest)) {
			return nil, errDamaged("%d bytes at %#x are missing", g[1]-g[0], g[0])
		}
		rest = rest[copy(out[g[0]:g[1]], rest):]
	}
	if len(rest) != 0 {
		return nil, errDamaged("%d bytes too many", len(rest))
	}
	for _, id := range t.operations {
		if id != opBaseRelocations {
			continue
		}
		d := original.directories[objfile.PEDirectoryBaseReloc]
		b, ok := original.at(out, d.VirtualAddress, d.Size)
		if table := relocationTable(relocs, int(d.Size)); !ok || copy(b, table) != len(b) {
			return nil, errDamaged("%d relocations do not fit their table", len(relocs))
		}
	}
	return out, nil
}
