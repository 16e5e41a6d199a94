//go:build windows

package cargo

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lockFile takes one byte far behind the text, for a locked range cannot be
// read by others on Windows.
func lockFile(f *os.File) error {
	const farBehind = 1 << 30
	at := &windows.Overlapped{Offset: farBehind}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return errLocked
	}
	return err
}
