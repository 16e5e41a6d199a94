package strip

// The raw headers of a thin Mach-O file, with the field names of Apple's
// <mach-o/loader.h>, read with every number checked.

import (
	"bytes"
	"encoding/binary"

	"github.com/minsize/minsize/internal/byteio"
)

const (
	mhExecute, mhCore, mhDylib, mhDylinker, mhBundle, mhDsym, mhKext = 2, 4, 6, 7, 8, 10, 11
	mhObject                                                         = 1

	lcReqDyld         = 0x80000000
	lcSegment         = 0x1
	lcSymtab          = 0x2
	lcDysymtab        = 0xb
	lcTwolevelHints   = 0x16
	lcSegment64       = 0x19
	lcCodeSignature   = 0x1d
	lcEncryption      = 0x21
	lcEncryption64    = 0x2c
	lcDyldInfo        = 0x22
	lcNote            = 0x31
	lcChainedFixups   = 0x34 | lcReqDyld
	lcMain            = 0x28 | lcReqDyld
	cpuX86, cpuX86_64 = 7, 0x01000007
	cpuARM64          = 0x0100000c
)

// linkeditData are the commands of type linkedit_data_command: an offset and
// a size in __LINKEDIT at bytes 8 and 12.
var linkeditData = map[uint32]string{
	lcCodeSignature: "code signature", 0x1e: "LC_SEGMENT_SPLIT_INFO", 0x26: "LC_FUNCTION_STARTS", 0x29: "LC_DATA_IN_CODE",
	0x2b: "LC_DYLIB_CODE_SIGN_DRS", 0x2e: "LC_LINKER_OPTIMIZATION_HINT", 0x33 | lcReqDyld: "LC_DYLD_EXPORTS_TRIE",
	lcChainedFixups: "LC_DYLD_CHAINED_FIXUPS", 0x36: "LC_ATOM_INFO", 0x37: "LC_FUNCTION_VARIANTS", 0x38: "LC_FUNCTION_VARIANT_FIXUPS",
}

// withoutOffsets are the commands that know no file offset but for LC_MAIN's,
// which is in __TEXT and does not move.
var withoutOffsets = map[uint32]bool{
	0x4: true, 0x5: true, lcMain: true, 0xc: true, 0xd: true, 0xe: true, 0xf: true, 0x10: true, 0x11: true, 0x12: true, 0x13: true,
	0x14: true, 0x15: true, 0x17: true, 0x18 | lcReqDyld: true, 0x1a: true, 0x1b: true, 0x1c | lcReqDyld: true, 0x1f | lcReqDyld: true,
	0x20: true, 0x23 | lcReqDyld: true, 0x24: true, 0x25: true, 0x27: true, 0x2a: true, 0x2d: true, 0x2f: true, 0x30: true, 0x32: true, 0x39: true,
}

type machoCommand struct {
	cmd   uint32
	at    uint64 // file offset
	bytes []byte // the whole command
}

type machoSegment struct {
	command          int // index into commands
	name             string
	vmaddr, vmsize   uint64
	fileoff          uint64
	filesize         uint64
	initprot, nsects uint32
}

// machoTable is a piece of __LINKEDIT: which command knows it, and where in
// the command the offset and the size (or count) are.
type machoTable struct {
	command        int
	field, count   int    // byte offsets in the command
	unit           uint64 // bytes for each of count
	offset, length uint64 // in the file, bytes
	what           string
}

type machoFile struct {
	data     []byte
	order    binary.ByteOrder
	is64     bool
	cputype  uint32
	filetype uint32
	header   uint64 // its size
	sizecmds uint64
	commands []machoCommand
	segments []machoSegment
	tables   []machoTable // of __LINKEDIT
	symtab   int          // index into commands, -1 without
	dysymtab int
	sections int // in all segments
}

func machoOrder(data []byte) (order binary.ByteOrder, is64, ok bool) {
	if len(data) < 4 {
		return nil, false, false
	}
	switch binary.LittleEndian.Uint32(data) {
	case 0xfeedface:
		return binary.LittleEndian, false, true
	case 0xfeedfacf:
		return binary.LittleEndian, true, true
	case 0xcefaedfe:
		return binary.BigEndian, false, true
	case 0xcffaedfe:
		return binary.BigEndian, true, true
	}
	return nil, false, false
}

func isMachO(data []byte) bool {
	_, _, ok := machoOrder(data)
	return ok
}

func parseMachO(data []byte) (*machoFile, error) {
	f := &machoFile{data: data, symtab: -1, dysymtab: -1, header: 28}
	f.order, f.is64, _ = machoOrder(data)
	if f.is64 {
		f.header = 32
	}
	v := byteio.View{Data: data, Order: f.order}
	h, err := v.Slice(0, f.header, "mach_header")
	if err != nil {
		return nil, err
	}
	f.cputype, f.filetype = f.order.Uint32(h[4:]), f.order.Uint32(h[12:])
	count, size := uint64(f.order.Uint32(h[16:])), uint64(f.order.Uint32(h[20:]))
	f.sizecmds = size
	all, err := v.Sub(f.header, size, "load commands (sizeofcmds)")
	if err != nil {
		return nil, err
	}
	if count*8 > size {
		return nil, byteio.Errorf(16, "ncmds", "%d commands do not fit %d bytes", count, size)
	}
	var at uint64
	for range count {
		cmd, err := all.U32(at, "cmd")
		if err != nil {
			return nil, err
		}
		n, err := all.U32(at+4, "cmdsize")
		if err != nil {
			return nil, err
		}
		if n < 8 || n%4 != 0 {
			return nil, byteio.Errorf(f.header+at+4, "cmdsize", "%d is no size of a load command", n)
		}
		b, err := all.Slice(at, uint64(n), "load command")
		if err != nil {
			return nil, err
		}
		f.commands = append(f.commands, machoCommand{cmd, f.header + at, b})
		at += uint64(n)
	}
	for i := range f.commands {
		if err := f.readCommand(i, v); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// need checks that command i has n bytes.
func (f *machoFile) need(i, n int) ([]byte, error) {
	c := f.commands[i]
	if len(c.bytes) < n {
		return nil, byteio.Errorf(c.at+4, "cmdsize", "%d bytes, at least %d expected", len(c.bytes), n)
	}
	return c.bytes, nil
}

func (f *machoFile) readCommand(i int, v byteio.View) error {
	c := f.commands[i]
	table := func(field, count int, unit uint64, what string) error {
		off, n := uint64(f.order.Uint32(c.bytes[field:])), uint64(f.order.Uint32(c.bytes[count:]))
		if n == 0 {
			return nil
		}
		if _, err := v.Table(off, n, unit, what); err != nil {
			return err
		}
		f.tables = append(f.tables, machoTable{command: i, field: field, count: count, unit: unit, offset: off, length: n * unit, what: what})
		return nil
	}
	switch c.cmd {
	case lcSegment, lcSegment64:
		return f.readSegment(i, v)
	case lcSymtab:
		if _, err := f.need(i, 24); err != nil {
			return err
		}
		f.symtab = i
		if err := table(8, 12, f.nlistSize(), "symbol table"); err != nil {
			return err
		}
		return table(16, 20, 1, "string table")
	case lcDysymtab:
		if _, err := f.need(i, 80); err != nil {
			return err
		}
		f.dysymtab = i
		for _, t := range []struct {
			field, count int
			unit         uint64
			what         string
		}{{32, 36, 8, "table of contents"}, {40, 44, uint64(52 + 4*btoi(f.is64)), "module table"}, {48, 52, 4, "referenced symbols"},
			{56, 60, 4, "indirect symbols"}, {64, 68, 8, "external relocations"}, {72, 76, 8, "local relocations"}} {
			if err := table(t.field, t.count, t.unit, t.what); err != nil {
				return err
			}
		}
	case lcTwolevelHints:
		if _, err := f.need(i, 16); err != nil {
			return err
		}
		return table(8, 12, 4, "two-level hints")
	case lcDyldInfo, lcDyldInfo | lcReqDyld:
		if _, err := f.need(i, 48); err != nil {
			return err
		}
		for j, what := range []string{"rebase", "bind", "weak bind", "lazy bind", "export"} {
			if err := table(8+8*j, 12+8*j, 1, what+" info"); err != nil {
				return err
			}
		}
	default:
		if what, ok := linkeditData[c.cmd]; ok {
			if _, err := f.need(i, 16); err != nil {
				return err
			}
			return table(8, 12, 1, what)
		}
	}
	return nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (f *machoFile) nlistSize() uint64 {
	if f.is64 {
		return 16
	}
	return 12
}

func (f *machoFile) readSegment(i int, v byteio.View) error {
	c := f.commands[i]
	headerSize, sectionSize := 56, 68
	if c.cmd == lcSegment64 {
		headerSize, sectionSize = 72, 80
	}
	b, err := f.need(i, headerSize)
	if err != nil {
		return err
	}
	o := f.order
	s := machoSegment{command: i, name: string(bytes.TrimRight(b[8:24], "\x00"))}
	if c.cmd == lcSegment64 {
		s.vmaddr, s.vmsize, s.fileoff, s.filesize = o.Uint64(b[24:]), o.Uint64(b[32:]), o.Uint64(b[40:]), o.Uint64(b[48:])
		s.initprot, s.nsects = o.Uint32(b[60:]), o.Uint32(b[64:])
	} else {
		s.vmaddr, s.vmsize = uint64(o.Uint32(b[24:])), uint64(o.Uint32(b[28:]))
		s.fileoff, s.filesize = uint64(o.Uint32(b[32:])), uint64(o.Uint32(b[36:]))
		s.initprot, s.nsects = o.Uint32(b[44:]), o.Uint32(b[48:])
	}
	if uint64(s.nsects)*uint64(sectionSize)+uint64(headerSize) > uint64(len(b)) {
		return byteio.Errorf(c.at+4, "nsects", "%d sections do not fit the command of %d bytes", s.nsects, len(b))
	}
	if s.filesize == 0 {
		s.fileoff = 0 // it has none, whatever it says
	} else if _, err := v.Slice(s.fileoff, s.filesize, "segment "+s.name); err != nil {
		return err
	}
	const largestPage = 64 << 10
	if end, ok := byteio.Add(s.vmaddr, s.vmsize); !ok || end+largestPage < end {
		return byteio.Errorf(c.at, "vmsize", "segment %s wraps around the address space", s.name)
	}
	if s.filesize > s.vmsize && s.name != "__DWARF" {
		return byteio.Errorf(c.at, "vmsize", "segment %s has %d bytes in the file but %d in memory", s.name, s.filesize, s.vmsize)
	}
	f.sections += int(s.nsects)
	f.segments = append(f.segments, s)
	return nil
}

// linkedit is the index of __LINKEDIT in segments, -1 without one.
func (f *machoFile) linkedit() int {
	for i, s := range f.segments {
		if s.name == "__LINKEDIT" {
			return i
		}
	}
	return -1
}

// table finds a piece of __LINKEDIT by its name.
func (f *machoFile) table(what string) (machoTable, []byte) {
	for _, t := range f.tables {
		if t.what == what {
			return t, f.data[t.offset : t.offset+t.length]
		}
	}
	return machoTable{}, nil
}

// nlist is one entry of the symbol table (<mach-o/nlist.h>).
type nlist struct {
	strx       uint32
	kind, sect uint8
	desc       uint16
	value      uint64
	name       string
}

const (
	nStab, nTypeMask, nExt, nUndf, nSect = 0xe0, 0x0e, 0x01, 0x0, 0xe
	referencedDynamically                = 0x10
)

func (n nlist) undefined() bool { return n.kind&nStab == 0 && n.kind&nTypeMask == nUndf }

// lookedUp says whether dyld finds the symbol by its name.
func (f *machoFile) lookedUp(n nlist) bool {
	return n.undefined() || n.kind&nStab == 0 && n.desc&referencedDynamically != 0 || n.kind&(nStab|nExt) == nExt && f.filetype != mhExecute
}

// symbols reads the symbol table with its names.
func (f *machoFile) symbols() ([]nlist, error) {
	t, raw := f.table("symbol table")
	_, pool := f.table("string table")
	size := f.nlistSize()
	out := make([]nlist, 0, uint64(len(raw))/size)
	budget := 16*len(f.data) + 1<<20
	for at := uint64(0); at < uint64(len(raw)); at += size {
		b := raw[at:]
		n := nlist{strx: f.order.Uint32(b), kind: b[4], sect: b[5], desc: f.order.Uint16(b[6:])}
		if f.is64 {
			n.value = f.order.Uint64(b[8:])
		} else {
			n.value = uint64(f.order.Uint32(b[8:]))
		}
		if uint64(n.strx) > uint64(len(pool)) {
			return nil, byteio.Errorf(t.offset+at, "n_strx", "%d, but names take %d bytes", n.strx, len(pool))
		}
		name := pool[n.strx:]
		if end := bytes.IndexByte(name, 0); end >= 0 {
			name = name[:end]
		}
		if budget -= len(name); budget < 0 {
			return nil, byteio.Errorf(t.offset, "symbol names", "more text than the file could hold")
		}
		n.name = string(name)
		out = append(out, n)
	}
	return out, nil
}

func (f *machoFile) encodeSymbol(b []byte, n nlist) {
	f.order.PutUint32(b, n.strx)
	b[4], b[5] = n.kind, n.sect
	f.order.PutUint16(b[6:], n.desc)
	if f.is64 {
		f.order.PutUint64(b[8:], n.value)
	} else {
		f.order.PutUint32(b[8:], uint32(n.value))
	}
}
