//go:build !unix

package byteio

import (
	"io/fs"
	"os"
)

// An open file cannot be renamed on Windows; there the open handle itself,
// not a lock, tells a living run from a stale file.
const renameNeedsClosedFile = true

// LinkCount is the number of names (hard links) of the file; 1 where the host
// does not tell.
func LinkCount(fs.FileInfo) uint64 { return 1 }

func isSparse(fs.FileInfo) bool { return false }

func copyOwner(*os.File, fs.FileInfo) error { return nil }

func copyTimes(path string, info fs.FileInfo) error {
	return os.Chtimes(path, info.ModTime(), info.ModTime())
}

func lockFile(*os.File) error { return nil }

func syncFolder(string) error { return nil }

func umask() fs.FileMode { return 0 }
