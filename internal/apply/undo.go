package apply

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/cargo"
)

// Undo means the same bytes, not the same meaning: whoever tries minsize must be
// able to walk away from it. So the old bytes are kept, and are put back only
// while the file holds exactly what apply wrote. Rejected: undoing key by key in
// a file that somebody edited since. It would often be right, and where it is
// not, the user's own edit is gone.

// Undo keeps what files were before apply, for one workspace. Records lie
// outside the project: target/ goes with `cargo clean`, and anything else in
// the project would be committed by somebody.
type Undo struct {
	dir      string
	fallback string // where dir cannot be made, as in containers without a home
}

// record is one apply; the newest is taken back first.
type record struct {
	Workspace string       `json:"workspace"`
	Files     []recordFile `json:"files"`
}

type recordFile struct {
	Path      string `json:"path"`
	Existed   bool   `json:"existed"`
	Before    []byte `json:"before"`
	After     string `json:"after_sha256"`
	NewFolder bool   `json:"new_folder"` // apply made the folder that holds it
}

// old are the bytes to put back; nil for a file that was not there.
func (f recordFile) old() []byte {
	if f.Existed && f.Before == nil {
		return []byte{}
	}
	return f.Before
}

// ErrNothingToUndo says that no apply is on record here.
var ErrNothingToUndo = errors.New("no apply is on record for this workspace")

// ChangedError says that a file is no longer what apply left.
type ChangedError struct{ Path string }

func (e *ChangedError) Error() string {
	return fmt.Sprintf("%s: changed since minsize wrote it", e.Path)
}

// OpenUndo finds the records of a workspace: in $XDG_STATE_HOME, else
// ~/.local/state (XDG Base Directory Specification), else in fallback.
func OpenUndo(root, fallback string) Undo {
	if real, err := filepath.EvalSymlinks(root); err == nil {
		root = real
	}
	sum := sha256.Sum256([]byte(root))
	name := hex.EncodeToString(sum[:8])
	state := os.Getenv("XDG_STATE_HOME")
	if state == "" {
		if home, err := os.UserHomeDir(); err == nil {
			state = filepath.Join(home, ".local", "state")
		}
	}
	fallback = filepath.Join(fallback, "undo")
	if state == "" {
		return Undo{fallback, fallback}
	}
	return Undo{filepath.Join(state, "minsize", "undo", name), fallback}
}

// records are the files of this workspace's applies, oldest first.
func (u Undo) records() ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(u.dir, "*.json")) // sorted by name
	if err == nil && len(paths) == 0 {
		paths, err = filepath.Glob(filepath.Join(u.fallback, "*.json"))
	}
	return paths, err
}

// Write writes an edit: first the record, then the files, each whole or not at
// all. A file that fails takes the others back with it.
func (u Undo) Write(ctx context.Context, root string, files []FileEdit) error {
	r := record{Workspace: root}
	for _, f := range files {
		sum := sha256.Sum256(f.After)
		_, err := os.Stat(filepath.Dir(f.Path))
		r.Files = append(r.Files, recordFile{Path: f.Path, Existed: f.Before != nil, Before: f.Before,
			After: hex.EncodeToString(sum[:]), NewFolder: errors.Is(err, fs.ErrNotExist)})
	}
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if os.MkdirAll(u.dir, 0o700) != nil {
		u.dir = u.fallback
		if err := os.MkdirAll(u.dir, 0o700); err != nil {
			return err
		}
	}
	path, err := u.next()
	if err != nil {
		return err
	}
	if _, err := byteio.WriteFile(ctx, path, byteio.Content{{Data: data}}, byteio.WriteOptions{Perm: 0o600}); err != nil {
		return err
	}
	for i, f := range files {
		if err := writeEdit(ctx, f); err != nil {
			for _, done := range r.Files[:i] {
				err = errors.Join(err, putBack(context.WithoutCancel(ctx), done))
			}
			return errors.Join(err, os.Remove(path))
		}
	}
	return nil
}

// next is a name behind those that are there.
func (u Undo) next() (string, error) {
	paths, err := u.records()
	if err != nil {
		return "", err
	}
	n := 0
	if len(paths) > 0 {
		fmt.Sscanf(filepath.Base(paths[len(paths)-1]), "%d", &n)
	}
	return filepath.Join(u.dir, fmt.Sprintf("%06d.json", n+1)), nil
}

// writeEdit writes one file, if it is still what the edit was made from.
func writeEdit(ctx context.Context, f FileEdit) error {
	if f.Before == nil {
		if err := os.MkdirAll(filepath.Dir(f.Path), 0o777); err != nil {
			return err
		}
		if _, err := os.Lstat(f.Path); err == nil {
			return &ChangedError{f.Path}
		}
		_, err := byteio.WriteFile(ctx, f.Path, byteio.Content{{Data: f.After}}, byteio.WriteOptions{})
		return err
	}
	return replace(ctx, f.Path, f.Before, f.After)
}

// replace puts new bytes into a file that holds the old ones.
func replace(ctx context.Context, path string, before, after []byte) error {
	m, err := byteio.Open(path)
	if err != nil {
		return err
	}
	defer m.Close()
	if string(m.Data) != string(before) {
		return &ChangedError{path}
	}
	_, err = byteio.WriteFile(ctx, path, byteio.Content{{Data: after}}, byteio.WriteOptions{Like: m})
	return err
}

// Revert takes the newest apply back and gives the files that it restored.
// Errors: ErrNothingToUndo, *ChangedError with nothing touched.
func (u Undo) Revert(ctx context.Context) ([]FileEdit, error) {
	r, path, err := u.newest()
	if err != nil {
		return nil, err
	}
	var back []FileEdit
	for _, f := range r.Files { // all are looked at before one is touched
		now, err := os.ReadFile(f.Path)
		if err != nil {
			return nil, err
		}
		if sum := sha256.Sum256(now); hex.EncodeToString(sum[:]) != f.After {
			return nil, &ChangedError{f.Path}
		}
		back = append(back, FileEdit{Path: f.Path, Before: now, After: f.old()})
	}
	for _, f := range r.Files {
		if err := putBack(ctx, f); err != nil {
			return nil, err
		}
	}
	return back, os.Remove(path)
}

// Pending is what Revert would restore.
func (u Undo) Pending() ([]FileEdit, error) {
	r, _, err := u.newest()
	if err != nil {
		return nil, err
	}
	var back []FileEdit
	for _, f := range r.Files {
		now, err := os.ReadFile(f.Path)
		if err != nil {
			return nil, err
		}
		back = append(back, FileEdit{Path: f.Path, Before: now, After: f.old()})
	}
	return back, nil
}

func (u Undo) newest() (record, string, error) {
	paths, err := u.records()
	if err != nil {
		return record{}, "", err
	}
	if len(paths) == 0 {
		return record{}, "", ErrNothingToUndo
	}
	path := paths[len(paths)-1]
	data, err := os.ReadFile(path)
	if err != nil {
		return record{}, "", err
	}
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		return record{}, "", fmt.Errorf("%s: %w", path, err)
	}
	return r, path, nil
}

// putBack restores one file.
func putBack(ctx context.Context, f recordFile) error {
	if !f.Existed {
		if err := os.Remove(f.Path); err != nil {
			return err
		}
		if f.NewFolder {
			os.Remove(filepath.Dir(f.Path)) // stays if somebody put something in
		}
		return nil
	}
	m, err := byteio.Open(f.Path)
	if err != nil {
		return err
	}
	defer m.Close()
	_, err = byteio.WriteFile(ctx, f.Path, byteio.Content{{Data: f.Before}}, byteio.WriteOptions{Like: m})
	return err
}

// FindUndo looks for records of this folder's workspace, which is a folder
// with a manifest here or above.
func FindUndo(manifest string) (root string, u Undo, err error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", Undo{}, err
	}
	if manifest != "" {
		if dir, err = filepath.Abs(filepath.Dir(manifest)); err != nil {
			return "", Undo{}, err
		}
	}
	first := ""
	for folder := dir; ; folder = filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "Cargo.toml")); err == nil {
			if first == "" {
				first = folder
			}
			undo := OpenUndo(folder, filepath.Join(folder, "target", "minsize"))
			if _, err := undo.Pending(); !errors.Is(err, ErrNothingToUndo) {
				return folder, undo, nil
			}
		}
		if folder == filepath.Dir(folder) {
			break
		}
	}
	if first == "" {
		return "", Undo{}, &cargo.NoProjectError{Dir: dir}
	}
	return first, OpenUndo(first, filepath.Join(first, "target", "minsize")), nil
}
