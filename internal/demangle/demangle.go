// Package demangle takes linker names apart: not into one string, as
// demanglers do, but into the parts that size analysis asks for. Which crate
// defines it, in which module, which impl of which trait for which type, with
// which generic arguments, and which crate asked for the instance.
//
// What is hard: a name is a grammar with back references, so that 60 bytes may
// mean an exponentially long text; and the same function has as many names as
// compilers and hashes. So output, recursion and steps are bounded, and what
// changes from build to build (hashes, disambiguators, compiler suffixes) is
// kept apart from the text that people compare.
//
// Rust names (v0 and legacy) have a parser of our own, because the parts are
// what we are here for. C++ names go to a library, as a string; the same
// library is the test oracle for Rust's display. Go and Swift names stay as
// they are (GoPackage knows Go's rules).
//
// Rejected: demangling to text and cutting the text. In "<a::B as c::D>::e"
// nothing says which crate the impl is in; the v0 name does.
package demangle

import (
	"strings"
	"unsafe"
)

// Scheme is the way a name was mangled.
type Scheme uint8

const (
	Plain      Scheme = iota // not mangled, or in a scheme that stays as it is
	RustV0                   // RFC 2603
	RustLegacy               // _ZN...17h<16 hex digits>E
	Itanium                  // C++ (Itanium C++ ABI 5.1)
	Swift                    // $s..., left as it is
	Microsoft                // C++ of MSVC: ?name@scope@@
)

var schemeNames = [...]string{"plain", "Rust v0", "Rust legacy", "C++", "Swift", "C++ (Microsoft)"}

func (s Scheme) String() string { return schemeNames[s] }

// CXX says whether a name is of C++, by whichever compiler.
func (s Scheme) CXX() bool { return s == Itanium || s == Microsoft }

// Kind is what a Rust name names.
type Kind uint8

const (
	Item        Kind = iota // a function or static at a module path
	Inherent                // a method of `impl Type`
	TraitImpl               // a method of `impl Trait for Type`
	TraitMethod             // a method that the trait provides, for one type (v0 only)
	Closure                 // a closure in any of these
	Shim                    // made by the compiler: vtable entry, drop glue, ...
)

var kindNames = [...]string{"item", "inherent method", "trait method", "provided method", "closure", "shim"}

func (k Kind) String() string { return kindNames[k] }

// Name is a linker name taken apart. All strings are shared with Mangled or
// with Display's memory.
type Name struct {
	Mangled string // as given
	Scheme  Scheme
	Kind    Kind

	// Display is the readable name without hashes, disambiguators of crates
	// and compiler suffixes; two builds of one source agree on it.
	Display string

	Crate     string // that defines the function; for impls the crate that has the impl
	CrateHash string // its v0 disambiguator in base 62, which tells two versions of one crate apart
	// CrateGuessed: a legacy name does not say which crate has the impl of
	// a trait; the orphan rule leaves the type's and the trait's crate.
	CrateGuessed bool

	Module   string // crate and modules, of the impl block for impls: "core::fmt::num"
	SelfType string // of impls and trait methods: "alloc::vec::Vec<u8>"
	Trait    string // "core::clone::Clone"
	// Impl numbers the impl block among those of its module (v0's
	// disambiguator); instances of one generic method share Module and Impl.
	Impl uint64
	// Args are the concrete generic arguments, "" without any or where the
	// scheme does not tell them (legacy).
	Args string

	Instantiating     string // the crate whose compilation made this instance (v0)
	InstantiatingHash string
	Hash              string // legacy: 16 hex digits
	Suffix            string // ".llvm.1234", ".cold", "" without
}

// Rust says whether the name is a Rust name.
func (n *Name) Rust() bool { return n.Scheme == RustV0 || n.Scheme == RustLegacy }

// Parse takes a linker name apart. A name in no known scheme comes back as
// Plain with Display as given, apart from a compiler's suffix.
func Parse(mangled string) Name {
	var p Parser
	return p.Parse(mangled)
}

// Parser keeps its buffers between names: use one per goroutine for many.
type Parser struct {
	// Borrowed Names are good until the next Parse: for whoever keeps little of
	// them.
	Borrowed bool

	v0  v0
	buf []byte
}

// text is what a Name keeps of b, which is p.buf.
func (p *Parser) text(b []byte) string {
	if p.Borrowed {
		return unsafe.String(unsafe.SliceData(b), len(b))
	}
	return string(b)
}

// Parse is the package's Parse.
func (p *Parser) Parse(mangled string) Name {
	core := mangled
	if strings.HasPrefix(core, "__R") || strings.HasPrefix(core, "__Z") { // Mach-O and 32-bit Windows
		core = core[1:]
	}
	switch {
	case strings.HasPrefix(core, "?"):
		if n, ok := parseMicrosoft(mangled); ok {
			return n
		}
	case strings.HasPrefix(core, "_R"):
		if n, ok := p.parseV0(mangled, core); ok {
			return n
		}
	case strings.HasPrefix(core, "_ZN"):
		if n, ok := p.parseLegacy(mangled, core); ok {
			return n
		}
		if n, ok := parseItanium(mangled, core); ok {
			return n
		}
	case strings.HasPrefix(core, "_Z") || strings.HasPrefix(core, "___Z"):
		if n, ok := parseItanium(mangled, core); ok {
			return n
		}
	case strings.HasPrefix(core, "$s") || strings.HasPrefix(core, "_$s") || strings.HasPrefix(core, "$S") || strings.HasPrefix(core, "_$S"):
		return Name{Mangled: mangled, Scheme: Swift, Display: mangled}
	}
	base, suffix := splitSuffix(mangled)
	return Name{Mangled: mangled, Display: base, Suffix: suffix}
}

// Display is Parse(mangled).Display.
func Display(mangled string) string {
	n := Parse(mangled)
	return n.Display
}

// suffixes are what GCC and LLVM append to a function's own name for its
// clones and parts.
var suffixes = []string{".llvm", ".cold", ".part", ".isra", ".constprop", ".lto_priv", ".localalias", ".hot", ".unlikely", ".startup", ".exit", ".warm", ".split", ".resume", ".destroy", ".cleanup", ".specialized", ".content", ".uniq", ".__uniq", ".clone", ".eh", ".thinlto", ".lto", ".local", ".isra.cold"}

// splitSuffix cuts compiler suffixes off a plain name: from the first dot
// after which every dotted word is one of suffixes or a number or hash.
func splitSuffix(name string) (base, suffix string) {
	dot := strings.IndexByte(name, '.')
	if dot <= 0 {
		return name, ""
	}
	for _, s := range suffixes {
		if rest, ok := strings.CutPrefix(name[dot:], s); ok && (rest == "" || rest[0] == '.') {
			return name[:dot], name[dot:]
		}
	}
	return name, ""
}
