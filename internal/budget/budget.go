// Package budget holds limits on sizes and the verdict on a program.
//
// A budget that names only the file is soon raised without a look; one that
// names a crate or a kind says what grew. So a limit is on any row of any view
// of attribution, and a verdict has the bytes that were measured.
package budget

import (
	"cmp"
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
	What string `json:"what"`           // as written: "file", "memory", "crates:serde"
	View string `json:"view,omitempty"` // empty for the whole file
	Name string `json:"name,omitempty"` // a row of the view
	Max  uint64 `json:"max"`            // bytes
}

// Verdict is a limit with what was measured.
type Verdict struct {
	Limit
	Bytes uint64 `json:"bytes"`
	Over  bool   `json:"over"`
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

// Read reads a budget file: TOML with one table,
//
//	[budget]
//	file = "400 KiB"
//	"crates:serde" = 50000
//
// Its limits come in the order of their names.
func Read(data []byte) ([]Limit, error) {
	var file struct {
		Budget map[string]any `toml:"budget"`
	}
	if err := toml.DecodeInto(data, &file); err != nil {
		return nil, err
	}
	if len(file.Budget) == 0 {
		return nil, fmt.Errorf("no [budget] with limits in it")
	}
	var list []Limit
	for what, value := range file.Budget {
		l, err := newLimit(what, fmt.Sprint(value))
		if err != nil {
			return nil, err
		}
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b Limit) int { return cmp.Compare(a.What, b.What) })
	return list, nil
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

// Judge compares. reports has one report for each of Views; a row that is not
// there has no bytes.
func Judge(limits []Limit, file, memory uint64, reports map[string]*attrib.Report) []Verdict {
	var list []Verdict
	for _, l := range limits {
		v := Verdict{Limit: l}
		switch l.What {
		case "file":
			v.Bytes = file
		case "memory":
			v.Bytes = memory
		default:
			report := reports[l.View]
			if report == nil { // the caller judges it
				break
			}
			for _, row := range report.Rows {
				if row.Name == l.Name {
					v.Bytes += row.File
				}
			}
		}
		v.Over = v.Bytes > l.Max
		list = append(list, v)
	}
	return list
}
