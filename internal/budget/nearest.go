package budget

import (
	"cmp"
	"strings"

	"github.com/minsize/minsize/internal/arrange"
)

// mostNames is how many names an unknown one is answered with.
const mostNames = 3

// nearest gives the names that were most likely meant, best first: those that
// hold what was written, then those that differ in up to a third of it.
func nearest(name string, names []string) []string {
	type candidate struct {
		name string
		far  int
	}
	var list []candidate
	want := strings.ToLower(foldDashes(name))
	for _, n := range names {
		have := strings.ToLower(foldDashes(n))
		far := distance(want, have)
		switch {
		case strings.Contains(have, want) || len(have) > 2 && strings.Contains(want, have):
			far = 0
		case far > max(2, len(want)/3):
			continue
		}
		list = append(list, candidate{n, far})
	}
	arrange.Stable(list, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.far, b.far), cmp.Compare(len(a.name), len(b.name)))
	})
	var out []string
	for _, c := range list[:min(len(list), mostNames)] {
		out = append(out, c.name)
	}
	return out
}

// longestName bounds what distance is found of: its time is the product.
const longestName = 256

// distance is Levenshtein's: insertions, deletions and changes of a byte.
func distance(a, b string) int {
	if len(a) > longestName || len(b) > longestName {
		return max(len(a), len(b))
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// foldDashes: cargo writes a package's name with dashes, rustc its crate's
// with underscores.
func foldDashes(s string) string { return strings.ReplaceAll(s, "-", "_") }
