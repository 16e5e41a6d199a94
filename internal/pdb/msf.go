package pdb

// The Multi-Stream File that a PDB is (LLVM, "The MSF File Format"): a file
// system of numbered streams in blocks, as a compiler rewrites parts of a PDB
// in place. A stream whose blocks lie in a row is a view of the file; others
// are put together, within a budget, for a hostile directory can name the same
// blocks again and again.

import (
	"encoding/binary"

	"github.com/minsize/minsize/internal/byteio"
)

const msfMagic = "Microsoft C/C++ MSF 7.00\r\n\x1aDS\x00\x00\x00"

type msf struct {
	data      []byte
	blockSize uint64
	streams   []msfStream
	budget    uint64 // bytes that may still be put together
}

type msfStream struct {
	size   uint64
	blocks []byte // little-endian block numbers
}

// Match says whether data is a PDB.
func Match(data []byte) bool { return len(data) >= 56 && string(data[:32]) == msfMagic }

func openMSF(data []byte) (*msf, error) {
	if !Match(data) {
		return nil, byteio.Errorf(0, "MSF superblock", "expected the magic of a PDB (MSF 7.00)")
	}
	u32 := func(at int) uint64 { return uint64(binary.LittleEndian.Uint32(data[at:])) }
	m := &msf{data: data, blockSize: u32(32), budget: 4*uint64(len(data)) + 1<<20}
	if m.blockSize < 512 || m.blockSize > 1<<16 || m.blockSize&(m.blockSize-1) != 0 {
		return nil, byteio.Errorf(32, "MSF BlockSize", "expected a power of two from 512 to 65536, got %d", m.blockSize)
	}
	size := u32(44)
	v := byteio.View{Data: data, Order: binary.LittleEndian}
	table, err := v.Table(u32(52)*m.blockSize, m.count(size), 4, "MSF block map")
	if err != nil {
		return nil, err
	}
	directory, err := m.assemble(msfStream{size, table}, "MSF directory")
	if err != nil {
		return nil, err
	}
	d := byteio.View{Data: directory, Order: binary.LittleEndian}
	count, err := d.U32(0, "MSF NumStreams")
	if err != nil {
		return nil, err
	}
	sizes, err := d.Table(4, uint64(count), 4, "MSF StreamSizes")
	if err != nil {
		return nil, err
	}
	at := 4 + 4*uint64(count)
	for i := range uint64(count) {
		s := msfStream{size: uint64(binary.LittleEndian.Uint32(sizes[4*i:]))}
		if s.size == 0xffffffff { // deleted
			s.size = 0
		}
		if s.blocks, err = d.Table(at, m.count(s.size), 4, "MSF StreamBlocks"); err != nil {
			return nil, err
		}
		at += uint64(len(s.blocks))
		m.streams = append(m.streams, s)
	}
	return m, nil
}

func (m *msf) count(size uint64) uint64 { return (size + m.blockSize - 1) / m.blockSize }

// stream returns a stream's bytes; none for a number that the file has not.
func (m *msf) stream(n int) ([]byte, error) {
	if n < 0 || n >= len(m.streams) {
		return nil, nil
	}
	return m.assemble(m.streams[n], "MSF stream")
}

func (m *msf) assemble(s msfStream, what string) ([]byte, error) {
	if s.size == 0 {
		return nil, nil
	}
	block := func(i uint64) uint64 { return uint64(binary.LittleEndian.Uint32(s.blocks[4*i:])) }
	n := uint64(len(s.blocks)) / 4
	inARow := true
	for i := uint64(0); i < n; i++ {
		if end := block(i)*m.blockSize + min(m.blockSize, s.size-i*m.blockSize); end > uint64(len(m.data)) {
			return nil, byteio.Errorf(block(i)*m.blockSize, what, "block %d ends at %#x of %#x", block(i), end, len(m.data))
		}
		inARow = inARow && block(i) == block(0)+i
	}
	if inARow {
		at := block(0) * m.blockSize
		return m.data[at : at+s.size : at+s.size], nil
	}
	if s.size > m.budget {
		return nil, byteio.Errorf(0, what, "streams share blocks: %d bytes are more than the file can have", s.size)
	}
	m.budget -= s.size
	out := make([]byte, 0, s.size)
	for i := uint64(0); i < n; i++ {
		at := block(i) * m.blockSize
		out = append(out, m.data[at:at+min(m.blockSize, s.size-uint64(len(out)))]...)
	}
	return out, nil
}
