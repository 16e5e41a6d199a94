package parcel

// An npm package is a tar archive within gzip. Its headers are kept as the bytes
// that they are: of a member that changes only the size and the checksum are
// written anew (POSIX pax, "ustar interchange format").

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/deflate"
)

// NPM is a package as npm publishes it.
var NPM = Kind{Name: "npm", Suffix: ".tgz", open: openTGZ}

const block = 512

// Fields of a header block.
const (
	sizeField, sizeLen         = 124, 12
	checksumField, checksumLen = 148, 8
)

type tgz struct {
	head []byte // gzip's header, as it is
	tar  []byte // unpacked
	all  []member
	at   []extent // of the content of each, in tar
}

type extent struct{ from, to int }

func openTGZ(data []byte) (container, error) {
	if !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		return nil, byteio.Refuse("a .tgz file, as npm pack writes it", "it is not compressed by gzip")
	}
	in := bytes.NewReader(data)
	r, err := gzip.NewReader(in)
	if err != nil {
		return nil, damaged("%v", err)
	}
	t := &tgz{head: data[:len(data)-in.Len()]}
	most := limit(uint64(len(data)))
	if t.tar, err = io.ReadAll(io.LimitReader(r, int64(most)+1)); err != nil {
		return nil, damaged("%v", err)
	}
	if uint64(len(t.tar)) > most {
		return nil, byteio.Refuse("a package from where you trust it", "it unpacks to more than %d bytes from %d", most, len(data))
	}
	return t, t.walk()
}

func (t *tgz) walk() error {
	in := bytes.NewReader(t.tar)
	r := tar.NewReader(in)
	end := 0 // of what was read
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			if len(t.all) == 0 {
				return damaged("it holds no file")
			}
			return nil
		}
		if err != nil {
			return damaged("%v", err)
		}
		from := len(t.tar) - in.Len()
		header := t.tar[from-block : from]
		size, err := strconv.ParseUint(strings.Trim(string(header[sizeField:sizeField+sizeLen]), " \x00"), 8, 63)
		_, sized := h.PAXRecords["size"]
		plain := err == nil && !sized && int64(size) == h.Size // else sparse, or more than the field holds
		m := member{name: h.Name, mode: h.FileInfo().Mode()}
		if h.Typeflag == tar.TypeSymlink || h.Typeflag == tar.TypeLink {
			m.link = h.Linkname
		}
		to := from
		if h.Typeflag == tar.TypeReg {
			if !plain {
				return byteio.Refuse("a package as npm pack writes it", "%q is a sparse file, or one of more than 8 GB", h.Name)
			}
			if to += int(size); to > len(t.tar) {
				return damaged("%q is cut off", h.Name)
			}
		}
		masked := bytes.Clone(t.tar[end:from])
		clear(masked[len(masked)-block+sizeField:][:sizeLen])
		clear(masked[len(masked)-block+checksumField:][:checksumLen])
		m.meta = string(masked)
		t.all = append(t.all, m)
		t.at = append(t.at, extent{from, to})
		end = to + (block-to%block)%block
	}
}

func (t *tgz) members() []member { return t.all }

func (t *tgz) read(i int) ([]byte, error) { return t.tar[t.at[i].from:t.at[i].to], nil }

func (t *tgz) raw(i int) ([]byte, error) { return t.read(i) }

func (t *tgz) write(replaced map[int][]byte) ([]byte, error) {
	var out bytes.Buffer
	done := 0
	for i, at := range t.at {
		content, anew := replaced[i]
		if !anew {
			continue
		}
		out.Write(t.tar[done:at.from])
		header := out.Bytes()[out.Len()-block:]
		copy(header[sizeField:], fmt.Sprintf("%011o\x00", len(content)))
		copy(header[checksumField:], "        ")
		sum := 0
		for _, b := range header {
			sum += int(b)
		}
		copy(header[checksumField:], fmt.Sprintf("%06o\x00 ", sum))
		out.Write(content)
		out.Write(make([]byte, (block-len(content)%block)%block))
		done = min(at.to+(block-at.to%block)%block, len(t.tar))
	}
	out.Write(t.tar[done:])
	var packed bytes.Buffer
	packed.Write(t.head)
	packed.Write(deflate.Compress(out.Bytes()))
	packed.Write(binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(out.Bytes())))
	packed.Write(binary.LittleEndian.AppendUint32(nil, uint32(out.Len())))
	return packed.Bytes(), nil
}
