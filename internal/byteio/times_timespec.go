//go:build darwin || freebsd || netbsd

package byteio

import (
	"io/fs"
	"syscall"
	"time"
)

func accessTime(info fs.FileInfo) time.Time {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(int64(s.Atimespec.Sec), int64(s.Atimespec.Nsec))
	}
	return info.ModTime()
}
