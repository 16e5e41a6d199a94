package history

import (
	"os"
	"path/filepath"
	"testing"
)

// TestOldHistory: a line that 0.1.0 wrote is read whole.
func TestOldHistory(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "history-0.1.0.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	records, problems, err := Read(data)
	if err != nil || len(records) != 1 || len(problems) != 0 {
		t.Fatalf("%d records, problems %v, %v", len(records), problems, err)
	}
	r := &records[0]
	if crates := r.View("crates"); r.Program != "app" || r.File != 15960 || crates == nil || len(crates.Rows) < 5 {
		t.Errorf("%+v", r)
	}
}
