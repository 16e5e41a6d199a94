package outline

import (
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/rustsyntax"
)

// Converted is one argument that the inner function takes in its final type.
type Converted struct {
	Name    string // of the argument
	Type    string // of the inner parameter
	Call    string // what the outer function passes
	Binding string // the inner parameter's pattern: the name, "mut name", or that of a let

	param int
	conv  *conversion
	drop  []rustsyntax.Span // statements that the inner body does without
	uses  []use             // name.method() in the body, replaced by the name
}

// use is one name.method() in the body: the tokens after the name go.
type use struct{ name, end int }

// Function is one generic function of the source with the verdict on it.
type Function struct {
	File    *rustsyntax.File
	Fn      *rustsyntax.Function
	Path    []string // module path in the crate, without the crate's name
	Line    int
	Refusal Refusal // empty: it can be outlined
	Args    []Converted
}

// Name is the function's own name.
func (f *Function) Name() string { return f.File.Word(f.Fn.Name) }

// SelfType is the type of the impl block that it stands in, "" without one.
func (f *Function) SelfType() string {
	if f.Fn.Owner == nil {
		return ""
	}
	return f.File.Text(f.Fn.Owner.Self)
}

// Candidates looks at every function of a file that is generic over a type
// with a conversion. Functions without such a type are not listed at all.
func Candidates(file *rustsyntax.File, modules []string) []Function {
	var out []Function
	for _, fn := range file.Functions {
		a := &analysis{file: file, fn: fn}
		if !a.generic() {
			continue
		}
		f := Function{File: file, Fn: fn, Path: append(slices.Clone(modules), fn.Modules...), Line: int(file.Tokens[fn.Name].Line)}
		f.Refusal = a.judge()
		if f.Refusal == "" {
			f.Args = a.args
		}
		out = append(out, f)
	}
	return out
}

// analysis is the judgement of one function.
type analysis struct {
	file *rustsyntax.File
	fn   *rustsyntax.Function
	args []Converted
	why  Refusal // the first reason why an argument was left generic
}

func (a *analysis) is(token int32, word string) bool { return a.file.Is(int(token), word) }

func (a *analysis) words(s rustsyntax.Span) []string {
	var out []string
	for _, t := range a.file.CodeIn(s) {
		out = append(out, a.file.Word(int(t)))
	}
	return out
}

// bounds are the tokens that say what a parameter's type can do, and whether
// it is taken by value or behind a reference.
type bounds struct {
	reference string // "", "&", "&mut "
	lifetime  string
	spans     []rustsyntax.Span
	generic   string // the name of the type parameter, "" for impl Trait
}

// boundsOf reads a parameter's type as T, &T, impl Bounds or &impl Bounds with
// T a type parameter of the function. False for every other type.
func (a *analysis) boundsOf(p rustsyntax.Param) (bounds, bool) {
	var b bounds
	code := a.file.CodeIn(p.Type)
	if len(code) > 0 && a.is(code[0], "&") {
		b.reference = "&"
		code = code[1:]
		if len(code) > 0 && a.file.Tokens[code[0]].Kind == rustsyntax.Lifetime {
			b.lifetime = a.file.Word(int(code[0])) + " "
			code = code[1:]
		}
		if len(code) > 0 && a.is(code[0], "mut") {
			b.reference = "&mut "
			code = code[1:]
		}
		if len(code) > 2 && a.is(code[0], "(") && a.file.Partner(int(code[0])) == int(code[len(code)-1]) {
			code = code[1 : len(code)-1]
		}
	}
	if len(code) == 0 {
		return b, false
	}
	if a.is(code[0], "impl") && len(code) > 1 {
		b.spans = []rustsyntax.Span{{Start: int(code[1]), End: int(code[len(code)-1]) + 1}}
		return b, true
	}
	if len(code) != 1 {
		return b, false
	}
	name := a.file.Word(int(code[0]))
	for _, g := range a.fn.Generics {
		if g.Kind == rustsyntax.TypeGeneric && a.file.Is(g.Name, name) {
			b.generic = name
			if !g.Bounds.Empty() {
				b.spans = append(b.spans, g.Bounds)
			}
			b.spans = append(b.spans, a.whereBounds(name)...)
			return b, true
		}
	}
	return b, false
}

// whereBounds are the bounds of "where name: ..." clauses.
func (a *analysis) whereBounds(name string) []rustsyntax.Span {
	var out []rustsyntax.Span
	for _, clause := range a.clauses() {
		code := a.file.CodeIn(clause)
		if len(code) > 2 && a.is(code[0], name) && a.is(code[1], ":") && !a.is(code[2], ":") {
			out = append(out, rustsyntax.Span{Start: int(code[2]), End: clause.End})
		}
	}
	return out
}

// clauses splits the where clause at its commas.
func (a *analysis) clauses() []rustsyntax.Span { return splitTop(a.file, a.fn.Where, ",") }

// splitTop cuts a span at a separator outside of groups and angle brackets.
func splitTop(file *rustsyntax.File, s rustsyntax.Span, separator string) []rustsyntax.Span {
	var out []rustsyntax.Span
	code := file.CodeIn(s)
	from, depth := 0, 0
	flush := func(to int) {
		if to > from {
			out = append(out, rustsyntax.Span{Start: int(code[from]), End: int(code[to-1]) + 1})
		}
		from = to + 1
	}
	for i := 0; i < len(code); i++ {
		t := int(code[i])
		switch {
		case file.Is(t, "<"):
			depth++
		case file.Is(t, ">") && depth > 0 && !(i > 0 && (file.Is(int(code[i-1]), "-") || file.Is(int(code[i-1]), "="))):
			depth--
		case file.Is(t, separator) && depth == 0:
			flush(i)
		default:
			if partner := file.Partner(t); partner > t {
				for i < len(code) && int(code[i]) < partner {
					i++
				}
			}
		}
	}
	flush(len(code))
	return out
}

// generic says whether some argument's type has a conversion among its bounds.
func (a *analysis) generic() bool {
	for _, p := range a.fn.Params {
		b, ok := a.boundsOf(p)
		if !ok {
			continue
		}
		for _, s := range b.spans {
			for _, one := range splitTop(a.file, s, "+") {
				if trait, _ := a.bound(one); conversionOf(trait) != nil {
					return true
				}
			}
		}
	}
	return false
}

// bound reads one bound as the last name of its path and its generic argument.
func (a *analysis) bound(s rustsyntax.Span) (trait, argument string) {
	code := a.file.CodeIn(s)
	for len(code) > 0 && (a.is(code[0], "?") || a.is(code[0], "(")) {
		return "?", ""
	}
	i := 0
	for ; i < len(code); i++ {
		t := code[i]
		if a.is(t, "<") {
			break
		}
		if a.file.Tokens[t].Kind == rustsyntax.Lifetime {
			return "'", ""
		}
		if a.file.Tokens[t].Kind == rustsyntax.Ident {
			trait = a.file.Word(int(t))
		}
	}
	if i < len(code) && a.is(code[len(code)-1], ">") && i+1 < len(code)-1 {
		inside := rustsyntax.Span{Start: int(code[i+1]), End: int(code[len(code)-2]) + 1}
		for _, one := range splitTop(a.file, inside, ",") {
			if len(splitTop(a.file, one, "=")) == 1 { // Error = ... names an associated type
				argument = a.file.Text(one)
				break
			}
		}
	}
	return trait, argument
}

// harmless are bounds that give the body nothing to call.
var harmless = []string{"?", "'", "Send", "Sync", "Sized", "Copy", "Unpin", "UnwindSafe", "RefUnwindSafe"}

// judge fills args, or says why there is nothing to do.
func (a *analysis) judge() Refusal {
	fn := a.fn
	if fn.Body.Empty() {
		return Declaration
	}
	if fn.Owner != nil && fn.Owner.Kind == rustsyntax.TraitDefinition {
		return InTrait
	}
	switch {
	case fn.Const:
		return ConstFn
	case fn.Extern:
		return ForeignABI
	}
	for _, attribute := range fn.Attributes {
		text := strings.Join(a.words(attribute.Span), "")
		switch attribute.Path {
		case "track_caller":
			return TrackCaller
		case "inline":
			if strings.Contains(text, "always") {
				return InlineAlways
			}
		case "doc", "cfg", "must_use", "allow", "warn", "deny", "expect", "deprecated", "stable", "unstable", "cold", "cfg_attr",
			"rustfmt::skip", "clippy::pedantic", "test", "ignore", "should_panic", "no_mangle", "rustc_const_stable", "rustc_diagnostic_item":
		default:
			return UnknownAttr
		}
	}
	for i := range fn.Params {
		if why := a.argument(i); why != "" && a.why == "" {
			a.why = why
		}
	}
	if len(a.args) == 0 {
		if a.why == "" {
			a.why = SeveralBounds
		}
		return a.why
	}
	if why := a.order(); why != "" {
		return why
	}
	if why := a.returns(); why != "" {
		return why
	}
	if why := a.place(); why != "" {
		return why
	}
	if a.small() {
		return SmallBody
	}
	return ""
}

// argument decides about one parameter and adds it to args when it can be
// converted outside.
func (a *analysis) argument(i int) Refusal {
	p := a.fn.Params[i]
	if p.Self {
		return ""
	}
	b, ok := a.boundsOf(p)
	if !ok {
		return ""
	}
	var conv *conversion
	var argument string
	for _, s := range b.spans {
		for _, one := range splitTop(a.file, s, "+") {
			trait, arg := a.bound(one)
			c := conversionOf(trait)
			switch {
			case c != nil && conv != nil:
				return SeveralBounds
			case c != nil:
				conv, argument = c, arg
			case !slices.Contains(harmless, trait):
				return SeveralBounds
			}
		}
	}
	if conv == nil {
		return ""
	}
	if b.generic != "" && a.countWord(b.generic) > 0 {
		return TypeElsewhere
	}
	pattern := a.words(p.Pattern)
	mutable := len(pattern) == 2 && pattern[0] == "mut"
	if len(pattern) != 1 && !mutable || pattern[len(pattern)-1] == "_" {
		return PatternArgument
	}
	c := Converted{Name: pattern[len(pattern)-1], param: i, conv: conv}
	c.Type = conv.fixed
	if c.Type == "" && argument != "" && conv.trait != "IntoIterator" {
		target := conv.target
		if b.lifetime != "" && b.reference == target {
			target = b.reference[:1] + b.lifetime + b.reference[1:]
		}
		c.Type = target + argument
	}
	if b.reference != "" && !conv.pure && conv.fixed == "" {
		return SeveralBounds // (&x).into() converts the reference, another impl
	}
	c.Call = c.Name + "." + conv.method + "()"
	c.Binding = c.Name
	if why := a.body(&c, mutable); why != "" {
		return why
	}
	if c.Type == "" {
		return TargetUnknown
	}
	a.args = append(a.args, c)
	return ""
}

// countWord counts a type parameter's uses outside its own declaration, its
// where clauses and the one argument.
func (a *analysis) countWord(name string) int {
	count := 0
	in := func(s rustsyntax.Span) {
		for _, t := range a.file.CodeIn(s) {
			if a.is(t, name) {
				count++
			}
		}
	}
	params := 0
	for _, p := range a.fn.Params {
		for _, t := range a.file.CodeIn(p.Type) {
			if a.is(t, name) {
				params++
			}
		}
	}
	count += params - 1
	in(a.fn.Return)
	in(a.fn.Body)
	for _, g := range a.fn.Generics {
		if !a.file.Is(g.Name, name) {
			in(g.Span)
		} else {
			in(g.Bounds)
		}
	}
	for _, clause := range a.clauses() {
		code := a.file.CodeIn(clause)
		for i, t := range code {
			if a.is(t, name) && i > 0 {
				count++
			}
		}
	}
	return count
}
