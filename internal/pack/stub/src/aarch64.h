// aarch64 code back to little-endian words with relative branches and pages
// (internal/pack/codec/aarch64.go).

static inline void relative_words(u8 *p, u8 *end, u8 *image)
{
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
