//go:build !unix

package byteio

import "os"

func (m *Mapping) load(f *os.File) error { return m.readAll(f) }
