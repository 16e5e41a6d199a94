package objedit

// The start of a Windows program, made here from nothing: what stands between
// the loader and main where the C runtime's own start is left out. MinGW's
// reads the command line for a C main, sets up rounding, signals and an
// exception filter for C, and calls C++'s constructors; Rust asks the system
// for its arguments, and has none of these.

import (
	"encoding/binary"

	"github.com/minsize/minsize/internal/machine"
	"github.com/minsize/minsize/internal/objfile"
)

// WindowsStart are the symbols that the object of WindowsStartObject defines:
// the entry point, and what compilers for MinGW call at the beginning of main.
var WindowsStart = []string{"mainCRTStartup", "__main"}

// relocation types of x86-64 COFF (Microsoft, "PE Format").
const (
	relAMD64Address32NB = 3
	relAMD64Relative32  = 4
)

// windowsStart calls main without arguments, and exit with what it returns:
// exit, not ExitProcess, for C code may have output in its buffers.
var windowsStart = []byte{
	0x48, 0x83, 0xec, 40, // sub rsp, 40: room for the callee's registers
	0x31, 0xc9, // xor ecx, ecx
	0x31, 0xd2, // xor edx, edx
	0xe8, 0, 0, 0, 0, // call main
	0x89, 0xc1, // mov ecx, eax
	0xff, 0x15, 0, 0, 0, 0, // call [rip + __imp_exit]
	0xcc, // int3
}

// WindowsStartObject makes the object for x86-64.
func WindowsStartObject() []byte {
	const code = objfile.IMAGE_SCN_CNT_CODE | objfile.IMAGE_SCN_MEM_EXECUTE | objfile.IMAGE_SCN_MEM_READ
	const data = objfile.IMAGE_SCN_CNT_INITIALIZED_DATA | objfile.IMAGE_SCN_MEM_READ
	type relocation struct {
		at     uint32
		symbol uint32
		kind   uint16
	}
	type part struct {
		name            string
		body            []byte
		characteristics uint32
		align           uint32 // its logarithm and 1, as the header has it
		relocations     []relocation
	}
	symbols := []struct {
		name    string
		value   uint32
		section uint16
		kind    uint16
		class   byte
	}{
		{WindowsStart[0], 0, 1, objfile.COFFFunctionType, objfile.IMAGE_SYM_CLASS_EXTERNAL},
		{"main", 0, 0, objfile.COFFFunctionType, objfile.IMAGE_SYM_CLASS_EXTERNAL},
		{"__imp_exit", 0, 0, 0, objfile.IMAGE_SYM_CLASS_EXTERNAL},
		{"start", 0, 1, 0, objfile.IMAGE_SYM_CLASS_STATIC},
		{"unwind", 0, 4, 0, objfile.IMAGE_SYM_CLASS_STATIC},
		{WindowsStart[1], 0, 2, objfile.COFFFunctionType, objfile.IMAGE_SYM_CLASS_EXTERNAL},
	}
	parts := []part{
		{".text", windowsStart, code, 1, []relocation{{9, 1, relAMD64Relative32}, {17, 2, relAMD64Relative32}}},
		{".text", []byte{0xc3}, code, 1, nil},
		// Begin, end and information: the fields hold what is added to the symbols.
		{".pdata", []byte{0, 0, 0, 0, byte(len(windowsStart)), 0, 0, 0, 0, 0, 0, 0}, data, 3,
			[]relocation{{0, 3, relAMD64Address32NB}, {4, 3, relAMD64Address32NB}, {8, 4, relAMD64Address32NB}}},
		// Version 1, a prologue of 4 bytes with one code: at its end 40 bytes are allocated.
		{".xdata", []byte{1, 4, 1, 0, 4, 0x42, 0, 0}, data, 3, nil},
	}

	le := binary.LittleEndian
	out := make([]byte, objfile.COFFHeaderSize+len(parts)*objfile.PESectionHeaderSize)
	for i, p := range parts {
		h := objfile.PESectionHeader{SizeOfRawData: uint32(len(p.body)), PointerToRawData: uint32(len(out)),
			NumberOfRelocations: uint16(len(p.relocations)), Characteristics: p.characteristics | p.align<<20}
		copy(h.Name[:], p.name)
		out = append(out, p.body...)
		if len(p.relocations) > 0 {
			h.PointerToRelocations = uint32(len(out))
		}
		for _, r := range p.relocations {
			out = le.AppendUint16(le.AppendUint32(le.AppendUint32(out, r.at), r.symbol), r.kind)
		}
		h.Put(out[objfile.COFFHeaderSize+i*objfile.PESectionHeaderSize:])
	}
	le.PutUint16(out, machine.X86_64.Arches[0].COFF[0])
	le.PutUint16(out[2:], uint16(len(parts)))
	le.PutUint32(out[8:], uint32(len(out)))
	le.PutUint32(out[12:], uint32(len(symbols)))
	strings := make([]byte, 4)
	for _, s := range symbols {
		var name [8]byte
		if len(s.name) > len(name) {
			le.PutUint32(name[4:], uint32(len(strings)))
			strings = append(append(strings, s.name...), 0)
		} else {
			copy(name[:], s.name)
		}
		out = le.AppendUint32(append(out, name[:]...), s.value)
		out = le.AppendUint16(le.AppendUint16(out, s.section), s.kind)
		out = append(out, s.class, 0)
	}
	le.PutUint32(strings, uint32(len(strings)))
	return append(out, strings...)
}
