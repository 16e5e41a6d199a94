package objedit

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// TestLocalise: two objects that define the same names can be linked into one
// program once each has made them its own, and only what is kept is found.
func TestLocalise(t *testing.T) {
	for _, tool := range []string{"cc", "nm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs " + tool)
		}
	}
	dir := t.TempDir()
	run := func(name string, args ...string) []byte {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		said, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", name, err, said)
		}
		return said
	}
	write := func(name string, data []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"first", "second_with_a_long_name"} {
		write("l.c", []byte(`int counter = 1; int helper(int n) { return n * 10 + counter++; }
int (*table[])(int) = {helper}; extern int sum; int `+name+`(int n) { sum += n; return table[0](n); }`))
		run("cc", "-O1", "-fPIC", "-ffunction-sections", "-c", "l.c", "-o", "l.o")
		data, err := os.ReadFile(filepath.Join(dir, "l.o"))
		if err != nil {
			t.Fatal(err)
		}
		o, err := Parse("l.o", data, 0)
		if err != nil || len(o.Exports()) != 4 {
			t.Fatalf("%v, exports %v", err, o.Exports())
		}
		local, err := Localise(data, func(n string) bool { return n == name })
		if err != nil {
			t.Fatal(err)
		}
		if o, err = Parse("l.o", local, 0); err != nil || len(o.Exports()) != 1 || o.Exports()[0] != name || !slices.Contains(o.Undefined(), "sum") || slices.Contains(o.Undefined(), "helper") {
			t.Fatalf("%v, exports %v, undefined %v", err, o.Exports(), o.Undefined())
		}
		archive := Archive(name+".o", local, []string{name})
		if !bytes.Equal(archive, Archive(name+".o", local, []string{name})) {
			t.Error("the same object gave other bytes")
		}
		write(name+".a", archive)
		if said := run("nm", "-s", name+".a"); !bytes.Contains(said, []byte(name+" in "+name+".o")) {
			t.Errorf("the archive's index: %s", said)
		}
	}
	write("main.c", []byte(`#include <stdio.h>
int first(int), second_with_a_long_name(int); int sum;
int main(void) { int a = first(1), b = first(2), c = second_with_a_long_name(3); printf("%d %d %d %d\n", a, b, c, sum); return 0; }`))
	run("cc", "main.c", "first.a", "second_with_a_long_name.a", "-o", "main")
	if said := run("./main"); string(said) != "11 22 31 6\n" {
		t.Errorf("got %s", said)
	}
	for n := range 200 { // a file that is cut short is refused, or left whole
		if _, err := Localise(bytes.Repeat([]byte{0x7f}, n), func(string) bool { return false }); err == nil {
			t.Errorf("%d bytes of nothing were taken", n)
		}
	}
}
