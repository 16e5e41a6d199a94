package byteio

import (
	"os"
	"path/filepath"
	"testing"
)

// TestTempFolder: a living run's folder is left alone, a dead one's goes.
func TestTempFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "odd[name]*")
	stale := filepath.Join(dir, ".work-1")
	if err := os.MkdirAll(filepath.Join(stale, "deep"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".work-file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	first, removeFirst, err := TempFolder(dir, ".work-")
	if err != nil {
		t.Fatal(err)
	}
	_, removeSecond, err := TempFolder(dir, ".work-")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(first); err != nil {
		t.Errorf("the folder of a living run: %v", err)
	}
	if _, err := os.Stat(stale); err == nil && !renameNeedsClosedFile {
		t.Error("the folder of a dead run is still there")
	}
	removeFirst()
	removeSecond()
	if !renameNeedsClosedFile {
		mustHaveOnly(t, dir, ".work-file")
	}
}
