package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/report"
)

// explainByte answers why one byte has its label.
func (e *env) explainByte(ctx context.Context, l *loadedPrograms, where string, o *reportFlags) error {
	if len(l.Inputs) != 1 {
		return usageError("one file", "--explain looks into one file, %d were given", len(l.Inputs))
	}
	offset, isOffset := strings.CutPrefix(where, "@")
	n, err := strconv.ParseUint(offset, 0, 64)
	if err != nil {
		return usageError("--explain 0x12340 for an address, --explain @0x12340 for an offset in the file", "%q is no number", where)
	}
	x, err := l.Inputs[0].Program.Explain(n, isOffset)
	if err != nil {
		return withStatus(exitFailed, "--explain @OFFSET counts in the file, --explain ADDRESS in memory", fmt.Errorf("%s: %w", l.Inputs[0].Name, err))
	}
	return e.print(ctx, report.Explanation(x), o)
}

// findFunction finds the one function that a user names: exactly, or by a
// part of its name that only one has.
func findFunction(p *attrib.Program, name string) (int32, error) {
	exact, parts := p.FindCode(name)
	switch {
	case len(exact) == 1:
		return exact[0], nil
	case len(exact) == 0 && len(parts) == 1:
		return parts[0], nil
	case len(exact) == 0 && len(parts) == 0:
		return -1, withStatus(exitFailed, "minsize size -d functions -n 0 FILE lists them", fmt.Errorf("no function %q", name))
	}
	several := exact
	if len(exact) == 0 {
		several = parts
	}
	var hints []string
	for i, atom := range several {
		if i == 6 {
			hints = append(hints, fmt.Sprintf("and %d more", len(several)-6))
			break
		}
		hints = append(hints, fmt.Sprintf("%#x %s", p.Atoms[atom].Addr, p.Name(atom)))
	}
	return -1, withStatus(exitFailed, "one of these, by its address:\n    "+strings.Join(hints, "\n    "), fmt.Errorf("%d functions match %q", len(several), name))
}

// disassemble prints the machine code of one function.
func (e *env) disassemble(l *loadedPrograms, name string) error {
	if len(l.Inputs) != 1 {
		return usageError("one file", "--disassemble looks into one file, %d were given", len(l.Inputs))
	}
	p := l.Inputs[0].Program
	atom, err := findFunction(p, name)
	if err != nil {
		return err
	}
	lines, err := p.Disassemble(atom)
	if err != nil {
		return err
	}
	a := &p.Atoms[atom]
	fmt.Fprintf(e.stdout, "%s: %d bytes at %#x\n", p.Name(atom), a.Size(), a.Addr)
	for _, i := range lines {
		fmt.Fprintf(e.stdout, "%8x  %-24x %s", i.Addr, i.Bytes, i.Text)
		if i.Note != "" {
			fmt.Fprintf(e.stdout, "  # %s", i.Note)
		}
		fmt.Fprintln(e.stdout)
	}
	return nil
}
