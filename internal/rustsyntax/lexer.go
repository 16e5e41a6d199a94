// Package rustsyntax reads Rust source without losing a byte: a lexer whose
// tokens, joined, are the source, and a parser of items that knows where each
// function, its generics, its parameters and its body stand.
//
// What is hard: Rust cannot be cut into tokens by a regular expression (nested
// comments, raw strings of any guard, lifetimes that look like characters),
// and generics cannot be told from comparisons without knowing where one is.
// Chosen: a full lexer of the reference's lexical structure (The Rust Reference,
// chapter 2), delimiters matched once, and a parser that understands item
// positions only and treats expressions and macros as trees of tokens. That is
// all that moving a function's body needs, and what it does not know it cannot
// spoil. Rejected: a whole grammar (a compiler front end to keep up with), and
// rustc's own unpretty output (loses comments and format).
package rustsyntax

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// Kind is what a token is.
type Kind uint8

const (
	Whitespace Kind = iota
	LineComment
	BlockComment
	Shebang
	Ident    // keywords too; raw identifiers keep their r#
	Lifetime // with its quote
	Int
	Float
	Char  // and byte characters
	Str   // every kind of string, prefix and guard included
	Punct // one byte: a delimiter or one character of an operator
	Other // a character that Rust has no use for outside macros, or a BOM
)

// Token is source[Start:End].
type Token struct {
	Kind       Kind
	Start, End int32 // bytes
	Line       int32 // 1-based line of Start
}

// Error is what a lexer or parser could not read; Offset is in bytes.
type Error struct {
	Offset int
	Line   int
	What   string
}

func (e *Error) Error() string {
	return fmt.Sprintf("line %d (offset %d): %s", e.Line, e.Offset, e.What)
}

// MaxSource bounds what is read as one file, in bytes.
const MaxSource = 1 << 30

// Lex cuts source into tokens. They cover it without gap or overlap. The error
// is an *Error for a comment, string or character without its end.
func Lex(source []byte) ([]Token, error) {
	if len(source) > MaxSource {
		return nil, &Error{What: fmt.Sprintf("%d bytes, more than %d", len(source), MaxSource)}
	}
	l := &lexer{src: source, line: 1, tokens: make([]Token, 0, len(source)/3+16)}
	if hasPrefix(source, "\xef\xbb\xbf") {
		l.at = 3
		l.add(Other, 0)
	}
	l.shebang()
	for l.at < len(l.src) {
		if err := l.next(); err != nil {
			return nil, err
		}
	}
	return l.tokens, nil
}

type lexer struct {
	src    []byte
	at     int
	line   int32
	tokens []Token
}

// add ends a token that began at start, and counts the lines in it.
func (l *lexer) add(kind Kind, start int) {
	l.tokens = append(l.tokens, Token{Kind: kind, Start: int32(start), End: int32(l.at), Line: l.line})
	if kind == Whitespace || kind == BlockComment || kind == Str || kind == Char {
		for _, c := range l.src[start:l.at] {
			if c == '\n' {
				l.line++
			}
		}
	}
}

func (l *lexer) fail(start int, what string) error {
	return &Error{Offset: start, Line: int(l.line), What: what}
}

func (l *lexer) peek(n int) byte {
	if l.at+n < len(l.src) {
		return l.src[l.at+n]
	}
	return 0
}

// shebang is a first line "#!..." that is not an inner attribute "#![".
func (l *lexer) shebang() {
	start := l.at
	if !hasPrefix(l.src[start:], "#!") {
		return
	}
	for i := start + 2; i < len(l.src) && l.src[i] != '\n'; i++ {
		switch l.src[i] {
		case ' ', '\t', '\r':
			continue
		case '[':
			return
		}
		break
	}
	l.untilNewline()
	l.add(Shebang, start)
}

func (l *lexer) untilNewline() {
	for l.at < len(l.src) && l.src[l.at] != '\n' {
		l.at++
	}
}

// punctuation of Rust, the delimiters included.
var isPunct = func() (table [256]bool) {
	for _, c := range []byte("!#$%&()*+,-./:;<=>?@[]^{|}~") {
		table[c] = true
	}
	return table
}()

var isSpace = [256]bool{' ': true, '\t': true, '\n': true, '\r': true, '\v': true, '\f': true}

// identByte says whether an ASCII byte goes on with an identifier.
var identByte = func() (table [256]bool) {
	for c := 0; c < 128; c++ {
		table[c] = c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	}
	return table
}()

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func (l *lexer) next() error {
	start := l.at
	c := l.src[start]
	switch {
	case isSpace[c]:
		for l.at < len(l.src) && isSpace[l.src[l.at]] {
			l.at++
		}
		l.add(Whitespace, start)
	case c == '/' && l.peek(1) == '/':
		l.untilNewline()
		l.add(LineComment, start)
	case c == '/' && l.peek(1) == '*':
		return l.blockComment()
	case isDigit(c):
		l.number()
	case c == '"':
		l.at++
		return l.quoted(start, '"', Str)
	case c == '\'':
		return l.quote()
	case identByte[c] || c >= utf8.RuneSelf:
		return l.word()
	case isPunct[c]:
		l.at++
		l.add(Punct, start)
	default:
		l.at++
		l.add(Other, start)
	}
	return nil
}

// blockComment nests (Reference, 2.3).
func (l *lexer) blockComment() error {
	start := l.at
	depth := 0
	for l.at < len(l.src) {
		switch {
		case l.src[l.at] == '/' && l.peek(1) == '*':
			depth++
			l.at += 2
		case l.src[l.at] == '*' && l.peek(1) == '/':
			depth--
			l.at += 2
			if depth == 0 {
				l.add(BlockComment, start)
				return nil
			}
		default:
			l.at++
		}
	}
	return l.fail(start, "block comment without its end")
}

// quoted reads up to an unescaped end; l.at stands behind the opening quote.
func (l *lexer) quoted(start int, end byte, kind Kind) error {
	for l.at < len(l.src) {
		switch l.src[l.at] {
		case '\\':
			l.at += 2
		case end:
			l.at++
			l.suffix()
			l.add(kind, start)
			return nil
		default:
			l.at++
		}
	}
	l.at = len(l.src)
	return l.fail(start, "literal without its closing "+string(end))
}

// suffix takes a literal's suffix, which macros may give any meaning.
func (l *lexer) suffix() {
	if l.at < len(l.src) && (identByte[l.src[l.at]] && !isDigit(l.src[l.at])) {
		l.ident()
	}
}

// raw reads r"..", r#".."# and so on; l.at stands behind the prefix's letters.
// It says whether there was a raw string.
func (l *lexer) raw(start int) (bool, error) {
	guard := 0
	for l.peek(guard) == '#' {
		guard++
	}
	if l.peek(guard) != '"' {
		return false, nil
	}
	i := l.at + guard + 1
	for ; i < len(l.src); i++ {
		if l.src[i] != '"' {
			continue
		}
		n := 0
		for n < guard && i+1+n < len(l.src) && l.src[i+1+n] == '#' {
			n++
		}
		if n == guard {
			l.at = i + 1 + guard
			l.suffix()
			l.add(Str, start)
			return true, nil
		}
	}
	return false, l.fail(start, "raw string without its end")
}

// quote tells a character from a lifetime (Reference, 2.6.2): 'a' has its
// closing quote right behind one character, 'a has not.
func (l *lexer) quote() error {
	start := l.at
	if l.peek(1) == '\\' {
		l.at++
		return l.quoted(start, '\'', Char)
	}
	r, size := utf8.DecodeRune(l.src[start+1:])
	if start+1+size < len(l.src) && size > 0 && r != '\'' && l.src[start+1+size] == '\'' {
		l.at = start + 1 + size + 1
		l.suffix()
		l.add(Char, start)
		return nil
	}
	if isIdentStart(r) {
		l.at++
		if r == 'r' && l.peek(1) == '#' && l.at+2 < len(l.src) && identByte[l.src[l.at+2]] {
			l.at += 2 // 'r#name, 2021 edition
		}
		l.ident()
		l.add(Lifetime, start)
		return nil
	}
	l.at++
	l.add(Punct, start) // a lone quote: macros see worse
	return nil
}

func isIdentStart(r rune) bool {
	return r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' ||
		r >= utf8.RuneSelf && r != utf8.RuneError && (unicode.IsLetter(r) || unicode.Is(unicode.Nl, r) || unicode.Is(unicode.Other_ID_Start, r))
}

func isIdentContinue(r rune) bool {
	return isIdentStart(r) || unicode.IsDigit(r) || unicode.In(r, unicode.Mn, unicode.Mc, unicode.Pc, unicode.Other_ID_Continue)
}

// ident moves behind an identifier whose start is at l.at.
func (l *lexer) ident() {
	for l.at < len(l.src) {
		c := l.src[l.at]
		if identByte[c] {
			l.at++
			continue
		}
		if c < utf8.RuneSelf {
			return
		}
		r, size := utf8.DecodeRune(l.src[l.at:])
		if !isIdentContinue(r) {
			return
		}
		l.at += size
	}
}

// word is an identifier, or a literal that a prefix of letters begins.
func (l *lexer) word() error {
	start := l.at
	if l.src[start] >= utf8.RuneSelf {
		r, size := utf8.DecodeRune(l.src[start:])
		if !isIdentStart(r) {
			l.at += size
			kind := Other
			if unicode.IsSpace(r) || r == '\u200e' || r == '\u200f' {
				kind = Whitespace // Pattern_White_Space
			}
			l.add(kind, start)
			return nil
		}
	}
	l.ident()
	switch string(l.src[start:l.at]) {
	case "r", "br", "cr":
		if is, err := l.raw(start); is || err != nil {
			return err
		}
		if l.src[start] == 'r' && l.peek(0) == '#' && l.at+1 < len(l.src) {
			if r, _ := utf8.DecodeRune(l.src[l.at+1:]); isIdentStart(r) {
				l.at++
				l.ident()
			}
		}
	case "b", "c":
		if l.peek(0) == '"' {
			l.at++
			return l.quoted(start, '"', Str)
		}
		if l.peek(0) == '\'' && l.src[start] == 'b' {
			l.at++
			return l.quoted(start, '\'', Char)
		}
	}
	l.add(Ident, start)
	return nil
}

// number reads integers and floats (Reference, 2.6.1); "1..2" and "1.max(2)"
// keep their dots.
func (l *lexer) number() {
	start := l.at
	kind := Int
	if l.src[start] == '0' && (l.peek(1) == 'x' || l.peek(1) == 'o' || l.peek(1) == 'b') {
		l.ident()
		l.add(Int, start)
		return
	}
	l.digits()
	if l.peek(0) == '.' && l.peek(1) != '.' && !startsIdent(l.src[min(l.at+1, len(l.src)):]) {
		kind = Float
		l.at++
		l.digits()
	}
	if c := l.peek(0); c == 'e' || c == 'E' {
		sign := 1
		if l.peek(1) == '+' || l.peek(1) == '-' {
			sign = 2
		}
		i := sign
		for l.peek(i) == '_' {
			i++
		}
		if isDigit(l.peek(i)) {
			kind = Float
			l.at += sign
			l.digits()
		}
	}
	l.suffix()
	l.add(kind, start)
}

func startsIdent(src []byte) bool {
	r, size := utf8.DecodeRune(src)
	return size > 0 && isIdentStart(r)
}

func (l *lexer) digits() {
	for l.at < len(l.src) && (isDigit(l.src[l.at]) || l.src[l.at] == '_') {
		l.at++
	}
}

func hasPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}
