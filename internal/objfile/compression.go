package objfile

// Compressed debug sections: SHF_COMPRESSED with its Chdr (gABI 4,
// "Compression Header") and the older .zdebug_* ("ZLIB" and a big-endian size).
//
// The header claims a size before a byte is known, so it is capped: no honest
// debug section deflates 64-fold on top of half a gigabyte, and a file of
// 544 kB that claims 2.6 GB must not get it.

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/minsize/minsize/internal/byteio"
)

const (
	elfCompressZlib = 1 // ELFCOMPRESS_ZLIB
	elfCompressZstd = 2 // ELFCOMPRESS_ZSTD

	maxInflation     = 64
	maxUncompressed  = 512 << 20
	smallSectionRoom = 1 << 20 // a few hundred bytes of repeated records may inflate more than 64-fold
)

// SectionData returns the section's contents, decompressed; not a copy unless
// it was compressed. Each call decompresses anew: keep the result.
func (f *File) SectionData(s *Section) ([]byte, error) {
	raw, err := f.RawData(s)
	if f.Format == PE && s.MemSize < uint64(len(raw)) { // padding to FileAlignment
		raw = raw[:s.MemSize]
	}
	if err != nil || !s.Compressed || len(raw) == 0 {
		return raw, err
	}
	if strings.HasPrefix(s.Name, ".zdebug_") || f.MachO != nil {
		if len(raw) < 12 || string(raw[:4]) != "ZLIB" {
			return nil, byteio.Errorf(s.Offset, "section "+s.Name, `expected "ZLIB" and a size`)
		}
		return inflate(raw[12:], binary.BigEndian.Uint64(raw[4:]), elfCompressZlib, s)
	}
	if f.ELF == nil {
		return raw, nil
	}
	d := f.ELF.d
	header := pick(d.wide, 24, 12)
	if uint64(len(raw)) < header {
		return nil, byteio.Errorf(s.Offset, "Chdr of "+s.Name, "%d bytes wanted, %d there", header, len(raw))
	}
	size := d.word(raw[4:]) // Elf32_Chdr: ch_type, ch_size, ch_addralign
	if d.wide {
		size = d.u64(raw[8:]) // Elf64_Chdr has ch_reserved between
	}
	return inflate(raw[header:], size, d.u32(raw), s)
}

// UncompressedSize is the section's size once decompressed, by its header.
func (f *File) UncompressedSize(s *Section) uint64 {
	raw, err := f.RawData(s)
	switch {
	case err != nil || !s.Compressed:
	case len(raw) >= 12 && string(raw[:4]) == "ZLIB":
		return binary.BigEndian.Uint64(raw[4:])
	case f.ELF != nil && f.ELF.d.wide && len(raw) >= 24:
		return f.ELF.d.u64(raw[8:])
	case f.ELF != nil && len(raw) >= 12:
		return uint64(f.ELF.d.u32(raw[4:]))
	}
	return s.FileSize
}

func inflate(packed []byte, size uint64, method uint32, s *Section) ([]byte, error) {
	limit := min(maxInflation*uint64(len(packed))+smallSectionRoom, maxUncompressed)
	if size > limit {
		return nil, byteio.Errorf(s.Offset, "section "+s.Name, "claims %d bytes out of %d compressed, more than the %d allowed", size, len(packed), limit)
	}
	out := make([]byte, size)
	var reader io.Reader
	switch method {
	case elfCompressZlib:
		z, err := zlib.NewReader(bytes.NewReader(packed))
		if err != nil {
			return nil, byteio.Errorf(s.Offset, "section "+s.Name, "%v", err)
		}
		reader = z
	case elfCompressZstd:
		z, err := zstd.NewReader(bytes.NewReader(packed), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxUncompressed))
		if err != nil {
			return nil, byteio.Errorf(s.Offset, "section "+s.Name, "%v", err)
		}
		defer z.Close()
		reader = z
	default:
		return nil, byteio.Errorf(s.Offset, "ch_type of "+s.Name, "expected 1 (zlib) or 2 (zstd), got %d", method)
	}
	if n, err := io.ReadFull(reader, out); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) && size > 0 {
			return nil, byteio.Errorf(s.Offset, "section "+s.Name, "claims %d bytes decompressed, has %d", size, n)
		}
		return nil, byteio.Errorf(s.Offset, "section "+s.Name, "%v", err)
	}
	return out, nil
}
