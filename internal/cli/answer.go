package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/stream"
)

// settled is err, or else the failure that a verb did not look at.
func settled(a *stream.Answer, err error) error {
	switch {
	case err == nil && a.Err != nil:
		err = a.Err
	case !errors.Is(err, a.Err):
		return err
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return withStatus(asStatus(err).status, "free some space where the answer goes", err)
	}
	return err
}

// stream opens what name says if it can only be written on: "-" and the
// system's names for stdout, stderr and other descriptors of this process,
// devices, named pipes. It is nil for regular files and names that are free.
func (e *env) stream(ctx context.Context, name string) (w io.Writer, done func() error, err error) {
	nothing := func() error { return nil }
	switch fd := stream.Descriptor(name); {
	case fd == 1:
		return e.stdout, nothing, nil
	case fd == 2:
		return e.stderr, nothing, nil
	case fd > 2:
		f := os.NewFile(uintptr(fd), name)
		if _, err := f.Stat(); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
		}
		return &stream.Answer{To: f}, f.Close, nil
	}
	if !stream.IsStream(name) {
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
	return &stream.Answer{To: f}, f.Close, nil
}

// deliver writes content where name says: to a stream as it comes, else to a
// file, by byteio.WriteFile. What o.Check refuses is written nowhere.
func (e *env) deliver(ctx context.Context, name string, content byteio.Content, o byteio.WriteOptions) (byteio.Written, error) {
	w, done, err := e.stream(ctx, name)
	if err != nil {
		return byteio.Written{}, err
	}
	if w == nil {
		return byteio.WriteFile(ctx, name, content, o)
	}
	data := content.Bytes()
	if o.Check != nil {
		if err := o.Check(data); err != nil {
			return byteio.Written{}, err
		}
	}
	if _, err := w.Write(data); err != nil {
		return byteio.Written{}, errors.Join(err, done())
	}
	return byteio.Written{Path: name, Size: uint64(len(data))}, done()
}

// fill has write fill what name says, with a buffer before a stream and before
// a file.
func (e *env) fill(ctx context.Context, name string, write func(w io.Writer, screen any) error) error {
	to, done, err := e.stream(ctx, name)
	if err != nil {
		return err
	}
	if to == nil {
		return e.fillFile(ctx, name, write)
	}
	buffered := bufio.NewWriterSize(to, 1<<16)
	err = write(buffered, to)
	if err == nil {
		err = buffered.Flush()
	}
	return errors.Join(err, done())
}

func (e *env) fillFile(ctx context.Context, name string, write func(w io.Writer, screen any) error) error {
	var all strings.Builder
	if err := write(&all, nil); err != nil {
		return err
	}
	written, err := byteio.WriteFile(ctx, name, byteio.Content{{Data: []byte(all.String())}}, byteio.WriteOptions{})
	for _, note := range written.Notes {
		e.note(note)
	}
	return err
}

// note says something beside the answer.
func (e *env) note(text string) {
	switch {
	case e.global.quiet:
	case e.moving != nil:
		e.moving.Note(text)
	default:
		_, _ = io.WriteString(e.stderr, "note: "+text+"\n")
	}
}
