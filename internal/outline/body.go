package outline

import (
	"strings"

	"github.com/minsize/minsize/internal/rustsyntax"
)

// body finds every use of an argument. Two shapes are understood:
//
//	let [mut] x[: T] = arg.conv()...;   among the first statements: the let goes,
//	                                    x is the inner parameter
//	arg.conv()                          anywhere (pure conversions), or once before
//	                                    anything runs (others): arg is the inner
//	                                    parameter
func (a *analysis) body(c *Converted, mutable bool) Refusal {
	if a.conversionLet(c) {
		return ""
	}
	if c.conv.fallible || c.conv.trait == "IntoIterator" || c.conv.trait == "ToOwned" {
		if a.uses(c.Name) == 0 {
			return NotOnlyConverted
		}
		return NotAtHead
	}
	if c.Type == "" {
		return TargetUnknown
	}
	if mutable && c.conv.trait != "Into" && c.conv.trait != "AsMut" {
		return NotOnlyConverted
	}
	code := a.inner()
	for i, t := range code {
		if !a.is(t, c.Name) || !a.variable(code, i) {
			if a.captured(t, c.Name) {
				return MacroHidesUse
			}
			continue
		}
		if a.binds(code, i) {
			return Shadowed
		}
		if i+4 >= len(code) || !a.is(code[i+1], ".") || !a.is(code[i+2], c.conv.method) || !a.is(code[i+3], "(") || !a.is(code[i+4], ")") {
			return NotOnlyConverted
		}
		c.uses = append(c.uses, use{name: int(t), end: int(code[i+4]) + 1})
		if !c.conv.pure {
			if len(c.uses) > 1 {
				return NotOnlyConverted
			}
			if a.conditional(int(t)) {
				return NestedReturn
			}
		}
	}
	if len(c.uses) == 0 {
		return NotOnlyConverted
	}
	return ""
}

// inner lists the code of the body without its braces.
func (a *analysis) inner() []int32 {
	return a.file.CodeIn(rustsyntax.Span{Start: a.fn.Body.Start + 1, End: a.fn.Body.End - 1})
}

// variable says whether the word at i can be the argument: no field, no method,
// no part of a path, no label of a struct literal.
func (a *analysis) variable(code []int32, i int) bool {
	if i > 0 && a.is(code[i-1], ".") && !(i > 1 && a.is(code[i-2], ".")) {
		return false
	}
	if i > 1 && a.is(code[i-1], ":") && a.is(code[i-2], ":") {
		return false
	}
	if i+2 < len(code) && a.is(code[i+1], ":") && a.is(code[i+2], ":") {
		return false
	}
	if i+1 < len(code) && a.is(code[i+1], ":") && (i == 0 || a.is(code[i-1], "{") || a.is(code[i-1], ",")) {
		return false // label: value
	}
	return true
}

// binds says whether the word at i is given a new meaning: let, a closure's
// parameter, a pattern.
func (a *analysis) binds(code []int32, i int) bool {
	if i == 0 {
		return false
	}
	for _, before := range []string{"let", "mut", "ref", "|", "for", "@", "fn"} {
		if a.is(code[i-1], before) {
			// &mut name is a use, let mut name a binding.
			if before == "mut" && i > 1 && a.is(code[i-2], "&") {
				return false
			}
			if before == "|" && i+1 < len(code) && a.is(code[i+1], ".") {
				return false // a | b.conv(), or the body of a closure
			}
			return true
		}
	}
	return i+1 < len(code) && (a.is(code[i+1], "@") || a.is(code[i+1], "=") && i+2 < len(code) && a.is(code[i+2], ">"))
}

// captured says whether a string may be a format string that names the
// argument: "{name}" or "{name:...}".
func (a *analysis) captured(t int32, name string) bool {
	if a.file.Tokens[t].Kind != rustsyntax.Str {
		return false
	}
	text := a.file.Word(int(t))
	for rest := text; ; {
		i := strings.Index(rest, "{"+name)
		if i < 0 {
			// widths and precisions: {:width$}
			return strings.Contains(text, name+"$")
		}
		rest = rest[i+1+len(name):]
		if rest == "" || rest[0] == '}' || rest[0] == ':' || rest[0] == '.' {
			return true
		}
	}
}

// uses counts the argument in the body.
func (a *analysis) uses(name string) int {
	code := a.inner()
	n := 0
	for i, t := range code {
		if a.is(t, name) && a.variable(code, i) {
			n++
		}
	}
	return n
}

// conditional says whether a token stands in a closure, a loop, a branch or a
// nested function: in any brace group inside the body that is no struct
// literal, or behind a closure's bars.
func (a *analysis) conditional(token int) bool {
	code := a.inner()
	for i, t := range code {
		if int(t) >= token {
			break
		}
		partner := a.file.Partner(int(t))
		if a.is(t, "|") {
			return true // a closure, or an operator: something is evaluated between
		}
		if a.is(t, "{") && partner > token && !a.structLiteral(code, i) {
			return true
		}
		if a.is(t, "!") && i+1 < len(code) && a.file.Partner(int(code[i+1])) > token {
			return true // inside a macro, nobody knows when
		}
	}
	return false
}

// structLiteral says whether the brace at i follows a type's path: an
// identifier or > that no keyword of control begins.
func (a *analysis) structLiteral(code []int32, i int) bool {
	if i == 0 {
		return false
	}
	before := code[i-1]
	if a.is(before, ">") {
		return true
	}
	if a.file.Tokens[before].Kind != rustsyntax.Ident {
		return false
	}
	word := a.file.Word(int(before))
	switch word {
	case "else", "loop", "unsafe", "async", "move", "try", "const", "match", "if", "while", "in":
		return false
	}
	for j := i - 1; j >= 0; j-- { // if x {, while x {, match x {, for a in x {
		t := code[j]
		if a.is(t, ";") || a.is(t, "{") || a.is(t, "}") || a.is(t, "(") || a.is(t, ",") || a.is(t, "=") {
			break
		}
		for _, keyword := range []string{"if", "while", "match", "for", "in"} {
			if a.is(t, keyword) {
				return false
			}
		}
	}
	first := word[0]
	return first >= 'A' && first <= 'Z'
}

// conversionLet finds the argument's let among the first statements.
func (a *analysis) conversionLet(c *Converted) bool {
	code := a.inner()
	for i := 0; i < len(code) && a.is(code[i], "let"); {
		end := i
		for end < len(code) && !a.is(code[end], ";") {
			if partner := a.file.Partner(int(code[end])); partner > int(code[end]) {
				for end < len(code) && int(code[end]) < partner {
					end++
				}
			}
			end++
		}
		if end >= len(code) {
			return false
		}
		if a.letOf(c, code[i:end], int(code[end])) {
			return true
		}
		if !a.plainConversion(code[i:end]) {
			return false // anything else may have an effect
		}
		i = end + 1
	}
	return false
}

// plainConversion says whether a let is a conversion of another argument.
func (a *analysis) plainConversion(let []int32) bool {
	for i, t := range let {
		if a.is(t, "=") {
			value := let[i+1:]
			if len(value) < 5 || !a.is(value[1], ".") || !a.is(value[3], "(") || !a.is(value[4], ")") {
				return false
			}
			for _, p := range a.fn.Params {
				if words := a.words(p.Pattern); len(words) > 0 && words[len(words)-1] == a.file.Word(int(value[0])) {
					for _, c := range conversions {
						if a.is(value[2], c.method) {
							return true
						}
					}
				}
			}
			return false
		}
	}
	return false
}

// letOf reads one let statement (without its semicolon) as the conversion of c.
func (a *analysis) letOf(c *Converted, let []int32, semicolon int) bool {
	i := 1
	mutable := i < len(let) && a.is(let[i], "mut")
	if mutable {
		i++
	}
	if i >= len(let) || a.file.Tokens[let[i]].Kind != rustsyntax.Ident {
		return false
	}
	name := a.file.Word(int(let[i]))
	i++
	annotation := ""
	if i < len(let) && a.is(let[i], ":") {
		from := i + 1
		for i < len(let) && !a.is(let[i], "=") {
			i++
		}
		if from < i {
			annotation = a.file.Text(rustsyntax.Span{Start: int(let[from]), End: int(let[i-1]) + 1})
		}
	}
	if i >= len(let) || !a.is(let[i], "=") {
		return false
	}
	value := let[i+1:]
	if len(value) < 5 || !a.is(value[0], c.Name) || !a.is(value[1], ".") || !a.is(value[2], c.conv.method) || !a.is(value[3], "(") || !a.is(value[4], ")") {
		return false
	}
	if strings.Contains(annotation, "_") && strings.Contains(" "+annotation+" ", "<_>") || strings.Contains(annotation, "impl") {
		return false
	}
	rest := value[5:]
	known := c.Type
	switch {
	case len(rest) == 0 && !c.conv.fallible:
	case c.conv.fallible && len(rest) == 1 && a.is(rest[0], "?"):
	case c.conv.fallible && len(rest) == 4 && a.is(rest[1], "unwrap"):
	case c.conv.fallible && len(rest) == 5 && a.is(rest[1], "expect") && a.file.Tokens[rest[3]].Kind == rustsyntax.Str:
	case annotation != "" && a.chain(rest):
		known = ""
	default:
		return false
	}
	if known == "" || len(rest) == 0 && annotation != "" && c.conv.fixed == "" && c.conv.target == "" {
		known = annotation
	}
	if known == "" {
		return false
	}
	// Nothing else may look at the argument, before or after; a binding of the
	// same name hides it from there on.
	code := a.inner()
	other := 0
	for j, t := range code {
		inLet := int(t) >= int(let[0]) && int(t) < semicolon
		if !inLet && a.is(t, c.Name) && a.variable(code, j) && (name != c.Name || int(t) < int(let[0])) {
			other++
		}
		if !inLet && name != c.Name && a.captured(t, c.Name) {
			other++
		}
	}
	if other > 0 {
		return false
	}
	c.Type = known
	c.Binding = name
	if mutable {
		c.Binding = "mut " + name
	}
	c.Call = a.file.Text(rustsyntax.Span{Start: int(value[0]), End: int(value[len(value)-1]) + 1})
	c.drop = append(c.drop, rustsyntax.Span{Start: int(let[0]), End: semicolon + 1})
	return true
}

// chain says whether what follows the conversion is a chain of methods whose
// arguments are nothing, literals or paths: .map(String::from).collect()?
func (a *analysis) chain(rest []int32) bool {
	for _, t := range rest {
		if a.is(t, "|") || a.is(t, "!") || a.is(t, "{") || a.is(t, "await") || a.is(t, "self") {
			return false
		}
	}
	return len(rest) > 0 && (a.is(rest[0], ".") || a.is(rest[0], "?"))
}
