package byteio

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Mapping is a whole input file in memory, read only. On Unix a regular file
// is mapped, so that a view of the headers of a 2 GB file costs 2 pages.
type Mapping struct {
	Path string
	Data []byte
	Info fs.FileInfo // as it was when opened; the writer compares it before the rename

	unmap func() error
}

// ErrNotRegular is what Open answers for folders, FIFOs, devices and sockets.
var ErrNotRegular = errors.New("not a regular file")

// Open maps the file at path. The caller must not touch Data after Close.
func Open(path string) (*Mapping, error) {
	f, err := OpenRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	m := &Mapping{Path: path, Info: info}
	if info.Size() == 0 {
		return m, nil
	}
	if err := m.load(f); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// OpenRegular opens a file to read it, and refuses what is not one before it is
// opened: a FIFO waits for somebody who writes, where no signal ends the wait,
// and some devices do something.
func OpenRegular(path string) (*os.File, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w", path, ErrNotRegular)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w", path, ErrNotRegular)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Head is how a regular file begins, at most n bytes of it; nothing where there
// is none.
func Head(path string, n int) []byte {
	f, err := OpenRegular(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	head := make([]byte, n)
	n, _ = io.ReadFull(f, head)
	return head[:n]
}

// Writable says why no files can be made in dir, if so.
func Writable(dir string) error {
	f, err := os.CreateTemp(dir, ".minsize-*")
	if err != nil {
		var path *os.PathError
		if errors.As(err, &path) {
			return path.Err
		}
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// readAll is the way of hosts, and file systems, that cannot map.
func (m *Mapping) readAll(f *os.File) error {
	m.Data = make([]byte, m.Info.Size())
	_, err := io.ReadFull(f, m.Data)
	return err
}

// Close gives the memory back.
func (m *Mapping) Close() error {
	if m.unmap == nil {
		return nil
	}
	unmap := m.unmap
	m.unmap, m.Data = nil, nil
	return unmap()
}
