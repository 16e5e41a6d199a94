package relink

// Normal names: what patterns are matched against.
//
// A function's symbol changes with the compiler, the crate's hash and the
// mangling. Its normal name is its path with the hashes, the disambiguators
// and all generic arguments taken out: `std::io::Write::write_fmt`,
// `<core::fmt::Arguments as core::fmt::Display>::fmt`, `alloc::vec::Vec::push`,
// `a::b::{closure}`. C names are their own.

import (
	"strings"

	"github.com/minsize/minsize/internal/demangle"
)

// names are what one symbol is matched by and counted under.
type names struct {
	normal string
	full   string // with its generic arguments, for patterns with a *
	crate  string // "" for what is not Rust's
}

func namesOf(symbol string) names {
	n := demangle.Parse(symbol)
	if !n.Rust() {
		if path, ok := demangled(symbol); ok {
			crate, _, _ := strings.Cut(strings.TrimLeft(path, "<&"), "::")
			return names{normal: withoutGenerics(path), full: path, crate: crate}
		}
		return names{normal: n.Display, full: n.Display}
	}
	return names{normal: withoutGenerics(n.Display), full: n.Display, crate: n.Crate}
}

// demangled says whether a name is a Rust path already, as wasm-bindgen leaves
// them in modules: with the hash of the old mangling at its end, or with that of
// each crate behind its name and the number of a copy. It gives the path alone.
func demangled(symbol string) (path string, ok bool) {
	if at := len(symbol) - len("::h0123456789abcdef"); at > 0 && symbol[at:at+3] == "::h" && isHex(symbol[at+3:]) {
		return symbol[:at], true
	}
	var b strings.Builder
	rest := symbol
	for {
		before, after, found := strings.Cut(rest, "[")
		inner, behind, closed := strings.Cut(after, "]")
		if !found || !closed {
			b.WriteString(rest)
			return b.String(), ok
		}
		b.WriteString(before)
		crate := len(inner) >= 8 && strings.HasPrefix(behind, "::")
		if !isHex(inner) || before == "" || !crate && behind != "" {
			b.WriteString("[" + inner + "]")
		}
		ok = ok || isHex(inner) && crate
		rest = behind
	}
}

func isHex(text string) bool { return text != "" && strings.Trim(text, "0123456789abcdef") == "" }

// withoutGenerics takes `<...>` argument lists out of a path; a leading `<T>`
// of an inherent method becomes T, `<T as Trait>` stays.
func withoutGenerics(text string) string {
	name, _ := path(text, 0)
	return withoutNumbers(name)
}

// withoutNumbers makes what the compiler named alike in both manglings:
// `{{closure}}` (legacy) and `{closure#1}` (v0) become `{closure}`,
// `{{vtable.shim}}` and `{shim:vtable#0}` become `{shim:vtable}`.
func withoutNumbers(name string) string {
	if !strings.Contains(name, "{") {
		return name
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(name, "{")
		b.WriteString(before)
		inner, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			if found {
				b.WriteString("{" + rest)
			}
			return b.String()
		}
		if word, double := strings.CutPrefix(inner, "{"); double {
			inner, after = word, strings.TrimPrefix(after, "}")
		}
		inner, _, _ = strings.Cut(inner, "#")
		if inner == "vtable.shim" {
			inner = "shim:vtable"
			if !strings.HasSuffix(before, "::") {
				b.WriteString("::")
			}
		}
		b.WriteString("{" + inner + "}")
		name = after
	}
}

// path reads one path at i, up to a delimiter that is not its own.
func path(s string, i int) (string, int) {
	var b strings.Builder
	start := true // at the start of a segment
	for i < len(s) {
		switch c := s[i]; {
		case c == '<' && start:
			inner, next := path(s, i+1)
			i = next
			if strings.HasPrefix(s[i:], " as ") {
				trait, next := path(s, i+4)
				i = next
				inner = "<" + inner + " as " + trait + ">"
			}
			if i < len(s) && s[i] == '>' {
				i++
			}
			if b.Len() == 0 {
				b.WriteString(inner)
			} else { // `::<T>` generic arguments
				text := strings.TrimSuffix(b.String(), "::")
				b.Reset()
				b.WriteString(text)
			}
			start = false
		case c == '<':
			i = skipArguments(s, i)
		case c == '>' || strings.HasPrefix(s[i:], " as "):
			return b.String(), i
		case strings.HasPrefix(s[i:], "::"):
			b.WriteString("::")
			i += 2
			start = true
		case c == '-' && strings.HasPrefix(s[i:], "->"):
			b.WriteString("->")
			i += 2
		default:
			b.WriteByte(c)
			i++
			start = c == '&' || c == ' ' || c == '(' || c == '['
		}
	}
	return b.String(), i
}

// skipArguments passes over a balanced `<...>`.
func skipArguments(s string, i int) int {
	depth := 0
	for i < len(s) {
		switch {
		case s[i] == '<':
			depth++
		case strings.HasPrefix(s[i:], "->"):
			i++
		case s[i] == '>':
			depth--
			if depth == 0 {
				return i + 1
			}
		}
		i++
	}
	return i
}
