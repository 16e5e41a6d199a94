package codec

import (
	"os"
	"testing"
)

// TestEffort holds that more search gives fewer bytes, on code of this test.
func TestEffort(t *testing.T) {
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	code := program[4096:min(len(program), 400_000)]
	size := func(effort Effort) int {
		packed, err := Encode(code, Params{Method: LZMA, LC: 3, PB: 0}, effort)
		if err != nil {
			t.Fatal(err)
		}
		return len(packed)
	}
	quick, utmost := size(Quick), size(Utmost)
	t.Logf("%d bytes, at the utmost %d", quick, utmost)
	if utmost >= quick {
		t.Errorf("%d bytes at the utmost effort, %d after a quick search", utmost, quick)
	}
}
