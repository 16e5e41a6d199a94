// Package attrib says who owns each byte of an object file.
//
// What is hard: a program is a file of several hundred thousand things that
// point at each other, and the tables that name them were made for linkers and
// debuggers, not for accounting. Each names some bytes, none names all, and
// they overlap. The order of the work, strong to weak:
//
//	space     the places: file offsets and memory on one line      space.go
//	sections  what the format itself says: headers, sections       sections.go
//	symbols   bodies that the symbol table sizes                    collect.go
//	unwind    functions that only .eh_frame or .pdata knows         unwind.go
//	references decode the code once: what it calls and points at    references.go
//	carve     cut unnamed data wherever something points            carve.go
//	charge    unwind, relocation and symbol entries to their owner  charge.go
//
// From there on the Program is frozen, and every view (view.go) is a function
// from its pieces to labels; tree.go adds the sizes up and refuses to answer
// when they do not sum to the file.
//
// Chosen: indices into sorted arrays everywhere. Names stay in the file's
// string table until somebody prints them.
// Rejected: a map from label to size that each source fills (it cannot tell a
// byte counted twice), and relinking with --emit-relocs (the machine code says
// the same, and is there in a stripped file as well).
package attrib

import (
	"fmt"
	"sync"

	"github.com/minsize/minsize/internal/dwarf"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/pdb"
	"github.com/minsize/minsize/internal/rangemap"
)

// Options of New.
type Options struct {
	// LayoutOnly stops behind the sections: headers are read, nothing else.
	LayoutOnly bool
	// References keeps every reference found, for the graph.
	References bool
	// Bodies keeps a hash of each function's code, for finding twins.
	Bodies bool
	// Names takes names apart while the rest is still going on: most views ask
	// for them anyway.
	Names bool
	// NoDecode leaves machine code undecoded: unnamed data stays in its section.
	NoDecode bool
	// Debug reads debug information, for the views that need it.
	Debug bool
	// Forget is told which bytes of the file are not needed soon, so that a
	// mapped file need not stay in memory whole; nil for nothing.
	Forget func(part []byte)
	// Database is the program database (PDB) of a Windows program.
	Database *pdb.File
	// Companion is a separate debug file: its symbols and debug information
	// count, in the addresses of this file.
	Companion *objfile.File
	// Split finds the .dwo files and packages of split units; nil looks for
	// none. It stays open as long as the Program is used.
	Split *dwarf.SplitFinder

	// Folders are the versions of a cargo project's packages by their folders:
	// what tells two crates of one name apart that no registry has.
	Folders map[string]string
}

// Atom is the smallest thing that has an owner: a function, a named datum, a
// carved one, or an import (which has costs but no body).
type Atom struct {
	Start, End uint64 // places of the body, padding excluded; equal for imports
	Addr       uint64 // virtual address; relocatable objects: offset in Section
	Symbol     int32  // index into Program.Symbols of its best name, -1 without
	Section    int32  // index into File.Sections, -1 without
	Referrer   int32  // of anonymous data: the lowest atom that refers to it, -1
	Text       int32  // index into Program.Texts: a name that no symbol has, -1
	Kind       Kind
	Flags      Flags
}

// Flags of an Atom.
type Flags uint16

const (
	Import    Flags = 1 << iota // lives in another file
	Exported                    // other files may refer to it
	Carved                      // cut out by references; its name is derived
	FromTable                   // known from an unwind or runtime table, not from a symbol
	Many                        // carved data that atoms of several owners refer to
	Alias                       // several symbols name this body
	Private                     // its symbol is a compiler's number: it is named like carved data
	Inferred                    // code that no table names, cut where something refers to it
	Skipped                     // its code holds bytes that are no instruction that we know
)

// Anonymous says whether no table names the atom.
func (a *Atom) Anonymous() bool { return a.Symbol < 0 && a.Text < 0 }

// Size is the body's bytes.
func (a *Atom) Size() uint64 { return a.End - a.Start }

// Program is one object file with an owner for every byte. Frozen after New.
type Program struct {
	File    *objfile.File
	Space   *Space
	Symbols []objfile.Symbol
	Atoms   []Atom // sorted by Start, bodies disjoint; imports last
	Texts   []string
	Refs    []Ref    // with Options.References: sorted by From, To
	Bodies  []uint64 // with Options.Bodies: hash of the code by atom, 0 without

	Decoded  uint64 // bytes of code that were decoded
	Unknown  uint64 // of them, bytes that are no instruction that we know
	Warnings []string
	warning  sync.Mutex

	sections     *rangemap.Map // labels: section index, or ^index into extras
	sectionKinds []Kind
	extras       []extra
	pieces       *rangemap.Map // labels: pieceLabel
	aliases      []alias       // sorted by atom: further symbols of the same body
	names        nameTable
	vtables      []vtable // sorted by atom
	goProgram    bool
	locations    locations
	copies       copyTable
	folders      map[string]string
	debug        *debugInfo
}

type alias struct{ atom, symbol int32 }

// pieceLabel packs a piece's owner and kind: atoms count from 0; -1 is nobody.
func pieceLabel(atom int32, k Kind) int32 { return (atom+1)<<5 | int32(k) }

func pieceAtom(label int32) int32 { return label>>5 - 1 }
func pieceKind(label int32) Kind  { return Kind(label & 31) }

// maxAtoms is what pieceLabel can count.
const maxAtoms = 1<<26 - 2

// New attributes f. Broken symbol, unwind or relocation tables of an otherwise
// readable file are left out and said in Warnings: the sections that hold them
// still own their bytes.
func New(f *objfile.File, o Options) (*Program, error) {
	f, err := objfile.WithSections(f, deriveSections)
	if err != nil {
		return nil, fmt.Errorf("attribution: %w", err)
	}
	p := &Program{File: f, Space: newSpace(f), folders: o.Folders}
	p.layout()
	if o.LayoutOnly {
		b := rangemap.NewBuilder(p.Space.Total)
		p.pieces = p.finishPieces(b)
		return p, nil
	}
	c := &collector{p: p, o: o}
	if err := c.run(); err != nil {
		return nil, fmt.Errorf("attribution: %w", err)
	}
	return p, nil
}

// warn notes what was left out; each text once.
func (p *Program) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	p.warning.Lock()
	defer p.warning.Unlock()
	for _, w := range p.Warnings {
		if w == text {
			return
		}
	}
	p.Warnings = append(p.Warnings, text)
}

// AtomAt returns the index of the atom whose body holds place, -1 for none.
func (p *Program) AtomAt(place uint64) int32 {
	lo, hi := 0, len(p.Atoms)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if p.Atoms[mid].Start > place {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	for i := lo - 1; i >= 0; i-- {
		a := &p.Atoms[i]
		if place < a.End {
			return int32(i)
		}
		if a.Start < a.End {
			break
		}
	}
	return -1
}

// AtomAtAddr is AtomAt for a virtual address.
func (p *Program) AtomAtAddr(addr uint64) int32 {
	if place, ok := p.Space.AddrToPlace(addr); ok {
		return p.AtomAt(place)
	}
	return -1
}

// SectionName is the name of the section, or of the part of the format, that
// holds place.
func (p *Program) SectionName(place uint64) string {
	return p.sectionLabelName(p.sections.At(place, -1))
}

// SectionKind is what the bytes of a section are when nobody owns them.
func (p *Program) SectionKind(section int) Kind { return p.sectionKinds[section] }

// Piece is a run of bytes of one owner and one kind.
type Piece struct {
	Start, End uint64 // places
	Atom       int32  // -1: nobody's
	Kind       Kind
	Section    int32 // index into File.Sections, -1 for none
}

// Pieces visits the partition of all places in order.
func (p *Program) Pieces(visit func(Piece)) {
	_ = rangemap.Walk([]*rangemap.Map{p.pieces, p.sections}, func(start, end uint64, labels []int32) {
		visit(Piece{start, end, pieceAtom(labels[0]), pieceKind(labels[0]), max(labels[1], -1)})
	})
}

// Cost is what one atom costs, in bytes, by what for. Memory counts what is
// loaded; the others count bytes of the file, Body those of a zero-filled
// datum as none.
type Cost struct {
	File, Memory                                                    uint64
	Body, Unwind, Exception, Relocations, Symbols, Linkage, Padding uint64
}

// Costs returns the cost of every atom, and of the bytes that nobody owns as
// one more at the end. Their File sums equal the file's size.
func (p *Program) Costs() []Cost {
	costs := make([]Cost, len(p.Atoms)+1)
	_ = rangemap.Walk([]*rangemap.Map{p.pieces, p.Space.loaded}, func(start, end uint64, labels []int32) {
		atom := pieceAtom(labels[0])
		if atom < 0 {
			atom = int32(len(p.Atoms))
		}
		c := &costs[atom]
		if labels[1] == 1 {
			c.Memory += end - start
		}
		n := p.Space.FileBytes(start, end)
		c.File += n
		switch pieceKind(labels[0]) {
		case Unwind:
			c.Unwind += n
		case Exception:
			c.Exception += n
		case Reloc:
			c.Relocations += n
		case SymbolTab:
			c.Symbols += n
		case Linkage:
			c.Linkage += n
		case Padding:
			c.Padding += n
		default:
			c.Body += n
		}
	})
	return costs
}
