// Package inspect opens finished programs to be looked at: the file, what it
// holds if it is packed, and wherever its names and debug information lie.
//
// What is hard is memory and lifetime. Names are views of mapped files, so all
// that was opened for a program lives until Close. And inputs go up to
// gigabytes: from some size on memory counts more than time, and the garbage
// collector is told so here, in one place.
package inspect

import (
	"context"
	"fmt"
	"math"
	"runtime/debug"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/dwarf"
	"github.com/minsize/minsize/internal/pack"
	"github.com/minsize/minsize/internal/strip"
)

// Options is how a program is opened.
type Options struct {
	attrib.Options
	DebugFile string // where its names are, as the user says
}

// Files are attributed programs with the mappings that they live in.
type Files struct {
	Inputs []attrib.Input
	Notes  []string // which files names came from, and which were refused

	mappings []*byteio.Mapping
	splits   []*dwarf.SplitFinder
	huge     int    // bytes of huge inputs
	ballast  []byte // never touched, so no memory: with it the first rounds of the collector, of a heap that only grows, are not made
	restore  func() // the collector's setting; nil where it stays
}

// Close unmaps the files, unless an interrupted analysis may still read them.
func (l *Files) Close(ctx context.Context) {
	if l.restore != nil {
		l.restore()
	}
	if ctx.Err() != nil {
		return
	}
	for _, m := range l.mappings {
		_ = m.Close()
	}
	for _, s := range l.splits {
		s.Close()
	}
}

// largeInput is from where on memory counts more than a tenth of the CPU time,
// hugeInput from where on it counts more than the second processor. What is
// smaller is done before there is garbage that is worth collecting.
const largeInput, hugeInput = 8 << 20, 96 << 20

// ballast costs two fifths of its size in garbage that stays longer.
const ballast = 12 << 20

// softLimit makes the collector work harder before the heap outgrows what a
// huge input should cost: garbage of one pass is gone before the next one
// needs room, where a percentage of a large heap lets it stay. Beyond the limit
// the runtime spends at most half of the time on it, so a program whose graph
// is larger than that is slower, not refused.
func softLimit(before, mapped int) {
	limit := func(n int) int64 { return int64(n) / 5 * 4 }
	if now := debug.SetMemoryLimit(-1); now == math.MaxInt64 || before > 0 && now == limit(before) { // else it is the user's GOMEMLIMIT
		debug.SetMemoryLimit(limit(mapped))
	}
}

// UnpackError says that a packed file cannot be unpacked.
type UnpackError struct {
	Path string
	Err  error
}

func (e *UnpackError) Error() string { return e.Path + ": " + e.Err.Error() }
func (e *UnpackError) Unwrap() error { return e.Err }

// mapped opens a file, and gives the program that it holds: of a packed file
// what was packed, else its own bytes.
func (l *Files) mapped(path string) (m *byteio.Mapping, program []byte, err error) {
	if m, err = byteio.Open(path); err != nil {
		return nil, nil, err
	}
	l.mappings = append(l.mappings, m)
	if !pack.IsPacked(m.Data) {
		return m, m.Data, nil
	}
	if program, err = pack.Unpack(m.Data); err != nil {
		return nil, nil, &UnpackError{path, err}
	}
	return m, program, nil
}

// Open maps and attributes one file; an archive gives several programs.
func (l *Files) Open(path string, o Options) error {
	m, data, err := l.mapped(path)
	if err != nil {
		return err
	}
	o.Names = o.Names && len(m.Data) > 2*largeInput && len(m.Data) < hugeInput
	switch {
	case len(m.Data) > largeInput:
		debug.SetGCPercent(40) // half the memory for a tenth more time
		if l.ballast == nil && len(m.Data) <= hugeInput {
			l.ballast = make([]byte, ballast)
		}
	case len(l.mappings) == 1:
		debug.SetGCPercent(400)
	default:
		debug.SetGCPercent(100)
	}
	if len(m.Data) > hugeInput {
		debug.SetGCPercent(25)
		softLimit(l.huge, l.huge+len(m.Data))
		l.huge += len(m.Data)
	}
	if len(data) == len(m.Data) { // else it is not the mapping any more
		o.Forget = m.Forget
	}
	if err := l.findNames(path, data, m.Data, &o); err != nil {
		return err
	}
	if o.Companion != nil && len(o.Companion.Data) > largeInput {
		debug.SetGCPercent(40)
	}
	inputs, err := attrib.Load(path, data, o.Options)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	l.splitNotes(o.Split)
	l.Inputs = append(l.Inputs, inputs...)
	return nil
}

// Stripped is what strip would make of the first file.
func (l *Files) Stripped(level strip.Level) (strip.Report, error) {
	_, done, err := strip.Plan(l.mappings[0].Data, strip.Options{Level: level})
	return done, err
}
