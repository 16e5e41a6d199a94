// Data segments with strings, tables, pointers and numbers, for what cuts them:
//
//	clang --target=wasm32 -O2 -nostdlib -fdata-sections -ffunction-sections -c -o data.o data.c
//	wasm-ld --no-entry -o data.wasm data.o        (LLVM 14 and 19)
//
// The linker's map (-Map) says where each array is: names 0x440, table 0x450,
// ops 0x490, counters 0x4a0; strings from 0x400 on.
typedef unsigned long size_t;
const char *const names[] = {"zero", "one", "two", "three"};
static const int table[16] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3};
static int counters[8] = {1, 2, 3, 4, 5, 6, 7, 8};
struct op { const char *name; int (*run)(int); };
static int dbl(int a) { return a * 2; }
static int neg(int a) { return -a; }
static const struct op ops[] = {{"double", dbl}, {"negate", neg}};
static int len(const char *s) { int n = 0; while (s[n]) n++; return n; }
__attribute__((noinline)) int say(const char *s) { return len(s) + counters[len(s) & 7]++; }
__attribute__((noinline)) int pick(int i) { return table[i & 15] + say(names[i & 3]); }
__attribute__((export_name("go"))) int go(int n) {
	int s = 0;
	for (int i = 0; i < n; i++) {
		s += pick(i) + ops[i & 1].run(i);
		if (s > 4096) s -= say("over four thousand");
		if (s == 2048) return say("exactly");
	}
	return s;
}
