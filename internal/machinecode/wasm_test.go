package machinecode

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// wasmInstructions is one of each shape of immediates, with what it refers to.
var wasmInstructions = []struct {
	code, text string
	refs       []WasmRef
}{
	{"01", "nop", nil},
	{"0240", "block", nil},
	{"027f", "block i32", nil},
	{"0205", "block of type 5", []WasmRef{{5, WasmType}}},
	{"0c8001", "br 128", nil},
	{"0e0200018001", "br_table 0 1 128", nil},
	{"108502", "call 261", []WasmRef{{261, WasmFunction}}},
	{"110302", "call_indirect type 3 table 2", []WasmRef{{3, WasmType}, {2, WasmTable}}},
	{"1201", "return_call", []WasmRef{{1, WasmFunction}}},
	{"1404", "call_ref", []WasmRef{{4, WasmType}}},
	{"1c017f", "select i32", nil},
	{"1c02636463 6f", "select (ref null func...)", nil},
	{"1f40020002010203", "try_table with two catches", nil},
	{"2081808000", "local.get, padded", nil},
	{"2307", "global.get 7", []WasmRef{{7, WasmGlobal}}},
	{"2501", "table.get 1", []WasmRef{{1, WasmTable}}},
	{"280208", "i32.load offset 8", nil},
	{"2802808001", "i32.load offset 16384", []WasmRef{{16384, WasmOffset}}},
	{"2842038008", "i32.load of memory 3, offset 1024", []WasmRef{{1024, WasmOffset}}},
	{"3f00", "memory.size", []WasmRef{{0, WasmMemory}}},
	{"41 80 80 c0 00", "i32.const 1048576", []WasmRef{{1 << 20, WasmAddress}}},
	{"417f", "i32.const -1", []WasmRef{{^uint64(0), WasmAddress}}},
	{"4200", "i64.const 0", []WasmRef{{0, WasmAddress}}},
	{"4300000000", "f32.const", nil},
	{"440000000000000000", "f64.const", nil},
	{"d070", "ref.null func", nil},
	{"d006", "ref.null of type 6", []WasmRef{{6, WasmType}}},
	{"d202", "ref.func 2", []WasmRef{{2, WasmFunction}}},
	{"fb0001", "struct.new", []WasmRef{{1, WasmType}}},
	{"fb020103", "struct.get", []WasmRef{{1, WasmType}}},
	{"fb090102", "array.new_data", []WasmRef{{1, WasmType}, {2, WasmData}}},
	{"fb0a0102", "array.new_elem", []WasmRef{{1, WasmType}, {2, WasmElement}}},
	{"fb110102", "array.copy", []WasmRef{{1, WasmType}, {2, WasmType}}},
	{"fb18000163026370", "br_on_cast", []WasmRef{{2, WasmType}}},
	{"fc00", "i32.trunc_sat_f32_s", nil},
	{"fc080100", "memory.init 1", []WasmRef{{1, WasmData}, {0, WasmMemory}}},
	{"fc0901", "data.drop 1", []WasmRef{{1, WasmData}}},
	{"fc0a0001", "memory.copy", []WasmRef{{0, WasmMemory}, {1, WasmMemory}}},
	{"fc0c0201", "table.init 2 1", []WasmRef{{2, WasmElement}, {1, WasmTable}}},
	{"fc0d02", "elem.drop 2", []WasmRef{{2, WasmElement}}},
	{"fc0e0001", "table.copy", []WasmRef{{0, WasmTable}, {1, WasmTable}}},
	{"fd000400", "v128.load", nil},
	{"fd0c00000000000000000000000000000000", "v128.const", nil},
	{"fd1503", "i8x16.extract_lane_s", nil},
	{"fd54000002", "v128.load8_lane", nil},
	{"fdae01", "i32x4.add", nil},
	{"fe000200", "memory.atomic.notify", nil},
	{"fe0300", "atomic.fence", nil},
	{"fe10028008", "i32.atomic.load offset 1024", []WasmRef{{1024, WasmOffset}}},
}

func wasmBytes(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestWasmInstructions: each shape is passed over whole, and cut off anywhere
// it is an error at its start.
func TestWasmInstructions(t *testing.T) {
	for _, c := range wasmInstructions {
		code := wasmBytes(t, c.code)
		refs, err := DecodeWasm(append(slices.Clone(code), 0x01), nil)
		if err != nil || !slices.Equal(refs, c.refs) {
			t.Errorf("%s: %v, %v, want %v", c.text, refs, err, c.refs)
		}
		for n := 1; n < len(code); n++ {
			if _, err := DecodeWasm(code[:n], nil); err == nil {
				t.Errorf("%s: cut off at %d bytes it is taken for whole", c.text, n)
			}
		}
	}
}

// TestWasmRows: any instructions behind each other give the references of all,
// but for a constant and the load behind it, which are one address.
func TestWasmRows(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var code []byte
		var want []WasmRef
		for range rapid.IntRange(0, 20).Draw(r, "instructions") {
			c := wasmInstructions[rapid.IntRange(0, len(wasmInstructions)-1).Draw(r, "which")]
			code = append(code, wasmBytes(t, c.code)...)
			code = append(code, 0x01)
			want = append(want, c.refs...)
		}
		got, err := DecodeWasm(code, nil)
		if err != nil || !slices.Equal(got, want) {
			r.Fatalf("% x: %v, %v, want %v", code, got, err, want)
		}
	})
	got, err := DecodeWasm(wasmBytes(t, "418080c000 280210"), nil)
	if want := []WasmRef{{1<<20 + 16, WasmLoad}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("a load from a constant: %v, %v", got, err)
	}
}

func TestWasmUnknown(t *testing.T) {
	for code, where := range map[string]string{"0106": "offset 1", "fb1f": "offset 0", "fc20": "offset 0", "0101fd8003": "offset 2", "fe7f": "offset 0", "fd": "offset 0"} {
		if _, err := DecodeWasm(wasmBytes(t, code), nil); err == nil || !strings.Contains(err.Error(), where) {
			t.Errorf("%s: %v, want an error at %s", code, err, where)
		}
	}
}

// TestWasmLikelyAddress: round low constants are numbers, the rest may be data.
func TestWasmLikelyAddress(t *testing.T) {
	for _, c := range []struct {
		ref  WasmRef
		want bool
	}{
		{WasmRef{1 << 20, WasmAddress}, true}, {WasmRef{1030, WasmAddress}, true}, {WasmRef{4096, WasmAddress}, false},
		{WasmRef{65535, WasmAddress}, false}, {WasmRef{3000, WasmAddress}, false}, {WasmRef{4096, WasmLoad}, true},
		{WasmRef{4096, WasmOffset}, true}, {WasmRef{4, WasmFunction}, false},
	} {
		if got := c.ref.LikelyAddress(); got != c.want {
			t.Errorf("%+v: %v", c.ref, got)
		}
	}
}

// FuzzDecodeWasm: no body makes the decoder panic or read beyond it.
func FuzzDecodeWasm(f *testing.F) {
	for _, c := range wasmInstructions {
		b, _ := hex.DecodeString(strings.ReplaceAll(c.code, " ", ""))
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, code []byte) {
		refs, err := DecodeWasm(code, nil)
		if len(refs) > len(code) {
			t.Errorf("%d references in %d bytes (%v)", len(refs), len(code), err)
		}
	})
}
