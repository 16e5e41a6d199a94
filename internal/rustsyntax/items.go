package rustsyntax

import "strings"

// File is one parsed source file. Token positions below are indexes in Tokens.
type File struct {
	Source    []byte
	Tokens    []Token
	Functions []*Function // in the order of the source; those in bodies and macros are not looked for
	Modules   []Module    // declared here, with their bodies in other files
	code      []int32     // the tokens that are neither space nor comment
	partner   []int32     // for each of code that is a delimiter, where in code its counterpart is
}

// Span is a range of tokens, End excluded. An empty one has End <= Start.
type Span struct{ Start, End int }

// Empty says whether nothing is in the span.
func (s Span) Empty() bool { return s.End <= s.Start }

// OwnerKind is what a function stands in.
type OwnerKind uint8

const (
	Free OwnerKind = iota
	InherentImpl
	TraitImpl
	TraitDefinition
	ForeignBlock // extern "C" { ... }
)

// Owner is the block around a function.
type Owner struct {
	Kind     OwnerKind
	Generics []Generic
	Self     Span // the type of an impl
	Trait    Span // the trait of a trait impl
	Where    Span
}

// GenericKind tells lifetimes, types and constants apart.
type GenericKind uint8

const (
	LifetimeGeneric GenericKind = iota
	TypeGeneric
	ConstGeneric
)

// Generic is one generic parameter: all of it, its name, and what follows the
// colon (bounds, or a constant's type) without the default.
type Generic struct {
	Kind   GenericKind
	Span   Span
	Name   int
	Bounds Span
}

// Module is one "mod name;".
type Module struct {
	Name string
	In   []string // inline modules around it
	Path string   // of #[path = "..."], "" without
}

// Param is one parameter of a function.
type Param struct {
	Span    Span
	Self    bool // self in any form
	Pattern Span
	Type    Span
}

// Attribute is one outer attribute; Path is its first path, as inline or
// rustfmt::skip.
type Attribute struct {
	Path string
	Span Span
}

// Function is one fn item.
type Function struct {
	Owner                        *Owner // nil for a free function
	Modules                      []string
	Attributes                   []Attribute
	Start                        int // first token behind the attributes: visibility or a qualifier
	Name                         int
	Visibility                   Span
	Const, Async, Unsafe, Extern bool
	Generics                     []Generic
	Angle                        Span // <...>, with its brackets; empty without generics
	Params                       []Param
	Parens                       Span // (...), with its parentheses
	Return                       Span // behind ->
	Where                        Span // behind the word where
	Body                         Span // {...}, with its braces; empty for a declaration
	End                          int  // behind the item
}

// Text is the source of a span.
func (f *File) Text(s Span) string {
	if s.Empty() {
		return ""
	}
	return string(f.Source[f.Tokens[s.Start].Start:f.Tokens[s.End-1].End])
}

// Word is the source of one token.
func (f *File) Word(token int) string {
	t := f.Tokens[token]
	return string(f.Source[t.Start:t.End])
}

// Is says whether a token is exactly word.
func (f *File) Is(token int, word string) bool {
	t := f.Tokens[token]
	return int(t.End-t.Start) == len(word) && string(f.Source[t.Start:t.End]) == word
}

// Partner is the other delimiter of a pair.
func (f *File) Partner(token int) int { return int(f.code[f.partner[f.position(token)]]) }

// Code says whether a token is neither space nor comment.
func (f *File) Code(token int) bool {
	switch f.Tokens[token].Kind {
	case Whitespace, LineComment, BlockComment, Shebang:
		return false
	}
	return true
}

// Parse reads source. The error is an *Error: a literal without its end, or
// delimiters that do not match.
func Parse(source []byte) (*File, error) {
	tokens, err := Lex(source)
	if err != nil {
		return nil, err
	}
	f := &File{Source: source, Tokens: tokens}
	if err := f.pair(); err != nil {
		return nil, err
	}
	p := &parser{File: f}
	p.items(0, len(f.code), nil, nil)
	return f, nil
}

// pair matches delimiters and lists the code tokens.
func (f *File) pair() error {
	code := 0
	for i := range f.Tokens {
		if f.Code(i) {
			code++
		}
	}
	f.code, f.partner = make([]int32, 0, code), make([]int32, code)
	var open []int32 // positions in code
	for i, t := range f.Tokens {
		if !f.Code(i) {
			continue
		}
		at := int32(len(f.code))
		f.code, f.partner[at] = append(f.code, int32(i)), at
		if t.Kind != Punct {
			continue
		}
		switch c := f.Source[t.Start]; c {
		case '(', '[', '{':
			open = append(open, at)
		case ')', ']', '}':
			if len(open) == 0 {
				return &Error{Offset: int(t.Start), Line: int(t.Line), What: "a closing " + string(c) + " without its opening"}
			}
			o := open[len(open)-1]
			open = open[:len(open)-1]
			if want := closing[f.Source[f.Tokens[f.code[o]].Start]]; want != c {
				return &Error{Offset: int(t.Start), Line: int(t.Line), What: "expected a closing " + string(want) + " but got " + string(c)}
			}
			f.partner[o], f.partner[at] = at, o
		}
	}
	if len(open) > 0 {
		last := int(f.code[open[len(open)-1]])
		t := f.Tokens[last]
		return &Error{Offset: int(t.Start), Line: int(t.Line), What: "an opening " + f.Word(last) + " without its closing"}
	}
	return nil
}

var closing = map[byte]byte{'(': ')', '[': ']', '{': '}'}

// parser walks code tokens: positions here are indexes in code.
type parser struct{ *File }

func (p *parser) is(i, end int, word string) bool {
	if i >= end {
		return false
	}
	t := &p.Tokens[p.code[i]]
	return p.Source[t.Start] == word[0] && int(t.End-t.Start) == len(word) && string(p.Source[t.Start:t.End]) == word
}

func (p *parser) kind(i int) Kind { return p.Tokens[p.code[i]].Kind }

// skip moves behind one token, or behind a group when it opens one.
func (p *parser) skip(i int) int {
	return max(int(p.partner[i]), i) + 1
}

// position is where a token stands in code (binary search).
func (f *File) position(token int) int {
	lo, hi := 0, len(f.code)
	for lo < hi {
		mid := (lo + hi) / 2
		if int(f.code[mid]) < token {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// span turns positions in code into tokens.
func (p *parser) span(start, end int) Span {
	if end <= start {
		return Span{}
	}
	return Span{int(p.code[start]), int(p.code[end-1]) + 1}
}

// arrow says whether the > at i ends -> or =>.
func (p *parser) arrow(i int) bool {
	if i == 0 {
		return false
	}
	before, at := p.Tokens[p.code[i-1]], p.Tokens[p.code[i]]
	return before.End == at.Start && (p.is(i-1, i, "-") || p.is(i-1, i, "="))
}

// angled moves behind the > that closes the < at i, or returns end.
func (p *parser) angled(i, end int) int {
	depth := 0
	for i < end {
		switch {
		case p.is(i, end, "<"):
			depth++
		case p.is(i, end, ">") && !p.arrow(i):
			if depth--; depth == 0 {
				return i + 1
			}
		}
		i = p.skip(i)
	}
	return end
}

// until moves to the first of words that stands outside groups and angles.
func (p *parser) until(i, end int, words ...string) int {
	for i < end {
		for _, w := range words {
			if p.is(i, end, w) && !(w == ">" && p.arrow(i)) {
				return i
			}
		}
		if p.is(i, end, "<") {
			i = p.angled(i, end)
		} else {
			i = p.skip(i)
		}
	}
	return end
}

// split cuts [i, end) at the commas outside groups and angles.
func (p *parser) split(i, end int) [][2]int {
	var parts [][2]int
	for i < end {
		to := p.until(i, end, ",")
		if to > i {
			parts = append(parts, [2]int{i, to})
		}
		i = to + 1
	}
	return parts
}

// items reads the items of a module, an impl or a trait.
func (p *parser) items(i, end int, owner *Owner, modules []string) {
	for i < end {
		next := p.item(i, end, owner, modules)
		if next <= i {
			next = i + 1
		}
		i = next
	}
}

// item reads one item and returns the position behind it.
func (p *parser) item(i, end int, owner *Owner, modules []string) int {
	var attributes []Attribute
	for p.is(i, end, "#") {
		open := i + 1
		if p.is(open, end, "!") {
			open++
		}
		if !p.is(open, end, "[") {
			return i + 1
		}
		behind := p.skip(open)
		if open == i+1 {
			attributes = append(attributes, Attribute{Path: p.path(open+1, behind-1), Span: p.span(i, behind)})
		}
		i = behind
	}
	start := i
	visibility := Span{}
	if p.is(i, end, "pub") {
		i++
		if p.is(i, end, "(") {
			i = p.skip(i)
		}
		visibility = p.span(start, i)
	}
	fn := Function{Owner: owner, Modules: modules, Attributes: attributes, Visibility: visibility}
	if start < end {
		fn.Start = int(p.code[start])
	}
	for i < end {
		switch {
		case p.is(i, end, "default"), p.is(i, end, "async"), p.is(i, end, "unsafe"), p.is(i, end, "const"), p.is(i, end, "safe"), p.is(i, end, "gen"), p.is(i, end, "auto"):
			if p.is(i, end, "const") && !p.qualifies(i, end) {
				return p.behindSemicolon(i, end) // const NAME: T = ...;
			}
			if (p.is(i, end, "default") || p.is(i, end, "auto") || p.is(i, end, "safe") || p.is(i, end, "gen")) && !p.qualifies(i, end) {
				return p.otherItem(i, end)
			}
			fn.Async = fn.Async || p.is(i, end, "async")
			fn.Unsafe = fn.Unsafe || p.is(i, end, "unsafe")
			fn.Const = fn.Const || p.is(i, end, "const")
			i++
			continue
		case p.is(i, end, "extern"):
			if p.is(i+1, end, "crate") {
				return p.behindSemicolon(i, end)
			}
			i++
			if i < end && p.kind(i) == Str {
				i++
			}
			if p.is(i, end, "{") {
				behind := p.skip(i)
				p.items(i+1, behind-1, &Owner{Kind: ForeignBlock}, modules)
				return behind
			}
			fn.Extern = true
			continue
		case p.is(i, end, "fn"):
			return p.function(i, end, fn)
		case p.is(i, end, "mod"):
			if i+1 < end && p.is(i+2, end, "{") {
				behind := p.skip(i + 2)
				inner := append(append([]string{}, modules...), p.Word(int(p.code[i+1])))
				p.items(i+3, behind-1, nil, inner)
				return behind
			}
			if p.is(i+2, end, ";") {
				p.Modules = append(p.Modules, Module{Name: p.Word(int(p.code[i+1])), In: modules, Path: p.pathAttribute(attributes)})
			}
			return p.behindSemicolon(i, end)
		case p.is(i, end, "impl"):
			return p.impl(i, end, modules)
		case p.is(i, end, "trait"):
			return p.trait(i, end, modules)
		default:
			return p.otherItem(i, end)
		}
	}
	return end
}

// pathAttribute is the file that #[path = "file"] names.
func (p *parser) pathAttribute(attributes []Attribute) string {
	for _, a := range attributes {
		if a.Path != "path" {
			continue
		}
		for _, t := range p.CodeIn(a.Span) {
			if p.Tokens[t].Kind == Str {
				return strings.Trim(p.Word(int(t)), "\"")
			}
		}
	}
	return ""
}

// qualifies says whether the word at i qualifies a function, an impl or a
// trait, and is no name by itself.
func (p *parser) qualifies(i, end int) bool {
	for _, w := range []string{"fn", "async", "unsafe", "extern", "const", "impl", "trait", "gen", "safe", "static", "type"} {
		if p.is(i+1, end, w) {
			return true
		}
	}
	return false
}

func (p *parser) path(i, end int) string {
	var b strings.Builder
	for ; i < end && (p.kind(i) == Ident || p.is(i, end, ":")); i++ {
		b.WriteString(p.Word(int(p.code[i])))
	}
	return b.String()
}

func (p *parser) behindSemicolon(i, end int) int {
	for i < end && !p.is(i, end, ";") {
		i = p.skip(i)
	}
	return min(i+1, end)
}

// otherItem moves behind an item that holds no function for us: it ends with a
// semicolon, or with a brace group that no semicolon-ended form begins with.
func (p *parser) otherItem(i, end int) int {
	semicolon := p.is(i, end, "use") || p.is(i, end, "static") || p.is(i, end, "type") || p.is(i, end, "let")
	for i < end {
		switch {
		case p.is(i, end, ";"):
			return i + 1
		case p.is(i, end, "{") && !semicolon:
			return p.skip(i)
		case p.is(i, end, "<") && !semicolon:
			i = p.angled(i, end)
		default:
			i = p.skip(i)
		}
	}
	return end
}

// generics reads <...> at i, if it is there.
func (p *parser) generics(i, end int) (list []Generic, angle Span, behind int) {
	if !p.is(i, end, "<") {
		return nil, Span{}, i
	}
	behind = p.angled(i, end)
	for _, part := range p.split(i+1, behind-1) {
		from, to := part[0], part[1]
		for p.is(from, to, "#") && p.is(from+1, to, "[") { // attributes on parameters
			from = p.skip(from + 1)
		}
		if from >= to {
			continue
		}
		g := Generic{Kind: TypeGeneric, Span: p.span(from, to), Name: int(p.code[from])}
		at := from + 1
		switch {
		case p.kind(from) == Lifetime:
			g.Kind = LifetimeGeneric
		case p.is(from, to, "const") && from+1 < to:
			g.Kind, g.Name = ConstGeneric, int(p.code[from+1])
			at = from + 2
		}
		if p.is(at, to, ":") {
			g.Bounds = p.span(at+1, p.until(at+1, to, "="))
		}
		list = append(list, g)
	}
	return list, p.span(i, behind), behind
}

func (p *parser) impl(i, end int, modules []string) int {
	i++
	owner := &Owner{Kind: InherentImpl}
	if p.is(i, end, "<") && !p.is(i+1, end, ">") || p.is(i, end, "<") {
		owner.Generics, _, i = p.generics(i, end)
	}
	open := p.until(i, end, "{", ";")
	where := p.until(i, open, "where")
	forAt := p.forWord(i, where)
	if forAt < where {
		owner.Kind = TraitImpl
		owner.Trait = p.span(i, forAt)
		owner.Self = p.span(forAt+1, where)
	} else {
		owner.Self = p.span(i, where)
	}
	owner.Where = p.span(where+1, open)
	if !p.is(open, end, "{") {
		return min(open+1, end)
	}
	behind := p.skip(open)
	p.items(open+1, behind-1, owner, modules)
	return behind
}

// forWord finds the for of "impl Trait for Type", not that of "for<'a> Fn".
func (p *parser) forWord(i, end int) int {
	for i < end {
		if p.is(i, end, "for") && !p.is(i+1, end, "<") {
			return i
		}
		if p.is(i, end, "<") {
			i = p.angled(i, end)
		} else {
			i = p.skip(i)
		}
	}
	return end
}

func (p *parser) trait(i, end int, modules []string) int {
	open := p.until(i+1, end, "{", ";")
	if !p.is(open, end, "{") {
		return min(open+1, end)
	}
	behind := p.skip(open)
	p.items(open+1, behind-1, &Owner{Kind: TraitDefinition}, modules)
	return behind
}

// function reads from the word fn on.
func (p *parser) function(i, end int, fn Function) int {
	if i+1 >= end || p.kind(i+1) != Ident {
		return i + 1 // fn(u8) -> u8, a type in a place where no item is
	}
	fn.Name = int(p.code[i+1])
	at := i + 2
	fn.Generics, fn.Angle, at = p.generics(at, end)
	if !p.is(at, end, "(") {
		return at
	}
	behind := p.skip(at)
	fn.Parens = p.span(at, behind)
	for _, part := range p.split(at+1, behind-1) {
		fn.Params = append(fn.Params, p.param(part[0], part[1]))
	}
	at = behind
	body := p.until(at, end, "{", ";")
	where := p.until(at, body, "where")
	if p.is(at, end, "-") && p.is(at+1, end, ">") {
		fn.Return = p.span(at+2, where)
	}
	fn.Where = p.span(where+1, body)
	behind = min(body+1, end)
	if p.is(body, end, "{") {
		behind = p.skip(body)
		fn.Body = p.span(body, behind)
	}
	if behind > 0 {
		fn.End = int(p.code[behind-1]) + 1
	}
	p.Functions = append(p.Functions, &fn)
	return behind
}

func (p *parser) param(i, end int) Param {
	param := Param{Span: p.span(i, end)}
	for p.is(i, end, "#") && p.is(i+1, end, "[") {
		i = p.skip(i + 1)
	}
	colon := p.colon(i, end)
	param.Pattern = p.span(i, colon)
	param.Type = p.span(colon+1, end)
	for at := i; at < colon; at++ {
		if p.is(at, colon, "self") {
			param.Self = true
		}
	}
	return param
}

// colon finds the single colon between a pattern and its type.
func (p *parser) colon(i, end int) int {
	for i < end {
		if p.is(i, end, ":") {
			double := i+1 < end && p.is(i+1, end, ":") && p.Tokens[p.code[i]].End == p.Tokens[p.code[i+1]].Start
			if !double {
				return i
			}
			i += 2
			continue
		}
		if p.is(i, end, "<") {
			i = p.angled(i, end)
		} else {
			i = p.skip(i)
		}
	}
	return end
}

// CodeIn lists the tokens of a span that are neither space nor comment.
func (f *File) CodeIn(s Span) []int32 {
	if s.Empty() {
		return nil
	}
	return f.code[f.position(s.Start):f.position(s.End)]
}
