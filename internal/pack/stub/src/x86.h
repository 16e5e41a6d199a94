// The length of an x86-64 instruction, and where its rel32 or RIP-relative
// displacement lies. Same tables and same treatment of odd cases as the
// machine in internal/pack/codec/x86.go.

// Classes of opcodes, see x86.go.
enum { NONE, IMM8, IMMZ, REL8, REL32, IMM16, IMMV, MOFFS, ENTER, PREFIX, MODRM, MODRM_IMM8, MODRM_IMMZ, GROUP3_IMM8, GROUP3_IMMZ, ESCAPE };

#include "constants.h"
#include "x86_tables.h"

// instruction returns the end of the one at p and the offset of its field.
// It may read up to 28 bytes from p whatever they are.
static inline u8 *instruction(u8 *p, u32 *field)
{
	u8 *start = p;
	u32 map = 0, size16 = 0, wide = 0, class, b;
	*field = 0;
	for (;;) {
		b = *p++;
		if (map == 0) {
			class = one_byte[b >> 1] >> ((b & 1) * 4) & 15;
			if (class == PREFIX) {
				wide = (b & 0xf8) == 0x48;
				size16 |= b == 0x66;
				if (p - start > MAX_PREFIXES)
					return p;
				continue;
			}
			if (class == ESCAPE) {
				map = 1;
				if (b == 0xc5)
					p++;
				if (b == 0xc4)
					map = *p & 3, p += 2;
				if (b == 0x62)
					map = *p & 3, p += 3;
				continue;
			}
		} else if (map == 1) {
			if (b == 0x38 || b == 0x3a) {
				map = 2 + (b >> 1 & 1);
				continue;
			}
			static const u8 classes[4] = { NONE, REL32, MODRM, MODRM_IMM8 };
			class = classes[two_byte[b >> 2] >> ((b & 3) * 2) & 3];
		} else {
			class = map == 3 ? MODRM_IMM8 : MODRM;
		}
		break;
	}
	// Bytes of immediate by class, a nibble each.
	u32 imm = 0x414100384241410 >> class * 4 & 15;
	if (class == REL32)
		*field = p - start;
	else if (imm == 4 && size16)
		imm = 2;
	if (class == IMMV && wide)
		imm = 8;
	if (class >= MODRM) {
		u32 mod = *p >> 6, rm = *p & 7;
		if (class >= GROUP3_IMM8 && *p & 0x30)
			imm = 0;
		p++;
		if (mod != 3) {
			if (rm == 4) {
				if (mod == 0 && (*p & 7) == 5)
					mod = 2;
				p++;
			} else if (mod == 0 && rm == 5) {
				*field = p - start;
				mod = 2;
			}
			p += mod == 2 ? 4 : mod;
		}
	}
	return p + imm;
}
