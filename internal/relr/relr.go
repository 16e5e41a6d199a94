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
)

// Stub is the code that applies a table, for one machine.
type Stub struct {
	Machine   uint16 // e_machine
	Relative  uint32 // the relocation type of pointers into the file itself
	IRelative uint32 // the relocation type of resolvers
	Pointer   uint32 // the relocation type of a 64-bit address in an object
	Glibc     int    // the first glibc 2.N that calls resolvers on this machine
	code      []byte
	at        [3]int // where the distances to base, table and end stand in code
	from      [3]int // where in code each of them is counted from
}

var stubs = []Stub{
	{
		Machine: 62, Relative: 8, IRelative: 37, Pointer: 1, Glibc: 11, // EM_X86_64, R_X86_64_RELATIVE, _IRELATIVE, _64
		at: [3]int{7, 14, 21}, from: [3]int{11, 18, 25},
		code: []byte{ // testdata/x86_64.S
			0xf3, 0x0f, 0x1e, 0xfa, 0x48, 0x8d, 0x15, 0x00, 0x00, 0x00, 0x00, 0x48,
			0x8d, 0x35, 0x00, 0x00, 0x00, 0x00, 0x4c, 0x8d, 0x05, 0x00, 0x00, 0x00,
			0x00, 0x48, 0xad, 0xa8, 0x01, 0x75, 0x0d, 0x48, 0x8d, 0x3c, 0x02, 0x48,
			0x01, 0x17, 0x48, 0x83, 0xc7, 0x08, 0xeb, 0x1d, 0x48, 0xd1, 0xe8, 0x74,
			0x11, 0x48, 0x0f, 0xbc, 0xc8, 0x48, 0x01, 0x14, 0xcf, 0x48, 0x8d, 0x48,
			0xff, 0x48, 0x21, 0xc8, 0x75, 0xef, 0x48, 0x81, 0xc7, 0xf8, 0x01, 0x00,
			0x00, 0x4c, 0x39, 0xc6, 0x72, 0xcb, 0xc3,
		},
	},
	{
		Machine: 183, Relative: 1027, IRelative: 1032, Pointer: 257, Glibc: 19, // EM_AARCH64, R_AARCH64_RELATIVE, _IRELATIVE, _ABS64
		at: [3]int{0x78, 0x7c, 0x80},
		code: words( // testdata/aarch64.S
			0xd503245f, 0x10ffffe1, 0x10000385, 0xb98000a2, 0xb98004a3, 0xb98008a4, 0x8b010042, 0x8b010063, 0x8b010084,
			0xf8408465, 0x370000c5, 0x8b050046, 0xf94000c7, 0x8b0200e7, 0xf80084c7, 0x1400000c,
			0xd341fca5, 0xb4000125, 0xdac000a7, 0xdac010e7, 0xf86778c8, 0x8b020108, 0xf82778c8, 0xd10004a8, 0xea0800a5, 0x54ffff21,
			0x9107e0c6, 0xeb04007f, 0x54fffda3, 0xd65f03c0,
			0, 0, 0,
		),
	},
}

func words(list ...uint32) []byte {
	var out []byte
	for _, w := range list {
		out = binary.LittleEndian.AppendUint32(out, w)
	}
	return out
}

// ErrMachine says that a machine has no stub.
var ErrMachine = errors.New("relocations apply themselves on x86-64 and aarch64 alone")

// StubOf is the stub of a machine by its e_machine.
func StubOf(machine uint16) (*Stub, error) {
	for i := range stubs {
		if stubs[i].Machine == machine {
			return &stubs[i], nil
		}
	}
	return nil, ErrMachine
}

// Code is the stub before it is bound.
func (s *Stub) Code() []byte { return bytes.Clone(s.code) }

// Bind is the code for a stub at address at, which applies the table between
// the addresses table and end. They may lie 2 GiB apart at most.
func (s *Stub) Bind(at, table, end uint64) ([]byte, error) {
	code := s.Code()
	for i, target := range []uint64{0, table, end} {
		distance := int64(target - at - uint64(s.from[i]))
		if distance != int64(int32(distance)) {
			return nil, fmt.Errorf("the code at %#x does not reach %#x", at, target)
		}
		binary.LittleEndian.PutUint32(code[s.at[i]:], uint32(int32(distance)))
	}
	return code, nil
}

// Find says whether code, which lies at address at, begins with a bound stub,
// and which table it applies.
func (s *Stub) Find(code []byte, at uint64) (table, end uint64, found bool) {
	if len(code) < len(s.code) {
		return 0, 0, false
	}
	var targets [3]uint64
	plain := bytes.Clone(code[:len(s.code)])
	for i := range targets {
		field := plain[s.at[i] : s.at[i]+4]
		targets[i] = at + uint64(s.from[i]) + uint64(int64(int32(binary.LittleEndian.Uint32(field))))
		clear(field)
	}
	if !bytes.Equal(plain, s.code) || targets[0] != 0 || targets[2] < targets[1] {
		return 0, 0, false
	}
	return targets[1], targets[2], true
}
