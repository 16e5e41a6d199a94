package relink

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/minsize/minsize/internal/byteio"
)

// TestReplayIsTheRecordedLink: the zero Variant gives the very bytes that
// cargo's build gave, again and again.
func TestReplayIsTheRecordedLink(t *testing.T) {
	for _, c := range needCompilers(t) {
		r := record(t, c, abortLTO, "behaviours.rs")
		for range 2 {
			program, _ := linkTo(t, r, Variant{})
			if sum, err := byteio.SHA256(program); err != nil || sum != r.SHA256() {
				t.Errorf("%s: the replay differs from the recorded program: %v", c.name, err)
			}
		}
		if left, _ := filepath.Glob(filepath.Join(r.Dir, ".*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

// TestOptions links every option alone, with every linker that it says it is
// for, and runs what comes out. What must not load is named with its reason.
func TestOptions(t *testing.T) {
	eachCompiler(t, func(t *testing.T, c compiler) {
		r := record(t, c, abortLTO, "behaviours.rs")
		linkers, fails := r.Linkers(context.Background())
		if len(linkers) == 0 {
			t.Fatalf("no linkers: %v", fails)
		}
		for _, l := range linkers {
			plain, base := linkTo(t, r, Variant{Linker: l, Options: []string{"strip-all"}})
			if data, _ := os.ReadFile(plain); l.Kind == LLD && !bytes.Contains(data, []byte("Linker: ")) {
				t.Errorf("%s did not link it", l.ID())
			}
			want := runProgram(t, plain, "", "threads")
			for _, o := range r.flavour.Options {
				if o.Name == "strip-all" || o.Ahead {
					continue
				}
				out := filepath.Join(t.TempDir(), "program")
				res, err := r.Link(context.Background(), Variant{Linker: l, Options: []string{"strip-all", o.Name}}, out)
				if len(o.Linkers) > 0 && !slices.Contains(o.Linkers, l.Kind) {
					if !errors.Is(err, ErrNotApplicable) {
						t.Errorf("%s %s: %v", l.ID(), o.Name, err)
					}
					continue
				}
				var link *LinkError
				if errors.As(err, &link) && l.Kind != LLD { // an old bfd or gold
					t.Logf("%s %s: %v", l.ID(), o.Name, err)
					continue
				}
				if err != nil {
					t.Errorf("%s %s: %v", l.ID(), o.Name, err)
					continue
				}
				if got := runProgram(t, out, "", "threads"); got != want {
					if o.Name == "relr" && l.Kind == Mold { // mold 1 forgets GLIBC_ABI_DT_RELR; the ladder's check finds it
						continue
					}
					t.Errorf("%s %s: %s", l.ID(), o.Name, different(want, got))
				}
				if res.Size > base.Size+64 && l.Kind == LLD { // bfd lays segments out anew without relro, and may need more
					t.Errorf("%s %s: %d bytes, %d without", l.ID(), o.Name, res.Size, base.Size)
				}
			}
		}
	})
}

// TestStartKeepsEverything: other start code, other places of functions: no
// behaviour changes.
func TestStartKeepsEverything(t *testing.T) {
	for _, c := range needCompilers(t) {
		r := record(t, c, unwindLTO, "behaviours.rs")
		plain, _ := linkTo(t, r, Variant{})
		for _, option := range []string{"own-start", "plain-start", "even-functions"} {
			changed, res := linkTo(t, r, Variant{Options: []string{option}})
			if info, err := os.Stat(plain); err != nil || res.Size >= info.Size() {
				t.Errorf("%s: %d bytes, not smaller", option, res.Size)
			}
			for _, b := range behaviours() {
				if b == "backtrace-text" && option == "own-start" {
					continue // _start is in its frames
				}
				if before, after := runProgram(t, plain, "0", b), runProgram(t, changed, "0", b); before != after && b != "double-panic" && b != "backtrace-text" {
					t.Errorf("%s %s: %s", option, b, different(before, after))
				}
			}
		}
	}
}

// TestFoldedDataKeepsEverything: no behaviour changes where identical
// functions and constants are one.
func TestFoldedDataKeepsEverything(t *testing.T) {
	eachCompiler(t, func(t *testing.T, c compiler) {
		r := record(t, c, unwindLTO, "behaviours.rs")
		linkers, _ := r.Linkers(context.Background())
		if len(linkers) == 0 || linkers[0].Kind != LLD {
			t.Skip("needs lld")
		}
		plain, base := linkTo(t, r, Variant{Linker: linkers[0], Options: []string{"strip-all", "icf-all"}})
		folded, res := linkTo(t, r, Variant{Linker: linkers[0], Options: []string{"strip-all", "icf-all", "icf-data"}})
		if res.Size >= base.Size {
			t.Errorf("%d bytes, %d without", res.Size, base.Size)
		}
		for _, b := range behaviours() {
			if before, after := runProgram(t, plain, "0", b), runProgram(t, folded, "0", b); before != after && b != "double-panic" && b != "backtrace-text" {
				t.Errorf("%s: %s", b, different(before, after))
			}
		}
	})
}

// TestLocationsOut: messages lose their location, and nothing else changes.
func TestLocationsOut(t *testing.T) {
	shown := regexp.MustCompile(`(panicked at )[^\n]*:\d+:\d+:|(\w+ at )library/[^\n]*:\d+:\d+:`)
	for _, c := range needCompilers(t) {
		for _, p := range []profile{unwindLTO, abortLTO, unwindAr} {
			r := record(t, c, p, "behaviours.rs")
			plain, base := linkTo(t, r, Variant{Options: []string{"strip-all"}})
			without, res := linkTo(t, r, Variant{Options: []string{"strip-all", "locations-out"}})
			if res.Size >= base.Size {
				t.Errorf("%s %s: %d bytes, %d before", c.name, p.name, res.Size, base.Size)
			}
			lost := 0
			for _, b := range behaviours() {
				before, after := runProgram(t, plain, "0", b), runProgram(t, without, "0", b)
				if b == "panic-hook" { // it prints whether there is a line
					before.stdout, after.stdout = strings.Replace(before.stdout, "true", "false", 1), strings.Replace(after.stdout, "true", "false", 1)
				}
				if strings.Contains(after.stderr, "panicked at :0:0:") {
					lost++
				}
				before.stderr, after.stderr = shown.ReplaceAllString(before.stderr, "$1$2"), shown.ReplaceAllString(after.stderr, "$1$2")
				if before != after && b != "backtrace-text" {
					t.Errorf("%s %s %s: %s", c.name, p.name, b, different(before, after))
				}
			}
			// Without LTO some paths are in another object than their location,
			// which then stays.
			if lost < 8 && p.name != unwindAr.name {
				t.Errorf("%s %s: %d runs show that the location is lost", c.name, p.name, lost)
			}
		}
	}
}

// TestPlainStartOfC: constructors, destructors and atexit run in their order
// without the C runtime's hooks; code that only the hooks would run refuses.
func TestPlainStartOfC(t *testing.T) {
	const order = `
#include <stdio.h>
#include <stdlib.h>
static void last(void) { puts("atexit"); }
__attribute__((constructor)) static void first(void) { puts("constructor"); atexit(last); }
__attribute__((destructor)) static void end(void) { puts("destructor"); }
int main(int argc, char **argv) { printf("%d\n", argc); return 3; }
`
	for _, pie := range []string{"-pie", "-no-pie"} {
		r := recordC(t, order, pie)
		plain, _ := linkTo(t, r, Variant{})
		for _, option := range []string{"plain-start", "own-start"} {
			program, _ := linkTo(t, r, Variant{Options: []string{option}})
			if before, after := runProgram(t, plain, ""), runProgram(t, program, ""); before != after || !strings.Contains(after.stdout, "destructor") {
				t.Errorf("%s %s: %s", pie, option, different(before, after))
			}
		}
	}
	refused := func(r *Recording, want string) {
		t.Helper()
		_, err := r.Link(context.Background(), Variant{Options: []string{"plain-start"}}, filepath.Join(t.TempDir(), "p"))
		if !errors.Is(err, ErrNotApplicable) || !strings.Contains(err.Error(), want) {
			t.Errorf("expected a refusal that says %q, got %v", want, err)
		}
	}
	refused(recordC(t, order+`__asm__(".section .init\n nop\n .text\n");`, "-pie"), ".init")
	refused(recordC(t, order, "-pie", "-pg"), "-pg")
	refused(recordC(t, order, "-static"), "statically")
}

// TestCodegen makes the machine code again and compares every behaviour.
func TestCodegen(t *testing.T) {
	eachCompiler(t, func(t *testing.T, c compiler) {
		tools, err := FindLLVM(context.Background(), c.llvm, filepath.Join(c.sysroot, "lib/rustlib/x86_64-unknown-linux-gnu/bin"))
		if err != nil {
			t.Skip(err)
		}
		names := []string{"no-cleanup-twice"}
		if os.Getenv("MINSIZE_SWEEP") != "" {
			names = nil
			for _, p := range Pipelines {
				names = append(names, p.Name)
			}
		}
		for _, p := range []profile{unwindLTO, abortLTO} {
			r := record(t, c, p, "behaviours.rs")
			base, _ := linkTo(t, r, Variant{Options: []string{"strip-all"}})
			before := observe(t, base)
			for _, name := range names {
				pipeline := PipelineByName(name)
				if p.name == unwindLTO.name && slices.Contains(pipeline.Needs, NeedAbort) {
					name = "lto"
				}
				cuts := []Cut{CutByName("std-symbolizer").Cut, CutByName("backtrace-printer").Cut, CutByName("stack-overflow-message").Cut}
				if p.name == abortLTO.name { // one that codegen leaves nothing of, and one that never had anything
					cuts = append(cuts, CutByName("unwinder").Cut, Cut{Name: "none", Sites: sites(StubTrap, "not::there", "not_there")})
				}
				v := Variant{Options: []string{"strip-all"}, Cuts: cuts}
				_, inObject := linkTo(t, r, v)
				v.Codegen = &Codegen{Pipeline: name, Tools: tools}
				program, res := linkTo(t, r, v)
				if res.Size > inObject.Size*101/100 {
					t.Errorf("%s %s: %d bytes, %d with the cuts in the object", p.name, name, res.Size, inObject.Size)
				}
				for i, o := range res.Cuts {
					if left := len(o.Functions) == 0 && len(inObject.Cuts[i].Functions) > 0; left != o.Gone || inObject.Cuts[i].Gone || o.Gone != (o.Cut.Name == "unwinder") {
						t.Errorf("%s %s: %s meets %v, in the object %v: gone %v", p.name, name, o.Cut.Name, o.Functions, inObject.Cuts[i].Functions, o.Gone)
					}
					if !o.Gone && !slices.Equal(o.Functions, inObject.Cuts[i].Functions) && len(o.Functions) < len(inObject.Cuts[i].Functions) {
						t.Errorf("%s %s: cut %v in the bitcode, %v in the object", p.name, name, o.Functions, inObject.Cuts[i].Functions)
					}
				}
				after := observe(t, program)
				for b := range before {
					why := ""
					for _, cut := range []string{"stack-overflow-message", "backtrace-printer"} {
						if why = cutEffects[cut].effect(b, before[b], after[b]); why == "" {
							break
						}
					}
					if strings.HasPrefix(b, "backtrace-text") {
						why = ""
					}
					if why != "" {
						t.Errorf("%s %s: %s: %s", p.name, name, b, why)
					}
				}
				again, cached := linkTo(t, r, v)
				if cached.CPU > res.CPU/2 {
					t.Errorf("%s: made again in %v, %v the first time: not cached", name, cached.CPU, res.CPU)
				}
				if a, _ := byteio.SHA256(program); a != mustHash(t, again) {
					t.Errorf("%s: two replays differ", name)
				}
			}
		}
	})
}

func mustHash(t *testing.T, path string) string {
	t.Helper()
	sum, err := byteio.SHA256(path)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// TestCodegenBounds: a deadline ends it, a recording without bitcode and
// tools of another version are refused in one line.
func TestCodegenBounds(t *testing.T) {
	eachCompiler(t, func(t *testing.T, c compiler) {
		ctx := context.Background()
		r := record(t, c, unwindAr, "behaviours.rs")
		_, err := r.Link(ctx, Variant{Codegen: &Codegen{Pipeline: "lto"}}, filepath.Join(t.TempDir(), "p"))
		if !errors.Is(err, ErrNotApplicable) || !strings.Contains(err.Error(), "save-temps") {
			t.Errorf("without bitcode: %v", err)
		}
		if _, err := FindLLVM(ctx, "7.0.1", t.TempDir()); !errors.Is(err, ErrNoLLVM) || !strings.Contains(err.Error(), "llvm-7") {
			t.Errorf("LLVM 7: %v", err)
		}
		if _, err := FindLLVM(ctx, "../..", t.TempDir()); !errors.Is(err, ErrNoLLVM) {
			t.Errorf("no version: %v", err)
		}
		tools, err := FindLLVM(ctx, c.llvm)
		if err != nil {
			t.Skip(err)
		}
		soon, stop := context.WithTimeout(ctx, 30*time.Millisecond)
		defer stop()
		r = record(t, c, abortLTO, "behaviours.rs")
		out := filepath.Join(t.TempDir(), "p")
		if _, err := r.Link(soon, Variant{Codegen: &Codegen{Pipeline: "lean", Tools: tools}}, out); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a budget of 30 ms: %v", err)
		}
		if left, _ := filepath.Glob(filepath.Join(r.Dir, "codegen", ".compile-*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
		if _, err := os.Stat(out); err == nil {
			t.Error("wrote a program")
		}
	})
}

// TestCutsThatMustNotPass: what breaks the program links, and shows in a run.
func TestCutsThatMustNotPass(t *testing.T) {
	eachCompiler(t, func(t *testing.T, c compiler) {
		r := record(t, c, unwindLTO, "behaviours.rs")
		plain, _ := linkTo(t, r, Variant{})
		want := runProgram(t, plain, "", "collections")
		for _, text := range []string{"alloc::collections::btree::*=report", "core::fmt::write", "behaviours::main=report"} {
			cut, err := ParseCut(text)
			if err != nil {
				t.Fatal(err)
			}
			program, res := linkTo(t, r, Variant{Cuts: []Cut{cut}})
			got := runProgram(t, program, "", "collections")
			if got == want {
				t.Errorf("%s (%d functions): nothing changed", text, len(res.Cuts[0].Functions))
			}
			if strings.HasSuffix(text, "=report") && (got.status != "signal aborted" || !strings.Contains(got.stderr, "minsize: cut function ") || !strings.Contains(got.stderr, " was reached\n")) {
				t.Errorf("%s: %+v", text, got)
			}
		}
	})
}

// TestCutBadInput: one clear line each.
func TestCutBadInput(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "names nothing",
		"*":                      "names nothing",
		"::":                     "names nothing",
		"a=b":                    `stub "b"`,
		"a=":                     `stub ""`,
		strings.Repeat("a*", 20): "more than",
	} {
		if _, err := ParseCut(text); err == nil || !errors.Is(err, ErrCut) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	eachCompiler(t, func(t *testing.T, c compiler) {
		r := record(t, c, unwindLTO, "behaviours.rs")
		ctx := context.Background()
		wide, _ := ParseCut("*e*")
		if _, err := r.Link(ctx, Variant{Cuts: []Cut{wide}}, filepath.Join(t.TempDir(), "p")); !errors.Is(err, ErrCut) || !strings.Contains(err.Error(), "more than 1000 functions") {
			t.Errorf("a pattern that matches thousands: %v", err)
		}
		// A std that has renamed everything: nothing matches, nothing changes, and it is said.
		renamed := Cut{Name: "std-symbolizer", Sites: sites(StubReturn, "std::new_home::symbolize")}
		program, res := linkTo(t, r, Variant{Cuts: []Cut{renamed}})
		if len(res.Cuts) != 1 || len(res.Cuts[0].Functions) != 0 || mustHash(t, program) != r.SHA256() {
			t.Errorf("renamed std: %+v", res.Cuts)
		}
	})
}

// damaged copies a recording and lets f spoil the object in it.
func damaged(t *testing.T, r *Recording, f func(object []byte) []byte) *Recording {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "rec")
	if err := os.CopyFS(dir, os.DirFS(r.Dir)); err != nil {
		t.Fatal(err)
	}
	for _, in := range r.link.Inputs {
		if !strings.HasSuffix(in.Stored, ".o") {
			continue
		}
		file := filepath.Join(dir, in.Stored)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		os.Remove(file)
		if err := os.WriteFile(file, f(data), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	again, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// TestDamagedObjects: another machine's object, a truncated one.
func TestDamagedObjects(t *testing.T) {
	eachCompiler(t, func(t *testing.T, c compiler) {
		r := record(t, c, unwindLTO, "behaviours.rs")
		v := Variant{Cuts: []Cut{CutByName("std-symbolizer").Cut}}
		out := filepath.Join(t.TempDir(), "p")
		foreign := damaged(t, r, func(o []byte) []byte { o[18] = 8; return o })
		if _, err := foreign.Link(context.Background(), v, out); !errors.Is(err, ErrNotApplicable) || !strings.Contains(err.Error(), "e_machine is 8") {
			t.Errorf("another machine: %v", err)
		}
		short := damaged(t, r, func(o []byte) []byte { return o[:len(o)/2] })
		if _, err := short.Link(context.Background(), v, out); err == nil || !strings.Contains(err.Error(), "offset 0x") || strings.Contains(err.Error(), "\n") {
			t.Errorf("truncated: %v", err)
		}
		var link *LinkError
		if _, err := short.Link(context.Background(), Variant{}, out); !errors.As(err, &link) || strings.Contains(err.Error(), "\n") || link.Message == "" {
			t.Errorf("truncated, without edits: %v", err)
		}
		if _, err := os.Stat(out); err == nil {
			t.Error("a failed link left a program")
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(out), ".minsize-link-*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
}

// TestSuggestPredicts: what the graph says that a cut saves is what the link
// saves, within two per cent or a page.
func TestSuggestPredicts(t *testing.T) {
	eachCompiler(t, func(t *testing.T, c compiler) {
		r := record(t, c, unwindLTO, "behaviours.rs")
		s, err := r.Suggest(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Functions) == 0 || len(s.Crates) == 0 || s.Reachable == 0 {
			t.Fatalf("no suggestions: %+v", s)
		}
		options := []string{"strip-all", "no-eh-frame-hdr", "unwind-tables-out"}
		_, base := linkTo(t, r, Variant{Options: options})
		for _, f := range s.Functions[:8] {
			cut, err := ParseCut(f.Name)
			if err != nil {
				t.Fatal(err)
			}
			_, res := linkTo(t, r, Variant{Options: options, Cuts: []Cut{cut}})
			saved := base.Size - res.Size
			// Relocations of the data that goes are saved on top: 24 bytes for 8.
			if off := saved - int64(f.Retained); off < -4096-int64(f.Retained)/50 || off > 8192+int64(f.Retained) {
				t.Errorf("%s: predicted %d, saved %d", f.Name, f.Retained, saved)
			}
		}
	})
}

// TestDominators compares the dominator tree with its definition on random
// graphs: what a node retains is what cannot be reached without it.
func TestDominators(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 20).Draw(t, "nodes")
		g := &graph{nodes: make([]node, n), out: make([][]int32, n)}
		for i := range g.nodes {
			g.nodes[i].size = uint64(rapid.IntRange(0, 100).Draw(t, "size"))
			for range rapid.IntRange(0, 4).Draw(t, "edges") {
				g.out[i] = append(g.out[i], int32(rapid.IntRange(0, n-1).Draw(t, "to")))
			}
		}
		order := g.postorder()
		retained, _ := g.retained(order)
		for _, x := range order {
			if x == 0 {
				continue
			}
			if want := g.without(map[int32]bool{x: true}, retained[0]); want != retained[x] {
				t.Fatalf("node %d retains %d, without it %d bytes go", x, retained[x], want)
			}
		}
	})
}

func TestNormalNames(t *testing.T) {
	for symbol, want := range map[string]string{
		"_ZN4core3fmt5write17h0123456789abcdefE":                                                     "core::fmt::write",
		"_RNvNtCsjrHSEGnQ3l9_3std9panicking9panic_fmt":                                               "std::panicking::panic_fmt",
		"_ZN4core3ptr42drop_in_place$LT$alloc..string..String$GT$17h0123456789abcdefE":               "core::ptr::drop_in_place",
		"_ZN60_$LT$alloc..string..String$u20$as$u20$core..fmt..Display$GT$3fmt17h0123456789abcdefE":  "<alloc::string::String as core::fmt::Display>::fmt",
		"_ZN3std2rt10lang_start28_$u7b$$u7b$closure$u7d$$u7d$17h26364cb19a7b345dE":                   "std::rt::lang_start::{closure}",
		"_ZN4core3ops8function6FnOnce40call_once$u7b$$u7b$vtable.shim$u7d$$u7d$17hd2a3315ab039bf1eE": "core::ops::function::FnOnce::call_once::{shim:vtable}",
		"malloc": "malloc",
		"<alloc::string::String as core::fmt::Display>::fmt::h0123456789abcdef":                         "<alloc::string::String as core::fmt::Display>::fmt", // wasm-bindgen's names
		"core[6398a915a41d8b91]::panicking::panic_fmt":                                                  "core::panicking::panic_fmt",
		"<alloc[275f52e401ec3529]::string::String as core[6398a915a41d8b91]::fmt::Write>::write_str[1]": "<alloc::string::String as core::fmt::Write>::write_str",
		"f(int[10])":                     "f(int[10])",
		"app::run<T>::h0123456789ABCDEF": "app::run<T>::h0123456789ABCDEF",
	} {
		if got := namesOf(symbol).normal; got != want {
			t.Errorf("%s: %q, expected %q", symbol, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("ab:<>&*[]() {}#,-=as")), 0, 60, -1).Draw(t, "text")
		if once := withoutNumbers(withoutGenerics(text)); withoutNumbers(once) != once {
			t.Fatalf("%q becomes %q", text, once)
		}
	})
}

func TestMatchPattern(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"a::b", "a::b", true}, {"a::b", "a::bc", false}, {"a::*", "a::b::c", true}, {"*::c", "a::b::c", true},
		{"a*c", "abc", true}, {"a*c", "ac", true}, {"a*c", "a", false}, {"ab*ba", "aba", false}, {"*x*y*", "axbyc", true}, {"*x*y*", "aybxc", false},
	} {
		if got := matchPattern(c.pattern, c.name); got != c.want {
			t.Errorf("%q on %q: %v", c.pattern, c.name, got)
		}
	}
}

// TestSelfRelocation: what stands between the loader and main does not matter,
// and where there is nothing to relocate the step says so.
func TestSelfRelocation(t *testing.T) {
	const program = `
#include <stdio.h>
static const char *const words[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"};
__attribute__((constructor)) static void first(void) { puts(words[3]); }
int main(int argc, char **argv) { for (int i = 0; i < 16; i++) fputs(words[(i + argc) % 16], stdout); return 3; }
`
	r := recordC(t, program, "-pie")
	lld := slices.IndexFunc(gnu.FindLinkers(context.Background(), os.Getenv("PATH")), func(l Linker) bool { return l.Kind == LLD })
	if lld < 0 {
		t.Skip("needs ld.lld")
	}
	v := Variant{Linker: gnu.FindLinkers(context.Background(), os.Getenv("PATH"))[lld], Options: []string{"self-relr"}}
	plain, before := linkTo(t, r, Variant{Linker: v.Linker})
	small, after := linkTo(t, r, v)
	if want, got := runProgram(t, plain, ""), runProgram(t, small, ""); want != got {
		t.Error(different(want, got))
	}
	if after.Size >= before.Size {
		t.Errorf("%d bytes, %d before", after.Size, before.Size)
	}
	for want, refused := range map[string]*Recording{
		"fixed address": recordC(t, program, "-no-pie"),
		"statically":    recordC(t, program, "-static"),
	} {
		if _, err := refused.Link(context.Background(), v, filepath.Join(t.TempDir(), "p")); !errors.Is(err, ErrNotApplicable) || !strings.Contains(err.Error(), want) {
			t.Errorf("expected a refusal that says %q, got %v", want, err)
		}
	}
}
