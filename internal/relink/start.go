package relink

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/minsize/minsize/internal/objedit"
)

// startAvailable says why the program cannot have a `_start` of our own.
func startAvailable(p *plan) error {
	if !isDriver(p.recording.link.Driver) {
		return errors.New("the program is linked without a compiler driver")
	}
	_, err := objedit.StartObject(p.recording.machine())
	return err
}

// writeStart adds the object with `_start` in front of the recorded inputs.
func (p *plan) writeStart() error {
	object, err := objedit.StartObject(p.recording.machine())
	if err != nil {
		return fmt.Errorf("own _start: %w: %w", ErrNotApplicable, err)
	}
	file := filepath.Join(p.scratch, "start.o")
	if err := os.WriteFile(file, object, 0o666); err != nil {
		return err
	}
	p.before = append(p.before, file)
	return nil
}

// machine is the name of the machine of the recorded objects: that of the
// first one that can be read.
func (r *Recording) machine() string {
	for _, in := range r.link.Inputs {
		data, err := r.edit.read(filepath.Join(r.Dir, in.Stored))
		if err != nil || !objedit.IsELF(data) || !objedit.IsObject(data) {
			continue
		}
		if file, err := objedit.Open(in.Path, data); err == nil {
			return file.Objects()[0].Machine()
		}
	}
	return "unknown"
}
