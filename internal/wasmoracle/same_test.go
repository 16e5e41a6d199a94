package wasmoracle

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func assemble(t *testing.T, text string) []byte {
	t.Helper()
	path, err := exec.LookPath("wat2wasm")
	if err != nil {
		t.Skip("wat2wasm is not installed (Debian: wabt)")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "m.wat"), []byte("(module\n"+text+"\n)"), 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "m.wasm")
	if message, err := exec.Command(path, "--enable-exceptions", filepath.Join(dir, "m.wat"), "-o", out).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, message, text)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// module is what the pairs below change one thing of.
const whole = `
(import "a" "f" (func $f (param i32)))
(import "a" "g" (func $g (param i32)))
(memory 1) (table 3 funcref) (elem (i32.const 0) $x $y $z)
(global $m (mut i32) (i32.const 1)) (global $n (mut i32) (i32.const 1))
(tag $t (export "tag") (param i32)) (tag $u (param i32))
(func $x (result i32) i32.const 1)
(func $y (result i32) i32.const 2)
(func $z (param i64))
(func (export "run") (param $p i32) (param $q i32) (local $a i32) (local $b i32)
  (call $f (local.get $p))
  (local.set $a (i32.load offset=4 (local.get $q)))
  (local.set $b (i32.add (local.get $a) (call_indirect (result i32) (i32.const 0))))
  (global.set $m (i32.sub (local.get $a) (local.get $b)))
  (if (global.get $n) (then (call $g (i32.const 3))) (else (throw $t (i32.const 4))))
  (br_if 0 (local.get $b))
  (drop (f32.add (f32.const 1.5) (f32.const 2))))
(data (i32.const 16) "abc\00\00\00def")
`

// TestDifferent: each of these is a bug that a writer could have.
func TestDifferent(t *testing.T) {
	old := assemble(t, whole)
	if err := Same(old, old); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, from, to string }{
		{"an import's name", `"a" "g"`, `"a" "h"`},
		{"an import's module", `(import "a" "g"`, `(import "b" "g"`},
		{"the called import", `call $f`, `call $g`},
		{"a parameter", `call $f (local.get $p)`, `call $f (local.get $q)`},
		{"a local", `(i32.sub (local.get $a) (local.get $b))`, `(i32.sub (local.get $b) (local.get $a))`},
		{"one local for two", `(local.set $b (i32.add`, `(local.set $a (i32.add`},
		{"a local's type", `(local $b i32)`, `(local $b i32) (local $c i64)`}, // the same: see below
		{"a constant", `(i32.const 3)`, `(i32.const 4)`},
		{"a float", `(f32.const 1.5)`, `(f32.const 1.25)`},
		{"an operation", `i32.sub`, `i32.add`},
		{"an offset", `offset=4`, `offset=8`},
		{"a jump that is another", `(br_if 0 (local.get $b))`, `(br_if 0 (local.get $a))`},
		{"a global", `global.set $m`, `global.set $n`},
		{"a global's value", `(global $n (mut i32) (i32.const 1))`, `(global $n (mut i32) (i32.const 0))`},
		{"a tag", `throw $t`, `throw $u`},
		{"a slot", `$x $y $z`, `$y $x $z`},
		{"a slot's place", `(elem (i32.const 0)`, `(elem (i32.const 1)`},
		{"a slot that could not be called", `$x $y $z)`, `$x $y $x)`},
		{"a table's size", `(table 3 `, `(table 4 `},
		{"a memory's size", `(memory 1)`, `(memory 2)`},
		{"a byte of data", `"abc`, `"abd`},
		{"a byte of data too many", `def"`, `def\01"`},
		{"the data's place", `(data (i32.const 16)`, `(data (i32.const 17)`},
		{"an export's name", `(export "run")`, `(export "ran")`},
		{"the type of a function", `(func $z (param i64))`, `(func $z (param i64) (result i32) i32.const 1)`}, // the same: nobody calls it
		{"a start function", `(data `, `(func $s) (start $s) (data `},
		{"an export more", `(data `, `(func (export "more")) (data `},
		{"an early return", `(br_if 0 (local.get $b))`, `(return)`},
	} {
		changed := strings.Replace(whole, c.from, c.to, 1)
		if changed == whole {
			t.Fatalf("%s: nothing was changed", c.name)
		}
		err := Same(old, assemble(t, changed))
		equal := c.name == "a local's type" || c.name == "the type of a function"
		if (err == nil) != equal {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestSame: what a writer may do.
func TestSame(t *testing.T) {
	old := assemble(t, whole)
	for _, c := range []struct{ name, from, to string }{
		{"locals in another order", "(local $a i32) (local $b i32)", "(local $b i32) (local $a i32)"},
		{"a function more that nobody calls", "(data ", "(func (result i64) i64.const 1) (data "},
		{"a type more", "(memory 1)", "(type (func (param f64 f64))) (memory 1)"},
		{"dead code", `(br_if 0 (local.get $b))`, `(block (br 0) (drop (i32.const 1))) (br_if 0 (local.get $b))`},
		{"nothing is done", `(br_if 0 `, `nop (drop (local.get $a)) (br_if 0 `},
		{"a local written with itself and dropped", `(br_if 0 `, `(drop (local.tee $a (local.get $a))) (br_if 0 `},
		{"data in two pieces", `"abc\00\00\00def")`, `"abc") (data (i32.const 22) "def\00\00")`},
		{"a slot that nobody can call", `$x $y $z)`, `$x $y $w) (func $w (param f32))`},
	} {
		changed := assemble(t, strings.Replace(whole, c.from, c.to, 1))
		if c.name == "dead code" { // a block more is a block more
			if Same(old, changed) == nil {
				t.Error("a block is no dead code")
			}
			continue
		}
		if err := Same(old, changed); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if err := Same(changed, old); err != nil {
			t.Errorf("%s, the other way round: %v", c.name, err)
		}
	}
}

// TestVisibleTables: who can look into a table sees every slot.
func TestVisibleTables(t *testing.T) {
	for _, how := range []string{`(export "t" (table 0))`, `(func (export "get") (result funcref) (table.get 0 (i32.const 2)))`} {
		text := whole + how
		old := assemble(t, text)
		if err := Same(old, assemble(t, strings.Replace(text, `$x $y $z)`, `$x $y $w) (func $w (param f32))`, 1))); err == nil {
			t.Errorf("%s: another function in slot 2", how)
		}
	}
}

// TestMeets: where segments are written over each other their order counts.
func TestMeets(t *testing.T) {
	segments := func(a, b string) []byte {
		return assemble(t, fmt.Sprintf(`(memory 1) (func (export "f")) (data (i32.const 0) %q) (data (i32.const 1) %q)`, a, b))
	}
	if err := Same(segments("aaa", "bbb"), segments("aaa", "bbc")); err == nil {
		t.Error("other bytes")
	}
	if err := Same(segments("aaa", "bbb"), segments("aaa", "bbb")); err != nil {
		t.Error(err)
	}
}

// FuzzSame: a damaged module is an error, never a panic.
func FuzzSame(f *testing.F) {
	seeds, _ := filepath.Glob("../wasmedit/testdata/*.wasm")
	for _, s := range seeds {
		if data, err := os.ReadFile(s); err == nil {
			f.Add(data, data)
		}
	}
	f.Fuzz(func(t *testing.T, old, new []byte) {
		_ = Same(old, new)
		if read, err := read(old); err == nil && read != nil {
			_ = Same(old, old)
		}
	})
}
