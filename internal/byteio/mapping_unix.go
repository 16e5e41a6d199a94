//go:build unix

package byteio

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
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

// Forget tells the system that part of Data is not needed soon: its pages
// leave this process's memory and come back from the file when they are read.
// Nothing happens to data that is no mapping.
func (m *Mapping) Forget(part []byte) {
	if m.unmap == nil || len(part) == 0 {
		return
	}
	page := uintptr(os.Getpagesize())
	base, start := uintptr(unsafe.Pointer(&m.Data[0])), uintptr(unsafe.Pointer(&part[0]))
	if start < base || start-base+uintptr(len(part)) > uintptr(len(m.Data)) {
		return
	}
	from := (start - base + page - 1) &^ (page - 1)
	to := (start - base + uintptr(len(part))) &^ (page - 1)
	if from < to {
		_ = unix.Madvise(m.Data[from:to], unix.MADV_DONTNEED) // a private mapping that is never written: no bytes can be lost
	}
}
