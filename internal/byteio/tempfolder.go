package byteio

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// TempFolder makes a folder in dir whose name begins with prefix, for a result
// of several files that is renamed when it is whole. Remove takes it away, if
// it is still there under its name. A killed run leaves its folder; the next
// TempFolder with the same dir and prefix takes it away. A living run holds a
// lock on its own, which ends with the process, so that it is left alone.
func TempFolder(dir, prefix string) (path string, remove func(), err error) {
	removeStaleFolders(dir, prefix)
	for range 10 {
		if path, err = os.MkdirTemp(dir, prefix); err != nil {
			return "", nil, err
		}
		f, err := os.Open(path)
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			return "", nil, err
		}
		// Another run may have taken the folder for a stale one before the lock.
		if lockFile(f) == nil {
			now, errNow := os.Lstat(path)
			then, errThen := f.Stat()
			if errNow == nil && errThen == nil && os.SameFile(now, then) {
				return path, func() { os.RemoveAll(path); f.Close() }, nil
			}
		}
		f.Close()
	}
	return "", nil, ErrBusy
}

func removeStaleFolders(dir, prefix string) {
	if renameNeedsClosedFile {
		return // no locks on folders: nothing tells a stale one
	}
	entries, err := filepath.Glob(filepath.Join(globQuote(dir), prefix+"*"))
	if err != nil {
		return
	}
	for _, path := range entries {
		if info, err := os.Lstat(path); err != nil || !info.IsDir() {
			continue
		}
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		if lockFile(f) == nil {
			os.RemoveAll(path)
		}
		f.Close()
	}
}

// globQuote makes a path mean itself in a pattern.
func globQuote(path string) string {
	var out []byte
	for _, c := range []byte(path) {
		switch c {
		case '*', '?', '[', '\\':
			out = append(out, '\\')
		}
		out = append(out, c)
	}
	return string(out)
}
