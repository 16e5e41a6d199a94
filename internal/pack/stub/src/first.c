// Part 1 of the stub: check the file, make room, decode, hand over to part 2,
// give back what is no longer needed, start the program.
#include "stub.h"

#if defined(XLZ)
#include "xlz.h"
#elif defined(MIX)
#include "mix.h"
#else
#include "lzma.h"
#endif

// The kernel enters here. rbx (x19) keeps the stack that it gave.
#if defined(__x86_64__)
__asm__(".section .text.entry,\"ax\"\n"
	"start:	mov %rsp, %rdi\n"
	"	mov %rsp, %rbx\n"
	"	lea start(%rip), %rsi\n"
	"	and $-16, %rsp\n"
	"	call first\n"
	"	mov %rbx, %rsp\n"
	"	xor %edx, %edx\n"
	"	jmp *%rax\n"
	".text\n");
#elif defined(__aarch64__)
__asm__(".section .text.entry,\"ax\"\n"
	"start:	bti c\n"
	"	mov x0, sp\n"
	"	mov x19, sp\n"
	"	adr x1, start\n"
	"	bl first\n"
	"	mov sp, x19\n"
	"	mov x16, x0\n"
	"	mov x0, 0\n"
	"	br x16\n"
	".text\n");
#endif

#define HEADER (sizeof(struct header))

static void fail(void)
{
	static const char message[] = "packed program is damaged\n";
	syscall3(SYS_write, 2, (u64)message, sizeof message - 1);
	for (;;)
		syscall3(SYS_exit_group, 127, 0, 0);
}

static __attribute__((noinline)) u8 *map(u64 address, u64 size, u64 flags)
{
	i64 p = syscall6(SYS_mmap, address, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
	if (failed(p))
		fail();
	return (u8 *)p;
}

// check hashes n >= 8 bytes; the last word may overlap the one before. Every
// step is a bijection, so that damage within one word is always seen.
static __attribute__((noinline)) u64 check(const u8 *p, u64 n)
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

// protect sets the protection of whole pages, never both writable and
// executable. Where making written memory executable is forbidden (seccomp
// filters of service managers, PR_SET_MDWE), the bytes go through a memory
// file that is mapped executable and was never writable there.
static void protect(u8 *start, u8 *end, u64 prot)
{
	u64 size = end - start;
#if defined(__aarch64__)
	if (prot & PROT_EXEC) {
		u64 ctr;
		__asm__ volatile("mrs %0, ctr_el0" : "=r"(ctr));
		u64 line = 4 << (ctr >> 16 & 15);
		for (u8 *p = start; p < end; p += line)
			__asm__ volatile("dc cvau, %0" ::"r"(p) : "memory");
		__asm__ volatile("dsb ish" ::: "memory");
		line = 4 << (ctr & 15);
		for (u8 *p = start; p < end; p += line)
			__asm__ volatile("ic ivau, %0" ::"r"(p) : "memory");
		__asm__ volatile("dsb ish\n\tisb" ::: "memory");
	}
#endif
	if (!failed(syscall3(SYS_mprotect, (u64)start, size, prot)))
		return;
	if (!(prot & PROT_EXEC))
		fail();
	u32 name = 'm';
	i64 fd = syscall3(SYS_memfd_create, (u64)&name, 1, 0);
	for (u64 done = 0; done < size;) {
		i64 n = syscall3(SYS_write, fd, (u64)start + done, size - done);
		if (failed(n))
			fail();
		done += n;
	}
	if (failed(syscall6(SYS_mmap, (u64)start, size, prot, MAP_PRIVATE | MAP_FIXED, fd, 0)))
		fail();
	syscall3(SYS_close, fd, 0, 0);
}

__attribute__((used)) u64 first(u64 *stack, const u8 *start)
{
	const struct header *h = (const struct header *)(start - HEADER);
	struct context c;
	if (check((const u8 *)&h->stream_check, h->packed - 16) != h->check)
		fail();

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
	if (h->flags & FLAG_FIXED) {
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
	c.bias = (u64)c.image - h->address;
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
	u64 entry = ((u64(*)(struct context *))c.prefix)(&c);

	// What is left: the page or pages of part 1 itself, read only.
	syscall3(SYS_munmap, (u64)room, before, 0);
	u8 *payload = (u8 *)(((u64)h + h->payload + c.page - 1) & -c.page);
	u8 *last = (u8 *)(((u64)h + h->packed + c.page - 1) & -c.page);
	if (payload < last)
		syscall3(SYS_munmap, (u64)payload, last - payload, 0);
	return entry;
}
