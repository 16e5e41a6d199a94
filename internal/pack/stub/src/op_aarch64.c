// Operation: aarch64 code back to little-endian words with relative branches
// and pages (internal/pack/codec/aarch64.go).
#include "stub.h"

// Argument: count, then per region uleb gap to the last one's end, uleb size.
__attribute__((section(".text.entry"), used)) void op(u8 *image, const u8 *argument)
{
	u8 *p = image;
	for (u32 n = uleb(&argument); n; n--) {
		p += uleb(&argument);
		u8 *end = p + uleb(&argument);
		for (; p < end; p += 4) {
			u32 w = be32(p), pc = p - image;
			if ((w & 0x7c000000) == 0x14000000)
				w = (w & 0xfc000000) | ((w - (pc >> 2)) & 0x03ffffff);
			else if ((w & 0x9f000000) == 0x90000000) {
				u32 imm = (w >> 29 & 3) << 19 | (w >> 5 & 0x7ffff);
				imm -= pc >> 12;
				w = 0x90000000 | (imm & 3) << 29 | (imm >> 2 & 0x7ffff) << 5 | (w & 31);
			}
			put32(p, w);
		}
	}
}
