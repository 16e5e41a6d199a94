package objfile

// Mach-O symbols (mach-o/nlist.h), the exports trie, and function starts.

import (
	"slices"

	"github.com/minsize/minsize/internal/byteio"
)

const (
	nStab = 0xe0
	nType = 0x0e
	nPext = 0x10
	nExt  = 0x01
	nSect = 0x0e

	nWeakRef = 0x40
	nWeakDef = 0x80
)

func (m *MachOFile) machoSymbols() ([]Symbol, error) {
	symbols, err := m.nlist()
	exports, exportErr := m.Exports()
	if err == nil {
		err = exportErr
	}
	if len(exports) == 0 {
		return symbols, err
	}
	have := map[string]bool{}
	for i := range symbols {
		if symbols[i].Bind != BindLocal && !symbols[i].Undefined {
			have[symbols[i].Name] = true
		}
	}
	for _, s := range exports {
		if !have[s.Name] {
			symbols = append(symbols, s)
		}
	}
	return symbols, err
}

// nlist reads the symbol table. Sizes are not in the format.
func (m *MachOFile) nlist() ([]Symbol, error) {
	table, r := m.Piece("symbol table")
	if table == nil {
		return nil, nil
	}
	text, _ := m.Piece("string table")
	names := newStringTable(text)
	d, size := m.d, m.nlistSize()
	symbols := make([]Symbol, 0, uint64(len(table))/size)
	var bad error
	for i := uint64(0); (i+1)*size <= uint64(len(table)); i++ {
		b := table[i*size:]
		strx, typ, sect, desc := d.u32(b), b[4], int(b[5]), d.u16(b[6:])
		s := Symbol{Addr: d.word(b[8:]), Index: int(i), Section: -1}
		if strx != 0 {
			var ok bool
			if s.Name, ok = names.at(uint64(strx)); !ok && bad == nil {
				bad = byteio.Errorf(r.Offset+i*size, "n_strx", "symbol %d: no string at %#x of %#x", i, strx, len(text))
			}
		}
		if typ&nExt != 0 {
			s.Bind = BindGlobal
			if desc&nWeakDef != 0 && typ&nType == nSect || desc&nWeakRef != 0 && typ&nType == 0 {
				s.Bind = BindWeak
			}
		}
		s.Hidden = typ&nPext != 0
		switch {
		case typ&nStab != 0: // debugging entries: N_SO, N_OSO, N_FUN, ...
			s.Kind, s.Bind = SymFile, BindLocal
		case typ&nType == 0:
			s.Undefined = s.Addr == 0
			if !s.Undefined { // a common symbol: its size stands for its address
				s.Size, s.Addr, s.Kind = s.Addr, 0, SymData
			}
		case typ&nType == nSect && sect >= 1 && sect <= len(m.Sections):
			s.Section = sect - 1
			in := &m.file.Sections[s.Section]
			switch {
			case in.Exec:
				s.Kind = SymFunc
			case in.TLS:
				s.Kind = SymTLS
			default:
				s.Kind = SymData
			}
			if m.Filetype == MH_OBJECT {
				s.Addr -= in.Addr
			}
		case typ&nType == nSect && bad == nil:
			bad = byteio.Errorf(r.Offset+i*size+5, "n_sect", "symbol %d (%s): section %d of %d", i, s.Name, sect, len(m.Sections))
		}
		symbols = append(symbols, s)
	}
	return symbols, bad
}

// trieBudget bounds the exports trie, whose child offsets may form loops.
const trieBudget = 4 << 20

// Exports walks the exports trie (mach-o/loader.h, EXPORT_SYMBOL_FLAGS_*).
func (m *MachOFile) Exports() ([]Symbol, error) {
	trie, r := m.Piece("exports trie")
	if trie == nil {
		return nil, nil
	}
	v := byteio.View{Data: trie, Base: r.Offset}
	var symbols []Symbol
	visited := map[uint64]bool{}
	budget := trieBudget
	var walk func(at uint64, prefix []byte, depth int) error
	walk = func(at uint64, prefix []byte, depth int) error {
		if visited[at] || depth > 2000 {
			return byteio.Errorf(r.Offset+at, "exports trie", "a node is reached twice")
		}
		visited[at] = true
		size, at, err := v.Uleb128(at, "terminal size")
		if err != nil {
			return err
		}
		children, ok := byteio.Add(at, size)
		if !ok || children >= uint64(len(trie)) {
			return byteio.Errorf(r.Offset+at, "exports trie", "terminal of %d bytes runs past the end", size)
		}
		if size > 0 {
			flags, next, err := v.Uleb128(at, "export flags")
			if err != nil {
				return err
			}
			s := Symbol{Name: string(prefix), Index: len(symbols), Section: -1, Bind: BindGlobal, Dynamic: true}
			if flags&8 == 0 { // no re-export
				value, _, err := v.Uleb128(next, "export address")
				if err != nil {
					return err
				}
				s.Addr = value
				if flags&3 != 2 { // not absolute
					s.Addr += m.file.ImageBase
				}
				if i := m.sectionAt(s.Addr); i >= 0 {
					s.Section, s.Kind = i, SymData
					if m.file.Sections[i].Exec {
						s.Kind = SymFunc
					}
				}
			} else {
				s.Kind, s.Version = SymOther, "-> another library"
			}
			symbols = append(symbols, s)
		}
		at = children
		count := trie[at]
		at++
		for range count {
			end := slices.Index(trie[min(at, uint64(len(trie))):], 0)
			if end < 0 {
				return byteio.Errorf(r.Offset+at, "exports trie", "an edge without its NUL")
			}
			edge := trie[at : at+uint64(end)]
			child, next, err := v.Uleb128(at+uint64(end)+1, "child offset")
			if err != nil {
				return err
			}
			at = next
			if budget -= len(edge) + len(prefix) + 1; budget < 0 {
				return byteio.Errorf(r.Offset+at, "exports trie", "more than %d bytes of names", trieBudget)
			}
			if err := walk(child, append(prefix[:len(prefix):len(prefix)], edge...), depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	err := walk(0, nil, 0)
	return symbols, err
}

func (m *MachOFile) sectionAt(addr uint64) int {
	for i := range m.Sections {
		if s := &m.Sections[i]; addr >= s.Addr && addr-s.Addr < s.Size {
			return i
		}
	}
	return -1
}

// FunctionStarts returns the addresses of LC_FUNCTION_STARTS, ascending:
// deltas as ULEB128 from the start of __TEXT.
func (m *MachOFile) FunctionStarts() []uint64 {
	table, r := m.Piece("function starts")
	v := byteio.View{Data: table}
	if r != nil {
		v.Base = r.Offset
	}
	addr := m.file.ImageBase
	var starts []uint64
	for at := uint64(0); at < uint64(len(table)); {
		delta, next, err := v.Uleb128(at, "function start")
		if err != nil || delta == 0 {
			break
		}
		addr += delta
		starts = append(starts, addr)
		at = next
	}
	return starts
}
