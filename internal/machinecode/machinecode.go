// Package machinecode finds what machine code refers to: the addresses that
// its instructions call, jump to, take and load from.
//
// What is hard here: a reference graph of a finished program needs one pass
// over every instruction (21 million of them in rustc's driver) and one wrong
// instruction length ruins what follows. Chosen: a decoder of lengths and
// address operands alone, driven by tables of operand shapes, one pass, no
// allocation per instruction. Whatever else an instruction means is of no
// interest. Rejected: a full disassembler (golang.org/x/arch), which is thirty
// times slower, gives `vzeroupper` a fourth byte and `endbr64` a length of
// one, and so serves as a test oracle only.
//
// A decoder sweeps the code of a Request once and appends what it refers to
// onto refs, in the order of the code. It allocates nothing but room in refs,
// and is safe for concurrent use. Package machine says which machine has which.
//
// A decoder starts at a function's first byte and sweeps linearly. A byte that
// begins no instruction is counted in Stats.Skipped and the sweep goes on one
// byte (x86-64), half word (RISC-V) or word (AArch64) later, which falls into step again after
// a few instructions; the caller marks functions that had any.
package machinecode

// Kind is how an instruction refers to an address.
type Kind uint8

const (
	Branch   Kind = iota // a jump, conditional or not, to code at Target
	Call                 // a call of code at Target
	Address              // the address is put into a register (lea, adrp+add, adr)
	Memory               // the bytes at Target are read or written
	Through              // a call or jump through the pointer stored at Target
	Absolute             // an immediate or displacement that equals an address of the image: may be a plain number
	Table                // Target is the first entry of a table of 32-bit offsets, each relative to Target
)

// String returns the kind in one word.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

var kindNames = [...]string{"branch", "call", "address", "memory", "through", "absolute", "table"}

// Ref is one reference. Offset is where the instruction starts, in bytes from
// the start of the code; Length is the instruction's. For references that two
// instructions make together (adrp and add), it is the second one.
type Ref struct {
	Target uint64
	Offset uint32
	Length uint8
	Kind   Kind
}

// Stats counts what one Decode saw.
type Stats struct {
	Instructions int
	Skipped      int // bytes that are part of no instruction
}

// Request says what to decode and what to report.
type Request struct {
	Code []byte // one function, at most 4 GiB
	Addr uint64 // virtual address of Code[0]

	// Immediates and absolute displacements in [AbsoluteLow, AbsoluteHigh) are
	// reported as Absolute. Both 0 for position-independent files, which have none.
	AbsoluteLow, AbsoluteHigh uint64

	Narrow        bool   // addresses have 32 bits, where a machine has both
	GlobalPointer uint64 // what RISC-V's gp holds while the program runs; 0: not known

	// Inside asks for branches and addresses whose target lies in Code too.
	Inside bool

	// Sink is given what was found, some thousands at a time, where Code is too
	// long for all of it to be kept; nil to have it appended.
	Sink func(refs []Ref)
}

// sinkful is after how many references a Sink gets them.
const sinkful = 1 << 12

// inside says whether the target is of no interest since it lies in the code.
func (r *Request) inside(target uint64) bool {
	return !r.Inside && target-r.Addr < uint64(len(r.Code))
}
