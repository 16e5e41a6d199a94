package stream

import (
	"strings"
	"testing"

	"github.com/vbauerster/mpb/v8"
)

// frames passes on what a bar draws.
type frames chan string

func (f frames) Write(p []byte) (int, error) {
	select {
	case f <- string(p):
	default: // nobody looks now
	}
	return len(p), nil
}

// TestBarMoves: the bar follows the crates after the first one, too, and its
// clock goes on while a crate takes long. A bar that stands still is waited
// for until the test's own deadline.
func TestBarMoves(t *testing.T) {
	drawn := make(frames)
	b := Start(drawn, "z + fat LTO + 1 unit + abort and more", true, mpb.WithAutoRefresh(), mpb.WithWidth(100))
	wait := func(text string) {
		for frame := range drawn {
			if strings.Contains(frame, text) {
				return
			}
		}
	}
	wait("0/0")
	b.Set(1, 9, "serde")
	wait("1/10")
	b.Set(2, 9, "regex")
	wait("2/10")
	b.Set(9, 9, "a-crate-with-a-long-name")
	wait("9/10")
	wait("00:01")
	wait("00:02")
	b.Stop()
}
