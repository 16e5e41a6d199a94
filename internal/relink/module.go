package relink

// Cuts in LLVM's textual form (LLVM Language Reference, "Functions").

import (
	"bufio"
	"fmt"
	"strings"
)

// moduleEditor passes a module through line by line, functions that are cut
// getting another body.
type moduleEditor struct {
	matcher  *matcher
	pipeline *Pipeline
	out      *bufio.Writer
	helpers  []string

	aliases  map[string][]string // function -> further names of it; aliases stand before functions
	skipping bool                // inside the body of a cut function
	hasTrap  bool                // llvm.trap is declared
	needTrap bool
	declared strings.Builder // for the end of the module
}

func (e *moduleEditor) line(line string) error {
	if e.skipping {
		e.skipping = !strings.HasPrefix(line, "}")
		return nil
	}
	switch {
	case strings.HasPrefix(line, "define "):
		return e.function(line)
	case strings.HasPrefix(line, "@") && strings.Contains(line, " alias "):
		e.alias(line)
	case strings.HasPrefix(line, "declare ") && strings.Contains(line, "@llvm.trap()"):
		e.hasTrap = true
	case e.pipeline.MinSize && strings.HasPrefix(line, "attributes #"):
		line = forSize(line)
	}
	_, err := e.out.WriteString(line)
	return err
}

// alias notes `@name = ... alias TYPE, ptr @function`.
func (e *moduleEditor) alias(line string) {
	name, _ := symbolIn(" " + strings.Replace(line, " = ", "( = ", 1))
	last := strings.LastIndex(line, " @")
	if last < 0 {
		return
	}
	function, _ := symbolIn(strings.TrimRight(line[last:], "\n") + "(")
	if e.aliases == nil {
		e.aliases = map[string][]string{}
	}
	e.aliases[function] = append(e.aliases[function], name)
}

// forSize adds minsize and optsize to an attribute group. `optnone` forbids
// them; groups of calls alone take no harm from them.
func forSize(line string) string {
	if strings.Contains(line, " optnone ") {
		return line
	}
	for _, word := range []string{"minsize", "optsize"} {
		if !strings.Contains(line, " "+word+" ") {
			line = strings.Replace(line, "{ ", "{ "+word+" ", 1)
		}
	}
	return line
}

func (e *moduleEditor) function(line string) error {
	symbol, at := symbolIn(line)
	site, name, ok := e.matcher.matchAll(symbol, e.aliases[symbol])
	if !ok || symbol == "" || !strings.HasSuffix(strings.TrimRight(line, "\n"), "{") {
		_, err := e.out.WriteString(line)
		return err
	}
	if e.matcher.count[site] >= maxMatches && CutByName(e.matcher.cuts[site.cut].Name) == nil {
		return e.matcher.tooMany(site)
	}
	returns := typeBefore(line[:at])
	stub := e.matcher.cuts[site.cut].Sites[site.site].Stub
	var body string
	switch stub {
	case StubReturn, StubZero, StubZeroFloat, StubZeroPair:
		body = "  ret void\n"
		if returns != "void" {
			body = "  ret " + returns + " zeroinitializer\n"
			line = withoutPromises(line[:at]) + line[at:]
		}
	case StubTrap:
		body = "  call void @llvm.trap()\n  unreachable\n"
		e.needTrap = true
	case StubReport:
		body = fmt.Sprintf("  call void @%s()\n  unreachable\n", e.helper(stub, name, "()"))
	case StubDefaultSignal:
		argument, ok := firstArgument(line[at:])
		if !ok || returns != "void" {
			return fmt.Errorf("cut %s: %w: %s is no signal handler in the bitcode", e.matcher.cuts[site.cut].Name, ErrNotApplicable, name)
		}
		body = fmt.Sprintf("  call void @%s(%s)\n  ret void\n", e.helper(stub, name, "(i32)"), argument)
	default:
		return fmt.Errorf("stub %q has no form in LLVM", stub)
	}
	e.matcher.met(site, name, 0)
	e.skipping = true
	_, err := e.out.WriteString(line + body + "}\n")
	return err
}

// helper declares a stub that only machine code can be.
func (e *moduleEditor) helper(stub Stub, name, signature string) string {
	symbol := helperName(len(e.helpers))
	e.helpers = append(e.helpers, string(stub)+" "+name)
	fmt.Fprintf(&e.declared, "\ndeclare void @%s%s\n", symbol, signature)
	return symbol
}

// finish writes the declarations that the new bodies need.
func (e *moduleEditor) finish() {
	if e.needTrap && !e.hasTrap {
		e.out.WriteString("\ndeclare void @llvm.trap()\n")
	}
	e.out.WriteString(e.declared.String())
}

// symbolIn finds the function's symbol in a `define` line, and the offset of
// its @. Names that are no identifiers are quoted, with \XX for odd bytes.
func symbolIn(line string) (symbol string, at int) {
	at = strings.Index(line, " @")
	if at < 0 {
		return "", -1
	}
	at++
	rest := line[at+1:]
	if strings.HasPrefix(rest, `"`) {
		end := strings.IndexByte(rest[1:], '"')
		if end < 0 {
			return "", -1
		}
		return unescapeName(rest[1 : 1+end]), at
	}
	end := strings.IndexByte(rest, '(')
	if end < 0 {
		return "", -1
	}
	return rest[:end], at
}

func unescapeName(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		var c byte
		if s[i] == '\\' && i+2 < len(s) {
			if n, err := fmt.Sscanf(s[i+1:i+3], "%02x", &c); err == nil && n == 1 {
				b.WriteByte(c)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// typeBefore is the return type: the last type before the name, which may be
// a struct `{ i64, ptr }`, an array, a vector or a packed struct.
func typeBefore(head string) string {
	head = strings.TrimRight(head, " ")
	depth := 0
	for i := len(head) - 1; i >= 0; i-- {
		switch head[i] {
		case '}', ']', '>', ')':
			depth++
		case '{', '[', '<', '(':
			depth--
		case ' ':
			if depth == 0 {
				return head[i+1:]
			}
		}
	}
	return head
}

// withoutPromises takes the return attributes out that a zero would break.
func withoutPromises(head string) string {
	for _, word := range []string{"nonnull ", "noundef ", "noalias "} {
		head = strings.ReplaceAll(head, " "+word, " ")
	}
	for _, begin := range []string{"range(", "align ", "dereferenceable(", "dereferenceable_or_null("} {
		for {
			i := strings.Index(head, " "+begin)
			if i < 0 {
				break
			}
			end := i + 1 + len(begin)
			if strings.HasSuffix(begin, "(") {
				if n := strings.IndexByte(head[end:], ')'); n >= 0 {
					end += n + 1
				}
			} else {
				for end < len(head) && head[end] != ' ' {
					end++
				}
			}
			head = head[:i] + head[end:]
		}
	}
	return head
}

// firstArgument turns the first parameter into an argument for a call:
// `i32 noundef %signum` gives `i32 %signum`.
func firstArgument(tail string) (string, bool) {
	open := strings.IndexByte(tail, '(')
	if open < 0 {
		return "", false
	}
	parameter, _, _ := strings.Cut(tail[open+1:], ",")
	words := strings.Fields(strings.TrimSuffix(strings.TrimSpace(parameter), ")"))
	if len(words) < 2 || words[0] != "i32" || !strings.HasPrefix(words[len(words)-1], "%") {
		return "", false
	}
	return "i32 " + words[len(words)-1], true
}
