package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/minsize/minsize/internal/oci"
	"github.com/minsize/minsize/internal/pack"
	"github.com/minsize/minsize/internal/strip"
)

// rewrite strips and packs a program on its way into an image. The file that
// was named stays as it is.
func (f *imageFlags) rewrite(ctx context.Context, e *env, s *oci.Program) error {
	if f.strip {
		data, _, err := strip.Rewrite(s.Data, strip.Options{Level: strip.Sections})
		if err != nil {
			return withStatus(exitRefused, "minsize image without --strip", fmt.Errorf("%s: strip: %w", s.File, err))
		}
		if err := s.Replace(data); err != nil {
			return err
		}
	}
	if !f.pack {
		return ctx.Err()
	}
	data, done, err := pack.Pack(s.Data, pack.Options{})
	switch {
	case errors.Is(err, pack.ErrNotSmaller), errors.Is(err, pack.ErrAlreadyPacked):
		e.note(fmt.Sprintf("%s: not packed: %v", s.File, err))
		return nil
	case err != nil:
		return withStatus(exitRefused, "minsize image without --pack", fmt.Errorf("%s: pack: %w", s.File, err))
	}
	e.note(fmt.Sprintf("%s: packed; about %d ms of CPU time more at each start", s.File, done.Startup.Milliseconds()))
	for _, note := range done.Notes {
		e.note(fmt.Sprintf("%s: %s", s.File, note))
	}
	// What it needs is read from the program as it was: the packed one says
	// nothing of libraries that its stub does not load itself.
	s.Data = data
	return ctx.Err()
}
