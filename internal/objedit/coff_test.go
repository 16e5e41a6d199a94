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

const coffProgram = `
#include <stdio.h>
#include <stdlib.h>
int numbers[4] = {1, 2, 3, 4};
__attribute__((noinline)) int number(int x) { printf("number %d\n", x); return x + 7; }
__attribute__((noinline)) static void quiet(void) { char text[64]; snprintf(text, 64, "%s", "quiet"); puts(text); }
__attribute__((noinline)) double real(void) { puts("real"); return numbers[0] * 2.5; }
const char *const words[] = {"none", "one", "two"};
int main(int argc, char **argv) {
	quiet();
	printf("%d %g %s %d\n", number(argc), real(), words[argc], numbers[argc]);
	return 0;
}
`

// coffSource compiles C to a COFF object, skipping where the compiler is missing.
func coffSource(t testing.TB, source, compiler string, flags ...string) []byte {
	t.Helper()
	path, err := exec.LookPath(compiler)
	if err != nil {
		t.Skip("needs " + compiler)
	}
	out := filepath.Join(t.TempDir(), "a.obj")
	cmd := exec.Command(path, append(slices.Clone(flags), "-c", "-xc", "-", "-o", out)...)
	cmd.Stdin = strings.NewReader(source)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, said)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

const mingw = "x86_64-w64-mingw32-gcc"

// coffObjects are objects of both compilers, with sections for each function and
// without, and with 32-bit section numbers.
func coffObjects(t testing.TB) map[string][]byte {
	objects := map[string][]byte{}
	for name, flags := range map[string][]string{
		"gcc": {"-O2", "-ffunction-sections"}, "gcc, one section": {"-O1"}, "gcc, bigobj": {"-O2", "-ffunction-sections", "-Wa,-mbig-obj"},
	} {
		objects[name] = coffSource(t, coffProgram, mingw, flags...)
	}
	if _, err := exec.LookPath("clang"); err == nil {
		for name, flags := range map[string][]string{"clang": {"-O2", "-ffunction-sections"}, "clang, one section": {"-O1"}} {
			objects[name] = coffSource(t, coffProgram, "clang", append(flags, "--target=x86_64-w64-windows-gnu", "-isystem", "/usr/x86_64-w64-mingw32/include")...)
		}
	}
	return objects
}

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

func stubbed(t *testing.T, name string, data []byte, edits map[string]machine.Stub) []byte {
	t.Helper()
	file, err := Open(name, data)
	if err != nil {
		t.Fatal(err)
	}
	done := 0
	for _, o := range file.Objects() {
		for i, f := range o.Functions() {
			if kind, wanted := edits[f.Name]; wanted {
				code, err := o.Code(kind, f.Name)
				if err != nil {
					t.Fatal(err)
				}
				if err := o.Stub(i, code); err != nil {
					t.Fatal(err)
				}
				done++
			}
		}
	}
	if done != len(edits) {
		t.Fatalf("%s: %d of %d functions found", name, done, len(edits))
	}
	out, err := file.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestCOFFStubsRun: stubs in objects of both compilers, linked by both linkers,
// run under wine, and the rest of the program does what it did.
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

// TestCOFFStays: no edit, the same bytes; an edit touches what is the function's
// alone, and every name and number stays.
func TestCOFFStays(t *testing.T) {
	for name, data := range coffObjects(t) {
		file, err := Open(name, data)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := file.Bytes(); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: not the same bytes: %v", name, err)
		}
		before := file.Objects()[0]
		edited := stubbed(t, name, data, map[string]machine.Stub{"number": machine.Zero})
		after, err := Parse(name, edited, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(edited) != len(data) || len(after.sections) != len(before.sections) || len(after.symbols) != len(before.symbols) {
			t.Fatalf("%s: a table changed its length", name)
		}
		for i, s := range before.symbols {
			if a := after.symbols[i]; a.name != s.name || a.index != s.index || a.value != s.value {
				t.Errorf("%s: symbol %s became %+v", name, s.name, a)
			}
		}
		for i, s := range before.sections {
			if inGroup(s.name, ".pdata") || inGroup(s.name, ".xdata") || s.code {
				continue
			}
			was, _ := before.content(i)
			if now, err := after.content(i); err != nil || !bytes.Equal(was.Data, now.Data) || after.sections[i].count != s.count {
				t.Errorf("%s: %s changed", name, s.name)
			}
		}
		i := slices.IndexFunc(after.functions, func(f Function) bool { return f.Name == "number" })
		f := after.functions[i]
		relocations, err := after.relocations(f.at.section)
		for _, r := range relocations {
			if r.offset >= f.at.value && r.offset < f.at.value+f.Size {
				t.Errorf("%s: the stub has a relocation at %#x", name, r.offset)
			}
		}
		table := after.format.(*coff)
		if err := errors.Join(err, table.readEntries()); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(name, "one section") {
			entries := table.byBegin[f.at]
			if len(entries) != 1 || f.alone {
				t.Fatalf("%s: %d entries", name, len(entries))
			}
			info, _ := after.content(entries[0].info.section)
			if b := info.Data[entries[0].info.value:][:4]; !bytes.Equal(b, []byte{1, 0, 0, 0}) {
				t.Errorf("%s: unwinding information % x", name, b)
			}
		} else if !f.alone || f.Size != 3 || len(table.byBegin[f.at]) != 0 {
			t.Errorf("%s: %+v with %d entries", name, f, len(table.byBegin[f.at]))
		}
		if o, err := pe.NewFile(bytes.NewReader(edited)); err == nil { // no bigobj there
			for i, s := range o.Sections {
				if want := after.sections[i+1]; s.Size != uint32(want.size) || int(s.NumberOfRelocations) != int(want.count) {
					t.Errorf("%s: %s is %d bytes with %d relocations to others, %d with %d here", name, s.Name, s.Size, s.NumberOfRelocations, want.size, want.count)
				}
			}
			for i := 0; i < len(o.COFFSymbols); i += 1 + int(o.COFFSymbols[i].NumberOfAuxSymbols) {
				s := &o.COFFSymbols[i]
				if s.StorageClass != 3 || s.NumberOfAuxSymbols == 0 || s.Type != 0 {
					continue
				}
				aux, err := o.COFFSymbolReadSectionDefAux(i)
				section := after.sections[s.SectionNumber]
				if err != nil || section.inCount > 0 && (strings.HasPrefix(name, "clang") || section.size == 3) && (uint64(aux.Size) != section.size || uint64(aux.NumRelocs) != section.count) {
					t.Errorf("%s: the record of %s says %+v, its header %d and %d: %v", name, section.name, aux, section.size, section.count, err)
				}
			}
		}
	}
}

// TestCOFFReferences: the graph that a linker walks, with what unwinding needs.
func TestCOFFReferences(t *testing.T) {
	for name, data := range coffObjects(t) {
		if strings.Contains(name, "one section") {
			continue
		}
		o, err := Parse(name, data, 0)
		if err != nil {
			t.Fatal(err)
		}
		section := map[string]int{}
		for _, f := range o.Functions() {
			section[f.Name] = f.Index()
		}
		refs, err := o.References()
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []struct {
			from, to, symbol string
		}{{"main", "number", ""}, {"main", "quiet", ""}, {"main", "real", ""}, {"quiet", "", "puts"}} {
			if !slices.ContainsFunc(refs, func(r Reference) bool {
				return r.From == section[want.from] && (want.symbol != "" && r.Symbol == want.symbol || want.to != "" && r.To == section[want.to])
			}) {
				t.Errorf("%s: no reference %+v", name, want)
			}
		}
		unwound := map[int]bool{}
		for _, r := range refs {
			if r.To > 0 && inGroup(o.sections[r.To].name, ".xdata") {
				unwound[r.From] = true
			}
		}
		for _, f := range []string{"main", "number", "quiet"} {
			if !unwound[section[f]] {
				t.Errorf("%s: %s has no unwinding information", name, f)
			}
		}
		undefined := o.Undefined()
		if !slices.Contains(undefined, "puts") || slices.Contains(undefined, "number") {
			t.Errorf("%s: undefined are %q", name, undefined)
		}
		if slices.ContainsFunc(o.LoadedSections(), func(s SectionInfo) bool { return inGroup(s.Name, ".pdata") }) {
			t.Errorf("%s: .pdata is a node of its own", name)
		}
	}
}

// TestCOFFTakeOut drops a function that nobody calls, and the program links and
// runs without it.
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

// TestCOFFArchives: members are edited, and where one grows the others move, with
// both symbol tables of Microsoft's kind.
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

// TestCOFFChecksum: where a compiler writes checksums, that of new content is
// what it would have written.
func TestCOFFChecksum(t *testing.T) {
	windows := []string{"-O1", "-ffunction-sections", "--target=x86_64-pc-windows-msvc"}
	long := coffSource(t, "int f(int x) { return x * x + 3; }\n", "clang", windows...)
	short := coffSource(t, "int f(int x) { return 0; }\n", "clang", windows...)
	sum := func(data []byte) (content []byte, sum uint32) {
		o, err := Parse("f.obj", data, 0)
		if err != nil {
			t.Fatal(err)
		}
		section := o.Functions()[0].at.section
		v, _ := o.content(section)
		at := o.format.(*coff).definitions[section] + 8
		sum, err = o.view.U32(at, "checksum")
		if err != nil || sum == 0 {
			t.Fatalf("checksum %d: %v", sum, err)
		}
		return v.Data, sum
	}
	want, wantSum := sum(short)
	got, gotSum := sum(stubbed(t, "f.obj", long, map[string]machine.Stub{"f": machine.Zero}))
	if !bytes.Equal(got, want) || gotSum != wantSum {
		t.Errorf("% x with %#x, the compiler writes % x with %#x", got, gotSum, want, wantSum)
	}
}

// TestCOFFAArch64: packed entries, whole ones, and none that a stub needs.
func TestCOFFAArch64(t *testing.T) {
	source := "int puts(const char *);\nint a(int x) { puts(\"a\"); return x; }\nint b(int x) { int t[200]; for (int i = 0; i < x; i++) { t[i] = puts(\"b\"); } return t[x]; }\nint c(int x) { puts(\"c\"); return x; }\n"
	for _, flags := range [][]string{{"-O1"}, {"-O1", "-ffunction-sections"}} {
		data := coffSource(t, source, "clang", append(flags, "--target=aarch64-pc-windows-msvc")...)
		after, err := Parse("a.obj", stubbed(t, "a.obj", data, map[string]machine.Stub{"a": machine.Zero, "b": machine.Zero}), 0)
		if err != nil {
			t.Fatal(err)
		}
		table := after.format.(*coff)
		if err := table.readEntries(); err != nil {
			t.Fatal(err)
		}
		for _, f := range after.Functions()[:2] {
			for _, e := range table.byBegin[f.at] {
				content, _ := after.content(e.section)
				word, _ := content.U32(e.at+4, "entry")
				length := uint64(word>>2&0x7ff) * 4
				if e.info.section != 0 {
					info, _ := after.content(e.info.section)
					word, _ := info.U32(e.info.value, "information")
					length = uint64(word&0x3ffff) * 4
				}
				if length != f.Size {
					t.Errorf("%q: the entry of %s says %d bytes of %d", flags, f.Name, length, f.Size)
				}
			}
		}
	}
}

// TestCOFFRefused: what cannot be done is said in one line.
func TestCOFFRefused(t *testing.T) {
	good := coffSource(t, coffProgram, mingw, "-O2", "-ffunction-sections")
	o, err := Parse("a.obj", good, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Code(machine.Report, "x"); err == nil || !strings.Contains(err.Error(), "outside Linux") {
		t.Errorf("report: %v", err)
	}
	if _, err := o.FoldLocations(); !errors.Is(err, ErrUnsupported) {
		t.Errorf("locations: %v", err)
	}
	foreign := slices.Clone(good)
	foreign[0], foreign[1] = 0x4c, 0x01 // i386
	if _, err := Open("a.obj", foreign); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "i386") {
		t.Errorf("i386: %v", err)
	}
	for n := 20; n < len(good); n += 7 {
		if o, err := Parse("cut.obj", good[:n], 0); err == nil {
			t.Fatalf("the first %d bytes are an object with %d functions", n, len(o.Functions()))
		}
	}
}

// rustProgram needs no library: the standard ones of Windows are seldom there.
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

// TestCOFFRust: rustc's objects, whose functions are COMDATs for windows-msvc and
// share .text for windows-gnu.
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

// TestCOFFHandlers: the handler of a function, and what it reads, go with the
// function's body; those of its neighbours stay.
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
