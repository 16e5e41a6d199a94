package attrib

// Go's pclntab (runtime/symtab.go, cmd/link/internal/ld/pcln.go; layout since
// Go 1.20, magic 0xfffffff1, and Go 1.18, 0xfffffff0): the runtime needs names
// and extents of all functions to print tracebacks, so even `-ldflags=-s`
// keeps them. The same table is a tenth of a Go program, and each function
// owns its part: its entry, its name, its pc-value tables.

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/minsize/minsize/internal/objfile"
)

// goTable is the parsed header; offsets count from its start.
type goTable struct {
	data               []byte
	place              uint64 // of data[0]
	width              int
	big                bool
	count              uint64
	text               uint64 // address of the first function
	names, pctab, pcln uint64
	funcSize           uint64
	size               uint64 // of the table, as far as its records say
}

const (
	goMagic118 = 0xfffffff0
	goMagic120 = 0xfffffff1
)

// findGoTable looks where linkers put it: its own section, or (PE, and ELF as
// PIE) inside read-only data, where the header is found by its magic.
func (p *Program) findGoTable() *goTable {
	f := p.File
	if f.Order == nil {
		return nil
	}
	for i := range f.Sections {
		s := &f.Sections[i]
		start := p.Space.sections[i]
		if start == noPlace || start >= p.Space.File || s.FileSize < 72 {
			continue
		}
		end := min(start+s.FileSize, p.Space.File)
		switch shortSectionName(s.Name) {
		case ".gopclntab", "__gopclntab", ".data.rel.ro.gopclntab":
			if t := p.parseGoTable(start, end); t != nil {
				return t
			}
		}
	}
	if f.Format != objfile.PE && len(f.Sections) > 0 {
		return nil
	}
	magic := make([]byte, 4)
	for _, m := range []uint32{goMagic120, goMagic118} {
		f.Order.PutUint32(magic, m)
		for i := range p.sections.Starts {
			if k := p.sectionKind(p.sections.Labels[i]); k != ReadOnly && k != Data {
				continue
			}
			start, end := p.sections.Starts[i], min(p.sections.End(i), p.Space.File)
			for at := start; at+72 < end; {
				k := bytes.Index(f.Data[at:end], magic)
				if k < 0 {
					break
				}
				if t := p.parseGoTable(at+uint64(k), end); t != nil {
					return t
				}
				at += uint64(k) + 4
			}
		}
	}
	return nil
}

// GoFunctionTable returns the address of a Go program's pclntab.
func (p *Program) GoFunctionTable() (addr uint64, ok bool) {
	t := p.findGoTable()
	if t == nil {
		return 0, false
	}
	return p.Space.PlaceToAddr(t.place)
}

func (p *Program) parseGoTable(start, end uint64) *goTable {
	f := p.File
	t := &goTable{data: f.Data[start:end], place: start, big: f.Order.String() == "BigEndian"}
	r := reader{data: t.data, big: t.big}
	magic := r.uint(4)
	if magic != goMagic118 && magic != goMagic120 {
		return nil
	}
	t.funcSize = 44
	if magic == goMagic118 {
		t.funcSize = 40
	}
	pad, quantum, width := r.uint(2), r.uint(1), int(r.uint(1))
	if pad != 0 || quantum != 1 && quantum != 2 && quantum != 4 || width != 4 && width != 8 {
		return nil
	}
	t.width = width
	t.count = r.uint(width)
	r.uint(width) // nfiles
	t.text = r.uint(width)
	t.names = r.uint(width)
	r.uint(width) // cuOffset
	r.uint(width) // filetabOffset
	t.pctab = r.uint(width)
	t.pcln = r.uint(width)
	n := uint64(len(t.data))
	if r.bad || t.names > n || t.pctab > n || t.pcln > n || t.count == 0 || t.count > (n-t.pcln)/8 {
		return nil
	}
	if t.text == 0 { // since Go 1.26 only moduledata has it
		t.text = p.goText()
	}
	return t
}

// goText is the address of runtime.text: the symbol, or the code section.
func (p *Program) goText() uint64 {
	for i := range p.Symbols {
		if p.plainName(p.Symbols[i].Name) == "runtime.text" {
			return p.Symbols[i].Addr
		}
	}
	for i := range p.File.Sections {
		if s := &p.File.Sections[i]; shortSectionName(s.Name) == ".text" || shortSectionName(s.Name) == "__text" {
			return s.Addr
		}
	}
	return 0
}

// eachGoFunction visits functions in order: address, size, offset of the
// _func record in data, its name.
func (t *goTable) each(visit func(i int, addr, size, record uint64, name string) bool) {
	r := reader{data: t.data, big: t.big, at: int(t.pcln)}
	entry, record := r.uint(4), r.uint(4)
	for i := range int(t.count) {
		nextEntry, nextRecord := r.uint(4), uint64(0)
		if i+1 < int(t.count) {
			nextRecord = r.uint(4)
		}
		if r.bad || nextEntry < entry {
			return
		}
		at := t.pcln + record
		if at+t.funcSize > uint64(len(t.data)) {
			return
		}
		f := reader{data: t.data, big: t.big, at: int(at) + 4}
		n := reader{data: t.data, big: t.big, at: int(min(t.names+uint64(uint32(f.uint(4))), uint64(len(t.data))))}
		if !visit(i, t.text+entry, nextEntry-entry, at, n.view()) {
			return
		}
		entry, record = nextEntry, nextRecord
	}
}

// view is cstring without the copy.
func (r *reader) view() string {
	n := bytes.IndexByte(r.data[r.at:], 0)
	if n < 0 {
		return ""
	}
	return string(r.data[r.at : r.at+n])
}

func (c *collector) addGoFunctions() {
	p := c.p
	t := p.findGoTable()
	if t == nil {
		return
	}
	c.goTable = t
	t.each(func(_ int, _, _, record uint64, _ string) bool {
		t.size = max(t.size, record+t.funcSize)
		return true
	})
	p.goProgram = true
	named := len(c.bodies) > int(t.count) // with symbols the names are there already
	t.each(func(_ int, addr, size, _ uint64, name string) bool {
		place, ok := p.Space.AddrToPlace(addr)
		if !ok || size == 0 {
			return true
		}
		limit, kind := p.limit(place)
		if kind != Code {
			return true
		}
		b := body{start: place, end: place + min(size, limit-place), symbol: -1, text: -1, strength: table}
		if !named {
			b.text = int32(len(p.Texts))
			p.Texts = append(p.Texts, name)
		}
		c.bodies = append(c.bodies, b)
		return true
	})
}

// chargeGoTable gives each function its parts of the table.
func (c *collector) chargeGoTable() {
	p, t := c.p, c.goTable
	if t == nil {
		return
	}
	type value struct {
		at   uint64
		atom int32
	}
	var values []value
	t.each(func(i int, addr, _, record uint64, name string) bool {
		atom := p.AtomAtAddr(addr)
		if atom < 0 {
			return true
		}
		at := t.place + t.pcln + uint64(i)*8
		c.add(at, at+8, atom, Runtime)
		r := reader{data: t.data, big: t.big, at: int(record) + 4}
		nameAt := t.place + t.names + r.uint(4)
		c.add(nameAt, nameAt+uint64(len(name))+1, atom, Runtime)
		r.uint(4) // args
		r.uint(4) // deferreturn
		for range 3 {
			values = append(values, value{t.pctab + r.uint(4), atom})
		}
		npcdata := r.uint(4)
		r.bytes(int(t.funcSize) - 36 + 3)
		nfuncdata := r.uint(1)
		if r.bad || npcdata > 64 || nfuncdata > 64 {
			return true
		}
		for range npcdata {
			values = append(values, value{t.pctab + r.uint(4), atom})
		}
		end := record + t.funcSize + 4*npcdata + 4*nfuncdata
		c.add(t.place+record, t.place+min(end, uint64(len(t.data))), atom, Runtime)
		return true
	})
	slices.SortFunc(values, func(a, b value) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.atom, b.atom)) })
	for i, v := range values {
		if v.at == t.pctab || i > 0 && values[i-1].at == v.at {
			continue // offset 0 is "no table"; shared tables are their first user's
		}
		end := t.pcln
		for k := i + 1; k < len(values); k++ {
			if values[k].at > v.at {
				end = min(end, values[k].at)
				break
			}
		}
		c.add(t.place+v.at, t.place+min(end, uint64(len(t.data))), v.atom, Runtime)
	}
}
