package relink

import "github.com/minsize/minsize/internal/target"

// What is lost is data, not prose: a report that has to know whether anything
// is lost counts a list, and never reads a sentence.

// Loss is one thing that a program can no longer do.
type Loss struct {
	What      string // a plain phrase without a full stop
	Module    string // the same of a Wasm module, which no signal ends; "" where What says it
	Windows   string // the same of a Windows program, which ends by a code
	Bare      string // the same of a machine without an operating system, whose own handler of faults is called
	Unwinding bool   // only what unwinds has it to lose
	Shown     []Kind // evidence that a program relies on it
}

// Losing is a list of one loss.
func Losing(what string, shown ...Kind) []Loss { return []Loss{{What: what, Shown: shown}} }

// In is the phrase for programs of a target.
func (l Loss) In(t target.Triple) string {
	switch {
	case l.Module != "" && t.Format == target.Wasm:
		return l.Module
	case l.Windows != "" && t.Format == target.COFF:
		return l.Windows
	case l.Bare != "" && t.BareMetal():
		return l.Bare
	}
	return l.What
}
