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
	relocations []newRelocation
}

type newRelocation struct {
	offset uint64
	kind   uint32
	symbol string
	addend int64
}

var starts = map[string]definition{
	"x86_64": {
		name: "_start", function: true,
		data: []byte{
			0x31, 0xed, // xor ebp, ebp: the outermost frame (System V ABI x86-64, 3.4.1)
			0x49, 0x89, 0xd1, // mov r9, rdx: the loader's finaliser
			0x5e,             // pop rsi: argc
			0x48, 0x89, 0xe2, // mov rdx, rsp: argv
			0x48, 0x83, 0xe4, 0xf0, // and rsp, -16
			0x50,             // push rax: keeps the alignment
			0x54,             // push rsp: the end of the stack
			0x45, 0x31, 0xc0, // xor r8d, r8d: no fini
			0x31, 0xc9, // xor ecx, ecx: no init
			0x48, 0x8d, 0x3d, 0, 0, 0, 0, // lea rdi, [rip + main]
			0xff, 0x15, 0, 0, 0, 0, // call [rip + __libc_start_main@GOTPCREL]
			0xf4, // hlt: never reached
		},
		relocations: []newRelocation{{23, 2, "main", -4}, {29, 41, "__libc_start_main", -4}}, // R_X86_64_PC32, R_X86_64_GOTPCRELX
	},
	"aarch64": {
		name: "_start", function: true,
		data: words(
			0xd280001d, // mov x29, #0
			0xd280001e, // mov x30, #0
			0xaa0003e5, // mov x5, x0: the loader's finaliser
			0xf94003e1, // ldr x1, [sp]: argc
			0x910023e2, // add x2, sp, #8: argv
			0x910003e6, // mov x6, sp: the end of the stack
			0x90000000, // adrp x0, main
			0x91000000, // add x0, x0, :lo12:main
			0xd2800003, // mov x3, #0: no init
			0xd2800004, // mov x4, #0: no fini
			0x94000000, // bl __libc_start_main
			0xd4200020, // brk #1: never reached
		),
		// R_AARCH64_ADR_PREL_PG_HI21, R_AARCH64_ADD_ABS_LO12_NC, R_AARCH64_CALL26
		relocations: []newRelocation{{24, 275, "main", 0}, {28, 277, "main", 0}, {40, 283, "__libc_start_main", 0}},
	},
}

// StartObject makes the object with `_start` for a machine by its name in
// LLVM's triples. It also holds __dso_handle, which crtbegin has otherwise
// and whose address alone is used (to tell the program from its libraries).
func StartObject(machineName string) ([]byte, error) {
	start, ok := starts[machineName]
	if !ok {
		return nil, fmt.Errorf("no _start for the machine %s (known: x86_64, aarch64)", machineName)
	}
	return newObject(machineName, []definition{start, handle})
}

var handle = definition{name: "__dso_handle", data: make([]byte, 8), hidden: true, weak: true}

// RelocatorObject makes an object with code that the program is to call as a
// resolver, and one pointer to it at an odd address: linkers that pack relative
// relocations (package relr) leave that one unpacked, as an entry of its own in
// .rela.dyn, since the packed form has even addresses only. pointer is the
// machine's relocation type of a 64-bit address.
func RelocatorObject(machineName string, code []byte, pointer uint32) ([]byte, error) {
	return newObject(machineName, []definition{
		{name: RelocatorName, data: code, function: true, hidden: true},
		{name: RelocatorName + "_entry", data: make([]byte, 9), hidden: true, relocated: true, retain: true,
			relocations: []newRelocation{{1, pointer, RelocatorName, 0}}},
	})
}

// RelocatorName is the symbol of the code in RelocatorObject.
const RelocatorName = "minsize_relocate"

// HandleObject makes the object with __dso_handle alone.
func HandleObject(machineName string) ([]byte, error) {
	return newObject(machineName, []definition{handle})
}

// StubObject makes an object that defines each name as its code, hidden, so
// that no library that the program loads ever binds to it.
func StubObject(machineName string, stubs map[string][]byte, order []string) ([]byte, error) {
	var list []definition
	for _, name := range order {
		list = append(list, definition{name: name, data: stubs[name], function: true, hidden: true})
	}
	return newObject(machineName, list)
}

// StubCode is Object.Code for a machine by name.
func StubCode(machineName string, kind Kind, name string) ([]byte, error) {
	for i := range machines {
		if machines[i].name == machineName {
			return (&Object{machine: &machines[i]}).Code(kind, name)
		}
	}
	return nil, fmt.Errorf("no stubs for the machine %s", machineName)
}

// newObject writes an ELF relocatable object.
func newObject(machineName string, list []definition) ([]byte, error) {
	number := MachineNumber(machineName)
	if number == 0 {
		return nil, fmt.Errorf("no objects for the machine %s", machineName)
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
		numbers[name] = uint32(len(symbols) / symbolEntry)
		symbols = le.AppendUint32(symbols, str(name))
		symbols = append(symbols, info, other)
		symbols = le.AppendUint16(symbols, section)
		symbols = le.AppendUint64(symbols, 0)
		symbols = le.AppendUint64(symbols, uint64(size))
	}
	symbol("", 0, 0, 0, 0)
	sections := []sec{{}}
	for _, d := range list {
		s := sec{name: ".rodata." + d.name, shType: shtProgbits, flags: shfAlloc, body: d.data, align: 8}
		info, other := byte(1<<4|sttObject), byte(0)
		if d.function {
			s.name, s.flags, s.align = ".text."+d.name, shfAlloc|shfExecinstr, 4
			info = 1<<4 | sttFunc
		}
		if d.relocated {
			s.name, s.flags = ".data.rel.ro."+d.name, shfAlloc|shfWrite
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
			if _, known := numbers[r.symbol]; !known {
				symbol(r.symbol, 1<<4, 0, 0, 0)
			}
			relas = le.AppendUint64(relas, r.offset)
			relas = le.AppendUint64(relas, uint64(numbers[r.symbol])<<32|uint64(r.kind))
			relas = le.AppendUint64(relas, uint64(r.addend))
		}
		if relas != nil {
			sections = append(sections, sec{name: ".rela" + sections[i+1].name, shType: shtRela, flags: 0x40, body: relas, info: uint32(i + 1), align: 8, entsize: relaEntry})
		}
	}
	symtab := uint32(len(sections))
	for i := range sections {
		if sections[i].shType == shtRela {
			sections[i].link = symtab
		}
	}
	sections = append(sections,
		sec{name: ".symtab", shType: shtSymtab, body: symbols, link: symtab + 1, info: 1, align: 8, entsize: symbolEntry},
		sec{name: ".strtab", shType: 3, body: []byte(strings.String()), align: 1},
		sec{name: ".note.GNU-stack", shType: shtProgbits, align: 1}, // the stack is not executable
		sec{name: ".shstrtab", shType: 3, align: 1},
	)
	for _, s := range sections {
		shstr(s.name)
	}
	sections[len(sections)-1].body = []byte(shstrings.String())

	out := make([]byte, elfHeader64)
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
	le.PutUint16(out[16:], etRel)
	le.PutUint16(out[18:], number)
	le.PutUint32(out[20:], 1)
	le.PutUint64(out[0x28:], uint64(len(out)))
	le.PutUint16(out[0x34:], elfHeader64)
	le.PutUint16(out[0x3a:], sectionHdr)
	le.PutUint16(out[0x3c:], uint16(len(sections)))
	le.PutUint16(out[0x3e:], uint16(len(sections)-1))
	return append(out, headers...), nil
}
