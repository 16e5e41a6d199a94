//go:build unix

package relink

import (
	"syscall"
	"time"
)

// processCPU is the user and system time of this process so far, without its
// children.
func processCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
