package pack

import (
	"os"
	"testing"
	"time"

	"github.com/minsize/minsize/internal/pack/codec"
)

// TestTransformsPay measures what packLeanest takes for granted: above
// leanBelow, where transforms are not tried one by one, leaving one out never
// makes a program smaller. The nearest to that size come first, since a
// transform's gain grows with the program and its code's size does not.
func TestTransformsPay(t *testing.T) {
	if os.Getenv("MINSIZE_SWEEP") == "" {
		t.Skip("MINSIZE_SWEEP is not set")
	}
	type sum struct{ applied, lost, least, total int }
	sums := map[string]*sum{}
	programs, left, largest := 0, 0, 0
	for _, name := range systemPrograms() {
		data, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		p, err := readProgram(data)
		if err != nil || len(p.image) <= leanBelow {
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
			s := sums[transform]
			if s == nil {
				s = &sum{least: gain}
				sums[transform] = s
			}
			s.applied++
			s.total += gain
			s.least = min(s.least, gain)
			if gain < 0 {
				s.lost++
				t.Logf("%s (%d bytes): %d bytes smaller without %s", name, len(data), -gain, transform)
			}
		}
	}
	for name, s := range sums {
		t.Logf("%s: applied to %d, lost in %d, gained %d bytes in all, at least %d", name, s.applied, s.lost, s.total, s.least)
	}
	t.Logf("%d programs above %d bytes, the largest of %d; %d left for want of time", programs, leanBelow, largest, left)
}
