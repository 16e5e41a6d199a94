// Package machine holds what is to be known of each processor, a value for
// each: how formats number it and others call it, what its relocations mean,
// what refers to what in its code, and the code that is put in place of other
// code. Nobody else asks "which machine is it": they ask the value.
//
// A machine is one file and one line in machines. One of which nothing but
// names and numbers is known is a line in named.go: what is left empty is what
// minsize does not do there, and says so.
package machine

import (
	"runtime"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/machinecode"
)

// Machine is a family of processors that share instructions and relocations.
type Machine struct {
	Title  string   // as people write it
	Arches []Arch   // by width and byte order
	ELF    []uint16 // e_machine; the first is that of new files

	// What ELF's supplement for the processor leaves to it.
	Relocations  Relocations
	Narrow       *Relocations      // of 32-bit files, where theirs are others
	SegmentTypes map[uint32]string // p_type from PT_LOPROC on
	SectionTypes map[uint32]string // sh_type from SHT_LOPROC on
	LargestPage  uint64            // that Linux kernels may be built with; 0: not known, p_align counts
	WideHash     bool              // words of DT_HASH have 8 bytes in 64-bit files
	SplitInfo    bool              // r_info of 64-bit files has the symbol first and three types behind it
	SecondAddend bool              // the upper 24 bits of a type are an addend
	ThumbBit     bool              // the lowest bit of a function's address says which instructions it has
	Solaris      bool              // runs on it: /lib/ld.so.1 is its loader, not Linux's
	HurdLoader   string            // where Hurd has its loader
	LoaderSlots  bool              // DT_PLTGOT is three words ahead of the slots that the loader fills

	UnwindInfo func(b []byte) uint64 // bytes of the UNWIND_INFO that b, of 4 at least, begins with; handler data aside
	COFFSizes  map[uint32]uint8      // bytes that a COFF relocation changes, by type
	MachOPage  uint64                // of segments; 0: 4 KiB
	ThreadPC   int                   // of the program counter in Mach-O's LC_UNIXTHREAD

	// What code says. Without a Decoder nothing refers to anything but by relocations.
	Decoder       func(r *machinecode.Request, refs []machinecode.Ref) ([]machinecode.Ref, machinecode.Stats)
	Blank         func(code []byte, addr uint64, refs []machinecode.Ref) // clears what depends on where code lies and what refs lead to
	OnlyReads     func(code []byte, at uint64) bool                      // whether the instruction with its address field at `at` is known to do no more than read there
	CodeUnit      uint64                                                 // what instructions and their lengths are multiples of
	StubAlign     uint64                                                 // what linkage stubs are multiples of
	Fill          string                                                 // bytes of nops and traps that code is filled up with
	Code          *Code                                                  // nil: nothing can be put in place of a function
	Thumb         *Code                                                  // in place of one whose address has its lowest bit set
	PopsArguments func(code []byte) bool                                 // whether a function may take arguments off its caller's stack; nil: none does
}

// Arch is a machine in one width and byte order, which is what a target is
// for. Names are empty where nobody has one.
type Arch struct {
	Name     string // in LLVM's target triples
	Bits     int
	Big      bool // big-endian
	Go       string
	Qemu     string   // of its emulator of user space or whole systems
	GNU      string   // of the tools' triples, where it is not what rustc's begin with
	Prefixes []string // other beginnings of triples that mean it; its own name must be the whole first part
	COFF     []uint16 // IMAGE_FILE_MACHINE_*
	MachO    []uint32 // CPU_TYPE_*
}

// Relocations are ELF's relocation types of a machine. 0, which is R_*_NONE
// everywhere, stands for what it does not have or what is of no use here.
type Relocations struct {
	Relative           uint32 // load base + addend
	RelativeIsSymbolic bool   // Relative only without a symbol (MIPS)
	IRelative          uint32 // what the function at load base + addend returns
	GlobDat, JumpSlot  uint32 // slots of the global offset table
	Pointer            uint32 // a 64-bit address in an object
	Copy               uint32 // data copied from a library
	TLSDesc            uint32 // a thread-local descriptor of two words

	Sizes   map[uint8][]uint32 // bytes at the place, where they hold a plain number or an instruction; key Word: an address
	FromEnd []uint32           // count from the end of their four bytes
	Data    []uint32           // take an address of read-only data
	Numbers []uint32           // of machines that keep addends in the place: where it is a plain number of 32 bits
	Prel31  uint32             // 31 bits, counted from the place: Arm's unwinding tables
}

// Word is the key in Relocations.Sizes for types as wide as an address.
const Word = 0

// ByType is Sizes by type.
func (r *Relocations) ByType(wide bool) map[uint32]uint8 {
	sizes := map[uint32]uint8{}
	for size, types := range r.Sizes {
		if size == Word {
			size = 4
			if wide {
				size = 8
			}
		}
		for _, t := range types {
			sizes[t] = size
		}
	}
	return sizes
}

// span lists types from first to last but one.
func span(first, last uint32, but ...uint32) (list []uint32) {
	for t := first; t <= last; t++ {
		if !slices.Contains(but, t) {
			list = append(list, t)
		}
	}
	return list
}

var unknown = Machine{Arches: []Arch{{Name: "unknown"}}}

// machines is the table.
var machines = append([]*Machine{X86_64, AArch64, I386, ARM, RISCV}, named...)

// All lists the machines.
func All() []*Machine { return machines }

// OfELF is the machine of an e_machine. Here and below one that is not known
// is a value that knows nothing.
func OfELF(number uint16) *Machine {
	for _, m := range machines {
		if slices.Contains(m.ELF, number) {
			return m
		}
	}
	return &unknown
}

// Arch is the arch of a file of the machine. A width that has no name (x32,
// n32) goes by that of the other.
func (m *Machine) Arch(bits int, big bool) *Arch {
	found := &unknown.Arches[0]
	for i := range m.Arches {
		if a := &m.Arches[i]; a.Big == big && a.Name != "" && (a.Bits == bits || found == &unknown.Arches[0]) {
			found = a
		}
	}
	return found
}

// Decode is what code refers to, appended onto refs; nothing without a Decoder.
func (m *Machine) Decode(r *machinecode.Request, refs []machinecode.Ref) ([]machinecode.Ref, machinecode.Stats) {
	if m.Decoder == nil {
		return refs, machinecode.Stats{}
	}
	return m.Decoder(r, refs)
}

// Types are the ELF relocations of files that are so wide.
func (m *Machine) Types(wide bool) *Relocations {
	if !wide && m.Narrow != nil {
		return m.Narrow
	}
	return &m.Relocations
}

func find(is func(*Arch) bool) (*Machine, *Arch) {
	for _, m := range machines {
		if i := slices.IndexFunc(m.Arches, func(a Arch) bool { return is(&a) }); i >= 0 {
			return m, &m.Arches[i]
		}
	}
	return &unknown, &unknown.Arches[0]
}

// OfCOFF is the machine of an IMAGE_FILE_MACHINE_*.
func OfCOFF(number uint16) (*Machine, *Arch) {
	return find(func(a *Arch) bool { return slices.Contains(a.COFF, number) })
}

// OfMachO is the machine of a CPU_TYPE_*.
func OfMachO(number uint32) (*Machine, *Arch) {
	return find(func(a *Arch) bool { return slices.Contains(a.MachO, number) })
}

// Named is the machine by LLVM's name.
func Named(name string) (*Machine, *Arch) {
	return find(func(a *Arch) bool { return a.Name == name && name != "" })
}

// OfTriple is the arch that the first part of a target triple names; the
// longest prefix counts.
func OfTriple(first string) *Arch {
	_, found := Named(first)
	length := 0
	if found.Bits != 0 {
		return found
	}
	for _, m := range machines {
		for i := range m.Arches {
			for _, prefix := range m.Arches[i].Prefixes {
				if len(prefix) > length && strings.HasPrefix(first, prefix) {
					found, length = &m.Arches[i], len(prefix)
				}
			}
		}
	}
	return found
}

// Host is what this program was built for.
func Host() *Arch {
	_, a := find(func(a *Arch) bool { return a.Go == runtime.GOARCH })
	return a
}
