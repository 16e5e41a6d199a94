package parcel

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/deflate"
)

// zipped is a zip archive (APPNOTE.TXT).
type zipped struct{ *zip.Reader }

func openZip(data []byte) (container, error) {
	if !bytes.HasPrefix(data, []byte("PK")) {
		return nil, byteio.Refuse("a .whl file", "it is no zip archive")
	}
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, damaged("%v", err)
	}
	sum := uint64(0)
	for _, f := range r.File {
		// Entries that share their bytes are how a small archive unpacks to a huge one.
		if sum += f.CompressedSize64; f.CompressedSize64 > uint64(len(data)) || sum > uint64(len(data)) {
			return nil, damaged("its members claim more bytes than it has")
		}
		switch {
		case f.Flags&1 != 0:
			return nil, byteio.Refuse("a package without a password", "%q is encrypted", f.Name)
		case f.Method != zip.Store && f.Method != zip.Deflate:
			return nil, byteio.Refuse("a package of stored and deflated members", "%q is compressed by method %d, which is not read here", f.Name, f.Method)
		}
	}
	if len(r.File) > 0 {
		if first, err := r.File[0].DataOffset(); err != nil || !bytes.HasPrefix(data, []byte("PK\x03\x04")) || first > 1<<17 {
			return nil, byteio.Refuse("the archive alone", "something stands in front of the archive, and would be lost")
		}
	}
	return zipped{r}, nil
}

func (z zipped) members() (all []member) {
	for _, f := range z.File {
		all = append(all, member{name: f.Name, mode: f.Mode(), meta: fmt.Sprintf("%v %x %d %d %d %d %d %d %q", f.NonUTF8, f.Flags,
			f.Method, f.ModifiedDate, f.ModifiedTime, f.ExternalAttrs, f.CreatorVersion, f.ReaderVersion, string(withoutZip64(f.Extra))+"\x00"+f.Comment)})
	}
	return all
}

func (z zipped) read(i int) ([]byte, error) {
	f := z.File[i]
	most := limit(f.CompressedSize64)
	r, err := f.Open()
	if err != nil {
		return nil, damaged("%q: %v", f.Name, err)
	}
	content, err := io.ReadAll(io.LimitReader(r, int64(most)+1))
	if err != nil {
		return nil, damaged("%q: %v", f.Name, err)
	}
	if uint64(len(content)) > most {
		return nil, byteio.Refuse("a package from where you trust it", "%q unpacks to more than %d bytes from %d", f.Name, most, f.CompressedSize64)
	}
	return content, nil
}

func (z zipped) raw(i int) ([]byte, error) {
	f := z.File[i]
	r, err := f.OpenRaw()
	if err != nil {
		return nil, damaged("%q: %v", f.Name, err)
	}
	content, err := io.ReadAll(r)
	if err != nil {
		return nil, damaged("%q: %v", f.Name, err)
	}
	return content, nil
}

func (z zipped) write(replaced map[int][]byte) ([]byte, error) {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for i, f := range z.File {
		h := f.FileHeader
		h.Extra = withoutZip64(h.Extra) // the writer adds what it needs
		content, anew := replaced[i]
		if anew {
			h.CRC32, h.UncompressedSize64 = crc32.ChecksumIEEE(content), uint64(len(content))
			if h.Method == zip.Deflate {
				content = deflate.Compress(content)
			}
			h.CompressedSize64 = uint64(len(content))
		} else {
			var err error
			if content, err = z.raw(i); err != nil {
				return nil, err
			}
		}
		to, err := w.CreateRaw(&h)
		if err != nil {
			return nil, damaged("%q: %v", f.Name, err)
		}
		if _, err := to.Write(content); err != nil {
			return nil, err
		}
	}
	if err := w.SetComment(z.Comment); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// withoutZip64 takes the record of sizes and offsets that need 64 bits out of
// the extra field (APPNOTE 4.5.3).
func withoutZip64(extra []byte) (out []byte) {
	for rest := extra; ; {
		if len(rest) < 4 {
			return append(out, rest...)
		}
		n := 4 + int(binary.LittleEndian.Uint16(rest[2:]))
		if n > len(rest) {
			return append(out, rest...)
		}
		if binary.LittleEndian.Uint16(rest) != 1 {
			out = append(out, rest[:n]...)
		}
		rest = rest[n:]
	}
}
