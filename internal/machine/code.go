package machine

import (
	"encoding/binary"
	"slices"
)

// Stub names code that is put in the place of a function; package relink gives
// the kinds their meaning for users.
type Stub string

const (
	Return        Stub = "return"
	Zero          Stub = "zero"
	ZeroFloat     Stub = "zero-float"
	ZeroPair      Stub = "zero-pair"
	Trap          Stub = "trap"
	Report        Stub = "report"
	DefaultSignal Stub = "default-signal"
)

// Code is what can be put in place of a function.
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
type Code struct {
	Stubs     map[Stub][]byte             // that any system runs
	Linux     map[Stub][]byte             // that call Linux
	Report    func(message []byte) []byte // writes message and aborts, by Linux's calls
	Trap      []byte                      // one instruction to fill with
	Alignment uint64                      // where a function may begin
	// Landings are the instructions that an indirect call must land on when the
	// program is built with control flow protection; kept when the function
	// begins with one.
	Landings []Landing
	Start    Fragment // `_start` of a program of glibc
}

// Landing is an instruction, and what a stub has in its place.
type Landing struct{ Found, Kept []byte }

// Fragment is code with ELF relocations.
type Fragment struct {
	Code        []byte
	Relocations []Relocation
}

// Relocation is one of a Fragment.
type Relocation struct {
	Offset uint64
	Type   uint32
	Symbol string
	Addend int64
}

// LandingPad is what a stub for a function must begin with.
func (c *Code) LandingPad(function []byte) []byte {
	for _, p := range c.Landings {
		if len(function) >= len(p.Found) && slices.Equal(function[:len(p.Found)], p.Found) {
			return p.Kept
		}
	}
	return nil
}

// FillTraps fills space with whole traps.
func (c *Code) FillTraps(space []byte) {
	for i := 0; i+len(c.Trap) <= len(space); i += len(c.Trap) {
		copy(space[i:], c.Trap)
	}
}

// Words lays instructions out in memory order.
func Words(instructions ...uint32) []byte {
	out := make([]byte, 0, 4*len(instructions))
	for _, w := range instructions {
		out = binary.LittleEndian.AppendUint32(out, w)
	}
	return out
}
