package strip

// Mach-O programs and dynamic libraries.
//
// Hard here: everything that goes is in __LINKEDIT, a heap of tables that many
// load commands point into, with a signature at its end over all bytes before
// it; and arm64 kernels start nothing whose signature does not fit. So the
// heap is packed anew from the pieces that the commands know (a piece that
// nobody knows is a reason to refuse), symbols keep what dyld can ask for, and
// an ad-hoc signature is made again. A signature with an identity cannot be
// made again: that is refused.

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/minsize/minsize/internal/arrange"
	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/machine"
)

// machoPlan is the rewrite of one thin file.
type machoPlan struct {
	*machoFile
	o     Options
	level Level
	r     *Report

	dwarf    int // index of the __DWARF segment that goes, -1
	commands []machoCommand
	index    []int // old command -> new, -1 for gone
}

func planMachO(data []byte, o Options, r *Report) (byteio.Content, error) {
	f, err := parseMachO(data)
	if err != nil {
		return nil, err
	}
	r.Machine = machoMachineName(f.cputype)
	p := &machoPlan{machoFile: f, o: o, level: o.level(), r: r, dwarf: -1}
	if err := p.refusals(); err != nil {
		return nil, err
	}
	p.chooseDwarf()
	out, err := p.assemble()
	if err != nil {
		return nil, err
	}
	return byteio.Content{{Data: out}}, nil
}

func (p *machoPlan) refusals() error {
	switch p.filetype {
	case mhExecute, mhDylib, mhBundle:
	case mhDsym:
		return refuse("strip the program that it belongs to", "debug companion (dSYM): its debug info is all it has")
	case mhObject:
		return refuse("strip the linked program", "relocatable object of Mach-O")
	default:
		return refuse("", "Mach-O file type %d is no program or library", p.filetype)
	}
	l := p.linkedit()
	if l < 0 || l != len(p.segments)-1 {
		return refuse("", "no __LINKEDIT as the last segment")
	}
	for _, c := range p.machoFile.commands {
		switch {
		case c.cmd == lcSegment, c.cmd == lcSegment64, c.cmd == lcSymtab, c.cmd == lcDysymtab, c.cmd == lcTwolevelHints,
			c.cmd&^lcReqDyld == lcDyldInfo, linkeditData[c.cmd] != "", withoutOffsets[c.cmd]:
		case c.cmd == lcEncryption || c.cmd == lcEncryption64:
			if len(c.bytes) >= 20 && p.order.Uint32(c.bytes[16:]) != 0 {
				return refuse("", "encrypted")
			}
		default:
			return refuse("", "load command %#x at offset %#x is not known and may hold file offsets", c.cmd, c.at)
		}
	}
	if _, b := p.table("external relocations"); b != nil {
		return refuse("", "relocations of the old dynamic linker refer to symbols by number")
	}
	for _, what := range []string{"module table", "table of contents", "two-level hints", "referenced symbols"} {
		if _, b := p.table(what); b != nil {
			return refuse("", "%s of the old dynamic linker refers to symbols by number", what)
		}
	}
	end := p.segments[l].fileoff + p.segments[l].filesize
	if rest := p.data[end:]; !allZero(rest) {
		if p.o.DropPayload {
			return nil
		}
		return refuse("--drop-payload to lose it", "%d bytes of payload (%s) appended at offset %#x", len(rest), payloadKind(nil, rest), end)
	}
	return nil
}

// chooseDwarf decides whether the segment that Go's linker leaves can go: it
// must lie right before __LINKEDIT, so that no segment or section number that
// dyld or symbols use changes.
func (p *machoPlan) chooseDwarf() {
	at := len(p.segments) - 2
	if at >= 0 && p.segments[at].name == "__DWARF" && p.segments[at].initprot == 0 {
		p.dwarf = at
	}
}

// keeps says whether symbol i stays at the level.
func (p *machoPlan) keeps(n nlist, indirect bool) bool {
	switch {
	case n.kind&nStab != 0:
		return false
	case p.level < All, indirect, n.undefined(), n.desc&referencedDynamically != 0, matches(p.o.KeepSymbols, n.name):
		return true
	}
	return n.kind&nExt != 0 && p.filetype != mhExecute // what others may link to
}

// newSymbols filters the symbol table; index maps old numbers to new ones.
func (p *machoPlan) newSymbols() (table, names []byte, index map[uint32]uint32, counts [3]uint32, err error) {
	old, err := p.symbols()
	if err != nil {
		return nil, nil, nil, counts, err
	}
	const special = 0xc0000000 // INDIRECT_SYMBOL_LOCAL, INDIRECT_SYMBOL_ABS
	indirect := map[uint32]bool{}
	t, raw := p.table("indirect symbols")
	for at := 0; at < len(raw); at += 4 {
		n := p.order.Uint32(raw[at:])
		if n&special == 0 {
			if uint64(n) >= uint64(len(old)) {
				return nil, nil, nil, counts, byteio.Errorf(t.offset+uint64(at), "indirect symbol", "number %d of %d", n, len(old))
			}
			indirect[n] = true
		}
	}
	pool := newStringPool()
	pool.add("")
	var kept []nlist
	// Locals, then defined externals, then undefined (LC_DYSYMTAB), each in the old order.
	group := func(n nlist) int {
		switch {
		case n.kind&nStab != 0 || n.kind&nExt == 0:
			return 0
		case !n.undefined():
			return 1
		}
		return 2
	}
	index = map[uint32]uint32{}
	sectionsLeft := uint8(min(p.sections, 255))
	if p.dwarf >= 0 {
		sectionsLeft -= uint8(p.segments[p.dwarf].nsects)
	}
	where, _ := p.table("symbol table")
	for g := range 3 {
		for i, n := range old {
			if group(n) != g || !p.keeps(n, indirect[uint32(i)]) {
				continue
			}
			if n.kind&nStab == 0 && n.kind&nTypeMask == nSect && n.sect > sectionsLeft {
				if p.lookedUp(n) {
					return nil, nil, nil, counts, byteio.Errorf(where.offset+uint64(i)*p.nlistSize(), "n_sect", "symbol %s lies in section %d, which no segment but __DWARF has", n.name, n.sect)
				}
				continue
			}
			index[uint32(i)] = uint32(len(kept))
			kept = append(kept, n)
			pool.add(n.name)
			counts[g]++
		}
	}
	names = pool.bytes()
	for len(names)%8 != 0 {
		names = append(names, 0)
	}
	table = make([]byte, uint64(len(kept))*p.nlistSize())
	for i, n := range kept {
		n.strx = pool.offset(n.name)
		p.encodeSymbol(table[uint64(i)*p.nlistSize():], n)
	}
	return table, names, index, counts, nil
}

// assemble writes commands, segments and __LINKEDIT.
func (p *machoPlan) assemble() ([]byte, error) {
	p.copyCommands()
	link := p.segments[len(p.segments)-1]
	start := link.fileoff
	if p.dwarf >= 0 {
		start = p.segments[p.dwarf].fileoff
	}
	for _, s := range p.segments[:len(p.segments)-1] {
		if s.name != "__DWARF" && s.fileoff+s.filesize > start {
			return nil, byteio.Errorf(p.machoFile.commands[s.command].at, "fileoff", "segment %s overlaps what follows it", s.name)
		}
	}
	if err := p.nothingUnknown(link); err != nil {
		return nil, err
	}
	symbols, names, index, counts, err := p.newSymbols()
	if err != nil {
		return nil, err
	}

	out := slices.Clone(p.data[:start])
	pieces := slices.Clone(p.tables)
	arrange.Stable(pieces, func(a, b machoTable) int { return cmp.Compare(a.offset, b.offset) })
	var signature *machoTable
	for i, t := range pieces {
		data := p.data[t.offset : t.offset+t.length]
		align := uint64(8)
		switch t.what {
		case "code signature":
			signature = &pieces[i]
			continue
		case "symbol table":
			data = symbols
		case "string table":
			data = names
		case "indirect symbols":
			data = p.renumberIndirect(data, index)
		case linkeditData[lcChainedFixups]:
			data = p.fixupsWithoutDwarf(data)
		}
		at := alignUp(uint64(len(out)), align)
		out = append(out, make([]byte, at-uint64(len(out)))...)
		out = append(out, data...)
		p.setTable(t, at, uint64(len(data)))
	}
	p.setSymbolCounts(counts)

	sign := signature != nil
	var signer *adHocSigner
	if sign {
		// What would not change needs no new signature, whoever signed it.
		if p.dwarf < 0 && alignUp(uint64(len(out)), 16) == signature.offset && !p.o.DropPayload &&
			bytes.Equal(out[p.header+p.sizecmds:], p.data[p.header+p.sizecmds:len(out)]) {
			return p.data, nil
		}
		if signer, err = newAdHocSigner(p); err != nil {
			return nil, err
		}
		at := alignUp(uint64(len(out)), 16)
		out = append(out, make([]byte, at-uint64(len(out)))...)
		p.setTable(*signature, at, signer.size(at))
		p.setLinkedit(start, at+signer.size(at)-start)
	} else {
		p.setLinkedit(start, uint64(len(out))-start)
	}
	if err := p.writeCommands(out); err != nil {
		return nil, err
	}
	if sign { // from here no byte before the signature may change
		out = append(out, signer.sign(out)...)
	}
	p.accountFor(out, symbols, names)
	return out, nil
}

// copyCommands makes the commands that stay, for editing.
func (p *machoPlan) copyCommands() {
	for i, c := range p.machoFile.commands {
		if p.dwarf >= 0 && i == p.segments[p.dwarf].command {
			p.index = append(p.index, -1)
			continue
		}
		p.index = append(p.index, len(p.commands))
		c.bytes = bytes.Clone(c.bytes)
		p.commands = append(p.commands, c)
	}
}

// nothingUnknown checks that every byte of __LINKEDIT belongs to a table.
func (p *machoPlan) nothingUnknown(link machoSegment) error {
	pieces := slices.Clone(p.tables)
	arrange.Sort(pieces, func(a, b machoTable) int { return cmp.Compare(a.offset, b.offset) })
	cursor := link.fileoff
	for _, t := range pieces {
		if t.offset < cursor {
			return refuse("", "%s at offset %#x is outside of __LINKEDIT or overlaps another table", t.what, t.offset)
		}
		if !allZero(p.data[cursor:t.offset]) {
			return refuse("", "bytes of __LINKEDIT at offset %#x that no load command knows", cursor)
		}
		cursor = t.offset + t.length
	}
	end := link.fileoff + link.filesize
	if cursor > end {
		return refuse("", "__LINKEDIT ends at offset %#x, before its tables", end)
	}
	if !allZero(p.data[cursor:end]) {
		return refuse("", "bytes of __LINKEDIT at offset %#x that no load command knows", cursor)
	}
	return nil
}

func (p *machoPlan) setTable(t machoTable, at, length uint64) {
	b := p.commands[p.index[t.command]].bytes
	p.order.PutUint32(b[t.field:], uint32(at))
	p.order.PutUint32(b[t.count:], uint32(length/t.unit))
	if length == 0 {
		p.order.PutUint32(b[t.field:], 0)
	}
}

func (p *machoPlan) setSymbolCounts(counts [3]uint32) {
	if p.dysymtab < 0 {
		return
	}
	b := p.commands[p.index[p.dysymtab]].bytes
	var first uint32
	for i, n := range counts { // ilocalsym, nlocalsym, iextdefsym, ...
		p.order.PutUint32(b[8+8*i:], first)
		p.order.PutUint32(b[12+8*i:], n)
		first += n
	}
}

func (p *machoPlan) renumberIndirect(old []byte, index map[uint32]uint32) []byte {
	out := bytes.Clone(old)
	for at := 0; at < len(out); at += 4 {
		if to, ok := index[p.order.Uint32(out[at:])]; ok {
			p.order.PutUint32(out[at:], to)
		}
	}
	return out
}

// fixupsWithoutDwarf takes the segment that goes out of
// dyld_chained_starts_in_image (<mach-o/fixup-chains.h>), whose entry must be
// empty; its number of segments is compared with the commands by dyld.
func (p *machoPlan) fixupsWithoutDwarf(old []byte) []byte {
	if p.dwarf < 0 || len(old) < 8 {
		return old
	}
	starts := uint64(p.order.Uint32(old[4:]))
	if starts+4 > uint64(len(old)) {
		return old
	}
	count := uint64(p.order.Uint32(old[starts:]))
	if count != uint64(len(p.segments)) || starts+4+4*count > uint64(len(old)) {
		return old
	}
	out := bytes.Clone(old)
	list := out[starts+4 : starts+4+4*count]
	copy(list[4*p.dwarf:], list[4*p.dwarf+4:])
	clear(list[4*(count-1):])
	p.order.PutUint32(out[starts:], uint32(count-1))
	return out
}

// setLinkedit gives __LINKEDIT its new place and exact size.
func (p *machoPlan) setLinkedit(start, size uint64) {
	link := p.segments[len(p.segments)-1]
	c := p.commands[p.index[link.command]]
	m, _ := machine.OfMachO(p.cputype)
	page := cmp.Or(m.MachOPage, 4096)
	vmsize := min(alignUp(size, page), alignUp(link.vmsize, page))
	if c.cmd == lcSegment64 {
		p.order.PutUint64(c.bytes[32:], vmsize)
		p.order.PutUint64(c.bytes[40:], start)
		p.order.PutUint64(c.bytes[48:], size)
	} else {
		p.order.PutUint32(c.bytes[28:], uint32(vmsize))
		p.order.PutUint32(c.bytes[32:], uint32(start))
		p.order.PutUint32(c.bytes[36:], uint32(size))
	}
}

// writeCommands puts header and commands at the start of out and zeros behind
// them, up to where the old ones ended.
func (p *machoPlan) writeCommands(out []byte) error {
	var all []byte
	for _, c := range p.commands {
		all = append(all, c.bytes...)
	}
	oldEnd := p.header + p.sizecmds
	if oldEnd > uint64(len(out)) || uint64(len(all)) > p.sizecmds {
		return byteio.Errorf(p.header, "load commands", "they reach past the first segment")
	}
	clear(out[p.header:oldEnd])
	copy(out[p.header:], all)
	p.order.PutUint32(out[16:], uint32(len(p.commands)))
	p.order.PutUint32(out[20:], uint32(len(all)))
	return nil
}

func (p *machoPlan) accountFor(out, symbols, names []byte) {
	r := p.r
	if p.dwarf >= 0 {
		r.remove(ReasonDebug, int64(p.segments[p.dwarf].filesize))
	}
	for _, t := range p.tables {
		switch t.what {
		case "symbol table":
			r.remove(ReasonSymbols, int64(t.length)-int64(len(symbols)))
		case "string table":
			r.remove(ReasonSymbols, int64(t.length)-int64(len(names)))
		case "code signature":
			old := int64(t.length)
			c := p.commands[p.index[t.command]].bytes
			r.remove(ReasonSignature, old-int64(p.order.Uint32(c[12:])))
		}
	}
	link := p.segments[len(p.segments)-1]
	if end := link.fileoff + link.filesize; end < uint64(len(p.data)) && p.o.DropPayload {
		r.remove(ReasonPayload, int64(uint64(len(p.data))-end))
	}
	var sum int64
	for _, n := range r.Removed {
		sum += n
	}
	r.remove(ReasonPadding, int64(len(p.data))-int64(len(out))-sum)
}

func machoMachineName(cpu uint32) string {
	m, _ := machine.OfMachO(cpu)
	return titled(m, "cpu ", uint64(cpu))
}
