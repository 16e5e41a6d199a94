package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/history"
)

func sampleHistory(t *testing.T) *HistoryResult {
	t.Helper()
	r := &HistoryResult{File: "minsize-history.jsonl", Program: "app", View: "crates", Notes: []string{"a note"}}
	for i, rows := range [][]history.Row{
		{{Name: "core", Size: 1000}, {Name: "std", Size: 900}, {Name: "gone <b>", Size: 200}},
		{{Name: "core", Size: 1500}, {Name: "std", Size: 880}, {Name: "serde", Size: 400}},
		{{Name: "core", Size: 1500}, {Name: "std", Size: 880}, {Name: "serde", Size: 700}},
	} {
		rec := history.Record{Time: "2026-01-02T03:04:05Z", Program: "app", Label: []string{"v1", "", ""}[i], Commit: "0123456789abcdef", Dirty: i == 2, Subject: "a <subject>",
			Memory: 5000, Views: []history.View{{Name: "crates", Rows: rows}}}
		for _, row := range rows {
			rec.File += row.Size
		}
		rec.File += 64
		b := HistoryBuild{Time: rec.Time, Name: rec.Name(), File: rec.File, Memory: rec.Memory}
		if i > 0 {
			before := &r.Records[i-1]
			b.Change = int64(rec.File) - int64(before.File)
			changes, err := history.Compare(before, &rec, "crates")
			if err != nil {
				t.Fatal(err)
			}
			b.Changes = changes
		}
		r.Builds = append(r.Builds, b)
		r.Records = append(r.Records, rec)
	}
	r.Overall = []history.Change{{Name: "serde", Bytes: 700, Kind: attrib.Added}, {Name: "core", Bytes: 500, Kind: attrib.Grown, AtLeast: true}, {Name: "gone <b>", Bytes: -200, Kind: attrib.Gone}, {Name: "std", Bytes: -20, Kind: attrib.Shrunk}}
	return r
}

func TestHistoryFormats(t *testing.T) {
	formatsAre(t, "history", History(sampleHistory(t)), "text", "markdown", "json", "csv", "svg")
}

// TestHistoryPage: the figure is in the page, nothing comes from elsewhere,
// and names are escaped in both.
func TestHistoryPage(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, "html", History(sampleHistory(t)), Options{}); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, forbidden := range []string{"http://", "https://", "src=", "<b>", "<subject>"} {
		if strings.Contains(strings.ReplaceAll(page, "http://www.w3.org/2000/svg", ""), forbidden) {
			t.Errorf("the page contains %q", forbidden)
		}
	}
	if n := strings.Count(page, "<polygon"); n != 5 {
		t.Errorf("%d areas, expected four crates and the rest", n)
	}
}

// TestTrendOfOne: a single build is a bar.
func TestTrendOfOne(t *testing.T) {
	trend := Trend{Title: "app", Series: []string{"a", "everything else"}, Points: []TrendPoint{{Label: "v1", Parts: []uint64{1, 2}}}}
	if text := trend.svg(Options{}); strings.Contains(text, "NaN") || strings.Count(text, "<polygon") != 2 {
		t.Error(text)
	}
}
