package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/machine"
	"github.com/minsize/minsize/internal/machinecode"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/refgraph"
)

// edge is a reference between two addresses where atoms start.
type edge struct{ from, to int32 }

// program is a file with its graph.
type program struct {
	file *objfile.File
	p    *attrib.Program
	g    *refgraph.Graph
	refs []attrib.Ref
}

func load(path string, o attrib.Options, hideRelocs bool) (*program, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if hideRelocs {
		if err := hideStaticRelocs(data); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	f, err := objfile.Parse(path, data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p, err := attrib.New(f, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	x := &program{file: f, p: p, refs: p.Refs}
	if o.References {
		x.g = refgraph.FromProgram(p)
	}
	return x, nil
}

// hideStaticRelocs makes sections of kept relocations look like data that
// nobody loads, so that the graph cannot see the answer.
func hideStaticRelocs(data []byte) error {
	f, err := objfile.Parse("", slices.Clone(data))
	if err != nil {
		return err
	}
	if f.ELF == nil || f.Bits != 64 {
		return fmt.Errorf("expected a 64-bit ELF file")
	}
	for i, h := range f.ELF.Shdrs {
		if h.Type == objfile.SHT_RELA && h.Flags&objfile.SHF_ALLOC == 0 {
			f.Order.PutUint32(data[f.ELF.Ehdr.Shoff+uint64(i)*64+4:], objfile.SHT_PROGBITS)
		}
	}
	return nil
}

// truth reads the edges that --emit-relocs kept: every static relocation of
// an allocated section is one reference, from the atom that holds the place to
// the atom of symbol plus addend. Atoms are those of plain, the same file with
// its static relocations hidden.
func truth(plain, relocs *program) (map[edge]bool, error) {
	ends := instructionEnds(plain)
	edges := map[edge]bool{}
	reference := x86Reference
	if relocs.file.CPU == machine.AArch64 {
		reference = aarch64Reference
	}
	for r, err := range relocs.file.EachReloc() {
		if err != nil {
			return nil, err
		}
		if r.Section < 0 || !relocs.file.Sections[r.Section].Alloc {
			continue
		}
		s := relocs.file.RelocSymbol(r)
		if s == nil || s.Kind == objfile.SymTLS || s.Name == "__tls_get_addr" {
			continue // thread-local accesses, whose calls the linker has replaced in executables
		}
		pcRelative, ok := reference(r.Type)
		if !ok {
			continue
		}
		from := plain.p.AtomAtAddr(r.Addr)
		if from < 0 {
			continue
		}
		to := int32(-1)
		if s.Undefined {
			to = importAtom(plain.p, s.Name)
		} else {
			target := s.Addr + uint64(r.Addend)
			if pcRelative {
				if end, known := ends.after(r.Addr); known && relocs.file.Sections[r.Section].Exec {
					target += end - r.Addr // the field counts from the end of its instruction
				} else if relocs.file.Sections[r.Section].Exec {
					target += 4
				} else {
					// A table of offsets from its own start, where its atom starts.
					target -= r.Addr - plain.p.Atoms[from].Addr
				}
			}
			to = plain.p.AtomAtAddr(target)
		}
		if to >= 0 && to != from {
			edges[edge{from, to}] = true
		}
	}
	return edges, nil
}

// x86Reference says which relocations are references to an address, and which
// of them are relative (System V psABI for x86-64, table 4.10).
func x86Reference(t uint32) (pcRelative, ok bool) {
	switch t {
	case 1, 10, 11: // 64, 32, 32S
		return false, true
	case 2, 4, 9, 41, 42: // PC32, PLT32, GOTPCREL, GOTPCRELX, REX_GOTPCRELX
		return true, true
	case 24: // PC64
		return true, true
	}
	return false, false
}

// aarch64Reference is x86Reference for AArch64 (ELF for the Arm 64-bit
// Architecture, section 5.7): fields count from their own instruction, so
// symbol plus addend is the target, but in tables of offsets.
func aarch64Reference(t uint32) (pcRelative, ok bool) {
	switch t {
	case 257, 258, // ABS64, ABS32
		274, 275, 277, 278, 284, 285, 286, 299, // ADR_PREL_LO21, ADR_PREL_PG_HI21, ADD and LDST *_LO12
		279, 280, 282, 283, // TSTBR14, CONDBR19, JUMP26, CALL26
		311, 312: // ADR_GOT_PAGE, LD64_GOT_LO12
		return false, true
	case 261: // PREL32
		return true, true
	}
	return false, false
}

func importAtom(p *attrib.Program, name string) int32 {
	name, _, _ = strings.Cut(name, "@") // static tables have the version in the name
	for i := range p.Atoms {
		if a := &p.Atoms[i]; a.Flags&attrib.Import != 0 && a.Symbol >= 0 && p.Symbols[a.Symbol].Name == name {
			return int32(i)
		}
	}
	return -1
}

// ends are the ends of all instructions that refer to something.
type ends struct{ starts, ends []uint64 }

func (e ends) after(addr uint64) (uint64, bool) {
	i, found := slices.BinarySearch(e.starts, addr)
	if !found {
		i--
	}
	if i >= 0 && addr < e.ends[i] {
		return e.ends[i], true
	}
	return 0, false
}

func instructionEnds(x *program) ends {
	var out ends
	var refs []machinecode.Ref
	for i := range x.p.Atoms {
		a := &x.p.Atoms[i]
		if a.Kind != attrib.Code || a.End > x.p.Space.File || a.Start == a.End {
			continue
		}
		rq := machinecode.Request{Code: x.file.Data[a.Start:a.End], Addr: a.Addr, Inside: true}
		refs, _ = x.file.CPU.Decode(&rq, refs[:0])
		for _, r := range refs {
			out.starts = append(out.starts, a.Addr+uint64(r.Offset))
			out.ends = append(out.ends, a.Addr+uint64(r.Offset)+uint64(r.Length))
		}
	}
	return out
}

// edgeReport compares found edges with the truth.
type edgeReport struct {
	truth, found, missed, extra int
	missedList, extraList       []edge
}

func compareEdges(x *program, truth map[edge]bool) edgeReport {
	var r edgeReport
	r.truth = len(truth)
	found := map[edge]bool{}
	for _, ref := range x.refs {
		if ref.From >= 0 {
			found[edge{ref.From, ref.To}] = true
		}
	}
	r.found = len(found)
	for e := range truth {
		if !found[e] {
			r.missed++
			r.missedList = append(r.missedList, e)
		}
	}
	for e := range found {
		if !truth[e] {
			r.extra++
			r.extraList = append(r.extraList, e)
		}
	}
	order := func(a, b edge) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) }
	slices.SortFunc(r.missedList, order)
	slices.SortFunc(r.extraList, order)
	return r
}
