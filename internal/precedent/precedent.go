// Package precedent finds, in a project itself, commands that show what its
// program has to do: what the README, the examples and the program's own first
// comment tell people to type, and what tests run the program with. Nothing is run, and nothing is believed: they are proposals
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

// places are where commands are looked for, and how.
var places = []struct {
	pattern string
	look    func(text, program string, add func(string, int))
}{
	{"README.md", shown}, {"README", shown}, {"readme.md", shown},
	{"examples/*.md", shown}, {"examples/*/README.md", shown}, {"examples/*.sh", typed},
	{"src/main.rs", commented}, {"src/bin/*.rs", commented}, {"examples/*.rs", commented},
	{"tests/*.rs", tested},
}

// Find looks through a package's folder for commands of the program of that
// name.
func Find(folder, program string) (found []Command) {
	for _, place := range places {
		paths, _ := filepath.Glob(filepath.Join(folder, filepath.FromSlash(place.pattern))) // in the order of their names
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				continue // a folder of that name, say
			}
			name, _ := filepath.Rel(folder, path)
			place.look(string(data), program, func(line string, at int) {
				if len(found) < most && !slices.ContainsFunc(found, func(c Command) bool { return c.Line == line }) {
					found = append(found, Command{line, filepath.ToSlash(name) + ":" + strconv.Itoa(at)})
				}
			})
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
		if arguments := argumentsOf(line, program); arguments != "" {
			add("{} "+arguments, at)
		}
	}
}

// commented finds them in the comment that a source begins with.
func commented(text, program string, add func(string, int)) {
	var comment strings.Builder
	for line := range strings.Lines(text) {
		inner, is := strings.CutPrefix(line, "//!")
		if !is && strings.TrimSpace(line) != "" {
			break
		}
		comment.WriteString(strings.TrimPrefix(inner, " ")) // an empty line stays one
	}
	shown(comment.String(), program, add)
}

// typed finds them in a script.
func typed(text, program string, add func(string, int)) {
	at := 0
	for line := range strings.Lines(text) {
		at++
		if arguments := argumentsOf(line, program); arguments != "" {
			add("{} "+arguments, at)
		}
	}
}

// argumentsOf are what a line gives the program, "" where it does not run it,
// runs it without, or with what is doubtful.
func argumentsOf(line, program string) string {
	command := strings.TrimPrefix(strings.TrimSpace(line), "$ ")
	command, _, _ = strings.Cut(command, " #") // a remark
	arguments, is := strings.CutPrefix(strings.TrimSpace(command)+" ", program+" ")
	if !is {
		var options string
		if options, is = strings.CutPrefix(command, "cargo run"); is {
			options, arguments, is = strings.Cut(options+" ", " -- ")
		}
		if m := chosenProgram().FindStringSubmatch(options); m != nil && m[1] != program {
			return ""
		}
	}
	arguments = strings.TrimSpace(arguments)
	if !is || doubtful().MatchString(arguments) {
		return ""
	}
	return arguments
}

// chosenProgram is how cargo run is told which.
var chosenProgram = lazily(`--(?:example|bin)[ =](\S+)`)

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
