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
register u8 *here __asm__("r15"); // part 0's copy: rates lie in it
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

#if defined(__x86_64__)
#undef BOUND
#undef MOVE
#undef ENOUGH
#undef REFILL
#if !TREE_LZMA
// BOUND is where the range divides under the probability in r8d, MOVE takes
// the probability towards an end (eax is -1 for a 0), REFILL what ENOUGH
// calls for.
#define BOUND \
	"	mov	%r12, %rax\n" \
	"	lea	0x8000(%r8), %ecx\n" \
	"	shr	$16, %rax\n" \
	"	imul	%rcx, %rax\n"
#define MOVE \
	"	and	$0xfe00, %eax\n" \
	"	sub	$0x7e01, %eax\n" \
	"	sub	%r8d, %eax\n" \
	"	mov	%r8d, %r9d\n" \
	"	and	$15, %r9d\n" \
	"	movzbl	rates(%r15,%r9), %ecx\n" \
	"	sar	%cl, %eax\n" \
	"	and	$-16, %eax\n" \
	"	cmp	$15, %r9d\n" \
	"	adc	%eax, %r8d\n"
#define ENOUGH "	cmp	%r12, rates+16(%r15)\n	jbe	"
#define REFILL \
	"	mov	(%r14), %eax\n" \
	"	bswap	%eax\n" \
	"	shl	$32, %r12\n" \
	"	shl	$32, %r13\n" \
	"	add	$4, %r14\n" \
	"	or	%rax, %r13\n"
#else
#define BOUND \
	"	mov	%r12d, %eax\n" \
	"	lea	1024(%r8), %ecx\n" \
	"	shr	$11, %eax\n" \
	"	imul	%ecx, %eax\n"
#define MOVE \
	"	and	$2048-31, %eax\n" \
	"	sub	$1024-31, %eax\n" \
	"	sub	%r8d, %eax\n" \
	"	sar	$5, %eax\n" \
	"	add	%eax, %r8d\n"
#define ENOUGH "	cmp	$1 << 24, %r12d\n	jae	"
#define REFILL \
	"	movzbl	(%r14), %eax\n" \
	"	shl	$8, %r12d\n" \
	"	shl	$8, %r13d\n" \
	"	inc	%r14\n" \
	"	or	%eax, %r13d\n"
#endif
#endif

#if !defined(TREE_HERE)
#elif defined(__x86_64__)
#if !TREE_LZMA
// The rates of rangecoder.go, then what the range may not fall below.
__asm__(".text\n"
	".globl	rates\n"
	"rates:	.byte 1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 5\n"
	"	.quad 1 << 32\n");
#endif
__asm__(".text\n"
	".globl	" TREE_SYMBOL("tree") ", " TREE_SYMBOL("decision") "\n"
	TREE_SYMBOL("decision") ":\n"
	"	sub	$2, %rdi\n"
	"	push	$1\n"
	"	pop	%rsi\n"
	"	push	$2\n"
	"	pop	%rdx\n"
	TREE_SYMBOL("tree") ":\n"
	"	movswl	(%rdi,%rsi,2), %r8d\n"
	"1:	mov	(%rdi,%rsi,4), %r9d\n" // both that may come next
	BOUND
	"	movswl	%r9w, %r10d\n"
	"	sar	$16, %r9d\n"
	"	mov	%r13, %r11\n"
	"	sub	%rax, %r12\n"
	"	sub	%rax, %r13\n"
	"	cmovc	%r11, %r13\n"
	"	cmovc	%rax, %r12\n"
	"	cmovnc	%r9d, %r10d\n"
	"	sbb	%eax, %eax\n" // -1 for a 0
	"	lea	1(%rax,%rsi,2), %r11d\n"
	MOVE
	"	mov	%r8w, (%rdi,%rsi,2)\n"
	"	mov	%r10d, %r8d\n"
	"	mov	%r11d, %esi\n"
	ENOUGH "2f\n"
	REFILL
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
		u64 bound = (range >> 16) * s;
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

#if defined(TREE_FAST) && defined(__x86_64__)
// choice is one decision, by a branch: where it is guessed right, what follows
// need not wait for it.
u32 TREE_NAME(choice)(u16 *p);
__asm__(".text\n"
	TREE_SYMBOL("choice") ":\n"
	"	movswl	(%rdi), %r8d\n"
	BOUND
#if !TREE_LZMA
	"	mov	%r8d, %r9d\n"
	"	mov	$0x7fff, %edx\n"
	"	and	$15, %r9d\n"
	"	movzbl	rates(%r15,%r9), %ecx\n"
#else
	"	mov	$1024, %edx\n"
#endif
	"	cmp	%rax, %r13\n"
	"	jae	1f\n"
	"	mov	%rax, %r12\n"
	"	xor	%eax, %eax\n"
	"	jmp	2f\n"
	"1:	sub	%rax, %r12\n"
	"	sub	%rax, %r13\n"
#if !TREE_LZMA
	"	mov	$-0x7e01, %edx\n"
#else
	"	mov	$31-1024, %edx\n"
#endif
	"	mov	$1, %eax\n"
	"2:	sub	%r8d, %edx\n"
#if !TREE_LZMA
	"	sar	%cl, %edx\n"
	"	and	$-16, %edx\n"
	"	cmp	$15, %r9d\n"
	"	adc	%edx, %r8d\n"
#else
	"	sar	$5, %edx\n"
	"	add	%edx, %r8d\n"
#endif
	"	mov	%r8w, (%rdi)\n"
	ENOUGH "3f\n"
	"	mov	%eax, %edx\n"
	REFILL
	"	mov	%edx, %eax\n"
	"3:	ret\n");
static inline u32 TREE_NAME(decide)(u16 *p) { return TREE_NAME(choice)(p); }
#else
static inline u32 TREE_NAME(decide)(u16 *p) { return TREE_NAME(decision)(p) & 1; }
#endif

// differing walks down from the root while the bits are those of byte, of
// which bit 8 is the first; the trees for each bit expected lie 0x100 apart.
static inline u32 TREE_NAME(differing)(u16 *p, u32 byte)
{
	u32 want, sym = 1;
	do {
		want = byte & 0x100;
		sym = TREE_NAME(tree)(p + want, sym, sym + 1);
		byte <<= 1;
	} while (sym < 0x100 && (sym & 1) == want >> 8);
	return sym;
}
