package attrib

// Findings: what is in the file that need not be, with its bytes. Each is
// measured in this file, none is a guess from its kind; where the saving
// depends on something (inlining, a linker's choice), the title says what was
// counted.

import (
	"bytes"
	"cmp"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/demangle"
	"github.com/minsize/minsize/internal/objfile"
)

// Finding is something in the file that need not be, with what it is worth.
type Finding struct {
	Name   string   `json:"name"` // stable, for machines
	Title  string   `json:"title"`
	Bytes  uint64   `json:"bytes"`
	Advice string   `json:"advice"`          // the next step: package advice's
	Items  []string `json:"items,omitempty"` // the largest examples
}

// findings is the table: one function each; nil for nothing found.
var findings = []func(p *Program) *Finding{
	debugData, symbolNames, relocationTax, unwindTables, identicalFunctions,
	copiesOfGenerics, panicLocations, sourcePaths, duplicateStrings, duplicateCrates,
}

// worthShare is from which share of the file on a finding is worth a line.
const worthShare = 1. / 2000

// Findings lists what is large enough to be worth a line, the largest first.
// What to do about each is package advice's.
func (p *Program) Findings() []Finding {
	var list []Finding
	for _, find := range findings {
		f := find(p)
		if f == nil || f.Bytes == 0 || float64(f.Bytes) < worthShare*float64(p.File.Size) {
			continue
		}
		list = append(list, *f)
	}
	slices.SortStableFunc(list, func(a, b Finding) int { return cmp.Compare(b.Bytes, a.Bytes) })
	return list
}

// Language is what a program was written in, as far as advice depends on it.
type Language string

const (
	Rust  Language = "Rust"
	Go    Language = "Go"
	Other Language = "" // C, C++ and whatever is not known
)

// Language tells by names, and where those are gone by what the compiler leaves
// in constants: the places of Rust's panics, the tables of Go's runtime. One
// Rust function makes a program Rust's.
func (p *Program) Language() Language {
	p.names.demangleAll()
	switch {
	case p.goProgram:
		return Go
	case p.locations.count > 0:
		return Rust
	}
	for i := range p.names.parts {
		if p.names.parts[i].rust {
			return Rust
		}
	}
	return Other
}

// ofKind sums bytes of the file by kind.
func (p *Program) ofKind(want ...Kind) uint64 {
	n := uint64(0)
	for i := range p.pieces.Starts {
		if slices.Contains(want, pieceKind(p.pieces.Labels[i])) {
			n += p.Space.FileBytes(p.pieces.Starts[i], p.pieces.End(i))
		}
	}
	return n
}

func debugData(p *Program) *Finding {
	return &Finding{Name: "debug", Title: "debug information", Bytes: p.ofKind(Debug)}
}

// staticSymbols is the bytes of symbol tables that no loader reads.
func (p *Program) staticSymbols() uint64 {
	n := uint64(0)
	for i := range p.File.Sections {
		s := &p.File.Sections[i]
		if kindOfSection(p.File, s) == SymbolTab && !s.Alloc && s.Name != ".shstrtab" {
			n += s.FileSize
		}
	}
	return n
}

func symbolNames(p *Program) *Finding {
	if p.File.Kind == objfile.Relocatable || p.File.Kind == objfile.KernelModule {
		return nil
	}
	return &Finding{Name: "symbols", Title: "symbol table that no loader reads", Bytes: p.staticSymbols()}
}

func unwindTables(p *Program) *Finding {
	if p.File.Kind == objfile.Relocatable || p.goProgram {
		return nil
	}
	return &Finding{Name: "unwind", Title: "unwind and exception tables", Bytes: p.ofKind(Unwind, Exception)}
}

// relocationTax: RELR (gABI, "Relative Relocation Table") packs relative
// relocations into a bit each where RELA has 24 bytes. The size with RELR is
// computed from the addresses, as a linker would encode them.
func relocationTax(p *Program) *Finding {
	f := p.File
	if f.ELF == nil || f.Kind == objfile.Relocatable || f.Kind == objfile.KernelModule {
		return nil
	}
	var addrs []uint64
	now := uint64(0)
	word := uint64(f.Bits / 8)
	for r, err := range f.EachReloc() {
		if err != nil {
			break
		}
		if r.Relative && r.Section < 0 && uint64(r.EntrySize) > word && r.Addr%word == 0 {
			addrs = append(addrs, r.Addr)
			now += uint64(r.EntrySize)
		}
	}
	slices.Sort(addrs)
	packed := relrSize(addrs, word)
	if now <= packed {
		return nil
	}
	return &Finding{Name: "relocations", Title: fmt.Sprintf("%d relative relocations, as RELR %d bytes", len(addrs), packed), Bytes: now - packed}
}

// relrSize is the bytes of the RELR encoding of sorted addresses.
func relrSize(addrs []uint64, word uint64) uint64 {
	words := uint64(0)
	for i := 0; i < len(addrs); {
		words++
		base := addrs[i] + word
		i++
		for {
			took := false
			for i < len(addrs) && addrs[i]-base < (word*8-1)*word && addrs[i] >= base {
				took = true
				i++
			}
			if !took {
				break
			}
			words++
			base += (word*8 - 1) * word
		}
	}
	return words * word
}

// identicalFunctions counts bodies of code that are equal but for where they
// stand: what identical code folding would merge.
func identicalFunctions(p *Program) *Finding {
	if p.Bodies == nil {
		return nil
	}
	type key struct{ hash, size uint64 }
	groups := map[key][]int32{}
	for i, h := range p.Bodies {
		if size := p.Atoms[i].Size(); h != 0 && size >= 8 {
			k := key{h, size}
			groups[k] = append(groups[k], int32(i))
		}
	}
	total := uint64(0)
	copies := 0
	var largest []ranked
	for k, atoms := range groups {
		if len(atoms) < 2 {
			continue
		}
		n := uint64(len(atoms)-1) * k.size
		total += n
		copies += len(atoms) - 1
		largest = append(largest, ranked{n, fmt.Sprintf("%d x %d bytes: %s", len(atoms), k.size, p.Name(atoms[0]))})
	}
	return &Finding{Name: "identical", Title: fmt.Sprintf("%d functions identical to another one", copies), Bytes: total, Items: top(largest)}
}

type ranked struct {
	bytes uint64
	text  string
}

func top(list []ranked) []string {
	slices.SortFunc(list, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.bytes, a.bytes), strings.Compare(a.text, b.text))
	})
	var out []string
	for i := 0; i < len(list) && i < 5; i++ {
		out = append(out, list[i].text)
	}
	return out
}

// copiesOfGenerics sums, over generics with at least four instances, all
// instances but the largest.
func copiesOfGenerics(p *Program) *Finding {
	type group struct {
		n       int
		sum, mx uint64
	}
	groups := map[string]*group{}
	for i := range p.Atoms {
		a := &p.Atoms[i]
		if a.Kind != Code || !p.names.parts[i].rust {
			continue
		}
		name := p.GenericName(int32(i))
		g := groups[name]
		if g == nil {
			g = &group{}
			groups[name] = g
		}
		g.n++
		g.sum += a.Size()
		g.mx = max(g.mx, a.Size())
	}
	total, count := uint64(0), 0
	var largest []ranked
	for name, g := range groups {
		if g.n >= 4 {
			total += g.sum - g.mx
			count += g.n - 1
			largest = append(largest, ranked{g.sum - g.mx, fmt.Sprintf("%d copies: %s", g.n, name)})
		}
	}
	return &Finding{Name: "generics", Title: fmt.Sprintf("%d further copies of generic functions", count), Bytes: total, Items: top(largest)}
}

func panicLocations(p *Program) *Finding {
	l := &p.locations
	if l.count == 0 {
		return nil
	}
	return &Finding{Name: "panic-locations", Title: fmt.Sprintf("%d panic locations, %d bytes, and their paths", l.count, l.bytes), Bytes: l.bytes + l.text + l.relocs}
}

// locations is what carving found of core::panic::Location.
type locations struct {
	count, bytes, text, relocs uint64
	list                       []location
	paths                      map[string]bool
}

// location is a place and the path that it names.
type location struct {
	where uint64
	path  string
}

// PanicLocation is a line that can panic: its address is what the code of that
// line hands to core::panicking.
type PanicLocation struct {
	Addr      uint64
	Path      string
	Line, Col uint32
}

// PanicLocations are all that the program holds.
func (p *Program) PanicLocations() (list []PanicLocation) {
	for _, l := range p.locations.list {
		if addr, ok := p.Space.PlaceToAddr(l.where); ok {
			b := p.File.Data[l.where : l.where+24]
			list = append(list, PanicLocation{addr, l.path, p.File.Order.Uint32(b[16:]), p.File.Order.Uint32(b[20:])})
		}
	}
	return list
}

// findLocations looks for Location{file: &str, line: u32, col: u32}: 24 bytes
// of which the first word points at a path that ends in ".rs".
func (c *collector) findLocations() {
	p, f := c.p, c.p.File
	if f.Bits != 64 {
		return
	}
	paths, texts := map[uint64]uint64{}, map[uint64]string{}
	p.locations.paths = map[string]bool{}
	for i := range c.pointers {
		x := &c.pointers[i]
		if x.target >= p.Space.File || x.where >= p.Space.File || x.where+24 > p.Space.File || x.code {
			continue
		}
		b := f.Data[x.where : x.where+24]
		n := f.Order.Uint64(b[8:])
		if n < 4 || n > 4096 || x.target+n > p.Space.File {
			continue
		}
		line, col := f.Order.Uint32(b[16:]), f.Order.Uint32(b[20:])
		if line == 0 || line > 1<<20 || col == 0 || col > 1<<12 || !bytes.HasSuffix(f.Data[x.target:x.target+n], []byte(".rs")) {
			continue
		}
		file := f.Data[x.target : x.target+n]
		if paths[x.target] < n {
			texts[x.target] = string(file)
		}
		p.locations.list = append(p.locations.list, location{x.where, texts[x.target]})
		p.locations.paths[texts[x.target]] = true
		p.locations.count++
		p.locations.bytes += 24
		p.locations.relocs += uint64(x.size)
		paths[x.target] = max(paths[x.target], n)
	}
	for _, n := range paths {
		p.locations.text += n
	}
}

// sourcePaths counts absolute paths of sources in constants: they tell where
// the program was built, and change its bytes from machine to machine.
func sourcePaths(p *Program) *Finding {
	total, count := uint64(0), 0
	var largest []ranked
	seen := map[string]bool{}
	p.eachText(func(b []byte) {
		for at := 0; ; {
			k := bytes.Index(b[at:], []byte(".rs"))
			if k < 0 {
				return
			}
			end := at + k + 3
			start := at + k
			for start > at && isPathByte(b[start-1]) {
				start--
			}
			at = end
			text := b[start:end]
			root := bytes.IndexByte(text, '/')
			if root < 0 {
				continue
			}
			// Literals stand behind each other without a border: an absolute
			// path begins at a root that builds use.
			for _, prefix := range [][]byte{[]byte("/rustc/"), []byte("/home/"), []byte("/root/"), []byte("/Users/"), []byte("/build/"), []byte("/tmp/"), []byte("/usr/"), []byte("/opt/"), []byte("/var/"), []byte("/work/"), []byte("/src/")} {
				if i := bytes.Index(text, prefix); i >= 0 {
					total += uint64(len(text) - i)
					count++
					if s := string(text[i:]); !seen[s] {
						seen[s] = true
						largest = append(largest, ranked{uint64(len(s)), s})
					}
					break
				}
			}
		}
	})
	return &Finding{Name: "paths", Title: fmt.Sprintf("%d absolute paths of sources", count), Bytes: total, Items: top(largest)}
}

func isPathByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '/' || c == '.' || c == '_' || c == '-' || c == '+' || c == '@'
}

// eachText visits loaded constants and text.
func (p *Program) eachText(visit func([]byte)) {
	for i := range p.sections.Starts {
		label := p.sections.Labels[i]
		if label < 0 || !p.File.Sections[label].Alloc {
			continue
		}
		if k := p.sectionKind(label); k == ReadOnly || k == String {
			if start, end := p.sections.Starts[i], min(p.sections.End(i), p.Space.File); start < end {
				visit(p.File.Data[start:end])
			}
		}
	}
}

// duplicateStrings counts text that is there more than once.
func duplicateStrings(p *Program) *Finding {
	var h maphash.Hash
	seen := map[uint64]int{}
	total, copies := uint64(0), 0
	var largest []ranked
	for i := range p.Atoms {
		a := &p.Atoms[i]
		if a.Kind != String || a.End > p.Space.File || a.Size() < 8 {
			continue
		}
		text := p.File.Data[a.Start:a.End]
		h.Reset()
		h.Write(text)
		k := h.Sum64()
		if seen[k]++; seen[k] > 1 {
			total += a.Size()
			copies++
			largest = append(largest, ranked{a.Size(), excerpt(text)})
		}
	}
	return &Finding{Name: "duplicate-strings", Title: fmt.Sprintf("%d texts that are there already", copies), Bytes: total, Items: top(largest)}
}

// excerpt is the start of a text on one line.
func excerpt(b []byte) string {
	s := strings.ToValidUTF8(string(b[:min(len(b), 60)]), "")
	s = strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, s)
	if len(b) > 60 {
		s += "…"
	}
	return s
}

// duplicateCrates: v0 names tell two versions of one crate apart by their
// disambiguators. What is counted is the code of all but the largest.
func duplicateCrates(p *Program) *Finding {
	type version struct{ crate, hash string }
	sizes := map[version]uint64{}
	var parser demangle.Parser
	for i := range p.Atoms {
		a := &p.Atoms[i]
		if a.Kind != Code || a.Symbol < 0 {
			continue
		}
		raw := p.Symbols[a.Symbol].Name
		if !strings.HasPrefix(raw, "_R") {
			continue
		}
		n := parser.Parse(raw)
		if n.CrateHash != "" && n.Crate != "" {
			sizes[version{strings.Clone(n.Crate), strings.Clone(n.CrateHash)}] += a.Size()
		}
	}
	byCrate := map[string][]uint64{}
	for v, size := range sizes {
		byCrate[v.crate] = append(byCrate[v.crate], size)
	}
	total, count := uint64(0), 0
	var largest []ranked
	for crate, list := range byCrate {
		if len(list) < 2 {
			continue
		}
		slices.Sort(list)
		n := uint64(0)
		for _, size := range list[:len(list)-1] {
			n += size
		}
		total += n
		count++
		largest = append(largest, ranked{n, fmt.Sprintf("%d versions of %s", len(list), crate)})
	}
	return &Finding{Name: "duplicate-crates", Title: fmt.Sprintf("%d crates in several versions", count), Bytes: total, Items: top(largest)}
}
