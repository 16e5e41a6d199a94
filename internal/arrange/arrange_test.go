package arrange

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestArrange: as package slices sorts.
func TestArrange(t *testing.T) {
	type pair struct{ key, place int }
	byKey := func(a, b pair) int { return cmp.Compare(a.key, b.key) }
	rapid.Check(t, func(t *rapid.T) {
		var list []pair
		for i, key := range rapid.SliceOfN(rapid.IntRange(0, 20), 0, 200).Draw(t, "keys") {
			list = append(list, pair{key, i})
		}
		want, stable, sorted := slices.Clone(list), slices.Clone(list), slices.Clone(list)
		slices.SortStableFunc(want, byKey)
		Stable(stable, byKey)
		if !slices.Equal(stable, want) {
			t.Errorf("got %v, want %v", stable, want)
		}
		Sort(sorted, func(a, b pair) int { return cmp.Or(byKey(a, b), cmp.Compare(a.place, b.place)) })
		if !slices.Equal(sorted, want) {
			t.Errorf("got %v, want %v", sorted, want)
		}
	})
}
