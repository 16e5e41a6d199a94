// Package golden compares what a test makes with what is committed. There is
// one flag, the same in every package: `go test ./internal/NAME -update`
// writes the committed files anew, and the diff is reviewed as the change.
//
// A golden file that no test asks for any more is a lie that nobody reads:
// whoever opens a folder of them owns all of it, and an orphan fails the test.
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files and generated docs anew")

// Update says that -update was given, for tests that have golden files of a
// shape of their own.
func Update() bool { return *update }

// Compare holds got to the file at path, or writes it with -update.
func Compare(t testing.TB, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Errorf("%v (-update writes it)", err)
		return
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is not what was made (-update writes it, if the change is meant):\n%s", path, diff)
	}
}

// Folder holds golden files of one test and nothing else.
type Folder struct {
	path string
	used map[string]bool
}

// Open gives a folder to a test, at whose end every file in it must have been
// compared with something; -update removes the others.
func Open(t testing.TB, path string) *Folder {
	f := &Folder{path: path, used: map[string]bool{}}
	t.Cleanup(func() {
		if run := flag.Lookup("test.run"); t.Failed() || run != nil && strings.Contains(run.Value.String(), "/") {
			return // not all of the test ran
		}
		for _, orphan := range f.orphans(t) {
			if !*update {
				t.Errorf("%s: no test makes it any more (-update removes it)", orphan)
			} else if err := os.Remove(orphan); err != nil {
				t.Error(err)
			}
		}
	})
	return f
}

// Compare is the function of the same name for a file of the folder. It may be
// called by subtests, if they do not run in parallel.
func (f *Folder) Compare(t testing.TB, name string, got []byte) {
	t.Helper()
	f.used[name] = true
	Compare(t, filepath.Join(f.path, name), got)
}

func (f *Folder) orphans(t testing.TB) []string {
	entries, err := os.ReadDir(f.path)
	if err != nil {
		t.Error(err)
	}
	var orphans []string
	for _, e := range entries {
		if !f.used[e.Name()] {
			orphans = append(orphans, filepath.Join(f.path, e.Name()))
		}
	}
	return orphans
}
