package pack

import (
	"compress/flate"
	"runtime/debug"
	"sync"

	"github.com/minsize/minsize/internal/pack/codec"
)

// What pays, decided before the work: whether a transform is worth its
// operation's code, and whether XLZ is worth its larger unpacker. Packing both
// ways tells, and costs as much each time; a fast coder's measure tells nearly
// as well. Of 50 programs below 110 KB, gains that it puts at 190 bytes (of
// relative relocations) or 320 (of unwind tables) are gains of nothing once
// coded, give or take 80; XLZ wins where it makes more than 5.5 to 5.9 KB of
// the code. Near these borders both ways are packed, where that is quick: in
// programs above doubtBelow the measure alone decides.

// unsure is how far from its border a measure decides, in bytes.
const unsure = 70

const doubtBelow = 256 << 10

// clearChange is how many bytes a transform changes where it pays in any case.
const clearChange = 8 << 10

// methods that may win, by size alone: below the first border, of code by the
// fast coder, LZMA with its small unpacker wins, above the second XLZ.
func (p *program) methods() []codec.Method { return p.methodsFor(p.load(0)) }

func (p *source) methodsFor(image []byte) []codec.Method {
	code := 0
	for _, r := range p.regions {
		code += flateSize(image[r.Start:r.End])
	}
	switch {
	case code < p.borders[0]:
		return []codec.Method{codec.LZMA}
	case code > p.borders[1]:
		return []codec.Method{codec.XLZ}
	}
	return []codec.Method{codec.XLZ, codec.LZMA}
}

// packLeanest leaves out each transform whose operation costs more than it
// saves.
func (p *program) packLeanest(m codec.Method, rest []byte) ([]byte, *Report, error) {
	without := map[string]bool{}
	var doubtful []*transform
	for _, t := range transforms {
		if t.apply == nil {
			continue
		}
		switch gain := p.estimateGain(t) - t.border; {
		case gain < -unsure || gain < 0 && p.size > doubtBelow:
			without[t.name] = true
		case gain < unsure && p.size <= doubtBelow:
			doubtful = append(doubtful, t)
		}
	}
	best, report, err := p.pack(m, rest, without)
	if err != nil {
		return best, report, err
	}
	for _, t := range doubtful {
		without[t.name] = true
		out, r, err := p.pack(m, rest, without)
		if err != nil {
			return nil, nil, err
		}
		if len(out) <= len(best) {
			best, report = out, r
		} else {
			delete(without, t.name)
		}
	}
	return best, report, nil
}

// estimateGain is how many bytes a transform saves a fast coder.
func (p *program) estimateGain(t *transform) int {
	image := p.load(0)
	arg, ok := t.apply(p, image)
	if !ok {
		return -1 << 20
	}
	before := p.load(0)
	changed := 0
	for i, b := range before {
		if image[i] != b {
			changed++
		}
	}
	if changed >= clearChange {
		return changed
	}
	return flateSize(before) - flateSize(image, arg)
}

// writers of flate are large.
var writers = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic(err) // a constant level
	}
	return w
}}

func flateSize(parts ...[]byte) int {
	var n counter
	w := writers.Get().(*flate.Writer)
	w.Reset(&n)
	for _, b := range parts {
		_, _ = w.Write(b) // counter never fails
	}
	_ = w.Close()
	writers.Put(w)
	return int(n)
}

type counter int

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

// settle gives memory back before more is asked for. The collector alone would
// let what is no longer used grow as large as what is.
func settle(size int) {
	if size > 256<<10 {
		debug.FreeOSMemory()
	}
}
