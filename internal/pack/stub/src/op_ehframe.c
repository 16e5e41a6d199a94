// Operation: .eh_frame back to natural form and its index rebuilt (ehframe.go).
#include "stub.h"

struct entry {
	int function, place;
} __attribute__((packed, aligned(1), may_alias));

__attribute__((section(".text.entry"), used)) void op(u8 *image, const u8 *argument)
{
	u8 *hdr = image + uleb(&argument), *frame = image + uleb(&argument), *p = frame;
	struct entry *index = (struct entry *)(hdr + 12);
	u32 end = 0, n = 0, length;
	while ((length = le32(p))) {
		u32 id = le32(p + 4);
		if (id) {
			u32 function = le32(p + 8) + end;
			put32(p + 4, (u32)(p - frame) + 5 - id);
			put32(p + 8, function - (u32)(p - image) - 8);
			end = function + le32(p + 12);
			index[n].function = function - (u32)(hdr - image);
			index[n++].place = p - hdr;
		}
		p += 4 + length;
	}
	put32(hdr, 0x3b031b01);
	put32(hdr + 4, frame - hdr - 4);
	put32(hdr + 8, n);
	// Shell sort: linkers leave the entries nearly in order.
	for (u32 gap = n; gap >>= 1;)
		for (u32 i = gap; i < n; i++) {
			struct entry e = index[i];
			u32 j = i;
			for (; j >= gap && index[j - gap].function > e.function; j -= gap)
				index[j] = index[j - gap];
			index[j] = e;
		}
}
