//go:build !linux

package cli

import (
	"context"
	"errors"
)

// sampleProgram needs ptrace, as Linux has it.
func sampleProgram(ctx context.Context, dir string, argv []string, program string) (map[uint64]int, error) {
	return nil, errors.New("programs are sampled on Linux only")
}
