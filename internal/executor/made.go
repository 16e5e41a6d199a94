package executor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/cargo"
)

// made is the record beside a program in target/minsize, by which the verbs
// that only read tell whether it is of the sources and settings that are there
// now: a budget that holds another program's bytes holds nothing.
type made struct {
	File   string `json:"file"` // base name
	SHA256 string `json:"sha256"`
	Inputs string `json:"inputs"` // InputsDigest
}

func madePath(p *cargo.Project) string {
	return filepath.Join(p.OutputDir(), "."+p.Artefact()+".made")
}

// RecordMade says of which inputs the program at out is.
func (x *Executor) RecordMade(ctx context.Context, out string) error {
	sum, err := byteio.SHA256(out)
	if err != nil {
		return err
	}
	data, err := json.Marshal(made{filepath.Base(out), sum, x.cache.Inputs})
	if err != nil {
		return err
	}
	_, err = byteio.WriteFile(ctx, madePath(x.Project), byteio.Content{{Data: data}}, byteio.WriteOptions{})
	return err
}

// FindMade is the program in target/minsize, "" with the reason where there is
// none that is current.
func FindMade(ctx context.Context, p *cargo.Project) (path, why string, err error) {
	var m made
	data, err := os.ReadFile(madePath(p))
	if errors.Is(err, fs.ErrNotExist) {
		return "", "minsize shrink or build has made none yet", nil
	}
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err != nil {
		return "", fmt.Sprintf("what minsize build recorded cannot be read (%v)", err), nil
	}
	path = filepath.Join(p.OutputDir(), filepath.Base(m.File))
	sum, err := byteio.SHA256(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", p.Short(path) + " is not there; minsize build makes it", nil
	}
	if err != nil {
		return "", "", err
	}
	inputs, err := InputsDigest(ctx, p)
	if err != nil {
		return "", "", err
	}
	switch {
	case sum != m.SHA256:
		return "", p.Short(path) + " was changed after it was made; minsize build makes it anew", nil
	case inputs != m.Inputs:
		return "", p.Short(path) + " is of other sources or settings; minsize build makes it anew", nil
	}
	return path, "", nil
}
