// Package verify runs a program before and after it was made small, and says
// whether it still does the same.
//
// What is hard: "the same" has noise in it. argv[0] is part of a usage
// message, so every variant is run from one and the same path. A panic's
// message holds a thread's number, a log line holds a time; the baseline is
// run twice, and what differs between its own two runs can only be ignored by
// a pattern that the user gives, never guessed. Some builds print --version
// and die afterwards, so the exit status and the signal count as much as the
// text. And a variant may hang, so it gets as long as the baseline needed many
// times over, and its whole process group ends with it.
//
// What was chosen: the finished file itself is run. `cargo test` ignores
// panic=abort and tests another binary; it passes where the program breaks.
// Rejected: comparing traces of system calls; the allocator alone changes them.
package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/minsize/minsize/internal/artefact"
)

// Check is one command to run.
type Check struct {
	// Command is the command line, {} standing for the program. It is split
	// into words as a shell does; with pipes, redirections or variables in it
	// it is given to the shell. "! " in front says that the program is meant
	// to end with an error; without it the baseline must end with 0.
	Command string
	// Files runs the command in an empty folder and compares what it wrote
	// there, too.
	Files bool
	// Any takes whatever exit status the baseline has (default checks).
	Any bool
}

// Options of a suite.
type Options struct {
	Checks  []Check                       // none: Default, where it is stable
	Default func(program string) []string // commands; nil: {} --version and {} --help
	Ignore  []*regexp.Regexp              // what they match is taken out of both outputs
	Runner  []string                      // runs a program of another machine: words before its path
	Dir     string                        // where commands run; "" for an empty folder. Check.Files always has one
	Env     []string                      // nil for the process's own; the same for all runs
	Timeout time.Duration                 // of one run of the baseline; 0 is a minute
	Name    string                        // the program's file name; "" for that of the baseline
	Stage   *artefact.Stage               // where a host looks for the library, so that no command has to name it
}

// Suite holds the baseline's answers and compares others with them.
type Suite struct {
	options  Options
	checks   []Check
	expected []Outcome
	notes    []string
	defaults bool
	stage    string // holds bin/<name> and the scratch folders
	name     string
	mu       sync.Mutex // one program at a time has the path
}

// New makes a suite. Close must be called.
func New(o Options) (*Suite, error) {
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	if o.Default == nil {
		o.Default = func(string) []string { return []string{"{} --version", "{} --help"} }
	}
	for _, c := range o.Checks {
		if err := c.valid(o.Stage != nil); err != nil {
			return nil, err
		}
	}
	stage, err := os.MkdirTemp("", "minsize-check-")
	if err != nil {
		return nil, err
	}
	return &Suite{options: o, stage: stage, checks: o.Checks, defaults: len(o.Checks) == 0}, nil
}

// Close removes the scratch folders.
func (s *Suite) Close() error { return os.RemoveAll(s.stage) }

// Verdict is what a comparison said.
type Verdict struct {
	Same   bool
	Checks int      // how many ran
	Kind   Kind     // how it differs first
	Why    string   // one line: which check, what was expected, what came
	Check  string   // the command that differs
	Got    *Outcome // of that command; nil when all are the same
	Want   *Outcome
}

// Kind is a way to differ.
type Kind string

// The ways, in the order in which they are looked at.
const (
	KindSame     Kind = ""
	KindNotRun   Kind = "not-run" // does not load, or is no program
	KindTimeout  Kind = "timeout"
	KindSignal   Kind = "signal"
	KindStatus   Kind = "status"
	KindStdout   Kind = "stdout"
	KindStderr   Kind = "stderr"
	KindFiles    Kind = "files"
	KindUnstable Kind = "unstable" // the baseline differs from itself
)

// BaselineError says that the untouched program does not pass its own check.
type BaselineError struct {
	Check  string
	Kind   Kind
	Why    string
	First  Outcome
	Second *Outcome // of the second run, where the two differ
}

func (e *BaselineError) Error() string {
	return fmt.Sprintf("check %q fails on the program as it is: %s", e.Check, e.Why)
}

// Lines are the outputs, shortened, for people.
func (e *BaselineError) Lines() []string {
	lines := e.First.lines("")
	if e.Second != nil {
		lines = append(e.First.lines("first run, "), e.Second.lines("second run, ")...)
	}
	return lines
}

// CommandError says that a check's command cannot be run at all.
type CommandError struct {
	Check string
	Err   error
}

func (e *CommandError) Error() string { return fmt.Sprintf("check %q: %v", e.Check, e.Err) }
func (e *CommandError) Unwrap() error { return e.Err }

// Baseline runs every check on the untouched program, twice, and keeps the
// answers. Errors: *BaselineError, *CommandError, or the context's.
func (s *Suite) Baseline(ctx context.Context, program string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.name = s.options.Name
	if s.name == "" {
		s.name = filepath.Base(program)
	}
	if err := s.place(program); err != nil {
		return err
	}
	if s.defaults {
		return s.defaultBaseline(ctx, program)
	}
	for _, check := range s.checks {
		first, second, err := s.twice(ctx, check)
		if err != nil {
			return err
		}
		if err := judgeBaseline(check, first, second, s.options.Ignore); err != nil {
			return err
		}
		s.expected = append(s.expected, first)
	}
	return nil
}

// defaultBaseline keeps --version and --help where their answers are stable.
func (s *Suite) defaultBaseline(ctx context.Context, program string) error {
	s.checks, s.expected = nil, nil
	limit := s.options.Timeout
	s.options.Timeout = min(limit, 10*time.Second)
	defer func() { s.options.Timeout = limit }()
	for _, line := range s.options.Default(program) {
		check := Check{Command: line, Any: strings.HasPrefix(line, "{} "), Files: true}
		if err := check.valid(false); err != nil { // its host is not here
			s.notes = append(s.notes, fmt.Sprintf("%s was not used as a check: %v", short(line), errors.Unwrap(err)))
			continue
		}
		first, second, err := s.twice(ctx, check)
		var command *CommandError
		if errors.As(err, &command) {
			return &BaselineError{Check: check.Command, Kind: KindNotRun, Why: command.Err.Error()}
		}
		if err != nil {
			return err
		}
		if err := judgeBaseline(check, first, second, s.options.Ignore); err != nil {
			var base *BaselineError
			if errors.As(err, &base) {
				s.notes = append(s.notes, fmt.Sprintf("%s was not used as a check: %s", short(line), base.Why))
			}
			continue
		}
		s.checks = append(s.checks, check)
		s.expected = append(s.expected, first)
	}
	return nil
}

// Notes are what the reader must know about the checks.
func (s *Suite) Notes() []string {
	notes := s.notes
	switch {
	case s.defaults && len(s.checks) == 0:
		notes = append(notes, "nothing was checked: give --check 'CMD {}'")
	case s.defaults:
		notes = append(notes, "only "+s.flags()+" checked: give --check 'CMD {}' to check what the program does")
	}
	return notes
}

func (s *Suite) flags() string {
	var flags []string
	for _, c := range s.checks {
		flags = append(flags, short(c.Command))
	}
	if len(flags) == 1 {
		return flags[0] + " was"
	}
	return strings.Join(flags, " and ") + " were"
}

// short is a default check in a few words: its flag, or the command's name.
func short(command string) string {
	if flag, ok := strings.CutPrefix(command, "{} "); ok {
		return flag
	}
	name, _, _ := strings.Cut(command, " ")
	return "its use by " + strings.Trim(filepath.Base(name), "'")
}

// Commands are the checks that run, after Baseline.
func (s *Suite) Commands() []string {
	var commands []string
	for _, c := range s.checks {
		commands = append(commands, c.Command)
	}
	return commands
}

// Default says whether only the default checks run.
func (s *Suite) Default() bool { return s.defaults }

// Verify runs every check on another program and stops at the first
// difference. An error is the machinery's (interrupted, no disk space), never
// the program's.
func (s *Suite) Verify(ctx context.Context, program string) (Verdict, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.expected == nil && len(s.checks) > 0 {
		return Verdict{}, errors.New("verify: no baseline yet")
	}
	if err := s.place(program); err != nil {
		return Verdict{}, err
	}
	v := Verdict{Same: true}
	for i, check := range s.checks {
		want := s.expected[i]
		got, err := s.run(ctx, check, min(s.options.Timeout, 10*want.Wall+5*time.Second))
		var command *CommandError
		if errors.As(err, &command) {
			return Verdict{Checks: i + 1, Kind: KindNotRun, Check: check.Command, Why: command.Error()}, nil
		}
		if err != nil {
			return v, err
		}
		v.Checks++
		if kind, why := Compare(want, got, s.options.Ignore); kind != KindSame {
			v.Same, v.Kind, v.Check = false, kind, check.Command
			v.Why = fmt.Sprintf("check %q: %s", check.Command, why)
			v.Got, v.Want = &got, &want
			return v, nil
		}
	}
	return v, nil
}

// program is the one path that every variant runs from.
func (s *Suite) program() string { return filepath.Join(s.stage, "bin", s.name) }

// place puts a program, or a folder of them, at that path: a link where the file system can, for a
// copy that was just closed can still be open for writing in a child of
// another goroutine that forked meanwhile (ETXTBSY).
func (s *Suite) place(program string) error {
	if err := os.MkdirAll(filepath.Join(s.stage, "bin"), 0o777); err != nil {
		return err
	}
	if s.options.Stage != nil {
		if err := s.options.Stage.Put(program); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(s.program()); err != nil {
		return err
	}
	if real, err := filepath.EvalSymlinks(program); err == nil {
		program = real
	}
	info, err := os.Stat(program)
	if err == nil && info.IsDir() {
		return os.CopyFS(s.program(), os.DirFS(program))
	}
	if err == nil && info.Mode()&0o100 != 0 && os.Link(program, s.program()) == nil {
		return nil
	}
	from, err := os.Open(program)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(s.program(), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	if closeErr := to.Close(); err == nil {
		err = closeErr
	}
	return err
}

func (s *Suite) twice(ctx context.Context, check Check) (first, second Outcome, err error) {
	if first, err = s.run(ctx, check, s.options.Timeout); err != nil {
		return
	}
	second, err = s.run(ctx, check, s.options.Timeout)
	return
}

// judgeBaseline wants an untouched program to end well and to be like itself.
func judgeBaseline(check Check, first, second Outcome, ignore []*regexp.Regexp) error {
	fails := func(kind Kind, why string) error {
		return &BaselineError{Check: check.Command, Kind: kind, Why: why, First: first}
	}
	negated := check.negated()
	switch {
	case first.TimedOut:
		return fails(KindTimeout, fmt.Sprintf("not done after %v", first.Wall.Round(time.Second)))
	case check.Any && first.Signal == "":
	case first.Signal != "" && !negated:
		return fails(KindSignal, "died by "+first.Signal)
	case first.Status == 126 || first.Status == 127:
		return fails(KindNotRun, fmt.Sprintf("exit status %d: the command was not found", first.Status))
	case first.Status != 0 && !negated:
		return fails(KindStatus, fmt.Sprintf("exit status %d (where that is right, write \"! %s\")", first.Status, check.Command))
	case first.Status == 0 && negated:
		return fails(KindStatus, "exit status 0, and \"!\" says that it must fail")
	}
	if kind, why := Compare(first, second, ignore); kind != KindSame {
		return &BaselineError{Check: check.Command, Kind: KindUnstable, First: first, Second: &second,
			Why: fmt.Sprintf("two runs differ (%s)", why)}
	}
	return nil
}

// maxOutput is how much of a stream is kept; the rest counts by its hash.
const maxOutput = 4 << 20

// stream keeps the head of an output, and the hash of all of it.
type stream struct {
	head  []byte
	total int64
	hash  interface {
		io.Writer
		Sum([]byte) []byte
	}
}

func (s *stream) Write(p []byte) (int, error) {
	if s.hash == nil {
		s.hash = sha256.New()
	}
	s.hash.Write(p)
	s.total += int64(len(p))
	if room := maxOutput - len(s.head); room > 0 {
		s.head = append(s.head, p[:min(room, len(p))]...)
	}
	return len(p), nil
}

func (s *stream) done() Text {
	t := Text{Head: s.head, Total: s.total}
	if s.hash != nil {
		copy(t.Sum[:], s.hash.Sum(nil))
	}
	return t
}

// Text is an output: its first bytes, its length, its SHA-256.
type Text struct {
	Head  []byte
	Total int64
	Sum   [sha256.Size]byte
}

// String is what was kept, for people.
func (t Text) String() string { return string(bytes.ToValidUTF8(t.Head, []byte("\uFFFD"))) }
