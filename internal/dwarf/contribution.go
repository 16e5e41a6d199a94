package dwarf

// Which bytes of the other debug sections are a unit's. Some sections have a
// header per unit that says it (lines, and DWARF 5's tables); of .debug_str
// and DWARF 4's .debug_ranges and .debug_loc only the references tell.

// Contribution is a unit's part of a section, by the section's kind ("line").
type Contribution struct {
	Kind         string
	Offset, Size uint64
}

// Contributions returns the parts that unit headers and bases point at.
func (d *Data) Contributions(u *Unit) []Contribution {
	list := []Contribution{{"info", u.Offset, u.End - u.Offset}}
	if c, ok := d.packaged[u.Offset]; ok { // the index says it
		for _, part := range c {
			if part.Size > 0 && part.Kind != "info" {
				list = append(list, part)
			}
		}
		return list
	}
	if d.split && len(d.Units) == 1 { // a .dwo file's sections are its unit's
		for kind, section := range d.sectionTargets() {
			if len(*section) > 0 && kind != "info" {
				list = append(list, Contribution{kind, 0, uint64(len(*section))})
			}
		}
		return list
	}
	if u.table != nil {
		list = append(list, Contribution{"abbrev", u.AbbrevOffset, u.table.end - u.AbbrevOffset})
	}
	// A table's length field stands before the bases, by the size of its header.
	sized := func(kind string, section []byte, at uint64) {
		if at >= uint64(len(section)) {
			return
		}
		r := d.reader(section, at, kind)
		length := uint64(r.u32())
		if length == 0xffffffff {
			length = r.u64()
		}
		if !r.bad && length <= r.end-r.at {
			list = append(list, Contribution{kind, at, r.at + length - at})
		}
	}
	if u.HasLine {
		sized("line", d.line, u.LineOffset)
	}
	if u.Version >= 5 {
		o := uint64(u.OffsetSize)
		head := 4 + 8*(o/8) // unit_length
		if u.strOffsetsBase >= head+4 {
			sized("str_offsets", d.strOffsets, u.strOffsetsBase-head-4)
		}
		if u.addrBase >= head+4 && u.skeleton == nil {
			sized("addr", d.addr, u.addrBase-head-4)
		}
		if u.rnglistsBase >= head+8 {
			sized("rnglists", d.rnglists, u.rnglistsBase-head-8)
		}
		if u.loclistsBase >= head+8 {
			sized("loclists", d.loclists, u.loclistsBase-head-8)
		}
	}
	return list
}

// Aranges yields the sets of .debug_aranges (6.1.2): the unit that each is for.
func (d *Data) Aranges(yield func(unit *Unit, off, size uint64)) {
	for at := uint64(0); at+4 <= uint64(len(d.aranges)); {
		r := d.reader(d.aranges, at, ".debug_aranges")
		length, offsetSize := uint64(r.u32()), uint8(4)
		if length == 0xffffffff {
			length, offsetSize = r.u64(), 8
		}
		if r.bad || length > r.end-r.at {
			return
		}
		end := r.at + length
		r.u16()
		yield(d.UnitAt(r.offset(offsetSize)), at, end-at)
		at = end
	}
}

// References are the kinds of sections that References reports.
const (
	ToStr     = "str"
	ToLineStr = "line_str"
	ToRanges  = "ranges"
	ToLoc     = "loc"
)

// References yields each offset that the unit's entries hold of string,
// range and location sections, in the order of entries: what a string or list
// serves. Strings that DWARF 5 indexes come from the unit's string offsets.
func (d *Data) References(u *Unit, yield func(kind string, off uint64)) {
	if u.table == nil {
		return
	}
	key := abbrevKey{u.AbbrevOffset, u.Version, u.AddrSize, u.OffsetSize}
	r := d.reader(d.info, u.dies, ".debug_info")
	r.end = u.End
	for r.at < r.end && !r.bad {
		code := r.uleb()
		if code == 0 {
			continue
		}
		a := u.table.find(code)
		if a == nil {
			return
		}
		for i := range a.refs {
			s := &a.refs[i]
			switch s.kind {
			case stepStrp:
				yield(ToStr, r.offset(uint8(s.n)))
			case stepLineStrp:
				yield(ToLineStr, r.offset(uint8(s.n)))
			case stepSecOffset:
				off := r.offset(uint8(s.n))
				switch {
				case s.attr == atRanges:
					yield(ToRanges, off)
				case listAttr(s.attr):
					yield(ToLoc, off)
				}
			default:
				r.step(s, key)
			}
		}
	}
	for _, c := range d.Contributions(u) {
		if c.Kind != "str_offsets" {
			continue
		}
		s := d.reader(d.strOffsets, u.strOffsetsBase, ".debug_str_offsets")
		s.end = min(c.Offset+c.Size, s.end) // what a package's index says is a claim
		for s.at+uint64(u.OffsetSize) <= s.end && !s.bad {
			yield(ToStr, s.offset(u.OffsetSize))
		}
	}
}
