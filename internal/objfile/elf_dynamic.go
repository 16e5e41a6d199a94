package objfile

// The dynamic section (gABI 5, "Dynamic Section") and notes. Both are found
// through program headers, so that a file without sections has them too.

import (
	"github.com/minsize/minsize/internal/byteio"
)

// Dyn is one entry of the dynamic section; Entry is its file offset.
type Dyn struct {
	Tag   int64
	Val   uint64
	Entry uint64
}

// Dynamic tags that the code asks for (gABI 5, figure 5-10).
const (
	DT_NULL         = 0
	DT_NEEDED       = 1
	DT_PLTRELSZ     = 2
	DT_PLTGOT       = 3
	DT_HASH         = 4
	DT_STRTAB       = 5
	DT_SYMTAB       = 6
	DT_RELA         = 7
	DT_RELASZ       = 8
	DT_RELAENT      = 9
	DT_STRSZ        = 10
	DT_SYMENT       = 11
	DT_INIT         = 12
	DT_FINI         = 13
	DT_SONAME       = 14
	DT_RPATH        = 15
	DT_REL          = 17
	DT_RELSZ        = 18
	DT_RELENT       = 19
	DT_PLTREL       = 20
	DT_TEXTREL      = 22
	DT_JMPREL       = 23
	DT_INIT_ARRAY   = 25
	DT_FINI_ARRAY   = 26
	DT_INIT_ARRAYSZ = 27
	DT_FINI_ARRAYSZ = 28
	DT_RUNPATH      = 29
	DT_FLAGS        = 30
	DT_RELRSZ       = 35
	DT_RELR         = 36
	DT_RELRENT      = 37
	DT_RELACOUNT    = 0x6ffffff9 // Sun's: relative entries at the head of DT_RELA
	DT_GNU_HASH     = 0x6ffffef5
	DT_VERSYM       = 0x6ffffff0
	DT_FLAGS_1      = 0x6ffffffb
	DT_VERDEF       = 0x6ffffffc
	DT_VERDEFNUM    = 0x6ffffffd
	DT_VERNEED      = 0x6ffffffe
	DT_VERNEEDNUM   = 0x6fffffff

	DF_1_PIE = 0x08000000
)

func (e *ELFFile) readDynamic(v byteio.View) error {
	size := 2 * e.d.wordSize()
	for i := range e.file.Segments {
		s := &e.file.Segments[i]
		if s.Type != "PT_DYNAMIC" {
			continue
		}
		// A loader reads it where it is in memory; p_offset is only where
		// a tool would look. They agree in every sane file.
		off := s.Offset
		if o, ok := e.file.OffsetOf(s.Addr); ok {
			off = o
		}
		table, err := v.Slice(off, s.FileSize, "dynamic section")
		if err != nil {
			return err
		}
		for n := uint64(0); n+size <= uint64(len(table)); n += size {
			tag := e.d.word(table[n:])
			if !e.d.wide {
				tag = uint64(int64(int32(tag)))
			}
			if tag == DT_NULL {
				break
			}
			e.Dynamic = append(e.Dynamic, Dyn{Tag: int64(tag), Val: e.d.word(table[n+size/2:]), Entry: v.Base + off + n})
		}
		return nil
	}
	return nil
}

// DynValue returns the value of the first entry with that tag.
func (e *ELFFile) DynValue(tag int64) (uint64, bool) {
	for i := range e.Dynamic {
		if e.Dynamic[i].Tag == tag {
			return e.Dynamic[i].Val, true
		}
	}
	return 0, false
}

// dynStrings is the dynamic string table: DT_STRTAB, DT_STRSZ.
func (e *ELFFile) dynStrings() stringTable {
	addr, ok := e.DynValue(DT_STRTAB)
	if !ok {
		return stringTable{}
	}
	table := e.file.tailAt(addr)
	if size, ok := e.DynValue(DT_STRSZ); ok && size < uint64(len(table)) {
		table = table[:size]
	}
	return newStringTable(table)
}

// DynStrings returns the strings of all entries with that tag: DT_NEEDED,
// DT_SONAME, DT_RUNPATH, DT_RPATH.
func (e *ELFFile) DynStrings(tag int64) []string {
	var names []string
	table := e.dynStrings()
	for i := range e.Dynamic {
		if e.Dynamic[i].Tag == tag {
			if name, ok := table.at(e.Dynamic[i].Val); ok {
				names = append(names, name)
			}
		}
	}
	return names
}

// Note is one entry of a note segment or section (gABI 5, "Note Section").
type Note struct {
	Name   string
	Type   uint32
	Desc   []byte
	Offset uint64 // of the note's header in the file
	Size   uint64 // header, name, descriptor and their padding
}

// maxNotes bounds the list: note segments may overlap. Core dumps have some
// per thread.
const maxNotes = 1 << 16

// Notes returns the notes of all note segments, or, where there are no
// segments or none of notes, of all note sections. What is malformed ends its
// range: notes are advice.
func (e *ELFFile) Notes() []Note {
	var notes []Note
	for i := range e.file.Segments {
		if s := &e.file.Segments[i]; s.Type == "PT_NOTE" {
			notes = e.notesIn(notes, s.Offset, s.FileSize, s.Align)
		}
	}
	if notes == nil {
		for i := range e.file.Sections {
			if s := &e.file.Sections[i]; s.Type == "SHT_NOTE" {
				notes = e.notesIn(notes, s.Offset, s.FileSize, s.Align)
			}
		}
	}
	return notes
}

func (e *ELFFile) notesIn(notes []Note, off, size, align uint64) []Note {
	if align != 8 { // 64-bit notes are 4-byte aligned in practice, but for .note.gnu.property
		align = 4
	}
	b, err := byteio.View{Data: e.file.Data}.Slice(off, size, "notes")
	if err != nil {
		return notes
	}
	for at := uint64(0); at+12 <= size && len(notes) < maxNotes; {
		nameSize, descSize := uint64(e.d.u32(b[at:])), uint64(e.d.u32(b[at+4:]))
		descAt, _ := byteio.AlignUp(at+12+nameSize, align)
		end := descAt + descSize
		if at+12+nameSize > size || end > size {
			break
		}
		next, _ := byteio.AlignUp(end, align)
		next = min(next, size)
		notes = append(notes, Note{
			Name: cutNUL(b[at+12 : at+12+nameSize]), Type: e.d.u32(b[at+8:]),
			Desc: b[descAt:end:end], Offset: off + at, Size: next - at,
		})
		at = next
	}
	return notes
}

const ntGNUBuildID = 3

// BuildID returns the descriptor of the NT_GNU_BUILD_ID note, nil without one.
func (e *ELFFile) BuildID() []byte {
	for _, n := range e.Notes() {
		if n.Name == "GNU" && n.Type == ntGNUBuildID {
			return n.Desc
		}
	}
	// A companion's note segment may have lost its place; its section has not.
	for i := range e.file.Sections {
		if s := &e.file.Sections[i]; s.Type == "SHT_NOTE" {
			for _, n := range e.notesIn(nil, s.Offset, s.FileSize, s.Align) {
				if n.Name == "GNU" && n.Type == ntGNUBuildID {
					return n.Desc
				}
			}
		}
	}
	return nil
}

// DebugLink returns what .gnu_debuglink names: the file name of the debug
// companion and the CRC-32 (zlib's) of its bytes.
func (e *ELFFile) DebugLink() (name string, crc uint32, ok bool) {
	s := e.file.SectionByName(".gnu_debuglink")
	if s == nil {
		return "", 0, false
	}
	b, err := e.file.RawData(s)
	if err != nil {
		return "", 0, false
	}
	name = cutNUL(b)
	at, _ := byteio.AlignUp(uint64(len(name))+1, 4)
	if name == "" || at+4 > uint64(len(b)) {
		return "", 0, false
	}
	return name, e.d.u32(b[at:]), true
}

// AltDebugLink returns what .gnu_debugaltlink (dwz) names: a path and the
// build-id of that file.
func (e *ELFFile) AltDebugLink() (name string, buildID []byte, ok bool) {
	s := e.file.SectionByName(".gnu_debugaltlink")
	if s == nil {
		return "", nil, false
	}
	b, err := e.file.RawData(s)
	if err != nil {
		return "", nil, false
	}
	name = cutNUL(b)
	if name == "" || len(name)+1 >= len(b) {
		return "", nil, false
	}
	return name, b[len(name)+1:], true
}
