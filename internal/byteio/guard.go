package byteio

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
)

// Guard runs f, which reads a Mapping. A file that another process truncates
// meanwhile makes its lost pages fault; Guard turns that into ErrChanged.
func Guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			if fault, ok := r.(interface{ Addr() uintptr }); ok {
				err = fmt.Errorf("%w: a page at %#x is gone", ErrChanged, fault.Addr())
				return
			}
			panic(r)
		}
	}()
	return f()
}

// An interrupt ends a verb's context. Builds, links and checks are children
// that die with it, and loops over files look at it; but a read from a terminal
// and the analysis of a large program take no context.

// Interruptible runs f under Guard, and comes back with ctx's error as soon as
// ctx ends. Then f is still at work, until the process ends a moment later: f
// may read and compute, but not print, write files or start processes, and what
// it reads must stay open and mapped.
func Interruptible(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- Guard(f) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ReadLine reads one line, without its end, and nothing behind it; at the end
// of the input what was there.
func ReadLine(ctx context.Context, r io.Reader) (string, error) {
	var line []byte
	err := Interruptible(ctx, func() error {
		one := make([]byte, 1)
		for {
			n, err := r.Read(one)
			if n > 0 && one[0] == '\n' || err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			line = append(line, one[:n]...)
		}
	})
	if err != nil { // the read may go on
		return "", err
	}
	return string(line), nil
}

// ReadAll reads to the end.
func ReadAll(ctx context.Context, r io.Reader) ([]byte, error) {
	var all []byte
	err := Interruptible(ctx, func() (err error) {
		all, err = io.ReadAll(r)
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}
