package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/precedent"
	"github.com/minsize/minsize/internal/stream"
	"github.com/minsize/minsize/internal/target"
	"github.com/minsize/minsize/internal/technique"
)

// levelWords say what each level may lose, beyond the one before it.
var levelWords = [technique.Asked]string{
	technique.Safe:    "speed and debugging comfort alone",
	technique.Abort:   "a panic ends the program: no catch_unwind, no destructors",
	technique.Nightly: "panics say nothing; needs std's sources",
	technique.Max:     "all but security: {:?} prints nothing",
}

// asks says whether there is somebody to ask.
func (e *env) asks() bool {
	return stream.IsTerminal(e.stdin) && stream.IsTerminal(e.stderr) && os.Getenv("CI") == ""
}

// interview asks for what was not typed. found is cut down to what was not
// taken as a check.
func (e *env) interview(ctx context.Context, f *initFlags, project *cargo.Project, found []precedent.Command, typed func(string) bool) ([]precedent.Command, error) {
	e.ask("What is not answered has what stands in [brackets].\n")
	if !typed("level") {
		if err := e.askLevel(ctx, f); err != nil {
			return nil, err
		}
	}
	if !typed("check") && !f.accept {
		var err error
		if found, err = e.askChecks(ctx, f, project, found); err != nil {
			return nil, err
		}
	}
	if !typed("target") && !typed("glibc") {
		if err := e.askPlace(ctx, f, project); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (e *env) ask(format string, values ...any) { fmt.Fprintf(e.stderr, format, values...) }

// answer reads one, and goes on asking until take has nothing against it.
func (e *env) answer(ctx context.Context, prompt string, take func(string) error) error {
	for {
		e.ask("%s ", prompt)
		text, err := byteio.ReadLine(ctx, e.stdin)
		if err != nil {
			return err
		}
		wrong := take(strings.TrimSpace(text))
		if wrong == nil {
			return nil
		}
		e.ask("  %v\n", wrong)
	}
}

func (e *env) askLevel(ctx context.Context, f *initFlags) error {
	e.ask("\nWhat may be lost?\n")
	for level, words := range levelWords {
		and := ""
		if level > 0 {
			and = "and "
		}
		e.ask("  %-8s %s%s\n", technique.Level(level), and, words)
	}
	return e.answer(ctx, "["+f.level+"]", func(text string) error {
		text = cmp.Or(text, f.level)
		_, err := technique.ParseLevel(text)
		if err == nil {
			f.level = text
		}
		return err
	})
}

func (e *env) askChecks(ctx context.Context, f *initFlags, project *cargo.Project, found []precedent.Command) ([]precedent.Command, error) {
	e.ask("\nWhat must keep working? Each command is run with every result, and has to say\nthe same as with the release build.\n")
	if len(found) > 0 {
		e.ask("These are in the project:\n")
		for i, c := range found {
			e.ask("  %-2d %s   (%s)\n", i+1, c.Line, c.From)
		}
		var taken []int
		err := e.answer(ctx, "numbers of those that show it, or all [none]", func(text string) (err error) {
			taken, err = chosenNumbers(text, len(found))
			return err
		})
		if err != nil {
			return nil, err
		}
		var rest []precedent.Command
		for i, c := range found {
			if slices.Contains(taken, i) {
				f.checks = append(f.checks, c.Line)
			} else {
				rest = append(rest, c)
			}
		}
		found = rest
	}
	e.ask("Commands of your own, {} is the program; an empty line ends.\n")
	for more := true; more; {
		err := e.answer(ctx, "[none]", func(text string) error {
			if more = text != ""; !more {
				return nil
			}
			if project.Kind.Starts() && !strings.Contains(text, "{}") {
				return errors.New("where does the program go? {}, as in: {} --some-input")
			}
			f.checks = append(f.checks, text)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// chosenNumbers reads places in a list, counted from 1.
func chosenNumbers(text string, of int) (taken []int, err error) {
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' }) {
		if word == "none" {
			continue
		}
		if word == "all" {
			for i := range of {
				taken = append(taken, i)
			}
			continue
		}
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 || n > of {
			return nil, fmt.Errorf("%q is no number from 1 to %d", word, of)
		}
		taken = append(taken, n-1)
	}
	return taken, nil
}

func (e *env) askPlace(ctx context.Context, f *initFlags, project *cargo.Project) error {
	e.ask("\nWhere will it run?\n  here     on systems like this one\n")
	static, hasStatic := project.Triple.Musl()
	glibc := project.Triple.OS == "linux" && project.Triple.Env == "gnu"
	if glibc {
		e.ask("  2.31     on Linux as old as that glibc: no technique may need a newer one\n")
	}
	if hasStatic {
		e.ask("  static   on any Linux, without a C library: %s\n", static.Name)
	}
	e.ask("  TRIPLE   on another target, such as wasm32-wasip1\n")
	return e.answer(ctx, "[here]", func(text string) error {
		switch {
		case text == "" || text == "here":
			return nil
		case text == "static" && hasStatic:
			f.cargo.Target = static.Name
			return nil
		}
		_, err := target.Glibc(text)
		switch {
		case err == nil && glibc:
			f.glibc = text
			return nil
		case err == nil:
			return fmt.Errorf("%s has no glibc", project.Triple.Name)
		case strings.Count(text, "-") == 0:
			return fmt.Errorf("%q is no target: it has the form of %s", text, project.Triple.Name)
		}
		there := project.Options
		there.Target = text
		if _, err := cargo.Load(ctx, there); err != nil {
			return err
		}
		f.cargo.Target = text
		return nil
	})
}
