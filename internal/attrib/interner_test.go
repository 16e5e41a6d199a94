package attrib

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestInterner: one number for each name, however it is given, and the names
// stay when the memory that they were given in is used again.
func TestInterner(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := newInterner()
		numbers := map[string]int32{}
		var b []byte
		for _, k := range rapid.SliceOf(rapid.IntRange(0, 400)).Draw(t, "names") {
			name := fmt.Sprintf("name %d", k/2)
			var id int32
			if k%2 == 0 {
				id = n.id(name)
			} else {
				b = append(b[:0], name...)
				id = n.idOf(b)
			}
			if want, ok := numbers[name]; ok && id != want || !ok && int(id) != len(numbers) {
				t.Fatalf("%q is %d among %v", name, id, numbers)
			}
			numbers[name] = id
		}
		for name, id := range numbers {
			if got, ok := n.known(name); !ok || got != id || n.names[id] != name {
				t.Fatalf("%q is %d, %v and %q, not %d", name, got, ok, n.names[id], id)
			}
		}
		if _, ok := n.known("another"); ok {
			t.Fatal("a name that nobody gave has a number")
		}
	})
}

// TestTopRows: the first rows are those of the whole answer, and the last one has
// what the others have.
func TestTopRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := []*interner{newInterner(), newInterner()}
		tree := &tree{names: names, children: map[uint64]int32{}}
		for range rapid.IntRange(1, 300).Draw(t, "pieces") {
			labels := []int32{names[0].id(itoa(rapid.IntRange(0, 150).Draw(t, "outer"))), names[1].id(itoa(rapid.IntRange(0, 60).Draw(t, "inner")))}
			size := rapid.Uint64Range(0, 5).Draw(t, "size")
			tree.count(labels, sizes{file: size, memory: size / 2, items: 1})
		}
		top := rapid.IntRange(1, 6).Draw(t, "top")
		var compare func(all, some []Row)
		compare = func(all, some []Row) {
			if !slices.IsSortedFunc(all, func(a, b Row) int {
				return cmp.Or(cmp.Compare(b.File, a.File), cmp.Compare(b.Memory, a.Memory), cmp.Compare(a.Name, b.Name))
			}) {
				t.Fatalf("out of order: %v", all)
			}
			for i := range some {
				if some[i].Others == 0 {
					if some[i].Name != all[i].Name || some[i].File != all[i].File || some[i].Items != all[i].Items {
						t.Fatalf("row %d is %v, not %v", i, some[i], all[i])
					}
					compare(all[i].Children, some[i].Children)
					continue
				}
				var rest Row
				for _, r := range all[i:] {
					rest.File, rest.Memory, rest.Items, rest.Others = rest.File+r.File, rest.Memory+r.Memory, rest.Items+r.Items, rest.Others+1
				}
				if i != top || i != len(some)-1 || fmt.Sprint(rest) != fmt.Sprint(some[i]) {
					t.Fatalf("the others are %v, not %v", some[i], rest)
				}
			}
		}
		all, some := tree.rows(0), tree.rows(top)
		if len(some) != min(len(all), top+1) {
			t.Fatalf("%d rows of %d", len(some), len(all))
		}
		compare(all, some)
	})
}
