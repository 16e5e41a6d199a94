package oracle

// PE: what the loader of Windows maps (Microsoft, "PE Format"). It goes by
// section headers; the headers themselves are mapped at address 0.

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
)

func isPE(data []byte) bool {
	if len(data) < 64 || string(data[:2]) != "MZ" {
		return false
	}
	at := uint64(binary.LittleEndian.Uint32(data[60:]))
	return at+4 <= uint64(len(data)) && string(data[at:at+4]) == "PE\x00\x00"
}

// directoryNames are the data directories in their order.
var directoryNames = []string{"exports", "imports", "resources", "exceptions", "certificate", "base relocations", "debug", "architecture",
	"global pointer", "thread-local storage", "load configuration", "bound imports", "import addresses", "delayed imports", "CLR header", "directory 15"}

const (
	certificateDirectory, debugDirectory = 4, 6
	sectionHeaderSize, debugEntrySize    = 40, 28
)

type peSection struct {
	name                 string
	virtualSize, address uint64
	rawSize, raw         uint64
	characteristics      uint32
}

func (s peSection) span() uint64 {
	if s.virtualSize != 0 {
		return s.virtualSize
	}
	return s.rawSize
}

type pe struct {
	cursor
	image                         *Image
	optional, directories, table  uint64 // offsets in the file
	sectionAlignment, fileAlign   uint64
	sizeOfImage, sizeOfHeaders    uint64
	checksum                      uint32
	kept, flags                   uint16 // Characteristics, DllCharacteristics
	symbols, symbolCount, entries uint64
	address, size                 [16]uint64 // of the data directories
	sections                      []peSection
}

func readPE(data []byte) (*Image, error) {
	f := &pe{cursor: cursor{View: byteio.View{Data: data, Order: binary.LittleEndian}}, image: &Image{}}
	if err := f.headers(); err != nil {
		return nil, err
	}
	if err := f.readSections(); err != nil {
		return nil, err
	}
	f.regions()
	f.faults()
	f.signed()
	return f.image, nil
}

func (f *pe) headers() error {
	i := f.image
	f.at = uint64(f.Order.Uint32(f.Data[60:])) + 4
	coff := f.at
	i.fact("the machine", "%#x", f.u16("Machine"))
	count := uint64(f.u16("NumberOfSections"))
	f.u32("TimeDateStamp")
	f.symbols, f.symbolCount = uint64(f.u32("PointerToSymbolTable")), uint64(f.u32("NumberOfSymbols"))
	optionalSize := uint64(f.u16("SizeOfOptionalHeader"))
	f.kept = f.u16("Characteristics")
	i.fact("the file's characteristics", "%#x", f.kept)
	f.optional = f.at
	f.table = f.optional + optionalSize
	magic := f.u16("Magic")
	f.wide = magic == 0x20b
	if f.err == nil && !f.wide && magic != 0x10b {
		return byteio.Errorf(f.optional, "Magic", "0x10b or 0x20b expected, got %#x", magic)
	}
	f.bytes(14, "linker's version and sizes")
	i.fact("the entry point", "%#x", f.u32("AddressOfEntryPoint"))
	f.bytes(4, "BaseOfCode")
	if !f.wide {
		f.bytes(4, "BaseOfData")
	}
	i.fact("the preferred base", "%#x", f.word("ImageBase"))
	f.sectionAlignment, f.fileAlign = uint64(f.u32("SectionAlignment")), uint64(f.u32("FileAlignment"))
	i.fact("SectionAlignment", "%#x", f.sectionAlignment)
	i.fact("versions", "%x", f.bytes(16, "versions"))
	f.sizeOfImage, f.sizeOfHeaders, f.checksum = uint64(f.u32("SizeOfImage")), uint64(f.u32("SizeOfHeaders")), f.u32("CheckSum")
	i.fact("a checksum", "%t", f.checksum != 0)
	i.fact("the subsystem", "%d", f.u16("Subsystem"))
	f.flags = f.u16("DllCharacteristics")
	i.fact("DllCharacteristics", "%#x", f.flags)
	for _, what := range []string{"SizeOfStackReserve", "SizeOfStackCommit", "SizeOfHeapReserve", "SizeOfHeapCommit"} {
		i.fact(what, "%#x", f.word(what))
	}
	f.u32("LoaderFlags")
	f.entries = uint64(f.u32("NumberOfRvaAndSizes"))
	f.directories = f.at
	if f.err == nil && (f.entries > 16 || f.at+8*f.entries > f.table) {
		return byteio.Errorf(f.at-4, "NumberOfRvaAndSizes", "%d do not fit", f.entries)
	}
	for d := range f.entries {
		f.address[d], f.size[d] = uint64(f.u32("directory")), uint64(f.u32("directory"))
		if d != certificateDirectory {
			i.fact("the directory of "+directoryNames[d], "%#x bytes at %#x", f.size[d], f.address[d])
		}
	}
	if f.err != nil {
		return f.err
	}
	for _, a := range []uint64{f.sectionAlignment, f.fileAlign} {
		if a == 0 || a&(a-1) != 0 {
			return byteio.Errorf(f.optional+32, "SectionAlignment, FileAlignment", "%d is no power of two", a)
		}
	}
	if _, err := f.Table(f.table, count, sectionHeaderSize, "section headers"); err != nil {
		return err
	}
	f.sections = make([]peSection, count)
	// What is left of the headers is compared byte by byte.
	places := []Span{{coff + 2, coff + 4}, {coff + 8, coff + 16}, {f.optional + 36, f.optional + 40}, {f.optional + 56, f.optional + 68}}
	if f.entries > certificateDirectory {
		at := f.directories + 8*certificateDirectory
		places = append(places, Span{at, at + 8})
	}
	i.Regions = append(i.Regions, Region{Name: "the headers", Size: f.table, Data: f.Data[:f.table], Places: places})
	return nil
}

func (f *pe) readSections() error {
	c := &cursor{View: f.View, at: f.table}
	last := uint64(0)
	for n := range f.sections {
		s := &f.sections[n]
		s.name = f.sectionName(c.bytes(8, "Name"))
		s.virtualSize, s.address = uint64(c.u32("VirtualSize")), uint64(c.u32("VirtualAddress"))
		s.rawSize, s.raw = uint64(c.u32("SizeOfRawData")), uint64(c.u32("PointerToRawData"))
		c.bytes(12, "relocations and line numbers")
		s.characteristics = c.u32("Characteristics")
		if c.err != nil {
			return c.err
		}
		if s.raw == 0 || s.rawSize == 0 { // it has none, whatever the other field says
			s.raw, s.rawSize = 0, 0
		}
		if s.rawSize > 0 {
			if _, err := f.Slice(s.raw, s.rawSize, "section's bytes"); err != nil {
				return err
			}
		}
		if s.address < last {
			return byteio.Errorf(c.at-sectionHeaderSize+12, "VirtualAddress", "section %d starts inside the one before", n)
		}
		last = s.address + s.span()
	}
	return nil
}

// sectionName resolves "/123", which is an offset in the string table.
func (f *pe) sectionName(raw []byte) string {
	name := string(bytes.TrimRight(raw, "\x00"))
	at, err := strconv.ParseUint(strings.TrimPrefix(name, "/"), 10, 32)
	if err != nil || !strings.HasPrefix(name, "/") || f.symbols == 0 {
		return name
	}
	strings := f.symbols + 18*f.symbolCount
	if strings+at >= f.Len() {
		return name
	}
	rest := f.Data[strings+at : min(f.Len(), strings+at+256)]
	text, _, found := bytes.Cut(rest, []byte{0})
	if !found {
		return name
	}
	return string(text)
}

// forTools: debug information, and Go's symbol table. Nothing else may go.
func forTools(name string) bool {
	return strings.HasPrefix(name, ".debug_") || strings.HasPrefix(name, ".zdebug_") || strings.HasPrefix(name, ".stab") || name == ".symtab"
}

func (f *pe) regions() {
	for n, s := range f.sections {
		r := Region{Name: fmt.Sprintf("the section at %#x", s.address), Addr: s.address, Size: s.span(), Access: fmt.Sprintf("%#x", s.characteristics)}
		r.Data = f.Data[s.raw : s.raw+s.rawSize]
		if page := (s.virtualSize + smallestPage - 1) &^ (smallestPage - 1); s.virtualSize != 0 && s.rawSize > page {
			r.Data = r.Data[:page] // whole pages are mapped, so what is behind VirtualSize in the last one counts
		}
		r.Tools = forTools(s.name)
		for d := range f.entries {
			if d != certificateDirectory && f.size[d] > 0 && f.sectionOf(f.address[d]) == n {
				r.Tools = false // a loader or the program looks there
			}
		}
		r.Places = f.debugPlaces(s, uint64(len(r.Data)))
		f.image.Regions = append(f.image.Regions, r)
	}
}

// sectionOf is the index of the section that an address lies in, -1 for none.
func (f *pe) sectionOf(address uint64) int {
	for n := len(f.sections) - 1; n >= 0; n-- {
		if s := f.sections[n]; address >= s.address {
			if address-s.address < max(s.span(), s.rawSize) {
				return n
			}
			break
		}
	}
	return -1
}

// debugPlaces are the file offsets in entries of the debug directory, and the
// sizes of what is not mapped and so may go.
func (f *pe) debugPlaces(s peSection, n uint64) (places []Span) {
	at, size := f.address[debugDirectory], f.size[debugDirectory]
	if f.entries <= debugDirectory || at < s.address || at-s.address+size > n {
		return nil
	}
	for k := at - s.address; k+debugEntrySize <= at-s.address+size; k += debugEntrySize {
		places = append(places, Span{k + 24, k + 28})
		if f.Order.Uint32(f.Data[s.raw+k+20:]) == 0 {
			places = append(places, Span{k + 16, k + 20})
		}
	}
	return places
}

func (f *pe) faults() {
	i := f.image
	if f.checksum != 0 && f.checksum != f.sum() {
		i.fault("CheckSum is wrong")
	}
	if f.fileAlign < 512 {
		i.fault("FileAlignment %d is below what the specification allows", f.fileAlign)
	}
	if f.sizeOfHeaders < f.table+uint64(len(f.sections))*sectionHeaderSize {
		i.fault("SizeOfHeaders cuts the section headers")
	}
	up := func(n uint64) uint64 { return (n + f.sectionAlignment - 1) &^ (f.sectionAlignment - 1) }
	for n, s := range f.sections {
		if s.rawSize > 0 && s.raw%f.fileAlign != 0 {
			i.fault("the bytes of section %s lie at offset %#x of the file, which is not aligned", s.name, s.raw)
		}
		if s.rawSize%f.fileAlign != 0 {
			i.fault("section %s has %#x bytes in the file, which is no multiple of FileAlignment", s.name, s.rawSize)
		}
		end, next := up(s.address+s.span()), up(f.sizeOfImage)
		if n+1 < len(f.sections) {
			next = f.sections[n+1].address
		}
		if end != next {
			i.fault("the sections leave holes in memory, or SizeOfImage does not end with the last")
		}
	}
}

// sum is CheckSum as drivers' loader computes it: 16-bit words with the carry
// added back, and the length.
func (f *pe) sum() uint32 {
	field := int(f.optional) + 64
	var sum uint32
	add := func(b []byte, at int) {
		for k, v := range b {
			if p := at + k; p >= field && p < field+4 {
				continue
			}
			sum += uint32(v) << (8 * ((at + k) % 2))
			sum = sum&0xffff + sum>>16
		}
	}
	add(f.Data, 0)
	return sum + uint32(len(f.Data))
}

// signed is what an Authenticode signature covers: all but the checksum, the
// directory's entry and the certificates.
func (f *pe) signed() {
	at, size := f.address[certificateDirectory], f.size[certificateDirectory]
	if f.entries <= certificateDirectory || size == 0 {
		return
	}
	if at+size > f.Len() {
		f.image.fault("the directory of certificates points outside")
		return
	}
	h := sha256.New()
	cursor := uint64(0)
	entry := f.directories + 8*certificateDirectory
	for _, s := range []Span{{f.optional + 64, f.optional + 68}, {entry, entry + 8}, {at, at + size}} {
		h.Write(f.Data[min(cursor, s.Start):s.Start])
		cursor = s.End
	}
	h.Write(f.Data[cursor:])
	f.image.Signed = h.Sum(nil)
}
