package strip

// Laying a file out anew: which ranges of the old file stay together, where
// they go, and who owned each byte that is gone.

import (
	"cmp"
	"slices"

	"github.com/minsize/minsize/internal/arrange"
	"github.com/minsize/minsize/internal/byteio"
)

// block is a range of the old file that moves as one.
type block struct {
	start, end uint64 // in the old file
	align      uint64 // a power of two; its new start must be congruent to start modulo this
	to         uint64 // in the new file
	trim       uint64 // zero bytes at its end that are not written
	loose      bool   // no loader maps it: its place is free but for alignment
}

func (b block) size() uint64 { return b.end - b.start - b.trim }

// mergeBlocks joins ranges that overlap, so that nothing that belongs
// together is torn apart. The result is sorted.
func mergeBlocks(blocks []block) []block {
	arrange.Stable(blocks, func(a, b block) int { return cmp.Compare(a.start, b.start) })
	var out []block
	for _, b := range blocks {
		if b.start == b.end {
			continue
		}
		if n := len(out); n > 0 && b.start < out[n-1].end {
			last := &out[n-1]
			last.end = max(last.end, b.end)
			last.align = max(last.align, b.align)
			last.loose = last.loose && b.loose
			continue
		}
		out = append(out, b)
	}
	return out
}

// placeAt is the least offset from cursor on that is congruent to old modulo
// align, or cursor itself for align 0 and 1.
func placeAt(cursor, old, align uint64) uint64 {
	if align <= 1 {
		return cursor
	}
	return cursor + (old-cursor)&(align-1)
}

// maxPermuted is how many blocks are tried in every order (5! = 120).
const maxPermuted = 6

// placeLeast gives the blocks after the first the offsets that make the file
// end soonest. Beyond maxPermuted blocks the old order is kept.
func placeLeast(blocks []block) {
	if len(blocks) == 0 {
		return
	}
	blocks[0].to = blocks[0].start
	placeInOrder(blocks, nil)
	if len(blocks) > maxPermuted || len(blocks) < 3 {
		return
	}
	order := make([]int, len(blocks))
	for i := range order {
		order[i] = i
	}
	best, bestEnd := slices.Clone(order), endOf(blocks)
	permute(order, 1, func() {
		placeInOrder(blocks, order)
		if end := endOf(blocks); end < bestEnd {
			bestEnd = end
			copy(best, order)
		}
	})
	placeInOrder(blocks, best)
}

// placeInOrder puts each block at its least offset behind the one before.
func placeInOrder(blocks []block, order []int) {
	var cursor uint64
	for i := range blocks {
		b := &blocks[i]
		if order != nil {
			b = &blocks[order[i]]
		}
		if i > 0 {
			b.to = placeAt(cursor, b.start, b.align)
		}
		if b.size() > 0 { // a block of zeros only takes no place
			cursor = b.to + b.size()
		}
	}
}

func endOf(blocks []block) uint64 {
	var end uint64
	for _, b := range blocks {
		if b.size() > 0 {
			end = max(end, b.to+b.size())
		}
	}
	return end
}

// permute calls visit for every order of s[from:].
func permute(s []int, from int, visit func()) {
	if from == len(s) {
		visit()
		return
	}
	for i := from; i < len(s); i++ {
		// Rotating rather than swapping keeps the orders lexicographic, so that
		// the first of equals, and with it the output, is always the same.
		x := s[i]
		copy(s[from+1:i+1], s[from:i])
		s[from] = x
		permute(s, from+1, visit)
		copy(s[from:i], s[from+1:i+1])
		s[i] = x
	}
}

// mapping answers where an old file offset went.
type mapping []block // sorted by start

// offset maps old; an offset between blocks goes with the block before it.
func (m mapping) offset(old uint64) uint64 {
	i, found := slices.BinarySearchFunc(m, old, func(b block, at uint64) int { return cmp.Compare(b.start, at) })
	if !found {
		i--
	}
	if i < 0 {
		return old
	}
	return old - m[i].start + m[i].to
}

// patch overwrites bytes of the new file.
type patch struct {
	at   uint64
	data []byte
}

// compose makes the content: the blocks of data at their places, new tables
// appended as blocks with their own bytes, zeros between, patches on top.
func compose(data []byte, blocks []block, fresh []patch, patches []patch) byteio.Content {
	type part struct {
		at   uint64
		data []byte
	}
	var parts []part
	for _, b := range blocks {
		if b.size() > 0 {
			parts = append(parts, part{b.to, data[b.start : b.end-b.trim]})
		}
	}
	for _, p := range fresh {
		parts = append(parts, part(p))
	}
	arrange.Stable(parts, func(a, b part) int { return cmp.Compare(a.at, b.at) })
	arrange.Stable(patches, func(a, b patch) int { return cmp.Compare(a.at, b.at) })

	var out byteio.Content
	var cursor uint64
	emit := func(b []byte) {
		if len(b) > 0 {
			out = append(out, byteio.Piece{Data: b})
			cursor += uint64(len(b))
		}
	}
	for _, p := range parts {
		if p.at > cursor {
			if len(out) == 0 {
				out = append(out, byteio.Piece{})
			}
			out[len(out)-1].Zeros += p.at - cursor
			cursor = p.at
		}
		for len(p.data) > 0 {
			// What is before the next patch is the old file's.
			for len(patches) > 0 && patches[0].at+uint64(len(patches[0].data)) <= cursor {
				patches = patches[1:]
			}
			end := cursor + uint64(len(p.data))
			if len(patches) == 0 || patches[0].at >= end {
				emit(p.data)
				break
			}
			if at := patches[0].at; at > cursor {
				n := at - cursor
				emit(p.data[:n])
				p.data = p.data[n:]
				continue
			}
			skip := cursor - patches[0].at
			n := min(uint64(len(patches[0].data))-skip, uint64(len(p.data)))
			emit(patches[0].data[skip : skip+n])
			p.data = p.data[n:]
		}
	}
	return out
}

// claim is a range of the old file that does not stay, with its reason.
type claim struct {
	start, end uint64
	why        Reason
}

// account charges every byte of the old file that lies in no block to the
// first claim that covers it, the rest to rest. Together with what a rewrite
// adds (Report.remove with negative bytes) the sum is exact.
func account(r *Report, size uint64, blocks []block, claims []claim, rest Reason) {
	arrange.Stable(claims, func(a, b claim) int { return cmp.Compare(a.start, b.start) })
	next := 0
	charge := func(from, to uint64) { // a gap between blocks
		for from < to {
			for next < len(claims) && claims[next].end <= from {
				next++
			}
			if next == len(claims) || claims[next].start >= to {
				r.remove(rest, int64(to-from))
				return
			}
			c := claims[next]
			if c.start > from {
				r.remove(rest, int64(c.start-from))
				from = c.start
			}
			n := min(c.end, to) - from
			r.remove(c.why, int64(n))
			from += n
		}
	}
	var cursor uint64
	for _, b := range blocks {
		charge(cursor, b.start)
		cursor = b.end
		if b.trim > 0 {
			r.remove(ReasonZeros, int64(b.trim))
		}
	}
	charge(cursor, size)
}
