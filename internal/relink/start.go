package relink

import (
	"bytes"
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

// checkStart refuses a program whose C library would not run its init arrays:
// glibc does it by itself since 2.34, which gave __libc_start_main a new
// symbol version.
func checkStart(program string) error {
	data, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	if !bytes.Contains(data, []byte("\x00GLIBC_2.34\x00")) {
		return fmt.Errorf("own _start: %w: the C library that was linked is not glibc 2.34 or later", ErrNotApplicable)
	}
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
