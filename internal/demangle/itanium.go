package demangle

import (
	"strings"

	cxx "github.com/ianlancetaylor/demangle"
)

// maxItanium bounds what goes to the library: its time grows faster than the
// name, and beyond this a display helps nobody.
const maxItanium = 16 << 10

// parseItanium takes a C++ name. Parts: Module is the scope (namespaces and
// classes) in front of the last "::" outside brackets, without arguments.
func parseItanium(mangled, core string) (Name, bool) {
	if len(core) > maxItanium {
		return Name{}, false
	}
	suffix := ""
	if dot := strings.IndexByte(core, '.'); dot > 0 {
		core, suffix = core[:dot], core[dot:]
	}
	text, err := cxx.ToString(core, cxx.NoRust, cxx.MaxLength(14))
	if err != nil {
		return Name{}, false
	}
	return Name{Mangled: mangled, Scheme: Itanium, Display: text, Suffix: suffix, Module: cxxScope(text)}, true
}

// cxxScope is the scope of a demangled name: of
// "std::vector<int, a<b>>::push(int) const" it is "std::vector<int, a<b>>".
func cxxScope(text string) string {
	depth, scope, start := 0, -1, 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '<', '[', '{':
			depth++
		case '>', ']', '}':
			depth--
		case '(':
			if anonymous := "(anonymous namespace)"; depth == 0 && strings.HasPrefix(text[i:], anonymous) {
				i += len(anonymous) - 1
				continue
			}
			if depth == 0 { // the parameters
				return text[start:max(scope, start)]
			}
			depth++
		case ')':
			depth--
		case ' ': // a template function's return type, "vtable for "
			if depth == 0 {
				start, scope = i+1, -1
			}
		case ':':
			if depth == 0 && strings.HasPrefix(text[i:], "::") {
				scope = i
				i++
			}
		}
	}
	return text[start:max(scope, start)]
}

// Template is what a C++ name is called without parameters, return type and
// template arguments: of "int box<int>::put<char>(char)" it is "box::put". In
// the text of a name `<` may also be an operator or part of an expression, so
// this asks the library. instance says that the name had template arguments; ""
// that it is no C++ name.
func (n *Name) Template() (name string, instance bool) {
	if n.Scheme == Microsoft {
		name, _, _ := microsoft(n.Mangled, true)
		return name, strings.Contains(n.Mangled, "?$") && name != n.Display
	}
	if n.Scheme != Itanium {
		return "", false
	}
	core := n.Mangled[max(strings.Index(n.Mangled, "_Z"), 0):]
	core = strings.TrimSuffix(core, n.Suffix)
	if end := strings.IndexAny(core, ".@"); end > 0 {
		core = core[:end]
	}
	name, err := cxx.ToString(core, cxx.NoRust, cxx.NoParams, cxx.NoTemplateParams, cxx.MaxLength(14))
	if err != nil {
		return "", false
	}
	full, err := cxx.ToString(core, cxx.NoRust, cxx.NoParams, cxx.MaxLength(14))
	return name, err == nil && full != name
}
