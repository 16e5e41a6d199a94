// The machine that tells the kind of the next byte of code from the bytes
// before it: internal/pack/codec/x86.go and aarch64.go, state for state.

enum { FIRST = 1, OPCODE, MODRM_BYTE, SIB, DISP8, DISP32, KIND_IMM8 = 10, KIND_REL8, KIND_IMM32, KIND_REL32 = 16, KIND_RIP = 20, KIND_IMM16 = 24 };
#include "constants.h"

#if defined(__x86_64__)
#include "x86_tables.h"
enum { SHAPE = SIB };
enum { NONE, IMM8, IMMZ, REL8, REL32, IMM16, IMMV, MOFFS, ENTER, PREFIX, MODRM, MODRM_IMM8, MODRM_IMMZ, GROUP3_IMM8, GROUP3_IMMZ, ESCAPE };
#define IMMEDIATE_BYTES 0x414100384241410
static const u8 immediate_kind[] = { 0, 10, 12, 11, 16, 24, 12, 12, 24, 0, 0, 10, 12, 10, 12 };
#define QUEUE4(kind) (0x03020100u + (kind) * 0x01010101u)
#else
#include "aarch64.h"
enum { BRANCH = 1, CONDITIONAL = 6, SHAPE = 18 };
#endif

struct machine {
	u64 queue, pending;
	u32 hash; // with the next four reset together
	u8 length, map, vex, size; // size: 1 after 66, 2 under REX.W
	u8 kind, group3, mod;
};

#if defined(__x86_64__)
// advance takes byte b of kind m->kind: see x86.go.
static __attribute__((noinline)) void advance(struct machine *m, u32 b)
{
	u32 kind = m->kind;
	if (kind >= DISP8)
		goto next;
	if (kind == MODRM_BYTE || kind == SIB) {
		u32 mod = m->mod;
		if (kind == MODRM_BYTE) {
			m->queue = m->group3 && b & 0x30 ? 0 : m->pending;
			m->mod = mod = b >> 6;
			if (mod == 3)
				goto next;
			if ((b & 7) == 4) {
				m->kind = SIB;
				return;
			}
			if (!mod && (b & 7) == 5) {
				m->queue = m->queue << 32 | QUEUE4(KIND_RIP);
				goto next;
			}
		} else if (!mod && (b & 7) == 5)
			mod = 2;
		if (mod == 1)
			m->queue = m->queue << 8 | DISP8;
		if (mod == 2)
			m->queue = m->queue << 32 | QUEUE4(DISP32);
		goto next;
	}
	if (kind == FIRST) {
		m->queue = 0;
		*(any64 *)&m->hash = 0;
	}
	m->length++;
	m->hash = m->hash * HASH_FACTOR + b;
	m->kind = OPCODE;
	if (m->vex) { // 0x80: this payload byte names the map
		if (m->vex & 0x80)
			m->map = b & 3;
		m->vex = (m->vex & 3) - 1;
		return;
	}
	u32 class = m->map == 3 ? MODRM_IMM8 : MODRM;
	if (!m->map) {
		class = one_byte[b >> 1] >> (b & 1) * 4 & 15;
		if (class == PREFIX) {
			m->size = (m->size & 1) | (b == 0x66) | ((b & 0xf8) == 0x48) << 1;
			if (m->length > MAX_PREFIXES)
				m->kind = FIRST;
			return;
		}
		if (class == ESCAPE) {
			m->map = 1;
			if (b != 0x0f)
				m->vex = b == 0xc5 ? 1 : b == 0xc4 ? 0x82 : 0x83;
			return;
		}
	} else if (m->map == 1) {
		if (b == 0x38 || b == 0x3a) {
			m->map = 2 + (b >> 1 & 1);
			return;
		}
		class = 0xba40 >> (two_byte[b >> 2] >> (b & 3) * 2 & 3) * 4 & 15;
	}
	// The kinds of the immediate's bytes: how many, from which on.
	u32 n = IMMEDIATE_BYTES >> class * 4 & 15, base = immediate_kind[class];
	if (base == KIND_IMM32 && n == 4 && m->size & 1)
		base = KIND_IMM16, n = 2;
	if (class == IMMV && m->size & 2)
		n = 8;
	u64 queue = QUEUE4(base);
	if (n == 8)
		queue |= queue << 32;
	else
		queue &= (1UL << n * 8) - 1;
	if (class >= MODRM) {
		m->group3 = class >= GROUP3_IMM8;
		m->pending = queue;
		m->kind = MODRM_BYTE;
		return;
	}
	m->queue = queue;
next:
	m->kind = m->queue & 255;
	m->queue >>= 8;
	if (!m->kind)
		m->kind = FIRST;
}
static inline u32 kind_of(const struct machine *m, const u8 *out) { return m->kind; }
#else
static inline void advance(struct machine *m, u32 b) { m->kind = (m->kind & 3) + 1; }

// top_of is the top byte of the word of which kind - 1 bytes are there.
static inline u32 top_of(u32 last, u32 kind) { return (u8)(last >> (kind - 2) * 8); }

static __attribute__((noinline)) u32 class_of(u32 top)
{
	u32 t = top & 0x7c;
	if (t == 0x14)
		return BRANCH;
	if (t == 0x34 || top == 0x54)
		return CONDITIONAL;
	if ((top & 0x9f) == 0x90)
		return 2;
	if ((top & 0x1f) == 0x11)
		return 3;
	if ((top & 0x3b) == 0x39)
		return 4;
	if ((top & 0x3e) == 0x28)
		return 5;
	return (top & 0x1e) == 0x0a ? 7 : 0;
}

// kind_of is the kind of the next byte.
static inline u32 kind_of(const struct machine *m, const u8 *out)
{
	u32 kind = m->kind;
	return kind > FIRST ? 2 + class_of(top_of(be32(out - 4), kind)) + (kind - 2) * 8 : kind;
}
#endif
