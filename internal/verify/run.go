package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/minsize/minsize/internal/process"
)

// A check is typed as a shell line, but simple ones are run without a shell:
// a signal is then seen as a signal and not as 128 + n, nobody has to quote the
// program's path, and nothing depends on which sh is there.

// Outcome is one run of one check.
type Outcome struct {
	Status   int    // exit status; -1 when a signal ended it
	Signal   string // "SIGSEGV"; "" for none
	TimedOut bool
	Stdout   Text
	Stderr   Text
	Files    map[string]string // path below the scratch folder -> SHA-256, or what it is; nil unless Check.Files
	CPU      time.Duration     // user and system, with children
	Wall     time.Duration
}

// lines are the outcome for people: how it ended, and the first of its output.
func (o Outcome) lines(prefix string) []string {
	const most = 8
	ended := fmt.Sprintf("exit status %d", o.Status)
	if o.Signal != "" {
		ended = "died by " + o.Signal
	}
	if o.TimedOut {
		ended = "not done in time"
	}
	lines := []string{prefix + ended}
	for _, out := range []struct {
		name string
		text Text
	}{{"stdout", o.Stdout}, {"stderr", o.Stderr}} {
		text := strings.TrimRight(out.text.String(), "\n")
		if text == "" {
			lines = append(lines, prefix+out.name+": nothing")
			continue
		}
		shown := strings.Split(text, "\n")
		more := ""
		if len(shown) > most {
			more = fmt.Sprintf(" (the first %d of %d lines)", most, len(shown))
			shown = shown[:most]
		}
		lines = append(lines, prefix+out.name+more+":")
		for _, line := range shown {
			lines = append(lines, "  "+line)
		}
	}
	return lines
}

// negated says whether the command is meant to fail.
func (c Check) negated() bool { return strings.HasPrefix(strings.TrimSpace(c.Command), "! ") }

// text is the command without the sign in front.
func (c Check) text() string {
	text := strings.TrimSpace(c.Command)
	return strings.TrimSpace(strings.TrimPrefix(text, "! "))
}

// valid finds what is wrong with a command before anything is built.
func (c Check) valid(staged bool) error {
	if c.text() == "" {
		return &CommandError{c.Command, errors.New("the command is empty")}
	}
	if !staged && !strings.Contains(c.text(), "{}") {
		return &CommandError{c.Command, errors.New("no {} in it, which stands for the program or library")}
	}
	words, plain, err := splitWords(c.text())
	if err != nil {
		return &CommandError{c.Command, err}
	}
	if plain && !strings.Contains(words[0], "{}") {
		if _, err := exec.LookPath(words[0]); err != nil {
			return &CommandError{c.Command, fmt.Errorf("%s: no such command", words[0])}
		}
	}
	return nil
}

// argv is what is run for a check. A runner stands before the program
// wherever that is called.
func (c Check) argv(program string, runner []string) ([]string, error) {
	words, plain, err := splitWords(c.text())
	if err != nil {
		return nil, err
	}
	called := append(slices.Clone(runner), program)
	if !plain {
		return process.Shell(c.text(), called...), nil
	}
	var argv []string
	for _, word := range words {
		if word == "{}" {
			argv = append(argv, called...)
		} else {
			argv = append(argv, strings.ReplaceAll(word, "{}", strings.Join(called, " ")))
		}
	}
	return argv, nil
}

// splitWords parts a command as a shell would: blanks, quotes, backslashes.
// plain is false where it has anything that only a shell can do.
func splitWords(command string) (words []string, plain bool, err error) {
	var word strings.Builder
	in, open := byte(0), false
	for i := 0; i < len(command); i++ {
		c := command[i]
		switch {
		case in == '\'':
			if c == in {
				in = 0
			} else {
				word.WriteByte(c)
			}
		case c == '\\' && i+1 < len(command):
			if next := command[i+1]; in == 0 || strings.IndexByte("\"\\$`", next) >= 0 {
				i++
				word.WriteByte(next)
			} else {
				word.WriteByte(c)
			}
			open = true
		case in == '"':
			switch c {
			case '"':
				in = 0
			case '$', '`':
				return nil, false, nil
			default:
				word.WriteByte(c)
			}
		case c == '\'' || c == '"':
			in, open = c, true
		case c == ' ' || c == '\t' || c == '\n':
			if open {
				words = append(words, word.String())
				word.Reset()
				open = false
			}
		case strings.IndexByte("|&;<>()$`*?[#~", c) >= 0:
			return nil, false, nil
		default:
			word.WriteByte(c)
			open = true
		}
	}
	if in != 0 {
		return nil, false, fmt.Errorf("a quote (%c) is never closed", in)
	}
	if open {
		words = append(words, word.String())
	}
	if len(words) > 0 && strings.Contains(strings.SplitN(words[0], "{}", 2)[0], "=") {
		return nil, false, nil // NAME=value in front of a command
	}
	return words, true, nil
}

// run runs one check once.
func (s *Suite) run(ctx context.Context, check Check, limit time.Duration) (Outcome, error) {
	argv, err := check.argv(s.program(), s.options.Runner)
	if err != nil {
		return Outcome{}, &CommandError{check.Command, err}
	}
	dir, scratch := s.options.Dir, ""
	if dir == "" || check.Files {
		// One name for all runs: a program may print where it stands.
		scratch = filepath.Join(s.stage, "work")
		if err := os.RemoveAll(scratch); err != nil {
			return Outcome{}, err
		}
		if err := os.MkdirAll(scratch, 0o777); err != nil {
			return Outcome{}, err
		}
		dir = scratch
	}
	env := s.options.Env
	if env == nil {
		env = os.Environ()
	}
	env = append(slices.Clone(env), "RUST_BACKTRACE=0", "MINSIZE_CHECK_DIR="+s.options.Dir)

	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var stdout, stderr stream
	cmd := process.Command(limited, dir, env, argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	usage, err := startAgain(limited, func() (process.Usage, error) { return process.Run(limited, cmd) }, func() {
		cmd = process.Command(limited, dir, env, argv[0], argv[1:]...)
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
	})
	if ctx.Err() != nil {
		return Outcome{}, ctx.Err()
	}
	if cmd.ProcessState == nil && limited.Err() == nil {
		return Outcome{}, &CommandError{check.Command, startError(err)}
	}
	process.EndGroup(cmd) // what the check left in the background
	o := Outcome{TimedOut: limited.Err() != nil, CPU: usage.CPU, Wall: usage.Wall, Stdout: stdout.done(), Stderr: stderr.done()}
	o.Status, o.Signal = process.Status(cmd.ProcessState)
	if o.Signal == "" && argv[0] == "sh" && o.Status > 128 {
		// The shell tells its child's signal as 128 + n.
		if name := process.SignalName(o.Status - 128); name != "" {
			o.Signal = name
		}
	}
	if check.Files {
		if o.Files, err = listFiles(scratch); err != nil {
			return Outcome{}, err
		}
	}
	return o, nil
}

// startAgain repeats a start that failed because the file was still open for
// writing in some other child (ETXTBSY), which passes by itself.
func startAgain(ctx context.Context, run func() (process.Usage, error), renew func()) (process.Usage, error) {
	for wait := time.Millisecond; ; wait *= 2 {
		usage, err := run()
		if !errors.Is(err, syscall.ETXTBSY) || wait > time.Second {
			return usage, err
		}
		select {
		case <-ctx.Done():
			return usage, ctx.Err()
		case <-time.After(wait):
		}
		renew()
	}
}

// startError says why a program could not be started, without exec's own
// wording around it.
func startError(err error) error {
	var path *fs.PathError
	switch {
	case errors.Is(err, syscall.ENOEXEC):
		return errors.New("the kernel does not know the file as a program of this machine")
	case errors.Is(err, fs.ErrNotExist) && errors.As(err, &path):
		return fmt.Errorf("%s does not start: it, or the loader that it asks for, is not there", filepath.Base(path.Path))
	}
	return err
}

// listFiles describes everything below a folder.
func listFiles(root string) (map[string]string, error) {
	files := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil || name == "." {
			return err
		}
		name = filepath.ToSlash(name)
		switch {
		case d.IsDir():
			files[name] = "folder"
		case d.Type()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			files[name] = "link to " + to
			return err
		case d.Type().IsRegular():
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			sum := sha256.New()
			if _, err := io.Copy(sum, f); err != nil {
				return err
			}
			files[name] = hex.EncodeToString(sum.Sum(nil))
		default:
			files[name] = d.Type().String()
		}
		return nil
	})
	return files, err
}
