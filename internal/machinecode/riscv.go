package machinecode

import "encoding/binary"

// RISC-V address operands (The RISC-V Instruction Set Manual, volume I,
// chapters 2, 12 to 14, 16 and 24 to 26; ELF psABI, "Code models").
//
// An instruction has two bytes or four, and says which in its lowest bits. As on
// AArch64 most addresses are made by two instructions: auipc (or lui, where
// addresses are fixed) puts the upper twenty bits into a register, and an addi,
// a load, a store or a jalr that may stand anywhere behind it adds the lower
// twelve. So registers that hold an upper half are remembered until anything
// else is written to them.

// halves remembers what is known of the general registers.
type halves struct {
	value [32]uint64
	upper uint32 // registers that hold an upper half, of auipc or of lui
	fixed uint32 // of them, and of the whole ones, those that lui began
	whole uint32 // registers that hold a whole address
	entry uint32 // registers that hold a whole address and an offset that is not known
}

func (s *halves) forget(reg uint32) {
	s.upper &^= 1 << reg
	s.whole &^= 1 << reg
	s.entry &^= 1 << reg
	s.fixed &^= 1 << reg
}

// set puts a value into a register; x0 takes none.
func (s *halves) set(reg uint32, value uint64, fixed bool, kind *uint32) {
	s.forget(reg)
	if reg == 0 {
		return
	}
	s.value[reg] = value
	*kind |= 1 << reg
	if fixed {
		s.fixed |= 1 << reg
	}
}

// Registers that a call may destroy (RISC-V calling convention, "Integer
// register convention"): ra, t0-t2, a0-a7, t3-t6.
const riscvCallerSaved = 1<<1 | 7<<5 | 0xff<<10 | 15<<28

const globalPointer = 3 // x3

// riscv is one sweep.
type riscv struct {
	halves
	r    *Request
	refs []Ref
	at   int
	size uint8
}

// RISCV decodes code of RISC-V, of 32 bits where the request is Narrow.
func RISCV(r *Request, refs []Ref) ([]Ref, Stats) {
	var stats Stats
	d := riscv{r: r, refs: refs}
	if r.GlobalPointer != 0 {
		d.value[globalPointer], d.upper = r.GlobalPointer, 1<<globalPointer
	}
	code := r.Code
	for d.at+2 <= len(code) {
		if r.Sink != nil && len(d.refs) >= sinkful {
			r.Sink(d.refs)
			d.refs = d.refs[:0]
		}
		half := uint32(binary.LittleEndian.Uint16(code[d.at:]))
		if half&3 != 3 {
			d.size = 2
			d.compressed(half)
			stats.Instructions++
			d.at += 2
			continue
		}
		if half&0x1c == 0x1c || d.at+4 > len(code) { // longer ones are reserved
			stats.Skipped += 2
			d.at += 2
			continue
		}
		d.size = 4
		d.full(half | uint32(binary.LittleEndian.Uint16(code[d.at+2:]))<<16)
		stats.Instructions++
		d.at += 4
	}
	stats.Skipped += len(code) - d.at
	return d.refs, stats
}

func (d *riscv) pc() uint64 { return d.r.Addr + uint64(d.at) }

// address cuts an address to the width of the machine.
func (d *riscv) address(v uint64) uint64 {
	if d.r.Narrow {
		return uint64(uint32(v))
	}
	return v
}

func (d *riscv) add(target uint64, kind Kind) {
	target = d.address(target)
	if kind == Call || kind == Table || !d.r.inside(target) {
		d.refs = append(d.refs, Ref{target, uint32(d.at), d.size, kind})
	}
}

// through adds what base and offset make, where base is an upper half.
func (d *riscv) through(base uint32, offset uint64, kind Kind) {
	if d.upper>>base&1 == 0 {
		return
	}
	target := d.address(d.value[base] + offset)
	if d.fixed>>base&1 != 0 {
		if target < d.r.AbsoluteLow || target >= d.r.AbsoluteHigh {
			return // a number
		}
		if kind == Address || kind == Memory {
			kind = Absolute
		}
	}
	d.add(target, kind)
}

// called forgets what a call may destroy.
func (d *riscv) called() {
	d.upper &^= riscvCallerSaved
	d.whole &^= riscvCallerSaved
	d.entry &^= riscvCallerSaved
}

// sum is rd = rs1 + rs2: an entry of a table, where one is the table.
func (d *riscv) sum(rd, rs1, rs2 uint32) {
	for _, base := range []uint32{rs1, rs2} {
		if d.whole>>base&1 != 0 {
			d.set(rd, d.value[base], d.fixed>>base&1 != 0, &d.entry)
			return
		}
	}
	d.forget(rd)
}

// load is a load of width 1<<log2 through rs1 into rd.
func (d *riscv) load(rd, rs1 uint32, offset uint64, width uint32, general bool) {
	if width == 2 && offset == 0 && d.entry>>rs1&1 != 0 && general {
		d.add(d.value[rs1], Table) // lw: an entry of a table of offsets
	}
	d.through(rs1, offset, Memory)
	if general {
		d.forget(rd)
	}
}

// addi is rd = rs1 + imm.
func (d *riscv) addi(rd, rs1 uint32, imm uint64) {
	d.through(rs1, imm, Address)
	if d.upper>>rs1&1 != 0 {
		d.set(rd, d.address(d.value[rs1]+imm), d.fixed>>rs1&1 != 0, &d.whole)
		return
	}
	d.forget(rd)
}

func (d *riscv) full(w uint32) {
	rd, rs1, rs2, funct3 := w>>7&31, w>>15&31, w>>20&31, w>>12&7
	immI := signExtend(w>>20, 12)
	switch w & 0x7f {
	case 0x37: // lui
		d.set(rd, d.address(signExtend(w>>12, 20)<<12), true, &d.upper)
	case 0x17: // auipc
		d.set(rd, d.address(d.pc()+signExtend(w>>12, 20)<<12), false, &d.upper)
	case 0x6f: // jal
		target := d.pc() + signExtend(w>>31<<20|w>>12&0xff<<12|w>>20&1<<11|w>>21&0x3ff<<1, 21)
		d.jump(rd, target)
	case 0x67: // jalr
		kind := Call
		if rd == 0 {
			kind = Branch
		}
		d.through(rs1, immI, kind)
		if rd != 0 {
			d.called()
		}
		d.forget(rd)
	case 0x63: // branches
		d.add(d.pc()+signExtend(w>>31<<12|w>>7&1<<11|w>>25&0x3f<<5|w>>8&15<<1, 13), Branch)
	case 0x03: // loads
		d.load(rd, rs1, immI, funct3, true)
	case 0x07: // of floats
		d.load(rd, rs1, immI, funct3, false)
	case 0x23, 0x27: // stores
		d.through(rs1, signExtend(w>>25<<5|w>>7&31, 12), Memory)
	case 0x13, 0x1b: // with an immediate
		if funct3 == 0 {
			d.addi(rd, rs1, immI)
		} else {
			d.forget(rd)
		}
	case 0x33: // with a register
		if funct3 == 0 && w>>25 == 0 || w>>25 == 0x10 && funct3 != 0 { // add, sh1add to sh3add
			d.sum(rd, rs1, rs2)
		} else {
			d.forget(rd)
		}
	case 0x53: // floats: comparisons, conversions to integers, moves to general registers
		switch w >> 27 {
		case 0x14, 0x18, 0x1c:
			d.forget(rd)
		}
	case 0x43, 0x47, 0x4b, 0x4f, 0x0f: // multiplications and additions of floats; fences
	default: // 32-bit operations, atomics, control registers, vectors, what vendors add
		d.forget(rd)
	}
}

func (d *riscv) jump(link uint32, target uint64) {
	if link == 0 {
		d.add(target, Branch)
		return
	}
	d.add(target, Call)
	d.called()
	d.forget(link)
}

// compressed decodes the instructions of two bytes: quadrant and funct3.
func (d *riscv) compressed(h uint32) {
	rd, rs2 := h>>7&31, h>>2&31
	short := h>>2&7 + 8     // rd' of loads, rs2'
	short1 := h>>7&7 + 8    // rs1', and rd' of arithmetic
	switch h&3<<4 | h>>13 { // as two hexadecimal digits
	case 0x00: // addi4spn
		d.forget(short)
	case 0x02: // lw
		d.load(short, short1, uint64(h>>6&1<<2|h>>10&7<<3|h>>5&1<<6), 2, true)
	case 0x03: // ld; of 32 bits flw
		d.load(short, short1, uint64(h>>10&7<<3|h>>5&3<<6), 3, !d.r.Narrow)
	case 0x04: // lbu, lhu, lh and stores (Zcb)
		d.forget(short)
	case 0x10: // addi
		d.addi(rd, rd, signExtend(h>>12&1<<5|h>>2&31, 6))
	case 0x11: // addiw; of 32 bits jal
		if d.r.Narrow {
			d.jump(1, d.pc()+jumpOffset(h))
		} else {
			d.addi(rd, rd, signExtend(h>>12&1<<5|h>>2&31, 6))
		}
	case 0x12: // li
		d.forget(rd)
	case 0x13: // lui; of the stack pointer addi16sp
		if rd == 2 {
			d.forget(rd)
		} else {
			d.set(rd, d.address(signExtend(h>>12&1<<5|h>>2&31, 6)<<12), true, &d.upper)
		}
	case 0x14: // arithmetic
		d.forget(short1)
	case 0x15: // j
		d.add(d.pc()+jumpOffset(h), Branch)
	case 0x16, 0x17: // beqz, bnez
		d.add(d.pc()+signExtend(h>>12&1<<8|h>>5&3<<6|h>>2&1<<5|h>>10&3<<3|h>>3&3<<1, 9), Branch)
	case 0x20, 0x22, 0x23: // slli, lwsp, ldsp
		d.forget(rd)
	case 0x24: // jr, mv, ebreak, jalr, add
		switch link := h >> 12 & 1; {
		case rs2 == 0 && rd != 0:
			if link == 1 {
				d.through(rd, 0, Call)
				d.called()
			} else {
				d.through(rd, 0, Branch)
			}
		case rs2 != 0 && link == 1:
			d.sum(rd, rd, rs2)
		case rs2 != 0:
			d.forget(rd)
		}
	}
}

// jumpOffset is the offset of c.j and c.jal.
func jumpOffset(h uint32) uint64 {
	return signExtend(h>>12&1<<11|h>>8&1<<10|h>>9&3<<8|h>>6&1<<7|h>>7&1<<6|h>>2&1<<5|h>>11&1<<4|h>>3&7<<1, 12)
}
