package cli

import (
	"reflect"
	"testing"
)

func TestTakeToolchain(t *testing.T) {
	for _, c := range []struct {
		args, rest []string
		toolchain  string
	}{
		{[]string{"minsize", "shrink"}, []string{"minsize", "shrink"}, ""},
		{[]string{"minsize", "+nightly", "shrink", "-v"}, []string{"minsize", "shrink", "-v"}, "nightly"},
		{[]string{"minsize", "shrink", "+1.95", "-v"}, []string{"minsize", "shrink", "-v"}, "1.95"},
		{[]string{"minsize", "size", "a", "+b"}, []string{"minsize", "size", "a", "+b"}, ""},
		{[]string{"minsize"}, []string{"minsize"}, ""},
	} {
		rest, toolchain := takeToolchain(c.args)
		if !reflect.DeepEqual(rest, c.rest) || toolchain != c.toolchain {
			t.Errorf("%q: got %q and %q", c.args, rest, toolchain)
		}
	}
}
