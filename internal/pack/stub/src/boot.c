// Part 0 of the stub, plain code in the file: check the file, copy itself to
// memory and decode part 1 behind it, byte by byte under the top bits of the byte
// before; give the copy back at the end, and start the program. Part 1 calls its functions.
#define TREE_HERE
#include "boot.h"

// The copy has COPY bytes, the model of part 1 lies behind it: a tree of 256
// probabilities for each five bits before. Few pages: each costs its decoding anew.
#define COPY 0x10000
#define BOOT_MODEL 0x5000 // with a page behind the last tree, of which two nodes ahead are read
extern const u8 part1[], part1_end[]; // as linked, behind part 0

// The kernel enters at start. rbx (x19) keeps the stack that it gave. On x86-64
// addresses of this file are as linked: offsets from start.
#if defined(__x86_64__)
#define STRING_(x) #x
#define STRING(x) STRING_(x)
__asm__(".section .text.entry,\"ax\"\n"
	"start:	mov	%rsp, %rbx\n"
	"	lea	start(%rip), %rbp\n"
	"	and	$-16, %rsp\n"
	"	mov	-32(%rbp), %esi\n" // packed
	"	lea	-48(%rbp), %rdi\n"
	"	sub	$16, %esi\n"
	"	call	check\n"
	"	cmp	-56(%rbp), %rax\n"
	"	jne	fail\n"
	"	xor	%edi, %edi\n"
	"	mov	$" STRING(COPY) "+" STRING(BOOT_MODEL) ", %esi\n"
	"	mov	$0x4000, %edx\n" // MAP_NORESERVE
	"	call	map\n"
	"	mov	%rax, %r15\n"
	"	mov	%rax, %rdi\n"
	"	mov	%rbp, %rsi\n"
	"	mov	$part1, %ecx\n"
	"	rep movsb\n"
	"	lodsq\n"
	"	bswap	%rax\n"
	"	mov	%rax, %r13\n"
	"	mov	%rsi, %r14\n"
	"	or	$-1, %r12\n"
	"	mov	%rdi, %rbp\n"
	"	xor	%eax, %eax\n"
	"1:	and	$0xf8, %eax\n"
	"	push	$1\n"
	"	shl	$6, %eax\n"
	"	pop	%rsi\n"
	"	lea	" STRING(COPY) "(%r15,%rax), %rdi\n"
	"	mov	$0x100, %edx\n"
	"	call	tree\n"
	"	mov	%al, (%rbp)\n"
	"	lea	part1_end(%r15), %rcx\n"
	"	inc	%rbp\n"
	"	cmp	%rcx, %rbp\n"
	"	jb	1b\n"
	"	mov	%r15, %rdi\n"
	"	lea	" STRING(COPY) "(%r15), %rsi\n"
	"	push	$5\n" // PROT_READ | PROT_EXEC
	"	pop	%rdx\n"
	"	call	protect\n"
	"	lea	part1(%r15), %rax\n"
	"	mov	%rbx, %rdi\n"
	"	lea	start(%rip), %rsi\n"
	"	call	*%rax\n"
	"	mov	%rax, %rbp\n"
	"	mov	%r15, %rdi\n"
	"	mov	$" STRING(COPY) "+" STRING(BOOT_MODEL) ", %esi\n"
	"	push	$11\n" // munmap
	"	pop	%rax\n"
	"	syscall\n"
	"	mov	%rbx, %rsp\n"
	"	xor	%edx, %edx\n"
	"	jmp	*%rbp\n"
	".text\n");
#else
__asm__(".section .text.entry,\"ax\"\n"
	"start:	bti c\n"
	"	mov x0, sp\n"
	"	mov x19, sp\n"
	"	adr x1, start\n"
	"	bl boot\n"
	"	mov sp, x19\n"
	"	mov x16, x0\n"
	"	mov x0, 0\n"
	"	br x16\n"
	".text\n");
#endif

void fail(void)
{
	static const char message[] = "packed program is damaged\n";
	syscall3(SYS_write, 2, (u64)message, sizeof message - 1);
	syscall3(SYS_exit_group, 127, 0, 0);
}

u8 *map(u64 address, u64 size, u64 flags)
{
	i64 p = syscall6(SYS_mmap, address, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
	if (failed(p))
		fail();
	return (u8 *)p;
}

// check hashes n >= 8 bytes; the last word may overlap the one before. Every
// step is a bijection, so that damage within one word is always seen.
u64 check(const u8 *p, u64 n)
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
void protect(u8 *start, u8 *end, u64 prot)
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
	if (syscall3(SYS_write, fd, (u64)start, size) != (i64)size)
		fail();
	if (failed(syscall6(SYS_mmap, (u64)start, size, prot, MAP_PRIVATE | MAP_FIXED, fd, 0)))
		fail();
	syscall3(SYS_close, fd, 0, 0);
}

#if !defined(__x86_64__)
__attribute__((used)) u64 boot(u64 *stack, const u8 *start)
{
	const struct header *h = (const struct header *)(start - HEADER);
	if (check((const u8 *)&h->stream_check, h->packed - 16) != h->check)
		fail();
	u8 *copy = map(0, COPY + BOOT_MODEL, MAP_NORESERVE), *out = copy;
	u16 *model = (u16 *)(copy + COPY);
	u32 b = 0;
	const u8 *in = start;
	do
		*out++ = *in++;
	while (in < part1);
	range = -1;
	code = (u64)be32(in) << 32 | be32(in + 4);
	input = in + 8;
	u8 *run = out, *end = run + (part1_end - part1);
	do
		*out++ = b = (u8)tree(model + (b >> 3) * 256, 1, 256);
	while (out < end);
	protect(copy, (u8 *)model, PROT_READ | PROT_EXEC);
	u64 entry = ((u64(*)(u64 *, const u8 *))run)(stack, start);
	syscall3(SYS_munmap, (u64)copy, COPY + BOOT_MODEL, 0);
	return entry;
}
#endif
