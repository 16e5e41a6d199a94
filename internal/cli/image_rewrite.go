package cli

import "context"

// rewrite strips and packs a program on its way into an image.
func (f *imageFlags) rewrite(ctx context.Context, s *imageSource) error {
	return nil
}
