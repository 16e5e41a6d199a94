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
				code, err := o.Code(0, kind, f.Name)
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
// TestCOFFArchives: members are edited, and where one grows the others move, with
// both symbol tables of Microsoft's kind.
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
	if _, err := o.Code(0, machine.Report, "x"); err == nil || !strings.Contains(err.Error(), "outside Linux") {
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
// TestCOFFRust: rustc's objects, whose functions are COMDATs for windows-msvc and
// share .text for windows-gnu.
// TestCOFFHandlers: the handler of a function, and what it reads, go with the
// function's body; those of its neighbours stay.
// TestCOFFLibraries: objects that others made come back byte for byte, and with
// each of their functions a stub they are objects still.
func TestCOFFLibraries(t *testing.T) {
	var files []string
	for _, pattern := range []string{"/usr/x86_64-w64-mingw32/lib/libm[ios]*.a", "/usr/x86_64-w64-mingw32/lib/*.o", "/usr/lib/gcc/x86_64-w64-mingw32/*-win32/*.a"} {
		found, _ := filepath.Glob(pattern)
		files = append(files, found...)
	}
	if len(files) == 0 {
		t.Skip("needs " + mingw)
	}
	objects, functions := 0, 0
	for _, path := range files {
		data := read(t, path)
		file, err := Open(path, data)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if trouble := file.Trouble(); trouble != nil {
			t.Errorf("%s: %v", path, trouble)
		}
		if got, err := file.Bytes(); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: not the same bytes: %v", path, err)
		}
		for _, o := range file.Objects() {
			objects++
			for i, f := range o.Functions() {
				functions++
				code, _ := o.Code(i, machine.Zero, "")
				if err := o.Stub(i, code); err != nil {
					t.Errorf("%s: %s: %v", o.Name(), f.Name, err)
				}
			}
			again, err := Parse("again", o.Bytes(), 0)
			if err == nil {
				_, err = again.References()
			}
			if err != nil {
				t.Errorf("%s, stubbed: %v", o.Name(), err)
			}
		}
		if _, err := file.Bytes(); err != nil {
			t.Errorf("%s, stubbed: %v", path, err)
		}
	}
	if t.Logf("%d objects, %d functions", objects, functions); functions == 0 {
		t.Error("no function was read")
	}
}
