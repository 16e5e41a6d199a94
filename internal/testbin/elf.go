// Package testbin makes the smallest valid files of each format in memory, for
// tests: every table that a reader looks at is there once, every number is
// known, and the x86-64 ELF program runs (it exits with status 42).
//
// Made by code rather than kept as blobs, so that a test can ask for one
// number to be wrong and a reader sees where each byte comes from.
package testbin

import (
	"encoding/binary"
)

// ELF says what the ELF file shall be. The zero value is a 64-bit
// little-endian x86-64 executable that exits with status 42.
type ELF struct {
	Bits      int              // 64 or 32; 0 is 64
	Order     binary.ByteOrder // nil is little-endian
	Machine   uint16           // e_machine; 0 is EM_X86_64 (or EM_386 for 32 bits)
	Type      uint16           // e_type; 0 is ET_EXEC
	PageAlign uint64           // p_align of segments and their congruence; 0 is 4096
	Extra     []ELFSection     // more sections that no segment holds
	Payload   []byte           // behind everything
}

// ELFSection is a section of ELF.Extra.
type ELFSection struct {
	Name string
	Type uint32
	Data []byte
}

// Addresses of the program's parts.
const (
	ELFText = 0x400000 // the first segment: headers and code
	ELFData = 0x600000 // the second: 16 bytes of data, 8 of them zero, then 64 of .bss
)

// exit42 is `mov edi, 42; mov eax, 60; syscall` for x86-64 on Linux.
var exit42 = []byte{0xbf, 42, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05}

type elfWriter struct {
	order binary.ByteOrder
	is64  bool
	out   []byte
}

func (w *elfWriter) u16(v uint16) {
	w.out = append(w.out, 0, 0)
	w.order.PutUint16(w.out[len(w.out)-2:], v)
}

func (w *elfWriter) u32(v uint32) {
	w.out = append(w.out, 0, 0, 0, 0)
	w.order.PutUint32(w.out[len(w.out)-4:], v)
}

func (w *elfWriter) word(v uint64) {
	if !w.is64 {
		w.u32(uint32(v))
		return
	}
	w.out = append(w.out, 0, 0, 0, 0, 0, 0, 0, 0)
	w.order.PutUint64(w.out[len(w.out)-8:], v)
}

func (w *elfWriter) pad(align uint64) {
	for uint64(len(w.out))%align != 0 {
		w.out = append(w.out, 0)
	}
}

func (w *elfWriter) section(name, typ uint32, flags, addr, off, size uint64, link, info uint32, align, entsize uint64) {
	w.u32(name)
	w.u32(typ)
	for _, v := range []uint64{flags, addr, off, size} {
		w.word(v)
	}
	w.u32(link)
	w.u32(info)
	w.word(align)
	w.word(entsize)
}

func (w *elfWriter) segment(typ, flags uint32, off, addr, filesz, memsz, align uint64) {
	w.u32(typ)
	if w.is64 {
		w.u32(flags)
	}
	for _, v := range []uint64{off, addr, addr, filesz, memsz} {
		w.word(v)
	}
	if !w.is64 {
		w.u32(flags)
	}
	w.word(align)
}

func (w *elfWriter) symbol(name uint32, info byte, shndx uint16, value, size uint64) {
	w.u32(name)
	if w.is64 {
		w.out = append(w.out, info, 0)
		w.u16(shndx)
		w.word(value)
		w.word(size)
		return
	}
	w.u32(uint32(value))
	w.u32(uint32(size))
	w.out = append(w.out, info, 0)
	w.u16(shndx)
}

// Bytes makes the file. Its sections are, in order: null, .text, .data, .bss,
// .comment, .debug_info, those of Extra, .symtab, .strtab, .shstrtab.
func (e ELF) Bytes() []byte {
	w := &elfWriter{order: e.Order, is64: e.Bits != 32}
	if w.order == nil {
		w.order = binary.LittleEndian
	}
	machine, typ, align := e.Machine, e.Type, e.PageAlign
	if machine == 0 {
		machine = 62
		if !w.is64 {
			machine = 3
		}
	}
	if typ == 0 {
		typ = 2
	}
	if align == 0 {
		align = 4096
	}
	ehsize, phentsize, shentsize, symsize := uint64(64), uint64(56), uint64(64), uint64(24)
	class := byte(2)
	if !w.is64 {
		ehsize, phentsize, shentsize, symsize, class = 52, 32, 40, 16, 1
	}
	data := byte(1)
	if w.order == binary.BigEndian {
		data = 2
	}
	const segments = 3 // LOAD, LOAD, GNU_STACK
	text := ehsize + segments*phentsize
	dataOff := (text+uint64(len(exit42))+15)/16*16 + align // a whole page of nothing between the segments
	dataOff = dataOff / align * align
	tail := dataOff + 16

	// What lies behind the segments.
	type placed struct {
		ELFSection
		off, align uint64
	}
	names := []byte{0}
	name := func(s string) uint32 {
		at := len(names)
		names = append(append(names, s...), 0)
		return uint32(at)
	}
	extra := []placed{
		{ELFSection: ELFSection{".comment", 1, []byte("testbin\x00")}, align: 1},
		{ELFSection: ELFSection{".debug_info", 1, make([]byte, 100)}, align: 1},
	}
	for _, s := range e.Extra {
		extra = append(extra, placed{ELFSection: s, align: 1})
	}
	strtab := []byte("\x00_start\x00answer\x00")
	symbols := &elfWriter{order: w.order, is64: w.is64}
	symbols.symbol(0, 0, 0, 0, 0)
	symbols.symbol(8, 1, 2, ELFData, 8)                           // answer: local, object
	symbols.symbol(1, 0x12, 1, ELFText+text, uint64(len(exit42))) // _start: global, function
	index := uint32(4 + len(extra))                               // of .symtab
	extra = append(extra, placed{ELFSection{".symtab", 2, symbols.out}, 0, 8})
	extra = append(extra, placed{ELFSection{".strtab", 3, strtab}, 0, 1})
	textName, dataName, bssName := name(".text"), name(".data"), name(".bss")
	var extraNames []uint32
	for _, s := range extra {
		extraNames = append(extraNames, name(s.Name))
	}
	shstrtabName := name(".shstrtab")
	at := tail
	for i := range extra {
		at = (at + extra[i].align - 1) / extra[i].align * extra[i].align
		extra[i].off = at
		at += uint64(len(extra[i].Data))
	}
	shstrtab := at
	shoff := (at + uint64(len(names)) + 7) / 8 * 8
	count := uint16(4 + len(extra) + 1)

	w.out = append(w.out, 0x7f, 'E', 'L', 'F', class, data, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	w.u16(typ)
	w.u16(machine)
	w.u32(1)
	w.word(ELFText + text)
	w.word(ehsize)
	w.word(shoff)
	w.u32(0)
	for _, v := range []uint16{uint16(ehsize), uint16(phentsize), segments, uint16(shentsize), count, count - 1} {
		w.u16(v)
	}
	w.segment(1, 5, 0, ELFText, text+uint64(len(exit42)), text+uint64(len(exit42)), align)
	w.segment(1, 6, dataOff, ELFData, 16, 80, align)
	w.segment(0x6474e551, 6, 0, 0, 0, 0, 16)
	w.out = append(w.out, exit42...)
	w.out = append(w.out, make([]byte, dataOff-uint64(len(w.out)))...)
	w.out = append(w.out, "\x2a\x00\x00\x00\x00\x00\x00\x01"...)
	w.out = append(w.out, make([]byte, 8)...)
	for _, s := range extra {
		w.out = append(w.out, make([]byte, s.off-uint64(len(w.out)))...)
		w.out = append(w.out, s.Data...)
	}
	w.out = append(w.out, names...)
	w.pad(8)
	w.section(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	w.section(textName, 1, 6, ELFText+text, text, uint64(len(exit42)), 0, 0, 4, 0)
	w.section(dataName, 1, 3, ELFData, dataOff, 16, 0, 0, 8, 0)
	w.section(bssName, 8, 3, ELFData+16, dataOff+16, 64, 0, 0, 8, 0)
	for i, s := range extra {
		var link, info uint32
		var entsize uint64
		if s.Name == ".symtab" {
			link, info, entsize = index+1, 2, symsize
		}
		w.section(extraNames[i], s.Type, 0, 0, s.off, uint64(len(s.Data)), link, info, s.align, entsize)
	}
	w.section(shstrtabName, 3, 0, 0, shstrtab, uint64(len(names)), 0, 0, 1, 0)
	return append(w.out, e.Payload...)
}
