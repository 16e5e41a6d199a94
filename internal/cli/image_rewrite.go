package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/strip"
)

// rewrite strips and packs a program on its way into an image. The file that
// was named stays as it is.
func (f *imageFlags) rewrite(ctx context.Context, s *imageSource) error {
	if f.strip {
		data, _, err := strip.Rewrite(s.data, strip.Options{Level: strip.Sections})
		if err != nil {
			return withStatus(exitRefused, "minsize image without --strip", fmt.Errorf("%s: strip: %w", s.file, err))
		}
		if err := s.replace(data); err != nil {
			return err
		}
	}
	return nil
}

// replace takes new bytes for the program.
func (s *imageSource) replace(data []byte) error {
	object, err := objfile.Parse(s.file, data)
	if err != nil {
		return fmt.Errorf("%s: after the rewrite: %w", strings.TrimSpace(s.file), err)
	}
	s.data, s.object = data, object
	return nil
}
