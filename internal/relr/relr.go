// Package relr is code by which a program or library applies its packed relative
// relocations (DT_RELR; gABI, "Relative Relocation Table") to itself.
//
// A position-independent Rust program has thousands of pointers in its data,
// each with a relocation of 24 bytes that says no more than "add where I was
// loaded". Packed, an entry takes about a bit. But loaders know the packed
// table only since glibc 2.36, musl 1.2.4 and Android 9, and refuse or, worse,
// ignore it before. So the table is hidden from them, and applied by an IFUNC
// resolver: code of the program's own that loaders have called, while they
// relocate, since glibc 2.11 (2009; on aarch64 2.19, 2014). A relocation of type
// IRELATIVE is all it takes.
//
// Why a resolver and not another entry point or DT_INIT: it runs before any
// constructor of any library could call back into the program, before the
// loader makes the RELRO segment read-only, and in programs and libraries
// alike; the entry point stays what it was, for debuggers and profilers. No
// page changes its protection, so no filter of system calls can be in the way.
// musl knows no IFUNC, so this is for programs of glibc.
package relr

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/minsize/minsize/internal/machine"
)

// Stub is the code that applies a table, for one machine. It has two forms: in
// the plain one the resolver's value is of no use, and a word is spent for the
// loader to put it in; the answering one returns the pointer that belongs into
// such a word, so that a file whose data is laid out already needs none to spare.
type Stub struct {
	*machine.Relocations
	Glibc     int // the first glibc 2.N that calls resolvers on this machine
	plain     form
	answering form
}

// form is code and where its numbers stand.
type form struct {
	code   []byte
	at     [3]int // the distances to base, table and end
	from   [3]int // where in code each of them is counted from
	answer int    // the answer, counted from the base; 0 in plain forms
}

// x86_64 is testdata/x86_64.S but for its last instruction, ret.
var x86_64 = []byte{
	0xf3, 0x0f, 0x1e, 0xfa, 0x48, 0x8d, 0x15, 0x00, 0x00, 0x00, 0x00, 0x48,
	0x8d, 0x35, 0x00, 0x00, 0x00, 0x00, 0x4c, 0x8d, 0x05, 0x00, 0x00, 0x00,
	0x00, 0x48, 0xad, 0xa8, 0x01, 0x75, 0x0d, 0x48, 0x8d, 0x3c, 0x02, 0x48,
	0x01, 0x17, 0x48, 0x83, 0xc7, 0x08, 0xeb, 0x1d, 0x48, 0xd1, 0xe8, 0x74,
	0x11, 0x48, 0x0f, 0xbc, 0xc8, 0x48, 0x01, 0x14, 0xcf, 0x48, 0x8d, 0x48,
	0xff, 0x48, 0x21, 0xc8, 0x75, 0xef, 0x48, 0x81, 0xc7, 0xf8, 0x01, 0x00,
	0x00, 0x4c, 0x39, 0xc6, 0x72, 0xcb,
}

// aarch64Loop is testdata/aarch64.S behind its third instruction, which says
// where the distances are, up to ret.
var aarch64Loop = []uint32{
	0xb98000a2, 0xb98004a3, 0xb98008a4, 0x8b010042, 0x8b010063, 0x8b010084,
	0xf8408465, 0x370000c5, 0x8b050046, 0xf94000c7, 0x8b0200e7, 0xf80084c7, 0x1400000c,
	0xd341fca5, 0xb4000125, 0xdac000a7, 0xdac010e7, 0xf86778c8, 0x8b020108, 0xf82778c8, 0xd10004a8, 0xea0800a5, 0x54ffff21,
	0x9107e0c6, 0xeb04007f, 0x54fffda3,
}

var stubs = map[*machine.Machine]*Stub{
	machine.X86_64: {
		Relocations: &machine.X86_64.Relocations, Glibc: 11,
		plain: form{at: [3]int{7, 14, 21}, from: [3]int{11, 18, 25}, code: append(bytes.Clone(x86_64), 0xc3)},
		answering: form{at: [3]int{7, 14, 21}, from: [3]int{11, 18, 25}, answer: 81,
			code: append(bytes.Clone(x86_64), 0x48, 0x8d, 0x82, 0, 0, 0, 0, 0xc3)},
	},
	machine.AArch64: {
		Relocations: &machine.AArch64.Relocations, Glibc: 19,
		plain: form{at: [3]int{0x78, 0x7c, 0x80},
			code: slices.Concat(machine.Words(0xd503245f, 0x10ffffe1, 0x10000385), machine.Words(aarch64Loop...), machine.Words(0xd65f03c0, 0, 0, 0))},
		answering: form{at: [3]int{0x80, 0x84, 0x88}, answer: 0x8c,
			code: slices.Concat(machine.Words(0xd503245f, 0x10ffffe1, 0x100003c5), machine.Words(aarch64Loop...), machine.Words(0x180000c0, 0x8b020000, 0xd65f03c0, 0, 0, 0, 0))},
	},
}

// ErrMachine says that a machine has no stub.
var ErrMachine = errors.New("relocations apply themselves on x86-64 and aarch64 alone")

// StubOf is the stub of a machine.
func StubOf(m *machine.Machine) (*Stub, error) {
	if s := stubs[m]; s != nil {
		return s, nil
	}
	return nil, ErrMachine
}

// Code is the plain form before it is bound.
func (s *Stub) Code() []byte { return bytes.Clone(s.plain.code) }

// Bound is code that knows its table.
type Bound struct {
	Table, End uint64 // the addresses of the table and behind it
	Answers    bool   // the answering form
	Answer     uint64 // its answer, where the file is loaded at 0
}

// Bind is the code for a stub at address at. Code, table and what it answers
// may lie 2 GiB apart at most.
func (s *Stub) Bind(at uint64, b Bound) ([]byte, error) {
	f := &s.plain
	if b.Answers {
		f = &s.answering
	}
	code := bytes.Clone(f.code)
	put := func(where int, distance int64, target uint64) error {
		if distance != int64(int32(distance)) {
			return fmt.Errorf("the code at %#x does not reach %#x", at, target)
		}
		binary.LittleEndian.PutUint32(code[where:], uint32(int32(distance)))
		return nil
	}
	for i, target := range []uint64{0, b.Table, b.End} {
		if err := put(f.at[i], int64(target-at-uint64(f.from[i])), target); err != nil {
			return nil, err
		}
	}
	if b.Answers {
		if int64(b.Answer) < 0 { // aarch64's form reads it as unsigned
			return nil, fmt.Errorf("the code at %#x does not reach %#x", at, b.Answer)
		}
		if err := put(f.answer, int64(b.Answer), b.Answer); err != nil {
			return nil, err
		}
	}
	return code, nil
}

// Find says whether code, which lies at address at, begins with a bound stub,
// and which table it applies.
func (s *Stub) Find(code []byte, at uint64) (Bound, bool) {
	if b, ok := s.plain.find(code, at); ok {
		return b, true
	}
	return s.answering.find(code, at)
}

func (f *form) find(code []byte, at uint64) (Bound, bool) {
	if len(code) < len(f.code) {
		return Bound{}, false
	}
	plain := bytes.Clone(code[:len(f.code)])
	take := func(where int) int64 {
		field := plain[where : where+4]
		value := int64(int32(binary.LittleEndian.Uint32(field)))
		clear(field)
		return value
	}
	var targets [3]uint64
	for i := range targets {
		targets[i] = at + uint64(f.from[i]) + uint64(take(f.at[i]))
	}
	b := Bound{Table: targets[1], End: targets[2], Answers: f.answer != 0}
	if b.Answers {
		b.Answer = uint64(take(f.answer))
	}
	return b, bytes.Equal(plain, f.code) && targets[0] == 0 && b.End >= b.Table && int64(b.Answer) >= 0
}
