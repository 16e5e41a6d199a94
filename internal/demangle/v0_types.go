package demangle

// The rest of the v0 grammar: paths inside types, types, constants.

import "strconv"

// path is <path>; inValue prints generic arguments with a turbofish.
func (p *v0) path(inValue bool) {
	if !p.enter() {
		return
	}
	defer p.leave()
	tag := p.next()
	switch tag {
	case 'C':
		p.crateRoot()
	case 'N':
		namespace := p.next()
		p.path(inValue)
		if p.bad {
			return
		}
		p.segment(namespace)
	case 'M', 'X', 'Y':
		if tag != 'Y' {
			p.optBase62('s')
			hold := p.skip
			p.skip = true
			p.path(false)
			p.skip = hold || p.truncated
		}
		p.printByte('<')
		p.typ()
		if tag != 'M' {
			p.print(" as ")
			p.path(false)
		}
		p.printByte('>')
	case 'I':
		p.path(inValue)
		if p.bad {
			return
		}
		if inValue {
			p.print("::")
		}
		p.printByte('<')
		p.genericArgs()
		p.printByte('>')
	case 'B':
		p.backref(func() { p.path(inValue) })
	default:
		p.bad = true
	}
}

// genericArgs is {<generic-arg>} "E".
func (p *v0) genericArgs() {
	hold := p.skip
	if p.elide {
		p.printByte('_')
		p.skip = true
	}
	for first := true; !p.bad && !p.eat('E'); first = false {
		if !first {
			p.print(", ")
		}
		switch {
		case p.eat('L'):
			p.lifetime(p.base62())
		case p.eat('K'):
			p.constant(false)
		default:
			p.typ()
		}
	}
	if p.elide {
		p.skip = hold || p.truncated
	}
}

// lifetime prints a de Bruijn index: 0 is erased, 1 the innermost bound one.
func (p *v0) lifetime(index uint64) {
	if p.skip {
		return
	}
	p.printByte('\'')
	switch {
	case index == 0:
		p.printByte('_')
	case index > p.lifetimes:
		p.bad = true
	case p.lifetimes-index < 26:
		p.printByte('a' + byte(p.lifetimes-index))
	default:
		p.printByte('_')
		p.printUint(p.lifetimes - index)
	}
}

// binder is ["G" <base-62-number>].
func (p *v0) binder() {
	n := p.optBase62('G')
	if n == 0 {
		return
	}
	if n > uint64(len(p.in)) { // each is used later, so there are not more than bytes
		p.bad = true
		return
	}
	p.print("for<")
	for i := range n {
		if i > 0 {
			p.print(", ")
		}
		p.lifetimes++
		p.lifetime(1)
	}
	p.print("> ")
}

var basicTypes = [26]string{
	0: "i8", 'b' - 'a': "bool", 'c' - 'a': "char", 'd' - 'a': "f64", 'e' - 'a': "str", 'f' - 'a': "f32",
	'h' - 'a': "u8", 'i' - 'a': "isize", 'j' - 'a': "usize", 'l' - 'a': "i32", 'm' - 'a': "u32", 'n' - 'a': "i128",
	'o' - 'a': "u128", 'p' - 'a': "_", 's' - 'a': "i16", 't' - 'a': "u16", 'u' - 'a': "()", 'v' - 'a': "...",
	'x' - 'a': "i64", 'y' - 'a': "u64", 'z' - 'a': "!",
}

func (p *v0) typ() {
	c := p.peek()
	if c >= 'a' && c <= 'z' {
		p.at++
		if basicTypes[c-'a'] == "" {
			p.bad = true
		}
		p.print(basicTypes[c-'a'])
		return
	}
	if !p.enter() {
		return
	}
	defer p.leave()
	switch c {
	case 'C', 'N', 'M', 'X', 'Y', 'I':
		p.path(false)
		return
	}
	switch p.at++; c {
	case 'A', 'S':
		p.printByte('[')
		p.typ()
		if c == 'A' {
			p.print("; ")
			p.constant(true)
		}
		p.printByte(']')
	case 'T':
		p.printByte('(')
		n := 0
		for ; !p.bad && !p.eat('E'); n++ {
			if n > 0 {
				p.print(", ")
			}
			p.typ()
		}
		if n == 1 {
			p.printByte(',')
		}
		p.printByte(')')
	case 'R', 'Q':
		p.printByte('&')
		if p.eat('L') {
			if index := p.base62(); index != 0 {
				p.lifetime(index)
				p.printByte(' ')
			}
		}
		if c == 'Q' {
			p.print("mut ")
		}
		p.typ()
	case 'P':
		p.print("*const ")
		p.typ()
	case 'O':
		p.print("*mut ")
		p.typ()
	case 'F':
		bound := p.lifetimes
		p.fnSig()
		p.lifetimes = bound
	case 'D':
		bound := p.lifetimes
		p.dynBounds()
		p.lifetimes = bound
		if !p.eat('L') {
			p.bad = true
			return
		}
		if index := p.base62(); index != 0 {
			p.print(" + ")
			p.lifetime(index)
		}
	case 'W':
		p.typ()
		p.print(" is ")
		p.pattern()
	case 'B':
		p.backref(p.typ)
	default:
		p.bad = true
	}
}

// elidedType prints a type's constructor alone: Vec<_>, &_, [_], (_, _).
func (p *v0) elidedType() {
	c := p.peek()
	hold := p.skip
	skip := func(parse func()) {
		from := p.at
		p.skip = true
		parse()
		p.skip = hold || p.truncated
		if p.at == from {
			p.bad = true
		}
	}
	switch c {
	case 'A', 'S':
		p.print("[_]")
		skip(p.typ)
	case 'R':
		p.print("&_")
		skip(p.typ)
	case 'Q':
		p.print("&mut _")
		skip(p.typ)
	case 'P':
		p.print("*const _")
		skip(p.typ)
	case 'O':
		p.print("*mut _")
		skip(p.typ)
	case 'F':
		p.print("fn(_)")
		skip(p.typ)
	case 'T':
		p.at++
		p.printByte('(')
		for n := 0; !p.bad && !p.eat('E'); n++ {
			if n > 0 {
				p.print(", ")
			}
			p.printByte('_')
			skip(p.typ)
		}
		p.printByte(')')
	case 'B':
		p.at++
		p.backref(p.elidedType)
	default:
		p.typ()
	}
}

// fnSig is [<binder>] ["U"] ["K" <abi>] {<type>} "E" <type>.
func (p *v0) fnSig() {
	p.binder()
	if p.eat('U') {
		p.print("unsafe ")
	}
	if p.eat('K') {
		p.print(`extern "`)
		if p.eat('C') {
			p.printByte('C')
		} else {
			abi, punycode := p.identifier()
			if punycode {
				p.bad = true
			}
			for i := 0; i < len(abi); i++ {
				if abi[i] == '_' {
					p.printByte('-')
				} else {
					p.printByte(abi[i])
				}
			}
		}
		p.print(`" `)
	}
	p.print("fn(")
	for first := true; !p.bad && !p.eat('E'); first = false {
		if !first {
			p.print(", ")
		}
		p.typ()
	}
	p.printByte(')')
	if !p.eat('u') {
		p.print(" -> ")
		p.typ()
	}
}

// dynBounds is [<binder>] {<dyn-trait>} "E".
func (p *v0) dynBounds() {
	p.print("dyn ")
	p.binder()
	for first := true; !p.bad && !p.eat('E'); first = false {
		if !first {
			p.print(" + ")
		}
		p.dynTrait()
	}
}

// dynTrait is <path> {"p" <undisambiguated-identifier> <type>}: associated
// types stand in the same angle brackets as the trait's own arguments.
func (p *v0) dynTrait() {
	open := p.pathOpen()
	for !p.bad && p.eat('p') {
		if open {
			p.print(", ")
		} else {
			p.printByte('<')
			open = true
		}
		name, punycode := p.identifier()
		p.printIdentifier(name, punycode)
		p.print(" = ")
		p.typ()
	}
	if open {
		p.printByte('>')
	}
}

// pathOpen is path that leaves the last angle bracket open; it says whether
// there is one.
func (p *v0) pathOpen() (open bool) {
	if !p.enter() {
		return false
	}
	defer p.leave()
	switch {
	case p.eat('B'):
		p.backref(func() { open = p.pathOpen() })
		return open
	case p.eat('I'):
		p.path(false)
		p.printByte('<')
		p.genericArgs()
		return true
	}
	p.path(false)
	return false
}

// pattern is a pattern type's restriction: "R" <const> <const>, "O" {<pattern>} "E", "N".
func (p *v0) pattern() {
	if !p.enter() {
		return
	}
	defer p.leave()
	switch p.next() {
	case 'R':
		p.constant(false)
		p.print("..=")
		p.constant(false)
	case 'O':
		for first := true; !p.bad && !p.eat('E'); first = false {
			if !first {
				p.print(" | ")
			}
			p.pattern()
		}
	case 'N':
		p.print("!null")
	default:
		p.bad = true
	}
}

// constant is <const>; structural constants stand in braces unless they are
// inside an expression already.
func (p *v0) constant(inExpression bool) {
	if !p.enter() {
		return
	}
	defer p.leave()
	tag := p.next()
	open := func() {
		if !inExpression {
			p.printByte('{')
		}
	}
	shut := func() {
		if !inExpression {
			p.printByte('}')
		}
	}
	list := func(end byte) (n int) {
		for ; !p.bad && !p.eat(end); n++ {
			if n > 0 {
				p.print(", ")
			}
			p.constant(true)
		}
		return n
	}
	switch tag {
	case 'p':
		p.printByte('_')
	case 'a', 's', 'l', 'x', 'n', 'i':
		if p.eat('n') {
			p.printByte('-')
		}
		p.constUint()
	case 'h', 't', 'm', 'y', 'o', 'j':
		p.constUint()
	case 'b':
		switch n, ok := p.hexUint(); {
		case ok && n == 0:
			p.print("false")
		case ok && n == 1:
			p.print("true")
		default:
			p.bad = true
		}
	case 'c':
		n, ok := p.hexUint()
		if !ok || n > 0x10ffff {
			p.bad = true
			return
		}
		p.printChar(rune(n))
	case 'e':
		open()
		p.printByte('*')
		p.constString()
		shut()
	case 'R', 'Q':
		if tag == 'R' && p.eat('e') {
			p.constString()
			return
		}
		open()
		p.printByte('&')
		if tag == 'Q' {
			p.print("mut ")
		}
		p.constant(true)
		shut()
	case 'A':
		open()
		p.printByte('[')
		list('E')
		p.printByte(']')
		shut()
	case 'T':
		open()
		p.printByte('(')
		if list('E') == 1 {
			p.printByte(',')
		}
		p.printByte(')')
		shut()
	case 'V':
		open()
		p.path(true)
		switch p.next() {
		case 'U':
		case 'T':
			p.printByte('(')
			list('E')
			p.printByte(')')
		case 'S':
			p.print(" { ")
			for first := true; !p.bad && !p.eat('E'); first = false {
				if !first {
					p.print(", ")
				}
				p.optBase62('s')
				name, punycode := p.identifier()
				p.printIdentifier(name, punycode)
				p.print(": ")
				p.constant(true)
			}
			p.print(" }")
		default:
			p.bad = true
		}
		shut()
	case 'B':
		p.backref(func() { p.constant(inExpression) })
	default:
		p.bad = true
	}
}

// hexDigits is {<hex-digit>} "_".
func (p *v0) hexDigits() string {
	from := p.at
	for !p.bad {
		switch c := p.next(); {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f':
		case c == '_':
			return p.in[from : p.at-1]
		default:
			p.bad = true
		}
	}
	return ""
}

func (p *v0) hexUint() (uint64, bool) {
	digits := p.hexDigits()
	n, err := strconv.ParseUint(digits, 16, 64)
	return n, err == nil
}

func (p *v0) constUint() {
	digits := p.hexDigits()
	if digits == "" {
		p.bad = true
		return
	}
	if n, err := strconv.ParseUint(digits, 16, 64); err == nil {
		p.printUint(n)
		return
	}
	p.print("0x")
	p.print(digits)
}

// constString is UTF-8 as pairs of hex digits.
func (p *v0) constString() {
	digits := p.hexDigits()
	if len(digits)%2 != 0 {
		p.bad = true
		return
	}
	text := make([]byte, 0, len(digits)/2)
	for i := 0; i < len(digits); i += 2 {
		n, err := strconv.ParseUint(digits[i:i+2], 16, 8)
		if err != nil {
			p.bad = true
			return
		}
		text = append(text, byte(n))
	}
	p.print(strconv.Quote(string(text)))
}

func (p *v0) printChar(r rune) {
	switch {
	case r == '\t':
		p.print(`'\t'`)
	case r == '\r':
		p.print(`'\r'`)
	case r == '\n':
		p.print(`'\n'`)
	case r == '\\':
		p.print(`'\\'`)
	case r == '\'':
		p.print(`'\''`)
	case r >= ' ' && r <= '~':
		p.printByte('\'')
		p.printByte(byte(r))
		p.printByte('\'')
	default:
		p.print(`'\u{`)
		p.print(strconv.FormatUint(uint64(r), 16))
		p.print(`}'`)
	}
}
