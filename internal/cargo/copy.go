package cargo

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// CopySources copies the files below root into the folder to, without what
// git keeps, what cargo built (folders with its CACHEDIR.TAG) and the folders
// of leaveOut. Links stay links. Files get the time of the copy, not the old
// one: something else may have been built of this path since.
func CopySources(ctx context.Context, root, to string, leaveOut ...string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case d.IsDir() && path != root && (d.Name() == ".git" || slices.Contains(leaveOut, path) || isTargetFolder(path)):
			return filepath.SkipDir
		case d.IsDir():
			return os.MkdirAll(target, 0o777)
		case d.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		case !d.Type().IsRegular():
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, info.Mode().Perm()|0o200)
	})
}

// isTargetFolder tells cargo's output by the tag that cargo puts there.
func isTargetFolder(path string) bool {
	_, err := os.Stat(filepath.Join(path, "CACHEDIR.TAG"))
	return err == nil
}
