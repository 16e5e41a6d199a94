package rangemap

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

const unclaimed = -1

// paint is the definition: one label per byte, first come first served.
func paint(total uint64, layers [][]Range) []int32 {
	bytes := make([]int32, total)
	for i := range bytes {
		bytes[i] = unclaimed
	}
	for _, layer := range layers {
		sorted := slices.Clone(layer)
		slices.SortStableFunc(sorted, byStart)
		for _, r := range sorted {
			for p := r.Start; p < min(r.End, total); p++ {
				if bytes[p] == unclaimed {
					bytes[p] = r.Label
				}
			}
		}
	}
	return bytes
}

func drawLayers(t *rapid.T) (uint64, [][]Range) {
	total := rapid.Uint64Range(0, 60).Draw(t, "total")
	place := rapid.Uint64Range(0, 70)
	rangeOf := rapid.Custom(func(t *rapid.T) Range {
		return Range{place.Draw(t, "start"), place.Draw(t, "end"), rapid.Int32Range(0, 5).Draw(t, "label")}
	})
	layers := rapid.SliceOfN(rapid.SliceOfN(rangeOf, 0, 8), 0, 4).Draw(t, "layers")
	return total, layers
}

func build(total uint64, layers [][]Range) *Map {
	b := NewBuilder(total)
	for _, layer := range layers {
		b.Layer(slices.Clone(layer))
	}
	return b.Finish(unclaimed)
}

func TestMapEqualsPaintedBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total, layers := drawLayers(t)
		want := paint(total, layers)
		m := build(total, layers)
		if err := m.Check(); err != nil {
			t.Fatal(err)
		}
		for p := range total {
			if got := m.At(p, -2); got != want[p] {
				t.Fatalf("byte %d has label %d, want %d", p, got, want[p])
			}
		}
		if got := m.At(total, -2); got != -2 {
			t.Fatalf("a byte beyond the end has label %d", got)
		}
		for i := 1; i < m.Len(); i++ {
			if m.Labels[i] == m.Labels[i-1] {
				t.Fatalf("neighbours %d and %d share a label", i-1, i)
			}
		}
	})
}

func TestGapsAreWhatNobodyClaimed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total, layers := drawLayers(t)
		want := paint(total, layers)
		b := NewBuilder(total)
		for _, layer := range layers {
			b.Layer(slices.Clone(layer))
		}
		got := make([]int32, total)
		for _, g := range b.Gaps() {
			for p := g.Start; p < g.End; p++ {
				got[p]++
			}
		}
		for p := range total {
			if (got[p] == 1) != (want[p] == unclaimed) || got[p] > 1 {
				t.Fatalf("byte %d: gap %d, label %d", p, got[p], want[p])
			}
		}
	})
}

func TestWalkVisitsEveryByteOnceWithItsLabels(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total, first := drawLayers(t)
		_, second := drawLayers(t)
		a, b := build(total, first), build(total, second)
		at := uint64(0)
		err := Walk([]*Map{a, b}, func(start, end uint64, labels []int32) {
			if start != at || end <= start {
				t.Fatalf("visit [%d, %d) at %d", start, end, at)
			}
			for p := start; p < end; p++ {
				if labels[0] != a.At(p, -2) || labels[1] != b.At(p, -2) {
					t.Fatalf("byte %d: labels %v, want %d and %d", p, labels, a.At(p, -2), b.At(p, -2))
				}
			}
			at = end
		})
		if err != nil {
			t.Fatal(err)
		}
		if at != total {
			t.Fatalf("walk ended at %d of %d", at, total)
		}
	})
}

func TestWalkRefusesDifferentTotals(t *testing.T) {
	if err := Walk([]*Map{build(3, nil), build(4, nil)}, func(uint64, uint64, []int32) {}); err == nil {
		t.Fatal("partitions of 3 and 4 bytes were walked together")
	}
}
