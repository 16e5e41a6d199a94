// Package stream is what can only be written on: an answer, a person's terminal,
// a pipe, a descriptor that a shell handed over.
//
// Where bytes go. An answer goes to stdout, to a regular file, or to what is
// neither: a device, a named pipe, a descriptor that a shell handed over. Each
// of them can fail, and a failure that nobody looks at is a report that looks
// like success and is cut short.
//
// Chosen: one writer, answer, which remembers the first error, so that no call
// of Fprint has to look; Main asks it at the end. A reader that closes its pipe
// (head, grep -q) has all that it wants: the rest is dropped without a word, and
// the exit status stays what the verb has to say. Regular files are made by
// byteio.WriteFile, whole or not at all.
//
// Rejected: dying of SIGPIPE, as C programs do: `minsize check app | head -1`
// would lose its verdict.
package stream

import (
	"github.com/mattn/go-runewidth"

	"errors"
	"io"
	"runtime"
	"strings"
	"syscall"
)

// Answer is a writer that can only be written on.
type Answer struct {
	To     io.Writer
	Before func() // called ahead of every write; may be nil
	Err    error  // the first failure, which every later write repeats
	closed bool   // nobody reads any more
}

// Write implements io.Writer.
func (a *Answer) Write(p []byte) (int, error) {
	if a.Before != nil {
		a.Before()
	}
	if a.Err != nil {
		return 0, a.Err
	}
	if a.closed {
		return len(p), nil
	}
	n, err := a.To.Write(p)
	if isClosedPipe(err) {
		a.closed = true
		return len(p), nil
	}
	a.Err = err
	return n, err
}

// isClosedPipe says whether a write failed because nobody reads any more.
func isClosedPipe(err error) bool {
	const brokenPipe, noData = syscall.Errno(109), syscall.Errno(232) // Windows's ERROR_BROKEN_PIPE, ERROR_NO_DATA
	return errors.Is(err, syscall.EPIPE) ||
		runtime.GOOS == "windows" && (errors.Is(err, brokenPipe) || errors.Is(err, noData))
}

// Underlying is the file behind an answer, for questions about terminals.
func Underlying(w any) any {
	if a, ok := w.(*Answer); ok {
		w = a.To
	}
	if p, ok := w.(*Prose); ok {
		w = p.To
	}
	return w
}

// Prose is stderr: on a terminal its lines are broken between words, and what
// goes on is indented.
type Prose struct{ To io.Writer }

// Write implements io.Writer.
func (p *Prose) Write(text []byte) (int, error) {
	fitted := text
	if width := Width(p.To); width > 0 {
		fitted = []byte(FitLines(string(text), width))
	}
	if _, err := p.To.Write(fitted); err != nil {
		return 0, err
	}
	return len(text), nil
}

// FitLines breaks lines that are wider than width between words. A word stays
// whole, for it may be a path to copy.
func FitLines(text string, width int) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		body, end := strings.CutSuffix(line, "\n")
		if len(body) <= width || runewidth.StringWidth(body) <= width { // no rune has more columns than bytes
			out.WriteString(line)
			continue
		}
		indent := body[:len(body)-len(strings.TrimLeft(body, " "))]
		used := 0
		for i, word := range strings.Fields(body) {
			switch n := runewidth.StringWidth(word); {
			case i == 0:
				out.WriteString(indent + word)
				used = len(indent) + n
			case used+1+n > width:
				out.WriteString("\n  " + indent + word)
				used = 2 + len(indent) + n
			default:
				out.WriteString(" " + word)
				used += 1 + n
			}
		}
		if end {
			out.WriteByte('\n')
		}
	}
	return out.String()
}
