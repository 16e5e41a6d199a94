package relocate

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/machine"
	"github.com/minsize/minsize/internal/objedit"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/relr"
)

// tables is a program, and with -DLIBRARY a library, full of pointers that are
// read by everything that runs early: constructors, a pre-initialiser, a
// resolver of its own, thread-local data, a copied variable of libc.
const tables = `
#include <stdio.h>
#include <string.h>
#define S(x) "a" #x, "b" #x, "c" #x, "d" #x,
const char *writable[] = { S(1) S(2) S(3) S(4) S(5) S(6) S(7) S(8) S(9) };
static const char *const constant[] = { S(10) S(11) S(12) };
struct odd { char c; const char *p; } __attribute__((packed));
static struct odd odd[] = { { 1, "odd" }, { 2, "places" }, { 3, "unpacked" } };
static __thread const char *local = "thread-local";
static const char *far[70000] = { [3] = "three", [69000] = "distant" };
static char said[64];
static int twice(int x) { return 2 * x; }
static int (*pick(void))(int) { return twice; }
int chosen(int) __attribute__((ifunc("pick"), visibility("hidden")));
__attribute__((constructor)) static void early(void) { strcat(said, writable[4]); strcat(said, constant[5]); }
int total(FILE *out) {
	int n = 0;
	for (unsigned i = 0; i < sizeof writable / sizeof *writable; i++) n += strlen(writable[i]);
	for (unsigned i = 0; i < sizeof constant / sizeof *constant; i++) n += strlen(constant[i]);
	fprintf(out, "%s %s %s %s %s %s %d %d\n", said, odd[1].p, odd[2].p, local, far[3], far[69000], n, chosen(21));
	return n;
}
#ifdef LIBRARY
#include <dlfcn.h>
void *newer(void) { return dlsym(0, "total"); } // of glibc 2.34: not for the oldest loaders of aarch64
#else
int main(void) { return total(stdout) > 0 ? 7 : 1; }
#endif
`

const host = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv) {
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

// toolchain builds for a machine and runs its programs.
type toolchain struct {
	name, compiler string
	run            []string
}

var toolchains = []toolchain{
	{"x86_64", "x86_64-linux-gnu-gcc", nil},
	{"aarch64", "aarch64-linux-gnu-gcc", []string{"qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu"}},
}

func (c toolchain) need(t *testing.T) {
	t.Helper()
	for _, tool := range append([]string{c.compiler}, c.run...)[:1+min(1, len(c.run))] {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs " + tool)
		}
	}
}

// lld is a folder in which compilers find lld under the name that they look for.
func lld(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"ld.lld", "ld.lld-19", "ld.lld-22"} {
		if path, err := exec.LookPath(name); err == nil {
			folder := t.TempDir()
			if err := os.Symlink(path, filepath.Join(folder, "ld.lld")); err != nil {
				t.Fatal(err)
			}
			return folder
		}
	}
	t.Skip("needs ld.lld")
	return ""
}

// link compiles source with the relocator, conceals, and gives the file. With
// plain it is linked as anybody would.
func (c toolchain) link(t *testing.T, source string, plain bool, flags ...string) string {
	t.Helper()
	folder := t.TempDir()
	in, out := filepath.Join(folder, "in.c"), filepath.Join(folder, "out")
	if err := os.WriteFile(in, []byte(source), 0o666); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"-O2", "-fPIC", "-o", out, in, "-B" + lld(t), "-fuse-ld=lld", "-Wl,-z,relro,-z,now"}, flags...)
	stub := c.stub(t)
	if !plain {
		object, err := objedit.RelocatorObject(c.machine(), stub.Code())
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(folder, "relocate.o")
		if err := os.WriteFile(path, object, 0o666); err != nil {
			t.Fatal(err)
		}
		args = append(args, path, "-Wl,--pack-dyn-relocs=relr,--gc-sections")
	}
	if said, err := exec.Command(c.compiler, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", c.compiler, args, err, said)
	}
	if plain {
		return out
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := Conceal(data); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(out, data, 0o777); err != nil {
		t.Fatal(err)
	}
	return out
}

func (c toolchain) machine() *machine.Machine {
	m, _ := machine.Named(c.name)
	return m
}

func (c toolchain) stub(t *testing.T) *relr.Stub {
	t.Helper()
	stub, err := relr.StubOf(c.machine())
	if err != nil {
		t.Fatal(err)
	}
	return stub
}

// said is what a program prints, with its exit status.
func (c toolchain) said(t *testing.T, env []string, command ...string) string {
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

// pointers are the places that a loader or the file itself relocates.
func pointers(t *testing.T, path string) []uint64 {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := objfile.Parse(path, data)
	if err != nil {
		t.Fatal(err)
	}
	var places []uint64
	for r, err := range f.EachReloc() {
		if err != nil {
			t.Fatal(err)
		}
		if r.Relative {
			places = append(places, r.Addr)
		}
	}
	slices.Sort(places)
	return places
}

// noGain is a program that lets what it starts make no memory executable.
const noGain = `
#include <sys/prctl.h>
#include <unistd.h>
int main(int argc, char **argv) { prctl(65, 1, 0, 0, 0); execv(argv[1], argv + 1); return 1; } // PR_SET_MDWE
`

func TestProgramsRelocateThemselves(t *testing.T) {
	for _, c := range toolchains {
		t.Run(c.name, func(t *testing.T) {
			c.need(t)
			plain, small := c.link(t, tables, true, "-pie"), c.link(t, tables, false, "-pie")
			before, after := size(t, plain), size(t, small)
			if after >= before-700 {
				t.Errorf("%d bytes, %d before", after, before)
			}
			if len(pointers(t, small)) < 50 {
				t.Errorf("%d relative relocations are seen in the small program", len(pointers(t, small)))
			}
			want := c.said(t, nil, plain)
			if !strings.Contains(want, "exit status 7") {
				t.Fatal(want)
			}
			for _, env := range [][]string{nil, {"LD_BIND_NOW=1"}, {"LD_DEBUG_OUTPUT=/dev/null"}, {"GLIBC_TUNABLES=glibc.rtld.nns=8"}} {
				if got := c.said(t, env, small); got != want {
					t.Errorf("%v: %s, want %s", env, got, want)
				}
			}
			big := c.link(t, tables, false, "-pie", "-Wl,-z,max-page-size=65536")
			if got := c.said(t, nil, big); got != want {
				t.Errorf("64 KB pages: %s, want %s", got, want)
			}
			if c.run != nil {
				return
			}
			if got := c.said(t, nil, c.link(t, noGain, true), small); got != want {
				t.Errorf("under PR_SET_MDWE: %s, want %s", got, want)
			}
			if got := c.said(t, nil, "/lib64/ld-linux-x86-64.so.2", small); got != want {
				t.Errorf("by ld.so: %s, want %s", got, want)
			}
			preload := c.link(t, strings.ReplaceAll(tables, "total", "other"), false, "-shared", "-DLIBRARY")
			if got := c.said(t, []string{"LD_PRELOAD=" + preload}, small); got != want {
				t.Errorf("with a preloaded library that does the same: %s, want %s", got, want)
			}
		})
	}
}

func TestLibrariesRelocateThemselves(t *testing.T) {
	for _, c := range toolchains {
		t.Run(c.name, func(t *testing.T) {
			c.need(t)
			program := c.link(t, host, true)
			plain, small := c.link(t, tables, true, "-shared", "-DLIBRARY"), c.link(t, tables, false, "-shared", "-DLIBRARY")
			if size(t, small) >= size(t, plain)-700 {
				t.Errorf("%d bytes, %d before", size(t, small), size(t, plain))
			}
			want, got := c.said(t, nil, program, plain), c.said(t, nil, program, small)
			if got != want || !strings.Contains(want, "exit status 7") {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
}

// TestStrippedIsRead: without section headers the table is found by the code,
// and a pointer whose upper bytes are the zeros at its segment's end, which a
// rewritten file leaves out, is read whole.
func TestStrippedIsRead(t *testing.T) {
	c := toolchains[0]
	c.need(t)
	small := c.link(t, tables, false, "-pie")
	data, err := os.ReadFile(small)
	if err != nil {
		t.Fatal(err)
	}
	clear(data[0x28:0x30]) // e_shoff
	clear(data[0x3c:0x40]) // e_shnum, e_shstrndx
	bare := filepath.Join(t.TempDir(), "bare")
	if err := os.WriteFile(bare, data, 0o777); err != nil {
		t.Fatal(err)
	}
	if got, want := pointers(t, bare), pointers(t, small); !slices.Equal(got, want) {
		t.Errorf("%d relative relocations without section headers, %d with", len(got), len(want))
	}
	cut, last := cutLastPointer(t, data)
	f, err := objfile.Parse("cut", cut)
	if err != nil {
		t.Fatal(err)
	}
	for r, err := range f.EachReloc() {
		if err != nil {
			t.Fatal(err)
		}
		if r.Addr == last && r.Addend == 0 {
			t.Errorf("the pointer at %#x is read as 0", last)
		}
	}
}

// cutLastPointer ends the segment that holds the last relocated word six bytes
// early, where that word's zeros begin.
func cutLastPointer(t *testing.T, data []byte) (cut []byte, last uint64) {
	t.Helper()
	f, err := objfile.Parse("whole", data)
	if err != nil {
		t.Fatal(err)
	}
	for r, err := range f.EachReloc() {
		if err != nil {
			t.Fatal(err)
		}
		if r.Relative && r.Addend != 0 && r.Addend < 1<<16 {
			last = max(last, r.Addr)
		}
	}
	cut = slices.Clone(data)
	for i, p := range f.ELF.Phdrs {
		if p.Type == objfile.PT_LOAD && p.Vaddr <= last && last < p.Vaddr+p.Filesz {
			binary.LittleEndian.PutUint64(cut[f.ELF.Ehdr.Phoff+56*uint64(i)+32:], last+2-p.Vaddr)
			return cut, last
		}
	}
	t.Fatal("no segment holds the last pointer")
	return nil, 0
}

func TestConcealRefuses(t *testing.T) {
	c := toolchains[0]
	c.need(t)
	for _, x := range []struct {
		name, source, want string
		flags              []string
	}{
		{"no table", "int main(void) { return 0; }", "packed no relocations", []string{"-pie"}},
		{"static", tables, "no dynamic section", []string{"-static", "-no-pie"}},
		{"a resolver that others call", strings.Replace(tables, `, visibility("hidden")`, "", 1), "chosen", []string{"-shared", "-DLIBRARY", "-Wl,--pack-dyn-relocs=relr"}},
		{"no relocator", tables, "resolver's own relocation", []string{"-pie", "-Wl,--pack-dyn-relocs=relr"}},
		{"another libc", "int x; int *p = &x;", "does not load glibc", []string{"-shared", "-nostdlib", "-Wl,--pack-dyn-relocs=relr"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			data, err := os.ReadFile(c.link(t, x.source, true, x.flags...))
			if err != nil {
				t.Fatal(err)
			}
			if err := Conceal(data); !errors.Is(err, ErrNotApplicable) || !strings.Contains(err.Error(), x.want) {
				t.Errorf("got %v, want a refusal that says %q", err, x.want)
			}
		})
	}
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// TestOldLoaders: where the machine's first glibc calls no resolvers, what the
// file imports has to show that it never meets that one.
func TestOldLoaders(t *testing.T) {
	import1 := func(version string) []objfile.VersionNeed {
		return []objfile.VersionNeed{{Library: "libc.so.6", Version: version}, {Library: "libm.so.6", Version: "GLIBC_PRIVATE"}}
	}
	for version, want := range map[string]int{"": 0, "GLIBC_2.17": 17, "GLIBC_2.34": 34, "GLIBC_2.2.5": 2, "GLIBCXX_3.4": 0} {
		if got := newestGlibc(import1(version)); got != want {
			t.Errorf("%q: 2.%d, want 2.%d", version, got, want)
		}
	}
	c := toolchains[1]
	c.need(t)
	// A library that imports nothing with a version runs on any glibc.
	data, err := os.ReadFile(c.link(t, "int x; int *p = &x;", true, "-shared", "-Wl,--no-as-needed,--pack-dyn-relocs=relr", "-nostartfiles"))
	if err != nil {
		t.Fatal(err)
	}
	if err := Conceal(data); !errors.Is(err, ErrNotApplicable) || !strings.Contains(err.Error(), "glibc 2.17") {
		t.Errorf("got %v, want a refusal that names glibc 2.17", err)
	}
}
