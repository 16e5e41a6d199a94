package relink

// The search for evidence: what each recorded object, the link's arguments and
// the reference graph show of what a program does (evidence.go has the kinds).

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/arrange"
	"github.com/minsize/minsize/internal/objedit"
)

// evidenceSearch is one walk over a link.
type evidenceSearch struct {
	recording *Recording
	graph     *graph
	objects   []*objedit.Object
	files     []string // by object
	archived  []bool   // by object
	reached   []bool   // by node
	live      []bool   // by object: a node of it is reached
	merged    []bool   // by object: LTO has put std's own code into it
	found     map[Evidence]bool
	exported  []string            // names that the link lets out
	in        [][]int32           // by node, once it is asked for
	passing   map[int]map[int]int // see resumed; by object, once it is asked for
	self      bool                // something but std asks for the program's own file
}

func (s *evidenceSearch) add(e Evidence) { s.found[e] = true }

// reach finds what stays in the program: what --gc-sections keeps, or all
// where the link exports everything or collects nothing.
func (s *evidenceSearch) reach() {
	args := s.recording.link.Args
	f := s.recording.flavour
	var every bool
	s.exported, every = s.recording.exports()
	all := every || slices.ContainsFunc(args, f.exports) || !f.collects(args)
	s.reached, s.live, s.merged = make([]bool, len(s.graph.nodes)), make([]bool, len(s.objects)), make([]bool, len(s.objects))
	if all {
		for i := range s.reached {
			s.reached[i] = true
		}
	} else {
		for _, n := range s.graph.postorder() {
			s.reached[n] = true
		}
	}
	for i, n := range s.graph.nodes {
		if s.reached[i] && n.object >= 0 {
			s.live[n.object] = true
		}
	}
	for i, o := range s.objects {
		s.merged[i] = !s.archived[i] && slices.ContainsFunc(o.Functions(), func(f objedit.Function) bool {
			return slices.Contains([]string{"std::rt::lang_start_internal", "std::panicking::panic_with_hook", "std::panicking::rust_panic_with_hook"},
				s.recording.edit.of(f.Name).normal) // a library has no start
		})
	}
}

// arguments tells what the command line alone says.
func (s *evidenceSearch) arguments() {
	for _, a := range s.recording.link.Args {
		if s.recording.flavour.exports(a) {
			s.add(Evidence{Kind: ExportsSymbols, Object: a})
		}
	}
}

// rustObject says whether rustc made an object.
func rustObject(o *objedit.Object) bool {
	if strings.Contains(o.Name(), ".rcgu.o") {
		return true
	}
	for _, f := range o.Functions() {
		if n := namesOf(f.Name); n.crate != "" {
			return true
		}
	}
	return false
}

// personality gives the routine that is not Rust's which an object's tables
// name, "" for none.
func personality(o *objedit.Object) string {
	for _, d := range o.Symbols() {
		name := strings.TrimPrefix(d.Name, "DW.ref.")
		if strings.Contains(name, "_personality") && !strings.Contains(name, "rust_eh_personality") {
			return name
		}
	}
	return ""
}

// unwinding are functions that throw, catch, or end a thread from within.
var unwinding = []string{"__cxa_throw", "__cxa_rethrow", "__cxa_begin_catch", "__cxa_get_exception_ptr", "_Unwind_RaiseException", "_Unwind_ForcedUnwind",
	"_Unwind_Resume_or_Rethrow", "objc_exception_throw", "pthread_exit", "pthread_cancel", "thrd_exit"}

// foreignUnwinder gives the symbol by which an object that rustc did not make
// takes part in unwinding, "" for none.
func foreignUnwinder(o *objedit.Object, cxx bool) string {
	if name := personality(o); name != "" {
		return name
	}
	if slices.ContainsFunc(o.Definitions(), func(d objedit.Definition) bool { return d.Name == "_Unwind_RaiseException" }) {
		return "" // the unwinder itself
	}
	if rustObject(o) {
		return ""
	}
	if o.HasSection(func(section string) bool { return strings.HasPrefix(section, ".gcc_except_table") }) {
		return ".gcc_except_table"
	}
	for _, name := range o.Undefined() {
		if slices.Contains(unwinding, name) || strings.HasPrefix(name, "_ZSt") || strings.HasPrefix(name, "_ZNSt") || strings.HasPrefix(name, "_ZNKSt") {
			return name
		}
	}
	if cxx && len(o.Functions()) > 0 && !strings.HasPrefix(o.Name(), "libcompiler_builtins") {
		return "libstdc++ or libc++, which the link names"
	}
	return ""
}

// foreign finds code that unwinds without Rust.
func (s *evidenceSearch) foreign() {
	cxx := slices.ContainsFunc(s.recording.link.Args, func(a string) bool {
		name, ok := strings.CutPrefix(a, "-l")
		base := filepath.Base(a)
		return ok && cxxLibrary(name) || strings.HasPrefix(base, "libstdc++") || strings.HasPrefix(base, "libc++.")
	})
	for i, o := range s.objects {
		if !s.live[i] || strings.HasPrefix(s.files[i], "libcompiler_builtins") {
			continue
		}
		if symbol := foreignUnwinder(o, cxx); symbol != "" {
			s.add(Evidence{Kind: ForeignUnwind, Object: s.object(i), Symbol: symbol})
		}
	}
}

func (s *evidenceSearch) object(i int) string {
	name := s.objects[i].Name()
	if name == s.files[i] || strings.Contains(name, "(") {
		return name
	}
	return s.files[i] + "(" + filepath.Base(name) + ")"
}

// references finds who refers to the entry points.
func (s *evidenceSearch) references() {
	names := map[string]*kindEntry{}
	imports := map[string]*kindEntry{}
	for i := range kinds {
		for _, n := range kinds[i].names {
			names[n] = &kinds[i]
		}
		for _, n := range kinds[i].imports {
			imports[n] = &kinds[i]
		}
	}
	g, edit := s.graph, &s.recording.edit
	entry := make([]*kindEntry, len(g.nodes)) // what a node is an entry point of
	debug, prints := make([]bool, len(g.nodes)), make([]bool, len(g.nodes))
	settles := make([]bool, len(g.nodes)) // where a failed join ends: the panic goes on
	for i, n := range g.nodes {
		if n.object < 0 {
			entry[i] = imports[n.name]
			continue
		}
		if !n.code {
			continue
		}
		nm := edit.of(n.name)
		entry[i] = names[nm.normal]
		if nm.normal == "<&T as core::fmt::Display>::fmt" && s.printsLocation(int32(i)) {
			entry[i] = kindOf(LocationShown)
		}
		debug[i] = strings.HasSuffix(nm.normal, " as core::fmt::Debug>::fmt")
		prints[i] = nm.normal == "std::io::stdio::_print" || nm.normal == "std::io::stdio::_eprint" || strings.HasSuffix(nm.normal, "::write_fmt") || strings.HasPrefix(nm.normal, "alloc::fmt::format")
		settles[i] = settlesPanic(nm.normal)
	}
	for i, n := range g.nodes { // unwrap prints what the thread's panic carried, by its Debug
		if n.object >= 0 && !n.code {
			settles[i] = slices.ContainsFunc(g.out[i], func(to int32) bool {
				nm := edit.of(g.nodes[to].name)
				return debug[to] && (strings.HasPrefix(nm.normal, "<alloc::boxed::Box as ") || strings.Contains(nm.full, "core::any::Any"))
			})
		}
	}
	for i := range g.nodes {
		if !s.reached[i] || g.nodes[i].object < 0 {
			continue
		}
		if e := entry[i]; e != nil && e.inStd {
			s.instance(e, int32(i))
		}
		shown, printed := false, false
		for _, to := range g.out[i] {
			shown, printed = shown || debug[to], printed || prints[to]
			e := entry[to]
			if e == nil || entry[i] == e {
				continue
			}
			if e.Kind == JoinedPanic && slices.ContainsFunc(g.out[i], func(n int32) bool { return settles[n] }) {
				continue
			}
			if e.Kind == CatchUnwind && s.passesOn(int32(i)) {
				continue
			}
			s.user(e, int32(i), to)
		}
		if shown && printed && g.nodes[i].code && !debug[i] {
			s.user(kindOf(DebugShown), int32(i), 0)
		}
	}
}

// passesOn says whether a function lets every panic go on that it catches, as
// where std's thread::scope was inlined into it: it names what goes on with a
// panic as often as what ends one.
func (s *evidenceSearch) passesOn(at int32) bool {
	n := s.graph.nodes[at]
	if s.passing == nil {
		s.passing = map[int]map[int]int{}
	}
	passing, known := s.passing[n.object]
	if !known {
		passing = s.resumed(n.object)
		s.passing[n.object] = passing
	}
	return passing[n.section] >= 0
}

// resumed counts, for each section of an object, the references to what goes
// on with a panic, less those to what ends one.
func (s *evidenceSearch) resumed(object int) map[int]int {
	o := s.objects[object]
	refs, err := o.References()
	if err != nil {
		return nil
	}
	count := map[int]int{}
	sections := o.SectionSymbols()
	for _, ref := range refs {
		name := ref.Symbol
		if name == "" {
			name = sections[ref.To]
		}
		switch normal := s.recording.edit.of(name).normal; {
		case slices.Contains(kindOf(CatchUnwind).names, normal):
			count[ref.From]--
		case settlesPanic(normal):
			count[ref.From]++
		}
	}
	return count
}

// settlesPanic says whether a function goes on with a panic that was caught.
func settlesPanic(normal string) bool {
	return strings.Contains(normal, "resume_unwind") || strings.Contains(normal, "rust_panic_without_hook")
}

// owner is the crate and the function outside std that a node is of. What
// calls main, or a thread's closure, holds all of it where that was inlined.
func (s *evidenceSearch) owner(at int32) (crate, function string) {
	nm := s.recording.edit.of(s.graph.nodes[at].name)
	bin := strings.ReplaceAll(s.recording.link.Bin, "-", "_")
	switch {
	case nm.normal == "std::rt::lang_start::{closure}" || s.callsMain(at, nm):
		return bin, bin + "::main"
	case strings.HasSuffix(nm.normal, shortBacktrace):
		if crate = cmp.Or(s.onlyCrate(at), s.objectCrate(at)); crate == "" {
			return "", ""
		}
		return crate, "a thread of " + crate
	}
	if slices.Contains(s.exported, s.graph.nodes[at].name) {
		return bin, s.graph.nodes[at].name // #[no_mangle]
	}
	if nm.crate == "" || slices.Contains(standard, nm.crate) {
		return "", ""
	}
	return nm.crate, nm.normal
}

// shortBacktrace ends the name of what std calls main and threads' closures by.
const shortBacktrace = "::__rust_begin_short_backtrace"

// callsMain says whether a node is what std calls main by.
func (s *evidenceSearch) callsMain(at int32, nm names) bool {
	return strings.HasSuffix(nm.normal, shortBacktrace) && slices.ContainsFunc(s.callers(at), func(from int32) bool {
		n := s.graph.nodes[from]
		return n.name == "main" || strings.HasPrefix(s.recording.edit.of(n.name).normal, "std::rt::lang_start")
	})
}

// callers are the nodes that refer to one.
func (s *evidenceSearch) callers(at int32) []int32 {
	if s.in == nil {
		s.in = make([][]int32, len(s.graph.nodes))
		for from, out := range s.graph.out {
			for _, to := range out {
				s.in[to] = append(s.in[to], int32(from))
			}
		}
	}
	return s.in[at]
}

// onlyCrate is the one crate outside std that a node refers to, "" where there
// are several or none.
func (s *evidenceSearch) onlyCrate(at int32) string {
	only := ""
	for _, to := range s.graph.out[at] {
		switch crate := s.recording.edit.of(s.graph.nodes[to].name).crate; {
		case crate == "" || slices.Contains(standard, crate) || crate == only:
		case only != "":
			return ""
		default:
			only = crate
		}
	}
	return only
}

// objectCrate is the crate that a node's object was compiled from, "" where
// LTO has put several into it.
func (s *evidenceSearch) objectCrate(at int32) string {
	object := s.graph.nodes[at].object
	crate := filepath.Base(strings.TrimPrefix(s.objects[object].Name(), s.files[object]+"("))
	if i := strings.IndexAny(crate, "-."); i > 0 {
		crate = crate[:i]
	}
	if s.merged[object] || slices.Contains(standard, crate) {
		return ""
	}
	return crate
}

// printsLocation says whether an instance of Display for references, whose
// legacy name does not tell the type, has Location's inlined: a text and two
// numbers of 32 bits by one call of write.
func (s *evidenceSearch) printsLocation(at int32) bool {
	numbers, texts, writes := 0, 0, 0
	for _, to := range s.graph.out[at] {
		if !s.graph.nodes[to].code {
			continue
		}
		switch s.recording.edit.of(s.graph.nodes[to].name).normal {
		case "<u32 as core::fmt::Display>::fmt":
			numbers++
		case "<&T as core::fmt::Display>::fmt", "<&str as core::fmt::Display>::fmt", "<str as core::fmt::Display>::fmt":
			texts++
		case "core::fmt::write":
			writes++
		default:
			return false
		}
	}
	return numbers == 1 && texts == 1 && writes == 1
}

// user tells of a function that refers to an entry point, where it is not
// std's.
func (s *evidenceSearch) user(e *kindEntry, at, to int32) {
	n := s.graph.nodes[at]
	if !n.code {
		return // a table of functions: its user calls
	}
	nm := s.recording.edit.of(n.name)
	symbol := ""
	if to > 0 {
		symbol = s.recording.edit.of(s.graph.nodes[to].name).normal
	}
	if e.Kind == OwnFile && !slices.Contains(standard, nm.crate) {
		s.self = true
	}
	if crate, function := s.owner(at); crate != "" {
		s.self = s.self || e.Kind == OwnFile
		s.tell(e, Evidence{Crate: crate, Function: function, Symbol: symbol})
	} else if nm.crate != "" {
		s.instance(e, at)
	} else if !rustObject(s.objects[n.object]) && !strings.HasPrefix(s.files[n.object], "libcompiler_builtins") { // else main, or what rustc makes
		s.tell(e, Evidence{Object: s.object(n.object), Function: nm.normal, Symbol: symbol})
	}
}

// startup are std's generics that catch panics in every program.
var startup = []string{"std::rt::", "std::thread::", "std::sys::", "std::sys_common::", "std::sync::", "std::backtrace", "std::backtrace_rs", "std::panicking::default_hook"}

func isStartup(n names) bool {
	return slices.ContainsFunc(startup, func(p string) bool { return strings.HasPrefix(n.normal, p) || strings.Contains(n.full, p) })
}

// startsThread says whether a node is the closure that a new thread runs,
// whose own name (a shim of FnOnce) does not tell.
func (s *evidenceSearch) startsThread(at int32) bool {
	return slices.ContainsFunc(s.graph.out[at], func(to int32) bool {
		return strings.HasSuffix(s.recording.edit.of(s.graph.nodes[to].name).normal, "::__rust_begin_short_backtrace")
	})
}

// instance tells of std's generic code compiled for another crate: who calls
// it, or else the crate whose object holds it.
func (s *evidenceSearch) instance(e *kindEntry, at int32) {
	n := s.graph.nodes[at]
	nm := s.recording.edit.of(n.name)
	own := slices.Contains(e.names, nm.normal)
	if !e.inStd || !own && (isStartup(nm) || s.startsThread(at)) {
		return
	}
	called := false
	for _, i := range s.callers(at) {
		if !s.reached[i] || i == at || !s.graph.nodes[i].code {
			continue
		}
		called = true
		if crate, function := s.owner(i); crate != "" && e.Kind != JoinedPanic && !(e.Kind == CatchUnwind && s.passesOn(i)) { // a join is judged at the caller
			s.tell(e, Evidence{Crate: crate, Function: function, Symbol: nm.normal})
		}
	}
	if crate := s.objectCrate(at); !called && !own && crate != "" {
		s.tell(e, Evidence{Crate: crate, Function: nm.normal})
	}
}

// tell adds what was found under its kind: a crate that catches for others has
// a kind of its own.
func (s *evidenceSearch) tell(e *kindEntry, found Evidence) {
	found.Kind = e.Kind
	if e.Kind == CatchUnwind && slices.Contains(catchers, found.Crate) {
		found.Kind = RuntimeCatch
	}
	s.add(found)
}

// ownFile finds the path of the program's own file in data that is not std's.
func (s *evidenceSearch) ownFile() {
	holds := map[int32]bool{}
	for i, n := range s.graph.nodes {
		if s.reached[i] && n.object >= 0 && !n.code && bytes.Contains(s.objects[n.object].SectionData(n.section), []byte("/proc/self/exe")) {
			holds[int32(i)] = true
		}
	}
	for i, out := range s.graph.out {
		if s.reached[i] && slices.ContainsFunc(out, func(to int32) bool { return holds[to] }) && s.graph.nodes[i].object >= 0 {
			s.user(kindOf(OwnFile), int32(i), 0)
		}
	}
}

// sections finds lists that linkers collect, and unusual loaded sections in a
// program that opens its own file.
func (s *evidenceSearch) sections() {
	for i, o := range s.objects {
		if !s.live[i] {
			continue
		}
		for _, name := range o.Undefined() {
			if section, ok := strings.CutPrefix(name, "__start_"); ok {
				s.add(Evidence{Kind: SectionLists, Object: s.object(i), Symbol: "__start_" + section})
			}
		}
	}
	if !s.self {
		return
	}
	for i, n := range s.graph.nodes {
		if s.reached[i] && n.object >= 0 && n.unusual != "" {
			s.add(Evidence{Kind: OwnSections, Object: s.object(n.object), Symbol: n.unusual})
		}
	}
}

// ordinary are the sections that compilers and C libraries make themselves.
var ordinary = []string{".text", ".rodata", ".data", ".bss", ".tdata", ".tbss", ".init", ".fini", ".ctors", ".dtors", ".preinit_array", ".eh_frame", ".gcc_except_table", ".debug", ".zdebug",
	".lrodata", ".ldata", ".lbss", ".ltext", ".note", ".rustc", ".sdata", ".sbss", ".jcr", ".got", ".plt", ".llvm", ".comment", ".group", "__llvm", "__libc", "__sancov", "asan_globals", "COMMON",
	".dep-v0", "__patchable_function_entries", ".stapsdt", ".probes", "__rust"}

func unusualSection(name string) bool {
	return name != "" && !slices.ContainsFunc(ordinary, func(p string) bool {
		return name == p || strings.HasPrefix(name, p+".") || strings.HasPrefix(name, p+"_")
	})
}

// list sorts what was found; of one crate's many functions the first three
// are told.
func (s *evidenceSearch) list() []Evidence {
	var list, short []Evidence
	for e := range s.found {
		list = append(list, e)
	}
	arrange.Sort(list, func(a, b Evidence) int {
		return cmp.Or(cmp.Compare(kindRank(a.Kind), kindRank(b.Kind)), s.rank(a)-s.rank(b), strings.Compare(a.Crate, b.Crate), strings.Compare(a.Object, b.Object),
			strings.Compare(a.Function, b.Function), strings.Compare(a.Symbol, b.Symbol))
	})
	type group struct {
		kind          Kind
		crate, object string
	}
	count := map[group]int{}
	seen := map[[3]string]bool{}
	for _, e := range list {
		g := group{e.Kind, e.Crate, ""}
		key := [3]string{string(e.Kind), e.Crate + e.Object, e.Function}
		if seen[key] {
			continue
		}
		seen[key] = true
		if count[g]++; count[g] <= 3 {
			short = append(short, e)
		}
	}
	return short
}

// rank puts the program's own crate first.
func (s *evidenceSearch) rank(e Evidence) int {
	if e.Crate == strings.ReplaceAll(s.recording.link.Bin, "-", "_") {
		return 0
	}
	return 1
}

func kindRank(k Kind) int {
	return slices.IndexFunc(kinds, func(e kindEntry) bool { return e.Kind == k })
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// foreignCode finds out whether unwind tables may go from all objects.
func (p *plan) foreignCode() error {
	if !p.dropUnwind {
		return nil
	}
	list, err := p.recording.Evidence()
	p.foreign = slices.ContainsFunc(list, func(e Evidence) bool { return e.Kind == ForeignUnwind })
	p.tablesLeft = p.foreign
	return err
}

// keepsTables says whether an object's unwind tables stay: those of C and C++
// where they are read. Rust's may go, for no exception passes a Rust frame of
// a program that aborts: at its edge the process ends, with tables or without.
func (p *plan) keepsTables(o *objedit.Object) bool {
	return p.foreign && (!rustObject(o) || personality(o) != "")
}
