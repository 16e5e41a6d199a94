package refgraph

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/minsize/minsize/internal/attrib"
)

// Go programs: what the compiler writes as numbers rather than pointers.
//
// A type's descriptor names its methods, their types and its own name by
// 32-bit offsets from the start of the code or of the types (internal/abi:
// Type, UncommonType, Method). The Go linker has taken out, by the number -1,
// methods that neither an interface nor reflection can reach, so what is left
// in a descriptor that is reachable is reachable. And the runtime's table of
// the program, moduledata (runtime/symtab.go), points at everything there is
// (all itabs, the bounds of all sections): a linker does not follow it, and
// neither does the graph, but for the list of package initialisers.
//
// The layout is that of Go 1.18 and later, found through the pclntab, which
// even stripped programs keep.

// goModule are the fields of moduledata that matter, as addresses.
type goModule struct {
	p     *attrib.Program
	width uint64

	atom                int32 // that holds moduledata
	text, types, etypes uint64
	itabs               [2]uint64 // the bounds of itablinks
	inittasks           uint64
	tables              []uint64 // what only the runtime reads: where functions, types and itabs are listed
}

// Words of moduledata, by their number.
const (
	goWordFindFunc  = 19
	goWordText      = 22
	goWordTypes     = 37
	goWordETypes    = 38
	goWordMax       = 80
	goSliceDistance = 3
)

// findGoModule returns nil when p is no Go program.
func findGoModule(p *attrib.Program) *goModule {
	f := p.File
	table, ok := p.GoFunctionTable()
	if !ok || f.Order == nil {
		return nil
	}
	m := &goModule{p: p, width: uint64(f.Bits / 8)}
	start, relocated := m.findTable(table)
	if start == 0 {
		return nil
	}
	var words [goWordMax]uint64
	for i := range words {
		addr := start + uint64(i)*m.width
		if v, ok := relocated[addr]; ok {
			words[i] = v
		} else {
			words[i], _ = m.word(addr)
		}
	}
	m.atom = p.AtomAtAddr(start)
	m.tables = append(m.tables, words[goWordFindFunc])
	m.text, m.types, m.etypes = words[goWordText], words[goWordTypes], words[goWordETypes]
	if m.types == 0 || m.etypes <= m.types || p.AtomAtAddr(m.text) < 0 {
		return nil
	}
	// rodata, gofunc and (since 1.26) epclntab follow, then the slices
	// textsectmap, typelinks, itablinks, ptab; a slice is a pointer and twice
	// its length. typelinks and itablinks are the first two in a row that are
	// not empty, and hold offsets and pointers.
	at := goWordETypes + 1
	for at+3*goSliceDistance < goWordMax && !(words[at] != 0 && words[at+1] == words[at+2] && words[at+1] > 0 && words[at+1] < 1<<24) {
		at++
	}
	slice := func(i int) (addr, count uint64) { return words[at+i*goSliceDistance], words[at+i*goSliceDistance+1] }
	for i := range 4 { // the first may be textsectmap, which has entries for most programs
		addr, count := slice(i)
		if count == 0 || count > 1<<24 {
			continue
		}
		m.tables = append(m.tables, addr)
		if first, ok := m.pointerAt(addr, relocated); ok && m.isItab(first) {
			m.itabs = [2]uint64{addr, addr + count*m.width}
			break
		}
	}
	// inittasks: a slice of pointers to {state, count uint32, functions}.
	for i := at; i+2 < goWordMax; i++ {
		if words[i] == 0 || words[i+1] == 0 || words[i+1] != words[i+2] || words[i+1] > 1<<20 {
			continue
		}
		if task, ok := m.pointerAt(words[i], relocated); ok && m.isInitTask(task) {
			m.inittasks = words[i]
			break
		}
	}
	return m
}

// findTable looks for moduledata by its first word, the pclntab's address. In
// position-independent programs that word may be in a relocation alone.
func (m *goModule) findTable(table uint64) (addr uint64, relocated map[uint64]uint64) {
	f := m.p.File
	relocated = map[uint64]uint64{}
	for r, err := range f.EachReloc() {
		if err != nil {
			break
		}
		if r.Relative {
			relocated[r.Addr] = uint64(r.Addend)
			if uint64(r.Addend) == table && addr == 0 {
				addr = r.Addr
			}
		}
	}
	if addr != 0 {
		return addr, relocated
	}
	for i := range f.Sections {
		s := &f.Sections[i]
		if !s.Alloc || s.Exec || s.FileSize == 0 {
			continue
		}
		data, err := f.RawData(s)
		if err != nil {
			continue
		}
		for at := uint64(0); at+m.width <= uint64(len(data)); at += m.width {
			if m.read(data[at:]) == table {
				return s.Addr + at, relocated
			}
		}
	}
	return 0, relocated
}

func (m *goModule) read(b []byte) uint64 {
	if m.width == 8 {
		return m.p.File.Order.Uint64(b)
	}
	return uint64(m.p.File.Order.Uint32(b))
}

func (m *goModule) word(addr uint64) (uint64, bool) {
	b, ok := m.p.File.BytesAt(addr, m.width)
	if !ok {
		return 0, false
	}
	return m.read(b), true
}

func (m *goModule) pointerAt(addr uint64, relocated map[uint64]uint64) (uint64, bool) {
	if v, ok := relocated[addr]; ok {
		return v, true
	}
	v, ok := m.word(addr)
	return v, ok && v != 0
}

// isItab: interface type, concrete type, hash (a copy of the type's).
func (m *goModule) isItab(addr uint64) bool {
	b, ok := m.p.File.BytesAt(addr, 3*m.width)
	if !ok {
		return false
	}
	hash := m.p.File.Order.Uint32(b[2*m.width:])
	concrete := m.read(b[m.width:])
	if concrete == 0 { // filled in by a relocation
		return hash != 0
	}
	t, ok := m.p.File.BytesAt(concrete, 2*m.width+4)
	return ok && m.p.File.Order.Uint32(t[2*m.width:]) == hash
}

// isInitTask: state 0, a small count.
func (m *goModule) isInitTask(addr uint64) bool {
	b, ok := m.p.File.BytesAt(addr, 8)
	return ok && m.p.File.Order.Uint32(b) == 0 && m.p.File.Order.Uint32(b[4:]) > 0 && m.p.File.Order.Uint32(b[4:]) < 1<<16
}

// dead says whether an atom's pointers are not to be followed.
func (m *goModule) dead(atom int32) bool {
	a := &m.p.Atoms[atom]
	return atom == m.atom || a.Addr >= m.itabs[0] && a.Addr < m.itabs[1]
}

// connect adds the edges that numbers stand for.
func (m *goModule) connect(b *Builder) {
	p := m.p
	edge := func(from int32, addr uint64) {
		if to := p.AtomAtAddr(addr); to >= 0 {
			b.Edge(from+1, to+1)
		}
	}
	if m.atom >= 0 {
		for _, addr := range append(m.tables, m.inittasks) {
			if addr != 0 {
				edge(m.atom, addr)
			}
		}
	}
	for i := range p.Atoms {
		a := &p.Atoms[i]
		if a.Addr < m.types || a.Addr >= m.etypes || a.Flags&attrib.Import != 0 {
			continue
		}
		m.typeEdges(int32(i), a.Addr, edge)
	}
}

// The bits of Type.TFlag, and the kinds (internal/abi/type.go).
const (
	goUncommon  = 1
	goExtraStar = 2
)

// extra is how many words and bytes a kind's descriptor has beyond abi.Type,
// by abi.Kind; plain kinds have none. Maps since Go 1.24.
func (m *goModule) extra(kind byte) uint64 {
	switch kind & 31 {
	case 17: // array
		return 3 * m.width
	case 18: // chan
		return 2 * m.width
	case 19: // func
		return max(m.width, 4)
	case 20, 25: // interface, struct
		return 4 * m.width
	case 21: // map
		return 7*m.width + max(m.width, 4)
	case 22, 23: // pointer, slice
		return m.width
	}
	return 0
}

func (m *goModule) typeEdges(from int32, addr uint64, edge func(from int32, addr uint64)) {
	order := m.p.File.Order
	size := 4*m.width + 16
	t, ok := m.p.File.BytesAt(addr, size)
	if !ok {
		return
	}
	flags, kind := t[2*m.width+4], t[2*m.width+7]
	if kind&31 == 0 || kind&31 > 26 || order.Uint32(t[2*m.width:]) == 0 {
		return // no type: a name, or other data among them
	}
	name, pointer := order.Uint32(t[4*m.width+8:]), order.Uint32(t[4*m.width+12:])
	for _, offset := range []uint32{name, pointer} {
		if offset != 0 && m.types+uint64(offset) < m.etypes {
			edge(from, m.types+uint64(offset))
		}
	}
	if flags&goUncommon == 0 {
		return
	}
	if m.uncommon(from, addr+size+m.extra(kind), edge) || kind&31 != 21 {
		return
	}
	m.uncommon(from, addr+size+4*m.width+8, edge) // a map of Go 1.23 and before
}

// typeName is how Go prints the type whose descriptor is at addr, "" when
// there is none.
func (m *goModule) typeName(addr uint64) string {
	order := m.p.File.Order
	t, ok := m.p.File.BytesAt(addr, 4*m.width+16)
	if !ok || addr < m.types || addr >= m.etypes {
		return ""
	}
	kind := t[2*m.width+7] & 31
	name := m.types + uint64(order.Uint32(t[4*m.width+8:]))
	if kind == 0 || kind > 26 || name <= m.types || name >= m.etypes {
		return ""
	}
	head, ok := m.p.File.BytesAt(name, 4)
	if !ok {
		return ""
	}
	length, n := binary.Uvarint(head[1:])
	if n <= 0 || length == 0 || length > 1000 {
		return ""
	}
	text, ok := m.p.File.BytesAt(name+1+uint64(n), length)
	if !ok || !utf8.Valid(text) {
		return ""
	}
	if t[2*m.width+4]&goExtraStar != 0 && text[0] == '*' {
		text = text[1:]
	}
	return string(text)
}

// uncommon follows an UncommonType and its methods; false when what stands
// there cannot be one.
func (m *goModule) uncommon(from int32, addr uint64, edge func(from int32, addr uint64)) bool {
	order := m.p.File.Order
	u, ok := m.p.File.BytesAt(addr, 16)
	if !ok {
		return false
	}
	count, exported, offset := uint64(order.Uint16(u[4:])), order.Uint16(u[6:]), uint64(order.Uint32(u[8:]))
	if uint64(exported) > count || count > 0 && (offset < 16 || offset > 1<<20) {
		return false
	}
	if path := uint64(order.Uint32(u)); path != 0 && m.types+path < m.etypes {
		edge(from, m.types+path)
	}
	methods, ok := m.p.File.BytesAt(addr+offset, count*16)
	if !ok {
		return false
	}
	m.methods(from, methods, order, edge)
	return true
}

// methods follows {Name, Mtyp, Ifn, Tfn} records; -1 is a method that the
// linker has taken out, 0 none.
func (m *goModule) methods(from int32, records []byte, order binary.ByteOrder, edge func(from int32, addr uint64)) {
	for ; len(records) >= 16; records = records[16:] {
		for i, base := range []uint64{m.types, m.types, m.text, m.text} {
			offset := order.Uint32(records[4*i:])
			if offset != 0 && offset != 1<<32-1 {
				edge(from, base+uint64(offset))
			}
		}
	}
}
