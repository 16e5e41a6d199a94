// What part 0 of the stub (boot.c) does for part 1.
#pragma GCC visibility push(hidden) // all of one piece: no table of addresses
#include "stub.h"

#define TREE_LZMA 0
#include "tree.h"

#define HEADER (sizeof(struct header))

void fail(void);
u8 *map(u64 address, u64 size, u64 flags);
u64 check(const u8 *p, u64 n);
void protect(u8 *start, u8 *end, u64 prot);
