package objfile

// Packed relocation tables: entries as differences in LEB128.

import "github.com/minsize/minsize/internal/byteio"

// eachAndroid decodes Android's packed relocations ("APS2"; bionic's
// linker_reloc_iterators.h): groups of entries that share fields, as SLEB128.
func (e *ELFFile) eachAndroid(t relocTable, raw []byte, types *relocTypeTable, places *places, yield func(*Reloc) bool) (bool, error) {
	v := byteio.View{Data: raw, Base: t.off, Order: e.file.Order}
	if len(raw) < 4 || string(raw[:4]) != "APS2" {
		return false, byteio.Errorf(t.off, "packed relocations", "expected the magic APS2")
	}
	at := uint64(4)
	var failed error
	number := func() int64 {
		n, next, err := v.Sleb128(at, "packed relocation")
		if err != nil && failed == nil {
			failed = err
		}
		at = next
		return n
	}
	const byInfo, byOffset, byAddend, hasAddend = 1, 2, 4, 8
	left, offset := number(), uint64(number())
	var addend int64
	for left > 0 && failed == nil {
		size, flags := number(), number()
		var step, info int64
		if flags&byOffset != 0 {
			step = number()
		}
		if flags&byInfo != 0 {
			info = number()
		}
		switch {
		case flags&hasAddend == 0:
			addend = 0
		case flags&byAddend != 0:
			addend += number()
		}
		if size <= 0 || size > left || size > int64(len(raw))*64+1<<20 {
			return false, byteio.Errorf(t.off+at, "packed relocations", "group of %d where %d are left", size, left)
		}
		for i := int64(0); i < size && failed == nil; i++ {
			entry := at
			if flags&byOffset != 0 {
				offset += uint64(step)
			} else {
				offset += uint64(number())
			}
			if flags&byInfo == 0 {
				info = number()
			}
			if flags&hasAddend != 0 && flags&byAddend == 0 {
				addend += number()
			}
			r := Reloc{Addr: offset, Section: -1, HasAddend: t.addends, Addend: addend, Entry: t.off + entry, EntrySize: uint8(min(at-entry, 255))}
			if e.d.wide {
				r.Symbol, r.Type = int(uint64(info)>>32), uint32(info)
			} else {
				r.Symbol, r.Type = int(uint32(info)>>8), uint32(info)&0xff
			}
			e.finish(&r, types, places)
			if !yield(&r) {
				return false, nil
			}
		}
		left -= size
	}
	return failed == nil, failed
}

// eachCompact decodes CREL ("Compact relocations", LLVM's
// docs/Extensions.rst): a count with flags, then per entry a byte of flags and
// low offset bits, and what differs from the entry before.
func (e *ELFFile) eachCompact(t relocTable, raw []byte, types *relocTypeTable, places *places, yield func(*Reloc) bool) (bool, error) {
	v := byteio.View{Data: raw, Base: t.off, Order: e.file.Order}
	header, at, err := v.Uleb128(0, "CREL header")
	if err != nil {
		return false, err
	}
	count, addends, shift := header/8, header&4 != 0, header&3
	flagBits := uint64(2)
	if addends {
		flagBits = 3
	}
	if count > uint64(len(raw)) {
		return false, byteio.Errorf(t.off, "CREL header", "%d entries in %d bytes", count, len(raw))
	}
	var offset, symbol, typ uint64
	var addend int64
	for range count {
		entry := at
		b, err := v.U8(at, "CREL entry")
		if err != nil {
			return false, err
		}
		at++
		offset += uint64(b) >> flagBits
		if b >= 0x80 {
			var rest uint64
			if rest, at, err = v.Uleb128(at, "CREL offset"); err != nil {
				return false, err
			}
			offset += rest<<(7-flagBits) - 0x80>>flagBits
		}
		for _, part := range []struct {
			flag uint8
			add  func(int64)
		}{{1, func(n int64) { symbol += uint64(n) }}, {2, func(n int64) { typ += uint64(n) }}, {4, func(n int64) { addend += n }}} {
			if b&part.flag == 0 || part.flag == 4 && !addends {
				continue
			}
			var n int64
			if n, at, err = v.Sleb128(at, "CREL entry"); err != nil {
				return false, err
			}
			part.add(n)
		}
		r := Reloc{Addr: offset << shift, Section: t.section, Symbol: int(uint32(symbol)), Type: uint32(typ), Addend: addend, HasAddend: addends, Entry: t.off + entry, EntrySize: uint8(min(at-entry, 255))}
		e.finish(&r, types, places)
		if !yield(&r) {
			return false, nil
		}
	}
	return true, nil
}
