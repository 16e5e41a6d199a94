// Package arrange sorts lists of anything with one copy of the machine code. The
// functions of package slices are compiled anew for each type, ten kilobytes
// for every kind of row that is sorted once before it is printed; here the code
// is package sort's, which asks two closures. That takes about twice the time, so
// lists that have an entry for each symbol or byte range stay with slices.
package arrange

import "sort"

// Sort sorts; what compares as equal comes in any order, the same each time.
func Sort[S ~[]E, E any](list S, compare func(a, b E) int) { sort.Sort(of(list, compare)) }

// Stable sorts, and leaves what compares as equal in its order.
func Stable[S ~[]E, E any](list S, compare func(a, b E) int) { sort.Stable(of(list, compare)) }

// places is a list of which only the places are known.
type places struct {
	n    int
	less func(i, j int) bool
	swap func(i, j int)
}

func of[S ~[]E, E any](list S, compare func(a, b E) int) places {
	return places{len(list), func(i, j int) bool { return compare(list[i], list[j]) < 0 }, func(i, j int) { list[i], list[j] = list[j], list[i] }}
}

func (p places) Len() int           { return p.n }
func (p places) Less(i, j int) bool { return p.less(i, j) }
func (p places) Swap(i, j int)      { p.swap(i, j) }
