package machinecode

import "encoding/binary"

// AArch64 address operands (Arm Architecture Reference Manual for A-profile,
// DDI 0487, chapter C4, "A64 instruction set encoding").
//
// Instructions are four bytes each, so lengths are no problem. Addresses are:
// most are made by two instructions, adrp (a 4 KiB page) and then an add, load
// or store with the low twelve bits, which a compiler may place far apart and
// which share one adrp between several. So registers that hold a page are
// remembered, and forgotten as soon as anything else is written to them: what
// is not forgotten becomes a reference that does not exist.
//
// Writes are recognised by class, not by instruction: bits 25-28 tell the
// class, and in all but branches, stores and comparisons the destination is in
// bits 0-4. Calls forget what the calling convention lets them destroy.

// pages remembers, per general register, the page or address in it.
type pages struct {
	value [32]uint64
	page  uint32 // registers that hold a page from adrp
	whole uint32 // registers that hold a whole address from adr or adrp+add
}

func (s *pages) forget(reg uint32) {
	s.page &^= 1 << reg
	s.whole &^= 1 << reg
}

// Registers that a call may destroy (Procedure Call Standard for the Arm
// 64-bit Architecture, section 6.1.1): r0-r18 and the link register.
const callerSaved = 1<<19 - 1 | 1<<30

func signExtend(v uint32, bits uint) uint64 {
	return uint64(int64(int32(v<<(32-bits)) >> (32 - bits)))
}

// AArch64 decodes code of AArch64.
func AArch64(r *Request, refs []Ref) ([]Ref, Stats) {
	var stats Stats
	var s pages
	code := r.Code
	add := func(at int, target uint64, kind Kind) {
		if kind == Call || kind == Table || !r.inside(target) {
			refs = append(refs, Ref{target, uint32(at), 4, kind})
		}
	}
	at := 0
	for ; at+4 <= len(code); at += 4 {
		if r.Sink != nil && len(refs) >= sinkful {
			r.Sink(refs)
			refs = refs[:0]
		}
		w := binary.LittleEndian.Uint32(code[at:])
		pc := r.Addr + uint64(at)
		rd, rn := w&31, w>>5&31
		stats.Instructions++

		switch w >> 25 & 15 {
		case 0b0000: // reserved and SME; udf is data or a trap
			if w>>31 == 0 && w != 0 && w>>16 != 0 {
				stats.Instructions--
				stats.Skipped += 4
			}
		case 0b0001, 0b0011:
			stats.Instructions--
			stats.Skipped += 4

		case 0b1000, 0b1001: // data processing, immediate
			switch w >> 23 & 7 {
			case 0, 1: // adr, adrp
				imm := signExtend(w>>5&0x7ffff<<2|w>>29&3, 21)
				if w>>31 == 0 {
					add(at, pc+imm, Address)
					s.value[rd], s.page, s.whole = pc+imm, s.page&^(1<<rd), s.whole|1<<rd
				} else {
					s.value[rd], s.page, s.whole = pc&^0xfff+imm<<12, s.page|1<<rd, s.whole&^(1<<rd)
				}
				if rd == 31 {
					s.forget(31)
				}
			case 2: // add, sub immediate
				isAdd64 := w>>22&0x3ff == 0b1001000100
				switch {
				case isAdd64 && s.page>>rn&1 != 0 && rn != 31:
					target := s.value[rn] + uint64(w>>10&0xfff)
					add(at, target, Address)
					s.forget(rd)
					if rd != 31 {
						s.value[rd], s.whole = target, s.whole|1<<rd
					}
				default:
					s.forget(rd)
				}
			default:
				s.forget(rd)
			}

		case 0b1010, 0b1011: // branches, exceptions, system
			switch {
			case w>>26&31 == 0b00101: // b, bl
				target := pc + signExtend(w&0x3ffffff, 26)<<2
				if w>>31 == 0 {
					add(at, target, Branch)
				} else {
					add(at, target, Call)
					s.page &^= callerSaved
					s.whole &^= callerSaved
				}
			case w>>24 == 0b01010100, // b.cond, bc.cond
				w>>25&63 == 0b011010: // cbz, cbnz
				add(at, pc+signExtend(w>>5&0x7ffff, 19)<<2, Branch)
			case w>>25&63 == 0b011011: // tbz, tbnz
				add(at, pc+signExtend(w>>5&0x3fff, 14)<<2, Branch)
			case w>>21 == 0b11010110001: // blr
				s.page &^= callerSaved
				s.whole &^= callerSaved
			case w>>22 == 0b1101010100 && w>>21&1 == 1: // mrs, sysl
				s.forget(rd)
			}

		case 0b0100, 0b0110, 0b1100, 0b1110: // loads and stores
			s.loadStore(w, pc, at, add)

		case 0b0101, 0b1101: // data processing, register
			if w>>21&0xff != 0b11010010 { // conditional compares write flags alone
				s.forget(rd)
			}

		case 0b0111, 0b1111: // vectors and floating point
			if writesGeneral(w) {
				s.forget(rd)
			}
		}
	}
	stats.Skipped += len(code) - at
	return refs, stats
}

// writesGeneral says whether a vector or floating-point instruction has a
// general register as its destination: fcvt* and fmov (C4.1.96, conversion
// between floating-point and integer or fixed-point), umov and smov.
func writesGeneral(w uint32) bool {
	opcode := w >> 16 & 7
	switch {
	case w&0x5f20fc00 == 0x1e200000: // integer
		return opcode != 2 && opcode != 3 && opcode != 7
	case w&0x5f200000 == 0x1e000000: // fixed point
		return opcode < 2 && w>>19&3 == 3
	case w&0xbfe0fc00 == 0x0e003c00, w&0xbfe0fc00 == 0x0e002c00:
		return true
	}
	return false
}

// loadStore handles op0 = x1x0 of the top-level table (C4.1.94).
func (s *pages) loadStore(w uint32, pc uint64, at int, add func(int, uint64, Kind)) {
	rt, rn, rt2 := w&31, w>>5&31, w>>10&31
	vector := w>>26&1 == 1
	switch {
	case w>>28&3 == 0b01 && w>>24&1 == 0: // load literal
		add(at, pc+signExtend(w>>5&0x7ffff, 19)<<2, Memory)
		if !vector && w>>30 != 3 {
			s.forget(rt)
		}

	case w>>28&3 == 0b11 && w>>24&1 == 1: // unsigned scaled offset
		size := w >> 30
		opc := w >> 22 & 3
		if vector && opc >= 2 {
			size = 4
		}
		if s.page>>rn&1 != 0 && rn != 31 {
			add(at, s.value[rn]+uint64(w>>10&0xfff)<<size, Memory)
		}
		if !vector && opc != 0 && !(size == 3 && opc == 2) { // loads, prfm aside
			s.forget(rt)
		}

	case w>>28&3 == 0b11: // unscaled, pre- and post-indexed, register offset, atomics, literal tags
		opc := w >> 22 & 3
		register := w>>21&1 == 1 && w>>10&3 == 2
		if register && !vector && w>>30 == 2 && opc == 2 && w>>12&1 == 1 && s.whole>>rn&1 != 0 && rn != 31 {
			add(at, s.value[rn], Table) // ldrsw Xt, [Xn, Xm, lsl #2]
		}
		if w>>21&1 == 0 && w>>10&1 == 1 { // write-back
			s.forget(rn)
		}
		if !vector && (opc != 0 || w>>21&1 == 1 && !register) {
			s.forget(rt)
		}

	case w>>28&3 == 0b10: // pairs
		load := w>>22&1 == 1
		if w>>23&1 == 1 && w>>24&1 == 0 || w>>23&3 == 3 { // post- and pre-index
			s.forget(rn)
		}
		if load && !vector {
			s.forget(rt)
			s.forget(rt2)
		}

	default: // exclusives, acquire and release, compare and swap, vector structures
		if vector {
			if w>>23&1 == 1 {
				s.forget(rn)
			}
			return
		}
		s.forget(rt)
		s.forget(rt2)
		if w>>21&1 == 1 || w>>22&1 == 0 {
			s.forget(w >> 16 & 31) // status or compared value
		}
	}
}
