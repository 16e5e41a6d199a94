package codec

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ulikunitz/xz/lzma"
	"pgregory.net/rapid"
)

// systemProgram reads a program of this machine with its code regions.
func systemProgram(t testing.TB, name string) ([]byte, Layout) {
	data, err := os.ReadFile(name)
	if err != nil {
		t.Skipf("%s is not here", name)
	}
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		t.Skipf("%s: %v", name, err)
	}
	defer f.Close()
	var l Layout
	switch f.Machine {
	case elf.EM_X86_64:
		l.Arch = X86_64
	case elf.EM_AARCH64:
		l.Arch = AArch64
	default:
		t.Skipf("%s is for %v", name, f.Machine)
	}
	for _, s := range f.Sections {
		if s.Flags&elf.SHF_EXECINSTR != 0 && s.Type == elf.SHT_PROGBITS && s.Size > 64 {
			l.Regions = append(l.Regions, Region{uint32(s.Offset), uint32(s.Offset + s.Size&^3)})
		}
	}
	return data, l
}

func roundTrip(t testing.TB, stream []byte, p Params) []byte {
	packed, err := Encode(stream, p, Thorough)
	if err != nil {
		t.Fatal(err)
	}
	back, err := Decode(packed, len(stream), p)
	if err != nil {
		t.Fatalf("decoding %d bytes: %v", len(packed), err)
	}
	if !bytes.Equal(back, stream) {
		t.Fatal("the decoder gives other bytes")
	}
	return packed
}

// TestLZMAIsLZMA: an independent decoder reads our plain streams, and they
// are no larger than those of xz -9e with the same parameters.
func TestLZMAIsLZMA(t *testing.T) {
	data, _ := systemProgram(t, "/usr/bin/xz")
	p := Params{Method: LZMA, LC: 3, PB: 2}
	packed := roundTrip(t, data, p)
	head := []byte{byte((int(p.PB)*5+int(p.LP))*9 + int(p.LC))}
	head = binary.LittleEndian.AppendUint32(head, 1<<26)
	head = binary.LittleEndian.AppendUint64(head, uint64(len(data)))
	r, err := lzma.NewReader(bytes.NewReader(append(head, packed...)))
	if err != nil {
		t.Fatal(err)
	}
	back, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(back, data) {
		t.Fatalf("the independent decoder disagrees (%v)", err)
	}
	other, err := exec.Command("xz", "-9e", "--format=lzma", "-c", "/usr/bin/xz").Output()
	if err != nil {
		t.Skipf("xz is not here: %v", err)
	}
	if limit := len(other) - len(head); len(packed) > limit {
		t.Errorf("%d bytes, xz -9e makes %d", len(packed), limit)
	}
}

// TestXLZBeatsLZMA holds the ratio that the instruction contexts give.
func TestXLZBeatsLZMA(t *testing.T) {
	data, layout := systemProgram(t, "/usr/bin/xz")
	if layout.Arch != X86_64 {
		t.Skip("x86-64 program wanted")
	}
	layout.Filter(data)
	plain := roundTrip(t, data, Params{Method: LZMA, LC: 3, Layout: layout})
	instructions := roundTrip(t, data, Params{Method: XLZ, Small: true, Layout: layout})
	if len(instructions)*100 > len(plain)*94 {
		t.Errorf("XLZ %d bytes, LZMA %d: expected 6 %% less", len(instructions), len(plain))
	}
}

// layouts draws code regions for a stream of n bytes.
func layouts(arch Arch, n int) *rapid.Generator[Layout] {
	return rapid.Custom(func(t *rapid.T) Layout {
		l := Layout{Arch: arch}
		at := 0
		for range rapid.IntRange(0, 3).Draw(t, "regions") {
			start := rapid.IntRange(at, n).Draw(t, "start")
			end := rapid.IntRange(start, n).Draw(t, "end")
			if arch == AArch64 {
				start, end = start&^3, end&^3
				if start < at {
					break
				}
			}
			if start < end {
				l.Regions = append(l.Regions, Region{uint32(start), uint32(end)})
			}
			at = end
		}
		return l
	})
}

// codeLike draws bytes in which matches and instructions occur.
func codeLike() *rapid.Generator[[]byte] {
	piece := rapid.OneOf(
		rapid.SliceOfN(rapid.Byte(), 1, 20),
		rapid.SampledFrom([][]byte{{0x48, 0x8b, 0x05, 1, 2, 3, 4}, {0xe8, 5, 6, 7, 8}, {0xf6, 0x05, 1, 0, 0, 0, 9}, {0xc4, 0xe2, 0x79, 0x18, 0x05, 1, 2, 3, 4},
			{0x62, 0xf1, 0x7c, 0x48, 0x10, 0x05, 1, 2, 3, 4}, {0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66}, {0x49, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8},
			{0x0f, 0x84, 1, 2, 3, 4}, {0xc8, 1, 2, 3}, bytes.Repeat([]byte{0}, 700), {1, 2, 3, 0x94}, {1, 2, 3, 0xb0}}),
	)
	return rapid.Custom(func(t *rapid.T) []byte {
		var out []byte
		for _, p := range rapid.SliceOfN(piece, 0, 60).Draw(t, "pieces") {
			out = append(out, p...)
		}
		if len(out) > 8 && rapid.Bool().Draw(t, "again") {
			out = append(out, out[:len(out)/2]...)
		}
		return out
	})
}

func TestRoundTripProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stream := codeLike().Draw(t, "stream")
		p := Params{
			Method: rapid.SampledFrom([]Method{LZMA, XLZ}).Draw(t, "method"),
			LC:     rapid.Uint8Range(0, 4).Draw(t, "lc"),
			PB:     rapid.Uint8Range(0, 4).Draw(t, "pb"),
			Small:  rapid.Bool().Draw(t, "small"),
			Layout: layouts(rapid.SampledFrom([]Arch{X86_64, AArch64}).Draw(t, "arch"), len(stream)).Draw(t, "layout"),
		}
		packed, err := Encode(stream, p, Quick)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Decode(packed, len(stream), p)
		if err != nil || !bytes.Equal(back, stream) {
			t.Fatalf("does not come back: %v", err)
		}
	})
}

// TestFilterIsBijective: both directions undo each other on any bytes.
func TestFilterIsBijective(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stream := codeLike().Draw(t, "stream")
		l := layouts(rapid.SampledFrom([]Arch{X86_64, AArch64}).Draw(t, "arch"), len(stream)).Draw(t, "layout")
		got := bytes.Clone(stream)
		l.Filter(got)
		l.Unfilter(got)
		if !bytes.Equal(got, stream) {
			t.Fatal("Unfilter does not undo Filter")
		}
		l.Unfilter(got)
		l.Filter(got)
		if !bytes.Equal(got, stream) {
			t.Fatal("Filter does not undo Unfilter")
		}
	})
}

// FuzzDecode: no input makes the decoder panic, hang or answer too much.
func FuzzDecode(f *testing.F) {
	stream := bytes.Repeat([]byte{0x48, 0x8b, 0x05, 1, 2, 3, 4, 0xe8, 9, 9, 9, 9}, 20)
	layout := Layout{Arch: X86_64, Regions: []Region{{0, 200}}}
	for _, m := range []Method{LZMA, XLZ} {
		packed, err := Encode(stream, Params{Method: m, Layout: layout}, Thorough)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(m), uint16(len(stream)), uint16(0), uint16(200), packed)
	}
	f.Fuzz(func(t *testing.T, method uint8, size, start, end uint16, in []byte) {
		p := Params{Method: Method(method), Layout: Layout{Arch: X86_64, Regions: []Region{{uint32(start), uint32(end)}}}}
		out, err := Decode(in, int(size), p)
		if err == nil && len(out) != int(size) {
			t.Fatalf("%d bytes for %d", len(out), size)
		}
		if err != nil && out != nil {
			t.Fatal("bytes beside an error")
		}
	})
}

func TestDecodeOfCutStream(t *testing.T) {
	stream := make([]byte, 5000)
	for i := range stream {
		stream[i] = byte(i * i >> 3)
	}
	for _, m := range []Method{LZMA, XLZ} {
		packed, err := Encode(stream, Params{Method: m}, Thorough)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(packed[:len(packed)/2], len(stream), Params{Method: m}); err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("%v: %v", m, err)
		}
	}
}

// TestUnpackerRoundTrip: part 1 comes back, and is smaller than it was.
func TestUnpackerRoundTrip(t *testing.T) {
	files, _ := filepath.Glob("../stub/blobs/*-first-*.bin")
	if len(files) == 0 {
		t.Fatal("no parts")
	}
	for _, name := range files {
		code, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		coded := EncodeUnpacker(code)
		back, err := decodeUnpacker(coded, len(code))
		if err != nil || !bytes.Equal(back, code) {
			t.Errorf("%s: other bytes come back (%v)", name, err)
		}
		if len(coded) > len(code)*9/10 {
			t.Errorf("%s: %d bytes coded to %d", name, len(code), len(coded))
		}
		if _, err := decodeUnpacker(coded[:len(coded)/2], len(code)); err == nil {
			t.Errorf("%s: half of it decodes", name)
		}
	}
}

// decodeUnpacker gives back the size bytes that EncodeUnpacker was given.
func decodeUnpacker(in []byte, size int) ([]byte, error) {
	d, m, prev := newRangeDecoder(true, in), newUnpackerModel(), byte(0)
	var out []byte
	for len(out) < size {
		if d.overrun() {
			return nil, fmt.Errorf("%w: %d of %d bytes decoded where it ends", ErrDamaged, len(out), size)
		}
		prev = byte(d.tree(m[prev>>3][:], 8))
		out = append(out, prev)
	}
	return out, nil
}
