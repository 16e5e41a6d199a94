package cargo

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
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

// PatchError says that a patch does not apply to the workspace.
type PatchError struct{ Root, Patch, Said string }

func (e *PatchError) Error() string { return e.Patch + " does not apply: " + e.Said }

// LoadPatched copies a project's workspace, applies a patch as git diff writes it,
// and reads the copy, which remove deletes with what is built of it.
func LoadPatched(ctx context.Context, o Options, patch string) (copied *Project, remove func(), err error) {
	if patch, err = filepath.Abs(patch); err != nil {
		return nil, nil, err
	}
	if _, err := os.Stat(patch); err != nil {
		return nil, nil, err
	}
	p, err := Load(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "minsize-verify-")
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(dir)
		}
	}()
	if err = CopySources(ctx, p.Root, dir); err != nil {
		return nil, nil, err
	}
	cmd := exec.CommandContext(ctx, "git", "apply", "--whitespace=nowarn", patch)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir))
	if text, failed := cmd.CombinedOutput(); failed != nil {
		err = &PatchError{p.Root, patch, string(bytes.TrimSpace(text))}
		return nil, nil, err
	}
	manifest, err := filepath.Rel(p.Root, p.Package.ManifestPath)
	if err != nil {
		return nil, nil, err
	}
	o.ManifestPath, o.TargetDir = filepath.Join(dir, manifest), filepath.Join(dir, "target")
	if copied, err = Load(ctx, o); err != nil {
		return nil, nil, err
	}
	return copied, func() { os.RemoveAll(dir) }, nil
}
