package process

import (
	"runtime"
	"strings"
)

// Shell is how the host's shell is called with a line in which {} stands for a
// program. Program's words are put there as they are, whatever is in them.
func Shell(line string, program ...string) []string {
	shell := []string{"sh", "-c"}
	if runtime.GOOS == "windows" {
		shell = []string{"cmd", "/C"}
	}
	var words []string
	for _, w := range program {
		words = append(words, Quote(w))
	}
	return append(shell, strings.ReplaceAll(line, "{}", strings.Join(words, " ")))
}

// Quote makes one word of text for the host's shell.
func Quote(word string) string {
	if runtime.GOOS != "windows" {
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	if strings.ContainsRune(word, ' ') {
		return `"` + word + `"`
	}
	return word
}
