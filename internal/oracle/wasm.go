package oracle

// Wasm modules (Core Specification, chapter 5): what an engine instantiates.
// Sections that this reader takes apart become facts and regions item by item,
// the others one region each. Custom sections are labels: they may go, but
// there must be no new ones.

import (
	"encoding/binary"
	"fmt"

	"github.com/minsize/minsize/internal/byteio"
)

const (
	wasmCustom, wasmImport, wasmMemory = 0, 2, 5
	wasmExport, wasmStart, wasmCode    = 7, 8, 10
	wasmData, lastSection              = 11, 13
)

var wasmKinds = []string{"function", "table", "memory", "global", "tag"}

type wasm struct {
	image *Image
}

func readWasm(data []byte) (*Image, error) {
	c := &cursor{View: byteio.View{Data: data, Order: binary.LittleEndian}, at: 4}
	f := &wasm{&Image{Fresh: true}}
	version := c.u32("version")
	if c.err == nil && version != 1 {
		return nil, byteio.Errorf(4, "version", "1 expected, got %#x", version)
	}
	names := numbered{}
	s := &cursor{}
	for c.err == nil && c.at < c.Len() {
		id := c.u8("section id")
		size := c.uleb("section size")
		start := c.at
		content := c.bytes(size, "section")
		if c.err != nil {
			break
		}
		if id > lastSection {
			return nil, byteio.Errorf(start, "section id", "%d is not known", id)
		}
		s.View, s.at = byteio.View{Data: content, Base: start, Order: c.Order}, 0
		if id == wasmCustom {
			name := string(s.bytes(s.uleb("name"), "custom section's name"))
			if s.err != nil {
				return nil, s.err
			}
			f.image.Labels = append(f.image.Labels, Label{What: name, Data: content[s.at:]})
			continue
		}
		if f.section(id, s) {
			continue
		}
		s.err = nil
		f.image.fact(names.name(fmt.Sprintf("section %d", id)), "%d bytes", size)
		f.image.Regions = append(f.image.Regions, Region{Name: names.name(fmt.Sprintf("the bytes of section %d", id)), Size: size, Data: content})
	}
	return f.image, c.err
}

// section takes one apart; false where it is of another kind, or has anything
// that this reader does not know.
func (f *wasm) section(id uint8, s *cursor) bool {
	part := &Image{}
	var read func(n uint64)
	switch id {
	case wasmImport:
		read = func(n uint64) {
			module, name := f.name(s), f.name(s)
			part.fact(fmt.Sprintf("import %d", n), "%q %q, %s", module, name, f.external(s))
		}
	case wasmMemory:
		read = func(n uint64) { part.fact(fmt.Sprintf("memory %d", n), "%s", f.limits(s)) }
	case wasmExport:
		read = func(n uint64) {
			name := f.name(s)
			part.fact(fmt.Sprintf("export %q", name), "%s %d", f.kind(s), s.uleb("index"))
		}
	case wasmCode:
		read = func(n uint64) {
			body := s.bytes(s.uleb("size"), "function body")
			part.Regions = append(part.Regions, Region{Name: fmt.Sprintf("function body %d", n), Size: uint64(len(body)), Data: body})
		}
	case wasmData:
		read = func(n uint64) { f.segment(part, s, n) }
	case wasmStart:
		part.fact("the start function", "%d", s.uleb("function"))
	default:
		return false
	}
	if read != nil {
		count := s.uleb("count")
		part.fact(fmt.Sprintf("the number of items in section %d", id), "%d", count)
		for n := uint64(0); n < count && s.err == nil; n++ {
			read(n)
		}
	}
	if s.err != nil || s.at != s.Len() {
		return false
	}
	f.image.Facts = append(f.image.Facts, part.Facts...)
	f.image.Regions = append(f.image.Regions, part.Regions...)
	return true
}

func (f *wasm) name(s *cursor) string { return string(s.bytes(s.uleb("length"), "name")) }

func (f *wasm) kind(s *cursor) string {
	if k := s.u8("kind"); int(k) < len(wasmKinds) {
		return wasmKinds[k]
	}
	return f.unknown(s)
}

// unknown makes the section one region.
func (f *wasm) unknown(s *cursor) string {
	if s.err == nil {
		s.err = byteio.Errorf(s.Base+s.at, "encoding", "not known")
	}
	return ""
}

// external is the type of an import.
func (f *wasm) external(s *cursor) string {
	switch kind := f.kind(s); kind {
	case "function":
		return fmt.Sprintf("function of type %d", s.uleb("type"))
	case "table":
		return fmt.Sprintf("table of %s, %s", f.valueType(s), f.limits(s))
	case "memory":
		return "memory, " + f.limits(s)
	case "global":
		return fmt.Sprintf("global %s, mutable %d", f.valueType(s), s.u8("mut"))
	case "tag":
		return fmt.Sprintf("tag %d of type %d", s.u8("attribute"), s.uleb("type"))
	}
	return ""
}

// valueType knows the types of one byte.
func (f *wasm) valueType(s *cursor) string {
	t := s.u8("type")
	if t == 0x63 || t == 0x64 { // a reference with a heap type behind it
		return f.unknown(s)
	}
	return fmt.Sprintf("%#x", t)
}

func (f *wasm) limits(s *cursor) string {
	flags := s.u8("limits")
	text := fmt.Sprintf("flags %d, at least %d", flags, s.uleb("minimum"))
	if flags&1 != 0 {
		text += fmt.Sprintf(", at most %d", s.uleb("maximum"))
	}
	if flags&8 != 0 {
		text += fmt.Sprintf(", pages of 2^%d", s.uleb("page size"))
	}
	return text
}

// segment puts active data where instantiation does.
func (f *wasm) segment(part *Image, s *cursor, n uint64) {
	r := Region{Name: fmt.Sprintf("data segment %d", n)}
	flags := s.uleb("flags")
	memory := uint64(0)
	if flags == 2 {
		memory = s.uleb("memory")
	}
	where := "passive"
	switch {
	case flags > 2:
		f.unknown(s)
	case flags != 1:
		switch op := s.u8("offset"); op {
		case 0x41, 0x42: // i32.const, i64.const
			value, next, err := s.Sleb128(s.at, "offset")
			if err != nil {
				f.unknown(s)
				return
			}
			s.at, r.Addr = next, uint64(value)
			where = fmt.Sprintf("memory %d from %#x on", memory, uint64(value))
		case 0x23: // global.get
			where = fmt.Sprintf("memory %d from global %d on", memory, s.uleb("global"))
		default:
			f.unknown(s)
		}
		if s.u8("end") != 0x0b {
			f.unknown(s)
		}
	}
	part.fact(r.Name, "%s", where)
	r.Data = s.bytes(s.uleb("size"), "data")
	r.Size = uint64(len(r.Data))
	part.Regions = append(part.Regions, r)
}
