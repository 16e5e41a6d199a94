package attrib

// What the format says of itself: sections, headers, and the rest. This is
// all that `-d sections` needs, so nothing here may touch the bytes of a
// section: a view of a 2 GB file must cost its headers alone.

import (
	"strings"

	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/rangemap"
)

// extra is a range outside all sections: headers, gaps, payload.
type extra struct {
	start, end uint64
	name       string
	kind       Kind
	hole       bool // counted elsewhere: the members of an archive
	unshipped  bool // strip takes it away
}

// layout fills p.sections and p.extras. extras[0] is what nothing describes.
func (p *Program) layout() {
	f := p.File
	p.extras = []extra{{name: "[Unmapped]", kind: Unmapped}}
	p.sectionKinds = make([]Kind, len(f.Sections))
	for i := range f.Sections {
		p.sectionKinds[i] = kindOfSection(f, &f.Sections[i])
	}
	b := rangemap.NewBuilder(p.Space.Total)
	if headers := formatTable[f.Format].headers; headers != nil {
		b.Layer(p.addExtras(headers(f)))
	}

	var ranges []rangemap.Range
	for i := range f.Sections {
		c := &f.Sections[i]
		if start := p.Space.sections[i]; start != noPlace {
			size := c.FileSize
			if start >= p.Space.File || size == 0 {
				size = c.MemSize
			}
			ranges = append(ranges, rangemap.Range{Start: start, End: start + size, Label: int32(i)})
		}
		if c.FileSize > 0 && c.MemSize > c.FileSize && c.Segment >= 0 { // its end is zero-filled
			if tail, ok := p.Space.AddrToPlace(c.Addr + c.FileSize); ok && tail >= p.Space.File {
				ranges = append(ranges, rangemap.Range{Start: tail, End: tail + (c.MemSize - c.FileSize), Label: int32(i)})
			}
		}
	}
	b.Layer(ranges)

	// What is left is padding when it is zeros, else what its segment is
	// called, and behind everything an appended payload.
	described := uint64(0)
	for i := range f.Sections {
		c := &f.Sections[i]
		if c.FileSize > 0 {
			described = max(described, c.Offset+c.FileSize)
		}
	}
	for i := range f.Segments {
		described = max(described, f.Segments[i].Offset+f.Segments[i].FileSize)
	}
	for _, e := range p.extras {
		described = max(described, e.end)
	}
	var rest []extra
	for _, gap := range b.Gaps() {
		rest = append(rest, p.explainGap(gap.Start, gap.End, described)...)
	}
	b.Layer(p.addExtras(rest))
	p.sections = b.Finish(^int32(0))
}

func (p *Program) addExtras(list []extra) []rangemap.Range {
	ranges := make([]rangemap.Range, 0, len(list))
	for _, e := range list {
		ranges = append(ranges, rangemap.Range{Start: e.start, End: e.end, Label: ^int32(len(p.extras))})
		p.extras = append(p.extras, e)
	}
	return ranges
}

// maxPaddingLook bounds how much of a gap is read to see whether it is zeros.
const maxPaddingLook = 1 << 20

func (p *Program) explainGap(start, end, described uint64) []extra {
	f := p.File
	if start < p.Space.File && start >= described {
		return []extra{{start: start, end: end, name: "[Payload behind the format's end]", kind: Payload}}
	}
	if start < p.Space.File && end-start <= maxPaddingLook && allZero(f.Data[start:min(end, p.Space.File)]) {
		return []extra{{start: start, end: end, name: "[Padding]", kind: Padding}}
	}
	var out []extra
	for i := range f.Segments {
		g := &f.Segments[i]
		if !g.Load {
			continue
		}
		name, kind := "["+g.Name+"]", segmentKind(g)
		if from, to := max(start, g.Offset), min(end, g.Offset+g.FileSize, p.Space.File); from < to {
			out = append(out, extra{start: from, end: to, name: name, kind: kind})
		}
		if start >= p.Space.File && g.MemSize > 0 {
			if addr, ok := p.Space.PlaceToAddr(start); ok && addr >= g.Addr && addr-g.Addr < g.MemSize {
				out = append(out, extra{start: start, end: end, name: name, kind: Zero})
			}
		}
	}
	return out
}

// segmentKind: a stripped file without section headers is known by its
// segments' permissions alone.
func segmentKind(g *objfile.Segment) Kind {
	switch {
	case g.Exec:
		return Code
	case g.Write:
		return Data
	}
	return ReadOnly
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

func (p *Program) sectionLabelName(label int32) string {
	if label < 0 {
		return p.extras[^label].name
	}
	c := &p.File.Sections[label]
	if c.Derived {
		return "[" + c.Name + "]"
	}
	if c.Name == "" {
		return "[unnamed section " + c.Type + "]"
	}
	return c.Name
}

// sectionKind is what a section's bytes are when nobody owns them.
func (p *Program) sectionKind(label int32) Kind {
	if label < 0 {
		return p.extras[^label].kind
	}
	return p.sectionKinds[label]
}

// kindAt is sectionKind for one place of it: memory without bytes is zeros.
func (p *Program) kindAt(place uint64, label int32) Kind {
	if place >= p.Space.File && label >= 0 {
		return Zero
	}
	return p.sectionKind(label)
}

// kindByName: names that mean a kind, by prefix; the longest match is the
// first one here. Sources: the gABI's special sections, LSB, LLVM, the Go
// linker, Microsoft's PE specification, Apple's loader.
var kindByName = []struct {
	prefix string
	kind   Kind
}{
	{".debug", Debug}, {".zdebug", Debug}, {"__debug", Debug}, {"__zdebug", Debug}, {"__apple_", Debug},
	{".gdb_index", Debug}, {".gnu_debug", Debug}, {".stab", Debug}, {".rustc", Debug}, {".gopclntab", Runtime},
	{".line", Debug}, {".bolt.org.eh_frame", Unwind}, {".bolt.org.gcc_except_table", Exception},
	{".eh_frame", Unwind}, {"__eh_frame", Unwind}, {"__unwind_info", Unwind}, {"__compact_unwind", Unwind},
	{".pdata", Unwind}, {".xdata", Unwind}, {".ARM.exidx", Unwind}, {".ARM.extab", Exception}, {".sframe", Unwind}, {".orc_unwind", Unwind},
	{".gcc_except_table", Exception}, {"__gcc_except_tab", Exception},
	{".rela", Reloc}, {".rel.", Reloc}, {".relr", Reloc}, {".reloc", Reloc},
	{".symtab", SymbolTab}, {".strtab", SymbolTab}, {".shstrtab", SymbolTab}, {".dynsym", SymbolTab},
	{".dynstr", SymbolTab}, {".hash", SymbolTab}, {".gnu.hash", SymbolTab}, {".gnu.version", SymbolTab},
	{".edata", SymbolTab}, {".gosymtab", SymbolTab}, {".gnu_version", SymbolTab},
	{".plt", Linkage}, {".iplt", Linkage}, {".got", Linkage}, {".dynamic", Linkage}, {".interp", Linkage}, {".idata", Linkage},
	{"__stubs", Linkage}, {"__stub_helper", Linkage}, {"__got", Linkage}, {"__la_symbol_ptr", Linkage}, {"__nl_symbol_ptr", Linkage},
	{"__auth_stubs", Linkage}, {"__auth_got", Linkage}, {".didat", Linkage},
	{"__gopclntab", Runtime}, {".typelink", Runtime}, {"__typelink", Runtime}, {".itablink", Runtime}, {"__itablink", Runtime}, {".go.buildinfo", Note}, {"__go_buildinfo", Note},
	{".data.rel.ro.gopclntab", Runtime}, {".data.rel.ro", ReadOnly}, {".note", Note}, {".comment", Note}, {".llvm", Note}, {".gnu.attributes", Note}, {".gnu.build.attributes", Note}, {".ARM.attributes", Note}, {".riscv.attributes", Note},
	{"name", SymbolTab}, {"linking", SymbolTab}, {"reloc.", Reloc}, {"producers", Note}, {"target_features", Note}, {"sourceMappingURL", Note},
	{".rsrc", Resource}, {".rodata.str", String}, {"__cstring", String}, {"__oslogstring", String}, {".rodata", ReadOnly}, {".lrodata", ReadOnly}, {".rdata", ReadOnly},
	{"__const", ReadOnly}, {"__literal", ReadOnly}, {".modinfo", Note},
}

// wasmKinds: what Wasm's own sections are; custom ones go by their names.
var wasmKinds = map[string]Kind{
	"type": Header, "import": Linkage, "function": Header, "table": Linkage, "memory": Header, "global": Data, "export": Linkage,
	"start": Header, "element": Linkage, "code": Code, "data": Data, "data count": Header, "tag": Header,
}

func kindOfSection(f *objfile.File, c *objfile.Section) Kind {
	if c.FileSize == 0 && c.MemSize > 0 {
		return Zero
	}
	if f.Wasm != nil {
		if k, ok := wasmKinds[c.Type]; ok {
			return k
		}
	}
	name := shortSectionName(c.Name)
	for _, k := range kindByName {
		if strings.HasPrefix(name, k.prefix) {
			return k.kind
		}
	}
	switch {
	case c.Type == "SHT_RELA" || c.Type == "SHT_REL":
		return Reloc
	case c.Type == "SHT_NOTE":
		return Note
	case c.Exec:
		return Code
	case c.Write && c.Alloc:
		return Data
	case c.Alloc:
		return ReadOnly
	}
	return Unmapped
}
