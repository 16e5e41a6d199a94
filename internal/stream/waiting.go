package stream

import (
	"io"
	"sync"
	"time"
)

// Waiting is the moving line before a verb has said anything: reading a project,
// asking compilers and taking a large program apart can take as long as a build.
type Waiting struct {
	mu    sync.Mutex
	timer *time.Timer
	bar   *Bar
	over  bool // something else was written, or the verb has ended
}

// silence is how long a verb may be at work with nothing on the terminal.
const silence = time.Second

// Begin draws on the screen when that has been silent for long.
func (w *Waiting) Begin(screen io.Writer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(silence, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.over {
			w.bar = Start(screen, "working", false)
		}
	})
}

// End removes the line, for good.
func (w *Waiting) End() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return
	}
	w.over = true
	if w.timer != nil {
		w.timer.Stop()
	}
	if w.bar != nil {
		w.bar.Stop()
	}
}

// Screen is the terminal behind a writer, for a line that is drawn again and
// again; what waits before the writer is told.
func Screen(w io.Writer) io.Writer {
	if a, ok := w.(*Answer); ok && a.Before != nil {
		a.Before()
	}
	return Underlying(w).(io.Writer)
}
