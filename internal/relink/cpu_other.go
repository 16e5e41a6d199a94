//go:build !unix

package relink

import "time"

// processCPU is not asked for where it has no short way: Result.CPU is then
// the linker's alone.
func processCPU() time.Duration { return 0 }
