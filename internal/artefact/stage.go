package artefact

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/minsize/minsize/internal/byteio"
)

// Stage is the place where a host looks for a library: inside a Python
// package, beside a module of Node. What lay there comes back when all is over;
// until then it waits beside the place under a name of its own, so that even a
// run that was killed has lost nothing: the next one finds it.
type Stage struct {
	Path   string // absolute
	put    bool
	before string // where the earlier file waits
}

// waiting is put behind the name of what was there before.
const waiting = ".before-minsize"

// NewStage sees that the place can be used.
func NewStage(path string) (*Stage, error) {
	s := &Stage{Path: path, before: path + waiting}
	if info, err := os.Stat(filepath.Dir(path)); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, &fs.PathError{Op: "stage", Path: filepath.Dir(path), Err: errors.New("not a folder")}
	}
	if info, err := os.Lstat(path); err == nil && info.IsDir() {
		return nil, &fs.PathError{Op: "stage", Path: path, Err: errors.New("a folder; name the file")}
	}
	return s, nil
}

// Put lays a library there, as a new file: one that is mapped somewhere stays
// what it is.
func (s *Stage) Put(library string) error {
	if !s.put {
		if _, err := os.Lstat(s.before); errors.Is(err, fs.ErrNotExist) { // else it is of a run that was killed
			if err := os.Rename(s.Path, s.before); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		s.put = true
	}
	part := s.Path + ".minsize-part"
	os.Remove(part)
	if err := byteio.CopyFile(library, part, 0o777); err != nil {
		return err
	}
	return os.Rename(part, s.Path)
}

// Restore brings back what was there before the first Put.
func (s *Stage) Restore() error {
	if s == nil || !s.put {
		return nil
	}
	s.put = false
	err := os.Rename(s.before, s.Path)
	if errors.Is(err, fs.ErrNotExist) { // nothing was there
		err = os.Remove(s.Path)
	}
	return err
}
