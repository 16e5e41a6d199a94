package cli

import (
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// liveBar is the moving line of what runs now: a bar by finished crates for a
// build, a spinner for a relink that takes long enough to be seen.
type liveBar struct {
	progress *mpb.Progress
	bar      *mpb.Bar
	mu       sync.Mutex
	crate    string
}

func startBar(w io.Writer, name string, full bool) *liveBar {
	b := &liveBar{}
	b.progress = mpb.New(mpb.WithOutput(w), mpb.WithRefreshRate(120*time.Millisecond), mpb.WithWidth(30))
	label := decor.Name(name, decor.WC{W: 30, C: decor.DindentRight})
	if !full {
		b.bar = b.progress.New(0, mpb.SpinnerStyle(), mpb.PrependDecorators(label), mpb.BarRemoveOnComplete())
		return b
	}
	b.bar = b.progress.New(1, mpb.BarStyle(), mpb.PrependDecorators(label),
		mpb.AppendDecorators(decor.CountersNoUnit("%d/%d "), decor.Elapsed(decor.ET_STYLE_MMSS), decor.Any(func(decor.Statistics) string {
			b.mu.Lock()
			defer b.mu.Unlock()
			return " " + b.crate
		})), mpb.BarRemoveOnComplete())
	return b
}

// set moves the bar: done of total crates, the last one named.
func (b *liveBar) set(done, total int, crate string) {
	b.mu.Lock()
	b.crate = crate
	b.mu.Unlock()
	b.bar.SetTotal(int64(total)+1, false) // one more for the link
	b.bar.SetCurrent(int64(done))
}

// stop removes the line.
func (b *liveBar) stop() {
	b.bar.Abort(true)
	b.progress.Wait()
}
