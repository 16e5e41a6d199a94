package byteio

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// inFolder makes a folder with one input file and opens it.
func inFolder(t *testing.T, mode fs.FileMode) (path string, m *Mapping) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "prog")
	if err := os.WriteFile(path, []byte("old content"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path, reopen(t, path)
}

func reopen(t *testing.T, path string) *Mapping {
	t.Helper()
	m, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func newContent() Content {
	return Content{{Data: []byte("new")}, {Zeros: 5}, {Data: []byte("content"), Zeros: 1}}
}

var newBytes = []byte("new\x00\x00\x00\x00\x00content\x00")

func mustHold(t *testing.T, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s holds %q, want %q", path, got, want)
	}
}

// mustHaveOnly checks that no temporary file was left.
func mustHaveOnly(t *testing.T, folder string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if len(got) != len(names) {
		t.Errorf("folder holds %q, want %q", got, names)
	}
}

func TestWriteInPlaceKeepsMode(t *testing.T) {
	for _, mode := range []fs.FileMode{0o755, 0o500, 0o755 | fs.ModeSetuid, 0o2755&0o777 | fs.ModeSetgid} {
		path, m := inFolder(t, mode)
		written, err := WriteFile(t.Context(), path, newContent(), WriteOptions{Like: m})
		if err != nil {
			t.Fatal(err)
		}
		mustHold(t, path, newBytes)
		info, _ := os.Stat(path)
		if info.Mode() != mode {
			t.Errorf("mode %v, want %v", info.Mode(), mode)
		}
		if written.Size != uint64(len(newBytes)) {
			t.Errorf("Size %d, want %d", written.Size, len(newBytes))
		}
		mustHaveOnly(t, filepath.Dir(path), "prog")
	}
}

// TestEveryFailingStep: whatever fails before the rename, the input is as it
// was and nothing else is left.
func TestEveryFailingStep(t *testing.T) {
	boom := errors.New("injected")
	var seen []string
	path, m := inFolder(t, 0o755)
	record := func(step string) error { seen = append(seen, step); return nil }
	if _, err := WriteFile(t.Context(), path, newContent(), WriteOptions{Like: m, Backup: path + "~", fault: record}); err != nil {
		t.Fatal(err)
	}
	if len(seen) < 8 {
		t.Fatalf("only the steps %q were passed", seen)
	}
	for i, name := range seen {
		path, m := inFolder(t, 0o755)
		n := 0
		written, err := WriteFile(t.Context(), path, newContent(), WriteOptions{Like: m, Backup: path + "~", fault: func(string) error {
			n++
			if n == i+1 {
				return boom
			}
			return nil
		}})
		if name == "folder" { // after the rename: the new file is there, with a note
			if err != nil || len(written.Notes) != 1 {
				t.Errorf("failing folder sync: error %v, notes %q", err, written.Notes)
			}
			continue
		}
		if !errors.Is(err, boom) {
			t.Errorf("failing %s: error %v", name, err)
		}
		mustHold(t, path, []byte("old content"))
		mustHaveOnly(t, filepath.Dir(path), "prog")
	}
}

func TestCheckRefuses(t *testing.T) {
	path, m := inFolder(t, 0o755)
	boom := errors.New("not the same image")
	_, err := WriteFile(t.Context(), path, newContent(), WriteOptions{Like: m, Check: func(written []byte) error {
		if !bytes.Equal(written, newBytes) {
			t.Errorf("Check saw %q", written)
		}
		return boom
	}})
	if !errors.Is(err, boom) {
		t.Errorf("error %v", err)
	}
	mustHold(t, path, []byte("old content"))
	mustHaveOnly(t, filepath.Dir(path), "prog")
}

func TestInputChangesMeanwhile(t *testing.T) {
	path, m := inFolder(t, 0o755)
	_, err := WriteFile(t.Context(), path, newContent(), WriteOptions{Like: m, Check: func([]byte) error {
		time.Sleep(20 * time.Millisecond) // past the clock grain of the file system
		return os.WriteFile(path, []byte("NEW CONTENT"), 0o755)
	}})
	if !errors.Is(err, ErrChanged) {
		t.Errorf("error %v, want ErrChanged", err)
	}
	mustHold(t, path, []byte("NEW CONTENT"))
	mustHaveOnly(t, filepath.Dir(path), "prog")
}

// TestModeChangesMeanwhile: chmod +x while a program is rewritten is no change
// of the program, and holds for the new one. A run is held at its check here.
func TestModeChangesMeanwhile(t *testing.T) {
	path, m := inFolder(t, 0o644)
	_, err := WriteFile(t.Context(), path, newContent(), WriteOptions{Like: m, Check: func([]byte) error {
		return os.Chmod(path, 0o755)
	}})
	if err != nil {
		t.Fatal(err)
	}
	mustHold(t, path, newBytes)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("mode %v, error %v, want 0755", info.Mode(), err)
	}
}

// TestTruncatedWhileRead: a mapped page that vanishes is an error, no crash.
func TestTruncatedWhileRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "big")
	if err := os.WriteFile(path, make([]byte, 1<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	m := reopen(t, path)
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	sum := 0
	err := Guard(func() error {
		for _, b := range m.Data {
			sum += int(b)
		}
		return nil
	})
	if m.unmap != nil && !errors.Is(err, ErrChanged) {
		t.Errorf("error %v, want ErrChanged", err)
	}
}

func TestSymbolicLinkStays(t *testing.T) {
	path, _ := inFolder(t, 0o755)
	link := filepath.Join(filepath.Dir(path), "link")
	if err := os.Symlink("prog", link); err != nil {
		t.Skip(err)
	}
	if _, err := WriteFile(t.Context(), link, newContent(), WriteOptions{Like: reopen(t, link)}); err != nil {
		t.Fatal(err)
	}
	mustHold(t, path, newBytes)
	if info, _ := os.Lstat(link); info.Mode()&fs.ModeSymlink == 0 {
		t.Error("the link became a file")
	}
}

func TestHardLinks(t *testing.T) {
	path, _ := inFolder(t, 0o755)
	other := filepath.Join(filepath.Dir(path), "other")
	if err := os.Link(path, other); err != nil {
		t.Skip(err)
	}
	m := reopen(t, path)
	if LinkCount(m.Info) != 2 {
		t.Skip("the host does not count links")
	}
	if _, err := WriteFile(t.Context(), path, newContent(), WriteOptions{Like: m}); !errors.Is(err, ErrHardLinks) {
		t.Errorf("error %v, want ErrHardLinks", err)
	}
	mustHold(t, path, []byte("old content"))
	if _, err := WriteFile(t.Context(), path, newContent(), WriteOptions{Like: m, BreakLinks: true}); err != nil {
		t.Error(err)
	}
	mustHold(t, path, newBytes)
	mustHold(t, other, []byte("old content"))
}

func TestNotRegular(t *testing.T) {
	folder := t.TempDir()
	if _, err := WriteFile(t.Context(), folder, newContent(), WriteOptions{}); !errors.Is(err, ErrNotRegular) {
		t.Errorf("folder: error %v", err)
	}
	dangling := filepath.Join(folder, "dangling")
	if err := os.Symlink("nothing", dangling); err != nil {
		t.Skip(err)
	}
	if _, err := WriteFile(t.Context(), dangling, newContent(), WriteOptions{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("dangling link: error %v", err)
	}
	mustHaveOnly(t, folder, "dangling")
}

func TestBackupAndDates(t *testing.T) {
	path, _ := inFolder(t, 0o755)
	then := time.Date(2020, 2, 29, 12, 0, 0, 123456789, time.UTC)
	if err := os.Chtimes(path, then, then); err != nil {
		t.Fatal(err)
	}
	o := WriteOptions{Like: reopen(t, path), PreserveDates: true, Backup: path + "~"}
	if _, err := WriteFile(t.Context(), path, newContent(), o); err != nil {
		t.Fatal(err)
	}
	mustHold(t, path+"~", []byte("old content"))
	info, _ := os.Stat(path)
	if !info.ModTime().Equal(then) {
		t.Errorf("modified %v, want %v", info.ModTime(), then)
	}
	o.Like = reopen(t, path)
	if _, err := WriteFile(t.Context(), path, Content{{Data: []byte("x")}}, o); !errors.Is(err, ErrExists) {
		t.Errorf("second backup: error %v, want ErrExists", err)
	}
	mustHold(t, path, newBytes)
}

func TestInterrupted(t *testing.T) {
	path, m := inFolder(t, 0o755)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := WriteFile(ctx, path, newContent(), WriteOptions{Like: m}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	mustHold(t, path, []byte("old content"))
	mustHaveOnly(t, filepath.Dir(path), "prog")
}

// TestStaleTemporary: what a killed run left goes; what a living run holds stays.
func TestStaleTemporary(t *testing.T) {
	path, m := inFolder(t, 0o755)
	if err := os.WriteFile(TempName(path), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	alive, err := os.Open(TempName(path))
	if err != nil {
		t.Fatal(err)
	}
	if err := lockFile(alive); err != nil {
		t.Fatal(err)
	}
	if !renameNeedsClosedFile {
		if _, err := WriteFile(t.Context(), path, newContent(), WriteOptions{Like: m}); !errors.Is(err, ErrBusy) {
			t.Errorf("beside a living run: error %v, want ErrBusy", err)
		}
		mustHold(t, TempName(path), []byte("half"))
	}
	alive.Close()
	if _, err := WriteFile(t.Context(), path, newContent(), WriteOptions{Like: m}); err != nil {
		t.Fatal(err)
	}
	mustHold(t, path, newBytes)
	mustHaveOnly(t, filepath.Dir(path), "prog")
}

func TestNewFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fresh")
	if _, err := WriteFile(t.Context(), path, newContent(), WriteOptions{Perm: 0o755}); err != nil {
		t.Fatal(err)
	}
	mustHold(t, path, newBytes)
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o755 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestHolesStay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sparse")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("end"), 64<<20); err != nil {
		t.Fatal(err)
	}
	f.Close()
	m := reopen(t, path)
	if !isSparse(m.Info) {
		t.Skip("the file system makes no holes")
	}
	if _, err := WriteFile(t.Context(), path, Content{{Data: m.Data}}, WriteOptions{Like: m}); err != nil {
		t.Fatal(err)
	}
	info, _ := os.Stat(path)
	if info.Size() != 64<<20+3 || !isSparse(info) {
		t.Errorf("size %d, sparse %v", info.Size(), isSparse(info))
	}
}
