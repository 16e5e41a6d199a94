// Operation: the absolute, big-endian branch targets and RIP-relative
// addresses of x86-64 code back to relative, little-endian ones. The lengths
// are those of internal/pack/codec/x86.go, byte for byte.
#include "stub.h"
#include "x86.h"

// Argument: count, then per region uleb gap to the last one's end, uleb size.
__attribute__((section(".text.entry"), used)) void op(u8 *image, const u8 *argument)
{
	u8 *p = image;
	for (u32 n = uleb(&argument); n; n--) {
		p += uleb(&argument);
		u8 *end = p + uleb(&argument);
		while (p < end) {
			u8 *start = p;
			u32 field;
			p = instruction(p, &field);
			if (p > end) {
				p = end;
				break;
			}
			if (field)
				put32(start + field, be32(start + field) - (u32)(p - image));
		}
	}
}
