// Operation: relative relocations back from their distances (rela.go).
#include "stub.h"

__attribute__((section(".text.entry"), used)) void op(u8 *image, const u8 *argument)
{
	u8 *entry = image + uleb(&argument), *word = image;
	u32 n = uleb(&argument), type = uleb(&argument), keep = uleb(&argument);
	do {
		word += uleb(&argument);
		put64(entry, word - image);
		put64(entry + 8, type);
		put64(entry + 16, le64(word));
		if (!keep)
			put64(word, 0);
		entry += 24;
	} while (--n);
}
