package testbin

import (
	"encoding/binary"
)

// Pointers says what an x86-64 library with many pointers shall be, each with a
// relative relocation as glibc's loader reads it. Nothing in it runs.
type Pointers struct {
	Count    int      // of pointers; 0 is 600
	Addends  bool     // they hold their addends, as GNU ld leaves them, not zeros, as lld does
	Mixed    bool     // the first half does, the other not
	Trimmed  int      // so many of the last are not in the file, as zeros that were cut
	Odd      bool     // the third is at an address that is no multiple of 8
	Code     bool     // the first segment is executable
	Tight    bool     // no page of the file is padded
	Needed   string   // DT_NEEDED; "" is libc.so.6
	Sections bool     // with section headers
	More     []uint64 // tags and values of more dynamic entries
	Swap     bool     // the first two relocations are not in order
}

// Addresses of Pointers' parts.
const (
	PointersRela = 0x400   // DT_RELA
	PointersData = 0x20000 // the writable segment: the dynamic section, then the pointers
	PointersText = 0x10000 // what the pointers point into
)

const dynamicSize = 16 * 16

// Bytes makes the file.
func (p Pointers) Bytes() []byte {
	if p.Count == 0 {
		p.Count = 600
	}
	if p.Needed == "" {
		p.Needed = "libc.so.6"
	}
	w := &elfWriter{order: binary.LittleEndian, is64: true}
	at := func(offset uint64) {
		for uint64(len(w.out)) < offset {
			w.out = append(w.out, 0)
		}
	}
	relaSize := 24 * uint64(p.Count+1)
	rest := PointersRela + relaSize // where the first segment goes on: 100 bytes that are not zero
	text := uint64(PointersText)
	page := func(from, address uint64) uint64 { // the file offset of a segment
		if p.Tight {
			return from + (address-from)&0xfff
		}
		return (from+0xfff)&^0xfff + address&0xfff
	}
	const textSize = 0x234
	textAt := page(rest+100, text)
	dataAddr := uint64(PointersData)
	if p.Tight {
		text, dataAddr = text+(rest+100)&0xfff, dataAddr+(rest+100+textSize)&0xfff
		textAt = rest + 100
	}
	dataAt := page(textAt+textSize, dataAddr)
	pointers := func(i int) uint64 {
		address := dataAddr + dynamicSize + 8*uint64(i)
		if p.Odd && i >= 3 {
			address += 8
		}
		if p.Odd && i == 3 {
			address -= 4
		}
		return address
	}
	memory := dynamicSize + 8*uint64(p.Count+3)
	file := memory - 8*uint64(p.Trimmed+2)

	w.out = append(w.out, 0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	w.u16(3) // ET_DYN
	w.u16(62)
	w.u32(1)
	w.word(0)
	w.word(64)
	w.word(0) // e_shoff
	w.u32(0)
	for _, n := range []uint16{64, 56, 5, 64, 0, 0} {
		w.u16(n)
	}
	segment := func(kind, flags uint32, off, addr, filesz, memsz, align uint64) {
		w.u32(kind)
		w.u32(flags)
		for _, n := range []uint64{off, addr, addr, filesz, memsz, align} {
			w.word(n)
		}
	}
	first := uint32(4)
	if p.Code {
		first = 5
	}
	segment(1, first, 0, 0, rest+100, rest+100, 4096)
	segment(1, 5, textAt, text, textSize, textSize, 4096)
	segment(1, 6, dataAt, dataAddr, file, memory, 4096)
	segment(2, 6, dataAt, dataAddr, dynamicSize, dynamicSize, 8)
	segment(0x6474e551, 6, 0, 0, 0, 0, 16)

	strtab, symtab, hash := uint64(0x180), uint64(0x200), uint64(0x240)
	at(strtab)
	w.out = append(append(append(w.out, 0), p.Needed...), "\x00puts\x00"...)
	at(symtab + 24) // the null symbol, and puts
	w.u32(uint32(2 + len(p.Needed)))
	w.u32(0x12) // STB_GLOBAL, STT_FUNC
	w.word(0)
	w.word(0)
	at(hash)
	for _, n := range []uint32{1, 2, 1, 0, 0} {
		w.u32(n)
	}
	at(PointersRela)
	addend := func(i int) uint64 { return text + uint64(i)%textSize }
	order := make([]int, p.Count)
	for i := range order {
		order[i] = i
	}
	if p.Swap {
		order[0], order[1] = 1, 0
	}
	for _, i := range order {
		w.word(pointers(i))
		w.word(8) // R_X86_64_RELATIVE
		w.word(addend(i))
	}
	w.word(dataAddr + dynamicSize - 8) // puts, in the last dynamic entry's place behind DT_NULL
	w.word(1<<32 | 6)                  // R_X86_64_GLOB_DAT
	w.word(0)
	for range 100 {
		w.out = append(w.out, 0x5a)
	}
	at(textAt)
	for i := range textSize {
		w.out = append(w.out, byte(i)|1)
	}
	at(dataAt)
	for _, n := range append([]uint64{1, 1, 5, strtab, 10, 24, 6, symtab, 11, 24, 4, hash, 7, PointersRela, 8, relaSize, 9, 24, 0x6ffffff9, uint64(p.Count)}, p.More...) {
		w.word(n)
	}
	at(dataAt + dynamicSize)
	data := make([]byte, memory-dynamicSize)
	for i := range p.Count {
		if p.Addends || p.Mixed && i < p.Count/2 {
			binary.LittleEndian.PutUint64(data[pointers(i)-dataAddr-dynamicSize:], addend(i))
		}
	}
	w.out = append(w.out, data...)[:dataAt+file]
	if p.Sections {
		p.sections(w, relaSize, dataAt, dataAddr, file)
	}
	return w.out
}

func (p Pointers) sections(w *elfWriter, relaSize, dataAt, dataAddr, file uint64) {
	names := uint64(len(w.out))
	w.out = append(w.out, "\x00.rela.dyn\x00.data\x00.bss\x00.shstrtab\x00"...)
	for len(w.out)%8 != 0 {
		w.out = append(w.out, 0)
	}
	table := uint64(len(w.out))
	section := func(name, kind uint32, flags, addr, off, size, align uint64) {
		w.u32(name)
		w.u32(kind)
		for _, n := range []uint64{flags, addr, off, size} {
			w.word(n)
		}
		w.u32(0)
		w.u32(0)
		w.word(align)
		w.word(0)
	}
	section(0, 0, 0, 0, 0, 0, 0)
	section(1, 4, 2, PointersRela, PointersRela, relaSize, 8)
	section(11, 1, 3, dataAddr, dataAt, file, 8)
	section(17, 8, 3, dataAddr+file, dataAt+file+3, 16, 1) // its offset is nobody's business
	section(22, 3, 0, 0, names, 32, 1)
	binary.LittleEndian.PutUint64(w.out[40:], table)
	binary.LittleEndian.PutUint16(w.out[60:], 5)
	binary.LittleEndian.PutUint16(w.out[62:], 4)
}
