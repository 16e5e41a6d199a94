package refgraph

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/demangle"
	"github.com/minsize/minsize/internal/objfile"
)

// Native programs: attrib has found the atoms (functions, named data, data cut
// where something points, imports) and the references between them; what is
// left is who uses an atom from outside, and what an atom weighs.
//
// An atom weighs what goes from the shipped file when it goes: its body and
// the padding behind it, its entries in unwind and exception tables (but see
// landingpads.go), its relocations, slots and stubs, its dynamic symbols. Symbol tables and debug
// information that strip removes are not counted, so that retained sizes
// predict what a rebuilt, stripped file loses.

// atomNames names the nodes of a native program; labels are atoms.
type atomNames struct {
	p      *attrib.Program
	module *goModule // nil for all but Go programs
}

// Display implements Namer.
func (n atomNames) Display(label int32) string {
	if a := &n.p.Atoms[label]; n.module != nil && a.Anonymous() {
		if name := n.module.typeName(a.Addr); name != "" {
			return "[type " + name + "]"
		}
	}
	return n.p.Name(label)
}

// Mangled implements Namer.
func (n atomNames) Mangled(label int32) string {
	if a := &n.p.Atoms[label]; a.Anonymous() {
		return ""
	}
	return n.p.RawName(label)
}

// FromProgram makes the graph of an attributed program, which must have been
// made with Options.References. It takes p.Refs: they are nil afterwards, since
// of a large program they are as large as the graph.
func FromProgram(p *attrib.Program) *Graph {
	b := NewBuilder(len(p.Atoms))
	sizes, total, unowned, stripped := shippedSizes(p)
	for i := range p.Atoms {
		a := &p.Atoms[i]
		b.Add(Node{Size: sizes[i], Label: int32(i), Kind: kindOf(a), Uncertain: a.Flags&attrib.Skipped != 0})
	}
	b.Grow(len(p.Refs))
	module := findGoModule(p)
	for _, r := range p.Refs {
		if module == nil || r.From < 0 || !module.dead(r.From) {
			b.Edge(r.From+1, r.To+1) // -1 is the root: pointers that no atom holds
		}
	}
	if module != nil {
		module.connect(b)
	}
	addRoots(b, p)
	p.Refs = nil

	g := b.Freeze(atomNames{p, module})
	g.Total, g.Unowned, g.Program = total, unowned, p
	g.Notes = append(g.Notes, p.Warnings...)
	data := uint64(0)
	for i := range p.Atoms {
		if a := &p.Atoms[i]; g.nodes[i+1].Kind == KindData || g.nodes[i+1].Kind == KindVtable {
			data += sizes[i]
			if a.Flags&(attrib.Carved|attrib.Private) != 0 {
				g.Anonymous.Count++
				g.Anonymous.Size += sizes[i]
			}
		}
	}
	if g.Anonymous.Count > 0 {
		g.Details = append(g.Details, fmt.Sprintf("%d items of data without a symbol, %d of %d bytes of data, are named after who refers to them", g.Anonymous.Count, g.Anonymous.Size, data))
	}
	if undecoded(p.File) {
		g.Notes = append(g.Notes, fmt.Sprintf("code of %s is not decoded here: references are those of relocations alone, everything counts as used from outside, and retained sizes are too small", p.File.Arch))
	}
	if p.Unknown > 0 {
		g.Notes = append(g.Notes, fmt.Sprintf("%d of %d bytes of code are no instructions that are known here (data in code, or new ones): functions that hold them are marked", p.Unknown, p.Decoded))
	}
	if entry := entryAtom(p); entry >= 0 {
		g.Notes = append(g.Notes, "an object with a "+p.Symbols[p.Atoms[entry].Symbol].Name+" is taken as a program of its own: it starts there, and what only other objects may use counts as unused")
	}
	if bytes := leftByBOLT(p.File); bytes > 0 {
		g.Notes = append(g.Notes, fmt.Sprintf("BOLT has moved the code and left %d bytes of the original in .bolt.org sections, which nothing reaches", bytes))
	}
	if stray, used := strayTables(p); stray > used/10 && stray > 1024 {
		g.Details = append(g.Details, fmt.Sprintf("%d bytes of exception tables belong to functions that the linker has removed (lld keeps them)", stray))
	}
	if stripped > 0 {
		g.Details = append(g.Details, fmt.Sprintf("sizes are those of the stripped file: %d bytes of symbols, debug information and their headers are left out", stripped))
	}
	return g
}

func kindOf(a *attrib.Atom) Kind {
	switch {
	case a.Flags&attrib.Import != 0:
		return KindImport
	case a.Kind == attrib.Code, a.Kind == attrib.Linkage:
		return KindCode
	case a.Kind == attrib.Vtable:
		return KindVtable
	}
	return KindData
}

// shippedSizes sums what each atom owns of the stripped file.
func shippedSizes(p *attrib.Program) (sizes []uint64, total, unowned, stripped uint64) {
	sizes = make([]uint64, len(p.Atoms))
	stray, used := strayTables(p)
	kept := stray > used/10
	var std standardLibrary
	if kept {
		std = newStandardLibrary(p)
	}
	linked := p.File.Kind != objfile.Relocatable && p.File.Kind != objfile.KernelModule
	tail := loadedEnd(p.File)
	var parser demangle.Parser
	p.Pieces(func(x attrib.Piece) {
		n := p.Space.FileBytes(x.Start, x.End)
		loaded := x.Section >= 0 && p.File.Sections[x.Section].Alloc
		switch {
		case x.Kind == attrib.Debug, linked && !loaded && (x.Kind == attrib.SymbolTab || x.Kind == attrib.Reloc && x.Section >= 0),
			linked && x.Kind == attrib.Padding && x.Atom < 0 && x.Start >= tail:
			stripped += n
			return
		case x.Atom >= 0 && x.Kind == attrib.Exception && x.End <= p.Space.File:
			own := n
			if length := tableLength(p.File.Data[x.Start:x.End]); length > 0 {
				own = min(n, length)
			}
			if kept && !p.Atoms[x.Atom].Anonymous() {
				if name := parser.Parse(p.RawName(x.Atom)); std.has(&name) {
					own = 0
				}
			}
			sizes[x.Atom] += own
			unowned += n - own
		case x.Atom >= 0:
			sizes[x.Atom] += n
		default:
			unowned += n
		}
		total += n
	})
	if headers := strippedHeaders(p); linked && headers <= unowned {
		total, unowned, stripped = total-headers, unowned-headers, stripped+headers
	}
	return sizes, total, unowned, stripped
}

// loadedEnd is the file offset behind all that is loaded: what alignment costs
// there is that of tables which strip takes out.
func loadedEnd(f *objfile.File) (end uint64) {
	for i := range f.Segments {
		if g := &f.Segments[i]; g.Load {
			end = max(end, g.Offset+g.FileSize)
		}
	}
	return end
}

// Loaded sums the bytes of the loaded sections, without what alignment to pages
// adds between them, so that programs can be compared to the byte; of a Wasm
// module and of a file without sections it is Total.
func (g *Graph) Loaded() (bytes uint64) {
	if g.Program == nil || g.Program.File.Kind == objfile.Relocatable {
		return g.Total
	}
	for i := range g.Program.File.Sections {
		if s := &g.Program.File.Sections[i]; s.Alloc {
			bytes += s.FileSize
		}
	}
	if bytes == 0 {
		return g.Total
	}
	return bytes
}

// strippedHeaders sums the section headers of what shippedSizes leaves out, so
// that a program weighs the same before and after it was stripped.
func strippedHeaders(p *attrib.Program) (bytes uint64) {
	e := p.File.ELF
	if e == nil {
		return 0
	}
	for i := range p.File.Sections {
		s := &p.File.Sections[i]
		if s.Alloc || s.Derived || s.Index <= 0 {
			continue
		}
		if s.Type == "SHT_NULL" { // left by strip, which does not number sections anew
			bytes += uint64(e.Ehdr.Shentsize)
			continue
		}
		switch p.SectionKind(i) {
		case attrib.Debug, attrib.SymbolTab, attrib.Reloc:
			bytes += uint64(e.Ehdr.Shentsize)
		}
	}
	return bytes
}

// addRoots adds an edge from the root to everything that is used from outside.
func addRoots(b *Builder, p *attrib.Program) {
	f := p.File
	var roots, hidden []int32
	root := func(addr uint64) {
		if atom := p.AtomAtAddr(addr); atom >= 0 {
			roots = append(roots, atom)
		}
	}
	if f.Entry != 0 {
		root(f.Entry)
	}
	if f.ELF != nil {
		for _, tag := range []int64{objfile.DT_INIT, objfile.DT_FINI} {
			if addr, ok := f.ELF.DynValue(tag); ok {
				root(addr)
			}
		}
	}
	blind := undecoded(f)
	program := entryAtom(p)
	if program >= 0 {
		roots = append(roots, program)
	}
	for i := range p.Atoms {
		a := &p.Atoms[i]
		if blind && a.Flags&attrib.Import == 0 {
			roots = append(roots, int32(i)) // code may refer to any of it
			continue
		}
		exported := a.Flags&attrib.Exported != 0 && a.Flags&attrib.Import == 0
		if exported && program >= 0 {
			if exported = false; p.Symbols[a.Symbol].Hidden {
				hidden = append(hidden, int32(i))
			}
		}
		if exported || a.Section >= 0 && rootSection(f, &f.Sections[a.Section]) || a.Kind == attrib.Resource || a.Kind == attrib.Code && heldTogether(p, int32(i)) {
			roots = append(roots, int32(i))
		}
	}
	if len(hidden) > 0 {
		roots = append(roots, unreached(p, roots, hidden)...)
	}
	for _, atom := range roots {
		b.Edge(Root, atom+1)
	}
}

// unreached are those of the candidates that neither the roots nor an earlier
// candidate reaches.
func unreached(p *attrib.Program, roots, candidates []int32) (more []int32) {
	seen := make([]bool, len(p.Atoms))
	var stack []int32
	visit := func(atom int32) {
		if atom >= 0 && !seen[atom] {
			seen[atom] = true
			stack = append(stack, atom)
		}
	}
	targets := func(from int32) { // Refs are sorted by From; -1 is the outside
		at, _ := slices.BinarySearchFunc(p.Refs, from, func(r attrib.Ref, from int32) int { return cmp.Compare(r.From, from) })
		for ; at < len(p.Refs) && p.Refs[at].From == from; at++ {
			visit(p.Refs[at].To)
		}
	}
	walk := func() {
		for len(stack) > 0 {
			atom := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			targets(atom)
		}
	}
	for _, atom := range roots {
		visit(atom)
	}
	targets(-1)
	walk()
	for _, atom := range candidates {
		if !seen[atom] {
			more = append(more, atom)
			visit(atom)
			walk()
		}
	}
	return more
}

// entryAtom is the main function that an object defines, -1 without. Such an
// object is a program but for its libraries: it starts there, as the linked one
// does, and what it exports besides is exported because C exports by default.
// Hidden symbols are meant for other objects of the same program (rustc's
// codegen units) and count as used where nothing here uses them.
func entryAtom(p *attrib.Program) int32 {
	if p.File.Kind != objfile.Relocatable {
		return -1
	}
	for i := range p.Atoms {
		a := &p.Atoms[i]
		if a.Kind != attrib.Code || a.Flags&attrib.Exported == 0 || a.Symbol < 0 {
			continue
		}
		switch p.Symbols[a.Symbol].Name {
		case "main", "_main", "_start", "wmain", "WinMain", "wWinMain":
			return int32(i)
		}
	}
	return -1
}

// heldTogether: in an object of a machine without a decoder, calls within a
// section are not seen (the assembler fills them in), so functions that share a
// section count as used.
func heldTogether(p *attrib.Program, atom int32) bool {
	if p.File.Kind != objfile.Relocatable && p.File.Kind != objfile.KernelModule || p.File.CPU.Decoder != nil {
		return false
	}
	same := func(k int32) bool {
		return k >= 0 && int(k) < len(p.Atoms) && p.Atoms[k].Kind == attrib.Code && p.Atoms[k].Section == p.Atoms[atom].Section
	}
	return same(atom-1) || same(atom+1)
}

// undecoded says whether references in machine code are not seen at all: the
// machine has no decoder, and the linker has dropped the relocations.
func undecoded(f *objfile.File) bool {
	return f.CPU.Decoder == nil && f.Kind != objfile.Relocatable && f.Kind != objfile.KernelModule
}

// rootSection says whether everything in a section is used without a
// reference that could be seen: start-up code that runs into each other,
// arrays that the loader walks, images that are copied for each thread, and
// sections whose bounds have names (__start_X, __stop_X; ELF linkers keep
// those whole, too).
func rootSection(f *objfile.File, s *objfile.Section) bool {
	if s.TLS {
		return true
	}
	name := s.Name
	switch name {
	case ".init", ".fini", ".init_array", ".fini_array", ".preinit_array", ".ctors", ".dtors", ".jcr", ".tm_clone_table",
		"__mod_init_func", "__mod_term_func", ".CRT", ".tls", "__thread_data", "__thread_vars", ".note.ABI-tag":
		return true
	}
	if strings.HasPrefix(name, ".init_array.") || strings.HasPrefix(name, ".ctors.") || strings.HasPrefix(name, ".note") {
		return true
	}
	if f.Kind == objfile.KernelModule && name == ".gnu.linkonce.this_module" { // where the kernel finds its functions
		return true
	}
	if f.Kind == objfile.Relocatable && retained(f, s) {
		return true
	}
	return f.ELF != nil && s.Alloc && isCIdentifier(name)
}

// shfGNURetain: --gc-sections keeps the section (gABI extension of GNU).
const shfGNURetain = 0x200000

func retained(f *objfile.File, s *objfile.Section) bool {
	return f.ELF != nil && s.Index > 0 && s.Index < len(f.ELF.Shdrs) && f.ELF.Shdrs[s.Index].Flags&shfGNURetain != 0
}

// Packed says what to do with a packed program, whose code is compressed, and
// "" when data is none that is known. UPX leaves its magic in the first pages.
func Packed(data []byte) string {
	head := data[:min(len(data), 4096)]
	if bytes.Contains(head, []byte("UPX!")) {
		return "upx -d FILE unpacks it"
	}
	return ""
}

// leftByBOLT sums the sections in which llvm-bolt leaves what it has moved.
func leftByBOLT(f *objfile.File) (bytes uint64) {
	for i := range f.Sections {
		if strings.HasPrefix(f.Sections[i].Name, ".bolt.org.") {
			bytes += f.Sections[i].FileSize
		}
	}
	return bytes
}

func isCIdentifier(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && c >= '0' && c <= '9') {
			return false
		}
	}
	return s != ""
}
