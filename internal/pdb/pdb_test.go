package pdb

import (
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// link makes an image with its PDB out of two objects; no Windows SDK is needed.
func link(t testing.TB) (image, pdb string) {
	t.Helper()
	linker := ""
	for _, name := range []string{"lld-link", "lld-link-22", "lld-link-19"} {
		if path, err := exec.LookPath(name); err == nil {
			linker = path
			break
		}
	}
	if linker == "" {
		t.Skip("lld-link is not installed")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"one.c": "int twice(int);\nint shared = 3;\nstatic int hidden[100];\nint start(void) { hidden[twice(1)] = 2; return twice(shared) + hidden[shared]; }\n",
		"two.c": "static __attribute__((noinline)) int local(int x) { return x * x + 1; }\nint twice(int x) { return local(x) * 2 + local(x + 1); }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	run := func(name string, args ...string) {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Skipf("%v: %v\n%s", cmd.Args, err, text)
		}
	}
	for _, name := range []string{"one", "two"} {
		run("clang", "-target", "x86_64-windows-msvc", "-g", "-gcodeview", "-O1", "-c", "-o", name+".obj", name+".c")
	}
	run(linker, "/debug", "/nodefaultlib", "/entry:start", "/subsystem:console", "/out:sample.exe", "one.obj", "two.obj")
	return filepath.Join(dir, "sample.exe"), filepath.Join(dir, "sample.pdb")
}

func TestOpen(t *testing.T) {
	image, path := link(t)
	if found := Find(image, `C:\build\sample.pdb`); found != path {
		t.Errorf("Find gives %q, the PDB is %q", found, path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open(data)
	if err != nil {
		t.Fatal(err)
	}
	if f.GUID == [16]byte{} || len(f.Modules) < 2 || len(f.Contributions) < 3 {
		t.Fatalf("GUID %x, modules %+v, contributions %+v", f.GUID, f.Modules, f.Contributions)
	}
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]Symbol{}
	for _, s := range symbols {
		if s.Kind != Public {
			found[s.Name] = s
		}
	}
	for name, module := range map[string]string{"start": "one.obj", "twice": "two.obj", "local": "two.obj"} {
		s, ok := found[name]
		if !ok || s.Kind != Function || s.Size == 0 || s.Local != (name == "local") {
			t.Errorf("%s: %+v", name, s)
			continue
		}
		if got := f.ModuleAt(s.RVA); got < 0 || filepath.Base(f.Modules[got].Name) != module || got != s.Module {
			t.Errorf("%s is of module %d, expected %s", name, got, module)
		}
	}
	for _, name := range []string{"shared", "hidden"} {
		if s, ok := found[name]; !ok || s.Kind != Data || f.ModuleAt(s.RVA) < 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

func TestMutations(t *testing.T) {
	_, path := link(t)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewSource(1))
	start := time.Now()
	for range 2000 {
		mutant := slices.Clone(data)
		for range 1 + random.Intn(8) {
			at := random.Intn(len(mutant))
			if random.Intn(4) == 0 {
				at = random.Intn(64)
			}
			mutant[at] = byte(random.Intn(256))
		}
		if f, err := Open(mutant); err == nil {
			_, _ = f.Symbols()
		}
	}
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("2000 mutations took %v", d)
	}
}

func FuzzOpen(f *testing.F) {
	_, path := link(f)
	if data, err := os.ReadFile(path); err == nil {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if file, err := Open(data); err == nil {
			_, _ = file.Symbols()
			file.ModuleAt(0x1000)
		}
	})
}
