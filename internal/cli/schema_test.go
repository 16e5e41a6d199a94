package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/minsize/minsize/internal/apply"
	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/history"
	"github.com/minsize/minsize/internal/report"
)

// TestSchemas holds the JSON of the verbs that work on a project to the
// committed schemas (-update writes them anew). Fields may be added only.
func TestSchemas(t *testing.T) {
	for name, d := range map[string]*report.Document{
		"doctor-1.json":       report.Doctor(&cargo.Survey{}),
		"apply-1.json":        report.Edit("", &apply.Edit{}),
		"build-1.json":        (&report.Built{}).Document(),
		"strip-1.json":        report.StripResult{}.Document(),
		"pack-1.json":         report.PackResult{}.Document(),
		"package-1.json":      report.ParcelResult{}.Document(),
		"size-1.json":         report.Size(&report.SizeResult{}, report.SizeOptions{}),
		"diff-1.json":         report.Diff(&report.DiffResult{}, report.SizeOptions{}),
		"check-1.json":        report.Check(&report.CheckResult{}),
		"history-show-1.json": report.History(&report.HistoryResult{View: "crates"}),
		"history-1.json":      {Schema: history.Schema, Data: history.Record{}},
		"explain-1.json":      report.Explanation(&attrib.Explanation{}),
	} {
		path := filepath.Join("..", "..", "docs", "schema", name)
		got := report.SchemaOf(d.Schema, d.Data)
		if *update {
			if err := os.WriteFile(path, got, 0o666); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (go test ./internal/cli -run Schemas -update, if it is meant): %s", name, diff)
		}
	}
}
