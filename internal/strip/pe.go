package strip

// PE images: Windows programs and libraries.
//
// Hard here: sections are what is loaded, debug sections too (mingw and Go map
// .debug_info into memory), and the loader wants them without holes between.
// So a debug section in the middle goes from the file and the section before
// it grows over its address range, as zeros that nobody reads; at the end the
// image just gets smaller. File offsets are free but for FileAlignment, so
// what stays is closed up at every level; what knows file offsets (debug
// directory, symbol table pointer, certificate) is mended.

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"strings"

	"github.com/minsize/minsize/internal/arrange"
	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/machine"
	"github.com/minsize/minsize/internal/objfile"
)

// pePlan is the rewrite of one image.
type pePlan struct {
	*peFile
	o     Options
	level Level
	r     *Report

	drop        []bool  // by section
	keepSymbols bool    // symbols and strings stay
	payload     []claim // ranges of appended data
	alignment   uint64  // the new FileAlignment
}

func planPE(data []byte, o Options, r *Report) (byteio.Content, error) {
	f, err := parsePE(data)
	if err != nil {
		return nil, err
	}
	r.Machine = peMachineName(f.Machine)
	p := &pePlan{peFile: f, o: o, level: o.level(), r: r}
	if err := p.refusals(); err != nil {
		return nil, err
	}
	p.keepSymbols = p.level < All
	if len(o.KeepSymbols) > 0 {
		return nil, refuse("--debug keeps all of them", "--keep-symbol is not there for PE files")
	}
	p.chooseSections()
	if err := p.findPayload(); err != nil {
		return nil, err
	}
	return p.assemble()
}

func (p *pePlan) refusals() error {
	if p.SectionAlignment < 4096 {
		return refuse("", "SectionAlignment %d is below a page: file offsets must equal addresses", p.SectionAlignment)
	}
	if p.FileAlignment < 512 && !p.efi() {
		return refuse("", "FileAlignment %d is below 512: Windows does not load it", p.FileAlignment)
	}
	if p.companion() {
		return refuse("strip the program that it belongs to", "debug companion: its debug info is all it has")
	}
	var ranges []claim
	for _, s := range p.sections {
		start, end := s.rawRange()
		ranges = append(ranges, claim{start: start, end: end})
	}
	arrange.Sort(ranges, func(a, b claim) int { return cmp.Compare(a.start, b.start) })
	cursor := uint64(p.SizeOfHeaders)
	for _, r := range ranges {
		if r.start == r.end {
			continue
		}
		if r.start%512 != 0 && !p.efi() {
			return refuse("", "PointerToRawData %#x is no multiple of 512: Windows loads from the multiple below", r.start)
		}
		if r.start < cursor {
			return refuse("", "the section at offset %#x shares bytes of the file with another or with the headers", r.start)
		}
		cursor = r.end
	}
	if d := p.directory(dirSecurity); d.Size > 0 {
		if _, err := p.view.Slice(uint64(d.VirtualAddress), uint64(d.Size), "certificate table"); err != nil {
			return err
		}
		if !p.o.DropSignature {
			return refuse("--drop-signature, and sign the result", "signed (Authenticode, %d bytes): the signature would no longer hold", d.Size)
		}
	}
	return nil
}

// efi says whether firmware loads the image, which takes every offset as it is.
func (f *peFile) efi() bool {
	const application, rom = 10, 13
	return f.Subsystem >= application && f.Subsystem <= rom
}

// companion says whether the file is what --only-keep-debug leaves: code that
// has an address and no bytes, debug info that has. (A packer's code section
// is empty too, but not the one that unpacks it.)
func (p *pePlan) companion() bool {
	const scnCntCode = 0x20
	code, debug := false, false
	for _, s := range p.sections {
		start, end := s.rawRange()
		switch {
		case isPEDebugName(s.Name):
			debug = debug || end > start
		case s.Characteristics&scnCntCode == 0 || s.VirtualSize == 0:
		case end > start:
			return false
		default:
			code = true
		}
	}
	return code && debug
}

// chooseSections marks the debug sections and, with the symbols, Go's .symtab
// that wraps them. A section stays that the entry point or a data directory
// lies in.
func (p *pePlan) chooseSections() {
	p.drop = make([]bool, len(p.sections))
	for i := range p.sections {
		p.drop[i] = p.droppable(i)
	}
}

func (p *pePlan) droppable(i int) bool {
	s := p.sections[i]
	if matches(p.o.KeepSections, s.Name) {
		return false
	}
	if p.sectionAt(uint64(p.AddressOfEntryPoint)) == i && p.AddressOfEntryPoint != 0 {
		return false
	}
	for d, dir := range p.directories {
		if d != dirSecurity && dir.Size > 0 && p.sectionAt(uint64(dir.VirtualAddress)) == i {
			return false
		}
	}
	if isPEDebugName(s.Name) {
		return true
	}
	start, end := s.rawRange()
	wraps := s.Name == ".symtab" && s.Characteristics&objfile.IMAGE_SCN_MEM_DISCARDABLE != 0 && start <= p.symbolsStart && p.symbolsEnd <= end
	return wraps && !p.keepSymbols
}

// isPEDebugName knows mingw's and Go's names.
func isPEDebugName(name string) bool {
	for _, prefix := range []string{".debug_", ".zdebug_", ".stab"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// findPayload looks behind the sections for bytes that no header knows.
func (p *pePlan) findPayload() error {
	known := []claim{{0, uint64(p.SizeOfHeaders), ""}, {p.table, p.table + uint64(len(p.sections))*objfile.PESectionHeaderSize, ""}}
	var lastSection uint64
	for _, s := range p.sections {
		start, end := s.rawRange()
		known = append(known, claim{start, end, ""})
		lastSection = max(lastSection, end)
	}
	if d := p.directory(dirSecurity); d.Size > 0 {
		known = append(known, claim{uint64(d.VirtualAddress), uint64(d.VirtualAddress) + uint64(d.Size), ""})
	}
	known = append(known, claim{p.symbolsStart, p.symbolsEnd, ""})
	for _, e := range p.debugEntries() {
		known = append(known, claim{e.pointer, e.pointer + e.size, ""})
	}
	arrange.Sort(known, func(a, b claim) int { return cmp.Compare(a.start, b.start) })
	cursor := lastSection
	var total uint64
	note := func(from, to uint64) {
		if from < to && !allZero(p.data[from:to]) {
			p.payload = append(p.payload, claim{from, to, ReasonPayload})
			total += to - from
		}
	}
	for _, k := range known {
		if k.start > cursor && k.start <= uint64(len(p.data)) {
			note(cursor, k.start)
		}
		cursor = max(cursor, k.end)
	}
	note(cursor, uint64(len(p.data)))
	if total == 0 || p.o.DropPayload {
		return nil
	}
	first := p.payload[0]
	kind := payloadKind(nil, p.data[first.start:first.end])
	if !p.o.KeepPayload {
		return refuse("--keep-payload to move it behind the new end, --drop-payload to lose it",
			"%d bytes of payload (%s) appended at offset %#x", total, kind, first.start)
	}
	p.r.note("payload of %d bytes (%s) moved along; a reader that counts from the start of the file will miss it", total, kind)
	return nil
}

// peDebugEntry is one entry of the debug directory: where it is in the file,
// and the data that it points to.
type peDebugEntry struct {
	at            uint64
	pointer, size uint64
	rva           uint32
}

func (f *peFile) debugEntries() []peDebugEntry {
	d := f.directory(dirDebug)
	at, ok := f.fileOffset(uint64(d.VirtualAddress), uint64(d.Size))
	if d.Size == 0 || !ok {
		return nil
	}
	var out []peDebugEntry
	for ; d.Size >= peDebugEntrySize; d.Size -= peDebugEntrySize {
		b := f.data[at:]
		e := peDebugEntry{at: at, size: uint64(binary.LittleEndian.Uint32(b[16:])), rva: binary.LittleEndian.Uint32(b[20:]), pointer: uint64(binary.LittleEndian.Uint32(b[24:]))}
		if e.pointer+e.size > uint64(len(f.data)) {
			e.pointer, e.size = 0, 0
		}
		out = append(out, e)
		at += peDebugEntrySize
	}
	return out
}

// newSections are the headers of what stays, with addresses closed up: a
// section grows over the ranges of dropped ones that follow it.
func (p *pePlan) newSections() (out []peSection, oldIndex []int) {
	for i, s := range p.sections {
		if p.drop[i] {
			if len(out) == 0 { // nothing before it could grow
				s.SizeOfRawData, s.PointerToRawData = 0, 0
				s.VirtualSize = uint32(p.sections[i].span())
				copy(s.PESectionHeader.Name[:], ".empty\x00\x00")
				out, oldIndex = append(out, s), append(oldIndex, -1)
			}
			continue
		}
		if n := len(out); n > 0 && i > 0 && p.drop[i-1] {
			out[n-1].VirtualSize = s.VirtualAddress - out[n-1].VirtualAddress
		}
		s.PointerToLinenumbers, s.NumberOfLinenumbers = 0, 0 // deprecated for images; they go with the symbols
		out, oldIndex = append(out, s), append(oldIndex, i)
	}
	return out, oldIndex
}

func alignUp(n, align uint64) uint64 { return (n + align - 1) &^ (align - 1) }

// headerSize is where the first section may start: behind the table, unless
// the header holds more than zeros there.
func (p *pePlan) headerSize(sections int) uint64 {
	end := p.table + uint64(sections)*objfile.PESectionHeaderSize
	oldEnd := p.table + uint64(len(p.sections))*objfile.PESectionHeaderSize
	whole := min(uint64(p.SizeOfHeaders), uint64(len(p.data)))
	if p.directory(dirBoundImport).Size > 0 || oldEnd > whole || !allZero(p.data[oldEnd:whole]) {
		return uint64(p.SizeOfHeaders)
	}
	return alignUp(end, p.alignment)
}

// trimRaw is the size in the file of a section whose memory ends in zeros.
func (p *pePlan) trimRaw(s peSection) uint32 {
	if p.level < Max || s.VirtualSize == 0 {
		return s.SizeOfRawData
	}
	start, end := s.rawRange()
	raw := p.data[start:end]
	if mapped := alignUp(uint64(s.VirtualSize), 4096); uint64(len(raw)) > mapped { // whole pages
		raw = raw[:mapped]
	}
	return uint32(min(alignUp(uint64(len(raw))-trailingZeros(raw), p.alignment), end-start))
}

func (p *pePlan) assemble() (byteio.Content, error) {
	p.alignment = uint64(p.FileAlignment)
	const gui, console = 2, 3
	if p.level >= Max && p.alignment > 512 && (p.Subsystem == gui || p.Subsystem == console) {
		p.alignment = 512 // the least that the specification allows
	}
	sections, oldIndex := p.newSections()
	header := p.headerSize(len(sections))
	blocks := []block{{start: 0, end: min(header, uint64(p.SizeOfHeaders))}}
	cursor := header

	// Sections in the order of the old file.
	order := make([]int, len(sections))
	for i := range order {
		order[i] = i
	}
	arrange.Stable(order, func(a, b int) int {
		return cmp.Compare(sections[a].PointerToRawData, sections[b].PointerToRawData)
	})
	for _, i := range order {
		s := &sections[i]
		start, end := s.rawRange()
		if start == end {
			s.PointerToRawData, s.SizeOfRawData = 0, 0
			continue
		}
		size := p.trimRaw(*s)
		s.SizeOfRawData = size
		if size == 0 {
			s.PointerToRawData = 0
			continue
		}
		b := block{start: start, end: start + uint64(size), to: alignUp(cursor, p.alignment)}
		s.PointerToRawData = uint32(b.to)
		cursor = b.to + b.size()
		blocks = append(blocks, b)
	}
	if !p.o.DropPayload {
		for _, c := range p.payload {
			blocks = append(blocks, block{start: c.start, end: c.end, to: cursor})
			cursor += c.end - c.start
		}
	}
	arrange.Sort(blocks, func(a, b block) int { return cmp.Compare(a.start, b.start) })

	var fresh []patch
	symbols := p.newSymbols(sections, oldIndex)
	if symbols != nil {
		fresh = append(fresh, patch{cursor, symbols})
		p.r.remove(ReasonSymbols, -int64(len(symbols)))
	}
	var patches []patch
	var inside uint64 // where the section took the symbols along
	if p.keepSymbols && p.symbolsInside() >= 0 {
		inside = mapping(blocks).offset(p.symbolsStart)
		patches = append(patches, patch{inside, p.renumbered(oldIndex)})
	}
	patches = append(patches, patch{0, p.newHeader(header, sections, cursor, symbols != nil, inside)})
	patches = append(patches, p.debugPatches(blocks)...)
	content := compose(p.data, blocks, fresh, patches)
	p.accountFor(content, blocks, fresh)
	if p.CheckSum != 0 {
		content = p.withChecksum(content)
	}
	return content, nil
}

// newSymbols is what stays of symbols and strings: all at Debug, with the
// section numbers mended; else the names of sections that are longer than
// eight bytes, if there are any.
func (p *pePlan) newSymbols(sections []peSection, oldIndex []int) []byte {
	if p.symbolsStart == 0 {
		return nil
	}
	if p.keepSymbols {
		if p.symbolsInside() >= 0 {
			return nil
		}
		return p.renumbered(oldIndex)
	}
	var names []byte
	for i := range sections {
		s := &sections[i]
		if oldIndex[i] >= 0 && len(s.Name) > 8 {
			at := 4 + len(names)
			names = append(append(names, s.Name...), 0)
			s.PESectionHeader.Name = [8]byte{}
			copy(s.PESectionHeader.Name[:], "/"+itoa(at))
		}
	}
	if names == nil {
		return nil
	}
	return append(binary.LittleEndian.AppendUint32(nil, uint32(4+len(names))), names...)
}

// symbolsInside is the section that stays and wraps the symbol table, -1
// without one.
func (p *pePlan) symbolsInside() int {
	for i, s := range p.sections {
		if start, end := s.rawRange(); !p.drop[i] && p.symbolsStart != 0 && start <= p.symbolsStart && p.symbolsEnd <= end {
			return i
		}
	}
	return -1
}

// renumbered is the symbol table and its strings with the numbers of the
// sections that stay.
func (p *pePlan) renumbered(oldIndex []int) []byte {
	out := bytes.Clone(p.data[p.symbolsStart:p.symbolsEnd])
	number := map[uint16]uint16{}
	for n, old := range oldIndex {
		number[uint16(old+1)] = uint16(n + 1)
	}
	const symDebug = 0xfffe // IMAGE_SYM_DEBUG: of no section
	for i := uint32(0); i < p.NumberOfSymbols; i++ {
		b := out[i*objfile.COFFSymbolSize:]
		old := binary.LittleEndian.Uint16(b[12:])
		if to, ok := number[old]; ok {
			binary.LittleEndian.PutUint16(b[12:], to)
		} else if old > 0 && int(old) <= len(p.sections) {
			binary.LittleEndian.PutUint16(b[12:], symDebug)
		}
		i += uint32(b[17]) // auxiliary records follow
	}
	return out
}

// newHeader writes everything up to the first section.
func (p *pePlan) newHeader(size uint64, sections []peSection, symbols uint64, haveSymbols bool, inside uint64) []byte {
	le := binary.LittleEndian
	h := make([]byte, size)
	copy(h, p.data[:min(size, uint64(len(p.data)))])
	oldTable := h[p.table:min(p.table+uint64(len(p.sections))*objfile.PESectionHeaderSize, size)]
	clear(oldTable)
	le.PutUint16(h[p.coff+2:], uint16(len(sections)))
	switch {
	case haveSymbols:
		le.PutUint32(h[p.coff+8:], uint32(symbols))
		if !p.keepSymbols {
			le.PutUint32(h[p.coff+12:], 0)
		}
	case p.keepSymbols && p.symbolsInside() >= 0:
		le.PutUint32(h[p.coff+8:], uint32(inside))
	default:
		le.PutUint32(h[p.coff+8:], 0)
		le.PutUint32(h[p.coff+12:], 0)
	}
	le.PutUint32(h[p.optional+36:], uint32(p.alignment))
	le.PutUint32(h[p.optional+60:], uint32(size))
	last := sections[max(len(sections)-1, 0):]
	if len(last) > 0 && p.drop[len(p.drop)-1] {
		le.PutUint32(h[p.optional+56:], uint32(alignUp(uint64(last[0].VirtualAddress)+last[0].span(), uint64(p.SectionAlignment))))
	}
	if dir := p.directory(dirSecurity); dir.Size > 0 {
		clear(h[p.directoryTable+dirSecurity*8 : p.directoryTable+dirSecurity*8+8])
	}
	for i, s := range sections {
		s.Put(h[p.table+uint64(i)*objfile.PESectionHeaderSize:])
	}
	return h
}

// debugPatches mends PointerToRawData of the debug directory; entries whose
// data was outside of all sections, and is gone, point to nothing.
func (p *pePlan) debugPatches(blocks mapping) []patch {
	var out []patch
	for _, e := range p.debugEntries() {
		if e.pointer == 0 || !insideOne(blocks, e.at, peDebugEntrySize) {
			continue
		}
		at := blocks.offset(e.at)
		if insideOne(blocks, e.pointer, max(e.size, 1)) {
			out = append(out, patch{at + 24, binary.LittleEndian.AppendUint32(nil, uint32(blocks.offset(e.pointer)))})
			continue
		}
		if e.rva == 0 {
			out = append(out, patch{at + 16, make([]byte, 12)}) // SizeOfData, AddressOfRawData, PointerToRawData
		}
	}
	return out
}

// withChecksum fills CheckSum in, which needs the whole file.
func (p *pePlan) withChecksum(c byteio.Content) byteio.Content {
	out := bytes.Clone(c.Bytes())
	field := p.optional + 64
	binary.LittleEndian.PutUint32(out[field:], peChecksum(out, field))
	return byteio.Content{{Data: out}}
}

func (p *pePlan) accountFor(content byteio.Content, blocks []block, fresh []patch) {
	var claims []claim
	for i, s := range p.sections {
		start, end := s.rawRange()
		why := ReasonZeros
		if p.drop[i] {
			why = ReasonDebug
			if !isPEDebugName(s.Name) {
				why = ReasonSymbols
			}
		}
		claims = append(claims, claim{start, end, why})
	}
	claims = append(claims, claim{p.symbolsStart, p.symbolsEnd, ReasonSymbols})
	if d := p.directory(dirSecurity); d.Size > 0 {
		claims = append(claims, claim{uint64(d.VirtualAddress), uint64(d.VirtualAddress) + uint64(d.Size), ReasonSignature})
	}
	for _, e := range p.debugEntries() {
		claims = append(claims, claim{e.pointer, e.pointer + e.size, ReasonDebug})
	}
	claims = append(claims, p.payload...)
	account(p.r, uint64(len(p.data)), blocks, claims, ReasonPadding)
	gaps := content.Len()
	for _, b := range blocks {
		gaps -= b.size()
	}
	for _, t := range fresh {
		gaps -= uint64(len(t.data))
	}
	p.r.remove(ReasonPadding, -int64(gaps))
}

func peMachineName(n uint16) string {
	m, _ := machine.OfCOFF(n)
	return titled(m, "machine ", uint64(n))
}
