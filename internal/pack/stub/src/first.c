// Part 1 of the stub: make room, decode, hand over to part 2, give back what
// is no longer needed.
#include "boot.h"

#if defined(XLZ)
#include "xlz.h"
#elif defined(MIX)
#include "mix.h"
#else
#include "lzma.h"
#endif

__attribute__((section(".text.first"), used)) u64 first(u64 *stack, const u8 *start)
{
	const struct header *h = (const struct header *)(start - HEADER);
	struct context c;
	u64 *aux = stack + *stack + 2;
	while (*aux++)
		;
	c.page = 4096;
	for (; *aux; aux += 2)
		if (*aux == AT_PAGESZ)
			c.page = aux[1];

	// The image, with room for the prefix before it.
	u64 unit = h->align > c.page ? h->align : c.page;
	u64 before = (h->prefix + unit - 1) & -unit;
	u64 size = before + h->span;
	u8 *room;
	if ((h->flags & (FLAG_FIXED | FLAG_LOW)) == FLAG_FIXED) {
		room = map(h->address - before, size, MAP_FIXED);
	} else {
		u64 slack = unit - c.page;
		room = map(0, size + slack, 0);
		if (slack)
			room = (u8 *)(((u64)room + slack) & -unit);
	}
	c.stack = stack;
#if defined(__aarch64__)
	c.flags = h->flags;
#endif
	c.image = room + before;
	c.prefix = c.image - h->prefix;
	c.protect = protect;
	c.fail = fail;

	u64 work = WORKSPACE_OF(h->stream);
	u8 *workspace = map(0, work, MAP_NORESERVE);
#if defined(MIX)
	syscall3(SYS_madvise, (u64)workspace, work, MADV_HUGEPAGE);
#endif
	struct decoded d = decode((const u8 *)h + h->payload, c.prefix, c.prefix + h->stream, workspace);
	if (check(c.prefix, h->stream) != h->stream_check)
		fail();
	unfilter(d, c.prefix, h->prefix);
	syscall3(SYS_munmap, (u64)workspace, work, 0);

	u8 *code = (u8 *)((u64)c.prefix & -c.page);
	protect(code, c.image, PROT_READ | PROT_EXEC);
#if defined(__aarch64__)
	if (h->flags & FLAG_LOW) {
		i64 moved = syscall6(SYS_mremap, (u64)c.image, h->span, h->span, 3, h->address, 0); // MREMAP_MAYMOVE | MREMAP_FIXED
		if (failed(moved))
			fail();
		c.image = (u8 *)moved;
	}
#endif
	c.bias = (u64)c.image - h->address;
	u64 entry = ((u64(*)(struct context *))c.prefix)(&c);

	// What is left: the page or pages of part 1 itself, read only.
	syscall3(SYS_munmap, (u64)room, before, 0);
	u8 *payload = (u8 *)(((u64)h + h->payload + c.page - 1) & -c.page);
	u8 *last = (u8 *)(((u64)h + h->packed + c.page - 1) & -c.page);
	if (payload < last)
		syscall3(SYS_munmap, (u64)payload, last - payload, 0);
	return entry;
}
