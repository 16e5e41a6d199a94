package codec

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/ulikunitz/xz/lzma"
)

func lzmaAlone(p Params, size int, body []byte) []byte {
	h := []byte{byte((int(p.PB)*5+int(p.LP))*9 + int(p.LC))}
	h = binary.LittleEndian.AppendUint32(h, 1<<26)
	h = binary.LittleEndian.AppendUint64(h, uint64(size))
	return append(h, body...)
}

func TestTry(t *testing.T) {
	name := os.Getenv("TRY")
	if name == "" {
		t.Skip()
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	p := Params{Method: LZMA, LC: 3, PB: 2}
	t0 := time.Now()
	out, err := Encode(data, p, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("lzma %d -> %d in %v", len(data), len(out), time.Since(t0))
	t0 = time.Now()
	back, err := Decode(out, len(data), p)
	if err != nil || !bytes.Equal(back, data) {
		t.Fatal("bad", err)
	}
	t.Logf("decode %v", time.Since(t0))
	r, err := lzma.NewReader(bytes.NewReader(lzmaAlone(p, len(data), out)))
	if err != nil {
		t.Fatal(err)
	}
	back, err = io.ReadAll(r)
	if err != nil || !bytes.Equal(back, data) {
		t.Fatal("independent decoder disagrees", err)
	}
	cmd := exec.Command("xz", "-9e", "--format=lzma", "-c", name)
	o, _ := cmd.Output()
	t.Logf("xz -9e lzma: %d", len(o)-13)
}

func TestTryXLZ(t *testing.T) {
	name := os.Getenv("TRY")
	if name == "" {
		t.Skip()
	}
	data, _ := os.ReadFile(name)
	f, _ := elf.NewFile(bytes.NewReader(data))
	var l Layout
	l.Arch = X86_64
	for _, s := range f.Sections {
		if s.Flags&elf.SHF_EXECINSTR != 0 && s.Size > 256 {
			l.Regions = append(l.Regions, Region{uint32(s.Offset), uint32(s.Offset + s.Size)})
		}
	}
	orig := bytes.Clone(data)
	l.Filter(data)
	back := bytes.Clone(data)
	l.Unfilter(back)
	if !bytes.Equal(orig, back) {
		t.Fatal("filter")
	}
	for _, p := range []Params{{Method: LZMA, LC: 3, PB: 2, Layout: l}, {Method: LZMA, LC: 3, PB: 0, Layout: l}, {Method: XLZ, Layout: l}, {Method: XLZ, Small: true, Layout: l}} {
		t0 := time.Now()
		out, err := Encode(data, p, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d %d -> %d in %v", p.Method, len(data), len(out), time.Since(t0))
		t0 = time.Now()
		back, err := Decode(out, len(data), p)
		if err != nil || !bytes.Equal(back, data) {
			t.Fatal("bad", err)
		}
		t.Logf("decode %v", time.Since(t0))
	}
}
