package strip

// Programs and libraries that linkers made, packed and run.

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pointerProgram is full of pointers that everything that runs early reads, and
// with -DLIBRARY a library of them. It is C and C++.
const pointerProgram = `
#include <stdio.h>
#include <string.h>
#define T(x) "a" #x, "b" #x, "c" #x, "d" #x,
#define S(x) T(x##0) T(x##1) T(x##2) T(x##3) T(x##4) T(x##5) T(x##6) T(x##7) T(x##8) T(x##9)
#define H(x) S(x##0) S(x##1) S(x##2) S(x##3) S(x##4) S(x##5) S(x##6) S(x##7) S(x##8) S(x##9)
const char *writable[] = { H(1) H(2) H(3) };
static const char *const constant[] = { H(4) H(5) };
struct odd { char c; const char *p; } __attribute__((packed));
static struct odd odd[] = { { 1, "odd" }, { 2, "places" }, { 3, "unpacked" } };
static __thread const char *local = "thread-local";
static const char *far_away[70000];
static const char **pointer_to_pointer = &far_away[69000];
static char said[64];
static int twice(int x) { return 2 * x; }
static int (*pick(void))(int) { return twice; }
#ifdef __cplusplus
extern "C" { int pick2(void); }
#include <stdexcept>
struct Shape { virtual int area() { return 1; } virtual ~Shape() {} };
struct Square : Shape { int side; Square(int s) : side(s) {} int area() override { if (side < 0) throw std::runtime_error("negative"); return side * side; } };
static int thrown() {
	Shape *s = new Square(-1);
	try { return s->area(); } catch (const std::logic_error &) { return 1; } catch (const std::exception &e) { return (int)strlen(e.what()) + (dynamic_cast<Square *>(s) != 0); }
}
#define INIT
#else
#define INIT [3] = "three", [69000] = "distant"
static const char *more[70000] = { INIT };
int chosen(int) __attribute__((ifunc("pick"), visibility("hidden")));
static int thrown(void) { return chosen(21) + (int)strlen(more[69000]); }
#endif
__attribute__((constructor)) static void early(void) { strcat(said, writable[4]); strcat(said, constant[5]); }
#ifndef LIBRARY
static void before(void) { strcat(said, writable[7]); }
__attribute__((section(".preinit_array"), used)) static void (*preinit)(void) = before;
#endif
#ifdef __cplusplus
extern "C"
#endif
int total(FILE *out) {
	int n = 0;
	for (unsigned i = 0; i < sizeof writable / sizeof *writable; i++) n += strlen(writable[i]);
	for (unsigned i = 0; i < sizeof constant / sizeof *constant; i++) n += strlen(constant[i]) * i;
	fprintf(out, "%s %s %s %s %d %d %d %d\n", said, odd[1].p, odd[2].p, local, *pointer_to_pointer == 0, n, pick()(4), thrown());
	return n;
}
#ifdef LIBRARY
#ifdef __cplusplus
extern "C"
#endif
void *dlsym(void *, const char *);
void *newer(void) { return dlsym(0, "total"); } // of glibc 2.34: not for the oldest loaders of aarch64
#else
int main(void) { return total(stdout) > 0 ? 7 : 1; }
#endif
`

// pointerHost loads a library twice, and in a program that may not make memory
// executable later if the kernel can forbid that.
const pointerHost = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <sys/prctl.h>
int main(int argc, char **argv) {
	prctl(65, 1, 0, 0, 0); // PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN
	for (int space = 0; space < 2; space++) {
		void *l = space ? dlmopen(LM_ID_NEWLM, argv[1], RTLD_NOW) : dlopen(argv[1], RTLD_LAZY);
		if (!l) { puts(dlerror()); return 1; }
		if (space) continue; // another libc: it would not flush our stdout
		int (*total)(FILE *) = (int (*)(FILE *))dlsym(l, "total");
		total(stdout);
		dlclose(l);
	}
	return 7;
}
`

const underMDWE = `
#include <sys/prctl.h>
#include <unistd.h>
int main(int argc, char **argv) { prctl(65, 1, 0, 0, 0); execv(argv[1], argv + 1); return 1; }
`

type compiled struct {
	name, compiler string
	flags          []string
	run            []string // what runs its programs
	page           uint64
}

var compilations = []compiled{
	{"GNU ld", "x86_64-linux-gnu-gcc", []string{"-pie"}, nil, 0},
	{"GNU ld, lazy", "x86_64-linux-gnu-gcc", []string{"-pie", "-Wl,-z,lazy,-z,norelro"}, nil, 0},
	{"GNU ld, one segment of code and tables", "x86_64-linux-gnu-gcc", []string{"-pie", "-Wl,-z,noseparate-code"}, nil, 0},
	{"GNU ld, C++", "x86_64-linux-gnu-g++", []string{"-pie", "-x", "c++"}, nil, 0},
	{"gold", "x86_64-linux-gnu-gcc", []string{"-pie", "-fuse-ld=gold"}, nil, 0},
	{"lld", "x86_64-linux-gnu-gcc", []string{"-pie", "-fuse-ld=lld", "-Wl,-z,now"}, nil, 0},
	{"lld, C++", "x86_64-linux-gnu-g++", []string{"-pie", "-fuse-ld=lld", "-x", "c++"}, nil, 0},
	{"mold", "x86_64-linux-gnu-gcc", []string{"-pie", "-fuse-ld=mold"}, nil, 0},
	{"aarch64", "aarch64-linux-gnu-gcc", []string{"-pie", "-Wl,-z,max-page-size=4096"}, []string{"qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu"}, 4096},
	{"aarch64, lld", "aarch64-linux-gnu-gcc", []string{"-pie", "-fuse-ld=lld", "-Wl,-z,max-page-size=4096"}, []string{"qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu"}, 4096},
}

// build compiles source, or skips with the name of what is missing.
func (c compiled) build(t *testing.T, source string, more ...string) string {
	t.Helper()
	for _, tool := range append([]string{c.compiler}, c.run...)[:1+min(1, len(c.run))] {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs " + tool)
		}
	}
	folder := t.TempDir()
	in, out := filepath.Join(folder, "in.c"), filepath.Join(folder, "out")
	if err := os.WriteFile(in, []byte(source), 0o666); err != nil {
		t.Fatal(err)
	}
	args := []string{"-O2", "-fPIC", "-o", out}
	for _, flag := range append(slices.Clone(c.flags), more...) {
		if linker, ok := strings.CutPrefix(flag, "-fuse-ld="); ok {
			args = append(args, "-B"+linkerFolder(t, "ld."+linker))
		}
		args = append(args, flag)
	}
	args = append(args, in)
	if said, err := exec.Command(c.compiler, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", c.compiler, args, err, said)
	}
	return out
}

// linkerFolder holds a linker under the name that compilers look for.
func linkerFolder(t *testing.T, name string) string {
	t.Helper()
	for _, candidate := range []string{name, name + "-19", name + "-22"} {
		if path, err := exec.LookPath(candidate); err == nil {
			folder := t.TempDir()
			if err := os.Symlink(path, filepath.Join(folder, name)); err != nil {
				t.Fatal(err)
			}
			return folder
		}
	}
	t.Skip("needs " + name)
	return ""
}

// pack packs the relocations of a file into another one, and undoes it.
func (c compiled) pack(t *testing.T, path string, level Level) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	packed, r := mustRewrite(t, data, Options{Level: level, Relocations: PackRelocations, PageSize: c.page})
	if r.Removed[ReasonRelative] < 4096 {
		t.Fatalf("%s, level %v: %d -> %d bytes, %v", c.name, level, len(data), len(packed), r)
	}
	back, _, err := Rewrite(packed, Options{Level: Nothing, Relocations: UnpackRelocations})
	if err != nil || level == Nothing && !bytes.Equal(back, data) {
		t.Errorf("undone: %d bytes, %d before, %v", len(back), len(data), err)
	}
	out := filepath.Join(t.TempDir(), "packed")
	if err := os.WriteFile(out, packed, 0o777); err != nil {
		t.Fatal(err)
	}
	return out
}

// said is what a program prints, with its exit status.
func (c compiled) said(t *testing.T, env []string, command ...string) string {
	t.Helper()
	command = append(slices.Clone(c.run), command...)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out) + cmd.ProcessState.String()
}

func TestPackedProgramsRun(t *testing.T) {
	for _, c := range compilations {
		t.Run(c.name, func(t *testing.T) {
			plain := c.build(t, pointerProgram)
			want := c.said(t, nil, plain)
			if !strings.Contains(want, "exit status 7") {
				t.Fatal(want)
			}
			guard := ""
			if c.run == nil {
				guard = compiled{name: c.name, compiler: "x86_64-linux-gnu-gcc"}.build(t, underMDWE)
			}
			for _, level := range []Level{Nothing, Max} {
				small := c.pack(t, plain, level)
				for _, env := range [][]string{nil, {"LD_BIND_NOW=1"}, {"LD_BIND_NOT=1"}} {
					if got := c.said(t, env, small); got != want {
						t.Errorf("level %v, %v: %s, want %s", level, env, got, want)
					}
				}
				if c.run != nil {
					continue
				}
				if got := c.said(t, nil, "/lib64/ld-linux-x86-64.so.2", small); got != want {
					t.Errorf("level %v, by ld.so: %s, want %s", level, got, want)
				}
				if got := c.said(t, nil, guard, small); got != want {
					t.Errorf("level %v, under PR_SET_MDWE: %s, want %s", level, got, want)
				}
			}
		})
	}
}

func TestPackedLibrariesRun(t *testing.T) {
	for _, c := range compilations {
		if !slices.Contains([]string{"GNU ld", "lld", "GNU ld, C++", "aarch64"}, c.name) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			cc := c
			cc.flags = slices.DeleteFunc(slices.Clone(c.flags), func(f string) bool { return f == "-pie" })
			library := cc.build(t, pointerProgram, "-shared", "-DLIBRARY", "-Wl,--no-as-needed", "-ldl")
			host := compiled{c.name, strings.Replace(c.compiler, "g++", "gcc", 1), nil, c.run, c.page}
			program := host.build(t, pointerHost, "-ldl")
			want := c.said(t, nil, program, library)
			if !strings.Contains(want, "exit status 7") {
				t.Fatal(want)
			}
			for _, level := range []Level{Nothing, Max} {
				small := c.pack(t, library, level)
				if got := c.said(t, nil, program, small); got != want {
					t.Errorf("level %v: %s, want %s", level, got, want)
				}
				if c.run == nil {
					other := c.said(t, []string{"LD_PRELOAD=" + small}, "/bin/echo", "preloaded")
					if !strings.Contains(other, "preloaded") || !strings.Contains(other, "exit status 0") {
						t.Errorf("level %v, preloaded: %s", level, other)
					}
				}
			}
		})
	}
}

// TestPackedIsDebugged: a breakpoint by address and by name, a backtrace.
func TestPackedIsDebugged(t *testing.T) {
	gdb, err := exec.LookPath("gdb")
	if err != nil {
		t.Skip("needs gdb")
	}
	c := compilations[0]
	small := c.pack(t, c.build(t, pointerProgram, "-g"), Nothing)
	out, err := exec.Command(gdb, "-nx", "-batch", "-ex", "break total", "-ex", "run", "-ex", "bt", "-ex", "print writable[4]", "-ex", "continue", small).CombinedOutput()
	for _, want := range []string{"Breakpoint 1, total", "in main ()", `"a101"`, "exited with code 07"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("gdb does not say %q: %v\n%s", want, err, out)
		}
	}
}

// TestPackedRust: a program of rustc, whose panic unwinds and prints a backtrace.
func TestPackedRust(t *testing.T) {
	rustc, err := exec.LookPath("rustc")
	if err != nil {
		t.Skip("needs rustc")
	}
	folder := t.TempDir()
	source := filepath.Join(folder, "hello.rs")
	program := `fn main() { let r = std::panic::catch_unwind(|| { let v: Vec<u32> = Vec::new(); v[std::env::args().count()] });
	println!("{} {:?}", r.is_err(), std::backtrace::Backtrace::force_capture().to_string().contains("main")); }`
	if err := os.WriteFile(source, []byte(program), 0o666); err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(folder, "hello")
	if said, err := exec.Command(rustc, "-O", "--edition=2021", "-o", plain, source).CombinedOutput(); err != nil {
		t.Skipf("needs a rustc that links programs: %v\n%s", err, said)
	}
	c := compiled{name: "rustc"}
	want := c.said(t, nil, plain)
	if !strings.Contains(want, `true`) {
		t.Fatal(want)
	}
	if got := c.said(t, nil, c.pack(t, plain, Nothing)); !strings.Contains(got, "true true") || !strings.Contains(got, "exit status 0") {
		t.Errorf("%s, want %s", got, want)
	}
}
