package report

import (
	"slices"
	"strings"
)

// WrapWords breaks s between words into lines of n columns, those after the
// first indented by hanging; a word that is wider has its middle taken out. With
// n of 0 it is one line.
func WrapWords(s string, n int, hanging string) []string {
	if n <= 0 {
		return []string{s}
	}
	var out []string
	for _, paragraph := range strings.Split(s, "\n") {
		indent := paragraph[:len(paragraph)-len(strings.TrimLeft(paragraph, " "))]
		line, used := indent, 0
		for _, word := range strings.Fields(paragraph) {
			if used > 0 && columns(line)+1+columns(word) > n {
				out = append(out, line)
				line, used = indent+hanging, 0
			}
			if used > 0 {
				line += " "
			}
			line += cutMiddle(word, max(1, n-columns(line)))
			used++
		}
		out = append(out, line)
	}
	return slices.Clip(out)
}

// Fold sets a description in lines: paragraphs run on, indented lines stay
// lines of their own and go on below their second column.
func Fold(text string, width int) string {
	var out []string
	var running []string
	flush := func() {
		if len(running) > 0 {
			out = append(out, Hang("", strings.Join(running, " "), width))
			running = nil
		}
	}
	for _, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, " "):
			flush()
			body := strings.TrimLeft(line, " ")
			at := len(line) - len(body)
			if i := strings.Index(body, "  "); i > 0 { // a list of words and what they mean
				at += i + len(body[i:]) - len(strings.TrimLeft(body[i:], " "))
			}
			out = append(out, Hang(line[:at], line[at:], width))
		case strings.TrimSpace(line) == "":
			flush()
			out = append(out, "")
		default:
			running = append(running, line)
		}
	}
	flush()
	return strings.Join(out, "\n")
}

// Hang sets text behind first, in lines that go on below its beginning.
func Hang(first, text string, width int) string {
	lines := WrapWords(text, width-len(first), "")
	return first + strings.Join(lines, "\n"+strings.Repeat(" ", len(first)))
}
