package machinecode

import "encoding/binary"

// x86-64 instruction lengths and address operands.
//
// Sources: Intel 64 and IA-32 Architectures Software Developer's Manual,
// volume 2, chapter 2 (formats), appendix A (opcode maps); AMD64 Architecture
// Programmer's Manual, volume 3 (3DNow!, XOP, SSE4a); Intel Advanced Performance
// Extensions specification (REX2, EVEX map 4).
//
// An instruction is prefixes, an opcode in one of several maps, perhaps a
// ModRM byte with SIB and displacement, perhaps an immediate. So a map is
// 256 operand shapes, and all that is not in a map is prefix logic: 66 halves
// "z" immediates, REX.W doubles those of B8-BF, VEX, EVEX and XOP name the map
// in their own bits.
//
// Only three operand forms hold addresses: rel8/rel32 of branches, disp32 of a
// ModRM with mod=0 and rm=5 (RIP-relative), and, in files with fixed
// addresses, any 32-bit displacement or immediate.

// The shapes of operands, one letter per opcode in the maps below.
const (
	shapeBad    = '.' // no such instruction in 64-bit mode
	shapeNone   = '-'
	shapeModRM  = 'm'
	shapeImm8   = 'b'
	shapeImm16  = 'w'
	shapeImmZ   = 'z' // 4 bytes, 2 with prefix 66
	shapeImmV   = 'v' // 4 bytes, 2 with prefix 66, 8 with REX.W
	shapeMoffs  = 'o' // 8 bytes of address, 4 with prefix 67
	shapeEnter  = 'e' // imm16, imm8
	shapeRel8   = 'j'
	shapeRel32  = 'J'
	shapeM8     = 'B' // ModRM, imm8
	shapeMZ     = 'Z' // ModRM, immZ
	shapeM32    = 'D' // ModRM, imm32 whatever the prefixes
	shapeF6     = 'F' // ModRM, imm8 for /0 and /1
	shapeF7     = 'G' // ModRM, immZ for /0 and /1
	shapePrefix = 'p'
	shapeREX    = 'R'
	shapeMap    = 'x' // leads to another map: 0F, 62, 8F, C4, C5, D5
	shape78     = 'S' // 0F 78: SSE4a's two immediates with 66 or F2, vmread else
)

type opcodeMap [256]byte

// readMap takes sixteen rows of sixteen shapes.
func readMap(rows ...string) (m opcodeMap) {
	for i, row := range rows {
		copy(m[i*16:i*16+16], row)
	}
	return m
}

// fullMap is a map in which every opcode has one shape.
func fullMap(shape byte) (m opcodeMap) {
	for i := range m {
		m[i] = shape
	}
	return m
}

var (
	mapOne = readMap(
		//0123456789ABCDEF
		"mmmmbz..mmmmbz.x", // 0
		"mmmmbz..mmmmbz..", // 1
		"mmmmbzp.mmmmbzp.", // 2
		"mmmmbzp.mmmmbzp.", // 3
		"RRRRRRRRRRRRRRRR", // 4
		"----------------", // 5
		"..xmppppzZbB----", // 6
		"jjjjjjjjjjjjjjjj", // 7
		"BZ.Bmmmmmmmmmmmx", // 8
		"----------.-----", // 9
		"oooo----bz------", // A
		"bbbbbbbbvvvvvvvv", // B
		"BBw-xxBZe-w--b.-", // C
		"mmmm.x.-mmmmmmmm", // D
		"jjjjbbbbJJ.j----", // E
		"p-pp--FG------mm", // F
	)
	map0F = readMap(
		//0123456789ABCDEF
		"mmmm.-----.-.m-B", // 0; 0F 0F is 3DNow!, whose opcode stands last
		"mmmmmmmmmmmmmmmm", // 1
		"mmmm....mmmmmmmm", // 2
		"------.-x.x.....", // 3
		"mmmmmmmmmmmmmmmm", // 4
		"mmmmmmmmmmmmmmmm", // 5
		"mmmmmmmmmmmmmmmm", // 6
		"BBBBmmm-Sm..mmmm", // 7
		"JJJJJJJJJJJJJJJJ", // 8
		"mmmmmmmmmmmmmmmm", // 9
		"---mBmmm---mBmmm", // A
		"mmmmmmmmmmBmmmmm", // B
		"mmBmBBBm--------", // C
		"mmmmmmmmmmmmmmmm", // D
		"mmmmmmmmmmmmmmmm", // E
		"mmmmmmmmmmmmmmmm", // F
	)
	// Map 1 as VEX and EVEX reach it: no branches, vzeroupper alone has no ModRM.
	mapVector1 = readMap(
		"................",
		"mmmmmmmmm.......",
		"........mmmmmmmm",
		"................",
		"mmmmmmmm.mmm....", // 4: opmask logic
		"mmmmmmmmmmmmmmmm",
		"mmmmmmmmmmmmmmmm",
		"BBBBmmm-mmmmmmmm",
		"................",
		"mmmm....mm......", // 9: kmov, kortest, ktest
		"..............m.", // A: vldmxcsr
		"................",
		"..B.BBB.........",
		"mmmmmmmmmmmmmmmm",
		"mmmmmmmmmmmmmmmm",
		"mmmmmmmmmmmmmmm.",
	)
	mapModRM   = fullMap(shapeModRM) // 0F 38, XOP 9, EVEX 5 and 6
	mapModRM8  = fullMap(shapeM8)    // 0F 3A, XOP 8
	mapModRM32 = fullMap(shapeM32)   // XOP A, VEX 7
	mapAPX     = readMap(            // EVEX map 4: promoted one-byte and 0F instructions
		"mmmmmmmmmmmmmmmm",
		"mmmmmmmmmmmmmmmm",
		"mmmmBmmmmmmmBmmm", // 24, 2C: shld, shrd
		"mmmmmmmmmmmmmmmm",
		"mmmmmmmmmmmmmmmm",
		"mmmmmmmmmmmmmmmm",
		"mmmmmmmmmZmBmmmm",
		"mmmmmmmmmmmmmmmm",
		"BZ.Bmmmmmmmmmmmm",
		"mmmmmmmmmmmmmmmm",
		"mmmmmmmmmmmmmmmm",
		"mmmmmmmmmmmmmmmm",
		"BBmmmmBZmmmmmmmm",
		"mmmmmmmmmmmmmmmm",
		"mmmmmmmmmmmmmmmm",
		"mmmmmmFGmmmmmmmm",
	)
	mapNowhere = fullMap(shapeBad)

	// By the map field of the prefix: VEX.mmmmm, EVEX.mmm, XOP.mmmmm - 8.
	vexMaps  = [8]*opcodeMap{&mapNowhere, &mapVector1, &mapModRM, &mapModRM8, &mapNowhere, &mapModRM, &mapModRM, &mapModRM32}
	evexMaps = [8]*opcodeMap{&mapNowhere, &mapVector1, &mapModRM, &mapModRM8, &mapAPX, &mapModRM, &mapModRM, &mapModRM32}
	xopMaps  = [3]*opcodeMap{&mapModRM8, &mapModRM, &mapModRM32}
)

const maxInstruction = 15 // bytes; longer ones raise an exception

// registers remembers which table address a lea put into a register, so that
// `movslq (%base,%index,4)` tells the table that it reads. Control flow is not
// followed: the last lea in code order wins, and who reads the table checks
// its entries.
type registers struct {
	value [16]uint64
	known uint16
}

// X86_64 decodes code of x86-64.
func X86_64(r *Request, refs []Ref) ([]Ref, Stats) {
	var stats Stats
	var leas registers
	code := r.Code
	wantAbsolute := r.AbsoluteHigh > r.AbsoluteLow
	for at := 0; at < len(code); {
		if r.Sink != nil && len(refs) >= sinkful {
			r.Sink(refs)
			refs = refs[:0]
		}
		end := min(at+maxInstruction, len(code))
		p := at
		var opsize16, addr32, rep bool
		var rex byte
		var op byte
		m := &mapOne

		// Prefixes, in any order; REX counts only right before the opcode.
	prefixes:
		for {
			if p >= end {
				goto bad
			}
			op = code[p]
			p++
			switch mapOne[op] {
			case shapePrefix:
				rex = 0
				switch op {
				case 0x66:
					opsize16 = true
				case 0x67:
					addr32 = true
				case 0xf2:
					rep = true
				}
			case shapeREX:
				rex = op
			default:
				break prefixes
			}
		}

		{
			shape := mapOne[op]
			var modrm byte
			var target uint64
			relative, through := false, false
			dispAt := -1

			if shape == shapeMap {
				var ok bool
				m, op, p, rex, ok = enterMap(code, p, end, op, rex)
				if !ok {
					goto bad
				}
				shape = m[op]
			}

			// ModRM, SIB, displacement.
			switch shape {
			case shapeModRM, shapeM8, shapeMZ, shapeM32, shapeF6, shapeF7, shape78:
				if p >= end {
					goto bad
				}
				modrm = code[p]
				p++
				mod, rm := modrm>>6, modrm&7
				if mod == 3 {
					break
				}
				disp := 0
				switch mod {
				case 1:
					disp = 1
				case 2:
					disp = 4
				}
				if rm == 4 {
					if p >= end {
						goto bad
					}
					sib := code[p]
					p++
					if mod == 0 && sib&7 == 5 {
						disp = 4
					}
					// movslq (%base,%index,4), %reg
					if op == 0x63 && m == &mapOne && mod == 0 && sib>>6 == 2 && sib&7 != 5 {
						base := sib&7 | rex&1<<3
						if leas.known>>base&1 != 0 {
							refs = append(refs, Ref{leas.value[base], uint32(at), uint8(p - at), Table})
						}
					}
				} else if mod == 0 && rm == 5 {
					disp = 4
					relative = true
				}
				if p+disp > end {
					goto bad
				}
				if disp == 4 {
					target = uint64(int64(int32(binary.LittleEndian.Uint32(code[p:]))))
					dispAt = p
				}
				p += disp
				through = op == 0xff && m == &mapOne && (modrm>>3&7 == 2 || modrm>>3&7 == 4)
			}

			// Immediates.
			imm := 0
			switch shape {
			case shapeBad:
				goto bad
			case shapeNone, shapeModRM:
			case shapeImm8, shapeM8, shapeRel8:
				imm = 1
			case shapeImm16:
				imm = 2
			case shapeEnter:
				imm = 3
			case shapeImmZ, shapeMZ:
				imm = 4
				if opsize16 && rex&8 == 0 {
					imm = 2
				}
				if op == 0xc7 && modrm>>3&7 != 0 && m == &mapOne && modrm != 0xf8 {
					goto bad // C7 /0 and xbegin alone
				}
			case shapeImmV:
				imm = 4
				if rex&8 != 0 {
					imm = 8
				} else if opsize16 {
					imm = 2
				}
			case shapeMoffs:
				imm = 8
				if addr32 {
					imm = 4
				}
			case shapeRel32, shapeM32:
				imm = 4
			case shapeF6:
				if modrm>>3&7 < 2 {
					imm = 1
				}
			case shapeF7:
				if modrm>>3&7 < 2 {
					imm = 4
					if opsize16 && rex&8 == 0 {
						imm = 2
					}
				}
			case shape78:
				if opsize16 || rep {
					imm = 2
				}
			default:
				goto bad
			}
			if p+imm > end {
				goto bad
			}
			immAt := p
			p += imm
			length := uint8(p - at)
			next := r.Addr + uint64(p)

			switch {
			case shape == shapeRel32:
				target = next + uint64(int64(int32(binary.LittleEndian.Uint32(code[immAt:]))))
				kind := Branch
				if op == 0xe8 && m == &mapOne {
					kind = Call
				}
				if kind == Call || !r.inside(target) {
					refs = append(refs, Ref{target, uint32(at), length, kind})
				}
			case shape == shapeRel8:
				target = next + uint64(int64(int8(code[immAt])))
				if !r.inside(target) {
					refs = append(refs, Ref{target, uint32(at), length, Branch})
				}
			case relative:
				target += next
				if addr32 {
					target = uint64(uint32(target))
				}
				kind := Memory
				if op == 0x8d && m == &mapOne {
					kind = Address
					reg := modrm>>3&7 | rex&4<<1
					leas.value[reg], leas.known = target, leas.known|1<<reg
				} else if through {
					kind = Through
				}
				if !r.inside(target) {
					refs = append(refs, Ref{target, uint32(at), length, kind})
				}
				dispAt = -1
			}
			if wantAbsolute {
				if dispAt >= 0 && target-r.AbsoluteLow < r.AbsoluteHigh-r.AbsoluteLow && !r.inside(target) {
					kind := Absolute
					if through && modrm>>6 == 0 && code[dispAt-1]&0x3f == 0x25 {
						kind = Through // no base, no index
					}
					refs = append(refs, Ref{target, uint32(at), length, kind})
				}
				var value uint64
				switch {
				case shape == shapeRel32 || shape == shapeEnter:
				case imm == 4:
					value = uint64(int64(int32(binary.LittleEndian.Uint32(code[immAt:]))))
				case imm == 8:
					value = binary.LittleEndian.Uint64(code[immAt:])
				}
				if value != 0 && value-r.AbsoluteLow < r.AbsoluteHigh-r.AbsoluteLow && !r.inside(value) {
					refs = append(refs, Ref{value, uint32(at), length, Absolute})
				}
			}
		}
		stats.Instructions++
		at = p
		continue

	bad:
		stats.Skipped++
		at++
	}
	return refs, stats
}

// enterMap follows the opcode bytes that lead out of the one-byte map: op was
// just read, p is behind it. It returns the map, the opcode in it, the place
// behind the opcode, and the REX bits in effect.
func enterMap(code []byte, p, end int, op, rex byte) (m *opcodeMap, opcode byte, next int, bits byte, ok bool) {
	fail := func() (*opcodeMap, byte, int, byte, bool) { return nil, 0, p, 0, false }
	if p >= end {
		return fail()
	}
	first := code[p]
	switch op {
	case 0x0f:
		switch first {
		case 0x38, 0x3a:
			if p+1 >= end {
				return fail()
			}
			m = &mapModRM
			if first == 0x3a {
				m = &mapModRM8
			}
			return m, code[p+1], p + 2, rex, true
		}
		return &map0F, first, p + 1, rex, true

	case 0xc5: // VEX, two bytes: R.vvvv.L.pp
		if p+1 >= end {
			return fail()
		}
		return &mapVector1, code[p+1], p + 2, ^first >> 5 & 4, true

	case 0xc4: // VEX, three bytes: RXB.mmmmm, W.vvvv.L.pp
		if p+2 >= end || first&0x1f >= 8 {
			return fail()
		}
		return vexMaps[first&7], code[p+2], p + 3, ^first>>5&7 | code[p+1]>>4&8, true

	case 0x8f: // XOP, or pop r/m with ModRM.reg 0
		if first&0x1f < 8 {
			if first>>3&7 != 0 {
				return fail()
			}
			return &mapModRM, op, p, rex, true
		}
		if p+2 >= end || first&0x1f > 10 {
			return fail()
		}
		return xopMaps[first&0x1f-8], code[p+2], p + 3, ^first >> 5 & 7, true

	case 0x62: // EVEX: four bytes, map in the low three bits of the first
		if p+3 >= end {
			return fail()
		}
		return evexMaps[first&7], code[p+3], p + 4, ^first >> 5 & 7, true

	case 0xd5: // REX2: M0 chooses map 0 or 1, low half is REX's W R X B
		if p+1 >= end {
			return fail()
		}
		m = &mapOne
		if first&0x80 != 0 {
			m = &map0F
		}
		switch m[code[p+1]] {
		case shapeMap, shapePrefix, shapeREX:
			return fail()
		}
		return m, code[p+1], p + 2, first & 0x0f, true
	}
	return fail()
}
