package deflate

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

func unpacked(t testing.TB, packed []byte) []byte {
	t.Helper()
	in := bytes.NewReader(packed)
	out, err := io.ReadAll(flate.NewReader(in))
	if err != nil {
		t.Fatal(err)
	}
	if in.Len() > 0 {
		t.Errorf("%d bytes behind the end", in.Len())
	}
	return out
}

// TestBack: what was compressed comes back, whatever its size and its symbols.
func TestBack(t *testing.T) {
	const some = 150_000 // a stretch
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 200_000)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	var numbers strings.Builder
	for i := range 40_000 {
		fmt.Fprintf(&numbers, "%d %x,", i*i, i)
	}
	far := append(append(bytes.Clone(noise[:300]), noise[1000:1000+window-300]...), noise[:300]...)
	for name, data := range map[string][]byte{
		"nothing": nil, "one": {7}, "two": {7, 7}, "four": []byte("abab"), "zeros": make([]byte, 300_000),
		"noise": noise, "numbers": []byte(numbers.String()), "mixed": append(append(bytes.Clone(noise[:70_000]), numbers.String()...), noise[:70_000]...),
		"as far as a match reaches": far, "program": self[:2*some+100], "a whole stretch": self[:some], "one byte more": append(make([]byte, some), 1),
	} {
		packed := inStretches(data, some)
		if !bytes.Equal(unpacked(t, packed), data) {
			t.Errorf("%s: other bytes came back", name)
		}
		if !bytes.Equal(packed, inStretches(data, some)) {
			t.Errorf("%s: two runs, two streams", name)
		}
		if most := len(data) + 5*(len(data)/unit+2); len(packed) > most {
			t.Errorf("%s: %d bytes became %d", name, len(data), len(packed))
		}
		var usual bytes.Buffer
		w, _ := flate.NewWriter(&usual, 9)
		_, _ = w.Write(data)
		_ = w.Close()
		if len(packed) > usual.Len()+200 { // a stretch ends on a whole byte
			t.Errorf("%s: %d bytes, the usual packer's best has %d", name, len(packed), usual.Len())
		}
	}
}

// TestLongWords: counts whose best code would have longer words than the format.
func TestLongWords(t *testing.T) {
	counts := make([]uint32, literals)
	a, b := uint32(1), uint32(1)
	for i := range 40 {
		counts[i] = a
		a, b = b, a+b
	}
	kraft := 0
	for _, l := range newCode(counts, 15).lengths {
		if l > 15 {
			t.Errorf("a word of %d bits", l)
		} else if l > 0 {
			kraft += 1 << (15 - l)
		}
	}
	if kraft != 1<<15 {
		t.Errorf("an incomplete code: %d", kraft)
	}
}

func FuzzBack(f *testing.F) {
	f.Add([]byte("abcabcabcabc"))
	f.Add(bytes.Repeat([]byte{0}, 600))
	f.Fuzz(func(t *testing.T, data []byte) {
		if !bytes.Equal(unpacked(t, Compress(data)), data) {
			t.Error("other bytes came back")
		}
	})
}
