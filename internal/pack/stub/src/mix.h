// The decoder of mixed contexts (internal/pack/codec/mix.go, which explains
// it): the same integers, bit for bit.
// The payload's integrity is checked before, so that nothing is checked here.

#include "machine.h"

enum { CONTEXTS = 14, INPUTS = 16, BUCKET = 16, RATE = 6, FINALS = 32 * 256 + 4096 };

struct mixer {
	short weights[2][1024][INPUTS];
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

#define WORKSPACE_OF(stream) (sizeof(struct mixer) + (u64)bucket_count(stream) * BUCKET * 2)

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

// struct decoded is what unfilter needs: nothing, an operation does its work.
struct decoded {
	int nothing;
};

static inline void unfilter(struct decoded d, u8 *first, u32 base) {}

static __attribute__((noinline)) struct decoded decode(const u8 *in, u8 *first, u8 *end, u8 *workspace)
{
	struct mixer *m = (struct mixer *)workspace;
	u16 *buckets = (u16 *)(m + 1), *slots[CONTEXTS], rates[16];
	u32 bucket_mask = bucket_count(end - first) - 1;
	struct machine code;
	const u8 *edges = in += 2;
	u8 *out = first;
	u32 hashes[CONTEXTS], full = 0, shape = 0, before[3] = { 0, 0, 0 }, whole = 0;
	u32 match = 0, length = 0, expected = 0, x1 = 0, x2 = -1u, x;

	for (u32 i = 0; i < 2 * 1024 * INPUTS; i++)
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
		u32 k = code.kind, c[9];
		for (u32 i = 1; i <= 8; i++)
			c[i] = i <= position ? out[-(i64)i] : 0;
		u32 w = c[1] | c[2] << 8 | c[3] << 16 | c[4] << 24;
		hashes[0] = k;
		hashes[1] = c[1];
		hashes[2] = w & 0xffff;
		hashes[3] = w & 0xffffff;
		hashes[4] = w;
		hashes[5] = mix_hash(w, c[5] | c[6] << 8);
		if (!k) {
			hashes[6] = (position & 3) | c[4] << 8;
			hashes[7] = (position & 7) | c[8] << 8;
			hashes[8] = c[1] | c[4] << 8;
			hashes[9] = c[4] | c[8] << 8;
			hashes[10] = (position & 3) | c[1] << 8;
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

		u32 partial = 1, node = 1;
		for (int bits = 7; bits >= 0; bits--) {
			if (bits == 7 || bits == 3) {
				for (u32 i = 0; i < CONTEXTS; i++) {
					u32 h = bits == 7 ? hashes[i] : mix_hash(hashes[i], partial), place = h >> 10 & bucket_mask;
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
			short inputs[INPUTS];
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
			short *sets[2] = { m->weights[0][k * 8 + bits], m->weights[1][strength * 32 + k] };
			int dots[2];
			for (u32 s = 0; s < 2; s++) {
				int dot = 0;
				for (u32 i = 0; i < INPUTS; i++)
					dot += inputs[i] * sets[s][i];
				dots[s] = clamp(dot >> 13, -2047, 2047);
			}
			int st = (dots[0] + dots[1]) >> 1, q = squash(st) * 2, low = (st + 2048) >> 7, part = (st + 2048) & 127;
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

			for (u32 s = 0; s < 2; s++) {
				int err = ((int)(bit << 12) - squash(dots[s])) * RATE;
				short *v = sets[s];
				for (u32 i = 0; i < INPUTS; i++)
					v[i] = clamp(v[i] + ((inputs[i] * err + 0x8000) >> 16), -32768, 32767);
			}
			for (u32 i = 0; i < 2; i++)
				*finals[i] += bit ? (0xffff - *finals[i]) >> 6 : -(*finals[i] >> 6);
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
			if (k <= MODRM_BYTE)
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
