//go:build !unix

package byteio

import "os"

func (m *Mapping) load(f *os.File) error { return m.readAll(f) }

// Forget does nothing: the data is no mapping here.
func (m *Mapping) Forget([]byte) {}
