package parcel

import (
	"bytes"

	"github.com/klauspost/compress/flate"
)

// deflated is data compressed as small as that goes (RFC 1951). The same bytes
// always give the same bytes.
func deflated(data []byte) []byte {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		panic(err) // the level is a constant
	}
	_, _ = w.Write(data) // a bytes.Buffer takes all
	_ = w.Close()
	return out.Bytes()
}
