package oracle

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/minsize/minsize/internal/testbin"
)

func TestProtections(t *testing.T) {
	const flags, kept = testbin.PEOptional + 70, testbin.PEHeader + 22
	for _, c := range []struct {
		flags, kept uint16
		want        []string
	}{
		{0x160, 0x22, []string{"addresses that differ from run to run (ASLR)", "addresses out of 64 bits", "data that is never executed (NX)"}},
		{0x160, 0x23, []string{"data that is never executed (NX)"}}, // relocations stripped: nothing can be moved
		{0x40, 0x22, []string{"addresses that differ from run to run (ASLR)"}},
		{0x20, 0x22, nil},
		{0x4100, 0x22, []string{"data that is never executed (NX)"}}, // CFG without a table
	} {
		data := testbin.PE{}.Bytes()
		binary.LittleEndian.PutUint16(data[flags:], c.flags)
		binary.LittleEndian.PutUint16(data[kept:], c.kept)
		got, err := Protections(data)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%#x, %#x: %q, %v", c.flags, c.kept, got, err)
		}
	}
	if got, err := Protections([]byte("\x7fELF")); got != nil || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}
