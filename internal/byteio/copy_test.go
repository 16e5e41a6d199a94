package byteio

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestCopyFile: a copy has the bytes and the permissions asked for, and one
// that fails leaves nothing.
func TestCopyFile(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	if err := os.WriteFile(from, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := CopyFile(from, to, 0o700); err != nil {
		t.Fatal(err)
	}
	if sum, err := SHA256(to); err != nil || sum != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Errorf("the digest of abc: %s, %v", sum, err)
	}
	if info, err := os.Stat(to); err != nil || info.Mode().Perm()&0o100 == 0 && umask() != 0 {
		t.Errorf("permissions %v, %v", info.Mode(), err)
	}
	if err := CopyFile(dir, filepath.Join(dir, "new"), 0o700); err == nil {
		t.Error("a folder was copied")
	}
	if _, err := os.Stat(filepath.Join(dir, "new")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a failed copy is there: %v", err)
	}
	if _, err := SHA256(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the digest of nothing: %v", err)
	}
}
