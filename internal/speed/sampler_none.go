//go:build !linux

package speed

import (
	"context"
	"errors"
)

// sampleProgram needs ptrace, as Linux has it.
func sampleProgram(ctx context.Context, dir string, argv []string, program string, most int) (map[uint64]int, error) {
	return nil, errors.New("programs are sampled on Linux only")
}
