package objfile

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/testbin"
)

// goBuild builds a small Go program for a target; Go is here, for it runs the test.
func goBuild(t testing.TB, goos, goarch string, flags ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":  "module sample\n\ngo 1.26\n",
		"main.go": "package main\n\nimport \"os\"\n\n//go:noinline\nfunc greet(b []byte) { os.Stdout.Write(b) }\n\nfunc main() { greet([]byte(\"hello\\n\")) }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(dir, "out")
	cmd := exec.Command("go", append(append([]string{"build", "-trimpath"}, flags...), "-o", out, ".")...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("go build for %s/%s: %v\n%s", goos, goarch, err, text)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestWasmOfGo(t *testing.T) {
	data := goBuild(t, "wasip1", "wasm")
	f, err := Parse("sample.wasm", data)
	if err != nil {
		t.Fatal(err)
	}
	w := f.Wasm
	if len(w.Functions) < 500 || w.ImportedFunctions == 0 || len(w.Data) == 0 || len(w.Elements) == 0 || len(w.Exports) == 0 {
		t.Fatalf("%d functions, %d imported, %d data, %d element segments, %d exports", len(w.Functions), w.ImportedFunctions, len(w.Data), len(w.Elements), len(w.Exports))
	}
	// The sections and their headers are the file.
	at := uint64(8)
	for _, s := range w.Sections {
		if s.Header != at {
			t.Errorf("section %s begins at %#x, the one before ends at %#x", s.Name, s.Header, at)
		}
		at = s.Offset + s.Size
	}
	if at != f.Size {
		t.Errorf("sections end at %#x of %#x", at, f.Size)
	}
	// The bodies, one behind the other, are the code section but its count.
	code := f.Sections[w.sectionIndex(10)]
	end := code.Offset + code.FileSize
	at = uint64(w.Functions[0].Offset)
	for i, fn := range w.Functions {
		if uint64(fn.Offset) != at {
			t.Fatalf("function %d at %#x, expected %#x", i, fn.Offset, at)
		}
		at += uint64(fn.Size)
	}
	if at != end {
		t.Errorf("bodies end at %#x, the code section at %#x", at, end)
	}
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, s := range symbols {
		if s.Name == "main.greet" {
			found = true
			if s.Size == 0 || s.Kind != SymFunc || s.Undefined || int(s.Addr) >= w.FunctionCount() {
				t.Errorf("main.greet: %+v", s)
			}
		}
	}
	if !found {
		t.Error("no symbol main.greet")
	}
	for _, e := range w.Elements {
		if !e.At.Plain || e.Mode != WasmActive {
			t.Errorf("element segment: %+v", e)
		}
	}
	for _, d := range w.Data {
		if !d.At.Plain || d.InitSize == 0 {
			t.Errorf("data segment: %+v", d)
		}
	}
}

func TestArchiveFlavours(t *testing.T) {
	member := func(name, content string) string {
		pad := ""
		if len(content)%2 == 1 {
			pad = "\n"
		}
		return fmt.Sprintf("%-16s%-12d%-6d%-6d%-8s%-10d`\n", name, 0, 0, 0, "100644", len(content)) + content + pad
	}
	long := "a_name_of_more_than_sixteen_characters.o"
	for flavour, test := range map[string]struct {
		data  string
		names []string
	}{
		"GNU":  {arMagic + member("/", "\x00\x00\x00\x00") + member("//", long+"/\n") + member("/0", "one") + member("two.o/", "2"), []string{long, "two.o"}},
		"BSD":  {arMagic + member("__.SYMDEF SORTED", "\x00\x00\x00\x00\x00\x00\x00\x00") + member("#1/40", long+"one") + member("two.o", "2"), []string{long, "two.o"}},
		"COFF": {arMagic + member("/", "\x00\x00\x00\x00") + member("/", "\x00\x00\x00\x00\x00\x00\x00\x00") + member("//", long+"\x00") + member("/0", "one") + member("two.o/", "2"), []string{long, "two.o"}},
	} {
		f, err := Parse("lib.a", []byte(test.data))
		if err != nil {
			t.Errorf("%s: %v", flavour, err)
			continue
		}
		var names []string
		var contents [][]byte
		sum := uint64(8)
		for i, m := range f.Ar.Members {
			sum += m.Stored
			if m.Special == "" {
				names = append(names, m.Name)
				contents = append(contents, f.Ar.Data(i))
			}
		}
		if len(names) != 2 || names[0] != test.names[0] || names[1] != test.names[1] || !bytes.Equal(contents[0], []byte("one")) || !bytes.Equal(contents[1], []byte("2")) {
			t.Errorf("%s: members %q with %q", flavour, names, contents)
		}
		if sum != f.Size {
			t.Errorf("%s: members sum to %d of %d bytes", flavour, sum, f.Size)
		}
	}
}

// TestRlibs opens every member of the Rust standard library's archives.
func TestRlibs(t *testing.T) {
	out, err := exec.Command("rustc", "--print", "target-libdir").Output()
	if err != nil {
		t.Skip("rustc is not installed")
	}
	files, _ := filepath.Glob(string(bytes.TrimSpace(out)) + "/*.rlib")
	objects := 0
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Parse(path, data)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		for i, m := range f.Ar.Members {
			if m.Special != "" || filepath.Ext(m.Name) != ".o" {
				continue
			}
			member, err := f.Ar.Open(i)
			if err != nil {
				t.Errorf("%s(%s): %v", path, m.Name, err)
				continue
			}
			objects++
			if _, err := member.Symbols(); err != nil {
				t.Errorf("%s: %v", member.Name, err)
			}
			if _, err := member.Relocs(); err != nil {
				t.Errorf("%s: %v", member.Name, err)
			}
		}
	}
	t.Logf("%d archives, %d objects", len(files), objects)
}

// TestWasmSectionsOrder: engines take each section once and in its place.
func TestWasmSectionsOrder(t *testing.T) {
	memory := testbin.WasmSection{ID: 5, Data: []byte{1, 0, 1}}
	if _, err := Parse("", testbin.Wasm(memory)); err != nil {
		t.Fatal(err)
	}
	for what, first := range map[string][]byte{"behind the code": testbin.Wasm(), "twice": testbin.Wasm(memory)} {
		if _, err := Parse("", append(first, 5, 3, 1, 0, 1)); err == nil || !strings.Contains(err.Error(), "out of order") {
			t.Errorf("a memory section %s: %v", what, err)
		}
	}
}
