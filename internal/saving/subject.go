package saving

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/demangle"
	"github.com/minsize/minsize/internal/dwarf"
	"github.com/minsize/minsize/internal/outline"
	"github.com/minsize/minsize/internal/refgraph"
)

// Subject is the program that is looked at, and the project that it was built
// of where there is one.
type Subject struct {
	Graph   *refgraph.Graph
	Project *cargo.Project    // nil for a finished file
	Root    string            // where the project was built; its paths are shown without that
	Sources []*outline.Source // of the workspace's own packages
	Size    uint64            // bytes that a loader maps

	program *attrib.Program
	now     refgraph.NodeSet // what the root reaches
	owns    map[string]bool  // the user's crates
	crates  []string         // of each node, "" for none
	places  map[uint64]place // of functions, by address
}

// place is a line of source.
type place struct {
	file string
	line int
}

// NewSubject prepares a program. A Wasm module has a graph and no more.
func NewSubject(g *refgraph.Graph, p *cargo.Project, root string, sources []*outline.Source) *Subject {
	s := &Subject{Graph: g, Project: p, Root: root, Sources: sources, Size: g.Loaded(), program: g.Program, now: g.Reach(nil), owns: map[string]bool{}}
	s.crates = make([]string, g.Len())
	var parser demangle.Parser
	for n := int32(1); n < int32(g.Len()); n++ {
		raw := g.Mangled(n)
		if raw == "" {
			continue
		}
		name := parser.Parse(raw)
		if !name.Rust() {
			continue
		}
		s.crates[n] = strings.Clone(name.Crate)
		if p == nil && name.Display == name.Crate+"::main" {
			s.owns[strings.Clone(name.Crate)] = true
		}
	}
	for _, source := range sources {
		s.owns[source.Crate] = true
	}
	return s
}

// std says whether a crate is the standard library's.
func std(crate string) bool {
	return slices.Contains([]string{"std", "core", "alloc", "compiler_builtins", "panic_unwind", "panic_abort", "rustc_demangle", "std_detect", "unwind", "cfg_if", "object", "addr2line", "gimli", "hashbrown"}, crate)
}

// own says whether a node is of the user's crates.
func (s *Subject) own(n int32) bool { return s.owns[s.crates[n]] }

// owner is the node that a reader knows a datum by: itself where it has a name,
// else the first function that refers to it.
func (s *Subject) owner(n int32) int32 {
	if s.crates[n] != "" {
		return n
	}
	first := int32(-1)
	for _, from := range s.Graph.Predecessors(n) {
		if from != refgraph.Root && s.crates[from] != "" && (first < 0 || s.own(from) && !s.own(first)) {
			first = from
		}
	}
	return first
}

// short is a path as the user knows it: below the workspace, or below the
// registry's folder.
func (s *Subject) short(path string) string {
	path = filepath.ToSlash(path)
	for _, root := range []string{s.Root, s.projectRoot()} {
		if rest, ok := strings.CutPrefix(path, filepath.ToSlash(root)+"/"); ok && root != "" {
			return rest
		}
	}
	if _, rest, ok := strings.Cut(path, "/registry/src/"); ok {
		_, rest, _ = strings.Cut(rest, "/")
		return rest
	}
	return path
}

func (s *Subject) projectRoot() string {
	if s.Project == nil {
		return ""
	}
	return s.Project.Root
}

// declared is where a node's function is declared, as debug information says.
func (s *Subject) declared(n int32) place {
	if s.program == nil || n <= 0 {
		return place{}
	}
	if s.places == nil {
		s.readPlaces()
	}
	return s.places[s.program.Atoms[n-1].Addr]
}

func (s *Subject) readPlaces() {
	s.places = map[uint64]place{}
	d, err := dwarf.Open(s.program.File, nil)
	if err != nil || d == nil {
		return
	}
	for i := range d.Units {
		data, u := d.Full(&d.Units[i])
		code, err := data.Code(u)
		if err != nil {
			continue
		}
		for k := range code.Functions {
			f := &code.Functions[k]
			at := f.Offset
			if f.Origin != 0 {
				at = f.Origin
			}
			names := data.Names(at)
			if names.Unit == nil || f.Count == 0 {
				continue
			}
			files, err := data.Files(names.Unit)
			if err != nil {
				continue
			}
			for _, r := range code.RangesOf(f.First, 1) {
				s.places[r.Low] = place{s.short(files.File(names.DeclFile)), int(names.DeclLine)}
			}
		}
	}
}

// defined looks a static or constant up in the sources of its crate: debug
// information of the level that changes no build has none.
func (s *Subject) defined(n int32) place {
	name := demangle.Parse(s.Graph.Mangled(n))
	path := strings.Split(name.Display, "::")
	if s.Project == nil || len(path) < 2 {
		return place{}
	}
	line, err := regexp.Compile(`^\s*(pub(\([^)]*\))?\s+)?(static|const)\s+(mut\s+)?` + regexp.QuoteMeta(path[len(path)-1]) + `\s*:`)
	if err != nil {
		return place{}
	}
	for _, pkg := range s.Project.Metadata.Linked(s.Project.Package) {
		if c := s.program.CopyOf(n - 1); c != nil && c.Version != "" && c.Version != pkg.Version {
			continue
		}
		if !slices.ContainsFunc(pkg.Targets, func(t cargo.Target) bool {
			return strings.ReplaceAll(t.Name, "-", "_") == path[0] && (t.IsLib() || t.IsBin())
		}) {
			continue
		}
		if p := s.lineIn(filepath.Dir(pkg.ManifestPath), line); p.line > 0 {
			return p
		}
	}
	return place{}
}

// lineIn is the first line of a folder's Rust files that matches.
func (s *Subject) lineIn(folder string, line *regexp.Regexp) (found place) {
	_ = filepath.WalkDir(filepath.Join(folder, "src"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".rs") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		number := 0
		for l := range strings.Lines(string(text)) {
			if number++; line.MatchString(l) {
				found = place{s.short(path), number}
				return filepath.SkipAll
			}
		}
		return nil
	})
	return found
}

// gone is what nothing reaches any more when nodes lose some of their edges.
func (s *Subject) gone(keeps func(from, to int32) bool) (set refgraph.NodeSet, bytes uint64) {
	g := s.Graph
	seen := g.NewSet(refgraph.Root)
	for stack := []int32{refgraph.Root}; len(stack) > 0; {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, to := range g.Successors(n) {
			if !seen[to] && keeps(n, to) {
				seen[to] = true
				stack = append(stack, to)
			}
		}
	}
	set = g.NewSet()
	for n := range s.now {
		if s.now[n] && !seen[n] {
			set[n] = true
			bytes += g.Node(int32(n)).Size
		}
	}
	return set, bytes
}
