package dwarf

import (
	"strings"
	"testing"
)

const returnsC = `#include <stdlib.h>
struct large { long a[8]; };
__attribute__((noinline)) void nothing(volatile int *p) { *p = 1; }
__attribute__((noinline)) int number(int x) { return x * 3; }
__attribute__((noinline)) struct large large(long x) { struct large l = {{ x, x + 1 }}; return l; }
__attribute__((noinline, noreturn)) void never(int x) { exit(x); }
int main(int argc, char **argv) { volatile int v; nothing(&v); struct large l = large(argc); if (argc > 9) never(3); return number(argc + l.a[1]) + v; }
`

const returnsRust = `
struct Holder<T>(T);
impl<T: std::fmt::Display> Holder<T> {
    #[inline(never)] fn method_nothing(&self) { print!("{}", self.0); }
    #[inline(never)] fn method_text(&self) -> String { format!("{}", self.0) }
}
#[inline(never)] fn nothing(x: i32) { print!("{x}"); }
#[inline(never)] fn number(x: i32) -> i32 { std::hint::black_box(x) * 3 }
#[inline(never)] fn never(x: i32) -> ! { std::process::exit(x) }
fn main() {
    let h = Holder(std::env::args().count() as i32);
    h.method_nothing();
    nothing(number(h.0));
    print!("{}", h.method_text());
    if h.0 > 9 { never(3); }
}
`

// TestReturns: by C's and Rust's compilers, in programs and in objects, and
// nothing is claimed where the unit has no types.
func TestReturns(t *testing.T) {
	c := map[string]Returns{"nothing": ReturnsNothing, "number": ReturnsSomething, "large": ReturnsSomething, "never": ReturnsNever}
	rust := map[string]Returns{"nothing": ReturnsNothing, "number": ReturnsSomething, "never": ReturnsNever,
		"method_nothing": ReturnsNothing, "method_text": ReturnsSomething}
	none := func(m map[string]Returns) map[string]Returns {
		out := map[string]Returns{}
		for name := range m {
			out[name] = ReturnsUnknown
		}
		return out
	}
	for _, test := range []struct {
		compiler, source string
		flags            []string
		want             map[string]Returns
	}{
		{"gcc", returnsC, []string{"-g", "-O1"}, c},
		{"gcc", returnsC, []string{"-g", "-O1", "-c"}, c},
		{"gcc", returnsC, []string{"-gdwarf-4", "-O2"}, c},
		{"clang", returnsC, []string{"-g", "-O1"}, c},
		{"clang", returnsC, []string{"-gline-tables-only", "-O1"}, none(c)},
		{"rustc", returnsRust, []string{"-g", "-Ccodegen-units=1"}, rust},
		{"rustc", returnsRust, []string{"-g", "-O", "--emit=obj"}, rust},
		{"rustc", returnsRust, []string{"-Cdebuginfo=1", "-O"}, none(rust)},
		{"rustc", returnsRust, []string{"-Cdebuginfo=line-tables-only", "-O"}, none(rust)},
	} {
		t.Run(test.compiler+" "+strings.Join(test.flags, " "), func(t *testing.T) {
			_, d := open(t, build(t, test.source, test.compiler, test.flags...))
			seen := map[string]Returns{}
			for i := range d.Units {
				code, err := d.Code(&d.Units[i])
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range code.Functions {
					n := d.Names(f.Offset)
					ours := test.compiler != "rustc" || strings.Contains(n.Link, "sample")
					name, _, _ := strings.Cut(n.Name, "<")
					want, tested := test.want[name]
					if !ours || !tested {
						continue
					}
					got, of := d.Returns(f.Offset, d.Typed)
					seen[name] = got
					if got == ReturnsSomething && of == "" {
						t.Errorf("%s: no type", name)
					}
					// A line table's entry still says that a function never returns.
					if got != want && !(want == ReturnsUnknown && got == ReturnsNever) {
						t.Errorf("%s: %d, expected %d (%s)", n.Link, got, want, of)
					}
				}
			}
			if len(seen) == 0 && len(test.want) > 0 && test.want["nothing"] != ReturnsUnknown {
				t.Error("none of the functions was met")
			}
		})
	}
}
