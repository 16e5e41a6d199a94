package strip

import (
	"errors"

	"github.com/minsize/minsize/internal/byteio"
)

func (f *elfFile) planRelocatable(o Options, r *Report) (byteio.Content, error) {
	return nil, refuse("", "relocatable object")
}

func sameRelocatable(a, b *elfFile) error { return errors.New("relocatable object") }
