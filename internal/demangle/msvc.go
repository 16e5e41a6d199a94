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

// msvcType is a type around a declarator: "void (*" and ")(int)".
type msvcType struct {
	before, after string
	open          bool // a function or an array: what points at it stands in parentheses
}

func (t msvcType) String() string { return t.before + t.after }

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

// encoding is what stands behind the name: parameters of functions, the base
// class of a table.
func (m *msvc) encoding(name string) string {
	c := m.next()
	switch {
	case m.bad:
	case c >= '0' && c <= '4': // a variable: its type is not shown
		m.typ()
		for m.in != "" && strings.IndexByte("EFIABCDQRST", m.in[0]) >= 0 {
			m.in = m.in[1:]
		}
	case c == '5': // a guard of local statics, numbered
		m.in = ""
	case c == '6' || c == '7':
		m.next() // const
		var bases []string
		for !m.bad && m.in != "" && !m.take("@") {
			text, _ := m.qualified(false)
			bases = append(bases, "`"+text+"'")
		}
		if len(bases) > 0 {
			return "{for " + strings.Join(bases, "s ") + "}"
		}
	case c == '8', c == '9': // descriptors, and extern "C"
	case c == '$': // thunks for virtual bases
		m.fail()
	case c >= 'A' && c <= 'Z':
		this := ""
		if kind := (c - 'A') / 2 % 4; c < 'Y' && kind != 1 { // a method, and no static one
			if kind == 3 { // a thunk that adjusts this
				m.number()
			}
			this = m.qualifiers()
		}
		result, parameters := m.function()
		parameters += this
		if m.plain {
			parameters = ""
		}
		if strings.HasSuffix(name, "::operator") {
			return " " + result.String() + parameters
		}
		return parameters
	default:
		m.fail()
	}
	return ""
}

// qualifiers of a pointer's target or of this, as they are written behind it.
func (m *msvc) qualifiers() string {
	reference := ""
	for done := false; !done; {
		switch {
		case m.take("E"), m.take("F"), m.take("I"): // 64 bits, unaligned, restrict
		case m.take("G"):
			reference = " &"
		case m.take("H"):
			reference = " &&"
		default:
			done = true
		}
	}
	switch m.next() {
	case 'A', 'Q':
		return reference
	case 'B', 'R':
		return " const" + reference
	case 'C', 'S':
		return " volatile" + reference
	case 'D', 'T':
		return " const volatile" + reference
	}
	m.fail()
	return ""
}

// function is a calling convention, a result, parameters and exceptions.
func (m *msvc) function() (result msvcType, parameters string) {
	if c := m.next(); c < 'A' || c > 'Z' {
		m.fail()
	}
	m.take("_")
	if !m.take("@") { // a constructor has no result
		if m.take("?") {
			cv := m.qualifiers()
			result = m.typ()
			result.before += cv
		} else {
			result = m.typ()
		}
	}
	if m.take("X") {
		parameters = "()"
	} else {
		var list []string
		for !m.bad && !m.take("@") {
			if m.take("Z") {
				list = append(list, "...")
				break
			}
			list = append(list, m.parameter().String())
		}
		parameters = "(" + strings.Join(list, ", ") + ")"
	}
	if !m.take("Z") && !m.take("_E") {
		m.fail()
	}
	m.work += len(parameters)
	return result, parameters
}

// parameter is a type that may be one of those before.
func (m *msvc) parameter() msvcType {
	if m.in != "" && m.in[0] >= '0' && m.in[0] <= '9' {
		k := int(m.next() - '0')
		if k >= len(m.types) {
			m.fail()
			return msvcType{}
		}
		m.work += len(m.types[k].before)
		return m.types[k]
	}
	before := len(m.in)
	t := m.typ()
	if before-len(m.in) > 1 && len(m.types) < 10 {
		m.types = append(m.types, t)
	}
	return t
}

var (
	msvcBasic = map[byte]string{'C': "signed char", 'D': "char", 'E': "unsigned char", 'F': "short", 'G': "unsigned short", 'H': "int", 'I': "unsigned int",
		'J': "long", 'K': "unsigned long", 'M': "float", 'N': "double", 'O': "long double", 'X': "void"}
	msvcExtended = map[byte]string{'D': "__int8", 'E': "unsigned __int8", 'F': "__int16", 'G': "unsigned __int16", 'J': "__int64", 'K': "unsigned __int64", 'L': "__int128",
		'M': "unsigned __int128", 'N': "bool", 'Q': "char8_t", 'S': "char16_t", 'U': "char32_t", 'W': "wchar_t", 'P': "auto", 'T': "decltype(auto)"}
)

func (m *msvc) typ() msvcType {
	if !m.enter() {
		return msvcType{}
	}
	defer m.leave()
	c := m.next()
	switch c {
	case 'A':
		return m.pointer(" &", "")
	case 'B':
		return m.pointer(" &", " volatile")
	case 'P':
		return m.pointer(" *", "")
	case 'Q':
		return m.pointer(" *", "const")
	case 'R':
		return m.pointer(" *", "volatile")
	case 'S':
		return m.pointer(" *", "const volatile")
	case 'T', 'U', 'V':
		text, _ := m.qualified(false)
		return msvcType{before: text}
	case 'W':
		m.next() // of what size
		text, _ := m.qualified(false)
		return msvcType{before: text}
	case 'Y':
		return m.array()
	case '?':
		if strings.HasPrefix(m.in, "<") { // <auto>
			text, _ := m.qualified(false)
			return msvcType{before: text}
		}
		cv := m.qualifiers()
		t := m.typ()
		t.before += cv
		return t
	case '_':
		if name := msvcExtended[m.next()]; name != "" {
			return msvcType{before: name}
		}
	case '$':
		switch {
		case m.take("$Q"):
			return m.pointer(" &&", "")
		case m.take("$A6"):
			result, parameters := m.function()
			return msvcType{result.before + " ", parameters + result.after, true}
		case m.take("$A8@@"):
			cv := m.qualifiers()
			result, parameters := m.function()
			return msvcType{result.before + " ", parameters + cv + result.after, true}
		case m.take("$B"):
			return m.typ()
		case m.take("$C"):
			cv := m.qualifiers()
			t := m.typ()
			t.before += cv
			return t
		case m.take("$T"):
			return msvcType{before: "std::nullptr_t"}
		}
	default:
		if name := msvcBasic[c]; name != "" {
			return msvcType{before: name}
		}
	}
	m.fail()
	return msvcType{}
}

// pointer is what points, and where to.
func (m *msvc) pointer(mark, own string) msvcType {
	for m.take("E") || m.take("F") || m.take("I") {
	}
	mark += own
	switch {
	case m.take("6"):
		result, parameters := m.function()
		return msvcType{result.before + " (" + mark[1:], ")" + parameters + result.after, false}
	case m.take("8"):
		class, _ := m.qualified(false)
		cv := m.qualifiers()
		result, parameters := m.function()
		return msvcType{result.before + " (" + class + "::" + mark[1:], ")" + parameters + cv + result.after, false}
	}
	member := m.in != "" && m.in[0] >= 'Q' && m.in[0] <= 'T'
	cv := m.qualifiers()
	if member {
		class, _ := m.qualified(false)
		mark = " " + class + "::" + mark[1:]
	}
	t := m.typ()
	if t.open {
		return msvcType{t.before + cv + "(" + mark[1:], ")" + t.after, false}
	}
	t.before += cv
	if strings.HasSuffix(t.before, "*") || strings.HasSuffix(t.before, "&") {
		mark = mark[1:]
	}
	t.before += mark
	m.work += len(t.before)
	return t
}

func (m *msvc) array() msvcType {
	n := m.number()
	if n < 1 || n > 16 {
		m.fail()
		return msvcType{}
	}
	after := ""
	for range n {
		after += "[" + strconv.FormatInt(m.number(), 10) + "]"
	}
	t := m.typ()
	return msvcType{t.before + " ", after + t.after, true}
}
