// The decoder of XLZ: LZMA's frame under contexts of the instruction state
// (internal/pack/codec/model.go has the same contexts and the reasons).
// The payload's integrity is checked before, so that nothing is checked here.
//
// tree.h decodes the bits.

#include "machine.h"

// The model, in probabilities.
#if defined(__x86_64__)
enum { CONTEXTS = 1280 };
#else
enum { CONTEXTS = 1600 };
#endif
enum {
	IS_MATCH = 0,                    // [32 kinds][16 states]
	REP0_LONG = IS_MATCH + 512,      // likewise
	IS_REP = REP0_LONG + 512,        // [8 classes][16]
	IS_REP_G = IS_REP + 128,         // [3][16]
	LENGTH = IS_REP_G + 48,          // choices [16][2], low [16][8], mid [16][8], high [256]
	REP_LENGTH = LENGTH + 544,
	SLOT = REP_LENGTH + 544,         // [8 classes][4][64]
	SPECIAL = SLOT + 2048,           // [2][128]
	ALIGN = SPECIAL + 256,           // [2][16]
	MATCHED = ALIGN + 32,            // [32 kinds][2][0x100]
	LITERALS = MATCHED + 32 * 0x200, // [CONTEXTS][LITERAL]
#if defined(SMALL)
	LITERAL = 0x100,
#else
	LITERAL = 0x110, // the tree of the high nibble, then one for each value of it: a walk meets two lines of the cache
#endif
	PROBS = LITERALS + CONTEXTS * LITERAL,
#if defined(SMALL)
	TOUCHED = LITERALS + 256 * LITERAL, // what any program uses
#else
	TOUCHED = PROBS,
#endif
};

// Instructions are counted, and the counts at which regions begin are
// multiples of 8: a byte for each (its length, and above bit 5, where it has
// a field to convert, 1 and the bytes behind the field), and for every eighth
// its place. Distances in instructions are looked up there.
struct instructions {
	u8 *entries;
	u32 *places;
};

// The model, and the table of instructions: as long as the stream, touched
// for a third of that.
#define WORKSPACE_OF(stream) (PROBS * 2 + (u64)(stream) + ((u64)(stream) >> 1) + 0x10000)

// Classes of the kinds, a nibble each; which kinds have a literal context by
// hash, and which by themselves alone.
#if defined(__x86_64__)
#define KIND_CLASSES_LOW 0x4444334444322210u
#define KIND_CLASSES_HIGH 0x0000044466665555u
#define HASHED (1u << OPCODE | 1u << MODRM_BYTE)
#define ALONE (1u << FIRST | 1u << (KIND_REL32 + 3) | 1u << (KIND_RIP + 3))
#endif

#if !defined(__x86_64__)
// literal_context is aarch64Context of internal/pack/codec/aarch64.go.
static inline u32 literal_context(u32 at, u32 last)
{
	u32 top = at == FIRST ? last >> 24 : top_of(last, at), dense = top * 5 >> 1 & 127;
	if (at < 3)
		return at * 128 - 64 + dense;
	if (at == 3)
		return 320 + dense * 4 + (last >> 6 & 3);
	u32 class = class_of(top);
	if (class == BRANCH)
		return 832 + (u8)last;
	if (top == 0x54)
		return 48;
	if (class == CONDITIONAL)
		return 16 + (last >> 24 & 31);
	return 1088 + dense * 4 + (last & 3);
}
#endif

// struct decoded is what unfilter needs from decode.
struct decoded {
	u8 *entries;
	const u8 *edges; // where code begins and ends, in turn, up to -1
};

#if !defined(SMALL)
// copy copies n bytes, as if one by one. Zeros are there already, in pages that
// nothing may ever touch.
static __attribute__((noinline)) u8 *copy(u8 *to, const u8 *from, u32 n)
{
	if (to - from == 1 && !*from)
		return to + n;
	if (to - from >= 8)
		for (; n >= 8; n -= 8, to += 8, from += 8)
			put64(to, le64(from));
	for (; n; n--)
		*to++ = *from++;
	return to;
}
#endif

static __attribute__((noinline)) struct decoded decode(const u8 *in, u8 *first, u8 *end, u8 *workspace)
{
	u16 *prob = (u16 *)workspace, *p;
	u32 *places = (u32 *)(prob + PROBS);
	u8 *entries = (u8 *)(places + (end - first) / 8 + 16);
	struct machine m;
	// Of the last four distances, bytes and, where they count, instructions.
	u32 state = 0, rep[4] = { 1, 1, 1, 1 }, length = 0, shift = *in++, mask = *in++;
#if !defined(SMALL)
	u32 num[4] = { 0, 0, 0, 0 }, source = 0, region = 0;
#endif
	u32 count = 0, begin = 0, field = 0;
	const u8 *edges = in, *from = 0, *bytes = in;
	u8 *out = first;
	while ((int)le32(bytes) != -1)
		bytes += 4;
	// Read first, a page would be faulted in twice: as one of zeros, and when
	// it is written.
	for (u32 i = 0; i < TOUCHED; i += 2048)
		((volatile u16 *)prob)[i] = 0;
	range = -1;
	code = (u64)be32(bytes + 4) << 32 | be32(bytes + 8);
	input = bytes + 12;
	m.kind = 0;

#define PLACE(n) (places[(n) >> 3] + (u32)(((le64(entries + ((n) & ~7u)) & ((1UL << ((n) & 7) * 8) - 1) & 0x1f1f1f1f1f1f1f1f) * 0x0101010101010101) >> 56))
	for (;;) {
		u32 position = out - first, b;
		while (position == le32(edges)) { // code begins or ends here
			edges += 4;
			if (m.kind) {
				count = (count + (m.kind != FIRST) + 8) & ~7;
				m.kind = 0;
			} else {
				places[count >> 3] = begin = position;
				field = 0;
				m.kind = FIRST;
#if !defined(SMALL)
				region = count;
#endif
			}
		}
		if (out == end)
			break;
		if (length) {
#if !defined(SMALL)
			u32 edge = le32(edges), n = edge - position;
			if (!m.kind) {
				if (n > length)
					n = length;
				length -= n;
				out = copy(out, from, n);
				from += n;
				continue;
			}
			if (source) { // whole instructions at once
				if (n > length)
					n = length;
				u32 all = 0, v;
				u8 *e = entries + count, *s = e - source;
				while ((v = *s) && (v & 31) <= n) {
					s++;
					*e++ = v;
					v &= 31;
					n -= v;
					all += v;
					if (!(++count & 7))
						places[count >> 3] = position + all;
				}
				source = 0;
				begin = position + all;
				length -= all;
				out = copy(out, from, all);
				from += all;
				continue;
			}
#endif
			length--;
			b = *from++;
			goto put;
		}
#if !defined(SMALL)
		u32 aligned = 1;
#endif
#if defined(__x86_64__)
		u32 kind = m.kind, class = (kind < 16 ? KIND_CLASSES_LOW : KIND_CLASSES_HIGH) >> (kind & 15) * 4 & 15;
#else
		u32 kind = kind_of(&m, out), class = m.kind;
#endif
		u16 *q = prob + IS_MATCH + (kind ? kind : 28 + (position & mask)) * 16 + state;
#if !defined(SMALL)
		if (kind == FIRST) {
			for (u32 i = 0; i < 2; i++)
				if (num[i] - 1 < count - region)
					rep[i] = position - PLACE(count - num[i]);
		}
#endif
		u32 sym = 1;
#if defined(__x86_64__)
		u32 prev = position ? out[-1] : 0, context = kind * 8;
		if (HASHED >> kind & 1)
			context = 256 * kind - 256 + ((u8)m.hash >> shift);
		else if ((kind & ~4u) == KIND_REL32 + 2)
			context = 768 + (kind & 4) * 64 + prev;
		else if (!(ALONE >> kind & 1))
			context += prev >> 5;
#else
		(void)shift; // contexts are never coarse
		u32 context = class ? literal_context(class, be32(out - 4)) : position ? out[-1] >> 5 : 0;
#endif
		u16 *literal = prob + LITERALS + context * LITERAL;
#if !defined(SMALL)
		__builtin_prefetch(literal);
#endif
		if (!decide(q)) {
			if (state >= 7)
				sym = differing(prob + MATCHED + kind * 0x200, out[-(i64)rep[0]] << 1);
#if defined(SMALL)
			if (sym < 0x100)
				sym = tree(literal, sym, 0x100);
#else
			u32 high = sym, low = 1;
			if (sym < 16)
				high = tree(literal, sym, 16);
			else {
				u32 known = 27 - __builtin_clz(sym); // bits of the low nibble
				high = sym >> known;
				low = (sym & ((1 << known) - 1)) | 1 << known;
			}
			if (low < 16)
				low = tree(literal + high * 16 - 240, low, 16);
			sym = high << 4 | (low & 15);
#endif
			b = (u8)sym;
			state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
			goto put;
		}
		p = prob + LENGTH;
		u32 dist = 0, counts = 0, which = 0, after = state < 7 ? 8 : 11;
		if (!decide(prob + IS_REP + class * 16 + state)) {
			which = 3;
			after = state < 7 ? 7 : 10;
		} else {
			p = prob + REP_LENGTH;
			u16 *g = prob + IS_REP_G + state;
			if (!decide(g)) {
				if (!decide(q + REP0_LONG - IS_MATCH)) {
					after = state < 7 ? 9 : 11;
					length = 1;
				}
			} else {
				which = 1;
				if (decide(g + 16))
					which = 2 + decide(g + 32);
			}
			dist = rep[which];
#if !defined(SMALL)
			counts = num[which];
			aligned = which < 2; // the others are not where instructions start
#endif
		}
		state = after;
		if (!length) {
			u32 c = kind ? class : 7 + (position & mask);
			u16 *t = p + 32 + c * 8;
			u32 limit = 8;
			length = -6;
			if (decide(p + c * 2)) {
				t += 128;
				length = 2;
				if (decide(p + c * 2 + 1)) {
					t = p + 288;
					limit = 256;
					length = 18 - 256;
				}
			}
			length += tree(t, 1, limit);
		}
		if (!dist) {
			counts = kind == FIRST;
			dist = tree(prob + SLOT + class * 256 + (length > 5 ? 3 : length - 2) * 64, 1, 64) - 64;
			if (dist >= 4) {
				u32 bits = (dist >> 1) - 1, base = (2 | (dist & 1)) << bits;
				p = prob + SPECIAL + counts * 128 + base - dist;
				if (dist >= 14) {
					p = prob + ALIGN + counts * 16;
					range >>= bits - 4;
					u64 v = code / range;
					code -= v * range;
					refill();
					base += v << 4;
					bits = 4;
				}
				dist = base + tree(p, 1, 1 << bits) - (1 << bits);
			}
			dist++;
			if (counts) {
				counts = dist;
				dist = position - PLACE(count - counts);
			}
		}
		for (; which; which--) {
			rep[which] = rep[which - 1];
#if !defined(SMALL)
			num[which] = num[which - 1];
#endif
		}
		rep[0] = dist;
#if !defined(SMALL)
		num[0] = counts;
		source = aligned && kind == FIRST ? counts : 0;
#endif
		from = out - dist;
		continue;
	put:
		*out++ = b;
		if (m.kind) {
			advance(&m, b);
			position++;
#if defined(__x86_64__)
			if (m.kind == KIND_REL32 || m.kind == KIND_RIP)
				field = position;
#endif
			if (m.kind == FIRST) {
				entries[count++] = position - begin + (field ? (position - field - 3) << 5 : 0);
				if (!(count & 7))
					places[count >> 3] = position;
				begin = position;
				field = 0;
			}
		}
	}
	return (struct decoded){ entries, in };
}

// unfilter makes the converted fields relative and little-endian again.
static inline void unfilter(struct decoded d, u8 *first, u32 base)
{
#if defined(__x86_64__)
	u32 count = 0;
	for (const u8 *e = d.edges; (int)le32(e) != -1; e += 8) {
		u8 *p = first + le32(e);
		u32 v;
		for (; (v = d.entries[count]); count++) {
			p += v & 31;
			if (v >>= 5)
				put32(p - 3 - v, be32(p - 3 - v) - (u32)(p - first - base));
		}
		count = (count + (p != first + le32(e + 4)) + 8) & ~7;
	}
#else
	for (const u8 *e = d.edges; (int)le32(e) != -1; e += 8)
		relative_words(first + le32(e), first + le32(e + 4), first + base);
#endif
}
