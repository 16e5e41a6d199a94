package machinecode

import (
	"encoding/binary"
	"encoding/hex"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// x86Lengths are encodings that decoders get wrong, each one whole instruction.
var x86Lengths = []struct{ code, text string }{
	{"f30f1efa", "endbr64"},
	{"c5f877", "vzeroupper"},
	{"c5fc77", "vzeroall"},
	{"660f38f6c1", "adcx %ecx,%eax"},
	{"f3480f38f6c1", "adox %rcx,%rax"},
	{"48b8efcdab8967452301", "movabs"},
	{"66b83412", "mov $0x1234,%ax"},
	{"a1efcdab8967452301", "movabs 0x..,%eax"},
	{"67a1efcdab89", "addr32 mov 0x..,%eax"},
	{"f6c001", "test $1,%al"},
	{"f6d0", "not %al"},
	{"f7c001000000", "test $1,%eax"},
	{"66f7c00100", "test $1,%ax"},
	{"48f7d8", "neg %rax"},
	{"c8100001", "enter"},
	{"660f78c00102", "extrq"},
	{"0f78c0", "vmread"},
	{"0f0fc0bf", "pavgusb (3DNow!)"},
	{"c4e37916c001", "vpextrd"},
	{"c4e2f9f7c0", "shlx"},
	{"62f17c4828c0", "vmovaps %zmm0,%zmm0"},
	{"62f37d4825c0ff", "vpternlogd"},
	{"62f17c48100500000000", "vmovups 0(%rip),%zmm0"},
	{"8fe878c1c001", "XOP vprotw imm8"},
	{"8fc0", "pop %rax"},
	{"c7f800000000", "xbegin"},
	{"c6f801", "xabort"},
	{"66480fa4c105", "shld"},
	{"d51801c0", "REX2 add"},
	{"64488b042500000000", "mov %fs:0,%rax"},
	{"0fc7f0", "rdrand"},
	{"0f01f9", "rdtscp"},
	{"666648e800000000", "data16 data16 rex.W call (TLS)"},
}

func TestX86Lengths(t *testing.T) {
	for _, c := range x86Lengths {
		code, err := hex.DecodeString(c.code)
		if err != nil {
			t.Fatal(err)
		}
		_, stats := X86_64(&Request{Code: code}, nil)
		if stats != (Stats{Instructions: 1}) {
			t.Errorf("%s (%s): %+v, want one instruction", c.code, c.text, stats)
		}
	}
}

// bytesOf reads hex with spaces.
func bytesOf(t *testing.T, s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestX86References(t *testing.T) {
	for _, c := range []struct {
		name, code string
		low, high  uint64
		want       []Ref
	}{
		{name: "call", code: "e8 fb0f0000", want: []Ref{{0x2000, 0, 5, Call}}},
		{name: "recursion is a call too", code: "e8 fbffffff", want: []Ref{{0x1000, 0, 5, Call}}},
		{name: "jump inside is left out", code: "eb 00 c3"},
		{name: "rel8 out", code: "eb 10", want: []Ref{{0x1012, 0, 2, Branch}}},
		{name: "jcc out", code: "0f84 fa0f0000", want: []Ref{{0x2000, 0, 6, Branch}}},
		{name: "lea", code: "488d05 f90f0000", want: []Ref{{0x2000, 0, 7, Address}}},
		{name: "load", code: "488b05 f90f0000", want: []Ref{{0x2000, 0, 7, Memory}}},
		{name: "operand before an immediate", code: "c605 f90f0000 01", want: []Ref{{0x2000, 0, 7, Memory}}},
		{name: "call through", code: "ff15 fa0f0000", want: []Ref{{0x2000, 0, 6, Through}}},
		{name: "lookup table", code: "488d0d f90f0000 48630481 4801c8 ffe0",
			want: []Ref{{0x2000, 0, 7, Address}, {0x2000, 7, 4, Table}}},
		{name: "AVX-512 operand", code: "62f17c481005 f60f0000", want: []Ref{{0x2000, 0, 10, Memory}}},
		{name: "immediate in a PIE is a number", code: "bf 00104000"},
		{name: "immediate in a fixed image", code: "bf 00104000", low: 0x400000, high: 0x500000,
			want: []Ref{{0x401000, 0, 5, Absolute}}},
		{name: "movabs", code: "48bf 0010400000000000", low: 0x400000, high: 0x500000,
			want: []Ref{{0x401000, 0, 10, Absolute}}},
		{name: "jump table", code: "ff24c5 00104000", low: 0x400000, high: 0x500000,
			want: []Ref{{0x401000, 0, 7, Absolute}}},
		{name: "displacement and immediate", code: "c780 00104000 00204000", low: 0x400000, high: 0x500000,
			want: []Ref{{0x401000, 0, 10, Absolute}, {0x402000, 0, 10, Absolute}}},
		{name: "call through a fixed slot", code: "ff1425 00104000", low: 0x400000, high: 0x500000,
			want: []Ref{{0x401000, 0, 7, Through}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Request{Code: bytesOf(t, c.code), Addr: 0x1000, AbsoluteLow: c.low, AbsoluteHigh: c.high}
			got, stats := X86_64(&r, nil)
			if stats.Skipped != 0 || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %v %+v, want %v", got, stats, c.want)
			}
		})
	}
}

func words(ws ...uint32) []byte {
	var out []byte
	for _, w := range ws {
		out = binary.LittleEndian.AppendUint32(out, w)
	}
	return out
}

func TestAArch64References(t *testing.T) {
	const (
		adrpX0    = 0xb0000000 // adrp x0, page+1
		adrpX8    = 0xb0000008
		addX0X0   = 0x91004000 // add x0, x0, #16
		addX1X0   = 0x91004001
		ldrX1X0   = 0xf9400401 // ldr x1, [x0, #8]
		ldrQ0X0   = 0x3dc00400 // ldr q0, [x0, #16]
		movX0     = 0xaa0103e0 // mov x0, x1
		ret       = 0xd65f03c0
		blFar     = 0x94000400 // bl +0x1000
		cbzFar    = 0xb4008000 // cbz x0, +0x1000
		tbzFar    = 0x36008000 // tbz w0, #0, +0x1000
		adrX2     = 0x10008002 // adr x2, +0x1000
		ldrLit    = 0x58008003 // ldr x3, +0x1000
		ldrswTab  = 0xb8a17803 // ldrsw x3, [x0, x1, lsl #2]
		fmovToX0  = 0x9e660000 // fmov x0, d0
		fmovToD0  = 0x9e670000 // fmov d0, x0
		umovW0    = 0x0e013c00 // umov w0, v0.b[0]
		ldpX0X1   = 0xa9400440 // ldp x0, x1, [x2]
		strX1X0   = 0xf9000401 // str x1, [x0, #8]
		ldrPostX0 = 0xf8408401 // ldr x1, [x0], #8
	)
	for _, c := range []struct {
		name string
		code []byte
		want []Ref
	}{
		{"adrp+add", words(adrpX0, addX0X0), []Ref{{0x2010, 4, 4, Address}}},
		{"one adrp, several uses", words(adrpX0, addX1X0, ldrX1X0, ldrQ0X0),
			[]Ref{{0x2010, 4, 4, Address}, {0x2008, 8, 4, Memory}, {0x2010, 12, 4, Memory}}},
		{"overwritten by a move", words(adrpX0, movX0, ldrX1X0), nil},
		{"overwritten by a load", words(adrpX0, ldpX0X1, ldrX1X0), nil},
		{"overwritten from a vector", words(adrpX0, fmovToX0, ldrX1X0), nil},
		{"overwritten by umov", words(adrpX0, umovW0, ldrX1X0), nil},
		{"a vector register of the same number does not", words(adrpX0, fmovToD0, ldrX1X0), []Ref{{0x2008, 8, 4, Memory}}},
		{"overwritten by write-back", words(adrpX0, ldrPostX0, ldrX1X0), nil},
		{"overwritten by a call", words(adrpX0, blFar, ldrX1X0), []Ref{{0x2004, 4, 4, Call}}},
		{"kept over a store", words(adrpX0, strX1X0, strX1X0), []Ref{{0x2008, 4, 4, Memory}, {0x2008, 8, 4, Memory}}},
		{"lookup table", words(adrpX0, addX0X0, ldrswTab), []Ref{{0x2010, 4, 4, Address}, {0x2010, 8, 4, Table}}},
		{"adr, literal, cbz, tbz", words(adrX2, ldrLit, cbzFar, tbzFar),
			[]Ref{{0x2000, 0, 4, Address}, {0x2004, 4, 4, Memory}, {0x2008, 8, 4, Branch}, {0x200c, 12, 4, Branch}}},
		{"page alone is no reference", words(adrpX8, ret), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, stats := AArch64(&Request{Code: c.code, Addr: 0x1000}, nil)
			if stats.Skipped != 0 || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %v %+v, want %v", got, stats, c.want)
			}
		})
	}
}

// TestSink: what a Sink is given in parts is what is appended without one.
func TestSink(t *testing.T) {
	for name, c := range map[string]struct {
		decode func(*Request, []Ref) ([]Ref, Stats)
		call   string
	}{"x86_64": {X86_64, "e8f90f0000"}, "aarch64": {AArch64, "00010094"}, "riscv": {RISCV, "ef100000"}} {
		code := bytesOf(t, strings.Repeat(c.call, sinkful*5/2))
		want, stats := c.decode(&Request{Code: code, Addr: 0x1000, Inside: true}, nil)
		var got []Ref
		parts := 0
		r := Request{Code: code, Addr: 0x1000, Inside: true, Sink: func(refs []Ref) { got, parts = append(got, refs...), parts+1 }}
		last, again := c.decode(&r, nil)
		if got = append(got, last...); !reflect.DeepEqual(got, want) || again != stats || parts != 2 || len(want) != sinkful*5/2 {
			t.Errorf("%s: %d references in %d parts, %d in one", name, len(got), parts, len(want))
		}
	}
}

// TestResync: bytes that are no instruction are counted and the sweep goes on.
func TestResync(t *testing.T) {
	got, stats := X86_64(&Request{Code: bytesOf(t, "06 07 e8 f90f0000"), Addr: 0x1000}, nil)
	if stats != (Stats{Instructions: 1, Skipped: 2}) || len(got) != 1 || got[0].Target != 0x2000 {
		t.Errorf("%v %+v", got, stats)
	}
}

// TestProperties: every byte is either in an instruction or skipped, offsets
// rise, nothing reaches out of the code, and a second sweep says the same.
func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		arch := rapid.SampledFrom(slices.Sorted(maps.Keys(decoders))).Draw(t, "arch")
		r := Request{
			Code: rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "code"), Addr: rapid.Uint64().Draw(t, "addr"),
			AbsoluteHigh: rapid.Uint64().Draw(t, "high"), Inside: rapid.Bool().Draw(t, "inside"),
		}
		checkRefs(t, arch, &r)
	})
}

type failer interface{ Fatalf(string, ...any) }

var decoders = map[string]func(*Request, []Ref) ([]Ref, Stats){"x86_64": X86_64, "aarch64": AArch64}

func checkRefs(t failer, arch string, r *Request) {
	refs, stats := decoders[arch](r, nil)
	again, _ := decoders[arch](r, nil)
	if !reflect.DeepEqual(refs, again) {
		t.Fatalf("two sweeps differ")
	}
	if stats.Instructions+stats.Skipped > len(r.Code) && arch == "x86_64" || stats.Skipped > len(r.Code) {
		t.Fatalf("%+v of %d bytes", stats, len(r.Code))
	}
	last := uint32(0)
	for _, ref := range refs {
		if ref.Offset < last || int(ref.Offset)+int(ref.Length) > len(r.Code) {
			t.Fatalf("%+v in %d bytes behind %d", ref, len(r.Code), last)
		}
		last = ref.Offset
	}
}

func TestNoAllocation(t *testing.T) {
	code := bytesOf(t, strings.Repeat("488d0d f90f0000 48630481 4801c8 c5f877 e8 00100000", 100))
	for arch, decode := range decoders {
		refs := make([]Ref, 0, 10_000)
		r := Request{Code: code, Addr: 0x1000}
		if n := testing.AllocsPerRun(10, func() { decode(&r, refs) }); n != 0 {
			t.Errorf("%s: %v allocations for %d bytes", arch, n, len(code))
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, c := range x86Lengths {
		if code, err := hex.DecodeString(c.code); err == nil {
			f.Add(code, uint64(0x1000))
		}
	}
	f.Add(words(0xb0000000, 0x91004000, 0xb8a17803), uint64(1)<<63)
	f.Fuzz(func(t *testing.T, code []byte, addr uint64) {
		for arch := range decoders {
			checkRefs(t, arch, &Request{Code: code, Addr: addr, AbsoluteHigh: 1 << 40})
		}
	})
}

func BenchmarkX86(b *testing.B) {
	l := disassemble(b, "objdump", "/bin/bash")
	refs := make([]Ref, 0, 1<<20)
	b.SetBytes(int64(len(l.code)))
	b.ReportAllocs()
	for b.Loop() {
		refs, _ = X86_64(&Request{Code: l.code, Addr: l.addr}, refs[:0])
	}
}
