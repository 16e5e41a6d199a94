package executor

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/testbin"
)

// TestHeldProtections: a program that a linker made without what the plain build
// has is no result, one that has more is.
func TestHeldProtections(t *testing.T) {
	program := func(name string, flags uint16) string {
		data := testbin.PE{}.Bytes()
		binary.LittleEndian.PutUint16(data[testbin.PEOptional+70:], flags)
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plain, less, more := program("plain", 0x140), program("less", 0x40), program("more", 0x160)
	if err := heldProtections(plain, less); err == nil || !strings.Contains(err.Error(), "never executed (NX)") {
		t.Errorf("got %v", err)
	}
	if err := heldProtections(plain, more); err != nil {
		t.Error(err)
	}
}
