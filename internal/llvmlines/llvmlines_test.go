package llvmlines

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = `; ModuleID = 'x'
source_filename = "x"
@alloc = private constant [3 x i8] c"  a"

; x::f
define internal void @_ZN1x1f17h0123456789abcdefE(ptr %x) unnamed_addr #0 {
start:
  %y = load i8, ptr %x, align 1
  switch i8 %y, label %bb1 [
    i8 0, label %bb2
  ]

bb1:
  ret void
}

define void @"_ZN1x1f17hfedcba9876543210E"() {
  ret void
}

define i32 @main(i32 %0, ptr %1) {
  ret i32 0
}
declare void @abort()
`

func TestCount(t *testing.T) {
	c := NewCount()
	if err := c.Read(strings.NewReader(module)); err != nil {
		t.Fatal(err)
	}
	// load, switch, its closing bracket, ret; and ret of the second copy.
	want := []Function{{"x::f", "x", 5, 2}, {"main", "", 1, 1}}
	if diff := cmp.Diff(want, c.Functions()); diff != "" {
		t.Error(diff)
	}
	if c.Lines != 6 || c.Copies != 3 {
		t.Errorf("%d lines, %d copies", c.Lines, c.Copies)
	}
}

func TestCutOff(t *testing.T) {
	if err := NewCount().Read(strings.NewReader("define void @f() {\n  ret void\n")); err == nil {
		t.Error("a cut-off module was read")
	}
}

func FuzzRead(f *testing.F) {
	f.Add(module)
	f.Add("define @\"\n}\n")
	f.Fuzz(func(t *testing.T, text string) {
		c := NewCount()
		if c.Read(strings.NewReader(text)) == nil {
			lines := 0
			for _, fn := range c.Functions() {
				lines += fn.Lines
			}
			if lines != c.Lines {
				t.Errorf("functions have %d lines, all of it %d", lines, c.Lines)
			}
		}
	})
}
