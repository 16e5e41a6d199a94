package archtest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/minsize/minsize/internal/golden"
)

// TestArchitectureIsDrawn: the table and the drawing in docs/architecture.md
// are the table of this package, so that they cannot lie.
func TestArchitectureIsDrawn(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "architecture.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for _, part := range []struct{ name, text string }{{"drawing", drawing(house)}, {"packages", packages(house)}} {
		open, end := "<!-- "+part.name+", written by internal/archtest -update -->\n", "<!-- /"+part.name+" -->"
		before, rest, found := strings.Cut(page, open)
		_, after, closed := strings.Cut(rest, end)
		if !found || !closed {
			t.Fatalf("%s has no place for the %s: %s%s", path, part.name, open, end)
		}
		page = before + open + part.text + end + after
	}
	golden.Compare(t, path, []byte(page))
}

// packages is the table of the page.
func packages(table []lane) string {
	var b strings.Builder
	b.WriteString("| package | may import | its tests also | what it holds |\n|---|---|---|---|\n")
	for _, l := range table {
		for _, r := range l.rows {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.pkg, r.imports, r.tests, r.holds)
		}
	}
	return b.String()
}

// drawing shows each package in the lane of its data, as low as it can stand:
// above all that it imports. It is text rather than a picture with arrows:
// every terminal shows it, and its changes can be read in a diff.
func drawing(table []lane) string {
	level := map[string]int{}
	imports := map[string][]string{}
	for _, l := range table {
		for _, r := range l.rows {
			imports[r.pkg] = strings.Fields(r.imports)
		}
	}
	var stand func(pkg string) int
	stand = func(pkg string) int {
		if _, done := level[pkg]; !done {
			level[pkg] = 0
			for _, dep := range imports[pkg] {
				level[pkg] = max(level[pkg], stand(dep)+1)
			}
		}
		return level[pkg]
	}
	top := 0
	for pkg := range imports {
		top = max(top, stand(pkg))
	}
	const width, gap = 34, 2
	var b strings.Builder
	line := func(cells []string) {
		var s strings.Builder
		for i, c := range cells {
			if n := i*(width+gap) - utf8.RuneCountInString(s.String()); n > 0 {
				s.WriteString(strings.Repeat(" ", n))
			}
			s.WriteString(c)
		}
		b.WriteString(strings.TrimRight(s.String(), " ") + "\n")
	}
	var lanes []lane
	var names, rules []string
	for _, l := range table {
		if l.name == "tests only" {
			continue
		}
		lanes = append(lanes, l)
		names = append(names, l.name)
		rules = append(rules, strings.Repeat("-", width))
	}
	b.WriteString("```\n")
	line(names)
	line(rules)
	for at := top; at >= 0; at-- {
		cells := make([][]string, len(lanes))
		height := 0
		for i, l := range lanes {
			var here []string
			for _, r := range l.rows {
				if level[r.pkg] == at {
					here = append(here, r.pkg)
				}
			}
			slices.Sort(here)
			cells[i] = wrap(here, width)
			height = max(height, len(cells[i]))
		}
		for y := range height {
			across := make([]string, len(lanes))
			for i := range lanes {
				if y < len(cells[i]) {
					across[i] = cells[i][y]
				}
			}
			line(across)
		}
	}
	b.WriteString("```\n")
	return b.String()
}

func wrap(words []string, width int) []string {
	var lines []string
	for _, w := range words {
		if n := len(lines); n > 0 && len(lines[n-1])+1+len(w) <= width {
			lines[n-1] += " " + w
		} else {
			lines = append(lines, w)
		}
	}
	return lines
}
