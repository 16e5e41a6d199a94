package cargo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// graceTime is how long children get between the request to end and the kill.
const graceTime = 2 * time.Second

// Usage is what a child and everything that it waited for cost.
type Usage struct {
	CPU  time.Duration // user and system, of the whole tree
	Wall time.Duration
}

// command makes a child that leads its own process group, so that ending it
// ends the compilers below it: cargo alone would leave rustc and the linker
// running, and writing.
func command(ctx context.Context, dir string, env []string, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, env
	ownGroup(cmd)
	cmd.Cancel = func() error { return endGroup(cmd, false) }
	cmd.WaitDelay = graceTime
	return cmd
}

// run runs cmd to its end, and leaves nothing of its group behind if it was
// cancelled.
func run(ctx context.Context, cmd *exec.Cmd) (Usage, error) {
	start := time.Now()
	err := cmd.Run()
	u := Usage{Wall: time.Since(start)}
	if cmd.ProcessState != nil {
		// wait4 counts the children that the child waited for (getrusage(2)).
		u.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	if ctx.Err() != nil {
		if cmd.Process != nil {
			endGroup(cmd, true)
		}
		return u, ctx.Err()
	}
	return u, err
}

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
	cmd := command(ctx, dir, env, name, args...)
	var out bytes.Buffer
	errs := &tail{keep: maxTail}
	cmd.Stdout, cmd.Stderr = &out, errs
	_, err := run(ctx, cmd)
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

// firstError is the first line that says what is wrong, its prefix cut.
func firstError(lines []string) string {
	for _, line := range lines {
		if text, ok := cutError(line); ok {
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
