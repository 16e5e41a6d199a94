package codec

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// TestMixBeatsXLZ holds what mixing is for.
func TestMixBeatsXLZ(t *testing.T) {
	data, layout := systemProgram(t, "/usr/bin/xz")
	if layout.Arch != X86_64 {
		t.Skip("x86-64 program wanted")
	}
	layout.Filter(data)
	xlz, err := Encode(data, Params{Method: XLZ, Small: true, Layout: layout}, Thorough)
	if err != nil {
		t.Fatal(err)
	}
	mixed := roundTrip(t, data, Params{Method: Mix, Layout: layout})
	if len(mixed)*100 > len(xlz)*91 {
		t.Errorf("mixed %d bytes, XLZ %d: expected 9 %% less", len(mixed), len(xlz))
	}
}

func TestMixRoundTripProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stream := codeLike().Draw(t, "stream")
		if len(stream) > 600 {
			stream = stream[:600]
		}
		arch := rapid.SampledFrom([]Arch{X86_64, AArch64}).Draw(t, "arch")
		p := Params{Method: Mix, Layout: layouts(arch, len(stream)).Draw(t, "layout")}
		packed, err := Encode(stream, p, Thorough)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Decode(packed, len(stream), p)
		if err != nil || !bytes.Equal(back, stream) {
			t.Fatalf("does not come back: %v", err)
		}
	})
}

// TestStretchInvertsSquash as far as integers can.
func TestStretchInvertsSquash(t *testing.T) {
	tables()
	for p := int32(2); p < 4094; p++ {
		if got := squash(int32(stretchTable[p])); got < p-1 || got > p+17 {
			t.Errorf("squash(stretch(%d)) = %d", p, got)
		}
	}
}
