package pack

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/machine"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/pack/codec"
)

// The view of a Windows program that packing needs. What is hard: the loader
// reads more of a file than Linux's kernel does, before the first instruction
// runs (imports, thread-local storage, relocations, the exception table,
// resources), and remembers some of it. Chosen: the packed file's first
// section is as large as the original's image and empty; whatever the loader
// only remembers the place of lies there, at the same place as in the original;
// what it reads is kept readable in a section of its own (pe_file.go). The
// stub (stub/src/windows.c) does the rest and puts the original's headers
// back, so that what the program and the system look up later is the
// original's own.
//
// Source: Microsoft, PE Format.

const (
	peRelocDir64   = 10 // IMAGE_REL_BASED_DIR64
	peSectionSize  = 40
	peLargestAlign = 0x10000

	peSubsystemGUI     = 2
	peSubsystemConsole = 3

	peDynamicBase    = 0x40
	peForceIntegrity = 0x80
	peGuardCF        = 0x4000

	peFileDLL = 0x2000

	peDiscardable = 0x02000000
	peShared      = 0x10000000
	peExecute     = 0x20000000
	peWrite       = 0x80000000
)

// peLoad is a run of the file that the loader maps.
type peLoad struct{ off, at, size uint32 }

// peImage is what the headers of a Windows program say, whoever wrote them.
type peImage struct {
	directories [16]objfile.PEDataDirectory
	sections    []objfile.PESectionHeader
	loads       []peLoad
	lfanew      uint32
	headers     uint32 // bytes of the file
	first, end  uint32 // RVAs: of the first section, behind the last
	filled      uint32 // likewise: behind the last byte that comes from the file
	align       uint32
	base        uint64
	optional    []byte
	flags       uint16 // characteristics
	dll         uint16 // DllCharacteristics
	number      uint16 // machine
	subsystem   uint16
}

// readPE reads headers, which must be all in head; size is the file's. Sums
// and offsets are checked, no section is read.
func readPE(head []byte, size uint64) (*peImage, error) {
	v := byteio.View{Data: head, Order: binary.LittleEndian}
	le := binary.LittleEndian
	dos, err := v.Slice(0, 64, "DOS header")
	if err != nil {
		return nil, err
	}
	m := &peImage{lfanew: le.Uint32(dos[60:])}
	nt, err := v.Slice(uint64(m.lfanew), 24, "PE header")
	if err != nil {
		return nil, err
	}
	if string(dos[:2]) != "MZ" || string(nt[:4]) != "PE\x00\x00" {
		return nil, refuse("", "not a Windows program: a DOS program, or one for OS/2")
	}
	m.number, m.flags = le.Uint16(nt[4:]), le.Uint16(nt[22:])
	count, optional := le.Uint16(nt[6:]), uint64(le.Uint16(nt[20:]))
	at := uint64(m.lfanew) + 24
	if m.optional, err = v.Slice(at, optional, "optional header"); err != nil {
		return nil, err
	}
	if !slices.Contains(machine.X86_64.Arches[0].COFF, m.number) || optional < 240 || le.Uint16(m.optional) != 0x20b || le.Uint32(m.optional[108:]) < 16 {
		name := "unknown"
		if _, a := machine.OfCOFF(m.number); a.Name != "" {
			name = a.Name
		}
		return nil, refuse("", "a Windows program for machine %#x (%s): pack knows Windows programs for x86-64", m.number, name)
	}
	o := m.optional
	m.base, m.align, m.headers = le.Uint64(o[24:]), le.Uint32(o[32:]), le.Uint32(o[60:])
	m.subsystem, m.dll = le.Uint16(o[68:]), le.Uint16(o[70:])
	for i := range m.directories {
		m.directories[i] = objfile.PEDataDirectory{VirtualAddress: le.Uint32(o[112+8*i:]), Size: le.Uint32(o[116+8*i:])}
	}
	if m.align < 4096 || m.align > peLargestAlign || m.align&(m.align-1) != 0 {
		return nil, refuse("", "sections are aligned to %d bytes: pack knows pages of 4 KiB to 64 KiB", m.align)
	}
	table, err := v.Table(at+optional, uint64(count), peSectionSize, "section headers")
	if err != nil {
		return nil, err
	}
	if count == 0 || count > 96 || uint64(m.headers) > size || m.headers < uint32(at+optional)+uint32(len(table)) {
		return nil, byteio.Errorf(uint64(m.lfanew)+6, "NumberOfSections, SizeOfHeaders", "%d sections in headers of %d bytes", count, m.headers)
	}
	for i := range int(count) {
		s := objfile.ReadPESectionHeader(table[i*peSectionSize:])
		memory := max(s.VirtualSize, 1)
		if s.VirtualSize == 0 {
			memory = s.SizeOfRawData
		}
		pages, fits := byteio.AlignUp(uint64(memory), uint64(m.align))
		next := uint64(s.VirtualAddress) + pages
		if s.VirtualAddress%m.align != 0 || s.VirtualAddress < max(m.end, m.headers) || !fits || next > 1<<31 {
			return nil, byteio.Errorf(at+optional+uint64(i)*peSectionSize, "section header", "section %d of %#x bytes at %#x does not lie behind the one before (%#x)", i, memory, s.VirtualAddress, m.end)
		}
		if i == 0 {
			m.first = s.VirtualAddress
		}
		m.end = uint32(next)
		m.sections = append(m.sections, s)
		n := uint32(min(uint64(s.SizeOfRawData), pages))
		if n == 0 || m.unloaded(s) {
			continue
		}
		if end, ok := byteio.Add(uint64(s.PointerToRawData), uint64(n)); !ok || end > size || s.PointerToRawData < m.headers {
			return nil, byteio.Errorf(at+optional+uint64(i)*peSectionSize+20, "PointerToRawData, SizeOfRawData", "%d bytes at %#x in a file of %d bytes", n, s.PointerToRawData, size)
		}
		m.loads = append(m.loads, peLoad{s.PointerToRawData, s.VirtualAddress, n})
		m.filled = s.VirtualAddress + n
	}
	if m.filled == 0 {
		return nil, refuse("", "no section has contents")
	}
	return m, nil
}

// unloaded says of a section that the loader maps, but that nothing reads once
// the program runs: relocations, which the stub has applied, and debug information.
func (m *peImage) unloaded(s objfile.PESectionHeader) bool {
	if s.Characteristics&peDiscardable == 0 {
		return false
	}
	relocs := m.directories[objfile.PEDirectoryBaseReloc]
	return relocs.Size > 0 && relocs.VirtualAddress == s.VirtualAddress || s.Name[0] == '/' || bytes.HasPrefix(s.Name[:], []byte(".debug"))
}

// at returns n bytes of the file that are mapped at rva.
func (m *peImage) at(data []byte, rva, n uint32) ([]byte, bool) {
	for _, s := range m.sections {
		if rva >= s.VirtualAddress && uint64(rva)+uint64(n) <= uint64(s.VirtualAddress)+uint64(s.SizeOfRawData) {
			at := uint64(s.PointerToRawData) + uint64(rva-s.VirtualAddress)
			if end := at + uint64(n); end <= uint64(len(data)) {
				return data[at:end], true
			}
		}
	}
	return nil, false
}

// text is the string at rva.
func (m *peImage) text(data []byte, rva uint32) (string, bool) {
	for n := uint32(0); n < 512; n++ {
		b, ok := m.at(data, rva, n+1)
		if !ok {
			break
		}
		if b[n] == 0 {
			return string(b[:n]), true
		}
	}
	return "", false
}

// windowsProgram is a Windows program taken apart.
type windowsProgram struct {
	source
	*peImage
	relocs    []uint32 // RVAs of words that hold addresses
	canonical bool     // the relocation table is as relocationTable makes it
	imports   []peImport
	resources []peResource
	exports   []byte // the export table with all that it names
	functions []byte // the exception table, if it is taken out
	tls       []byte // the directory of thread-local storage, nil without
	template  []byte // of its memory
}

// peImport is one library and one function of it, by name or number.
type peImport struct {
	library, function string
	number            uint16
}

func readWindowsProgram(data []byte) (*windowsProgram, error) {
	p := &windowsProgram{source: source{data: data}}
	var err error
	if p.peImage, err = readPE(data, uint64(len(data))); err != nil {
		return nil, err
	}
	p.port = portOf(func(p *port) bool { return p.arch == codec.X86_64 })
	switch d := &p.directories; {
	case p.subsystem != peSubsystemGUI && p.subsystem != peSubsystemConsole:
		return nil, refuse("", "subsystem %d: pack knows windowed (2) and console (3) programs", p.subsystem)
	case d[objfile.PEDirectoryCOMDescriptor].Size > 0:
		return nil, refuse("", "a .NET program: its runtime reads the file itself")
	case d[objfile.PEDirectorySecurity].Size > 0 && p.dll&peForceIntegrity != 0:
		return nil, refuse("", "a signed program that asks for its signature to be checked")
	case d[objfile.PEDirectorySecurity].Size > 0:
		return nil, refuse("remove the signature, pack, sign the packed file", "a signed program: the signature holds for these bytes alone")
	case binary.LittleEndian.Uint32(p.optional[16:]) == 0 && p.flags&peFileDLL == 0:
		return nil, refuse("", "a program without an entry point")
	case p.filled-p.first > maxImage || uint64(p.end) > 1<<31-1<<24:
		return nil, refuse("", "the program spans %d bytes of memory, %d of them filled from the file: more than pack handles", p.end-p.first, p.filled-p.first)
	}
	p.size = int(p.filled - p.first)
	for i, s := range p.sections {
		name := string(bytes.TrimRight(s.Name[:], "\x00"))
		switch {
		case s.Characteristics&(peExecute|peWrite) == peExecute|peWrite:
			return nil, refuse("", "section %d (%s) is writable and executable: a packed program never has such memory", i, name)
		case s.Characteristics&peShared != 0:
			return nil, refuse("", "section %d (%s) is shared between processes: that of a packed program would not be", i, name)
		case name == "UPX0":
			return nil, refuse("upx -d", "a program packed by UPX")
		}
		start, stop := s.VirtualAddress-p.first, s.VirtualAddress-p.first+min(s.SizeOfRawData, s.VirtualSize)
		if s.Characteristics&peExecute != 0 && stop-start >= 64 && int(stop) <= p.size {
			p.regions = append(p.regions, codec.Region{Start: start, End: stop})
		}
	}
	for _, step := range []func() error{p.readRelocations, p.readImports, p.readExports, p.readTLS} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	p.resources = p.readResources()
	image := p.load(0)
	table := p.functionTable(image)
	overlaps := func(at, n uint32) bool {
		from := p.directories[objfile.PEDirectoryException].VirtualAddress
		return at < from+uint32(len(table)) && from < at+n
	}
	if !slices.ContainsFunc(p.relocs, func(at uint32) bool { return overlaps(at, 8) }) &&
		!slices.ContainsFunc(p.resources, func(r peResource) bool { return overlaps(r.at, r.size) }) {
		p.functions = table
	}
	return p, nil
}

// readRelocations lists the words that hold addresses.
func (p *windowsProgram) readRelocations() error {
	le := binary.LittleEndian
	d := p.directories[objfile.PEDirectoryBaseReloc]
	table, ok := p.at(p.data, d.VirtualAddress, d.Size)
	if d.Size == 0 {
		return nil
	}
	if !ok {
		return byteio.Errorf(uint64(d.VirtualAddress), "Base Relocation Table", "%d bytes lie in no section", d.Size)
	}
	for b := table; len(b) >= 8; {
		page, size := le.Uint32(b), le.Uint32(b[4:])
		if size < 8 || uint64(size) > uint64(len(b)) {
			return byteio.Errorf(uint64(d.VirtualAddress)+uint64(len(table)-len(b)), "SizeOfBlock", "%d bytes of %d", size, len(b))
		}
		for e := b[8:size]; len(e) >= 2; e = e[2:] {
			switch v := le.Uint16(e); v >> 12 {
			case 0:
			case peRelocDir64:
				at := page + uint32(v&0xfff)
				if at < p.first || uint64(at)+8 > uint64(p.filled) {
					return refuse("", "a relocation at %#x is outside of what the file fills", at)
				}
				p.relocs = append(p.relocs, at)
			default:
				return refuse("", "a relocation of type %d at %#x: pack knows those of 64-bit words", v>>12, page+uint32(v&0xfff))
			}
		}
		b = b[size:]
	}
	slices.Sort(p.relocs)
	if n := len(p.relocs); len(slices.Compact(p.relocs)) != n {
		return refuse("", "a word is relocated twice")
	}
	p.canonical = bytes.Equal(relocationTable(p.relocs, len(table)), table)
	return nil
}

// relocationTable is the table as linkers write it: a block for each page that
// has any, of a multiple of four bytes; nil if it is longer than size.
func relocationTable(relocs []uint32, size int) []byte {
	le := binary.LittleEndian
	var out []byte
	for i := 0; i < len(relocs); {
		page, block := relocs[i]&^0xfff, len(out)
		out = le.AppendUint32(le.AppendUint32(out, page), 0)
		for ; i < len(relocs) && relocs[i]&^0xfff == page; i++ {
			out = le.AppendUint16(out, peRelocDir64<<12|uint16(relocs[i]&0xfff))
		}
		for len(out)%4 != 0 {
			out = append(out, 0)
		}
		le.PutUint32(out[block+4:], uint32(len(out)-block))
		if len(out) > size {
			return nil
		}
	}
	return append(out, make([]byte, size-len(out))...)
}

// readImports takes of each library one function, for the packed file's own
// table: the loader then loads and starts the same libraries.
func (p *windowsProgram) readImports() error {
	le := binary.LittleEndian
	d := p.directories[objfile.PEDirectoryImport]
	for i := uint32(0); d.VirtualAddress != 0; i++ {
		b, ok := p.at(p.data, d.VirtualAddress+20*i, 20)
		if !ok || i > 4096 {
			return byteio.Errorf(uint64(d.VirtualAddress), "Import Table", "it does not end within its section")
		}
		lookup, name, slots := le.Uint32(b), le.Uint32(b[12:]), le.Uint32(b[16:])
		if name == 0 {
			break
		}
		in := peImport{}
		if in.library, ok = p.text(p.data, name); !ok || in.library == "" {
			return byteio.Errorf(uint64(d.VirtualAddress+20*i), "Import Table", "the name of library %d lies in no section", i)
		}
		if lookup == 0 {
			lookup = slots
		}
		n := uint32(0)
		for ; ; n++ {
			entry, ok := p.at(p.data, lookup+8*n, 8)
			if !ok || n > 1<<20 {
				return byteio.Errorf(uint64(lookup), "Import Lookup Table", "%s: it does not end within its section", in.library)
			}
			v := le.Uint64(entry)
			if v == 0 {
				break
			}
			if v>>63 != 0 {
				in.number = uint16(v)
			} else if name, ok := p.text(p.data, uint32(v)+2); ok && v < 1<<31 && name != "" {
				in.function = name
			} else {
				return byteio.Errorf(uint64(lookup+8*n), "Import Lookup Table", "%s: the name of function %d lies in no section", in.library, n)
			}
		}
		if n > 0 && (uint64(slots)+8*uint64(n) > uint64(p.filled) || slots < p.first) {
			return byteio.Errorf(uint64(slots), "Import Address Table", "%s: %d addresses lie outside of what the file fills", in.library, n)
		}
		if n > 0 {
			p.imports = append(p.imports, in)
		}
	}
	return nil
}

// peExportSize is IMAGE_EXPORT_DIRECTORY's.
const peExportSize = 40

// readExports takes the table that the loader looks functions up in. Linkers
// put all of it, names too, in what its directory spans.
func (p *windowsProgram) readExports() error {
	d := p.directories[objfile.PEDirectoryExport]
	if d.VirtualAddress == 0 || d.Size == 0 {
		return nil
	}
	table, ok := p.at(p.data, d.VirtualAddress, d.Size)
	if !ok || len(table) < peExportSize {
		return byteio.Errorf(uint64(d.VirtualAddress), "Export Table", "%d bytes lie in no section", d.Size)
	}
	p.exports = bytes.Clone(table)
	if _, err := p.movedExports(0); err != nil {
		return err
	}
	return nil
}

// movedExports is the export table as it reads when it lies by bytes elsewhere.
func (p *windowsProgram) movedExports(by uint32) ([]byte, error) {
	le := binary.LittleEndian
	d := p.directories[objfile.PEDirectoryExport]
	out := bytes.Clone(p.exports)
	var err error
	inside := func(rva, n uint32) bool {
		return rva >= d.VirtualAddress && uint64(rva)+uint64(n) <= uint64(d.VirtualAddress)+uint64(d.Size)
	}
	move := func(at uint32, must bool) { // the address of something in the table
		rva := le.Uint32(out[at:])
		if inside(rva, 1) {
			le.PutUint32(out[at:], rva+by)
		} else if must && err == nil {
			err = refuse("", "the export table names what lies at %#x, outside of itself", rva)
		}
	}
	functions, names := le.Uint32(out[20:]), le.Uint32(out[24:])
	tables := [3]uint32{le.Uint32(out[28:]), le.Uint32(out[32:]), le.Uint32(out[36:])}
	for i, n := range [3]uint32{4 * functions, 4 * names, 2 * names} {
		if functions > 1<<16 || names > 1<<16 || n > 0 && (!inside(tables[i], n) || tables[i]-d.VirtualAddress < peExportSize) {
			return nil, refuse("", "the export table has %d functions and %d names, which lie outside of it", functions, names)
		}
		if n > 0 {
			move(28+4*uint32(i), true)
		}
	}
	move(12, false) // the library's name
	for i := range functions {
		move(tables[0]-d.VirtualAddress+4*i, false) // those in the table are names of other libraries' functions
	}
	for i := range names {
		move(tables[1]-d.VirtualAddress+4*i, true)
	}
	return out, err
}

// peTLSSize is IMAGE_TLS_DIRECTORY64's.
const peTLSSize = 40

func (p *windowsProgram) readTLS() error {
	le := binary.LittleEndian
	d := p.directories[objfile.PEDirectoryTLS]
	if d.VirtualAddress == 0 {
		return nil
	}
	var ok bool
	if p.tls, ok = p.at(p.data, d.VirtualAddress, peTLSSize); !ok {
		return byteio.Errorf(uint64(d.VirtualAddress), "TLS Table", "it lies in no section")
	}
	start, end, index := le.Uint64(p.tls), le.Uint64(p.tls[8:]), le.Uint64(p.tls[16:])
	if index < p.base+uint64(p.first) || index > p.base+uint64(p.end)-4 || end < start || start < end && (start < p.base || end > p.base+uint64(p.end)) {
		return byteio.Errorf(uint64(d.VirtualAddress), "TLS Table", "memory from %#x to %#x, index at %#x: outside of the program", start, end, index)
	}
	if start == end {
		return nil
	}
	if p.template, ok = p.at(p.data, uint32(start-p.base), uint32(end-start)); !ok {
		return refuse("", "%d bytes of thread-local storage at %#x come from no section of the file", end-start, start)
	}
	return nil
}

// load returns the image, without what is stored elsewhere.
func (p *windowsProgram) load(room int) []byte {
	b := make([]byte, room+p.size)
	for _, l := range p.loads {
		copy(b[room+int(l.at-p.first):], p.data[l.off:l.off+l.size])
	}
	for _, r := range p.resources {
		clear(b[room+int(r.at-p.first):][:r.size])
	}
	if len(p.functions) > 0 {
		clear(b[room+int(p.directories[objfile.PEDirectoryException].VirtualAddress-p.first):][:len(p.functions)])
	}
	return b
}

func (p *windowsProgram) methods() []codec.Method { return p.methodsFor(p.load(0)) }

// fileGaps are the file's bytes that neither headers nor loads hold.
func (m *peImage) fileGaps(size uint64) [][2]uint64 {
	covered := []objfile.Phdr{{Off: 0, Filesz: uint64(m.headers)}}
	for _, l := range m.loads {
		covered = append(covered, objfile.Phdr{Off: uint64(l.off), Filesz: uint64(l.size)})
	}
	slices.SortFunc(covered, func(a, b objfile.Phdr) int { return cmp.Compare(a.Off, b.Off) })
	return gaps(covered, size)
}

// refusePayload finds what is appended to the program.
func (p *windowsProgram) refusePayload() error {
	f, err := objfile.Parse("", p.data)
	if err != nil {
		return err
	}
	off, size := f.PE.Overlay()
	if rest := p.data[off : off+size]; len(bytes.TrimLeft(rest, "\x00")) > 0 || len(rest) > slackBytes {
		kind := payloadKind(rest)
		if kind != "" {
			kind = ", " + kind + ","
		}
		return refuse(allowPayload, "%d bytes%s are appended behind the program (at %#x): it would not find them in the packed file", size, kind, off)
	}
	if off, size := f.PE.SymbolTable(); size > 0 {
		p.symbols += uint64(len(p.data)) - off
	}
	for _, s := range p.sections {
		if name := string(s.Name[:]); p.unloaded(s) && name[:6] != ".reloc" {
			p.symbols += uint64(s.SizeOfRawData)
		}
	}
	return nil
}

// What of IMAGE_DEBUG_TYPE_EX_DLLCHARACTERISTICS is meant: the entry's type,
// and the bit of shadow stacks (PE format, "Extended DLL Characteristics").
const (
	peExtended  = 20
	peCETCompat = 1
)

// protections: the table of control flow guard's targets is packed, and so is
// what says that shadow stacks may be turned on.
func (p *windowsProgram) protections() string {
	var lost []string
	if p.dll&peGuardCF != 0 {
		lost = append(lost, "control flow guard")
	}
	if f, err := objfile.Parse("", p.data); err == nil {
		entries, _ := f.PE.DebugDirectory()
		for _, e := range entries {
			at := uint64(e.PointerToRawData)
			if e.Type == peExtended && e.SizeOfData >= 4 && at+4 <= uint64(len(p.data)) && p.data[at]&peCETCompat != 0 {
				lost = append(lost, "shadow stacks (CET)")
			}
		}
	}
	return strings.Join(lost, " and ")
}
