package attrib

// Frame descriptions: the one table that a stripped ELF program must keep.
//
// .eh_frame (Linux Standard Base 5, 10.6; DWARF 5, 6.4) has one entry per
// function with its address and length, and points to its landing pads
// (.gcc_except_table). So it names the extents of functions that no symbol
// names, and it is a cost of each function itself. The binary search table in
// .eh_frame_hdr has eight bytes more per function. In relocatable objects the
// addresses are still to be filled in: relocations say which.

import (
	"slices"

	"github.com/minsize/minsize/internal/objfile"
)

// frame is one frame description.
type frame struct {
	entry, entryEnd uint64 // places of the description
	start, end      uint64 // places of the code
	lsda            uint64 // place of its exception table, noPlace without
	lsdaEnd         uint64 // where it ends, 0 when only the next one's start tells
	part            bool   // of another function: no body of its own
}

// Pointer encodings (LSB 5, 10.5.1).
const (
	peAbsptr, peUleb, peUdata2, peUdata4, peUdata8 = 0x00, 0x01, 0x02, 0x03, 0x04
	peSleb, peSdata2, peSdata4, peSdata8           = 0x09, 0x0a, 0x0b, 0x0c
	peApplication                                  = 0x70
	pePcrel, peDatarel                             = 0x10, 0x30
	peIndirect, peOmit                             = 0x80, 0xff
)

func (c *collector) readFrames() {
	f := c.p.File
	for i := range f.Sections {
		s := &f.Sections[i]
		if kindOfSection(f, s) != Unwind || s.FileSize == 0 || c.p.Space.sections[i] == noPlace {
			continue
		}
		switch s.Name {
		case ".eh_frame", "__eh_frame", ".bolt.org.eh_frame":
			data, err := f.RawData(s)
			if err != nil {
				c.p.warn("%s left out: %v", s.Name, err)
				continue
			}
			c.readEhFrame(data, s, c.p.Space.sections[i], f.Kind == objfile.Relocatable)
			if c.o.Forget != nil {
				c.o.Forget(data)
			}
		}
	}
}

// cie is what a frame description takes from its common information entry.
type cie struct {
	code, lsda byte // pointer encodings
	augmented  bool
	ok         bool

	personality   byte // its encoding, peOmit without
	personalityAt int  // where in the section it stands
}

// reader walks bytes; after a read past the end bad stays set.
type reader struct {
	data []byte
	at   int
	big  bool
	bad  bool
}

func (r *reader) bytes(n int) []byte {
	if n < 0 || n > len(r.data)-r.at {
		r.bad = true
		r.at = len(r.data)
		return nil
	}
	b := r.data[r.at : r.at+n]
	r.at += n
	return b
}

func (r *reader) uint(n int) uint64 {
	b := r.bytes(n)
	v := uint64(0)
	for i := range b {
		if r.big {
			v = v<<8 | uint64(b[i])
		} else {
			v |= uint64(b[i]) << (8 * i)
		}
	}
	return v
}

func (r *reader) uleb() uint64 {
	v, shift := uint64(0), uint(0)
	for {
		b := r.bytes(1)
		if b == nil {
			return 0
		}
		if shift < 64 {
			v |= uint64(b[0]&0x7f) << shift
		}
		if b[0]&0x80 == 0 {
			return v
		}
		shift += 7
	}
}

func (r *reader) sleb() int64 {
	shift, raw := uint(0), uint64(0)
	for {
		b := r.bytes(1)
		if b == nil {
			return 0
		}
		if shift < 64 {
			raw |= uint64(b[0]&0x7f) << shift
		}
		shift += 7
		if b[0]&0x80 == 0 {
			if shift < 64 && b[0]&0x40 != 0 {
				raw |= ^uint64(0) << shift
			}
			return int64(raw)
		}
	}
}

func (r *reader) cstring() string {
	for i := r.at; i < len(r.data); i++ {
		if r.data[i] == 0 {
			s := string(r.data[r.at:i])
			r.at = i + 1
			return s
		}
	}
	r.bad = true
	return ""
}

// pointer reads an encoded pointer; pc is the address of its first byte.
// A value of 0 in the file means none.
func (r *reader) pointer(encoding byte, pc uint64, width int) (value uint64, isNull bool) {
	var v uint64
	switch encoding & 0x0f {
	case peAbsptr:
		v = r.uint(width)
	case peUleb:
		v = r.uleb()
	case peUdata2:
		v = r.uint(2)
	case peUdata4:
		v = r.uint(4)
	case peUdata8, peSdata8:
		v = r.uint(8)
	case peSdata2:
		v = uint64(int64(int16(r.uint(2))))
	case peSdata4:
		v = uint64(int64(int32(r.uint(4))))
	case peSleb:
		v = uint64(r.sleb())
	default:
		r.bad = true
		return 0, true
	}
	if v == 0 {
		return 0, true
	}
	if encoding&peApplication == pePcrel {
		v += pc
	}
	if width == 4 {
		v = uint64(uint32(v))
	}
	return v, false
}

// readEhFrame walks one .eh_frame section that lies at place base.
func (c *collector) readEhFrame(data []byte, s *objfile.Section, base uint64, relocatable bool) {
	p, f := c.p, c.p.File
	width := f.Bits / 8
	big := f.Order != nil && f.Order.String() == "BigEndian"
	cies := map[int]cie{}
	c.unwind = slices.Grow(c.unwind, len(data)/32) // a description takes 28 bytes, most often more
	var sectionRelocs map[uint64]uint64
	if relocatable {
		sectionRelocs = c.relocTargets(s.Index)
	}
	for at := 0; at+4 <= len(data); {
		r := reader{data: data, at: at, big: big}
		length := r.uint(4)
		if length == 0 { // the terminator; linkers may put another input's entries behind it
			at += 4
			continue
		}
		if length == 0xffffffff {
			length = r.uint(8)
		}
		body := r.at
		if r.bad || length > uint64(len(data)-body) {
			p.warn("%s: entry at offset %#x runs past the section", s.Name, at)
			return
		}
		end := body + int(length)
		r.data = data[:end]
		id := r.uint(4)
		if id == 0 {
			cies[at] = readCIE(&r, width)
			c.addPersonality(data, cies[at], s.Addr)
			at = end
			continue
		}
		start := body - int(id)
		info, known := cies[start]
		if !known && start >= 0 && start < len(data) {
			info = readCIEAt(data, start, big, width)
			cies[start] = info
		}
		if info.ok {
			fr := frame{entry: base + uint64(at), entryEnd: base + uint64(end), lsda: noPlace}
			if c.readFDE(&r, info, s, uint64(width), base, sectionRelocs, &fr) {
				c.unwind = append(c.unwind, fr)
			}
		}
		at = end
	}
}

func (c *collector) readFDE(r *reader, info cie, s *objfile.Section, width, base uint64, relocs map[uint64]uint64, fr *frame) bool {
	p := c.p
	where := uint64(r.at)
	begin, null := r.pointer(info.code, s.Addr+where, int(width))
	var ok bool
	if relocs != nil {
		fr.start, ok = relocs[where]
	} else if !null {
		fr.start, ok = p.Space.AddrToPlace(begin)
	}
	size, _ := r.pointer(info.code&0x0f, 0, int(width))
	if r.bad || !ok {
		return false
	}
	limit, _ := p.limit(fr.start)
	fr.end = fr.start + min(size, limit-fr.start)
	if info.augmented {
		r.uleb()
		if info.lsda != peOmit {
			where := uint64(r.at)
			lsda, null := r.pointer(info.lsda, s.Addr+where, int(width))
			if relocs != nil {
				if place, ok := relocs[where]; ok {
					fr.lsda = place
				}
			} else if !null && !r.bad && info.lsda&peIndirect == 0 {
				if place, ok := p.Space.AddrToPlace(lsda); ok {
					fr.lsda = place
				}
			}
		}
	}
	return true
}

// addPersonality notes what a common information entry names as its functions'
// personality routine: that routine, or with peIndirect the pointer to it.
func (c *collector) addPersonality(data []byte, info cie, addr uint64) {
	if !info.ok || info.personality == peOmit || info.personality&0x0f == peUleb {
		return
	}
	f := c.p.File
	r := reader{data: data, at: info.personalityAt, big: f.Order.String() == "BigEndian"}
	target, null := r.pointer(info.personality, addr+uint64(info.personalityAt), f.Bits/8)
	if null || r.bad {
		return
	}
	if place, ok := c.p.Space.AddrToPlace(target); ok {
		c.personalities = append(c.personalities, place)
	}
}

func readCIEAt(data []byte, at int, big bool, width int) cie {
	r := reader{data: data, at: at, big: big}
	if r.uint(4) == 0xffffffff {
		r.uint(8)
	}
	if r.uint(4) != 0 {
		return cie{}
	}
	return readCIE(&r, width)
}

// readCIE reads what stands behind the CIE id.
func readCIE(r *reader, width int) cie {
	info := cie{code: peAbsptr, lsda: peOmit, personality: peOmit}
	version := r.uint(1)
	augmentation := r.cstring()
	if version == 4 {
		r.bytes(2) // address and segment selector size
	}
	r.uleb() // code alignment factor
	r.uleb() // data alignment factor, signed, same length
	if version == 1 {
		r.uint(1)
	} else {
		r.uleb()
	}
	for i, letter := range augmentation {
		switch letter {
		case 'z':
			if i == 0 {
				info.augmented = true
				r.uleb()
			}
		case 'R':
			info.code = byte(r.uint(1))
		case 'L':
			info.lsda = byte(r.uint(1))
		case 'P':
			info.personality = byte(r.uint(1))
			info.personalityAt = r.at
			r.pointer(info.personality&0x0f, 0, width)
		}
	}
	info.ok = !r.bad
	return info
}

// addCaught adds what exception tables of linked programs point at: the types
// that a function catches, which nothing else need refer to. (Itanium C++ ABI:
// Exception Handling, "Exception Tables": header, call sites, chains of actions
// whose positive filters count backwards from the end of the table of types.)
func (c *collector) addCaught() {
	p, f := c.p, c.p.File
	if f.Kind == objfile.Relocatable || f.Kind == objfile.KernelModule || f.Order == nil {
		return // relocations tell it
	}
	width := f.Bits / 8
	for i := range c.unwind {
		place := c.unwind[i].lsda
		if place == noPlace || place >= p.Space.File {
			continue
		}
		end, kind := p.limit(place)
		if kind != Exception || place+4 > end || f.Data[place] != peOmit || f.Data[place+1] == peOmit {
			continue
		}
		r := reader{data: f.Data[:min(end, p.Space.File)], at: int(place) + 1, big: f.Order.String() == "BigEndian"}
		encoding := byte(r.uint(1))
		offset := r.uleb()
		base := r.at + int(min(offset, end))
		sites := byte(r.uint(1))
		length := r.uleb()
		actions := r.at + int(min(length, end))
		size := pointerSize(encoding, width)
		if r.bad || size == 0 || base > len(r.data) || actions > base {
			continue
		}
		types := int64(0)
		for r.at < actions && !r.bad {
			for range 3 {
				r.pointer(sites&0x0f, 0, width)
			}
			if first := r.uleb(); first > 0 {
				types = max(types, filters(r.data[:base], actions+int(min(first, end))-1))
			}
		}
		for k := int64(1); k <= types; k++ {
			at := base - int(k)*size
			if at < actions {
				break
			}
			entry := reader{data: r.data, at: at, big: r.big}
			addr, ok := p.Space.PlaceToAddr(uint64(at))
			value, null := entry.pointer(encoding, addr, width)
			if !ok || null || entry.bad {
				continue
			}
			if target, ok := p.Space.AddrToPlace(value); ok {
				c.pointers = append(c.pointers, pointer{where: uint64(at), target: target, symbol: -1})
			}
		}
	}
}

// filters is the largest number of a type in the chain of actions that starts
// at offset at.
func filters(data []byte, at int) (largest int64) {
	for range 64 { // a chain may be a circle
		r := reader{data: data, at: at}
		filter := r.sleb()
		next := r.at
		step := r.sleb()
		if r.bad {
			return largest
		}
		largest = max(largest, filter)
		if step == 0 {
			return largest
		}
		at = next + int(step)
		if at < 0 || at > len(data) {
			return largest
		}
	}
	return largest
}

// pointerSize is the number of bytes of a pointer of fixed size, 0 else.
func pointerSize(encoding byte, width int) int {
	switch encoding & 0x0f {
	case peAbsptr:
		return width
	case peUdata2, peSdata2:
		return 2
	case peUdata4, peSdata4:
		return 4
	case peUdata8, peSdata8:
		return 8
	}
	return 0
}

// addFrames turns frames into bodies.
func (c *collector) addFrames() {
	c.bodies = slices.Grow(c.bodies, len(c.unwind))
	for i := range c.unwind {
		fr := &c.unwind[i]
		if _, kind := c.p.limit(fr.start); kind == Code && !fr.part && fr.end > fr.start {
			c.bodies = append(c.bodies, body{start: fr.start, end: fr.end, symbol: -1, text: -1, strength: table})
		}
	}
}

// relocTargets maps offsets in a section of a relocatable object to the places
// that its relocations put there.
func (c *collector) relocTargets(section int) map[uint64]uint64 {
	p, f := c.p, c.p.File
	targets := map[uint64]uint64{}
	for r, err := range f.EachReloc() {
		if err != nil {
			break
		}
		if r.Section != section {
			continue
		}
		if s := f.RelocSymbol(r); s != nil && !s.Undefined {
			if place, ok := p.symbolPlace(s); ok {
				targets[r.Addr] = p.shift(place, r.Addend)
			} else if s.Kind == objfile.SymSection {
				if place, ok := p.Space.SectionPlace(f, s.Section, uint64(r.Addend)); ok {
					targets[r.Addr] = place
				}
			}
		}
	}
	return targets
}
