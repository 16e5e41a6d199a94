// The decoder of XLZ: LZMA's frame under contexts of the instruction state
// (internal/pack/codec/model.go has the same contexts and the reasons).
// The payload's integrity is checked before, so that nothing is checked here.
//
// Probabilities are stored XORed with 0x8000, so that fresh memory is a fresh
// model. One function decodes every bit: a literal, a length, a slot and a
// single decision are all walks down a tree.

#include "machine.h"

// The model, in probabilities.
enum {
	IS_MATCH = 0,                    // [32 kinds][16 states]
	REP0_LONG = IS_MATCH + 512,      // likewise
	IS_REP = REP0_LONG + 512,        // [8 classes][16]
	IS_REP_G = IS_REP + 128,         // [3][16]
	LENGTH = IS_REP_G + 48,          // choices [8][2], low [8][8], mid [8][8], high [256]
	REP_LENGTH = LENGTH + 400,
	SLOT = REP_LENGTH + 400,         // [8 classes][4][64]
	SPECIAL = SLOT + 2048,           // [2][128]
	ALIGN = SPECIAL + 256,           // [2][16]
	LITERALS = ALIGN + 32,           // [1280][0x300]
	PROBS = LITERALS + 1280 * 0x300,
};
// The model, and the starts of all instructions.
#define WORKSPACE_OF(stream) (PROBS * 2 + (u64)(stream) * 4 + 0x10000)

// Classes of the kinds, a nibble each; which kinds have a literal context by
// hash, and which by themselves alone.
#if defined(__x86_64__)
#define KIND_CLASSES_LOW 0x4444334444322210u
#define KIND_CLASSES_HIGH 0x0000044466665555u
#define HASHED (1u << OPCODE | 1u << MODRM_BYTE)
#define ALONE (1u << FIRST | 1u << (KIND_REL32 + 3) | 1u << (KIND_RIP + 3))
#else
#define KIND_CLASSES_LOW 0x22210u
#define KIND_CLASSES_HIGH 0u
#define HASHED (1u << 2 | 1u << 3 | 1u << 4)
#define ALONE (1u << FIRST)
#endif

struct coder {
	u64 range, code;
	const u8 *in;
};

// tree walks from sym down to limit: 2 for a single decision.
static __attribute__((noinline)) u32 tree(struct coder *c, u16 *p, u32 sym, u32 limit)
{
	u64 range = c->range, code = c->code;
	do {
		u16 *q = p + sym;
		u32 s = *q ^ 0x8000;
		u64 bound = (range >> 12) * (s >> 4);
		u64 one = -(u64)(code >= bound);
		code -= bound & one;
		range = bound + ((range - bound - bound) & one);
		u32 rate = 0x5444444443333221 >> (s & 15) * 4 & 15;
		u32 n = s + ((int)((0xffff & ~((u32)one & 0xfe00)) - s) >> rate & ~15);
		n += (s & 15) != 15;
		*q = n ^ 0x8000;
		sym = sym * 2 - (u32)one;
		if (!(range >> 32)) {
			range <<= 32;
			code = code << 32 | be32(c->in);
			c->in += 4;
		}
	} while (sym < limit);
	c->range = range;
	c->code = code;
	return sym;
}

// decide is one decision.
static inline u32 decide(struct coder *c, u16 *p) { return tree(c, p - 1, 1, 2) & 1; }

// struct decoded is what unfilter needs from decode.
struct decoded {
	u32 *starts, *last;
	const u8 *edges; // where code begins and ends, in turn, up to -1
};

static __attribute__((noinline)) struct decoded decode(const u8 *in, u8 *first, u8 *end, u8 *workspace)
{
	u16 *prob = (u16 *)workspace, *p;
	// Where instructions begin, from the stream's first byte; the top four
	// bits are the offset of the field to convert, 15 at the end of a region.
	u32 *starts = (u32 *)(prob + PROBS), *start = starts, *source = 0;
	struct coder c;
	struct machine m;
	u32 state = 0, rep[4] = { 1, 1, 1, 1 }, length = 0, shift = *in++, mask = *in++;
	const u8 *edges = in, *from = 0, *bytes = in;
	u8 *out = first;
	while ((int)le32(bytes) != -1)
		bytes += 4;
	c.range = -1;
	c.code = (u64)be32(bytes + 4) << 32 | be32(bytes + 8);
	c.in = bytes + 12;
	m.kind = 0;
	for (;;) {
		u32 position = out - first, b;
		while (position == le32(edges)) { // code begins or ends here
			edges += 4;
			if (m.kind) {
				if (m.kind != FIRST)
					start[-1] &= 0x0fffffff;
				*start++ = position | 15u << 28;
				m.kind = 0;
			} else {
				*start = position;
				m.kind = FIRST;
			}
		}
		if (out == end)
			break;
		if (length) {
#if !defined(SMALL)
			u32 edge = le32(edges);
			if (!m.kind) {
				u32 n = edge - position;
				if (n > length)
					n = length;
				length -= n;
				do
					*out++ = *from++;
				while (--n);
				continue;
			}
			if (source) { // whole instructions at once
				for (;;) {
					u32 next = source[1], n = (next - *source) & 0x0fffffff;
					if (next >> 28 == 15 || n > length || position + n >= edge)
						break;
					*start++ |= *source++ & 0xf0000000;
					length -= n;
					position += n;
					*start = position;
					do
						*out++ = *from++;
					while (--n);
				}
				source = 0;
				continue;
			}
#endif
			length--;
			b = *from++;
			goto put;
		}
		u32 kind = m.kind, class = (kind < 16 ? KIND_CLASSES_LOW : KIND_CLASSES_HIGH) >> (kind & 15) * 4 & 15;
		u16 *q = prob + IS_MATCH + (kind ? kind : 28 + (position & mask)) * 16 + state;
		if (!decide(&c, q)) {
			u32 prev = position ? out[-1] : 0, context = kind * 8, sym = 1;
			if (HASHED >> kind & 1)
				context = 256 * kind - 256 + (m.hash >> shift);
#if defined(__x86_64__)
			else if ((kind & ~4u) == KIND_REL32 + 2)
				context = 768 + (kind & 4) * 64 + prev;
#endif
			else if (!(ALONE >> kind & 1))
				context += prev >> 5;
			p = prob + LITERALS + context * 0x300;
			if (state >= 7) {
				u32 matched = out[-(i64)rep[0]] << 1, want;
				do {
					want = matched & 0x100;
					sym = tree(&c, p + 0x100 + want, sym, sym + 1);
					matched <<= 1;
				} while (sym < 0x100 && (sym & 1) == want >> 8);
			}
			if (sym < 0x100)
				sym = tree(&c, p, sym, 0x100);
			b = (u8)sym;
			state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
			goto put;
		}
		p = prob + LENGTH;
		u32 dist = 0, which = 0, after = state < 7 ? 8 : 11;
		if (!decide(&c, prob + IS_REP + class * 16 + state)) {
			which = 3;
			after = state < 7 ? 7 : 10;
		} else {
			p = prob + REP_LENGTH;
			u16 *g = prob + IS_REP_G + state;
			if (!decide(&c, g)) {
				dist = rep[0];
				if (!decide(&c, q + REP0_LONG - IS_MATCH)) {
					after = state < 7 ? 9 : 11;
					length = 1;
				}
			} else {
				which = 1;
				if (decide(&c, g + 16))
					which = 2 + decide(&c, g + 32);
				dist = rep[which];
			}
		}
		state = after;
		if (!length) {
			u16 *t = p + 16 + class * 8;
			u32 limit = 8;
			length = -6;
			if (decide(&c, p + class * 2)) {
				t += 64;
				length = 2;
				if (decide(&c, p + class * 2 + 1)) {
					t = p + 144;
					limit = 256;
					length = 18 - 256;
				}
			}
			length += tree(&c, t, 1, limit);
		}
		if (!dist) {
			u32 counts = kind == FIRST;
			dist = tree(&c, prob + SLOT + class * 256 + (length > 5 ? 3 : length - 2) * 64, 1, 64) - 64;
			if (dist >= 4) {
				u32 bits = (dist >> 1) - 1, base = (2 | (dist & 1)) << bits, place = 1, node = 1;
				p = prob + SPECIAL + counts * 128 + base - dist;
				if (dist >= 14) {
					p = prob + ALIGN + counts * 16;
					c.range >>= bits - 4;
					u64 v = c.code / c.range;
					c.code -= v * c.range;
					if (!(c.range >> 32)) {
						c.range <<= 32;
						c.code = c.code << 32 | be32(c.in);
						c.in += 4;
					}
					base += v << 4;
					bits = 4;
				}
				dist = base;
				do {
					node = tree(&c, p, node, node + 1);
					if (node & 1)
						dist += place;
					place <<= 1;
				} while (--bits);
			}
			dist++;
			if (counts) {
				source = start - dist;
				dist = position - (*source & 0x0fffffff);
			}
		}
		for (; which; which--)
			rep[which] = rep[which - 1];
		rep[0] = dist;
		from = out - dist;
		continue;
	put:
		*out++ = b;
		if (m.kind) {
			if (m.kind == FIRST)
				start++;
			advance(&m, b);
			position++;
			if (m.kind == FIRST)
				*start = position;
#if defined(__x86_64__)
			if (m.kind == KIND_REL32 || m.kind == KIND_RIP)
				start[-1] |= (position - start[-1]) << 28;
#endif
		}
	}
	return (struct decoded){ starts, start, in };
}

// unfilter makes the converted fields relative and little-endian again.
static inline void unfilter(struct decoded d, u8 *first, u32 base)
{
#if defined(__x86_64__)
	for (u32 *p = d.starts; p < d.last; p++) {
		u32 field = *p >> 28;
		if (field && field != 15) {
			u8 *q = first + (*p & 0x0fffffff) + field;
			put32(q, be32(q) - ((p[1] & 0x0fffffff) - base));
		}
	}
#else
	for (const u8 *e = d.edges; (int)le32(e) != -1; e += 8)
		relative_words(first + le32(e), first + le32(e + 4), first + base);
#endif
}
