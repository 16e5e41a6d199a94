package verify

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The first difference is the reason that the user reads, so the order matters:
// how the program ended says more than what it printed, and what it said last
// on stderr says why.

// threadNumber is the operating system's number of a panicking thread, which
// std prints since 1.91 and which no two runs share.
var threadNumber = regexp.MustCompile(`(?m)^(thread '.*') \([0-9]+\) (panicked at|has overflowed)`)

// Compare says how got differs from want, first in how it ended, then in what
// it said. What the patterns match is taken out of both outputs.
func Compare(want, got Outcome, ignore []*regexp.Regexp) (Kind, string) {
	switch {
	case got.TimedOut && !want.TimedOut:
		return KindTimeout, fmt.Sprintf("not done after %.1f s, expected %.1f s", got.Wall.Seconds(), want.Wall.Seconds())
	case got.Signal != want.Signal && got.Signal != "":
		return KindSignal, fmt.Sprintf("died by %s, expected %s%s", got.Signal, want.ending(), got.lastWords())
	case got.Status != want.Status || got.Signal != want.Signal:
		return KindStatus, fmt.Sprintf("%s, expected %s%s", got.ending(), want.ending(), got.lastWords())
	}
	if why := differ(want.Stdout, got.Stdout, ignore); why != "" {
		return KindStdout, "stdout " + why
	}
	if why := differ(want.Stderr, got.Stderr, ignore); why != "" {
		return KindStderr, "stderr " + why
	}
	return compareFiles(want.Files, got.Files)
}

func (o Outcome) ending() string {
	if o.Signal != "" {
		return o.Signal
	}
	return fmt.Sprintf("exit status %d", o.Status)
}

// lastWords is the last line that a program said before it ended badly.
func (o Outcome) lastWords() string {
	text := strings.TrimSpace(o.Stderr.String())
	if text == "" {
		return ""
	}
	return " (" + strconv.Quote(shorten(text[strings.LastIndexByte(text, '\n')+1:])) + ")"
}

// differ compares two texts line by line; "" when they are the same.
func differ(want, got Text, ignore []*regexp.Regexp) string {
	if want.Total == got.Total && want.Sum == got.Sum {
		return ""
	}
	if want.Total > maxOutput || got.Total > maxOutput {
		return fmt.Sprintf("differs: %d bytes with another hash, expected %d (longer than %d, so not compared by line)", got.Total, want.Total, maxOutput)
	}
	a, b := cleaned(want.Head, ignore), cleaned(got.Head, ignore)
	if bytes.Equal(a, b) {
		return ""
	}
	wantLines, gotLines := strings.Split(string(a), "\n"), strings.Split(string(b), "\n")
	for i := range max(len(wantLines), len(gotLines)) {
		switch {
		case i >= len(gotLines):
			return fmt.Sprintf("ends before line %d, expected %s", i+1, quoteLine(wantLines[i]))
		case i >= len(wantLines):
			return fmt.Sprintf("goes on with line %d: %s", i+1, quoteLine(gotLines[i]))
		case wantLines[i] != gotLines[i]:
			return fmt.Sprintf("line %d is %s, expected %s", i+1, quoteLine(gotLines[i]), quoteLine(wantLines[i]))
		}
	}
	return "differs"
}

// cleaned takes out what is not compared.
func cleaned(text []byte, ignore []*regexp.Regexp) []byte {
	text = threadNumber.ReplaceAll(text, []byte("$1 $2"))
	for _, pattern := range ignore {
		text = pattern.ReplaceAll(text, nil)
	}
	return text
}

func quoteLine(line string) string {
	if line == "" {
		return "empty"
	}
	return strconv.Quote(shorten(line))
}

// shorten cuts a line for a report, at a whole character.
func shorten(line string) string {
	const most = 72
	if len(line) <= most {
		return line
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(line[cut]) {
		cut--
	}
	return line[:cut] + "..."
}

func compareFiles(want, got map[string]string) (Kind, string) {
	var names []string
	for name := range want {
		names = append(names, name)
	}
	for name := range got {
		if _, both := want[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		a, expected := want[name]
		b, there := got[name]
		switch {
		case !there:
			return KindFiles, fmt.Sprintf("the file %q was not written", name)
		case !expected:
			return KindFiles, fmt.Sprintf("the file %q was written, and the baseline wrote none", name)
		case a != b:
			return KindFiles, fmt.Sprintf("the file %q has other contents", name)
		}
	}
	return KindSame, ""
}
