// Package dwarf reads what a size analysis asks of DWARF 2 to 5: compile units,
// functions and what was inlined into them, line tables, static variables, and
// which bytes of which debug section a unit has.
//
// What is hard here is the amount: a Rust program's debug information has
// millions of entries, of which one in fifty matters. The standard library's
// reader makes a Go value of every attribute. Here each abbreviation is
// compiled once into a list of skips, most often a single number, and entries
// that nobody asks for are passed over without being looked at; strings are
// views of the section. Nothing is allocated per entry.
//
// Section numbers in comments are those of DWARF 5; older versions are the
// same but for forms and headers.
//
// Rejected: building the tree. Callers want flat tables with addresses, and a
// tree of this size costs more memory than the file.
package dwarf

import (
	"encoding/binary"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/objfile"
)

// Data is a file's debug sections and its units. It is frozen after Open and
// safe for concurrent use: walk the units on as many goroutines as you like.
type Data struct {
	Units []Unit // in the order of .debug_info

	info, abbrev, str, lineStr, line, strOffsets []byte
	addr, ranges, rnglists, loclists, aranges    []byte
	order                                        binary.ByteOrder
	big                                          bool
	relocatable                                  bool  // address 0 is an address, not a function that the linker took out
	alt                                          *Data // dwz's shared file (DW_FORM_GNU_strp_alt, DW_FORM_strp_sup)
	split                                        bool  // the sections read are .dwo sections

	packaged     map[uint64]contributions // of a .dwp, by the unit's offset
	indexVersion uint32                   // of a .dwp

	budget atomic.Int64 // bytes of shared tables that may still be read

	mu      sync.Mutex
	abbrevs map[abbrevKey]*abbrevTable
}

// Unit is one compile, partial, type or skeleton unit (7.5.1).
type Unit struct {
	Offset, End  uint64 // in .debug_info, header included
	AbbrevOffset uint64
	Version      uint16
	Type         uint8 // DW_UT_*; 1 (compile) before DWARF 5
	AddrSize     uint8
	OffsetSize   uint8 // 4, or 8 for 64-bit DWARF

	// Of the unit's root entry; zero where it does not say.
	Tag                              uint16
	Name, CompDir, Producer, DWOName string
	Language                         uint16 // DW_LANG_*
	DWOID                            uint64
	LineOffset                       uint64
	HasLine                          bool
	Ranges                           []Range

	strOffsetsBase, addrBase, rnglistsBase, loclistsBase uint64
	lowPC                                                uint64
	dies                                                 uint64 // offset of the root entry
	table                                                *abbrevTable
	addr, ranges                                         []byte // .debug_addr, .debug_ranges: the skeleton's file's for split units
	rangesBase                                           uint64 // DW_AT_GNU_ranges_base: split units' ranges count from it

	skeleton, full *Unit // of a split unit, of a skeleton
	other          *Data // that the skeleton, or the full unit, is in
}

// Range is [Low, High) in memory.
type Range struct{ Low, High uint64 }

// TypeUnit says whether the unit describes a type, and so no code.
func (u *Unit) TypeUnit() bool { return u.Tag == tagTypeUnit || u.Type == 2 || u.Type == 6 }

// Languages that callers tell apart (7.12).
const (
	DW_LANG_C_plus_plus    = 0x04
	DW_LANG_C_plus_plus_11 = 0x1a
	DW_LANG_Rust           = 0x1c
	DW_LANG_Go             = 0x16
	DW_LANG_Swift          = 0x1e
)

// sectionNames are the sections by their ELF names; Mach-O and .dwo names are
// derived from them.
func (d *Data) sectionTargets() map[string]*[]byte {
	return map[string]*[]byte{
		"info": &d.info, "abbrev": &d.abbrev, "str": &d.str, "line_str": &d.lineStr, "line": &d.line, "str_offsets": &d.strOffsets,
		"addr": &d.addr, "ranges": &d.ranges, "rnglists": &d.rnglists, "loclists": &d.loclists, "aranges": &d.aranges,
	}
}

// Kind says which of DWARF's sections a section is ("info", "line", "str"),
// split whether it is a .dwo section; not ok for others. Names are .debug_info,
// .zdebug_info, __DWARF,__debug_info, .debug_info.dwo.
func Kind(name string) (kind string, split, ok bool) {
	name = strings.TrimPrefix(name, "__DWARF,")
	for _, prefix := range []string{".debug_", "__debug_", ".zdebug_", "__zdebug_"} {
		if rest, found := strings.CutPrefix(name, prefix); found {
			kind, split = strings.CutSuffix(rest, ".dwo")
			switch kind {
			case "str_offs": // Mach-O section names have 16 characters
				kind = "str_offsets"
			}
			return kind, split, true
		}
	}
	return "", false, false
}

// ErrNone is what Open answers for a file without .debug_info.
var ErrNone = byteio.Errorf(0, ".debug_info", "the file has no debug information")

// Open reads the unit headers and root entries of f. alt is dwz's shared file
// when f refers to one and the caller has it, else nil.
func Open(f *objfile.File, alt *Data) (*Data, error) {
	d := &Data{order: f.Order, big: f.Order == binary.BigEndian, relocatable: f.Kind == objfile.Relocatable, alt: alt, abbrevs: map[abbrevKey]*abbrevTable{}}
	targets := d.sectionTargets()
	split := false
	for i := range f.Sections {
		if kind, dwo, ok := Kind(f.Sections[i].Name); ok && kind == "info" && dwo {
			split = true
		}
	}
	d.split = split
	patches := patchesOf(f)
	for i := range f.Sections {
		s := &f.Sections[i]
		kind, dwo, ok := Kind(s.Name)
		if into := targets[kind]; ok && into != nil && dwo == split && s.FileSize > 0 && (*into == nil || kind == "info") {
			data, err := f.SectionData(s)
			if err != nil {
				return nil, err
			}
			data = patches.apply(f, i, data)
			if *into != nil { // type units of objects and .dwo files lie in a group, and a section, each
				data = append((*into)[:len(*into):len(*into)], data...)
			}
			*into = data
		}
	}
	if len(d.info) == 0 {
		return nil, ErrNone
	}
	d.budget.Store(sharing * int64(len(d.info)+len(d.abbrev)+len(d.line)+len(d.ranges)+len(d.rnglists)+1<<20))
	for _, name := range []string{".debug_cu_index", ".debug_tu_index"} {
		s := f.SectionByName(name)
		if s == nil || s.FileSize == 0 {
			continue
		}
		index, err := f.SectionData(s)
		if err == nil {
			err = d.readIndex(index, name)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := d.readUnits(); err != nil {
		return d, err
	}
	return d, nil
}

// sharing bounds the reading of tables that several units may refer to
// (abbreviations, lines, ranges): honest units have their own, and are walked
// a few times, but a hostile file could refer to one long table from each of a
// hundred thousand units.
const sharing = 32

// spend takes n bytes off the budget; it answers false when it is used up.
func (d *Data) spend(n uint64) bool { return d.budget.Add(-int64(min(n, 1<<62))) > 0 }

// readUnits reads every unit's header and root entry. An error leaves the
// units before it.
func (d *Data) readUnits() error {
	for at := uint64(0); at < uint64(len(d.info)); {
		u, err := d.readHeader(at)
		if err != nil {
			return err
		}
		if u.AddrSize != 0 { // a unit of all zeros is padding
			if err := d.readRoot(&u); err != nil {
				return err
			}
			d.Units = append(d.Units, u)
		}
		at = u.End
	}
	return nil
}

func (d *Data) readHeader(at uint64) (Unit, error) {
	r := d.reader(d.info, at, ".debug_info")
	u := Unit{Offset: at, OffsetSize: 4, Type: 1}
	length := uint64(r.u32())
	if length == 0xffffffff {
		u.OffsetSize = 8
		length = r.u64()
	} else if length == 0 {
		u.End = at + 4
		return u, nil
	}
	if r.bad || length > uint64(len(d.info))-r.at {
		return u, byteio.Errorf(at, ".debug_info unit_length", "%d bytes wanted, %d there", length, uint64(len(d.info))-min(r.at, uint64(len(d.info))))
	}
	u.End = r.at + length
	u.Version = r.u16()
	if u.Version < 2 || u.Version > 5 {
		return u, byteio.Errorf(at, ".debug_info version", "expected 2 to 5, got %d", u.Version)
	}
	if d.indexVersion == 2 && u.Version >= 5 {
		return u, byteio.Errorf(at, ".debug_cu_index", "an index of version 2 over units of DWARF 5: what made the package did not know DWARF 5 (llvm-dwp does)")
	}
	if u.Version >= 5 {
		u.Type, u.AddrSize = r.u8(), r.u8()
		u.AbbrevOffset = r.offset(u.OffsetSize)
		switch u.Type {
		case 4, 5: // DW_UT_skeleton, DW_UT_split_compile
			u.DWOID = r.u64()
		case 2, 6: // DW_UT_type, DW_UT_split_type
			r.u64()
			r.offset(u.OffsetSize)
		}
	} else {
		u.AbbrevOffset, u.AddrSize = r.offset(u.OffsetSize), r.u8()
	}
	if r.bad || u.AddrSize != 4 && u.AddrSize != 8 && u.AddrSize != 2 || r.at > u.End {
		return u, byteio.Errorf(at, ".debug_info address_size", "expected 2, 4 or 8, got %d", u.AddrSize)
	}
	u.AbbrevOffset += d.packaged[at].base(columnAbbrev)
	u.dies = r.at
	u.addr, u.ranges = d.addr, d.ranges
	return u, nil
}

// readRoot reads the unit's root entry. The bases must be known before an
// indexed string or address is, so forms are resolved at the end.
func (d *Data) readRoot(u *Unit) error {
	table, err := d.abbreviations(u)
	if err != nil {
		return err
	}
	u.table = table
	if u.Version >= 5 { // defaults for split units, which have no bases (7.26 to 7.29)
		u.strOffsetsBase = 2 * uint64(u.OffsetSize)
		u.rnglistsBase, u.loclistsBase = 4+2*uint64(u.OffsetSize), 4+2*uint64(u.OffsetSize)
	}
	r := d.reader(d.info, u.dies, ".debug_info")
	r.end = u.End
	code := r.uleb()
	if code == 0 {
		return nil
	}
	decl := table.find(code)
	if decl == nil {
		return byteio.Errorf(u.dies, ".debug_info", "unit's root has the unknown abbreviation %d", code)
	}
	u.Tag = decl.tag
	var values [17]value
	keep := [17]uint16{atName, atCompDir, atProducer, atLanguage, atStmtList, atLowPC, atHighPC, atRanges, atStrOffsetsBase, atAddrBase, atRnglistsBase, atLoclistsBase, atDWOName, atGNUDWOName, atGNUDWOID, atGNUAddrBase, atGNURangesBase}
	for _, a := range decl.attrs {
		v := r.value(u, a)
		for i, name := range keep {
			if name == a.name {
				values[i] = v
			}
		}
	}
	if r.bad {
		return byteio.Errorf(u.dies, ".debug_info", "unit's root entry runs past the unit's end")
	}
	for i, into := range map[int]*uint64{4: &u.LineOffset, 8: &u.strOffsetsBase, 9: &u.addrBase, 10: &u.rnglistsBase, 11: &u.loclistsBase, 14: &u.DWOID, 15: &u.addrBase, 16: &u.rangesBase} {
		if values[i].form != 0 {
			*into = values[i].number
		}
	}
	u.HasLine = values[4].form != 0
	if c, ok := d.packaged[u.Offset]; ok {
		u.LineOffset += c.base(columnLine)
		u.strOffsetsBase += c.base(columnStrOffsets)
		u.rnglistsBase += c.base(columnRnglists)
		u.loclistsBase += c.base(columnLoclists)
	}
	u.Name, u.CompDir, u.Producer = d.stringOf(u, values[0]), d.stringOf(u, values[1]), d.stringOf(u, values[2])
	u.DWOName = d.stringOf(u, values[12]) + d.stringOf(u, values[13])
	u.Language = uint16(values[3].number)
	u.lowPC, _ = d.addressOf(u, values[5])
	u.Ranges = d.appendRanges(nil, u, values[5], values[6], values[7])
	return nil
}

// UnitAt returns the unit that holds an offset of .debug_info, nil without.
func (d *Data) UnitAt(off uint64) *Unit {
	i := sort.Search(len(d.Units), func(i int) bool { return d.Units[i].End > off })
	if i == len(d.Units) || off < d.Units[i].Offset {
		return nil
	}
	return &d.Units[i]
}
