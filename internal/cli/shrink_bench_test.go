package cli

import (
	"strings"
	"testing"
	"time"
)

// TestJudge: what a bench costs beyond an empty program decides, on quick
// machines and on slow ones, and not a time of ours.
func TestJudge(t *testing.T) {
	at := func(middle, away time.Duration) []time.Duration {
		return []time.Duration{middle - away, middle, middle + away, middle - away, middle}
	}
	const ms = time.Millisecond
	for _, c := range []struct {
		name         string
		times, empty []time.Duration
		want         string
	}{
		{"nothing, quick machine", at(ms/2, ms/20), at(ms/2, ms/20), "too short"},
		{"nothing, slow machine", at(9*ms, ms), at(8*ms, ms), "too short"},
		{"work, quick machine", at(3*ms, ms/20), at(ms/2, ms/20), ""},
		{"work, slow machine", at(60*ms, ms), at(8*ms, ms), ""},
		{"uneven", at(60*ms, 40*ms), at(8*ms, ms), "too uneven"},
	} {
		err := (&bencher{command: "{}"}).judge(c.times, c.empty)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}
