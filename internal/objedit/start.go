package objedit

// Objects made here from nothing: `_start` in place of the C runtime's start
// files (Scrt1.o, crti.o, crtbeginS.o, crtendS.o, crtn.o: a kilobyte of
// symbols, notes, frame entries and hooks in the program), and stubs for
// functions that the program would import.
//
// `_start` does what glibc's own does since 2.34: call __libc_start_main with
// main, argc, argv, no init, no fini, the loader's finaliser and the end of
// the stack. With no init given, glibc 2.34 and later run the program's init
// and fini arrays themselves (csu/libc-start.c, call_init); with an older one
// they would never run, so the caller has to check which version was linked.

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/minsize/minsize/internal/machine"
	"github.com/minsize/minsize/internal/objfile"
)

// definition is one function or datum of a new object, in its own section.
type definition struct {
	name        string
	data        []byte
	function    bool
	hidden      bool
	weak        bool
	relocated   bool // data that the loader relocates: writable, then read-only
	retain      bool // kept though nothing refers to it (SHF_GNU_RETAIN)
	relocations []machine.Relocation
}

// StartObject makes the object with `_start` for a machine. It also holds __dso_handle, which crtbegin has otherwise
// and whose address alone is used (to tell the program from its libraries).
func StartObject(m *machine.Machine) ([]byte, error) {
	if m.Code == nil || len(m.Code.Start.Code) == 0 {
		return nil, fmt.Errorf("no _start for the machine %s", m.Title)
	}
	start := m.Code.Start
	return newObject(m, []definition{{name: "_start", function: true, data: start.Code, relocations: start.Relocations}, handle})
}

var handle = definition{name: "__dso_handle", data: make([]byte, 8), hidden: true, weak: true}

// RelocatorObject makes an object with code that the program is to call as a
// resolver, and one pointer to it at an odd address: linkers that pack relative
// relocations (package relr) leave that one unpacked, as an entry of its own in
// .rela.dyn, since the packed form has even addresses only.
func RelocatorObject(m *machine.Machine, code []byte) ([]byte, error) {
	return newObject(m, []definition{
		{name: RelocatorName, data: code, function: true, hidden: true},
		{name: RelocatorName + "_entry", data: make([]byte, 9), hidden: true, relocated: true, retain: true,
			relocations: []machine.Relocation{{Offset: 1, Type: m.Relocations.Pointer, Symbol: RelocatorName}}},
	})
}

// RelocatorName is the symbol of the code in RelocatorObject.
const RelocatorName = "minsize_relocate"

// HandleObject makes the object with __dso_handle alone.
func HandleObject(m *machine.Machine) ([]byte, error) {
	return newObject(m, []definition{handle})
}

// StubObject makes an object that defines each name as its code, hidden, so
// that no library that the program loads ever binds to it.
func StubObject(m *machine.Machine, stubs map[string][]byte, order []string) ([]byte, error) {
	var list []definition
	for _, name := range order {
		list = append(list, definition{name: name, data: stubs[name], function: true, hidden: true})
	}
	return newObject(m, list)
}

// newObject writes an ELF relocatable object.
func newObject(m *machine.Machine, list []definition) ([]byte, error) {
	if m.Code == nil {
		return nil, fmt.Errorf("no objects for the machine %s", m.Title)
	}
	if m.Relocations.Pointer == 0 {
		return nil, fmt.Errorf("no objects are made for %s: they would have 32 bits", m.Title)
	}
	type sec struct {
		name           string
		shType         uint32
		flags          uint64
		body           []byte
		link, info     uint32
		align, entsize uint64
	}
	le := binary.LittleEndian
	table := func() (func(string) uint32, *strings.Builder) {
		var b strings.Builder
		b.WriteByte(0)
		known := map[string]uint32{"": 0}
		return func(name string) uint32 {
			at, ok := known[name]
			if !ok {
				at = uint32(b.Len())
				known[name] = at
				b.WriteString(name + "\x00")
			}
			return at
		}, &b
	}
	str, strings := table()
	shstr, shstrings := table()
	var symbols []byte
	numbers := map[string]uint32{}
	symbol := func(name string, info, other byte, section uint16, size int) {
		numbers[name] = uint32(uint64(len(symbols)) / elf64.symbol)
		symbols = le.AppendUint32(symbols, str(name))
		symbols = append(symbols, info, other)
		symbols = le.AppendUint16(symbols, section)
		symbols = le.AppendUint64(symbols, 0)
		symbols = le.AppendUint64(symbols, uint64(size))
	}
	symbol("", 0, 0, 0, 0)
	sections := []sec{{}}
	for _, d := range list {
		s := sec{name: ".rodata." + d.name, shType: objfile.SHT_PROGBITS, flags: objfile.SHF_ALLOC, body: d.data, align: 8}
		info, other := byte(1<<4|sttObject), byte(0)
		if d.function {
			s.name, s.flags, s.align = ".text."+d.name, objfile.SHF_ALLOC|objfile.SHF_EXECINSTR, 4
			info = 1<<4 | sttFunc
		}
		if d.relocated {
			s.name, s.flags = ".data.rel.ro."+d.name, objfile.SHF_ALLOC|objfile.SHF_WRITE
		}
		if d.retain {
			s.flags |= shfGNURetain
		}
		if d.weak {
			info = stbWeak<<4 | info&0xf
		}
		if d.hidden {
			other = 2 // STV_HIDDEN
		}
		symbol(d.name, info, other, uint16(len(sections)), len(d.data))
		sections = append(sections, s)
	}
	for i, d := range list {
		var relas []byte
		for _, r := range d.relocations {
			if _, known := numbers[r.Symbol]; !known {
				symbol(r.Symbol, 1<<4, 0, 0, 0)
			}
			relas = le.AppendUint64(relas, r.Offset)
			relas = le.AppendUint64(relas, uint64(numbers[r.Symbol])<<32|uint64(r.Type))
			relas = le.AppendUint64(relas, uint64(r.Addend))
		}
		if relas != nil {
			sections = append(sections, sec{name: ".rela" + sections[i+1].name, shType: objfile.SHT_RELA, flags: 0x40, body: relas, info: uint32(i + 1), align: 8, entsize: elf64.rela})
		}
	}
	symtab := uint32(len(sections))
	for i := range sections {
		if sections[i].shType == objfile.SHT_RELA {
			sections[i].link = symtab
		}
	}
	sections = append(sections,
		sec{name: ".symtab", shType: objfile.SHT_SYMTAB, body: symbols, link: symtab + 1, info: 1, align: 8, entsize: elf64.symbol},
		sec{name: ".strtab", shType: 3, body: []byte(strings.String()), align: 1},
		sec{name: ".note.GNU-stack", shType: objfile.SHT_PROGBITS, align: 1}, // the stack is not executable
		sec{name: ".shstrtab", shType: 3, align: 1},
	)
	for _, s := range sections {
		shstr(s.name)
	}
	sections[len(sections)-1].body = []byte(shstrings.String())

	out := make([]byte, elf64.header)
	var headers []byte
	for i, s := range sections {
		for i > 0 && len(out)%8 != 0 {
			out = append(out, 0)
		}
		offset := uint64(len(out))
		if i == 0 {
			offset = 0
		}
		headers = le.AppendUint32(headers, shstr(s.name))
		headers = le.AppendUint32(headers, s.shType)
		for _, v := range []uint64{s.flags, 0, offset, uint64(len(s.body))} {
			headers = le.AppendUint64(headers, v)
		}
		headers = le.AppendUint32(headers, s.link)
		headers = le.AppendUint32(headers, s.info)
		headers = le.AppendUint64(headers, s.align)
		headers = le.AppendUint64(headers, s.entsize)
		out = append(out, s.body...)
	}
	for len(out)%8 != 0 {
		out = append(out, 0)
	}
	copy(out, "\x7fELF\x02\x01\x01")
	le.PutUint16(out[16:], objfile.ET_REL)
	le.PutUint16(out[18:], m.ELF[0])
	le.PutUint32(out[20:], 1)
	le.PutUint64(out[0x28:], uint64(len(out)))
	le.PutUint16(out[0x34:], uint16(elf64.header))
	le.PutUint16(out[0x3a:], uint16(elf64.section))
	le.PutUint16(out[0x3c:], uint16(len(sections)))
	le.PutUint16(out[0x3e:], uint16(len(sections)-1))
	return append(out, headers...), nil
}
