// A program for aarch64 without a library, marked for branch target
// identification: with an argument it calls a function that has no landing
// pad, which ends in SIGILL where its pages are guarded, else in status 5.
// (Libraries without the mark, such as Debian's, take it from a program.)
__asm__(".globl _start\n"
	"_start:	bti	c\n"
	"	ldr	x2, [sp]\n"
	"	mov	x0, 3\n"
	"	mov	x8, 94\n"
	"	cmp	x2, 2\n"
	"	b.ge	1f\n"
	"	svc	0\n"
	"1:	adr	x1, unmarked\n"
	"	blr	x1\n"
	"unmarked:	mov	x0, 5\n"
	"	svc	0\n");

const int table[8000] = { 1, 2, 3 };
