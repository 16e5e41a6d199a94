package cargo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// LockedError says that another run works in the same folder.
type LockedError struct {
	Dir string
	By  string // what the other one wrote: its process number and verb
}

func (e *LockedError) Error() string {
	if e.By == "" {
		return fmt.Sprintf("%s: another minsize is at work here", e.Dir)
	}
	return fmt.Sprintf("%s: another minsize is at work here (%s)", e.Dir, e.By)
}

// errLocked is what the hosts' own locks say when they are taken.
var errLocked = errors.New("locked")

// Lock takes the project's output folder for one run; the verb's name is left
// for the other to read. The lock goes with the process, so that a crash
// leaves none. The error is a *LockedError where another run holds it.
func (p *Project) Lock(verb string) (unlock func(), err error) {
	dir := p.OutputDir()
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, ".lock")
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
