package executor

import (
	"os"
	"path/filepath"
	"testing"
)

// TestCargoKeepsCopy: a program that cargo linked from its folder deps is told
// from one with a link elsewhere, and goes together with that.
func TestCargoKeepsCopy(t *testing.T) {
	dir := t.TempDir()
	deps := filepath.Join(dir, "deps")
	if err := os.Mkdir(deps, 0o777); err != nil {
		t.Fatal(err)
	}
	for program, other := range map[string]string{"app": filepath.Join(deps, "app-0123"), "linked": filepath.Join(dir, "elsewhere"), "alone": ""} {
		path := filepath.Join(dir, program)
		if err := os.WriteFile(path, nil, 0o777); err != nil {
			t.Fatal(err)
		}
		if other != "" {
			if err := os.Link(path, other); err != nil {
				t.Skip(err)
			}
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := CargoKeepsCopy(path, info); got != (program == "app") {
			t.Errorf("%s: %v", program, got)
		}
	}
	if err := removeLinked(filepath.Join(dir, "app")); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(deps); len(left) != 0 {
		t.Errorf("%v is left in deps", left)
	}
}
