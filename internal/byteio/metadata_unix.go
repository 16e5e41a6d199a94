//go:build unix

package byteio

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const renameNeedsClosedFile = false

// LinkCount is the number of names (hard links) of the file; 1 where the host
// does not tell.
func LinkCount(info fs.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Nlink)
	}
	return 1
}

// isSparse says whether the file takes fewer blocks than its size needs.
// st_blocks counts 512 bytes whatever the file system (POSIX, sys/stat.h).
func isSparse(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && int64(s.Blocks)*512 < info.Size()-holeBlock
}

func copyOwner(f *os.File, info fs.FileInfo) error {
	want, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	now, err := f.Stat()
	if err != nil {
		return err
	}
	if have, ok := now.Sys().(*syscall.Stat_t); ok && have.Uid == want.Uid && have.Gid == want.Gid {
		return nil
	}
	return f.Chown(int(want.Uid), int(want.Gid))
}

// copyTimes sets the access and modification time, in nanoseconds.
func copyTimes(path string, info fs.FileInfo) error {
	return os.Chtimes(path, accessTime(info), info.ModTime())
}

// lockFile takes an advisory lock without waiting; it ends with the process.
func lockFile(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// syncFolder makes a rename in the folder durable. File systems that cannot
// sync folders say EINVAL or ENOTSUP, and need it not.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return nil // a folder that may be written but not read
		}
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOTSUP) {
		return err
	}
	return nil
}

// umask reads the process's mask; there is no way to read it without setting.
func umask() fs.FileMode {
	mask := syscall.Umask(0o077)
	syscall.Umask(mask)
	return fs.FileMode(mask)
}
