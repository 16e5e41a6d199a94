package strip

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// drawBlocks makes disjoint blocks of data, the first at 0, each congruent to
// its place modulo its alignment.
func drawBlocks(t *rapid.T, size uint64) []block {
	blocks := []block{{start: 0, end: rapid.Uint64Range(1, 64).Draw(t, "first"), align: 1}}
	for range rapid.IntRange(0, 7).Draw(t, "blocks") {
		last := blocks[len(blocks)-1].end
		start := last + rapid.Uint64Range(0, 600).Draw(t, "gap")
		end := start + rapid.Uint64Range(1, 300).Draw(t, "length")
		if end > size {
			break
		}
		trim := rapid.Uint64Range(0, end-start).Draw(t, "trim")
		blocks = append(blocks, block{start: start, end: end, align: 1 << rapid.IntRange(0, 9).Draw(t, "align"), trim: trim})
	}
	return blocks
}

// TestPlaceLeast: blocks never overlap, keep their congruence, never need more
// room than in the old order, and the reported sum is exact.
func TestPlaceLeast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const size = 4096
		data := rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, "data")
		blocks := drawBlocks(t, size)
		inOrder := append([]block(nil), blocks...)
		placeInOrder(inOrder, nil)
		placeLeast(blocks)
		if endOf(blocks) > endOf(inOrder) {
			t.Fatalf("ends at %d, in the old order at %d", endOf(blocks), endOf(inOrder))
		}
		if endOf(blocks) > blocks[len(blocks)-1].end {
			t.Fatalf("ends at %d, the old file at %d", endOf(blocks), blocks[len(blocks)-1].end)
		}
		used := make([]bool, size)
		for _, b := range blocks {
			if b.size() > 0 && (b.to-b.start)%b.align != 0 {
				t.Fatalf("block %+v lost its congruence", b)
			}
			for i := b.to; i < b.to+b.size(); i++ {
				if used[i] {
					t.Fatalf("two blocks at %d", i)
				}
				used[i] = true
			}
		}

		out := compose(data, blocks, nil, nil).Bytes()
		for _, b := range blocks {
			if b.size() > 0 && !bytes.Equal(out[b.to:b.to+b.size()], data[b.start:b.end-b.trim]) {
				t.Fatalf("block %+v has other bytes", b)
			}
		}
		var r Report
		account(&r, size, blocks, []claim{{10, 700, ReasonDebug}, {650, 3000, ReasonSymbols}, {20, 30, ReasonComments}}, ReasonPadding)
		gaps := int64(len(out))
		for _, b := range blocks {
			gaps -= int64(b.size())
		}
		r.remove(ReasonPadding, -gaps)
		var sum int64
		for _, n := range r.Removed {
			sum += n
		}
		if sum != size-int64(len(out)) {
			t.Fatalf("reasons sum to %d, saved %d", sum, size-len(out))
		}
	})
}

// TestComposePatches: patches win over blocks and nothing else changes.
func TestComposePatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const size = 2048
		data := rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, "data")
		blocks := drawBlocks(t, size)
		placeLeast(blocks)
		want := bytes.Clone(compose(data, blocks, nil, nil).Bytes())
		var patches []patch
		for _, b := range blocks {
			if b.size() == 0 || !rapid.Bool().Draw(t, "patched") {
				continue
			}
			from := rapid.Uint64Range(0, b.size()-1).Draw(t, "from")
			n := rapid.Uint64Range(1, b.size()-from).Draw(t, "n")
			fill := bytes.Repeat([]byte{rapid.Byte().Draw(t, "fill")}, int(n))
			patches = append(patches, patch{b.to + from, fill})
			copy(want[b.to+from:], fill)
		}
		if got := compose(data, blocks, nil, patches).Bytes(); !bytes.Equal(got, want) {
			t.Fatal("patched content differs")
		}
	})
}

func TestStringPool(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOf(rapid.StringMatching(`[ab.]{0,6}`)).Draw(t, "names")
		pool := newStringPool()
		total := 1
		for _, n := range names {
			pool.add(n)
			total += len(n) + 1
		}
		data := pool.bytes()
		if len(data) > total {
			t.Fatalf("%d bytes for names of %d", len(data), total)
		}
		for _, n := range names {
			at := pool.offset(n)
			if !bytes.HasPrefix(data[at:], append([]byte(n), 0)) {
				t.Fatalf("%q at %d of %q", n, at, data)
			}
		}
	})
}
