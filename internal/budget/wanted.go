package budget

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Wanted is all that a program is held to: the limits of a file, and what was
// typed, which goes before.
type Wanted struct {
	Limits   []Limit
	Growth   string // how much larger than the baseline the file may be, "" for no limit
	Baseline string // an older program or a saved report of it, "" for Recorded
	From     string // the file that growth stands in, "" where it was typed
	Recorded uint64 // what shrink recorded, 0 for nothing
}

// Take adds what the file at path says. Its baseline lies beside it.
func (w *Wanted) Take(b *Budget, path string, recorded uint64) {
	w.Limits, w.Growth, w.From, w.Recorded = b.Limits, b.Growth, path, recorded
	if b.Baseline != "" {
		w.Baseline = b.Baseline
		if !filepath.IsAbs(w.Baseline) {
			w.Baseline = filepath.Join(filepath.Dir(path), w.Baseline)
		}
	}
}

// Prefer adds limits that were typed, in the place of those of a file on the
// same row.
func (w *Wanted) Prefer(typed []Limit) {
	w.Limits = slices.DeleteFunc(w.Limits, func(l Limit) bool {
		return slices.ContainsFunc(typed, func(t Limit) bool {
			return t.View == l.View && strings.TrimSuffix(t.What, "?") == strings.TrimSuffix(l.What, "?")
		})
	})
	w.Limits = append(w.Limits, typed...)
}

// growthOfFile is the limit that a baseline makes.
const growthOfFile = "file against the baseline"

// GrowthLimit is the limit on a file that may grow from base by so much: a size
// or a percentage.
func GrowthLimit(base uint64, growth string) (Limit, error) {
	l := Limit{What: growthOfFile}
	percent, ok := strings.CutSuffix(growth, "%")
	if !ok {
		n, err := ParseSize(growth)
		l.Max = base + n
		return l, err
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(percent), 64)
	if err != nil || n < 0 || n > 1e9 || n != n {
		return l, fmt.Errorf("%q is no percentage", growth)
	}
	l.Max = base + uint64(float64(base)*n/100)
	return l, nil
}
