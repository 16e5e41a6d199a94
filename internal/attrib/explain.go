package attrib

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/arch/arm64/arm64asm"
	"golang.org/x/arch/x86/x86asm"

	"github.com/minsize/minsize/internal/machine"
	"github.com/minsize/minsize/internal/machinecode"
)

// Explanation says why one byte has its label.
type Explanation struct {
	Offset   uint64   `json:"offset"` // in the file; only with InFile
	InFile   bool     `json:"in_file"`
	Addr     uint64   `json:"address"` // only with Loaded
	Loaded   bool     `json:"loaded"`
	Section  string   `json:"section"`
	Segment  string   `json:"segment,omitempty"`
	Kind     string   `json:"kind"`
	Owner    string   `json:"owner"`
	Raw      string   `json:"raw_name,omitempty"`
	Crate    string   `json:"crate,omitempty"`
	Module   string   `json:"module,omitempty"`
	Unit     string   `json:"compile_unit,omitempty"`
	Line     string   `json:"line,omitempty"`
	Aliases  []string `json:"aliases,omitempty"`
	Start    uint64   `json:"piece_offset"` // of the run of bytes with this label
	Bytes    uint64   `json:"piece_bytes"`
	Why      []string `json:"why"`
	Referrer []string `json:"referrers,omitempty"` // the chain to the first atom with a name
	Cost     *Cost    `json:"cost,omitempty"`      // of the owner
}

// Explain answers for an address, or for an offset in the file.
func (p *Program) Explain(n uint64, isOffset bool) (*Explanation, error) {
	place := n
	if !isOffset {
		var ok bool
		if place, ok = p.Space.AddrToPlace(n); !ok {
			return nil, fmt.Errorf("nothing is loaded at %#x", n)
		}
	} else if n >= p.Space.File {
		return nil, fmt.Errorf("offset %#x is beyond the file's %#x bytes", n, p.Space.File)
	}
	i := p.pieces.Find(place)
	label := p.pieces.Labels[i]
	atom := pieceAtom(label)
	x := &Explanation{InFile: place < p.Space.File, Section: p.SectionName(place), Kind: pieceKind(label).String(), Start: p.pieces.Starts[i], Bytes: p.pieces.End(i) - p.pieces.Starts[i]}
	if x.InFile {
		x.Offset = place
	}
	if addr, ok := p.Space.PlaceToAddr(place); ok {
		x.Addr, x.Loaded = addr, true
		if k := p.File.SegmentAt(addr); k >= 0 {
			x.Segment = p.File.Segments[k].Name
		}
	}
	if atom < 0 {
		x.Owner = p.unowned(p.sections.At(place, -1))
		x.Why = []string{"no symbol, unwind entry, relocation or reference leads here: the bytes stay their section's"}
		return x, nil
	}
	x.Owner, x.Raw = p.Name(atom), p.rawSymbol(atom)
	x.Crate, x.Module = p.Crate(atom, ByGeneric), p.Module(atom)
	for _, s := range p.Aliases(atom) {
		x.Aliases = append(x.Aliases, p.Symbols[s].Name)
	}
	x.Why = p.why(atom, pieceKind(label), place)
	for at := p.Atoms[atom].Referrer; at >= 0 && len(x.Referrer) < 16; at = p.Atoms[at].Referrer {
		x.Referrer = append(x.Referrer, p.Name(at))
		if !p.Atoms[at].Anonymous() {
			break
		}
	}
	x.Unit, x.Line = p.debugAt(place)
	cost := p.Costs()[atom]
	x.Cost = &cost
	return x, nil
}

// rawSymbol is the name in the file, "" without one.
func (p *Program) rawSymbol(atom int32) string {
	if s := p.Atoms[atom].Symbol; s >= 0 {
		return p.Symbols[s].Name
	}
	return p.mangled(atom)
}

func (p *Program) why(atom int32, k Kind, place uint64) []string {
	a := &p.Atoms[atom]
	var why []string
	if place >= a.Start && place < a.End {
		switch {
		case a.Symbol >= 0:
			s := &p.Symbols[a.Symbol]
			table := "the symbol table"
			if s.Dynamic {
				table = "the dynamic symbol table"
			}
			if s.Size > 0 {
				why = append(why, fmt.Sprintf("%s says that %s has %d bytes at %#x", table, s.Name, s.Size, s.Addr))
			} else {
				why = append(why, fmt.Sprintf("%s says that %s begins at %#x; it has no size, so it ends where the next one begins", table, s.Name, s.Addr))
			}
		case a.Text >= 0:
			why = append(why, "Go's pclntab names this function")
		case a.Flags&Carved != 0:
			why = append(why, fmt.Sprintf("no symbol: the datum begins at %#x because something points there, and ends where the next reference points", a.Addr))
			if a.Flags&Many != 0 {
				why = append(why, "several atoms refer to it: it is charged to the first of them")
			}
		default:
			why = append(why, "no symbol: a frame description or a function table gives this extent")
		}
		return why
	}
	reason := map[Kind]string{
		Unwind:    "its frame description",
		Exception: "its landing pads",
		Reloc:     "a relocation of a word in it, or of its slot",
		SymbolTab: "its symbol, name or version",
		Linkage:   "its GOT slot or PLT stub",
		Runtime:   "its entry in the runtime's function table",
		Padding:   "filler behind it",
	}[k]
	if reason == "" {
		reason = k.String()
	}
	return append(why, "not its body: "+reason)
}

// FindCode finds functions by name: exact ones (display, raw name, alias, or
// 0x address), and those of which the name contains text.
func (p *Program) FindCode(text string) (exact, parts []int32) {
	p.names.demangleAll()
	for i := range p.Atoms {
		a := &p.Atoms[i]
		if a.Kind != Code || a.Start == a.End {
			continue
		}
		name := p.Name(int32(i))
		switch {
		case name == text || p.mangled(int32(i)) == text || fmt.Sprintf("%#x", a.Addr) == text:
			exact = append(exact, int32(i))
		case strings.Contains(name, text):
			parts = append(parts, int32(i))
		}
	}
	for _, x := range p.aliases {
		if p.Symbols[x.symbol].Name == text && !slices.Contains(exact, x.atom) {
			exact = append(exact, x.atom)
		}
	}
	return exact, parts
}

// Instruction is one line of a disassembly.
type Instruction struct {
	Addr  uint64
	Bytes []byte
	Text  string // in GNU syntax; "(bad)" for what no decoder knows
	Note  string // what it refers to
}

// Disassemble lists the machine code of a function. Lengths come from our own
// decoder, words from golang.org/x/arch; where that library gets the length
// wrong, the text says so instead of lying.
func (p *Program) Disassemble(atom int32) ([]Instruction, error) {
	a, f := &p.Atoms[atom], p.File
	if a.End > p.Space.File || a.Kind != Code {
		return nil, fmt.Errorf("%s is no code in the file", p.Name(atom))
	}
	disassemble := disassemblers[f.CPU]
	if disassemble == nil {
		return nil, fmt.Errorf("no disassembler for %s: x86_64 and aarch64 only", f.Arch)
	}
	code := f.Data[a.Start:a.End]
	refs, _ := f.CPU.Decode(&machinecode.Request{Code: code, Addr: a.Addr, Inside: true}, nil)
	slices.SortStableFunc(refs, func(a, b machinecode.Ref) int { return cmp.Compare(a.Offset, b.Offset) })
	lookup := func(addr uint64) (string, uint64) {
		if to := p.AtomAtAddr(addr); to >= 0 {
			return p.Name(to), p.Atoms[to].Addr
		}
		return "", 0
	}
	var out []Instruction
	next := 0
	for at := 0; at < len(code); {
		n, text := disassemble(code[at:], a.Addr+uint64(at), lookup)
		ins := Instruction{Addr: a.Addr + uint64(at), Bytes: code[at : at+n], Text: text}
		for next < len(refs) && int(refs[next].Offset) < at+n {
			r := &refs[next]
			next++
			if r.Target >= a.Addr && r.Target < a.Addr+uint64(len(code)) {
				continue
			}
			if name, base := lookup(r.Target); name != "" {
				ins.Note = name
				if r.Target != base {
					ins.Note += fmt.Sprintf("+%#x", r.Target-base)
				}
			} else if place, ok := p.Space.AddrToPlace(r.Target); ok {
				ins.Note = p.ownerAt(place)
			}
		}
		out = append(out, ins)
		at += n
	}
	return out, nil
}

// ownerAt names whoever owns the byte at place: a slot or stub has no atom of
// its own.
func (p *Program) ownerAt(place uint64) string {
	if atom := pieceAtom(p.pieces.At(place, 0)); atom >= 0 {
		return p.Name(atom)
	}
	return p.SectionName(place)
}

// disassemblers put the instruction at the start of code, which stands at pc,
// into words, and say how long it is.
var disassemblers = map[*machine.Machine]func(code []byte, pc uint64, lookup func(uint64) (string, uint64)) (int, string){
	machine.X86_64: func(code []byte, pc uint64, lookup func(uint64) (string, uint64)) (int, string) {
		n := instructionLength(code, pc)
		if n == 0 {
			return 1, "(bad)"
		}
		if text := knownBytes[hex.EncodeToString(code[:n])]; text != "" {
			return n, text
		}
		ins, err := x86asm.Decode(code[:n], 64)
		if err != nil || ins.Op == 0 || ins.Len != n {
			return n, "(no words for " + hex.EncodeToString(code[:n]) + ")"
		}
		return n, x86asm.GNUSyntax(ins, pc, lookup)
	},
	machine.AArch64: func(code []byte, _ uint64, _ func(uint64) (string, uint64)) (int, string) {
		if len(code) < 4 {
			return len(code), "(bad)"
		}
		ins, err := arm64asm.Decode(code[:4])
		if err != nil {
			return 4, "(bad)"
		}
		return 4, arm64asm.GNUSyntax(ins)
	},
}

// knownBytes are what x86asm gets wrong and every program has.
var knownBytes = map[string]string{
	"f30f1efa": "endbr64", "f30f1efb": "endbr32", "c5f877": "vzeroupper", "c5fc77": "vzeroall",
}

// instructionLength asks the decoder for the shortest prefix that is one
// whole instruction; 0 when none is.
func instructionLength(code []byte, pc uint64) int {
	for n := 1; n <= min(15, len(code)); n++ {
		_, stats := machinecode.X86_64(&machinecode.Request{Code: code[:n], Addr: pc}, nil)
		if stats.Instructions == 1 && stats.Skipped == 0 {
			return n
		}
	}
	return 0
}
