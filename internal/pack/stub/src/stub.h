// What all parts of the stub share: types, the pack header, system calls.
//
// The stub is freestanding: no libc, no data section, no relocation. Part 1
// (first.c) lies uncompressed in the file: it checks, maps and decodes. What
// it decodes begins with part 2 (second.c and the operations that this
// program needs), so that everything behind the decoder is itself stored
// compressed. docs/pack-format.md describes the file.

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef long i64;

// struct header lies directly before part 1's first byte. The Go side writes
// it: internal/pack/header.go has the same fields in the same order.
struct header {
	u8 magic[4];
	u8 version, method, machine, flags;
	u64 check;       // of all bytes behind this field up to the payload's end
	u64 stream_check; // of the decoded stream
	u64 address;     // of the image's first byte; FLAG_FIXED: nowhere else
	u32 packed;      // bytes from the header's first to the payload's end
	u32 payload;     // where the payload begins, from the header's first byte
	u32 stream;      // bytes of the decoded stream
	u32 prefix;      // of these, part 2 and its parameters, before the image
	u32 span;        // bytes of memory of the image
	u32 align;       // of the image, a power of two
	u64 original;    // bytes of the original file; also keeps part 1 aligned to 16
};

#if defined(__aarch64__)
enum { FLAG_FIXED = 1, FLAG_BTI = 2, FLAG_LOW = 4 }; // FLAG_LOW: there is no room below address, so that the image is moved there
#else
enum { FLAG_FIXED = 1, FLAG_LOW = 0 };
#endif

// struct context is what part 1 hands to part 2.
struct context {
	u64 *stack;      // as the kernel gave it: argc, argv, envp, auxv
	u8 *prefix;      // the decoded stream's first byte
	u8 *image;       // the program's first byte
	u64 bias;        // image less the address that it was linked at
	u64 page;        // the kernel's page size
	u64 flags;       // of the header
	void (*protect)(u8 *start, u8 *end, u64 prot);
	void (*fail)(void);
};

enum { PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4, PROT_BTI = 16 };
enum { MAP_PRIVATE = 2, MAP_FIXED = 16, MAP_ANONYMOUS = 32, MAP_NORESERVE = 0x4000, MADV_HUGEPAGE = 14 };
enum { AT_PHDR = 3, AT_PHENT = 4, AT_PHNUM = 5, AT_PAGESZ = 6, AT_BASE = 7, AT_ENTRY = 9, AT_HWCAP2 = 26 };

#if defined(__x86_64__)
enum { SYS_read = 0, SYS_write = 1, SYS_close = 3, SYS_mmap = 9, SYS_mprotect = 10, SYS_munmap = 11, SYS_madvise = 28,
       SYS_pread = 17, SYS_exit_group = 231, SYS_openat = 257, SYS_memfd_create = 319 };
static inline i64 syscall6(i64 n, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	register u64 r10 __asm__("r10") = d;
	register u64 r8 __asm__("r8") = e;
	register u64 r9 __asm__("r9") = f;
	__asm__ volatile("syscall" : "+a"(n) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return n;
}
static inline i64 syscall3(i64 n, u64 a, u64 b, u64 c)
{
	__asm__ volatile("syscall" : "+a"(n) : "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return n;
}
#elif defined(__aarch64__)
enum { SYS_openat = 56, SYS_close = 57, SYS_read = 63, SYS_write = 64, SYS_pread = 67, SYS_exit_group = 94,
       SYS_munmap = 215, SYS_mremap = 216, SYS_mmap = 222, SYS_mprotect = 226, SYS_madvise = 233, SYS_memfd_create = 279 };
static inline i64 syscall6(i64 n, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	register i64 x8 __asm__("x8") = n;
	register u64 x0 __asm__("x0") = a;
	register u64 x1 __asm__("x1") = b;
	register u64 x2 __asm__("x2") = c;
	register u64 x3 __asm__("x3") = d;
	register u64 x4 __asm__("x4") = e;
	register u64 x5 __asm__("x5") = f;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
}
static inline i64 syscall3(i64 n, u64 a, u64 b, u64 c)
{
	return syscall6(n, a, b, c, 0, 0, 0);
}
#endif

static inline int failed(i64 result) { return (u64)result > -4096UL; }

// Words at any address.
typedef u32 __attribute__((aligned(1), may_alias)) any32;
typedef u64 __attribute__((aligned(1), may_alias)) any64;
static inline u32 le32(const u8 *p) { return *(const any32 *)p; }
static inline u64 le64(const u8 *p) { return *(const any64 *)p; }
static inline u32 be32(const u8 *p) { return __builtin_bswap32(le32(p)); }
static inline void put32(u8 *p, u32 v) { *(any32 *)p = v; }
static inline void put64(u8 *p, u64 v) { *(any64 *)p = v; }

// uleb reads an unsigned LEB128 number and moves the pointer behind it.
static inline u32 uleb(const u8 **pp)
{
	const u8 *p = *pp;
	u32 v = 0, shift = 0;
	do
		v |= (u32)(*p & 127) << shift, shift += 7;
	while (*p++ & 128);
	*pp = p;
	return v;
}
