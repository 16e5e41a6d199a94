package refgraph

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// ItemDelta is an item of two programs whose size changed. Items are matched by
// name, as Twiggy does; those of one name are taken together.
type ItemDelta struct {
	Name     string
	Old, New uint64
}

// Delta is the change in bytes.
func (d *ItemDelta) Delta() int64 { return int64(d.New - d.Old) }

// DeltaSum sums changes.
type DeltaSum struct {
	Count int
	Bytes int64
}

// ItemDiff is the answer of `diff` by item: what changed, the largest change
// first, then by name.
type ItemDiff struct {
	Rows []ItemDelta
	Rest DeltaSum // below the limit
	All  DeltaSum // without names asked for, Bytes is the change of the whole file
}

// ItemSizes sums the items of g by name. The names are copies.
func (g *Graph) ItemSizes() map[string]uint64 {
	sizes := map[string]uint64{}
	for n := int32(1); n < int32(g.Len()); n++ {
		name := g.Name(n)
		if _, known := sizes[name]; !known {
			name = strings.Clone(name)
		}
		sizes[name] += g.nodes[n].Size
	}
	return sizes
}

// DiffItems compares two programs by their items; items name those to look at,
// or match them as expressions. change is that of the whole file. Limit 0 keeps all.
func DiffItems(before, after map[string]uint64, change int64, items []string, expressions bool, limit int) (*ItemDiff, error) {
	var set []*regexp.Regexp
	if expressions {
		var err error
		if set, err = compile(items); err != nil {
			return nil, err
		}
	}
	wanted := func(name string) bool {
		switch {
		case len(items) == 0:
			return true
		case expressions:
			return slices.ContainsFunc(set, func(re *regexp.Regexp) bool { return re.MatchString(name) })
		}
		return slices.Contains(items, name)
	}
	d := &ItemDiff{All: DeltaSum{Bytes: change}}
	found := false
	look := func(name string) {
		if wanted(name) {
			found = true
			if was, is := before[name], after[name]; was != is {
				d.Rows = append(d.Rows, ItemDelta{name, was, is})
			}
		}
	}
	for name := range before {
		look(name)
	}
	for name := range after {
		if _, both := before[name]; !both {
			look(name)
		}
	}
	if len(items) > 0 && !found {
		return nil, &NoMatchError{Pattern: strings.Join(items, " | ")}
	}
	magnitude := func(n int64) int64 { return max(n, -n) }
	slices.SortFunc(d.Rows, func(a, b ItemDelta) int {
		return cmp.Or(cmp.Compare(magnitude(b.Delta()), magnitude(a.Delta())), cmp.Compare(a.Name, b.Name))
	})
	sum := func(rows []ItemDelta) (s DeltaSum) {
		for i := range rows {
			s.Count++
			s.Bytes += rows[i].Delta()
		}
		return s
	}
	if all := sum(d.Rows); len(items) > 0 {
		d.All = all
	} else {
		d.All.Count = all.Count
	}
	shown := limited(d.Rows, limit)
	d.Rest = sum(d.Rows[len(shown):])
	d.Rows = shown
	return d, nil
}
