//go:build unix

package byteio

import (
	"os"
	"syscall"
)

func (m *Mapping) load(f *os.File) error {
	data, err := syscall.Mmap(int(f.Fd()), 0, int(m.Info.Size()), syscall.PROT_READ, syscall.MAP_PRIVATE)
	if err != nil {
		return m.readAll(f)
	}
	m.Data = data
	m.unmap = func() error { return syscall.Munmap(data) }
	return nil
}
