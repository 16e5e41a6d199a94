package attrib

// Sections for programs that have none. Most of what section headers would say
// can be found again: objfile follows program headers and the dynamic section,
// here come the parts that need a look into tables. .eh_frame is where its
// search table points, and ends where its entries do; the exception tables are
// what its entries name; slots of the global offset table are what relocations
// of that kind fill; code lies where functions do. What is left of a segment is
// named by what the segment allows: constants, data, zeros.
//
// They are derived: their names stand in brackets everywhere, and no byte is
// added or lost by them, for they only divide what the segments map.

import (
	"math"
	"slices"

	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/rangemap"
)

// deriveSections finds the sections of an ELF program without section headers.
func deriveSections(f *objfile.File) []objfile.Section {
	d := deriver{f: f, claims: f.ELF.DynamicTables()}
	d.headers()
	low, high := d.frames()
	d.slots()
	d.rest(low, high)
	return d.disjoint()
}

type deriver struct {
	f      *objfile.File
	claims []objfile.Section // the first one that claims a byte has it
}

// add claims [addr, addr+size) of memory.
func (d *deriver) add(name string, addr, size uint64) {
	d.claims = append(d.claims, objfile.Section{Name: name, Type: "SHT_PROGBITS", Addr: addr, MemSize: size, Alloc: true, Derived: true})
}

// headers keeps the file's own headers out of what is left of their segment.
func (d *deriver) headers() {
	e := d.f.ELF
	for i := range d.f.Segments {
		g := &d.f.Segments[i]
		if !g.Load {
			continue
		}
		for _, part := range [][2]uint64{{0, e.EhdrSize()}, {e.Ehdr.Phoff, uint64(len(e.Phdrs)) * e.PhdrSize()}} {
			if off, size := part[0], part[1]; off >= g.Offset && off < g.Offset+g.FileSize {
				d.add("", g.Addr+(off-g.Offset), size)
			}
		}
	}
}

// frames finds .eh_frame and the exception tables; it returns from where to
// where there are functions.
func (d *deriver) frames() (low, high uint64) {
	f := d.f
	low = math.MaxUint64
	see := func(addr uint64) {
		if g := f.SegmentAt(addr); addr != 0 && g >= 0 && f.Segments[g].Exec {
			low, high = min(low, addr), max(high, addr+1)
		}
	}
	data, addr := ehFrameOfSegments(f)
	if data == nil {
		return 0, 0
	}
	d.add(".eh_frame", addr, uint64(len(data)))
	first, last := uint64(math.MaxUint64), uint64(0)
	eachFrame(f, data, addr, func(start, size, lsda uint64) {
		see(start)
		if size > 0 {
			see(start + size - 1)
		}
		if lsda != 0 {
			first, last = min(first, lsda), max(last, lsda)
		}
	})
	if last > 0 {
		if n := exceptionTableSize(f, last); n > 0 && f.SegmentAt(first) == f.SegmentAt(last) {
			d.add(".gcc_except_table", first, last+n-first)
		}
	}
	if high == 0 {
		return 0, 0
	}
	see(f.Entry)
	for _, tag := range []int64{objfile.DT_INIT, objfile.DT_FINI} {
		if addr, ok := f.ELF.DynValue(tag); ok {
			see(addr)
			see(addr + 8) // a few instructions at least
		}
	}
	return low, high
}

// slots finds the global offset table: the words that its relocations fill,
// and what stands between two of them. Slots for the program's own things have
// relative relocations, like any pointer, so a run of relocated words counts
// where it lies between two slots.
func (d *deriver) slots() {
	f := d.f
	width := uint64(f.Bits / 8)
	var slots, others []uint64
	for r, err := range f.EachReloc() {
		if err != nil {
			break
		}
		if f.ELF.SlotRelocation(r.Type) {
			slots = append(slots, r.Addr)
		} else {
			others = append(others, r.Addr)
		}
	}
	if plt, ok := f.ELF.DynValue(objfile.DT_PLTGOT); ok && f.CPU.LoaderSlots {
		slots = append(slots, plt, plt+width, plt+2*width) // _DYNAMIC, and two words of the loader's
	}
	slices.Sort(slots)
	slots = slices.Compact(slots)
	slices.Sort(others)
	others = slices.Compact(others)
	near := func(from, to uint64) bool { // nothing but a word or two, or relocated words, between two slots
		if to-from <= 3*width {
			return true
		}
		first, _ := slices.BinarySearch(others, from)
		last, _ := slices.BinarySearch(others, to)
		return uint64(last-first) >= (to-from)/width-1
	}
	for i := 0; i < len(slots); {
		k := i
		for k+1 < len(slots) && near(slots[k], slots[k+1]) {
			k++
		}
		d.add(".got", slots[i], slots[k]+width-slots[i])
		i = k + 1
	}
}

// rest names what is left of each loaded segment.
func (d *deriver) rest(low, high uint64) {
	f := d.f
	if high > 0 {
		d.add(".text", low, high-low)
	}
	for i := range f.Segments {
		if g := &f.Segments[i]; g.Type == "PT_GNU_RELRO" {
			d.add(".data.rel.ro", g.Addr, min(g.FileSize, g.MemSize))
			d.add(".relro_padding", g.Addr+min(g.FileSize, g.MemSize), g.MemSize-min(g.FileSize, g.MemSize))
		}
	}
	for i := len(f.Segments) - 1; i >= 0; i-- { // of overlapping ones the last one counts
		g := &f.Segments[i]
		if !g.Load {
			continue
		}
		name := g.Name // code and constants in one, and nothing says which
		switch {
		case g.Write && !g.Exec:
			name = ".data"
		case !g.Exec:
			name = ".rodata"
		case high > 0 && low >= g.Addr && low-g.Addr < g.MemSize:
			name = ".rodata" // of a segment with code as well
			if d.onlyCode(g) {
				name = ".text"
			}
		}
		d.add(name, g.Addr, min(g.FileSize, g.MemSize))
		d.add(".bss", g.Addr+min(g.FileSize, g.MemSize), g.MemSize-min(g.FileSize, g.MemSize))
	}
}

// onlyCode: nothing in the segment but code has been found, as linkers lay it
// out with -z separate-code; beside functions there are stubs and start files.
func (d *deriver) onlyCode(g *objfile.Segment) bool {
	for i := range d.claims {
		if c := &d.claims[i]; c.Name != ".text" && c.Addr >= g.Addr && c.Addr-g.Addr < g.MemSize {
			return false
		}
	}
	return true
}

// disjoint makes sections of the claims.
func (d *deriver) disjoint() []objfile.Section {
	f := d.f
	b := rangemap.NewBuilder(math.MaxUint64)
	for i := range d.claims {
		c := &d.claims[i]
		b.Layer([]rangemap.Range{{Start: c.Addr, End: c.Addr + min(c.MemSize, math.MaxUint64-c.Addr), Label: int32(i)}})
	}
	m := b.Finish(-1)
	var list []objfile.Section
	for i := range m.Starts {
		if m.Labels[i] < 0 || d.claims[m.Labels[i]].Name == "" {
			continue
		}
		s := d.claims[m.Labels[i]]
		s.Addr, s.MemSize = m.Starts[i], m.End(i)-m.Starts[i]
		s.Index, s.Segment, s.Offset, s.FileSize = len(list), f.SegmentAt(s.Addr), 0, 0
		if s.Segment < 0 {
			continue
		}
		g := &f.Segments[s.Segment]
		s.Write, s.Exec = g.Write, g.Exec && s.Name != ".rodata"
		if off, ok := f.OffsetOf(s.Addr); ok {
			s.Offset = off
			s.FileSize = min(s.MemSize, g.FileSize-min(g.FileSize, s.Addr-g.Addr))
		}
		list = append(list, s)
	}
	return list
}

// ehFrameOfSegments finds .eh_frame without section headers: the segment
// PT_GNU_EH_FRAME is .eh_frame_hdr, whose header points to it (LSB 5, 10.6.2).
// It ends with its terminator, or with the last entry before something else.
func ehFrameOfSegments(f *objfile.File) (data []byte, addr uint64) {
	for i := range f.Segments {
		g := &f.Segments[i]
		if g.Type != "PT_GNU_EH_FRAME" || g.FileSize < 8 || g.Offset+g.FileSize > f.Size {
			continue
		}
		big := f.Order.String() == "BigEndian"
		r := reader{data: f.Data[g.Offset : g.Offset+g.FileSize], at: 4, big: big}
		addr, null := r.pointer(f.Data[g.Offset+1], g.Addr+4, f.Bits/8)
		if null || r.bad {
			continue
		}
		off, ok := f.OffsetOf(addr)
		seg := f.SegmentAt(addr)
		if !ok || seg < 0 {
			continue
		}
		data := f.Data[off : f.Segments[seg].Offset+f.Segments[seg].FileSize]
		at := 0
		for at+4 <= len(data) {
			r := reader{data: data, at: at, big: big}
			n := r.uint(4)
			if n == 0 {
				at += 4
				break
			}
			if n > uint64(len(data)-at-4) {
				break
			}
			at += 4 + int(n)
		}
		return data[:at], addr
	}
	return nil, 0
}

// eachFrame yields address and size of the code of each frame description, and
// the address of its exception table, 0 without.
func eachFrame(f *objfile.File, data []byte, addr uint64, yield func(start, size, lsda uint64)) {
	width := f.Bits / 8
	big := f.Order.String() == "BigEndian"
	cies := map[int]cie{}
	for at := 0; at+4 <= len(data); {
		r := reader{data: data, at: at, big: big}
		length := r.uint(4)
		if length == 0 || length == 0xffffffff || length > uint64(len(data)-r.at) {
			return
		}
		body := r.at
		end := body + int(length)
		r.data = data[:end]
		id := r.uint(4)
		if id != 0 {
			from := body - int(id)
			info, known := cies[from]
			if !known && from >= 0 && from < len(data) {
				info = readCIEAt(data, from, big, width)
				cies[from] = info
			}
			if info.ok {
				start, null := r.pointer(info.code, addr+uint64(r.at), width)
				size, _ := r.pointer(info.code&0x0f, 0, width)
				lsda := uint64(0)
				if info.augmented && info.lsda != peOmit && info.lsda&peIndirect == 0 {
					r.uleb()
					if target, none := r.pointer(info.lsda, addr+uint64(r.at), width); !none && !r.bad {
						lsda = target
					}
				}
				if !null && !r.bad {
					yield(start, size, lsda)
				}
			}
		}
		at = end
	}
}

// exceptionTableSize is the bytes of a language-specific data area (Itanium C++
// ABI, "Exception Handling Tables"): header, call sites, actions, and types,
// whose end the header says; 0 where it cannot be read. Without types the
// actions end behind the last one that a call site names.
func exceptionTableSize(f *objfile.File, addr uint64) uint64 {
	off, ok := f.OffsetOf(addr)
	seg := f.SegmentAt(addr)
	if !ok || seg < 0 {
		return 0
	}
	data := f.Data[off : f.Segments[seg].Offset+f.Segments[seg].FileSize]
	width := f.Bits / 8
	r := reader{data: data, big: f.Order.String() == "BigEndian"}
	if encoding := byte(r.uint(1)); encoding != peOmit { // LPStart
		r.pointer(encoding, 0, width)
	}
	types := uint64(0)
	if encoding := byte(r.uint(1)); encoding != peOmit {
		n := r.uleb()
		types = uint64(r.at) + n
	}
	encoding := byte(r.uint(1)) & 0x0f
	n := r.uleb()
	if r.bad || n > uint64(len(data)-r.at) || types > uint64(len(data)) {
		return 0
	}
	end := r.at + int(n)
	action := uint64(0)
	for r.at < end && !r.bad {
		for range 3 { // start, length, landing pad
			r.pointer(encoding, 0, width)
		}
		action = max(action, r.uleb())
	}
	if action > 0 {
		end += int(min(action-1+2, uint64(len(data)-end)))
	}
	if r.bad {
		return 0
	}
	return max(uint64(end), types)
}
