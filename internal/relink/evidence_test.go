package relink

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// evidenceCases is the table with one program for each kind, and one that does
// none of it.
var evidenceCases = []struct {
	kind     Kind // "" for the program that shows nothing
	who      string
	source   string
	notIn    []Kind
	linkArgs []string
}{
	{"", "", `fn main() {
		let t = std::thread::spawn(|| std::env::args().count());
		let n = t.join().unwrap();
		let v: Vec<String> = std::env::args().collect();
		println!("{} {}", n, v[0]);
		assert_eq!(n, v.len());
	}`, Kinds(), nil},
	{CatchUnwind, "evidence::careful", `#[inline(never)] fn careful(n: usize) -> bool { std::panic::catch_unwind(|| assert!(n > 5)).is_err() }
		fn main() { println!("{}", careful(std::env::args().count())) }`, []Kind{PanicHook, JoinedPanic, StackWalk}, nil},
	{"", "", `fn main() { let n = std::env::args().count();
		std::thread::scope(|s| { s.spawn(|| assert!(n > 0)); }); println!("{n}") }`, []Kind{CatchUnwind, JoinedPanic}, nil},
	{CatchUnwind, "evidence::main", `fn main() { let n = std::env::args().count();
		std::thread::scope(|s| { s.spawn(|| assert!(n > 0)); }); println!("{}", std::panic::catch_unwind(move || assert!(n > 5)).is_err()) }`, []Kind{JoinedPanic}, nil},
	{JoinedPanic, "evidence::main", `fn main() { match std::thread::spawn(|| assert!(std::env::args().count() > 5)).join() { Ok(()) => println!("fine"), Err(_) => println!("lost") } }`,
		[]Kind{CatchUnwind, PanicHook}, nil},
	{PanicHook, "evidence::main", `fn main() { std::panic::set_hook(Box::new(|_| println!("oh"))); assert!(std::env::args().count() > 5) }`, []Kind{CatchUnwind}, nil},
	{StackWalk, "evidence::main", `fn main() { println!("{}", std::backtrace::Backtrace::force_capture()) }`, []Kind{CatchUnwind}, nil},
	{StackWalk, "evidence::main", `extern "C" { fn backtrace(b: *mut *mut u8, n: i32) -> i32; }
		fn main() { let mut b = [std::ptr::null_mut(); 50]; println!("{}", unsafe { backtrace(b.as_mut_ptr(), 50) }) }`, nil, nil},
	{ErrorBacktrace, "evidence::main", `fn main() { println!("{}", std::backtrace::Backtrace::capture()) }`, []Kind{StackWalk}, nil},
	{LocationShown, "evidence::", `#[track_caller] #[inline(never)] fn here() { println!("{}", std::panic::Location::caller()) } fn main() { here() }`, nil, nil},
	{DebugShown, "evidence::main", `#[derive(Debug)] struct P { a: usize, b: String }
		fn main() { println!("{:?}", P { a: std::env::args().count(), b: std::env::args().next().unwrap() }) }`, nil, nil},
	{SignalHandler, "evidence::main", `extern "C" { fn signal(n: i32, h: usize) -> usize; } extern "C" fn h(_: i32) {}
		fn main() { unsafe { signal(6, h as *const () as usize); } }`, []Kind{CatchUnwind}, nil},
	{SectionLists, "", `#[used] #[link_section = "mylist"] static A: u32 = 7;
		extern "C" { static __start_mylist: u32; } fn main() { println!("{}", unsafe { __start_mylist }) }`, []Kind{OwnSections}, nil},
	{OwnFile, "evidence::main", `fn main() { println!("{}", std::env::current_exe().unwrap().display()) }`, []Kind{OwnSections}, nil},
	{OwnFile, "evidence::main", `fn main() { println!("{}", std::env::current_exe().unwrap().display()) }`, []Kind{OwnSections}, []string{"-g"}},
	{OwnFile, "evidence::main", `fn main() { println!("{}", std::fs::read("/proc/self/exe").unwrap().len()) }`, []Kind{OwnSections}, nil},
	{OwnSections, ".myblob", `#[used] #[link_section = ".myblob"] static A: [u8; 4] = *b"blob";
		fn main() { println!("{} {}", std::fs::read(std::env::current_exe().unwrap()).unwrap().len(), unsafe { std::ptr::read_volatile(&A[0]) }) }`, nil, nil},
	{LoadsLibraries, "evidence::main", `extern "C" { fn dlopen(f: *const u8, n: i32) -> *mut u8; }
		fn main() { println!("{}", unsafe { dlopen(b"libm.so.6\0".as_ptr(), 2) }.is_null()) }`, nil, nil},
	{LinkedAgainst, "offered", `#[no_mangle] pub extern "C" fn offered(n: usize) { assert!(n > 5) }
		pub fn unused(n: usize) -> bool { std::panic::catch_unwind(|| assert!(n > 5)).is_err() }`, []Kind{CatchUnwind}, []string{"--crate-type=cdylib"}},
	{CatchUnwind, "PyInit_one", `#[no_mangle] pub extern "C" fn PyInit_one(n: usize) -> bool { std::panic::catch_unwind(|| assert!(n > 5)).is_err() }`,
		[]Kind{LinkedAgainst}, []string{"--crate-type=cdylib"}},
	{ExportsSymbols, "-rdynamic", `fn main() { println!("hi") }`, nil, []string{"-Clink-arg=-rdynamic"}},
}

// TestEvidence: each kind is found in the program that shows it, and the other
// kinds that are near it are not.
func TestEvidence(t *testing.T) {
	needCompilers(t)
	for i, c := range evidenceCases {
		for _, p := range []profile{{"plain", []string{"-O"}}} {
			t.Run(fmt.Sprintf("%d %s %s", i, c.kind, p.name), func(t *testing.T) {
				found := evidenceOf(t, c.source, append(slices.Clone(p.args), c.linkArgs...))
				ok := c.kind == ""
				for _, e := range found {
					ok = ok || e.Kind == c.kind && (strings.Contains(e.Who(), c.who) || strings.Contains(e.Symbol, c.who))
					if slices.Contains(c.notIn, e.Kind) {
						t.Errorf("a false alarm: %+v", e)
					}
				}
				if !ok {
					t.Errorf("no %s by %q in %+v", c.kind, c.who, found)
				}
			})
		}
	}
	for _, k := range Kinds() { // the next author's reminder
		if k == ForeignUnwind || k == RuntimeCatch { // TestForeignUnwinding, TestRuntimeCatch
			continue
		}
		tested := false
		for _, c := range evidenceCases {
			tested = tested || c.kind == k
		}
		if !tested {
			t.Errorf("%s: no case", k)
		}
		if k.Does() == "" || k.Check() == "" {
			t.Errorf("%s: what the program does, and what a check does", k)
		}
	}
}

// evidenceOf records a program of one source file and asks for its evidence.
func evidenceOf(t *testing.T, source string, args []string) []Evidence {
	t.Helper()
	dir := t.TempDir()
	path, program := filepath.Join(dir, "evidence.rs"), filepath.Join(dir, "evidence")
	if err := os.WriteFile(path, []byte(source), 0o666); err != nil {
		t.Fatal(err)
	}
	r := recordRust(t, compilers()[0], path, program, "", args)
	found, err := r.Evidence()
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// recordRust records a program that driver links; "" for cc.
func recordRust(t *testing.T, c compiler, path, program, driver string, args []string) *Recording {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	rec := Recorder{Dir: filepath.Join(filepath.Dir(program), "rec"), Bin: "evidence", Linker: driver}
	cmd := exec.Command(c.path, append([]string{"--edition", "2021", "--crate-name", "evidence", path, "-o", program, "-Clinker=" + self}, args...)...)
	cmd.Env = append(append(os.Environ(), rec.Env()...), "CARGO_BIN_NAME=evidence")
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	r, err := Find(rec.Dir, program)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestForeignUnwinding: Rust's unwind tables go, and C++ still throws and
// catches, C still cleans up, where a panic aborts; under each compiler,
// linker and kind of C++ library.
func TestForeignUnwinding(t *testing.T) {
	needCompilers(t)
	cxx := `#include <stdexcept>
#include <string>
static int cleaned;
struct Guard { ~Guard() { cleaned++; } };
__attribute__((noinline)) static int deep(const char *s) { Guard g; return std::stoi(s) + cleaned; }
extern "C" int work(const char *s) { try { return deep(s); } catch (const std::exception &) { return -cleaned; } }
`
	plain := `#include <pthread.h>
static int cleaned;
static void clean(int *p) { (void)p; cleaned = 41; }
__attribute__((noinline)) static void leave(void) { int x __attribute__((cleanup(clean))) = 0; (void)x; pthread_exit(0); }
static void *body(void *a) { leave(); return a; }
int work(const char *s) { pthread_t t; pthread_create(&t, 0, body, 0); pthread_join(t, 0); return -cleaned - (s[0] == 0); }
`
	main := `use std::ffi::{c_char, c_int, CString};
extern "C" { fn work(s: *const c_char) -> c_int; }
fn main() { let s = CString::new(std::env::args().nth(1).unwrap()).unwrap(); println!("{}", unsafe { work(s.as_ptr()) }) }
`
	for _, c := range []struct {
		name, compiler, file, source, want string
		flags, libs                        []string
		driver                             string // that links; "" for rustc's own
	}{
		{"g++ shared", "g++", "work.cpp", cxx, "-1\n", nil, []string{"-Clink-arg=-lstdc++"}, ""},
		{"g++ static", "g++", "work.cpp", cxx, "-1\n", nil, []string{"-Clink-arg=-Wl,-Bstatic", "-Clink-arg=-lstdc++", "-Clink-arg=-Wl,-Bdynamic"}, ""},
		{"clang++ shared", "clang++", "work.cpp", cxx, "-1\n", nil, []string{"-Clink-arg=-lstdc++"}, ""},
		{"clang++ static", "clang++", "work.cpp", cxx, "-1\n", nil, []string{"-Cdefault-linker-libraries=yes", "-Clink-arg=-static-libstdc++"}, "clang++"},
		{"gcc cleanup", "gcc", "work.c", plain, "-41\n", []string{"-fexceptions"}, nil, ""},
		{"clang cleanup", "clang", "work.c", plain, "-41\n", []string{"-fexceptions"}, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			tool, err := exec.LookPath(c.compiler)
			if err != nil {
				t.Skip("needs " + c.compiler)
			}
			dir := t.TempDir()
			source, object, path := filepath.Join(dir, c.file), filepath.Join(dir, "work.o"), filepath.Join(dir, "evidence.rs")
			for file, text := range map[string]string{source: c.source, path: main} {
				if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			if said, err := exec.Command(tool, append(slices.Clone(c.flags), "-O2", "-fPIC", "-c", source, "-o", object)...).CombinedOutput(); err != nil {
				t.Fatalf("%v %s", err, said)
			}
			args := append([]string{"-Copt-level=z", "-Clto=fat", "-Ccodegen-units=1", "-Cpanic=abort", "-Clink-arg=" + object}, c.libs...)
			if c.driver != "" {
				plainly := []string{"--edition", "2021", path, "-o", filepath.Join(dir, "plain"), "-Clinker=" + c.driver}
				if said, err := exec.Command(compilers()[0].path, append(plainly, args...)...).CombinedOutput(); err != nil {
					t.Skipf("needs a %s that links this program: %s", c.driver, said)
				}
			}
			r := recordRust(t, compilers()[0], path, filepath.Join(dir, "evidence"), c.driver, args)
			found, err := r.Evidence()
			if err != nil || !slices.ContainsFunc(found, func(e Evidence) bool {
				return e.Kind == ForeignUnwind && strings.Contains(e.Who(), "work.o")
			}) {
				t.Fatalf("%v: not found: %+v", err, found)
			}
			linkers, _ := r.Linkers(t.Context())
			if len(linkers) == 0 {
				t.Skip("needs a linker that links this program")
			}
			for _, l := range linkers {
				v := Variant{Linker: l, Options: []string{"unwind-tables-out", "plain-start", "strip-all"}}
				if l.Kind == LLD || l.Kind == Mold {
					v.Options = append(v.Options, "icf-all")
				}
				out, res := linkTo(t, r, v)
				if got := runProgram(t, out, "", "zz"); got.stdout != c.want || got.status != "exit 0" {
					t.Errorf("%s: %+v, want %q", l.Kind, got, c.want)
				}
				if strings.HasSuffix(c.name, "static") && slices.Contains(libraries(t, out), "libstdc++.so.6") {
					t.Errorf("%s: libstdc++ is not in the program", l.Kind)
				}
				if !res.TablesLeft {
					t.Errorf("%s: the result does not say that tables were left", l.Kind)
				}
				bare, _ := linkTo(t, r, Variant{Linker: l, Options: []string{"strip-all"}})
				if size(t, out) >= size(t, bare) {
					t.Errorf("%s: Rust's tables did not go: %d, %d with them", l.Kind, size(t, out), size(t, bare))
				}
			}
		})
	}
}

// libraries are those that a program is loaded with.
func libraries(t *testing.T, path string) []string {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	list, err := f.ImportedLibraries()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
