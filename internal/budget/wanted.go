package budget

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/minsize/minsize/internal/toml"
)

// Wanted is all that a program is held to: the limits of a file, and what was
// typed, which goes before.
type Wanted struct {
	Limits   []Limit
	Growth   []Growth
	Baseline string // an older program or a saved report of it, "" for Recorded
	From     string // the file that the limits stand in, "" where all was typed
	Text     []byte // what is in it
	Recorded uint64 // what shrink recorded, 0 for nothing
}

// Take adds what the file at path says, which has this text. Its baseline lies
// beside it.
func (w *Wanted) Take(b *Budget, path string, text []byte, recorded uint64) {
	w.Limits, w.Growth, w.From, w.Text, w.Recorded = b.Limits, b.Growth, path, text, recorded
	if b.Baseline != "" {
		w.Baseline = b.Baseline
		if !filepath.IsAbs(w.Baseline) {
			w.Baseline = filepath.Join(filepath.Dir(path), w.Baseline)
		}
	}
}

// Prefer adds limits that were typed, in the place of those of a file on the
// same row.
func (w *Wanted) Prefer(typed []Limit) { w.Limits = prefer(w.Limits, typed) }

// TypedGrowth is the growth of the file that --max-growth allows.
func TypedGrowth(by string) (Growth, error) {
	g := Growth{Limit: Limit{What: "file"}, By: by}
	_, err := GrowthLimit(&g, 0)
	return g, err
}

// GrowthLimit is the limit on something that had base bytes and may grow.
func GrowthLimit(g *Growth, base uint64) (Limit, error) {
	l := g.Limit
	l.What, l.Grown, l.Base = g.What+" against the baseline", true, base
	percent, ok := strings.CutSuffix(g.By, "%")
	if !ok {
		n, err := ParseSize(g.By)
		l.Max = base + n
		return l, err
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(percent), 64)
	if err != nil || n < 0 || n > 1e9 || n != n {
		return l, fmt.Errorf("%q is no percentage", g.By)
	}
	l.Max = base + uint64(float64(base)*n/100)
	return l, nil
}

// Views are the views that the limits look at, each once.
func (w *Wanted) Views() []string {
	limits := w.Limits
	for _, g := range w.Growth {
		limits = append(limits[:len(limits):len(limits)], g.Limit)
	}
	return Views(limits)
}

// Place says on which line of the file each limit stands.
func (w *Wanted) Place(verdicts []Verdict) {
	d, err := toml.Parse(w.Text)
	if w.From == "" || err != nil {
		return
	}
	for i := range verdicts {
		if v := &verdicts[i]; len(v.Path) > 0 {
			v.Line = d.Line(v.Path...)
		}
	}
}

// Raise gives the file's text with the limits that are exceeded raised to what
// was measured, and those verdicts as they were. What was typed, and growth, it
// cannot raise; the verdicts that it can are kept from then on.
func (w *Wanted) Raise(verdicts []Verdict) (text []byte, raised []Verdict, err error) {
	d, err := toml.Parse(w.Text)
	if err != nil {
		return nil, nil, err
	}
	for i := range verdicts {
		v := &verdicts[i]
		if !v.Over || v.Grown || len(v.Path) == 0 {
			continue
		}
		if err := d.Set(v.Path, int64(v.Bytes)); err != nil {
			return nil, nil, err
		}
		raised = append(raised, *v)
		v.Max, v.Over = v.Bytes, false
	}
	return d.Bytes(), raised, nil
}
