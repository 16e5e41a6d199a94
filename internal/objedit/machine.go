package objedit

// The machine code of stubs: a machine is one entry of this table.
//
// A stub that returns writes the registers that the result is in and no
// other: GCC's -fipa-ra lets callers of the same file keep values in registers
// that the function, as it was, did not touch.
//
// Every stub is position-independent, needs no relocation, and moves no stack
// pointer while it may be interrupted by an unwinder that looks at its call
// frame entry (default-signal restores it before it returns; a signal inside
// a signal handler's last five instructions is a risk taken knowingly).
// Encodings: Intel SDM volume 2; Arm ARM DDI 0487, chapter C6. System calls:
// Linux's numbers for the machine.

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// Kind names a stub; package relink gives the kinds their meaning for users.
type Kind string

const (
	Return        Kind = "return"
	Zero          Kind = "zero"
	ZeroFloat     Kind = "zero-float"
	ZeroPair      Kind = "zero-pair"
	Trap          Kind = "trap"
	Report        Kind = "report"
	DefaultSignal Kind = "default-signal"
)

type machine struct {
	name   string
	number uint16 // e_machine
	stubs  map[Kind][]byte
	report func(message []byte) []byte
	trap   []byte // one trap instruction
	// dataReferences are the relocations by which code and data take an
	// address of read-only data; the first is the plain 64-bit pointer.
	dataReferences []uint32
	// alignment is where a function may begin; see AlignFunctions.
	alignment uint64
	// pads are the instructions that an indirect call must land on when the
	// program is built with control flow protection; kept when the function
	// begins with one.
	pads []landing
}

type landing struct{ found, kept []byte }

var machines = []machine{
	{
		name: "x86_64", number: 62, // EM_X86_64
		trap:           []byte{0xcc}, // int3, to fill with: ud2 has two bytes
		alignment:      2,
		dataReferences: []uint32{1, 2, 10, 11, 24}, // R_X86_64_64, _PC32, _32, _32S, _PC64
		stubs: map[Kind][]byte{
			Return:    {0xc3},                         // ret
			Zero:      {0x31, 0xc0, 0xc3},             // xor eax, eax; ret
			ZeroFloat: {0x0f, 0x57, 0xc0, 0xc3},       // xorps xmm0, xmm0; ret
			ZeroPair:  {0x31, 0xc0, 0x31, 0xd2, 0xc3}, // xor eax, eax; xor edx, edx; ret
			Trap:      {0x0f, 0x0b},                   // ud2
			DefaultSignal: {
				0x6a, 0x00, 0x6a, 0x00, 0x6a, 0x00, 0x6a, 0x00, // push 0, four times: struct sigaction {SIG_DFL, 0, 0, 0}
				0x48, 0x89, 0xe6, // mov rsi, rsp
				0x31, 0xd2, // xor edx, edx
				0x41, 0xba, 8, 0, 0, 0, // mov r10d, 8: bytes of the signal set
				0xb8, 13, 0, 0, 0, // mov eax, 13: rt_sigaction(edi, rsi, 0, 8)
				0x0f, 0x05, // syscall
				0x48, 0x83, 0xc4, 0x20, // add rsp, 32
				0xc3, // ret: the instruction that faulted runs again
			},
		},
		report: func(message []byte) []byte {
			code := []byte{
				0xbf, 2, 0, 0, 0, // mov edi, 2
				0x48, 0x8d, 0x35, 0, 0, 0, 0, // lea rsi, [rip + message]
				0xba, 0, 0, 0, 0, // mov edx, length
				0xb8, 1, 0, 0, 0, // mov eax, 1: write
				0x0f, 0x05, // syscall
				0xb8, 39, 0, 0, 0, // mov eax, 39: getpid
				0x0f, 0x05, // syscall
				0x89, 0xc7, // mov edi, eax
				0xb8, 186, 0, 0, 0, // mov eax, 186: gettid
				0x0f, 0x05, // syscall
				0x89, 0xc6, // mov esi, eax
				0xba, 6, 0, 0, 0, // mov edx, SIGABRT
				0xb8, 234, 0, 0, 0, // mov eax, 234: tgkill
				0x0f, 0x05, // syscall
				0x0f, 0x0b, // ud2, where SIGABRT is blocked
			}
			binary.LittleEndian.PutUint32(code[8:], uint32(len(code)-12))
			binary.LittleEndian.PutUint32(code[13:], uint32(len(message)))
			return append(code, message...)
		},
		pads: []landing{{[]byte{0xf3, 0x0f, 0x1e, 0xfa}, []byte{0xf3, 0x0f, 0x1e, 0xfa}}}, // endbr64
	},
	{
		name: "aarch64", number: 183, // EM_AARCH64
		trap:      words(0xd4200020), // brk #1
		alignment: 4,
		// R_AARCH64_ABS64, _PREL64, _PREL32, _ADR_PREL_LO21, _ADR_PREL_PG_HI21, _ADD_ABS_LO12_NC, _LDST8_, _LDST16_, _LDST32_, _LDST64_ABS_LO12_NC
		dataReferences: []uint32{257, 260, 261, 274, 275, 277, 278, 284, 285, 286},
		stubs: map[Kind][]byte{
			Return:    words(0xd65f03c0),                         // ret
			Zero:      words(0xd2800000, 0xd65f03c0),             // mov x0, #0; ret
			ZeroFloat: words(0x2f00e400, 0xd65f03c0),             // movi d0, #0; ret
			ZeroPair:  words(0xd2800000, 0xd2800001, 0xd65f03c0), // mov x0, #0; mov x1, #0; ret
			Trap:      words(0xd4200020),                         // brk #1
			DefaultSignal: words(
				0xa9be7fff, // stp xzr, xzr, [sp, #-32]!: struct sigaction {SIG_DFL, 0,
				0xa9017fff, // stp xzr, xzr, [sp, #16]: 0, 0}
				0x910003e1, // mov x1, sp
				0xd2800002, // mov x2, #0
				0xd2800103, // mov x3, #8: bytes of the signal set
				0xd28010c8, // mov x8, #134: rt_sigaction(x0, x1, 0, 8)
				0xd4000001, // svc #0
				0x910083ff, // add sp, sp, #32
				0xd65f03c0, // ret
			),
		},
		report: func(message []byte) []byte {
			code := words(
				0xd2800040,   // mov x0, #2
				adr(1, 4*15), // adr x1, message
				0xd2800002|uint32(len(message)&0xffff)<<5, // mov x2, length
				0xd2800808, // mov x8, #64: write
				0xd4000001, // svc #0
				0xd2801588, // mov x8, #172: getpid
				0xd4000001, // svc #0
				0xaa0003e9, // mov x9, x0
				0xd2801648, // mov x8, #178: gettid
				0xd4000001, // svc #0
				0xaa0003e1, // mov x1, x0
				0xaa0903e0, // mov x0, x9
				0xd28000c2, // mov x2, #6: SIGABRT
				0xd2801068, // mov x8, #131: tgkill
				0xd4000001, // svc #0
				0xd4200020, // brk #1, where SIGABRT is blocked
			)
			code = append(code, message...)
			for len(code)%4 != 0 {
				code = append(code, 0)
			}
			return code
		},
		pads: []landing{
			{words(0xd503245f), words(0xd503245f)}, // bti c
			{words(0xd503233f), words(0xd503245f)}, // paciasp lands like bti c, but would sign what a bare ret cannot check
		},
	},
}

// words lays instructions out in memory order.
func words(instructions ...uint32) []byte {
	var out []byte
	for _, w := range instructions {
		out = binary.LittleEndian.AppendUint32(out, w)
	}
	return out
}

// adr is `adr xN, #distance` for distances of whole words.
func adr(register, distance uint32) uint32 {
	return 0x10000000 | distance/4<<5 | register
}

func machineByNumber(number uint16) *machine {
	for i := range machines {
		if machines[i].number == number {
			return &machines[i]
		}
	}
	return nil
}

// maxReport bounds the name in a report's message: aarch64's mov has 16 bits.
const maxReport = 1024

// Code is the machine code of a stub for this object's machine. name is what
// a Report stub says it was.
func (o *Object) Code(kind Kind, name string) ([]byte, error) {
	if kind == Report {
		if len(name) > maxReport {
			name = name[:maxReport]
		}
		return o.machine.report([]byte("minsize: cut function " + name + " was reached\n")), nil
	}
	code, ok := o.machine.stubs[kind]
	if !ok {
		return nil, fmt.Errorf("no stub %q for %s", kind, o.machine.name)
	}
	return code, nil
}

// Machine is the machine's name as in LLVM's triples.
func (o *Object) Machine() string { return o.machine.name }

// MachineNumber is e_machine of a machine by its name, 0 for one that is not known.
func MachineNumber(name string) uint16 {
	for i := range machines {
		if machines[i].name == name {
			return machines[i].number
		}
	}
	return 0
}

// MachineName is Machine of an ELF object that is not parsed; "" for a machine
// without stubs.
func MachineName(data []byte) string {
	if !IsELF(data) || len(data) < elfHeader64 {
		return ""
	}
	if m := machineByNumber(binary.LittleEndian.Uint16(data[18:])); m != nil {
		return m.name
	}
	return ""
}

func (m *machine) landingPad(function []byte) []byte {
	for _, p := range m.pads {
		if len(function) >= len(p.found) && slices.Equal(function[:len(p.found)], p.found) {
			return p.kept
		}
	}
	return nil
}

func (m *machine) fillTraps(space []byte) {
	for i := 0; i+len(m.trap) <= len(space); i += len(m.trap) {
		copy(space[i:], m.trap)
	}
}
