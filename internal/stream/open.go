package stream

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/minsize/minsize/internal/byteio"
)

// Outputs is where names of files lead that stand for what is open already.
type Outputs struct{ Stdout, Stderr io.Writer }

// Open opens what name says if it can only be written on: "-" and the
// system's names for stdout, stderr and other descriptors of this process,
// devices, named pipes. It is nil for regular files and names that are free.
func (o Outputs) Open(ctx context.Context, name string) (w io.Writer, done func() error, err error) {
	nothing := func() error { return nil }
	switch fd := Descriptor(name); {
	case fd == 1:
		return o.Stdout, nothing, nil
	case fd == 2:
		return o.Stderr, nothing, nil
	case fd > 2:
		f := os.NewFile(uintptr(fd), name)
		if _, err := f.Stat(); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
		}
		return &Answer{To: f}, f.Close, nil
	}
	if !IsStream(name) {
		return nil, nil, nil // WriteFile says what is wrong, if anything is
	}
	var f *os.File
	err = byteio.Interruptible(ctx, func() (err error) { // a pipe waits for its reader
		f, err = os.OpenFile(name, os.O_WRONLY, 0)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return &Answer{To: f}, f.Close, nil
}

// Deliver writes content where name says: to a stream as it comes, else to a
// file, by byteio.WriteFile. What w.Check refuses is written nowhere.
func (o Outputs) Deliver(ctx context.Context, name string, content byteio.Content, w byteio.WriteOptions) (byteio.Written, error) {
	to, done, err := o.Open(ctx, name)
	if err != nil {
		return byteio.Written{}, err
	}
	if to == nil {
		return byteio.WriteFile(ctx, name, content, w)
	}
	data := content.Bytes()
	if w.Check != nil {
		if err := w.Check(data); err != nil {
			return byteio.Written{}, err
		}
	}
	if _, err := to.Write(data); err != nil {
		return byteio.Written{}, errors.Join(err, done())
	}
	return byteio.Written{Path: name, Size: uint64(len(data))}, done()
}

// Fill has write fill what name says, with a buffer before a stream and before
// a file. screen is what a person may look at, nil for a file.
func (o Outputs) Fill(ctx context.Context, name string, write func(w io.Writer, screen any) error) (notes []string, err error) {
	to, done, err := o.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	if to == nil {
		var all bytes.Buffer
		if err := write(&all, nil); err != nil {
			return nil, err
		}
		written, err := byteio.WriteFile(ctx, name, byteio.Content{{Data: all.Bytes()}}, byteio.WriteOptions{})
		return written.Notes, err
	}
	buffered := bufio.NewWriterSize(to, 1<<16)
	if err = write(buffered, to); err == nil {
		err = buffered.Flush()
	}
	return nil, errors.Join(err, done())
}
