package relink

// What a library offers: the names that its link keeps for others. They are
// its roots, as main is a program's.

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/artefact"
)

// library says whether the recorded link makes a library.
func (r *Recording) library() bool { return slices.Contains(r.link.Args, "-shared") }

// Makes is what the recorded link makes. A Rust library carries the compiler's
// metadata, for crates that are compiled against it.
func (r *Recording) Makes() artefact.Kind {
	switch {
	case r.ahead():
		return artefact.Staticlib
	case !r.library():
		return artefact.Program
	case slices.ContainsFunc(r.link.Args, func(a string) bool { return filepath.Base(a) == "rmeta.o" }):
		return artefact.Dylib
	}
	return artefact.Cdylib
}

// exports are the names that the link's version scripts and lists let out.
// every is true where it lets out all that is not hidden, and the names are
// then not known.
func (r *Recording) exports() (names []string, every bool) {
	scripted := false
	for i, a := range r.link.Args {
		if i > 0 && r.link.Args[i-1] == "-u" && r.ahead() {
			names = append(names, a)
		}
		for list := range strings.SplitSeq(strings.TrimPrefix(a, "-Wl,"), ",") {
			switch {
			case strings.HasPrefix(list, "--export-dynamic-symbol="):
				names = append(names, list[len("--export-dynamic-symbol="):])
			case strings.HasPrefix(list, "--version-script="):
				scripted = true
				global, open := globals(r.text(list[len("--version-script="):]))
				names, every = append(names, global...), every || open
			}
		}
	}
	return names, every || r.library() && !scripted
}

// text is a recorded input that an argument names; "" where it is gone.
func (r *Recording) text(path string) string {
	for _, in := range r.link.Inputs {
		if in.Path == path {
			data, _ := os.ReadFile(r.file(in.Stored))
			return string(data)
		}
	}
	return ""
}

// globals are the names that a version script exports; open is true for what
// is no plain name.
func globals(script string) (names []string, open bool) {
	global := true // a version's names are global until it says otherwise
	for word := range strings.FieldsFuncSeq(script, func(c rune) bool { return strings.ContainsRune("{}; \t\r\n", c) }) {
		switch {
		case word == "global:":
			global = true
		case word == "local:":
			global = false
		case !global:
			global = global || word != "*" // behind `local: *;` begins the next version
		case strings.ContainsAny(word, `*?["`) || word == "extern":
			open = true
		default:
			names = append(names, word)
		}
	}
	return names, open
}

// entries are the functions that something outside of the link calls.
func (r *Recording) entries() []string {
	entries := []string{"main", "_start", "_init", "_fini"}
	if r.library() {
		entries = []string{"_init", "_fini"}
	}
	names, _ := r.exports()
	return append(entries, names...)
}

// interfaces tells of a library that programs may be linked against, which
// read what a host of extensions has no use for.
func (s *evidenceSearch) interfaces() {
	if !s.recording.library() {
		return
	}
	names := s.exported
	if artefact.HostOf(names) == nil {
		e := Evidence{Kind: LinkedAgainst, Object: filepath.Base(s.recording.link.Output)}
		if len(names) > 0 {
			e.Symbol = names[0]
		}
		s.add(e)
	}
}
