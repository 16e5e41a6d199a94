package refgraph

import "slices"

// Advice is what to do about a part that people want out of their programs.
type Advice struct {
	Name  string   // of the part
	Under []string // patterns whose nodes make it up
	Saves string   // how it goes, in the order of least pain

	Runtime bool // a program with the standard library has it, whatever its own lines do
}

// adviceTable: an entry is one line, or some. Its patterns are looked for in
// what was asked about and on the chain that leads there; see adviceFor.
var adviceTable = []Advice{
	{"core::fmt", []string{"core::fmt"},
		"write through std::io::Write with bytes instead of format strings (write_all(b\"...\"), itoa for numbers); without std: #![no_main] and libc's puts; what the panic machinery keeps goes with the advice on panics", true},
	{"panic messages and the panic hook", []string{"std::panicking", "core::panicking", "std::rt::lang_start_internal", "std::panic::panic_any"},
		"panic = \"abort\" keeps the messages; `minsize shrink --cut silent-panics` (stable) or -Z build-std with -Cpanic=immediate-abort (nightly) take them out; get()/checked_* instead of indexing avoid single ones", true},
	{"the backtrace printer and symbolizer", []string{"std::backtrace_rs", "std::backtrace", "std::sys::backtrace", "gimli", "addr2line"},
		"`minsize shrink --cut std-symbolizer` (stable): in a stripped program it can find no names anyway; or -Z build-std without the feature backtrace", true},
	{"the personality routine of unwinding", []string{"rust_eh_personality", "DW.ref.rust_eh_personality"},
		"only unwind tables refer to it, and it keeps the panic machinery: `minsize shrink` takes the tables out where the program aborts on panic (unwind-tables-out); a no_std program has none", true},
	{"the stack overflow message", []string{"std::sys::pal::unix::stack_overflow"},
		"`minsize shrink --cut stack-overflow-message`; #![no_main] with an own main leaves it out as well", true},
	{"the allocator", []string{"dlmalloc", "mimalloc", "jemalloc", "tikv_jemallocator", "__rust_alloc", "wee_alloc"},
		"std's System allocator instead of a linked one; no_std programs: stack buffers, or a bump allocator of a few lines", false},
	{"Unicode tables", []string{"regex_syntax::unicode_tables", "regex_syntax::hir::translate", "core::unicode::unicode_data", "unicode_normalization", "icu_properties", "unicode_width"},
		"regex: default-features = false with only the unicode-* features that patterns need; to_ascii_lowercase instead of to_lowercase", false},
	{"regex", []string{"regex", "regex_automata", "regex_syntax", "aho_corasick"},
		"the crate regex-lite has the same interface for str (no bytes, no Unicode classes) at a tenth of the size; or str::find, split and matches", false},
	{"chrono's formats", []string{"chrono::format"},
		"chrono with default-features = false and only clock; or the crate time without its macros; or seconds since the epoch", false},
	{"command line parsing", []string{"clap", "clap_builder", "clap_lex"},
		"clap with default-features = false (no colour, no suggestions, no usage); or pico-args, lexopt", false},
	{"float printing and parsing", []string{"core::num::flt2dec", "core::num::dec2flt", "core::num::imp::flt2dec", "core::num::imp::dec2flt", "core::fmt::float"},
		"print and parse integers (fixed point); fmt::Debug of a struct with a float keeps it too", false},
	{"serde's code for each type", []string{"serde", "serde_json", "serde_core"},
		"fewer derived types; miniserde or nanoserde for plain JSON; serde_json::Value shares one reader", false},
	{"C++ exceptions and streams", []string{"__cxa_throw", "std::basic_ostream", "std::ios_base", "std::locale"},
		"-fno-exceptions -fno-rtti; stdio instead of iostream", false},
	{"Go's fmt and reflection", []string{"fmt", "reflect"},
		"print with os.Stdout.WriteString and strconv; encoding/json and text/template need reflection", false},
}

// Parts are those parts, each with the patterns that make it up.
func Parts() []Advice { return slices.Clone(adviceTable) }

// AdviceFor lists what is known about the nodes that were asked about and the
// chain that leads to them, nearest first, each once.
func (g *Graph) AdviceFor(w *Why) []Advice {
	var out []Advice
	matchers := make([][]*matcher, len(adviceTable))
	for i, a := range adviceTable {
		for _, text := range a.Under {
			m, _ := Pattern{Text: text}.matcher() // paths always compile
			m.itself = true                       // who asks about regex hears nothing of its Display
			matchers[i] = append(matchers[i], m)
		}
	}
	seen := make([]bool, len(adviceTable))
	look := func(n int32) {
		for i, set := range matchers {
			if !seen[i] && slices.ContainsFunc(set, func(m *matcher) bool { return m.matches(g, n) }) {
				seen[i] = true
				out = append(out, adviceTable[i])
			}
		}
	}
	for n, in := range w.nodes {
		if in {
			look(int32(n))
		}
	}
	for _, n := range w.chain {
		look(n)
	}
	return out
}
