package attrib

// Names of atoms. What a table says is printed as it says it; what is derived
// (carved data, functions without a symbol) stands in brackets, so that a
// guess can never be taken for a fact.
//
// Names are taken apart when a view needs them, on all processors, and only
// the part that the view wants is kept: two hundred thousand whole names
// would be larger than the tables that they came from.

import (
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/minsize/minsize/internal/demangle"
)

// CrateBy is which of the honest answers to "which crate?" is wanted.
type CrateBy uint8

const (
	ByGeneric  CrateBy = iota // who defines the function, generic or not
	ByInstance                // whose compilation made this copy of it
	ByOrigin                  // who wrote the code, through inlining (debug information)
)

// crateByTable: an answer is one constant and one line here.
var crateByTable = [...]struct{ name, sentence string }{
	ByGeneric:  {"generic", "a crate is who defines a function, generic or not"},
	ByInstance: {"instance", "a crate is who instantiated a function: v0 names and debug information tell it, legacy names count for who defines them"},
	ByOrigin:   {"origin", "a crate is who wrote the code, through inlining; from debug information"},
}

// String is what --crate-by calls it.
func (b CrateBy) String() string { return crateByTable[b].name }

// Sentence says in the output which answer is given.
func (b CrateBy) Sentence() string { return crateByTable[b].sentence }

// CrateBys are the names of all answers.
func CrateBys() (names []string) {
	for _, row := range crateByTable {
		names = append(names, row.name)
	}
	return names
}

// ParseCrateBy reads what String prints.
func ParseCrateBy(s string) (CrateBy, error) {
	for i, row := range crateByTable {
		if row.name == s {
			return CrateBy(i), nil
		}
	}
	return 0, fmt.Errorf("unknown answer %q to which crate (one of %s)", s, strings.Join(CrateBys(), ", "))
}

// plainName is a name without the underscore that Mach-O puts before each.
func (p *Program) plainName(name string) string {
	if p.File.MachO != nil {
		return strings.TrimPrefix(name, "_")
	}
	return name
}

// nameTable caches what names say. The caches fill once and are then read.
type nameTable struct {
	p *Program

	once    sync.Once
	display []string // of each atom with a symbol or text
	parts   []nameParts
	strings *interner
}

// nameParts are numbers of interned parts.
type nameParts struct {
	crate, instance, module int32
	hash                    int32 // the number of the crate in v0 names
	rust, v0                bool
}

func (t *nameTable) init(p *Program) { t.p = p }

// mangled is the best name in the file, "" for anonymous atoms and for names
// that are a compiler's number.
func (p *Program) mangled(atom int32) string {
	a := &p.Atoms[atom]
	switch {
	case a.Flags&Private != 0:
	case a.Symbol >= 0:
		return p.Symbols[a.Symbol].Name
	case a.Text >= 0:
		return p.Texts[a.Text]
	}
	return ""
}

const nameChunk = 2048

// demangleAll fills the cache of displays and parts.
func (t *nameTable) demangleAll() {
	t.once.Do(func() {
		p := t.p
		n := len(p.Atoms)
		t.display = make([]string, n)
		t.parts = make([]nameParts, n)
		t.strings = newInterner()
		t.strings.id("")
		var mu sync.Mutex
		chunks := make(chan int, n/nameChunk+1)
		for at := 0; at < n; at += nameChunk {
			chunks <- at
		}
		close(chunks)
		var workers sync.WaitGroup
		for range runtime.GOMAXPROCS(0) {
			workers.Go(func() {
				parser := demangle.Parser{Borrowed: true}
				var texts textBlocks
				seen := map[string]int32{} // this worker's numbers
				id := func(s string) int32 {
					if k, ok := seen[s]; ok {
						return k
					}
					mu.Lock()
					k := t.strings.id(strings.Clone(s))
					mu.Unlock()
					seen[t.strings.name(&mu, k)] = k
					return k
				}
				for at := range chunks {
					for i := at; i < min(at+nameChunk, n); i++ {
						raw := p.mangled(int32(i))
						if raw == "" {
							continue
						}
						name := parser.Parse(raw)
						t.display[i] = p.plainDisplay(&name)
						if name.Scheme != demangle.Plain {
							t.display[i] = texts.keep(t.display[i])
						}
						t.parts[i] = t.split(&name, id)
					}
				}
			})
		}
		workers.Wait()
	})
}

// name reads an interned string that another worker may be adding to.
func (n *interner) name(mu *sync.Mutex, id int32) string {
	mu.Lock()
	defer mu.Unlock()
	return n.names[id]
}

func (t *nameTable) split(n *demangle.Name, id func(string) int32) nameParts {
	if n.Rust() && n.Crate != "" {
		crate, module := n.Crate, n.Module
		if strings.HasPrefix(crate, "<") { // an impl inside a method of an impl
			crate = rootCrate(n.Mangled)
			module = crate
		}
		parts := nameParts{crate: id(crate), module: id(module), hash: id(n.CrateHash), rust: true, v0: n.Scheme == demangle.RustV0}
		parts.instance = parts.crate
		if n.Instantiating != "" {
			parts.instance = id(n.Instantiating)
		}
		return parts
	}
	crate, module := t.foreign(n)
	k := id(crate)
	return nameParts{crate: k, instance: k, module: id(module)}
}

// rootCrate is the first crate in a v0 name (RFC 2603: <crate-root> is "C",
// an optional "s" <base-62> "_", then the length and the name).
func rootCrate(mangled string) string {
	for i := 0; i+1 < len(mangled); i++ {
		if mangled[i] != 'C' {
			continue
		}
		rest := mangled[i+1:]
		if rest[0] == 's' {
			_, after, ok := strings.Cut(rest, "_")
			if !ok {
				continue
			}
			rest = after
		}
		digits := 0
		for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
			digits++
		}
		n, err := strconv.Atoi(rest[:digits])
		if err == nil && n > 0 && digits+n <= len(rest) {
			return strings.TrimPrefix(rest[digits:digits+n], "_")
		}
	}
	return "[unknown crate]"
}

// foreign: crate and module of names that are not Rust's.
func (t *nameTable) foreign(n *demangle.Name) (crate, module string) {
	if t.p.goProgram || t.p.File.Wasm != nil && t.p.File.SectionByName("go:buildid") != nil {
		name := t.p.plainName(n.Mangled)
		if pkg := demangle.GoPackage(name); pkg != "" {
			return pkg, pkg
		}
		if strings.HasPrefix(name, "go:") || strings.HasPrefix(name, "type:") {
			return "[Go runtime data]", "[Go runtime data]"
		}
		return "[C or assembly]", "[C or assembly]"
	}
	switch n.Scheme {
	case demangle.Itanium, demangle.Microsoft:
		module = n.Module
		if module == "" {
			module = "[C++ at top level]"
		}
		return "[C++]", module
	case demangle.Swift:
		return "[Swift]", "[Swift]"
	}
	if strings.HasPrefix(n.Mangled, "__rust_") || strings.HasPrefix(n.Mangled, "__rdl_") || strings.HasPrefix(n.Mangled, "__rg_") || n.Mangled == "rust_begin_unwind" || n.Mangled == "rust_eh_personality" || n.Mangled == "rust_panic" {
		return "std", "std"
	}
	return "[C or assembly]", "[C or assembly]"
}

// owner follows the referrers of anonymous data to the first atom that has a
// name; -1 when there is none.
func (p *Program) owner(atom int32) int32 {
	for range 64 {
		if atom < 0 {
			return -1
		}
		a := &p.Atoms[atom]
		if a.Flags&(Carved|Private) == 0 {
			return atom
		}
		atom = a.Referrer
	}
	return -1
}

// Name is the atom's name for people: demangled without hashes; derived names
// in brackets.
func (p *Program) Name(atom int32) string {
	if p.names.display != nil && p.names.display[atom] != "" {
		return p.names.display[atom] + p.importMark(atom)
	}
	if raw := p.mangled(atom); raw != "" {
		name := demangle.Parse(raw)
		return p.plainDisplay(&name) + p.importMark(atom)
	}
	return p.derivedName(atom, p.Name)
}

// plainDisplay is Display, with plain names as their source has them.
func (p *Program) plainDisplay(n *demangle.Name) string {
	if n.Scheme == demangle.Plain {
		return p.plainName(n.Display)
	}
	return n.Display
}

func (p *Program) importMark(atom int32) string {
	if p.Atoms[atom].Flags&Import != 0 {
		return " [import]"
	}
	return ""
}

// derivedName names what no table names.
func (p *Program) derivedName(atom int32, name func(int32) string) string {
	return string(p.appendDerived(nil, atom, name))
}

// appendDerived is derivedName in the caller's memory: a stripped program has
// hundreds of thousands.
func (p *Program) appendDerived(b []byte, atom int32, name func(int32) string) []byte {
	a := &p.Atoms[atom]
	if a.Flags&(Carved|Private) == 0 {
		b = append(append(append(b, '['), a.Kind.String()...), " without a symbol at 0x"...)
		return append(strconv.AppendUint(b, a.Addr, 16), ']')
	}
	if a.Kind == Vtable {
		if text := p.vtableName(atom); text != "" {
			return append(append(append(b, "[vtable "...), text...), ']')
		}
	}
	what := "constants"
	switch a.Kind {
	case Vtable:
		what = "vtable"
	case String:
		what = "text"
	case Data:
		what = "data"
	case Zero:
		what = "zeros"
	}
	if owner := p.owner(atom); owner >= 0 {
		b = append(append(append(b, '['), what...), " of "...)
		if p.Atoms[owner].Anonymous() {
			b = p.appendDerived(b, owner, name)
		} else {
			b = append(b, name(owner)...)
		}
		return append(b, ']')
	}
	if a.Symbol >= 0 {
		return append(b, p.Symbols[a.Symbol].Name...)
	}
	return append(b, p.unowned(p.sections.At(a.Start, -1))...)
}

// RawName is the name as in the file.
func (p *Program) RawName(atom int32) string {
	if s := p.Atoms[atom].Symbol; s >= 0 {
		return p.Symbols[s].Name + p.importMark(atom)
	}
	if raw := p.mangled(atom); raw != "" {
		return raw
	}
	return p.derivedName(atom, p.RawName)
}

// ShortName is Name without generic and function arguments.
func (p *Program) ShortName(atom int32) string {
	if p.mangled(atom) == "" {
		return p.derivedName(atom, p.ShortName)
	}
	if n := demangle.Parse(p.mangled(atom)); n.Scheme.CXX() {
		if name, _ := n.Template(); name != "" {
			return name + p.importMark(atom)
		}
	}
	return withoutArguments(p.Name(atom))
}

// GenericName is the generic that the atom is an instance of.
func (p *Program) GenericName(atom int32) string {
	raw := p.mangled(atom)
	if raw == "" {
		return p.derivedName(atom, p.GenericName)
	}
	n := demangle.Parse(raw)
	if n.Rust() {
		return n.GenericForm() + p.importMark(atom)
	}
	if name, instance := n.Template(); instance {
		return name + p.importMark(atom)
	}
	if n.Scheme.CXX() { // its `<` is an operator
		return n.Display + p.importMark(atom)
	}
	return GenericOf(n.Display) + p.importMark(atom)
}

// withoutArguments cuts "(...)" of C++ functions and "<...>" of generics, but
// not the "<T as Trait>" that a Rust path begins with.
func withoutArguments(name string) string {
	if i := strings.IndexByte(name, '('); i > 0 && !strings.HasPrefix(name, "<") && !strings.Contains(name, "::{") && name[i-1] != '.' {
		if !strings.HasPrefix(name[i:], "(anonymous namespace)") {
			name = name[:i]
		}
	}
	return GenericOf(name)
}

// GenericOf replaces generic arguments by <_>: all instances of one generic
// have the same answer.
func GenericOf(name string) string {
	if strings.IndexByte(name, '<') < 0 && strings.IndexByte(name, '[') < 0 {
		return name
	}
	var b strings.Builder
	depth := 0
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c == '<' && i == 0:
			b.WriteByte(c)
		case c == '<' && (depth > 0 || i >= 1 && name[i-1] != ' ' && name[i-1] != '<' && name[i-1] != '(' && name[i-1] != '&'):
			if depth == 0 {
				b.WriteString("<_")
			}
			depth++
		case c == '>' && depth > 0 && (i == 0 || name[i-1] != '-'):
			depth--
			if depth == 0 {
				b.WriteByte('>')
			}
		case depth == 0:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// Module is the module path, namespace or Go package of the atom's owner.
func (p *Program) Module(atom int32) string {
	owner, special := p.partOwner(atom)
	if special != "" {
		return special
	}
	p.names.demangleAll()
	return p.names.strings.names[p.names.parts[owner].module]
}

// Crate is the crate of the atom's owner; in brackets what is none.
func (p *Program) Crate(atom int32, by CrateBy) string {
	owner, special := p.partOwner(atom)
	if special != "" {
		return special
	}
	p.names.demangleAll()
	parts := &p.names.parts[owner]
	if (!parts.rust || by == ByInstance) && p.debug != nil {
		if crate := p.debug.crateOf(p, owner); crate != "" {
			return p.unitLabel(p.debug.atomUnits[owner], crate)
		}
	}
	if by == ByInstance {
		return p.names.strings.names[parts.instance]
	}
	if c := p.CopyOf(owner); c != nil {
		return c.Label
	}
	return p.names.strings.names[parts.crate]
}

// partOwner is the named atom that atom counts for, or what to say instead.
func (p *Program) partOwner(atom int32) (owner int32, special string) {
	a := &p.Atoms[atom]
	if a.Flags&Import != 0 {
		return -1, "[imports]"
	}
	if a.Kind == Vtable && a.Referrer < 0 {
		if m := p.vtableMethod(atom); m >= 0 {
			return m, ""
		}
	}
	if p.File.Wasm != nil && a.Kind == Data && a.Flags&Carved == 0 {
		return -1, "[data segments]"
	}
	if a.Kind == Resource {
		return -1, "[resources]"
	}
	owner = p.owner(atom)
	if owner < 0 {
		return -1, p.unowned(p.sections.At(a.Start, -1))
	}
	if p.Atoms[owner].Anonymous() {
		if p.debug != nil {
			if crate := p.debug.crateOf(p, owner); crate != "" {
				return -1, crate
			}
		}
		return -1, "[no symbol]"
	}
	if p.Atoms[owner].Flags&Import != 0 {
		return -1, "[imports]"
	}
	return owner, ""
}

func itoa(n int) string { return strconv.Itoa(n) }

// Aliases returns the indices in Symbols of the further names of a body.
func (p *Program) Aliases(atom int32) []int32 {
	lo, hi := 0, len(p.aliases)
	for lo < hi {
		mid := (lo + hi) / 2
		if p.aliases[mid].atom < atom {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	var list []int32
	for ; lo < len(p.aliases) && p.aliases[lo].atom == atom; lo++ {
		list = append(list, p.aliases[lo].symbol)
	}
	return list
}

// maxAliases bounds how many further names a row shows: some assembly has dozens.
const maxAliases = 4

// withAliases adds the other names of a body that has several, in the order of
// the alphabet.
func (p *Program) withAliases(atom int32, name string, display func(raw string) string) string {
	if p.Atoms[atom].Flags&Alias == 0 {
		return name
	}
	var others []string
	for _, s := range p.Aliases(atom) {
		if other := p.plainName(display(p.Symbols[s].Name)); other != name && !slices.Contains(others, other) {
			others = append(others, other)
		}
	}
	slices.Sort(others)
	if n := len(others); n > maxAliases {
		others = append(others[:maxAliases], "and "+itoa(n-maxAliases)+" more")
	}
	if len(others) == 0 {
		return name
	}
	return name + " [also " + strings.Join(others, ", ") + "]"
}
