package cli

import (
	"context"
	"io"

	"github.com/minsize/minsize/internal/byteio"
)

// An interrupt ends a verb's context. Builds, links and checks are children
// that die with it, and loops over files look at it; but a read from a terminal
// and the analysis of a large program take no context. They go through
// interruptible. A second interrupt ends the process at once, as by default.

// interruptible runs f, and comes back with ctx's error as soon as ctx ends.
// Then f is still at work, until the process ends a moment later: f may read
// and compute, but not print, write files or start processes, and what it reads
// must stay open and mapped.
func interruptible(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- byteio.Guard(f) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// readLine reads one line from stdin, without its end; at the end of the input
// what was there.
func (e *env) readLine(ctx context.Context) (string, error) {
	var line []byte
	err := interruptible(ctx, func() error {
		one := make([]byte, 1)
		for {
			n, err := e.stdin.Read(one)
			if n > 0 && one[0] == '\n' || err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			if n > 0 {
				line = append(line, one[0])
			}
		}
	})
	if err != nil {
		return "", err
	}
	return string(line), nil
}

// readAll reads stdin to its end.
func (e *env) readAll(ctx context.Context) ([]byte, error) {
	var all []byte
	err := interruptible(ctx, func() (err error) {
		all, err = io.ReadAll(e.stdin)
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}
