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

// DecodeWasm sweeps one expression (a function body behind its locals, or a
// constant expression) and appends what it names onto refs. The error, if
// any, says where decoding stopped; refs then hold what stands before it.
func DecodeWasm(code []byte, refs []WasmRef) ([]WasmRef, error) {
	at := 0
	var constant uint64
	lastWasConstant := false
	for at < len(code) {
		start := at
		op := code[at]
		at++
		shape := wasmOps[op]
		// Two of three instructions have no immediate, or a small local's.
		if shape == wasmNone {
			lastWasConstant = false
			continue
		}
		if shape == wasmIndex && at < len(code) && code[at] < 0x80 {
			at++
			lastWasConstant = false
			continue
		}
		if shape == wasmPrefix {
			sub, n := binary.Uvarint(code[at:])
			if n <= 0 || n > 5 {
				return refs, &wasmError{start, "opcode is cut off"}
			}
			at += n
			shape = prefixedShape(op, sub)
		}
		isConstant := false
		ok := true
		index := func() (v uint64) {
			var n int
			if at < len(code) && code[at] < 0x80 { // nearly always one byte
				v, n = uint64(code[at]), 1
			} else if v, n = binary.Uvarint(code[at:]); n <= 0 || n > 10 {
				ok = false
				return 0
			}
			at += n
			return v
		}
		signed := func() int64 {
			v, n := signedLEB(code[at:])
			if n == 0 {
				ok = false
			}
			at += n
			return v
		}
		heapType := func() int64 {
			v := signed()
			if v == -0x1d || v == -0x1c { // ref null ht, ref ht
				v = signed()
			}
			if v >= 0 && ok {
				refs = append(refs, WasmRef{uint64(v), WasmType})
			}
			return v
		}
		bytes := func(n int) {
			if at+n > len(code) {
				ok = false
				return
			}
			at += n
		}
		memarg := func() uint64 {
			if flags := index(); flags&0x40 != 0 {
				index()
			}
			return index()
		}
		refer := func(kind WasmKind) {
			if v := index(); ok {
				refs = append(refs, WasmRef{v, kind})
			}
		}
		switch shape {
		case wasmNone:
		case wasmBlock, wasmHeapType:
			heapType()
		case wasmIndex:
			index()
		case wasmIndex2:
			index()
			index()
		case wasmBrTable:
			count := index()
			if count > uint64(len(code)-at) {
				ok = false
			}
			for i := uint64(0); ok && i <= count; i++ {
				index()
			}
		case wasmCall:
			refer(WasmFunction)
		case wasmIndirect:
			refer(WasmType)
			refer(WasmTable)
		case wasmTypeIndex:
			refer(WasmType)
		case wasmTypeField:
			refer(WasmType)
			index()
		case wasmType2:
			refer(WasmType)
			refer(WasmType)
		case wasmTypeData:
			refer(WasmType)
			refer(WasmData)
		case wasmTypeElem:
			refer(WasmType)
			refer(WasmElement)
		case wasmGlobalIdx:
			refer(WasmGlobal)
		case wasmTableIdx:
			refer(WasmTable)
		case wasmTable2:
			refer(WasmTable)
			refer(WasmTable)
		case wasmInitTable:
			refer(WasmElement)
			refer(WasmTable)
		case wasmElemIdx:
			refer(WasmElement)
		case wasmInitMem:
			refer(WasmData)
			refer(WasmMemory)
		case wasmDataIdx:
			refer(WasmData)
		case wasmMemIdx:
			refer(WasmMemory)
		case wasmMem2:
			refer(WasmMemory)
			refer(WasmMemory)
		case wasmLoadArg:
			offset := memarg()
			if lastWasConstant && ok {
				refs[len(refs)-1] = WasmRef{constant + offset, WasmLoad}
			} else if offset >= wasmLowest && ok {
				refs = append(refs, WasmRef{offset, WasmOffset})
			}
		case wasmMemArg:
			if offset := memarg(); offset >= wasmLowest && ok {
				refs = append(refs, WasmRef{offset, WasmOffset})
			}
		case wasmLaneArg:
			memarg()
			bytes(1)
		case wasmByte:
			bytes(1)
		case wasmBytes4:
			bytes(4)
		case wasmBytes8:
			bytes(8)
		case wasmBytes16:
			bytes(16)
		case wasmConst32, wasmConst64:
			v := signed()
			if ok {
				constant = uint64(v)
				isConstant = shape == wasmConst32
				refs = append(refs, WasmRef{constant, WasmAddress})
			}
		case wasmTypes:
			count := index()
			for i := uint64(0); ok && i < count; i++ {
				heapType()
			}
		case wasmTryTable:
			heapType()
			count := index()
			for i := uint64(0); ok && i < count; i++ {
				if kind := index(); kind < 2 {
					index() // tag
				}
				index()
			}
		case wasmCast:
			bytes(1)
			index()
			heapType()
			heapType()
		default:
			return refs, &wasmError{start, fmt.Sprintf("unknown opcode %#02x", op)}
		}
		if !ok {
			return refs, &wasmError{start, "instruction is cut off"}
		}
		lastWasConstant = isConstant
	}
	return refs, nil
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
