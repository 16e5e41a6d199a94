// The decoder of plain LZMA. Source: I. Pavlov, lzma-specification.txt.
// The payload's integrity is checked before, so that nothing is checked here.

enum { LITERAL = 1846, PROBS = LITERAL + (0x300 << 4) };
#define WORKSPACE_OF(stream) (PROBS * 2 + 0x1000) // trees read two nodes ahead, behind the last one too

#undef TREE_LZMA
#define TREE_LZMA 1
#define TREE_HERE
#include "tree.h"

// struct decoded is what unfilter needs: nothing, an operation does its work.
struct decoded {
	int nothing;
};

static inline void unfilter(struct decoded d, u8 *first, u32 base) {}

static __attribute__((noinline)) struct decoded decode(const u8 *in, u8 *out, u8 *end, u8 *workspace)
{
	u16 *prob = (u16 *)workspace;
	u32 state = 0, rep0 = 1, rep1 = 1, rep2 = 1, rep3 = 1;
	u8 *first = out;
	u32 lc = in[0], lp = in[1], pb = in[2];
	range = -1u;
	code = be32(in + 3);
	input = in + 7;
	while (out < end) {
		u32 position = out - first, pos = position & ((1 << pb) - 1), bit, length;
		bit = lzma_decide(prob + (state << 4) + pos);
		if (!bit) {
			u32 prev = position ? out[-1] : 0;
			u16 *lit = prob + LITERAL + 0x300 * (((position & ((1 << lp) - 1)) << lc) + (prev >> (8 - lc)));
			u32 sym = 1;
			if (state >= 7)
				sym = lzma_differing(lit + 0x100, out[-(i64)rep0] << 1);
			if (sym < 0x100)
				sym = lzma_tree(lit, sym, 0x100);
			*out++ = sym;
			state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
			continue;
		}
		u16 *lens = prob + 1332; // of repeated distances
		bit = lzma_decide(prob + 192 + state);
		if (!bit) {
			rep3 = rep2, rep2 = rep1, rep1 = rep0;
			lens = prob + 818;
			state = state < 7 ? 7 : 10;
			rep0 = 0;
		} else {
			bit = lzma_decide(prob + 204 + state);
			if (!bit) {
				bit = lzma_decide(prob + 240 + (state << 4) + pos);
				if (!bit) {
					*out = out[-(i64)rep0];
					out++;
					state = state < 7 ? 9 : 11;
					continue;
				}
			} else {
				u32 dist = rep1;
				bit = lzma_decide(prob + 216 + state);
				if (bit) {
					dist = rep2;
					bit = lzma_decide(prob + 228 + state);
					if (bit)
						dist = rep3, rep3 = rep2;
					rep2 = rep1;
				}
				rep1 = rep0, rep0 = dist;
			}
			state = state < 7 ? 8 : 11;
		}
		u32 limit = 8, base = 2;
		u16 *t = lens + 2 + (pos << 3);
		bit = lzma_decide(lens);
		if (bit) {
			t += 128, base = 10;
			bit = lzma_decide(lens + 1);
			if (bit)
				t = lens + 2 + 256, base = 18, limit = 256;
		}
		length = base + lzma_tree(t, 1, limit) - limit;
		if (!rep0) {
			u32 sym = lzma_tree(prob + 432 + ((length > 5 ? 3 : length - 2) << 6), 1, 64) - 64;
			u32 dist = sym, bits = (sym >> 1) - 1;
			if (sym >= 4) {
				dist = (2 | (sym & 1)) << bits;
				t = prob + 688 + dist - sym;
				if (sym >= 14) {
					u32 v = 0;
					bits -= 4;
					do {
						range >>= 1;
						u64 under = (i64)(code - range) >> 63;
						code -= range & ~under;
						v = v * 2 + 1 + (u32)under;
						lzma_refill();
					} while (--bits);
					dist += v << 4;
					bits = 4;
					t = prob + 802;
				}
				u32 m = 1, place = 1;
				do {
					m = lzma_tree(t, m, m + 1);
					if (m & 1)
						dist += place;
					place <<= 1;
				} while (--bits);
			}
			rep0 = dist + 1;
		}
		const u8 *from = out - rep0;
		do
			*out++ = *from++;
		while (--length);
	}
	return (struct decoded){ 0 };
}
