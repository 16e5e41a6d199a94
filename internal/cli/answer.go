package cli

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

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/mattn/go-runewidth"

	"github.com/minsize/minsize/internal/byteio"
)

// answer is a writer that can only be written on.
type answer struct {
	to     io.Writer
	before func() // called ahead of every write; may be nil
	err    error  // the first failure, which every later write repeats
	closed bool   // nobody reads any more
}

// Write implements io.Writer.
func (a *answer) Write(p []byte) (int, error) {
	if a.before != nil {
		a.before()
	}
	if a.err != nil {
		return 0, a.err
	}
	if a.closed {
		return len(p), nil
	}
	n, err := a.to.Write(p)
	if isClosedPipe(err) {
		a.closed = true
		return len(p), nil
	}
	a.err = err
	return n, err
}

// settle is err, or else the failure that a verb did not look at.
func (a *answer) settle(err error) error {
	switch {
	case err == nil && a.err != nil:
		err = a.err
	case !errors.Is(err, a.err):
		return err
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return withStatus(statusOf(err), "free some space where the answer goes", err)
	}
	return err
}

// isClosedPipe says whether a write failed because nobody reads any more.
func isClosedPipe(err error) bool {
	const brokenPipe, noData = syscall.Errno(109), syscall.Errno(232) // Windows's ERROR_BROKEN_PIPE, ERROR_NO_DATA
	return errors.Is(err, syscall.EPIPE) ||
		runtime.GOOS == "windows" && (errors.Is(err, brokenPipe) || errors.Is(err, noData))
}

// underlying is the file behind an answer, for questions about terminals.
func underlying(w any) any {
	if a, ok := w.(*answer); ok {
		w = a.to
	}
	if p, ok := w.(*prose); ok {
		w = p.to
	}
	return w
}

// prose is stderr: on a terminal its lines are broken between words, and what
// goes on is indented.
type prose struct{ to io.Writer }

// Write implements io.Writer.
func (p *prose) Write(text []byte) (int, error) {
	fitted := text
	if width := terminalWidth(p.to); width > 0 {
		fitted = []byte(fitLines(string(text), width))
	}
	if _, err := p.to.Write(fitted); err != nil {
		return 0, err
	}
	return len(text), nil
}

// fitLines breaks lines that are wider than width between words. A word stays
// whole, for it may be a path to copy.
func fitLines(text string, width int) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		body, end := strings.CutSuffix(line, "\n")
		if runewidth.StringWidth(body) <= width {
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

// stream opens what name says if it can only be written on: "-" and the
// system's names for stdout, stderr and other descriptors of this process,
// devices, named pipes. It is nil for regular files and names that are free.
func (e *env) stream(ctx context.Context, name string) (w io.Writer, done func() error, err error) {
	nothing := func() error { return nil }
	switch fd := descriptor(name); {
	case fd == 1:
		return e.stdout, nothing, nil
	case fd == 2:
		return e.stderr, nothing, nil
	case fd > 2:
		f := os.NewFile(uintptr(fd), name)
		if _, err := f.Stat(); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
		}
		return &answer{to: f}, f.Close, nil
	}
	if !isStream(name) {
		return nil, nil, nil // WriteFile says what is wrong, if anything is
	}
	var f *os.File
	err = interruptible(ctx, func() (err error) { // a pipe waits for its reader
		f, err = os.OpenFile(name, os.O_WRONLY, 0)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return &answer{to: f}, f.Close, nil
}

// isStream says whether name can only be written on.
func isStream(name string) bool {
	if descriptor(name) >= 0 {
		return true
	}
	info, err := os.Stat(name)
	return err == nil && info.Mode()&(fs.ModeCharDevice|fs.ModeNamedPipe) != 0
}

// descriptor is the descriptor of this process that name stands for, -1 where
// it is another file. Opening such a name would be wrong: what a shell appends
// to would be written over, and rename would put another file in its place.
func descriptor(name string) int {
	if name == "-" {
		return 1
	}
	for range 40 { // as many links as Linux follows
		clean := filepath.ToSlash(filepath.Clean(name))
		switch clean {
		case "/dev/stdout":
			return 1
		case "/dev/stderr":
			return 2
		}
		for _, folder := range []string{"/dev/fd/", "/proc/self/fd/", fmt.Sprintf("/proc/%d/fd/", os.Getpid())} {
			if text, ok := strings.CutPrefix(clean, folder); ok {
				if fd, err := strconv.Atoi(text); err == nil && fd >= 0 {
					return fd
				}
			}
		}
		target, err := os.Readlink(name)
		if err != nil {
			return -1
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(name), target)
		}
		name = target
	}
	return -1
}

// deliver writes content where name says: to a stream as it comes, else to a
// file, by byteio.WriteFile. What o.Check refuses is written nowhere.
func (e *env) deliver(ctx context.Context, name string, content byteio.Content, o byteio.WriteOptions) (byteio.Written, error) {
	w, done, err := e.stream(ctx, name)
	if err != nil {
		return byteio.Written{}, err
	}
	if w == nil {
		return byteio.WriteFile(ctx, name, content, o)
	}
	data := content.Bytes()
	if o.Check != nil {
		if err := o.Check(data); err != nil {
			return byteio.Written{}, err
		}
	}
	if _, err := w.Write(data); err != nil {
		return byteio.Written{}, errors.Join(err, done())
	}
	return byteio.Written{Path: name, Size: uint64(len(data))}, done()
}

// fill has write fill what name says, with a buffer before a stream and before
// a file.
func (e *env) fill(ctx context.Context, name string, write func(w io.Writer, screen any) error) error {
	to, done, err := e.stream(ctx, name)
	if err != nil {
		return err
	}
	if to == nil {
		return e.fillFile(ctx, name, write)
	}
	buffered := bufio.NewWriterSize(to, 1<<16)
	err = write(buffered, to)
	if err == nil {
		err = buffered.Flush()
	}
	return errors.Join(err, done())
}

func (e *env) fillFile(ctx context.Context, name string, write func(w io.Writer, screen any) error) error {
	var all strings.Builder
	if err := write(&all, nil); err != nil {
		return err
	}
	written, err := byteio.WriteFile(ctx, name, byteio.Content{{Data: []byte(all.String())}}, byteio.WriteOptions{})
	for _, note := range written.Notes {
		e.note(note)
	}
	return err
}

// note says something beside the answer.
func (e *env) note(text string) {
	switch {
	case e.global.quiet:
	case e.moving != nil:
		e.moving.Note(text)
	default:
		_, _ = io.WriteString(e.stderr, "note: "+text+"\n")
	}
}
