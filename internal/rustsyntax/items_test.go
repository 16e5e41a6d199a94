package rustsyntax

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// describe says what the parser understood of a function, on one line.
func describe(f *File, fn *Function) string {
	var b strings.Builder
	if fn.Owner != nil {
		fmt.Fprintf(&b, "[%d %s for %s] ", fn.Owner.Kind, f.Text(fn.Owner.Trait), f.Text(fn.Owner.Self))
	}
	for _, m := range fn.Modules {
		b.WriteString(m + "::")
	}
	b.WriteString(f.Word(fn.Name))
	for _, a := range fn.Attributes {
		b.WriteString(" #" + a.Path)
	}
	for _, g := range fn.Generics {
		fmt.Fprintf(&b, " <%s:%s>", f.Word(g.Name), f.Text(g.Bounds))
	}
	for _, p := range fn.Params {
		fmt.Fprintf(&b, " (%s|%s)", f.Text(p.Pattern), f.Text(p.Type))
	}
	fmt.Fprintf(&b, " -> %s where %s", f.Text(fn.Return), f.Text(fn.Where))
	return b.String()
}

func TestParse(t *testing.T) {
	source := `
#![allow(dead_code)]
use std::{fmt, io::{self, Read}};
const A: [u8; { 1 + 1 }] = { fn hidden() {} [0; 2] };
static S: fn(u8) -> u8 = f;
struct P<T>(T) where T: Clone;
struct Q<const N: usize = 3> { a: [u8; N] }
/// Docs.
#[inline(always)] #[cfg(feature = "x")]
pub(crate) async unsafe fn one<'a, T: AsRef<[u8]> + ?Sized, const N: usize>(x: &'a T, mut y: [u8; N], (a, b): (A, B), m: HashMap<K, Vec<V>>) -> impl Iterator<Item = &'a u8> + 'a where T: 'a, Foo<{ N }>: Bar { fn inner() {} }
mod m { pub mod n { fn two() -> Option<fn(u8) -> u8> {} } }
impl<T: Into<String>> Foo<T> for Bar<T> where T: Copy { type X = u8; const C: u8 = 1; fn three(self: Box<Self>) -> Self::X { 0 } default fn four(&mut self) {} }
impl<F> Bar<F> where F: for<'x> Fn(&'x u8) -> u8 { extern "C" fn five(f: for<'y> fn(&'y u8)) {} }
unsafe impl Send for P<for<'a> fn(&'a u8)> {}
trait Tr: Sized { fn six(&self) -> u8; fn seven() {} }
extern "C" { fn eight(x: i32, ...); }
macro_rules! mac { ($x:ident) => { fn nine() {} }; }
mac! { fn ten() {} }
const fn eleven() {}
const _: () = { fn twelve() {} };
impl Foo<{ 1 > 0 }> { fn thirteen(&self) {} }
fn r#type(r#fn: u8) {}
type Y = Box<dyn Fn(u8) -> u8>;
enum E { A { x: u8 }, B(u8) }
`
	f, err := Parse([]byte(source))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, fn := range f.Functions {
		got = append(got, describe(f, fn))
	}
	want := []string{
		"one #inline #cfg <'a:> <T:AsRef<[u8]> + ?Sized> <N:usize> (x|&'a T) (mut y|[u8; N]) ((a, b)|(A, B)) (m|HashMap<K, Vec<V>>) -> impl Iterator<Item = &'a u8> + 'a where T: 'a, Foo<{ N }>: Bar",
		"m::n::two -> Option<fn(u8) -> u8> where ",
		"[2 Foo<T> for Bar<T>] three (self|Box<Self>) -> Self::X where ",
		"[2 Foo<T> for Bar<T>] four (&mut self|) ->  where ",
		"[1  for Bar<F>] five (f|for<'y> fn(&'y u8)) ->  where ",
		"[3  for ] six (&self|) -> u8 where ",
		"[3  for ] seven ->  where ",
		"[4  for ] eight (x|i32) (...|) ->  where ",
		"eleven ->  where ",
		"[1  for Foo<{ 1 > 0 }>] thirteen (&self|) ->  where ",
		"r#type (r#fn|u8) ->  where ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	one := f.Functions[0]
	if !one.Async || !one.Unsafe || one.Const || f.Text(one.Visibility) != "pub(crate)" || f.Text(one.Body) != "{ fn inner() {} }" {
		t.Errorf("qualifiers or body of one: %+v", one)
	}
	if !strings.HasPrefix(string(f.Source[f.Tokens[one.Start].Start:]), "pub(crate) async") {
		t.Error("start of one")
	}
}

func TestUnmatchedDelimiters(t *testing.T) {
	for source, offset := range map[string]int{"a (": 2, "a )": 2, "( ]": 2} {
		_, err := Parse([]byte(source))
		e, ok := err.(*Error)
		if !ok || e.Offset != offset {
			t.Errorf("%q: %v", source, err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	source := []byte(strings.Repeat("/// Doc.\nimpl<T> X<T> { pub fn a<P: AsRef<Path>>(&self, p: P) -> io::Result<()> { let p = p.as_ref(); if p.exists() { return Ok(()); } Err(io::Error::other(\"no\")) } }\n", 5000))
	b.SetBytes(int64(len(source)))
	for b.Loop() {
		if _, err := Parse(source); err != nil {
			b.Fatal(err)
		}
	}
}
