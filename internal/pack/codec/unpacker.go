package codec

// The coder of the unpacker itself: bytes under the top five bits of the byte
// before (all eight are no better, and touch eight times the memory), with XLZ's
// probabilities and range coder, so that the part of the stub that must be
// plain code needs little more than the tree that every decoder has. A fifth
// to a quarter of the unpacker is saved; two mixed orders would save 6 % more
// of it and cost as much in plain code.

func newUnpackerModel() *[32][256]uint16 {
	m := new([32][256]uint16)
	for i := range m {
		for j := range m[i] {
			m[i][j] = xlzInit
		}
	}
	return m
}

// EncodeUnpacker codes part 1 of the stub.
func EncodeUnpacker(code []byte) []byte {
	e, m, prev := newRangeEncoder(true, len(code)), newUnpackerModel(), byte(0)
	for _, b := range code {
		e.tree(m[prev>>3][:], 8, uint32(b))
		prev = b
	}
	return e.finish()
}
