package demangle

// Rust's legacy mangling: an Itanium nested name whose last part is "h" and 16
// hex digits, with the characters that Itanium forbids spelt $LT$, $u7b$, "..".
//
// It says less than v0: generic arguments of functions are gone (the impl's
// type parameters stand as their names), and the crate of an impl has to be
// guessed from its type and trait.

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

func (p *Parser) parseLegacy(mangled, core string) (Name, bool) {
	body, suffix := core, ""
	if i := strings.LastIndexByte(core, 'E'); i >= 0 && i+1 < len(core) && core[i+1] == '.' {
		body, suffix = core[:i+1], core[i+1:]
	} else if dot := strings.Index(core, "E.llvm."); dot >= 0 {
		body, suffix = core[:dot+1], core[dot+1:]
	}
	const tail = len("17h0123456789abcdefE")
	if len(body) < 3+tail || body[len(body)-1] != 'E' || body[len(body)-tail:len(body)-17] != "17h" {
		return Name{}, false
	}
	hash := body[len(body)-17 : len(body)-1]
	if !isHash(hash) {
		return Name{}, false
	}
	rest := body[3 : len(body)-tail]
	out := p.buf[:0]
	first, last := span{}, span{} // the first and the last component, printed
	count := 0
	for len(rest) > 0 {
		n, digits := 0, 0
		for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' && n < len(mangled) {
			n = n*10 + int(rest[digits]-'0')
			digits++
		}
		rest = rest[digits:]
		if digits == 0 || n == 0 || n > len(rest) {
			return Name{}, false
		}
		if count > 0 {
			out = append(out, "::"...)
		}
		from := len(out)
		out = appendUnescaped(out, rest[:n])
		last = span{from, len(out)}
		if count == 0 {
			first = last
		}
		count++
		rest = rest[n:]
	}
	p.buf = out
	if count == 0 {
		return Name{}, false
	}
	text := p.text(out)
	n := Name{Mangled: mangled, Scheme: RustLegacy, Display: text, Hash: hash, Suffix: suffix}
	n.legacyParts(text[first.from:first.to], text[last.from:last.to], count)
	return n, true
}

func isHash(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// legacyParts finds what the text tells: kind, self type, trait, crate, module.
func (n *Name) legacyParts(first, last string, count int) {
	if strings.HasPrefix(first, "<") && strings.HasSuffix(first, ">") {
		inner := first[1 : len(first)-1]
		n.Kind, n.SelfType = Inherent, inner
		if at := topLevelAs(inner); at >= 0 {
			n.Kind, n.SelfType, n.Trait = TraitImpl, inner[:at], inner[at+len(" as "):]
		}
		n.Crate, n.CrateGuessed = legacyImplCrate(n.SelfType, n.Trait)
		n.Module = n.Crate
		for _, of := range []string{n.SelfType, n.Trait} {
			if path := typePath(of); pathCrate(path) == n.Crate && n.Crate != "" {
				if i := strings.LastIndex(path, "::"); i >= 0 {
					n.Module = path[:i]
				}
				break
			}
		}
	} else {
		n.Crate = first
		n.Module = first
		// Modules and types look alike; types begin with a capital by
		// custom, and such a path is a method.
		if last != first {
			path := n.Display[:len(n.Display)-len(last)-2]
			n.Module = path
			for {
				i := strings.LastIndex(path, "::")
				if i < 0 {
					break
				}
				if c := path[i+2:]; c != "" && (c[0] >= 'A' && c[0] <= 'Z' || c[0] == '{' || c[0] == '<') {
					if c[0] != '{' {
						n.Kind, n.SelfType = Inherent, path
					}
					n.Module = path[:i]
				}
				path = path[:i]
			}
		}
		if i := strings.Index(n.Module, "::<"); i >= 0 {
			n.Module = n.Module[:i]
		}
	}
	switch {
	case strings.HasPrefix(last, "{{closure}}"):
		n.Kind = Closure
	case strings.HasPrefix(last, "{{vtable.shim}}"), strings.HasPrefix(last, "{shim:"), strings.HasPrefix(last, "drop_in_place<"):
		n.Kind = Shim
	}
	if strings.HasPrefix(last, "drop_in_place<") && strings.HasSuffix(last, ">") {
		n.Args = last[len("drop_in_place<") : len(last)-1]
	}
}

// topLevelAs finds " as " outside angle brackets.
func topLevelAs(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '<', '(', '[':
			depth++
		case '>':
			if i > 0 && s[i-1] == '-' { // fn() -> T
				continue
			}
			depth--
		case ')', ']':
			depth--
		case ' ':
			if depth == 0 && strings.HasPrefix(s[i:], " as ") {
				return i
			}
		}
	}
	return -1
}

// typePath is the path of the type that a type expression is about: of
// &mut a::B<c::D> it is a::B.
func typePath(t string) string {
	for {
		switch {
		case strings.HasPrefix(t, "&mut "):
			t = t[5:]
		case strings.HasPrefix(t, "*const "):
			t = t[7:]
		case strings.HasPrefix(t, "*mut "):
			t = t[5:]
		case strings.HasPrefix(t, "dyn "):
			t = t[4:]
		case strings.HasPrefix(t, "&"), strings.HasPrefix(t, "["), strings.HasPrefix(t, "("), strings.HasPrefix(t, "<"):
			t = t[1:]
		default:
			if i := strings.IndexAny(t, "<>,;)] "); i >= 0 {
				t = t[:i]
			}
			return t
		}
	}
}

// pathCrate is the crate of a path; "" for primitive types and type parameters.
func pathCrate(path string) string {
	if i := strings.Index(path, "::"); i > 0 {
		return path[:i]
	}
	return ""
}

func standardCrate(crate string) bool {
	return crate == "core" || crate == "alloc" || crate == "std"
}

// legacyImplCrate uses the orphan rule: an impl is in its type's or its
// trait's crate. Where one of them is the standard library's and the other
// is not, it is in the other; guessed says that both were possible.
func legacyImplCrate(selfType, trait string) (crate string, guessed bool) {
	of, to := pathCrate(typePath(selfType)), pathCrate(typePath(trait))
	switch {
	case trait == "" || to == "" || of == to:
		return of, false
	case of == "":
		return to, false
	case standardCrate(of):
		return to, !standardCrate(to)
	case standardCrate(to):
		return of, false
	}
	return of, true
}

var legacyEscapes = map[string]byte{"SP": '@', "BP": '*', "RF": '&', "LT": '<', "GT": '>', "LP": '(', "RP": ')', "C": ','}

// appendUnescaped prints one component. What is not a known escape stays.
func appendUnescaped(out []byte, s string) []byte {
	if strings.HasPrefix(s, "_$") { // an identifier cannot begin with "$"
		s = s[1:]
	}
	for len(s) > 0 {
		switch {
		case strings.HasPrefix(s, ".."):
			out = append(out, "::"...)
			s = s[2:]
			continue
		case s[0] == '$':
			end := strings.IndexByte(s[1:], '$')
			if end < 0 {
				return append(out, s...)
			}
			word := s[1 : 1+end]
			if c, ok := legacyEscapes[word]; ok {
				out = append(out, c)
			} else if r, ok := hexEscape(word); ok {
				out = utf8.AppendRune(out, r)
			} else {
				return append(out, s...)
			}
			s = s[end+2:]
			continue
		}
		out = append(out, s[0])
		s = s[1:]
	}
	return out
}

// hexEscape reads "u7e": a printable character.
func hexEscape(word string) (rune, bool) {
	if len(word) < 2 || len(word) > 7 || word[0] != 'u' {
		return 0, false
	}
	r := rune(0)
	for i := 1; i < len(word); i++ {
		c := word[i]
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		default:
			return 0, false
		}
	}
	return r, unicode.IsPrint(r)
}
