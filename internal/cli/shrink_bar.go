package cli

import (
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// liveBar is the moving line of what runs now: a bar by finished crates for a
// build, a spinner for all else. Both show the time, which goes on where a
// single crate takes minutes.
//
// mpb ends a bar that was made with a total as soon as it is reached, and
// ignores SetTotal from then on: a bar whose total is learned later is made
// with 0.
type liveBar struct {
	progress *mpb.Progress
	bar      *mpb.Bar
	mu       sync.Mutex
	crate    string
}

// Columns of the parts; with the counter and the time they fit in 80.
const (
	barName  = 28
	barWidth = 18
	barCrate = 16
)

// redraw is how often a line is drawn.
const redraw = 120 * time.Millisecond

func startBar(w io.Writer, name string, full bool, options ...mpb.ContainerOption) *liveBar {
	b := &liveBar{}
	options = append([]mpb.ContainerOption{mpb.WithOutput(w), mpb.WithRefreshRate(redraw), mpb.WithWidth(barWidth)}, options...)
	b.progress = mpb.New(options...)
	label := decor.Name(cutTo(name, barName), decor.WC{W: barName + 1, C: decor.DindentRight})
	elapsed := decor.Elapsed(decor.ET_STYLE_MMSS)
	if !full {
		b.bar = b.progress.New(0, mpb.SpinnerStyle(), mpb.PrependDecorators(label), mpb.AppendDecorators(elapsed), mpb.BarRemoveOnComplete())
		return b
	}
	b.bar = b.progress.New(0, mpb.BarStyle(), mpb.PrependDecorators(label),
		mpb.AppendDecorators(decor.CountersNoUnit("%d/%d "), elapsed, decor.Any(func(decor.Statistics) string {
			b.mu.Lock()
			defer b.mu.Unlock()
			return " " + b.crate
		})), mpb.BarRemoveOnComplete())
	return b
}

// waiting is the moving line before a verb has said anything: reading a project,
// asking compilers and taking a large program apart can take as long as a build.
type waiting struct {
	mu    sync.Mutex
	timer *time.Timer
	bar   *liveBar
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
			w.bar = startBar(underlying(e.stderr).(io.Writer), "working", false)
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
		w.bar.stop()
	}
}

// screen is stderr itself, for a line that is drawn again and again.
func (e *env) screen() io.Writer {
	if a, ok := e.stderr.(*answer); ok {
		if a.before != nil {
			a.before()
		}
	}
	return underlying(e.stderr).(io.Writer)
}

// cutTo cuts a name of ASCII words to n columns.
func cutTo(name string, n int) string {
	if runes := []rune(name); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return name
}

// set moves the bar: done of total crates, the last one named.
func (b *liveBar) set(done, total int, crate string) {
	b.mu.Lock()
	b.crate = cutTo(crate, barCrate)
	b.mu.Unlock()
	b.bar.SetTotal(int64(total)+1, false) // one more for the link
	b.bar.SetCurrent(int64(done))
}

// print writes a line above the bar.
func (b *liveBar) print(text string) { io.WriteString(b.progress, text+"\n") }

// stop removes the line.
func (b *liveBar) stop() {
	b.bar.Abort(true)
	b.progress.Wait()
}
