package rustsyntax

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func kinds(t *testing.T, source string) []string {
	t.Helper()
	tokens, err := Lex([]byte(source))
	if err != nil {
		t.Fatalf("%q: %v", source, err)
	}
	names := map[Kind]string{Ident: "i", Lifetime: "l", Int: "n", Float: "f", Char: "c", Str: "s", Punct: "p", LineComment: "//", BlockComment: "/*", Shebang: "#!", Other: "?"}
	var out []string
	for _, tok := range tokens {
		if tok.Kind != Whitespace {
			out = append(out, names[tok.Kind]+" "+source[tok.Start:tok.End])
		}
	}
	return out
}

func TestLex(t *testing.T) {
	for _, test := range []struct{ source, want string }{
		{`'a' 'b '\'' '\u{1F600}' b'x' 'é' '_ 'static`, `c 'a'|l 'b|c '\''|c '\u{1F600}'|c b'x'|c 'é'|l '_|l 'static`},
		{`r"a" r#"b"c"# br##"x"#"## cr"y" r#type c"z" b"\"" rr"x"`, `s r"a"|s r#"b"c"#|s br##"x"#"##|s cr"y"|i r#type|s c"z"|s b"\""|i rr|s "x"`},
		{`1..2 1.0 1. 1.max(2) 1e5 1e-5 1_000u32 0xffu8 0b1 1f32 x.0.1`, `n 1|p .|p .|n 2|f 1.0|f 1.|n 1|p .|i max|p (|n 2|p )|f 1e5|f 1e-5|n 1_000u32|n 0xffu8|n 0b1|n 1f32|i x|p .|f 0.1`},
		{"/* a /* b */ c */ x // y\n/// doc", "/* /* a /* b */ c */|i x|// // y|// /// doc"},
		{"#!/usr/bin/env run\nfn", "#! #!/usr/bin/env run|i fn"},
		{"#![no_std] fn", "p #|p !|p [|i no_std|p ]|i fn"},
		{"naïve Ωmega _x x_1", "i naïve|i Ωmega|i _x|i x_1"},
		{`'r#fn x<'a>`, `l 'r#fn|i x|p <|l 'a|p >`},
		{`"multi
line" 'a'`, "s \"multi\nline\"|c 'a'"},
	} {
		if diff := cmp.Diff(strings.Split(test.want, "|"), kinds(t, test.source)); diff != "" {
			t.Errorf("%q:\n%s", test.source, diff)
		}
	}
}

func TestLexErrorsNameTheirPlace(t *testing.T) {
	for _, source := range []string{"a\n/* /* */", "a\n\"b", "a\nr#\"b\"", "a\n'\\"} {
		_, err := Lex([]byte(source))
		e, ok := err.(*Error)
		if !ok || e.Offset != 2 || e.Line != 2 {
			t.Errorf("%q: %v", source, err)
		}
	}
}

// joined checks that tokens cover source exactly and carry the right lines.
func joined(source []byte, tokens []Token) error {
	at, line := int32(0), int32(1)
	for _, tok := range tokens {
		if tok.Start != at || tok.End <= tok.Start {
			return fmt.Errorf("token at %d begins at %d and ends at %d", at, tok.Start, tok.End)
		}
		if tok.Line != line {
			return fmt.Errorf("offset %d: line %d, want %d", at, tok.Line, line)
		}
		line += int32(bytes.Count(source[tok.Start:tok.End], []byte("\n")))
		at = tok.End
	}
	if int(at) != len(source) {
		return fmt.Errorf("tokens end at %d of %d", at, len(source))
	}
	return nil
}

// rustSources are folders of real Rust source on this machine: the standard
// library's with its vendored crates, and the local cargo home.
func rustSources() []string {
	var dirs []string
	if out, err := exec.Command("rustc", "--print", "sysroot").Output(); err == nil {
		dirs = append(dirs, filepath.Join(strings.TrimSpace(string(out)), "lib/rustlib/src/rust/library"))
	}
	more, _ := filepath.Glob("/usr/src/rustc-*/library")
	dirs = append(dirs, more...)
	if home, err := os.UserHomeDir(); err == nil {
		dirs = append(dirs, filepath.Join(home, ".cargo/registry/src"))
	}
	var there []string
	for _, dir := range dirs {
		if _, err := os.Stat(dir); err == nil {
			there = append(there, dir)
		}
	}
	return there
}

// notRust are fixtures that are wrong on purpose.
var notRust = []string{"/testdata/", "/tests/ui/", "/tests/fail", "/corpus/", "/fuzz/", "/tests/expand/"}

// eachRustFile calls f for every .rs file in dirs.
func eachRustFile(t *testing.T, dirs []string, f func(file string, source []byte)) {
	t.Helper()
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(file, ".rs") {
				return err
			}
			for _, part := range notRust {
				if strings.Contains(file, part) {
					return nil
				}
			}
			source, err := os.ReadFile(file)
			if err == nil {
				f(file, source)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestLosslessOnStd reads the standard library's own crates; the sweep reads
// all Rust source there is.
func TestLosslessOnStd(t *testing.T) {
	var dirs []string
	for _, dir := range rustSources() {
		for _, crate := range []string{"core/src", "alloc/src", "std/src"} {
			if _, err := os.Stat(filepath.Join(dir, crate)); err == nil {
				dirs = append(dirs, filepath.Join(dir, crate))
			}
		}
	}
	lossless(t, dirs)
}

// TestSweepLossless reads std's sources with its vendored crates, and the local
// cargo home.
func TestSweepLossless(t *testing.T) {
	if os.Getenv("MINSIZE_SWEEP") == "" {
		t.Skip("long: set MINSIZE_SWEEP=1")
	}
	lossless(t, rustSources())
}

func lossless(t *testing.T, dirs []string) {
	t.Helper()
	if len(dirs) == 0 {
		t.Skip("needs Rust sources: rust-web-src or the rust-src component")
	}
	files, total := 0, 0
	eachRustFile(t, dirs, func(file string, source []byte) {
		files++
		total += len(source)
		tokens, err := Lex(source)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			return
		}
		if err := joined(source, tokens); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if _, err := Parse(source); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	})
	t.Logf("%d files, %d bytes", files, total)
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "fn f() {}", "pub(crate) async unsafe fn f<'a, T: AsRef<[u8]>, const N: usize>(x: &'a T, mut y: [u8; N]) -> impl Iterator<Item = &'a u8> where T: ?Sized { x.as_ref() }",
		"impl<T> Foo<T> for Bar where T: Into<String> { fn a(self: Box<Self>) {} }", "mod m { macro_rules! x { () => {}; } x!{} trait T { fn f(&self) -> u8; } }",
		"r#\"", "'", "/*", "#!x\n#![y]", "fn f(a: fn(u8) -> u8, b: (A, B), [c, d]: [u8; 2]) -> Option<Vec<u8>> {}", "const X: [u8; { 1 + 1 }] = [0; 2]; struct S<T>(T) where T: A; union U { a: u8 }",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		tokens, err := Lex(source)
		if err != nil {
			return
		}
		if err := joined(source, tokens); err != nil {
			t.Fatal(err)
		}
		file, err := Parse(source)
		if err != nil {
			return
		}
		for _, fn := range file.Functions {
			if fn.Start > fn.Name || fn.End > len(file.Tokens) {
				t.Fatalf("function out of order: %+v", fn)
			}
		}
	})
}
