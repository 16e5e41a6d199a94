package executor

// The names of the finished program, kept beside it. They come from its link,
// which is made once more where the recorded one leaves names out; that costs
// a tenth of a second at the end, and nothing for each rung. Package strip
// proves that the names are this program's, so a linker that does not give the
// same bytes twice leaves a program without a symbol file, never one with a
// wrong one.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/pack"
	"github.com/minsize/minsize/internal/strip"
	"github.com/minsize/minsize/internal/technique"
)

// symbolsSuffix is put behind a program's name.
const symbolsSuffix = ".symbols"

// PlaceSymbols writes the symbol file of the program at out, which was made
// of b as p says. Where there is none to write, an older one goes. It returns
// its path, or why there is none.
func (x *Executor) PlaceSymbols(ctx context.Context, b *ladder.Build, p technique.Plan, out string) (path, why string, err error) {
	path = out + symbolsSuffix
	data, err := x.symbols(ctx, b, p, out)
	if ctx.Err() != nil {
		return "", "", ctx.Err()
	}
	if err == nil {
		if _, err = byteio.WriteFile(ctx, path, byteio.Content{{Data: data}}, byteio.WriteOptions{Perm: 0o644}); err != nil {
			return "", "", err
		}
		return path, "", nil
	}
	if gone := os.Remove(path); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
		return "", "", gone
	}
	return "", fmt.Sprintf("no symbol file beside the program: %v", err), nil
}

// symbols makes the symbol file of the program at path.
func (x *Executor) symbols(ctx context.Context, b *ladder.Build, p technique.Plan, path string) ([]byte, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	image := file
	if pack.IsPacked(file) {
		if image, err = pack.Unpack(file); err != nil {
			return nil, err
		}
	}
	if b.Replay == "" { // no names but those that are in the built program
		linked, err := os.ReadFile(b.Program)
		if err != nil {
			return nil, err
		}
		return strip.Symbols(linked, image, file)
	}
	dir := filepath.Join(x.Scratch, "symbols")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	linked := filepath.Join(dir, filepath.Base(b.Program))
	if _, err = x.replay(ctx, b, p, linked, true); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(linked)
	if err != nil {
		return nil, err
	}
	return strip.Symbols(data, image, file)
}
