package advice

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/target"
	"github.com/minsize/minsize/internal/testbin"
)

// TestEveryFindingHasAStep: what package attrib finds and the table's rows are
// the same names.
func TestEveryFindingHasAStep(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "attrib", "findings.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	ast.Inspect(file, func(n ast.Node) bool {
		literal, ok := n.(*ast.CompositeLit)
		if name, isName := "", ok; isName {
			if id, is := literal.Type.(*ast.Ident); is && id.Name == "Finding" {
				for _, e := range literal.Elts {
					if kv, is := e.(*ast.KeyValueExpr); is && kv.Key.(*ast.Ident).Name == "Name" {
						name, _ = strconv.Unquote(kv.Value.(*ast.BasicLit).Value)
						found = append(found, name)
					}
				}
			}
		}
		return true
	})
	var rows []string
	for _, s := range table {
		rows = append(rows, s.finding)
		for _, l := range []attrib.Language{attrib.Rust, attrib.Other} {
			if l == attrib.Rust && s.in(l) == "" {
				t.Errorf("%s: no step for programs of Rust", s.finding)
			}
		}
		if s.others != nil && s.in(attrib.Go) == s.rust {
			t.Errorf("%s: Go is listed, and gets Rust's step", s.finding)
		}
	}
	slices.Sort(found)
	slices.Sort(rows)
	if !slices.Equal(found, rows) {
		t.Errorf("findings %q, steps %q", found, rows)
	}
}

// TestFindings: a symbol table that nothing reads is found, with the step of
// the program's language.
func TestFindings(t *testing.T) {
	inputs, err := attrib.Load("app", testbin.ELF{Extra: []testbin.ELFSection{{Name: ".debug_info", Type: 1, Data: make([]byte, 999)}}}.Bytes(), attrib.Options{})
	if err != nil {
		t.Fatal(err)
	}
	list := Findings(inputs[0].Program)
	i := slices.IndexFunc(list, func(f attrib.Finding) bool { return f.Name == "debug" })
	if i < 0 || list[i].Bytes < 999 || list[i].Advice != "minsize strip" {
		t.Errorf("%+v", list)
	}
}

// TestBeyond: a project that brings an allocator is told so, with its place and
// bytes, and one that is small what smaller tiers start at.
func TestBeyond(t *testing.T) {
	if _, err := exec.LookPath("cargo"); err != nil {
		t.Skip("needs cargo")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"Cargo.toml":    "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\nlibmimalloc-sys = { path = \"mi\" }\n[workspace]\nmembers = [\"mi\"]\n",
		"src/main.rs":   "struct A;\n  #[global_allocator]\nstatic B: A = A;\nfn main() {}\n",
		"mi/Cargo.toml": "[package]\nname = \"libmimalloc-sys\"\nversion = \"0.1.9\"\nedition = \"2021\"\n",
		"mi/src/lib.rs": "",
		"allocator.c":   "int mi_malloc(int n) { return n; }\nint mi_free(int n) { return n + 1; }\nint main(void) { return mi_malloc(0) + mi_free(-1); }\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	p, err := cargo.Load(context.Background(), cargo.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "program")
	named := func() (string, error) {
		return program, exec.Command("cc", "-o", program, filepath.Join(dir, "allocator.c")).Run()
	}
	lines := Beyond(p, 1<<20, named)
	if len(lines) != 1 || !strings.HasPrefix(lines[0], "libmimalloc-sys 0.1.9 is an allocator of the program's own") || !strings.Contains(lines[0], filepath.Join("src", "main.rs")+":2") {
		t.Errorf("a large program: %q", lines)
	}
	if _, err := exec.LookPath("cc"); err == nil && !strings.Contains(lines[0], "its functions are ") {
		t.Errorf("its bytes are not told: %q", lines)
	}
	p.Triple.Arch, p.Triple.OS = "x86_64", "linux"
	if lines := Beyond(p, 9000, named); len(lines) != 2 || !strings.Contains(lines[1], "--tier raw (core and system calls (x86-64 Linux)) at 149 bytes") {
		t.Errorf("a small program: %q", lines)
	}
	p.Kind++ // a cdylib
	if lines := Beyond(p, 9000, named); len(lines) != 1 {
		t.Errorf("a small library, whom no tier is for: %q", lines)
	}
	p.Kind--
	p.Triple.Arch = "aarch64"
	p.Toolchain.Version = "1.30.0"
	if lines := Beyond(p, 9000, named); len(lines) != 1 {
		t.Errorf("another machine, an allocator chosen: %q", lines)
	}
	if err := os.WriteFile(filepath.Join(dir, "src", "main.rs"), []byte("fn main() {}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if lines := Beyond(p, 9000, named); len(lines) != 2 || !strings.Contains(lines[1], "Rust 1.30.0 puts jemalloc into every program") {
		t.Errorf("an old compiler: %q", lines)
	}

	// A module: std's allocator counts, and wasm-bindgen's projects are told how.
	p.Toolchain.Version, p.Triple = "1.90.0", target.Parse("wasm32-unknown-unknown")
	module := func() (string, error) {
		names := testbin.WasmSection{Name: "name", Data: append([]byte{1, 11, 1, 0, 8}, "dlmalloc"...)}
		return program, os.WriteFile(program, testbin.Wasm(names), 0o666)
	}
	if lines := Beyond(p, 9000, module); len(lines) != 2 || !strings.Contains(lines[1], "dlmalloc, is 5 bytes of the module's code; crates such as talc") {
		t.Errorf("a module: %q", lines)
	}
	p.Package.Dependencies = append(p.Package.Dependencies, cargo.Dependency{Name: "wasm-bindgen"})
	if lines := Beyond(p, 9000, named); len(lines) != 2 || !strings.Contains(lines[1], "minsize shrink pkg/app_bg.wasm --stage pkg/app_bg.wasm") || !strings.Contains(lines[1], "--check 'wasm-bindgen {}") {
		t.Errorf("a project for wasm-bindgen: %q", lines)
	}
	if err := os.WriteFile(filepath.Join(dir, "Trunk.toml"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	p.Triple = target.Parse("x86_64-pc-windows-gnu")
	if lines := Beyond(p, 9000, named); len(lines) != 2 || !strings.Contains(lines[1], "trunk leaves is searched on as `minsize shrink dist/*_bg.wasm") {
		t.Errorf("a project for trunk: %q", lines)
	}
}

func TestAfterSearch(t *testing.T) {
	for level, first := range map[string]string{"safe": "minsize shrink --level abort", "max": "minsize apply"} {
		if next := AfterSearch(level); !strings.HasPrefix(next, first) {
			t.Errorf("%s: %q", level, next)
		}
	}
}
