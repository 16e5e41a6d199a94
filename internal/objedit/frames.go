package objedit

// Call frame information: which entry of .eh_frame serves which function, and
// where in it stand the length, the LSDA pointer and the instructions.
//
// A stub needs its own entry to be true, for three readers: bfd refuses
// entries that overlap ("overlapping FDEs") when a section got shorter than
// its entry says; a debugger that stops in the stub takes the old
// instructions at their word; the personality routine reads the LSDA.
//
// Format: Linux Standard Base Core 5.0, section 10.6; DWARF 5, section 6.4.

import (
	"fmt"

	"github.com/minsize/minsize/internal/byteio"
)

// Pointer encodings (LSB 10.5).
const (
	pePCRel   = 0x10
	peOmit    = 0xff
	peFormat  = 0x0f
	peAbsPtr  = 0x00
	peUdata2  = 0x02
	peUdata4  = 0x03
	peUdata8  = 0x04
	peSdata2  = 0x0a
	peSdata4  = 0x0b
	peSdata8  = 0x0c
	cfaNop    = 0x00
	maxCIELen = 1 << 16
)

// frame is one FDE of a relocatable object.
type frame struct {
	section      int    // of the entry
	begin, end   uint64 // in the section: the whole entry, length field included
	pcBegin      uint64 // in the section
	pointerSize  uint64 // of pc_begin and pc_range
	lsda         uint64 // in the section; 0 without one
	lsdaSize     uint64
	instructions uint64 // in the section, up to end
}

// frameTable finds the entries by the place where the function begins.
type frameTable struct {
	byPlace map[place][]frame
	count   int
}

// commonEntry is what FDEs need from their CIE.
type commonEntry struct {
	word            uint64
	hasAugmentation bool // 'z'
	fdeEncoding     byte
	lsdaEncoding    byte
}

// readFrames reads every .eh_frame section of the object, once.
func (o *elf) readFrames() error {
	if o.frames != nil {
		return nil
	}
	table := &frameTable{byPlace: map[place][]frame{}}
	for i := range o.sections {
		s := &o.sections[i]
		if s.name != ".eh_frame" || !s.data && o.headers[i].Type != shtX86Unwind {
			continue
		}
		if err := o.readFrameSection(table, i); err != nil {
			return fmt.Errorf("section %d (.eh_frame): %w", i, err)
		}
	}
	o.frames = table
	return nil
}

func (o *elf) readFrameSection(table *frameTable, index int) error {
	v, err := o.content(index)
	if err != nil {
		return err
	}
	relocations, err := o.relocations(index)
	if err != nil {
		return err
	}
	target := map[uint64]place{} // the places that pc_begin fields point to
	for _, r := range relocations {
		if place, ok := o.place(r); ok {
			target[r.offset] = place
		}
	}
	common := map[uint64]commonEntry{}
	for at := uint64(0); at < v.Len(); {
		length, err := v.U32(at, "length")
		if err != nil {
			return err
		}
		if length == 0 { // the terminator
			at += 4
			continue
		}
		if length == 0xffffffff {
			return byteio.Errorf(v.Base+at, "length", "64-bit entries are not known here")
		}
		end, ok := byteio.Add(at+4, uint64(length))
		if !ok || end > v.Len() || length < 4 {
			return byteio.Errorf(v.Base+at, "length", "entry of %d bytes, %d there", length, v.Len()-at-4)
		}
		id, err := v.U32(at+4, "CIE pointer")
		if err != nil {
			return err
		}
		if id == 0 {
			c, err := readCIE(v, o.word, at, end)
			if err != nil {
				return err
			}
			common[at] = c
		} else {
			c, known := common[at+4-uint64(id)]
			if !known {
				return byteio.Errorf(v.Base+at+4, "CIE pointer", "%#x leads to no CIE", id)
			}
			f, err := readFDE(v, c, index, at, end)
			if err != nil {
				return err
			}
			table.count++
			if place, ok := target[f.pcBegin]; ok {
				table.byPlace[place] = append(table.byPlace[place], f)
			}
		}
		at = end
	}
	return nil
}

func readCIE(v byteio.View, word, at, end uint64) (commonEntry, error) {
	c := commonEntry{word: word, fdeEncoding: peAbsPtr, lsdaEncoding: peOmit}
	if end-at > maxCIELen {
		return c, byteio.Errorf(v.Base+at, "length", "a CIE of %d bytes", end-at)
	}
	entry, err := v.Sub(0, end, "CIE")
	if err != nil {
		return c, err
	}
	pos := at + 8
	version, err := entry.U8(pos, "version")
	if err != nil {
		return c, err
	}
	if version != 1 && version != 3 {
		return c, byteio.Errorf(v.Base+pos, "version", "expected 1 or 3 but got %d", version)
	}
	augmentation, err := entry.CString(pos+1, "augmentation")
	if err != nil {
		return c, err
	}
	pos += 1 + uint64(len(augmentation)) + 1
	if _, pos, err = entry.Uleb128(pos, "code alignment factor"); err != nil {
		return c, err
	}
	if _, pos, err = entry.Sleb128(pos, "data alignment factor"); err != nil {
		return c, err
	}
	if version == 1 {
		pos++
	} else if _, pos, err = entry.Uleb128(pos, "return address register"); err != nil {
		return c, err
	}
	for i, letter := range augmentation {
		switch letter {
		case 'z':
			if i != 0 {
				return c, byteio.Errorf(v.Base+at+9, "augmentation", "%q", augmentation)
			}
			c.hasAugmentation = true
			_, pos, err = entry.Uleb128(pos, "augmentation length")
		case 'R':
			c.fdeEncoding, err = entry.U8(pos, "FDE encoding")
			pos++
		case 'L':
			c.lsdaEncoding, err = entry.U8(pos, "LSDA encoding")
			pos++
		case 'P':
			var encoding byte
			if encoding, err = entry.U8(pos, "personality encoding"); err == nil {
				var size uint64
				if size, err = pointerSize(encoding, c.word, v.Base+pos); err == nil {
					pos += 1 + size
				}
			}
		case 'S', 'B', 'G': // signal frame; aarch64: pointer authentication with the B key, memory tagging
		default:
			return c, byteio.Errorf(v.Base+at+9, "augmentation", "%q has an unknown letter", augmentation)
		}
		if err != nil {
			return c, err
		}
	}
	return c, nil
}

func readFDE(v byteio.View, c commonEntry, index int, at, end uint64) (frame, error) {
	f := frame{section: index, begin: at, end: end, pcBegin: at + 8}
	var err error
	if f.pointerSize, err = pointerSize(c.fdeEncoding, c.word, v.Base+at); err != nil {
		return f, err
	}
	pos := f.pcBegin + 2*f.pointerSize
	entry, err := v.Sub(0, end, "FDE")
	if err != nil {
		return f, err
	}
	if c.hasAugmentation {
		var length uint64
		if length, pos, err = entry.Uleb128(pos, "augmentation length"); err != nil {
			return f, err
		}
		if c.lsdaEncoding != peOmit {
			if f.lsdaSize, err = pointerSize(c.lsdaEncoding, c.word, v.Base+at); err != nil {
				return f, err
			}
			if length < f.lsdaSize {
				return f, byteio.Errorf(v.Base+pos, "augmentation length", "%d bytes hold no LSDA pointer of %d", length, f.lsdaSize)
			}
			f.lsda = pos
		}
		if pos, _ = byteio.Add(pos, length); pos > end || pos < f.pcBegin {
			return f, byteio.Errorf(v.Base+at, "augmentation length", "%d bytes run past the entry", length)
		}
	}
	if pos > end {
		return f, byteio.Errorf(v.Base+at, "length", "the entry ends inside its fields")
	}
	f.instructions = pos
	return f, nil
}

// pointerSize: word is the bytes of an address.
func pointerSize(encoding byte, word, offset uint64) (uint64, error) {
	switch encoding & peFormat {
	case peAbsPtr:
		return word, nil
	case peUdata8, peSdata8:
		return 8, nil
	case peUdata4, peSdata4:
		return 4, nil
	case peUdata2, peSdata2:
		return 2, nil
	}
	return 0, byteio.Errorf(offset, "pointer encoding", "%#x has no fixed size", encoding)
}

// stubUnwinding makes the function's entries say the length of the stub, no LSDA,
// and the CIE's own instructions alone.
func (o *elf) stubUnwinding(at place, size uint64, shared bool) error {
	if err := o.stubExidx(at); err != nil {
		return err
	}
	if err := o.readFrames(); err != nil {
		return err
	}
	for _, f := range o.frames.byPlace[at] {
		base := o.sections[f.section].offset
		out := o.edit()
		if !shared {
			field := base + f.pcBegin + f.pointerSize
			switch f.pointerSize {
			case 8:
				o.put64(field, size)
			case 4:
				o.put32(field, uint32(size))
			case 2:
				out[field], out[field+1] = byte(size), byte(size>>8)
			}
		}
		if f.lsda != 0 {
			clear(out[base+f.lsda : base+f.lsda+f.lsdaSize])
		}
		for i := base + f.instructions; i < base+f.end; i++ {
			out[i] = cfaNop
		}
		relocations, err := o.relocations(f.section)
		if err != nil {
			return err
		}
		for i, r := range relocations {
			if r.offset > f.pcBegin && r.offset < f.end {
				o.dropRelocation(f.section, i)
			}
		}
	}
	return nil
}

// handlers are the references to LSDAs.
func (o *elf) handlers() (list []Reference, err error) {
	if list, err = o.exidxHandlers(); err != nil {
		return nil, err
	}
	if err := o.readFrames(); err != nil {
		return nil, err
	}
	for place, frames := range o.frames.byPlace {
		for _, f := range frames {
			if f.lsda == 0 {
				continue
			}
			relocations, err := o.relocations(f.section)
			if err != nil {
				return nil, err
			}
			for _, r := range relocations {
				if r.offset == f.lsda {
					list = append(list, o.reference(place.section, r))
				}
			}
		}
	}
	return list, nil
}
