package outline

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/rustsyntax"
)

// Source is one file of the user's own workspace.
type Source struct {
	Path    string   // absolute
	Name    string   // relative to the workspace root, with slashes
	Crate   string   // as names of functions begin
	Modules []string // of the file's own module, without the crate

	File      *rustsyntax.File
	Functions []Function
}

// maxFile bounds one source file, in bytes.
const maxFile = 64 << 20

// ReadWorkspace reads the modules of the program and of every library of the
// workspace that is linked into it. Nothing outside of the workspace is
// looked at. Files that cannot be read come back as notes.
func ReadWorkspace(p *cargo.Project) ([]*Source, []string, error) {
	w := &walker{root: p.Root, seen: map[string]bool{}}
	w.crate(p.Target.SrcPath, strings.ReplaceAll(p.Target.Name, "-", "_"))
	members := p.Metadata.Members()
	linked := append([]*cargo.Package{p.Package}, p.Metadata.Linked(p.Package)...)
	for _, pkg := range linked {
		if !slices.Contains(members, pkg) {
			continue
		}
		for _, t := range pkg.Targets {
			if slices.ContainsFunc(t.Kind, func(kind string) bool { return kind == "lib" || kind == "rlib" }) {
				w.crate(t.SrcPath, strings.ReplaceAll(t.Name, "-", "_"))
			}
		}
	}
	if len(w.sources) == 0 {
		return nil, w.notes, fmt.Errorf("no source of the workspace could be read: %s", strings.Join(w.notes, "; "))
	}
	sort.Slice(w.sources, func(i, j int) bool { return w.sources[i].Path < w.sources[j].Path })
	return w.sources, w.notes, nil
}

// walker follows "mod name;" from a crate's root (Reference, 6.1).
type walker struct {
	root    string
	seen    map[string]bool
	sources []*Source
	notes   []string
}

func (w *walker) crate(root, crate string) {
	w.file(root, crate, nil, filepath.Dir(root))
}

// file reads one module's file; below is the folder of its own modules.
func (w *walker) file(path, crate string, modules []string, below string) {
	rel, err := filepath.Rel(w.root, path)
	if err != nil || !filepath.IsLocal(rel) || w.seen[path] {
		return
	}
	w.seen[path] = true
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxFile {
		err = fmt.Errorf("%d bytes", info.Size())
	}
	var source []byte
	if err == nil {
		source, err = os.ReadFile(path)
	}
	var file *rustsyntax.File
	if err == nil {
		file, err = rustsyntax.Parse(source)
	}
	if err != nil {
		w.notes = append(w.notes, fmt.Sprintf("%s: %v", filepath.ToSlash(rel), err))
		return
	}
	s := &Source{Path: path, Name: filepath.ToSlash(rel), Crate: crate, Modules: modules, File: file}
	s.Functions = Candidates(file, modules)
	w.sources = append(w.sources, s)
	for _, m := range file.Modules {
		inner := append(append(slices.Clone(modules), m.In...), m.Name)
		dir := filepath.Join(append([]string{below}, m.In...)...)
		if m.Path != "" {
			target := filepath.Join(filepath.Dir(path), filepath.FromSlash(m.Path))
			w.file(target, crate, inner, filepath.Dir(target))
			continue
		}
		name := strings.TrimPrefix(m.Name, "r#")
		if _, err := os.Stat(filepath.Join(dir, name+".rs")); err == nil {
			w.file(filepath.Join(dir, name+".rs"), crate, inner, filepath.Join(dir, name))
		} else if _, err := os.Stat(filepath.Join(dir, name, "mod.rs")); err == nil {
			w.file(filepath.Join(dir, name, "mod.rs"), crate, inner, filepath.Join(dir, name))
		}
	}
}

// Copies are the instances of one generic function in a built program.
type Copies struct {
	Name  string   // with every generic argument as _
	Sizes []uint64 // bytes of each instance, its tables included
}

// Match finds the copies of a function of the source among those of a program.
// Several matches mean that the name alone cannot tell; they are all given.
func Match(s *Source, f *Function, all []Copies) []Copies {
	var out []Copies
	self := lastIdent(f.SelfType())
	for _, c := range all {
		name, owner, path := splitName(c.Name)
		if name != strings.TrimPrefix(f.Name(), "r#") || owner != self || !strings.HasPrefix(path, s.Crate+"::") && path != s.Crate {
			continue
		}
		if owner == "" && path != strings.Join(append([]string{s.Crate}, f.Path...), "::") {
			continue
		}
		out = append(out, c)
	}
	return out
}

// splitName cuts "<a::b::T<_> as a::Trait>::f::<_>" into f, T and a::b::T, and
// "a::b::f::<_>" into f, "" and a::b.
func splitName(display string) (name, owner, path string) {
	display = withoutArguments(display)
	if strings.HasPrefix(display, "<") {
		close := strings.LastIndexByte(display, '>')
		if close < 0 {
			return display, "", ""
		}
		path, _, _ = strings.Cut(display[1:close], " as ")
		return strings.TrimPrefix(display[close+1:], "::"), lastIdent(path), path
	}
	i := strings.LastIndex(display, "::")
	if i < 0 {
		return display, "", ""
	}
	return display[i+2:], "", display[:i]
}

// withoutArguments takes every <...> that follows an identifier or :: away.
func withoutArguments(text string) string {
	var b strings.Builder
	depth := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '<' && (depth > 0 || i > 0 && text[i-1] != ' '):
			depth++
		case c == '>' && depth > 0 && text[i-1] != '-':
			depth--
		case depth == 0:
			b.WriteByte(c)
		}
	}
	return strings.TrimSuffix(strings.ReplaceAll(b.String(), "::::", "::"), "::")
}

// lastIdent is the name of a type without its path and arguments.
func lastIdent(kind string) string {
	kind = withoutArguments(strings.TrimSpace(kind))
	if i := strings.LastIndex(kind, "::"); i >= 0 {
		kind = kind[i+2:]
	}
	return strings.TrimLeft(kind, "&' ")
}

// Prediction of what one shared body gives back, in bytes. Each instance
// differs from the smallest by what depends on its type, which stays outside;
// what they have in common is kept once, and each keeps its conversions and a
// call (conversion.stays, for every converted argument but the first without
// the call).
func (f *Function) Prediction(c Copies) int64 {
	if len(c.Sizes) < 2 {
		return 0
	}
	var stays uint64
	for i, a := range f.Args {
		bytes := a.conv.stays
		if i > 0 {
			bytes -= min(bytes, callCost)
		}
		stays += bytes
	}
	common := slices.Min(c.Sizes)
	n := uint64(len(c.Sizes))
	return int64((n-1)*common) - int64(n*stays)
}

// callCost is the part of conversion.stays that a function has once.
const callCost = 60
