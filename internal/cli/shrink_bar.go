package cli

import (
	"io"
	"sync"
	"time"

	"github.com/minsize/minsize/internal/stream"
)

// waiting is the moving line before a verb has said anything: reading a project,
// asking compilers and taking a large program apart can take as long as a build.
type waiting struct {
	mu    sync.Mutex
	timer *time.Timer
	bar   *stream.Bar
	over  bool // something else was written, or the verb has ended
}

// silence is how long a verb may be at work with nothing on the terminal.
const silence = time.Second

func (w *waiting) begin(e *env) {
	if !e.live() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(silence, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.over {
			w.bar = stream.Start(stream.Underlying(e.stderr).(io.Writer), "working", false)
		}
	})
}

// end removes the line, for good.
func (w *waiting) end() {
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

// screen is stderr itself, for a line that is drawn again and again.
func (e *env) screen() io.Writer {
	if a, ok := e.stderr.(*stream.Answer); ok {
		if a.Before != nil {
			a.Before()
		}
	}
	return stream.Underlying(e.stderr).(io.Writer)
}
