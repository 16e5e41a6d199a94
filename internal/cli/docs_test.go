package cli

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// printed is a command that a page tells the reader to type.
type printed struct {
	page  string
	words []string
}

func (p printed) String() string { return p.page + ": " + strings.Join(p.words, " ") }

// inline is a command between backticks.
var inline = regexp.MustCompile("`((?:cargo )?minsize [^`]+|go run \\./bench[^`]+|make [a-z][^`]*)`")

// printedCommands are all commands of README, CONTRIBUTING and docs: between
// backticks, in fenced blocks, and in blocks that are indented by four spaces.
func printedCommands(t *testing.T) []printed {
	t.Helper()
	root := filepath.Join("..", "..")
	pages := []string{"README.md", "CONTRIBUTING.md"}
	err := filepath.WalkDir(filepath.Join(root, "docs"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".md") {
			name, _ := filepath.Rel(root, path)
			pages = append(pages, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var all []printed
	for _, page := range pages {
		data, err := os.ReadFile(filepath.Join(root, page))
		if err != nil {
			t.Fatal(err)
		}
		text := string(data)
		for _, m := range inline.FindAllStringSubmatch(text, -1) {
			all = append(all, printed{page, shellWords(strings.ReplaceAll(m[1], "\n", " "))})
		}
		fenced := false
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "```") {
				fenced = !fenced
				continue
			}
			command, indented := strings.CutPrefix(line, "    ")
			if !fenced && !indented {
				continue
			}
			command = strings.TrimPrefix(strings.TrimSpace(command), "$ ")
			for _, part := range strings.Split(command, "&&") {
				words := shellWords(strings.TrimSpace(part))
				if len(words) > 1 && (words[0] == "minsize" || words[0] == "make" || words[0] == "cargo" && words[1] == "minsize" || words[0] == "go" && words[1] == "run") {
					all = append(all, printed{page, words})
				}
			}
		}
	}
	return all
}

// shellWords splits a command line up to what follows it: a pipe, a
// redirection, a comment, or an explanation behind two spaces.
func shellWords(line string) []string {
	var words []string
	word, quote, open, spaces := "", rune(0), false, 0
	end := func() {
		if open {
			words = append(words, word)
		}
		word, open = "", false
	}
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word += string(r)
		case r == '\'' || r == '"':
			quote, open = r, true
		case r == ' ':
			end()
			spaces++
			continue
		case !open && (r == '#' || r == '|' || r == '>' || r == ';' || spaces > 1):
			return words
		case r == ';':
			end()
			return words
		default:
			word, open = word+string(r), true
		}
		spaces = 0
	}
	end()
	return words
}

// TestPrintedCommands: every command in the docs is one that the program
// takes. What only reads and is at hand is run as well.
func TestPrintedCommands(t *testing.T) {
	commands := printedCommands(t)
	if len(commands) < 50 {
		t.Fatalf("only %d commands found: the extraction is broken", len(commands))
	}
	makefile, err := os.ReadFile(filepath.Join("..", "..", "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, c := range commands {
		words := c.words
		switch words[0] {
		case "make":
			if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(words[1]) + `:`).Match(makefile) {
				t.Errorf("%v: the Makefile has no %s", c, words[1])
			}
			continue
		case "go":
			checkBench(t, c)
			continue
		case "cargo":
			words = words[1:]
		}
		if checkTyped(t, c, words[1:]) {
			ran++
		}
	}
	if ran == 0 {
		t.Error("no command of the docs could be run here")
	}
}

// checkBench: the program exists and knows the flags.
func checkBench(t *testing.T, c printed) {
	if len(c.words) < 3 || !strings.HasPrefix(c.words[2], "./") {
		return
	}
	folder := filepath.Join("..", "..", c.words[2])
	sources, _ := filepath.Glob(filepath.Join(folder, "*.go"))
	if len(sources) == 0 {
		t.Errorf("%v: there is no such program", c)
		return
	}
	var source bytes.Buffer
	for _, file := range sources {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(data)
	}
	for _, word := range c.words[3:] {
		name, isFlag := strings.CutPrefix(strings.Trim(word, "[]"), "-")
		name, _, _ = strings.Cut(name, "=")
		if isFlag && !regexp.MustCompile(`flag\.\w+\((&\w+, )?"`+regexp.QuoteMeta(name)+`"`).Match(source.Bytes()) {
			t.Errorf("%v: there is no flag -%s", c, name)
		}
	}
}

// readers are the verbs that change nothing.
var readers = []string{"size", "diff", "top", "dominators", "paths", "why", "monos", "garbage", "version", "help"}

// checkTyped parses a command as the program would, and runs it where it reads
// files that are there. It says whether it ran.
func checkTyped(t *testing.T, c printed, args []string) bool {
	var typed []string
	for _, a := range args {
		if a = strings.Trim(a, "[]"); a != "" && a != "..." && a != "…" && a != "\\" {
			typed = append(typed, a)
		}
	}
	if len(typed) == 0 {
		return false
	}
	e := &env{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard}
	root := newRootCommand(e, verbs)
	cmd, rest, err := root.Find(typed)
	if err != nil || cmd == root && !strings.HasPrefix(typed[0], "-") {
		t.Errorf("%v: %s is no verb (%v)", c, typed[0], err)
		return false
	}
	if err := cmd.ParseFlags(rest); err != nil && !strings.Contains(err.Error(), "help requested") {
		t.Errorf("%v: %v", c, err)
		return false
	}
	if !slices.Contains(readers, verbOf(cmd)) {
		return false
	}
	for _, a := range cmd.Flags().Args() {
		if strings.HasPrefix(a, "/") {
			if _, err := os.Stat(a); err == nil {
				continue
			}
		}
		return false
	}
	if cmd.Flags().NArg() == 0 && verbOf(cmd) != "version" && verbOf(cmd) != "help" {
		return false // it would measure the project in this folder
	}
	if status := Main(append([]string{"minsize"}, typed...), strings.NewReader(""), io.Discard, os.Stderr); status != exitOK {
		t.Errorf("%v: exit status %d", c, status)
	}
	return true
}

// verbOf is the verb that a command belongs to.
func verbOf(cmd *cobra.Command) string {
	for cmd.HasParent() && cmd.Parent().HasParent() {
		cmd = cmd.Parent()
	}
	return cmd.Name()
}
