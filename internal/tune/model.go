package tune

import "math/bits"

// move is something that may make the program smaller: choices for one call,
// or for all calls of a function, which then goes, or comes back.
type move struct {
	flips []flip
	goes  int // the function that is not needed any more; -1 for none
	comes int // the function that has code of its own again; -1 for none

	kind     kind
	features features
	gain     int64 // measured
	known    bool
}

// flip is a choice for one call.
type flip struct {
	function, call int
	choice         Choice
}

type kind uint8

const (
	inlineOne kind = iota // the body at one of its calls, its other callers keep it
	inlineAll             // at all of its calls
	apartOne              // one call is made, though LLVM may inline it
	apartLast             // the only call is made, which LLVM has inlined
)

// features are what a guess goes by; each is small, so that few measurements
// fill a bucket.
type features struct {
	kind   kind
	bytes  uint8 // of the callee's code, as a power of two
	consts uint8 // arguments that are constants
	calls  uint8 // of the callee
	large  bool  // the caller is
}

func (m *Module) featuresOf(k kind, size int64, f flip) features {
	caller := &m.functions[f.function]
	c := caller.calls[f.call]
	return features{k, uint8(min(bits.Len64(uint64(max(size, 0))>>3), 7)), uint8(min(c.consts, 2)),
		uint8(min(m.uses[m.functions[c.callee].name], 4)), caller.span.to-caller.span.from > 16<<10}
}

// model guesses what a move gives: a prior by rule of thumb, and what the
// moves with the same features have given until now.
type model struct {
	seen map[features]*struct{ sum, n float64 }
}

// trust is how many measurements the prior is worth.
const trust = 3

// guess is the expected gain in bytes, what would be a loss counted as nothing.
func (l *model) guess(f features, size, perFunction int64) float64 {
	prior := l.prior(f, float64(size), float64(perFunction))
	b := l.seen[f]
	if b == nil {
		return prior
	}
	return (prior*trust + b.sum) / (trust + b.n)
}

// prior: a call costs about twelve bytes with its arguments, a function about
// as much beside its table entries; an argument that is known saves some of
// the body.
func (l *model) prior(f features, size, perFunction float64) float64 {
	saved := 12 + 3*float64(f.consts)
	switch f.kind {
	case inlineOne:
		return max(0.5, saved-size/3)
	case inlineAll:
		return max(1, saved*float64(f.calls)+12+perFunction-float64(f.calls-1)*size/2)
	case apartOne:
		return 0.5
	}
	return max(0.25, 2-perFunction/32)
}

// learn notes what a move gave.
func (l *model) learn(f features, gain int64) {
	if l.seen == nil {
		l.seen = map[features]*struct{ sum, n float64 }{}
	}
	b := l.seen[f]
	if b == nil {
		b = &struct{ sum, n float64 }{}
		l.seen[f] = b
	}
	b.n++
	b.sum += float64(max(gain, 0))
}
