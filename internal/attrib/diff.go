package attrib

// Differences: the same views of two files, as signed changes that sum
// exactly to the difference of the files.
//
// Rows are matched by name, and names have no hashes, disambiguators or
// compiler suffixes, so a rebuild alone changes nothing. What is named by its
// address (code of a stripped file) is taken together: addresses move.

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Change says how a row differs.
type Change string

const (
	Grown  Change = "grown"
	Shrunk Change = "shrunk"
	Added  Change = "new"
	Gone   Change = "gone"
	Same   Change = "same"
)

// DiffRow is one line of a comparison. Children sum to it in all four sizes.
type DiffRow struct {
	Name      string    `json:"name"`
	Change    Change    `json:"change"`
	OldFile   uint64    `json:"old_file"`
	NewFile   uint64    `json:"new_file"`
	OldMemory uint64    `json:"old_memory"`
	NewMemory uint64    `json:"new_memory"`
	Regions   []int64   `json:"regions,omitempty"` // signed changes, in the order of the report's regions
	Children  []DiffRow `json:"children,omitempty"`
}

// File is the signed change of the file's bytes.
func (r *DiffRow) File() int64 { return int64(r.NewFile - r.OldFile) }

// Memory is the signed change of the memory image's bytes.
func (r *DiffRow) Memory() int64 { return int64(r.NewMemory - r.OldMemory) }

// Diff compares rows of the same views. Rows that are the same, children
// included, are left out; their sizes do not matter to the sums of changes.
// The sums are checked.
func Diff(before, after []Row) ([]DiffRow, error) {
	rows := diffRows(before, after)
	var file, memory int64
	for i := range rows {
		file += rows[i].File()
		memory += rows[i].Memory()
	}
	var oldFile, oldMemory, newFile, newMemory uint64
	for i := range before {
		oldFile += before[i].File
		oldMemory += before[i].Memory
	}
	for i := range after {
		newFile += after[i].File
		newMemory += after[i].Memory
	}
	if file != int64(newFile-oldFile) || memory != int64(newMemory-oldMemory) {
		return nil, internalError("differences", fmt.Errorf("rows have %+d and %+d bytes, the files %+d and %+d",
			file, memory, int64(newFile-oldFile), int64(newMemory-oldMemory)))
	}
	return rows, nil
}

// diffName is the name that rows are matched by.
func diffName(name string) string {
	if strings.HasPrefix(name, "[") {
		if head, _, ok := strings.Cut(name, " without a symbol at 0x"); ok {
			return head + " without a symbol]"
		}
	}
	return name
}

func diffRows(before, after []Row) []DiffRow {
	type pair struct{ before, after []Row }
	pairs := make(map[string]*pair, len(before))
	var order []string
	get := func(name string) *pair {
		name = diffName(name)
		p := pairs[name]
		if p == nil {
			p = &pair{}
			pairs[name] = p
			order = append(order, name)
		}
		return p
	}
	for i := range before {
		p := get(before[i].Name)
		p.before = append(p.before, before[i])
	}
	for i := range after {
		p := get(after[i].Name)
		p.after = append(p.after, after[i])
	}
	var rows []DiffRow
	for _, name := range order {
		p := pairs[name]
		r := DiffRow{Name: name}
		var oldKids, newKids []Row
		for _, x := range p.before {
			r.OldFile += x.File
			r.OldMemory += x.Memory
			r.addRegions(x.Regions, -1)
			oldKids = append(oldKids, x.Children...)
		}
		for _, x := range p.after {
			r.NewFile += x.File
			r.NewMemory += x.Memory
			r.addRegions(x.Regions, 1)
			newKids = append(newKids, x.Children...)
		}
		r.Children = diffRows(oldKids, newKids)
		r.Change = changeOf(&r, len(p.before) > 0, len(p.after) > 0)
		moved := slices.ContainsFunc(r.Regions, func(n int64) bool { return n != 0 })
		if r.Change == Same && len(r.Children) == 0 && !moved {
			continue
		}
		rows = append(rows, r)
	}
	slices.SortStableFunc(rows, func(a, b DiffRow) int {
		return cmp.Or(cmp.Compare(abs(b.File()), abs(a.File())), cmp.Compare(abs(b.Memory()), abs(a.Memory())), cmp.Compare(a.Name, b.Name))
	})
	return rows
}

func (r *DiffRow) addRegions(sums []uint64, sign int64) {
	if r.Regions == nil && sums != nil {
		r.Regions = make([]int64, len(sums))
	}
	for i, n := range sums[:min(len(sums), len(r.Regions))] {
		r.Regions[i] += sign * int64(n)
	}
}

func changeOf(r *DiffRow, was, is bool) Change {
	switch {
	case !was:
		return Added
	case !is:
		return Gone
	case r.File() > 0 || r.File() == 0 && r.Memory() > 0:
		return Grown
	case r.File() < 0 || r.Memory() < 0:
		return Shrunk
	}
	return Same
}

func abs(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}
