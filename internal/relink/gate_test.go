package relink

import (
	"runtime"
	"strings"
	"testing"
)

// dispatch is a program that chooses between two variants as std_detect and
// aho-corasick do, under their names.
const dispatch = `
#include <stdio.h>
unsigned long answer asm("_ZN10std_detect6detect5cache5CACHE17h0123456789abcdefE");
__attribute__((noinline)) unsigned __int128 detect(void) asm("_ZN10std_detect6detect5cache21detect_and_initialize17h0123456789abcdefE");
__attribute__((noinline)) unsigned __int128 detect(void) { answer = 1UL << 63 | 6; return (unsigned __int128)3 << 64 | 6; }
__attribute__((noinline)) void large(int x) asm("_ZN12aho_corasick6packed5teddy7builder6x86_648SlimAVX213new_unchecked17h0123456789abcdefE");
__attribute__((noinline)) void large(int x) { printf("large %d\n", x); }
__attribute__((noinline)) void small(int x) { printf("small %d\n", x); }
OTHER
int main(int argc, char **argv) {
	unsigned __int128 now = answer ? answer : detect();
	if (now & 4 || now >> 64) large(argc); else small(argc);
	EXTRA
	return 0;
}
`

// TestGate: the cut that keeps std from seeing the processor is made only
// where nothing else may tell it.
func TestGate(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("needs an x86-64 compiler")
	}
	cut := CutByName("simd-dispatch").Cut
	for _, c := range []struct {
		name, other, extra string
		open               bool
	}{
		{"as it is", "", "", true},
		{"reads of every kind", "", `if ((char)answer == 3 || (answer & 64) || (unsigned short)answer == 9) puts("never");`, true},
		{"another writer", "__attribute__((noinline)) void inlined(int x) { answer = x; }", "if (argc > 9) inlined(argc);", false},
		{"a constant is written", "", "if (argc > 9) answer = 5;", false},
		{"a bit is set", "", "if (argc > 9) answer |= 4;", false},
		{"the address is taken", "__attribute__((noinline)) void by_address(unsigned long *p) { *p = 4; }", "if (argc > 9) by_address(&answer);", false},
		{"a pointer to it", "unsigned long *volatile pointer = &answer;", "if (argc > 9) *pointer = 4;", false},
	} {
		text := strings.NewReplacer("OTHER", c.other, "EXTRA", c.extra).Replace(dispatch)
		r := recordC(t, text, "-pie")
		plain, _ := linkTo(t, r, Variant{})
		if got := runProgram(t, plain, ""); got.stdout != "large 1\n" {
			t.Fatalf("%s: %+v", c.name, got)
		}
		program, res := linkTo(t, r, Variant{Cuts: []Cut{cut}})
		want, functions := "large 1\n", 0
		if c.open {
			want, functions = "small 1\n", 2
		}
		if got := runProgram(t, program, ""); got.stdout != want || got.status != "exit 0" {
			t.Errorf("%s: %+v", c.name, got)
		}
		if len(res.Cuts) != 1 || res.Cuts[0].Unsafe == c.open || len(res.Cuts[0].Functions) != functions {
			t.Errorf("%s: %+v", c.name, res.Cuts)
		}
	}
	// std has renamed the function: the variants must not become traps.
	r := recordC(t, strings.NewReplacer("OTHER", "", "EXTRA", "", "21detect_and_initialize", "21detect_and_initialise").Replace(dispatch), "-pie")
	program, res := linkTo(t, r, Variant{Cuts: []Cut{cut}})
	if got := runProgram(t, program, ""); got.stdout != "large 1\n" || !res.Cuts[0].Unsafe {
		t.Errorf("renamed: %+v %+v", got, res.Cuts)
	}
}
