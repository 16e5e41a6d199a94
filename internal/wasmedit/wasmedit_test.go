package wasmedit

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/testbin"
	"github.com/minsize/minsize/internal/wasmoracle"
)

// assemble makes a module of a .wat file, names kept.
func assemble(t *testing.T, path string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "module.wasm")
	tool(t, "wat2wasm", "--enable-exceptions", "--enable-tail-call", "--debug-names", path, "-o", out)
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip(name + " is not installed (Debian: wabt)")
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

// run is what each export answers.
func run(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "module.wasm")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	tool(t, "wasm-validate", "--enable-exceptions", "--enable-tail-call", path)
	return tool(t, "wasm-interp", "--enable-exceptions", "--enable-tail-call", "--dummy-import-func", "--run-all-exports", path)
}

// TestMinimize runs each module before and after, and counts what is left.
func TestMinimize(t *testing.T) {
	for _, c := range []struct {
		file                       string
		functions, merged, imports int
		sections                   string // ids that must be gone
	}{
		{"reach.wat", 3, 1, 2, ""}, // $dead, $deep and one of $d, $never1: the other fills both slots
		{"bodies.wat", 0, 0, 0, ""},
		{"bulk.wat", 0, 1, 0, ""},
	} {
		old := assemble(t, filepath.Join("testdata", c.file))
		r, err := Minimize(old)
		if err != nil {
			t.Errorf("%s: %v", c.file, err)
			continue
		}
		if err := wasmoracle.Same(old, r.Data); err != nil {
			t.Errorf("%s: the oracle: %v", c.file, err)
		}
		if len(r.Data) >= len(old) {
			t.Errorf("%s: %d bytes, %d before", c.file, len(r.Data), len(old))
		}
		if r.Functions != c.functions || r.Merged != c.merged || r.Imports != c.imports {
			t.Errorf("%s: %d functions, %d merged, %d imports, want %d, %d, %d", c.file, r.Functions, r.Merged, r.Imports, c.functions, c.merged, c.imports)
		}
		if before, after := run(t, old), run(t, r.Data); before != after {
			t.Errorf("%s: before\n%safter\n%s", c.file, before, after)
		}
		again, err := Minimize(r.Data)
		if err != nil || len(again.Data) > len(r.Data) {
			t.Errorf("%s: a second time: %d bytes, %d after the first, %v", c.file, len(again.Data), len(r.Data), err)
		}
	}
}

// TestNames: the names that are kept are those of the functions that stay.
func TestNames(t *testing.T) {
	old := assemble(t, filepath.Join("testdata", "reach.wat"))
	r, err := Minimize(old)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"a": true, "dead": false, "deep": false, "gone": false, "kept": true} {
		if got := bytes.Contains(r.Data, append([]byte{byte(len(name))}, name...)); got != want {
			t.Errorf("name %q is there: %v", name, got)
		}
	}
	f, err := objfile.Parse("", r.Data)
	if err != nil {
		t.Fatal(err)
	}
	names := f.Wasm.Names()
	for i := range f.Wasm.Functions {
		index := uint32(i) + f.Wasm.ImportedFunctions
		name := names.Functions[index]
		code := r.Data[f.Wasm.Functions[i].Body:][:f.Wasm.Functions[i].Size-1]
		if name == "a" && !bytes.Equal(code, []byte{0, 0x41, 1, 0x0b}) {
			t.Errorf("the code under the name a is % x", code)
		}
	}
}

// TestLeft: what is not understood is left, with the reason.
func TestLeft(t *testing.T) {
	minimal := testbin.Wasm()
	custom := func(name string) []byte {
		body := append([]byte{byte(len(name))}, name...)
		return append(append(bytes.Clone(minimal), 0, byte(len(body))), body...)
	}
	for _, c := range []struct {
		data []byte
		want string
	}{
		{custom("metadata.code.branch_hint"), "branch_hint"},
		{custom(".debug_info"), ".debug_info"},
		{custom("linking"), "linking"},
		{append([]byte("\x00asm\x01\x00\x00\x00"), 1, 7, 1, 0x5f, 2, 0x7f, 0, 0x7f, 0), "GC"},
	} {
		if _, err := Minimize(c.data); !errors.Is(err, ErrLeft) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.want, err)
		}
	}
	if _, err := Minimize([]byte("\x00asm\x01\x00\x00\x00\x01\xff")); err == nil || errors.Is(err, ErrLeft) {
		t.Errorf("a damaged module: %v", err)
	}
}

// FuzzMinimize: whatever is written, the oracle finds the same module.
func FuzzMinimize(f *testing.F) {
	f.Add(testbin.Wasm())
	seeds, _ := filepath.Glob("testdata/*.wasm")
	for _, s := range seeds {
		if data, err := os.ReadFile(s); err == nil {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Minimize(data)
		if err != nil {
			return
		}
		if err := wasmoracle.Same(data, r.Data); err != nil {
			t.Errorf("%v\nold % x\nnew % x", err, data, r.Data)
		}
		fewer, err := Exporting(data, nil)
		if err != nil {
			t.Fatalf("what is written anew cannot lose its exports: %v", err)
		}
		if again, err := Exporting(fewer, nil); err != nil || string(again) != string(fewer) {
			t.Errorf("once more without exports: %v", err)
		}
	})
}

// TestCut: stubs answer as they say, what computed a trap's arguments goes, and
// what others see stays.
func TestCut(t *testing.T) {
	old := assemble(t, filepath.Join("testdata", "cut.wat"))
	stubs := map[string]Stub{"panic": Trap, "pair": Zero, "text": Zero, "none": Zero}
	cut, err := Cut(old, false, func(_ int, name string) Stub { return stubs[name] })
	if err != nil {
		t.Fatal(err)
	}
	small, err := Minimize(cut)
	if err != nil {
		t.Fatal(err)
	}
	if err := wasmoracle.Same(cut, small.Data); err != nil {
		t.Errorf("the oracle: %v", err)
	}
	want := strings.Join([]string{"checked() => i32:11", "broken() => error: unreachable executed", "pair() => i64:0", "text() => i32:0", "none() => i32:0", ""}, "\n")
	for _, data := range [][]byte{cut, small.Data} {
		if got := run(t, data); got != want {
			t.Errorf("it answers\n%swant\n%s", got, want)
		}
	}
	text := disassembled(t, small.Data)
	if strings.Contains(text, "i32.const 7") || strings.Contains(text, "global") || strings.Contains(text, "i32.mul") || !strings.Contains(text, "i32.const 12") {
		t.Errorf("what is left:\n%s", text)
	}
	if f, err := objfile.Parse("", cut); err != nil || len(f.Wasm.Names().Functions) > 0 {
		t.Errorf("names are left: %v", err)
	}
	named, err := Cut(old, true, func(_ int, name string) Stub { return stubs[name] })
	nameless := func(name string) bool { return name == "" }
	if f, _ := objfile.Parse("", named); err != nil || len(slices.DeleteFunc(f.Wasm.Names().Functions, nameless)) != 5 {
		t.Errorf("names are not kept: %v", err)
	}
	if same, err := Cut(old, true, func(int, string) Stub { return Keep }); err != nil || !bytes.Equal(same, old) {
		t.Errorf("a cut that meets nothing changes the module: %v", err)
	}
}

func disassembled(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "module.wasm")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return tool(t, "wasm2wat", path)
}
