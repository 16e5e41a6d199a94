package tune

// Trials: a function, under names of its own, once for each way that is to be
// measured, and as little of the module around it as gives the same code.
//
// The bodies that it calls come along as available_externally: they may be
// inlined and make no code. Of other functions the declarations are enough, of
// variables the lines that are mentioned. What the whole module would tell the
// optimiser (that nobody writes a variable, that a function has one caller) is
// not to be seen from here, so nothing may be concluded from its absence:
// variables that can be written come along as strong definitions that anybody
// may write.

import (
	"fmt"
	"slices"
	"strings"
)

// Variant is a function with choices for its calls.
type Variant struct {
	Function int
	Choices  map[int]Choice
}

// timid is the most text of a body that LLVM might inline by itself for size.
const timid = 4 << 10

// VariantName is the symbol of the n-th variant of a trial.
func VariantName(n int) string { return fmt.Sprintf("minsize.t%d", n) }

// piece is a part of a module being put together.
type piece struct {
	m        *Module
	state    []map[int]Choice // of all functions
	bodies   map[int]bool     // functions that come along
	mentions map[string]bool
	pending  []string // mentions that were not looked at yet
}

// Trial is a module that holds the variants alone, the functions that they
// call with the choices of state.
func (m *Module) Trial(variants []Variant, state []map[int]Choice) string {
	p := &piece{m: m, state: state, bodies: map[int]bool{}, mentions: map[string]bool{}}
	var code strings.Builder
	for n, v := range variants {
		f := &m.functions[v.Function]
		p.along(f, v.Choices, 2)
		head, from := m.header(f, "define dso_local ", VariantName(n))
		code.WriteString(head)
		m.write(&code, f, from, v.Choices)
	}
	bodies := make([]int, 0, len(p.bodies))
	for i := range p.bodies {
		bodies = append(bodies, i)
	}
	slices.Sort(bodies)
	for _, i := range bodies {
		f := &m.functions[i]
		head, from := m.header(f, "define available_externally dso_local ", f.name)
		code.WriteString(head)
		m.write(&code, f, from, state[i])
	}
	var out strings.Builder
	for _, s := range m.rest {
		line := m.text[s.from:s.to]
		out.WriteString(line)
		if line[0] == '!' { // which functions a call by a pointer may reach
			p.see(line)
		}
	}
	p.see(code.String())
	out.WriteString(p.globals())
	out.WriteString(code.String())
	return out.String()
}

// along has the bodies that f's calls may get come with it.
func (p *piece) along(f *function, choices map[int]Choice, depth int) {
	for n, c := range f.calls {
		if c.callee < 0 || p.bodies[c.callee] || choices[n] == Apart {
			continue
		}
		callee := &p.m.functions[c.callee]
		if callee.fixed || choices[n] != Inline && callee.span.to-callee.span.from > timid {
			continue
		}
		p.bodies[c.callee] = true
		if depth > 1 || choices[n] == Inline {
			p.along(callee, p.state[c.callee], depth-1)
		}
	}
}

// see notes what text mentions.
func (p *piece) see(text string) {
	for name := range names(text) {
		if !p.mentions[name] {
			p.mentions[name] = true
			p.pending = append(p.pending, name)
		}
	}
}

// globals are the lines of all that is mentioned and has no body here.
func (p *piece) globals() string {
	var out strings.Builder
	for len(p.pending) > 0 {
		name := p.pending[0]
		p.pending = p.pending[1:]
		if i, ok := p.m.named[name]; ok && !p.bodies[i] {
			out.WriteString(p.m.declaration(i, name))
			continue
		}
		if behind, ok := p.m.aliases[name]; ok {
			for range 8 { // an alias of an alias
				if i, ok := p.m.named[behind]; ok {
					out.WriteString(p.m.declaration(i, name))
					break
				}
				behind = p.m.aliases[behind]
			}
			continue
		}
		if s, ok := p.m.globals[name]; ok && !strings.HasPrefix(name, "llvm.") {
			line := p.m.text[s.from:s.to]
			_, after := nameAt(line, 0)
			p.see(line[after:])
			out.WriteString(shared(line))
		}
	}
	return out.String()
}

// linkages are the words between `define` or ` = ` and the rest that say who
// sees a symbol.
var linkages = map[string]bool{"private": true, "internal": true, "available_externally": true, "linkonce": true, "weak": true, "linkonce_odr": true,
	"weak_odr": true, "external": true, "dso_local": true, "dso_preemptable": true, "default": true, "hidden": true, "protected": true,
	"dllexport": true, "dllimport": true, "common": true, "extern_weak": true}

// unlinked is text without its first words about linkage.
func unlinked(text string) string {
	for {
		word, rest, ok := strings.Cut(text, " ")
		if !ok || !linkages[word] {
			return text
		}
		text = rest
	}
}

// header is the first line of a definition up to its attributes, with another
// linkage and name, and the offset from which the rest can be taken.
func (m *Module) header(f *function, linkage, name string) (string, int) {
	line := m.text[f.span.from:f.head]
	at := strings.IndexByte(line, '@')
	_, after := nameAt(line, at)
	end, _ := arguments(line, after)
	if end < 0 {
		end = after
	}
	// A comdat is not for what makes no code, nor for another name.
	rest := line[end:]
	brace := strings.LastIndexByte(rest, '{')
	words := strings.Fields(rest[:max(brace, 0)])
	words = slices.DeleteFunc(words, func(w string) bool { return w == "comdat" || strings.HasPrefix(w, "comdat(") })
	return linkage + unlinked(strings.TrimPrefix(line[:at], "define ")) + "@" + name + line[after:end] + " " + strings.Join(words, " ") + " {\n", f.head
}

// declaration is a function without its body, under a name.
func (m *Module) declaration(i int, name string) string {
	f := &m.functions[i]
	line := m.text[f.span.from:f.head]
	at := strings.IndexByte(line, '@')
	_, after := nameAt(line, at)
	end, _ := arguments(line, after)
	if end < 0 {
		return ""
	}
	out := "declare dso_local " + unlinked(strings.TrimPrefix(line[:at], "define ")) + "@" + name + line[after:end]
	for _, w := range strings.Fields(line[end:]) {
		if strings.HasPrefix(w, "#") {
			out += " " + w
		}
	}
	return out + "\n"
}

// shared is the line of a variable as a part of the module may have it.
func shared(line string) string {
	before, rest, _ := strings.Cut(line, " = ")
	bare := unlinked(rest)
	words := strings.Fields(bare)
	for _, w := range words {
		switch w {
		case "constant": // nobody writes it
			return line
		case "global":
			if strings.HasPrefix(rest, "external ") || strings.HasPrefix(rest, "extern_weak ") {
				return line
			}
			return before + " = dso_local " + bare
		}
	}
	return line
}
