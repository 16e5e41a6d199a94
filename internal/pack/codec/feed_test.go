package codec

import (
	"testing"

	"pgregory.net/rapid"
)

// TestInstructions compares the table with what a walk counts.
func TestInstructions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stream := codeLike().Draw(t, "stream")
		p := Params{Method: XLZ}
		p.Layout = layouts(X86_64, len(stream)).Draw(t, "layout")
		p.Layout.Arch = X86_64
		x := newInstructions(len(stream), len(p.Layout.Regions))
		s := &scout{tracker: newTracker(&p), finder: newMatchFinder(stream, 8), index: x, data: stream}
		var b batch
		for s.pos < len(stream) {
			s.next(&b)
		}
		walk := newTracker(&p)
		for pos, c := range stream {
			if walk.place().start {
				if n := x.count(pos); n != walk.count {
					t.Fatalf("%d instructions before %d, counted %d", n, pos, walk.count)
				}
				if at := x.place(walk.count); at != uint32(pos) {
					t.Fatalf("instruction %d at %d, walked to %d", walk.count, at, pos)
				}
			}
			walk.take(c)
		}
	})
}

// TestRing: whatever the tree has forgotten, a match is one, and the longer
// ones lie farther.
func TestRing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := codeLike().Draw(t, "data")
		f := newMatchFinder(data, rapid.IntRange(1, 70).Draw(t, "depth"))
		f.ring = rapid.IntRange(1, max(1, f.ring)).Draw(t, "ring")
		var found []match
		for pos := range data {
			found = f.find(pos, false, false, found[:0])
			for i, m := range found {
				limit := min(maxMatch, len(data)-pos)
				at := pos - 1 - int(m.dist)
				if at < 0 || matchLength(data, at, pos, limit) != int(m.length) {
					t.Fatalf("at %d: no match of %d bytes at distance %d", pos, m.length, m.dist+1)
				}
				if i > 0 && found[i-1].length >= m.length {
					t.Fatalf("at %d: %v", pos, found)
				}
			}
		}
	})
}
