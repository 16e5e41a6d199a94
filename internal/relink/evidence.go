package relink

// Evidence before trust: what a program does that a technique would spoil, as
// the recorded objects tell it.
//
// A check that runs `--version` sees neither a C++ exception nor a task whose
// panic a server survives. The objects of the link do: a personality routine
// that is not Rust's, a call of catch_unwind, a section that is looked up by
// its name. Each kind is one entry of kinds: what is looked for, and what a
// user is told. The techniques name the kinds that speak against them.
//
// Who relies on something is the function outside std that refers to std's
// entry point: the caller, or an instance of std's generic code that was
// compiled for another crate. std's own uses do not count: the start of main
// and of each thread catches panics in every program, and the default panic
// hook walks the stack and prints a location.
//
// Rejected: the text of the sources. Macros, build scripts and C++ do not show
// in it, and what is never called does.

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/objedit"
)

// Kind of evidence.
type Kind string

// Kinds of evidence.
const (
	ForeignUnwind  Kind = "foreign-unwinding" // C++ exceptions, cleanup in C, threads that are ended from within
	StackWalk      Kind = "stack-walk"        // backtraces whatever the environment says, profilers
	ErrorBacktrace Kind = "error-backtrace"   // backtraces where RUST_BACKTRACE asks for them
	CatchUnwind    Kind = "catch-unwind"
	RuntimeCatch   Kind = "runtime-catch" // tokio's, rayon's own
	JoinedPanic    Kind = "joined-panic"
	PanicHook      Kind = "panic-hook"
	LocationShown  Kind = "location-shown"
	DebugShown     Kind = "debug-shown"
	SignalHandler  Kind = "signal-handler"
	SectionLists   Kind = "section-lists" // __start_NAME and __stop_NAME
	OwnSections    Kind = "own-sections"  // unusual sections, in a program that opens its own file
	OwnFile        Kind = "own-file"
	LoadsLibraries Kind = "loads-libraries"
	ExportsSymbols Kind = "exports-symbols"
	LinkedAgainst  Kind = "linked-against" // a library that is no extension of a host
)

// kindEntry is one row of the table.
type kindEntry struct {
	Kind  Kind
	Does  string // what the program does, a verb phrase
	Check string // an input that a check needs to show it

	names   []string // normal names of std's entry points, or C names
	inStd   bool     // an instance of a generic of these counts for the crate that it was compiled for
	imports []string // C functions, as long as a library defines them
}

var kinds = []kindEntry{
	{Kind: ForeignUnwind, Does: "unwinds by tables of its own", Check: "throws an exception, or ends a thread from within"},
	{Kind: StackWalk, Does: "walks the stack", Check: "prints a backtrace",
		names:   []string{"std::backtrace::Backtrace::force_capture", "_Unwind_Backtrace"},
		imports: []string{"_Unwind_Backtrace", "backtrace", "backtrace_symbols_fd", "unw_backtrace", "unw_step", "_ULx86_64_step", "_ULaarch64_step", "unw_init_local"}},
	{Kind: ErrorBacktrace, Does: "takes backtraces where RUST_BACKTRACE is set", Check: "fails, with RUST_BACKTRACE=1",
		names: []string{"std::backtrace::Backtrace::capture"}},
	{Kind: CatchUnwind, Does: "catches panics (catch_unwind)", Check: "makes it panic there", inStd: true,
		names: []string{"std::panic::catch_unwind", "std::panicking::catch_unwind", "std::panicking::try", "__rust_try",
			"std::panicking::catch_unwind::cleanup", "std::panicking::try::cleanup", "std::panicking::catch_unwind::do_call", "std::panicking::try::do_call",
			"std::panicking::catch_unwind::do_catch", "std::panicking::try::do_catch", "__rustc::__rust_panic_cleanup", "__rust_panic_cleanup"}},
	{Kind: RuntimeCatch, Does: "catches the panics of its tasks", Check: "makes a task panic"},
	{Kind: JoinedPanic, Does: "joins threads and goes on where one panicked", Check: "makes a thread panic", inStd: true,
		names: []string{"std::thread::JoinHandle::join", "std::thread::JoinInner::join", "std::thread::join_handle::JoinHandle::join", "std::thread::lifecycle::JoinInner::join",
			"std::sys::thread::unix::Thread::join", "std::sys::pal::unix::thread::Thread::join"}},
	{Kind: PanicHook, Does: "has a panic hook of its own", Check: "makes it panic",
		names: []string{"std::panicking::set_hook", "std::panic::set_hook", "std::panicking::take_hook", "std::panic::take_hook", "std::panicking::update_hook", "std::panic::update_hook"}},
	{Kind: LocationShown, Does: "prints source locations (Location::caller)", Check: "prints one", inStd: true,
		names: []string{"<core::panic::location::Location as core::fmt::Display>::fmt", "<&core::panic::location::Location as core::fmt::Display>::fmt"}},
	{Kind: DebugShown, Does: "prints with {:?}", Check: "prints it"},
	{Kind: SignalHandler, Does: "handles signals", Check: "sends it the signal",
		imports: []string{"sigaction", "signal", "__sysv_signal", "bsd_signal", "sigset"}},
	{Kind: SectionLists, Does: "collects data by the names of sections (__start_, __stop_)", Check: "uses all that is collected"},
	{Kind: OwnSections, Does: "opens its own file and has sections of its own", Check: "reads them"},
	{Kind: OwnFile, Does: "asks for its own file (current_exe, /proc/self/exe)", Check: "reads it", inStd: true,
		names: []string{"std::env::current_exe", "std::sys::pal::unix::os::current_exe", "std::sys::paths::unix::current_exe", "std::sys::paths::current_exe", "std::sys::os::current_exe"}},
	{Kind: LoadsLibraries, Does: "loads libraries while it runs (dlopen)", Check: "loads one",
		imports: []string{"dlopen", "dlmopen", "android_dlopen_ext"}},
	{Kind: ExportsSymbols, Does: "exports its functions to libraries", Check: "loads a library that uses them"},
	{Kind: LinkedAgainst, Does: "exports functions that programs may be linked against", Check: "links a program against it"},
}

func kindOf(k Kind) *kindEntry {
	for i := range kinds {
		if kinds[i].Kind == k {
			return &kinds[i]
		}
	}
	return nil
}

// Does is what a program does that shows the kind, as a verb phrase.
func (k Kind) Does() string { return kindOf(k).Does }

// Check says what a check has to do to show that nothing is lost.
func (k Kind) Check() string { return kindOf(k).Check }

// Kinds lists all kinds of evidence.
func Kinds() []Kind {
	var list []Kind
	for _, e := range kinds {
		list = append(list, e.Kind)
	}
	return list
}

// Evidence is one thing that was found, and where.
type Evidence struct {
	Kind     Kind   `json:"kind"`
	Crate    string `json:"crate,omitempty"`    // of the function, "" for what is not Rust's
	Function string `json:"function,omitempty"` // normal name
	Object   string `json:"object,omitempty"`   // for what is not Rust's: archive(member), or the argument
	Symbol   string `json:"symbol,omitempty"`   // what it refers to
}

// Who names the place for a reader.
func (e Evidence) Who() string {
	if e.Crate != "" && e.Function != "" {
		return e.Function
	}
	return cmp.Or(e.Object, e.Function, e.Crate)
}

// catchers are crates that catch panics for others.
var catchers = []string{"tokio", "rayon_core", "async_std", "async_task", "smol", "actix_rt", "actix_server", "threadpool", "futures_util", "rocket", "hyper"}

// standard are the crates whose own use of an entry point does not count.
var standard = []string{"std", "core", "alloc", "panic_unwind", "panic_abort", "unwind", "proc_macro", "test", "std_detect", "rustc_demangle", "addr2line",
	"gimli", "object", "miniz_oxide", "hashbrown", "cfg_if", "libc", "memchr", "compiler_builtins", "__rustc", "rustc_std_workspace_core"}

// Evidence finds out what the recorded program does. Each kind, crate and
// function is told once.
func (r *Recording) Evidence() ([]Evidence, error) {
	if known, ok := r.edit.evidence.Load(0); ok {
		return known.([]Evidence), nil
	}
	files, err := r.evidenceFiles()
	if err != nil {
		return nil, err
	}
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	var objects []*objedit.Object
	var fromArchive []bool
	for _, f := range files {
		for _, o := range f.Objects() {
			objects, fromArchive = append(objects, o), append(fromArchive, f.IsArchive())
		}
	}
	g, err := buildGraph(objects, fromArchive, r.entries())
	if err != nil {
		return nil, err
	}
	s := &evidenceSearch{recording: r, graph: g, objects: objects, archived: fromArchive, found: map[Evidence]bool{}}
	for _, f := range files {
		for range f.Objects() {
			s.files = append(s.files, f.name)
		}
	}
	s.reach()
	s.arguments()
	s.interfaces()
	s.foreign()
	s.references()
	s.ownFile()
	s.sections()
	list := s.list()
	r.edit.evidence.Store(0, list)
	return list, nil
}

// evidenceFile is an input, or a library that the linker finds by itself.
type evidenceFile struct {
	*objedit.File
	name string
}

func (r *Recording) evidenceFiles() (list []evidenceFile, err error) {
	for _, in := range r.link.Inputs {
		file, err := objedit.OpenFile(filepath.Base(in.Path), r.file(in.Stored))
		if err == nil && file != nil {
			list = append(list, evidenceFile{file, filepath.Base(in.Path)})
		}
	}
	for _, path := range r.searchedArchives() {
		file, err := objedit.OpenFile(filepath.Base(path), path)
		if err == nil && file != nil {
			list = append(list, evidenceFile{file, filepath.Base(path)})
		}
	}
	return list, nil
}

// searchedArchives are the static libraries that -l and -L name: those of
// build scripts, which the recording does not keep.
func (r *Recording) searchedArchives() []string {
	var folders, list []string
	args := r.link.Args
	for i, a := range args {
		if a == "-L" && i+1 < len(args) {
			folders = append(folders, absolute(r.link.Dir, args[i+1]))
		} else if dir, ok := strings.CutPrefix(a, "-L"); ok && dir != "" {
			folders = append(folders, absolute(r.link.Dir, dir))
		}
	}
	static := slices.Contains(args, "-static") || slices.Contains(args, "-static-pie")
	for _, a := range args {
		switch a {
		case "-Wl,-Bstatic", "-Wl,-dn", "-Wl,-non_shared":
			static = true
		case "-Wl,-Bdynamic", "-Wl,-dy", "-Wl,-call_shared":
			static = false
		}
		name, ok := strings.CutPrefix(a, "-l")
		if !ok || name == "" || cxxLibrary(name) {
			continue
		}
		file, exact := strings.CutPrefix(name, ":")
		if !exact {
			file = "lib" + name + ".a"
		} else if !strings.HasSuffix(file, ".a") {
			continue
		}
		for _, dir := range folders {
			path := filepath.Join(dir, file)
			if exists(path) && (static || exact || !exists(filepath.Join(dir, "lib"+name+".so"))) {
				list = append(list, path)
				ok = false
				break
			}
		}
		if ok && (static || exact) && !systemLibrary(name) {
			if path, err := r.startFile(file); err == nil {
				list = append(list, path)
			}
		}
	}
	return slices.Compact(list)
}

// systemLibrary says whether a library is a part of the C library or of the
// compiler, which bring the tables that they need.
func systemLibrary(name string) bool {
	return slices.Contains([]string{"c", "m", "pthread", "dl", "rt", "util", "gcc", "gcc_s", "gcc_eh", "atomic", "unwind", "resolv", "anl", "crypt"}, name)
}

func cxxLibrary(name string) bool {
	name = strings.TrimPrefix(name, ":lib")
	for _, lib := range []string{"stdc++", "c++", "supc++", "c++abi"} {
		if name == lib || strings.HasPrefix(name, lib+".") || strings.HasPrefix(name, lib+"_") {
			return true
		}
	}
	return false
}
