package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/arrange"
	"github.com/minsize/minsize/internal/history"
)

// HistoryBuild is one build of a history with what changed against the one
// before it; the first one has no change.
type HistoryBuild struct {
	Time    string           `json:"time"`
	Name    string           `json:"name"`
	Label   string           `json:"label,omitempty"`
	Commit  string           `json:"commit,omitempty"`
	Subject string           `json:"subject,omitempty"`
	Dirty   bool             `json:"dirty,omitempty"`
	File    uint64           `json:"file"`
	Memory  uint64           `json:"memory"`
	Change  int64            `json:"change"`
	Changes []history.Change `json:"changes,omitempty"` // they sum to Change
}

// HistoryResult is what `minsize history show` tells.
type HistoryResult struct {
	File    string           `json:"file"` // of the records
	Program string           `json:"program"`
	View    string           `json:"view"`
	Builds  []HistoryBuild   `json:"builds"`            // oldest first
	Overall []history.Change `json:"overall,omitempty"` // from the first of them to the last
	Notes   []string         `json:"notes,omitempty"`

	Records []history.Record `json:"-"` // of Builds, for the figure
}

// causes is how many changes of a build stand in its line.
const causes = 3

// History turns a history into a Document.
func History(r *HistoryResult) *Document {
	d := &Document{Title: r.Program + ", build by build", Schema: "minsize.history-show/1", Data: r}
	t := &Table{Columns: []Column{{Name: "When", Key: "time"}, {Name: "Build", Key: "build"}, {Name: "File", Kind: Bytes, Key: "file"}, {Name: "Memory", Kind: Bytes, Key: "memory"}, {Name: "Change", Kind: Delta, Key: "change"},
		{Name: "%", Kind: Percent, Only: People}, {Name: "What changed, by " + r.View, Key: "causes", Flex: true, Wrap: true}}}
	for i, b := range r.Builds {
		var change, share Cell
		if i > 0 {
			change = b.Change
			if before := r.Builds[i-1].File; before > 0 {
				share = float64(b.Change) / float64(before)
			}
		}
		t.Rows = append(t.Rows, Row{Cells: []Cell{r.Records[i].When(), b.Name, b.File, b.Memory, change, share, sentence(b.Changes)}})
	}
	d.Blocks = append(d.Blocks, Block{Table: t})
	if len(r.Builds) > 2 {
		overall := &Table{Columns: []Column{{Name: "Bytes", Kind: Delta}, {Name: "Change"}, {Name: strings.ToUpper(r.View[:1]) + r.View[1:], Flex: true}}}
		for i, c := range r.Overall {
			if i == 20 {
				rest := int64(0)
				for _, more := range r.Overall[i:] {
					rest += more.Bytes
				}
				overall.Rows = append(overall.Rows, Row{Cells: []Cell{rest, nil, fmt.Sprintf("[%d others]", len(r.Overall)-i)}, Faint: true})
				break
			}
			kind := string(c.Kind)
			if c.AtLeast {
				kind += ", at least"
			}
			overall.Rows = append(overall.Rows, Row{Cells: []Cell{c.Bytes, kind, c.Name}})
		}
		first, last := r.Builds[0], r.Builds[len(r.Builds)-1]
		overall.Footer = []Cell{int64(last.File) - int64(first.File), nil, "total"}
		d.Blocks = append(d.Blocks, Block{Heading: fmt.Sprintf("From %s to %s", first.Name, last.Name), Table: overall, Only: People})
	}
	d.Blocks = append(d.Blocks, Block{Notes: r.Notes})
	d.Trend = historyTrend(r)
	return d
}

// sentence is the largest changes in words.
func sentence(list []history.Change) string {
	var words []string
	for i, c := range list {
		if i == causes {
			words = append(words, fmt.Sprintf("%d more", len(list)-causes))
			break
		}
		text := signedThousands(c.Bytes) + " " + c.Name
		switch {
		case c.AtLeast:
			text += " (at least)"
		case c.Kind == "new" || c.Kind == "gone":
			text += " (" + string(c.Kind) + ")"
		}
		words = append(words, text)
	}
	return strings.Join(words, ", ")
}

// trendSeries is how many rows of the view the figure tells apart.
const trendSeries = 8

// historyTrend stacks the rows that are largest in any build.
func historyTrend(r *HistoryResult) *Trend {
	peak := map[string]uint64{}
	for i := range r.Records {
		if v := r.Records[i].View(r.View); v != nil {
			for _, row := range v.Rows {
				peak[row.Name] = max(peak[row.Name], row.Size)
			}
		}
	}
	var names []string
	for name := range peak {
		names = append(names, name)
	}
	arrange.Sort(names, func(a, b string) int {
		if peak[a] != peak[b] {
			return int(min(max(int64(peak[b])-int64(peak[a]), -1), 1))
		}
		return strings.Compare(a, b)
	})
	names = names[:min(len(names), trendSeries)]
	t := &Trend{Title: r.Program, Series: append(slices.Clone(names), "everything else")}
	for i := range r.Records {
		rec := &r.Records[i]
		p := TrendPoint{Label: rec.Name(), Title: fmt.Sprintf("%s\n%s bytes", rec.Name(), thousands(int64(rec.File))), Parts: make([]uint64, len(names)+1)}
		if rec.Subject != "" {
			p.Title += "\n" + rec.Subject
		}
		left := rec.File
		if v := rec.View(r.View); v != nil {
			for _, row := range v.Rows {
				if k := slices.Index(names, row.Name); k >= 0 {
					n := min(row.Size, left)
					p.Parts[k] = n
					left -= n
				}
			}
		}
		p.Parts[len(names)] = left
		t.Points = append(t.Points, p)
	}
	return t
}

// NewHistory compares the last n records, all for 0, each with the one before.
func NewHistory(file, program, view string, list []history.Record, n int) (result *HistoryResult, err error) {
	result = &HistoryResult{File: file, Program: program, View: view}
	first := 0
	if n > 0 && len(list) > n {
		first = len(list) - n
		result.Notes = append(result.Notes, fmt.Sprintf("%d older builds are not shown (-n 0 shows all)", first))
	}
	for i := first; i < len(list); i++ {
		r := &list[i]
		b := HistoryBuild{Time: r.Time, Name: r.Name(), Label: r.Label, Commit: r.Commit, Subject: r.Subject, Dirty: r.Dirty, File: r.File, Memory: r.Memory}
		if i > first {
			b.Change = int64(r.File) - int64(list[i-1].File)
			if b.Changes, err = history.Compare(&list[i-1], r, view); err != nil {
				return nil, err
			}
		}
		result.Builds = append(result.Builds, b)
		result.Records = append(result.Records, *r)
	}
	if len(list)-first > 1 {
		if result.Overall, err = history.Compare(&list[first], &list[len(list)-1], view); err != nil {
			return nil, err
		}
	}
	return result, nil
}
