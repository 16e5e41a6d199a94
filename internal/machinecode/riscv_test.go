package machinecode

import (
	"reflect"
	"strconv"
	"strings"
	"testing"
)

func TestRISCVReferences(t *testing.T) {
	for _, c := range []struct {
		name      string
		code      []byte
		narrow    bool
		low, high uint64
		gp        uint64
		want      []Ref
	}{
		{name: "jal", code: words(0x000010ef), want: []Ref{{0x2000, 0, 4, Call}}},
		{name: "tail call", code: words(0x0000106f), want: []Ref{{0x2000, 0, 4, Branch}}},
		{name: "branch out", code: words(0x08050063), want: []Ref{{0x1080, 0, 4, Branch}}},
		{name: "branch inside is left out", code: words(0x00050263, 0x00000013)},
		{name: "far call", code: words(0x00001317, 0x000300e7), want: []Ref{{0x2000, 4, 4, Call}}},
		{name: "far tail", code: words(0x00001317, 0x00030067), want: []Ref{{0x2000, 4, 4, Branch}}},
		{name: "address", code: words(0x00001517, 0x01050513), want: []Ref{{0x2010, 4, 4, Address}}},
		{name: "negative lower half", code: words(0x00001517, 0xff050513), want: []Ref{{0x1ff0, 4, 4, Address}}},
		{name: "two loads share one upper half", code: words(0x00001517, 0x01053583, 0x01853603), want: []Ref{{0x2010, 4, 4, Memory}, {0x2018, 8, 4, Memory}}},
		{name: "store", code: words(0x00001517, 0x00b53823), want: []Ref{{0x2010, 4, 4, Memory}}},
		{name: "forgotten when written", code: words(0x00001517, 0x00000513, 0x01053583)},
		{name: "forgotten when called", code: words(0x00001517, 0x000000ef, 0x01053583), want: []Ref{{0x1004, 4, 4, Call}}},
		{name: "kept in a saved register", code: words(0x00001417, 0x000000ef, 0x01043583), want: []Ref{{0x1004, 4, 4, Call}, {0x2010, 8, 4, Memory}}},
		{name: "lookup table", code: words(0x00001517, 0x00050513, 0x00b50533, 0x00052603), want: []Ref{{0x2000, 4, 4, Address}, {0x2000, 12, 4, Table}}},
		{name: "lui in a PIE is a number", code: words(0x00400537, 0x01050513)},
		{name: "lui in a fixed image", code: words(0x00400537, 0x01050513), low: 0x400000, high: 0x500000, want: []Ref{{0x400010, 4, 4, Absolute}}},
		{name: "global pointer", code: words(0x01018513), gp: 0x3000, want: []Ref{{0x3010, 0, 4, Address}}},
		{name: "c.j", code: []byte{0x01, 0xa8}, want: []Ref{{0x1010, 0, 2, Branch}}},
		{name: "c.jal", code: []byte{0x01, 0x28}, narrow: true, want: []Ref{{0x1010, 0, 2, Call}}},
		{name: "c.jr", code: append(words(0x00001317), 0x02, 0x83), want: []Ref{{0x2000, 4, 2, Branch}}},
		{name: "narrow wraps", code: words(0xfffff517, 0x00050513), narrow: true, want: []Ref{{0x0, 4, 4, Address}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Request{Code: c.code, Addr: 0x1000, AbsoluteLow: c.low, AbsoluteHigh: c.high, Narrow: c.narrow, GlobalPointer: c.gp}
			got, stats := RISCV(&r, nil)
			if stats.Skipped != 0 || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %v %+v, want %v", got, stats, c.want)
			}
		})
	}
	if _, stats := RISCV(&Request{Code: []byte{0xff, 0xff, 0x01, 0x00, 0x01}}, nil); stats.Skipped != 3 || stats.Instructions != 1 {
		t.Errorf("%+v", stats)
	}
}

// TestRISCVAgainstObjdump: where instructions begin, and what objdump says that
// they refer to.
func TestRISCVAgainstObjdump(t *testing.T) {
	l := disassemble(t, "riscv64-linux-gnu-objdump", "/usr/riscv64-linux-gnu/lib/libc.so.6")
	for i, start := range l.starts {
		end := len(l.code)
		if i+1 < len(l.starts) {
			end = int(l.starts[i+1])
		}
		if _, stats := RISCV(&Request{Code: l.code[start:end]}, nil); stats != (Stats{Instructions: 1}) {
			t.Fatalf("%#x %s: %+v", l.addr+uint64(start), l.texts[i], stats)
		}
	}
	refs, _ := RISCV(&Request{Code: l.code, Addr: l.addr, Inside: true, AbsoluteHigh: 1 << 63}, nil) // objdump takes every lui for an address
	byOffset := map[uint32]uint64{}
	for _, r := range refs {
		if r.Kind != Table {
			byOffset[r.Offset] = r.Target
		}
	}
	checked, wrong := 0, 0
	for i, text := range l.texts {
		var said string
		if _, comment, found := strings.Cut(text, "# "); found {
			said, _, _ = strings.Cut(comment, " ")
		} else if fields := strings.Fields(text); len(fields) > 1 && (fields[0][0] == 'j' && fields[0] != "jr" && fields[0] != "jalr" || fields[0][0] == 'b') {
			said = fields[1][strings.LastIndexByte(fields[1], ',')+1:]
		}
		want, err := strconv.ParseUint(said, 16, 64)
		if said == "" || err != nil {
			continue
		}
		if want < l.addr || want > l.addr+4<<20 {
			continue // a number: objdump also remembers what was overwritten since
		}
		checked++
		if got, found := byOffset[l.starts[i]]; !found || got != want {
			if wrong++; wrong <= 10 {
				t.Logf("%#x %s: want %#x, got %#x (%v)", l.addr+uint64(l.starts[i]), text, want, got, found)
			}
		}
	}
	t.Logf("%d instructions, %d of %d references differ", len(l.starts), wrong, checked)
	if checked < 10_000 || wrong*1000 > checked {
		t.Errorf("%d of %d references differ", wrong, checked)
	}
}
