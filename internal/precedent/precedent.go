// Package precedent finds, in a project itself, commands that show what its
// program has to do: what the README tells people to type, and what tests run
// the program with. Nothing is run, and nothing is believed: they are proposals
// for checks, which a person confirms.
package precedent

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Command is a check that somebody might want.
type Command struct {
	Line string // with {} for the program
	From string // the file, as the project names it, with the line
}

// most is how many commands are found at most.
const most = 12

// Find looks through the READMEs and tests in folder for commands of the
// program of that name.
func Find(folder, program string) (found []Command) {
	add := func(line, file string, at int) {
		if len(found) < most && !slices.ContainsFunc(found, func(c Command) bool { return c.Line == line }) {
			found = append(found, Command{line, file + ":" + strconv.Itoa(at)})
		}
	}
	for _, pattern := range []string{"README.md", "README", "readme.md", filepath.Join("tests", "*.rs")} {
		paths, _ := filepath.Glob(filepath.Join(folder, pattern)) // in the order of their names
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				continue // a folder of that name, say
			}
			name, _ := filepath.Rel(folder, path)
			look := shown
			if filepath.Ext(path) == ".rs" {
				look = tested
			}
			look(string(data), program, func(line string, at int) { add(line, filepath.ToSlash(name), at) })
		}
	}
	return found
}

// doubtful is what a check cannot have: a place to fill in, or another program.
var doubtful = lazily("[|<>&;`$\\[\\]]|\\.\\.\\.|…")

// lazily compiles an expression when it is first needed: nearly all runs of the
// program need none of these.
func lazily(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

// shown finds the commands in a text's blocks of code: `$ app --top 3`, `cargo
// run -- --top 3`.
func shown(text, program string, add func(string, int)) {
	fenced, at := false, 0
	for line := range strings.Lines(text) {
		at++
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
			continue
		}
		indented := strings.HasPrefix(line, "    ") || strings.HasPrefix(line, "\t")
		if !fenced && !indented {
			continue
		}
		command := strings.TrimPrefix(strings.TrimSpace(line), "$ ")
		command, _, _ = strings.Cut(command, " #") // a remark
		arguments, is := strings.CutPrefix(strings.TrimSpace(command)+" ", program+" ")
		if !is {
			if arguments, is = strings.CutPrefix(command, "cargo run"); is {
				_, arguments, is = strings.Cut(arguments, " -- ")
			}
		}
		if arguments = strings.TrimSpace(arguments); is && arguments != "" && !doubtful().MatchString(arguments) {
			add("{} "+arguments, at)
		}
	}
}

var (
	// starts is how tests name the program that they run: assert_cmd's
	// Command::cargo_bin and its macro, and the variable that cargo sets.
	starts = lazily(`(?:cargo_bin!?\(\s*|CARGO_BIN_EXE_)"?([A-Za-z0-9_-]+)"`)
	// argument is one call that adds words, behind nothing but other calls.
	argument = lazily(`^[\s)?;]*(?:\.unwrap\(\)|\.expect\("[^"]*"\))?\s*\.args?\(\s*(?:&?\[)?\s*((?:"(?:[^"\\]|\\.)*"\s*,?\s*)+)\]?\s*\)`)
	word     = lazily(`"(?:[^"\\]|\\.)*"`)
)

// tested finds the command lines that tests build of literals alone.
func tested(text, program string, add func(string, int)) {
	for _, m := range starts().FindAllStringSubmatchIndex(text, -1) {
		if text[m[2]:m[3]] != program {
			continue
		}
		rest, line := text[m[1]:], "{}"
		for {
			call := argument().FindStringSubmatchIndex(rest)
			if call == nil {
				break
			}
			for _, literal := range word().FindAllString(rest[call[2]:call[3]], -1) {
				value, err := strconv.Unquote(literal)
				if err != nil { // Rust has escapes of its own
					line = ""
					break
				}
				line += " " + quoted(value)
			}
			rest = rest[call[1]:]
		}
		// What comes next must not add words that are no literals.
		next := strings.TrimLeft(rest, " \n\t);?")
		if line != "{}" && line != "" && !strings.HasPrefix(next, ".arg") && !strings.HasPrefix(next, ".write_stdin") && !doubtful().MatchString(line) {
			add(line, 1+strings.Count(text[:m[0]], "\n"))
		}
	}
}

// plain words need no quotes in a shell.
var plain = lazily(`^[A-Za-z0-9_@%+=:,./-]+$`)

func quoted(word string) string {
	if plain().MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
