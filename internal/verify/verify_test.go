package verify

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/minsize/minsize/internal/process"
)

// program writes a shell script that stands for a program.
func program(t *testing.T, name, body string) string {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil || runtime.GOOS == "windows" {
		t.Skip("needs sh")
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func suite(t *testing.T, o Options) *Suite {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestVerdicts holds each way to differ: the baseline's body, the variant's,
// the check, and what is found.
func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name, base, variant, check string
		ignore                     string
		files                      bool
		kind                       Kind
		why                        string // part of the reason
	}{
		{"the same", "echo hello $1", "echo hello $1; true", "{} world", "", false, KindSame, ""},
		{"status", "echo a", "echo a; exit 3", "{}", "", false, KindStatus, "exit status 3, expected exit status 0"},
		{"signal", "echo a", "echo a; kill -SEGV $$", "{}", "", false, KindSignal, "died by SIGSEGV, expected exit status 0"},
		{"signal through a shell", "echo a", "kill -ABRT $$", "{} | cat; {}", "", false, KindSignal, "SIGABRT"},
		{"last words", "echo a", "echo 'loader: no symbol' >&2; exit 127", "{}", "", false, KindStatus, `("loader: no symbol")`},
		{"stdout", "echo a; echo b", "echo a; echo c", "{}", "", false, KindStdout, `stdout line 2 is "c", expected "b"`},
		{"stdout ends", "echo a; echo b", "echo a", "{}", "", false, KindStdout, `expected "b"`},
		{"stderr", "echo a >&2", "echo b >&2", "{}", "", false, KindStderr, `stderr line 1 is "b", expected "a"`},
		{"ignored", "echo took 3 ms", "echo took 4 ms", "{}", `took \d+ ms`, false, KindSame, ""},
		{"a panic's thread number", `echo "thread 'main' (100) panicked at a.rs:1" >&2; exit 101`, `echo "thread 'main' (200) panicked at a.rs:1" >&2; exit 101`, "! {}", "", false, KindSame, ""},
		{"a panic that aborts", `exit 101`, `kill -ABRT $$`, "! {}", "", false, KindSignal, "SIGABRT"},
		{"hangs", "echo a", "sleep 600", "{}", "", false, KindTimeout, "not done after"},
		{"file contents", "echo a > out", "echo b > out", "{}", "", true, KindFiles, `"out" has other contents`},
		{"file missing", "mkdir d; echo a > d/out", "mkdir d", "{}", "", true, KindFiles, `"d/out" was not written`},
		{"file too many", "true", "echo > core", "{}", "", true, KindFiles, `"core" was written`},
		{"name of the program", `echo "usage: $0"`, `echo "usage: $0"; :`, "{}", "", false, KindSame, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := Options{Checks: []Check{{Command: c.check, Files: c.files}}}
			if c.ignore != "" {
				o.Ignore = append(o.Ignore, regexp.MustCompile(c.ignore))
			}
			if c.kind == KindTimeout {
				o.Timeout = time.Second
			}
			s := suite(t, o)
			ctx := context.Background()
			if err := s.Baseline(ctx, program(t, "tool", c.base)); err != nil {
				t.Fatal(err)
			}
			v, err := s.Verify(ctx, program(t, "tool-small", c.variant))
			if err != nil {
				t.Fatal(err)
			}
			if v.Kind != c.kind || v.Same != (c.kind == KindSame) || !strings.Contains(v.Why, c.why) {
				t.Errorf("got %q: %s\nexpected %q: ...%s...", v.Kind, v.Why, c.kind, c.why)
			}
			if v.Checks != 1 {
				t.Errorf("%d checks ran", v.Checks)
			}
			if strings.Contains(v.Why, "\n") {
				t.Errorf("the reason has several lines: %q", v.Why)
			}
		})
	}
}

func TestBaselineFails(t *testing.T) {
	for _, c := range []struct {
		name, body, check string
		kind              Kind
		second            bool
	}{
		{"status", "echo no >&2; exit 2", "{}", KindStatus, false},
		{"not negated", "true", "! {}", KindStatus, false},
		{"signal", "kill -SEGV $$", "{}", KindSignal, false},
		{"unstable", "echo $$; date +%N", "{}", KindUnstable, true},
		{"hangs", "sleep 600", "{}", KindTimeout, false},
		{"not found in a shell", "true", "no-such-command-here {} | cat; no-such-command-here {}", KindNotRun, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := suite(t, Options{Checks: []Check{{Command: c.check}}, Timeout: time.Second})
			err := s.Baseline(context.Background(), program(t, "tool", c.body))
			var base *BaselineError
			if !errors.As(err, &base) {
				t.Fatalf("got %v, expected a BaselineError", err)
			}
			if base.Kind != c.kind || (base.Second != nil) != c.second {
				t.Errorf("got %q (second run %v): %v", base.Kind, base.Second != nil, err)
			}
			if len(base.Lines()) < 3 {
				t.Errorf("shows only %q", base.Lines())
			}
		})
	}
}

func TestCommandErrors(t *testing.T) {
	for command, part := range map[string]string{
		"":                           "empty",
		"true":                       "no {}",
		"no-such-command-here {}":    "no such command",
		"{} 'open":                   "never closed",
		"/no/such/folder/program {}": "no such command",
	} {
		_, err := New(Options{Checks: []Check{{Command: command}}})
		var bad *CommandError
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), part) {
			t.Errorf("%q: got %v, expected ...%s...", command, err, part)
		}
	}
}

func TestDefaults(t *testing.T) {
	ctx := context.Background()
	s := suite(t, Options{})
	if err := s.Baseline(ctx, program(t, "tool", `case $1 in --version) echo tool 1.0;; *) date +%N;; esac`)); err != nil {
		t.Fatal(err)
	}
	if got := s.Commands(); !slices.Equal(got, []string{"{} --version"}) {
		t.Errorf("checks %q; --help is not stable here", got)
	}
	notes := strings.Join(s.Notes(), "\n")
	if !strings.Contains(notes, "only --version was checked") || !strings.Contains(notes, "--help was not used") {
		t.Errorf("notes %q", notes)
	}
	v, err := s.Verify(ctx, program(t, "tool", "echo tool 1.1"))
	if err != nil || v.Same {
		t.Errorf("another version passes: %+v, %v", v, err)
	}
}

// TestNoProgram: what is no program of this machine is a verdict about the
// variant, not an error of the machinery.
func TestNoProgram(t *testing.T) {
	ctx := context.Background()
	s := suite(t, Options{Checks: []Check{{Command: "{}"}}})
	if err := s.Baseline(ctx, program(t, "tool", "true")); err != nil {
		t.Fatal(err)
	}
	junk := filepath.Join(t.TempDir(), "tool")
	if err := os.WriteFile(junk, []byte("\x7fELF\x02\x01\x01 and then nothing"), 0o755); err != nil {
		t.Fatal(err)
	}
	v, err := s.Verify(ctx, junk)
	if err != nil || v.Kind != KindNotRun {
		t.Errorf("got %+v, %v", v, err)
	}
}

func TestInterrupted(t *testing.T) {
	s := suite(t, Options{Checks: []Check{{Command: "{}"}}})
	ctx, cancel := context.WithCancel(context.Background())
	begun := filepath.Join(t.TempDir(), "begun")
	go func() {
		for {
			if _, err := os.Stat(begun); err == nil {
				cancel()
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	if err := s.Baseline(ctx, program(t, "tool", "touch "+begun+"; sleep 100000")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestRunner(t *testing.T) {
	ctx := context.Background()
	runner := program(t, "runner", `echo run by runner; exec "$@"`)
	s := suite(t, Options{Checks: []Check{{Command: "{} a"}, {Command: "{} a | cat"}}, Runner: []string{runner}})
	if err := s.Baseline(ctx, program(t, "tool", "echo $1")); err != nil {
		t.Fatal(err)
	}
	for i, want := range s.expected {
		if got := want.Stdout.String(); got != "run by runner\na\n" {
			t.Errorf("check %d: got %q", i, got)
		}
	}
}

// TestWords: what is quoted for a shell comes back as it was.
func TestWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.String(), 1, 5).Draw(t, "words")
		if strings.Contains(words[0], "=") {
			words[0] = "command"
		}
		var quoted []string
		for _, word := range words {
			quoted = append(quoted, process.Quote(word))
		}
		got, plain, err := splitWords(strings.Join(quoted, " "))
		if err != nil || !plain || !slices.Equal(got, words) {
			t.Fatalf("%q became %q (plain %v, %v)", words, got, plain, err)
		}
	})
}

func TestPlainWords(t *testing.T) {
	for command, want := range map[string][]string{
		`{} a b`:          {"{}", "a", "b"},
		`{}  "a b" c\ d`:  {"{}", "a b", "c d"},
		`{} "a\"b" 'c\d'`: {"{}", `a"b`, `c\d`},
		`{} "" x`:         {"{}", "", "x"},
		`{} a=b`:          {"{}", "a=b"},
		`{} | cat`:        nil,
		`X=1 {}`:          nil,
		`{} "$HOME"`:      nil,
		`{} *.txt`:        nil,
		`{} < file`:       nil,
	} {
		got, plain, err := splitWords(command)
		if err != nil || plain != (want != nil) || plain && !slices.Equal(got, want) {
			t.Errorf("%s: got %q, plain %v, %v", command, got, plain, err)
		}
	}
}

func FuzzSplitWords(f *testing.F) {
	f.Add(`{} a "b c" 'd' \e | f`)
	f.Fuzz(func(t *testing.T, command string) {
		words, plain, err := splitWords(command)
		if err == nil && plain && strings.TrimSpace(command) != "" && len(words) == 0 {
			t.Errorf("%q has no words", command)
		}
	})
}
