package byteio

import "bytes"

// Piece is one part of a file's new content: Data as it is, then Zeros zero
// bytes. Data may alias a Mapping: the writer streams it, so that a rewrite
// of a 5 GB file needs no 5 GB of memory.
type Piece struct {
	Data  []byte
	Zeros uint64
}

// Content is what a file shall hold, in order.
type Content []Piece

// Len is the size in bytes of the file that c makes.
func (c Content) Len() uint64 {
	var n uint64
	for _, p := range c {
		n += uint64(len(p.Data)) + p.Zeros
	}
	return n
}

// Bytes joins c in memory. A single piece without zeros is not copied.
func (c Content) Bytes() []byte {
	if len(c) == 1 && c[0].Zeros == 0 {
		return c[0].Data
	}
	out := make([]byte, 0, c.Len())
	for _, p := range c {
		out = append(out, p.Data...)
		out = append(out, make([]byte, p.Zeros)...)
	}
	return out
}

// holeBlock is the grain of holes: no file system in use has smaller ones.
const holeBlock = 4096

var zeroBlock [holeBlock]byte

// leadingZeroBlocks returns the number of leading bytes of data, in whole blocks, that
// are all zero: what may become a hole.
func leadingZeroBlocks(data []byte) int {
	n := 0
	for n+holeBlock <= len(data) && bytes.Equal(data[n:n+holeBlock], zeroBlock[:]) {
		n += holeBlock
	}
	return n
}

// leadingDataBlocks returns the number of leading bytes of data up to the
// next whole zero block.
func leadingDataBlocks(data []byte) int {
	n := 0
	for n < len(data) {
		if n+holeBlock <= len(data) && bytes.Equal(data[n:n+holeBlock], zeroBlock[:]) {
			return n
		}
		n = min(n+holeBlock, len(data))
	}
	return n
}
