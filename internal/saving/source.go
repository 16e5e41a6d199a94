package saving

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/minsize/minsize/internal/arrange"
	"github.com/minsize/minsize/internal/demangle"
	"github.com/minsize/minsize/internal/outline"
	"github.com/minsize/minsize/internal/refgraph"
	"github.com/minsize/minsize/internal/rustsyntax"
)

// Edits of the workspace's own sources that need no understanding of them: an
// attribute goes, a derived implementation is replaced by one of a line.

// change is source[start:end] replaced.
type change struct {
	start, end int32
	text       string
}

// edited applies changes, which do not overlap.
func edited(source []byte, changes []change) []byte {
	arrange.Sort(changes, func(a, b change) int { return int(a.start - b.start) })
	var out []byte
	at := int32(0)
	for _, c := range changes {
		out = append(append(out, source[at:c.start]...), c.text...)
		at = c.end
	}
	return append(out, source[at:]...)
}

// attributed is one #[...] and the item behind it.
type attributed struct {
	file       *rustsyntax.File
	open, shut int     // its # and its ]
	inside     []int32 // tokens between the brackets
	item       []int32 // tokens behind all attributes and the visibility, to the end of the file
}

func (a *attributed) is(tokens []int32, words ...string) bool {
	if len(tokens) < len(words) {
		return false
	}
	for i, w := range words {
		if !a.file.Is(int(tokens[i]), w) {
			return false
		}
	}
	return true
}

// end is the token that ends the item: a semicolon, or the brace that closes.
func (a *attributed) end() int {
	for i := 0; i < len(a.item); i++ {
		t := int(a.item[i])
		switch a.file.Word(t) {
		case ";":
			return t
		case "{":
			return a.file.Partner(t)
		case "(", "[":
			shut := a.file.Partner(t)
			for i+1 < len(a.item) && int(a.item[i]) < shut {
				i++
			}
		}
	}
	return -1
}

// eachAttribute visits the attributes of a file, those in bodies too.
func eachAttribute(f *rustsyntax.File, visit func(*attributed)) {
	code := f.CodeIn(rustsyntax.Span{Start: 0, End: len(f.Tokens)})
	at := func(i int, word string) bool { return i < len(code) && f.Is(int(code[i]), word) }
	behind := func(i int) int { // the pair that opens at i
		shut := int32(f.Partner(int(code[i])))
		for i < len(code) && code[i] <= shut {
			i++
		}
		return i
	}
	for i := 0; i+1 < len(code); i++ {
		if !at(i, "#") || !at(i+1, "[") {
			continue
		}
		next := behind(i + 1)
		a := &attributed{file: f, open: int(code[i]), shut: f.Partner(int(code[i+1])), inside: code[i+2 : next-1]}
		for at(next, "#") && at(next+1, "[") {
			next = behind(next + 1)
		}
		if at(next, "pub") {
			if next++; at(next, "(") {
				next = behind(next)
			}
		}
		a.item = code[min(next, len(code)):]
		visit(a)
	}
}

// outlines proposes what minsize outline would do, one function at a time.
func outlines(s *Subject) (found []Saving) {
	monos, err := s.Graph.Monos(refgraph.MonosOptions{})
	if err != nil {
		return nil
	}
	var copies []outline.Copies
	for _, g := range monos.Generics {
		c := outline.Copies{Name: g.Name}
		for _, instance := range g.Instances {
			c.Sizes = append(c.Sizes, instance.Size)
		}
		copies = append(copies, c)
	}
	proposals, _ := outline.Propose(s.Sources, copies)
	for _, p := range proposals {
		if p.Instances < 2 || p.Predicted < int64(s.worth()) {
			continue
		}
		after, err := outline.Patched(context.Background(), []*outline.Proposal{p})
		if err != nil {
			continue
		}
		x := Saving{
			What: fmt.Sprintf("%d copies of %s, of which each has the same body", p.Instances, p.ID()),
			Step: fmt.Sprintf("minsize outline --only '%s' --write", p.ID()), File: p.Source.Name, Line: p.Function.Line,
			bound: uint64(p.Predicted), trial: &trial{files: map[string][]byte{}},
		}
		for source, text := range after {
			x.trial.files[source.Name] = text
		}
		found = append(found, x)
	}
	return found
}

// allocator takes #[global_allocator] away: the system's is in the C library.
func allocator(s *Subject) (found []Saving) {
	for _, source := range s.Sources {
		eachAttribute(source.File, func(a *attributed) {
			end := a.end()
			if !a.is(a.inside, "global_allocator") || len(a.inside) != 1 || end < 0 {
				return
			}
			from, to := source.File.Tokens[a.open], source.File.Tokens[end]
			item := string(source.File.Source[source.File.Tokens[a.item[0]].Start:to.End])
			found = append(found, Saving{
				What: "an allocator of the program's own: " + item, Step: "leave this static out; the system's allocator costs nothing (measure the speed: minsize shrink --bench)",
				File: source.Name, Line: int(from.Line), bound: s.Size, // it may be large, and one build tells
				trial: &trial{files: map[string][]byte{source.Name: edited(source.File.Source, []change{{from.Start, to.End, ""}})}},
			})
		})
	}
	return found
}

// debugTypes are the user's types with code that prints them, with its bytes: a
// derived fmt may be inlined into that of a reference or a list.
func (s *Subject) debugTypes() map[string]uint64 {
	sizes := map[string]uint64{}
	var parser demangle.Parser
	for n := int32(1); n < int32(s.Graph.Len()); n++ {
		if !s.now[n] || s.Graph.Node(n).Kind != refgraph.KindCode || s.crates[n] == "" {
			continue
		}
		name := parser.Parse(s.Graph.Mangled(n))
		if name.Trait != "core::fmt::Debug" {
			continue
		}
		size := s.Graph.Node(n).Size
		for _, to := range s.Graph.Successors(n) {
			if s.crates[to] == "" && s.owner(to) == n { // field names, vtables
				size += s.Graph.Node(to).Size
			}
		}
		for _, path := range typePath.FindAllString(name.SelfType, -1) {
			if crate, _, _ := strings.Cut(path, "::"); s.owns[crate] {
				sizes[path] += size
				break
			}
		}
	}
	return sizes
}

// typePath is a path in the name of a type.
var typePath = regexp.MustCompile(`\w+(::\w+)+`)

// debugImpls replaces derived Debug by the type's name: all of them at once,
// and the largest one by one where a check needs one of them.
func debugImpls(s *Subject) (found []Saving) {
	type derived struct {
		source  *outline.Source
		name    string
		line    int
		changes []change
		size    uint64
	}
	sizes := s.debugTypes()
	var all []derived
	for _, source := range s.Sources {
		f := source.File
		eachAttribute(f, func(a *attributed) {
			if !a.is(a.inside, "derive", "(") || len(a.item) < 3 || !slices.Contains([]string{"struct", "enum", "union"}, f.Word(int(a.item[0]))) || f.Is(int(a.item[2]), "<") {
				return
			}
			name, end := f.Word(int(a.item[1])), a.end()
			d := derived{source: source, name: name, line: int(f.Tokens[a.open].Line)}
			for path, size := range sizes {
				if module, ok := strings.CutSuffix(path, "::"+name); ok && strings.HasPrefix(module+"::", strings.Join(append([]string{source.Crate}, source.Modules...), "::")+"::") {
					d.size += size
				}
			}
			for i := 2; i < len(a.inside)-1 && end >= 0; i++ {
				if !f.Is(int(a.inside[i]), "Debug") || f.Is(int(a.inside[i-1]), ":") {
					continue
				}
				from, to := f.Tokens[a.inside[i]].Start, f.Tokens[a.inside[i]].End
				if f.Is(int(a.inside[i+1]), ",") {
					to = f.Tokens[a.inside[i+1]].End
				}
				behind := f.Tokens[end].End
				d.changes = []change{{from, to, ""}, {behind, behind, fmt.Sprintf("\nimpl ::core::fmt::Debug for %s { fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result { f.write_str(%q) } }", name, name)}}
			}
			if d.size > 0 && d.changes != nil {
				all = append(all, d)
			}
		})
	}
	arrange.Stable(all, func(a, b derived) int { return int(b.size) - int(a.size) })
	make := func(list []derived) Saving {
		x := Saving{Step: "write impl Debug by hand, as f.write_str(\"NAME\"), where nobody reads the fields", File: list[0].source.Name, Line: list[0].line, trial: &trial{files: map[string][]byte{}}}
		changes := map[*outline.Source][]change{}
		for _, d := range list {
			changes[d.source] = append(changes[d.source], d.changes...)
			x.bound += d.size
			x.Items = append(x.Items, fmt.Sprintf("%s:%d %s", d.source.Name, d.line, d.name))
		}
		for source, c := range changes {
			x.trial.files[source.Name] = edited(source.File.Source, c)
		}
		x.What = fmt.Sprintf("derive(Debug) of %s", list[0].name)
		if len(list) > 1 {
			x.What = fmt.Sprintf("derive(Debug) of %d types, %s first", len(list), list[0].name)
		}
		return x
	}
	if len(all) == 0 {
		return nil
	}
	x := make(all)
	if x.bound < s.worth() {
		return nil
	}
	if len(all) > 1 {
		x.then = func() (single []Saving) {
			for i := range all[:min(len(all), 3)] {
				if y := make(all[i : i+1]); y.bound >= s.worth() {
					y.Kind = "debug-impl"
					single = append(single, y)
				}
			}
			return single
		}
	}
	return []Saving{x}
}

// exports takes the attribute away that exports a function of a library: only
// who loads the library knows whether somebody calls it.
func exports(s *Subject) (found []Saving) {
	if s.Project.Kind.Starts() {
		return nil
	}
	for _, source := range s.Sources {
		f := source.File
		eachAttribute(f, func(a *attributed) {
			end := a.end()
			exported := a.is(a.inside, "no_mangle") || a.is(a.inside, "export_name") || a.is(a.inside, "unsafe", "(", "no_mangle") || a.is(a.inside, "unsafe", "(", "export_name")
			name := ""
			for i := 0; i+1 < len(a.item) && name == "" && end >= 0; i++ {
				if f.Is(int(a.item[i]), "fn") || f.Is(int(a.item[i]), "static") {
					name = strings.TrimPrefix(f.Word(int(a.item[i+1])), "r#")
				}
			}
			for _, t := range a.inside {
				if text := f.Word(int(t)); f.Tokens[t].Kind == rustsyntax.Str {
					name, _ = strconv.Unquote(text)
				}
			}
			n := s.exported(name)
			if !exported || n < 0 {
				return
			}
			_, bytes := s.gone(func(from, to int32) bool { return from != refgraph.Root || to != n })
			if bytes < s.worth() {
				return
			}
			found = append(found, Saving{
				What: "the export " + name + ", and what only it keeps", Step: "leave " + f.Text(rustsyntax.Span{Start: a.open, End: a.shut + 1}) + " out, if no host calls it",
				File: source.Name, Line: int(f.Tokens[a.open].Line), bound: bytes,
				trial: &trial{files: map[string][]byte{source.Name: edited(f.Source, []change{{f.Tokens[a.open].Start, f.Tokens[a.shut].End, ""}})}},
			})
		})
	}
	return found
}

// exported is the node that other files know by a name, -1 for none.
func (s *Subject) exported(name string) int32 {
	for _, n := range s.Graph.Successors(refgraph.Root) {
		if name != "" && s.Graph.Mangled(n) == name {
			return n
		}
	}
	return -1
}

// included is one include_bytes! or include_str! whose file is in the program.
type included struct {
	macro, name string
	source      *outline.Source
	line        int
	text        []byte
}

// includedFiles reads them, from a size on.
func (s *Subject) includedFiles(least uint64) (list []included) {
	for _, source := range s.Sources {
		f := source.File
		code := f.CodeIn(rustsyntax.Span{Start: 0, End: len(f.Tokens)})
		for i := 0; i+3 < len(code); i++ {
			macro := f.Word(int(code[i]))
			if macro != "include_bytes" && macro != "include_str" || !f.Is(int(code[i+1]), "!") || f.Tokens[code[i+3]].Kind != rustsyntax.Str {
				continue
			}
			name, err := strconv.Unquote(f.Word(int(code[i+3])))
			if err != nil {
				continue
			}
			text, err := os.ReadFile(filepath.Join(filepath.Dir(source.Path), filepath.FromSlash(name)))
			if err == nil && uint64(len(text)) >= least && s.program != nil && bytes.Contains(s.program.File.Data, text) {
				list = append(list, included{macro, name, source, int(f.Tokens[code[i]].Line), text})
			}
		}
	}
	return list
}

// includes says what included files cost, those of one source file together.
func includes(s *Subject) (found []Saving) {
	files := s.includedFiles(64)
	for len(files) > 0 {
		n := 1
		for n < len(files) && files[n].source == files[0].source {
			n++
		}
		some := files[:n]
		files = files[n:]
		slices.SortStableFunc(some, func(a, b included) int { return len(b.text) - len(a.text) })
		var all []byte
		x := Saving{File: some[0].source.Name, Line: some[0].line}
		for _, i := range some {
			all = append(all, i.text...)
			if len(x.Items) < 20 {
				x.Items = append(x.Items, fmt.Sprintf("%s:%d %s, %d bytes", i.source.Name, i.line, i.name, len(i.text)))
			}
		}
		size := uint64(len(all))
		x.What = fmt.Sprintf("%s!(%q) puts %d bytes into the program", some[0].macro, some[0].name, size)
		if n > 1 {
			x.What = fmt.Sprintf("%d included files, %q first, put %d bytes into the program", n, some[0].name, size)
		}
		x.Step = fmt.Sprintf("read what is needed at run time; or keep it compressed (%d bytes deflated)", deflated(all))
		reader := min(size, 4096) // what reads a file, where nothing did
		table := 48 * uint64(n)   // a pointer, a length and a relocation of each
		found = append(found, x.within(size-reader, size, size+size/50+512+table))
	}
	return found
}
