package byteio

import (
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"time"
)

// TestInterruptedRead: a question and a pipe end with the context, although
// nobody answers; what was typed before comes through.
func TestInterruptedRead(t *testing.T) {
	for name, read := range map[string]func(context.Context, io.Reader) error{
		"line": func(ctx context.Context, r io.Reader) error { _, err := ReadLine(ctx, r); return err },
		"all":  func(ctx context.Context, r io.Reader) error { _, err := ReadAll(ctx, r); return err },
	} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(20*time.Millisecond, cancel)
		done := make(chan error, 1)
		go func() { done <- read(ctx, r) }()
		if err := <-done; !errors.Is(err, context.Canceled) { // never comes where the interrupt is not heard
			t.Errorf("%s: got %v", name, err)
		}
		w.Close()
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString("yes\nno"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	for _, want := range []string{"yes", "no", ""} {
		if got, err := ReadLine(context.Background(), r); got != want || err != nil {
			t.Errorf("got %q and %v, want %q", got, err, want)
		}
	}
}

// TestInterruptible: a computation that takes no context is left behind.
func TestInterruptible(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	never := make(chan struct{})
	defer close(never)
	cancel()
	if err := Interruptible(ctx, func() error { <-never; return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	want := errors.New("its own")
	if err := Interruptible(context.Background(), func() error { return want }); err != want {
		t.Errorf("got %v", err)
	}
}
