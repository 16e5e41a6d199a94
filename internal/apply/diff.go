package apply

import (
	"fmt"
	"strings"
)

// around is how many unchanged lines a hunk has around a change, as diff -u.
const around = 3

// maxCells bounds the table of the longest common subsequence. Manifests have
// hundreds of lines; what is larger shows its middle as one change.
const maxCells = 4 << 20

// Diff writes a file's change as a unified diff (POSIX diff -u), its lines
// without ends. name is what the header says; nil stands for no file.
func Diff(name string, before, after []byte) []string {
	a, b := splitLines(before), splitLines(after)
	from, to := "a/"+name, "b/"+name
	if before == nil {
		from = "/dev/null"
	}
	if after == nil {
		to = "/dev/null"
	}
	lines := []string{"--- " + from, "+++ " + to}
	steps := compare(a, b)
	for start := 0; start < len(steps); {
		if steps[start].sign == ' ' {
			start++
			continue
		}
		// A hunk ends where more than two contexts of unchanged lines follow.
		end, quiet := start, 0
		for i := start; i < len(steps) && quiet <= 2*around; i++ {
			if steps[i].sign == ' ' {
				quiet++
			} else {
				quiet, end = 0, i+1
			}
		}
		first, last := max(0, start-around), min(len(steps), end+around)
		var old, now int
		for _, s := range steps[first:last] {
			if s.sign != '+' {
				old++
			}
			if s.sign != '-' {
				now++
			}
		}
		lines = append(lines, fmt.Sprintf("@@ -%s +%s @@", place(steps[first].a, old), place(steps[first].b, now)))
		for _, s := range steps[first:last] {
			lines = append(lines, string(s.sign)+s.text)
			if s.noEnd {
				lines = append(lines, `\ No newline at end of file`)
			}
		}
		start = last
	}
	return lines
}

// place is a hunk's start and length; an empty side starts a line before.
func place(line, count int) string {
	if count == 0 {
		return fmt.Sprintf("%d,0", line)
	}
	if count == 1 {
		return fmt.Sprint(line + 1)
	}
	return fmt.Sprintf("%d,%d", line+1, count)
}

type step struct {
	sign  byte // ' ', '-' or '+'
	text  string
	noEnd bool
	a, b  int // lines before this step on each side
}

// splitLines keeps line ends, so that a missing one is a difference.
func splitLines(data []byte) []string {
	if len(data) == 0 {
		return nil
	}
	lines := strings.SplitAfter(string(data), "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// compare finds the longest common subsequence, after the common ends were
// set aside.
func compare(a, b []string) []step {
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	x, y := a[head:len(a)-tail], b[head:len(b)-tail]
	var steps []step
	i, j := 0, 0
	emit := func(sign byte, line string) {
		text, ended := strings.CutSuffix(line, "\n")
		steps = append(steps, step{sign, strings.TrimSuffix(text, "\r"), !ended, i, j})
		if sign != '+' {
			i++
		}
		if sign != '-' {
			j++
		}
	}
	for _, line := range a[:head] {
		emit(' ', line)
	}
	keep := common(x, y)
	xi, yi := 0, 0
	for _, pair := range append(keep, [2]int{len(x), len(y)}) {
		for ; xi < pair[0]; xi++ {
			emit('-', x[xi])
		}
		for ; yi < pair[1]; yi++ {
			emit('+', y[yi])
		}
		if xi < len(x) && yi < len(y) {
			emit(' ', x[xi])
			xi, yi = xi+1, yi+1
		}
	}
	for _, line := range a[len(a)-tail:] {
		emit(' ', line)
	}
	return steps
}

// common gives the pairs of equal lines of a longest common subsequence.
func common(x, y []string) [][2]int {
	if len(x) == 0 || len(y) == 0 || (len(x)+1)*(len(y)+1) > maxCells {
		return nil
	}
	width := len(y) + 1
	length := make([]int, (len(x)+1)*width)
	for i := len(x) - 1; i >= 0; i-- {
		for j := len(y) - 1; j >= 0; j-- {
			if x[i] == y[j] {
				length[i*width+j] = length[(i+1)*width+j+1] + 1
			} else {
				length[i*width+j] = max(length[(i+1)*width+j], length[i*width+j+1])
			}
		}
	}
	var pairs [][2]int
	for i, j := 0, 0; i < len(x) && j < len(y); {
		switch {
		case x[i] == y[j]:
			pairs = append(pairs, [2]int{i, j})
			i, j = i+1, j+1
		case length[(i+1)*width+j] >= length[i*width+j+1]:
			i++
		default:
			j++
		}
	}
	return pairs
}
