package objfile

import (
	"bytes"
	"debug/pe"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// compile runs a C compiler on text; it skips the test when it is not installed.
func compile(t testing.TB, compiler, text string, flags ...string) []byte {
	t.Helper()
	if _, err := exec.LookPath(compiler); err != nil {
		t.Skipf("%s is not installed", compiler)
	}
	dir := t.TempDir()
	source, out := filepath.Join(dir, "sample.c"), filepath.Join(dir, "out")
	if err := os.WriteFile(source, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(compiler, append([]string{"-o", out, source}, flags...)...)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, text)
	}
	data, err := os.ReadFile(out)
	if os.IsNotExist(err) { // mingw appends .exe
		data, err = os.ReadFile(out + ".exe")
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// sweep says whether the long tests are asked for: more targets, more files.
func sweep() bool { return os.Getenv("MINSIZE_SWEEP") != "" }

const sampleC = `#include <stdio.h>
int shared = 3;
static int local(int x) { return x * shared; }
int (*table[])(int) = { local, local };
__attribute__((noinline)) int twice(int x) { return table[x & 1](x) * 2; }
int main(int argc, char **argv) { printf("%d\n", twice(argc)); return 0; }
`

func comparePE(t *testing.T, data []byte) *File {
	t.Helper()
	want, err := pe.NewFile(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse("sample.exe", data)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Sections) != len(want.Sections) {
		t.Fatalf("%d sections, debug/pe has %d", len(f.Sections), len(want.Sections))
	}
	for i, s := range want.Sections {
		g := f.Sections[i]
		if g.Name != s.Name || g.FileSize != uint64(s.Size) && g.FileSize != 0 || g.Addr-f.ImageBase != uint64(s.VirtualAddress) {
			t.Errorf("section %d: %+v, debug/pe %+v", i, g, s.SectionHeader)
		}
	}
	symbols, err := f.Symbols()
	if err != nil {
		t.Error(err)
	}
	for i, s := range want.Symbols {
		if s.StorageClass == 103 {
			continue
		}
		if symbols[i].Name != s.Name {
			t.Errorf("symbol %d: %q, debug/pe %q", i, symbols[i].Name, s.Name)
		}
	}
	imported, _ := want.ImportedSymbols()
	n := 0
	for _, s := range symbols {
		if s.Undefined && s.Dynamic {
			n++
		}
	}
	if n != len(imported) {
		t.Errorf("%d imports, debug/pe has %d", n, len(imported))
	}
	relocs, err := f.Relocs()
	if err != nil {
		t.Error(err)
	}
	astray := 0
	for _, r := range relocs {
		if f.Format == PE && (r.Size == 0 || f.SegmentAt(uint64(r.Addend)) < 0) {
			astray++ // runtime.enoptrbss and the like: the end of a section
		}
	}
	if astray > 20 {
		t.Errorf("%d of %d relocations do not point into the image", astray, len(relocs))
	}
	return f
}

func TestPEOfGo(t *testing.T) {
	for _, arch := range []string{"amd64", "386", "arm64"} {
		f := comparePE(t, goBuild(t, "windows", arch))
		functions, err := f.PE.RuntimeFunctions()
		if err != nil || arch == "amd64" && len(functions) < 100 {
			t.Errorf("%s: %d runtime functions: %v", arch, len(functions), err)
		}
		for _, fn := range functions {
			if fn.End <= fn.Begin || f.SegmentAt(fn.Begin) < 0 {
				t.Errorf("%s: %+v", arch, fn)
			}
		}
		if _, size := f.PE.Overlay(); size != 0 {
			t.Errorf("%s: an overlay of %d bytes", arch, size)
		}
		more, err := Parse("x", append(bytes.Clone(f.Data), "payload"...))
		if err != nil {
			t.Fatal(err)
		}
		if _, size := more.PE.Overlay(); size != 7 {
			t.Errorf("%s: overlay of 7 bytes is seen as %d", arch, size)
		}
		if !sweep() {
			break
		}
	}
}

func TestPEOfMinGW(t *testing.T) {
	f := comparePE(t, compile(t, "x86_64-w64-mingw32-gcc", sampleC))
	symbols, _ := f.Symbols()
	for _, s := range symbols {
		if s.Name == "twice" {
			if s.Kind != SymFunc || f.SegmentAt(s.Addr) < 0 || s.Undefined {
				t.Errorf("twice: %+v", s)
			}
			return
		}
	}
	t.Error("no symbol twice")
}

func TestCOFFObject(t *testing.T) {
	data := compile(t, "x86_64-w64-mingw32-gcc", sampleC, "-c")
	f := comparePE(t, data)
	if f.Format != COFF || f.Kind != Relocatable {
		t.Fatalf("format %s, kind %s", f.Format, f.Kind)
	}
	relocs, _ := f.Relocs()
	named := map[string]bool{}
	for i := range relocs {
		if s := f.RelocSymbol(&relocs[i]); s != nil {
			named[s.Name] = true
		}
	}
	if !named["__main"] || !named[".rdata"] {
		t.Errorf("relocations refer to %v", named)
	}
}

func TestImportLibrary(t *testing.T) {
	files, _ := filepath.Glob("/usr/x86_64-w64-mingw32/lib/libkernel32.a")
	if len(files) == 0 {
		t.Skip("mingw-w64's import libraries are not installed")
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse(files[0], data)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range f.Ar.Members {
		if m.Special == "" {
			if _, err := f.Ar.Open(i); err != nil {
				t.Errorf("%s: %v", m.Name, err)
			}
		}
	}
}
