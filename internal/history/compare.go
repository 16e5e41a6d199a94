package history

// What changed between two builds, by the matching of `minsize diff`.

import (
	"github.com/minsize/minsize/internal/arrange"
	"github.com/minsize/minsize/internal/attrib"
)

// Change is one row's part of a build's growth.
type Change struct {
	Name    string        `json:"name"`
	Bytes   int64         `json:"bytes"`
	Kind    attrib.Change `json:"change"`
	AtLeast bool          `json:"at_least,omitempty"` // one of the builds left the row out: it had at most what it kept least of
}

// others is the row of what records leave out, elsewhere that of bytes that no
// row of a view has: what was measured was not yet stripped.
const (
	others    = "[smaller ones]"
	elsewhere = "[headers and padding]"
)

// Compare says what changed of a view: signed changes, the largest first, that
// sum to the change of the file. Nil where one of the builds has no such view.
func Compare(old, next *Record, view string) ([]Change, error) {
	a, b := old.View(view), next.View(view)
	if a == nil || b == nil {
		return nil, nil
	}
	before, least := fill(a, b)
	after, more := fill(b, a)
	rows, err := attrib.Diff(before, after)
	if err != nil {
		return nil, err
	}
	var list []Change
	left := int64(next.File) - int64(old.File)
	for i := range rows {
		r := &rows[i]
		if r.File() == 0 {
			continue
		}
		c := Change{Name: r.Name, Bytes: r.File(), Kind: r.Change}
		if least[r.Name] || more[r.Name] {
			c.AtLeast, c.Kind = true, attrib.Shrunk
			if c.Bytes > 0 {
				c.Kind = attrib.Grown
			}
		}
		list = append(list, c)
		left -= c.Bytes
	}
	if left != 0 {
		c := Change{Name: elsewhere, Bytes: left, Kind: attrib.Grown}
		if a.LeftOut+b.LeftOut > 0 {
			c.Name = others
		}
		if left < 0 {
			c.Kind = attrib.Shrunk
		}
		list = append(list, c)
	}
	arrange.Stable(list, func(x, y Change) int { return int(min(max(size(y.Bytes)-size(x.Bytes), -1), 1)) })
	return list, nil
}

func size(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}

// fill is v's rows, with those of other that v left out: each of them had at
// most what v kept least of, and no more than v left out. They are marked.
func fill(v, other *View) (rows []attrib.Row, marked map[string]bool) {
	have := map[string]bool{}
	least := v.LeftOut
	for _, r := range v.Rows {
		have[r.Name] = true
		least = min(least, r.Size)
		rows = append(rows, attrib.Row{Name: r.Name, File: r.Size})
	}
	marked = map[string]bool{}
	for _, r := range other.Rows {
		if !have[r.Name] && v.LeftOut > 0 {
			rows = append(rows, attrib.Row{Name: r.Name, File: min(least, r.Size)})
			marked[r.Name] = true
		}
	}
	return rows, marked
}
