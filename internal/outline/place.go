package outline

import (
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/rustsyntax"
)

// order refuses what would run in another order: a conversion that may have an
// effect goes before the body, so nothing may have run before it; and the
// conversions run in the order of the parameters now.
func (a *analysis) order() Refusal {
	last := -1
	for i := range a.args {
		c := &a.args[i]
		if c.conv.pure {
			continue
		}
		at := a.at(c)
		if at < last {
			return NotAtHead
		}
		last = at
		if len(c.uses) == 0 {
			continue // a let at the head, found as such
		}
		for _, t := range a.inner() {
			if int(t) >= at {
				break
			}
			if a.ofConversion(int(t)) {
				continue
			}
			for _, effect := range []string{")", "]", "}", "?", "!"} {
				if a.is(t, effect) {
					return NotAtHead
				}
			}
		}
	}
	return a.drops()
}

// at is the token where a conversion stands in the body.
func (a *analysis) at(c *Converted) int {
	if len(c.uses) > 0 {
		return c.uses[0].name
	}
	return c.drop[0].Start
}

// ofConversion says whether a token belongs to some argument's conversion.
func (a *analysis) ofConversion(token int) bool {
	for _, c := range a.args {
		for _, u := range c.uses {
			if token >= u.name && token < u.end {
				return true
			}
		}
		for _, s := range c.drop {
			if token >= s.Start && token < s.End {
				return true
			}
		}
	}
	return false
}

// plain are types whose end nobody sees: numbers, and containers of bytes and
// text that only give memory back.
var plain = []string{
	"bool", "char", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize", "f32", "f64",
	"String", "PathBuf", "OsString", "CString", "Duration", "Instant", "SystemTime", "Ordering",
}

// drops refuses a change in the order of drops. A parameter that only lends
// (as_ref) lives on in the outer function until the inner one has dropped its
// own; before, parameters were dropped last to first. So an owned parameter
// that stands before it would change places with it (Reference, 10.8).
func (a *analysis) drops() Refusal {
	for _, c := range a.args {
		p := a.fn.Params[c.param]
		if !c.conv.pure || strings.HasPrefix(a.file.Text(p.Type), "&") {
			continue
		}
		for i := 0; i < c.param; i++ {
			before := a.fn.Params[i]
			if before.Self {
				if words := a.words(before.Pattern); !slices.Contains(words, "&") && !strings.HasPrefix(a.file.Text(before.Type), "&") {
					return DropOrder
				}
				continue
			}
			if a.converted(i) {
				if other := a.arg(i); other.conv.pure {
					continue // both stay outside, in their order
				}
			}
			kind := a.file.Text(before.Type)
			if !strings.HasPrefix(kind, "&") && !strings.HasPrefix(kind, "*") && !slices.Contains(plain, kind[strings.LastIndex(kind, ":")+1:]) {
				return DropOrder
			}
		}
	}
	return ""
}

func (a *analysis) converted(param int) bool { return a.arg(param) != nil }

func (a *analysis) arg(param int) *Converted {
	for i := range a.args {
		if a.args[i].param == param {
			return &a.args[i]
		}
	}
	return nil
}

// returns refuses returned lifetimes that an inner function cannot say.
func (a *analysis) returns() Refusal {
	code := a.file.CodeIn(a.fn.Return)
	elided := false
	for i, t := range code {
		if a.is(t, "impl") {
			return ReturnsImpl
		}
		if a.is(t, "'_") || a.is(t, "&") && (i+1 >= len(code) || a.file.Tokens[code[i+1]].Kind != rustsyntax.Lifetime) {
			elided = true
		}
	}
	if !elided {
		return ""
	}
	references := 0
	for i, p := range a.fn.Params {
		if p.Self {
			return "" // elision takes self's
		}
		kind := a.file.Text(p.Type)
		if c := a.arg(i); c != nil {
			if strings.HasPrefix(c.Type, "&") && !strings.HasPrefix(kind, "&") {
				return BorrowsArgument
			}
			kind = c.Type
		}
		if strings.Contains(kind, "&") || strings.Contains(kind, "'") {
			references++
		}
	}
	if references != 1 {
		return ElidedReturn
	}
	return ""
}

// place refuses where no inner function can stand.
func (a *analysis) place() Refusal {
	for i, p := range a.fn.Params {
		if p.Self || a.converted(i) {
			continue
		}
		words := a.words(p.Pattern)
		if len(words) == 2 && words[0] == "mut" {
			words = words[1:]
		}
		if len(words) != 1 || words[0] == "_" {
			return PatternArgument
		}
		for _, t := range a.file.CodeIn(p.Type) {
			if a.is(t, "impl") {
				return SeveralBounds // another impl Trait would be generic again
			}
		}
	}
	if a.fn.Owner == nil || a.fn.Owner.Kind != rustsyntax.TraitImpl {
		return ""
	}
	if len(a.fn.Owner.Generics) > 0 || strings.Contains(a.file.Text(a.fn.Owner.Self), "'_") {
		return SelfInTraitImpl
	}
	code := a.file.CodeIn(rustsyntax.Span{Start: a.fn.Parens.Start, End: a.fn.End})
	for i, t := range code {
		if a.is(t, "Self") && i+2 < len(code) && a.is(code[i+1], ":") && a.is(code[i+2], ":") {
			return SelfInTraitImpl // an associated type or constant of the trait
		}
		if a.captured(t, "self") {
			return MacroHidesUse
		}
		if int(t) > a.fn.Body.Start && (a.is(t, "impl") || a.is(t, "fn")) {
			return SelfKind // an inner item has a self of its own
		}
	}
	for _, p := range a.fn.Params {
		if p.Self {
			switch strings.Join(a.words(p.Span), " ") {
			case "& self", "& mut self", "self", "mut self":
			default:
				return SelfKind
			}
		}
	}
	return ""
}

// small says whether the inner body would be no more than one call.
func (a *analysis) small() bool {
	n := 0
	for _, t := range a.inner() {
		if !a.ofConversion(int(t)) {
			n++
		}
		if a.is(t, ";") || a.is(t, "?") || a.is(t, "!") {
			n += 4
		}
	}
	return n <= 8+2*len(a.fn.Params)
}
