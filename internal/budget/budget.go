// Package budget holds limits on sizes and the verdict on a program.
//
// A budget that names only the file is soon raised without a look; one that
// names a crate or a kind says what grew. So a limit is on any row of any view
// of attribution, and a verdict has the bytes that were measured. A row that is
// not there is no small one: misspelt, it would be "ok" for ever. It fails
// unless the limit says, by a question mark, that it may be absent.
package budget

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/minsize/minsize/internal/arrange"
	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/region"
	"github.com/minsize/minsize/internal/toml"
)

// Limit is the most that something may have.
type Limit struct {
	What     string  `json:"what"`               // as written: "file", "memory", "crates:serde"
	View     string  `json:"view,omitempty"`     // empty for the whole file
	Name     string  `json:"name,omitempty"`     // a row of the view
	Optional bool    `json:"optional,omitempty"` // the row may be absent: "crates:serde?"
	Max      uint64  `json:"max"`                // bytes
	Percent  float64 `json:"percent,omitempty"`  // of the region's length: Max comes from it
	Grown    bool    `json:"grown,omitempty"`    // Max is Base and what may be added to it
	Base     uint64  `json:"base,omitempty"`     // what the baseline has

	Path []string `json:"-"` // of the key in the file that says it
}

// Verdict is a limit with what was measured.
type Verdict struct {
	Limit
	Bytes uint64 `json:"bytes"`
	Over  bool   `json:"over"`

	Missing bool     `json:"missing,omitempty"` // the view has no such row, and the limit is not Optional
	Nearest []string `json:"nearest,omitempty"` // rows that may have been meant
	Line    int      `json:"line,omitempty"`    // of the file that sets the limit
}

// Region is the view of a bare machine's memories: what a program takes of
// each. It is none of attribution's: a byte may count in two.
const Region = "region"

// ParseLimit reads "file=400KiB", "memory=1MiB", "crates:serde=50000".
func ParseLimit(s string) (Limit, error) {
	i := strings.LastIndexByte(s, '=')
	if i < 0 {
		return Limit{}, fmt.Errorf("limit %q: expected WHAT=SIZE", s)
	}
	return newLimit(s[:i], s[i+1:])
}

func newLimit(what, size string) (Limit, error) {
	l := Limit{What: what}
	what, l.Optional = strings.CutSuffix(what, "?")
	if what == "file" || what == "memory" {
		if l.Optional {
			return l, fmt.Errorf("limit on %q: only a row may be absent", l.What)
		}
	}
	if what != "file" && what != "memory" {
		view, name, ok := strings.Cut(what, ":")
		if !ok || name == "" {
			return l, fmt.Errorf("limit on %q: expected file, memory or VIEW:NAME", what)
		}
		if view == Region {
			l.View, l.Name = Region, name
			if number, ok := strings.CutSuffix(strings.TrimSpace(size), "%"); ok {
				var err error
				if l.Percent, err = strconv.ParseFloat(strings.TrimSpace(number), 64); err != nil || !(l.Percent > 0 && l.Percent <= 100) {
					return l, fmt.Errorf("limit on %q: %q is no share of a region (90%%)", what, size)
				}
				return l, nil
			}
		} else {
			canonical, err := attrib.CanonicalView(view, nil)
			if err != nil {
				return l, fmt.Errorf("limit on %q: %w", what, err)
			}
			l.View, l.Name = canonical, name
		}
	}
	var err error
	if l.Max, err = ParseSize(size); err != nil {
		return l, fmt.Errorf("limit on %q: %w", what, err)
	}
	return l, nil
}

// units of sizes; without one a number is bytes.
var units = []struct {
	suffix string
	bytes  float64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {"B", 1}}

// ParseSize reads "400KiB", "1.5 MB", "123456".
func ParseSize(s string) (uint64, error) {
	number, factor := strings.TrimSpace(s), 1.0
	for _, u := range units {
		if rest, ok := strings.CutSuffix(number, u.suffix); ok {
			number, factor = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseFloat(strings.ReplaceAll(number, "_", ""), 64)
	if err != nil || n < 0 || math.IsNaN(n) || n*factor > 1<<53 {
		return 0, fmt.Errorf("%q is no size (400KiB, 1.5MB, 123456)", s)
	}
	return uint64(n * factor), nil
}

// Growth is how much something may have beyond the baseline.
type Growth struct {
	Limit        // without a Max
	By    string // a size or a percentage
}

// Budget is what a file says.
type Budget struct {
	Limits   []Limit
	Growth   []Growth
	Baseline string             // of Growth: an older program or a saved report, "" for what shrink recorded
	Targets  map[string]*Budget // what is else, or besides, for one target
}

// ErrNone: there is no table of that name, or nothing in it.
var ErrNone = errors.New("no [budget] with limits in it")

// Read reads the table [budget] of a TOML file, whatever else is in it:
//
//	[budget]
//	file = "400 KiB"
//	"crates:serde" = 50000
//	growth = "1%"
//
//	[budget.crates]
//	regex = "200 KiB"
//
//	[budget.growth]
//	file = "1%"
//	"crates:regex" = "4 KiB"
//
//	[budget.target.x86_64-pc-windows-gnu]
//	file = "500 KiB"
//
// Its limits come in the order of their names.
func Read(data []byte) (*Budget, error) { return ReadBelow(data) }

// ReadBelow reads the table [budget] below another one, such as
// [package.metadata.minsize] of a manifest.
func ReadBelow(data []byte, above ...string) (*Budget, error) {
	table, err := toml.Decode(data)
	if err != nil {
		return nil, err
	}
	path := append(slices.Clone(above), "budget")
	for _, key := range path {
		table, _ = table[key].(map[string]any)
	}
	if len(table) == 0 {
		return nil, ErrNone
	}
	return fromTable(table, path)
}

// fromTable reads the decoded table at path.
func fromTable(table map[string]any, path []string) (*Budget, error) {
	b := &Budget{}
	for what, value := range table {
		at := append(slices.Clone(path), what)
		inner, isTable := value.(map[string]any)
		var err error
		switch {
		case what == "growth" && isTable:
			err = rows(inner, at, b.addGrowth)
		case what == "growth":
			err = b.addGrowth("file", value, at)
		case what == "baseline":
			b.Baseline = fmt.Sprint(value)
		case what == "target" && isTable:
			err = b.readTargets(inner, at)
		default:
			err = rows(map[string]any{what: value}, path, b.add)
		}
		if err != nil {
			return nil, err
		}
	}
	if b.Baseline != "" && len(b.Growth) == 0 {
		return nil, errors.New("baseline without growth")
	}
	arrange.Sort(b.Limits, func(a, b Limit) int { return cmp.Compare(a.What, b.What) })
	arrange.Sort(b.Growth, func(a, b Growth) int { return cmp.Compare(a.What, b.What) })
	return b, nil
}

// rows calls add for each key of a table, and of its tables of one view.
func rows(table map[string]any, path []string, add func(what string, value any, path []string) error) error {
	for what, value := range table {
		at := append(slices.Clone(path), what)
		view, ok := value.(map[string]any)
		if !ok {
			if err := add(what, value, at); err != nil {
				return err
			}
			continue
		}
		for name, value := range view {
			if err := add(what+":"+name, value, append(slices.Clone(at), name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *Budget) add(what string, value any, path []string) error {
	l, err := newLimit(what, fmt.Sprint(value))
	if err == nil {
		l.Path = path
		b.Limits = append(b.Limits, l)
	}
	return err
}

func (b *Budget) addGrowth(what string, value any, path []string) error {
	g := Growth{By: fmt.Sprint(value)}
	var err error
	if g.Limit, err = newLimit(what, "0"); err == nil {
		if _, err = GrowthLimit(&g, 0); err != nil {
			return fmt.Errorf("growth: %w", err)
		}
		g.Path = path
		b.Growth = append(b.Growth, g)
	}
	return err
}

func (b *Budget) readTargets(table map[string]any, path []string) error {
	b.Targets = map[string]*Budget{}
	for triple, value := range table {
		inner, ok := value.(map[string]any)
		if !ok {
			return fmt.Errorf("target.%s: expected a table of limits", triple)
		}
		of, err := fromTable(inner, append(slices.Clone(path), triple))
		if err != nil {
			return fmt.Errorf("target.%s: %w", triple, err)
		}
		if of.Baseline != "" || of.Targets != nil {
			return fmt.Errorf("target.%s: baseline and target belong into [budget] itself", triple)
		}
		b.Targets[triple] = of
	}
	return nil
}

// For is the budget of one target: what it says itself goes before what is said
// for all.
func (b *Budget) For(triple string) *Budget {
	own := b.Targets[triple]
	if own == nil {
		return b
	}
	merged := &Budget{Baseline: b.Baseline, Limits: prefer(b.Limits, own.Limits)}
	for _, g := range b.Growth {
		if !slices.ContainsFunc(own.Growth, func(o Growth) bool { return o.onSameRow(g.Limit) }) {
			merged.Growth = append(merged.Growth, g)
		}
	}
	merged.Growth = append(merged.Growth, own.Growth...)
	return merged
}

// prefer is the limits with others in the place of those on the same row.
func prefer(limits, others []Limit) []Limit {
	kept := slices.DeleteFunc(slices.Clone(limits), func(l Limit) bool {
		return slices.ContainsFunc(others, l.onSameRow)
	})
	return append(kept, others...)
}

// onSameRow says whether two limits are on the same, spelt alike.
func (l Limit) onSameRow(o Limit) bool {
	return l.View == o.View && strings.TrimSuffix(l.What, "?") == strings.TrimSuffix(o.What, "?")
}

// Views are the views that the limits look at, each once.
func Views(limits []Limit) []string {
	var list []string
	for _, l := range limits {
		if l.View != "" && l.View != Region && !slices.Contains(list, l.View) {
			list = append(list, l.View)
		}
	}
	return list
}

// Sizes are what is measured of a program.
type Sizes struct {
	File, Memory uint64
	Rows         map[string][]attrib.Row // of each view
	Regions      []region.Use            // of a bare machine
}

// Region is the index of the region of that name, -1 for none.
func (s *Sizes) Region(name string) int {
	return slices.IndexFunc(s.Regions, func(u region.Use) bool { return strings.EqualFold(u.Name, name) })
}

// Of is what the limit is on, and whether there is such a row.
func (s *Sizes) Of(l Limit) (bytes uint64, found bool) {
	if l.View == "" {
		if strings.HasPrefix(l.What, "memory") {
			return s.Memory, true
		}
		return s.File, true
	}
	if l.View == Region {
		i := s.Region(l.Name)
		if i < 0 {
			return 0, false
		}
		return s.Regions[i].Used, true
	}
	for _, row := range s.Rows[l.View] {
		if l.names(row.Name) {
			bytes += row.File
			found = true
		}
	}
	return bytes, found
}

// Judge compares. The sizes have the rows of each of Views.
func Judge(limits []Limit, sizes *Sizes) []Verdict {
	var list []Verdict
	for _, l := range limits {
		v := Verdict{Limit: l}
		if i := sizes.Region(l.Name); l.Percent > 0 && i >= 0 {
			v.Max = uint64(float64(sizes.Regions[i].Length) * l.Percent / 100)
		}
		var found bool
		v.Bytes, found = sizes.Of(l)
		if v.Missing = !found && !l.Optional; v.Missing {
			var names []string
			for _, row := range sizes.Rows[l.View] {
				names = append(names, strings.Clone(row.Name)) // it shares a mapping
			}
			for _, u := range sizes.Regions {
				names = append(names, u.Name)
			}
			v.Nearest = nearest(l.Name, names)
		}
		v.Over = v.Bytes > v.Max
		list = append(list, v)
	}
	return list
}

// names says whether the limit is on this row. Crates go by cargo's spelling
// too, and packages with or without their version.
func (l Limit) names(row string) bool {
	switch l.View {
	case "crates":
		name := row // of two crates of one name both count, unless one is named
		if i := strings.IndexAny(row, "@#"); i > 0 {
			name = row[:i]
		}
		return row == l.Name || foldDashes(row) == foldDashes(l.Name) || foldDashes(name) == foldDashes(l.Name)
	case "packages":
		name, _, _ := strings.Cut(row, " ")
		return row == l.Name || foldDashes(row) == foldDashes(l.Name) || foldDashes(name) == foldDashes(l.Name)
	}
	return row == l.Name
}
