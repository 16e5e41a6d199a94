package strip

// The oracle for files whose relocations apply themselves (relocate.Pack): both
// files are loaded and relocated at two addresses, as a loader would and as the
// code of package relr would by the table that it names, and every byte of
// memory is compared. It reads the files by itself and knows nothing of the
// layout that was chosen.

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/minsize/minsize/internal/relr"
)

// Tags of the dynamic section.
const (
	dtNull, dtRela, dtRelasz = 0, 7, 8
	dtRelacount              = 0x6ffffff9

	ptPhdr = 6
)

// relocatesItself says whether the file has the code that answers.
func (f *elfFile) relocatesItself() bool {
	if !f.is64 || f.order != binary.LittleEndian || f.head.Type != etDyn {
		return false
	}
	m, err := loadELF(f)
	if err != nil {
		return false
	}
	_, found := m.stub()
	return found
}

// memory is a file as a loader maps it.
type memory struct {
	f         *elfFile
	loads     []loadedSegment // by address
	dynamic   []dynEntry
	rela      []byte
	relaAt    uint64 // its address
	relacount uint64
}

type loadedSegment struct {
	elfSegment
	bytes []byte // of the file, and what relocating adds; zeros follow up to Memsz
	own   bool   // bytes is no longer the file's
}

type dynEntry struct{ tag, value uint64 }

func loadELF(f *elfFile) (*memory, error) {
	m := &memory{f: f}
	for _, s := range f.segments {
		if s.Type == ptLoad {
			l := loadedSegment{elfSegment: s}
			if s.Filesz > 0 {
				l.bytes = f.data[s.Offset:s.end():s.end()]
			}
			m.loads = append(m.loads, l)
		}
	}
	for _, s := range f.segments {
		if s.Type != ptDynamic {
			continue
		}
		table, ok := m.read(s.Vaddr, s.Filesz)
		if !ok {
			return nil, fmt.Errorf("the dynamic section is not loaded")
		}
		for ; len(table) >= 16; table = table[16:] {
			d := dynEntry{f.order.Uint64(table), f.order.Uint64(table[8:])}
			if d.tag == dtNull {
				break
			}
			m.dynamic = append(m.dynamic, d)
		}
	}
	var size uint64
	for _, d := range m.dynamic {
		switch d.tag {
		case dtRela:
			m.relaAt = d.value
		case dtRelasz:
			size = d.value
		case dtRelacount:
			m.relacount = d.value
		}
	}
	var ok bool
	if m.rela, ok = m.read(m.relaAt, size); !ok || size%24 != 0 || m.relacount > size/24 {
		return nil, fmt.Errorf("the table of relocations is not loaded")
	}
	return m, nil
}

func (m *memory) at(address uint64) *loadedSegment {
	for i := range m.loads {
		if l := &m.loads[i]; address >= l.Vaddr && address-l.Vaddr < l.Memsz {
			return l
		}
	}
	return nil
}

// read is n bytes of the file that are loaded at an address.
func (m *memory) read(address, n uint64) ([]byte, bool) {
	l := m.at(address)
	if l == nil {
		return nil, false
	}
	from := address - l.Vaddr
	if from > uint64(len(l.bytes)) || n > uint64(len(l.bytes))-from {
		return nil, false
	}
	return l.bytes[from : from+n], true
}

// word is 8 bytes that relocating may change.
func (m *memory) word(address uint64) ([]byte, error) {
	l := m.at(address)
	if l == nil || l.Memsz-(address-l.Vaddr) < 8 || l.Flags&pfW == 0 {
		return nil, fmt.Errorf("a relocation of %#x, which is in no writable segment", address)
	}
	from := address - l.Vaddr
	if from > l.Filesz+8<<20 {
		return nil, fmt.Errorf("a relocation of %#x, far behind the segment's bytes", address)
	}
	if !l.own {
		l.bytes, l.own = bytes.Clone(l.bytes), true
	}
	if have := uint64(len(l.bytes)); from+8 > have {
		l.bytes = append(l.bytes, make([]byte, from+8-have)...)
	}
	return l.bytes[from : from+8], nil
}

// stub is the code that the first relocation behind the counted ones calls.
func (m *memory) stub() (relr.Bound, bool) {
	s, err := relr.StubOf(m.f.machine())
	if err != nil || m.relacount >= uint64(len(m.rela))/24 {
		return relr.Bound{}, false
	}
	entry := m.rela[24*m.relacount:]
	code := m.f.order.Uint64(entry[16:])
	l := m.at(code)
	if m.f.order.Uint64(entry[8:]) != uint64(s.IRelative) || l == nil || code-l.Vaddr >= l.Filesz || l.Flags&(pfX|pfW) != pfX {
		return relr.Bound{}, false
	}
	b, found := s.Find(l.bytes[code-l.Vaddr:], code)
	return b, found && b.Answers
}

// relocate does what a loader does to memory at base, and returns the
// relocations that need symbols, which it leaves alone.
func (m *memory) relocate(base uint64) (others []byte, err error) {
	s, err := relr.StubOf(m.f.machine())
	if err != nil {
		return nil, err
	}
	o := m.f.order
	bound, packed := m.stub()
	for i := uint64(0); i < uint64(len(m.rela))/24; i++ {
		entry := m.rela[24*i:][:24]
		if i < m.relacount && o.Uint64(entry[8:]) != uint64(s.Relative) {
			return nil, fmt.Errorf("relocation %d is counted as relative and is none", i)
		}
		switch {
		case o.Uint64(entry[8:]) == uint64(s.Relative):
			place, err := m.word(o.Uint64(entry))
			if err != nil {
				return nil, err
			}
			o.PutUint64(place, base+o.Uint64(entry[16:]))
		case packed && i == m.relacount:
			if err := m.applyTable(base, bound); err != nil {
				return nil, err
			}
			place, err := m.word(o.Uint64(entry))
			if err != nil {
				return nil, err
			}
			o.PutUint64(place, base+bound.Answer)
		default:
			others = append(others, entry...)
		}
	}
	return others, nil
}

// applyTable adds base to each word that the packed table names: an even entry
// is an address, an odd one has a bit for each of the 63 words that follow.
func (m *memory) applyTable(base uint64, b relr.Bound) error {
	table, ok := m.read(b.Table, b.End-b.Table)
	if !ok || len(table) == 0 || len(table)%8 != 0 || b.Table%8 != 0 {
		return fmt.Errorf("the packed table is not loaded")
	}
	var place uint64
	add := func(address uint64) error {
		w, err := m.word(address)
		if err == nil {
			m.f.order.PutUint64(w, base+m.f.order.Uint64(w))
		}
		return err
	}
	for i := 0; i < len(table); i += 8 {
		entry := m.f.order.Uint64(table[i:])
		if entry%2 == 0 {
			if err := add(entry); err != nil {
				return err
			}
			place = entry + 8
			continue
		}
		for bit := range uint64(63) {
			if entry>>1>>bit&1 == 1 {
				if err := add(place + bit*8); err != nil {
					return err
				}
			}
		}
		place += 63 * 8
	}
	return nil
}
