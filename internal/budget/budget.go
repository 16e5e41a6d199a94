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

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/toml"
)

// Limit is the most that something may have.
type Limit struct {
	What     string `json:"what"`               // as written: "file", "memory", "crates:serde"
	View     string `json:"view,omitempty"`     // empty for the whole file
	Name     string `json:"name,omitempty"`     // a row of the view
	Optional bool   `json:"optional,omitempty"` // the row may be absent: "crates:serde?"
	Max      uint64 `json:"max"`                // bytes
}

// Verdict is a limit with what was measured.
type Verdict struct {
	Limit
	Bytes uint64 `json:"bytes"`
	Over  bool   `json:"over"`

	Missing bool     `json:"missing,omitempty"` // the view has no such row, and the limit is not Optional
	Nearest []string `json:"nearest,omitempty"` // rows that may have been meant
}

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
		canonical, err := attrib.CanonicalView(view, nil)
		if err != nil {
			return l, fmt.Errorf("limit on %q: %w", what, err)
		}
		l.View, l.Name = canonical, name
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

// Budget is what a file says.
type Budget struct {
	Limits   []Limit
	Growth   string // how much larger than the baseline: a size or a percentage; "" for no limit
	Baseline string // of Growth: an older program or a saved report, "" for what shrink recorded
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
// Its limits come in the order of their names.
func Read(data []byte) (*Budget, error) {
	file, err := toml.Decode(data)
	if err != nil {
		return nil, err
	}
	table, ok := file["budget"].(map[string]any)
	if !ok || len(table) == 0 {
		return nil, ErrNone
	}
	return FromTable(table)
}

// FromTable reads the decoded table.
func FromTable(table map[string]any) (*Budget, error) {
	b := &Budget{}
	for what, value := range table {
		if view, ok := value.(map[string]any); ok {
			for name, value := range view {
				if err := b.add(what+":"+name, value); err != nil {
					return nil, err
				}
			}
			continue
		}
		switch what {
		case "growth":
			b.Growth = fmt.Sprint(value)
		case "baseline":
			b.Baseline = fmt.Sprint(value)
		default:
			if err := b.add(what, value); err != nil {
				return nil, err
			}
		}
	}
	if b.Baseline != "" && b.Growth == "" {
		return nil, errors.New("baseline without growth")
	}
	slices.SortFunc(b.Limits, func(a, b Limit) int { return cmp.Compare(a.What, b.What) })
	return b, nil
}

func (b *Budget) add(what string, value any) error {
	l, err := newLimit(what, fmt.Sprint(value))
	if err == nil {
		b.Limits = append(b.Limits, l)
	}
	return err
}

// Views are the views that the limits look at, each once.
func Views(limits []Limit) []string {
	var list []string
	for _, l := range limits {
		if l.View != "" && !slices.Contains(list, l.View) {
			list = append(list, l.View)
		}
	}
	return list
}

// Judge compares. reports has one report for each of Views.
func Judge(limits []Limit, file, memory uint64, reports map[string]*attrib.Report) []Verdict {
	var list []Verdict
	for _, l := range limits {
		v := Verdict{Limit: l}
		switch l.What {
		case "file", growthOfFile:
			v.Bytes = file
		case "memory":
			v.Bytes = memory
		default:
			report := reports[l.View]
			found := false
			for _, row := range report.Rows {
				if l.names(row.Name) {
					v.Bytes += row.File
					found = true
				}
			}
			if v.Missing = !found && !l.Optional; v.Missing {
				names := make([]string, len(report.Rows))
				for i := range report.Rows {
					names[i] = report.Rows[i].Name
				}
				v.Nearest = nearest(l.Name, names)
			}
		}
		v.Over = v.Bytes > l.Max
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
