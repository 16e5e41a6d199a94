package cargo

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestCopySources: all that a build reads, with the right to execute it, and
// nothing that was built or that git keeps.
func TestCopySources(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	for _, name := range []string{"CACHEDIR.TAG", "Cargo.toml", "src/main.rs", "gen.sh", ".git/HEAD", "built/CACHEDIR.TAG", "built/app", "out/app"} {
		path := filepath.Join(from, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o444)
		if strings.HasSuffix(name, ".sh") {
			mode = 0o755
		}
		if err := os.WriteFile(path, []byte(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"CACHEDIR.TAG", "Cargo.toml", "gen.sh", "src/main.rs"}
	if os.Symlink("gen.sh", filepath.Join(from, "link")) == nil {
		want = []string{"CACHEDIR.TAG", "Cargo.toml", "gen.sh", "link", "src/main.rs"}
	}
	if err := CopySources(t.Context(), from, to, filepath.Join(from, "out")); err != nil {
		t.Fatal(err)
	}
	var got []string
	err := filepath.WalkDir(to, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(to, path)
			got = append(got, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v %v, expected %v", err, got, want)
	}
	info, err := os.Stat(filepath.Join(to, "gen.sh"))
	if err != nil || runtime.GOOS != "windows" && info.Mode()&0o100 == 0 {
		t.Errorf("gen.sh: %v %v", info.Mode(), err)
	}
	if info, err = os.Stat(filepath.Join(to, "Cargo.toml")); err != nil || info.Mode()&0o200 == 0 {
		t.Errorf("Cargo.toml cannot be edited: %v", err)
	}
}
