package objedit

import (
	"bytes"
	"debug/pe"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/minsize/minsize/internal/machine"
)

var wine = sync.OnceValues(func() (string, error) {
	for _, name := range []string{"wine64", "wine", "/usr/lib/wine/wine64"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("needs wine64")
})

// runWindows runs a program under wine, in a prefix of its own.
func runWindows(t *testing.T, program string) (output, status string) {
	t.Helper()
	path, err := wine()
	if err != nil {
		t.Skip(err)
	}
	cmd := exec.Command(path, program)
	cmd.Env = append(os.Environ(), "WINEPREFIX="+winePrefix(t), "WINEDEBUG=-all", "WINEDLLOVERRIDES=winedbg.exe=d")
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	if err := cmd.Run(); err != nil {
		status = "failed"
	}
	return strings.ReplaceAll(stdout.String(), "\r", ""), status
}

var prefix struct {
	once sync.Once
	dir  string
}

// winePrefix lasts as long as the tests, for its first start takes seconds.
func winePrefix(t *testing.T) string {
	prefix.once.Do(func() {
		var err error
		if prefix.dir, err = os.MkdirTemp("", "minsize-wine-"); err != nil {
			t.Fatal(err)
		}
	})
	return prefix.dir
}

func TestMain(m *testing.M) {
	status := m.Run()
	if prefix.dir != "" {
		if path, err := wine(); err == nil {
			server := exec.Command(filepath.Join(filepath.Dir(path), "wineserver"), "-k")
			server.Env = append(os.Environ(), "WINEPREFIX="+prefix.dir)
			server.Run()
		}
		os.RemoveAll(prefix.dir)
	}
	os.Exit(status)
}

func TestCOFFStubsRun(t *testing.T) {
	edits := map[string]machine.Stub{"number": machine.Zero, "quiet": machine.Return, "real": machine.ZeroFloat}
	linkers := map[string][]string{"bfd": nil}
	if lld, err := exec.LookPath("ld.lld"); err == nil {
		linkers["lld"] = []string{"-B" + filepath.Dir(lld), "-fuse-ld=lld"}
	} else if lld, err := exec.LookPath("ld.lld-19"); err == nil {
		dir := t.TempDir()
		if err := os.Symlink(lld, filepath.Join(dir, "ld.lld")); err != nil {
			t.Fatal(err)
		}
		linkers["lld"] = []string{"-B" + dir, "-fuse-ld=lld"}
	}
	for name, data := range coffObjects(t) {
		for linker, flags := range linkers {
			t.Run(name+", "+linker, func(t *testing.T) {
				dir := t.TempDir()
				run := func(object []byte) (string, string) {
					in, out := filepath.Join(dir, "a.obj"), filepath.Join(dir, "a.exe")
					if err := os.WriteFile(in, object, 0o666); err != nil {
						t.Fatal(err)
					}
					args := append(slices.Clone(flags), "-Wl,--gc-sections", in, "-o", out)
					if said, err := exec.Command(mingw, args...).CombinedOutput(); err != nil {
						t.Fatalf("%v: %v\n%s", args, err, said)
					}
					checkExceptionTable(t, out)
					return runWindows(t, out)
				}
				if out, status := run(data); out != "quiet\nreal\nnumber 1\n8 2.5 one 2\n" && out != "quiet\nnumber 1\nreal\n8 2.5 one 2\n" || status != "" {
					t.Fatalf("before: %q, %s", out, status)
				}
				if out, status := run(stubbed(t, name, data, edits)); out != "0 0 one 2\n" || status != "" {
					t.Errorf("stubbed: %q, %s", out, status)
				}
				if out, status := run(stubbed(t, name, data, map[string]machine.Stub{"quiet": machine.Trap})); out != "" || status == "" {
					t.Errorf("with a trap: %.200q, %q", out, status)
				}
			})
		}
	}
}

// checkExceptionTable: sorted, no entry overlaps the next, all in code.
func checkExceptionTable(t *testing.T, program string) {
	t.Helper()
	f, err := pe.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dir := f.OptionalHeader.(*pe.OptionalHeader64).DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_EXCEPTION]
	section := f.Section(".pdata")
	data, err := section.Data()
	if err != nil {
		t.Fatal(err)
	}
	data = data[dir.VirtualAddress-section.VirtualAddress:][:dir.Size]
	text := f.Section(".text")
	last, le := uint32(0), func(b []byte) uint32 {
		return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
	}
	if len(data) < 24 {
		t.Fatalf("an exception table of %d bytes", len(data))
	}
	for ; len(data) >= 12; data = data[12:] {
		begin, end := le(data), le(data[4:])
		if begin < last || end < begin || begin < text.VirtualAddress || end > text.VirtualAddress+text.VirtualSize {
			t.Errorf("an entry for %#x to %#x behind %#x, .text is %#x to %#x", begin, end, last, text.VirtualAddress, text.VirtualAddress+text.VirtualSize)
		}
		last = end
	}
}

func TestCOFFTakeOut(t *testing.T) {
	source := coffProgram + "\nint unused(void) { char text[200]; return snprintf(text, 200, \"%d\", numbers[1]) + puts(text); }\n"
	for name, flags := range map[string][]string{"sections": {"-O2", "-ffunction-sections"}, "bigobj": {"-O2", "-ffunction-sections", "-Wa,-mbig-obj"}} {
		t.Run(name, func(t *testing.T) {
			o, err := Parse("a.obj", coffSource(t, source, mingw, flags...), 0)
			if err != nil {
				t.Fatal(err)
			}
			taken, err := o.TakeOut(func(section string) bool { return section == ".text$unused" })
			if err != nil || taken == 0 {
				t.Fatalf("%d bytes: %v", taken, err)
			}
			left, err := Parse("a.obj", o.Bytes(), 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range left.sections {
				if strings.HasSuffix(s.name, "$unused") && (s.size != 0 || s.count != 0) {
					t.Errorf("%s: %d bytes, %d relocations", s.name, s.size, s.count)
				}
			}
			dir := t.TempDir()
			in, out := filepath.Join(dir, "a.obj"), filepath.Join(dir, "a.exe")
			if err := os.WriteFile(in, o.Bytes(), 0o666); err != nil {
				t.Fatal(err)
			}
			if said, err := exec.Command(mingw, in, "-o", out).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			checkExceptionTable(t, out)
			if said, status := runWindows(t, out); !strings.HasSuffix(said, "8 2.5 one 2\n") || status != "" {
				t.Errorf("%q, %s", said, status)
			}
		})
	}
}

func TestCOFFArchives(t *testing.T) {
	tiny := coffSource(t, "int tiny(int x) { return x; }\n", mingw, "-Os", "-ffunction-sections")
	caller := coffSource(t, "#include <stdio.h>\nint tiny(int); int large(void);\nint main(void) { printf(\"%d %d\\n\", tiny(5), large()); return 0; }\n", mingw, "-Os")
	large := coffSource(t, "int large(void) { return 9; }\n", mingw, "-Os")
	for _, tool := range [][]string{{"x86_64-w64-mingw32-ar", "rcs", "lib.a", "tiny.obj", "large.obj"}, {"llvm-lib", "/out:lib.a", "tiny.obj", "large.obj"}} {
		t.Run(tool[0], func(t *testing.T) {
			path, err := exec.LookPath(tool[0])
			if matches, _ := filepath.Glob("/usr/lib/llvm-*/bin/" + tool[0]); err != nil && len(matches) > 0 {
				path, err = matches[0], nil
			}
			if err != nil {
				t.Skip("needs " + tool[0])
			}
			dir := t.TempDir()
			for name, data := range map[string][]byte{"tiny.obj": tiny, "large.obj": large, "main.obj": caller} {
				if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command(path, tool[1:]...)
			cmd.Dir = dir
			if said, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			library := filepath.Join(dir, "lib.a")
			data, err := os.ReadFile(library)
			if err != nil {
				t.Fatal(err)
			}
			file, err := Open(library, data)
			if err != nil || len(file.Objects()) != 2 || file.Trouble() != nil {
				t.Fatalf("%v, %v", err, file.Trouble())
			}
			for _, o := range file.Objects() {
				if f := o.Functions()[0]; f.Name == "tiny" {
					code := append(bytes.Repeat([]byte{0x90}, 100), 0x31, 0xc0, 0xc3)
					if err := o.Stub(0, code); err != nil {
						t.Fatal(err)
					}
				}
			}
			out, err := file.Bytes()
			if err != nil || len(out) <= len(data) {
				t.Fatalf("%d bytes of %d: %v", len(out), len(data), err)
			}
			if err := os.WriteFile(library, out, 0o666); err != nil {
				t.Fatal(err)
			}
			program := filepath.Join(dir, "a.exe")
			if said, err := exec.Command(mingw, filepath.Join(dir, "main.obj"), library, "-o", program).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			if said, status := runWindows(t, program); said != "0 9\n" || status != "" {
				t.Errorf("%q, %s", said, status)
			}
		})
	}
}

const rustProgram = `
#![feature(no_core, lang_items)]
#![allow(internal_features)]
#![no_core]
#![crate_type = "rlib"]
#[lang = "pointee_sized"] pub trait PointeeSized {}
#[lang = "meta_sized"] pub trait MetaSized: PointeeSized {}
#[lang = "sized"] pub trait Sized: MetaSized {}
#[lang = "copy"] pub trait Copy {}
impl Copy for i32 {}
extern "C" { fn puts(text: &u8) -> i32; static MESSAGE: u8; }
#[inline(never)] #[no_mangle] pub fn inner(x: i32) -> i32 { unsafe { puts(&MESSAGE); } x }
#[no_mangle] pub extern "C" fn from_rust(x: i32) -> i32 { inner(x); inner(x) }
`

func TestCOFFRust(t *testing.T) {
	main := coffSource(t, "#include <stdio.h>\nconst char MESSAGE[] = \"A\";\nint from_rust(int);\nint main(void) { printf(\"%d\\n\", from_rust(7)); return 0; }\n", mingw, "-O1")
	if _, err := exec.LookPath("rustc"); err != nil {
		t.Skip("needs rustc")
	}
	for _, target := range []string{"x86_64-pc-windows-gnu", "x86_64-pc-windows-msvc"} {
		t.Run(target, func(t *testing.T) {
			dir := t.TempDir()
			in, out := filepath.Join(dir, "r.obj"), filepath.Join(dir, "a.exe")
			cmd := exec.Command("rustc", "--target", target, "--emit=obj", "-Copt-level=2", "-Cpanic=abort", "-o", in, "-")
			cmd.Env = append(os.Environ(), "RUSTC_BOOTSTRAP=1")
			cmd.Stdin = strings.NewReader(rustProgram)
			if said, err := cmd.CombinedOutput(); err != nil {
				t.Skipf("needs rustc 1.90 or newer: %.300s", said)
			}
			if err := os.WriteFile(filepath.Join(dir, "main.obj"), main, 0o666); err != nil {
				t.Fatal(err)
			}
			data := read(t, in)
			for _, step := range []struct {
				edits map[string]machine.Stub
				want  string
			}{{nil, "A\nA\n7\n"}, {map[string]machine.Stub{"inner": machine.Zero}, "0\n"}} {
				if err := os.WriteFile(in, stubbed(t, target, data, step.edits), 0o666); err != nil {
					t.Fatal(err)
				}
				if said, err := exec.Command(mingw, filepath.Join(dir, "main.obj"), in, "-o", out).CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, said)
				}
				checkExceptionTable(t, out)
				if said, status := runWindows(t, out); said != step.want || status != "" {
					t.Errorf("%v: %.200q, %s", step.edits, said, status)
				}
			}
		})
	}
}

func TestCOFFHandlers(t *testing.T) {
	source := "void g(int *); void h(void);\nint f(void) { int x __attribute__((cleanup(g))) = 1; h(); return x; }\nint k(void) { int y __attribute__((cleanup(g))) = 2; h(); return y; }\n"
	for _, flags := range [][]string{{"-O1", "-fexceptions"}, {"-O1", "-fexceptions", "-ffunction-sections"}} {
		data := coffSource(t, source, mingw, flags...)
		needs := func(data []byte) int {
			o, err := Parse("a.obj", data, 0)
			if err != nil {
				t.Fatal(err)
			}
			refs, err := o.References()
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, r := range refs {
				if r.Symbol == "__gcc_personality_seh0" {
					n++
				}
			}
			return n
		}
		after := stubbed(t, "a.obj", data, map[string]machine.Stub{"f": machine.Zero})
		if was, is := needs(data), needs(after); was != 2 || is != 1 {
			t.Errorf("%q: %d functions have a handler, %d with a stub for one", flags, was, is)
		}
		file := filepath.Join(t.TempDir(), "a.obj")
		if err := os.WriteFile(file, after, 0o666); err != nil {
			t.Fatal(err)
		}
		main := filepath.Join(t.TempDir(), "main.obj")
		if err := os.WriteFile(main, coffSource(t, "#include <stdio.h>\nvoid g(int *x) { printf(\"cleanup %d\\n\", *x); } void h(void) { puts(\"h\"); } int f(void); int k(void); int main(void) { printf(\"%d\\n\", f()); printf(\"%d\\n\", k()); return 0; }", mingw, "-O1"), 0o666); err != nil {
			t.Fatal(err)
		}
		program := filepath.Join(t.TempDir(), "a.exe")
		if said, err := exec.Command(mingw, main, file, "-o", program).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		checkExceptionTable(t, program)
		if said, status := runWindows(t, program); said != "0\nh\ncleanup 2\n2\n" || status != "" {
			t.Errorf("%q: %.200q, %s", flags, said, status)
		}
	}
}
