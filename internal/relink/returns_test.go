package relink

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
)

// TestReturning: what the bitcode of a real program says of std's functions.
func TestReturning(t *testing.T) {
	for _, c := range needCompilers(t) {
		t.Run(c.name, func(t *testing.T) {
			tools, err := FindLLVM(context.Background(), c.llvm, filepath.Join(c.sysroot, "lib/rustlib/x86_64-unknown-linux-gnu/bin"))
			if err != nil {
				t.Skip(err)
			}
			r := record(t, c, unwindLTO, "behaviours.rs")
			for pattern, want := range map[string]string{
				"std::io::stdio::_print":     "",
				"std::process::exit":         "!",
				"std::process::abort":        "!",
				"core::panicking::panic_fmt": "!",
				"core::fmt::write":           "i1",
				"behaviours::index":          "i32",
			} {
				cut, err := ParseCut(pattern + "=return")
				if err != nil {
					t.Fatal(err)
				}
				list, err := r.Returning(context.Background(), []Cut{cut}, tools)
				if err != nil {
					t.Fatal(err)
				}
				if len(list) == 0 {
					t.Errorf("%s: no function", pattern)
				}
				for _, f := range list {
					if !f.Known || f.From != "the bitcode" || f.Result != want {
						t.Errorf("%s: %+v, expected %q", pattern, f, want)
					}
				}
				// Without bitcode and catalogue nothing is claimed.
				list, err = r.Returning(context.Background(), []Cut{cut}, LLVM{})
				if err != nil || len(list) == 0 || list[0].Known {
					t.Errorf("%s, without tools: %+v %v", pattern, list, err)
				}
			}
			known := Cut{Name: "known", Sites: sites(StubReturn, "std::backtrace_rs::symbolize::gimli::Cache::with_global")}
			if list, err := r.Returning(context.Background(), []Cut{known}, LLVM{}); err != nil || len(list) != 1 || !list[0].Known || list[0].Result != "" {
				t.Errorf("a function of the catalogue: %+v %v", list, err)
			}
		})
	}
}

// TestReturnHeaders: lines as llvm-dis prints them.
func TestReturnHeaders(t *testing.T) {
	symbols := map[string]string{ // symbol -> result
		"plain": "", "pair": "{ i64, ptr }", "quoted$name": "", "large": "a value through a pointer", "stops": "!", "inline_stops": "!", "bool": "i1", "later": "",
	}
	h := returnHeaders{index: map[string]int{}}
	for s := range symbols {
		h.index[s] = len(h.list)
		h.list = append(h.list, Returning{Symbol: s})
	}
	for line := range strings.Lines(`
declare void @declared()
define internal void @plain(ptr %0) unnamed_addr #0 {
define internal noundef { i64, ptr } @pair(i64 noundef %0) #0 {
define hidden void @"quoted$name"(ptr %0) #1 personality ptr @p {
define void @large(ptr dead_on_unwind noalias noundef writable sret([24 x i8]) align 8 dereferenceable(24) %_0) #0 {
define void @stops(ptr %0) #2 {
define void @inline_stops() noreturn {
define noundef zeroext i1 @bool() {
define void @later() #3 {
attributes #0 = { nounwind uwtable }
attributes #1 = { "target-cpu"="x86-64" }
attributes #2 = { cold noinline noreturn uwtable }
attributes #3 = { mustprogress "noreturn-lookalike" }
`) {
		h.line(line)
	}
	for s, want := range symbols {
		if got := h.list[h.index[s]]; !got.Known || got.Result != want {
			t.Errorf("%s: %+v, expected %q", s, got, want)
		}
	}
}
