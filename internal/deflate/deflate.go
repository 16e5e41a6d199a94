// Package deflate writes DEFLATE (RFC 1951) as small as that goes in reasonable
// time, for archives that are made once and unpacked often.
//
// What is hard: which of several matches to take depends on what symbols cost,
// and what symbols cost depends on which were taken. Greedy and lazy parsers
// (zlib, the usual Go packages) never look back; here each block is parsed as a
// shortest way through all its matches, under the costs of the last parse, a few
// times over. Where a block ends is a question of cost as well: a stretch whose
// symbols are others than those before is dearer in one code than a second header.
//
// Rejected: Zopfli's many rounds over many splits (a hundredth smaller for fifty
// times the work).
//
// The output depends on the data alone: stretches are compressed side by side,
// and put together in their order.
package deflate

import (
	"runtime"
	"sync"
)

const (
	window   = 1 << 15
	minMatch = 3
	maxMatch = 258

	// stretch is what one goroutine compresses; the window before it counts.
	stretch = 4 << 20
)

// Compress gives data as one complete stream.
func Compress(data []byte) []byte { return inStretches(data, stretch) }

// tables are built by the first who compresses: nearly all runs of the program
// do not.
var tables = sync.OnceFunc(func() {
	lengthParts, distanceParts = partTables()
	fixed = fixedCodes()
})

func inStretches(data []byte, stretch int) []byte {
	tables()
	n := max(1, (len(data)+stretch-1)/stretch)
	parts := make([][]byte, n)
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	var all sync.WaitGroup
	for i := range n {
		free <- struct{}{}
		all.Go(func() {
			from, to := i*stretch, min((i+1)*stretch, len(data))
			before := max(0, from-window)
			parts[i] = compress(data[before:to], from-before, i == n-1)
			<-free
		})
	}
	all.Wait()
	out := parts[0]
	for _, p := range parts[1:] {
		out = append(out, p...)
	}
	return out
}

// unit is the stretch after which a block may end, and mostUnits the longest
// block.
const (
	unit      = 4096
	mostUnits = 64
)

// compress writes data[from:], whose matches may begin before that. What is not
// the last ends with an empty stored block, on a whole byte.
func compress(data []byte, from int, last bool) []byte {
	w := &writer{}
	f := newFinder(data)
	for f.at < from {
		f.skip()
	}
	b := block{data: data, start: from}
	parse := from // where the greedy parse is
	for end := from; end < len(data); {
		start := end
		end = min(end+unit, len(data))
		first := len(b.at)
		for f.at < end {
			b.at = append(b.at, len(b.matches))
			b.matches = f.find(b.matches)
		}
		var u histogram
		for parse < end {
			parse += u.greedy(data, parse, b.of(parse-b.start))
		}
		if first > 0 && (first >= mostUnits*unit || b.symbols.apart(&u)) {
			b.flush(w, start, false)
			b.rest(first)
		}
		b.symbols.add(&u)
	}
	if len(b.at) > 0 || from == len(data) && last {
		b.flush(w, len(data), last)
	}
	if !last {
		w.stored(nil, false)
	}
	return w.done()
}
