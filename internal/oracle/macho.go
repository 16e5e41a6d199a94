package oracle

// Mach-O: what the kernel and dyld see (<mach-o/loader.h>). They go by load
// commands; most tables lie in __LINKEDIT, whose layout is nobody's business
// but whose tables are. Debug information (__DWARF) is not part of an image.

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
)

const (
	cmdSymtab, cmdDysymtab           = 0x2, 0xb
	cmdSegment, cmdSegment64         = 0x1, 0x19
	cmdHints, cmdSignature           = 0x16, 0x1d
	cmdDyldInfo, cmdChained          = 0x22, 0x34
	requiredByDyld                   = 0x80000000
	executableFile                   = 2
	linkedit, debugSegment           = "__LINKEDIT", "__DWARF"
	symbolIsStab, symbolIsExternal   = 0xe0, 0x01
	symbolType, referencedByName     = 0x0e, 0x10
	indirectLocal, indirectAbsolute  = 0x80000000, 0x40000000
	machoHeader, machoHeader64       = 28, 32
	segmentHeader, segmentHeader64   = 56, 72
	symbolSize, symbolSize64         = 12, 16
	chainedHeader, fatEntry, fatWide = 28, 20, 32
)

// pieces are the tables of __LINKEDIT by load command: where in the command
// the offset and the count are, and how many bytes each of the count has.
var pieces = map[uint32][]piece{
	0x1e: {{8, 12, 1, "the segment split information"}}, 0x26: {{8, 12, 1, "the function starts"}}, 0x29: {{8, 12, 1, "data in code"}},
	0x2b: {{8, 12, 1, "the code sign DRs"}}, 0x2e: {{8, 12, 1, "the linker's hints"}}, 0x33: {{8, 12, 1, "the exports"}},
	0x36: {{8, 12, 1, "the atoms"}}, 0x37: {{8, 12, 1, "the function variants"}}, 0x38: {{8, 12, 1, "the function variants' fixups"}},
	cmdHints:     {{8, 12, 4, "the two-level hints"}},
	cmdSignature: {{8, 12, 1, "the code signature"}},
	cmdChained:   {{8, 12, 1, "the chained fixups"}},
	cmdSymtab:    {{8, 12, 0, "the symbols"}, {16, 20, 1, "the strings"}},
	cmdDyldInfo:  {{8, 12, 1, "the rebases"}, {16, 20, 1, "the binds"}, {24, 28, 1, "the weak binds"}, {32, 36, 1, "the lazy binds"}, {40, 44, 1, "the exports' trie"}},
	cmdDysymtab: {{32, 36, 8, "the table of contents"}, {40, 44, 0, "the modules"}, {48, 52, 4, "the referenced symbols"},
		{56, 60, 4, "the indirect symbols"}, {64, 68, 8, "the external relocations"}, {72, 76, 8, "the local relocations"}},
}

type piece struct {
	offset, count int
	unit          uint64 // 0: a symbol's or module's size, by class
	what          string
}

func machoOrder(data []byte) (order binary.ByteOrder, wide bool) {
	if len(data) < 4 {
		return nil, false
	}
	for _, o := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch o.Uint32(data) {
		case 0xfeedface:
			return o, false
		case 0xfeedfacf:
			return o, true
		}
	}
	return nil, false
}

func isMachO(data []byte) bool {
	order, _ := machoOrder(data)
	return order != nil
}

type machoSegment struct {
	name                           string
	addr, size, offset, length     uint64
	maximum, initial, count, flags uint32
}

type macho struct {
	cursor
	image    *Image
	filetype uint32
	commands uint64 // where they end
	segments []machoSegment
	tables   map[string][]byte
	starts   map[string]uint64 // their offsets in the file
}

func readMachO(data []byte) (*Image, error) {
	f := &macho{cursor: cursor{View: byteio.View{Data: data}}, image: &Image{}, tables: map[string][]byte{}, starts: map[string]uint64{}}
	f.Order, f.wide = machoOrder(data)
	i := f.image
	f.at = 4
	i.fact("the machine", "%x", f.bytes(8, "cputype, cpusubtype"))
	f.filetype = f.u32("filetype")
	i.fact("filetype", "%d", f.filetype)
	count, size := f.u32("ncmds"), uint64(f.u32("sizeofcmds"))
	i.fact("flags", "%#x", f.u32("flags"))
	if f.wide {
		i.fact("reserved", "%#x", f.u32("reserved"))
	}
	if f.err != nil {
		return nil, f.err
	}
	if f.filetype == 1 {
		return nil, fmt.Errorf("an object file: %w", ErrUnknown)
	}
	f.commands = f.at + size
	if _, err := f.Slice(f.at, size, "load commands"); err != nil {
		return nil, err
	}
	if uint64(count)*8 > size {
		return nil, byteio.Errorf(16, "ncmds", "%d do not fit %d bytes", count, size)
	}
	number := 0
	for range count {
		if err := f.command(&number); err != nil {
			return nil, err
		}
	}
	f.regions()
	for _, read := range []func() error{f.fixups, f.symbols, f.signature} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	return i, nil
}

// command reads the load command at f.at. Numbers count those that are facts,
// so that commands of debug information leave no gap.
func (f *macho) command(number *int) error {
	at := f.at
	kind, size := f.u32("cmd"), uint64(f.u32("cmdsize"))
	if f.err != nil {
		return f.err
	}
	if size < 8 || size%4 != 0 || at+size > f.commands {
		return byteio.Errorf(at+4, "cmdsize", "%d is no size of a load command", size)
	}
	raw := bytes.Clone(f.Data[at : at+size])
	f.at = at + size
	if kind == cmdSegment || kind == cmdSegment64 {
		s, err := f.segment(at, kind == cmdSegment64, size)
		if err != nil {
			return err
		}
		f.segments = append(f.segments, s)
		switch s.name {
		case debugSegment:
			return nil
		case linkedit: // its place and size are its own
			if kind == cmdSegment64 {
				clear(raw[32:56])
			} else {
				clear(raw[28:40])
			}
		}
	}
	for _, p := range pieces[kind&^requiredByDyld] {
		if len(raw) < p.count+4 {
			return byteio.Errorf(at+4, "cmdsize", "%d bytes are too few", size)
		}
		unit := p.unit
		switch {
		case unit == 0 && kind == cmdSymtab && f.wide:
			unit = symbolSize64
		case unit == 0 && kind == cmdSymtab:
			unit = symbolSize
		case unit == 0 && f.wide:
			unit = 56
		case unit == 0:
			unit = 52
		}
		offset, n := uint64(f.Order.Uint32(raw[p.offset:])), uint64(f.Order.Uint32(raw[p.count:]))
		clear(raw[p.offset : p.offset+4])
		clear(raw[p.count : p.count+4])
		if n == 0 {
			continue
		}
		table, err := f.Table(offset, n, unit, p.what)
		if err != nil {
			return err
		}
		f.tables[p.what], f.starts[p.what] = table, offset
	}
	if kind == cmdDysymtab {
		clear(raw[8:32]) // ranges of the symbols, which may be fewer
	}
	*number++
	f.image.fact(fmt.Sprintf("load command %d", *number), "%#x: %x", kind, raw[8:])
	return nil
}

func (f *macho) segment(at uint64, wide bool, size uint64) (machoSegment, error) {
	header, section := uint64(segmentHeader), uint64(68)
	if wide {
		header, section = segmentHeader64, 80
	}
	c := &cursor{View: f.View, at: at + 8, wide: wide}
	if size < header {
		return machoSegment{}, byteio.Errorf(at+4, "cmdsize", "%d bytes are too few for a segment", size)
	}
	s := machoSegment{name: string(bytes.TrimRight(c.bytes(16, "segname"), "\x00"))}
	s.addr, s.size, s.offset, s.length = c.word("vmaddr"), c.word("vmsize"), c.word("fileoff"), c.word("filesize")
	s.maximum, s.initial, s.count, s.flags = c.u32("maxprot"), c.u32("initprot"), c.u32("nsects"), c.u32("flags")
	if c.err != nil {
		return s, c.err
	}
	if uint64(s.count)*section+header > size {
		return s, byteio.Errorf(at+4, "nsects", "%d sections do not fit", s.count)
	}
	if _, fits := byteio.Add(s.addr, s.size); !fits || s.length > s.size && s.name != debugSegment && s.name != linkedit {
		return s, byteio.Errorf(at, "vmsize", "segment %s has %#x bytes in the file but %#x in memory", s.name, s.length, s.size)
	}
	if s.length == 0 {
		s.offset = 0
	}
	_, err := f.Slice(s.offset, s.length, "segment "+s.name)
	return s, err
}

// regions are the segments, and the tables that only have to be there.
func (f *macho) regions() {
	i := f.image
	names := numbered{}
	for _, s := range f.segments {
		switch s.name {
		case debugSegment:
			continue
		case linkedit:
			if s.offset+s.length != f.Len() {
				i.fault("__LINKEDIT does not end the file")
			}
			if s.length > s.size {
				i.fault("__LINKEDIT is larger in the file than in memory")
			}
			i.fact("__LINKEDIT's place in a page of the file", "%#x", s.offset%smallestPage)
			continue
		}
		r := Region{Name: "segment " + names.name(s.name), Addr: s.addr, Size: s.size, Access: fmt.Sprintf("%d of %d", s.initial, s.maximum), Data: f.Data[s.offset : s.offset+s.length]}
		if s.offset == 0 && s.length > 0 { // the load commands are facts
			r.Places = []Span{{0, f.commands}}
		}
		i.Regions = append(i.Regions, r)
	}
	var tables []string
	for what := range f.tables {
		switch what {
		case "the symbols", "the strings", "the indirect symbols", "the code signature", "the chained fixups": // read below
		default:
			tables = append(tables, what)
		}
	}
	slices.Sort(tables)
	for _, what := range tables {
		i.fact("the size of "+what, "%d", len(f.tables[what]))
		i.Regions = append(i.Regions, Region{Name: what, Size: uint64(len(f.tables[what])), Data: f.tables[what]})
	}
}

// fixups reads dyld_chained_fixups_header: its list of segments counts
// __DWARF, which may go; what is behind is found by offsets.
func (f *macho) fixups() error {
	table, there := f.tables["the chained fixups"]
	if !there {
		return nil
	}
	i := f.image
	c := &cursor{View: byteio.View{Data: table, Base: f.starts["the chained fixups"], Order: f.Order}}
	i.fact("the chained fixups' version", "%d", c.u32("fixups_version"))
	starts, imports, symbols := uint64(c.u32("starts_offset")), uint64(c.u32("imports_offset")), uint64(c.u32("symbols_offset"))
	i.fact("the number of imports", "%d", c.u32("imports_count"))
	i.fact("the formats of imports", "%d, %d", c.u32("imports_format"), c.u32("symbols_format"))
	if c.err != nil {
		return c.err
	}
	if imports > symbols || symbols > c.Len() {
		return byteio.Errorf(c.Base, "imports_offset", "%#x to %#x lies outside", imports, symbols)
	}
	i.Regions = append(i.Regions, Region{Name: "the imports of chained fixups", Data: bytes.TrimRight(table[imports:symbols], "\x00")},
		Region{Name: "the symbols of chained fixups", Data: bytes.TrimRight(table[symbols:], "\x00")})
	c.at = starts
	count := uint64(c.u32("seg_count"))
	for k := range count {
		offset := uint64(c.u32("seg_info_offset"))
		if c.err != nil {
			return c.err
		}
		if offset == 0 {
			continue
		}
		if k >= uint64(len(f.segments)) {
			return byteio.Errorf(c.Base+c.at, "seg_count", "%d segments, but there are %d", count, len(f.segments))
		}
		chain := &cursor{View: c.View, at: starts + offset}
		size := uint64(chain.u32("size"))
		chain.at = starts + offset
		body := chain.bytes(size, "dyld_chained_starts_in_segment")
		if chain.err != nil {
			return chain.err
		}
		i.fact("the chained fixups of segment "+f.segments[k].name, "%x", body)
	}
	return nil
}

// symbols are those that dyld finds by name, and each pointer that a stub or a
// lazy binding goes through.
func (f *macho) symbols() error {
	type symbol struct {
		name string
		kind uint8
	}
	raw, pool := f.tables["the symbols"], f.tables["the strings"]
	c := &cursor{View: byteio.View{Data: raw, Base: f.starts["the symbols"], Order: f.Order}, wide: f.wide}
	var all []symbol
	var found []string
	budget := 16*len(f.Data) + 1<<20 // names may share tails, but not without end
	for c.at < c.Len() {
		index, kind, section, desc := uint64(c.u32("n_strx")), c.u8("n_type"), c.u8("n_sect"), c.u16("n_desc")
		value := c.word("n_value")
		if c.err != nil {
			return c.err
		}
		if index > uint64(len(pool)) {
			return byteio.Errorf(c.Base+c.at, "n_strx", "%d, but names take %d bytes", index, len(pool))
		}
		end := bytes.IndexByte(pool[index:], 0)
		if end < 0 {
			end = len(pool) - int(index)
		}
		if budget -= end; budget < 0 {
			return byteio.Errorf(c.Base, "symbol names", "more text than the file could hold")
		}
		name := string(pool[index : index+uint64(end)])
		all = append(all, symbol{name, kind})
		if kind&symbolIsStab == 0 && (kind&symbolType == 0 || desc&referencedByName != 0 || kind&symbolIsExternal != 0 && f.filetype != executableFile) {
			found = append(found, fmt.Sprintf("%s\x00type %#x, section %d, %#x, value %#x", name, kind, section, desc, value))
		}
	}
	slices.Sort(found)
	names := numbered{}
	for _, s := range found {
		name, value, _ := strings.Cut(s, "\x00")
		f.image.fact("symbol "+names.name(name), "%s", value)
	}
	indirect := f.tables["the indirect symbols"]
	for k := 0; k+4 <= len(indirect); k += 4 {
		n := f.Order.Uint32(indirect[k:])
		value := fmt.Sprintf("%#x", n)
		if n&(indirectLocal|indirectAbsolute) == 0 {
			if uint64(n) >= uint64(len(all)) {
				f.image.fault("indirect symbol %d is number %d of %d", k/4, n, len(all))
				continue
			}
			value = fmt.Sprintf("%s, type %#x", all[n].name, all[n].kind)
		}
		f.image.fact(fmt.Sprintf("indirect symbol %d", k/4), "%s", value)
	}
	return nil
}
