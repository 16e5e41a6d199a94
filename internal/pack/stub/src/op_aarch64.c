// Operation: aarch64 code back to what the processor runs.
#include "stub.h"
#include "aarch64.h"

// Argument: count, then per region uleb gap to the last one's end, uleb size.
__attribute__((section(".text.entry"), used)) void op(u8 *image, const u8 *argument)
{
	u8 *p = image;
	for (u32 n = uleb(&argument); n; n--) {
		p += uleb(&argument);
		u8 *end = p + uleb(&argument);
		relative_words(p, end, image);
		p = end;
	}
}
