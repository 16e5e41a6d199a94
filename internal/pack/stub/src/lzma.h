// The decoder of plain LZMA. Source: I. Pavlov, lzma-specification.txt.
// The payload's integrity is checked before, so that nothing is checked here.

enum { LITERAL = 1846, PROBS = LITERAL + (0x300 << 4) };
#define WORKSPACE_OF(stream) (PROBS * 2)

struct coder {
	u32 range, code;
	const u8 *in;
};

#define NORMALIZE if (c.range < 1u << 24) c.range <<= 8, c.code = c.code << 8 | *c.in++
// BIT sets r to the next bit under the probability *q.
#if defined(SMALL)
static __attribute__((noinline)) u32 bit_of(struct coder *d, u16 *q)
{
	struct coder c = *d;
	u32 p = *q, r = 0;
	NORMALIZE;
	u32 bound = (c.range >> 11) * p;
	if (c.code < bound) {
		c.range = bound;
		p += (2048 - p) >> 5;
	} else {
		c.range -= bound;
		c.code -= bound;
		p -= p >> 5;
		r = 1;
	}
	*q = p;
	*d = c;
	return r;
}
#define BIT(q, r) (r = bit_of(&c, q))
#else
#define BIT(q, r) do { \
		u16 *q_ = (q); \
		u32 p_ = *q_; \
		NORMALIZE; \
		u32 bound_ = (c.range >> 11) * p_; \
		if (c.code < bound_) { c.range = bound_; *q_ = p_ + ((2048 - p_) >> 5); r = 0; } \
		else { c.range -= bound_; c.code -= bound_; *q_ = p_ - (p_ >> 5); r = 1; } \
	} while (0)
#endif

// struct decoded is what unfilter needs: nothing, an operation does its work.
struct decoded {
	int nothing;
};

static inline void unfilter(struct decoded d, u8 *first, u32 base) {}

static __attribute__((noinline)) struct decoded decode(const u8 *in, u8 *out, u8 *end, u8 *workspace)
{
	u16 *prob = (u16 *)workspace;
	struct coder c = { -1u, be32(in + 3), in + 7 };
	u32 state = 0, rep0 = 1, rep1 = 1, rep2 = 1, rep3 = 1;
	u8 *first = out;
	u32 lc = in[0], lp = in[1], pb = in[2];
	for (u32 i = 0; i < PROBS; i++)
		prob[i] = 1024;
	while (out < end) {
		u32 position = out - first, pos = position & ((1 << pb) - 1), bit, length;
		BIT(prob + (state << 4) + pos, bit);
		if (!bit) {
			u32 prev = position ? out[-1] : 0;
			u16 *lit = prob + LITERAL + 0x300 * (((position & ((1 << lp) - 1)) << lc) + (prev >> (8 - lc)));
			u32 sym = 1;
			if (state >= 7) {
				u32 matched = out[-(i64)rep0], offset = 0x100;
				do {
					matched <<= 1;
					u32 want = matched & offset;
					BIT(lit + offset + want + sym, bit);
					sym = sym << 1 | bit;
					offset &= bit ? matched : ~matched;
				} while (sym < 0x100);
			} else {
				do {
					BIT(lit + sym, bit);
					sym = sym << 1 | bit;
				} while (sym < 0x100);
			}
			*out++ = sym;
			state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
			continue;
		}
		u16 *lens = prob + 1332; // of repeated distances
		BIT(prob + 192 + state, bit);
		if (!bit) {
			rep3 = rep2, rep2 = rep1, rep1 = rep0;
			lens = prob + 818;
			state = state < 7 ? 7 : 10;
			rep0 = 0;
		} else {
			BIT(prob + 204 + state, bit);
			if (!bit) {
				BIT(prob + 240 + (state << 4) + pos, bit);
				if (!bit) {
					*out = out[-(i64)rep0];
					out++;
					state = state < 7 ? 9 : 11;
					continue;
				}
			} else {
				u32 dist = rep1;
				BIT(prob + 216 + state, bit);
				if (bit) {
					dist = rep2;
					BIT(prob + 228 + state, bit);
					if (bit)
						dist = rep3, rep3 = rep2;
					rep2 = rep1;
				}
				rep1 = rep0, rep0 = dist;
			}
			state = state < 7 ? 8 : 11;
		}
		u32 sym = 1, limit = 8, base = 2;
		u16 *tree = lens + 2 + (pos << 3);
		BIT(lens, bit);
		if (bit) {
			tree += 128, base = 10;
			BIT(lens + 1, bit);
			if (bit)
				tree = lens + 2 + 256, base = 18, limit = 256;
		}
		do {
			BIT(tree + sym, bit);
			sym = sym << 1 | bit;
		} while (sym < limit);
		length = base + sym - limit;
		if (!rep0) {
			tree = prob + 432 + ((length > 5 ? 3 : length - 2) << 6);
			sym = 1;
			do {
				BIT(tree + sym, bit);
				sym = sym << 1 | bit;
			} while (sym < 64);
			sym -= 64;
			u32 dist = sym, bits = (sym >> 1) - 1;
			if (sym >= 4) {
				dist = (2 | (sym & 1)) << bits;
				tree = prob + 688 + dist - sym;
				if (sym >= 14) {
					u32 v = 0;
					bits -= 4;
					do {
						NORMALIZE;
						c.range >>= 1;
						u32 under = (c.code - c.range) >> 31;
						c.code -= c.range & (under - 1);
						v = v * 2 + 1 - under;
					} while (--bits);
					dist += v << 4;
					bits = 4;
					tree = prob + 802;
				}
				u32 m = 1, place = 1;
				do {
					BIT(tree + m, bit);
					m = m << 1 | bit;
					dist += bit ? place : 0;
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
