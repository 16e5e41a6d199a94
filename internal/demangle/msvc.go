package demangle

// Microsoft's C++ names: "?name@scope@@" and what it is. There is no
// specification; the forms are those that MSVC and clang write, and llvm-undname
// is the oracle of the tests. A name with anything else in it stays as it is.
//
// Shown are the scope, the name and the parameters, as for other C++ names: no
// access, calling convention, return type, or the words class and struct.
// Names and parameter types are numbered as they come and named again by a
// digit; template arguments have numbers of their own.

import (
	"strconv"
	"strings"
)

// maxMicrosoft bounds recursion and length.
const maxMicrosoft = 16 << 10

func parseMicrosoft(mangled string) (Name, bool) {
	text, scope, ok := microsoft(mangled, false)
	return Name{Mangled: mangled, Scheme: Microsoft, Display: text, Module: scope}, ok
}

// microsoft demangles; plain leaves parameters and template arguments out.
func microsoft(mangled string, plain bool) (text, scope string, ok bool) {
	if len(mangled) > maxMicrosoft {
		return "", "", false
	}
	m := msvc{in: mangled, plain: plain}
	text, scope = m.symbol()
	if m.bad || m.in != "" && m.in[0] != '.' || text == "" { // "$" and "." begin what linkers append
		return "", "", false
	}
	return text, scope, true
}

type msvc struct {
	in    string
	plain bool
	bad   bool
	depth int
	work  int // what all texts sum to: a name of backward references can double at each step
	names []string
	types []msvcType
}

func (m *msvc) fail() {
	m.bad, m.in = true, ""
}

func (m *msvc) take(prefix string) bool {
	rest, ok := strings.CutPrefix(m.in, prefix)
	if ok {
		m.in = rest
	}
	return ok
}

func (m *msvc) next() byte {
	if m.in == "" {
		m.fail()
		return 0
	}
	c := m.in[0]
	m.in = m.in[1:]
	return c
}

func (m *msvc) enter() bool {
	m.depth++
	if m.depth > 64 || m.work > 4*maxMicrosoft {
		m.fail()
	}
	return !m.bad
}

func (m *msvc) leave() { m.depth-- }

// until cuts the text before the next mark off.
func (m *msvc) until(mark string) string {
	text, rest, ok := strings.Cut(m.in, mark)
	if !ok {
		m.fail()
		return ""
	}
	m.in = rest
	return text
}

// number: 0 to 9 are 1 to 10, else hexadecimal digits A to P, then @.
func (m *msvc) number() int64 {
	negative := m.take("?")
	value := int64(0)
	switch c := m.next(); {
	case c >= '0' && c <= '9':
		value = int64(c-'0') + 1
	default:
		for n := 0; c != '@'; c, n = m.next(), n+1 {
			if c < 'A' || c > 'P' || n > 15 {
				m.fail()
				return 0
			}
			value = value<<4 | int64(c-'A')
		}
	}
	if negative {
		return -value
	}
	return value
}

// symbol is a whole name, from its question mark on.
func (m *msvc) symbol() (text, scope string) {
	if !m.enter() {
		return "", ""
	}
	defer m.leave()
	if !m.take("?") {
		m.fail()
		return "", ""
	}
	switch {
	case m.take("?_C@_"):
		return m.literal(), ""
	case m.take("?_R0"):
		t := m.typ()
		m.take("@8")
		return t.String() + " `RTTI Type Descriptor'", t.String()
	case strings.HasPrefix(m.in, "?__E"), strings.HasPrefix(m.in, "?__F"):
		what := "`dynamic initializer for '"
		if m.in[3] == 'F' {
			what = "`dynamic atexit destructor for '"
		}
		m.in = m.in[4:]
		if strings.HasPrefix(m.in, "?") {
			text, scope = m.symbol()
			m.take("@")
			m.take("@")
		} else {
			text, scope = m.qualified(true)
		}
		text = what + text + "''"
		return text + m.encoding(text), scope
	}
	text, scope = m.qualified(true)
	return text + m.encoding(text), scope
}

// qualified is a name with its scopes, the innermost first. What the whole
// symbol is called has no number where it is a template.
func (m *msvc) qualified(symbol bool) (text, scope string) {
	numbered, template := m.names, strings.HasPrefix(m.in, "?$")
	name, structor := m.unqualified(true)
	if symbol && template {
		m.names = numbered
	}
	var scopes []string
	for !m.bad && !m.take("@") {
		s, _ := m.unqualified(false)
		scopes = append(scopes, s)
	}
	if m.bad {
		return "", ""
	}
	for i := len(scopes) - 1; i >= 0; i-- {
		if scope != "" {
			scope += "::"
		}
		scope += scopes[i]
	}
	if structor != "" {
		if len(scopes) == 0 {
			m.fail()
			return "", ""
		}
		name = structor[1:] + withoutTemplate(scopes[0])
	}
	if scope == "" {
		return name, ""
	}
	m.work += len(scope) + len(name)
	return scope + "::" + name, scope
}

// withoutTemplate is a class's name in that of its constructor.
func withoutTemplate(name string) string {
	if i := strings.IndexByte(name, '<'); i > 0 {
		return name[:i]
	}
	return name
}

// unqualified is one part of a name. structor is "+" or "+~" for a constructor
// or destructor, whose name is its scope's.
func (m *msvc) unqualified(first bool) (name, structor string) {
	if !m.enter() {
		return "", ""
	}
	defer m.leave()
	switch {
	case m.in == "":
		m.fail()
	case m.in[0] >= '0' && m.in[0] <= '9':
		k := int(m.next() - '0')
		if k >= len(m.names) {
			m.fail()
			return "", ""
		}
		m.work += len(m.names[k])
		return m.names[k], ""
	case m.take("?$"):
		name = m.template()
		m.remember(name)
		return name, ""
	case !first && m.take("?A"): // with the compiler's number for the file
		m.remember("`anonymous namespace'")
		m.until("@")
		return "`anonymous namespace'", ""
	case !first && m.take("?"): // inside of a function
		if n := strings.IndexByte(m.in, '?'); n == 0 {
			inner, _ := m.symbol()
			return "`" + inner + "'", ""
		}
		n := m.number()
		if !m.take("?") {
			m.fail()
			return "", ""
		}
		inner, _ := m.symbol()
		return "`" + inner + "'::`" + strconv.FormatInt(n, 10) + "'", ""
	case m.take("?"):
		return m.operator()
	default:
		name = m.until("@")
		if name == "" {
			m.fail()
		}
		m.remember(name)
	}
	return name, ""
}

func (m *msvc) remember(name string) {
	for _, n := range m.names {
		if n == name {
			return
		}
	}
	if len(m.names) < 10 {
		m.names = append(m.names, name)
	}
}

// template is a name with arguments, which number their names anew.
func (m *msvc) template() string {
	names, types := m.names, m.types
	m.names, m.types = nil, nil
	defer func() { m.names, m.types = names, types }()
	name, structor := m.unqualified(true)
	if structor != "" {
		m.fail()
	}
	var args []string
	for !m.bad && !m.take("@") {
		if a, ok := m.argument(); ok {
			args = append(args, a)
		}
	}
	if m.plain {
		return name
	}
	text := name + "<" + strings.Join(args, ", ") + ">"
	m.work += len(text)
	return text
}

// argument of a template; false for marks of packs.
func (m *msvc) argument() (string, bool) {
	switch {
	case m.take("$0"):
		return strconv.FormatInt(m.number(), 10), true
	case m.take("$1?"), m.take("$E?"):
		m.in = "?" + m.in
		text, _ := m.symbol()
		return "&" + text, true
	case m.take("$$V"), m.take("$$Z"), m.take("$S"):
		return "", false
	case m.take("$$Y"):
		text, _ := m.qualified(false)
		return text, true
	case m.take("$M"): // the type of an auto parameter
		m.typ()
		return m.argument()
	}
	return m.parameter().String(), true
}

// operators by the letter behind "?", and behind "?_".
var (
	msvcOperators = map[byte]string{'2': "operator new", '3': "operator delete", '4': "operator=", '5': "operator>>", '6': "operator<<", '7': "operator!",
		'8': "operator==", '9': "operator!=", 'A': "operator[]", 'C': "operator->", 'D': "operator*", 'E': "operator++", 'F': "operator--",
		'G': "operator-", 'H': "operator+", 'I': "operator&", 'J': "operator->*", 'K': "operator/", 'L': "operator%", 'M': "operator<", 'N': "operator<=",
		'O': "operator>", 'P': "operator>=", 'Q': "operator,", 'R': "operator()", 'S': "operator~", 'T': "operator^", 'U': "operator|", 'V': "operator&&",
		'W': "operator||", 'X': "operator*=", 'Y': "operator+=", 'Z': "operator-="}
	msvcSpecials = map[byte]string{'0': "operator/=", '1': "operator%=", '2': "operator>>=", '3': "operator<<=", '4': "operator&=", '5': "operator|=", '6': "operator^=",
		'7': "`vftable'", '8': "`vbtable'", '9': "`vcall'", 'B': "`local static guard'", 'D': "`vbase dtor'", 'E': "`vector deleting dtor'", 'F': "`default ctor closure'",
		'G': "`scalar deleting dtor'", 'H': "`vector ctor iterator'", 'I': "`vector dtor iterator'", 'J': "`vector vbase ctor iterator'",
		'O': "`copy ctor closure'", 'S': "`local vftable'", 'T': "`local vftable ctor closure'", 'U': "operator new[]", 'V': "operator delete[]"}
	msvcRTTI = map[byte]string{'2': "`RTTI Base Class Array'", '3': "`RTTI Class Hierarchy Descriptor'", '4': "`RTTI Complete Object Locator'"}
)

func (m *msvc) operator() (name, structor string) {
	c := m.next()
	switch c {
	case '0':
		return "", "+"
	case '1':
		return "", "+~"
	case 'B':
		name = "operator" // of a conversion: the type that it gives follows the scope, as what it returns
		return name, ""
	case '_':
		switch c = m.next(); c {
		case 'R':
			if c = m.next(); c == '1' {
				var at [4]string
				for i := range at {
					at[i] = strconv.FormatInt(m.number(), 10)
				}
				return "`RTTI Base Class Descriptor at (" + strings.Join(at[:], ", ") + ")'", ""
			}
			name = msvcRTTI[c]
		case '_':
			switch c = m.next(); c {
			case 'K':
				name = "operator \"\"" + m.until("@")
			case 'L':
				name = "operator co_await"
			case 'M':
				name = "operator<=>"
			}
		default:
			name = msvcSpecials[c]
		}
	default:
		name = msvcOperators[c]
	}
	if name == "" {
		m.fail()
	}
	return name, ""
}

// literal is a string constant: its length, a checksum, and its first bytes.
func (m *msvc) literal() string {
	wide := m.next()
	m.number()
	m.until("@")
	var text []byte
	for !m.bad && !m.take("@") && m.in != "" {
		c := m.next()
		if c != '?' {
			text = append(text, c)
			continue
		}
		switch c = m.next(); {
		case c == '$':
			high, low := m.next(), m.next()
			text = append(text, (high-'A')<<4|(low-'A'))
		case c >= '0' && c <= '9':
			text = append(text, ",/\\:. \n\t'-"[c-'0'])
		default:
			text = append(text, c|0x80)
		}
	}
	if wide == '1' {
		var narrow []byte
		for _, c := range text {
			if c != 0 {
				narrow = append(narrow, c)
			}
		}
		return "L" + strconv.Quote(string(narrow))
	}
	return strconv.Quote(strings.TrimRight(string(text), "\x00"))
}
