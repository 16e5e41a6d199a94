package objfile

// Between virtual addresses and file offsets, by segments alone: they are what
// the loader uses. In relocatable objects and Wasm there are none, and all of
// these answer no.

import "github.com/minsize/minsize/internal/byteio"

// SectionByName returns the first section of that name, nil without one.
func (f *File) SectionByName(name string) *Section {
	for i := range f.Sections {
		if f.Sections[i].Name == name {
			return &f.Sections[i]
		}
	}
	return nil
}

// SegmentAt returns the index in Segments of the loaded segment whose memory
// holds addr, -1 without one. Of overlapping segments the last one wins, as
// it does when a loader maps them in order.
func (f *File) SegmentAt(addr uint64) int {
	for i := len(f.Segments) - 1; i >= 0; i-- {
		s := &f.Segments[i]
		if s.Load && addr-s.Addr < s.MemSize && addr >= s.Addr {
			return i
		}
	}
	return -1
}

// OffsetOf translates a virtual address to the file offset of its byte; not
// ok where nothing is loaded or the memory is zero-filled.
func (f *File) OffsetOf(addr uint64) (uint64, bool) {
	i := f.SegmentAt(addr)
	if i < 0 || addr-f.Segments[i].Addr >= f.Segments[i].FileSize {
		return 0, false
	}
	return f.Segments[i].Offset + (addr - f.Segments[i].Addr), true
}

// AddrOf translates a file offset to the virtual address that its byte is
// loaded at; not ok when no segment loads it. A byte that two segments load
// (page rounding) has the address of the first.
func (f *File) AddrOf(off uint64) (uint64, bool) {
	for i := range f.Segments {
		s := &f.Segments[i]
		if s.Load && off >= s.Offset && off-s.Offset < s.FileSize {
			return s.Addr + (off - s.Offset), true
		}
	}
	return 0, false
}

// BytesAt returns n bytes of the file that are loaded at addr, never a copy;
// not ok when they do not lie in one segment's file bytes.
func (f *File) BytesAt(addr, n uint64) ([]byte, bool) {
	i := f.SegmentAt(addr)
	if i < 0 {
		return nil, false
	}
	s := &f.Segments[i]
	rel := addr - s.Addr
	if rel > s.FileSize || n > s.FileSize-rel {
		return nil, false
	}
	off := s.Offset + rel
	return f.Data[off : off+n : off+n], true
}

// tailAt returns the file bytes from addr to the end of its segment.
func (f *File) tailAt(addr uint64) []byte {
	i := f.SegmentAt(addr)
	if i < 0 {
		return nil
	}
	s := &f.Segments[i]
	rel := addr - s.Addr
	if rel >= s.FileSize {
		return nil
	}
	return f.Data[s.Offset+rel : s.Offset+s.FileSize]
}

// RawData returns the section's bytes as they are in the file, never a copy;
// none for SHT_NOBITS.
func (f *File) RawData(s *Section) ([]byte, error) {
	return byteio.View{Data: f.Data, Order: f.Order}.Slice(s.Offset, s.FileSize, "section "+s.Name)
}

func (f *File) wholeView() byteio.View { return byteio.View{Data: f.Data, Order: f.Order} }

// Payload is what stands in the file behind everything that its headers
// describe: a self-extractor's archive, an AppImage, PE's overlay. Size 0
// without any. (Wasm and archives have no room for one, Mach-O's loader
// refuses it unless __LINKEDIT covers it.)
func (f *File) Payload() (off, size uint64) {
	switch {
	case f.ELF != nil:
		off = f.ELF.end()
	case f.PE != nil:
		return f.PE.Overlay()
	case f.MachO != nil:
		off = f.MachO.end()
	default:
		return f.Size, 0
	}
	return off, saturating(f.Size, off)
}

func (e *ELFFile) end() uint64 {
	end := e.EhdrSize()
	if len(e.Phdrs) > 0 {
		end = max(end, e.Ehdr.Phoff+uint64(len(e.Phdrs))*e.PhdrSize())
	}
	if len(e.Shdrs) > 0 {
		end = max(end, e.Ehdr.Shoff+uint64(len(e.Shdrs))*e.ShdrSize())
	}
	for i := range e.file.Segments {
		end = max(end, e.file.Segments[i].Offset+e.file.Segments[i].FileSize)
	}
	for i := range e.file.Sections {
		if s := &e.file.Sections[i]; s.FileSize > 0 {
			end = max(end, s.Offset+s.FileSize)
		}
	}
	return min(end, e.file.Size)
}

func (m *MachOFile) end() uint64 {
	end := pick(m.d.wide, 32, 28) + uint64(m.Sizeofcmds)
	for i := range m.file.Segments {
		end = max(end, m.file.Segments[i].Offset+m.file.Segments[i].FileSize)
	}
	for i := range m.LinkEdit {
		end = max(end, m.LinkEdit[i].Offset+m.LinkEdit[i].Size)
	}
	for i := range m.Sections {
		s := &m.Sections[i]
		if s.Nreloc > 0 {
			end = max(end, uint64(s.Reloff)+8*uint64(s.Nreloc))
		}
	}
	return min(end, m.file.Size)
}
