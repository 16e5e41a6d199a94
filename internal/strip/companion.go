package strip

// The debug companion: what --only-keep-debug writes beside a stripped
// program, for debuggers (GDB manual, "Debugging Information in Separate
// Files"). It has all section headers of the original, so that addresses can
// be matched, but bytes only for what is not loaded, and for notes, since the
// build-id in them is how debuggers find it.

import (
	"hash/crc32"
	"slices"

	"github.com/minsize/minsize/internal/byteio"
)

// Companion makes the debug companion of an ELF program or shared object.
// Errors: *byteio.Refusal for files of other kinds and for those without section
// headers; *byteio.Error for malformed ones.
func Companion(data []byte) ([]byte, error) { return companion(data, nil, "", nil) }

// companion is Companion, with the descriptor of the program's build-id in
// place of data's own where they are of one length, and with one more section
// of notes if note is not nil.
func companion(data, buildID []byte, name string, note []byte) ([]byte, error) {
	if !isELF(data) {
		return nil, refuse("strip without --only-keep-debug", "debug companions are for ELF files")
	}
	f, err := parseELF(data)
	if err != nil {
		return nil, err
	}
	if err := f.refusals(); err != nil {
		return nil, err
	}
	if f.head.Type == etRel || len(f.sections) == 0 {
		return nil, refuse("strip without --only-keep-debug", "no program with section headers: nothing a companion could hold")
	}
	if f.head.Phnum == pnXnum || len(f.sections)+1 >= shnLoreserve {
		return nil, refuse("objcopy --only-keep-debug", "more headers than a companion can list")
	}

	head := f.head
	head.Phoff = f.ehsize()
	segments := slices.Clone(f.segments)
	var content byteio.Content
	at := head.Phoff + head.realPhnum*f.phentsize()
	add := func(b []byte, align uint64) (offset uint64) {
		offset = placeAt(at, 0, max(align, 1))
		if len(content) > 0 {
			content[len(content)-1].Zeros += offset - at
		}
		content = append(content, byteio.Piece{Data: b})
		at = offset + uint64(len(b))
		return offset
	}
	content = append(content, byteio.Piece{}, byteio.Piece{})

	sections := slices.Clone(f.sections)
	names := int(head.realStr)
	for i := range sections {
		s := &sections[i]
		switch {
		case i == names && note != nil && s.Type == shtStrtab && s.Flags&shfAlloc == 0:
			text := slices.Concat(f.section(i), []byte(name), []byte{0})
			sections = append(sections, elfSection{NameOff: uint32(s.Size), Type: shtNote, Offset: add(note, 4), Size: uint64(len(note)), Addralign: 4})
			s = &sections[i]
			s.Offset, s.Size = add(text, s.Addralign), uint64(len(text))
		case i == 0 || s.Type == shtNull:
		case s.Flags&shfAlloc != 0 && s.Type != shtNote:
			s.Offset = min(placeAt(at, 0, 1), at)
			if s.Type != shtNobits {
				s.Type = shtNobits
			}
		case s.Type == shtNote && len(buildID) > 0:
			s.Offset = add(withBuildID(f.section(i), buildID, f.order), s.Addralign)
		case s.fileSize() > 0:
			s.Offset = add(f.section(i), s.Addralign)
		}
	}
	for i := range segments {
		p := &segments[i]
		// The notes' segments show where the build-id is; all others have no bytes.
		offset, size := at, uint64(0)
		for j, s := range sections {
			if s.Type == shtNote && s.Flags&shfAlloc != 0 && p.Type == ptNote && s.Addr >= p.Vaddr && s.Addr+s.Size <= p.Vaddr+p.Memsz && s.Addr == p.Vaddr {
				offset, size = sections[j].Offset, s.Size
			}
		}
		p.Offset, p.Filesz = offset, size
	}
	encoded := make([]byte, uint64(len(sections))*f.shentsize())
	for i, s := range sections {
		f.encodeSection(encoded[uint64(i)*f.shentsize():], s)
	}
	head.Shoff = add(encoded, uint64(f.pick(4, 8)))
	if head.Shnum != 0 {
		head.Shnum = uint16(len(sections))
	}
	content[0].Data = f.encodeHeader(head)
	content[1].Data = f.encodeSegments(segments)
	return content.Bytes(), nil
}

// LinkTo is the DebugLink for a companion that will be called name.
func LinkTo(name string, companion []byte) *DebugLink {
	return &DebugLink{Name: name, CRC: crc32.ChecksumIEEE(companion)}
}
