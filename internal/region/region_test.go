package region

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/minsize/minsize/internal/objfile"
)

var hidden = cmpopts.IgnoreUnexported(Region{})

func TestParse(t *testing.T) {
	for text, want := range map[string]Region{
		"flash=0x08000000:256K":      {Name: "flash", Origin: 0x08000000, Length: 256 << 10},
		"RAM=0x20000000: 0x8000":     {Name: "RAM", Origin: 0x20000000, Length: 0x8000},
		"a=0:1M":                     {Name: "a", Length: 1 << 20},
		"top=0xffffffffffffff00:256": {Name: "top", Origin: 0xffffffffffffff00, Length: 256},
	} {
		if got, err := Parse(text); err != nil || !cmp.Equal(got, want, hidden) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for text, part := range map[string]string{
		"flash":                      "expected NAME=ORIGIN:LENGTH",
		"=0:1":                       "expected NAME=ORIGIN:LENGTH",
		"flash=0:0":                  "length of 0",
		"flash=0:x":                  `length: "x" is no number`,
		"flash=0:99999999999999999M": "more than 64 bits",
		"top=0xffffffffffffff00:257": "leave the 64-bit address space",
	} {
		if got, err := Parse(text); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q: %+v, %v, want %q", text, got, err, part)
		}
	}
}

const script = `/* a board with two RAMs
   MEMORY { comment : ORIGIN = 1, LENGTH = 1 } */
INCLUDE device.x
MEMORY
{
  FLASH (rx)      : ORIGIN = 0x08000000 + 16K, LENGTH = 512K - 16K
  RAM   (!rx)     : org = 0x20000000, len = (2 + 2) * 16K / 2
  CCM             : o = ORIGIN(RAM) + LENGTH(RAM), l = 0X10000
}
REGION_ALIAS("REGION_TEXT", FLASH);
SECTIONS { .text : { *(.text) } > FLASH }
MEMORY { EXT : ORIGIN = 0x90000000, LENGTH = 8M }
`

func TestReadScript(t *testing.T) {
	got, err := ReadScript([]byte(script))
	want := []Region{
		{Name: "FLASH", Origin: 0x08004000, Length: 496 << 10},
		{Name: "RAM", Origin: 0x20000000, Length: 32 << 10},
		{Name: "CCM", Origin: 0x20008000, Length: 64 << 10},
		{Name: "EXT", Origin: 0x90000000, Length: 8 << 20},
	}
	if diff := cmp.Diff(want, got, hidden); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for text, part := range map[string]string{
		"SECTIONS {}": "no MEMORY command",
		"MEMORY { A : ORIGIN = 1, LENGTH = \n B }":          `line 2: region A: LENGTH: expected a number, ORIGIN(REGION) or LENGTH(REGION), got "B"`,
		"MEMORY { A : ORIGIN = 0, LENGTH = 4/0 }":           "division by 0",
		"MEMORY { A : ORIGIN = 0, LENGTH = LENGTH(B) }":     "LENGTH(B): no such region above",
		"MEMORY { A : LENGTH = 0 }":                         `expected ORIGIN, got "LENGTH"`,
		"MEMORY { A : ORIGIN = 0, LENGTH = 8 B : o=4,l=8 }": "regions A and B overlap at 0x4",
		"MEMORY { A : o=0,l=8 a : o=8,l=8 }":                "two regions are called a",
		"MEMORY { INCLUDE more.x }":                         "INCLUDE is not followed",
		"MEMORY { A (rx : ORIGIN = 0":                       "attributes without an end",
		"MEMORY { ":                                         "expected the name of a region",
	} {
		if got, err := ReadScript([]byte(text)); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q: %+v, %v, want %q", text, got, err, part)
		}
	}
}

func FuzzReadScript(f *testing.F) {
	f.Add([]byte(script))
	f.Add([]byte("MEMORY { A : ORIGIN = ((1)), LENGTH = 4K*2 }"))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := ReadScript(text)
		if err != nil {
			return
		}
		if err := Check(list); err != nil || len(list) == 0 {
			t.Fatal(list, err)
		}
		for _, r := range list {
			if from, to := r.Part(0, ^uint64(0)); from != r.Origin || to-from < r.Length-1 {
				t.Fatalf("%+v is cut to %#x..%#x", r, from, to)
			}
		}
	})
}

// TestMeasure: what is copied to RAM before main takes room in both memories;
// the stack has what lies between its top and the data below it.
func TestMeasure(t *testing.T) {
	f := &objfile.File{Kind: objfile.Executable, ELF: &objfile.ELFFile{}, Segments: []objfile.Segment{
		{Load: true, Addr: 0x0800_0000, LoadAddr: 0x0800_0000, FileSize: 0x1000, MemSize: 0x1000, Exec: true},
		{Load: true, Addr: 0x2000_0000, LoadAddr: 0x0800_1000, FileSize: 0x10, MemSize: 0x110, Write: true},
		{Load: true, Addr: 0x9000_0000, LoadAddr: 0x9000_0000, FileSize: 4, MemSize: 4},
	}}
	flash, ram := Region{Name: "flash", Origin: 0x0800_0000, Length: 0x2000}, Region{Name: "ram", Origin: 0x2000_0000, Length: 0x1000}
	uses, outside := measure(f.Segments, 0x2000_1000, []Region{flash, ram})
	want := []Use{{Region: flash, Used: 0x1010, Image: 0x1010}, {Region: ram, Used: 0x110, Stack: 0xef0}}
	if diff := cmp.Diff(want, uses, hidden); diff != "" || outside != 4 {
		t.Error(outside, diff)
	}
	derived := Derive(f)
	names := []Region{{Name: "flash", Origin: 0x0800_0000}, {Name: "RAM", Origin: 0x2000_0000}}
	if diff := cmp.Diff(names, derived, hidden); diff != "" {
		t.Error(diff)
	}
	uses, outside = measure(f.Segments, 0, derived) // the last segment lies behind the RAM of unknown length
	if uses[0].Used != 0x1010 || uses[1].Used != 0x114 || outside != 0 {
		t.Error(uses, outside)
	}
	f.Segments[1].LoadAddr = f.Segments[1].Addr // a process' image: nothing is loaded elsewhere
	if Bare(f) || Derive(f) != nil {
		t.Error("a program that runs where it is loaded tells nothing of memories")
	}
}
