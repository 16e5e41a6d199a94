// Package tune decides inlining by measurement: which calls of a program get
// their callee's body, and which do not, is found out by compiling both.
//
// A compiler decides by a guess at what a body costs; for size the guess is
// timid, since it cannot know what becomes of the body after it was moved. Here
// functions are taken out of the module with the bodies that they call, many
// variants side by side in one small module (trial.go), and the sections' sizes
// of one compile judge all of them. A model (model.go) says which to try first.
// What was found is a list by content, the hash of a function's body and its
// calls' choices (choices.go), which fits the next release as far as its
// functions are the same.
//
// It works on a module in LLVM's textual form, in which a choice is one word
// behind a call's arguments. Nothing here runs a compiler: see Compiler.
package tune

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
)

// Module is a module in LLVM's textual form, taken apart as far as inlining
// asks: functions, their direct calls, and what else stands at the top.
type Module struct {
	text      string
	functions []function
	named     map[string]int    // functions by their names as they are written
	globals   map[string]span   // lines of variables, likewise
	aliases   map[string]string // aliases and the names that they stand for
	groups    map[string]string // attribute groups: "#12"
	rest      []span            // lines that every piece of the module needs
	uses      map[string]int    // how often a name is mentioned, its own line not counted
}

type span struct{ from, to int }

// function is one definition.
type function struct {
	name  string // as it is written: quotes belong to it
	span  span   // from `define` to the closing brace's line, whole
	head  int    // where the first line ends
	calls []call
	body  string // hash of the body
	hash  string // the same, "" where no choice can be written down: another function has it, or nothing is called
	local bool   // nothing outside the module can call it
	fixed bool   // noinline, or optnone
	stack int    // bytes of its variables
	cycle bool   // it may call itself, by whatever way of direct calls
}

// call is a direct call.
type call struct {
	at     int  // where a word may be put in
	callee int  // -1: the module does not define it
	consts int  // arguments that are constants
	fixed  bool // somebody has decided already
}

// Parse takes a module apart. What it does not understand it leaves alone: a
// call that is not seen is not tuned.
func Parse(text string) *Module {
	m := &Module{text: text, named: map[string]int{}, globals: map[string]span{}, aliases: map[string]string{}, groups: map[string]string{}, uses: map[string]int{}}
	type found struct {
		call
		name string
		tail string
	}
	var calls [][]found
	inside := false
	for at := 0; at < len(text); {
		end := len(text)
		if i := strings.IndexByte(text[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		line := text[at:end]
		switch {
		case inside:
			f := &m.functions[len(m.functions)-1]
			if name, c, tail, ok := callIn(line); ok {
				c.at += at
				calls[len(calls)-1] = append(calls[len(calls)-1], found{c, name, tail})
			}
			m.mention(line)
			f.stack += stackIn(line)
			if line[0] == '}' {
				inside, f.span.to = false, end
			}
		case strings.HasPrefix(line, "define "):
			name, _ := nameAt(line, strings.IndexByte(line, '@'))
			if name == "" || !strings.HasSuffix(strings.TrimRight(line, "\r\n"), "{") {
				break
			}
			linkage := " " + line[:strings.IndexByte(line, '@')]
			m.named[name] = len(m.functions)
			m.functions = append(m.functions, function{name: name, span: span{at, len(text)}, head: end,
				local: strings.Contains(linkage, " internal ") || strings.Contains(linkage, " private ")})
			calls = append(calls, nil)
			inside = true
		case line[0] == '@':
			name, after := nameAt(line, 0)
			m.globals[name] = span{at, end}
			if words := line[after:]; strings.Contains(words, " alias ") {
				m.aliases[name], _ = nameAt(line, strings.LastIndexByte(line, '@'))
			}
			m.mention(line[after:])
		case strings.HasPrefix(line, "attributes #"):
			if group, value, ok := strings.Cut(strings.TrimPrefix(line, "attributes "), " = "); ok {
				m.groups[group] = value
			}
			m.rest = append(m.rest, span{at, end})
		case line[0] == '!', line[0] == '%', strings.HasPrefix(line, "target "), strings.HasPrefix(line, "source_filename"), strings.HasPrefix(line, "declare "):
			m.rest = append(m.rest, span{at, end})
		}
		at = end
	}
	for i := range m.functions {
		f := &m.functions[i]
		head := text[f.span.from:f.head]
		f.fixed = m.says(head, "noinline") || m.says(head, "optnone")
		for _, c := range calls[i] {
			callee, defined := m.named[c.name]
			if !defined {
				callee = -1
			}
			c.call.callee = callee
			c.call.fixed = !defined || callee == i || m.says(c.tail, "noinline") || m.says(c.tail, "alwaysinline")
			f.calls = append(f.calls, c.call)
		}
	}
	m.hash()
	m.findCycles()
	return m
}

// stackIn are the bytes of the variable that a line makes.
func stackIn(line string) (bytes int) {
	if _, array, ok := strings.Cut(line, " = alloca ["); ok {
		number, _, _ := strings.Cut(array, " ")
		bytes, _ = strconv.Atoi(number)
	}
	return bytes
}

// findCycles marks the functions that may come back to themselves (Tarjan's
// strongly connected components).
func (m *Module) findCycles() {
	order, low := make([]int, len(m.functions)), make([]int, len(m.functions))
	on := make([]bool, len(m.functions))
	var stack []int
	n := 0
	var visit func(i int)
	visit = func(i int) {
		n++
		order[i], low[i], on[i] = n, n, true
		stack = append(stack, i)
		for _, c := range m.functions[i].calls {
			switch {
			case c.callee < 0:
			case c.callee == i:
				m.functions[i].cycle = true
			case order[c.callee] == 0:
				visit(c.callee)
				low[i] = min(low[i], low[c.callee])
			case on[c.callee]:
				low[i] = min(low[i], order[c.callee])
			}
		}
		if low[i] != order[i] {
			return
		}
		at := slices.Index(stack, i)
		for _, k := range stack[at:] {
			on[k] = false
			m.functions[k].cycle = m.functions[k].cycle || len(stack)-at > 1
		}
		stack = stack[:at]
	}
	for i := range m.functions {
		if order[i] == 0 {
			visit(i)
		}
	}
}

// deepens says that a body in the place of a call would make a recursion's
// frames larger, also where the call is seldom made: a stack that was enough
// may not be.
func (m *Module) deepens(caller, callee *function) bool {
	return caller.cycle && callee.stack > recursionStack
}

// recursionStack is as little as a call's own frame would take.
const recursionStack = 64

// says whether attributes, or a group that they refer to, have a word.
func (m *Module) says(attributes, word string) bool {
	for _, w := range strings.Fields(attributes) {
		if w == word || strings.HasPrefix(w, "#") && strings.Contains(" "+m.groups[w]+" ", " "+word+" ") {
			return true
		}
	}
	return false
}

// mention counts the names in a piece of text.
func (m *Module) mention(text string) {
	for name := range names(text) {
		m.uses[name]++
	}
}

// names are the symbols that a piece of text mentions, each time. Texts in
// quotes are none, though they may look so.
func names(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i := 0; i < len(text); i++ {
			switch text[i] {
			case '"':
				end := strings.IndexByte(text[i+1:], '"')
				if end < 0 {
					return
				}
				i += end + 1
			case '@':
				name, end := nameAt(text, i)
				if name == "" {
					continue
				}
				if !yield(name) {
					return
				}
				i = end - 1
			}
		}
	}
}

// nameAt is the name behind the @ at i, and where it ends; "" for none.
func nameAt(text string, i int) (string, int) {
	if i < 0 || i+1 >= len(text) || text[i] != '@' {
		return "", i
	}
	end := i + 1
	if text[end] == '"' {
		n := strings.IndexByte(text[end+1:], '"')
		if n < 0 {
			return "", i
		}
		end += n + 2
	} else {
		for end < len(text) && isName(text[end]) {
			end++
		}
	}
	return text[i+1 : end], end
}

func isName(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '_' || c == '.' || c == '$' || c == '-'
}

// callIn finds the direct call in a line of a function: the callee's name, the
// place behind the arguments, and what follows there.
func callIn(line string) (name string, c call, tail string, ok bool) {
	if !strings.HasPrefix(line, "  ") {
		return
	}
	at := 2
	if line[at:] != "" && line[at] == '%' {
		i := strings.Index(line, " = ")
		if i < 0 {
			return
		}
		at = i + 3
	}
	rest := line[at:]
	for _, word := range []string{"tail ", "notail "} {
		rest = strings.TrimPrefix(rest, word)
	}
	if !strings.HasPrefix(rest, "call ") && !strings.HasPrefix(rest, "invoke ") {
		return
	}
	at = len(line) - len(rest) + strings.IndexByte(rest, ' ')
	for depth := 0; at < len(line) && name == ""; at++ {
		switch line[at] {
		case '(', '[', '{', '<':
			depth++
		case ')', ']', '}', '>':
			depth--
		case '%', '"': // by a pointer; assembly
			return
		case '@':
			if depth != 0 {
				return
			}
			name, at = nameAt(line, at)
			if name == "" || at >= len(line) || line[at] != '(' {
				return
			}
			at--
		}
	}
	if name == "" {
		return
	}
	end, consts := arguments(line, at)
	if end < 0 {
		return
	}
	return name, call{at: end, consts: consts}, line[end:], true
}

// arguments reads a list of arguments whose parenthesis is at i: where it
// ends, and how many are constants.
func arguments(line string, i int) (end, consts int) {
	depth, begin := 0, i+1
	argument := func(text string) {
		text = strings.TrimSpace(text)
		if last := text[strings.LastIndexByte(text, ' ')+1:]; last != "" && last[0] != '%' {
			consts++
		}
	}
	for ; i < len(line); i++ {
		switch line[i] {
		case '"':
			n := strings.IndexByte(line[i+1:], '"')
			if n < 0 {
				return -1, 0
			}
			i += n + 1
		case '(', '[', '{', '<':
			depth++
		case ')', ']', '}', '>':
			if depth--; depth == 0 {
				argument(line[begin:i])
				return i + 1, consts
			}
		case ',':
			if depth == 1 {
				argument(line[begin:i])
				begin = i + 1
			}
		}
	}
	return -1, 0
}

// hash gives each function the hash of its body. What another build numbers
// otherwise is left out of it: attribute groups, metadata, hashes in names.
func (m *Module) hash() {
	seen := map[string]int{}
	for i := range m.functions {
		f := &m.functions[i]
		sum := sha256.Sum256(normal(m.text[f.span.from:f.span.to]))
		f.body = hex.EncodeToString(sum[:6])
		f.hash = f.body
		if other, twice := seen[f.hash]; twice { // which of the two is meant could not be told
			m.functions[other].hash = ""
			f.hash = ""
			continue
		}
		seen[f.hash] = i
	}
	for _, i := range seen {
		f := &m.functions[i]
		if f.hash != "" && len(f.calls) == 0 {
			f.hash = ""
		}
	}
}

// normal is a body without what is numbered anew by each build.
func normal(text string) []byte {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch c {
		case '#', '!':
			out = append(out, c)
			for i+1 < len(text) && text[i+1] >= '0' && text[i+1] <= '9' {
				i++
			}
		case '@':
			name, end := nameAt(text, i)
			if name == "" {
				out = append(out, c)
				continue
			}
			out = append(append(out, '@'), stable(name)...)
			i = end - 1
		default:
			out = append(out, c)
		}
	}
	return out
}

// stable is a symbol without what a compiler makes of the crate's version and
// of the order of things: 17h0123456789abcdefE, Cs1aB_, anon.HASH.7, vtable.7.
func stable(name string) string {
	if i := strings.LastIndex(name, "17h"); i >= 0 && len(name) >= i+20 && name[i+19] == 'E' {
		name = name[:i] + name[i+19:]
	}
	bare := strings.Trim(name, `"`)
	for _, prefix := range []string{"anon.", "vtable.", "switch.table.", "str."} {
		if strings.HasPrefix(bare, prefix) {
			return prefix
		}
	}
	if !strings.HasPrefix(bare, "_R") {
		return name
	}
	var out strings.Builder
	for {
		i := strings.Index(name, "Cs")
		if i < 0 {
			break
		}
		end := i + 2
		for end < len(name) && isName(name[end]) && name[end] != '_' {
			end++
		}
		out.WriteString(name[:i+1])
		name = strings.TrimPrefix(name[end:], "_")
	}
	out.WriteString(name)
	return out.String()
}
