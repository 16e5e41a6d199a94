package attrib

import (
	"fmt"

	"github.com/minsize/minsize/internal/objfile"
)

// Load parses data and attributes it: one Input, or one for each member of an
// archive or fat file and one for what is around them.
func Load(name string, data []byte, o Options) ([]Input, error) {
	f, err := objfile.Parse(name, data)
	if err != nil {
		return nil, err
	}
	p, err := New(f, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return []Input{{Name: name, Program: p}}, nil
}
