package machinecode

import (
	"encoding/binary"
	"fmt"
)

// Wasm instructions (WebAssembly core specification 3.0, section 5.4 "Binary
// format, instructions"; threads proposal for FE).
//
// The same idea as for x86-64: an instruction is an opcode and immediates of a
// shape, so a table of shapes skips over everything, and the few shapes that
// name something (functions, globals, tables, segments, addresses) report it.
// Unlike machine code there is no falling into step again: after an unknown
// opcode nothing in that body can be trusted, and Decode says so.

// WasmKind is what a WasmRef's Index counts.
type WasmKind uint8

const (
	WasmFunction WasmKind = iota // called or its reference taken
	WasmGlobal
	WasmTable // call_indirect and table instructions
	WasmType  // of an indirect call or a block, or a garbage-collected type
	WasmElement
	WasmData
	WasmMemory  // memory.* instructions with their memory
	WasmLoad    // i32.const right before a load: Index is the address, constant plus offset
	WasmAddress // any other i32.const or i64.const that is not negative: perhaps an address
	WasmOffset  // a large offset of a load or store whose address is computed: a static array's address

	WasmLocal // of WasmScanner alone
	WasmLabel
	WasmTag
	WasmNumber // an alignment, a field, a count
)

// wasmLowest is where LLVM's linker begins a module's data (--global-base), and
// more than the fields of a structure reach.
const wasmLowest = 1024

// WasmRef is one thing that a body refers to.
type WasmRef struct {
	Index uint64
	Kind  WasmKind
}

// LikelyAddress says whether a reference may be taken for an address of data.
// Those of loads and stores are; another constant may be a number, which the
// low ones that are round most often are: pages, masks, buffer sizes. Rust's
// data begins at one megabyte, where few numbers are, C's at 1024.
func (r WasmRef) LikelyAddress() bool {
	switch r.Kind {
	case WasmLoad, WasmOffset:
		return true
	case WasmAddress:
		return r.Index >= 1<<18 || r.Index%256 != 0 && (r.Index+1)%256 != 0 && r.Index%1000 != 0
	}
	return false
}

// The shapes of immediates.
const (
	wasmBad       = '.'
	wasmNone      = '-'
	wasmBlock     = 'B' // block type
	wasmIndex     = 'i' // an index of no interest: labels, locals, tags, fields
	wasmIndex2    = 'I'
	wasmBrTable   = 'b'
	wasmCall      = 'f' // function index
	wasmIndirect  = 'c' // type index, table index
	wasmTypeIndex = 't'
	wasmTypeField = 'T' // type index, field index or count
	wasmType2     = 'U' // two type indices
	wasmTypeData  = 'D' // type index, data index
	wasmTypeElem  = 'E' // type index, element index
	wasmGlobalIdx = 'g'
	wasmTableIdx  = 'a'
	wasmTable2    = 'A'
	wasmInitTable = 'e' // element index, table index
	wasmElemIdx   = 'x'
	wasmInitMem   = 'd' // data index, memory index
	wasmDataIdx   = 'y'
	wasmMemIdx    = 'm'
	wasmMem2      = 'M'
	wasmLoadArg   = 'l' // memarg of a plain load
	wasmMemArg    = 'L' // memarg of anything else
	wasmLaneArg   = 'n' // memarg, lane
	wasmByte      = '1'
	wasmBytes4    = '4'
	wasmBytes8    = '8'
	wasmBytes16   = 'v'
	wasmConst32   = 'k'
	wasmConst64   = 'K'
	wasmHeapType  = 'h'
	wasmTypes     = 's' // select: vector of value types
	wasmTryTable  = 0xf9
	wasmCast      = 'C' // br_on_cast: flags, label, two heap types
	wasmPrefix    = 'p'
)

var (
	wasmOps = readMap(
		//0123456789ABCDEF
		"--BBB-Biii--iib-", // 0
		"fcfctt..i---s..\xf9",
		"iiiggaa.lllllll"+"l", // 2: 28 is i32.load; 20-22 locals, 23-24 globals, 25-26 tables
		"llllllLLLLLLLLLm",    // 3: 36 is i32.store, 3F memory.size
		"mkK48-----------",    // 4
		"----------------",    // 5
		"----------------",    // 6
		"----------------",    // 7
		"----------------",    // 8
		"----------------",    // 9
		"----------------",    // A
		"----------------",    // B
		"-----...........",    // C
		"h-f--ii.........",    // D
		"................",    // E
		"...........pppp.",    // F
	)
	wasmGC = readMap( // FB
		"ttTTTTttTDEttt"+"t-",
		"tUDEhhhhCC-----.",
	)
	wasmMisc = readMap( // FC
		"--------dyMmexAa",
		"aam----.........",
	)
	wasmSIMD = fullSIMD()
)

// fullSIMD is the FD map: loads and stores first, lanes, then plain operations.
func fullSIMD() opcodeMap {
	m := fullMap(wasmNone)
	copy(m[:], "LLLLLLLLLLLLvv-------11111111111111")
	copy(m[84:], "nnnnnnnnLL")
	return m
}

// wasmError says where a body stopped making sense; offset is in bytes from
// the start of the code.
type wasmError struct {
	Offset int
	Detail string
}

func (e *wasmError) Error() string { return fmt.Sprintf("offset %d: %s", e.Offset, e.Detail) }

// WasmOperand is one LEB128 immediate of an instruction: its value, what it
// counts, and where it stands in the code.
type WasmOperand struct {
	Value  uint64
	Start  uint32 // in the code, which a module's 4 GiB hold
	Size   uint8  // bytes
	Kind   WasmKind
	Signed bool // written as a signed number
}

// End is where the operand ends in the code.
func (o WasmOperand) End() int { return int(o.Start) + int(o.Size) }

// WasmScanner goes through one expression (a function body behind its locals,
// or a constant expression) instruction by instruction.
type WasmScanner struct {
	Code      []byte
	Start, At int // of the instruction that Next read, and behind it
	Op        byte
	Sub       uint64        // behind a prefix
	Operands  []WasmOperand // valid until the next call of Next
	Err       error         // where decoding stopped
	load      bool          // it is a plain load
}

// Next reads an instruction; false at the end, and where Err says why.
func (s *WasmScanner) Next() bool {
	if s.At >= len(s.Code) || s.Err != nil {
		return false
	}
	s.Start, s.Sub, s.Operands, s.load = s.At, 0, s.Operands[:0], false
	s.Op = s.Code[s.At]
	s.At++
	shape := wasmOps[s.Op]
	if shape == wasmNone { // nearly half of all instructions
		return true
	}
	if shape == wasmPrefix {
		sub, n := binary.Uvarint(s.Code[s.At:])
		if n <= 0 || n > 5 {
			s.Err = &wasmError{s.Start, "opcode is cut off"}
			return false
		}
		s.At += n
		s.Sub = sub
		shape = prefixedShape(s.Op, sub)
	}
	s.immediates(shape)
	return s.Err == nil
}

func (s *WasmScanner) immediates(shape byte) {
	switch shape {
	case wasmNone:
	case wasmBlock, wasmHeapType:
		s.heapType()
	case wasmIndex:
		s.index(wasmPlainIndex(s.Op))
	case wasmIndex2:
		s.index(WasmNumber)
		s.index(WasmNumber)
	case wasmBrTable:
		for count, i := s.index(WasmNumber), uint64(0); s.Err == nil && i <= count; i++ {
			s.index(WasmLabel)
		}
	case wasmCall:
		s.index(WasmFunction)
	case wasmIndirect:
		s.index(WasmType)
		s.index(WasmTable)
	case wasmTypeIndex:
		s.index(WasmType)
	case wasmTypeField:
		s.index(WasmType)
		s.index(WasmNumber)
	case wasmType2:
		s.index(WasmType)
		s.index(WasmType)
	case wasmTypeData:
		s.index(WasmType)
		s.index(WasmData)
	case wasmTypeElem:
		s.index(WasmType)
		s.index(WasmElement)
	case wasmGlobalIdx:
		s.index(WasmGlobal)
	case wasmTableIdx:
		s.index(WasmTable)
	case wasmTable2:
		s.index(WasmTable)
		s.index(WasmTable)
	case wasmInitTable:
		s.index(WasmElement)
		s.index(WasmTable)
	case wasmElemIdx:
		s.index(WasmElement)
	case wasmInitMem:
		s.index(WasmData)
		s.index(WasmMemory)
	case wasmDataIdx:
		s.index(WasmData)
	case wasmMemIdx:
		s.index(WasmMemory)
	case wasmMem2:
		s.index(WasmMemory)
		s.index(WasmMemory)
	case wasmLoadArg, wasmMemArg, wasmLaneArg:
		s.load = shape == wasmLoadArg
		if flags := s.index(WasmNumber); flags&0x40 != 0 {
			s.index(WasmMemory)
		}
		s.index(WasmOffset)
		if shape == wasmLaneArg {
			s.skip(1)
		}
	case wasmByte:
		s.skip(1)
	case wasmBytes4:
		s.skip(4)
	case wasmBytes8:
		s.skip(8)
	case wasmBytes16:
		s.skip(16)
	case wasmConst32, wasmConst64:
		s.signed(WasmAddress)
	case wasmTypes:
		for count, i := s.index(WasmNumber), uint64(0); s.Err == nil && i < count; i++ {
			s.heapType()
		}
	case wasmTryTable:
		s.heapType()
		for count, i := s.index(WasmNumber), uint64(0); s.Err == nil && i < count; i++ {
			if kind := s.index(WasmNumber); kind < 2 {
				s.index(WasmTag)
			}
			s.index(WasmLabel)
		}
	case wasmCast:
		s.skip(1)
		s.index(WasmLabel)
		s.heapType()
		s.heapType()
	default:
		s.Err = &wasmError{s.Start, fmt.Sprintf("unknown opcode %#02x", s.Op)}
	}
}

// wasmPlainIndex is what the only index of an instruction counts.
func wasmPlainIndex(op byte) WasmKind {
	switch op {
	case 0x20, 0x21, 0x22:
		return WasmLocal
	case 0x07, 0x08: // catch, throw
		return WasmTag
	}
	return WasmLabel
}

func (s *WasmScanner) cutOff() { s.Err = &wasmError{s.Start, "instruction is cut off"} }

func (s *WasmScanner) skip(n int) {
	if n > len(s.Code)-s.At {
		s.cutOff()
		return
	}
	s.At += n
}

// index reads an unsigned number.
func (s *WasmScanner) index(kind WasmKind) (v uint64) {
	if s.Err != nil {
		return 0
	}
	from := s.At
	n := 1
	if from < len(s.Code) && s.Code[from] < 0x80 { // nearly always one byte
		v = uint64(s.Code[from])
	} else if v, n = binary.Uvarint(s.Code[from:]); n <= 0 || n > 10 {
		s.cutOff()
		return 0
	}
	s.At += n
	s.Operands = append(s.Operands, WasmOperand{Value: v, Start: uint32(from), Size: uint8(n), Kind: kind})
	return v
}

func (s *WasmScanner) signed(kind WasmKind) int64 {
	if s.Err != nil {
		return 0
	}
	var v int64
	n := 1
	if s.At < len(s.Code) && s.Code[s.At] < 0x80 {
		v = int64(int8(s.Code[s.At]<<1)) >> 1
	} else if v, n = signedLEB(s.Code[s.At:]); n == 0 {
		s.cutOff()
		return 0
	}
	s.Operands = append(s.Operands, WasmOperand{Value: uint64(v), Start: uint32(s.At), Size: uint8(n), Kind: kind, Signed: true})
	s.At += n
	return v
}

// heapType reads a block, value or heap type: a type's index where it is not
// negative.
func (s *WasmScanner) heapType() {
	v := s.signed(WasmNumber)
	if v == -0x1d || v == -0x1c { // ref null ht, ref ht
		v = s.signed(WasmNumber)
	}
	if v >= 0 && s.Err == nil {
		s.Operands[len(s.Operands)-1].Kind = WasmType
	}
}

// DecodeWasm sweeps one expression and appends what it names onto refs. The
// error, if any, says where decoding stopped; refs then hold what stands
// before it.
func DecodeWasm(code []byte, refs []WasmRef) ([]WasmRef, error) {
	var buffer [8]WasmOperand
	s := WasmScanner{Code: code, Operands: buffer[:0]}
	constant := -1 // where in refs the i32.const right before stands
	for s.At < len(code) {
		before := constant
		constant = -1
		// The scanner is for whoever has to know where operands stand. Nine of
		// ten instructions have none, or one or two of a byte, and are read here.
		shape, rest := wasmOps[code[s.At]], code[s.At+1:]
		switch {
		case shape == wasmNone:
			s.At++
			continue
		case shape == wasmIndex && len(rest) > 0 && rest[0] < 0x80:
			s.At += 2
			continue
		case shape == wasmConst32 || shape == wasmConst64:
			if v, n := signedLEB(rest); n > 0 {
				if shape == wasmConst32 {
					constant = len(refs)
				}
				refs = append(refs, WasmRef{uint64(v), WasmAddress})
				s.At += 1 + n
				continue
			}
		case (shape == wasmLoadArg || shape == wasmMemArg) && len(rest) > 1 && rest[0] < 0x40 && rest[1] < 0x80: // an offset of no array
			if before >= 0 && shape == wasmLoadArg {
				refs[before] = WasmRef{refs[before].Index + uint64(rest[1]), WasmLoad}
			}
			s.At += 3
			continue
		}
		if !s.Next() {
			break
		}
		for _, o := range s.Operands {
			switch o.Kind {
			case WasmLocal, WasmLabel, WasmTag, WasmNumber:
			case WasmOffset:
				if before >= 0 && s.load {
					refs[before] = WasmRef{refs[before].Index + o.Value, WasmLoad}
				} else if o.Value >= wasmLowest {
					refs = append(refs, WasmRef{o.Value, WasmOffset})
				}
			case WasmMemory:
				if !isMemoryArgument(&s) {
					refs = append(refs, WasmRef{o.Value, WasmMemory})
				}
			default:
				refs = append(refs, WasmRef{o.Value, o.Kind})
			}
		}
	}
	return refs, s.Err
}

// isMemoryArgument says whether the instruction is a load or store: the memory
// that it names is no edge of Twiggy's.
func isMemoryArgument(s *WasmScanner) bool {
	return s.Operands[len(s.Operands)-1].Kind == WasmOffset
}

func prefixedShape(prefix byte, sub uint64) byte {
	switch prefix {
	case 0xfb:
		if sub < 32 {
			return wasmGC[sub]
		}
	case 0xfc:
		if sub < 32 {
			return wasmMisc[sub]
		}
	case 0xfd:
		if sub < 256 {
			return wasmSIMD[sub]
		}
		if sub < 0x140 { // relaxed SIMD and half precision
			return wasmNone
		}
	case 0xfe:
		switch {
		case sub <= 2, sub >= 0x10 && sub <= 0x4e:
			return wasmMemArg
		case sub == 3:
			return wasmByte
		}
	}
	return wasmBad
}

// signedLEB reads a signed LEB128 number of up to 64 bits; n is 0 when it is
// cut off or too long.
func signedLEB(b []byte) (v int64, n int) {
	var shift uint
	for i, c := range b {
		if i == 10 {
			return 0, 0
		}
		v |= int64(c&0x7f) << shift
		shift += 7
		if c < 0x80 {
			if shift < 64 && c&0x40 != 0 {
				v |= -1 << shift
			}
			return v, i + 1
		}
	}
	return 0, 0
}
