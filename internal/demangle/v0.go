package demangle

// Rust's v0 mangling (RFC 2603 and "Symbol mangling, v0" of the rustc book).
//
// One recursive descent does both jobs. path, typ and constant print what they
// parse; topPath walks the spine of the symbol's own path, and notes on the
// way which part is the crate, the modules, the impl's self type and trait.
// Printing can be off (skip), and then back references are not followed, so
// skipping is linear in the mangled bytes.
//
// Failure is sticky (bad) instead of an error per call: it is tested where a
// loop could run on it.

import (
	"strconv"
	"unicode/utf8"
)

// Bounds. rustc_driver's longest display has about 10 KB; rustc-demangle has a
// recursion limit of 500 and stops at 1 MB of output.
const (
	maxDepth  = 400
	maxOutput = 64 << 10
	maxSteps  = 1 << 17
)

const truncatedMark = "{size limit reached}"

type span struct{ from, to int }

type v0 struct {
	in        string // behind "_R"
	at        int
	out       []byte
	skip      bool
	elide     bool // print generic arguments as "_"
	bad       bool
	truncated bool
	depth     int
	steps     int
	lifetimes uint64 // bound by enclosing binders

	crateHash string // of the last crate root seen
	ownHash   string // of the crate that defines the symbol

	// What topPath notes. Spans are in out.
	kind     Kind
	crate    span
	module   span
	selfType span
	trait    span
	args     []span
	impl     uint64
	hidden   []byte // module path of the impl, which the display does not show
	hiddenAt span   // crate in hidden
	inModule bool   // all segments so far were modules
}

func (p *v0) reset(in string, out []byte) {
	*p = v0{in: in, out: out[:0], args: p.args[:0], hidden: p.hidden[:0]}
}

func (p *Parser) parseV0(mangled, core string) (Name, bool) {
	in, suffix := core[2:], ""
	for i := 0; i < len(in); i++ {
		if in[i] == '.' || in[i] == '$' {
			in, suffix = in[:i], in[i:]
			break
		}
	}
	if in == "" || in[0] < 'A' || in[0] > 'Z' { // a digit would be another version of the encoding
		return Name{}, false
	}
	s := &p.v0
	s.reset(in, p.buf)
	s.inModule = true
	s.topPath(true)
	if s.bad {
		return Name{}, false
	}
	if s.truncated {
		s.out = append(s.out, truncatedMark...)
	}
	display := len(s.out)
	n := Name{Mangled: mangled, Scheme: RustV0, Kind: s.kind, CrateHash: s.ownHash, Impl: s.impl, Suffix: suffix}

	// Behind the display: the impl's module, the arguments of several lists
	// joined, the instantiating crate. One allocation holds it all.
	module, crate := s.module, s.crate
	if len(s.hidden) > 0 {
		module = s.append(s.hidden)
		crate = span{module.from + s.hiddenAt.from, module.from + s.hiddenAt.to}
	}
	args := s.joinArgs()
	var instantiating span
	if s.at < len(s.in) {
		s.truncated, s.skip, s.steps = false, false, 0
		from := len(s.out)
		s.path(false)
		instantiating = span{from, len(s.out)}
		n.InstantiatingHash = s.crateHash
		if s.bad || s.at < len(s.in) {
			p.buf = s.out
			return Name{}, false
		}
	}
	p.buf = s.out
	text := p.text(s.out)
	n.Display = text[:display]
	n.Crate, n.Module = text[crate.from:crate.to], text[module.from:module.to]
	n.SelfType, n.Trait = text[s.selfType.from:s.selfType.to], text[s.trait.from:s.trait.to]
	n.Args, n.Instantiating = text[args.from:args.to], text[instantiating.from:instantiating.to]
	return n, true
}

func (p *v0) append(b []byte) span {
	from := len(p.out)
	p.out = append(p.out, b...)
	return span{from, len(p.out)}
}

func (p *v0) joinArgs() span {
	switch len(p.args) {
	case 0:
		return span{}
	case 1:
		return p.args[0]
	}
	from := len(p.out)
	for i, a := range p.args {
		if i > 0 {
			p.out = append(p.out, "; "...)
		}
		p.out = append(p.out, p.out[a.from:a.to]...)
	}
	return span{from, len(p.out)}
}

// GenericForm is Display with every concrete generic argument shown as "_",
// and the self type of an impl reduced to its constructor: the instances of
// one generic function have one GenericForm. (Two impls for different
// references, say of &str and of &u8, share it too; Module and Impl tell them
// apart.) Legacy names have it as their Display already.
func (n *Name) GenericForm() string {
	if n.Scheme != RustV0 || n.Args == "" && n.SelfType == "" {
		return n.Display
	}
	core := n.Mangled
	if len(core) > 2 && core[:3] == "__R" {
		core = core[1:]
	}
	var s v0
	s.reset(core[2:len(core)-len(n.Suffix)], nil)
	s.elide = true
	s.topPath(true)
	if s.bad {
		return n.Display
	}
	return string(s.out)
}

// enter counts a step of recursion; it answers false when parsing must stop.
func (p *v0) enter() bool {
	p.depth++
	p.steps++
	if p.depth > maxDepth {
		p.bad = true
	}
	if p.steps > maxSteps {
		p.cut()
	}
	return !p.bad
}

func (p *v0) leave() { p.depth-- }

// cut ends the output; what follows is only skipped.
func (p *v0) cut() {
	p.truncated, p.skip = true, true
}

func (p *v0) print(s string) {
	if p.skip {
		return
	}
	if len(p.out)+len(s) > maxOutput {
		p.cut()
		return
	}
	p.out = append(p.out, s...)
}

func (p *v0) printByte(c byte) {
	if p.skip {
		return
	}
	if len(p.out) >= maxOutput {
		p.cut()
		return
	}
	p.out = append(p.out, c)
}

func (p *v0) printUint(n uint64) {
	if !p.skip {
		p.out = strconv.AppendUint(p.out, n, 10)
	}
}

// peek is the next byte, 0 at the end.
func (p *v0) peek() byte {
	if p.at < len(p.in) {
		return p.in[p.at]
	}
	return 0
}

func (p *v0) next() byte {
	if p.at < len(p.in) {
		p.at++
		return p.in[p.at-1]
	}
	p.bad = true
	return 0
}

func (p *v0) eat(c byte) bool {
	if p.at < len(p.in) && p.in[p.at] == c {
		p.at++
		return true
	}
	return false
}

// base62 is <base-62-number>: "_" is 0, "0_" is 1.
func (p *v0) base62() uint64 {
	if p.eat('_') {
		return 0
	}
	n := uint64(0)
	for {
		c := p.next()
		var digit uint64
		switch {
		case c >= '0' && c <= '9':
			digit = uint64(c - '0')
		case c >= 'a' && c <= 'z':
			digit = uint64(c-'a') + 10
		case c >= 'A' && c <= 'Z':
			digit = uint64(c-'A') + 36
		case c == '_' && n < 1<<64-1:
			return n + 1
		default:
			p.bad = true
			return 0
		}
		if n > (1<<64-1-digit)/62 {
			p.bad = true
			return 0
		}
		n = n*62 + digit
	}
}

// optBase62 is a tag and a number, counted from 1; 0 without the tag.
func (p *v0) optBase62(tag byte) uint64 {
	if !p.eat(tag) {
		return 0
	}
	return p.base62() + 1
}

// identifier is <undisambiguated-identifier>. A length never has a leading
// zero: "0" is the empty name, and what follows it is not part of the number.
func (p *v0) identifier() (name string, punycode bool) {
	punycode = p.eat('u')
	c := p.next()
	if c < '0' || c > '9' {
		p.bad = true
		return "", false
	}
	n := int(c - '0')
	if n != 0 {
		for c = p.peek(); c >= '0' && c <= '9'; c = p.peek() {
			n = n*10 + int(c-'0')
			p.at++
			if n > len(p.in) {
				p.bad = true
				return "", false
			}
		}
	}
	p.eat('_')
	if n > len(p.in)-p.at {
		p.bad = true
		return "", false
	}
	name = p.in[p.at : p.at+n]
	p.at += n
	return name, punycode
}

func (p *v0) printIdentifier(name string, punycode bool) {
	if !punycode {
		p.print(name)
		return
	}
	if p.skip {
		return
	}
	runes, ok := decodePunycode(name)
	if !ok {
		p.print("punycode{")
		p.print(name)
		p.printByte('}')
		return
	}
	for _, r := range runes {
		p.out = utf8.AppendRune(p.out, r)
	}
}

// backref jumps to an earlier position and comes back. Positions must fall,
// so a reference cannot reach itself; that chains of them cannot print for
// ever is the matter of maxOutput and maxSteps.
func (p *v0) backref(parse func()) {
	start := p.at - 1
	to := p.base62()
	if p.bad || to >= uint64(start) {
		p.bad = true
		return
	}
	if p.skip {
		return
	}
	back := p.at
	p.at = int(to)
	parse()
	p.at = back
}

// topPath is path for the symbol's own path, with notes. inValue is false in
// the trait of <T as Trait>.
func (p *v0) topPath(inValue bool) {
	if !p.enter() {
		return
	}
	defer p.leave()
	switch p.next() {
	case 'C':
		from := len(p.out)
		p.crateRoot()
		p.crate = span{from, len(p.out)}
		p.module = p.crate
		p.ownHash = p.crateHash
	case 'N':
		namespace := p.next()
		p.topPath(inValue)
		if p.bad {
			return
		}
		p.segment(namespace)
		switch {
		case namespace == 'C':
			p.kind = Closure
		case namespace == 'S':
			p.kind = Shim
		case p.kind == Closure || p.kind == Shim: // a function inside a closure
			p.kind = Item
		}
		if namespace != 't' {
			p.inModule = false
		}
		if p.inModule && p.trait.to == 0 && p.selfType.to == 0 {
			p.module.to = len(p.out)
		}
	case 'M':
		p.topImpl(Inherent)
	case 'X':
		p.topImpl(TraitImpl)
	case 'Y':
		p.kind = TraitMethod
		p.printByte('<')
		p.topSelf()
		p.print(" as ")
		from := len(p.out)
		// The method is defined where the trait is: that path is the spine.
		self, args := p.selfType, p.args
		p.args, p.selfType = nil, span{}
		p.topPath(false)
		p.selfType, p.args, p.kind = self, append(args, p.args...), TraitMethod
		p.trait = span{from, len(p.out)}
		p.inModule = false
		p.dropLastSegment()
		p.printByte('>')
	case 'I':
		p.topPath(inValue)
		if p.bad {
			return
		}
		if inValue {
			p.print("::")
		}
		p.printByte('<')
		from := len(p.out)
		p.genericArgs()
		if !p.skip {
			p.args = append(p.args, span{from, len(p.out)})
		}
		p.printByte('>')
	case 'B':
		p.backref(func() { p.topPath(inValue) })
	default:
		p.bad = true
	}
}

// dropLastSegment takes a trait's own name off the module path.
func (p *v0) dropLastSegment() {
	to := min(p.module.to, len(p.out))
	for i := to - 2; i > p.module.from; i-- {
		if p.out[i] == ':' && p.out[i+1] == ':' {
			p.module.to = i
			return
		}
	}
}

// topImpl is the impl-path, self type and trait of M and X. The impl-path says
// where the impl block stands; displays do not show it.
func (p *v0) topImpl(kind Kind) {
	impl := p.optBase62('s')
	from := len(p.out)
	// The impl-path is noted like a symbol's own: an impl block may stand in
	// a method of another one.
	p.inModule = true
	p.topPath(false)
	if p.bad {
		return
	}
	if len(p.hidden) == 0 && p.module.to > p.module.from {
		p.hidden = append(p.hidden, p.out[p.module.from:p.module.to]...)
		p.hiddenAt = span{p.crate.from - p.module.from, p.crate.to - p.module.from}
	}
	if from < len(p.out) {
		p.out = p.out[:from]
	}
	p.args, p.selfType, p.trait = p.args[:0], span{}, span{}
	p.kind, p.impl = kind, impl
	p.inModule = false
	p.printByte('<')
	p.topSelf()
	if kind == TraitImpl {
		p.print(" as ")
		from := len(p.out)
		p.path(false)
		p.trait = span{from, len(p.out)}
	}
	p.printByte('>')
}

// topSelf prints the self type of an impl and notes its generic arguments.
func (p *v0) topSelf() {
	from := len(p.out)
	switch {
	case p.elide:
		p.elidedType()
	case p.peek() == 'I': // a named type with arguments
		p.at++
		p.path(false)
		p.printByte('<')
		argsFrom := len(p.out)
		p.genericArgs()
		if !p.skip {
			p.args = append(p.args, span{argsFrom, len(p.out)})
		}
		p.printByte('>')
	default:
		c := p.peek()
		p.typ()
		if (c < 'a' || c > 'z') && c != 'N' && c != 'C' && c != 'D' && c != 'B' && !p.skip { // &T, [T], (T, U): any of these may be an argument
			p.args = append(p.args, span{from, len(p.out)})
		}
	}
	p.selfType = span{from, len(p.out)}
}

func (p *v0) crateRoot() {
	from := p.at
	p.optBase62('s')
	if p.bad {
		return
	}
	if p.at > from {
		p.crateHash = p.in[from+1 : p.at-1]
	} else {
		p.crateHash = ""
	}
	name, punycode := p.identifier()
	p.printIdentifier(name, punycode)
}

// segment is the last part of a nested path: [disambiguator] identifier.
func (p *v0) segment(namespace byte) {
	disambiguator := p.optBase62('s')
	name, punycode := p.identifier()
	if p.bad {
		return
	}
	switch {
	case namespace >= 'A' && namespace <= 'Z':
		p.print("::{")
		switch namespace {
		case 'C':
			p.print("closure")
		case 'S':
			p.print("shim")
		default:
			p.printByte(namespace)
		}
		if name != "" {
			p.printByte(':')
			p.printIdentifier(name, punycode)
		}
		p.printByte('#')
		p.printUint(disambiguator)
		p.printByte('}')
	case namespace >= 'a' && namespace <= 'z':
		if name != "" {
			p.print("::")
			p.printIdentifier(name, punycode)
		}
	default:
		p.bad = true
	}
}
