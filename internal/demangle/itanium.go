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
