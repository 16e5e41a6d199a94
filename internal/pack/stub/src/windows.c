// The stub of packed Windows programs, one piece: the loader has mapped the
// packed file, whose first section is as large as the original's image and
// empty. It is decoded there, relocated, its imports are found, its headers
// put back, and each section gets the protection that it asked for. Nothing
// is ever writable and executable at once.
//
// The loader has recorded where the exception table and the TLS index lie, and
// calls TLS callbacks before the entry point: the packed file's headers name the
// exception table where it will be, an index and a callback of the stub's own.
#pragma GCC visibility push(hidden)
#define TREE_HERE
#include "stub.h"
#if defined(XLZ)
#define TREE_LZMA 0
#include "tree.h"
#include "xlz.h"
#else
#include "lzma.h"
#include "x86.h"
#endif

// struct windows follows the header; internal/pack/pe_file.go has the same
// fields. All but the last are relative to where the file is mapped.
struct windows {
	u32 self;      // of the header
	u32 image;     // of the first byte that is decoded
	u32 imports;   // struct kernel
	u32 state;     // struct state
	u32 arguments; // in the decoded stream
	u32 unused[3];
};

#define WINAPI __attribute__((ms_abi))

struct kernel {
	void *(WINAPI *address)(void *module, const char *name);
	void *(WINAPI *load)(const char *name);
	u8 *(WINAPI *allocate)(void *at, u64 size, u32 type, u32 protection);
	int(WINAPI *release)(void *at, u64 size, u32 type);
	int(WINAPI *protect)(void *at, u64 size, u32 protection, u32 *before);
	void(WINAPI *exit)(u32 status);
};

struct state {
	u32 index; // of thread-local storage, written by the loader
	u32 ready;
};

struct directory {
	u32 at, size;
};

struct section {
	u8 name[8];
	u32 size, at, raw, offset, unused[3], flags;
};

// struct optional is IMAGE_NT_HEADERS64.
struct optional {
	u32 signature;
	u16 machine, sections;
	u32 unused1[3];
	u16 size, flags;
	u16 magic, linker;
	u32 unused2[3], entry, unused3;
	u64 base;
	u32 unused4[20];
	struct directory directories[16];
};

struct import {
	u32 lookup, unused[2], name, slots;
};

struct tls {
	u64 start, end;
	u32 *index;
	void(WINAPI **callbacks)(void *base, u32 reason, void *reserved);
};

enum { IMPORT = 1, EXCEPTION = 3, TLS = 9 };
enum { READONLY = 2, READWRITE = 4, EXECUTE_READ = 0x20 };
enum { DAMAGED = 127, NO_MODULE = 0xc0000135, NO_FUNCTION = 0xc0000139 };

// The loader enters at start, and calls back at start + 16. In r15 the decoder
// finds its table of rates.
__asm__(".section .text.entry,\"ax\"\n"
	"start:	push	%rcx\n"
	"	push	%rdx\n"
	"	push	%r8\n"
	"	push	%r12\n"
	"	push	%r13\n"
	"	jmp	1f\n"
	"	.org	16\n"
	"	lea	start(%rip), %r9\n"
	"	jmp	thread\n"
	"1:	push	%r14\n"
	"	push	%r15\n"
	"	sub	$32, %rsp\n"
	"	lea	start(%rip), %r15\n"
	"	mov	%r15, %rcx\n"
	"	call	unpack\n"
	"	add	$32, %rsp\n"
	"	pop	%r15\n"
	"	pop	%r14\n"
	"	pop	%r13\n"
	"	pop	%r12\n"
	"	pop	%r8\n"
	"	pop	%rdx\n"
	"	pop	%rcx\n"
	"	jmp	*%rax\n"
	"content:	push	$1\n" // for libraries without an entry point
	"	pop	%rax\n"
	"	ret\n"
	".text\n");

static u64 check(const u8 *p, u64 n)
{
	u64 h = n;
	const u8 *end = p + n - 8;
	for (;;) {
		h = ((h << 23 | h >> 41) ^ le64(p)) * 0x9e3779b97f4a7c15;
		if (p == end)
			return h;
		p += 8;
		if (p > end)
			p = end;
	}
}

static inline const struct windows *windows_of(const u8 *start) { return (const struct windows *)start - 1; }

static inline struct optional *headers_of(u8 *base) { return (struct optional *)(base + *(u32 *)(base + 60)); }

void content(void);

// entry_of is where the original starts.
static u64 entry_of(u8 *base)
{
	u32 entry = headers_of(base)->entry;
	return entry ? (u64)(base + entry) : (u64)content;
}

// call_back runs the original's TLS callbacks.
static void call_back(u8 *base, u32 reason, void *reserved)
{
	u32 at = headers_of(base)->directories[TLS].at;
	if (!at)
		return;
	struct tls *tls = (struct tls *)(base + at);
	if (tls->callbacks)
		for (void(WINAPI **f)(void *, u32, void *) = tls->callbacks; *f; f++)
			(*f)(base, reason, reserved);
}

__attribute__((used)) WINAPI void thread(u8 *base, u32 reason, void *reserved, const u8 *start)
{
	if (((struct state *)(base + windows_of(start)->state))->ready)
		call_back(base, reason, reserved);
}

static void imports(u8 *base, struct kernel *k)
{
	struct import *i = (struct import *)(base + headers_of(base)->directories[IMPORT].at);
	if ((u8 *)i == base)
		return;
	for (; i->name; i++) {
		void *module = k->load((const char *)base + i->name);
		if (!module)
			k->exit(NO_MODULE);
		u64 *slot = (u64 *)(base + i->slots), *name = i->lookup ? (u64 *)(base + i->lookup) : slot;
		for (; *name; name++)
			if (!(*slot++ = (u64)k->address(module, *name >> 63 ? (const char *)(*name & 0xffff) : (const char *)base + *name + 2)))
				k->exit(NO_FUNCTION);
	}
}

static inline void move(u8 *to, const u8 *from, u64 n) { __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n)::"memory"); }
static inline void clear(u8 *to, u64 n) { __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(0) : "memory"); }

__attribute__((used)) WINAPI u64 unpack(const u8 *start)
{
	const struct windows *w = windows_of(start);
	const struct header *h = (const struct header *)w - 1;
	u8 *base = (u8 *)h - w->self, *image = base + w->image;
	struct kernel *k = (struct kernel *)(base + w->imports);
	struct state *s = (struct state *)(base + w->state);
	u32 before;
	if (s->ready)
		return entry_of(base);
	if (check((const u8 *)&h->stream_check, h->packed - 16) != h->check)
		k->exit(DAMAGED);
	u8 *workspace = k->allocate(0, WORKSPACE_OF(h->stream), 0x3000, READWRITE); // MEM_COMMIT | MEM_RESERVE
	if (!workspace)
		k->exit(DAMAGED);
	struct decoded d = decode((const u8 *)h + h->payload, image, image + h->stream, workspace);
	if (check(image, h->stream) != h->stream_check)
		k->exit(DAMAGED);
	unfilter(d, image, 0);
	k->release(workspace, 0, 0x8000); // MEM_RELEASE

	// Arguments: the original's headers; for LZMA regions of code; what the
	// file keeps readable, to be copied; places of addresses; the exception table.
	const u8 *a = image + w->arguments;
	u64 n = uleb(&a);
	k->protect(base, n, READWRITE, &before);
	move(base, a, n);
	put64((u8 *)&headers_of(base)->base, (u64)base); // as the loader does with what it moves
	k->protect(base, n, READONLY, &before);
	a += n;
#if !defined(XLZ)
	u8 *p = image;
	for (n = uleb(&a); n; n--) {
		p += uleb(&a);
		u8 *end = p + uleb(&a);
		while (p < end) {
			u8 *from = p;
			u32 field;
			p = instruction(p, &field);
			if (p > end) {
				p = end;
				break;
			}
			if (field)
				put32(from + field, be32(from + field) - (u32)(p - image));
		}
	}
#endif
	for (n = uleb(&a); n; n--) {
		u8 *from = base + uleb(&a), *to = base + uleb(&a);
		move(to, from, uleb(&a));
	}
	u64 moved = (u64)base - h->address;
	u8 *word = base;
	for (n = uleb(&a); n; n--) {
		word += uleb(&a);
		put64(word, le64(word) + moved);
	}
	struct optional *o = headers_of(base);
	n = uleb(&a);
	u32 *entry = (u32 *)(base + o->directories[EXCEPTION].at), end = 0, info = 0, gaps = uleb(&a), lengths = uleb(&a);
	const u8 *sizes = a + gaps, *infos = sizes + lengths;
	for (; n; n--) { // where a function begins, where it ends, how it is unwound
		*entry++ = end += uleb(&a);
		*entry++ = end += uleb(&sizes);
		u32 v = uleb(&infos);
		*entry++ = info += v >> 1 ^ -(v & 1);
	}
	clear(image + w->arguments, h->stream - w->arguments);

	imports(base, k);
	if (o->directories[TLS].at)
		*((struct tls *)(base + o->directories[TLS].at))->index = s->index;
	struct section *t = (struct section *)((u8 *)&o->magic + o->size);
	for (u32 i = o->sections; i; i--, t++) {
		u32 size = t->size ? t->size : t->raw;
		if (size)
			k->protect(base + t->at, size, t->flags >> 29 & 1 ? EXECUTE_READ : t->flags >> 31 ? READWRITE : READONLY, &before);
	}
	s->ready = 1;
	call_back(base, 1, 0);
	return entry_of(base);
}
