package codec

import (
	"encoding/binary"
	"fmt"
)

// Arch names the instruction set whose machine runs over the regions.
type Arch uint8

const (
	NoCode Arch = iota
	X86_64
	AArch64
)

// Region is a range of code in the stream, in bytes from its start.
type Region struct{ Start, End uint32 }

// Layout says where a stream has code, and of what machine.
type Layout struct {
	Arch    Arch
	Regions []Region // in order, not overlapping; aarch64: starts and lengths multiples of 4
	Base    uint32   // place in the stream of the image, from which addresses count
}

// Check compares the layout with a stream of size bytes.
func (l *Layout) Check(size int) error {
	at := uint32(0)
	for _, r := range l.Regions {
		if r.Start < at || r.End < r.Start || uint64(r.End) > uint64(size) {
			return fmt.Errorf("code region %#x..%#x does not lie in order within %d bytes", r.Start, r.End, size)
		}
		if l.Arch == AArch64 && (r.Start-l.Base)%4 != 0 {
			return fmt.Errorf("code region %#x is not aligned to a word", r.Start)
		}
		at = r.End
	}
	return nil
}

// machine tells the kind of the next byte of code from the bytes before it.
type machine interface {
	reset()
	state() (kind, hash uint8)
	step(b byte)
}

func (l *Layout) machine() machine {
	if l.Arch == AArch64 {
		return &aarch64Machine{}
	}
	return &x86Machine{}
}

// Filter makes the branch targets and PC-relative addresses of the code in
// stream absolute, in place: the same address then has the same bytes
// wherever it is used. Unfilter is its inverse for every content.
func (l *Layout) Filter(stream []byte) { l.filter(stream, false) }

// Unfilter undoes Filter.
func (l *Layout) Unfilter(stream []byte) { l.filter(stream, true) }

func (l *Layout) filter(stream []byte, decode bool) {
	for _, r := range l.Regions {
		code := stream[r.Start:r.End]
		switch l.Arch {
		case X86_64:
			filterX86(code, r.Start-l.Base, decode)
		case AArch64:
			filterAArch64(code, r.Start-l.Base, decode)
		}
	}
}

// filterX86 converts the rel32 or RIP displacement of every instruction that
// ends within code: little-endian and relative to the instruction's end <->
// big-endian and relative to the image.
func filterX86(code []byte, base uint32, decode bool) {
	var m x86Machine
	m.reset()
	start := 0
	for i, b := range code {
		m.step(b)
		if m.kind != kindFirst {
			continue
		}
		if m.field != 0 {
			f := code[start+int(m.field):]
			end := base + uint32(i) + 1
			if decode {
				binary.LittleEndian.PutUint32(f, binary.BigEndian.Uint32(f)-end)
			} else {
				binary.BigEndian.PutUint32(f, binary.LittleEndian.Uint32(f)+end)
			}
		}
		start = i + 1
	}
}
