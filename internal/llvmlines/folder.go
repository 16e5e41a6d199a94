package llvmlines

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// CountFolder reads the IR of crates below cargo's target dir. It also gives the
// crates that it found.
func CountFolder(dir string, crates map[string]bool) (*Count, []string, error) {
	var files []string
	for _, folder := range []string{"deps", "examples"} { // cargo puts programs of examples apart
		found, err := filepath.Glob(filepath.Join(dir, "*", "*", folder, "*.ll"))
		if err != nil {
			return nil, nil, err
		}
		files = append(files, found...)
	}
	count := NewCount()
	var counted []string
	for _, file := range files {
		crate := strings.TrimSuffix(filepath.Base(file), ".ll")
		if i := strings.LastIndexByte(crate, '-'); i > 0 {
			crate = crate[:i]
		}
		if !crates[crate] {
			continue
		}
		in, err := os.Open(file)
		if err == nil {
			err = errors.Join(count.Read(in), in.Close())
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", file, err)
		}
		counted = append(counted, crate)
	}
	if len(counted) == 0 {
		return nil, nil, errors.New("the compiler wrote no LLVM IR for these crates")
	}
	slices.Sort(counted)
	return count, counted, nil
}
