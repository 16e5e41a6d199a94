package pack

import (
	"bytes"
	"compress/flate"
	"slices"

	"github.com/minsize/minsize/internal/pack/codec"
)

// Whether a transform pays. Its operation's code costs 100 to 300 bytes, and
// what it takes out the coder may have had for little: of programs just above
// 96 KiB one in a few was up to 151 bytes smaller without the relative
// relocations. Only packing without it tells, which costs as much as packing
// with it; in larger programs every transform pays many times over. So it is
// tried in small programs, and in large ones where a fast coder sees no clear
// gain: of 28 gains between 94 and 107 KiB the estimate was over by 95 to 1660
// bytes; the losses were estimated at 158 and 347, and every gain estimated at
// 1 KiB or more was 485 bytes or more.

// leanBelow is the image size up to which every transform is tried; above, one
// whose gain is estimated at less than clearGain bytes.
const (
	leanBelow = 96 << 10
	clearGain = 1 << 10
)

// packLeanest leaves out each transform whose operation costs more than it
// saves.
func (p *program) packLeanest(m codec.Method, rest []byte) ([]byte, *Report, error) {
	without := map[string]bool{}
	best, report, err := p.pack(m, rest, without)
	if err != nil {
		return best, report, err
	}
	for _, t := range transforms {
		if t.apply == nil || !slices.Contains(report.Transforms, t.name) || len(p.image) > leanBelow && p.estimateGain(t) >= clearGain {
			continue
		}
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

// estimateGain is how many bytes a transform saves a fast coder, over 100 MB/s.
func (p *program) estimateGain(t *transform) int {
	image := bytes.Clone(p.image)
	arg, ok := t.apply(p, image)
	if !ok {
		return 0
	}
	return flateSize(p.image) - flateSize(image, arg)
}

func flateSize(parts ...[]byte) int {
	var n counter
	w, err := flate.NewWriter(&n, flate.BestSpeed)
	if err != nil {
		panic(err) // a constant level
	}
	for _, b := range parts {
		_, _ = w.Write(b) // counter never fails
	}
	_ = w.Close()
	return int(n)
}

type counter int

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}
