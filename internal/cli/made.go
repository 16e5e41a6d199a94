package cli

// What the verbs that only read look at in a cargo project: the program that
// shrink or build left in target/minsize, as long as it is of the sources and
// settings that are there now. A budget that holds another program's bytes
// holds nothing. Whether it is current is not told by times, which a checkout
// changes: the digest of all inputs that its build had lies beside it.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/cargo"
)

// made is the record beside a program in target/minsize.
type made struct {
	File   string `json:"file"` // base name
	SHA256 string `json:"sha256"`
	Inputs string `json:"inputs"` // inputsDigest
}

func madePath(p *cargo.Project) string {
	return filepath.Join(p.OutputDir(), "."+p.Target.Name+".made")
}

// recordMade says of which inputs the program at out is.
func (x *executor) recordMade(ctx context.Context, out string) error {
	sum, err := byteio.SHA256(out)
	if err != nil {
		return err
	}
	data, err := json.Marshal(made{filepath.Base(out), sum, x.cache.Inputs})
	if err != nil {
		return err
	}
	_, err = byteio.WriteFile(ctx, madePath(x.project), byteio.Content{{Data: data}}, byteio.WriteOptions{})
	return err
}

// findMade is the program in target/minsize, "" with the reason where there is
// none that is current.
func findMade(ctx context.Context, p *cargo.Project) (path, why string, err error) {
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
		return "", shortPath(p.Dir, path) + " is not there; minsize build makes it", nil
	}
	if err != nil {
		return "", "", err
	}
	inputs, err := inputsDigest(ctx, p)
	if err != nil {
		return "", "", err
	}
	switch {
	case sum != m.SHA256:
		return "", shortPath(p.Dir, path) + " was changed after it was made; minsize build makes it anew", nil
	case inputs != m.Inputs:
		return "", shortPath(p.Dir, path) + " is of other sources or settings; minsize build makes it anew", nil
	}
	return path, "", nil
}

// measured is a project and the program of it that is looked at.
type measured struct {
	project *cargo.Project
	path    string // "" where cargo's own build is
	note    string // which it is
}

// projectProgram chooses between what shrink or build left and cargo's own
// build, which the caller makes.
func (e *env) projectProgram(ctx context.Context, f *cargoFlags, own bool) (*measured, error) {
	o := e.cargoOptions(f)
	m := &measured{}
	if !own {
		// What was made had the recipe's features and target.
		project, _, err := e.loadRecipe(ctx, o)
		if err != nil {
			project, err = cargo.Load(ctx, o)
			m.project = project
		}
		if err != nil {
			return nil, err
		}
		path, why, err := findMade(ctx, project)
		if err != nil {
			return nil, err
		}
		if path != "" {
			return &measured{project, path, fmt.Sprintf("measured: %s (--cargo-build for cargo's own build)", shortPath(project.Dir, path))}, nil
		}
		m.note = "measured: cargo's own build, for " + why
	}
	if m.project == nil {
		project, err := cargo.Load(ctx, o)
		if err != nil {
			return nil, err
		}
		m.project = project
	}
	return m, nil
}

// registerOwn adds the flag of the verbs that measure a project's program.
func registerOwn(flags *pflag.FlagSet, own *bool) {
	inGroup(flags, "cargo", func() {
		flags.BoolVar(own, "cargo-build", false, "measure what cargo builds, not what shrink or build left in target/minsize")
	})
}
