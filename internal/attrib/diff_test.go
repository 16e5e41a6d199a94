package attrib

import (
	"testing"

	"pgregory.net/rapid"
)

// drawRows makes rows whose children sum to them.
func drawRows(t *rapid.T, depth int) []Row {
	n := rapid.IntRange(0, 4).Draw(t, "rows")
	var rows []Row
	for range n {
		r := Row{Name: rapid.SampledFrom([]string{"a", "b", "c", "[code without a symbol at 0x10]", "[code without a symbol at 0x20]"}).Draw(t, "name")}
		if depth > 0 && rapid.Bool().Draw(t, "parent") {
			r.Children = drawRows(t, depth-1)
			for _, c := range r.Children {
				r.File += c.File
				r.Memory += c.Memory
			}
		} else {
			r.File = rapid.Uint64Range(0, 50).Draw(t, "file")
			r.Memory = rapid.Uint64Range(0, 50).Draw(t, "memory")
		}
		rows = append(rows, r)
	}
	return rows
}

func TestDiffSumsExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, after := drawRows(t, 2), drawRows(t, 2)
		rows, err := Diff(before, after) // checks the top level itself
		if err != nil {
			t.Fatal(err)
		}
		back, err := Diff(after, before)
		if err != nil {
			t.Fatal(err)
		}
		sum := func(rows []DiffRow) (n int64) {
			for i := range rows {
				n += rows[i].File()
			}
			return n
		}
		if sum(rows) != -sum(back) {
			t.Fatalf("forward %d, backward %d", sum(rows), sum(back))
		}
	})
}

func TestDiffOfTheSameIsEmpty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := drawRows(t, 2)
		got, err := Diff(rows, rows)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 0 {
			t.Fatalf("%+v", got)
		}
	})
}

func TestDiffNamesChanges(t *testing.T) {
	before := []Row{{Name: "kept", File: 10}, {Name: "grown", File: 10}, {Name: "gone", File: 7}, {Name: "[code without a symbol at 0x10]", File: 5}}
	after := []Row{{Name: "kept", File: 10}, {Name: "grown", File: 15}, {Name: "new", File: 3}, {Name: "[code without a symbol at 0x90]", File: 5}}
	rows, err := Diff(before, after)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Change{}
	for _, r := range rows {
		got[r.Name] = r.Change
	}
	want := map[string]Change{"grown": Grown, "gone": Gone, "new": Added}
	if len(got) != len(want) {
		t.Fatalf("%v", got)
	}
	for name, change := range want {
		if got[name] != change {
			t.Errorf("%s is %q, want %q", name, got[name], change)
		}
	}
}
