// Source of the aarch64 stub in relr.go: an IFUNC resolver that needs none of
// its arguments. What it returns is of no use, or with ANSWER the pointer that
// belongs where the loader puts a resolver's value. Registers: x2 base, x3 next word,
// x4 end, x6 place. Stub.Bind sets the distances behind the code.
        .text
start:  hint    #34                             // bti c
        adr     x1, start
        adr     x5, distances
        ldrsw   x2, [x5]
        ldrsw   x3, [x5, #4]
        ldrsw   x4, [x5, #8]
        add     x2, x2, x1
        add     x3, x3, x1
        add     x4, x4, x1
next:   ldr     x5, [x3], #8
        tbnz    x5, #0, bits
        add     x6, x2, x5                      // an address: that word, and where the bitmaps begin
        ldr     x7, [x6]
        add     x7, x7, x2
        str     x7, [x6], #8
        b       more
bits:   lsr     x5, x5, #1                      // a bitmap of 63 words
        cbz     x5, skip
bit:    rbit    x7, x5
        clz     x7, x7
        ldr     x8, [x6, x7, lsl #3]
        add     x8, x8, x2
        str     x8, [x6, x7, lsl #3]
        sub     x8, x5, #1                      // the lowest bit is done
        ands    x5, x5, x8
        b.ne    bit
skip:   add     x6, x6, #504
more:   cmp     x3, x4
        b.lo    next
#ifdef ANSWER
        ldr     w0, answer                      // the value of the resolver: base and addend
        add     x0, x0, x2
#endif
        ret
distances:
        .word   0, 0, 0
#ifdef ANSWER
answer: .word   0x7fffffff
#endif
