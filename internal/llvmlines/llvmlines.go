// Package llvmlines counts lines of LLVM IR per generic function, as
// cargo-llvm-lines does: before any optimisation, lines are what the compiler
// has to work on, and their number per generic says where copies come from.
package llvmlines

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"

	"github.com/minsize/minsize/internal/demangle"
)

// Function is one generic function, or one that is not, with all its copies.
type Function struct {
	Name   string `json:"name"`
	Crate  string `json:"crate"`
	Lines  int    `json:"lines"`
	Copies int    `json:"copies"`
}

// Count sums IR by function.
type Count struct {
	Lines, Copies int
	byName        map[string]*Function
	parser        demangle.Parser
}

// NewCount is an empty sum.
func NewCount() *Count { return &Count{byName: map[string]*Function{}} }

// maxLine bounds one line of IR, in bytes: constants stand on one line.
const maxLine = 256 << 20

// Read adds a module in LLVM's text form. A line is an instruction: it stands
// in a function's body and is indented by two blanks; labels, attributes and
// the continuation lines of switches do not count (as in cargo-llvm-lines).
func (c *Count) Read(r io.Reader) error {
	in := bufio.NewReaderSize(r, 1<<16)
	name, lines, inside := "", 0, false
	for {
		line, err := readLine(in)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		switch {
		case strings.HasPrefix(line, "define "):
			name, inside = functionName(line), true
			lines = 0
		case line == "}" && inside:
			c.add(name, lines)
			inside = false
		case inside && strings.HasPrefix(line, "  ") && !strings.HasPrefix(line, "   "):
			lines++
		}
	}
	if inside {
		return fmt.Errorf("function %q does not end: the file is cut off", name)
	}
	return nil
}

// readLine reads one line and keeps its first 4096 bytes.
func readLine(in *bufio.Reader) (string, error) {
	var kept []byte
	total := 0
	for {
		part, err := in.ReadSlice('\n')
		total += len(part)
		if total > maxLine {
			return "", fmt.Errorf("a line of more than %d bytes", maxLine)
		}
		if room := 4096 - len(kept); room > 0 {
			kept = append(kept, part[:min(room, len(part))]...)
		}
		switch {
		case err == nil:
			return strings.TrimSuffix(strings.TrimSuffix(string(kept), "\n"), "\r"), nil
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err == io.EOF && total > 0:
			return string(kept), nil
		default:
			return "", err
		}
	}
}

// functionName is what stands behind the @ of a define, quoted or not (LLVM
// Language Reference, "Identifiers").
func functionName(line string) string {
	at := strings.IndexByte(line, '@')
	if at < 0 {
		return ""
	}
	rest := line[at+1:]
	if strings.HasPrefix(rest, `"`) {
		name, _, _ := strings.Cut(rest[1:], `"`)
		return name
	}
	name, _, _ := strings.Cut(rest, "(")
	return name
}

func (c *Count) add(mangled string, lines int) {
	name := c.parser.Parse(mangled)
	display := name.Display
	if name.Rust() {
		display = name.GenericForm()
	}
	f := c.byName[display]
	if f == nil {
		display = strings.Clone(display)
		f = &Function{Name: display, Crate: strings.Clone(name.Crate)}
		c.byName[display] = f
	}
	f.Lines += lines
	f.Copies++
	c.Lines += lines
	c.Copies++
}

// Functions returns all, most lines first.
func (c *Count) Functions() []Function {
	out := make([]Function, 0, len(c.byName))
	for _, f := range c.byName {
		out = append(out, *f)
	}
	sort.Slice(out, func(i, j int) bool {
		return out[i].Lines > out[j].Lines || out[i].Lines == out[j].Lines && out[i].Name < out[j].Name
	})
	return out
}
