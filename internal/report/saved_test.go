package report

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/minsize/minsize/internal/golden"
)

// TestOldReport: what 0.1.0 saved is a baseline still, and fits the schema of
// today: no field that was not there is required.
func TestOldReport(t *testing.T) {
	path := filepath.Join("testdata", "saved", "size-0.1.0.json")
	s, err := ReadSize(path)
	if err != nil {
		t.Fatal(err)
	}
	if total := s.Total("app"); total.File != 15960 || total.Memory != 2701 || len(s.Rows) < 5 {
		t.Errorf("%+v", s)
	}
	if _, err := NewDiff(s, s, [2]string{"old", "new"}, false); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	golden.Schema(t, schemaOf("minsize.size/1", SizeResult{}), text)
}
