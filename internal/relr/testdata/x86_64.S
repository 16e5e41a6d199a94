# Source of the x86-64 stub in relr.go: an IFUNC resolver without arguments.
# What it returns is of no use, or with ANSWER the pointer that belongs where
# the loader puts a resolver's value. Registers: rdx base, rsi next word, r8 end,
# rdi place. Stub.Bind sets the displacements.
        .text
        endbr64
        .byte 0x48, 0x8d, 0x15, 0, 0, 0, 0      # lea base(%rip), %rdx
        .byte 0x48, 0x8d, 0x35, 0, 0, 0, 0      # lea table(%rip), %rsi
        .byte 0x4c, 0x8d, 0x05, 0, 0, 0, 0      # lea end(%rip), %r8
next:   lodsq
        test    $1, %al
        jnz     bits
        lea     (%rdx,%rax), %rdi               # an address: that word, and where the bitmaps begin
        add     %rdx, (%rdi)
        add     $8, %rdi
        jmp     more
bits:   shr     $1, %rax                        # a bitmap of 63 words
        jz      skip
bit:    bsf     %rax, %rcx
        add     %rdx, (%rdi,%rcx,8)
        lea     -1(%rax), %rcx                  # the lowest bit is done
        and     %rcx, %rax
        jnz     bit
skip:   add     $504, %rdi
more:   cmp     %r8, %rsi
        jb      next
#ifdef ANSWER
        lea     0x7fffffff(%rdx), %rax          # the value of the resolver: base and addend
#endif
        ret
