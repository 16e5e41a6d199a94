package cargo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// LockedError says that another run works on the same program.
type LockedError struct {
	Dir string // of the workspace's results
	By  string // what the other one wrote: its process number and verb
}

func (e *LockedError) Error() string {
	if e.By == "" {
		return fmt.Sprintf("%s: another minsize is at work on this program", e.Dir)
	}
	return fmt.Sprintf("%s: another minsize is at work on this program (%s)", e.Dir, e.By)
}

// errLocked is what the hosts' own locks say when they are taken.
var errLocked = errors.New("locked")

// Lock takes the chosen program for one run; the verb's name is left for the
// other to read. The lock goes with the process, so that a crash leaves none.
// The error is a *LockedError where another run holds it. Other programs of
// the workspace can be worked on at the same time: what they share is cargo's
// target dir, which cargo itself locks.
func (p *Project) Lock(verb string) (unlock func(), err error) {
	dir := p.OutputDir()
	if err := makeTargetDir(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, ".lock-"+p.Artefact())
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		defer f.Close()
		if errors.Is(err, errLocked) {
			text := make([]byte, 200)
			n, _ := f.ReadAt(text, 0)
			return nil, &LockedError{Dir: dir, By: strings.TrimSpace(string(text[:n]))}
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f.Truncate(0)
	fmt.Fprintf(f, "process %d, minsize %s\n", os.Getpid(), verb)
	return func() {
		f.Truncate(0)
		f.Close()
	}, nil
}

// LockSettings takes the workspace's settings files for as long as one is chosen
// and written: searches of two programs may end together, and each looks which
// files are there before it makes its own. It waits, for nobody holds it long.
// What is locked is the root manifest, which every target dir shares.
func (p *Project) LockSettings(ctx context.Context) (unlock func(), err error) {
	f, err := os.Open(p.Manifest)
	if err != nil {
		return nil, err
	}
	for {
		err := lockFile(f)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, errLocked) {
			return nil, errors.Join(fmt.Errorf("%s: %w", p.Manifest, err), f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), f.Close())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// cacheTag marks a folder as one that can be made again (bford.info/cachedir):
// backups leave it out, and so does SourcesHash.
const cacheTag = "Signature: 8a477f597d28d172789f06886806bc55\n# This file is a cache directory tag created by cargo.\n# For information about cache directory tags see https://bford.info/cachedir/\n"

// makeTargetDir makes a folder in cargo's target dir. Cargo marks a target dir
// when it creates it, so what is created here before cargo gets the mark, too.
func makeTargetDir(dir string) error {
	var fresh []string
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); err == nil || at == filepath.Dir(at) {
			break
		}
		fresh = append(fresh, at)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for _, at := range fresh {
		if err := os.WriteFile(filepath.Join(at, "CACHEDIR.TAG"), []byte(cacheTag), 0o666); err != nil {
			return err
		}
	}
	return nil
}
