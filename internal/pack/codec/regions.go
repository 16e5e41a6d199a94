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
		if (r.Start-l.Base)%l.set().unit != 0 {
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

// instructionSet is what coding asks of an Arch.
type instructionSet struct {
	unit    uint32 // what addresses and lengths of code are multiples of
	machine func() machine
	// filter makes addresses absolute, or with decode relative again.
	filter func(code []byte, base uint32, decode bool)
	// context of the next byte of code, by the machine's state and the last
	// four bytes of the stream: its kind, the class of that, and the literal's place.
	context  func(m machine, last uint32, coarse uint) (kind, class uint8, literal uint32)
	literals int   // how many places context knows
	shape    uint8 // kinds below say what an instruction does, not to what
}

var instructionSets = map[Arch]*instructionSet{
	NoCode:  {1, func() machine { return &x86Machine{} }, func([]byte, uint32, bool) {}, x86Context, 1280, kindSIB},
	X86_64:  {1, func() machine { return &x86Machine{} }, filterX86, x86Context, 1280, kindSIB},
	AArch64: {4, func() machine { return &aarch64Machine{} }, filterAArch64, aarch64Context, 1600, 18},
}

func (l *Layout) set() *instructionSet {
	if set := instructionSets[l.Arch]; set != nil {
		return set
	}
	return instructionSets[NoCode]
}

// Filter makes the branch targets and PC-relative addresses of the code in
// stream absolute, in place: the same address then has the same bytes
// wherever it is used. Unfilter is its inverse for every content.
func (l *Layout) Filter(stream []byte) { l.filter(stream, false) }

// Unfilter undoes Filter.
func (l *Layout) Unfilter(stream []byte) { l.filter(stream, true) }

func (l *Layout) filter(stream []byte, decode bool) {
	tables()
	for _, r := range l.Regions {
		l.set().filter(stream[r.Start:r.End], r.Start-l.Base, decode)
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
