package stream

import (
	"bytes"
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// Bar is the moving line of what runs now: a bar by finished crates for a
// build, a spinner for all else. Both show the time, which goes on where a
// single crate takes minutes.
//
// mpb ends a bar that was made with a total as soon as it is reached, and
// ignores SetTotal from then on: a bar whose total is learned later is made
// with 0.
type Bar struct {
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

// Redraw is how often a line is drawn.
const Redraw = 120 * time.Millisecond

// Start draws a bar, or without full a spinner, until Stop.
func Start(w io.Writer, name string, full bool, options ...mpb.ContainerOption) *Bar {
	b := &Bar{}
	options = append([]mpb.ContainerOption{mpb.WithOutput(w), mpb.WithRefreshRate(Redraw), mpb.WithWidth(barWidth)}, options...)
	b.progress = mpb.New(options...)
	label := decor.Name(cutTo(name, barName), decor.WC{W: barName + 1, C: decor.DindentRight})
	elapsed := decor.Elapsed(decor.ET_STYLE_MMSS)
	said := decor.Any(func(decor.Statistics) string {
		b.mu.Lock()
		defer b.mu.Unlock()
		return " " + b.crate
	})
	if !full {
		b.bar = b.progress.New(0, mpb.SpinnerStyle(), mpb.PrependDecorators(label), mpb.AppendDecorators(elapsed, said), mpb.BarRemoveOnComplete())
		return b
	}
	b.bar = b.progress.New(0, mpb.BarStyle(), mpb.PrependDecorators(label),
		mpb.AppendDecorators(decor.CountersNoUnit("%d/%d "), elapsed, said), mpb.BarRemoveOnComplete())
	return b
}

// cutTo cuts a name of ASCII words to n columns.
func cutTo(name string, n int) string {
	if runes := []rune(name); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return name
}

// Set moves the bar: done of total crates, the last one named.
func (b *Bar) Set(done, total int, crate string) {
	b.mu.Lock()
	b.crate = cutTo(crate, barCrate)
	b.mu.Unlock()
	b.bar.SetTotal(int64(total)+1, false) // one more for the link
	b.bar.SetCurrent(int64(done))
}

// Say puts a few words behind the moving line.
func (b *Bar) Say(text string) {
	b.mu.Lock()
	b.crate = cutTo(text, barCrate)
	b.mu.Unlock()
}

// Print writes a line above the bar.
func (b *Bar) Print(text string) { io.WriteString(b.progress, text+"\n") }

// Stop removes the line.
func (b *Bar) Stop() {
	b.bar.Abort(true)
	b.progress.Wait()
}

// Lines passes whole lines on: a moving line stands below them.
type Lines struct {
	Each func(line string)
	rest []byte
}

// Write implements io.Writer.
func (w *Lines) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		line, rest, whole := bytes.Cut(w.rest, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		w.Each(string(line))
		w.rest = rest
	}
}

// Flush passes on what has no end of line.
func (w *Lines) Flush() {
	if len(w.rest) > 0 {
		w.Each(string(w.rest))
	}
}
