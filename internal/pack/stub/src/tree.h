// The range decoders of both coders: 64 bits refilled by 32 (XLZ), or LZMA's
// 32 bits refilled by 8. A literal, a length, a slot and a single decision are
// all walks down a tree, so that one function decodes every bit.
//
// What is hard: each bit waits for the one before. Chosen: no branch on the
// bit, both probabilities that may come next are loaded before it is known,
// and the decoder lives in registers through all calls. Compilers turn the
// choices into longer chains, so that x86-64 has it in assembly.
//
// Probabilities are stored XORed with their first value, so that fresh memory
// is a fresh model.
//
// Included with TREE_LZMA 0 for XLZ's (tree, decide, refill), with 1 for LZMA's
// (lzma_tree, ...); TREE_HERE where they are defined.

#if !defined(TREE_NAME)
#if defined(__x86_64__)
register u64 range __asm__("r12");
register u64 code __asm__("r13");
register const u8 *input __asm__("r14");
#else
register u64 range __asm__("x20");
register u64 code __asm__("x21");
register const u8 *input __asm__("x22");
#endif
#endif

#undef TREE_NAME
#undef TREE_SYMBOL
#if TREE_LZMA
#define TREE_NAME(name) lzma_##name
#define TREE_SYMBOL(name) "lzma_" name
#else
#define TREE_NAME(name) name
#define TREE_SYMBOL(name) name
#endif

static inline void TREE_NAME(refill)(void)
{
#if TREE_LZMA
	if (!(range >> 24)) {
		range <<= 8;
		code = code << 8 | *input++;
	}
#else
	if (!(range >> 32)) {
		range <<= 32;
		code = code << 32 | be32(input);
		input += 4;
	}
#endif
}

// tree walks from sym down to limit; decision is one step, 2 or 3.
u32 TREE_NAME(tree)(u16 *p, u32 sym, u32 limit);
u32 TREE_NAME(decision)(u16 *p);

#if !defined(TREE_HERE)
#elif defined(__x86_64__)
__asm__(".text\n"
	".globl	" TREE_SYMBOL("tree") ", " TREE_SYMBOL("decision") "\n"
	TREE_SYMBOL("decision") ":\n"
	"	sub	$2, %rdi\n"
	"	push	$1\n"
	"	pop	%rsi\n"
	"	push	$2\n"
	"	pop	%rdx\n"
	TREE_SYMBOL("tree") ":\n"
	"	movzwl	(%rdi,%rsi,2), %r8d\n" // s
#if !TREE_LZMA
	"	xor	$0x8000, %r8d\n"
#else
	"	xor	$1024, %r8d\n"
#endif
	"1:	mov	(%rdi,%rsi,4), %r9d\n" // both that may come next
	"	mov	%r12, %rax\n"
#if !TREE_LZMA
	"	mov	%r8d, %ecx\n"
	"	shr	$12, %rax\n"
	"	shr	$4, %ecx\n"
	"	xor	$0x80008000, %r9d\n"
	"	imul	%rcx, %rax\n" // the bound
#else
	"	shr	$11, %eax\n"
	"	xor	$0x04000400, %r9d\n"
	"	imul	%r8d, %eax\n"
#endif
	"	mov	%r12, %rcx\n"
	"	mov	%r13, %r11\n"
	"	movzwl	%r9w, %r10d\n"
	"	shr	$16, %r9d\n"
	"	sub	%rax, %rcx\n"
	"	sub	%rax, %r11\n"
	"	cmovnc	%r9d, %r10d\n"
	"	cmovnc	%rcx, %rax\n"
	"	cmovnc	%r11, %r13\n"
	"	sbb	%ecx, %ecx\n" // -1 for a 0
	"	mov	%rax, %r12\n"
	"	lea	1(%rcx,%rsi,2), %r11d\n"
#if !TREE_LZMA
	"	and	$0xfe00, %ecx\n"
	"	add	$0x1ff, %ecx\n" // the target
	"	sub	%r8d, %ecx\n"
	"	mov	%ecx, %r9d\n"
	"	mov	%r8d, %ecx\n"
	"	and	$15, %ecx\n"
	"	cmp	$15, %ecx\n"
	"	adc	$0, %r8d\n"
	"	movabs	$0x5444444443333221, %rax\n"
	"	shl	$2, %ecx\n"
	"	shr	%cl, %rax\n"
	"	mov	%eax, %ecx\n"
	"	and	$7, %ecx\n"
	"	sar	%cl, %r9d\n"
	"	and	$-16, %r9d\n"
	"	add	%r9d, %r8d\n"
	"	xor	$0x8000, %r8d\n"
#else
	"	and	$2048-31, %ecx\n"
	"	add	$31, %ecx\n"
	"	sub	%r8d, %ecx\n"
	"	sar	$5, %ecx\n"
	"	add	%ecx, %r8d\n"
	"	xor	$1024, %r8d\n"
#endif
	"	mov	%r8w, (%rdi,%rsi,2)\n"
	"	mov	%r10d, %r8d\n"
	"	mov	%r11d, %esi\n"
	"	mov	%r12, %rax\n"
#if !TREE_LZMA
	"	shr	$32, %rax\n"
	"	jnz	2f\n"
	"	mov	(%r14), %eax\n"
	"	bswap	%eax\n"
	"	shl	$32, %r12\n"
	"	shl	$32, %r13\n"
	"	add	$4, %r14\n"
	"	or	%rax, %r13\n"
#else
	"	shr	$24, %eax\n"
	"	jnz	2f\n"
	"	mov	(%r14), %al\n" // the rest of eax is 0
	"	shl	$8, %r12d\n"
	"	shl	$8, %r13d\n"
	"	inc	%r14\n"
	"	or	%eax, %r13d\n"
#endif
	"2:	cmp	%edx, %esi\n"
	"	jb	1b\n"
	"	mov	%esi, %eax\n"
	"	ret\n");
#else
u32 TREE_NAME(tree)(u16 *p, u32 sym, u32 limit)
{
	do {
		u16 *q = p + sym;
#if !TREE_LZMA
		u32 s = *q ^ 0x8000;
		u64 bound = (range >> 12) * (s >> 4);
#else
		u32 s = *q ^ 1024;
		u64 bound = (range >> 11) * s;
#endif
		u64 one = -(u64)(code >= bound);
		code -= bound & one;
		range = bound + ((range - bound - bound) & one);
#if !TREE_LZMA
		u32 rate = 0x5444444443333221 >> (s & 15) * 4 & 15;
		u32 n = s + ((int)((0xffff & ~((u32)one & 0xfe00)) - s) >> rate & ~15);
		n += (s & 15) != 15;
		*q = n ^ 0x8000;
#else
		s += (int)((2048 - ((u32)one & (2048 - 31))) - s) >> 5;
		*q = s ^ 1024;
#endif
		sym = sym * 2 - (u32)one;
		TREE_NAME(refill)();
	} while (sym < limit);
	return sym;
}

u32 TREE_NAME(decision)(u16 *p) { return TREE_NAME(tree)(p - 1, 1, 2); }
#endif

static inline u32 TREE_NAME(decide)(u16 *p) { return TREE_NAME(decision)(p) & 1; }
