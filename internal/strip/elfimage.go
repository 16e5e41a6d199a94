package strip

import (
	"fmt"

	"github.com/minsize/minsize/internal/oracle"
)

// sameELF asks package oracle what loaders see of two executables or shared
// objects; for relocatable objects, which nobody loads, it is what linkers see
// (sameRelocatable).
func sameELF(old, new []byte) error {
	a, err := parseELF(old)
	if err != nil {
		return fmt.Errorf("the old file: %w", err)
	}
	b, err := parseELF(new)
	if err != nil {
		return fmt.Errorf("the new file: %w", err)
	}
	if a.relocatesItself() || b.relocatesItself() {
		return sameRelocated(a, b)
	}
	if a.head.Type == etRel && b.head.Type == etRel {
		return sameRelocatable(a, b)
	}
	if a.companion() || b.companion() {
		return fmt.Errorf("a debug companion is nothing to load")
	}
	return oracle.Same(old, new)
}
