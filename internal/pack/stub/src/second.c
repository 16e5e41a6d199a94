// Part 2 of the stub, decoded by part 1: undo the transforms, protect the
// image segment by segment as the kernel would have mapped it, load the
// dynamic linker, tell both in the auxiliary vector.
#include "stub.h"

struct ehdr {
	u8 ident[16];
	u16 type, machine;
	u32 version;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct phdr {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

enum { PT_LOAD = 1, PT_INTERP = 3 };

// struct operation undoes one transform; offsets count from the prefix.
struct operation {
	u32 code, argument;
};

// The table lies behind part 2's code: the image offset of the ELF header,
// then operations up to one whose code is 0.
extern const u8 table[] __attribute__((visibility("hidden")));

static u64 prot_of(u32 flags)
{
	return (flags >> 2 & 1) | (flags & 2) | (flags & 1) << 2;
}

static u64 load_interpreter(struct context *c, const char *path)
{
	u8 buf[2048];
	i64 fd = syscall6(SYS_openat, -100, (u64)path, 02000000, 0, 0, 0);
	i64 n = syscall3(SYS_read, fd, (u64)buf, sizeof buf);
	struct ehdr *e = (struct ehdr *)buf;
	if (failed(n) || n < 64 || e->type != 3 || e->phoff + e->phnum * sizeof(struct phdr) > (u64)n)
		c->fail();
	struct phdr *ph = (struct phdr *)(buf + e->phoff), *end = ph + e->phnum, *p;
	u64 mask = -c->page, high = 0;
	for (p = ph; p < end; p++)
		if (p->type == PT_LOAD)
			high = p->vaddr + p->memsz;
	i64 bias = syscall6(SYS_mmap, 0, high, 0, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (failed(bias))
		c->fail();
	for (p = ph; p < end; p++) {
		if (p->type != PT_LOAD)
			continue;
		u64 start = (bias + p->vaddr) & mask, skip = p->vaddr & ~mask, prot = prot_of(p->flags);
		u64 file_end = bias + p->vaddr + p->filesz;
		if (failed(syscall6(SYS_mmap, start, file_end - start, prot, MAP_PRIVATE | MAP_FIXED, fd, p->offset - skip)))
			c->fail();
		if (p->memsz > p->filesz) {
			u64 zero_end = (file_end + ~mask) & mask, mem_end = bias + p->vaddr + p->memsz;
			if (p->flags & 2)
				for (u8 *z = (u8 *)file_end; z < (u8 *)zero_end; z++)
					*z = 0;
			if (mem_end > zero_end)
				if (failed(syscall6(SYS_mmap, zero_end, mem_end - zero_end, prot, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0)))
					c->fail();
		}
	}
	syscall3(SYS_close, fd, 0, 0);
	u64 *aux = c->stack + *c->stack + 2;
	while (*aux++)
		;
	for (; *aux; aux += 2)
		if (*aux == AT_BASE)
			aux[1] = bias;
	return bias + e->entry;
}

__attribute__((section(".text.entry"), used)) u64 second(struct context *c)
{
	const u32 *t = (const u32 *)table;
	u8 *image = c->image;
	struct ehdr *e = (struct ehdr *)(image + *t++);
	for (const struct operation *op = (const struct operation *)t; op->code; op++)
		((void (*)(u8 *, const u8 *))(c->prefix + op->code))(image, c->prefix + op->argument);

	struct phdr *ph = (struct phdr *)((u8 *)e + e->phoff), *p;
	u64 entry = e->entry + c->bias, go = entry;
	u64 *aux = c->stack + *c->stack + 2, bti = 0;
	while (*aux++)
		;
	for (; *aux; aux += 2) {
#if defined(__aarch64__)
		if (*aux == AT_HWCAP2 && aux[1] >> 17 & 1 && c->flags & FLAG_BTI)
			bti = PROT_BTI;
#endif
		if (*aux == AT_PHDR)
			aux[1] = (u64)ph;
		if (*aux == AT_PHNUM)
			aux[1] = e->phnum;
		if (*aux == AT_ENTRY)
			aux[1] = entry;
	}
	u64 mask = -c->page;
	u8 *last = image;
	const char *path = 0;
	struct phdr *end = ph + e->phnum;
	for (p = ph; p < end; p++) {
		if (p->type == PT_INTERP)
			path = (const char *)(c->bias + p->vaddr);
		if (p->type != PT_LOAD || !p->memsz)
			continue;
		u8 *from = (u8 *)((c->bias + p->vaddr) & mask);
		u8 *to = (u8 *)((c->bias + p->vaddr + p->memsz + ~mask) & mask);
		if (last < from)
			syscall3(SYS_munmap, (u64)last, from - last, 0);
		last = to;
		if ((p->flags & 7) != 6)
			c->protect(from, to, prot_of(p->flags) | (p->flags & 1 ? bti : 0));
	}
	if (path)
		go = load_interpreter(c, path);
	return go;
}
