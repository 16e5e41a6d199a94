package objedit

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/machine"
)

// source is a program whose functions are cut one by one; main prints what
// each answered.
const source = `
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
__attribute__((noinline)) int number(int x) { return x * 7 + 3; }
__attribute__((noinline)) void *pointer(void) { return malloc(3); }
__attribute__((noinline)) double real(double x) { return x * 1.5 + 2; }
__attribute__((noinline)) void quiet(void) { puts("quiet was called"); }
__attribute__((noinline)) void handler(int sig) { (void)sig; puts("handled"); exit(9); }
__attribute__((noinline)) int table(int x) {
	switch (x) { case 0: return 11; case 1: return 25; case 2: return 7; case 3: return 99; case 4: return 1; case 5: return 64; case 6: return 3; default: return x * x; }
}
int main(int argc, char **argv) {
	if (argc > 1 && !strcmp(argv[1], "signal")) {
		signal(SIGSEGV, handler);
		*(volatile int *)8 = 1;
	}
	printf("%d %d %g %d\n", number(argc), pointer() != 0, real(argc), table(argc + 2));
	quiet();
	fflush(stdout);
	return 5;
}
`

func named(arch string) *machine.Machine {
	m, _ := machine.Named(arch)
	return m
}

// toolchain compiles C for a machine and runs the result.
type toolchain struct {
	machine, cc string
	run         []string // in front of the program
}

var toolchains = []toolchain{
	{"x86_64", "gcc", nil},
	{"aarch64", "aarch64-linux-gnu-gcc", []string{"qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu"}},
	{"riscv64", "riscv64-linux-gnu-gcc", []string{"qemu-riscv64-static", "-L", "/usr/riscv64-linux-gnu"}},
	{"i386", "i686-linux-gnu-gcc", []string{"qemu-i386-static", "-L", "/usr/i686-linux-gnu"}},
	{"arm", "arm-linux-gnueabihf-gcc", []string{"qemu-arm-static", "-L", "/usr/arm-linux-gnueabihf"}}, // Thumb, as Debian's compiler makes
	{"arm", "arm-linux-gnueabihf-gcc -marm", []string{"qemu-arm-static", "-L", "/usr/arm-linux-gnueabihf"}},
}

// compile makes an object of source; it skips without the compiler.
func (c toolchain) compile(t testing.TB, flags ...string) string {
	t.Helper()
	for _, tool := range append(strings.Fields(c.cc)[:1:1], c.run...) {
		if _, err := exec.LookPath(tool); err != nil && !strings.HasPrefix(tool, "-") && !strings.HasPrefix(tool, "/") {
			t.Skipf("needs %s", tool)
		}
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "program.c")
	if err := os.WriteFile(file, []byte(source), 0o666); err != nil {
		t.Fatal(err)
	}
	return c.compileFile(t, file, flags...)
}

// compileFile makes an object of a file, beside it.
func (c toolchain) compileFile(t testing.TB, file string, flags ...string) string {
	t.Helper()
	object := strings.TrimSuffix(file, ".c") + ".o"
	if said, err := c.command(append([]string{"-Os", "-fexceptions", "-c", file, "-o", object}, flags...)...).CombinedOutput(); err != nil {
		t.Skipf("%s: %v %s", c.cc, err, said)
	}
	return object
}

func (c toolchain) command(args ...string) *exec.Cmd {
	words := append(strings.Fields(c.cc), args...)
	return exec.Command(words[0], words[1:]...)
}

func (c toolchain) link(t testing.TB, object []byte, flags ...string) string {
	t.Helper()
	dir := t.TempDir()
	file, program := filepath.Join(dir, "edited.o"), filepath.Join(dir, "program")
	if err := os.WriteFile(file, object, 0o666); err != nil {
		t.Fatal(err)
	}
	if said, err := c.command(append([]string{file, "-Wl,--gc-sections", "-o", program}, flags...)...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return program
}

// execute returns the output and "exit N" or "signal NAME". qemu passes a
// guest's death by signal on as its own.
func (c toolchain) execute(program string, args ...string) (string, string) {
	command := slices.Concat(c.run, []string{program}, args)
	cmd := exec.Command(command[0], command[1:]...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Run()
	status := "not started"
	if s := cmd.ProcessState; s != nil {
		status = "exit " + string(rune('0'+s.ExitCode()%10))
		if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
			status = "signal " + w.Signal().String()
		}
	}
	text, _, _ := strings.Cut(out.String(), "qemu: uncaught")
	return text, status
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func indexOf(t testing.TB, o *Object, name string) int {
	t.Helper()
	i := slices.IndexFunc(o.Functions(), func(f Function) bool { return f.Name == name })
	if i < 0 {
		t.Fatalf("no function %s", name)
	}
	return i
}

// TestStubsRun replaces functions with every kind of stub, on every machine,
// with and without a section per function, and runs the result.
func TestStubsRun(t *testing.T) {
	cases := []struct {
		function string
		kind     machine.Stub
		args     []string
		out      string
		status   string
	}{
		{"number", machine.Zero, nil, "0 1 3.5 99\nquiet was called\n", "exit 5"},
		{"pointer", machine.Zero, nil, "10 0 3.5 99\nquiet was called\n", "exit 5"},
		{"real", machine.ZeroFloat, nil, "10 1 0 99\nquiet was called\n", "exit 5"},
		{"table", machine.Zero, nil, "10 1 3.5 0\nquiet was called\n", "exit 5"},
		{"quiet", machine.Return, nil, "10 1 3.5 99\n", "exit 5"},
		{"table", machine.Report, nil, "minsize: cut function a::table was reached\n", "signal aborted"},
		{"handler", machine.DefaultSignal, []string{"signal"}, "", "signal segmentation fault"},
		{"main", machine.Trap, nil, "", "signal"},
	}
	for _, c := range toolchains {
		for _, flag := range []string{"-ffunction-sections", "-fno-function-sections", "-mbranch-protection=standard", "-fcf-protection=full"} {
			if (flag == "-mbranch-protection=standard") != (c.machine == "aarch64") && strings.HasPrefix(flag, "-m") || flag == "-fcf-protection=full" && c.machine != "x86_64" {
				continue
			}
			t.Run(c.machine+flag, func(t *testing.T) {
				flags := []string{flag}
				if !strings.Contains(flag, "function-sections") {
					flags = append(flags, "-ffunction-sections")
				}
				data := read(t, c.compile(t, flags...))
				for _, k := range cases {
					o, err := Parse("program.o", data, 0)
					if err != nil {
						t.Fatal(err)
					}
					if o.machine.Code.Stubs[k.kind] == nil && k.kind == machine.ZeroFloat {
						if _, err := o.Code(0, k.kind, ""); err == nil {
							t.Error("a stub from nowhere")
						}
						continue
					}
					code, err := o.Code(indexOf(t, o, k.function), k.kind, "a::"+k.function)
					if err != nil {
						t.Fatal(err)
					}
					if err := o.Stub(indexOf(t, o, k.function), code); err != nil {
						if errors.Is(err, ErrShape) && flag == "-fno-function-sections" {
							continue // longer than the function that shares its section
						}
						t.Fatal(err)
					}
					if _, err := Parse("edited.o", o.Bytes(), 0); err != nil {
						t.Fatalf("%s=%s: the edited object: %v", k.function, k.kind, err)
					}
					program := c.link(t, o.Bytes())
					out, status := c.execute(program, k.args...)
					if out != k.out || !strings.HasPrefix(status, k.status) {
						t.Errorf("%s=%s: %q, %s; expected %q, %s", k.function, k.kind, out, status, k.out, k.status)
					}
				}
			})
		}
	}
}

// TestLinkersAccept links stubbed objects and objects without unwind tables
// with every linker that the compiler driver finds.
func TestLinkersAccept(t *testing.T) {
	c := toolchains[0]
	data := read(t, c.compile(t, "-ffunction-sections"))
	folder := t.TempDir()
	if lld, err := filepath.Glob("/usr/bin/ld.lld*"); err == nil && len(lld) > 0 {
		os.Symlink(lld[0], filepath.Join(folder, "ld.lld"))
	}
	for _, linker := range []string{"bfd", "lld", "mold", "gold"} {
		if _, err := exec.LookPath("ld." + linker); err != nil {
			if _, err := os.Stat(filepath.Join(folder, "ld."+linker)); err != nil {
				t.Logf("without ld.%s", linker)
				continue
			}
		}
		o, err := Parse("program.o", data, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"number", "table", "quiet"} {
			code, _ := o.Code(0, machine.Zero, "")
			if err := o.Stub(indexOf(t, o, name), code); err != nil {
				t.Fatal(err)
			}
		}
		program := c.link(t, o.Bytes(), "-B"+folder, "-fuse-ld="+linker)
		if out, status := c.execute(program); out != "0 1 3.5 0\n" || status != "exit 5" {
			t.Errorf("%s: %q, %s", linker, out, status)
		}
		if frames, err := exec.Command("readelf", "--debug-dump=frames", program).CombinedOutput(); err == nil && bytes.Contains(bytes.ToLower(frames), []byte("warning")) {
			t.Errorf("%s: readelf complains: %s", linker, frames)
		}
		before := len(read(t, program))
		if taken, err := o.TakeOut(UnwindTables); taken == 0 || err != nil {
			t.Error("no unwind tables taken out")
		}
		program = c.link(t, o.Bytes(), "-B"+folder, "-fuse-ld="+linker)
		if out, status := c.execute(program); out != "0 1 3.5 0\n" || status != "exit 5" {
			t.Errorf("%s without unwind tables: %q, %s", linker, out, status)
		}
		if after := len(read(t, program)); after > before {
			t.Errorf("%s: %d bytes without unwind tables, %d with", linker, after, before)
		}
	}
}

// TestOwnStart: the init arrays run, the arguments arrive, exit flushes.
func TestOwnStart(t *testing.T) {
	for _, c := range toolchains {
		t.Run(c.machine, func(t *testing.T) {
			data := read(t, c.compile(t, "-ffunction-sections"))
			start, err := StartObject(named(c.machine))
			if len(named(c.machine).Code.Start.Code) == 0 {
				if err == nil {
					t.Error("an object with _start from nowhere")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "start.o")
			if err := os.WriteFile(file, start, 0o666); err != nil {
				t.Fatal(err)
			}
			for _, pie := range []string{"-pie", "-no-pie"} {
				program := c.link(t, data, "-nostartfiles", pie, file)
				if out, status := c.execute(program); out != "10 1 3.5 99\nquiet was called\n" || status != "exit 5" {
					t.Errorf("%s: %q, %s", pie, out, status)
				}
			}
		})
	}
	if _, err := StartObject(named("mips")); err == nil {
		t.Error("a _start for a machine that has none")
	}
}

// TestArchiveGrows: a member that gets longer moves the others, and the
// archive's symbol table with them.
func TestArchiveGrows(t *testing.T) {
	c := toolchains[0]
	object := c.compile(t, "-ffunction-sections")
	archive := filepath.Join(t.TempDir(), "lib.a")
	main := filepath.Join(t.TempDir(), "a-rather-long-member-name.o")
	if err := os.WriteFile(main, read(t, object), 0o666); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.Command("ar", "rcs", archive, main).CombinedOutput(); err != nil {
		t.Skipf("needs ar: %v %s", err, said)
	}
	data := read(t, archive)
	f, err := Open("lib.a", data)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := f.Bytes(); err != nil || !bytes.Equal(got, data) {
		t.Fatal("an archive without edits is not the same bytes")
	}
	o := f.Objects()[0]
	if o.Name() != "lib.a(a-rather-long-member-name.o)" {
		t.Errorf("member is called %q", o.Name())
	}
	code, _ := o.Code(0, machine.Report, "quiet")
	if err := o.Stub(indexOf(t, o, "quiet"), code); err != nil {
		t.Fatal(err)
	}
	edited, err := f.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if len(edited) <= len(data) {
		t.Fatalf("%d bytes, expected more than %d", len(edited), len(data))
	}
	file := filepath.Join(t.TempDir(), "edited.a")
	if err := os.WriteFile(file, edited, 0o666); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "program")
	if said, err := exec.Command(c.cc, "-o", program, "-Wl,-u,main", file).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, said)
	}
	if out, status := c.execute(program); !strings.HasSuffix(out, "minsize: cut function quiet was reached\n") || status != "signal aborted" {
		t.Errorf("%q, %s", out, status)
	}
}

// TestIdentity: whatever is read and not edited comes back byte for byte.
func TestIdentity(t *testing.T) {
	var files []string
	for _, pattern := range []string{"/usr/lib/x86_64-linux-gnu/*.o", "/usr/lib/x86_64-linux-gnu/lib[cm]*.a", "/usr/aarch64-linux-gnu/lib/libc.a", "/usr/lib/gcc/x86_64-linux-gnu/*/*.o"} {
		found, _ := filepath.Glob(pattern)
		files = append(files, found...)
	}
	seen := 0
	for _, file := range files {
		data := read(t, file)
		if !IsObject(data) {
			continue
		}
		f, err := Open(file, data)
		if errors.Is(err, ErrUnsupported) {
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if trouble := f.Trouble(); trouble != nil && !errors.Is(trouble, ErrUnsupported) {
			t.Errorf("%s: %v", file, trouble)
		}
		for _, o := range f.Objects() {
			seen++
			if _, err := o.References(); err != nil {
				t.Errorf("%s: %v", o.Name(), err)
			}
		}
		if got, err := f.Bytes(); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: not the same bytes: %v", file, err)
		}
	}
	t.Logf("%d objects", seen)
	if len(files) > 0 && seen == 0 {
		t.Error("no object was read")
	}
}

// TestEditProperties: whichever functions are stubbed, in whichever order,
// the rest of the object stays, and two runs agree.
func TestEditProperties(t *testing.T) {
	for _, c := range toolchains {
		t.Run(c.machine, func(t *testing.T) {
			data := read(t, c.compile(t, "-ffunction-sections"))
			rapid.Check(t, func(t *rapid.T) {
				edit := func(chosen []int, kind machine.Stub) *Object {
					o, err := Parse("program.o", data, 0)
					if err != nil {
						t.Fatal(err)
					}
					code, err := o.Code(0, kind, "name")
					if err != nil {
						t.Fatal(err)
					}
					for _, i := range chosen {
						if err := o.Stub(i, code); err != nil {
							t.Fatal(err)
						}
					}
					return o
				}
				o, err := Parse("program.o", data, 0)
				if err != nil {
					t.Fatal(err)
				}
				chosen := rapid.SliceOfNDistinct(rapid.IntRange(0, len(o.Functions())-1), 0, len(o.Functions()), rapid.ID[int]).Draw(t, "functions")
				kind := rapid.SampledFrom([]machine.Stub{machine.Return, machine.Zero, machine.ZeroPair, machine.Trap, machine.Report, machine.DefaultSignal}).Draw(t, "kind")
				edited := edit(chosen, kind).Bytes()
				slices.Reverse(chosen)
				if len(chosen) == 0 && !bytes.Equal(edited, data) {
					t.Fatal("no edit, other bytes")
				}
				code, _ := o.Code(0, kind, "name")
				longer := slices.ContainsFunc(chosen, func(i int) bool { return uint64(len(code)) > o.Functions()[i].Size }) // goes to the end
				if !longer && !bytes.Equal(edit(chosen, kind).Bytes(), edited) {
					t.Fatal("the order of edits matters")
				}
				again, err := Parse("edited.o", edited, 0)
				if err != nil {
					t.Fatal(err)
				}
				frames := again.format.(*elf)
				if err := frames.readFrames(); err != nil {
					t.Fatal(err)
				}
				if frames.frames.count == 0 && c.run == nil || len(again.sections) != len(o.sections) || len(again.symbols) != len(o.symbols) {
					t.Fatal("tables changed their length")
				}
				touched := map[int]bool{}
				for _, i := range chosen {
					touched[o.functions[i].at.section] = true
					touched[o.format.(*elf).headers[o.functions[i].at.section].rela] = true
				}
				for i := range o.sections {
					s := &o.sections[i]
					if touched[i] || i == o.format.(*elf).symtab || strings.Contains(s.name, "eh_frame") || strings.Contains(s.name, "ARM.exidx") || !s.bits {
						continue
					}
					before, _ := o.content(i)
					after, err := again.content(i)
					if err != nil || !bytes.Equal(before.Data, after.Data) {
						t.Fatalf("section %s changed", s.name)
					}
				}
				for _, i := range chosen {
					sec := o.functions[i].at.section
					if left, _ := again.relocations(sec); len(left) != 0 {
						t.Fatalf("%s keeps %d relocations", o.functions[i].Name, len(left))
					}
				}
			})
		})
	}
}

// TestBadInput: one line that names what and where.
func TestBadInput(t *testing.T) {
	good, err := StartObject(named("x86_64"))
	if err != nil {
		t.Fatal(err)
	}
	foreign := slices.Clone(good)
	foreign[18] = 8 // EM_MIPS
	big := slices.Clone(good)
	big[5] = 2
	shared := slices.Clone(good)
	shared[16] = 3
	for name, data := range map[string][]byte{"foreign machine": foreign, "big endian": big, "nothing": nil, "text": []byte("hello"), "thin archive": []byte(thinMagic), "shared": shared} {
		if _, err := Open(name, data); !errors.Is(err, ErrUnsupported) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for n := range good {
		if n < 4 {
			continue
		}
		_, err := Open("cut.o", good[:n])
		var where *byteio.Error
		if err == nil || !errors.As(err, &where) {
			t.Fatalf("the first %d bytes: %v", n, err)
		}
	}
}

func FuzzObject(f *testing.F) {
	for _, m := range []*machine.Machine{machine.X86_64, machine.AArch64} {
		start, err := StartObject(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(start)
		stub, err := StubObject(m, map[string][]byte{"f": start[:8]}, []string{"f"})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(stub)
	}
	if cc, err := exec.LookPath("gcc"); err == nil {
		file := filepath.Join(f.TempDir(), "s.o")
		cmd := exec.Command(cc, "-Os", "-ffunction-sections", "-fexceptions", "-xc", "-c", "-", "-o", file)
		cmd.Stdin = strings.NewReader("int f(int x){return x*3;} static int g(void){return 4;} int (*h)(void)=g; static const struct { const char *p; unsigned long n; unsigned l, c; } a = {\"x.rs\", 4, 1, 2}, b = {\"y.rs\", 4, 3, 4}; const void *t[] = {&a, &b};")
		if cmd.Run() == nil {
			f.Add(read(f, file))
			archive := file + ".a"
			if exec.Command("ar", "rcs", archive, file).Run() == nil {
				f.Add(read(f, archive))
			}
		}
	}
	if _, err := exec.LookPath(mingw); err == nil {
		for _, object := range coffObjects(f) {
			f.Add(object)
		}
	}
	if _, err := exec.LookPath("clang"); err == nil {
		f.Add(coffSource(f, "int g(int); int f(int x) { return g(x) + 1; }", "clang", "-O1", "--target=aarch64-pc-windows-msvc"))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Open("fuzz", data)
		if err != nil {
			return
		}
		if got, err := file.Bytes(); err != nil || !bytes.Equal(got, data) {
			t.Fatal("identity")
		}
		for _, o := range file.Objects() {
			refs, _ := o.References()
			for _, r := range refs {
				o.OnlyReads(r)
			}
			o.AlignFunctions()
			o.FoldLocations()
			o.Undefined()
			o.Symbols()
			o.SectionSymbols()
			for i := range o.Functions() {
				for _, kind := range []machine.Stub{machine.Trap, machine.Report} {
					if code, err := o.Code(0, kind, "x"); err == nil {
						o.Stub(i, code)
					}
				}
			}
			o.TakeOut(UnwindTables)
		}
		edited, err := file.Bytes()
		if err != nil {
			return
		}
		if uint64(len(edited)) > uint64(len(data))*4+1<<16 {
			t.Fatalf("%d bytes grew to %d", len(data), len(edited))
		}
	})
}
