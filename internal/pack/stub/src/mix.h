// The decoder of mixed contexts (internal/pack/codec/mix.go, which explains
// it): the same integers, bit for bit.
// The payload's integrity is checked before, so that nothing is checked here.

#include "machine.h"

enum { CONTEXTS = 14, INPUTS = 16, BUCKET = 16, RATE = 7, SETS = 4, FINALS = 32 * 256 + 4096 };

struct mixer {
	short weights[SETS][1024][INPUTS];
	u16 final[FINALS][33];
	u32 repeats[1 << 16];
	short stretch[4096];
	u16 strength[32];
	u8 last[32];
};

// The buckets follow the mixer: a power of two, at most 1 << 20.
static inline u32 bucket_count(u32 stream)
{
	u32 n = 1 << 14;
	while (n < 1 << 20 && n < stream * 4UL)
		n <<= 1;
	return n;
}

#define WORKSPACE_OF(stream) (sizeof(struct mixer) + 64 + (u64)bucket_count(stream) * BUCKET * 2)

static inline u32 mix_hash(u32 a, u32 b)
{
	u32 h = a * 0x9e3779b1 ^ b * 0x85ebca6b;
	return h ^ h >> 15;
}

static int squash(int x)
{
	static const short table[33] = { 1, 2, 3, 6, 10, 16, 27, 45, 73, 120, 194, 310, 488, 747, 1101, 1546, 2047,
		2549, 2994, 3348, 3607, 3785, 3901, 3975, 4022, 4050, 4068, 4079, 4085, 4089, 4092, 4093, 4094 };
	if (x > 2047)
		return 4095;
	if (x < -2047)
		return 1;
	int w = x & 127, i = (x >> 7) + 16;
	return (table[i] * (128 - w) + table[i + 1] * w + 64) >> 7;
}

static inline int clamp(int v, int low, int high) { return v < low ? low : v > high ? high : v; }

static inline u32 min32(u32 a, u32 b) { return a < b ? a : b; }

// dot is the sum of products, train adds (x * err + 0x8000) >> 16 to each
// weight, within 16 bits. Written out for x86-64, whose compilers do not find
// the instructions.
#if defined(__x86_64__)
#include <emmintrin.h>

static inline int dot(const short *x, const short *w)
{
	const __m128i *a = (const __m128i *)x, *b = (const __m128i *)w;
	__m128i v = _mm_add_epi32(_mm_madd_epi16(a[0], b[0]), _mm_madd_epi16(a[1], b[1]));
	v = _mm_add_epi32(v, _mm_shuffle_epi32(v, 0x4e));
	return _mm_cvtsi128_si32(_mm_add_epi32(v, _mm_shuffle_epi32(v, 0xb1)));
}

static inline void train(const short *x, short *w, int err)
{
	const __m128i *a = (const __m128i *)x, e = _mm_set1_epi16(err), one = _mm_set1_epi16(1);
	__m128i *b = (__m128i *)w;
	for (u32 i = 0; i < INPUTS / 8; i++) {
		__m128i d = _mm_mulhi_epi16(_mm_add_epi16(a[i], a[i]), e); // twice what it should be
		b[i] = _mm_adds_epi16(b[i], _mm_srai_epi16(_mm_add_epi16(d, one), 1));
	}
}
#else
static inline int dot(const short *x, const short *w)
{
	int sum = 0;
	for (u32 i = 0; i < INPUTS; i++)
		sum += x[i] * w[i];
	return sum;
}

static inline void train(const short *x, short *w, int err)
{
	for (u32 i = 0; i < INPUTS; i++)
		w[i] = clamp(w[i] + ((x[i] * err + 0x8000) >> 16), -32768, 32767);
}
#endif

// struct decoded is what unfilter needs: nothing, an operation does its work.
struct decoded {
	int nothing;
};

static inline void unfilter(struct decoded d, u8 *first, u32 base) {}

static __attribute__((noinline)) struct decoded decode(const u8 *in, u8 *first, u8 *end, u8 *workspace)
{
	struct mixer *m = (struct mixer *)workspace;
	u16 *buckets = (u16 *)(((u64)(m + 1) + 63) & -64UL), *slots[CONTEXTS], rates[16];
	u32 bucket_mask = bucket_count(end - first) - 1;
	struct machine code;
	const u8 *edges = in += 2;
	u8 *out = first;
	u32 hashes[CONTEXTS], full = 0, shape = 0, before[3] = { 0, 0, 0 }, whole = 0;
	u32 match = 0, length = 0, expected = 0, x1 = 0, x2 = -1u, x;

	for (u32 i = 0; i < SETS * 1024 * INPUTS; i++)
		((short *)m->weights)[i] = 1 << 11;
	for (u32 i = 0; i < FINALS; i++)
		for (int j = 0; j < 33; j++)
			m->final[i][j] = squash((j - 16) * 128) * 16;
	for (u32 i = 0; i < 32; i++)
		m->strength[i] = 0x8000;
	int at = 0;
	for (int v = -2047; v <= 2047; v++)
		for (int p = squash(v); at <= p; at++)
			m->stretch[at] = v;
	for (; at < 4096; at++)
		m->stretch[at] = 2047;
	for (u32 i = 0; i < 15; i++)
		rates[i] = 131072 / (i * 2 + 3);
	rates[15] = 65536 / 20;

	while ((int)le32(in) != -1)
		in += 4;
	in += 4;
	x = be32(in);
	in += 4;
	code.kind = 0;
	while (out < end) {
		u32 position = out - first;
		while (position == le32(edges)) {
			edges += 4;
			code.kind = code.kind ? 0 : FIRST;
		}
		u32 k = kind_of(&code, out), c[9];
		for (u32 i = 1; i <= 8; i++)
			c[i] = i <= position ? out[-(i64)i] : 0;
		u32 w = c[1] | c[2] << 8 | c[3] << 16 | c[4] << 24;
		if (length && match < position)
			expected = first[match] | 0x100;
		else
			length = 0;
		if (position >= 5) {
			u32 h = mix_hash(w, c[5]) >> 16;
			if (!length) {
				match = m->repeats[h];
				if (match) {
					while (length < 32 && length < match && first[match - 1 - length] == out[-1 - (i64)length])
						length++;
					expected = first[match] | 0x100;
				}
			}
			m->repeats[h] = position;
		}
		u32 repeat = c[1] << 12;
		if (length)
			repeat |= (u8)expected | min32(length, 15) << 8;
		hashes[0] = k;
		hashes[1] = k ? repeat : c[1];
		hashes[2] = w & 0xffff;
		hashes[3] = w & 0xffffff;
		hashes[4] = w;
		hashes[5] = mix_hash(w, c[5] | c[6] << 8);
		if (!k) {
			hashes[6] = (position & 3) | c[4] << 8;
			hashes[7] = (position & 7) | c[8] << 8;
			hashes[8] = c[1] | c[4] << 8;
			hashes[9] = c[4] | c[8] << 8;
			hashes[10] = repeat;
			hashes[11] = c[2] | c[3] << 8;
			hashes[12] = c[4] | c[3] << 8 | (position & 3) << 16;
			hashes[13] = mix_hash(w, c[5] | c[6] << 8 | c[7] << 16 | c[8] << 24);
		} else {
			hashes[6] = full;
			hashes[7] = mix_hash(full, before[0]);
			hashes[8] = mix_hash(hashes[7], before[1]);
			hashes[9] = mix_hash(hashes[8], before[2]);
			hashes[10] = mix_hash(full, whole);
			hashes[11] = shape | (u32)m->last[k] << 24;
			hashes[12] = shape;
			hashes[13] = mix_hash(before[0], c[1]);
		}
		for (u32 i = 0; i < CONTEXTS; i++)
			hashes[i] = mix_hash(hashes[i] + i * 0x1000193, k + 1);

		u32 partial = 1, node = 1;
		for (int bits = 7; bits >= 0; bits--) {
			if (bits == 7 || bits == 3) {
				// All buckets are asked for before the first is looked at.
				for (u32 i = 0; i < CONTEXTS; i++) {
					if (bits == 3)
						hashes[i] = mix_hash(hashes[i], partial);
					__builtin_prefetch(buckets + (hashes[i] >> 10 & bucket_mask) * BUCKET);
				}
				for (u32 i = 0; i < CONTEXTS; i++) {
					u32 h = hashes[i], place = h >> 10 & bucket_mask;
					u16 check = h | 1, *b = buckets + place * BUCKET, *other = buckets + (place ^ 1) * BUCKET;
					if (*b != check && (*other == check || (other[1] & 15) < (b[1] & 15)))
						b = other;
					if (*b != check) {
						*b = check;
						for (u32 j = 1; j < BUCKET; j++)
							b[j] = 0x8000;
					}
					slots[i] = b;
				}
				node = 1;
			}
			short inputs[INPUTS] __attribute__((aligned(16)));
			for (u32 i = 0; i < CONTEXTS; i++) {
				u32 s = slots[i][node];
				inputs[i] = s & 15 ? m->stretch[s >> 4] : 0;
			}
			inputs[CONTEXTS] = 0;
			inputs[CONTEXTS + 1] = 256;
			u32 strength = 0, likely = expected >> bits & 1, repeats = length && expected >> (bits + 1) == partial;
			if (repeats) {
				strength = length < 16 ? length : min32(16 + (length - 16) / 4, 31);
				int st = m->stretch[m->strength[strength] >> 4];
				inputs[CONTEXTS] = likely ? st : -st;
			}
			short *sets[SETS] = { m->weights[0][k * 8 + bits], m->weights[1][strength * 32 + k], m->weights[2][c[1]], m->weights[3][c[2]] };
			int dots[SETS], st = 0;
			for (u32 s = 0; s < SETS; s++)
				st += dots[s] = clamp(dot(inputs, sets[s]) >> 13, -2047, 2047);
			st >>= 2;
			int q = squash(st) * 2, low = (st + 2048) >> 7, part = (st + 2048) & 127;
			u16 *finals[2] = { m->final[k * 256 + partial], m->final[32 * 256 + (mix_hash(c[1] | k << 8, partial) >> 20)] };
			for (u32 i = 0; i < 2; i++) {
				u16 *f = finals[i] + low;
				q += (f[0] * (128 - part) + f[1] * part) >> 11;
				finals[i] = f + (part >> 6);
			}
			u32 middle = x1 + ((x2 - x1) >> 12) * clamp(q >> 2, 1, 4095), bit = x <= middle;
			if (bit)
				x2 = middle;
			else
				x1 = middle + 1;
			while (!((x1 ^ x2) >> 24)) {
				x1 <<= 8;
				x2 = x2 << 8 | 255;
				x = x << 8 | *in++;
			}

			for (u32 s = 0; s < SETS; s++) {
				int err = ((int)(bit << 12) - squash(dots[s])) * RATE;
				train(inputs, sets[s], err);
			}
			for (u32 i = 0; i < 2; i++)
				*finals[i] += bit ? (0xffff - *finals[i]) >> 5 : -(*finals[i] >> 5);
			int target = bit ? 0xffff : 0x000f;
			for (u32 i = 0; i < CONTEXTS; i++) {
				u16 *p = slots[i] + node;
				u32 n = *p & 15;
				int d = (target - (*p | 15)) * rates[n] >> 16;
				*p = clamp((*p & ~15) + (d & ~15), 16, 0xfff0) + n + (n < 15);
			}
			if (repeats) {
				u16 *v = m->strength + strength;
				if (likely == bit)
					*v += (0xffff - *v) >> 6;
				else
					*v -= *v >> 6, length = 0;
			}
			partial = partial << 1 | bit;
			node = node << 1 | bit;
		}
		u32 b = (u8)partial;
		*out++ = b;
		if (k == FIRST)
			full = shape = 0;
		m->last[k] = b;
		if (k) {
			full = mix_hash(full, b + 1);
			if (k < SHAPE)
				shape = mix_hash(shape, b + 1) & 0xffffff;
			advance(&code, b);
			if (code.kind == FIRST) {
				before[2] = before[1];
				before[1] = before[0];
				before[0] = shape;
				whole = full;
				full = shape = 0;
			}
		}
		if (length) {
			match++;
			length = min32(length + 1, 200);
		}
	}
	return (struct decoded){ 0 };
}
