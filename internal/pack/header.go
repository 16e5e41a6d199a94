package pack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/pack/codec"
)

// The pack header, documented in docs/pack-format.md. The stub reads it too:
// struct header in stub/src/stub.h has the same fields in the same order.

const (
	magic        = "MSZP"
	version      = 5
	headerOffset = 64 + 2*56 // behind the ELF header and two program headers
	headerSize   = 64

	flagFixed = 1
	flagBTI   = 2
	flagLow   = 4
)

type header struct {
	method, machine, flags uint8
	check                  uint64
	streamCheck            uint64
	address                uint64
	packed                 uint32
	payload                uint32
	stream                 uint32
	prefix                 uint32
	span                   uint32
	align                  uint32
	original               uint64 // bytes of the original file
}

func (h *header) append(b []byte) []byte {
	le := binary.LittleEndian
	b = append(b, magic...)
	b = append(b, version, h.method, h.machine, h.flags)
	b = le.AppendUint64(b, h.check)
	b = le.AppendUint64(b, h.streamCheck)
	b = le.AppendUint64(b, h.address)
	for _, v := range []uint32{h.packed, h.payload, h.stream, h.prefix, h.span, h.align} {
		b = le.AppendUint32(b, v)
	}
	return le.AppendUint64(b, h.original)
}

// ErrNotPacked is what Unpack answers for a file without the marker.
var ErrNotPacked = errors.New("not packed by minsize")

// ErrNotELF is ErrNotPacked for what pack cannot make packed either.
var ErrNotELF = fmt.Errorf("%w, and no ELF or Windows program", ErrNotPacked)

// IsPacked says whether data carries the marker.
func IsPacked(data []byte) bool {
	return headerOf(data) != 0
}

// foreignPacker names another packer whose marker data carries, "" without.
func foreignPacker(data []byte) string {
	if bytes.Contains(data[:min(len(data), 1024)], []byte("UPX!")) {
		return "UPX"
	}
	return ""
}

func readHeader(data []byte) (*header, error) {
	h, err := readHeaderUnchecked(data)
	if err != nil {
		return nil, err
	}
	at := uint64(headerOf(data))
	if sum := checksum(data[at+16 : at+uint64(h.packed)]); sum != h.check {
		return nil, byteio.Errorf(at+8, "check", "expected %#x, got %#x: the file is damaged", h.check, sum)
	}
	return h, nil
}

// putChecksum makes the sum of the header right that data begins with.
func putChecksum(data []byte, h *header) {
	binary.LittleEndian.PutUint64(data[8:], checksum(data[16:h.packed]))
}

// readHeaderUnchecked reads the header, whose fields lie within the file, and
// leaves the sum to the caller.
func readHeaderUnchecked(data []byte) (*header, error) {
	if !bytes.HasPrefix(data, []byte("\x7fELF")) && !bytes.HasPrefix(data, []byte("MZ")) {
		return nil, ErrNotELF
	}
	at := uint64(headerOf(data))
	if at == 0 {
		return nil, ErrNotPacked
	}
	le := binary.LittleEndian
	b := data[at:]
	if b[4] != version {
		return nil, byteio.Errorf(at+4, "version", "expected %d, got %d: packed by another minsize", version, b[4])
	}
	h := &header{method: b[5], machine: b[6], flags: b[7], check: le.Uint64(b[8:]), streamCheck: le.Uint64(b[16:]), address: le.Uint64(b[24:]),
		packed: le.Uint32(b[32:]), payload: le.Uint32(b[36:]), stream: le.Uint32(b[40:]), prefix: le.Uint32(b[44:]), span: le.Uint32(b[48:]), align: le.Uint32(b[52:]), original: le.Uint64(b[56:])}
	if h.port() == nil {
		return nil, byteio.Errorf(at+6, "machine", "%d is none that programs are packed for", h.machine)
	}
	if uint64(h.packed) > uint64(len(b)) || h.payload < headerSize || h.payload > h.packed || h.packed < headerSize+8 {
		return nil, byteio.Errorf(at+32, "packed, payload", "%d and %d do not fit a file of %d bytes: cut or damaged", h.packed, h.payload, len(data))
	}
	if (h.flags&flagWindows != 0) != (data[0] == 'M') {
		return nil, byteio.Errorf(at+7, "flags", "%#x is not for this file", h.flags)
	}
	if h.prefix > h.stream {
		return nil, byteio.Errorf(at+44, "prefix", "%d is more than the stream's %d", h.prefix, h.stream)
	}
	return h, nil
}

func (h *header) port() *port {
	return portOf(func(p *port) bool { return p.arch == codec.Arch(h.machine) })
}

// checksum is the stub's: see check in stub/src/first.c. len(b) >= 8.
func checksum(b []byte) uint64 {
	h := uint64(len(b))
	mix := func(w []byte) {
		h = (bits.RotateLeft64(h, 23) ^ binary.LittleEndian.Uint64(w)) * 0x9e3779b97f4a7c15
	}
	i := 0
	for ; i+8 <= len(b); i += 8 {
		mix(b[i:])
	}
	if i < len(b) {
		mix(b[len(b)-8:])
	}
	return h
}

// fields reads unsigned LEB128 numbers of a trusted length; after the first
// error every answer is 0 and err stays.
type fields struct {
	view byteio.View
	at   uint64
	err  error
}

func (f *fields) uint(what string, limit uint64) uint64 {
	if f.err != nil {
		return 0
	}
	v, next, err := f.view.Uleb128(f.at, what)
	if err == nil && v > limit {
		err = byteio.Errorf(f.view.Base+f.at, what, "%d is more than %d", v, limit)
	}
	if err != nil {
		f.err = err
		return 0
	}
	f.at = next
	return v
}

func (f *fields) bytes(n uint64, what string) []byte {
	if f.err != nil {
		return nil
	}
	b, err := f.view.Slice(f.at, n, what)
	if err != nil {
		f.err = err
		return nil
	}
	f.at += n
	return b
}

func errDamaged(format string, args ...any) error {
	return fmt.Errorf("packed file is damaged: %s", fmt.Sprintf(format, args...))
}
