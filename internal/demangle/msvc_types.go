package demangle

// What stands behind a Microsoft name: functions with their parameters, and the
// types that these and template arguments have.

import (
	"strconv"
	"strings"
)

// msvcType is a type around a declarator: "void (*" and ")(int)".
type msvcType struct {
	before, after string
	open          bool // a function or an array: what points at it stands in parentheses
}

func (t msvcType) String() string { return t.before + t.after }

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
