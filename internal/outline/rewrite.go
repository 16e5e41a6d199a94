package outline

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/minsize/minsize/internal/rustsyntax"
)

// edit replaces source[start:end] by text.
type edit struct {
	start, end int
	text       string
}

// Rewrite returns the file's source with the given functions outlined, all of
// the same file. What is not moved stays byte for byte. The inner function
// takes the body over where it stands, behind a new end of the outer one, so
// that a patch shows the signature and not the body:
//
//	fn open<P: AsRef<Path>>(path: P) -> R {
//	+    open_inner(path.as_ref())
//	+}
//	+
//	+fn open_inner(path: &Path) -> R {
//	     the body, as it was
//	}
func Rewrite(functions []*Function) ([]byte, error) {
	if len(functions) == 0 {
		return nil, fmt.Errorf("no function to outline")
	}
	file := functions[0].File
	taken := map[string]bool{}
	for i := range file.Tokens {
		if file.Tokens[i].Kind == rustsyntax.Ident {
			taken[file.Word(i)] = true
		}
	}
	var edits []edit
	for _, f := range functions {
		if f.Refusal != "" {
			return nil, fmt.Errorf("%s: %s", f.Name(), f.Refusal)
		}
		w := &writer{Function: f, name: innerName(f.Name(), taken)}
		edits = append(edits, w.edits()...)
	}
	return replaced(file.Source, edits)
}

// innerName is name_inner, with a number where that is a word of the file.
func innerName(name string, taken map[string]bool) string {
	name = strings.TrimPrefix(name, "r#")
	for n := 1; ; n++ {
		inner := name + "_inner"
		if n > 1 {
			inner = fmt.Sprintf("%s_inner%d", name, n)
		}
		if !taken[inner] {
			taken[inner] = true
			return inner
		}
	}
}

// replaced makes the replacements, which must not overlap.
func replaced(source []byte, edits []edit) ([]byte, error) {
	sort.SliceStable(edits, func(i, j int) bool { return edits[i].start < edits[j].start })
	var out []byte
	at := 0
	for _, e := range edits {
		if e.start < at || e.end < e.start || e.end > len(source) {
			return nil, fmt.Errorf("edits overlap at offset %d", e.start)
		}
		out = append(append(out, source[at:e.start]...), e.text...)
		at = e.end
	}
	return append(out, source[at:]...), nil
}

// writer makes the edits of one function.
type writer struct {
	*Function
	name string // of the inner function
}

func (w *writer) edits() []edit {
	out := w.bodyEdits()
	out = append(out, w.outerPatterns()...)
	open, end := w.offset(w.Fn.Body.Start), w.offset(w.Fn.Body.End-1)
	indent := w.indent()
	if w.traitImpl() {
		return append(out, w.nested(open, end, indent)...)
	}
	text := "{\n" + indent + "    " + w.call() + "\n" + indent + "}\n\n" + indent + w.attributes(indent) + w.signature() + " {"
	return append(out, edit{open, open + 1, text})
}

func (w *writer) traitImpl() bool {
	return w.Fn.Owner != nil && w.Fn.Owner.Kind == rustsyntax.TraitImpl
}

// offset is where a token begins.
func (w *writer) offset(token int) int { return int(w.File.Tokens[token].Start) }

// indent is the white space at the start of the line of the function.
func (w *writer) indent() string {
	start := w.offset(w.Fn.Start)
	line := start
	for line > 0 && w.File.Source[line-1] != '\n' {
		line--
	}
	i := line
	for i < start && (w.File.Source[i] == ' ' || w.File.Source[i] == '\t') {
		i++
	}
	return string(w.File.Source[line:i])
}

// attributes are those that the moved body needs as well.
func (w *writer) attributes(indent string) string {
	var out string
	for _, a := range w.Fn.Attributes {
		switch a.Path {
		case "cfg", "cfg_attr", "allow", "expect", "warn", "deny":
			out += w.File.Text(a.Span) + "\n" + indent
		}
	}
	return out
}

// kept are the generic parameters that the inner function still has: all but
// the types of converted arguments.
func (w *writer) kept() (declare, pass []string) {
	gone := w.gone()
	for _, g := range w.Fn.Generics {
		name := w.File.Word(g.Name)
		if g.Kind == rustsyntax.TypeGeneric && slices.Contains(gone, name) {
			continue
		}
		declare = append(declare, w.File.Text(g.Span))
		if g.Kind != rustsyntax.LifetimeGeneric {
			pass = append(pass, name)
		}
	}
	return declare, pass
}

// gone are the type parameters that only converted arguments had.
func (w *writer) gone() []string {
	var out []string
	a := &analysis{file: w.File, fn: w.Fn}
	for _, c := range w.Args {
		if b, ok := a.boundsOf(w.Fn.Params[c.param]); ok && b.generic != "" {
			out = append(out, b.generic)
		}
	}
	return out
}

// signature is the inner function's, up to its body.
func (w *writer) signature() string {
	var b strings.Builder
	if w.Fn.Async {
		b.WriteString("async ")
	}
	if w.Fn.Unsafe {
		b.WriteString("unsafe ")
	}
	b.WriteString("fn " + w.name)
	if declare, _ := w.kept(); len(declare) > 0 {
		b.WriteString("<" + strings.Join(declare, ", ") + ">")
	}
	var params []string
	for i, p := range w.Fn.Params {
		params = append(params, w.parameter(i, p))
	}
	b.WriteString("(" + strings.Join(params, ", ") + ")")
	if !w.Fn.Return.Empty() {
		b.WriteString(" -> " + w.own(w.File.Text(w.Fn.Return)))
	}
	if where := w.where(); len(where) > 0 {
		b.WriteString(" where " + strings.Join(where, ", "))
	}
	return b.String()
}

func (w *writer) parameter(i int, p rustsyntax.Param) string {
	for _, c := range w.Args {
		if c.param == i {
			return c.Binding + ": " + w.own(c.Type)
		}
	}
	text := w.File.Text(p.Span)
	if p.Self && w.traitImpl() {
		self := w.SelfType()
		switch strings.Join(strings.Fields(strings.ReplaceAll(text, "&", "& ")), " ") {
		case "& self":
			return "this: &" + self
		case "& mut self":
			return "this: &mut " + self
		case "mut self":
			return "mut this: " + self
		}
		return "this: " + self
	}
	return w.own(text)
}

// own names Self where there is none: in a function nested in a trait's impl.
func (w *writer) own(text string) string {
	if !w.traitImpl() || !strings.Contains(text, "Self") {
		return text
	}
	tokens, err := rustsyntax.Lex([]byte(text))
	if err != nil {
		return text
	}
	var b strings.Builder
	for _, t := range tokens {
		word := text[t.Start:t.End]
		if t.Kind == rustsyntax.Ident && word == "Self" {
			word = w.SelfType()
		}
		b.WriteString(word)
	}
	return b.String()
}

// where keeps the clauses that are not about a type parameter that is gone.
func (w *writer) where() []string {
	var out []string
	gone := w.gone()
	for _, clause := range splitTop(w.File, w.Fn.Where, ",") {
		code := w.File.CodeIn(clause)
		if len(code) > 0 && slices.Contains(gone, w.File.Word(int(code[0]))) {
			continue
		}
		out = append(out, w.own(w.File.Text(clause)))
	}
	return out
}

// call is the outer function's new body.
func (w *writer) call() string {
	var args []string
	receiver := ""
	for i, p := range w.Fn.Params {
		switch {
		case p.Self && w.traitImpl():
			args = append(args, "self")
		case p.Self:
			receiver = "self."
		default:
			args = append(args, w.argument(i, p))
		}
	}
	function := w.name
	if receiver == "" && w.Fn.Owner != nil && !w.traitImpl() {
		receiver = "Self::"
	}
	if _, pass := w.kept(); len(pass) > 0 {
		function += "::<" + strings.Join(pass, ", ") + ">"
	}
	call := receiver + function + "(" + strings.Join(args, ", ") + ")"
	if w.Fn.Unsafe {
		call = "unsafe { " + call + " }"
	}
	if w.Fn.Async {
		call += ".await"
	}
	return call
}

func (w *writer) argument(i int, p rustsyntax.Param) string {
	for _, c := range w.Args {
		if c.param == i {
			return c.Call
		}
	}
	words := strings.Fields(w.File.Text(p.Pattern))
	return words[len(words)-1]
}

// outerPatterns takes "mut" off the parameters that the outer function only
// passes on; the inner one keeps it.
func (w *writer) outerPatterns() []edit {
	var out []edit
	for i, p := range w.Fn.Params {
		code := w.File.CodeIn(p.Pattern)
		if len(code) != 2 || !w.File.Is(int(code[0]), "mut") {
			continue
		}
		needed := false
		for _, c := range w.Args {
			needed = needed || c.param == i && (c.conv.target == "&mut " || len(c.drop) > 0)
		}
		if !needed {
			out = append(out, edit{w.offset(int(code[0])), w.offset(int(code[1])), ""})
		}
	}
	return out
}

// bodyEdits are the changes inside the body: conversions go.
func (w *writer) bodyEdits() []edit {
	var out []edit
	for _, c := range w.Args {
		for _, u := range c.uses {
			out = append(out, edit{int(w.File.Tokens[u.name].End), int(w.File.Tokens[u.end-1].End), ""})
		}
		for _, s := range c.drop {
			start, end := w.offset(s.Start), int(w.File.Tokens[s.End-1].End)
			// The line goes with its statement.
			for end < len(w.File.Source) && (w.File.Source[end] == ' ' || w.File.Source[end] == '\t') {
				end++
			}
			if end < len(w.File.Source) && w.File.Source[end] == '\n' {
				line := start
				for line > 0 && (w.File.Source[line-1] == ' ' || w.File.Source[line-1] == '\t') {
					line--
				}
				if line > 0 && w.File.Source[line-1] == '\n' {
					start, end = line, end+1
				}
			}
			out = append(out, edit{start, end, ""})
		}
	}
	return out
}

// nested puts the inner function into the body: a trait's impl has no place
// for another function. The body moves in by one step, but for the insides of
// strings and comments.
func (w *writer) nested(open, end int, indent string) []edit {
	out := []edit{{open, open + 1, "{\n" + indent + "    " + w.signature() + " {"}}
	for t := w.Fn.Body.Start + 1; t < w.Fn.Body.End-1; t++ {
		token := w.File.Tokens[t]
		if token.Kind == rustsyntax.Ident {
			if w.File.Is(t, "self") {
				out = append(out, edit{int(token.Start), int(token.End), "this"})
			}
			if w.File.Is(t, "Self") {
				out = append(out, edit{int(token.Start), int(token.End), w.SelfType()})
			}
			continue
		}
		if token.Kind != rustsyntax.Whitespace {
			continue
		}
		if i := strings.LastIndexByte(w.File.Word(t), '\n'); i >= 0 {
			if at := int(token.Start) + i + 1; !w.dropped(at) {
				out = append(out, edit{at, at, "    "})
			}
		}
	}
	return append(out, edit{end, end + 1, "}\n" + indent + "    " + w.call() + "\n" + indent + "}"})
}

// dropped says whether an offset is within a statement that goes.
func (w *writer) dropped(at int) bool {
	for _, e := range w.bodyEdits() {
		if at >= e.start && at < e.end {
			return true
		}
	}
	return false
}
