package artefact

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/target"
)

func TestFile(t *testing.T) {
	for _, c := range []struct {
		kind   Kind
		triple string
		files  []string
		want   string
	}{
		{Cdylib, "x86_64-unknown-linux-gnu", []string{"d/libx.rlib", "d/libx.so", "d/libx.a"}, "d/libx.so"},
		{Staticlib, "x86_64-unknown-linux-gnu", []string{"d/libx.so", "d/libx.a"}, "d/libx.a"},
		{Cdylib, "x86_64-pc-windows-gnu", []string{"d/libx.dll.a", "d/x.dll"}, "d/x.dll"},
		{Staticlib, "x86_64-pc-windows-msvc", []string{"d/x.dll", "d/x.lib"}, "d/x.lib"},
		{Dylib, "aarch64-apple-darwin", []string{"d/libx.dylib"}, "d/libx.dylib"},
		{Cdylib, "wasm32-unknown-unknown", []string{"d/x.wasm"}, "d/x.wasm"},
		{Cdylib, "x86_64-unknown-linux-gnu", []string{"d/libx.rlib"}, ""},
		{Program, "x86_64-unknown-linux-gnu", []string{"d/x"}, "d/x"},
	} {
		if got := c.kind.File(target.Parse(c.triple), c.files); got != c.want {
			t.Errorf("%s of %s in %v: %q, want %q", c.kind, c.triple, c.files, got, c.want)
		}
	}
}

// TestKinds: each kind is found by its crate type, and is one thing.
func TestKinds(t *testing.T) {
	for i := range kinds {
		k := Kind(i)
		if got, ok := OfCrateType(k.CrateType()); !ok || got != k {
			t.Errorf("%s is not found by %s", k, k.CrateType())
		}
		if k.Starts() == k.Loads() && k.Linked() || k.Loads() && !k.Linked() {
			t.Errorf("%s: a linker makes what either starts or is loaded", k)
		}
	}
	if _, ok := OfCrateType("rlib"); ok {
		t.Error("an rlib is shipped to nobody")
	}
	var zero Kind
	if !zero.Starts() || zero.String() != "program" {
		t.Error("the zero kind is no program")
	}
}

// TestStage: a library lies where the host looks only as long as it is needed,
// and what was there comes back, also after a run that was killed.
func TestStage(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	read := func(path string) string {
		data, err := os.ReadFile(path)
		if err != nil {
			return "-"
		}
		return string(data)
	}
	a, b := file("a.so", "a"), file("b.so", "b")
	for _, old := range []string{"old", "-"} {
		place := filepath.Join(dir, "place.so")
		os.Remove(place)
		if old != "-" {
			file("place.so", old)
		}
		stage := func() *Stage {
			t.Helper()
			s, err := NewStage(place)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		put := func(s *Stage, library, want string) {
			t.Helper()
			if err := s.Put(library); err != nil || read(place) != want {
				t.Fatalf("%v, %q is there", err, read(place))
			}
		}
		s := stage()
		put(s, a, "a")
		put(s, b, "b")
		if err := s.Restore(); err != nil || read(place) != old {
			t.Errorf("restored: %v, %q, want %q", err, read(place), old)
		}
		if old == "-" {
			continue
		}
		put(stage(), a, "a") // and is killed
		s = stage()
		put(s, b, "b")
		if err := s.Restore(); err != nil || read(place) != old {
			t.Errorf("after a run that was killed: %v, %q, want %q", err, read(place), old)
		}
		if err := stage().Restore(); err != nil || read(place) != old {
			t.Errorf("nothing was put: %v, %q", err, read(place))
		}
	}
	if _, err := NewStage(dir); err == nil {
		t.Error("a folder was taken")
	}
	if _, err := NewStage(filepath.Join(dir, "none", "x.so")); err == nil {
		t.Error("a folder that is not there was taken")
	}
}

func TestHostOf(t *testing.T) {
	for names, want := range map[string]string{
		"hello": "", "PyInit__native hello": "Python", "PyInit_": "", "napi_register_module_v1": "Node", "napi_register_module_v10": "",
		"sqlite3_uuid_init": "SQLite", "sqlite3_init": "", "Java_org_a_B_c": "Java", "": "",
	} {
		got := ""
		if h := HostOf(strings.Fields(names)); h != nil {
			got = h.Name
		}
		if got != want {
			t.Errorf("%q: %q, want %q", names, got, want)
		}
	}
	if h := HostOf([]string{"PyInit__native"}); !strings.Contains(h.Check, `ExtensionFileLoader("_native"`) {
		t.Errorf("%s", h.Check)
	}
}
