//go:build linux || openbsd || dragonfly || solaris || illumos || aix

package byteio

import (
	"io/fs"
	"syscall"
	"time"
)

func accessTime(info fs.FileInfo) time.Time {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(int64(s.Atim.Sec), int64(s.Atim.Nsec))
	}
	return info.ModTime()
}

// changeTime is when the inode last changed, in nanoseconds; nobody can set
// it, so it shows writes that put the modification time back.
func changeTime(info fs.FileInfo) int64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return int64(s.Ctim.Sec)*1e9 + int64(s.Ctim.Nsec)
	}
	return 0
}
