package deflate

import "slices"

// A block's header has the lengths of both codes' words, in runs, in a code of
// its own (RFC 1951, 3.2.7).

// Symbols of runs: the last length 3 to 6 times, zero 3 to 10 times, zero 11 to
// 138 times.
const (
	again      = 16
	zeros      = 17
	manyZeros  = 18
	runSymbols = 19
)

var runBits = [runSymbols]uint8{again: 2, zeros: 3, manyZeros: 7}

// runOrder is the order in which the lengths of the runs' own code stand.
var runOrder = [runSymbols]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

type run struct{ symbol, extra uint8 }

type header struct {
	literals, distances int
	runs                []run
	code                code
	codes               int // of the runs' code that are written
}

// newHeader tries each choice of the kinds of runs that it uses: a symbol that is
// used once makes the code of all others longer.
func newHeader(l, d code) *header {
	used := func(lengths []uint8, least int) int {
		n := len(lengths)
		for n > least && lengths[n-1] == 0 {
			n--
		}
		return n
	}
	var best *header
	nl, nd := used(l.lengths[:literals], lengths), used(d.lengths[:distances], 1)
	all := append(slices.Clone(l.lengths[:nl]), d.lengths[:nd]...)
	for kinds := range 8 {
		h := &header{literals: nl, distances: nd, runs: runsOf(all, kinds&1 > 0, kinds&2 > 0, kinds&4 > 0)}
		var counts [runSymbols]uint32
		for _, r := range h.runs {
			counts[r.symbol]++
		}
		h.code = newCode(counts[:], 7)
		h.codes = runSymbols
		for h.codes > 4 && h.code.lengths[runOrder[h.codes-1]] == 0 {
			h.codes--
		}
		if best == nil || h.size() < best.size() {
			best = h
		}
	}
	return best
}

func runsOf(all []uint8, useAgain, useZeros, useMany bool) (runs []run) {
	for i := 0; i < len(all); {
		n := 1
		for i+n < len(all) && all[i+n] == all[i] {
			n++
		}
		switch {
		case all[i] == 0 && useMany && n >= 11:
			n = min(n, 138)
			runs = append(runs, run{manyZeros, uint8(n - 11)})
		case all[i] == 0 && useZeros && n >= 3:
			n = min(n, 10)
			runs = append(runs, run{zeros, uint8(n - 3)})
		case i > 0 && all[i-1] == all[i] && useAgain && n >= 3:
			n = min(n, 6)
			runs = append(runs, run{again, uint8(n - 3)})
		default:
			n = 1
			runs = append(runs, run{symbol: all[i]})
		}
		i += n
	}
	return runs
}

func (h *header) size() uint64 {
	n := 3 + 14 + 3*h.codes
	for _, r := range h.runs {
		n += int(h.code.lengths[r.symbol]) + int(runBits[r.symbol])
	}
	return uint64(n)
}

func (h *header) write(w *writer) {
	w.put(uint64(h.literals-lengths), 5)
	w.put(uint64(h.distances-1), 5)
	w.put(uint64(h.codes-4), 4)
	for _, s := range runOrder[:h.codes] {
		w.put(uint64(h.code.lengths[s]), 3)
	}
	for _, r := range h.runs {
		w.put(uint64(h.code.words[r.symbol]), uint(h.code.lengths[r.symbol]))
		w.put(uint64(r.extra), uint(runBits[r.symbol]))
	}
}
