package pack

import (
	"os"
	"testing"
	"time"

	"github.com/minsize/minsize/internal/pack/codec"
)

const lossAllowed = 150 // bytes

// TestTransformsPay measures what packLeanest takes for granted: where a
// transform's estimated gain is clear, leaving it out makes no program smaller
// by more than lossAllowed. The smallest come first, since a transform's gain
// grows with the program and its code's size does not.
func TestTransformsPay(t *testing.T) {
	if os.Getenv("MINSIZE_SWEEP") == "" {
		t.Skip("MINSIZE_SWEEP is not set")
	}
	type sum struct{ applied, lost, least, total int }
	sums := map[string]*sum{}
	programs, left, largest, doubtful := 0, 0, 0, 0
	for _, name := range systemPrograms() {
		data, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		p, err := readProgram(data)
		if err != nil || p.size <= 1<<14 {
			continue
		}
		if end, ok := t.Deadline(); ok && time.Until(end) < 20*time.Second+time.Duration(len(data)>>18)*6*time.Second {
			left++
			continue
		}
		rest := p.packRest()
		all, report, err := p.pack(codec.XLZ, rest, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		programs++
		largest = max(largest, len(data))
		for _, transform := range report.Transforms {
			without, _, err := p.pack(codec.XLZ, rest, map[string]bool{transform: true})
			if err != nil {
				t.Errorf("%s without %s: %v", name, transform, err)
				continue
			}
			gain := len(without) - len(all)
			for _, tr := range transforms {
				if tr.name == transform {
					estimate := p.estimateGain(tr)
					switch sure := estimate - tr.border; {
					case sure < -unsure: // packLeanest leaves it out
						gain = -gain
					case sure < unsure: // packLeanest tries it
						doubtful++
						gain = max(gain, 0)
					}
					t.Logf("%s (%d bytes): %s gains %d, estimated %d", name, len(data), transform, len(without)-len(all), estimate)
				}
			}
			s := sums[transform]
			if s == nil {
				s = &sum{least: gain}
				sums[transform] = s
			}
			s.applied++
			s.total += gain
			s.least = min(s.least, gain)
			if gain < -lossAllowed {
				s.lost++
				t.Errorf("%s (%d bytes): the wrong choice about %s costs %d bytes", name, len(data), transform, -gain)
			}
		}
	}
	for name, s := range sums {
		t.Logf("%s: applied to %d, lost in %d, gained %d bytes in all, at least %d", name, s.applied, s.lost, s.total, s.least)
	}
	t.Logf("%d programs, the largest of %d bytes; %d gains were in doubt; %d left for want of time", programs, largest, doubtful, left)
}
