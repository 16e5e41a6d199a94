package dwarf

// Values of attributes that somebody asks for, and what they refer to.

// value is an attribute as it stands: the number (constant, offset, index,
// reference as offset of .debug_info), or the bytes of a string or block.
type value struct {
	form   uint16
	number uint64
	bytes  []byte
}

// value reads one attribute; references come out as offsets of the section.
func (r *reader) value(u *Unit, a attr) value {
	v := value{form: a.form}
	for depth := 0; v.form == formIndirect; depth++ {
		if v.form = uint16(r.uleb()); depth > 2 {
			r.bad = true
			return value{}
		}
	}
	switch v.form {
	case formAddr:
		v.number = r.offset(u.AddrSize)
	case formData1, formFlag, formStrx1, formAddrx1:
		v.number = uint64(r.u8())
	case formData2, formStrx1 + 1, formAddrx1 + 1:
		v.number = uint64(r.u16())
	case formStrx1 + 2, formAddrx1 + 2:
		v.number = uint64(r.u24())
	case formData4, formStrx4, formAddrx4:
		v.number = uint64(r.u32())
	case formData8, formRefSig8:
		v.number = r.u64()
	case formData16:
		r.skip(16)
	case formRef1:
		v.number = u.Offset + uint64(r.u8())
	case formRef2:
		v.number = u.Offset + uint64(r.u16())
	case formRef4:
		v.number = u.Offset + uint64(r.u32())
	case formRef8:
		v.number = u.Offset + r.u64()
	case formRefUdata:
		v.number = u.Offset + r.uleb()
	case formRefAddr:
		if u.Version == 2 {
			v.number = r.offset(u.AddrSize)
		} else {
			v.number = r.offset(u.OffsetSize)
		}
	case formStrp, formLineStrp, formSecOffset, formGNURefAlt, formGNUStrpAlt, formStrpSup:
		v.number = r.offset(u.OffsetSize)
	case formRefSup4:
		v.number = uint64(r.u32())
	case formRefSup8:
		v.number = r.u64()
	case formUdata, formStrx, formAddrx, formLoclistx, formRnglistx, formGNUAddrIndex, formGNUStrIndex:
		v.number = r.uleb()
	case formSdata:
		v.number = uint64(r.sleb())
	case formImplicitConst:
		v.number = uint64(a.implicit)
	case formFlagPresent:
		v.number = 1
	case formString:
		s := r.at
		r.cstring()
		if !r.bad {
			v.bytes = r.data[s : r.at-1]
		}
	case formBlock1:
		v.bytes = r.take(uint64(r.u8()))
	case formBlock2:
		v.bytes = r.take(uint64(r.u16()))
	case formBlock4:
		v.bytes = r.take(uint64(r.u32()))
	case formBlock, formExprloc:
		v.bytes = r.take(r.uleb())
	default:
		r.bad = true
	}
	return v
}

// local says whether a reference is into this file's .debug_info.
func (v *value) local() bool {
	switch v.form {
	case formRef1, formRef2, formRef4, formRef8, formRefUdata, formRefAddr:
		return true
	}
	return false
}

func (d *Data) stringOf(u *Unit, v value) string {
	switch v.form {
	case formString:
		return view(v.bytes)
	case formStrp:
		return stringAt(d.str, v.number)
	case formLineStrp:
		return stringAt(d.lineStr, v.number)
	case formStrx, formStrx1, formStrx1 + 1, formStrx1 + 2, formStrx4, formGNUStrIndex:
		off, ok := d.indexed(d.strOffsets, u.strOffsetsBase, v.number, u.OffsetSize)
		if ok {
			return stringAt(d.str, off)
		}
	case formGNUStrpAlt, formStrpSup:
		if d.alt != nil {
			return stringAt(d.alt.str, v.number)
		}
	}
	return ""
}

// indexed reads entry i of a table of size-byte numbers at base.
func (d *Data) indexed(section []byte, base, i uint64, size uint8) (uint64, bool) {
	if i > uint64(len(section)) || base > uint64(len(section)) {
		return 0, false
	}
	r := d.reader(section, base+i*uint64(size), "")
	n := r.offset(size)
	return n, !r.bad
}

// addressOf resolves an address form; not ok for other forms.
func (d *Data) addressOf(u *Unit, v value) (uint64, bool) {
	switch v.form {
	case formAddr:
		return v.number, true
	case formAddrx, formAddrx1, formAddrx1 + 1, formAddrx1 + 2, formAddrx4, formGNUAddrIndex:
		return d.indexed(u.addr, u.addrBase, v.number, u.AddrSize)
	}
	return 0, false
}

// maxRanges bounds the ranges of one entry: lists may be shared, and a hostile
// file could refer to one long list from everywhere.
const maxRanges = 1 << 16

// live says whether a range is of code that is there: linkers write 0 (bfd,
// gold), 0 or 1 (lld) or the highest addresses where they took a function out.
func (d *Data) live(low, high uint64, size uint8) bool {
	return low < high && (d.relocatable || low > 1) && low < 1<<(8*uint(size)-1)*2-2
}

// appendRanges resolves low_pc with high_pc, or ranges (2.17).
func (d *Data) appendRanges(list []Range, u *Unit, low, high, ranges value) []Range {
	if ranges.form != 0 {
		return d.appendRangeList(list, u, ranges)
	}
	from, ok := d.addressOf(u, low)
	if !ok || high.form == 0 {
		return list
	}
	to, isAddr := d.addressOf(u, high)
	if !isAddr {
		to = from + high.number
	}
	if d.live(from, to, u.AddrSize) {
		list = append(list, Range{from, to})
	}
	return list
}

func (d *Data) appendRangeList(list []Range, u *Unit, v value) []Range {
	if u.Version < 5 {
		return d.appendRanges4(list, u, v.number)
	}
	off := v.number
	if v.form == formRnglistx {
		entry, ok := d.indexed(d.rnglists, u.rnglistsBase, v.number, u.OffsetSize)
		if !ok {
			return list
		}
		off = u.rnglistsBase + entry
	}
	return d.appendRanges5(list, u, off)
}

// appendRanges4 reads .debug_ranges (DWARF 4, 2.17.3).
func (d *Data) appendRanges4(list []Range, u *Unit, off uint64) []Range {
	if u.skeleton != nil {
		off += u.rangesBase
	}
	r := d.reader(u.ranges, off, ".debug_ranges")
	base := u.lowPC
	highest := uint64(1)<<(8*uint(u.AddrSize)-1)*2 - 1
	for n := 0; n < maxRanges; n++ {
		low, high := r.offset(u.AddrSize), r.offset(u.AddrSize)
		if r.bad || low == 0 && high == 0 || !d.spend(2*uint64(u.AddrSize)) {
			break
		}
		if low == highest {
			base = high
			continue
		}
		if d.live(base+low, base+high, u.AddrSize) {
			list = append(list, Range{base + low, base + high})
		}
	}
	return list
}

// appendRanges5 reads .debug_rnglists (7.25).
func (d *Data) appendRanges5(list []Range, u *Unit, off uint64) []Range {
	r := d.reader(d.rnglists, off, ".debug_rnglists")
	base := u.lowPC
	index := func() uint64 {
		n, _ := d.indexed(u.addr, u.addrBase, r.uleb(), u.AddrSize)
		return n
	}
	for n := 0; n < maxRanges && !r.bad && d.spend(2); n++ {
		var low, high uint64
		switch r.u8() {
		case 0: // DW_RLE_end_of_list
			return list
		case 1: // base_addressx
			base = index()
			continue
		case 2: // startx_endx
			low = index()
			high = index()
		case 3: // startx_length
			low = index()
			high = low + r.uleb()
		case 4: // offset_pair
			low = base + r.uleb()
			high = base + r.uleb()
		case 5: // base_address
			base = r.offset(u.AddrSize)
			continue
		case 6: // start_end
			low = r.offset(u.AddrSize)
			high = r.offset(u.AddrSize)
		case 7: // start_length
			low = r.offset(u.AddrSize)
			high = low + r.uleb()
		default:
			return list
		}
		if !r.bad && d.live(low, high, u.AddrSize) {
			list = append(list, Range{low, high})
		}
	}
	return list
}
