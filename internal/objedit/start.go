package objedit

// An object with nothing but `_start`, in place of the C runtime's start
// files (Scrt1.o, crti.o, crtbeginS.o, crtendS.o, crtn.o: a kilobyte of
// symbols, notes, frame entries and hooks in the program).
//
// It does what glibc's own does since 2.34: call __libc_start_main with main,
// argc, argv, no init, no fini, the loader's finaliser and the end of the
// stack. With no init given, glibc 2.34 and later run the program's init and
// fini arrays themselves (csu/libc-start.c, call_init); older ones would not,
// and the versioned symbol keeps the program from loading there.

import (
	"encoding/binary"
	"fmt"
)

type startCode struct {
	code        []byte
	relocations []startRelocation
	number      uint16
}

type startRelocation struct {
	offset uint64
	kind   uint32
	symbol uint32 // 1 main, 2 __libc_start_main
	addend int64
}

var starts = map[string]startCode{
	"x86_64": {
		number: 62,
		code: []byte{
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
		relocations: []startRelocation{{23, 2, 1, -4}, {29, 41, 2, -4}}, // R_X86_64_PC32, R_X86_64_GOTPCRELX
	},
	"aarch64": {
		number: 183,
		code: words(
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
		relocations: []startRelocation{{24, 275, 1, 0}, {28, 277, 1, 0}, {40, 283, 2, 0}},
	},
}

// StartObject makes the object for a machine by its name in LLVM's triples.
func StartObject(machine string) ([]byte, error) {
	start, ok := starts[machine]
	if !ok {
		return nil, fmt.Errorf("no _start for the machine %s (known: x86_64, aarch64)", machine)
	}
	le := binary.LittleEndian
	const shstr = "\x00.text\x00.rela.text\x00.symtab\x00.strtab\x00.shstrtab\x00.note.GNU-stack\x00"
	const str = "\x00main\x00__libc_start_main\x00_start\x00"
	at := func(table, name string) uint32 {
		for i := 1; i+len(name) < len(table); i++ {
			if table[i:i+len(name)] == name && table[i+len(name)] == 0 && table[i-1] == 0 {
				return uint32(i)
			}
		}
		panic("objedit: a name that the table has not: " + name)
	}
	var symbols, relas []byte
	symbol := func(name uint32, info byte, section uint16, size uint64) {
		symbols = le.AppendUint32(symbols, name)
		symbols = append(symbols, info, 0)
		symbols = le.AppendUint16(symbols, section)
		symbols = le.AppendUint64(symbols, 0)
		symbols = le.AppendUint64(symbols, size)
	}
	symbol(0, 0, 0, 0)
	symbol(at(str, "main"), 0x10, 0, 0)
	symbol(at(str, "__libc_start_main"), 0x10, 0, 0)
	symbol(at(str, "_start"), 0x12, 1, uint64(len(start.code)))
	for _, r := range start.relocations {
		relas = le.AppendUint64(relas, r.offset)
		relas = le.AppendUint64(relas, uint64(r.symbol)<<32|uint64(r.kind))
		relas = le.AppendUint64(relas, uint64(r.addend))
	}
	type sec struct {
		name           string
		shType         uint32
		flags          uint64
		body           []byte
		link, info     uint32
		align, entsize uint64
	}
	list := []sec{
		{},
		{".text", shtProgbits, shfAlloc | shfExecinstr, start.code, 0, 0, 4, 0},
		{".rela.text", shtRela, 0x40, relas, 3, 1, 8, relaEntry},
		{".symtab", shtSymtab, 0, symbols, 4, 1, 8, symbolEntry},
		{".strtab", 3, 0, []byte(str), 0, 0, 1, 0},
		{".shstrtab", 3, 0, []byte(shstr), 0, 0, 1, 0},
		{".note.GNU-stack", shtProgbits, 0, nil, 0, 0, 1, 0}, // the stack is not executable
	}
	out := make([]byte, elfHeader64)
	var headers []byte
	for i, s := range list {
		for len(out)%8 != 0 {
			out = append(out, 0)
		}
		var name uint32
		offset := uint64(len(out))
		if i == 0 {
			offset = 0
		} else {
			name = at(shstr, s.name)
		}
		headers = le.AppendUint32(headers, name)
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
	le.PutUint16(out[18:], start.number)
	le.PutUint32(out[20:], 1)
	le.PutUint64(out[0x28:], uint64(len(out)))
	le.PutUint16(out[0x34:], elfHeader64)
	le.PutUint16(out[0x3a:], sectionHdr)
	le.PutUint16(out[0x3c:], uint16(len(list)))
	le.PutUint16(out[0x3e:], 5)
	return append(out, headers...), nil
}
