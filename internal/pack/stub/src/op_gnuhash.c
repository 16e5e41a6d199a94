// Operation: .gnu.hash rebuilt from the dynamic symbols (gnuhash.go).
#include "stub.h"

__attribute__((section(".text.entry"), used)) void op(u8 *image, const u8 *argument)
{
	u32 *hash = (u32 *)(image + uleb(&argument));
	u8 *symbols = image + uleb(&argument), *names = image + uleb(&argument);
	u32 last = uleb(&argument), buckets = hash[0], i = hash[1], shift = hash[3] & 31, previous = -1u;
	u64 mask = hash[2] - 1;
	u8 *filter = (u8 *)(hash + 4);
	u32 *bucket = (u32 *)(filter + hash[2] * 8UL), *chain = bucket + buckets;
	for (; i < last; i++) {
		u32 h = 5381, b;
		for (u8 *name = names + le32(symbols + i * 24UL); *name; name++)
			h = h * 33 + *name;
		u8 *word = filter + (h >> 6 & mask) * 8;
		put64(word, le64(word) | 1UL << (h & 63) | 1UL << (h >> shift & 63));
		b = h % buckets;
		if (b != previous) {
			if (previous != -1u)
				chain[-1] |= 1;
			bucket[previous = b] = i;
		}
		*chain++ = h & ~1u;
	}
	chain[-1] |= 1;
}
