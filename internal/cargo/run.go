package cargo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"github.com/minsize/minsize/internal/process"
)

// CommandError is a tool that could not be run or that failed.
type CommandError struct {
	Command string   // what was run, as typed
	Status  int      // exit status; -1 when it did not start or died by a signal
	Lines   []string // its last lines on stderr
	Err     error
}

func (e *CommandError) Error() string {
	if line := firstError(e.Lines); line != "" {
		return fmt.Sprintf("%s: %s", e.Command, line)
	}
	return fmt.Sprintf("%s: %v", e.Command, e.Err)
}

func (e *CommandError) Unwrap() error { return e.Err }

// output runs a short command and gives its stdout.
func output(ctx context.Context, dir string, env []string, name string, args ...string) ([]byte, error) {
	cmd := process.Command(ctx, dir, env, name, args...)
	var out bytes.Buffer
	errs := &tail{keep: maxTail}
	cmd.Stdout, cmd.Stderr = &out, errs
	_, err := process.Run(ctx, cmd)
	if err == nil || ctx.Err() != nil {
		return out.Bytes(), err
	}
	return out.Bytes(), commandError(err, errs.lines(), name, args)
}

func commandError(err error, lines []string, name string, args []string) *CommandError {
	e := &CommandError{Command: shown(name, args), Status: -1, Lines: lines, Err: err}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		e.Status = exit.ExitCode()
	}
	return e
}

// shown is a command line for people: the program's base name and what was
// asked of it, without the long settings behind.
func shown(name string, args []string) string {
	base := name[strings.LastIndexAny(name, `/\`)+1:]
	if len(args) > 0 {
		return base + " " + args[0]
	}
	return base
}

// maxTail is how many bytes of a child's stderr are kept.
const maxTail = 1 << 20

// tail keeps the last bytes of a stream, and passes all on where asked.
type tail struct {
	keep int
	data []byte
	to   io.Writer // may be nil
}

func (t *tail) Write(p []byte) (int, error) {
	if t.to != nil {
		t.to.Write(p) // a log that cannot be written must not stop the build
	}
	t.data = append(t.data, p...)
	if len(t.data) > 2*t.keep {
		t.data = append([]byte(nil), t.data[len(t.data)-t.keep:]...)
	}
	return len(p), nil
}

func (t *tail) lines() []string {
	text := strings.TrimRight(string(t.data), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// firstError is the first line that says what is wrong, its prefix cut, and
// the last of cargo's causes behind it.
func firstError(lines []string) string {
	for i, line := range lines {
		if text, ok := cutError(line); ok {
			if cause := lastCause(lines[i+1:]); cause != "" {
				return text + ": " + cause
			}
			return text
		}
	}
	for _, line := range lines {
		if strings.TrimSpace(line) != "" {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// lastCause is the line behind the last `Caused by:`, which is the deepest.
func lastCause(lines []string) string {
	cause := ""
	for i, line := range lines {
		if strings.HasPrefix(line, "error") {
			break
		}
		if strings.TrimSpace(line) == "Caused by:" && i+1 < len(lines) {
			cause = strings.TrimSpace(lines[i+1])
		}
	}
	return cause
}

// cutError recognises `error: ...` and `error[E0308]: ...`.
func cutError(line string) (string, bool) {
	rest, ok := strings.CutPrefix(line, "error")
	if !ok {
		return "", false
	}
	if strings.HasPrefix(rest, "[") {
		_, rest, _ = strings.Cut(rest, "]")
	}
	text, ok := strings.CutPrefix(rest, ": ")
	return strings.TrimSpace(text), ok
}
