package byteio

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestOpenRefuses(t *testing.T) {
	folder := t.TempDir()
	if _, err := Open(folder); !errors.Is(err, ErrNotRegular) {
		t.Errorf("a folder: %v", err)
	}
	if _, err := Open(filepath.Join(folder, "nothing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
	empty := filepath.Join(folder, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if m := reopen(t, empty); len(m.Data) != 0 {
		t.Errorf("%d bytes in an empty file", len(m.Data))
	}
}

// TestForget: pages that were given up come back from the file, whatever part
// was named.
func TestForget(t *testing.T) {
	path := filepath.Join(t.TempDir(), "big")
	want := bytes.Repeat([]byte("0123456789abcdef"), 4096)
	if err := os.WriteFile(path, want, 0o600); err != nil {
		t.Fatal(err)
	}
	m := reopen(t, path)
	for _, part := range [][]byte{m.Data, m.Data[5000:30000], m.Data[:10], m.Data[len(m.Data):], nil, []byte("not of this file")} {
		m.Forget(part)
		if !bytes.Equal(m.Data, want) {
			t.Fatal("bytes were lost")
		}
	}
}

// TestReadAll is the way of file systems that cannot map.
func TestReadAll(t *testing.T) {
	path, m := inFolder(t, 0o644)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got := &Mapping{Path: path, Info: m.Info}
	if err := got.readAll(f); err != nil || !bytes.Equal(got.Data, m.Data) {
		t.Errorf("%q, %v", got.Data, err)
	}
	if err := got.readAll(f); err == nil {
		t.Error("a file that is shorter than it was said to be is no error")
	}
	if err := got.Close(); err != nil {
		t.Error(err)
	}
}

// TestBackupByCopy is the way of file systems without hard links.
func TestBackupByCopy(t *testing.T) {
	path, m := inFolder(t, 0o750)
	backup := path + "~"
	if err := CopyFile(path, backup, m.Info.Mode()); err != nil {
		t.Fatal(err)
	}
	mustHold(t, backup, []byte("old content"))
	if info, _ := os.Stat(backup); info.Mode().Perm()&^0o750 != 0 {
		t.Errorf("the backup may be read by more than the file: %v", info.Mode())
	}
	if err := CopyFile(path, backup, m.Info.Mode()); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over another backup: %v", err)
	}
	if err := CopyFile(path+"nothing", path+"2", 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("from nothing: %v", err)
	}
	mustHaveOnly(t, filepath.Dir(path), "prog", "prog~")
}

// TestModeOfOutput: a file that is made from nothing has the mode of what it
// replaces, else the mode that was asked for, else what open(2) gives.
func TestModeOfOutput(t *testing.T) {
	path, _ := inFolder(t, 0o751)
	if _, err := WriteFile(t.Context(), path, newContent(), WriteOptions{Perm: 0o600}); err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o751 {
		t.Errorf("replaced: mode %v", info.Mode())
	}
	plain := filepath.Join(filepath.Dir(path), "plain")
	other, err := os.Create(filepath.Join(filepath.Dir(path), "other"))
	if err != nil {
		t.Fatal(err)
	}
	other.Close()
	if _, err := WriteFile(t.Context(), plain, newContent(), WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	want, _ := os.Stat(other.Name())
	if info, _ := os.Stat(plain); info.Mode() != want.Mode() {
		t.Errorf("new: mode %v, open(2) gives %v", info.Mode(), want.Mode())
	}
}

// TestRegularOnly: a FIFO is refused before it is opened, where it would wait
// for ever.
func TestRegularOnly(t *testing.T) {
	folder := t.TempDir()
	pipe, file := filepath.Join(folder, "pipe"), filepath.Join(folder, "file")
	if said, err := exec.Command("mkfifo", pipe).CombinedOutput(); err != nil {
		t.Skipf("needs mkfifo: %v %s", err, said)
	}
	for _, path := range []string{pipe, folder} {
		if f, err := OpenRegular(path); !errors.Is(err, ErrNotRegular) {
			t.Errorf("%s: %v, %v", path, f, err)
		}
	}
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := OpenRegular(file)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}
